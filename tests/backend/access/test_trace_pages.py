"""The auditor's pages: search, one entry, export, verification; and that nobody else opens them."""

import csv
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.trace.export import inert
from backend.access.trace.schemas import SUBJECTS
from backend.access.trace.service import Deed, note
from backend.clock import today
from backend.database.actor import Actor, acting_as
from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise

CODE = make_code()


@pytest.fixture
async def traced(engine: AsyncEngine) -> AsyncEngine:
    with acting_as(Actor("wangmin", None, "city_officer", "10.1.2.3", "req-1")):
        async with owner_unit_of_work(engine) as session:
            await make_enterprise(session, credit_code=CODE, name="泰州甲有限公司")
            await session.execute(
                text("UPDATE enterprise SET name = '=cmd|calc' WHERE credit_code = :code"), {"code": CODE}
            )
            await note(session, Deed("export", "enterprise", reason="报送省厅", after={"rows": 3}))
    return engine


#: What is asked → what is found, and what is not.
QUESTIONS = [
    ("", ["=cmd|calc", "报送省厅"], []),
    ("?action=export", ["报送省厅"], ["=cmd|calc"]),
    ("?subject=enterprise&action=update", ["=cmd|calc"], ["报送省厅"]),
    (f"?enterprise={CODE}&action=update", ["=cmd|calc"], ["报送省厅"]),
    ("?who=wangmin&action=export", ["报送省厅"], []),
    ("?who=10.1.2.3&action=export", ["报送省厅"], []),
    ("?who=nobody-else", ["没有这样的留痕"], ["报送省厅"]),
    ("?words=报送省厅", ["报送省厅"], ["=cmd|calc"]),
    ("?words=req-1&action=export", ["报送省厅"], []),
    (f"?on_or_after={today()}&action=export", ["报送省厅"], []),
    (f"?on_or_before={today() - timedelta(days=1)}", ["没有这样的留痕"], ["报送省厅"]),
    ("?before=2", [], ["报送省厅"]),
]  # fmt: skip


async def test_the_auditor_finds_what_is_asked_for(traced: AsyncEngine, client_as: ClientAs):
    auditor = await client_as("auditor")
    for query, shown, hidden in QUESTIONS:
        answer = await auditor.get(f"/audit{query}")
        table = answer.text.partition('class="filters')[2].partition("</form>")[2]
        assert (query, [word for word in shown if word not in table]) == (query, [])
        assert (query, [word for word in hidden if word in table]) == (query, [])


async def test_looking_at_the_trace_leaves_a_trace(traced: AsyncEngine, client_as: ClientAs):
    auditor = await client_as("auditor")
    await auditor.get("/audit?who=wangmin")
    page = (await auditor.get("/audit?subject=trace")).text
    assert "查看 操作留痕" in page
    assert "wangmin" in page.partition("</form>")[2]


async def test_one_entry_shows_all_that_was_before_and_after(traced: AsyncEngine, client_as: ClientAs):
    auditor = await client_as("auditor")
    page = (await auditor.get(f"/audit?enterprise={CODE}&action=update")).text
    position = page.partition("/audit/entries/")[2].partition('"')[0]
    entry = (await auditor.get(f"/audit/entries/{position}")).text
    assert all(word in entry for word in ("泰州甲有限公司", "=cmd|calc", "wangmin", "10.1.2.3", "req-1"))
    assert (await auditor.get("/audit/entries/999999")).status_code == 404


async def test_the_file_holds_the_entries_and_no_formula(traced: AsyncEngine, client_as: ClientAs):
    auditor = await client_as("auditor")
    written = (await auditor.get(f"/audit/export/csv?enterprise={CODE}")).content.decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(written)))
    assert rows[-1]["操作"] == "新增 企业"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    book = CalamineWorkbook.from_filelike(BytesIO((await auditor.get("/audit/export/xlsx")).content))
    assert "报送省厅" in str(book.get_sheet_by_index(0).to_python())
    assert (await auditor.get("/audit/export/pdf")).status_code == 404


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_text_that_looks_like_a_formula_is_inert(text: str):
    assert inert(text) == f"'{text}"


async def test_the_page_says_whether_the_chain_is_whole(traced: AsyncEngine, client_as: ClientAs):
    auditor = await client_as("auditor")
    assert "还没有核验过" in (await auditor.get("/audit/verify")).text
    assert (await auditor.post("/audit/verify")).status_code == 303
    assert "留痕完整" in (await auditor.get("/audit/verify")).text
    async with traced.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text("UPDATE trace_entry SET reason = '改' WHERE position = 1"))
    await auditor.post("/audit/verify")
    page = (await auditor.get("/audit/verify")).text
    assert "留痕不完整" in page
    assert "第 1 条" in page


async def test_nobody_but_the_auditor_opens_the_trace(client_as: ClientAs):
    for role in ("administrator", "city_officer", "reviewer", "viewer"):
        client = await client_as(role)
        for path in ("/audit", "/audit/verify", "/audit/entries/1", "/audit/export/csv"):
            assert (role, path, (await client.get(path)).status_code) == (role, path, 403)


async def test_the_auditor_sees_no_business_and_is_led_to_the_trace(client_as: ClientAs):
    auditor = await client_as("auditor")
    home = await auditor.get("/")
    assert (home.status_code, home.headers["location"]) == (303, "/audit")
    assert (await auditor.get("/enterprises")).status_code == 403
    assert (await auditor.get("/api/v1/enterprises")).status_code == 403
    assert 'href="/enterprises"' not in (await auditor.get("/audit")).text


async def test_every_traced_table_and_deed_has_a_name_that_auditors_read(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'trace_update'")
        )
        tables = {*found.scalars()}
    assert tables - SUBJECTS.keys() == set()
