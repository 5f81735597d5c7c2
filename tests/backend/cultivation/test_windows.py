"""When applications are taken: shipped as data, corrected by the city, never guessed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.windows import Window, all_windows, set_window, shipped, windows_of
from backend.database.scope import Scope
from rules.catalogue import Certainty
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
NEW = Window(
    programme="hnte",
    year=2027,
    closes_on=date(2027, 8, 15),
    certainty=Certainty.CONFIRMED,
    source="苏高企协办〔2027〕1号",
)


def test_every_window_shipped_is_of_a_programme_and_names_its_source():
    for one in shipped():
        assert one.programme in library().programmes
        assert one.source
        assert one.closes_on.year == one.year
        assert one.opens_on is None or one.opens_on < one.closes_on


@pytest.mark.parametrize(("day", "is_open"), [("05-31", False), ("06-01", True), ("08-31", True), ("09-01", False)])
def test_a_window_is_open_on_its_first_and_its_last_day(day: str, is_open: bool):
    tech_sme = next(one for one in shipped() if (one.programme, one.year) == ("tech_sme", 2026))
    assert tech_sme.is_open(date.fromisoformat(f"2026-{day}")) is is_open


async def test_a_year_without_a_notice_has_no_window_but_earlier_ones_to_go_by(session: AsyncSession):
    found = await windows_of(session, "tech_sme", 2027)
    assert found.known == []
    assert [one.year for one in found.earlier] == [2026]
    assert found.next_deadline(date(2027, 1, 1)) is None


async def test_what_an_officer_enters_goes_before_what_is_shipped(session: AsyncSession):
    longer = Window(
        programme="tech_sme", year=2026, closes_on=date(2026, 9, 30), certainty=Certainty.CONFIRMED, source="延期通知"
    )
    await set_window(session, longer, by=1)
    assert [one.closes_on for one in (await windows_of(session, "tech_sme", 2026)).known] == [date(2026, 9, 30)]


async def test_a_corrected_window_stays_known(session: AsyncSession):
    await set_window(session, NEW, by=1)
    await set_window(session, NEW.model_copy(update={"closes_on": date(2027, 8, 31)}), by=2)
    assert await column(session, "SELECT superseded_at IS NULL FROM filing_window ORDER BY id") == [False, True]
    assert [one.closes_on for one in await all_windows(session) if one.programme == "hnte"] == [date(2027, 8, 31)]


async def test_a_district_reads_windows_and_sets_none(app_session_factory: Scoped):
    async with app_session_factory(Scope.city()) as city:
        await set_window(city, NEW, by=1)
    async with app_session_factory(Scope.district("321282")) as district:
        assert [one.year for one in (await windows_of(district, "hnte", 2027)).known] == [2027]
    with pytest.raises(DBAPIError, match="row-level security"):
        async with app_session_factory(Scope.district("321282")) as district:
            await set_window(district, NEW.model_copy(update={"label": "本区"}), by=1)


async def test_programmes_of_which_no_filing_time_is_known_are_named_as_such(client_as: ClientAs):
    page = (await (await client_as("city_officer")).get("/pool/windows")).text
    told = next(line for line in page.splitlines() if "没有查到申报时间的项目" in line)
    assert "国家高新技术企业" in told
    assert "科技型中小企业、" not in told
