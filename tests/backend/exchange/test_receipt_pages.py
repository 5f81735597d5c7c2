"""Whether the systems that we pull from were told, as officers and auditors see it; and the file where no machine can."""

from io import BytesIO

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.exchange.test_inbound import found

PAGE = "/exchange/receipts/1"
SUMS = (
    '[{"form": "A100000", "received": {"count": 7, "digest": "aa"}, "applied": {"count": 5, "digest": "bb"},'
    ' "refused": {"unauthorised": 2}}]'
)


@pytest.fixture
async def officer(app: FastAPI, engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    """A run of the tax system with two refused records, of which nobody was told."""
    async with owner_unit_of_work(engine) as session:
        for statement in (
            "INSERT INTO exchange_system (id, name, url) VALUES ('tax', '税务', 'http://tax.test')",
            "INSERT INTO exchange_run (system, status, finished_at) VALUES ('tax', 'done', now())",
            "INSERT INTO exchange_receipt (system, run_id, part, parts, key, sums) VALUES ('tax', 1, 1, 1, 'k', '"
            f"{SUMS.replace(':', chr(92) + ':')}')",
            "INSERT INTO exchange_taken (run_id, record_id, form, revision, year, code, fate) SELECT 1, '=A100000-' || n,"
            " 'A100000', 1, 2025, 'X', 'unauthorised' FROM generate_series(1, 2) n",
        ):
            await session.execute(text(statement))
    return await client_as("city_officer")


async def state(engine: AsyncEngine, assigned: str, table: str = "exchange_receipt") -> None:
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"UPDATE {table} SET {assigned}"))


TOLD = "status = 'told', told_at = '2026-06-20 01:30Z'"
STATES = [
    ("status = 'waiting'", "", "不能由机器告知", "对方没有回执地址"),
    ("last_error = '对方系统出错（503）'", "/v1/reconciliation", "待告知", "对方系统出错（503）"),
    ("status = 'dead', last_error = '没有完整应答'", "/v1/reconciliation", "没有告知", "没有完整应答"),
    (f"{TOLD}, answer = '{{\"agrees\"\\: true}}'", "/v1/reconciliation", "已告知", "2026-06-20 09:30，对方核对一致"),
    (f"{TOLD}, answer = '{{\"agrees\"\\: false}}'", "/v1/reconciliation", "对方核对不一致", "2026-06-20 09:30"),
    ("status = 'handed_over', told_at = '2026-06-20 01:30Z'", "", "已书面交付", "2026-06-20 09:30"),
]  # fmt: skip


async def test_runs_and_the_reconciliation_say_whether_the_other_side_was_told(
    officer: AsyncClient, engine: AsyncEngine
):
    for assigned, path, word, why in STATES:
        await state(engine, assigned)
        await state(engine, f"report_path = '{path}'", "exchange_system")
        for page in ("/exchange", "/exchange/reconciliations", PAGE):
            shown = (await officer.get(page)).text
            assert word in shown and why in shown, (page, assigned)


async def test_an_auditor_sees_what_was_refused_and_no_button(officer: AsyncClient, client_as: ClientAs):
    auditor = await client_as("auditor")
    shown = (await auditor.get(PAGE)).text
    assert "=A100000-2" in shown and "没有授权" in shown and f"{PAGE}/" not in shown
    assert PAGE in (await auditor.get("/exchange/reconciliations")).text
    assert (await auditor.post(f"{PAGE}/hand-over")).status_code == 403


async def test_the_file_to_hand_over_holds_each_refused_record_and_leaves_a_trace(
    officer: AsyncClient, engine: AsyncEngine
):
    answer = await officer.get(f"{PAGE}/export")
    book = CalamineWorkbook.from_filelike(BytesIO(answer.content))
    assert book.sheet_names == ["合计", "退回的记录"]
    assert book.get_sheet_by_index(0).to_python()[2] == ["A100000", 7.0, "aa", 5.0, "bb", "没有授权 2"]
    assert [row[0] for row in book.get_sheet_by_index(1).to_python()[2:]] == ["=A100000-1", "=A100000-2"]
    traced = await found(engine, "SELECT subject_id FROM trace_note WHERE subject = 'exchange_receipt' AND action = 'export'"
        " UNION ALL SELECT subject_id FROM trace_entry WHERE subject = 'exchange_receipt' AND action = 'export'")  # fmt: skip
    assert traced == ["1"]


async def test_what_was_handed_over_is_noted_with_who_did_it_and_only_once(officer: AsyncClient, engine: AsyncEngine):
    assert (await officer.post(f"{PAGE}/hand-over")).status_code == 303
    assert await found(engine, "SELECT status FROM exchange_receipt WHERE told_by IS NOT NULL") == ["handed_over"]
    assert (await officer.post(f"{PAGE}/hand-over")).status_code == 409
    assert f"{PAGE}/hand-over" not in (await officer.get(PAGE)).text


async def test_what_was_given_up_is_sent_again_by_a_button(officer: AsyncClient, engine: AsyncEngine):
    await state(engine, "status = 'dead', attempts = 10")
    await state(engine, "report_path = '/v1/reconciliation'", "exchange_system")
    assert (await officer.post(f"{PAGE}/again")).status_code == 303
    assert await found(engine, "SELECT attempts FROM exchange_receipt WHERE status = 'waiting'") == [0]


async def test_who_only_reads_cannot_say_that_anybody_was_told(officer: AsyncClient, client_as: ClientAs):
    viewer = await client_as("viewer")
    assert "下载回执" in (await viewer.get(PAGE)).text and f"{PAGE}/hand-over" not in (await viewer.get(PAGE)).text
    assert (await viewer.post(f"{PAGE}/hand-over")).status_code == 403
    assert (await viewer.get("/exchange/receipts/999")).status_code == 404
