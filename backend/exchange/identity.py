"""Who an enterprise is, as the market register says: its name, and whether it still stands."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.ending import End, LifeRefused, end, revive
from backend.enterprises.lineage import ENDS
from backend.enterprises.names import match_key
from backend.enterprises.naming import rename
from backend.exchange.wire import RemoteRecord

#: The form that carries the register's entry.
REGISTER: Final = "register"
_REASON: Final = "市场监管登记"
#: The register's words → how the enterprise stands.
STATES: Final = {"存续": "active", "在业": "active", "注销": "cancelled", "吊销": "licence_revoked"}


async def note_identity(session: AsyncSession, records: Sequence[tuple[int, RemoteRecord]]) -> Counter[str]:
    """Let the register's entries count, each from the day it was stated. Returns how many changed something, or could not."""
    entries = [(number, one) for number, one in records if one.form == REGISTER]
    found = await session.execute(
        text("SELECT id, name, status FROM enterprise WHERE id = ANY(:ids)"), {"ids": [number for number, _ in entries]}
    )
    held: dict[int, Any] = {row["id"]: row for row in found.mappings()}
    counts: Counter[str] = Counter()
    for number, one in entries:
        name, state = str(one.fields.get("name", "")).strip(), STATES.get(str(one.fields.get("state", "")))
        if name and match_key(name) != match_key(held[number]["name"]):
            await rename(session, number, name, one.stated_on)
            counts["identity"] += 1
        # What was closed here (a withdrawn import, a merged file) is not opened by a list.
        if state is not None and state != held[number]["status"] and held[number]["status"] in STATES.values():
            try:
                await let_stand(session, number, state, one.stated_on, _REASON)
                counts["identity"] += 1
            except LifeRefused:
                counts["identity_refused"] += 1
    return counts


async def let_stand(session: AsyncSession, enterprise_id: int, status: str, on: date, reason: str) -> None:
    """Let an enterprise stand as `status` says, from a day on. Raises LifeRefused."""
    held = await session.scalar(
        text("SELECT status FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": enterprise_id}
    )
    if held in ENDS:
        await revive(session, enterprise_id, reason)
    if status in ENDS:
        await end(session, enterprise_id, End(status, on, reason))
