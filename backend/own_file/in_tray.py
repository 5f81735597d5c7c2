"""What came in from enterprises and waits for an officer: applications, messages, contradictions, needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

#: Rows of each list.
SHOWN = 50


@dataclass(frozen=True)
class InTray:
    """What waits, each list with its longest waiting first."""

    applications: list[Mapping[str, Any]]
    threads: list[Mapping[str, Any]]
    contradictions: list[Mapping[str, Any]]
    needs: list[Mapping[str, Any]]

    @property
    def total(self) -> int:
        return sum(map(len, (self.applications, self.threads, self.contradictions, self.needs)))


_APPLICATIONS = (
    "SELECT a.*, e.name, e.credit_code, x.outcome, x.is_likely FROM pool_application a JOIN enterprise e ON e.id = a.enterprise_id"
    " LEFT JOIN eligibility x ON x.enterprise_id = a.enterprise_id AND x.programme = a.programme"
    " WHERE a.state = 'open' ORDER BY a.id LIMIT :most"
)
_THREADS = (
    "SELECT t.id, t.subject, e.name, e.credit_code, e.id AS enterprise_id, count(*) AS unread, min(m.sent_at) AS since"
    " FROM message m JOIN message_thread t ON t.id = m.thread_id JOIN enterprise e ON e.id = m.enterprise_id"
    " WHERE m.is_from_enterprise AND m.read_at IS NULL GROUP BY t.id, e.id ORDER BY min(m.sent_at) LIMIT :most"
)
_CONTRADICTIONS = (
    "SELECT r.id, r.indicator, r.year, r.submitted_at, c.spread, e.name, e.credit_code, e.id AS enterprise_id FROM receipt r"
    " JOIN fact_conflict c ON c.enterprise_id = r.enterprise_id AND c.indicator = r.indicator AND c.year = coalesce(r.year, 0)"
    " JOIN enterprise e ON e.id = r.enterprise_id WHERE r.kind = 'contradiction' AND r.id = (SELECT max(l.id) FROM receipt l"
    " WHERE l.enterprise_id = r.enterprise_id AND l.indicator = r.indicator AND l.year IS NOT DISTINCT FROM r.year)"
    " ORDER BY r.id LIMIT :most"
)
_NEEDS = (
    "SELECT s.id, s.kind, s.topic, s.content, s.raised_on, e.name, e.credit_code, e.id AS enterprise_id FROM service_action s"
    " JOIN enterprise e ON e.id = s.enterprise_id WHERE s.is_from_enterprise AND s.status = 'open' ORDER BY s.id LIMIT :most"
)


async def in_tray(session: AsyncSession, most: int = SHOWN) -> InTray:
    """What waits in the reader's region."""
    return InTray(*[await _rows(session, one, most) for one in (_APPLICATIONS, _THREADS, _CONTRADICTIONS, _NEEDS)])


async def _rows(session: AsyncSession, query: str, most: int) -> list[Mapping[str, Any]]:
    return [dict(row) for row in (await session.execute(text(query), {"most": most})).mappings()]


async def waiting(session: AsyncSession) -> int:
    """How much waits, for the workbench."""
    found = await session.scalar(
        text(
            "SELECT (SELECT count(*) FROM pool_application WHERE state = 'open')"
            " + (SELECT count(DISTINCT thread_id) FROM message WHERE is_from_enterprise AND read_at IS NULL)"
            " + (SELECT count(*) FROM service_action WHERE is_from_enterprise AND status = 'open')"
            " + (SELECT count(DISTINCT (r.enterprise_id, r.indicator, r.year)) FROM receipt r JOIN fact_conflict c ON c.enterprise_id = r.enterprise_id"
            " AND c.indicator = r.indicator AND c.year = coalesce(r.year, 0) WHERE r.kind = 'contradiction')"
        )
    )
    return int(found or 0)
