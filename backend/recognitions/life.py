"""The life of a title: granted, valid, to be renewed, lapsed, revoked, renewed; and what happened to its holder meanwhile.

A title counts on its printed last day, and on the day of revocation no more. While its renewal window is open it is to
be renewed and still counts; that a renewal is late changes nothing of that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.regions import Regions
from backend.recognitions.queries import Held
from backend.recognitions.renewal import RenewalWindow


class State(StrEnum):
    """Where a title stands on a day."""

    TO_COME = "to_come"
    VALID = "valid"
    LAST_DAY = "last_day"
    DUE = "due"
    CONTINUED = "continued"
    RENEWED = "renewed"
    LAPSED = "lapsed"
    OFF_LIST = "off_list"
    REVOKED = "revoked"

    @property
    def chinese(self) -> str:
        """The state as pages show it."""
        return _CHINESE[self]

    @property
    def counts(self) -> bool:
        """Whether a title in this state counts."""
        return self in (State.VALID, State.LAST_DAY, State.DUE, State.CONTINUED)


_CHINESE: Final = {
    State.TO_COME: "尚未起算", State.VALID: "有效", State.LAST_DAY: "有效（最后一天）", State.DUE: "有效，应办接续",
    State.CONTINUED: "有效，已接续", State.RENEWED: "已由新证接续", State.LAPSED: "已到期", State.OFF_LIST: "不在最新一期名单",
    State.REVOKED: "已取消",
}  # fmt: skip


def state_of(title: Held, on: date, window: RenewalWindow, others: Sequence[Held] = ()) -> State:
    """Where a title stands on a day.

    Args:
        title: the title.
        on: the day asked about.
        window: when titles of its programme are to be renewed.
        others: all titles of its holder.
    """
    if title.revoked_on is not None and title.revoked_on <= on:
        return State.REVOKED
    if on < title.valid_from:
        return State.TO_COME
    follower = follower_of(title, others)
    if title.valid_to is not None and title.valid_to < on:
        return State.RENEWED if follower is not None and follower.valid_from <= on else State.LAPSED
    if title.next_list_on is not None and title.next_list_on <= on:
        return State.OFF_LIST
    if follower is not None and follower.valid_from <= (title.valid_to or on) + timedelta(days=1):
        return State.CONTINUED
    if title.valid_to == on:
        return State.LAST_DAY
    begins = window.begins_on(title.valid_to)
    return State.DUE if begins is not None and begins <= on else State.VALID


def follower_of(title: Held, others: Sequence[Held]) -> Held | None:
    """The next title of the programme that outlasts this one, if it was granted; with a gap between them or without."""
    if title.valid_to is None:
        return None
    later = [
        one
        for one in others
        if one.id != title.id and one.programme == title.programme and one.valid_from > title.valid_from
        and (one.valid_to is None or one.valid_to > title.valid_to)
    ]  # fmt: skip
    return min(later, key=lambda one: one.valid_from, default=None)


# What happened ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """Something in the life of a title or of its holder."""

    on: date
    what: str
    detail: str = ""
    #: Lies after the day asked about.
    is_ahead: bool = False


async def life_of(
    session: AsyncSession, title: Held, others: Sequence[Held], window: RenewalWindow, on: date
) -> list[Event]:
    """What happened to a title and its holder from its first day to its end, and what is ahead; the earliest first."""
    events = [Event(title.granted_on, _GRANTED.get(title.kind, "认定"), _granted(title)), *_ends(title, others, window)]
    versions = await _versions(session, title.id)
    events += [*_extensions(versions), *_corrections(versions)]
    last = title.revoked_on or title.valid_to or date.max
    happened = [*await _renamings(session, title.enterprise_id), *await _moves(session, title.enterprise_id)]
    happened += await _merges(session, title.enterprise_id)
    events += [one for one in happened if title.valid_from <= one.on <= last]
    return [
        Event(one.on, one.what, one.detail, one.on > on) for one in sorted(events, key=lambda one: (one.on, one.what))
    ]


_GRANTED: Final = {
    "granted": "认定", "renewed": "重新认定，换发新证", "extended": "认定", "transferred": "分立后转入",
}  # fmt: skip


def _granted(title: Held) -> str:
    parts = (title.notice, title.batch, f"编号 {title.number}" if title.number else "", _counts_from(title))
    return "，".join(part for part in parts if part)


def _counts_from(title: Held) -> str:
    return f"自 {title.valid_from} 起算" if title.valid_from != title.granted_on else ""


def _ends(title: Held, others: Sequence[Held], window: RenewalWindow) -> list[Event]:
    events: list[Event] = []
    if title.revoked_on is not None:
        events.append(Event(title.revoked_on, "取消资格，当日起不再有效", title.revocation_reason))
        return events
    follower = follower_of(title, others)
    begins = window.begins_on(title.valid_to)
    if begins is not None and (title.valid_to is None or begins <= title.valid_to):
        events.append(Event(begins, f"可以办理{window.how}", _sure(window)))
    if title.valid_to is not None:
        events.append(Event(title.valid_to, "有效期最后一天，当天仍有效"))
    if begins is not None and title.valid_to is not None and begins > title.valid_to:
        events.append(Event(begins, f"应{window.how}", _sure(window)))
    if follower is not None and title.valid_to is not None:
        gap = (follower.valid_from - title.valid_to).days - 1
        detail = f"编号 {follower.number}" if follower.number else ""
        missing = f"中断 {gap} 天（{title.valid_to + timedelta(days=1)} 至 {follower.valid_from - timedelta(days=1)}）"
        events.append(
            Event(follower.granted_on, "由新证接续", "，".join(p for p in (detail, missing if gap > 0 else "") if p))
        )
    if title.next_list_on is not None:
        events.append(Event(title.next_list_on, "下一期名单公布", "本期不再是最新名单，历年累计仍计入"))
    return events


def _sure(window: RenewalWindow) -> str:
    return f"{window.source}（{'默认，待核实' if window.is_default else _CERTAINTY.get(str(window.certainty), '')}）"


_CERTAINTY: Final = {
    "confirmed": "已核实", "single_source": "单一来源", "inferred": "推断", "memory": "凭经验", "conflict": "说法不一",
}  # fmt: skip


async def _versions(session: AsyncSession, recognition_id: int) -> list[Mapping[str, Any]]:
    """Every state that a title was ever in, the first first."""
    found = await session.execute(
        text(
            "WITH RECURSIVE before AS (SELECT r.* FROM recognition r WHERE r.id = :id UNION ALL SELECT r.* FROM before b"
            " JOIN recognition r ON r.id = b.supersedes_id) SELECT id, kind, number, granted_on, valid_from, valid_to, notice, correction,"
            " CAST(recorded_at AT TIME ZONE 'Asia/Shanghai' AS date) AS recorded_on FROM before ORDER BY id"
        ),
        {"id": recognition_id},
    )
    return [dict(row) for row in found.mappings()]


def _extensions(versions: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Reviews passed: each moved the last day on. Their own day is not kept; it lay before the end that they moved."""
    return [
        Event(before["valid_to"], "复核通过，有效期延续", f"至 {after['valid_to']}，{after['notice']}".rstrip("，"))
        for before, after in pairwise(versions)
        if not after["correction"] and before["valid_to"] is not None and after["valid_to"] is not None
        and after["valid_to"] > before["valid_to"]
    ]  # fmt: skip


