"""Workbooks to fill in: what they offer, and that they are read again once filled in."""

import re
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.spreadsheets.fates import Fate
from backend.spreadsheets.layouts import LAYOUT_IDS
from backend.spreadsheets.template_columns import Entry, TemplateColumn, indicators_for
from backend.spreadsheets.template_pages import listed_programmes
from backend.spreadsheets.template_workbook import Asked, Sheet, sheet_of, template_workbook
from backend.spreadsheets.workbook import open_workbook
from rules.catalogue import Period
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import Read
from tests.backend.spreadsheets.filling_in import SHEET, filled_in, formats_of_columns, part_of
from tests.backend.spreadsheets.importing import column as column_of
from tests.backend.spreadsheets.importing import reasons, take
from tests.factories import make_code, make_enterprise

PROGRAMMES = [one for one, _ in listed_programmes()]
CHAINS = ("化学药", "生物药")


def asked(layout: str, programme: str = "hnte") -> Asked:
    return Asked(layout, programme, 2025, ("海陵区", "兴化市"), tuple(dict(listed_programmes()).values()), CHAINS)


def entry_for(one: TemplateColumn) -> Any:
    """Something that may stand under a column."""
    if one.title in ("更名后企业名称", "取消原因"):
        return ""
    if one.choices:
        return one.choices[0]
    if one.entry is Entry.DAY:
        return "2024-11-06"
    if one.entry in (Entry.NUMBER, Entry.WHOLE):
        return max(one.least or 0, min(7, one.most if one.most is not None else 7))
    if one.title == "科技型中小企业证书编号":
        return "202532120200000001"
    return {
        "行业代码": "C3484", "曾用名": "泰州旧名有限公司", "证书编号": "GR202432000001", "备注": "",
    }.get(one.title, "GR202432000001" if one.title.endswith("证书编号") else "某某")  # fmt: skip


def row_for(sheet: Sheet, name: str, code: str) -> list[Any]:
    return [name, code, *(entry_for(one) for one in sheet.columns[2:])]


def fill(question: Asked, *rows: list[Any]) -> bytes:
    sheet = sheet_of(question, library())
    lines = {line: line.replace("　月　日", "12月19日") for line in sheet.lines if "　月　日" in line}
    return filled_in(template_workbook(question, library()), rows, len(sheet.lines) + 2, lines)


@pytest.mark.parametrize("layout", LAYOUT_IDS)
def test_a_template_is_read_again_as_its_own_layout_with_every_column_known(read: Read, layout: str) -> None:
    question = asked(layout)
    sheet = sheet_of(question, library())
    result = read(fill(question, row_for(sheet, "泰州模板有限公司", make_code())), within="321200")
    assert result.layout == layout
    assert result.tables[0].unrecognised == {}
    assert len(result.tables[0].titles) == len(sheet.columns)
    assert [problem.text for problem in result.problems] == []
    assert [skipped.sheet for skipped in result.skipped_sheets] == ["填报说明", "选项"]


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize("layout", ["ledger", "figures"])
def test_every_indicator_of_a_programme_comes_back_from_its_column(read: Read, layout: str, programme: str) -> None:
    question = asked(layout, programme)
    sheet = sheet_of(question, library())
    result = read(fill(question, row_for(sheet, "泰州模板有限公司", make_code())), within="321200")
    wanted = indicators_for(library(), programme)
    expected = {
        (one.id, 2025 if one.period is Period.YEARLY else None)
        for one in wanted
        if one.period is Period.YEARLY or layout == "ledger"
    }
    assert {(figure.indicator, figure.year) for figure in result.rows[0].figures} == expected
    assert [problem.text for problem in result.problems] == []


async def test_a_filled_in_ledger_goes_in_and_once_more_changes_nothing(session: AsyncSession):
    question, code = asked("ledger"), make_code()
    content = fill(question, row_for(sheet_of(question, library()), "泰州模板有限公司", code))
    (fate,) = (await take(session, content, good_rows_only=False)).fates
    assert fate.fate is Fate.NEW, reasons(fate)
    assert await column_of(session, "SELECT region_code FROM enterprise WHERE credit_code = :code", code=code) == [
        "321202"
    ]
    assert await column_of(session, "SELECT number FROM recognition") == ["GR202432000001"]
    (again,) = (await take(session, content, good_rows_only=False)).fates
    assert again.fate is Fate.UNCHANGED


async def test_a_filled_in_list_grants_what_it_lists_on_its_day(session: AsyncSession):
    question, code = asked("notice", "srdi_sme"), make_code()
    await take(session, fill(question, ["泰州模板有限公司", code, "海陵区", "", ""]), good_rows_only=False)
    found = await column_of(session, "SELECT programme || ' ' || granted_on FROM recognition")
    assert found == ["srdi_sme 2025-12-19"]


async def test_a_list_whose_day_was_left_open_is_refused(session: AsyncSession):
    question = asked("notice")
    content = filled_in(template_workbook(question, library()), [["泰州模板有限公司", make_code(), "", "", ""]], 4)
    (fate,) = (await take(session, content)).fates
    assert fate.fate is Fate.REFUSED
    assert "没有日期" in reasons(fate)


def test_choices_are_dropped_down_and_every_head_has_a_note() -> None:
    content = template_workbook(asked("ledger"), library())
    sheet = sheet_of(asked("ledger"), library())
    body = part_of(content, SHEET)
    assert len(re.findall(r'<dataValidation type="list"', body)) == sum(bool(one.choices) for one in sheet.columns)
    comments = part_of(content, "xl/comments1.xml")
    assert comments.count("<comment ") == len(sheet.columns)
    assert "从下拉列表中选择" in comments
    options = next(one for one in open_workbook(content).sheets if one.name == "选项")
    assert options.is_hidden
    assert [row[3] for row in options.rows[:2]] == ["海陵区", "兴化市"]


def test_codes_are_text_in_the_whole_column_and_money_has_its_unit_in_the_head() -> None:
    content = template_workbook(asked("ledger"), library())
    sheet = sheet_of(asked("ledger"), library())
    formats = formats_of_columns(content)
    naming = [place for place, one in enumerate(sheet.columns) if one.entry is Entry.NAMING]
    assert len(naming) >= 3
    assert {formats[place] for place in naming} == {"@"}
    assert "2025年销售收入（万元）" in [one.title for one in sheet.columns]


def test_nothing_in_a_template_is_a_formula() -> None:
    content = template_workbook(asked("ledger"), library(), [{"企业名称": '=HYPERLINK("http://x","甲")'}])
    assert "<f>" not in part_of(content, SHEET)
    assert open_workbook(content).sheets[0].rows[2][0] == '=HYPERLINK("http://x","甲")'


async def test_the_page_hands_out_a_template_with_the_own_districts_enterprises(
    engine: AsyncEngine, client_as: ClientAs
):
    own = make_code()
    async with owner_unit_of_work(engine) as work:
        await make_enterprise(work, name="海陵自己有限公司", credit_code=own, region_code="321202")
        await make_enterprise(work, name="高港别人有限公司", region_code="321203")
    officer = await client_as("district_officer", "321202")
    assert "下载填报模板" in (await officer.get("/imports")).text
    asking = {"template_layout": "figures", "template_programme": "hnte", "template_year": "2025", "known": "yes"}
    answer = await officer.get("/imports/template", params=asking)
    assert answer.status_code == 200
    rows = open_workbook(answer.content).sheets[0].rows
    assert [row[:2] for row in rows[1:]] == [["海陵自己有限公司", own]]
    assert (await officer.get("/imports/template", params={"template_layout": "none"})).status_code == 404
