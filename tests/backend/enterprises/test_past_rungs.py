"""Lists of who stood on a rung on a past day: the same out of sets, out of few, and out of the titles themselves."""

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import filtering, narrowing
from backend.enterprises.search import Filters, search
from backend.recognitions.ladder import BY_ID, RUNGS
from backend.recognitions.queries import standing
from backend.web import memory
from rules.library import library
from tests.factories import make_enterprise, make_recognition

DAYS = [today() - timedelta(days=one) for one in (5, 200, 500)]
TITLES = ("hnte", "tech_sme", "srdi_sme", "js_gazelle", "js_unicorn", "little_giant")
_WHAT_BECAME = (
    "UPDATE enterprise SET listing_board = 'star', listed_on = :day WHERE id = :id",
    "UPDATE enterprise SET listing_board = 'star' WHERE id = :id",
    "UPDATE enterprise SET status = 'cancelled', ended_on = :day WHERE id = :id",
    "INSERT INTO enterprise_end (enterprise_id, kind, ended_on, reason, recorded_at) VALUES (:id, 'cancelled', :day, '', now())",
    "UPDATE recognition SET revoked_on = :day WHERE enterprise_id = :id",
)


async def fill(session: AsyncSession, chance: Random) -> None:
    """Forty enterprises with titles that came and went, and what became of some."""
    for number in range(40):
        one = await make_enterprise(session, name=f"第{number}企业")
        for programme in chance.sample(TITLES, chance.choice((0, 1, 1, 2))):
            granted = today() - timedelta(days=chance.randrange(1, 1300))
            edition: dict[str, Any] = {"edition": granted.year} if programme == "js_gazelle" else {}
            await make_recognition(session, one, programme, granted, **edition)
        if number % 4 == 0:
            values = {"id": one, "day": chance.choice(DAYS) - timedelta(days=chance.randrange(-3, 4))}
            statement = chance.choice(_WHAT_BECAME)
            await session.execute(text(statement), {name: at for name, at in values.items() if f":{name}" in statement})


async def stood(session: AsyncSession, rung: str, on: date) -> set[int]:
    found = await session.execute(
        text(
            f"SELECT e.id FROM enterprise e LEFT JOIN {standing(library())} AS s ON s.enterprise_id = e.id"
            " WHERE coalesce(s.rung_order, 0) = :order"
            " AND (e.status = 'active' OR (e.status = 'cancelled' AND e.ended_on > :on))"
        ),
        {"on": on, "known_at": None, "order": 0 if rung == "none" else BY_ID[rung].order},
    )
    return set(found.scalars())


@pytest.mark.parametrize("few", [10_000, -1])
@pytest.mark.parametrize("is_large", [False, True])
async def test_a_list_of_a_past_rung_names_those_whose_titles_say_so(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, few: int, is_large: bool
):
    monkeypatch.setattr(memory, "LARGE", -1 if is_large else 100_000)
    monkeypatch.setattr(filtering, "FEW", few)
    for name in ("WALKED", "WALKED_ASKING", "TIMES", "MADE_OUT_OF"):
        monkeypatch.setattr(narrowing, name, 1)
    async with owner_unit_of_work(engine) as session:
        await fill(session, Random(11))
    met: set[Any] = set()
    async with unit_of_work(engine, Scope.city()) as session:
        for on in DAYS:
            for rung in ("none", *(one.id for one in RUNGS)):
                rows = (await search(session, Filters(rung=rung), on, library())).rows
                assert {row["id"] for row in rows} == await stood(session, rung, on), (rung, on)
                met |= {(rung, row["id"]) for row in rows}
    assert len(met) > 50
