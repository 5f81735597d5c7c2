"""The leadership's screen, and the yearly assessment beside the bulletin."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from io import BytesIO

import docx
import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.plans import tasks
from backend.plans.assessment import Score, YearRefused, assessment, mean_completion
from backend.plans.assessment_files import as_word, as_workbook
from backend.plans.breakdown import Kind, split
from backend.plans.documents import plan_named, target_named
from backend.plans.screen import draw_trend, screen
from backend.plans.versions import document_of, keep
from tests.backend.conftest import ClientAs
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle
from tests.factories import make_enterprise, make_recognition

TODAY = date(2026, 7, 10)
PLAN, HNTE = target_named("T000-01")


@pytest.fixture
async def three_holders(session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle) -> None:
    for region in ("321202", "321202", "321283"):
        await make_title(await make_enterprise(region), granted_on=date(2025, 6, 1), valid_to=date(2028, 5, 31))


async def test_the_screen_shows_the_very_numbers_of_the_plan(session: AsyncSession, three_holders: None):
    shown = await screen(session, PLAN, TODAY)
    assert shown.lead.value == 3
    assert {tile.name: tile.value for tile in shown.tiles}["海陵区"] == 2
    assert next(step.id for step in shown.steps) == "listed"
    assert sum(1 for tile in shown.tiles if tile.shade == 4) == 1


async def test_the_trend_ends_in_the_forecasts_interval(session: AsyncSession, three_holders: None):
    shown = await screen(session, PLAN, TODAY)
    assert shown.outlook is not None
    assert shown.trend is not None
    assert len(shown.trend.band.split()) == 3
    assert shown.trend.end[0] > shown.trend.last[0]
    assert draw_trend(shown.bars[-1], None) is not None


async def test_a_tile_says_how_much_of_its_share_a_district_has(session: AsyncSession, three_holders: None):
    shares = {"321202": Decimal(4)}
    await split(session, PLAN, HNTE, 2026, Kind.DISTRICT, shares, whole=Decimal(4))
    tiles = {tile.name: tile for tile in (await screen(session, PLAN, TODAY)).tiles}
    assert (tiles["海陵区"].completion, tiles["泰兴市"].completion) == (Fraction(1, 2), None)


# --- The assessment --------------------------------------------------------------------------------------


async def test_districts_are_ranked_by_what_was_asked_of_them(session: AsyncSession, three_holders: None):
    shares = {"321202": Decimal(4), "321283": Decimal(1)}
    await split(session, PLAN, HNTE, 2025, Kind.DISTRICT, shares, whole=Decimal(5))
    found = await assessment(session, PLAN, 2025, today=TODAY, known_at=datetime.now(UTC))
    assert [(one.name, one.completion, one.rank) for one in found.places[:3]] == [
        ("泰兴市", 1, 1),
        ("海陵区", Fraction(1, 2), 2),
        (found.places[2].name, None, None),
    ]
    assert "第 1 位的是泰兴市" in found.sentences[1]


async def test_a_share_given_after_the_years_knowledge_counts_only_when_asked_for(
    session: AsyncSession, three_holders: None
):
    await split(session, PLAN, HNTE, 2025, Kind.DISTRICT, {"321202": Decimal(4)}, whole=Decimal(4))
    found = await assessment(session, PLAN, 2025, today=TODAY)
    assert {one.rank for one in found.places} == {None}
    assert "不作排位" in found.sentences[1]


def test_one_target_overfulfilled_makes_up_for_no_other():
    scores = [
        Score(HNTE, Fraction(10), Fraction(30)),
        Score(HNTE, Fraction(10), Fraction(5)),
        Score(HNTE, Fraction(10), None),
    ]
    assert mean_completion(scores) == Fraction(1, 2)


async def test_bodies_are_tallied_by_their_tasks(session: AsyncSession):
    plan = plan_named("P003")
    item = await tasks.work_item(session, plan, "P003-01")
    await tasks.note(session, item, status="done", evidence="总结报告")
    found = await assessment(session, plan, 2025, today=TODAY)
    by_name = {one.name: one for one in found.bodies}
    lead = next(body.full_name for body in item.bodies if body.lead)
    assert by_name[lead].by_status[tasks.Status.DONE] == 1
    assert sum(one.led for one in found.bodies) == 75


@pytest.mark.parametrize("year", [2026, 2027, 99])
async def test_a_year_that_is_not_over_is_refused(session: AsyncSession, year: int):
    with pytest.raises(YearRefused, match="还没有结束"):
        await assessment(session, PLAN, year, today=TODAY)


async def test_the_papers_hold_the_same_words(session: AsyncSession, three_holders: None):
    shares = {"321202": Decimal(4), "321283": Decimal(1)}
    await split(session, PLAN, HNTE, 2025, Kind.DISTRICT, shares, whole=Decimal(5))
    found = await assessment(session, PLAN, 2025, today=TODAY, known_at=datetime.now(UTC))
    paper = docx.Document(BytesIO(as_word(found)))
    words = "\n".join(one.text for one in paper.paragraphs)
    assert all(sentence in words for sentence in found.sentences)
    assert [cell.text for cell in paper.tables[1].rows[1].cells] == ["泰兴市", "1", "1", "100.0%", "1"]
    assert as_workbook(found)[:2] == b"PK"


async def test_the_parts_of_a_paper_are_numbered_without_a_gap(session: AsyncSession):
    paper = docx.Document(BytesIO(as_word(await assessment(session, plan_named("P003"), 2025, today=TODAY))))
    assert [one.text[:2] for one in paper.paragraphs if one.text[1:2] == "、"] == ["一、", "二、", "三、"]


async def test_a_share_in_a_workbook_can_be_reckoned_with(session: AsyncSession, three_holders: None):
    await split(session, PLAN, HNTE, 2025, Kind.DISTRICT, {"321202": Decimal(4)}, whole=Decimal(4))
    found = await assessment(session, PLAN, 2025, today=TODAY, known_at=datetime.now(UTC))
    book = CalamineWorkbook.from_filelike(BytesIO(as_workbook(found)))
    assert book.get_sheet_by_name("市（区）排位").to_python()[2][3] == 0.5


# --- Pages -----------------------------------------------------------------------------------------------


@pytest.fixture
async def officer(client_as: ClientAs, engine: AsyncEngine) -> AsyncClient:
    async with owner_unit_of_work(engine) as work:
        await make_recognition(work, await make_enterprise(work))
    return await client_as("city_officer")


async def test_the_screen_is_one_page_without_scripts_of_its_own(officer: AsyncClient):
    page = await officer.get("/screen?plan=P000")
    assert page.status_code == 200
    assert page.headers["Refresh"] == "600"
    assert "海陵区" in page.text
    assert "2700" in page.text
    assert (await officer.get("/screen?plan=P002")).status_code == 404
    assert (await officer.get("/screen?plan=P000&target=T000-02")).text.count("省级以上专精特新企业") > 2


async def test_a_number_on_the_wall_leads_to_its_list(officer: AsyncClient):
    page = (await officer.get("/screen?plan=P000")).text
    assert 'href="/plans/P000/targets/T000-01?region=321202#behind"' in page
    assert "完成 0.0%，预计不达" in page


async def test_the_screen_shows_a_revised_target_at_once(officer: AsyncClient, engine: AsyncEngine):
    assert "2700" in (await officer.get("/screen?plan=P000")).text
    async with owner_unit_of_work(engine) as work:
        number, document = await document_of(work, "P000")
        document["targets"][0]["value"] = 2751
        await keep(work, document, based_on=number, note="修订")
    assert "2751" in (await officer.get("/screen?plan=P000")).text


async def test_the_assessment_is_read_and_downloaded_by_the_city_only(officer: AsyncClient, client_as: ClientAs):
    year = date.today().year - 1  # noqa: DTZ011
    assert "综合完成率" in (await officer.get(f"/plans/P003/assessment?year={year}")).text
    for kind in ("docx", "xlsx"):
        assert (await officer.get(f"/plans/P000/assessment.{kind}?year={year}")).content[:2] == b"PK"
    assert (await officer.get(f"/plans/P000/assessment?year={year + 1}")).status_code == 422
    district = await client_as("district_officer", region="321202")
    assert (await district.get("/plans/P000/assessment")).status_code == 403
    assert (await district.get("/screen?plan=P000")).status_code == 200
