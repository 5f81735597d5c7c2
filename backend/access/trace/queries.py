"""Reading the trace, in a unit of work that may (`Scope.trace`)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.trace.schemas import Asked, Entry
from backend.access.trace.service import seal
from backend.clock import end_of_day
from backend.database.session import owner_unit_of_work

PAGE: Final = 50

_COLUMNS: Final = (
    "e.position, e.at, e.actor, names.person_name, e.role, e.address, e.request_id, e.action, e.subject, e.subject_id,"
    " names.enterprise_name, e.outcome, e.reason, e.before, e.after"
)


async def entries(session: AsyncSession, asked: Asked, most: int = PAGE) -> Sequence[Entry]:
    """The entries asked for, the latest first, going back from `asked.before`."""
    conditions, values = _conditions(asked)
    found = await session.execute(
        text(
            f"SELECT {_COLUMNS} FROM trace_entry e, LATERAL trace_names(e.person_id, e.enterprise_id) AS names"
            f" WHERE {' AND '.join(conditions)} ORDER BY e.position DESC LIMIT :most"
        ),
        values | {"most": most},
    )
    return [Entry(*row) for row in found]


async def entry(session: AsyncSession, position: int) -> Entry | None:
    """One entry, whole."""
    found = await entries(session, Asked(before=position + 1), most=1)
    return found[0] if found and found[0].position == position else None


async def extent(session: AsyncSession) -> tuple[int, int]:
    """How many entries there are, about, and the position of the last."""
    row = (await session.execute(text("SELECT min(position), max(position) FROM trace_entry"))).one()
    return (0, 0) if row[1] is None else (row[1] - row[0] + 1, row[1])


async def head_of(engine: AsyncEngine) -> str:
    """Position and digest of the last entry, after all that waits was sealed."""
    await seal(engine)
    async with owner_unit_of_work(engine) as session:
        row = (await session.execute(text("SELECT position, encode(digest, 'hex') FROM trace_head"))).one()
    return f"{row[0]}:{row[1]}"


def _conditions(asked: Asked) -> tuple[list[str], dict[str, Any]]:
    """What was asked, as SQL. Days are China's."""
    conditions, values = ["true"], dict[str, Any]()

    def add(condition: str, **given: Any) -> None:
        conditions.append(condition)
        values.update(given)

    if asked.before is not None:
        add("e.position < :before", before=min(asked.before, 2**62))
    if asked.on_or_after is not None:
        add("e.at > :since", since=end_of_day(asked.on_or_after) - timedelta(days=1))
    if asked.on_or_before is not None:
        add("e.at <= :until", until=end_of_day(asked.on_or_before))
    if asked.who.strip():
        add("(e.actor = :who OR names.person_name = :who OR e.address = :who)", who=asked.who.strip())
    if asked.action:
        add("e.action = :action", action=asked.action)
    if asked.subject:
        add("e.subject = :subject", subject=asked.subject)
    if asked.enterprise.strip():
        add("e.enterprise_id = ANY(trace_enterprises(:enterprise))", enterprise=asked.enterprise.strip())
    if asked.words.strip():
        add(
            "strpos(concat_ws(' ', e.request_id, e.subject_id, e.reason, e.before::text, e.after::text), :words) > 0",
            words=asked.words.strip(),
        )
    return conditions, values
