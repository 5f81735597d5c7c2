"""The pool's lists as workbooks: who is in it, what moved, what is due. Columns say what the pages say, and more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.cultivation.queries import PoolFilters, all_seen, entries_by_id, move_ids, moves_by_ids
from backend.cultivation.service_file import due_by_ids, due_ids
from backend.cultivation.stages import ACTION_KINDS, STAGES
from backend.enterprises.labels import Names
from backend.exports.book import Head, Limits, ListBook
from backend.exports.parts import Part, book_of, cells_of_parts, held
from backend.web.filters import outcome
from rules.library import library
from rules.programme import walk_criteria

_WHO: Final = (
    Part("code", Head("统一社会信用代码", 22), held("credit_code")), Part("name", Head("企业名称", 40), held("name")),
    Part("region", Head("市（区）", 12), lambda row, names: names.region(row["region_code"])),
)  # fmt: skip


def _stage(row: Mapping[str, Any], _: Names) -> str:
    return STAGES[row["stage"]]


def _said(row: Mapping[str, Any], _: Names) -> str:
    return outcome("likely" if row["is_likely"] else row["outcome"]) if row["outcome"] else "未测评"


def _lacks(row: Mapping[str, Any], names: Names) -> str:
    """What the last check found wanting: criteria that are not met, else facts that are missing."""
    if row["failed"]:
        return "未满足：" + "、".join(_criterion(row["programme"], one) for one in row["failed"])
    facts = dict.fromkeys(names.indicator(one.partition("[")[0]) for one in row["missing"] or ())
    return "待补：" + "、".join(facts) if facts else ""


def _criterion(programme: str, criterion: str) -> str:
    found = library().by_name.get(programme)
    for version in reversed(found.versions if found is not None else ()):
        for one in walk_criteria(version.criteria):
            if one.id == criterion:
                return one.name or criterion
    return criterion


POOL_PARTS: Final = (
    *_WHO,
    Part("town", Head("镇街", 14), held("town")),
    Part("programme", Head("认定项目", 28), lambda row, names: names.programme(row["programme"])),
    Part("year", Head("年度", 8, "number"), held("year")), Part("stage", Head("阶段", 8), _stage),
    Part("outcome", Head("测评结果", 12), _said), Part("lacks", Head("还差什么", 60), _lacks),
    Part("checked", Head("测评日", 12, "day"), held("checked_on")), Part("officer", Head("责任人", 12), held("officer")),
    Part("got", Head("已获认定", 10), held("is_recognised")),
    Part("entered", Head("入库时间", 18), held("entered_at")), Part("moved", Head("最近移动", 18), held("moved_at")),
    Part("note", Head("备注", 30), held("note")),
)  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """The list of a pool with its filters."""

    asked: PoolFilters
    on: date
    parts: Sequence[Part] = POOL_PARTS

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of entries."""
        return book_of(folder, "培育库名单", self.parts, self.on, limits)

    async def ids(self, session: AsyncSession) -> list[int]:
        """The entries that the filters leave, in the list's order."""
        return [one.entry_id for one in await all_seen(session, self.asked)]

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some entries."""
        return cells_of_parts(await entries_by_id(session, ids, self.on), self.parts)


MOVE_PARTS: Final = (
    Part("at", Head("时间", 18), held("moved_at")),
    *_WHO,
    Part("programme", Head("认定项目", 28), lambda row, names: names.programme(row["programme"])),
    Part("year", Head("年度", 8, "number"), held("year")),
    Part("from", Head("原阶段", 8), lambda row, _: STAGES[row["from_stage"]] if row["from_stage"] else "入库"),
    Part("to", Head("现阶段", 8), lambda row, _: STAGES[row["to_stage"]]),
    Part("why", Head("原因", 40), held("reason")), Part("checked", Head("依据的测评", 12, "day"), held("checked_on")),
    Part("officer", Head("责任人", 12), held("officer")), Part("by", Head("经办", 12), held("moved_by_name")),
)  # fmt: skip


@dataclass(frozen=True)
class Moves:
    """What moved in the pools since a day."""

    since: date
    programme: str
    region: str
    on: date
    parts: Sequence[Part] = MOVE_PARTS

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of moves."""
        return book_of(folder, "培育库变动", self.parts, self.on, limits)

    async def ids(self, session: AsyncSession) -> list[int]:
        """The moves since the day, the latest first."""
        return await move_ids(session, datetime.combine(self.since, time.min, CHINA), self.programme, self.region)

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some moves."""
        return cells_of_parts(await moves_by_ids(session, ids), self.parts)


_THINGS: Final = {"step": "步骤"} | ACTION_KINDS
DUE_PARTS: Final = (
    Part("due", Head("期限", 12, "day"), held("due_on")),
    *_WHO,
    Part("kind", Head("种类", 8), lambda row, _: _THINGS[row["thing"]]), Part("words", Head("内容", 60), held("words")),
    Part("owner", Head("由谁办理", 20), held("owner")),
)  # fmt: skip


@dataclass(frozen=True)
class Due:
    """Steps, needs and problems that are overdue or due soon."""

    officer: int | None
    days: int
    on: date
    parts: Sequence[Part] = DUE_PARTS

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of what is due."""
        return book_of(folder, "待办事项", self.parts, self.on, limits)

    async def ids(self, session: AsyncSession) -> list[int]:
        """What is due, the most urgent first."""
        return await due_ids(session, self.on + timedelta(days=self.days), self.officer)

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some of it."""
        return cells_of_parts(await due_by_ids(session, ids), self.parts)
