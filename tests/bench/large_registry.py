"""A registry as large as a big city's, invented, in a database that is gone afterwards, or kept if that is wished.

The demo's enterprises, written by COPY beside the services: what those do for each row is measured elsewhere, and
would take an hour here. Results of the rules are worked out for a sample and repeated over all.

    TIDU_BENCH_SIZE=1000000 TIDU_BENCH_FOLDER=/data/million python -m tests.bench pages plans

loads a million into that folder (some twenty-five minutes, thirty gigabytes) and keeps it; asked again with the same
folder, the registry there is brought up to the present migrations and measured as it stands, whatever size it has.
Without TIDU_BENCH_FOLDER each run loads a registry of its own. What a measurement writes into a kept one it undoes.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA, today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.session import copy_rows, owner_unit_of_work
from backend.demo.population import Invented, population
from backend.eligibility.service import evaluate
from backend.enterprises.names import match_key
from backend.enterprises.naming import search_text
from backend.enterprises.schemas import FormerName
from backend.filings.projection_tables import CURRENT_TABLE, NONE_DAY, YEARLY_TABLE
from backend.plans.kept import rebuild_kept_counts
from backend.recognitions.queries import keep_standings
from backend.recognitions.service import last_day
from rules.catalogue import Catalogue, Type
from rules.library import Library, library
from tests.bench.figure import tell
from tests.bench.large_pool import fill_pool
from tests.conftest import open_folder

#: Enterprises; TIDU_BENCH_SIZE=1000000 asks for more.
SIZE = int(os.environ.get("TIDU_BENCH_SIZE", "100000"))
#: A data folder that is kept and used again; empty makes one that is gone afterwards.
KEPT = os.environ.get("TIDU_BENCH_FOLDER", "")
#: Lies in a kept folder as soon as all of it is loaded.
LOADED = "loaded.json"
#: Enterprises that the rules are really evaluated for.
SAMPLE = 400
PORTION = 20_000
FEN_PER_WAN = 1_000_000

_held = ExitStack()
_urls: list[str] = []


@asynccontextmanager
async def large_registry() -> AsyncGenerator[AsyncEngine]:
    """An engine on the registry, which is loaded when it is first asked for and kept for the whole run."""
    if not _urls:
        _urls.append(await _opened())
    engine = make_engine(_urls[0])
    try:
        yield engine
    finally:
        await engine.dispose()


async def _opened() -> str:
    """The address of a loaded registry."""
    folder = Path(KEPT) if KEPT else _held.enter_context(open_folder())
    folder.mkdir(parents=True, exist_ok=True)
    url = _held.enter_context(embedded_server(folder, durable=False)).url()
    loaded_before = folder / LOADED
    if loaded_before.exists():
        tell(f"{loaded_before.read_text().strip()} in {folder}, used again")
        engine = make_engine(url)
        await upgrade(engine)
        await _fill_empty_pool(engine)
        await engine.dispose()
        return url
    await load(url)
    loaded_before.write_text(json.dumps({"enterprises": SIZE, "loaded_on": today().isoformat()}) + "\n")
    return url


async def _fill_empty_pool(engine: AsyncEngine) -> None:
    """Registries that were loaded before there was a pool in them get one."""
    async with owner_unit_of_work(engine) as session:
        if not await session.scalar(text("SELECT EXISTS (SELECT FROM service_visit)")):
            await fill_pool(session)


def close() -> None:
    """Stop the server, and remove its folder unless it is kept, if there ever was one."""
    _urls.clear()
    _held.close()


async def load(url: str, size: int = SIZE) -> None:
    """Fill an empty database."""
    start = perf_counter()
    engine = make_engine(url)
    await upgrade(engine)
    rules = library()
    indexes = await _without_indexes(engine)
    # The demo adds a twelfth for its second city.
    people = population(size * 12 // 13, today())
    number = 0
    while portion := list(islice(people, PORTION)):
        async with owner_unit_of_work(engine) as session:
            await _write(session, list(enumerate(portion, number + 1)), rules)
        number += len(portion)
        tell(f"{number:,} enterprises written after {perf_counter() - start:.0f} s")
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("SELECT setval('enterprise_id_seq', :last)"), {"last": number})
        await _evaluate_a_sample(session, rules)
        # Before the indexes: a million rows are written anew, each in all of them otherwise.
        await keep_standings(session, today(), rules)
        # No trigger has seen what was written here.
        await rebuild_kept_counts(session)
        await fill_pool(session)
    tell(f"results of all written after {perf_counter() - start:.0f} s")
    for index in indexes:
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            await session.execute(text(index))
    async with engine.connect() as connection:
        # As PostgreSQL does by itself, in its own time: without it nothing is answered from indexes alone.
        free = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await free.execute(text("VACUUM ANALYZE"))
    await engine.dispose()
    tell(f"a registry of {number:,} enterprises loaded in {perf_counter() - start:.0f} s")


async def _without_indexes(engine: AsyncEngine) -> list[str]:
    """Drop the indexes that are no constraints, and say how they are made: built at the end they cost a tenth."""
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
                " JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname = ANY(:tables)"
                " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid) ORDER BY 1"
            ),
            {"tables": list(_FILLED)},
        )
        indexes = {row[0]: row[1] for row in found}
        for name in indexes:
            await session.execute(text(f"DROP INDEX {name}"))
    return list(indexes.values())


#: The tables that are filled here.
_FILLED = (
    "enterprise", "enterprise_name", "enterprise_region", "enterprise_chain", "filing", YEARLY_TABLE, CURRENT_TABLE,
    "recognition", "eligibility", "eligibility_change",
)  # fmt: skip


async def _write(session: AsyncSession, portion: list[tuple[int, Invented]], rules: Library) -> None:
    # What is written here refers to what is written here: foreign keys need no look-up for each row.
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    await _copy(session, "enterprise", map(_enterprise, *zip(*portion, strict=True)))
    await _copy(session, "enterprise_name", (row for one in portion for row in _names(*one)))
    await _copy(session, "enterprise_region", (
        {"enterprise_id": number, "region_code": one.region, "town": one.town, "park": one.park} for number, one in portion
    ))  # fmt: skip
    await _copy(session, "enterprise_chain", (
        {"enterprise_id": number, "chain": one.chain} for number, one in portion if one.chain
    ))  # fmt: skip
    await _copy(session, "filing", (row for one in portion for row in _filings(*one)))
    await _copy(session, YEARLY_TABLE, (row for one in portion for row in _yearly(*one, rules.catalogue)))
    await _copy(session, CURRENT_TABLE, (
        {"enterprise_id": number} | _columns(one.current, rules.catalogue) for number, one in portion
    ))  # fmt: skip
    await _copy(session, "recognition", (row for one in portion for row in _titles(*one, rules)))


async def _copy(session: AsyncSession, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Rows of differing columns; what a row leaves out is NULL."""
    held = list(rows)
    columns = sorted({name for row in held for name in row})
    await copy_rows(session, table, columns, ([row.get(name) for name in columns] for row in held))


