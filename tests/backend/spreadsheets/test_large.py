"""A large file is worked through in portions, with what a small one would have come to, and without holding its rows."""

import errno
import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.spreadsheets import identifying, plain_sheet, reading, scratch, service
from backend.spreadsheets.fates import Report, RowFate
from backend.spreadsheets.grouping import Links, joined, joined_with, portions
from backend.spreadsheets.keeping import begin_run
from backend.spreadsheets.kept_rows import KeptRows
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult, ReadRow, RowProblem
from backend.spreadsheets.service import dry_run, run_import
from backend.spreadsheets.undoing import Undoer, take_back
from rules.library import library
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import TODAY, column, importer, rows_written
from tests.backend.spreadsheets.test_alone import BEFORE, MIXED, PLAIN, told
from tests.factories import make_code

CODE, SECOND, OTHER = make_code(), make_code(), make_code()
HEAD = ["企业名称", "统一社会信用代码", "所属区域", "2025年销售收入（万元）", "曾用名"]
#: What belongs together stands apart: the same enterprise in two years' rows, a contradiction, a row said again, a name
#: that only another row's former name explains, and a doubtful one that is like a new one.
SCATTERED: list[list[Any]] = [
    HEAD,
    ["泰州分头科技有限公司", CODE, "海陵区", 1, ""],
    ["泰州重复科技有限公司", SECOND, "海陵区", 2, ""],
    *([f"泰州间隔{n}科技有限公司", make_code(), "海陵区", n, ""] for n in range(7)),
    ["泰州分头科技有限公司", CODE, "海陵区", 3, ""],
    ["泰州重复科技有限公司", SECOND, "海陵区", 2, ""],
    ["泰州前身科技有限公司", "", "海陵区", 4, ""],
    *([f"泰州再隔{n}科技有限公司", make_code(), "高港区", n, ""] for n in range(7)),
    ["泰州后继科技有限公司", OTHER, "海陵区", 5, "泰州前身科技有限公司"],
    ["泰州再隔1科技公司", "", "高港区", 6, ""],
    ["泰州错码科技有限公司", "91321200000000000X", "海陵区", "约3000", ""],
]
TABLES = pytest.mark.parametrize("table", [MIXED, PLAIN, SCATTERED], ids=["mixed", "plain", "scattered"])


def read(table: list[list[Any]], **options: Any) -> ReadResult:
    """A table as a process of its own reads it: without its cells."""
    by = ReadOptions(within="321200", keeps_cells=False, **options)
    return read_file(make_workbook(table), library().catalogue, by, "台账.xlsx")


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large, and is worked through some rows at a time."""
    monkeypatch.setattr(reading, "HELD", 2)
    monkeypatch.setattr(service, "_PORTION", 3)
    monkeypatch.setattr(identifying, "_PORTION", 3)


async def taken(session: AsyncSession, table: list[list[Any]]) -> tuple[Any, ...]:
    """What a dry run and an import make of a table, and what stands in the registry afterwards."""
    result = read(table)
    foretold = await dry_run(session, result, importer())
    done = await run_import(session, result, importer(), good_rows_only=True)
    kinds = [(one.text, one.rows) for one in done.problem_kinds]
    names = await column(
        session, "SELECT DISTINCT e.name || n.name FROM enterprise e JOIN enterprise_name n ON e.id = n.enterprise_id"
    )
    return (
        told(foretold), told(done), done.counts, result.counts, kinds, [one.text for one in result.skipped_rows],
        dict(await rows_written(session)), sorted(names),
    )  # fmt: skip


@TABLES
async def test_a_large_file_comes_to_what_a_small_one_does(
    engine: AsyncEngine, table: list[list[Any]], request: pytest.FixtureRequest
):
    found: list[Sequence[Any]] = []
    for is_large in (False, True):
        if is_large:
            request.getfixturevalue("small_portions")
            assert isinstance(read(table).rows, KeptRows)
        async with owner_unit_of_work(engine) as work:
            await service.run_import(work, read(BEFORE), importer(), good_rows_only=True)
            found.append(await taken(work, table))
            await work.rollback()
    assert found[0] == found[1]
    assert found[0][0] == found[0][1]


@pytest.mark.usefixtures("small_portions")
async def test_rows_that_only_the_registry_links_are_taken_together(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    """One goes by the enterprise's name, one far behind by its code and another name: the file does not tell."""
    now = "泰州现名科技有限公司"
    apart = [[f"泰州间隔{n}科技有限公司", make_code(), "海陵区", n] for n in range(8)]
    table = [HEAD[:4], [now, "", "海陵区", 8], *apart, ["泰州新名科技有限公司", CODE, "海陵区", 9]]
    together: list[set[int]] = []

    async def heard(session: AsyncSession, fates: Sequence[RowFate], *others: Any) -> set[int]:
        together.append({one.at for one in fates})
        return await identifying.identify(session, fates, *others)

    async with owner_unit_of_work(engine) as work:
        await run_import(work, read([HEAD[:4], [now, CODE, "海陵区", 1]]), importer(), good_rows_only=True)
        monkeypatch.setattr(service, "identify", heard)
        done = await run_import(work, read(table), importer(), good_rows_only=True)
        whose = done.fates[0].enterprise_id
        assert done.fates[-1].enterprise_id == whose
        assert await column(work, "SELECT name FROM enterprise WHERE credit_code = :code", code=CODE) == [table[-1][0]]
        assert await column(work, "SELECT count(*) FROM filing WHERE enterprise_id = :id", id=whose) == [3]
        await work.rollback()
    assert not {0, 9} <= together[0]
    assert any({0, 9} <= places for places in together)


