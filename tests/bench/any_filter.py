"""Any filter of any list: a fixed draw of whatever the lists can be asked, as three readers ask it.

The rows and the count that follows them are timed apart. Each question is put once, so that nobody is answered out of what
was just read; the first few only warm up. The invented registry has nobody who answers for enterprises, no pool, no
conflicts and no flags: they are written for the measurement, beside the triggers, and taken away again.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from random import Random
from time import perf_counter
from urllib.parse import unquote

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.enterprises.figure_order import figure_order
from backend.enterprises.figure_pages import keep_all_orders
from backend.main import create_app
from backend.web.memory import memory_in
from backend.web.warm_up import warm_up
from rules.library import library
from tests.backend.web_client import signed_in_client
from tests.bench.figure import SEED, Figure, percentile, tell
from tests.bench.filter_questions import Question, Reader, questions, values_of
from tests.bench.large_registry import loaded
from tests.bench.pages import GOAL_MS, forget_readers

#: Questions that the city's officer puts to the list of enterprises.
QUESTIONS = int(os.environ.get("TIDU_BENCH_QUESTIONS", "150"))
DISTRICT, PARK = "321282", "靖江经济技术开发区"
READERS = (
    Reader("city officer", "city_officer"),
    Reader("district officer", "district_officer", DISTRICT, share=0.5),
    Reader("park officer", "park_officer", DISTRICT, PARK, share=0.3),
)
SLOWEST = int(os.environ.get("TIDU_BENCH_SLOWEST", "25"))
#: Which lists and readers alone, as a part of their names: `TIDU_BENCH_LISTS="titles|pool" TIDU_BENCH_READERS=park`.
LISTS, ASKERS = (re.compile(os.environ.get(f"TIDU_BENCH_{name}", "")) for name in ("LISTS", "READERS"))
_NEXT = re.compile(r'href="([^"]+)" rel="next"')
_COUNT = re.compile(r'hx-get="([^"]+)" hx-trigger="load"')


@dataclass(frozen=True)
class Taken:
    """How long an answer took, in ms."""

    list_: str
    reader: str
    address: str
    rows: float
    #: 0 where the count came with the rows.
    count: float


def figures() -> Iterator[Figure]:
    """What half and what 95 % of all questions stay below; the slowest are told by name."""
    found: list[Taken] = loaded(measure_any)
    times = [one.rows for one in found]
    yield Figure(f"any filter of any list, {len(found)} questions, p50", percentile(times, 50), "ms")
    yield Figure("any filter of any list, p95", percentile(times, 95), "ms", GOAL_MS)
    yield Figure("any filter of any list, slowest", max(times), "ms")
    counts = [one.count for one in found if one.count]
    yield Figure(f"{len(counts)} counts after their rows, p50", percentile(counts or [0.0], 50), "ms")
    yield Figure("counts after their rows, p95", percentile(counts or [0.0], 95), "ms")
    by_list: defaultdict[str, list[float]] = defaultdict(list)
    for one in found:
        by_list[one.list_].append(one.rows)
    for name, taken in by_list.items():
        yield Figure(f"{name}, {len(taken)} questions, p95", percentile(taken, 95), "ms")
    for name, taken in _by_list_and_reader(found).items():
        told = "  ".join(f"p{one} {percentile(taken, one):6.1f}" for one in (50, 95, 99))
        tell(f"  {told}  max {max(taken):7.1f} ms  {name}, {len(taken)} questions")
    for one in sorted(found, key=lambda taken: -taken.rows)[:SLOWEST]:
        tell(f"  {one.rows:7.1f} ms  {one.reader}: {unquote(one.address)}")
    for one in sorted(found, key=lambda taken: -taken.count)[: SLOWEST // 2]:
        tell(f"  {one.count:7.1f} ms to count  {one.reader}: {unquote(one.address)}")
    tell(f"  (load {os.getloadavg()[0]:.2f})")


def _by_list_and_reader(found: Sequence[Taken]) -> dict[str, list[float]]:
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for one in found:
        taken[f"{one.list_}, {one.reader}"].append(one.rows)
    return taken


async def measure_any(engine: AsyncEngine) -> list[Taken]:
    """Each answer's time, in the order of asking."""
    app = create_app(engine=engine)
    warm_up()
    await forget(engine)
    found: list[Taken] = []
    try:
        async with (
            await signed_in_client(app, READERS[0].role) as city,
            await signed_in_client(app, READERS[1].role, DISTRICT) as district,
            await signed_in_client(app, READERS[2].role, DISTRICT, PARK) as park,
        ):
            await invent(engine)
            values = await values_of(engine)
            for reader, client in zip(READERS, (city, district, park), strict=True):
                if not ASKERS.search(reader.name):
                    continue
                drawn = questions(values, reader, round(QUESTIONS * reader.share))
                every = [(name, one) for name, asked in drawn.items() if LISTS.search(name) for one in asked]
                Random(SEED).shuffle(every)
                await keep_orders(engine, [one for _, one in every])
                for _, one in every[:5]:
                    await _ask(client, one)
                found += [Taken(name, reader.name, *await _ask(client, one)) for name, one in every[5:]]
    finally:
        await memory_in(app).settled()
        await forget(engine)
    return found


