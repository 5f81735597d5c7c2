"""A file is read once: what was read when it was tried out is what is carried out, to the last digit."""

from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.spreadsheets import running
from backend.spreadsheets.keeping import begin_run
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.staging import forget_reading, keep_reading, kept_reading
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, importer, rows_written, take
from tests.factories import make_code

HEAD = ["企业名称", "统一社会信用代码", "所属区域", "成立时间", "2025年销售收入（万元）", "2024年职工总数", "备注"]
SHEETS: dict[str, list[list[Any]]] = {
    "台账": [
        ["泰州市科技企业台账"],
        HEAD,
        ["泰州甲科技有限公司", make_code(), "海陵区", "2001-02-03", 1240.67, 35, "原名称：泰州老甲有限公司"],
        ["泰州乙科技有限公司", make_code(), "海陵区", "2001-02", "1,240.670000", 35, ""],
        ["泰州丙科技有限公司", "321200000012345", "没有的区", "", 0.1, "约30", ""],
        ["合计", "", "", "", 3721, 70, ""],
    ],
    "认定": [
        ["2025年江苏省专精特新中小企业名单（2025年12月1日公布）"],
        ["序号", "企业名称", "统一社会信用代码", "证书编号", "发证日期", "有效期至"],
        [1, "泰州甲科技有限公司*", make_code(), "ZJTX1", date(2025, 12, 1), "2028-11-30"],
        [2, "泰州丁科技有限公司", "", "ZJTX2", "2025.13.1", ""],
    ],
    "说明": [["填报说明"], ["请如实填写"]],
}
OPTIONS = ReadOptions(within="321200", keeps_cells=False)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_what_was_kept_is_what_was_read(engine: AsyncEngine):
    content = make_workbook(SHEETS)
    result = read_file(content, library().catalogue, OPTIONS, "台账.xlsx")
    # All that there is to keep: both kinds of figures, problems, titles, rows and sheets left out.
    assert any(row.problems for row in result.rows)
    assert any(row.recognitions for row in result.rows)
    assert result.skipped_rows
    assert result.skipped_sheets
    async with owner_unit_of_work(engine) as work:
        number = await begin_run(work, "台账.xlsx", content, "", {}, importer())
        await keep_reading(work, number, result, OPTIONS)
        assert await kept_reading(work, number, OPTIONS) == result


async def test_with_other_choices_the_file_is_read_again(engine: AsyncEngine):
    content = make_workbook(SHEETS)
    result = read_file(content, library().catalogue, OPTIONS, "台账.xlsx")
    async with owner_unit_of_work(engine) as work:
        number = await begin_run(work, "台账.xlsx", content, "", {}, importer())
        await keep_reading(work, number, result, OPTIONS)
        assert await kept_reading(work, number, ReadOptions(within="321200", year=2023)) is None
        await forget_reading(work, number)
        assert await kept_reading(work, number, OPTIONS) is None


async def test_what_was_tried_out_is_carried_out_without_reading_the_file_again(
    officer: AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    table = [HEAD, ["泰州戊科技有限公司", make_code(), "海陵区", "2001-02-03", 1240.67, 35, ""]]
    place = (await hand_in(officer, make_workbook(table), "台账.xlsx")).headers["location"]
    monkeypatch.setattr(running, "read_file", None)
    await officer.post(f"{place}/commit")
    async with owner_unit_of_work(engine) as work:
        assert (await rows_written(work))["fact_yearly"] == 2
        assert (await work.execute(text("SELECT count(*) FROM import_reading"))).scalar() == 0


async def test_rows_whose_fates_were_foretold_are_not_written_again(officer: AsyncClient, engine: AsyncEngine):
    table = [HEAD, ["泰州己科技有限公司", make_code(), "海陵区", "2001-02-03", 1240.67, 35, ""]]
    place = (await hand_in(officer, make_workbook(table), "台账.xlsx")).headers["location"]
    foretold = await kept_rows(engine)
    await officer.post(f"{place}/commit")
    assert await kept_rows(engine) == foretold


async def test_rows_that_met_another_fate_are_written_anew(officer: AsyncClient, engine: AsyncEngine):
    content = make_workbook([HEAD, ["泰州庚科技有限公司", make_code(), "海陵区", "2001-02-03", 1240.67, 35, ""]])
    place = (await hand_in(officer, content, "台账.xlsx")).headers["location"]
    async with owner_unit_of_work(engine) as work:
        # Somebody else is faster.
        await take(work, content)
    await officer.post(f"{place}/commit")
    assert [fate for fate, _ in await kept_rows(engine)] == ["unchanged"]


async def kept_rows(engine: AsyncEngine) -> list[tuple[str, str]]:
    """The fate of each row that is kept, and the transaction that wrote it."""
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(text("SELECT fate, CAST(xmin AS text) FROM import_row ORDER BY position"))
        return [(row.fate, row.xmin) for row in found]
