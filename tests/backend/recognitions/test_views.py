"""The work lists of titles: what ends soon, what would fail its review, what lapsed, what was revoked."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import copy_rows, owner_unit_of_work
from backend.recognitions import worklists
from backend.recognitions.service import revoke
from backend.recognitions.worklists import VIEWS, Asked, list_titles
from backend.web import memory
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_recognition

ON = date(2026, 6, 30)


async def shown(session: AsyncSession, view: str, **given: Any) -> list[int]:
    """The enterprises of a view, as often as they stand there."""
    return [row["enterprise_id"] for row in (await list_titles(session, Asked(view, **given), ON, library())).rows]


async def titled(session: AsyncSession, ends_in: int, programme: str = "hnte", outcome: str = "") -> int:
    """An enterprise with a title that ends so many days after the day asked about."""
    number = await make_enterprise(session)
    valid_to = ON + timedelta(days=ends_in)
    await make_recognition(session, number, programme, date(2023, 7, 10), valid_to=valid_to)
    if outcome:
        columns = (
            "enterprise_id",
            "programme",
            "outcome",
            "is_likely",
            "version",
            "failed",
            "unknown",
            "missing",
            "as_of",
            "run_id",
        )
        row = (
            number,
            programme,
            outcome.removeprefix("likely ") or outcome,
            outcome.startswith("likely"),
            "2016",
            ["a"],
            [],
            [],
            ON,
            1,
        )
        await copy_rows(session, "eligibility", columns, [row])
    return number


@pytest.mark.parametrize(("ends_in", "is_shown"), [(-1, False), (0, True), (179, True), (180, False)])
async def test_a_title_ends_soon_from_180_days_before_to_its_last_day(
    session: AsyncSession, ends_in: int, is_shown: bool
):
    number = await titled(session, ends_in)
    assert (number in await shown(session, "expiring")) is is_shown


async def test_a_title_that_is_renewed_already_does_not_end_soon(session: AsyncSession):
    number = await titled(session, 30)
    await make_recognition(session, number, "hnte", ON + timedelta(days=20), kind="renewed")
    assert await shown(session, "expiring") == []


async def test_the_soonest_end_comes_first(session: AsyncSession):
    numbers = [await titled(session, ends_in) for ends_in in (90, 30, 60)]
    assert await shown(session, "expiring") == [numbers[1], numbers[2], numbers[0]]


async def test_only_what_ends_soon_and_fails_its_rules_today_is_at_risk(session: AsyncSession):
    failing = await titled(session, 30, outcome="ineligible")
    for ends_in, outcome in ((30, "eligible"), (30, "undetermined"), (30, ""), (400, "ineligible")):
        await titled(session, ends_in, outcome=outcome)
    assert await shown(session, "failing") == [failing]


async def test_lapsed_though_still_eligible_within_two_years(session: AsyncSession):
    eligible = await titled(session, -10, outcome="eligible")
    likely = await titled(session, -20, outcome="likely undetermined")
    for ends_in, outcome in ((-10, "ineligible"), (-10, "undetermined"), (-731, "eligible"), (10, "eligible")):
        await titled(session, ends_in, outcome=outcome)
    assert await shown(session, "lapsed") == [likely, eligible]


async def test_what_was_granted_again_after_a_gap_is_not_lapsed(session: AsyncSession):
    number = await titled(session, -100, outcome="eligible")
    await make_recognition(session, number, "hnte", ON - timedelta(days=50))
    assert await shown(session, "lapsed") == []


async def test_a_revoked_title_stands_among_the_revoked_only(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, granted_on=date(2024, 1, 10))
    assert await shown(session, "in_force") == [number]
    await revoke(session, title, date(2026, 5, 1), "处罚")
    assert [await shown(session, view) for view in VIEWS] == [[], [], [], [], [], [number], [], []]


async def test_a_view_is_narrowed_by_programme_and_region(session: AsyncSession):
    number = await titled(session, 30)
    assert await shown(session, "expiring", programme="hnte", region="321202") == [number]
    assert await shown(session, "expiring", programme="srdi_sme") == []
    assert await shown(session, "expiring", region="321282") == []


@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_counts_what_its_pages_show(session: AsyncSession, view: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worklists, "TITLES_A_PAGE", 2)
    for ends_in in (-10, 10, 20, 30, 40):
        await titled(session, ends_in, outcome="eligible" if ends_in < 0 else "ineligible")
    first = await list_titles(session, Asked(view), ON, library())
    pages = [await list_titles(session, Asked(view, page=page), ON, library()) for page in range(1, first.pages + 1)]
    assert len({row["id"] for page in pages for row in page.rows}) == first.total


async def test_what_everybody_renews_each_year_ends_soon_only_where_it_is_asked_for(session: AsyncSession):
    number = await titled(session, 30)
    yearly = await titled(session, 30, programme="tech_sme")
    assert await shown(session, "expiring") == [number]
    assert await shown(session, "expiring", programme="tech_sme") == [yearly]


@pytest.mark.parametrize(("days", "is_shown"), [(30, False), (60, True)])
async def test_how_far_ahead_is_looked_can_be_chosen(session: AsyncSession, days: int, is_shown: bool):
    number = await titled(session, 45)
    assert (number in await shown(session, "expiring", days=days)) is is_shown


async def test_of_several_lapsed_titles_of_a_programme_the_last_alone_is_listed(session: AsyncSession):
    number = await titled(session, -10, outcome="eligible")
    await make_recognition(session, number, "hnte", date(2022, 1, 10), valid_to=ON - timedelta(days=400))
    assert await shown(session, "lapsed") == [number]


# The page


@pytest.fixture
async def jingjiang(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        for name, region in (("靖江某某有限公司", "321282"), ("海陵某某有限公司", "321202")):
            number = await make_enterprise(session, name=name, region_code=region)
            await make_recognition(session, number, "hnte", today() - timedelta(days=1000))
    return await client_as("district_officer", "321282")


@pytest.mark.parametrize("query", ["", "?view=in_force", "?view=nonsense", "?region=321202", "?programme=hnte&page=99"])
async def test_a_district_officer_sees_titles_of_the_own_district_only(jingjiang: AsyncClient, query: str):
    answer = await jingjiang.get(f"/recognitions{query}")
    assert answer.status_code == 200
    assert "海陵某某有限公司" not in answer.text
    assert ("靖江某某有限公司" in answer.text) is (query != "?region=321202")


async def test_a_view_without_titles_says_what_to_do(jingjiang: AsyncClient):
    assert "没有这样的认定" in (await jingjiang.get("/recognitions?view=revoked")).text


async def test_in_a_large_registry_titles_are_counted_after_they_are_shown(
    engine: AsyncEngine, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
):
    async with owner_unit_of_work(engine) as session:
        for _ in range(3):
            await make_recognition(session, await make_enterprise(session), "hnte", today() - timedelta(days=9))
    monkeypatch.setattr(memory, "LARGE", -1)
    monkeypatch.setattr(worklists, "TITLES_A_PAGE", 2)
    city, path = await client_as("city_officer"), "/recognitions?view=in_force"
    page = (await city.get(path)).text
    assert "共 2 项认定以上" in page
    assert 'href="/recognitions?view=in_force&amp;page=2" rel="next"' in page
    piece = await city.get(path, headers={"HX-Request": "true", "HX-Target": "count"})
    assert "共 3 项认定，第 1 / 2 页" in piece.text
    monkeypatch.setattr(worklists, "MOST_COUNTED", 1)
    viewer = await client_as("viewer")
    assert "共 2 项认定以上" in (await viewer.get(path)).text
    assert "共 3 项认定，" in (await city.get(f"{path}&counted=out")).text


# On any day, and with any day's knowledge


async def known(session: AsyncSession, view: str, on: date, known_at: datetime | None = None) -> list[int]:
    found = await list_titles(session, Asked(view, known_at=known_at), on, library())
    return [row["enterprise_id"] for row in found.rows]


async def test_a_view_shows_how_titles_stood_on_a_past_day(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, granted_on=date(2024, 1, 10))
    await revoke(session, title, date(2026, 5, 1), "处罚")
    assert await known(session, "in_force", date(2026, 4, 30)) == [number]
    assert await known(session, "revoked", date(2026, 4, 30)) == []
    assert await known(session, "in_force", date(2026, 5, 1)) == []
    assert await known(session, "revoked", date(2026, 5, 1)) == [number]


@pytest.mark.parametrize("view", ["in_force", "expiring"])
async def test_what_was_entered_later_is_not_known_then(engine: AsyncEngine, view: str):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session)
        title = await make_recognition(
            session, number, "hnte", ON - timedelta(days=1000), valid_to=ON + timedelta(days=50)
        )
    before_revoking = datetime.now(UTC)
    async with owner_unit_of_work(engine) as session:
        await revoke(session, title, ON - timedelta(days=9), "处罚")
    async with owner_unit_of_work(engine) as session:
        assert await known(session, view, ON) == []
        assert await known(session, view, ON, before_revoking) == [number]
        assert await known(session, view, ON, before_revoking - timedelta(days=400)) == []


@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_can_be_asked_with_the_knowledge_of_a_moment(session: AsyncSession, view: str):
    for ends_in in (-10, 10):
        await titled(session, ends_in, outcome="eligible" if ends_in < 0 else "ineligible")
    later = datetime.now(UTC) + timedelta(days=1)
    assert await known(session, view, ON, later) == await shown(session, view)
    assert await known(session, view, ON, later - timedelta(days=9)) == []


async def test_a_past_day_shows_each_enterprise_where_it_was(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await titled(session, 30)
        await session.execute(
            text(
                "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from, valid_to) VALUES"
                " (:id, '321282', '', '', NULL, '2026-06-30'), (:id, '321202', '', '', '2026-07-01', NULL)"
            ),
            {"id": number},
        )
        [row] = (await list_titles(session, Asked(region="321282"), ON, library())).rows
        assert (row["enterprise_id"], row["region_code"]) == (number, "321282")
        assert await shown(session, "expiring", region="321202") == []


async def test_the_page_keeps_the_day_from_view_to_view_and_says_it(jingjiang: AsyncClient):
    page = (await jingjiang.get("/recognitions?view=in_force&on=2026-03-31&known_at=2026-04-15")).text
    assert "截至 2026年3月31日，按 2026年4月15日掌握的数据" in page
    assert "/recognitions?view=revoked&amp;on=2026-03-31&amp;known_at=2026-04-15" in page
    assert "没有这样的认定" in page
    today_s = (await jingjiang.get("/recognitions?view=in_force")).text
    assert "看今天" not in today_s
    assert "靖江某某有限公司" in today_s
    piece = await jingjiang.get("/recognitions?on=2026-03-31", headers={"HX-Request": "true", "HX-Target": "results"})
    assert 'id="views" hx-swap-oob="true"' in piece.text


@pytest.mark.parametrize("query", ["on=0001-01-01", "on=9999-12-31", "known_at=0001-01-01", "on=gestern"])
async def test_a_day_that_nobody_can_mean_is_refused(jingjiang: AsyncClient, query: str):
    answer = await jingjiang.get(f"/recognitions?{query}")
    assert answer.status_code == 422
    assert "日期" in answer.text
