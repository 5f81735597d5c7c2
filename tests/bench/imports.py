"""A ledger of 20,000 rows from the file to the registry: read, checked, written and projected."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from time import perf_counter

import xlsxwriter

from backend.clock import today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.session import owner_unit_of_work
from backend.demo.population import population
from backend.eligibility.service import evaluate_touched
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import begin_run, keep_checked, keep_outcome
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.service import digest, dry_run, run_import
from backend.spreadsheets.undoing import undo_import
from rules.library import library
from tests.bench.figure import Figure
from tests.conftest import open_folder

ROWS = 20_000
GOAL_SECONDS = 20
#: A minute for 100,000.
UNDO_GOAL_SECONDS = 12
COLUMNS = {
    "sales_revenue": "销售收入（万元）", "rd_expense_hnte": "研发费用（万元）", "employee_total": "职工总数",
    "total_assets_year_end": "资产总额（万元）",
}  # fmt: skip


def figures() -> Iterator[Figure]:
    """From the bytes of the workbook to the end of the transaction, as the pages go about it."""
    content = ledger()
    with open_folder() as folder, embedded_server(folder, durable=False) as server:
        took = asyncio.run(_import(server.url(), content))
    yield Figure(f"{ROWS:,} ledger rows read", took.reading, "s")
    yield Figure(f"{ROWS:,} ledger rows tried out and reported", took.trying, "s")
    yield Figure(f"{ROWS:,} ledger rows written and evaluated", took.writing, "s")
    total = took.reading + took.trying + took.writing
    yield Figure(f"{ROWS:,} ledger rows read, tried out and imported", total, "s", GOAL_SECONDS)
    yield Figure(f"{ROWS:,} ledger rows undone", took.undoing, "s", UNDO_GOAL_SECONDS)


@dataclass(frozen=True)
class Took:
    """Seconds."""

    reading: float
    trying: float
    writing: float
    undoing: float


def ledger() -> bytes:
    """A workbook as a bureau keeps it: a title, a row of heads, and the enterprises."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("台账")
        sheet.write(0, 0, "泰州市科技企业台账（2025年度）")
        sheet.write_row(1, 0, ["序号", "企业名称", "统一社会信用代码", "成立时间", "所在市（区）", *COLUMNS.values()])
        for number, one in enumerate(islice(population(ROWS, today()), ROWS), 1):
            said = one.yearly.get(2025, {})
            row = [
                number,
                one.name,
                one.code,
                one.established_on.isoformat(),
                one.region,
                *(said.get(name, "") for name in COLUMNS),
            ]
            sheet.write_row(number + 1, 0, row)
    return content.getvalue()


async def _import(url: str, content: bytes) -> Took:
    engine = make_engine(url)
    await upgrade(engine)
    rules = library()
    by = Importer(rules.catalogue, rules, today())
    start = perf_counter()
    result = read_file(content, rules.catalogue, ReadOptions(within="321200", year=2025), "台账.xlsx")
    read = perf_counter()
    async with owner_unit_of_work(engine) as session:
        number = await begin_run(session, "台账.xlsx", content, digest(content), {}, by, "checking")
        await keep_checked(session, number, await dry_run(session, result, by), {})
    tried = perf_counter()
    async with owner_unit_of_work(engine) as session:
        report = await run_import(session, result, replace(by, import_id=number), good_rows_only=True)
        await evaluate_touched(session, report.touched, rules, today())
        await keep_outcome(session, number, report, {})
    written = perf_counter()
    async with owner_unit_of_work(engine) as session:
        undone = await undo_import(session, number, rules, today())
    over = perf_counter()
    await engine.dispose()
    if report.counts["new"] != ROWS:
        raise AssertionError(f"of {ROWS} rows {report.counts} were taken in")
    if undone.undone != ROWS:
        raise AssertionError(f"of {ROWS} enterprises {undone} were undone")
    return Took(read - start, tried - read, written - tried, over - written)
