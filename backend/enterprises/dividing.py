"""Writing down changes of districts, from a list or one by one: all lines are good, or nothing is written.

The enterprises of a district that is no more are in its successor from that day on; where they were before stays as it
stands. In an owner's unit of work: whoever sees one district cannot move another's enterprises.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.divisions import Change, follow, laid_over, recorded
from backend.enterprises.regions import Regions
from backend.spreadsheets.workbook import Cell
from backend.subregisters.layouts import Column, a_day, words, write_sheet
from backend.subregisters.sheets import Line, SheetRead, Trouble, read_sheet


def _digits(cell: Cell) -> str | None:
    said = (words(cell) or "").strip()
    return said or None


COLUMNS = (
    Column("changed_on", "生效日期", a_day, ("变更日期", "日期", "批准日期"), required=True, width=14),
    Column("from_code", "原代码", _digits, ("原区划代码", "变更前代码"), required=True, width=12),
    Column("from_name", "原名称", words, ("变更前名称",), width=16),
    Column("to_code", "新代码", _digits, ("新区划代码", "变更后代码"), required=True, width=12),
    Column("to_name", "新名称", words, ("变更后名称",), required=True, width=16),
    Column("document", "文号", words, ("批准文号", "批复"), width=24),
)
_BY_NAME = {column.name: column for column in COLUMNS}


@dataclass(frozen=True)
class Divided:
    """A list of changes as it was taken, or would be: what is new, and how many enterprises it moves."""

    changes: Sequence[Change]
    troubles: Sequence[Trouble]
    #: By the old code: enterprises moved, people whose account still names it, and those who go on under the new one.
    moved: dict[str, int]
    people: dict[str, int]
    along: dict[str, int]
    #: Lines that say what is recorded already.
    known: int


def template() -> bytes:
    """A workbook to fill in."""
    note = "一行一项：某一原区划自生效日期起并入、改为或更名为某一新区划。几个并为一个，写几行；一分为二的，请逐家登记迁移。"
    return write_sheet("区划调整", note, COLUMNS, [])


def read_changes(content: bytes, file_name: str) -> SheetRead:
    """A list as CSV or a workbook. Raises SheetRefused."""
    return read_sheet(content, file_name, COLUMNS)


async def divide(
    session: AsyncSession, read: SheetRead, today: date, by: int | None = None, *, dry: bool = False
) -> Divided:
    """Take a list of changes; with any trouble, or `dry`, nothing is written.

    Args:
        session: of the owner, not bound to a district.
        read: the list.
        today: changes to come are entered when they come.
        by: the person.
        dry: only say what would be.
    """
    before = await recorded(session)
    fresh: list[Change] = []
    troubles = list(read.troubles)
    known = 0
    wrong_lines = {trouble.row for trouble in troubles}
    for line in sorted(
        (one for one in read.lines if one.row not in wrong_lines), key=lambda one: one.values["changed_on"]
    ):
        change = _change(line, laid_over(Regions.shipped(), [*before, *fresh]))
        if any(_same(change, one) for one in before):
            known += 1
            continue
        found = _trouble(line, change, [*before, *fresh], today)
        if found is not None:
            troubles.append(found)
        else:
            fresh.append(change)
    moved = {change.from_code: await _count(session, change) for change in fresh if not change.is_renaming}
    people = {change.from_code: await _people(session, change) for change in fresh if not change.is_renaming}
    # Where districts become one, accounts would see another's enterprises too: that is for the administrator to say.
    alone = [one for one in fresh if not one.is_renaming and await _is_alone(session, one, [*before, *fresh])]
    along = {one.from_code: people.pop(one.from_code) for one in alone}
    if not troubles and not dry:
        for change in fresh:
            await _record(session, change, by)
        for change in alone:
            await _take_along(session, change)
        follow([*before, *fresh])
    return Divided(fresh, sorted(troubles, key=lambda one: one.row), moved, people, along, known)


def _change(line: Line, regions: Regions) -> Change:
    values = line.values
    before = regions.find(values["from_code"])
    return Change(
        values["changed_on"], values["from_code"], values["from_name"] or (before.name if before else ""),
        values["to_code"], values["to_name"], values["document"] or "",
    )  # fmt: skip


def _same(one: Change, other: Change) -> bool:
    return (one.changed_on, one.from_code, one.to_code) == (other.changed_on, other.from_code, other.to_code) and (
        one.to_name == other.to_name
    )


def _trouble(line: Line, change: Change, earlier: Sequence[Change], today: date) -> Trouble | None:
    """What is wrong with a change, after those before it; None where nothing is."""
    regions = laid_over(Regions.shipped(), earlier)
    eve = change.changed_on - timedelta(days=1)
    for name in ("from_code", "to_code"):
        if not re.fullmatch(r"\d{6}", line.values[name]):
            return line.trouble(_BY_NAME[name], "应为六位行政区划代码，如 321204。")
    if change.changed_on > today:
        return line.trouble(_BY_NAME["changed_on"], "在今天之后，请在生效后再登记。")
    twin = next((one for one in earlier if one.from_code == change.from_code and not one.is_renaming), None)
    if twin is not None:
        return line.trouble(
            _BY_NAME["from_code"],
            f"已对应 {twin.to_code} {twin.to_name}（{twin.changed_on} 起）；一个区划不能对应两个新区划。"
            "一分为二的，企业归哪一边系统无从判断，请逐家登记迁移或用台账导入新区划。",
        )
    before, after = regions.find(change.from_code), regions.find(change.to_code)
    if before is None or before.level != "district" or before.alias_of is not None:
        return line.trouble(_BY_NAME["from_code"], "不是库内的市（区）代码，请核对原代码。")
    if not before.is_in_force(eve):
        return line.trouble(_BY_NAME["from_code"], f"{before.name}在 {eve} 已不是有效区划，请核对原代码和生效日期。")
    if change.is_renaming and change.to_name == before.name:
        return line.trouble(_BY_NAME["to_name"], "代码和名称都没有变化，请核对。")
    if (
        after is not None
        and not change.is_renaming
        and (after.level != "district" or not after.is_in_force(change.changed_on))
    ):
        return line.trouble(
            _BY_NAME["to_code"], f"{after.name}在 {change.changed_on} 不是有效区划，请核对新代码和生效日期。"
        )
    city = after.parent if after is not None else f"{change.to_code[:4]}00"
    if regions.find(city or "") != regions.find(before.parent or ""):
        return line.trouble(_BY_NAME["to_code"], "与原区划不在同一设区的市，请核对新代码。")
    return None


async def _is_alone(session: AsyncSession, change: Change, changes: Sequence[Change]) -> bool:
    """Whether the new district is the old one under another code, and nobody else's besides."""
    if sum(one.to_code == change.to_code for one in changes) > 1:
        return False
    others = await session.scalar(
        text(
            "SELECT EXISTS (SELECT FROM person WHERE region_code = :to_code) OR EXISTS"
            " (SELECT FROM enterprise_region WHERE region_code = :to_code)"
        ),
        {"to_code": change.to_code},
    )
    return not others