async def keep_orders(engine: AsyncEngine, asked: Sequence[Question]) -> None:
    """Have the orders kept that somebody has asked for before: whoever is the first waits a second or two for each."""
    named = sorted({one.asked.get("sort", "") for one in asked})
    orders = [order for one in named if (order := figure_order(one, library().catalogue)) is not None]
    start = perf_counter()
    for one in orders:
        async with owner_unit_of_work(engine) as session:
            await keep_all_orders(session, [one])
    tell(f"{len(orders)} orders by a figure kept in {perf_counter() - start:.1f} s")


async def _ask(client: AsyncClient, one: Question) -> tuple[str, float, float]:
    """The address that was asked for in the end, and the milliseconds of its page and of its count."""
    address = one.address
    if one.is_next and (link := _NEXT.search((await client.get(address)).text)) is not None:
        address = unescape(link[1])
    start = perf_counter()
    answer = await client.get(address)
    taken = (perf_counter() - start) * 1000
    if answer.status_code != 200:
        raise AssertionError(f"{address} answered {answer.status_code}")
    later = _COUNT.search(answer.text)
    if later is None:
        return address, taken, 0.0
    start = perf_counter()
    await client.get(unescape(later[1]), headers={"HX-Request": "true", "HX-Target": "count"})
    return address, taken, (perf_counter() - start) * 1000


#: What is written for the measurement, as `table: columns and rows`; of tables that the invented registry leaves empty.
_OURS = "SELECT id FROM person WHERE login ~ '^(city|district|park)_officer-\\d+$' ORDER BY id"
_OFFICER = "(CAST(:ours AS bigint[]))[1 + e.id % 3]"
_POOLS = "unnest(ARRAY['hnte', 'tech_sme', 'innovative_sme', 'srdi_sme']) WITH ORDINALITY AS k (programme, number)"
_STAGE = "(ARRAY['discovered', 'cultivated', 'recommended', 'recognised', 'out'])[1 + e.id % 5]"
_NOTED = "timestamptz '2000-01-01'"
_INVENTED = {
    "enterprise_officer": "(enterprise_id, officer_id, assigned_at)"
    f" SELECT e.id, {_OFFICER}, now() FROM enterprise e WHERE e.id % 400 = 3",
    "pool_entry": "(enterprise_id, programme, year, stage, officer_id, note, revision, entered_at, moved_at)"
    f" SELECT e.id, k.programme, extract(year FROM now()), {_STAGE}, {_OFFICER}, '', 1, now(),"
    f" now() - e.id % 300 * interval '1 day' FROM enterprise e, {_POOLS} WHERE e.id % 500 = k.number",
    "fact_conflict": "(enterprise_id, indicator, year, spread, ratio, said, is_reopened, latest_filing_id, noted_at)"
    " SELECT e.id, (ARRAY['sales_revenue', 'employee_total', 'rd_expense_hnte'])[1 + e.id % 3], 2025, e.id % 97, 0, '[]',"
    " false, 0, now() FROM enterprise e WHERE e.id % 30 = 5",
    # Noted on a day of their own, by which they are known again; a tenth is answered.
    "fact_flag": "(enterprise_id, rule, indicator, year, figures, noted_at)"
    " SELECT e.id, (ARRAY['tenfold', 'staff_tenfold', 'rd_hnte_within_sales'])[1 + e.id % 3], 'sales_revenue', 2025,"
    f" jsonb_build_object('this', e.id, 'before', 1), {_NOTED} FROM enterprise e WHERE e.id % 20 = 7",
    "fact_flag_answer": "(enterprise_id, rule, indicator, year, figures, reason, answered_at)"
    " SELECT f.enterprise_id, f.rule, f.indicator, f.year, f.figures, '', f.noted_at FROM fact_flag f"
    " WHERE f.enterprise_id % 200 = 7",
}  # fmt: skip

#: Of those that nobody answers for, which rows were written here.
_FIGURES = {
    "fact_conflict": "latest_filing_id = 0", "fact_flag": f"noted_at = {_NOTED}", "fact_flag_answer": f"answered_at = {_NOTED}"
}  # fmt: skip


async def invent(engine: AsyncEngine) -> None:
    """Write what the registry lacks, past the triggers: the trace of what goes again would be the most of the work."""
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        ours = list((await session.execute(text(_OURS))).scalars())
        for table, rows in _INVENTED.items():
            await session.execute(text(f"INSERT INTO {table} {rows}"), {"ours": ours} if ":ours" in rows else {})
            await session.execute(text(f"ANALYZE {table}"))
        # No trigger has seen it.
        await session.execute(text("SELECT rebuild_listed_work(), rebuild_listed_figures()"))


async def forget(engine: AsyncEngine) -> None:
    """Take away what was written, and the readers: a registry that is kept stays as it was."""
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _INVENTED:
            # Of a run that was killed, the readers may be gone already.
            theirs = f"officer_id IN ({_OURS}) OR NOT EXISTS (SELECT FROM person o WHERE o.id = officer_id)"
            await session.execute(text(f"DELETE FROM {table} WHERE {_FIGURES.get(table, theirs)}"))
        await session.execute(text("SELECT rebuild_listed_work(), rebuild_listed_figures()"))
    await forget_readers(engine)
