"""The service file of one enterprise (一企一策), read: what is planned, said, asked for, answered, enjoyed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.queries import entries_of, moves_of
from backend.cultivation.stages import CLOSED
from backend.database.session import reading_a_page
from backend.enterprises.officers import answers_for


@dataclass(frozen=True)
class ServiceFile:
    """All that was done for an enterprise."""

    entries: list[dict[str, Any]]
    moves: list[Mapping[str, Any]]
    steps: list[Mapping[str, Any]]
    visits: list[Mapping[str, Any]]
    actions: list[Mapping[str, Any]]
    policies: list[Mapping[str, Any]]
    changes: list[Mapping[str, Any]]

    @property
    def open_steps(self) -> list[Mapping[str, Any]]:
        """Steps still to be taken, the most urgent first."""
        return [one for one in self.steps if one["status"] not in CLOSED]

    @property
    def open_actions(self) -> list[Mapping[str, Any]]:
        """Needs and problems without an answer yet, the most urgent first."""
        return [one for one in self.actions if one["status"] not in CLOSED]

    @property
    def standing_visits(self) -> list[Mapping[str, Any]]:
        """Visits as last corrected."""
        corrected = {one["corrects_id"] for one in self.visits}
        return [one for one in self.visits if one["id"] not in corrected]

    def before(self, visit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What was noted of a visit before it was corrected, the latest first."""
        by_id = {one["id"]: one for one in self.visits}
        told: list[Mapping[str, Any]] = []
        while (earlier := by_id.get(visit["corrects_id"])) is not None:
            told.append(earlier)
            visit = earlier
        return told


async def service_file(session: AsyncSession, enterprise_id: int, on: date) -> ServiceFile:
    """Put together the service file of an enterprise."""
    known = {"id": enterprise_id}
    return ServiceFile(
        entries=await entries_of(session, enterprise_id, on),
        moves=await moves_of(session, enterprise_id),
        steps=await _rows(
            session,
            "SELECT s.*, o.name AS officer FROM service_step s LEFT JOIN officers() o ON o.id = s.officer_id"
            " WHERE s.enterprise_id = :id ORDER BY s.status = 'open' DESC, s.due_on, s.id",
            known,
        ),
        visits=await _rows(
            session,
            "SELECT v.*, o.name AS recorded_by_name FROM service_visit v LEFT JOIN officers() o ON o.id = v.recorded_by"
            " WHERE v.enterprise_id = :id ORDER BY v.visited_on DESC, v.id DESC",
            known,
        ),
        actions=await _rows(
            session,
            "SELECT * FROM service_action WHERE enterprise_id = :id"
            " ORDER BY status IN ('solved', 'unsolvable'), due_on NULLS LAST, id",
            known,
        ),
        policies=await _rows(
            session,
            "SELECT * FROM policy_enjoyed WHERE enterprise_id = :id AND withdrawn_at IS NULL ORDER BY enjoyed_on DESC, id DESC",
            known,
        ),
        changes=await _rows(
            session,
            "SELECT c.*, o.name AS changed_by_name FROM service_change c LEFT JOIN officers() o ON o.id = c.changed_by"
            " WHERE c.enterprise_id = :id ORDER BY c.id DESC LIMIT 100",
            known,
        ),
    )


async def _rows(session: AsyncSession, query: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in (await session.execute(text(query), dict(values))).mappings()]


#: Steps before needs and problems of the same number.
_IN_ORDER = "ORDER BY d.due_on, d.enterprise_id, d.item_id, d.thing DESC"


def _due(officer_id: int | None, region: str) -> str:
    """Open steps and actions `d` due by `:until`, as the database keeps them with the place of their enterprise."""
    conditions = ["d.due_on <= :until", "d.is_active"]
    if region:
        conditions.append("d.region_code = :region")
    if officer_id is not None:
        conditions.append(f"(d.officer_id = :officer OR {answers_for('d.enterprise_id')})")
    return f"FROM due_listed d WHERE {' AND '.join(conditions)}"


