"""A quarter's figures as a workbook: out, filled in, and in again."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter
from httpx import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.documents import plan_named, target_named
from backend.plans.figures_book import (
    COLUMNS,
    FiguresTaken,
    figures_of_quarter,
    figures_workbook,
    reportable,
    take_figures,
)
from backend.plans.progress import last_quarter_end
from backend.plans.rollup import roll_up
from backend.subregisters.layouts import write_sheet
from backend.subregisters.sheets import SheetRefused
from tests.backend.conftest import ClientAs

TODAY = date(2026, 7, 10)
JUNE = date(2026, 6, 30)
PLAN = plan_named("P004")


def book(*lines: dict[str, Any]) -> bytes:
    standing = {"period_end": JUNE, "source": "市统计局"}
    return write_sheet(
        "填报", "", COLUMNS, [[({**standing, **one}).get(column.name) for column in COLUMNS] for one in lines]
    )


async def take(session: AsyncSession, content: bytes, **given: Any) -> FiguresTaken:
    return await take_figures(session, PLAN, content, "填报表.xlsx", today=TODAY, **given)


async def values(session: AsyncSession, region: str = "") -> dict[str, Decimal]:
    found = await figures_of_quarter(session, PLAN, JUNE, region)
    return {one.target.id: one.value for one in found if one.value is not None}


async def test_a_filled_in_form_is_taken_and_the_same_form_again_changes_nothing(session: AsyncSession):
    content = book({"target": "T004-03", "value": 40.5}, {"target": "T004-C01", "value": 188}, {"target": "T004-01"})
    first, again = await take(session, content), await take(session, content)
    assert (first.written, first.unchanged, first.empty) == (2, 0, 1)
    assert (again.written, again.unchanged, again.empty) == (0, 2, 1)
    assert await values(session) == {"T004-03": Decimal("40.5"), "T004-C01": 188}


async def test_the_downloaded_form_names_every_reportable_target_and_can_come_back(session: AsyncSession):
    await take(session, book({"target": "T004-03", "value": 40.5}))
    found = await figures_of_quarter(session, PLAN, JUNE)
    assert len(found) == len(reportable(PLAN)) > 50
    taken = await take(session, figures_workbook(PLAN, JUNE, "", found))
    assert (taken.written, taken.unchanged, taken.empty) == (0, 1, len(found) - 1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"target": "T004-03", "value": 41, "period_end": date(2026, 9, 30)}, "还没有结束"),
        ({"target": "T004-03", "value": 141}, "大于 100%"),
        ({"target": "T000-18", "value": 2.8}, "不是《泰州市重点产业链培育提升行动方案》"),
        ({"target": "T004-28", "value": 2400}, "由系统按认定记录统计"),
        ({"target": "T004-03", "value": "约41"}, "请改为数字"),
        ({"target": "T004-03", "value": 41, "region": "南京市"}, "不在泰州市范围内"),
        ({"target": "T004-03", "value": 41, "source": ""}, "数据来源"),
        ({"target": "T004-03", "value": 41, "source": "局" * 101}, "数据来源有 101 个字，最多 100 个字"),
        ({"target": "T004-03", "value": 41, "unit": "亿元"}, "“单位”填的是“亿元”，这项指标的单位是“%”，请换算好数值"),
    ],
)
async def test_one_wrong_line_is_told_and_keeps_all_others_out(
    session: AsyncSession, line: dict[str, object], told: str
):
    taken = await take(session, book({"target": "T004-06", "value": 13}, line))
    assert [one.row for one in taken.troubles] == [4]
    assert told in taken.troubles[0].text
    assert await values(session) == {}


async def test_a_figure_twice_in_one_file_is_told_with_both_lines(session: AsyncSession):
    taken = await take(session, book({"target": "T004-03", "value": 41}, {"target": "T004-03", "value": 42}))
    assert "与第 3 行重复" in taken.troubles[0].text


async def test_another_value_for_a_reported_quarter_needs_the_word_revision(session: AsyncSession):
    await take(session, book({"target": "T004-03", "value": 41}))
    refused = await take(session, book({"target": "T004-03", "value": 42}))
    assert "已经填报：41" in refused.troubles[0].text
    assert (await take(session, book({"target": "T004-03", "value": 42, "is_revision": True}))).written == 1
    found = {one.target.id: one for one in await figures_of_quarter(session, PLAN, JUNE)}
    assert (found["T004-03"].value, found["T004-03"].revisions) == (42, 1)


async def test_a_trial_writes_nothing(session: AsyncSession):
    taken = await take(session, book({"target": "T004-03", "value": 41}), is_trial=True)
    assert taken.written == 1
    assert await values(session) == {}


async def test_a_district_hands_in_its_own_figures_only(session: AsyncSession):
    taken = await take(session, book({"target": "T004-03", "value": 41}), own_region="321283")
    assert taken.written == 1
    assert await values(session, "321283") == {"T004-03": 41}
    other = await take(session, book({"target": "T004-06", "value": 9, "region": "海陵区"}), own_region="321283")
    assert "不在泰兴市范围内" in other.troubles[0].text


async def test_a_chain_counts_against_its_own_line_of_the_annex(session: AsyncSession):
    await take(session, book({"target": "T004-C01", "value": 206}))
    _, chain = target_named("T004-C01")
    rolled = await roll_up(session, [chain], [JUNE, date(2026, 3, 31)])
    assert chain.is_met(rolled.of(chain, JUNE).value or 0)
    assert rolled.of(chain, date(2026, 3, 31)).value is None


async def test_a_figure_is_unknown_to_the_days_before_it_came(session: AsyncSession):
    await take(session, book({"target": "T004-03", "value": 41}))
    _, target = target_named("T004-03")
    before = datetime.now(UTC) - timedelta(minutes=5)
    assert (await roll_up(session, [target], [JUNE], known_at=before)).of(target, JUNE).value is None


def _foreign() -> bytes:
    target = BytesIO()
    with xlsxwriter.Workbook(target) as other:
        other.add_worksheet().write_row(0, 0, ["甲", "乙"])
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "told"), [(_foreign(), "没有找到表头"), (b"%PDF-1.4", "不是表格"), (book(), "只有表头")]
)
async def test_a_file_of_another_kind_is_refused_as_a_whole(session: AsyncSession, content: bytes, told: str):
    with pytest.raises(SheetRefused, match=told):
        await take(session, content)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_the_page_takes_a_workbook_and_shows_what_is_wrong_with_another(officer: AsyncClient):
    end = last_quarter_end(date.today())  # noqa: DTZ011
    page = "/plans/P004/figures"
    good = await officer.post(
        page, files={"file": ("表.xlsx", book({"target": "T004-C02", "value": 130, "period_end": end}))}
    )
    assert good.status_code == 200
    assert "写入 1 行" in good.text
    assert "130 亿元" in (await officer.get(page)).text
    bad = await officer.post(
        page, files={"file": ("表.xlsx", book({"target": "T004-C02", "value": 1, "period_end": end}))}
    )
    assert bad.status_code == 422
    assert "本次未写入任何数据" in bad.text
    assert (await officer.get(f"{page}.xlsx")).content[:2] == b"PK"
    history = (await officer.get("/api/v1/targets/T004-C02/figures")).json()
    assert [(one["value"], one["is_latest"]) for one in history] == [(130, True)]
    chains = (await officer.get("/plans/P004")).text
    assert 'id="T004-C30"' in chains


async def test_who_reports_from_the_page_of_a_quarter_reports_for_that_quarter(officer: AsyncClient):
    page = (await officer.get("/plans/P000/figures?quarter=2020Q4")).text
    assert 'href="/plans/P000/targets/T000-18/figures/new?on=2020-12-31"' in page
    form = (await officer.get("/plans/P000/targets/T000-18/figures/new?on=2020-12-31")).text
    assert '<option value="2020-12-31" selected>' in form


async def test_a_quarter_that_is_not_over_has_no_figures_yet(officer: AsyncClient):
    answer = await officer.get("/plans/P000/figures?quarter=2100Q1")
    assert answer.status_code == 422
    assert "在此之后才能填报" in answer.text
