"""A dry run leaves out writing what nobody asks for, and tells of each row what the import then does with it."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.spreadsheets import identifying
from backend.spreadsheets.fates import Report, row_as_json
from tests.backend.spreadsheets.importing import rows_written, take, try_out
from tests.factories import make_code

HEAD = ["企业名称", "统一社会信用代码", "所属区域", "2025年销售收入（万元）", "曾用名"]
KNOWN, TWICE, SHARED = make_code(), make_code(), make_code()
BEFORE: list[list[Any]] = [
    HEAD[:4],
    ["泰州在册科技有限公司", KNOWN, "海陵区", 100],
    ["泰州同名科技有限公司", make_code(), "海陵区", 100],
]
MIXED: list[list[Any]] = [
    HEAD,
    ["泰州新一科技有限公司", make_code(), "海陵区", 1, ""],
    ["泰州新二科技有限公司", make_code(), "高港区", 2, ""],
    ["泰州新三科技有限公司", make_code(), "海陵区", 3, "泰州旧三科技有限公司"],
    ["泰州在册科技有限公司", KNOWN, "海陵区", 101, ""],
    ["泰州两次科技有限公司", TWICE, "海陵区", 4, ""],
    ["泰州两次科技有限公司", TWICE, "海陵区", 5, ""],
    ["泰州新一科技公司", "", "海陵区", 6, ""],
    ["泰州同名科技有限公司", make_code(), "海陵区", 7, ""],
    ["泰州无码科技有限公司", SHARED, "海陵区", 8, ""],
    ["泰州无码科技有限公司", "", "海陵区", 9, ""],
]
PLAIN = [HEAD[:4], *([f"泰州独{n}科技有限公司", make_code(), "海陵区", n] for n in range(12))]


def told(report: Report) -> list[dict[str, Any]]:
    """Each row's fate and problems; whom a doubtful one may be about by name, for those are numbered anew."""
    rows = [row_as_json(one) for one in report.fates]
    for row in rows:
        row["candidates"] = [(one["name"], one["credit_code"]) for one in row.get("candidates", [])]
    return rows


@pytest.mark.parametrize("table", [MIXED, PLAIN], ids=["mixed", "plain"])
async def test_a_dry_run_foretells_of_every_row_what_the_import_does_with_it(
    engine: AsyncEngine, table: list[list[Any]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(identifying, "_PORTION", 5)
    async with owner_unit_of_work(engine) as work:
        await take(work, BEFORE)
        before = await rows_written(work)
        foretold = await try_out(work, table)
        assert await rows_written(work) == before
        done = await take(work, table)
    assert told(foretold) == told(done)
    assert foretold.counts == done.counts
    assert done.counts["new"] >= 4


async def test_a_text_too_long_for_the_registry_refuses_its_row_and_no_other(engine: AsyncEngine):
    head = ["企业名称", "统一社会信用代码", "曾用名", "乡镇街道", "注册地址", "所属产业链"]
    rows = [[f"泰州在册{n}科技有限公司", make_code(), "", "", "", ""] for n in range(6)]
    for row, place in zip(rows, (0, 2, 3, 4, 5), strict=False):
        row[place] = "长" * 400 + "有限公司"
    async with owner_unit_of_work(engine) as work:
        tried = await try_out(work, [head, *rows])
    said = {fate.row.row: " ".join(one.text for one in fate.row.problems) for fate in tried.fates}
    assert [words for row, words in said.items() if ("有 404 个字，最多" in words) is not (row < 7)] == []
    assert sorted(said) == [2, 3, 4, 5, 6, 7]


async def test_enterprises_are_numbered_in_the_order_of_their_rows(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(identifying, "_PORTION", 5)
    async with owner_unit_of_work(engine) as work:
        done = await take(work, PLAIN)
    numbers = [one.enterprise_id or 0 for one in done.fates]
    assert numbers == sorted(numbers)
