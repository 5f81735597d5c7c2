"""Four eyes: what matters is proposed by one and done when another one confirms it.

A slice says once what its kind of proposal does (`register_kind`) and proposes with `propose`. What is proposed is
tried first, so that nobody confirms what cannot be done; it is tried again when it is confirmed, since the world may
have changed meanwhile.

ProposalRefused             409, cannot be decided so
└── ProposalUnknown         404
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.access.trace.service import Deed, note
from backend.exact_json import exact_json

#: After so many days a proposal is asked anew: nobody remembers what it was about.
LIFE: Final = timedelta(days=14)
Handler = Callable[[AsyncSession, Mapping[str, Any], int], Awaitable[None]]
Decision = Literal["confirmed", "refused", "withdrawn"]


class ProposalRefused(Exception):
    """Cannot be decided so; the text says why and what to do."""

    status_code = 409


class ProposalUnknown(ProposalRefused):
    status_code = 404


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of proposal: how it is called, and what happens once it is confirmed."""

    label: str
    handle: Handler


_KINDS: Final[dict[str, Kind]] = {}


def register_kind(name: str, label: str, handle: Handler) -> None:
    """Let a slice's deed be proposed. `handle(session, payload, proposed_by)` does it, and raises where it cannot be."""
    _KINDS[name] = Kind(label, handle)


def label_of(kind: str) -> str:
    """The kind in Chinese."""
    return _KINDS[kind].label if kind in _KINDS else kind


@dataclass(frozen=True, slots=True)
class Proposed:
    """Something to be done once another person agrees."""

    kind: str
    summary: str
    payload: Mapping[str, Any]
    enterprise_id: int | None = None
    reason: str = ""


async def propose(session: AsyncSession, proposed: Proposed, person_id: int, now: datetime | None = None) -> int:
    """Write a proposal down, after trying whether it could be done. Returns its id. Raises what its kind raises."""
    async with session.begin_nested() as trial:
        await _KINDS[proposed.kind].handle(session, proposed.payload, person_id)
        await trial.rollback()
    found = await session.execute(
        text(
            "INSERT INTO proposal (kind, enterprise_id, summary, payload, reason, proposed_by, expires_at)"
            " VALUES (:kind, :enterprise_id, :summary, CAST(:payload AS jsonb), :reason, :person_id, :expires_at)"
            " RETURNING id"
        ),
        {
            "kind": proposed.kind, "enterprise_id": proposed.enterprise_id, "summary": proposed.summary,
            "payload": exact_json(proposed.payload), "reason": proposed.reason, "person_id": person_id,
            "expires_at": (now or datetime.now(UTC)) + LIFE,
        },
    )  # fmt: skip
    return found.scalar_one()


async def decide(
    session: AsyncSession,
    proposal_id: int,
    decision: Decision,
    person: PersonSignedIn,
    reason: str = "",
    now: datetime | None = None,
) -> None:
    """Confirm what another one proposed and do it, refuse it with a reason, or withdraw what one proposed oneself.

    Raises ProposalRefused, ProposalUnknown, and what the kind raises; then nothing is decided.
    """
    now = now or datetime.now(UTC)
    row = await _open_one(session, proposal_id)
    _demand_may(row, decision, person, reason, now)
    await session.execute(
        text(
            "UPDATE proposal SET state = :state, decided_by = :person_id, decided_at = :now, decision_reason = :reason"
            " WHERE id = :id"
        ),
        {"state": decision, "person_id": person.id, "now": now, "reason": reason.strip(), "id": proposal_id},
    )
    if decision == "confirmed":
        await _KINDS[row["kind"]].handle(session, row["payload"], row["proposed_by"])
    verb = {"confirmed": "confirm", "refused": "refuse", "withdrawn": "withdraw"}[decision]
    await note(session, Deed(verb, "proposal", str(proposal_id), row["enterprise_id"], reason=reason.strip()))


async def _open_one(session: AsyncSession, proposal_id: int) -> Mapping[str, Any]:
    found = await session.execute(
        text("SELECT * FROM proposal WHERE id = :id AND state = 'open' FOR UPDATE"), {"id": proposal_id}
    )
    row = found.mappings().first()
    if row is None:
        raise ProposalUnknown("没有这件待确认事项，或者它刚被办理过。请刷新列表。")
    return dict(row)


def _demand_may(row: Mapping[str, Any], decision: Decision, person: PersonSignedIn, reason: str, now: datetime) -> None:
    is_own = row["proposed_by"] == person.id
    if decision == "withdrawn":
        if not is_own:
            raise ProposalRefused("只能撤回自己提交的事项；他人提交的请确认或退回。")
        return
    if is_own:
        raise ProposalRefused("不能确认或退回自己提交的事项，须由另一人办理；如不再需要，请撤回。")
    if not person.role.may_confirm:
        raise ProposalRefused("您的角色不能确认或退回他人提交的事项。")
    if decision == "refused" and not reason.strip():
        raise ProposalRefused("退回时请写明理由，提交人要据此修改。")
    if decision == "confirmed" and row["expires_at"] <= now:
        raise ProposalRefused(f"这件事项提交已超过 {LIFE.days} 天，不能再确认，请提交人核实后重新提交。")


async def open_proposals(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """What waits for somebody, the oldest first, as far as the reader may see it."""
    return await _listed(session, "p.state = 'open' ORDER BY p.proposed_at, p.id LIMIT 200")


async def decided_proposals(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """What was decided lately."""
    return await _listed(session, "p.state <> 'open' ORDER BY p.decided_at DESC, p.id DESC LIMIT 30")


async def _listed(session: AsyncSession, which: str) -> Sequence[Mapping[str, Any]]:
    found = await session.execute(
        text(
            "SELECT p.*, e.name AS enterprise_name, coalesce(e.credit_code, e.id::text) AS enterprise_key,"
            " proposer.name AS proposer, decider.name AS decider FROM proposal p"
            " LEFT JOIN enterprise e ON e.id = p.enterprise_id LEFT JOIN officers() proposer ON proposer.id = p.proposed_by"
            f" LEFT JOIN officers() decider ON decider.id = p.decided_by WHERE {which}"
        )
    )
    return [dict(row) | {"label": label_of(row["kind"])} for row in found.mappings()]
