"""What is counted beforehand is what the definition counts: whatever was written, on any day, known when, for whoever asks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.plans import counting
from backend.plans import members as members_module
from backend.plans.documents import plans_of_files
from backend.plans.facets import By, within_of
from backend.plans.kept import (
    population_kept,
    programmes_kept,
    rebuild_kept_counts,
    recheck_kept_counts,
    settle_kept_counts,
)
from backend.plans.members import PARTS, members, tally
from backend.plans.rollup import RolledUp, roll_up
from backend.plans.territory import Division
from rules.plan import Target
from tests.backend.plans.conftest import LONG_AGO, insert

ALL = [target for plan in plans_of_files().values() for target in plan.targets]
KEPT = [target for target in ALL if programmes_kept(target)]
RATIOS = [target for target in ALL if population_kept(target)]
#: One of several programmes, one of a single one; a ratio of a plain whole, one of a mixed one.
COUNTS = [next(one for one in KEPT if (len(programmes_kept(one)) > 1) is several) for several in (True, False)]
SHARES = [
    next(one for one in RATIOS if bool(getattr(population_kept(one), "any_of", ())) is several)
    for several in (False, True)
]
FEW = COUNTS + SHARES
NARROWED = [within_of(), within_of(park="海陵工业园区"), within_of(park="-"), within_of(chain="化学药"), within_of(chain="-"),
            within_of(industry="34"), within_of(chain="生物药", industry="C")]  # fmt: skip
PROGRAMMES = sorted({name for target in KEPT for name in programmes_kept(target)})
PLACES = (("321202", ""), ("321202", "海陵工业园区"), ("321203", ""), ("321283", "泰兴高新区"), ("320706", ""))
SCOPES = (Scope.city(), Scope.district("321202"), Scope.of_park("321202", "海陵工业园区"), Scope.enterprise(3), Scope())
START = datetime(2021, 1, 1, tzinfo=UTC)


def some_day(chance: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=chance.randrange(2600))


def some_moment(chance: Random) -> datetime:
    return START + timedelta(hours=chance.randrange(60_000))


async def _enterprise(session: AsyncSession, chance: Random, number: int) -> None:
    region, park = chance.choice(PLACES)
    name = f"第{chance.randrange(1000)}号{number}企业"
    await insert(session, "enterprise", {
        "id": number, "name": name, "match_key": name, "search_text": name, "region_code": region, "park": park,
        "town": "", "address": "", "industry_code": chance.choice(("3450", "3450", "6513", "")), "status": "active", "listing_board": "", "revision": 1,
        "is_above_scale": chance.choice((True, True, False, None)),
        "created_at": chance.choice((LONG_AGO, LONG_AGO, some_moment(chance), datetime.now(UTC))),
    })  # fmt: skip
    for year in chance.sample((2021, 2023, 2024), chance.randrange(4)):
        size = chance.choice(("large", "medium", "small", None))
        await insert(session, "fact_yearly", {"enterprise_id": number, "year": year, "size_class": size})
    for chain in chance.sample(("化学药", "生物药"), chance.randrange(3)):
        await insert(session, "enterprise_chain", {"enterprise_id": number, "chain": chain})
    if chance.random() < 0.3:
        stated = json.dumps([{"type": "enterprise_technology_centre", "granted_on": some_day(chance).isoformat()}])
        await insert(session, "fact_current", {"enterprise_id": number, "rd_institutions": stated})


async def _title(session: AsyncSession, chance: Random, enterprise: int) -> None:
    """Any title: some follow upon another, some lie over it, some were corrected, some end before they begin."""
    first, recorded = some_day(chance), some_moment(chance)
    corrected = recorded + timedelta(days=chance.randrange(300)) if chance.random() < 0.4 else None
    values: dict[str, Any] = {
        "enterprise_id": enterprise, "programme": chance.choice(PROGRAMMES), "level": "", "batch": "", "kind": "granted",
        "number": str(chance.random()), "granted_on": first, "valid_from": first, "revocation_reason": "", "notice": "",
        "valid_to": chance.choice((None, first + timedelta(days=chance.choice((365, 1095))))), "printed_name": "",
        "revoked_on": chance.choice((None, None, first + timedelta(days=chance.randrange(-2, 500)))),
        "source": "spreadsheet", "recorded_at": recorded, "superseded_at": corrected,
    }  # fmt: skip
    await insert(session, "recognition", values)
    if corrected is not None:
        later = values["valid_to"] and values["valid_to"] + timedelta(days=chance.randrange(-100, 400))
        await insert(
            session, "recognition", values | {"recorded_at": corrected, "superseded_at": None, "valid_to": later}
        )


_MERGE = (
    "WITH merged AS (INSERT INTO enterprise_merge (absorbed_id, survivor_id, reason, before)"
    " VALUES (:id, 1, '', '{}') RETURNING id)"
    " INSERT INTO enterprise_alias (merge_id, absorbed_id, survivor_id, known_from) SELECT id, :id, 1, :moment FROM merged"
)
_END = "INSERT INTO enterprise_end (enterprise_id, kind, ended_on, reason, recorded_at) VALUES (:id, 'cancelled', :day, '', :moment)"
_MOVE = (
    "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from, valid_to) VALUES"
    " (:id, '321281', '', '', NULL, CAST(:day AS date) - 1), (:id, '321203', '', '', :day, NULL)"
)
_KNOWN_SINCE = "UPDATE enterprise_place SET known_to = :moment WHERE enterprise_id = :id"
_FROM_DAY = "WITH since AS MATERIALIZED (SELECT set_config('tidu.trait_from', CAST(CAST(:day AS date) AS text), true))"
_EVENTS = (
    _MERGE,
    _END,
    "UPDATE enterprise SET ended_on = :day, status = 'cancelled' WHERE id = :id",
    _MOVE,
    "UPDATE enterprise SET region_code = '321203', park = '' WHERE id = :id",
    "UPDATE enterprise SET park = '海陵工业园区' WHERE id = :id",
    "UPDATE recognition SET superseded_at = now() WHERE enterprise_id = :id AND superseded_at IS NULL",
    "UPDATE recognition SET revoked_on = :day WHERE enterprise_id = :id",
    "UPDATE recognition SET enterprise_id = 2 WHERE enterprise_id = :id",
    "DELETE FROM recognition WHERE enterprise_id = :id",
    "DELETE FROM enterprise_chain WHERE enterprise_id = :id AND chain = '化学药'",
    "DELETE FROM enterprise_chain WHERE enterprise_id = :id",
    "INSERT INTO enterprise_chain (enterprise_id, chain) VALUES (:id, '特钢')",
    "UPDATE enterprise_chain SET enterprise_id = 2, chain = '原 ' || :id WHERE enterprise_id = :id AND chain = '生物药'",
    "UPDATE enterprise SET industry_code = '2710' WHERE id = :id",
    "UPDATE enterprise SET is_above_scale = NOT coalesce(is_above_scale, false) WHERE id = :id",
    f"{_FROM_DAY} UPDATE enterprise SET industry_code = '2710', is_above_scale = false FROM since WHERE id = :id",
    f"{_FROM_DAY} DELETE FROM enterprise_chain USING since WHERE enterprise_id = :id",
)  # fmt: skip


async def fill(engine: AsyncEngine, chance: Random) -> None:
    """Sixty enterprises with titles of all kinds, and then whatever may become of them, in statements of their own."""
    async with owner_unit_of_work(engine) as session:
        for number in range(1, 61):
            await _enterprise(session, chance, number)
            for _ in range(chance.randrange(6)):
                await _title(session, chance, number)
    ids = iter(chance.sample(range(3, 61), 3 * len(_EVENTS)))
    for event in _EVENTS * 3:
        values = {"id": next(ids), "day": some_day(chance), "moment": some_moment(chance)}
        async with owner_unit_of_work(engine) as session:
            await session.execute(text(event), {name: one for name, one in values.items() if f":{name}" in event})
            await session.execute(text(_KNOWN_SINCE), {"id": values["id"], "moment": values["moment"]})


@contextmanager
def by_definition(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nothing were kept."""

    async def nobody(*_: object) -> None: ...

    with monkeypatch.context() as changed:
        changed.setattr(counting, "counted_apart", nobody)
        changed.setattr(members_module, "counted_apart", nobody)
        yield