async def _take_along(session: AsyncSession, change: Change) -> None:
    """Let who answered for the district go on under its new code."""
    for table in ("person", "person_role"):
        await session.execute(
            text(f"UPDATE {table} SET region_code = :to_code WHERE region_code = :from_code"),
            {"to_code": change.to_code, "from_code": change.from_code},
        )


async def _count(session: AsyncSession, change: Change) -> int:
    found = await session.scalar(
        text("SELECT count(*) FROM enterprise WHERE region_code = :code"), {"code": change.from_code}
    )
    return found or 0


async def _people(session: AsyncSession, change: Change) -> int:
    found = await session.scalar(
        text("SELECT count(*) FROM person WHERE region_code = :code AND is_active"), {"code": change.from_code}
    )
    return found or 0


async def _record(session: AsyncSession, change: Change, by: int | None) -> None:
    values = {
        "on": change.changed_on, "from_code": change.from_code, "from_name": change.from_name, "to_code": change.to_code,
        "to_name": change.to_name, "document": change.document, "by": by,
    }  # fmt: skip
    moved = 0 if change.is_renaming else await _lead_on(session, values)
    await session.execute(
        text(
            "INSERT INTO division_change (changed_on, from_code, from_name, to_code, to_name, document, moved, recorded_by)"
            " VALUES (:on, :from_code, :from_name, :to_code, :to_name, :document, :moved, :by)"
        ),
        values | {"moved": moved},
    )


async def _lead_on(session: AsyncSession, values: Mapping[str, Any]) -> int:
    """Let the enterprises of the old district be in the new one from the day on. Returns how many."""
    # Their stay there ends the day before; a stay that only began later was said with the old code and is read as the new.
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from, valid_to)"
            " SELECT g.enterprise_id, :to_code, g.town, g.park, CAST(:on AS date), g.valid_to FROM enterprise_region g"
            " WHERE g.region_code = :from_code AND (g.valid_from IS NULL OR g.valid_from < :on)"
            " AND (g.valid_to IS NULL OR g.valid_to >= :on)"
        ),
        values,
    )
    await session.execute(
        text(
            "UPDATE enterprise_region SET valid_to = CAST(:on AS date) - 1 WHERE region_code = :from_code"
            " AND (valid_from IS NULL OR valid_from < :on) AND (valid_to IS NULL OR valid_to >= :on)"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_move (enterprise_id, moved_on, from_region, to_region, cause, document, recorded_by)"
            " SELECT id, :on, region_code, :to_code, 'division', :document, :by FROM enterprise WHERE region_code = :from_code"
        ),
        values,
    )
    found = await session.execute(
        text(
            "UPDATE enterprise SET region_code = :to_code, revision = revision + 1, updated_at = now()"
            " WHERE region_code = :from_code RETURNING id"
        ),
        values,
    )
    return len(list(found.scalars()))
