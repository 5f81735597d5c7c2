"""What lists are narrowed by is counted beforehand: as many as the list is long, whatever became of its enterprises."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import search as searching
from backend.enterprises.queries import parks_in_use
from backend.enterprises.search import Filters, all_ids, search
from backend.plans.kept import rebuild_kept_counts
from backend.recognitions.queries import keep_standings
from backend.web.memory import Memory
from rules.library import library
from tests.backend.plans.conftest import insert
from tests.factories import make_recognition

PLACES = (("321202", ""), ("321202", "海陵工业园区"), ("321203", ""), ("321283", "泰兴高新区"))
SCOPES = {
    "city": Scope.city(), "district": Scope.district("321202"), "park": Scope.of_park("321202", "海陵工业园区"),
    "enterprise": Scope.enterprise(3), "nobody": Scope(),
}  # fmt: skip
ASKED = [
    Filters(region=region, rung=rung, industry=industry, park=park)
    for region, rung, industry, park in product(
        ("", "321202"), ("", "none", "high_tech"), ((), ("27",), ("27", "34")), ("", "海陵工业园区")
    )
]
DAYS = (today(), today() - timedelta(days=40), today() + timedelta(days=40))
_EVENTS = (
    "UPDATE enterprise SET status = 'cancelled', ended_on = :day WHERE id = :id",
    "UPDATE enterprise SET status = 'merged' WHERE id = :id",
    "UPDATE enterprise SET region_code = '321203', park = '' WHERE id = :id",
    "UPDATE enterprise SET park = '海陵工业园区' WHERE id = :id AND region_code = '321202'",
    "UPDATE enterprise SET industry_code = '3411' WHERE id = :id",
    "UPDATE enterprise SET listing_board = 'star' WHERE id = :id",
    "UPDATE enterprise SET rung_order = rung_order, name = name || '新' WHERE id = :id",
    "DELETE FROM recognition WHERE enterprise_id = :id",
    "UPDATE enterprise SET status = 'withdrawn' WHERE id = :id",
)  # fmt: skip


async def fill(engine: AsyncEngine, chance: Random) -> None:
    """Sixty enterprises on different rungs, and then what may become of them, in statements of their own."""
    async with owner_unit_of_work(engine) as session:
        for number in range(1, 61):
            region, park = chance.choice(PLACES)
            values: dict[str, Any] = {
                "id": number, "name": f"第{number}企业", "match_key": f"第{number}企业", "search_text": f"第{number}企业",
                "region_code": region, "park": park, "town": "", "address": "", "status": "active", "listing_board": "",
                "industry_code": chance.choice(("27", "2720", "3450", "")), "revision": 1,
            }  # fmt: skip
            await insert(session, "enterprise", values)
            if chance.random() < 0.5:
                await make_recognition(session, number, "hnte", today() - timedelta(days=90))
    ids = iter(chance.sample(range(4, 61), 3 * len(_EVENTS)))
    for event, day in product(_EVENTS, DAYS):
        values = {"id": next(ids), "day": day}
        async with owner_unit_of_work(engine) as session:
            await session.execute(text(event), {name: one for name, one in values.items() if f":{name}" in event})
            await keep_standings(session, today(), library())


@pytest.mark.parametrize("reader", SCOPES)
async def test_each_list_is_as_long_as_its_count(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, reader: str):
    monkeypatch.setattr(searching, "PAGE_SIZE", 1)
    await fill(engine, Random(5))
    within = {"district": "321202", "park": "321202"}.get(reader, "")
    lengths: set[int] = set()
    async with unit_of_work(engine, SCOPES[reader]) as session:
        for filters, on in product(ASKED, DAYS):
            asked = replace(filters, within=within)
            total = (await search(session, asked, on, library())).total
            assert total == len(await all_ids(session, asked, on, library())), (asked, on)
            lengths.add(total)
    assert len(lengths) > {"city": 9, "district": 4, "park": 2, "enterprise": 1, "nobody": 0}[reader]


async def _counted(engine: AsyncEngine) -> dict[Filters, int]:
    async with unit_of_work(engine, Scope.city()) as session:
        return {one: (await search(session, one, today(), library())).total for one in ASKED}


async def test_gathered_rows_count_as_many(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching, "PAGE_SIZE", 1)
    await fill(engine, Random(6))
    before = await _counted(engine)
    monkeypatch.setattr(searching, "MOST_APART", 0)
    assert await _counted(engine) == before
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(text("SELECT bool_and(is_gathered), min(enterprises) FROM listed_tally"))
        assert found.one() == (True, 1)
    assert await _counted(engine) == before


async def test_made_anew_nothing_is_different(engine: AsyncEngine):
    await fill(engine, Random(7))
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) == 0


async def test_making_anew_says_what_had_been_wrong_and_mends_it(engine: AsyncEngine):
    await fill(engine, Random(7))
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE listed_tally SET enterprises = enterprises + 1 WHERE division = '27'"))
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) > 0
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) == 0


async def test_nobody_but_the_database_writes_what_is_kept(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        granted = "SELECT has_table_privilege(current_user, 'listed_tally', 'INSERT, UPDATE, DELETE')"
        assert await session.scalar(text(granted)) is False


async def test_the_parks_to_choose_from_are_those_of_the_readers_place(engine: AsyncEngine):
    await fill(engine, Random(8))
    for scope, parks in ((Scope.city(), ["海陵工业园区", "泰兴高新区"]), (Scope.district("321283"), ["泰兴高新区"])):
        async with unit_of_work(engine, scope) as session:
            assert sorted(await parks_in_use(session)) == sorted(parks)


async def test_whoever_is_given_to_an_officer_is_missing_from_the_count_of_the_others(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(searching, "PAGE_SIZE", 1)
    await fill(engine, Random(8))
    remembered, asked, totals = Memory(), Filters(officer="none"), list[int]()
    for given in ((), (1, 2, 3)):
        async with owner_unit_of_work(engine) as session:
            if given:
                await _give(session, given)
        async with unit_of_work(engine, Scope.city()) as session:
            totals.append((await search(session, asked, today(), library(), remembered)).total)
    assert totals[0] - totals[1] == 3


async def _give(session: AsyncSession, enterprises: tuple[int, ...]) -> None:
    person = (
        "INSERT INTO person (login, name, password_hash, role, region_code, is_active, must_change_password,"
        " failed_sign_ins) VALUES ('zhang', '张三', '', 'city_officer', '', true, false, 0) RETURNING id"
    )
    officer = await session.scalar(text(person))
    for number in enterprises:
        await session.execute(
            text("INSERT INTO enterprise_officer (enterprise_id, officer_id) VALUES (:id, :officer)"),
            {"id": number, "officer": officer},
        )
