"""Four eyes: what matters is proposed by one and done when another one confirms it.

A slice says once what its kind of proposal does (`register_kind`) and proposes with `propose`. What is proposed is
tried first, so that nobody confirms what cannot be done; it is tried again when it is confirmed, and whatever it
rests on must still be as its author saw it: the payload names that state, and the handler refuses another.

ProposalRefused             409, cannot be decided so
├── AlreadyProposed         409, the very same waits already
└── ProposalUnknown         404
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.access.trace.service import Deed, note
from backend.exact_json import exact_json
from backend.settings import Settings

#: After so many days a proposal is asked anew: nobody remembers what it was about.
LIFE: Final = timedelta(days=14)
Handler = Callable[[AsyncSession, Mapping[str, Any], int], Awaitable[None]]
Decision = Literal["confirmed", "refused", "withdrawn"]


class ProposalRefused(Exception):
    """Cannot be decided so; the text says why and what to do."""

    status_code = 409


class AlreadyProposed(ProposalRefused):
    """The very same waits for somebody already."""

    def __init__(self) -> None:
        super().__init__("同样的事项已经提交，正在“待确认”里等待另一人办理，不用重复提交。")


class ProposalUnknown(ProposalRefused):
    status_code = 404


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of proposal: how it is called, and what happens once it is confirmed."""

    label: str
    handle: Handler
    #: Tried before it is proposed; the handler itself where that costs little.
    attempt: Handler


_KINDS: Final[dict[str, Kind]] = {}


def register_kind(name: str, label: str, handle: Handler, attempt: Handler | None = None) -> None:
    """Let a slice's deed be proposed. `handle(session, payload, proposed_by)` does it, and raises where it cannot be.

    `attempt` raises as well, without doing all of it.
    """
    _KINDS[name] = Kind(label, handle, attempt or handle)


def kinds() -> Mapping[str, str]:
    """Every kind that may need a second person, with its label."""
    return {name: one.label for name, one in _KINDS.items()}


def needs_second_person(request: Request, kind: str) -> bool:
    """Whether the installation wants acts of a kind to be confirmed by another one."""
    settings: Settings = request.app.state.settings
    return settings.four_eyes and kind not in settings.four_eyes_waived


def label_of(kind: str) -> str:
    """The kind in Chinese."""
    return _KINDS[kind].label if kind in _KINDS else kind


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that will be otherwise, in words: what it is now and what it becomes; empty is nothing."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """Something to be done once another person agrees.

    Who may see and decide it follows from the enterprise, else from the region; without either it is the whole city's.
    """

    kind: str
    summary: str
    payload: Mapping[str, Any]
    enterprise_id: int | None = None
    reason: str = ""
    changes: Sequence[Change] = ()
    region_code: str = ""


async def propose(session: AsyncSession, proposed: Proposed, person_id: int, now: datetime | None = None) -> int:
    """Write a proposal down, after trying whether it could be done. Returns its id.

    Raises AlreadyProposed, and what its kind raises.
    """
    now = now or datetime.now(UTC)
    values = {
        "kind": proposed.kind, "enterprise_id": proposed.enterprise_id, "summary": proposed.summary,
        "payload": exact_json(proposed.payload), "reason": proposed.reason, "person_id": person_id,
        "expires_at": now + LIFE, "changes": exact_json([asdict(one) for one in proposed.changes]),
        "region": proposed.region_code, "now": now,
    }  # fmt: skip
    known = await session.scalar(
        text(
            "SELECT EXISTS (SELECT FROM proposal WHERE state = 'open' AND expires_at > :now AND kind = :kind"
            " AND payload = CAST(:payload AS jsonb))"
        ),
        values,
    )
    if known:
        raise AlreadyProposed
    async with session.begin_nested() as trial:
        await _KINDS[proposed.kind].attempt(session, proposed.payload, person_id)
        await trial.rollback()
    found = await session.execute(
        text(
            "INSERT INTO proposal (kind, enterprise_id, region_code, summary, payload, changes, reason, proposed_by,"
            " expires_at) VALUES (:kind, :enterprise_id, :region, :summary, CAST(:payload AS jsonb),"
            " CAST(:changes AS jsonb), :reason, :person_id, :expires_at) RETURNING id"
        ),
        values,
    )
    return found.scalar_one()


#: What the OpenAPI says of an operation that may have to wait: `responses=WAITS`.
WAITS: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "It waits for a second person; `Location` says where to look what became of it.",
        "content": {"application/json": {"schema": {
            "type": "object", "required": ["proposal", "state"],
            "properties": {"proposal": {"type": "integer"}, "state": {"const": "open"}},
        }}},
    }
}  # fmt: skip


def accepted(proposal_id: int) -> Response:
    """What a program is told whose act waits for a second person: accepted, not done; and where to look how it went."""
    where = f"/api/v1/proposals/{proposal_id}"
    return JSONResponse({"proposal": proposal_id, "state": "open"}, 202, {"Location": where})


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


async def proposal(session: AsyncSession, proposal_id: int) -> Mapping[str, Any]:
    """One proposal, whatever became of it. Raises ProposalUnknown."""
    found = await _listed(session, "p.id = :id", id=proposal_id)
    if not found:
        raise ProposalUnknown(f"没有编号为 {proposal_id} 的待确认事项，或者它不在您的区域。")
    return found[0]


async def waiting_for(session: AsyncSession, person: PersonSignedIn, now: datetime | None = None) -> int:
    """How many proposals somebody could confirm or refuse."""
    if not person.role.may_confirm:
        return 0
    found = await session.scalar(
        text("SELECT count(*) FROM proposal WHERE state = 'open' AND expires_at > :now AND proposed_by <> :person"),
        {"now": now or datetime.now(UTC), "person": person.id},
    )
    return int(found or 0)


async def _listed(session: AsyncSession, which: str, **values: Any) -> Sequence[Mapping[str, Any]]:
    found = await session.execute(
        text(
            "SELECT p.*, e.name AS enterprise_name, coalesce(e.credit_code, e.id::text) AS enterprise_key,"
            " proposer.name AS proposer, decider.name AS decider FROM proposal p"
            " LEFT JOIN enterprise e ON e.id = p.enterprise_id LEFT JOIN officers() proposer ON proposer.id = p.proposed_by"
            f" LEFT JOIN officers() decider ON decider.id = p.decided_by WHERE {which}"
        ),
        values,
    )
    return [dict(row) | {"label": label_of(row["kind"])} for row in found.mappings()]
