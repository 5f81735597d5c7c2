"""Enterprises that meet a programme's rules and never had its title: eligible, but never applied."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.queries import checked_on
from backend.web.found import Found, page_within

A_PAGE: Final = 50
_NEVER_HELD: Final = (
    "NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = x.enterprise_id AND r.programme = x.programme"
    " AND r.superseded_at IS NULL)"
)
#: Who was recommended for it is applying.
_NOT_APPLYING: Final = (
    "NOT EXISTS (SELECT FROM pool_entry p WHERE p.enterprise_id = x.enterprise_id AND p.programme = x.programme"
    " AND p.stage = 'recommended')"
)
_SURE: Final = {
    "": "(x.outcome = 'eligible' OR x.is_likely)",
    "eligible": "x.outcome = 'eligible'",
    "likely": "x.is_likely",
}


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed by; a programme it must have."""

    programme: str
    region: str = ""
    #: eligible, likely, or both.
    outcome: str = ""
    page: int = 1


async def never_applied(session: AsyncSession, wanted: Wanted) -> Found:
    """One page of the enterprises that meet a programme or nearly do by today's figures and never had its title."""
    source = (
        "FROM eligibility x JOIN enterprise e ON e.id = x.enterprise_id WHERE x.programme = :programme"
        f" AND {_SURE.get(wanted.outcome, _SURE[''])} AND e.status = 'active' AND {_NEVER_HELD} AND {_NOT_APPLYING}"
        + (" AND e.region_code = :region" if wanted.region else "")
    )
    values = {"programme": wanted.programme, "region": wanted.region}
    total = (await session.execute(text(f"SELECT count(*) {source}"), values)).scalar_one()
    page = page_within(wanted.page, total, A_PAGE)
    found = await session.execute(
        text(
            "SELECT e.id, e.name, e.credit_code, e.region_code, e.established_on, x.outcome, x.is_likely,"
            f" {checked_on()} AS as_of,"
            f" (SELECT p.stage FROM pool_entry p WHERE p.enterprise_id = e.id AND p.programme = x.programme"
            f" ORDER BY p.year DESC, p.id DESC LIMIT 1) AS stage {source}"
            " ORDER BY (x.outcome = 'eligible') DESC, e.id LIMIT :limit OFFSET :offset"
        ),
        {**values, "limit": A_PAGE, "offset": (page - 1) * A_PAGE},
    )
    return Found([dict(row) for row in found.mappings()], total, page, A_PAGE)
