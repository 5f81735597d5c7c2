"""REST: what became of an act that waits for a second person. Deciding is for people, on the page."""

from typing import Any, Final

from fastapi import APIRouter

from backend.access import proposals
from backend.access.dependencies import SignedIn
from backend.web.dependencies import Work

router = APIRouter(tags=["proposals"])
_SHOWN: Final = (
    "id", "kind", "label", "summary", "changes", "reason", "state", "proposed_at", "expires_at", "decided_at",
    "decision_reason",
)  # fmt: skip


@router.get("/proposals/{proposal_id}")
async def proposal(session: Work, person: SignedIn, proposal_id: int) -> dict[str, Any]:
    """One proposal: `state` is `open`, `confirmed` (it is done), `refused` (`decision_reason` says why), `withdrawn`."""
    found = await proposals.proposal(session, proposal_id)
    return {name: found[name] for name in _SHOWN} | {"enterprise": found["enterprise_key"]}
