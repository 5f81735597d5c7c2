"""Which addresses show what the law protects, so that looking there leaves an entry.

Tax figures and what enterprises report in confidence (数据安全法 第三十八条: trade secrets that an authority learns of),
and whatever leaves the house as a file. Lists of names and titles that were announced publicly are not among them.
"""

from typing import Final

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.schemas import PersonSignedIn
from backend.access.trace.service import Deed, note
from backend.database.session import owner_unit_of_work
from backend.web.route_address import route_address

#: Address of the route → what was done, to what, and which part of the address says to which one.
READS: Final = {
    "/enterprises/{code}": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}": ("read", "enterprise", "code"),
    "/enterprises/{code}/check": ("read", "enterprise", "code"),
    "/enterprises/{code}/facts/{name}": ("read", "enterprise", "code"),
    "/enterprises/{code}/accounts": ("read", "enterprise", "code"),
    "/enterprises/{code}/messages": ("read", "enterprise", "code"),
    "/enterprises/{code}/messages/{thread_id}": ("read", "enterprise", "code"),
    "/enterprises/{code}/protected": ("read", "enterprise", "code"),
    "/enterprises/{code}/papers": ("read", "enterprise", "code"),
    "/enterprises/{code}/service": ("read", "enterprise", "code"),
    "/enterprises/{code}/service/plan": ("read", "enterprise", "code"),
    "/enterprises/{code}/service/print": ("export", "enterprise", "code"),
    "/api/v1/enterprises/{code}/conflicts/{indicator}": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}/filings": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}/papers": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}/threads": ("read", "enterprise", "code"),
    "/api/v1/threads/{thread_id}": ("read", "message_thread", "thread_id"),
    "/api/v1/enterprises/{code}/lineage": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}/merges/{merge_id}/since": ("read", "enterprise", "code"),
    "/api/v1/enterprises/{code}/splits/{split_id}/since": ("read", "enterprise", "code"),
    "/enterprises/{code}/end": ("read", "enterprise", "code"),
    "/enterprises/{code}/merge": ("read", "enterprise", "code"),
    "/enterprises/{code}/merges/{merge_id}/undo": ("read", "enterprise", "code"),
    "/enterprises/{code}/move": ("read", "enterprise", "code"),
    "/enterprises/{code}/split": ("read", "enterprise", "code"),
    "/enterprises/{code}/splits/{split_id}/undo": ("read", "enterprise", "code"),
    "/conflicts": ("read", "filing", ""),
    # By how much somebody misses a criterion is told out of the same figures.
    "/pool/candidates": ("read", "enterprise", ""),
    "/pool/visits": ("read", "enterprise", ""),
    "/proposals": ("read", "proposal", ""),
    "/api/v1/proposals/{proposal_id}": ("read", "proposal", "proposal_id"),
    "/api/v1/conflicts": ("read", "filing", ""),
    "/api/v1/enterprises/{code}/service-file": ("read", "enterprise", "code"),
    "/papers/{attachment_id}": ("read", "attachment", "attachment_id"),
    # An enterprise's account at its own: somebody else may have its password.
    "/me/enterprise": ("read", "enterprise", ""),
    "/me/enterprise/facts": ("read", "enterprise", ""),
    "/me/enterprise/facts/{name}": ("read", "enterprise", ""),
    "/me/enterprise/figures": ("read", "enterprise", ""),
    "/me/enterprise/figures/{year}": ("read", "enterprise", ""),
    "/me/enterprise/papers/{attachment_id}": ("read", "attachment", "attachment_id"),
    "/me/enterprise/programmes": ("read", "enterprise", ""),
    "/me/enterprise/programmes/{programme}": ("read", "enterprise", ""),
    "/me/enterprise/programmes/{programme}/report": ("export", "enterprise", ""),
    "/me/enterprise/programmes/{programme}/report.pdf": ("export", "enterprise", ""),
    "/me/enterprise/receipts/{number}": ("read", "receipt", "number"),
    "/enterprises/export": ("export", "enterprise", ""),
    "/exports/file": ("export", "enterprise", ""),
    "/exports/{export_id}/files/{number}": ("export", "export_job", "export_id"),
    "/enterprises/{code}/points": ("read", "enterprise", "code"),
    "/exchange/lists/{list_id}/export": ("export", "disclosure_consent", "list_id"),
    "/exchange/receipts/{run}/export": ("export", "exchange_receipt", "run"),
    "/plans/{plan_id}/targets/{target_id}/members.{kind}": ("export", "enterprise", "target_id"),
    "/plans/{plan_id}/targets/{target_id}/shortfall.xlsx": ("export", "enterprise", "target_id"),
    "/imports/{import_id}": ("read", "import_run", "import_id"),
    "/imports/{import_id}/problems": ("export", "import_run", "import_id"),
}
#: Addresses of an enterprise that show no figure: empty forms.
NO_FIGURES: Final = frozenset(
    {
        "/enterprises/{code}/code",
        "/enterprises/{code}/edit",
        "/enterprises/{code}/filings/new",
        "/enterprises/{code}/recognitions/new",
        "/enterprises/{code}/recognitions/{recognition_id}/correct",
        "/enterprises/{code}/recognitions/{recognition_id}/extend",
        "/enterprises/{code}/recognitions/{recognition_id}/revoke",
    }
)
#: Exports that a form asks for, since what was ticked does not fit into an address.
POSTED: Final = frozenset({"/enterprises/export"})
# Each half has its index; a number made a text would have none.
_ENTERPRISE = text(
    "SELECT id FROM enterprise WHERE credit_code = :code OR id = CASE WHEN :code ~ '^[0-9]{1,18}$' THEN CAST(:code AS bigint) END"
)


async def note_read(request: Request, engine: AsyncEngine) -> None:
    """Leave the entry, if the request was for such an address. Raises what the database does: unnoted, nothing is shown."""
    path = route_address(request.scope)
    asks = request.method == "GET" or (request.method == "POST" and path in POSTED)
    if not asks or path not in READS or getattr(request.state, "answered_with", 200) >= 400:
        return
    action, subject, part = READS[path]
    which = str(request.path_params.get(part, ""))
    async with owner_unit_of_work(engine) as session:
        enterprise_id = await session.scalar(_ENTERPRISE, {"code": which}) if part == "code" else _own(request, path)
        asked = dict(request.query_params)
        await note(session, Deed(action, subject, which, enterprise_id, after=asked or None))


def _own(request: Request, path: str) -> int | None:
    """The enterprise whose account looks at its own file."""
    person: PersonSignedIn | None = getattr(request.state, "visitor", None)
    return person.enterprise_id if person is not None and path.startswith("/me/enterprise") else None
