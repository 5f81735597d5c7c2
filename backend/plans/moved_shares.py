"""Shares of districts that are no more: kept, shown with their successor, and moved over to it if two people say so.

A merged district's share is neither lost nor quietly another's: until somebody moves it, it stands under the old name and
counts in the sum. Moved, it is added to what the successor already has, so that the sum stays as it was explained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, propose, register_kind
from backend.database.session import because
from backend.enterprises.regions import Region, Regions
from backend.plans.breakdown import Kind, ShareWrong, is_additive, write_shares
from backend.plans.documents import plan_named
from backend.plans.territory import territory_of
from backend.plans.versions import know_plans
from rules.plan import Plan, Target, plain

CHANGE: Final = "plan.shares_moved"


@dataclass(frozen=True)
class Moved:
    """A target's share for a year, and what the successor will have with it."""

    target: Target
    year: int
    value: Decimal
    #: What the successor has by itself.
    own: Decimal | None

    @property
    def is_dropped(self) -> bool:
        """Whether it cannot be added to what the successor has, and goes."""
        return self.own is not None and not is_additive(self.target)

    @property
    def together(self) -> Decimal:
        """Of values that cannot be added the successor's own remains."""
        if self.own is None:
            return self.value
        return self.own if self.is_dropped else self.own + self.value


@dataclass(frozen=True)
class LeftBehind:
    """A district of the plan's territory that is no more, with the shares that stand under its name."""

    place: Region
    successor: Region
    shares: tuple[Moved, ...]

    @property
    def in_words(self) -> str:
        """What became of the district, and what of its shares."""
        since = f"自 {self.place.valid_to + timedelta(days=1)} 起" if self.place.valid_to else ""
        return (
            f"{self.place.shown_as}（{self.place.code}）{since}已并入{self.successor.shown_as}（{self.successor.code}）："
            f"仍有 {len(self.shares)} 项任务数记在原区划名下，照计合计，没有丢失。"
        )


async def left_behind(session: AsyncSession, plan: Plan) -> list[LeftBehind]:
    """Which districts with standing shares of a plan are no more, and whose they are to be."""
    regions = Regions.load()
    today = {one.code for one in territory_of(plan.territory.code).districts}
    found = await session.execute(
        text(
            "SELECT target, year, place, value FROM breakdown_share WHERE target = ANY(CAST(:targets AS text[]))"
            " AND kind = :kind AND superseded_at IS NULL ORDER BY year, target"
        ),
        {"targets": list(plan.by_id), "kind": Kind.DISTRICT.value},
    )
    standing = {(place, target, year): value for target, year, place, value in found}
    gone: list[LeftBehind] = []
    for place in sorted({place for place, _, _ in standing} - today):
        before, after = regions.find(place), regions.current(place)
        if before is None or after is None or after.code not in today:
            continue
        shares = tuple(
            Moved(plan.by_id[target], year, value, standing.get((after.code, target, year)))
            for (of, target, year), value in standing.items()
            if of == place
        )
        gone.append(LeftBehind(before, after, shares))
    return gone


async def propose_move(session: AsyncSession, plan: Plan, place: str, person_id: int) -> int:
    """Propose that the successor takes a former district's shares. Returns the proposal's id.

    Raises ShareWrong, AlreadyProposed.
    """
    one = await _of_place(session, plan, place)
    changes = [
        Change(
            f"{share.target.id} {share.target.name} {share.year} 年",
            f"{one.place.shown_as} {plain(share.value)}，{one.successor.shown_as} "
            f"{'未分解' if share.own is None else plain(share.own)}",
            f"{one.successor.shown_as} {plain(share.together)}{'（不能相加，保留原有值）' if share.is_dropped else ''}",
        )
        for share in one.shares
    ]
    summary = f"{plan.id} 任务分解：{one.place.shown_as}的 {len(one.shares)} 项并入{one.successor.shown_as}"
    return await propose(session, Proposed(CHANGE, summary, _payload(plan, one), changes=changes), person_id)


async def move_shares(session: AsyncSession, plan: Plan, place: str, recorded_by: int | None) -> None:
    """Let the successor take a former district's shares. Raises ShareWrong."""
    one = await _of_place(session, plan, place)
    for share in one.shares:
        rows = {(Kind.DISTRICT.value, place): None, (Kind.DISTRICT.value, one.successor.code): share.together}
        await write_shares(session, share.target, share.year, rows, recorded_by)


async def _of_place(session: AsyncSession, plan: Plan, place: str) -> LeftBehind:
    await session.execute(text("LOCK TABLE breakdown_share IN SHARE ROW EXCLUSIVE MODE"))
    for one in await left_behind(session, plan):
        if one.place.code == place:
            return one
    raise ShareWrong(f"{place} 名下没有待并入的任务数，可能已经并入，请刷新页面核对。", place)


def as_json(one: LeftBehind) -> dict[str, Any]:
    """A former district's shares for programs."""
    return {
        "place": one.place.code, "name": one.place.shown_as, "successor": one.successor.code,
        "successor_name": one.successor.shown_as, "told": one.in_words,
        "shares": [
            {
                "target": share.target.id, "year": share.year, "value": plain(share.value),
                "own": None if share.own is None else plain(share.own), "together": plain(share.together),
                "dropped": share.is_dropped,
            }
            for share in one.shares
        ],
    }  # fmt: skip


def _payload(plan: Plan, one: LeftBehind) -> dict[str, Any]:
    """What is proposed, with the numbers that it rests on."""
    shares: Sequence[Sequence[object]] = [
        [share.target.id, share.year, plain(share.value), None if share.own is None else plain(share.own)]
        for share in one.shares
    ]
    return {"plan": plan.id, "place": one.place.code, "successor": one.successor.code, "shares": shares}


async def _carry_out(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await know_plans(session)
    plan = plan_named(payload["plan"])
    if _payload(plan, await _of_place(session, plan, payload["place"])) != dict(payload):
        raise ShareWrong("提交之后任务数或区划又有改动，请撤回后重新提交。", payload["place"])
    await because(session, f"区划调整：{payload['place']} 并入 {payload['successor']}")
    await move_shares(session, plan, payload["place"], proposed_by)


register_kind(CHANGE, "任务分解并入新区划", _carry_out)
