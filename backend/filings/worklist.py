"""The work list of figures: where sources disagree, and what does not fit together.

What a list shows is read of `conflict_listed` and `flag_listed`, which the database keeps of each open conflict and
unanswered flag with the place of its enterprise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page
from backend.web.found import Found, page_within

ROWS_A_PAGE = 50


@dataclass(frozen=True)
class WorkFilters:
    """What is asked of the work list."""

    region: str = ""
    #: The indicator of a conflict, or the rule of a flag.
    subject: str = ""
    #: Conflicts that are at least so large, in percent of the larger figure.
    at_least: int = 0
    page: int = 1


#: A flag that nobody has answered for these very figures.
UNANSWERED = (
    "NOT EXISTS (SELECT FROM fact_flag_answer a WHERE a.enterprise_id = f.enterprise_id AND a.rule = f.rule"
    " AND a.indicator = f.indicator AND a.year = f.year AND a.figures = f.figures)"
)
_IN_ORDER_OF_SIZE = "l.spread DESC, l.enterprise_id DESC, l.indicator, l.year"
_IN_ORDER_OF_RULES = "l.rule, l.enterprise_id, l.indicator, l.year"


async def open_conflicts(session: AsyncSession, asked: WorkFilters) -> tuple[Found, int]:
    """Conflicts that wait for a decision, the largest first; and how many wait, whatever is asked."""
    narrowed = [*_narrowed(asked, "l.indicator"), *(["l.spread >= :at_least"] if asked.at_least else [])]
    listed = _Listed("conflict_listed", "fact_conflict", "enterprise_id, indicator, year", _IN_ORDER_OF_SIZE)
    return await _page(session, listed, narrowed, asked)


async def open_flags(session: AsyncSession, asked: WorkFilters) -> tuple[Found, int]:
    """Flags that nobody has answered, rule by rule; and how many there are, whatever is asked."""
    listed = _Listed("flag_listed", "fact_flag", "enterprise_id, rule, indicator, year", _IN_ORDER_OF_RULES)
    return await _page(session, listed, _narrowed(asked, "l.rule"), asked)


def _narrowed(asked: WorkFilters, subject: str) -> list[str]:
    return (["l.region_code = :region"] if asked.region else []) + ([f"{subject} = :subject"] if asked.subject else [])


@dataclass(frozen=True)
class _Listed:
    """What the database keeps for a list, in its order; and what each row is about, in whole."""

    kept: str
    whole: str
    key: str
    order: str


async def _page(
    session: AsyncSession, listed: _Listed, narrowed: Sequence[str], asked: WorkFilters
) -> tuple[Found, int]:
    condition = " AND ".join(["true", *narrowed])
    values = {"region": asked.region, "subject": asked.subject, "at_least": asked.at_least}
    values = {name: value for name, value in values.items() if f":{name}" in condition}
    counted = f"SELECT count(*) FILTER (WHERE {condition}), count(*) FROM {listed.kept} l"
    total, waiting = (await session.execute(text(counted), values)).one()
    page = page_within(asked.page, total, ROWS_A_PAGE)
    async with reading_a_page(session):
        found = await session.execute(
            # What was said, and names, are looked up for the rows shown only.
            text(
                f"SELECT f.*, e.name, e.credit_code, e.region_code FROM (SELECT * FROM {listed.kept} l WHERE {condition}"
                f" ORDER BY {listed.order} LIMIT :limit OFFSET :offset) AS l JOIN {listed.whole} f USING ({listed.key})"
                f" JOIN enterprise e ON e.id = f.enterprise_id ORDER BY {listed.order}"
            ),
            values | {"limit": ROWS_A_PAGE, "offset": (page - 1) * ROWS_A_PAGE},
        )
    return Found([dict(row) for row in found.mappings()], total, page, ROWS_A_PAGE), waiting


async def flags_of(session: AsyncSession, enterprise_id: int) -> list[dict[str, Any]]:
    """The flags of one enterprise that nobody has answered, the newest year first."""
    found = await session.execute(
        text(
            f"SELECT f.* FROM fact_flag f WHERE f.enterprise_id = :id AND {UNANSWERED} ORDER BY f.year DESC, f.rule, f.indicator"
        ),
        {"id": enterprise_id},
    )
    return [dict(row) for row in found.mappings()]


async def count_conflicts(session: AsyncSession) -> int:
    """How many conflicts wait."""
    return (await session.execute(text("SELECT count(*) FROM conflict_listed"))).scalar_one()


async def count_flags(session: AsyncSession) -> int:
    """How many flags wait."""
    return (await session.execute(text("SELECT count(*) FROM flag_listed"))).scalar_one()


async def history_of(
    session: AsyncSession, enterprise_id: int, indicator: str, year: int | None
) -> list[dict[str, Any]]:
    """Every statement about one fact, the newest first: who said what, when, on which paper."""
    found = await session.execute(
        text(
            'SELECT f.id, f.source, CAST(f."values" -> :indicator AS text) AS value, f.received_on, f.recorded_at, f.note,'
            " f.import_id, o.name AS recorded_by, w.withdrawn_at FROM filings_known(NULL) f LEFT JOIN officers() o ON o.id = f.recorded_by"
            " LEFT JOIN filing_withdrawal w ON w.filing_id = f.id"
            " WHERE f.enterprise_id = :id AND f.year IS NOT DISTINCT FROM CAST(:year AS integer)"
            ' AND jsonb_exists(f."values", :indicator) ORDER BY f.received_on DESC, f.id DESC'
        ),
        {"id": enterprise_id, "indicator": indicator, "year": year},
    )
    return [dict(row) for row in found.mappings()]


async def filings_after(
    session: AsyncSession, enterprise_id: int, source: str, after: int, limit: int
) -> list[dict[str, Any]]:
    """Filings of an enterprise in the order in which they were recorded, those after an id; perhaps of one source."""
    found = await session.execute(
        text(
            'SELECT f.id, f.source, f.year, f.received_on, f.recorded_at, f.import_id, f."values", f.note, w.withdrawn_at'
            " FROM filings_known(NULL) f LEFT JOIN filing_withdrawal w ON w.filing_id = f.id WHERE f.enterprise_id = :id"
            " AND f.id > :after AND (:source = '' OR f.source = :source) ORDER BY f.id LIMIT :limit"
        ),
        {"id": enterprise_id, "source": source, "after": after, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]


async def conflicts_after(
    session: AsyncSession, indicator: str, region: str, after: tuple[Any, ...] | None, limit: int
) -> list[dict[str, Any]]:
    """Conflicts in the order of enterprises, those after a place (enterprise, indicator, year)."""
    enterprise, name, year = after or (0, "", 0)
    found = await session.execute(
        text(
            "SELECT f.*, e.credit_code FROM fact_conflict f JOIN enterprise e ON e.id = f.enterprise_id"
            " WHERE (f.enterprise_id, f.indicator, f.year) > (:enterprise, :name, :year)"
            " AND (:indicator = '' OR f.indicator = :indicator) AND (:region = '' OR e.region_code = :region)"
            " ORDER BY f.enterprise_id, f.indicator, f.year LIMIT :limit"
        ),
        {
            "enterprise": enterprise,
            "name": name,
            "year": year,
            "indicator": indicator,
            "region": region,
            "limit": limit,
        },
    )
    return [dict(row) for row in found.mappings()]
