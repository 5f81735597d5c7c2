"""The pool: who enters, moves, is answered for by whom. Every change leaves a move, which nothing alters.

Whoever saves hands in the revision they had seen; an entry that somebody else changed meanwhile is left as it is and
told, the others are saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.stages import STAGES, Stage, Step
from backend.eligibility.queries import checked_on
from backend.enterprises.officers import those_outside
from backend.recognitions.queries import IN_FORCE, current_edition, edition_programmes
from rules.library import library


class PoolRefused(Exception):
    """The pool cannot be changed so; nothing was written."""

    status_code = 422


@dataclass(frozen=True)
class Seen:
    """An entry as somebody has it before the eyes."""

    entry_id: int
    revision: int


@dataclass
class Done:
    """What became of several entries: how many were saved, and which were not, with the reason."""

    saved: list[int] = field(default_factory=list[int])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


async def enter(
    session: AsyncSession, programme: str, year: int, enterprise_ids: Sequence[int], *, by: int | None, officer_id: int | None = None,
    reason: str = "",
) -> list[int]:  # fmt: skip
    """Put enterprises into a pool as discovered; who is in it already stays as they are.

    Returns:
        The ids of those that are new.

    Raises:
        PoolRefused: there is no such programme, or the officer cannot answer for one of them.
    """
    if programme not in library().programmes:
        raise PoolRefused(f"没有认定项目“{programme}”，请从列表中选择。")
    if officer_id is not None:
        await _demand_officer(session, officer_id, enterprise_ids)
    found = await session.execute(
        text(
            "INSERT INTO pool_entry (enterprise_id, programme, year, stage, officer_id, note, revision)"
            " SELECT e.id, :programme, :year, 'discovered', CAST(:officer AS integer), '', 1 FROM enterprise e"
            " WHERE e.id = ANY(:ids) AND e.status = 'active' ON CONFLICT ON CONSTRAINT pool_entry_once DO NOTHING RETURNING id, enterprise_id"
        ),
        {"programme": programme, "year": year, "officer": officer_id, "ids": list(enterprise_ids)},
    )
    entered = [(row[0], row[1]) for row in found]
    await _note(
        session,
        [_move(entry, enterprise, "", Stage.DISCOVERED, reason, by, officer_id) for entry, enterprise in entered],
    )
    return [entry for entry, _ in entered]


async def move(
    session: AsyncSession, seen: Sequence[Seen], to: Stage, reason: str, *, by: int | None, on: date, most_days: int
) -> Done:
    """Move entries to a stage; each that lacks what the stage asks for is left and told.

    Args:
        session: within the officer's scope.
        seen: which, as the officer had them before the eyes.
        to: the stage.
        reason: needed for going back and out.
        by: the officer.
        on: today.
        most_days: how old the check behind a recommendation may be, in days.
    """
    done, moves = Done(), list[dict[str, Any]]()
    for row, problem in await _locked(session, seen, on):
        step = Step(Stage(row["stage"]), to) if row else None
        problem = problem or _lacks(row, step, reason, on, most_days)
        if problem or step is None:
            done.refused.append((row["name"] if row else "（不在库中）", problem))
            continue
        checked_on = row["as_of"] if step.needs_check else None
        moves.append(_move(row["id"], row["enterprise_id"], step.before, to, reason, by, row["officer_id"], checked_on))
        done.saved.append(row["id"])
    await session.execute(
        text("UPDATE pool_entry SET stage = :stage, moved_at = now(), revision = revision + 1 WHERE id = ANY(:ids)"),
        {"stage": str(to), "ids": done.saved},
    )
    await _note(session, moves)
    return done


def _lacks(row: Mapping[str, Any], step: Step | None, reason: str, on: date, most_days: int) -> str:
    """What a move lacks, and what to do about it; empty for nothing."""
    if step is None:
        return "这家企业已不在库中，请刷新页面。"
    if step.before is step.after:
        return f"已在“{STAGES[step.after]}”阶段。"
    if step.is_back and not reason.strip():
        return (
            f"由“{STAGES[step.before]}”{'转' if step.after is Stage.OUT else '退回'}“{STAGES[step.after]}”须写明原因。"
        )
    if step.needs_check:
        if row["as_of"] is None:
            return "还没有测评过，请先重新测评，再推荐。"
        if row["as_of"] < on - timedelta(days=most_days):
            return f"最近一次测评是 {row['as_of']}，超过 {most_days} 天，请先重新测评，再推荐。"
        if row["outcome"] != "eligible" and not row["is_likely"]:
            return "按现行数据不符合或数据不全，不能推荐；请看判定说明，补齐后再测评。"
    if step.needs_title and not row["is_recognised"]:
        return "认定台账里没有本年度起有效的这项认定；请先登记认定或导入公告名单。"
    return ""


async def assign(
    session: AsyncSession, seen: Sequence[Seen], officer_id: int | None, *, by: int | None, on: date
) -> Done:
    """Let an officer answer for entries, or nobody.

    Raises:
        PoolRefused: the officer cannot answer for one of the enterprises.
    """
    rows = await _locked(session, seen, on)
    if officer_id is not None:
        await _demand_officer(session, officer_id, [row["enterprise_id"] for row, _ in rows if row])
    done, moves = Done(), list[dict[str, Any]]()
    for row, problem in rows:
        if problem:
            done.refused.append((row["name"] if row else "（不在库中）", problem))
            continue
        moves.append(_move(row["id"], row["enterprise_id"], row["stage"], row["stage"], "指定责任人", by, officer_id))
        done.saved.append(row["id"])
    await session.execute(
        text(
            "UPDATE pool_entry SET officer_id = CAST(:officer AS integer), revision = revision + 1 WHERE id = ANY(:ids)"
        ),
        {"officer": officer_id, "ids": done.saved},
    )
    await _note(session, moves)
    return done


async def take_over_recognised(session: AsyncSession, programme: str, year: int, *, by: int | None, on: date) -> int:
    """Move every entry of a pool whose enterprise has got the title to the last stage. Returns how many."""
    found = await session.execute(
        text(f"SELECT p.id, p.revision FROM pool_entry p WHERE p.programme = :programme AND p.year = :year"
             f" AND p.stage NOT IN ('recognised', 'out') AND {is_recognised()} ORDER BY p.id"),
        {"programme": programme, "year": year, "on": on},
    )  # fmt: skip
    seen = [Seen(row[0], row[1]) for row in found]
    return (
        len((await move(session, seen, Stage.RECOGNISED, "依认定台账", by=by, on=on, most_days=0)).saved) if seen else 0
    )


def is_recognised() -> str:
    """Whether the enterprise of a pool entry `p` has got the title it was cultivated for; SQL with `:on`."""
    return (
        "EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = p.enterprise_id AND r.programme = p.programme"
        f" AND r.superseded_at IS NULL AND {IN_FORCE} AND r.granted_on >= make_date(p.year, 1, 1)"
        # Lists are looked through for those only that come out in lists.
        f" AND (p.programme <> ALL ({edition_programmes(library())}) OR {current_edition(library())}))"
    )


async def _locked(session: AsyncSession, seen: Sequence[Seen], on: date) -> list[tuple[Mapping[str, Any], str]]:
    """The entries, held until the transaction ends, each with what stands against saving it."""
    wanted = {one.entry_id: one.revision for one in seen}
    await session.execute(
        text("SELECT FROM pool_entry WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), {"ids": sorted(wanted)}
    )
    found = await session.execute(
        text(
            f"SELECT p.*, e.name, {checked_on()} AS as_of, x.outcome, coalesce(x.is_likely, false) AS is_likely,"
            f" {is_recognised()} AS is_recognised FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id"
            " LEFT JOIN eligibility x ON x.enterprise_id = p.enterprise_id AND x.programme = p.programme"
            " WHERE p.id = ANY(:ids) ORDER BY p.id"
        ),
        {"ids": sorted(wanted), "on": on},
    )
    rows: dict[int, Mapping[str, Any]] = {row["id"]: dict(row) for row in found.mappings()}
    held: list[tuple[Mapping[str, Any], str]] = []
    for entry, revision in sorted(wanted.items()):
        row = rows.get(entry, {})
        if not row:
            held.append((row, "不在库中，或不属于您的区域。"))
        elif row["revision"] != revision:
            held.append((row, "在您操作期间已被他人修改，没有保存；请按最新情况再操作。"))
        else:
            held.append((row, ""))
    return held


async def _demand_officer(session: AsyncSession, officer_id: int, enterprise_ids: Sequence[int]) -> None:
    """Raises PoolRefused unless the officer is active, may write, and sees all these enterprises."""
    if outside := await those_outside(session, officer_id, enterprise_ids):
        raise PoolRefused(f"所选责任人不能管理其中 {outside} 家企业（不在其区域或园区，或已停用）。没有保存，请另选。")


def _move(
    entry: int, enterprise: int, before: str, after: str, reason: str, by: int | None, officer: int | None,
    checked_on: date | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "entry": entry, "enterprise": enterprise, "before": str(before), "after": str(after), "reason": reason.strip(),
        "by": by, "officer": officer, "checked_on": checked_on,
    }  # fmt: skip


async def _note(session: AsyncSession, moves: list[dict[str, Any]]) -> None:
    if moves:
        await session.execute(
            text(
                "INSERT INTO pool_move (entry_id, enterprise_id, from_stage, to_stage, officer_id, reason, checked_on, moved_by)"
                " VALUES (:entry, :enterprise, :before, :after, :officer, :reason, :checked_on, :by)"
            ),
            moves,
        )
