"""Reading the exchange: systems, runs, what is stuck, clients."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


async def rows(session: AsyncSession, query: str, **values: Any) -> Sequence[Mapping[str, Any]]:
    """What a query finds, as mappings that outlive the session."""
    found = await session.execute(text(query), values)
    return [dict(row) for row in found.mappings()]


#: How far the receipt of the run `r` has come, all its parts together.
TOLD: Final = (
    "SELECT count(*) AS parts, count(*) FILTER (WHERE status = 'told') AS told_parts,"
    " count(*) FILTER (WHERE status = 'dead') AS dead_parts, count(*) FILTER (WHERE status = 'handed_over') AS handed_parts,"
    " max(told_at) AS told_at, max(attempts) AS attempts, max(last_error) AS untold_why,"
    " (array_agg(answer ORDER BY part DESC))[1] AS answer FROM exchange_receipt WHERE run_id = r.id"
)


async def clients(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """Systems that may call us; in an owner's unit of work only."""
    return await rows(
        session, "SELECT client_id, name, source, region_code, scopes, signature, quota, is_active, last_seen_at"
        " FROM exchange_client ORDER BY is_active DESC, client_id",
    )  # fmt: skip


async def systems(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """The systems that we ask, with how their last run went."""
    return await rows(
        session,
        "SELECT s.*, r.id AS run_id, r.status AS run_status, r.started_at, r.counts, s.open_until > now() AS is_open"
        " FROM exchange_system s LEFT JOIN LATERAL (SELECT * FROM exchange_run WHERE system = s.id"
        " ORDER BY id DESC LIMIT 1) r ON true ORDER BY s.id",
    )


_CONNECTION: Final = (
    "SELECT s.*, s.url <> '' AS is_set_up, k.set_at AS secret_set_at FROM exchange_system s"
    " LEFT JOIN exchange_secret k ON k.system = s.id"
)


async def connections(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """The systems as they are set up, with since when each has a secret of its own; in an owner's unit of work only."""
    return await rows(session, f"{_CONNECTION} ORDER BY s.id")


async def connection(session: AsyncSession, name: str) -> Mapping[str, Any] | None:
    """One system as it is set up; in an owner's unit of work only."""
    found = await rows(session, f"{_CONNECTION} WHERE s.id = :id", id=name)
    return found[0] if found else None


async def system(session: AsyncSession, name: str) -> Mapping[str, Any] | None:
    """One system that we ask."""
    found = await rows(
        session, "SELECT s.*, s.open_until > now() AS is_open FROM exchange_system s WHERE id = :id", id=name
    )
    return found[0] if found else None


async def recent_runs(session: AsyncSession, system: str = "", limit: int = 20) -> Sequence[Mapping[str, Any]]:
    """The latest runs, the newest first."""
    return await rows(
        session, "SELECT r.*, s.name, s.report_path, t.* FROM exchange_run r JOIN exchange_system s ON s.id = r.system"
        f" LEFT JOIN LATERAL ({TOLD}) t ON true"
        " WHERE :system = '' OR r.system = :system ORDER BY r.id DESC LIMIT :limit", system=system, limit=limit,
    )  # fmt: skip


async def fates(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """How many records were put aside, by system and why."""
    return await rows(
        session, "SELECT system, fate, count(*) AS records, count(DISTINCT code) AS enterprises, max(received_at) AS latest"
        " FROM exchange_record WHERE fate NOT IN ('applied', 'told') GROUP BY system, fate ORDER BY system, fate",
    )  # fmt: skip


async def put_aside(session: AsyncSession, system: str, fate: str, limit: int = 200) -> Sequence[Mapping[str, Any]]:
    """Records that were put aside, the newest first."""
    return await rows(
        session, "SELECT r.*, e.name FROM exchange_record r LEFT JOIN enterprise e ON e.id = r.enterprise_id"
        " WHERE r.system = :system AND r.fate = :fate ORDER BY r.received_at DESC, r.record_id LIMIT :limit",
        system=system, fate=fate, limit=limit,
    )  # fmt: skip


async def doubtful(session: AsyncSession, system: str, limit: int = 200) -> Sequence[Mapping[str, Any]]:
    """Records that were taken in though something in them does not add up or cannot be used."""
    return await rows(
        session, "SELECT r.*, e.name FROM exchange_record r LEFT JOIN enterprise e ON e.id = r.enterprise_id"
        " WHERE r.system = :system AND r.fate = 'applied' AND (r.kept ? 'doubts' OR r.kept ? 'unusable')"
        " ORDER BY r.received_at DESC, r.record_id LIMIT :limit", system=system, limit=limit,
    )  # fmt: skip


async def unknown_fields(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """Fields that systems send and no mapping knows."""
    return await rows(
        session, "SELECT * FROM exchange_unknown_field ORDER BY last_seen_at DESC, system, form, label LIMIT 100"
    )


async def endpoints(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """Where webhooks go, and how they do."""
    return await rows(
        session, "SELECT w.*, count(d.id) FILTER (WHERE d.status = 'waiting') AS waiting,"
        " count(d.id) FILTER (WHERE d.status = 'dead') AS dead FROM webhook_endpoint w"
        " LEFT JOIN webhook_delivery d ON d.endpoint_id = w.id AND d.status <> 'sent' GROUP BY w.id ORDER BY w.id",
    )  # fmt: skip


async def dead_letters(session: AsyncSession, limit: int = 100) -> Sequence[Mapping[str, Any]]:
    """Deliveries that were given up, with how many wait behind each."""
    return await rows(
        session, "SELECT d.*, w.url, e.name, e.credit_code, (SELECT count(*) FROM webhook_delivery b"
        " WHERE b.endpoint_id = d.endpoint_id AND b.enterprise_id = d.enterprise_id AND b.position > d.position"
        " AND b.status <> 'sent') AS behind FROM webhook_delivery d JOIN webhook_endpoint w ON w.id = d.endpoint_id"
        " JOIN enterprise e ON e.id = d.enterprise_id WHERE d.status = 'dead' ORDER BY d.position LIMIT :limit", limit=limit,
    )  # fmt: skip
