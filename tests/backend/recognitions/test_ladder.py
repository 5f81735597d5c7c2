"""The rung of an enterprise on any day, and the ladder's counts, which are as long as the lists behind them."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.moving import move
from backend.enterprises.queries import find
from backend.enterprises.search import Filters, all_found, search
from backend.recognitions.ladder import RUNGS, programmes_on_ladder
from backend.recognitions.queries import held_by, ladder_counts, rung_on
from backend.recognitions.service import revoke
from rules.library import library
from tests.factories import make_enterprise, make_recognition

REGIONS = ("321202", "321282", "321283")
Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]


async def rung(session: AsyncSession, number: int, on: date) -> str:
    """The rung as the list shows it, which must be the one that the file shows."""
    row = await find(session, str(number))
    assert row is not None
    file = await enterprise_file(session, row, library(), on)
    listed = await search(session, Filters(q=row["name"]), on, library())
    assert [one["rung"] for one in listed.rows] == [file.rung.id]
    return file.rung.id


@pytest.mark.parametrize(
    ("programme", "expected"),
    [
        ("tech_sme", "tech_sme"), ("innovative_sme", "tech_sme"), ("hnte", "high_tech"), ("srdi_sme", "srdi"),
        ("little_giant", "srdi"), ("single_champion", "srdi"), ("js_gazelle", "gazelle"), ("js_potential_unicorn", "gazelle"),
        ("js_private_tech", ""), ("js_hnte_pool", ""),
    ],
)  # fmt: skip
async def test_a_title_stands_for_its_rung(session: AsyncSession, programme: str, expected: str):
    number = await make_enterprise(session)
    await make_recognition(session, number, programme, date(2026, 1, 5))
    assert await rung(session, number, date(2026, 6, 1)) == expected


async def test_of_several_titles_the_highest_counts_while_it_lasts(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", date(2025, 11, 6))
    await make_recognition(session, number, "srdi_sme", date(2023, 7, 1))
    days = (date(2023, 6, 30), date(2026, 6, 30), date(2026, 7, 1), date(2028, 11, 6))
    assert [await rung(session, number, day) for day in days] == ["", "srdi", "high_tech", ""]


async def test_a_listed_company_stands_on_the_highest_rung_from_the_day_of_listing(session: AsyncSession):
    number = await make_enterprise(session, listing_board="star", listed_on=date(2026, 3, 2))
    await make_recognition(session, number, "hnte", date(2025, 11, 6))
    assert [await rung(session, number, date(2026, 3, day)) for day in (1, 2)] == ["high_tech", "listed"]


async def test_quotation_on_the_neeq_is_no_listing(session: AsyncSession):
    number = await make_enterprise(session, listing_board="neeq", listed_on=date(2020, 3, 2))
    assert await rung(session, number, date(2026, 3, 2)) == ""


async def test_a_gazelle_of_last_years_list_is_none_after_this_years(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "js_gazelle", date(2024, 11, 20))
    await make_recognition(session, await make_enterprise(session), "js_gazelle", date(2025, 11, 20))
    assert [await rung(session, number, date(2025, 11, day)) for day in (19, 20)] == ["gazelle", ""]


async def populate(session: AsyncSession, seed: int, size: int = 40) -> None:
    """Enterprises with titles, moves and revocations at random; the same for the same seed."""
    chance = random.Random(seed)
    programmes = sorted(programmes_on_ladder(library()))
    for _ in range(size):
        board = chance.choice(("", "", "", "", "star", "neeq"))
        listed_on = chance.choice((None, _day(chance))) if board else None
        number = await make_enterprise(
            session, region_code=chance.choice(REGIONS), listing_board=board, listed_on=listed_on
        )
        for programme in chance.sample(programmes, chance.randrange(4)):
            granted_on = _day(chance)
            title = await make_recognition(session, number, programme, granted_on)
            if chance.random() < 0.15:
                await revoke(session, title, granted_on + timedelta(days=chance.randrange(20)), "试验")
        if chance.random() < 0.3:
            await move(session, number, chance.choice(REGIONS), "", "", _day(chance))


def _day(chance: random.Random) -> date:
    return date(2022, 1, 1) + timedelta(days=chance.randrange(1800))


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_count_of_the_ladder_is_the_length_of_its_list(session: AsyncSession, seed: int):
    await populate(session, seed)
    for on in (date(2023, 6, 30), date(2024, 12, 31), date(2026, 6, 30), date(2030, 1, 1)):
        for region in ("", *REGIONS):
            counts = await ladder_counts(session, on, library(), region)
            lists = {
                one.id: len(await all_found(session, Filters(rung=one.id, region=region), on, library()))
                for one in RUNGS
            }
            assert counts == lists


async def test_each_enterprise_is_on_the_list_of_its_own_rung_and_of_no_other(session: AsyncSession):
    await populate(session, 3)
    on = date(2025, 6, 30)
    everybody = await all_found(session, Filters(), on, library())
    titles = await held_by(session, [row["id"] for row in everybody])
    for name in ("none", *(one.id for one in RUNGS)):
        found = {row["id"] for row in await all_found(session, Filters(rung=name), on, library())}
        expected = {
            row["id"]
            for row in everybody
            if (rung_on(titles[row["id"]], on, library(), (row["listing_board"], row["listed_on"])).id or "none")
            == name
        }
        assert found == expected


async def test_an_enterprise_that_moved_is_counted_where_it_was_on_the_day(session: AsyncSession):
    number = await make_enterprise(session, region_code="321202")
    await make_recognition(session, number, "hnte", date(2024, 11, 6))
    await move(session, number, "321282", "", "", date(2026, 3, 1))
    found = [
        [region for region in REGIONS if (await ladder_counts(session, day, library(), region))["high_tech"]]
        for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 9, 1))
    ]
    assert found == [["321202"], ["321282"], ["321282"]]


async def test_a_district_counts_its_own_only(engine: AsyncEngine, app_session_factory: Scoped):
    async with owner_unit_of_work(engine) as owner:
        for region in ("321202", "321282", "321282"):
            await make_recognition(owner, await make_enterprise(owner, region_code=region))
    async with app_session_factory(Scope.district("321282")) as district:
        assert (await ladder_counts(district, date(2026, 1, 1), library()))["high_tech"] == 2
