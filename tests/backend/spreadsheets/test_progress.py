"""An import says how far it is while it works, not only what it works on."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.spreadsheets import identifying, titles
from backend.spreadsheets.progress import Progress, Stage
from tests.backend.spreadsheets.importing import importer, take
from tests.factories import make_code

CODES = [make_code() for _ in range(12)]
LEDGER: list[list[Any]] = [
    ["企业名称", "统一社会信用代码", "所属区域"],
    *([f"泰州进度{n}号有限公司", code, "海陵区"] for n, code in enumerate(CODES)),
]


def listed(title: str, day: str) -> list[list[Any]]:
    rows = ([n + 1, f"泰州进度{n}号有限公司", code] for n, code in enumerate(CODES[:3]))
    return [[title], [f"（公告日期：{day}）"], ["序号", "企业名称", "统一社会信用代码"], *rows]


@dataclass
class Noting(Progress):
    """Remembers all that was said."""

    said: list[tuple[Stage, int, int]] = field(default_factory=list[tuple[Stage, int, int]])

    def tell(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        super().tell(stage, done, total)
        self.said.append((stage, done, total))

    def of(self, stage: Stage) -> list[tuple[int, int]]:
        return [(done, total) for said, done, total in self.said if said is stage]


async def test_registering_enterprises_is_counted(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(identifying, "_PORTION", 5)
    progress = Noting()
    async with owner_unit_of_work(engine) as work:
        await take(work, LEDGER, by=importer(progress=progress))
    assert progress.of(Stage.MATCHING) == [(0, 12), (0, 12), (5, 12), (10, 12)]


async def test_titles_that_change_are_counted(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(titles, "_TOLD_EVERY", 1)
    progress = Noting()
    async with owner_unit_of_work(engine) as work:
        await take(work, LEDGER)
        await take(work, listed("关于公布高新技术企业认定名单的公告", "2024年12月4日"))
        await take(
            work, listed("关于取消部分企业高新技术企业资格的公告", "2026年3月4日"), by=importer(progress=progress)
        )
    assert (2, 3) in progress.of(Stage.TITLES)
