"""Reading what both sides counted: comparisons, what came in, what was told, and how far the log is sealed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.queries import TOLD, rows


async def comparisons(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """The latest comparison of each system, form and year."""
    return await rows(
        session, "SELECT DISTINCT ON (c.system, c.form, c.year) c.*, s.name FROM exchange_reconciliation c"
        " JOIN exchange_system s ON s.id = c.system ORDER BY c.system, c.form, c.year DESC NULLS LAST, c.compared_at DESC",
    )  # fmt: skip


async def comparison(session: AsyncSession, number: int) -> Mapping[str, Any] | None:
    """One comparison, and the number of the latest of the same system, form and year."""
    found = await rows(
        session, "SELECT c.*, s.name, (SELECT max(l.id) FROM exchange_reconciliation l WHERE l.system = c.system"
        " AND l.form = c.form AND l.year IS NOT DISTINCT FROM c.year) AS latest FROM exchange_reconciliation c"
        " JOIN exchange_system s ON s.id = c.system WHERE c.id = :id", id=number,
    )  # fmt: skip
    return found[0] if found else None


async def names_of(session: AsyncSession, codes: Sequence[str]) -> dict[str, str]:
    """The names of enterprises by their codes, of those that the reader may see."""
    found = await rows(
        session, "SELECT credit_code, name FROM enterprise WHERE credit_code = ANY(:codes)", codes=list(codes)
    )
    return {row["credit_code"]: row["name"] for row in found}


async def told_by_webhook(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """Of each subscriber: changes that were sent, that wait, that are dead letters, and that somebody let go."""
    return await rows(
        session, "SELECT w.client_id, count(d.sent_at) AS sent,"
        " count(d.id) FILTER (WHERE d.status = 'sent' AND d.sent_at IS NULL) AS let_go,"
        " count(d.id) FILTER (WHERE d.status = 'waiting') AS waiting, count(d.id) FILTER (WHERE d.status = 'dead') AS dead,"
        " max(d.sent_at) AS latest FROM webhook_endpoint w LEFT JOIN webhook_delivery d ON d.endpoint_id = w.id"
        " GROUP BY w.client_id ORDER BY w.client_id",
    )  # fmt: skip


async def told_by_list(session: AsyncSession, limit: int = 100) -> Sequence[Mapping[str, Any]]:
    """Of each list, recipient and month: enterprises told of, and how often."""
    return await rows(
        session, "SELECT list_id, recipient, date_trunc('month', disclosed_at AT TIME ZONE 'Asia/Shanghai')::date AS month,"
        " count(DISTINCT enterprise_id) AS enterprises, count(*) AS tellings FROM disclosure GROUP BY 1, 2, 3"
        " ORDER BY 3 DESC, 1, 2 LIMIT :limit", limit=limit,
    )  # fmt: skip


async def log_state(session: AsyncSession) -> Mapping[str, Any]:
    """How many messages there are, how many of them are chained, and since when the last of these is."""
    found = await rows(
        session, "SELECT (SELECT count(*) FROM exchange_message) AS messages, (SELECT count(*) FROM exchange_seal) AS sealed,"
        " (SELECT max(sealed_at) FROM exchange_seal) AS sealed_at",
    )  # fmt: skip
    return found[0]


async def receipts(session: AsyncSession, limit: int = 30) -> Sequence[Mapping[str, Any]]:
    """The latest runs of which the other side is to be told, and how far that is."""
    return await rows(
        session, "SELECT r.id, r.finished_at, s.name, s.report_path, t.*, (SELECT sums FROM exchange_receipt"
        " WHERE run_id = r.id AND part = 1) AS sums FROM exchange_run r JOIN exchange_system s ON s.id = r.system"
        f" CROSS JOIN LATERAL ({TOLD}) t WHERE t.parts > 0 ORDER BY r.id DESC LIMIT :limit", limit=limit,
    )  # fmt: skip


async def receipt(session: AsyncSession, run_id: int) -> Mapping[str, Any] | None:
    """The receipt of one run, all its parts together."""
    found = await rows(
        session, "SELECT r.*, s.name, s.url, s.report_path, s.is_paused, t.*, p.name AS told_by,"
        " (SELECT sums FROM exchange_receipt WHERE run_id = r.id AND part = 1) AS sums,"
        " (SELECT min(next_attempt_at) FROM exchange_receipt WHERE run_id = r.id AND status = 'waiting') AS next_attempt_at"
        " FROM exchange_run r JOIN exchange_system s ON s.id = r.system"
        f" CROSS JOIN LATERAL ({TOLD}) t LEFT JOIN officers() p ON p.id ="
        " (SELECT max(told_by) FROM exchange_receipt WHERE run_id = r.id) WHERE r.id = :run AND t.parts > 0", run=run_id,
    )  # fmt: skip
    return found[0] if found else None
