"""Facts kept for the next simulation are those of the same reader and the same state, and no others."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import is_masked, owner_unit_of_work, unit_of_work
from backend.eligibility import kept as reading
from backend.eligibility.kept import KeptFacts, Registry
from rules.library import library
from tests.factories import make_enterprise, make_filing, make_recognition

HNTE = library().programme("hnte").pinned("2016")
SIZE = library().programme("large_medium_industrial").pinned("2011")


async def read(engine: AsyncEngine, kept: KeptFacts, scope: Scope | None = None, version: Any = HNTE) -> Registry:
    async with unit_of_work(engine, scope or Scope.city()) as session:
        return await kept.read(session, library(), [version])


@pytest.fixture
async def numbers(engine: AsyncEngine) -> list[int]:
    """Two enterprises in two districts, each with scientific staff."""
    found: list[int] = []
    async with owner_unit_of_work(engine) as session:
        for region in ("321282", "321283"):
            found.append(await make_enterprise(session, region_code=region))
            await make_filing(session, found[-1], {"sci_tech_staff": 10, "employees": 100}, year=2025)
    return found


async def test_the_same_state_is_read_once(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts()
    assert (await read(engine, kept)).population is (await read(engine, kept)).population


async def test_a_changed_fact_is_read_anew(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts()
    before = await read(engine, kept)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, numbers[0], {"sci_tech_staff": 20}, year=2026)
    facts = (await read(engine, kept)).population.facts(0)
    assert "2026" not in str(before.population.facts(0).yearly)
    assert facts.yearly["sci_tech_staff"][2026] == 20


async def test_a_title_and_an_enterprise_that_came_are_read_anew(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts()
    assert (await read(engine, kept)).population.facts(0).current["hnte_certificates"] == []
    async with owner_unit_of_work(engine) as session:
        await make_recognition(session, numbers[0], programme="hnte")
    assert (await read(engine, kept)).population.facts(0).current["hnte_certificates"]
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session)
    assert (await read(engine, kept)).population.size == 3


async def test_readers_of_different_scopes_share_nothing(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts()
    scopes = (Scope.city(), Scope.district("321282"), Scope.district("321283"), Scope.city())
    seen = [list((await read(engine, kept, scope)).population.ids) for scope in scopes]
    assert seen == [numbers, numbers[:1], numbers[1:], numbers]


async def test_another_version_adds_what_it_reads(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts()
    first = await read(engine, kept)
    added = await read(engine, kept, version=SIZE)
    alone = await read(engine, KeptFacts(), version=SIZE)
    assert added.known == first.known | alone.known
    for row in range(2):
        told, expected = (one.population.facts(row, alone.known) for one in (added, alone))
        assert (told.current, told.yearly) == (expected.current, expected.yearly)
        assert added.population.facts(row, first.known) == first.population.facts(row)


async def test_what_changes_while_it_is_read_is_not_kept(
    engine: AsyncEngine, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, really = KeptFacts(), reading.read_columns

    async def interrupted(session: AsyncSession, *args: Any, **named: Any) -> Any:
        found = await really(session, *args, **named)
        async with owner_unit_of_work(engine) as other:
            await make_enterprise(other)
        return found

    monkeypatch.setattr(reading, "read_columns", interrupted)
    sizes = [(await read(engine, kept)).population.size]
    monkeypatch.setattr(reading, "read_columns", really)
    sizes.append((await read(engine, kept)).population.size)
    # Begun anew each time, and read once more at last: three came while it was read, two of them before the last try.
    assert sizes == [4, 5]


async def test_what_is_too_large_is_not_kept(engine: AsyncEngine, numbers: list[int]) -> None:
    kept = KeptFacts(most_cells=10)
    first, second = await read(engine, kept), await read(engine, kept)
    assert first.population is not second.population
    assert list(first.population.ids) == list(second.population.ids) == numbers


async def test_who_may_not_read_tax_figures_reckons_with_them_and_still_may_not(
    engine: AsyncEngine, numbers: list[int]
) -> None:
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, numbers[0], {"sci_tech_staff": 33}, year=2025, source="tax")
    async with unit_of_work(engine, Scope.city().reading(tax=False, unmasking=False)) as session:
        registry = await KeptFacts().read(session, library(), [HNTE])
        assert is_masked(session)
    assert registry.population.facts(0) == (await read(engine, KeptFacts())).population.facts(0)
