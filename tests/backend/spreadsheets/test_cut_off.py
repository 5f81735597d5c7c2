"""The database goes away in the middle of an import: told in words, and nothing half-written."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, rows_written, tidu
from tests.factories import make_code

#: The server ends the very connection that wrote to the table: at once, or when it commits.
CUT = """
CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
"""
AT_ONCE = "CREATE TRIGGER cut_off AFTER INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION cut_off()"
AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER cut_off AFTER INSERT ON {} DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION cut_off()"
)
MOMENTS = {
    "while enterprises are registered": AT_ONCE.format("enterprise"),
    "while figures are filed": AT_ONCE.format("filing"),
    "while titles are written": AT_ONCE.format("recognition"),
    "while what holds now is worked out": AT_ONCE.format("fact_yearly"),
    "while it commits": AT_COMMIT.format("filing"),
}
LEDGER: list[list[Any]] = [
    ["企业名称", "统一社会信用代码", "2025年营业收入（万元）", "高企证书编号", "发证日期"],
    *([f"泰州断开{n}号有限公司", make_code(), 100 + n, f"GR20243200{n:04}", "2024-11-06"] for n in range(20)),
]


async def cut_off(engine: AsyncEngine, how: str) -> None:
    async with owner_unit_of_work(engine) as work:
        await work.execute(text(CUT))
        await work.execute(text(how))


async def mend(engine: AsyncEngine) -> None:
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("DROP FUNCTION cut_off() CASCADE"))


async def held(engine: AsyncEngine) -> dict[str, int]:
    async with owner_unit_of_work(engine) as work:
        return {name: number for name, number in (await rows_written(work)).items() if number}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_command_says_so_and_nothing_is_half_written(
    engine: AsyncEngine, database_url: str, data_folder: Path, moment: str
):
    (file := data_folder / "台账.xlsx").write_bytes(make_workbook(LEDGER))
    await cut_off(engine, MOMENTS[moment])
    result = await tidu(database_url, "import", file)
    assert result.exit_code == 1
    assert "数据库连接中断" in result.stderr
    assert "没有保存" in result.stderr
    assert await held(engine) == {}
    await mend(engine)
    assert (await tidu(database_url, "import", file)).exit_code == 0
    assert (await held(engine))["recognition"] == 20


@pytest.mark.parametrize("moment", ["while figures are filed", "while it commits"])
async def test_the_page_says_so_and_the_import_can_be_carried_out_afterwards(
    engine: AsyncEngine, client_as: ClientAs, moment: str
):
    officer = await client_as("city_officer")
    place = (await hand_in(officer, make_workbook(LEDGER))).headers["location"]
    await cut_off(engine, MOMENTS[moment])
    answer = await officer.post(f"{place}/commit")
    assert answer.status_code == 503
    assert "本次操作没有保存" in answer.text
    assert await held(engine) == {}
    await mend(engine)
    assert (await officer.post(f"{place}/commit")).status_code == 303
    assert (await held(engine))["recognition"] == 20
