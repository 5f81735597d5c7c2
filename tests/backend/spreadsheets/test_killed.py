"""An import that is killed at any moment has written all or nothing, and can be begun again."""

import asyncio
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.spreadsheets import killing
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import rows_written, tidu
from tests.factories import make_code
from tests.shared_data import REPOSITORY

KILLS = 10
ROWS = 120
LEDGER: list[list[Any]] = [
    ["企业名称", "统一社会信用代码", "2024年营业收入（万元）", "2025年营业收入（万元）", "高企证书编号", "发证日期"],
    *([f"泰州中断{n}号有限公司", make_code(), n, 2 * n + 1, f"GR20243200{n:04}", "2024-11-06"] for n in range(ROWS)),
]


async def held(engine: AsyncEngine) -> dict[str, int]:
    """What stands in the registry once the connection of whoever was killed is gone, too."""
    async with owner_unit_of_work(engine) as work:
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        for _ in range(500):
            if not (await work.execute(others)).scalar_one():
                break
            await work.execute(text("SELECT pg_stat_clear_snapshot()"))
            await asyncio.sleep(0.02)
        return {name: int(number) for name, number in (await rows_written(work)).items() if number}


async def whole(database_url: str, engine: AsyncEngine, file: Path) -> tuple[dict[str, int], float]:
    """What a whole import leaves, and how many seconds it takes; taken back afterwards."""
    start = perf_counter()
    assert (await tidu(database_url, "import", file)).exit_code == 0
    seconds = perf_counter() - start
    complete = await held(engine)
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("TRUNCATE enterprise CASCADE"))
    return complete, seconds


async def test_killed_at_any_moment_it_has_written_all_or_nothing(
    engine: AsyncEngine, database_url: str, data_folder: Path
):
    (file := data_folder / "台账.xlsx").write_bytes(make_workbook(LEDGER))
    complete, seconds = await whole(database_url, engine, file)
    assert complete["enterprise"] == complete["recognition"] == ROWS
    assert complete["filing"] == complete["fact_yearly"] == 2 * ROWS
    assert await held(engine) == {}

    assert killing.__file__
    killer = await asyncio.create_subprocess_exec(
        sys.executable, killing.__file__, str(file), "20261122",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY,
        env=os.environ | {"TIDU_DATABASE_URL": database_url, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert killer.stdin
    assert killer.stdout
    ends: list[str] = []
    for _ in range(KILLS):
        killer.stdin.write(f"{seconds * 1000:.0f}\n".encode())
        ends.append((await killer.stdout.readline()).decode().strip())
        assert await held(engine) in ({}, complete), ends
    killer.stdin.close()
    assert await killer.wait() == 0
    assert ends.count("killed") >= KILLS // 2, ends

    assert (await tidu(database_url, "import", file)).exit_code == 0
    assert await held(engine) == complete
    again = await tidu(database_url, "import", file)
    assert f"无变化 {ROWS} 行" in again.stdout
    assert await held(engine) == complete