def told(rolled: RolledUp) -> dict[Any, Any]:
    return {key: (figure.counted, figure.whole, figure.answered) for key, figure in rolled.figures.items()}


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_kept_is_what_the_definition_counts(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int
):
    chance = Random(seed)
    await fill(engine, chance)
    seen = 0
    for scope in SCOPES:
        for known_at in (None, some_moment(chance), some_moment(chance)):
            days = sorted({some_day(chance) for _ in range(8)})
            for division in Division:
                async with unit_of_work(engine, scope) as session:
                    kept = told(await roll_up(session, KEPT + RATIOS, days, known_at=known_at, division=division))
                    with by_definition(monkeypatch):
                        plain = told(await roll_up(session, KEPT + RATIOS, days, known_at=known_at, division=division))
                assert kept == plain, (scope, known_at, division)
                seen += sum(counted for counted, _, _ in plain.values())
    assert seen > 1000


async def test_of_a_register_that_is_complete_all_is_answered(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    await fill(engine, Random(6))
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text(
                "INSERT INTO register_declaration (register_id, complete_on, note) VALUES ('institutions', '2026-01-01', '')"
            )
        )
    async with unit_of_work(engine, Scope.city()) as session:
        kept = told(await roll_up(session, RATIOS, [date(2025, 6, 30)]))
        with by_definition(monkeypatch):
            assert kept == told(await roll_up(session, RATIOS, [date(2025, 6, 30)]))
    whole = {
        name: whole for (name, _, region), (_, whole, answered) in kept.items() if whole == answered and not region
    }
    assert whole
    assert all(whole.values())


