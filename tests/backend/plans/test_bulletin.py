"""The quarterly bulletin: its day, its knowledge, its words and its files."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from zipfile import ZipFile

import docx
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import Kind, split
from backend.plans.bulletin import (
    Bulletin,
    Line,
    Quarter,
    QuarterRefused,
    bulletin,
    last_quarter,
    quarter_of,
    year_on_year,
)
from backend.plans.bulletin_files import as_word, as_workbook
from backend.plans.bulletin_tables import (
    DISTRICT_HEADS,
    TARGET_HEADS,
    behind_by_district,
    district_tables,
    target_table,
)
from backend.plans.bulletin_texts import TextsMeanwhile, write_texts
from backend.plans.documents import plan_named, target_named
from backend.plans.service import FigureDraft, report_figure
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle

TODAY = date(2026, 11, 20)
SPRING = Quarter(2026, 1)


async def written(session: AsyncSession, quarter: Quarter = SPRING, plan: str = "P000") -> Bulletin:
    return await bulletin(session, plan_named(plan), quarter, today=TODAY)


def value(content: Bulletin, target: str) -> object:
    return content.report.row(target).progress.value


@pytest.mark.parametrize("text", ["2026Q3", "2026q3", "2026-Q3", "2026年第三季度", "2026 年 3 季度"])
def test_a_quarter_may_be_written_as_people_do(text: str):
    assert quarter_of(text) == Quarter(2026, 3)


@pytest.mark.parametrize("text", ["2026Q5", "三季度", "", "20263", "0000Q1", "0001Q4"])
def test_what_names_no_quarter_is_refused(text: str):
    with pytest.raises(QuarterRefused, match="2026Q3"):
        quarter_of(text)


def test_the_knowledge_of_a_quarter_ends_with_the_month_after_it():
    assert Quarter(2026, 1).known_at.date() == date(2026, 4, 30)
    assert Quarter(2026, 4).known_at.date() == date(2027, 1, 31)
    assert last_quarter(date(2026, 1, 5)) == Quarter(2025, 4)


async def test_a_quarter_that_is_not_over_has_no_bulletin(session: AsyncSession):
    with pytest.raises(QuarterRefused, match="2026-12-31"):
        await written(session, Quarter(2026, 4))


async def test_a_correction_in_may_leaves_the_march_bulletin_as_it_was(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise, may = await make_enterprise(), datetime(2026, 5, 10, tzinfo=UTC)
    wrong = await make_title(enterprise, superseded_at=may)
    await make_title(enterprise, revoked_on=date(2026, 2, 1), recorded_at=may, supersedes_id=wrong)
    assert value(await written(session), "T000-01") == 1


async def test_the_next_bulletin_says_what_the_last_one_had_wrong(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise, may = await make_enterprise(), datetime(2026, 5, 10, tzinfo=UTC)
    wrong = await make_title(enterprise, superseded_at=may)
    await make_title(enterprise, revoked_on=date(2026, 2, 1), recorded_at=may, supersedes_id=wrong)
    found = (await written(session, Quarter(2026, 2))).corrections
    assert [(one.target.id, one.then, one.now) for one in found] == [("T000-01", 1, 0)]


async def test_a_registry_younger_than_the_quarter_answers_from_what_it_knows_now(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise(), recorded_at=datetime(2026, 11, 1, tzinfo=UTC))
    content = await written(session)
    assert (content.known_at, value(content, "T000-01")) == (None, 1)
    assert "回溯" in content.notes[0]


async def test_the_first_sentence_counts_the_targets(session: AsyncSession):
    first = (await written(session)).sentences[0]
    assert "33 项目标" in first
    assert "原文未设目标值 18 项" in first


async def keep(session: AsyncSession, content: Bulletin, *, seen: int | None = None, **bodies: str) -> int:
    return await write_texts(session, content.report, content.quarter.last_day, bodies, seen=seen)


async def test_words_are_kept_beside_the_numbers(session: AsyncSession):
    content = await written(session)
    assert await keep(session, content, causes="新认定集中在四季度公布。", opening="") == 1
    assert (await written(session)).texts == {"causes": "新认定集中在四季度公布。"}
    assert await keep(session, content, causes="新认定集中在四季度公布。") == 0


async def test_nobody_writes_over_words_that_the_form_did_not_know(session: AsyncSession):
    opened = await written(session)
    await keep(session, opened, seen=opened.written.last_id, opening="先保存的")
    with pytest.raises(TextsMeanwhile, match="再保存即以您的为准"):
        await keep(session, opened, seen=opened.written.last_id, opening="后保存的")
    now = await written(session)
    assert now.texts == {"opening": "先保存的"}
    assert await keep(session, now, seen=now.written.last_id, opening="后保存的") == 1


async def test_the_same_words_saved_twice_are_no_quarrel(session: AsyncSession):
    opened = await written(session)
    await keep(session, opened, seen=0, opening="按语")
    assert await keep(session, opened, seen=0, opening="按语") == 0


async def test_what_is_pasted_out_of_word_can_be_set_in_word_again(session: AsyncSession):
    await keep(session, await written(session), opening="第一行\x0b第二行\x08", causes="原因")
    paper = docx.Document(BytesIO(as_word(await written(session))))
    lines = [paragraph.text for paragraph in paper.paragraphs]
    assert lines[lines.index("按语") + 1 :][:2] == ["第一行", "第二行"]
    assert lines[lines.index("滞后原因") + 1] == "原因"


async def test_word_holds_the_sentences_and_every_target(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise())
    content = await written(session)
    paper = docx.Document(BytesIO(as_word(content)))
    assert content.sentences[0] in [paragraph.text for paragraph in paper.paragraphs]
    assert len(paper.tables[0].rows) == 1 + 33
    assert paper.tables[0].rows[1].cells[1].text == "国家高新技术企业"


async def test_excel_holds_the_same_tables(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise())
    book = CalamineWorkbook.from_filelike(BytesIO(as_workbook(await written(session))))
    rows = book.get_sheet_by_name("目标").to_python()
    assert len(rows) == 2 + 33
    assert rows[2][1:5] == ["国家高新技术企业", "家", "≥ 2700 家", 1.0]


async def test_a_growing_number_is_a_number_in_excel_too(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise(), granted_on=date(2026, 2, 1))
    book = CalamineWorkbook.from_filelike(BytesIO(as_workbook(await written(session))))
    assert book.get_sheet_by_name("目标").to_python()[2][5] == 1.0


async def test_word_sets_chinese_in_a_chinese_font(session: AsyncSession):
    parts = ZipFile(BytesIO(as_word(await written(session))))
    assert 'w:eastAsia="仿宋"' in parts.read("word/document.xml").decode()


def test_a_share_grows_by_points_and_a_count_by_percent():
    share, count = target_named("T000-18")[1], target_named("T000-01")[1]
    assert year_on_year(share, Fraction("2.77"), Fraction("2.63")) == Fraction("0.14")
    assert year_on_year(count, Fraction(110), Fraction(100)) == Fraction(1, 10)
    assert year_on_year(count, Fraction(110), Fraction(0)) is None


async def test_the_bulletin_says_points_of_a_share(session: AsyncSession):
    _, target = target_named("T000-18")
    for day, number in ((date(2025, 3, 31), "2.63"), (date(2026, 3, 31), "2.77")):
        await report_figure(session, target, FigureDraft(day, Decimal(number), "统计局"), today=TODAY)
    await session.execute(text("UPDATE reported_figure SET recorded_at = period_end + 15"))
    content = await written(session)
    assert any("同比增加 0.14 个百分点" in one for one in content.sentences)
    row = next(row for row in target_table(content) if row[1] == target.name)
    assert row[TARGET_HEADS.index("同比")] == "+0.14 个百分点"


# --- What the districts were asked for --------------------------------------------------------------------

HAILING, JIANGYAN, XINGHUA = "321202", "321204", "321281"


@pytest.fixture
async def asked_of_districts(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
) -> AsyncSession:
    """Of two certificates each, one district was asked for 8, one for 4, a third for nothing; all known in time."""
    plan, target = target_named("T000-01")
    for district in (HAILING, JIANGYAN, XINGHUA):
        for _ in range(2):
            await make_title(await make_enterprise(district))
    for year in (2025, 2026):
        given = {HAILING: Decimal(8), JIANGYAN: Decimal(4)}
        await split(session, plan, target, year, Kind.DISTRICT, given, whole=Decimal(20), reason="其余待定")
    for table in ("breakdown_share", "breakdown_acknowledgement"):
        await session.execute(text(f"UPDATE {table} SET recorded_at = '2025-03-01T00:00Z'"))
    return session


async def test_districts_are_placed_by_how_much_of_their_share_they_have(asked_of_districts: AsyncSession):
    content = await written(asked_of_districts)
    rows = dict(district_tables(content))[content.plan.by_id["T000-01"]]
    told = [dict(zip(DISTRICT_HEADS, row, strict=True)) for row in rows]
    assert [(one["市（区）"], one["任务数"], one["完成率"], one["位次"]) for one in told[:2]] == [
        ("姜堰区", "4", "50.0%", "1"), ("海陵区", "8", "25.0%", "2"),
    ]  # fmt: skip
    assert all(one["位次"] == "—" for one in told[2:])
    assert "兴化市" in {one["市（区）"] for one in told[2:]}


async def test_a_difference_of_the_shares_stands_in_the_notes_with_its_reason(asked_of_districts: AsyncSession):
    notes = (await written(asked_of_districts)).notes
    assert "任务分解：国家高新技术企业 2026 年合计 12 家，总数 20 家，不足 8 家。说明：其余待定" in notes


async def test_who_has_not_its_share_at_the_years_end_is_behind(asked_of_districts: AsyncSession):
    assert behind_by_district(await written(asked_of_districts)) == []
    content = await written(asked_of_districts, Quarter(2025, 4))
    told = behind_by_district(content)
    assert told[0] == "海陵区：国家高新技术企业 2 家，任务数 8 家，完成 25.0%，未达到年度任务。"
    assert [one[:3] for one in told] == ["海陵区", "姜堰区"]
    paper = docx.Document(BytesIO(as_word(content)))
    assert told[0] in [paragraph.text for paragraph in paper.paragraphs]


async def test_shares_set_after_the_quarters_knowledge_are_none_of_its_bulletin(asked_of_districts: AsyncSession):
    await asked_of_districts.execute(text("UPDATE breakdown_share SET recorded_at = '2026-05-10T00:00Z'"))
    assert (await written(asked_of_districts)).shares == {}


async def of_district(session: AsyncSession, region: str, target: str) -> Line:
    content = await bulletin(session, plan_named("P000"), SPRING, today=TODAY, region=region)
    return next(line for line in content.lines if line.target.id == target)


async def test_a_district_answers_for_its_share_of_the_year(asked_of_districts: AsyncSession):
    line = await of_district(asked_of_districts, HAILING, "T000-01")
    assert (line.row.asked_text, line.progress.share, line.progress.gap) == ("≥ 8 家", Fraction(1, 4), 6)
    assert line.progress.status == "behind"


async def test_the_whole_citys_number_is_no_yardstick_for_a_district(asked_of_districts: AsyncSession):
    line = await of_district(asked_of_districts, XINGHUA, "T000-01")
    assert (line.progress.value, line.progress.share, line.progress.status) == (2, None, "unjudged")
    assert line.row.asked_text == "未分解（泰州市目标 ≥ 2700 家）"


async def test_a_share_of_a_hundred_is_the_same_yardstick_everywhere(session: AsyncSession):
    await report_figure(
        session, target_named("T000-18")[1], FigureDraft(date(2026, 3, 31), Decimal("2.9"), "统计局", region=HAILING),
        today=TODAY,
    )  # fmt: skip
    line = await of_district(session, HAILING, "T000-18")
    assert (line.row.asked_text, line.progress.is_met) == ("≥ 2.9 %", True)


async def test_what_may_be_read_two_ways_is_no_yardstick_for_a_district_either(session: AsyncSession):
    assert (await of_district(session, HAILING, "T000-33")).row.is_of_whole
    assert not (await of_district(session, HAILING, "T000-07")).row.is_of_whole