_CORRECTED: Final = {
    "number": "编号", "granted_on": "认定日", "valid_from": "有效期起", "valid_to": "有效期止", "notice": "依据",
}  # fmt: skip


def _corrections(versions: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Entries put right: on the day they were, what they said before, and why."""
    return [
        Event(after["recorded_on"], "更正登记", "，".join([*differences, f"原因：{after['correction']}"]))
        for before, after in pairwise(versions)
        # A title that passed to another file keeps the words, and was not put right again.
        if after["correction"] and (differences := _differences(before, after))
    ]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"{label}由“{before[name] or '空'}”改为“{after[name] or '空'}”"
        for name, label in _CORRECTED.items()
        if before[name] != after[name]
    ]


async def _renamings(session: AsyncSession, enterprise_id: int) -> list[Event]:
    found = await session.execute(
        text(
            "SELECT name, used_to FROM enterprise_name WHERE enterprise_id = :id AND used_to IS NOT NULL ORDER BY used_to"
        ),
        {"id": enterprise_id},
    )
    return [
        Event(row.used_to + timedelta(days=1), "企业更名", f"原名 {row.name}，资格、编号和有效期不变")
        for row in found
        if row.used_to < date.max
    ]


async def _moves(session: AsyncSession, enterprise_id: int) -> list[Event]:
    """Moves between regions; out of the city or into it are told as such."""
    found = await session.execute(
        text(
            "SELECT region_code, valid_from FROM enterprise_region WHERE enterprise_id = :id"
            " ORDER BY valid_from NULLS FIRST"
        ),
        {"id": enterprise_id},
    )
    rows = list(found)
    return [
        Event(after.valid_from, _move(before.region_code, after.region_code), f"{_place(before)} → {_place(after)}")
        for before, after in pairwise(rows)
        if after.valid_from is not None and before.region_code != after.region_code
    ]


def _move(before: str, after: str) -> str:
    if before[:4] == after[:4]:
        return "市内迁移，资格不变"
    # 认定管理办法 第十八条: who moves whole keeps the title; who moves in part is recognised anew at the destination.
    return "跨市整体迁移，有效期内继续有效" if before[:2] == after[:2] else "跨省迁移，须核对是否整体迁移"


def _place(row: Any) -> str:
    region = Regions.load().find(row.region_code)
    return region.shown_as if region is not None else str(row.region_code)


async def _merges(session: AsyncSession, enterprise_id: int) -> list[Event]:
    """Titles that came over from a file that proved to be the same enterprise."""
    found = await session.execute(
        text(
            "SELECT DISTINCT CAST(r.recorded_at AT TIME ZONE 'Asia/Shanghai' AS date) AS day, b.enterprise_id AS before"
            " FROM recognition r JOIN recognition b ON b.id = r.supersedes_id"
            " WHERE r.enterprise_id = :id AND b.enterprise_id <> r.enterprise_id"
        ),
        {"id": enterprise_id},
    )
    return [Event(row.day, "企业档案合并或分立，认定转入本档案") for row in found]
