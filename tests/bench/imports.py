"""A ledger of many rows and 30 columns from the file to the registry: read, checked, written, evaluated, and undone.

The goals are for 200,000 rows (`TIDU_BENCH_IMPORT_ROWS=200000`); a smaller ledger has its share of them. What others do
on the machine meanwhile does not count: beside the time that passes, the processors' own time of this process and of
the database's is told.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

import xlsxwriter

from backend.clock import today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.session import owner_unit_of_work
from backend.demo.population import population
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import begin_run, keep_checked, keep_outcome
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.running import evaluate_portions
from backend.spreadsheets.service import digest, dry_run, run_import
from backend.spreadsheets.staging import keep_reading, kept_reading
from backend.spreadsheets.undoing import undo_import
from rules.library import library
from tests.bench.figure import Figure
from tests.conftest import open_folder

ROWS = int(os.environ.get("TIDU_BENCH_IMPORT_ROWS", "20000"))
#: Two minutes for 200,000 rows, a minute to undo 100,000.
GOAL_SECONDS = 120 * ROWS / 200_000
UNDO_GOAL_SECONDS = 60 * ROWS / 100_000
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


@dataclass
class Took:
    """What each part took, and the most memory that the process had beside what it began with."""

    reading: Spent = field(default_factory=Spent)
    trying: Spent = field(default_factory=Spent)
    writing: Spent = field(default_factory=Spent)
    evaluating: Spent = field(default_factory=Spent)
    undoing: Spent = field(default_factory=Spent)
    megabytes: float = 0


def figures() -> Iterator[Figure]:
    """From the bytes of the workbook to the end of the transaction, as the pages go about it."""
    with open_folder() as folder:
        # Inventing the enterprises takes memory that would be mistaken for the import's.
        file = Path(folder) / "台账.xlsx"
        subprocess.run([sys.executable, "-m", "tests.bench.imports", str(file)], check=True)
        with open_folder() as data, embedded_server(data, durable=False) as server:
            postmaster = int(next(Path(data).rglob("postmaster.pid")).read_text().split()[0])
            took = asyncio.run(_import(server.url(), file, postmaster))
    for name, spent in (("read", took.reading), ("tried out and reported", took.trying), ("written", took.writing)):
        yield Figure(f"{ROWS:,} ledger rows {name}: clock", spent.clock, "s")
        yield Figure(f"{ROWS:,} ledger rows {name}: processors", spent.own + spent.server, "s")
    parts = (took.reading, took.trying, took.reading, took.writing)
    total = sum(one.own + one.server for one in parts)
    yield Figure(f"{ROWS:,} ledger rows tried out and imported", total, "s", GOAL_SECONDS)
    yield Figure(f"{ROWS:,} ledger rows: memory beside what was there", took.megabytes, "MB", MEMORY_GOAL_MEGABYTES)
    undone = took.undoing.own + took.undoing.server
    yield Figure(f"{ROWS:,} ledger rows undone", undone, "s", UNDO_GOAL_SECONDS)


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


async def _import(url: str, file: Path, postmaster: int) -> Took:
    engine = make_engine(url)
    await upgrade(engine)
    rules, took = library(), Took()
    by = Importer(rules.catalogue, rules, today())
    before = _memory("VmRSS")
    _forget_peak()
    content = file.read_bytes()
    options = ReadOptions(within="321200", year=2025, keeps_cells=False)
    measured = _measuring(postmaster)
    with measured(took.reading):
        result = read_file(content, rules.catalogue, options, "台账.xlsx")
    with measured(took.trying):
        async with owner_unit_of_work(engine) as session:
            number = await begin_run(session, "台账.xlsx", content, digest(content), {}, by, "checking")
            tried = await dry_run(session, result, by)
            await keep_checked(session, number, tried, {})
            await keep_reading(session, number, result, options)
            del tried
    del result
    async with owner_unit_of_work(engine) as session:
        with measured(took.writing):
            read = await kept_reading(session, number, options)
            assert read is not None
            report = await run_import(session, read, replace(by, import_id=number), good_rows_only=True)
            await keep_outcome(session, number, report, {})
        counts = report.counts
        touched = report.touched
        del read, report
        with measured(took.evaluating):
            await evaluate_portions(session, touched, by)
    took.megabytes = _memory("VmHWM") - before
    with measured(took.undoing):
        async with owner_unit_of_work(engine) as session:
            undone = await undo_import(session, number, rules, today())
    await engine.dispose()
    if counts["new"] != ROWS:
        raise AssertionError(f"of {ROWS} rows {counts} were taken in")
    if undone.undone != ROWS:
        raise AssertionError(f"of {ROWS} enterprises {undone} were undone")
    return took


# What it takes ---------------------------------------------------------------------------------------


def _measuring(postmaster: int) -> Callable[[Spent], AbstractContextManager[None]]:
    @contextmanager
    def measured(spent: Spent) -> Iterator[None]:
        clock, own, server = perf_counter(), process_time(), _processors_of(postmaster)
        yield
        spent.clock, spent.own = perf_counter() - clock, process_time() - own
        spent.server = _processors_of(postmaster) - server

    return measured


def _processors_of(postmaster: int) -> float:
    """Seconds that the database's processes have worked, those that have ended included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parts = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == postmaster:
                ticks += sum(map(int, parts[11:15]))
            elif int(parts[1]) == postmaster:
                ticks += sum(map(int, parts[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(what: str) -> float:
    """Megabytes of this process by one of the kernel's words."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def _forget_peak() -> None:
    """The most memory so far counts from now on."""
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    write_ledger(Path(sys.argv[1]))
