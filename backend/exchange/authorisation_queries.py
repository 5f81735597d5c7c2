"""Reading authorisations of tax figures: the list, one with what carries it on, and what came in under it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.authorisations import CHAIN
from backend.exchange.queries import rows

_LIVE = "a.withdrawn_at IS NULL AND :on BETWEEN a.valid_from AND a.valid_to"
_WHOLE = (
    f"SELECT a.*, e.name, e.credit_code, e.region_code, {_LIVE} AS is_live, r.name AS recorded_by_name,"
    " w.name AS withdrawn_by_name, p.file_name FROM tax_authorisation a JOIN enterprise e ON e.id = a.enterprise_id"
    " LEFT JOIN officers() r ON r.id = a.recorded_by LEFT JOIN officers() w ON w.id = a.withdrawn_by"
    " LEFT JOIN attachment p ON p.id = a.attachment_id AND p.withdrawn_at IS NULL"
)


async def authorisations(
    session: AsyncSession, on: date, asked: str = "", limit: int = 200
) -> Sequence[Mapping[str, Any]]:
    """Authorisations of the enterprises that the reader may see, the newest first."""
    return await rows(
        session, f"SELECT a.*, e.name, e.credit_code, e.region_code, {_LIVE} AS is_live FROM tax_authorisation a"
        " JOIN enterprise e ON e.id = a.enterprise_id WHERE :asked = '' OR e.credit_code = :asked"
        " OR strpos(e.name, :asked) > 0 ORDER BY a.id DESC LIMIT :limit", on=on, asked=asked.strip(), limit=limit,
    )  # fmt: skip


async def authorisation(session: AsyncSession, number: int, on: date) -> Mapping[str, Any] | None:
    """One authorisation with its enterprise, its paper and who recorded and ended it."""
    found = await rows(session, f"{_WHOLE} WHERE a.id = :id", id=number, on=on)
    return found[0] if found else None


async def carried_on(session: AsyncSession, number: int, on: date) -> Sequence[Mapping[str, Any]]:
    """The authorisation with all that it carries on and all that carry it on, the oldest first."""
    return await rows(session, f"{CHAIN}{_WHOLE} WHERE a.id IN (SELECT id FROM chain) ORDER BY a.id", id=number, on=on)


async def of_enterprise(session: AsyncSession, enterprise_id: int, on: date) -> Sequence[Mapping[str, Any]]:
    """All authorisations of an enterprise, the newest first."""
    return await rows(
        session, f"SELECT a.*, {_LIVE} AS is_live FROM tax_authorisation a WHERE a.enterprise_id = :id ORDER BY a.id DESC",
        id=enterprise_id, on=on,
    )  # fmt: skip


async def brought(session: AsyncSession, enterprise_id: int) -> Mapping[str, Any]:
    """What the tax bureau said of an enterprise that was taken in, and what was not kept for want of an authorisation."""
    found = await rows(
        session, "SELECT count(*) FILTER (WHERE fate = 'applied') AS applied,"
        " max(received_at) FILTER (WHERE fate = 'applied') AS applied_at,"
        " count(*) FILTER (WHERE fate = 'unauthorised') AS refused,"
        " max(received_at) FILTER (WHERE fate = 'unauthorised') AS refused_at"
        " FROM exchange_record WHERE enterprise_id = :id AND (system = 'tax' OR fate = 'unauthorised')",
        id=enterprise_id,
    )  # fmt: skip
    return found[0]
