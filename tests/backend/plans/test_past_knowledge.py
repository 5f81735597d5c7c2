"""What was known of figures and institutions at a moment: out of the filings that name them, found by their own indexes."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.service import project
from backend.plans.asked_days import Asked
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.plans.sets import sets_of
from rules.library import library
from rules.plan import Target
from tests.backend.plans.changing import forget
from tests.backend.plans.conftest import LONG_AGO, MakeEnterprise, insert
from tests.backend.plans.test_traits import by_definition
from tests.factories import make_filing

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
HUNDRED_YI = 1_000_000  # 100亿元 in 万元, as filings have it
LARGE = target_named("T004-25")[1]
COVERED = target_named("T000-07")[1]
#: Of an enterprise and a year the last word: (received on, amount, recorded at).
Said = dict[tuple[int, int], list[tuple[date, int, datetime]]]


async def counted(session: AsyncSession, target: Target, day: date, known_at: datetime) -> int | None:
    return (await roll_up(session, [target], [day], known_at=known_at)).of(target, day).counted


@pytest.mark.parametrize("seed", range(3))
async def test_large_enterprises_are_those_whose_last_known_figure_is_large(
    session: AsyncSession, make_enterprise: MakeEnterprise, seed: int
):
    chance = Random(seed)
    said: Said = {}
    for _ in range(12):
        enterprise = await make_enterprise()
        for _ in range(chance.randrange(1, 6)):
            year, received_on = chance.randint(2021, 2024), date(2026, 1, 1) + timedelta(days=chance.randrange(200))
            amount = chance.choice((HUNDRED_YI, HUNDRED_YI - 1, 5, 3 * HUNDRED_YI))
            recorded_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(150))
            # As a row: a filing that says nothing new is not taken in at all.
            await insert(session, "filing", {
                "enterprise_id": enterprise, "source": "self_declared", "year": year, "received_on": received_on, "note": "",
                "values": json.dumps({"operating_revenue": amount}), "recorded_at": recorded_at,
            })  # fmt: skip
            said.setdefault((enterprise, year), []).append((received_on, amount, recorded_at))
    for known_at in (MOMENT, MOMENT + timedelta(days=60)):
        for day in (date(2022, 6, 30), date(2024, 6, 30), date(2025, 6, 30)):
            assert await counted(session, LARGE, day, known_at) == _large(said, day, known_at), (day, known_at)


def _large(said: Said, day: date, known_at: datetime) -> int:
    """Those whose figure of the latest completed year is large, by what had been recorded."""
    latest: dict[int, tuple[int, int]] = {}
    for (enterprise, year), words in said.items():
        known = [
            (received_on, number, amount) for number, (received_on, amount, at) in enumerate(words) if at <= known_at
        ]
        if known and year < day.year and year > latest.get(enterprise, (0, 0))[0]:
            latest[enterprise] = (year, max(known)[2])
    return sum(1 for _, amount in latest.values() if amount >= HUNDRED_YI)


SIZED = target_named("T001-08")[1]


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "by definition"])
@pytest.mark.parametrize("seed", range(2))
async def test_large_and_medium_enterprises_are_those_of_the_latest_year_that_was_over_and_known(
    session: AsyncSession, make_enterprise: MakeEnterprise, monkeypatch: pytest.MonkeyPatch, seed: int, is_kept: bool
):
    if not is_kept:
        by_definition(monkeypatch)
    chance, said = Random(seed), dict[tuple[int, int], list[tuple[date, str, datetime]]]()
    ids = [await make_enterprise(SIZED.region, created_at=LONG_AGO, is_above_scale=False) for _ in range(12)]
    for enterprise in ids:
        for _ in range(chance.randrange(1, 6)):
            year, received_on = chance.randint(2021, 2024), date(2026, 1, 1) + timedelta(days=chance.randrange(200))
            size = chance.choice(("large", "medium", "small", "micro"))
            recorded_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(150))
            await insert(session, "filing", {
                "enterprise_id": enterprise, "source": "spreadsheet", "year": year, "received_on": received_on, "note": "",
                "values": json.dumps({"size_class": size}), "recorded_at": recorded_at,
            })  # fmt: skip
            said.setdefault((enterprise, year), []).append((received_on, size, recorded_at))
    await project(session, ids, library().catalogue)
    for known_at in (MOMENT, MOMENT + timedelta(days=60), None):
        days = [date(2022, 6, 30), date(2024, 6, 30), date(2025, 6, 30)]
        rolled = await roll_up(session, [SIZED], days, known_at=known_at)
        for day in days:
            expected = _of_size(said, day, known_at)
            assert rolled.of(SIZED, day).whole == len(expected), (day, known_at)
            listed = await members(session, SIZED, day, known_at=known_at, part="whole", limit=20)
            assert listed is not None
            assert {one.id for one in listed.rows} == expected


def _of_size(
    said: Mapping[tuple[int, int], list[tuple[date, str, datetime]]], day: date, known_at: datetime | None
) -> set[int]:
    """Those whose size of the latest completed year with one is large or medium, by what had been recorded."""
    latest: dict[int, tuple[int, str]] = {}
    for (enterprise, year), words in said.items():
        known = [
            (received_on, number, size)
            for number, (received_on, size, at) in enumerate(words)
            if known_at is None or at <= known_at
        ]
        if known and year < day.year and year > latest.get(enterprise, (0, ""))[0]:
            latest[enterprise] = (year, max(known)[2])
    return {enterprise for enterprise, (_, size) in latest.items() if size in ("large", "medium")}


async def test_an_institution_counts_as_soon_as_it_was_told(session: AsyncSession, make_enterprise: MakeEnterprise):
    enterprise = await make_enterprise(is_above_scale=True, created_at=LONG_AGO)
    await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
    await forget(session, enterprise)
    centre = {"type": "enterprise_technology_centre", "level": "provincial", "granted_on": "2024-05-01"}
    await make_filing(session, enterprise, {"rd_institutions": [centre]}, year=None, recorded_at=MOMENT)
    assert await counted(session, COVERED, date(2025, 6, 30), MOMENT - timedelta(days=1)) == 0
    assert await counted(session, COVERED, date(2025, 6, 30), MOMENT) == 1
    assert await counted(session, COVERED, date(2024, 4, 30), MOMENT) == 0


@pytest.mark.parametrize(
    ("target", "index"),
    # By an index from 1, from 10 or from 100 亿元 on: of an empty table all are as good.
    [(LARGE, "filing_of_larg"), (COVERED, "filing_of_institutions")],
    ids=["revenue", "institutions"],
)
async def test_past_figures_are_found_by_an_index_of_their_own(session: AsyncSession, target: Target, index: str):
    asked = Asked((date(2025, 6, 30),), MOMENT)
    sets = sets_of(target, asked)
    assert sets is not None
    await session.execute(text("SET LOCAL enable_seqscan = off"))
    plan = await session.execute(text(f"EXPLAIN {sets.counted}"), _used(sets.counted, asked.parameters))
    assert index in "\n".join(plan.scalars())


def _used(statement: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if f":{name}" in statement}