def _asked(until: date, officer_id: int | None, region: str) -> dict[str, Any]:
    values = {"until": until, "officer": officer_id, "region": region}
    return {name: value for name, value in values.items() if value not in (None, "")}


async def due_items(
    session: AsyncSession, until: date, officer_id: int | None = None, limit: int = 100, region: str = ""
) -> list[Mapping[str, Any]]:
    """Open steps and actions due by a day, overdue ones included, the most urgent first.

    Of one officer: those given to them, and all of the enterprises and pool entries that they answer for.
    """
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "SELECT d.thing, d.item_id AS id, d.enterprise_id, coalesce(s.title, a.content) AS words, d.due_on,"
                f" d.officer_id, e.name, e.credit_code, e.region_code FROM (SELECT * {_due(officer_id, region)} {_IN_ORDER}"
                " LIMIT :limit) AS d JOIN enterprise e ON e.id = d.enterprise_id"
                " LEFT JOIN service_step s ON d.thing = 'step' AND s.id = d.item_id"
                f" LEFT JOIN service_action a ON d.thing <> 'step' AND a.id = d.item_id {_IN_ORDER}"
            ),
            _asked(until, officer_id, region) | {"limit": limit},
        )
    return [dict(row) for row in found.mappings()]


async def due_count(session: AsyncSession, until: date, officer_id: int | None = None) -> int:
    """How many `due_items` there are, however few are shown."""
    counted = f"SELECT count(*) {_due(officer_id, '')}"
    return (await session.execute(text(counted), _asked(until, officer_id, ""))).scalar_one()


async def due_ids(session: AsyncSession, until: date, officer_id: int | None = None) -> list[int]:
    """All that `due_items` would show: steps by their ids, needs and problems by theirs below zero."""
    found = await session.execute(
        text(
            f"SELECT CASE WHEN d.thing = 'step' THEN d.item_id ELSE -d.item_id END {_due(officer_id, '')} {_IN_ORDER}"
        ),
        _asked(until, officer_id, ""),
    )
    return list(found.scalars())


async def due_by_ids(session: AsyncSession, ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """Some of what `due_ids` named, in its order, with who is to do it."""
    return await _rows(
        session,
        "SELECT d.*, e.name, e.credit_code, e.region_code FROM ("
        "SELECT 'step' AS thing, s.id AS number, s.enterprise_id, s.title AS words, s.due_on, o.name AS owner"
        " FROM service_step s LEFT JOIN officers() o ON o.id = s.officer_id WHERE s.id = ANY(:ids) UNION ALL"
        " SELECT kind, -id, enterprise_id, content, due_on, owner FROM service_action WHERE -id = ANY(:ids)) AS d"
        " JOIN enterprise e ON e.id = d.enterprise_id ORDER BY array_position(CAST(:ids AS bigint[]), d.number)",
        {"ids": list(ids)},
    )


async def thing_of(session: AsyncSession, thing: str, number: int) -> Mapping[str, Any] | None:
    """One step or action (`thing`), with its enterprise; None where there is none that the reader may see."""
    rows = await _rows(
        session,
        f"SELECT s.*, e.credit_code, e.name FROM service_{thing} s JOIN enterprise e ON e.id = s.enterprise_id"
        " WHERE s.id = :id",
        {"id": number},
    )
    return rows[0] if rows else None


async def things_by_id(
    session: AsyncSession, thing: str, enterprise_id: int | None, status: str, after: int, limit: int
) -> list[Mapping[str, Any]]:
    """Steps or actions in the order in which they were entered, those after an id; of one enterprise, of one status."""
    return await _rows(
        session,
        f"SELECT s.*, e.credit_code, e.name FROM service_{thing} s JOIN enterprise e ON e.id = s.enterprise_id"
        " WHERE s.id > :after AND (CAST(:enterprise AS bigint) IS NULL OR s.enterprise_id = :enterprise)"
        " AND (:status = '' OR s.status = :status) ORDER BY s.id LIMIT :limit",
        {"after": after, "enterprise": enterprise_id, "status": status, "limit": limit},
    )
