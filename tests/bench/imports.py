"""A ledger of many rows and 30 columns from the file to the registry: read, tried out, written, evaluated, and undone.

The goals are for 200,000 rows (`TIDU_BENCH_IMPORT_ROWS=200000`); a smaller ledger has its share of them. They are about
the dry run and the import with its projection; evaluating whom it touched is told beside them. What others do on the
machine meanwhile does not count: beside the time that passes, the processors' own time of this process, of those it
began and of the database's is told.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter

import xlsxwriter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.demo.population import population
from backend.settings import Settings
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import begin_run, claim_undoing
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.reading import ReadOptions
from backend.spreadsheets.running import Run, check, undo, write
from backend.spreadsheets.service import digest
from rules.library import library
from tests.bench.figure import Figure
from tests.conftest import open_folder

ROWS = int(os.environ.get("TIDU_BENCH_IMPORT_ROWS", "20000"))
#: Two minutes for 200,000 rows, a minute to undo 100,000.
GOAL_SECONDS = 120 * ROWS / 200_000
UNDO_GOAL_SECONDS = 60 * ROWS / 100_000
#: Seconds between two looks at how far the import is.
_PULSE = 0.5
#: What the import may need beside what the process has anyway, whatever the file.
MEMORY_GOAL_MEGABYTES = 300
#: Columns of figures; with the five of identity these are 30.
COLUMNS = {
    "sales_revenue": "销售收入（万元）", "rd_expense_hnte": "研发费用（万元）", "employee_total": "职工总数",
    "total_assets_year_end": "资产总额（万元）", "net_profit": "净利润（万元）", "total_profit": "利润总额（万元）",
    "net_assets_year_end": "净资产（万元）", "total_liabilities_year_end": "负债总额（万元）",
    "main_business_revenue": "主营业务收入（万元）", "gross_income_cit": "收入总额（万元）",
    "non_taxable_income": "不征税收入（万元）", "hightech_product_revenue": "高新技术产品（服务）收入（万元）",
    "technical_income": "技术性收入（万元）", "cost_expense_total": "成本费用支出总额（万元）",
    "profit_and_tax": "利税总额（万元）", "rd_expense_deduction": "研发费用（加计扣除口径）（万元）",
    "rd_expense_stat": "研发经费支出（统计口径）（万元）", "sci_tech_staff": "科技人员数",
    "employees": "从业人员数（期末）", "rd_personnel_count": "研发人员数", "graduates_hired": "吸纳应届毕业生人数",
    "tech_contract_turnover": "技术合同成交额（万元）", "venture_capital_amount": "获得风险投资金额（万元）",
    "transfer_count": "科技成果转化项数", "debt_ratio": "资产负债率（%）",
}  # fmt: skip


@dataclass
class Spent:
    """Seconds by the clock and by the processors, of a part of the work."""

    clock: float = 0
    own: float = 0
    server: float = 0

    @property
    def processors(self) -> float:
        """Seconds of both."""
        return self.own + self.server


@dataclass
class Took:
    """What each part took, and the most memory that was needed."""

    trying: Spent = field(default_factory=Spent)
    writing: Spent = field(default_factory=Spent)
    evaluating: Spent = field(default_factory=Spent)
    undoing: Spent = field(default_factory=Spent)
    #: Of the service's process beside what it began with, until the import is done.
    megabytes: float = 0
    #: Of the process that works on a large file; 0 where the service itself did.
    megabytes_apart: float = 0


def figures() -> Iterator[Figure]:
    """From the bytes of the workbook to the end of the transaction, as the pages go about it."""
    with open_folder() as folder:
        # Inventing the enterprises takes memory that would be mistaken for the import's.
        file = Path(folder) / "台账.xlsx"
        subprocess.run([sys.executable, "-m", "tests.bench.imports", str(file)], check=True)
        with open_folder() as data, embedded_server(data, durable=False) as server:
            postmaster = int(next(Path(data).rglob("postmaster.pid")).read_text().split()[0])
            took = asyncio.run(_import(server.url(), file.read_bytes(), postmaster))
    parts = {
        "read and tried out": took.trying, "written and projected": took.writing, "evaluated": took.evaluating,
        "undone": took.undoing,
    }  # fmt: skip
    for name, spent in parts.items():
        yield Figure(f"{ROWS:,} ledger rows {name}: clock", spent.clock, "s")
        yield Figure(f"{ROWS:,} ledger rows {name}: processors", spent.processors, "s")
    total = took.trying.processors + took.writing.processors
    yield Figure(f"{ROWS:,} ledger rows tried out and imported", total, "s", GOAL_SECONDS)
    yield Figure(
        f"{ROWS:,} ledger rows: memory beside what the service had", took.megabytes, "MB", MEMORY_GOAL_MEGABYTES
    )
    yield Figure(f"{ROWS:,} ledger rows: memory of the process apart", took.megabytes_apart, "MB")
    yield Figure(f"{ROWS:,} ledger rows undone", took.undoing.processors, "s", UNDO_GOAL_SECONDS)


def write_ledger(file: Path) -> None:
    """A workbook as a bureau keeps it: a title, a row of heads, and the enterprises."""
    with xlsxwriter.Workbook(str(file), {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("台账")
        sheet.write(0, 0, "泰州市科技企业台账（2025年度）")
        sheet.write_row(1, 0, ["序号", "企业名称", "统一社会信用代码", "成立时间", "所在市（区）", *COLUMNS.values()])
        for number, one in enumerate(islice(population(ROWS, today()), ROWS), 1):
            said = one.yearly.get(2025, {})
            figures = [said.get(name, number % 997 + place) for place, name in enumerate(COLUMNS)]
            sheet.write_row(
                number + 1, 0, [number, one.name, one.code, one.established_on.isoformat(), one.region, *figures]
            )


async def _import(url: str, content: bytes, postmaster: int) -> Took:
    engine = make_engine(url)
    await upgrade(engine)
    rules, took, settings = library(), Took(), Settings()
    by = Importer(rules.catalogue, rules, today())
    options = ReadOptions(within="321200", year=2025)
    before = _memory("self", "VmRSS")
    _forget_peak()
    async with owner_unit_of_work(engine) as session:
        number = await begin_run(session, "台账.xlsx", content, digest(content), {}, by, "checking")
    run = Run(number, "台账.xlsx", options, {}, by, Scope.city(), size=len(content))
    meter = _Meter(postmaster)
    await _watched(engine, check(engine, settings, run), meter, took, took.trying, took.evaluating)
    await _watched(engine, write(engine, settings, run), meter, took, took.writing, took.evaluating)
    took.megabytes = _memory("self", "VmHWM") - before
    async with owner_unit_of_work(engine) as session:
        created = await session.scalar(text("SELECT created FROM import_run"))
        await claim_undoing(session, number)
    meter.tell(Spent())
    await _watched(engine, undo(engine, settings, run), meter, took, took.undoing, took.undoing)
    async with owner_unit_of_work(engine) as session:
        left = await session.scalar(text("SELECT count(*) FROM enterprise WHERE status = 'active'"))
    await engine.dispose()
    if created != ROWS:
        raise AssertionError(f"of {ROWS} rows {created} were taken in")
    if left:
        raise AssertionError(f"of {ROWS} enterprises {left} were not undone")
    return took


async def _watched(
    engine: AsyncEngine, done: "Future[None]", meter: "_Meter", took: Took, part: Spent, evaluating: Spent
) -> None:
    """Wait for a part of the work; when it comes to evaluating, what follows is told by itself."""
    waiting = asyncio.wrap_future(done)
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=_PULSE)
        took.megabytes_apart = max([took.megabytes_apart, *(_memory(child, "VmHWM") for child in meter.children)])
        async with owner_unit_of_work(engine) as session:
            stage = await session.scalar(text("SELECT stage FROM import_run"))
        if stage == Stage.EVALUATING and part is not evaluating:
            meter.tell(part)
            part = evaluating
    waiting.result()
    meter.tell(part)


# What it takes ---------------------------------------------------------------------------------------


class _Meter:
    """Tells what was spent since it last told: by this process and those it began, and by the database's."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._last = self._now()

    def tell(self, spent: Spent) -> None:
        now = self._now()
        for name in ("clock", "own", "server"):
            setattr(spent, name, getattr(spent, name) + getattr(now, name) - getattr(self._last, name))
        self._last = now

    @property
    def children(self) -> list[str]:
        """The processes that this one began and that still are."""
        told = (file.read_text().split() for file in Path("/proc/self/task").glob("*/children"))
        return [one for some in told for one in some if int(one) != self._postmaster]

    def _now(self) -> Spent:
        own, server, mine = 0, 0, (os.getpid(), self._postmaster)
        for one, parts in _processes():
            # Those that have ended are counted by whoever began them.
            if int(one) == self._postmaster:
                server += sum(map(int, parts[11:15]))
            elif int(parts[1]) == self._postmaster:
                server += sum(map(int, parts[11:13]))
            elif int(one) == mine[0]:
                own += sum(map(int, parts[11:15]))
            elif int(parts[1]) == mine[0]:
                own += sum(map(int, parts[11:13]))
        ticks = os.sysconf("SC_CLK_TCK")
        return Spent(perf_counter(), own / ticks, server / ticks)


def _processes() -> Iterator[tuple[str, list[str]]]:
    """Every process's number, and what the kernel says of it after its name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield stat.parent.name, stat.read_text().rpartition(")")[2].split()


def _memory(process: str, what: str) -> float:
    """Megabytes of a process by one of the kernel's words; 0 of one that has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what)), 0)
    return 0


def _forget_peak() -> None:
    """The most memory so far counts from now on."""
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    write_ledger(Path(sys.argv[1]))