@pytest.mark.usefixtures("small_portions")
async def test_an_import_in_portions_is_undone_whole(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        await run_import(work, read(BEFORE), importer(), good_rows_only=True)
        before = await column(work, "SELECT name || credit_code FROM enterprise WHERE status = 'active' ORDER BY 1")
        number = await begin_run(work, "台账.xlsx", b"PK", "", {}, importer(), "committed")
        done = await run_import(work, read(MIXED), replace(importer(), import_id=number), good_rows_only=True)
        assert len(await column(work, "SELECT enterprise_id FROM import_touched")) == len(done.touched)
        await take_back(work, number, Undoer(library(), TODAY))
        after = await column(work, "SELECT name || credit_code FROM enterprise WHERE status = 'active' ORDER BY 1")
        assert after == before
        sales = await column(work, "SELECT sales_revenue FROM fact_yearly ORDER BY 1")
        assert sales == [100 * 10**6] * 2


def rows_alive() -> int:
    """How many rows there are as objects."""
    return sum(isinstance(one, ReadRow) for one in gc.get_objects())


@pytest.mark.usefixtures("small_portions")
async def test_of_a_large_file_only_a_portion_of_rows_is_held(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    alive: list[int] = []

    async def counted(session: AsyncSession, fates: Sequence[RowFate], *others: Any) -> set[int]:
        alive.append(rows_alive() - before)
        return await identifying.identify(session, fates, *others)

    monkeypatch.setattr(service, "_PORTION", 100)
    monkeypatch.setattr(service, "identify", counted)
    # What tests before this one left is not to go meanwhile.
    gc.collect()
    before = rows_alive()
    result = read([HEAD[:4], *([f"泰州独{n}科技有限公司", make_code(), "海陵区", n] for n in range(300))])
    assert rows_alive() - before <= 1
    async with owner_unit_of_work(engine) as work:
        report = await dry_run(work, result, importer())
    assert len(alive) == 3
    assert 0 < max(alive) <= 100
    assert rows_alive() <= before
    assert report.counts["new"] == 300


async def test_a_file_of_many_pieces_is_kept_as_it_is(engine: AsyncEngine):
    content = bytes(range(256)) * 10_000
    async with owner_unit_of_work(engine) as work:
        number = await begin_run(work, "台账.xlsx", content, "", {}, importer())
        assert (
            await work.scalar(text("SELECT content FROM import_file WHERE import_id = :id"), {"id": number}) == content
        )


def test_a_full_disk_is_told_as_that_and_not_as_a_damaged_file(monkeypatch: pytest.MonkeyPatch, small_portions: None):
    monkeypatch.setattr(plain_sheet, "LARGE", 0)
    monkeypatch.setattr(scratch, "_ENOUGH_TO_WRITE", 1)

    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch.os, "write", full)
    with pytest.raises(scratch.NoRoom, match="磁盘已满"):
        read(PLAIN)


def test_pieces_are_had_again_from_memory_and_from_the_disk(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scratch, "_ENOUGH_TO_WRITE", 100)
    pieces = [bytes([number]) * (number % 40) for number in range(60)]
    held = scratch.Scratch()
    places = [held.append(piece) for piece in pieces]
    assert [held.read(place, len(piece)) for place, piece in zip(places, pieces, strict=True)] == pieces


# Rows laid down --------------------------------------------------------------------------------------


def test_rows_laid_down_are_the_rows():
    rows = read(SCATTERED).rows
    kept = KeptRows.of(rows)
    assert kept == tuple(rows)
    assert [kept.named(place).name for place in range(len(kept))] == [row.enterprise.name for row in rows]
    assert list(kept.troubled()) == [row for row in rows if row.problems]
    assert any(row.problems for row in rows)


def test_rows_are_put_in_places_of_others_and_left_out():
    rows = list(read(PLAIN).rows)
    kept = KeptRows.of(rows)
    wrong = replace(rows[4], problems=(RowProblem("台账", 6, "", "", "", "不对", "请改正"),))
    kept.put(4, wrong)
    kept.leave_out([0, 7])
    assert list(kept) == [*rows[1:4], wrong, *rows[5:7], *rows[8:]]
    assert kept[-1] == rows[-1]


def test_what_hangs_together_is_never_parted():
    groups = joined([(1, 8), (8, 3), (9, 10)])
    assert groups == [[1, 3, 8], [9, 10]]
    assert joined_with(groups, [(10, 0), (5, 6)]) == [[0, 9, 10], [1, 3, 8], [5, 6]]
    parts = list(portions(12, groups, 4))
    assert sorted(place for part in parts for place in part) == list(range(12))
    assert all(any(set(group) <= set(part) for part in parts) for group in groups)
    assert all(part == sorted(part) for part in parts)


def test_only_rows_of_different_portions_are_linked_by_the_registry():
    links = Links()
    links.hear([(0, {7}), (1, {7, 8})])
    assert links.pairs == []
    links.hear([(2, {9}), (3, {8})])
    assert links.pairs == [(1, 3)]


def test_the_report_of_a_large_file_hands_back_its_bad_rows(small_portions: None):
    rows = read(SCATTERED)
    assert [row.enterprise.name for row in rows.bad_rows] == ["泰州分头科技有限公司", "泰州错码科技有限公司"]
    assert Report(rows, [], []).head_as_json()["counts"]["bad"] == 2
