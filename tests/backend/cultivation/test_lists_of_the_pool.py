"""The lists of the pool are read of what is kept and of indexes, and are what the plain question says, row for row."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from html import unescape
from itertools import product
from random import Random
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.cultivation import queries
from backend.cultivation.candidates import NEARNESS, candidates
from backend.cultivation.queries import PoolFilters, all_seen, board, list_by_id, list_entries, stage_counts
from backend.cultivation.service import is_recognised
from backend.cultivation.service_file import due_count, due_ids, due_items
from backend.cultivation.stages import STAGES
from backend.cultivation.visiting import QUIET_DAYS, Whose, to_visit
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.recognitions import never_applied as never
from rules.library import library
from tests.backend.cultivation.test_listed_work import ENTERPRISES, ON, PROGRAMMES, fill, live

ClientAs = Callable[..., Awaitable[AsyncClient]]
SCOPES = {
    "city": Scope.city(), "district": Scope.district("321202"), "park": Scope.of_park("321202", "海陵工业园区"),
}  # fmt: skip
ASKED = [
    PoolFilters(programme, ON.year, region, stage, officer)
    for programme, region, stage, officer in product(
        PROGRAMMES, ("", "321202"), ("", "cultivated", "out"), ("", "none", "1")
    )
]
_PLAIN = (
    "SELECT p.id FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id AND e.status = 'active'"
    " WHERE p.programme = :programme AND p.year = :year AND :region IN ('', e.region_code) AND :stage IN ('', p.stage)"
    " AND (:officer = '' OR coalesce(p.officer_id::text, 'none') = :officer)"
)
_STAGES = "array_position(ARRAY['discovered', 'cultivated', 'recommended', 'recognised', 'out'], p.stage::text)"
_OUTCOMES = ("eligible", "undetermined", "ineligible")


@pytest.fixture
async def registry(engine: AsyncEngine) -> AsyncEngine:
    """Forty enterprises of which something became, and what the rules say of each."""
    chance = Random(11)
    async with owner_unit_of_work(engine) as session:
        await fill(session, chance)
        for number, programme in product(range(1, ENTERPRISES + 1), PROGRAMMES):
            outcome = chance.choice(_OUTCOMES)
            await session.execute(
                text(
                    "INSERT INTO eligibility (enterprise_id, programme, version, outcome, is_likely, failed, unknown, missing,"
                    " as_of, run_id) VALUES (:id, :programme, '1', :outcome, :likely, :failed, '{}', :missing, :day, 0)"
                ),
                {
                    "id": number, "programme": programme, "outcome": outcome, "day": ON,
                    "likely": outcome == "undetermined" and chance.random() < 0.4,
                    "failed": ["a", "b", "c"][: chance.randrange(1, 4)] if outcome == "ineligible" else [],
                    "missing": ["a", "b", "c"][: chance.randrange(1, 4)] if outcome == "undetermined" else [],
                },
            )  # fmt: skip
        await live(session, chance)
    return engine


async def plain(session: AsyncSession, statement: str, values: dict[str, Any]) -> list[Any]:
    return list((await session.execute(text(statement), values)).scalars())


def asking(asked: PoolFilters) -> dict[str, Any]:
    names = ("programme", "year", "region", "stage", "officer")
    return {name: getattr(asked, name) for name in names}


@pytest.mark.parametrize("reader", SCOPES)
async def test_pages_of_the_list_are_those_of_the_plain_question(
    registry: AsyncEngine, monkeypatch: pytest.MonkeyPatch, reader: str
):
    monkeypatch.setattr(queries, "ROWS_A_PAGE", 4)
    async with unit_of_work(registry, SCOPES[reader]) as session:
        for asked in ASKED:
            said = await plain(session, f"{_PLAIN} ORDER BY {_STAGES}, p.moved_at, p.id", asking(asked))
            first = await list_entries(session, asked, ON)
            rows = [
                row["id"]
                for page in range(1, first.pages + 1)
                for row in (await list_entries(session, PoolFilters(**asking(asked), page=page), ON)).rows
            ]
            assert (rows, first.total) == (said, len(said)), asked
            assert [one.entry_id for one in await all_seen(session, asked)] == said
            by_id = [row["id"] for row in await list_by_id(session, asked, ON, 3, 5)]
            assert by_id == [one for one in sorted(said) if one > 3][:5]
            assert sum((await stage_counts(session, asked)).values()) == len(said)


@pytest.mark.parametrize("reader", SCOPES)
async def test_the_board_shows_of_each_stage_who_moved_last(
    registry: AsyncEngine, monkeypatch: pytest.MonkeyPatch, reader: str
):
    monkeypatch.setattr(queries, "CARDS_A_STAGE", 3)
    async with unit_of_work(registry, SCOPES[reader]) as session:
        for asked in ASKED:
            cards = await board(session, asked, ON)
            for stage in STAGES:
                where = f"{_PLAIN} AND p.stage = '{stage}' ORDER BY p.moved_at DESC, p.id DESC LIMIT 3"
                assert [row["id"] for row in cards[stage]] == await plain(session, where, asking(asked)), (asked, stage)


async def test_those_who_got_their_title_are_counted_as_the_rule_has_it(registry: AsyncEngine):
    counted = (
        "SELECT count(*) FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id AND e.status = 'active'"
        " WHERE p.programme = :programme AND p.year = :year AND p.stage NOT IN ('recognised', 'out')"
        f" AND {is_recognised()}"
    )
    found: list[int] = []
    async with unit_of_work(registry, Scope.city()) as session:
        for programme in PROGRAMMES:
            values = {"programme": programme, "year": ON.year, "on": ON}
            found.append(await queries.recognised_meanwhile(session, programme, ON.year, ON))
            assert [found[-1]] == await plain(session, counted, values)
    assert sum(found) > 0


_DUE = (
    "SELECT d.id FROM (SELECT id, enterprise_id, due_on, officer_id FROM service_step WHERE status = 'open' UNION ALL"
    " SELECT -id, enterprise_id, due_on, NULL FROM service_action WHERE status NOT IN ('solved', 'unsolvable')) AS d"
    " JOIN enterprise e ON e.id = d.enterprise_id AND e.status = 'active' WHERE d.due_on <= :until"
    " AND :region IN ('', e.region_code) AND (CAST(:officer AS integer) IS NULL OR d.officer_id = :officer OR d.enterprise_id"
    " IN (SELECT enterprise_id FROM pool_entry WHERE officer_id = :officer AND stage <> 'out'))"
    " ORDER BY d.due_on, d.enterprise_id, abs(d.id), d.id < 0"
)


@pytest.mark.parametrize("reader", SCOPES)
async def test_what_is_due_is_what_is_open_and_whose_day_comes(registry: AsyncEngine, reader: str):
    lengths: set[int] = set()
    async with unit_of_work(registry, SCOPES[reader]) as session:
        for days, officer, region in product((-1, 20, 90), (None, 1), ("", "321202")):
            until = ON + timedelta(days=days)
            values = {"until": until, "officer": officer, "region": region}
            rows = await due_items(session, until, officer, 500, region)
            said = await plain(session, _DUE, values)
            key = [(row["due_on"], row["enterprise_id"], row["id"]) for row in rows]
            assert (sorted(key), len(rows)) == (key, len(said)), values
            numbers = [row["id"] if row["thing"] == "step" else -row["id"] for row in rows]
            assert set(numbers) == set(said)
            lengths.add(len(said))
            if not region:
                assert await due_ids(session, until, officer) == numbers
                assert await due_count(session, until, officer) == len(said)
    assert len(lengths) > 2


@pytest.mark.parametrize("reader", SCOPES)
async def test_candidates_are_those_who_are_near_and_neither_in_the_pool_nor_holders(
    registry: AsyncEngine, reader: str
):
    lengths: set[int] = set()
    async with unit_of_work(registry, SCOPES[reader]) as session:
        for programme, near, region in product(PROGRAMMES, NEARNESS, ("", "321202")):
            said = await plain(
                session,
                "SELECT x.enterprise_id FROM eligibility x JOIN enterprise e ON e.id = x.enterprise_id AND e.status = 'active'"
                f" WHERE x.programme = :programme AND {NEARNESS[near][1]} AND :region IN ('', e.region_code)"
                " AND x.enterprise_id > 2 AND NOT EXISTS (SELECT FROM pool_entry p WHERE p.enterprise_id = e.id"
                " AND p.programme = :programme AND p.year = :year) AND NOT EXISTS (SELECT FROM recognition r WHERE"
                " r.enterprise_id = e.id AND r.programme = :programme AND r.superseded_at IS NULL AND r.revoked_on IS NULL"
                " AND r.valid_from <= make_date(:year, 12, 31) AND r.valid_to >= make_date(:year, 12, 31)) ORDER BY 1 LIMIT 25",
                {"programme": programme, "region": region, "year": ON.year + 1},
            )
            found = await candidates(session, library(), programme, ON.year + 1, near, ON, region, after=2)
            assert [one.row["id"] for one in found] == said, (programme, near, region)
            lengths.add(len(said))
    assert max(lengths) > 2


@pytest.mark.parametrize("reader", SCOPES)
async def test_who_never_applied_comes_in_the_order_of_the_plain_question(
    registry: AsyncEngine, monkeypatch: pytest.MonkeyPatch, reader: str
):
    monkeypatch.setattr(never, "A_PAGE", 3)
    sure = {
        "": "(x.outcome = 'eligible' OR x.is_likely)",
        "eligible": "x.outcome = 'eligible'",
        "likely": "x.is_likely",
    }
    lengths: set[int] = set()
    async with unit_of_work(registry, SCOPES[reader]) as session:
        for programme, outcome, region in product(PROGRAMMES, sure, ("", "321202")):
            said = await plain(
                session,
                "SELECT e.id FROM eligibility x JOIN enterprise e ON e.id = x.enterprise_id AND e.status = 'active'"
                f" WHERE x.programme = :programme AND {sure[outcome]} AND :region IN ('', e.region_code)"
                " AND NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = e.id AND r.programme = :programme"
                " AND r.superseded_at IS NULL) AND NOT EXISTS (SELECT FROM pool_entry p WHERE p.enterprise_id = e.id"
                " AND p.programme = :programme AND p.stage = 'recommended') ORDER BY (x.outcome = 'eligible') DESC, e.id",
                {"programme": programme, "region": region},
            )
            first = await never.never_applied(session, never.Wanted(programme, region, outcome))
            pages = [
                await never.never_applied(session, never.Wanted(programme, region, outcome, page))
                for page in range(1, first.pages + 2)
            ]
            assert [row["id"] for page in pages[:-1] for row in page.rows] == said, (programme, outcome, region)
            # A page past the last is the last.
            assert pages[-1] == pages[-2]
            assert {page.total for page in pages} == {len(said)}
            lengths.add(len(said))
    assert max(lengths) > 3


async def test_in_a_large_registry_those_who_never_applied_are_counted_after_the_rows(
    registry: AsyncEngine, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(never, "A_PAGE", 2)

    async def large(_: AsyncSession) -> bool:
        return True

    monkeypatch.setattr(never, "is_large", large)
    client = await client_as("city_officer")
    page = (await client.get("/recognitions/never-applied?programme=hnte")).text
    later = re.search(r'hx-get="([^"]+)" hx-trigger="load"', page)
    assert later is not None
    assert "共 2 家企业以上" in page
    headers = {"HX-Request": "true", "HX-Target": "count"}
    counted = (await client.get(unescape(later[1]), headers=headers)).text
    async with unit_of_work(registry, Scope.city()) as session:
        total = (await never.never_applied(session, never.Wanted("hnte"))).total
    assert total > 2
    assert f"共 {total} 家企业" in counted
    assert "以上" not in counted
    assert "<tr" not in counted


async def test_who_was_not_visited_for_long_is_found_in_the_order_of_waiting(registry: AsyncEngine):
    moment = datetime.combine(ON - timedelta(days=QUIET_DAYS), time.min, CHINA)
    async with unit_of_work(registry, Scope.city()) as session:
        for region in ("", "321202"):
            said = await plain(
                session,
                "SELECT p.enterprise_id FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id AND e.status = 'active'"
                " WHERE p.year = :year AND p.stage = 'cultivated' AND :region IN ('', e.region_code)"
                " AND p.moved_at < :moment",
                {"year": ON.year, "region": region, "moment": moment},
            )
            shown = await to_visit(session, library(), Whose(region=region), ON, 500)
            quiet = {one.enterprise_id for one in shown if any(why.kind == "quiet" for why in one.reasons)}
            named = {one.enterprise_id for one in shown}
            assert said
            assert set(said) <= named
            assert quiet <= set(said)