async def test_a_page_of_a_list_is_a_part_of_the_whole_list(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    chance = Random(5)
    await fill(engine, chance)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("ANALYZE enterprise"))
    for most_asked in (0, members_module.MOST_ASKED):
        monkeypatch.setattr(members_module, "MOST_ASKED", most_asked)
        for scope in SCOPES[:3]:
            for target in FEW:
                day, known_at = some_day(chance), chance.choice((None, some_moment(chance)))
                async with unit_of_work(engine, scope) as session:
                    for part in PARTS if target in RATIOS else ("counted",):
                        asked = {"on": day, "known_at": known_at, "part": part, "within": chance.choice(NARROWED)}
                        await _check_pages(session, monkeypatch, target, asked)


async def _check_pages(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, target: Target, asked: dict[str, Any]
) -> None:
    with by_definition(monkeypatch):
        whole = await members(session, target, **asked)
    assert whole is not None
    for offset in (0, 4, 1000):
        page = await members(session, target, **asked, limit=7, offset=offset)
        assert page is not None
        assert page.rows == whole.rows[offset : offset + 7], (target.id, asked)
        assert page.total == whole.total == len(whole.rows), (target.id, asked)


async def test_what_a_list_is_told_apart_by_is_what_the_definition_says(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    chance = Random(8)
    await fill(engine, chance)
    seen = 0
    for target in FEW:
        for by in By:
            asked: dict[str, Any] = {
                "on": some_day(chance), "by": by, "known_at": chance.choice((None, some_moment(chance))),
                "within": chance.choice(NARROWED[:4]), "part": chance.choice(list(PARTS) if target in RATIOS else ["counted"]),
            }  # fmt: skip
            async with unit_of_work(engine, Scope.city()) as session:
                kept = await tally(session, target, **asked)
                with by_definition(monkeypatch):
                    assert kept == await tally(session, target, **asked), (target.id, asked)
                seen += len(kept or ())
    assert seen > 10


async def test_spans_of_one_enterprise_never_overlap(engine: AsyncEngine):
    await fill(engine, Random(9))
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT count(*) FROM title_span a JOIN title_span b USING (enterprise_id, programme)"
                " WHERE a.ctid < b.ctid AND a.first_on <= b.last_on AND b.first_on <= a.last_on"
                " AND a.known_from < b.known_to AND b.known_from < a.known_to"
            )
        )
        assert found.scalar_one() == 0
        assert (await session.execute(text("SELECT count(*) > 100 FROM title_span"))).scalar_one()


async def test_made_anew_nothing_is_different(engine: AsyncEngine):
    await fill(engine, Random(4))
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) == 0


