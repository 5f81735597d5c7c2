"""The rung that is kept with each enterprise is the one its titles say, on every day and after every change."""

import random
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.service import Draft, register
from backend.recognitions.ladder import programmes_on_ladder
from backend.recognitions.queries import keep_standings, standing
from backend.recognitions.service import RecognitionRefused, extend, revoke
from rules.library import library
from tests.factories import make_code, make_enterprise, make_recognition

FIRST, LAST = date(2022, 1, 1), date(2028, 12, 31)


async def kept(session: AsyncSession) -> dict[int, int]:
    """Order of the rung by enterprise, as kept."""
    found = await session.execute(text("SELECT id, rung_order FROM enterprise WHERE rung_order > 0"))
    return {row[0]: row[1] for row in found}


async def worked_out(session: AsyncSession, on: date) -> dict[int, int]:
    """The same, asked of the titles themselves."""
    found = await session.execute(text(f"SELECT * FROM {standing(library())} AS s"), {"on": on, "known_at": None})
    return {row[0]: row[1] for row in found}


def some_day(chance: random.Random) -> date:
    return FIRST + timedelta(days=chance.randrange((LAST - FIRST).days))


async def change_something(session: AsyncSession, chance: random.Random, numbers: list[int], titles: list[int]) -> None:
    """Grant, revoke, extend, list or register, at random."""
    number = chance.choice(numbers)
    match chance.randrange(6):
        case 0:
            numbers.append(await make_enterprise(session, listing_board=chance.choice(("", "star", "neeq"))))
        case 1 if titles:
            with suppress(RecognitionRefused):  # a day on which the title did not count
                await revoke(session, titles.pop(chance.randrange(len(titles))), some_day(chance), "复核不符合")
        case 2 if titles:
            await extend(session, titles.pop(chance.randrange(len(titles))), some_day(chance), "复核通过")
        case 3:
            code = await session.scalar(text("SELECT credit_code FROM enterprise WHERE id = :id"), {"id": number})
            name = await session.scalar(text("SELECT name FROM enterprise WHERE id = :id"), {"id": number})
            listed = Draft(name=str(name), credit_code=code, listing_board="bse", listed_on=some_day(chance))
            await register(session, [listed], FIRST)
        case _:
            programme = chance.choice(sorted(programmes_on_ladder(library())))
            titles.append(await make_recognition(session, number, programme, some_day(chance)))


@pytest.mark.parametrize("seed", range(4))
async def test_the_kept_rung_is_the_one_worked_out_whatever_changes(session: AsyncSession, seed: int):
    chance = random.Random(seed)
    numbers, titles = [await make_enterprise(session) for _ in range(12)], list[int]()
    shown: set[int] = set()
    for day in sorted(some_day(chance) for _ in range(10)):
        assert await keep_standings(session, day, library())
        for _ in range(6):
            await change_something(session, chance, numbers, titles)
            found = await kept(session)
            assert found == await worked_out(session, day)
            shown |= set(found.values())
    assert len(shown) > 2, "hardly anybody ever stood anywhere, so nothing was shown"


async def test_a_new_day_ends_what_was_valid_until_the_day_before(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", date(2023, 11, 6))
    await keep_standings(session, date(2026, 11, 5), library())
    before = await kept(session)
    await keep_standings(session, date(2026, 11, 6), library())
    assert (before.get(number), (await kept(session)).get(number)) == (2, None)


async def test_a_new_list_ends_the_titles_of_the_last_one_whoever_holds_them(session: AsyncSession):
    gazelle = await make_enterprise(session)
    await make_recognition(session, gazelle, "js_gazelle", date(2024, 11, 20))
    await keep_standings(session, date(2025, 12, 1), library())
    before = await kept(session)
    await make_recognition(session, await make_enterprise(session), "js_gazelle", date(2025, 11, 20))
    assert gazelle in before
    assert gazelle not in await kept(session)


async def test_a_day_gone_by_is_not_answered_from_what_is_kept(session: AsyncSession):
    await keep_standings(session, date(2026, 6, 30), library())
    assert not await keep_standings(session, date(2026, 6, 29), library())


async def test_many_granted_at_once_are_all_kept(session: AsyncSession):
    await keep_standings(session, date(2026, 6, 30), library())
    drafts = [
        Draft(name=f"泰州同批第{number}有限公司", credit_code=make_code(), listing_board="star") for number in range(30)
    ]
    registered = await register(session, drafts, date(2026, 6, 30))
    standings = await kept(session)
    assert [standings.get(number) for number in registered.ids] == [5] * 30