def _enterprise(number: int, one: Invented) -> dict[str, Any]:
    board, listed_on = one.listing or ("", None)
    former = [FormerName(one.former_name)] if one.former_name else []
    return {
        "id": number, "credit_code": one.code, "name": one.name, "match_key": match_key(one.name),
        "search_text": search_text(one.name, one.code, former), "region_code": one.region, "town": one.town,
        "park": one.park, "address": "", "industry_code": one.industry, "established_on": one.established_on,
        "is_above_scale": one.is_above_scale, "status": "active", "listing_board": board, "listed_on": listed_on,
        "revision": 1, "created_at": _morning(one.established_on),
    }  # fmt: skip


def _names(number: int, one: Invented) -> Iterator[dict[str, Any]]:
    changed_on = one.established_on + timedelta(days=900)
    names = [(one.former_name, None, changed_on - timedelta(days=1)), (one.name, changed_on, None)]
    for name, used_from, used_to in names if one.former_name else [(one.name, None, None)]:
        assert name is not None
        yield {
            "enterprise_id": number, "name": name, "match_key": match_key(name), "used_from": used_from, "used_to": used_to,
        }  # fmt: skip


def _filings(number: int, one: Invented) -> Iterator[dict[str, Any]]:
    for year, values in (one.yearly | one.late).items():
        yield _filing(number, "self_declared", year, date(year + 1, 3, 20), values)
    for year, values in one.said_by_tax.items():
        if values:
            yield _filing(number, "tax", year, date(year + 1, 6, 10), values)
    yield _filing(number, "self_declared", None, date(2026, 4, 15), one.current)


