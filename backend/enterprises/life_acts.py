"""What becomes of enterprises (merged, parted, split, moved, ended, and back) as acts that wait for a second person or not."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from fastapi import Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, needs_second_person, propose, register_kind
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.enterprises.ending import End, end, revive
from backend.enterprises.merging import Given, Merge, merge, unmerge
from backend.enterprises.moving import Move, register_move
from backend.enterprises.regions import Regions
from backend.enterprises.splitting import Split, split
from backend.enterprises.unsplitting import TakenBack, unsplit
from rules.library import library

MERGE: Final = "enterprise.merge"
UNMERGE: Final = "enterprise.unmerge"
SPLIT: Final = "enterprise.split"
UNSPLIT: Final = "enterprise.unsplit"
END: Final = "enterprise.end"
REVIVE: Final = "enterprise.revive"
MOVE: Final = "enterprise.move"


@dataclass(frozen=True)
class Act:
    """Something to be done to an enterprise's life, in a form that can wait for a second person."""

    kind: str
    enterprise_id: int
    summary: str
    reason: str
    payload: Mapping[str, Any]
    changes: tuple[Change, ...] = ()


async def do_or_propose(request: Request, session: AsyncSession, act: Act, person_id: int) -> int | None:
    """Do it at once, or propose it where the installation wants a second person. Returns the proposal's id, if any.

    Raises what the act raises, AlreadyProposed.
    """
    if not needs_second_person(request, act.kind):
        # A form that is shown again after a refusal shows what is, and not what was half done.
        async with session.begin_nested():
            await _DEEDS[act.kind](session, act.payload, person_id)
        return None
    proposed = Proposed(act.kind, act.summary, act.payload, act.enterprise_id, act.reason, act.changes)
    return await propose(session, proposed, person_id)


async def _acting(session: AsyncSession) -> int | None:
    """Whoever acts in this transaction: of a proposal, the one who confirms it."""
    found = await session.scalar(text("SELECT nullif(current_setting('tidu.user_id', true), '')"))
    return int(found) if found else None


async def _merge(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    wanted = Merge(payload["absorbed_id"], payload["survivor_id"], payload["reason"])
    await merge(session, wanted, await _acting(session), proposed_by)


async def _unmerge(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    given = Given(payload["filings"], payload["recognitions"], payload["rows"])
    await unmerge(session, payload["merge_id"], payload["reason"], given, await _acting(session))


async def _split(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    told: dict[str, Any] = {**payload, "split_on": date.fromisoformat(payload["split_on"])}
    await split(session, Split(**told), await _acting(session))


async def _unsplit(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    given = Given(payload["filings"], payload["recognitions"], payload["rows"])
    wanted = TakenBack(payload["reason"], given, payload["keeps_other"], payload["seen"])
    await unsplit(session, payload["split_id"], wanted, await _acting(session))


async def _end(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    stated = End(payload["kind"], date.fromisoformat(payload["ended_on"]), payload["reason"], payload["document"])
    await end(session, payload["enterprise_id"], stated, await _acting(session))
    await evaluate(session, [payload["enterprise_id"]], library(), today())


async def _revive(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    await revive(session, payload["enterprise_id"], payload["reason"], await _acting(session))
    await evaluate(session, [payload["enterprise_id"]], library(), today())


async def _move(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    told: dict[str, Any] = {**payload, "moved_on": date.fromisoformat(payload["moved_on"])}
    await register_move(session, Move(**told), await _acting(session))
    await evaluate(session, [payload["enterprise_id"]], library(), today())


def moving_act(row: Mapping[str, Any], stated: Move) -> Act:
    """A move between districts as an act: it counts for one district from that day on, and for the other no more."""
    regions = Regions.load()
    places = [
        found.name if (found := regions.find(code)) else code for code in (row["region_code"], stated.region_code)
    ]
    payload = asdict(stated) | {"moved_on": str(stated.moved_on)}
    told = f"迁移：{row['name']}，{stated.moved_on} 由{places[0]}迁往{places[1]}"
    changes = (Change("市（区）", *places), Change("依据文件", "", stated.document))
    return Act(MOVE, row["id"], told, stated.reason, payload, changes)


_DEEDS: Final[Mapping[str, Callable[[AsyncSession, Mapping[str, Any], int], Awaitable[None]]]] = {
    MERGE: _merge, UNMERGE: _unmerge, SPLIT: _split, UNSPLIT: _unsplit, END: _end, REVIVE: _revive, MOVE: _move,
}  # fmt: skip
_LABELS: Final = {
    MERGE: "合并重复档案", UNMERGE: "撤销合并", SPLIT: "分立", UNSPLIT: "撤销分立", END: "注销或吊销",
    REVIVE: "撤销注销或吊销", MOVE: "迁移",
}  # fmt: skip
for _name, _deed in _DEEDS.items():
    register_kind(_name, _LABELS[_name], _deed)
