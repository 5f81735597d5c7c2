"""Taking in figures: what is refused, and that a correction keeps what stood."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans import service
from backend.plans.documents import target_named
from backend.plans.revisions import revisions_of
from backend.plans.service import FigureDraft, report_figure
from tests.backend.conftest import ClientAs

TODAY = date(2026, 7, 10)
DRAFT = FigureDraft(date(2026, 6, 30), Decimal("2.75"), "市统计局", date(2026, 7, 5))


async def report(session: AsyncSession, draft: FigureDraft, target: str = "T000-18") -> int:
    return await report_figure(session, target_named(target)[1], draft, today=TODAY, recorded_by=7)


async def test_a_correction_keeps_what_stood_before(session: AsyncSession):
    await report(session, DRAFT)
    await report(session, replace(DRAFT, value=Decimal("2.8"), is_revision=True))
    found = await revisions_of(session, target_named("T000-18")[1])
    assert {(one.value, one.is_latest) for one in found} == {(Decimal("2.8"), True), (Decimal("2.75"), False)}


async def test_a_second_figure_for_the_quarter_is_refused_with_the_first(session: AsyncSession):
    await report(session, DRAFT)
    with pytest.raises(service.AlreadyReported, match=r"2\.75 %（市统计局）"):
        await report(session, replace(DRAFT, value=Decimal(3)))


async def test_a_correction_that_changes_nothing_is_refused(session: AsyncSession):
    await report(session, DRAFT)
    with pytest.raises(service.SameAsBefore):
        await report(session, replace(DRAFT, is_revision=True))


async def test_each_district_has_a_figure_of_its_own(session: AsyncSession):
    await report(session, DRAFT)
    await report(session, replace(DRAFT, region="321202"))
    assert len(await revisions_of(session, target_named("T000-18")[1], "321202")) == 1


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"period_end": date(2026, 9, 30)}, service.PeriodWrong, "还没有结束"),
        ({"period_end": date(2026, 5, 31)}, service.PeriodWrong, "不是季度末"),
        ({"value": Decimal(-1)}, service.ValueWrong, "小于 0"),
        ({"period_end": date(2, 3, 31)}, service.PeriodWrong, "请核对年份"),
        ({"value": Decimal("1e400")}, service.ValueWrong, "太大"),
        ({"value": Decimal("2.1234567")}, service.ValueWrong, "6 位小数"),
        ({"value": Decimal(275)}, service.ValueWrong, "大于 100%"),
        ({"source": " "}, service.SourceMissing, "数据来源"),
        ({"released_on": date(2026, 7, 11)}, service.ReleaseWrong, "在今天之后"),
        ({"released_on": date(2026, 6, 30)}, service.ReleaseWrong, "不晚于数据截止日"),
    ],
)
async def test_what_cannot_be_is_refused(
    session: AsyncSession, wrong: dict[str, object], error: type[service.FigureRefused], words: str
):
    with pytest.raises(error, match=words):
        await report(session, replace(DRAFT, **wrong))  # pyright: ignore[reportArgumentType]


async def test_a_rank_is_a_whole_number_from_one(session: AsyncSession):
    with pytest.raises(service.ValueWrong, match="位次"):
        await report(session, replace(DRAFT, value=Decimal("1.5")), "T001-04")


async def test_what_the_registry_counts_cannot_be_reported(session: AsyncSession):
    with pytest.raises(service.NotReportable, match="由系统按认定记录统计"):
        await report(session, DRAFT, "T000-01")


async def test_who_reported_a_figure_stands_beside_it(client_as: ClientAs):
    officer = await client_as("city_officer")
    figure = {"period_end": "2026-03-31", "value": "2.8", "source": "市统计局"}
    assert (await officer.post("/api/v1/targets/T000-18/figures", json=figure)).status_code == 201
    (told,) = (await officer.get("/api/v1/targets/T000-18/figures")).json()
    assert told["recorded_by"]
    assert told["recorded_by"] in (await officer.get("/plans/P000/targets/T000-18")).text.partition("填报人")[2]
