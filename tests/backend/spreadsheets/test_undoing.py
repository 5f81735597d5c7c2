"""An import is undone whole: the registry answers as before, the past can still be asked, later work is left alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.eligibility.service import evaluate
from backend.enterprises.correcting import edit
from backend.enterprises.search import Filters, search
from backend.filings.queries import all_said, facts_known_at, facts_of
from backend.filings.service import rebuild
from backend.recognitions.service import revoke
from backend.spreadsheets.fates import Fate, Report
from backend.spreadsheets.keeping import Outcome, begin_run, keep_fates, keep_outcome
from backend.spreadsheets.queries import kept_by_undoing
from backend.spreadsheets.service import digest, run_import
from backend.spreadsheets.undoing import NotUndoable, Undone, undo_import
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import column, hand_in, importer, read, scalar
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

TODAY = date(2026, 11, 20)
KNOWN, NEW = make_code(), make_code()
LEDGER: list[list[Any]] = [
    ["海陵区企业台账（2025年度）"],
    ["企业名称", "统一社会信用代码", "所在地区", "产业链", "销售收入（万元）", "高企证书编号", "发证日期"],
    ["泰州新名科技有限公司", KNOWN, "海陵区", "化学药", 7, "GR202432000001", "2024-11-06"],
    ["泰州新来科技有限公司", NEW, "海陵区", "化学药", 9, "GR202432000002", "2024-11-06"],
]

#: All that the registry answers from; whatever is only history is left out.
ANSWERS = {
    "enterprises": "SELECT credit_code, name, region_code, town, address FROM enterprise WHERE status = 'active'",
    "names": "SELECT e.credit_code, n.name, n.used_from, n.used_to FROM enterprise_name n JOIN enterprise e ON e.id = n.enterprise_id"
    " WHERE e.status = 'active'",
    "chains": "SELECT e.credit_code, c.chain FROM enterprise_chain c JOIN enterprise e ON e.id = c.enterprise_id"
    " WHERE e.status = 'active'",
    "figures": "SELECT enterprise_id, year, sales_revenue FROM fact_yearly",
    "titles": "SELECT enterprise_id, programme, number, valid_from, valid_to, revoked_on FROM recognition WHERE superseded_at IS NULL",
    "searched": "SELECT credit_code, search_text FROM enterprise WHERE status = 'active'",
}  # fmt: skip


async def answers(session: AsyncSession) -> Mapping[str, list[str]]:
    return {
        name: sorted(str(tuple(row)) for row in await session.execute(text(query))) for name, query in ANSWERS.items()
    }


@pytest.fixture
async def known(session: AsyncSession) -> int:
    """An enterprise that the ledger renames, files for and adds a title to."""
    number = await make_enterprise(session, on=date(2020, 1, 1), name="泰州旧名科技有限公司", credit_code=KNOWN)
    await make_filing(session, number, {"sales_revenue": 5}, source="spreadsheet", received_on=date(2026, 4, 1))
    await make_recognition(session, number, "hnte", date(2021, 11, 30), number="GR202132000009")
    return number


async def carry_out(session: AsyncSession, table: list[list[Any]], **options: Any) -> tuple[int, Report]:
    """Import as the pages do: kept as a run."""
    result = read(table, **options)
    number = await begin_run(session, "台账.xlsx", b"x", digest(b"x"), {}, importer())
    report = await run_import(session, result, replace(importer(), import_id=number), good_rows_only=False)
    outcome = Outcome.of(report, {})
    await keep_fates(session, number, report, outcome)
    await keep_outcome(session, number, outcome)
    return number, report


async def undo(session: AsyncSession, import_id: int) -> Undone:
    return await undo_import(session, import_id, library(), TODAY)


async def test_the_registry_answers_as_before(session: AsyncSession, known: int):
    before = await answers(session)
    number, _ = await carry_out(session, LEDGER)
    during = await answers(session)
    assert [name for name in ANSWERS if during[name] == before[name]] == []
    assert await undo(session, number) == Undone(undone=2, kept=0)
    assert await answers(session) == before
    assert await scalar(session, "SELECT status FROM import_run WHERE id = :id", id=number) == "undone"


async def test_the_list_shows_those_again_that_were_there_before(session: AsyncSession, known: int):
    number, _ = await carry_out(session, LEDGER)
    assert await named(session) == ["泰州新名科技有限公司", "泰州新来科技有限公司"]
    await undo(session, number)
    assert await named(session) == ["泰州旧名科技有限公司"]


async def named(session: AsyncSession) -> list[str]:
    """Every name on the list of enterprises."""
    return sorted(row["name"] for row in (await search(session, Filters(), TODAY, library())).rows)


async def test_nothing_that_happened_is_deleted(session: AsyncSession, known: int):
    number, _ = await carry_out(session, LEDGER)
    counted = ("SELECT count(*) FROM filing", "SELECT count(*) FROM enterprise", "SELECT count(*) FROM recognition")
    before = [await scalar(session, query) for query in counted]
    await undo(session, number)
    after = [await scalar(session, query) for query in counted]
    assert [new >= old for new, old in zip(after, before, strict=True)] == [True] * 3
    assert await scalar(session, "SELECT count(*) FROM filing_withdrawal") == 2


async def test_what_was_known_before_it_was_undone_can_still_be_had(session: AsyncSession, known: int):
    number, _ = await carry_out(session, LEDGER)
    await undo(session, number)
    # All of a test is one transaction and so one moment; the withdrawal came later.
    later = datetime(2030, 1, 1, tzinfo=UTC)
    await session.execute(text("UPDATE filing_withdrawal SET withdrawn_at = :later"), {"later": later})
    catalogue = library().catalogue
    then = await facts_known_at(session, [known], catalogue, datetime(2029, 1, 1, tzinfo=UTC))
    assert then[known].yearly["sales_revenue"][2025] == 7_000_000
    afterwards = await facts_known_at(session, [known], catalogue, datetime(2031, 1, 1, tzinfo=UTC))
    now = await facts_of(session, [known], catalogue)
    assert afterwards[known].yearly["sales_revenue"] == now[known].yearly["sales_revenue"] == {2025: 5_000_000}


async def test_nobody_says_what_was_withdrawn_any_more_and_rebuilding_agrees(session: AsyncSession, known: int):
    number, _ = await carry_out(session, LEDGER)
    await undo(session, number)
    said = await all_said(session, known)
    assert [one.value for sayings in said.values() for one in sayings] == [5]
    assert await rebuild(session, [known], library().catalogue) == []


async def test_the_same_file_goes_in_again_after_it_was_undone(session: AsyncSession, known: int):
    number, _ = await carry_out(session, LEDGER)
    during = await answers(session)
    await undo(session, number)
    again, report = await carry_out(session, LEDGER)
    assert {one.fate for one in report.fates} <= {Fate.NEW, Fate.CHANGED}
    assert await answers(session) == during
    before_again = await answers(session)
    assert (await undo(session, again)).kept == 0
    assert await answers(session) != before_again


async def test_a_title_that_an_import_revoked_counts_again(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, name="泰州被取消有限公司", credit_code=code)
    await make_recognition(session, number, "hnte", date(2024, 11, 6))
    before = await answers(session)
    notice = [
        ["关于取消部分企业高新技术企业资格的公告"], ["（公告日期：2026年3月4日）"], ["序号", "企业名称", "统一社会信用代码"],
        [1, "泰州被取消有限公司", code],
    ]  # fmt: skip
    imported, _ = await carry_out(session, notice)
    assert (await answers(session))["titles"] != before["titles"]
    await undo(session, imported)
    assert await answers(session) == before


async def test_an_enterprise_edited_since_stays_and_is_listed(session: AsyncSession, known: int):
    imported, _ = await carry_out(session, LEDGER)
    revision = await scalar(session, "SELECT revision FROM enterprise WHERE id = :id", id=known)
    await edit(session, known, {"address": "泰州市某路1号"}, revision, TODAY)
    assert await undo(session, imported) == Undone(undone=1, kept=1)
    (kept,) = await kept_by_undoing(session, imported)
    assert (kept["enterprise_id"], kept["kept_because"]) == (known, "企业信息之后又修改过")
    assert await column(session, "SELECT name FROM enterprise WHERE id = :id", id=known) == ["泰州新名科技有限公司"]
    assert (
        await scalar(session, "SELECT sales_revenue FROM fact_yearly WHERE enterprise_id = :id", id=known) == 7_000_000
    )
    assert await scalar(session, "SELECT status FROM import_run WHERE id = :id", id=imported) == "undone_in_part"


async def test_figures_corrected_since_stay_and_those_of_other_years_do_not_matter(session: AsyncSession, known: int):
    imported, _ = await carry_out(session, LEDGER)
    await make_filing(session, known, {"sales_revenue": 8}, source="spreadsheet", year=2024, received_on=TODAY)
    assert (await undo(session, imported)).kept == 0
    again, _ = await carry_out(session, LEDGER)
    await make_filing(session, known, {"sales_revenue": 8}, source="spreadsheet", year=2025, received_on=TODAY)
    await undo(session, again)
    assert [one["kept_because"] for one in await kept_by_undoing(session, again)] == ["数据之后又填报过"]


async def test_a_title_changed_since_stays(session: AsyncSession, known: int):
    imported, _ = await carry_out(session, LEDGER)
    title = await scalar(session, "SELECT id FROM recognition WHERE number = 'GR202432000001'")
    await revoke(session, title, date(2026, 5, 5), "弄虚作假")
    await undo(session, imported)
    assert [one["kept_because"] for one in await kept_by_undoing(session, imported)] == ["认定之后又有变动"]


async def test_a_new_enterprise_of_whom_more_was_filed_since_stays(session: AsyncSession):
    imported, _ = await carry_out(session, LEDGER)
    new = await scalar(session, "SELECT id FROM enterprise WHERE credit_code = :code", code=NEW)
    await make_filing(session, new, {"rd_expense_hnte": 3}, source="tax")
    await undo(session, imported)
    assert [one["kept_because"] for one in await kept_by_undoing(session, imported)] == ["登记之后又有其他记录"]
    assert await scalar(session, "SELECT status FROM enterprise WHERE id = :id", id=new) == "active"


async def test_a_new_enterprise_that_was_only_evaluated_since_goes(session: AsyncSession):
    imported, _ = await carry_out(session, LEDGER)
    new = await scalar(session, "SELECT id FROM enterprise WHERE credit_code = :code", code=NEW)
    await evaluate(session, [new], library(), date(2026, 11, 21))
    await undo(session, imported)
    assert not await kept_by_undoing(session, imported)
    assert await scalar(session, "SELECT status FROM enterprise WHERE id = :id", id=new) == "withdrawn"


async def test_a_new_enterprise_with_an_account_of_its_own_stays(session: AsyncSession):
    imported, _ = await carry_out(session, LEDGER)
    new = await scalar(session, "SELECT id FROM enterprise WHERE credit_code = :code", code=NEW)
    account = Person(
        login="firm", name="某某", password_hash="!", role="viewer", created_at=datetime.now(UTC), enterprise_id=new
    )
    session.add(account)
    await session.flush()
    await undo(session, imported)
    assert [one["credit_code"] for one in await kept_by_undoing(session, imported)] == [NEW]


async def test_an_import_is_undone_once(session: AsyncSession):
    imported, _ = await carry_out(session, LEDGER)
    await undo(session, imported)
    with pytest.raises(NotUndoable):
        await undo(session, imported)


async def test_the_page_undoes_an_import_within_the_own_district(client_as: ClientAs):
    officer = await client_as("district_officer", "321202")
    place = (await hand_in(officer, make_workbook(LEDGER))).headers["location"]
    await officer.post(f"{place}/commit")
    assert "撤销这次导入" in (await officer.get(place)).text
    neighbour = await client_as("district_officer", "321203")
    assert (await neighbour.post(f"{place}/undo")).status_code == 404
    assert (await officer.post(f"{place}/undo")).status_code == 303
    assert "全部撤销" in (await officer.get(place)).text
    refused = await officer.post(f"{place}/undo")
    assert refused.status_code == 409
    assert "没有可以撤销的内容" in refused.text
