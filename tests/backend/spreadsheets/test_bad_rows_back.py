"""The good rows first, the bad ones handed back, corrected and imported again: in the end all is there, once."""

import io
from pathlib import Path
from typing import Any

import xlsxwriter
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.spreadsheets.workbook import open_workbook
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, report_of, rows_written, tidu
from tests.factories import make_code

CODES = [make_code() for _ in range(4)]
LEDGER: list[list[Any]] = [
    ["海陵区企业台账"],
    ["企业名称", "统一社会信用代码", "成立日期", "2025年营业收入（万元）"],
    ["泰州甲科技有限公司", CODES[0], "2019-03-04", 5],
    ["泰州乙科技有限公司", CODES[1], "2024.13.1", "约3000"],
    ["泰州丙科技有限公司", CODES[2][:-1], "2018-01-02", 7],
    ["泰州丁科技有限公司", CODES[3], "2017-05-06", 9],
]
CORRECTIONS = {"2024.13.1": "2024-12-01", "约3000": 3000, CODES[2][:-1]: CODES[2]}
COMPLETE = [
    ("泰州甲科技有限公司", 5),
    ("泰州乙科技有限公司", 3000),
    ("泰州丙科技有限公司", 7),
    ("泰州丁科技有限公司", 9),
]


def corrected(content: bytes) -> bytes:
    """The workbook as somebody saves it who has mended the cells and left all else as it is."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        for sheet in open_workbook(content).sheets:
            written = book.add_worksheet(sheet.name)
            for number, row in enumerate(sheet.rows):
                for place, cell in enumerate(row):
                    written.write(number, place, CORRECTIONS.get(cell, cell) if isinstance(cell, str) else cell)
    return made.getvalue()


async def held(engine: AsyncEngine) -> list[tuple[str, int]]:
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text(
                "SELECT e.name, y.operating_revenue / 1000000 FROM enterprise e JOIN fact_yearly y ON y.enterprise_id = e.id"
                " WHERE y.year = 2025 ORDER BY e.credit_code"
            )
        )
        return [(row[0], row[1]) for row in found]


async def test_by_the_page(engine: AsyncEngine, client_as: ClientAs):
    officer: AsyncClient = await client_as("city_officer")
    place = (await hand_in(officer, make_workbook(LEDGER), "台账.xlsx")).headers["location"]
    await officer.post(f"{place}/commit", data={"good_rows_only": "yes"})
    assert await held(engine) == [COMPLETE[0], COMPLETE[3]]

    handed_back = await officer.get(f"{place}/problems")
    assert "%E6%9C%89%E9%97%AE%E9%A2%98%E7%9A%84%E8%A1%8C.xlsx" in handed_back.headers["content-disposition"]
    assert [row[0] for row in open_workbook(handed_back.content).sheets[0].rows[2:]] == [COMPLETE[1][0], COMPLETE[2][0]]
    page = await report_of(officer, corrected(handed_back.content), "台账-有问题的行.xlsx")
    assert "全部行都没有问题" in page.text
    await officer.post(f"{page.url.path}/commit")
    assert await held(engine) == COMPLETE


async def test_by_the_command(engine: AsyncEngine, database_url: str, data_folder: Path):
    (file := data_folder / "台账.xlsx").write_bytes(make_workbook(LEDGER))
    all_or_nothing = await tidu(database_url, "import", file)
    assert all_or_nothing.exit_code == 1
    assert "有 2 行有问题，本次未写入任何数据" in all_or_nothing.stderr
    assert await held(engine) == []

    result = await tidu(database_url, "import", file, "--good-rows-only")
    assert result.exit_code == 0
    handed_back = data_folder / "台账-有问题的行.xlsx"
    assert f"有问题的行已存到 {handed_back}" in result.stdout
    assert await held(engine) == [COMPLETE[0], COMPLETE[3]]

    handed_back.write_bytes(corrected(handed_back.read_bytes()))
    assert (await tidu(database_url, "import", handed_back)).exit_code == 0
    assert await held(engine) == COMPLETE
    async with owner_unit_of_work(engine) as work:
        before = await rows_written(work)
    assert (await tidu(database_url, "import", file, "--good-rows-only")).exit_code == 0
    async with owner_unit_of_work(engine) as work:
        assert await rows_written(work) == before