def _filing(number: int, source: str, year: int | None, day: date, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "enterprise_id": number, "source": source, "year": year, "received_on": day, "note": "演示数据，均为虚构",
        "values": json.dumps(values, ensure_ascii=False), "recorded_at": _morning(day),
    }  # fmt: skip


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9), CHINA)


def _yearly(number: int, one: Invented, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    for year, values in (one.yearly | one.late).items():
        # Tax is trusted before the enterprise's own word wherever the demo lets it speak.
        held = _columns(values | one.said_by_tax.get(year, {}), catalogue)
        yield {"enterprise_id": number, "year": year} | held


def _columns(values: dict[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        indicator = catalogue.by_name[name]
        found[indicator.id] = _column(indicator.type, value)
    return found


def _column(kind: Type, value: Any) -> Any:
    if kind is Type.MONEY:
        return round(value * FEN_PER_WAN)
    if kind in (Type.NUMBER, Type.PERCENT, Type.HEADCOUNT):
        return Decimal(str(value))
    if kind is Type.LIST:
        return json.dumps(value)
    if kind is Type.DATE:
        return NONE_DAY if value == "none" else date.fromisoformat(value)
    return value


def _titles(number: int, one: Invented, rules: Library) -> Iterator[dict[str, Any]]:
    revoked: dict[str, tuple[date, str]] = {name: (day, reason) for name, day, reason in one.revoked}
    seen: dict[tuple[str, date], None] = {}
    for programme, day, kind, certificate in one.titles:
        if (programme, day) in seen:
            continue
        seen[programme, day] = None
        source = rules.programme(programme).source
        ends = last_day(programme, day, rules)
        revoked_on, reason = revoked.get(programme, (None, ""))
        if revoked_on is not None and not (day <= revoked_on <= (ends or revoked_on)):
            revoked_on, reason = None, ""
        yield {
            "enterprise_id": number, "programme": programme, "level": "", "number": certificate, "kind": kind,
            "edition": day.year if source.validity == "edition" else None, "batch": f"{day.year} 年（演示）",
            "granted_on": day, "valid_from": day, "valid_to": ends, "revoked_on": revoked_on, "revocation_reason": reason,
            "notice": f"〔虚构〕{day.year} 年{source.name.zh}名单", "printed_name": one.name, "source": "spreadsheet",
            "recorded_at": _morning(day),
        }  # fmt: skip


async def _evaluate_a_sample(session: AsyncSession, rules: Library) -> None:
    """Results for all enterprises, each those of one of the sample; then a run in which a few of them changed."""
    await evaluate(session, range(1, SAMPLE + 1), rules, today() - timedelta(days=30), is_whole=True)
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    columns = defaultdict(list[str])
    found = await session.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE column_name NOT IN ('id', 'enterprise_id')"
            " AND table_schema = 'public' AND table_name IN ('eligibility', 'eligibility_change')"
        )
    )
    for table, column in found:
        columns[table].append(column)
    for table, names in columns.items():
        listed = ", ".join(names)
        # Out of a table of its own: looked for in the one that grows meanwhile, the last row is behind all new ones.
        await session.execute(text(f"CREATE TEMPORARY TABLE sample ON COMMIT DROP AS SELECT * FROM {table}"))
        await session.execute(text("ANALYZE sample"))
        await session.execute(
            text(
                f"INSERT INTO {table} (enterprise_id, {listed}) SELECT e.id, {', '.join(f'x.{name}' for name in names)}"
                f" FROM enterprise e JOIN sample x ON x.enterprise_id = 1 + e.id % {SAMPLE} WHERE e.id > {SAMPLE}"
            )
        )
        await session.execute(text("DROP TABLE sample"))
    await session.execute(
        text(
            "INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole, finished_at)"
            " SELECT CAST(:on AS date), library_digest, 1000, 0, false, now() FROM eligibility_run ORDER BY id LIMIT 1"
        ),
        {"on": today()},
    )
    await session.execute(
        text(
            "INSERT INTO eligibility_change (run_id, enterprise_id, programme, before, after)"
            " SELECT (SELECT max(id) FROM eligibility_run), enterprise_id, programme, 'undetermined', outcome"
            " FROM eligibility WHERE enterprise_id % 100 = 7 AND outcome = 'eligible'"
        )
    )


def loaded(work: Any) -> Any:
    """Run a coroutine function on the large registry's engine."""

    async def run() -> Any:
        async with large_registry() as engine:
            return await work(engine)

    return asyncio.run(run())
