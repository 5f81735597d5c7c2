"""Reading results of runs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page

#: How many of the latest changes are looked through for who became eligible.
LATEST_CHANGES = 2_000
#: An answer that three facts or fewer would settle: the fields of `eligibility` alone say so, under any name.
NEARLY_SETTLED = "outcome = 'undetermined' AND cardinality(missing) BETWEEN 1 AND 3"


def checked_on(result: str = "x") -> str:
    """SQL: the day for which a row of `eligibility` was last found to be so.

    Only what is found changed is written. What an earlier run wrote, a run of the whole registry has looked at, too, and
    so has whoever evaluated the enterprise by itself.
    """
    return (
        f"greatest({result}.as_of, (SELECT max(whole.as_of) FROM eligibility_run whole"
        f" WHERE whole.is_whole AND whole.finished_at IS NOT NULL AND whole.id >= {result}.run_id),"
        f" (SELECT alone.as_of FROM eligibility_check alone WHERE alone.enterprise_id = {result}.enterprise_id))"
    )


async def changes_of(session: AsyncSession, run_id: int) -> list[dict[str, Any]]:
    """What a run changed, counted by programme, old and new outcome."""
    found = await session.execute(
        text(
            "SELECT programme, before, after, count(*) AS count FROM eligibility_change WHERE run_id = :id"
            " GROUP BY programme, before, after ORDER BY programme, before, after"
        ),
        {"id": run_id},
    )
    return [dict(row) for row in found.mappings()]


async def results_of(session: AsyncSession, enterprise_id: int) -> dict[str, dict[str, Any]]:
    """The latest outcome of each programme for one enterprise."""
    found = await session.execute(text("SELECT * FROM eligibility WHERE enterprise_id = :id"), {"id": enterprise_id})
    return {row["programme"]: dict(row) for row in found.mappings()}


async def newly_eligible(
    session: AsyncSession,
    programmes: list[str],
    limit: int = 50,
    region: str = "",
    among: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Enterprises that a run of the last 90 days found eligible for titles they do not hold, the latest first.

    Each stands there once, with all its `programmes`; `programme` is the one found last.
    Looked for among the latest changes only, so that the answer takes as long after a year as after a week.
    Of one district, where it is named; or among the changes of some enterprises.
    """
    # Who came and went and came again stands there more than once.
    values: dict[str, Any] = {"programmes": programmes, "latest": LATEST_CHANGES, "limit": 6 * limit}
    narrowed = meant = ""
    if region:
        narrowed, values["region"] = " AND e.region_code = :region", region
    if among is not None:
        meant, values["among"] = " AND enterprise_id = ANY(:among)", list(among)
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "SELECT c.programme, e.id, e.name, e.credit_code, e.region_code, r.as_of FROM"
                " (SELECT id, run_id, enterprise_id, programme FROM eligibility_change"
                f" WHERE after = 'eligible' AND programme = ANY(:programmes){meant} ORDER BY id DESC LIMIT :latest) AS c"
                " JOIN eligibility_run r ON r.id = c.run_id JOIN enterprise e ON e.id = c.enterprise_id"
                " JOIN eligibility now ON now.enterprise_id = e.id AND now.programme = c.programme AND now.outcome = 'eligible'"
                " WHERE r.started_at > now() - interval '90 days'"
                " AND NOT EXISTS (SELECT FROM recognition t WHERE t.enterprise_id = e.id AND t.programme = c.programme"
                " AND t.superseded_at IS NULL AND t.valid_from <= r.as_of AND (t.valid_to IS NULL OR t.valid_to >= r.as_of)"
                f" AND (t.revoked_on IS NULL OR t.revoked_on > r.as_of)){narrowed}"
                " ORDER BY c.id DESC LIMIT :limit"
            ),
            values,
        )
    rows: dict[int, dict[str, Any]] = {}
    for row in found.mappings():
        held = rows.setdefault(row["id"], {**row, "programmes": []})
        if row["programme"] not in held["programmes"]:
            held["programmes"].append(row["programme"])
    return list(rows.values())[:limit]


async def most_missing(session: AsyncSession, programmes: list[str], limit: int = 12) -> list[dict[str, Any]]:
    """The facts that hold up most answers nearly settled (three or fewer missing), and how many enterprises wait for each."""
    found = await session.execute(
        text(
            # Very many enterprises lack the very same few facts, so these are looked into once for all of them.
            "SELECT lacked.indicator, sum(alike.enterprises)::bigint AS enterprises FROM"
            " (SELECT facts, count(*) AS enterprises FROM"
            " (SELECT string_agg(array_to_string(missing, ' '), ' ' ORDER BY programme) AS facts FROM eligibility"
            f" WHERE {NEARLY_SETTLED} AND programme = ANY(:programmes)"
            " GROUP BY enterprise_id) AS each_one GROUP BY facts) AS alike,"
            " LATERAL (SELECT DISTINCT split_part(fact, '[', 1) AS indicator FROM string_to_table(alike.facts, ' ') AS fact)"
            " AS lacked GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :limit"
        ),
        {"programmes": programmes, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]