async def test_made_anew_what_is_asked_for_together_lies_together(engine: AsyncEngine):
    await fill(engine, Random(4))
    async with owner_unit_of_work(engine) as session:
        await rebuild_kept_counts(session)
        found = await session.execute(text("SELECT programme FROM title_tally ORDER BY ctid"))
        programmes = list(found.scalars())
    assert programmes == sorted(programmes)
    assert len(set(programmes)) > 3


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE title_tally SET enterprises = enterprises + 1 WHERE programme = 'hnte'",
        "UPDATE enterprise_tally SET enterprises = enterprises + 1",
        "DELETE FROM counted_enterprise WHERE enterprise_id < 9",
    ],
)
async def test_making_anew_says_what_had_been_wrong_and_mends_it(engine: AsyncEngine, wrong: str):
    await fill(engine, Random(4))
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(wrong))
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) > 0
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE title_tally SET enterprises = enterprises + 1 WHERE programme = 'hnte'",
        "UPDATE enterprise_tally SET enterprises = enterprises + 1",
        "DELETE FROM counted_enterprise WHERE enterprise_id < 9",
        "DELETE FROM title_span WHERE enterprise_id < 9",
        "UPDATE title_span SET industry = '01' WHERE enterprise_id < 30",
        "UPDATE listed_tally SET enterprises = enterprises + 1",
    ],
)
async def test_rechecked_portion_by_portion_what_had_been_wrong_is_mended(engine: AsyncEngine, wrong: str):
    await fill(engine, Random(4))
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(wrong))
    async with owner_unit_of_work(engine) as session:
        found = [await recheck_kept_counts(session, range(first, first + 20)) for first in (1, 21, 41)]
    async with owner_unit_of_work(engine) as session:
        found.append(await settle_kept_counts(session))
    assert sum(found) > 0
    async with owner_unit_of_work(engine) as session:
        assert await recheck_kept_counts(session, range(1, 61)) + await settle_kept_counts(session) == 0
        assert await rebuild_kept_counts(session) == 0


async def test_a_settled_tally_holds_each_sum_once(engine: AsyncEngine):
    await fill(engine, Random(4))
    async with owner_unit_of_work(engine) as session:
        await settle_kept_counts(session)
        for table in ("title_tally", "enterprise_tally"):
            found = await session.execute(
                text(f"SELECT count(*), count(DISTINCT to_jsonb(t) - 'enterprises') FROM {table} t")
            )
            rows, sums = found.one()
            assert rows == sums > 0


async def test_two_who_write_of_one_enterprise_at_once_are_both_counted(engine: AsyncEngine):
    chance = Random(3)
    async with owner_unit_of_work(engine) as session:
        await _enterprise(session, chance, 1)
        await _title(session, chance, 1)
    values = {"enterprise_id": 1, "programme": "hnte", "level": "", "batch": "", "kind": "granted", "number": "", "notice": "",
              "revocation_reason": "", "printed_name": "", "source": "spreadsheet", "granted_on": date(2024, 1, 1)}  # fmt: skip
    async with AsyncSession(engine) as first:
        await insert(first, "recognition", values | {"valid_from": date(2024, 1, 1), "valid_to": date(2024, 6, 30)})
        second = _write_another(engine, values | {"valid_from": date(2024, 3, 1), "valid_to": date(2024, 12, 31)})
        import asyncio

        waiting = asyncio.create_task(second)
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
        await first.commit()
        await waiting
    async with owner_unit_of_work(engine) as session:
        assert await rebuild_kept_counts(session) == 0


async def _write_another(engine: AsyncEngine, values: dict[str, Any]) -> None:
    async with owner_unit_of_work(engine) as session:
        await insert(session, "recognition", values)


@pytest.mark.parametrize("table", ["title_span", "title_tally", "counted_enterprise", "enterprise_tally"])
async def test_nobody_but_the_database_writes_what_is_kept(engine: AsyncEngine, table: str):
    async with unit_of_work(engine, Scope.city()) as session:
        found = await session.execute(
            text("SELECT has_table_privilege(current_user, :table, 'INSERT, UPDATE, DELETE')"), {"table": table}
        )
        assert found.scalar_one() is False
