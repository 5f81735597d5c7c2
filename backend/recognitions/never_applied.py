"""Enterprises that meet a programme's rules and never had its title: eligible, but never applied.

Results are walked in the order of the list, in the index that says what they are, and each is asked whether it belongs,
until a page is full. How many there are in all is counted by itself: in a large registry after the rows are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page
from backend.eligibility.queries import checked_on
from backend.web.found import Found, pages_of
from backend.web.memory import is_large

A_PAGE: Final = 50
#: An outcome, and whether it is likely: what the index of results leads to, in the order of the enterprises.
Result = tuple[str, bool]
#: The list's two parts, one after the other: who meets all, and of whom only somebody has yet to confirm it.
_PARTS: Final[Sequence[Sequence[Result]]] = (
    (("eligible", False), ("eligible", True)),
    (("undetermined", True), ("ineligible", True)),
)
#: `{once}` keeps a condition a look-up for each; whoever counts all is better off without.
_NEVER_HELD: Final = (
    "NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = e.id AND r.programme = :programme"
    " AND r.superseded_at IS NULL{once})"
)
#: Who was recommended for it is applying.
_NOT_APPLYING: Final = (
    "NOT EXISTS (SELECT FROM pool_entry p WHERE p.enterprise_id = e.id AND p.programme = :programme"
    " AND p.stage = 'recommended'{once})"
)


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed by; a programme it must have."""

    programme: str
    region: str = ""
    #: eligible, likely, or both.
    outcome: str = ""
    page: int = 1

    @property
    def parts(self) -> list[list[Result]]:
        """The results that it shows, part by part."""
        shown = {"eligible": lambda one: one[0] == "eligible", "likely": lambda one: one[1]}.get(self.outcome)
        return [[one for one in part if shown is None or shown(one)] for part in _PARTS]

    @property
    def values(self) -> dict[str, Any]:
        """What its conditions are asked with."""
        return {"programme": self.programme} | ({"region": self.region} if self.region else {})


async def never_applied(session: AsyncSession, wanted: Wanted, *, is_counted_later: bool = False) -> Found:
    """One page of the enterprises that meet a programme or nearly do by today's figures and never had its title.

    Args:
        session: within the reader's scope.
        wanted: what is shown; a page past the last is the last.
        is_counted_later: in a large registry the count is left out (`Found.is_uncounted`).
    """
    page = max(1, wanted.page)
    start = (page - 1) * A_PAGE
    # One more than is shown says whether the list goes on.
    found = await _ids(session, wanted, A_PAGE + 1, start)
    ids, goes_on = found[:A_PAGE], len(found) > A_PAGE
    if ids and goes_on and is_counted_later and await is_large(session):
        rows = await _rows(session, wanted, ids)
        return Found(rows, page * A_PAGE, page, A_PAGE, is_more=True, goes_on=True, is_uncounted=True)
    if goes_on or (page > 1 and not ids):
        total = sum([await _count(session, wanted, part) for part in wanted.parts if part])
    else:
        total = start + len(ids)
    if page > 1 and not ids:
        return await never_applied(session, replace(wanted, page=pages_of(total, A_PAGE)))
    return Found(await _rows(session, wanted, ids), total, page, A_PAGE)


#: Enterprises of a district have come together more often than not: the walk begins and ends with them.
_OF_REGION = (
    " AND e.region_code = :region AND x.enterprise_id BETWEEN (SELECT min(id) FROM enterprise WHERE region_code = :region)"
    " AND (SELECT max(id) FROM enterprise WHERE region_code = :region)"
)


def _source(wanted: Wanted, one: Result, once: str) -> str:
    outcome, is_likely = one
    return (
        "FROM eligibility x JOIN enterprise e ON e.id = x.enterprise_id WHERE x.programme = :programme"
        f" AND x.outcome = '{outcome}' AND {'' if is_likely else 'NOT '}x.is_likely AND e.status = 'active'"
        f"{_OF_REGION if wanted.region else ''} AND {_NEVER_HELD.format(once=once)} AND {_NOT_APPLYING.format(once=once)}"
    )


async def _ids(session: AsyncSession, wanted: Wanted, limit: int, offset: int) -> list[int]:
    """The enterprises from a place of the list on."""
    ids: list[int] = []
    for part in wanted.parts:
        if not part or len(ids) == limit:
            continue
        firsts = " UNION ALL ".join(
            f"(SELECT x.enterprise_id {_source(wanted, one, ' OFFSET 0')} ORDER BY x.enterprise_id LIMIT :most)"
            for one in part
        )
        statement = f"SELECT enterprise_id FROM ({firsts}) AS first ORDER BY enterprise_id LIMIT :limit OFFSET :offset"
        async with reading_a_page(session):
            wished = limit - len(ids)
            values = wanted.values | {"limit": wished, "offset": offset, "most": wished + offset}
            found = list((await session.execute(text(statement), values)).scalars())
        ids += found
        if found:
            offset = 0
        elif offset:
            # The page begins behind this part: how far behind.
            offset = max(0, offset - await _count(session, wanted, part))
    return ids


async def _count(session: AsyncSession, wanted: Wanted, part: Sequence[Result]) -> int:
    counts = " UNION ALL ".join(f"SELECT count(*) AS counted {_source(wanted, one, '')}" for one in part)
    counted = f"SELECT sum(counted)::bigint FROM ({counts}) AS each_one"
    return (await session.execute(text(counted), wanted.values)).scalar_one()


async def _rows(session: AsyncSession, wanted: Wanted, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What is shown of some enterprises, in the order of their ids as given."""
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "SELECT e.id, e.name, e.credit_code, e.region_code, e.established_on, x.outcome, x.is_likely,"
                f" {checked_on()} AS as_of,"
                " (SELECT p.stage FROM pool_entry p WHERE p.enterprise_id = e.id AND p.programme = x.programme"
                " ORDER BY p.year DESC, p.id DESC LIMIT 1) AS stage FROM eligibility x"
                " JOIN enterprise e ON e.id = x.enterprise_id"
                " WHERE x.programme = :programme AND x.enterprise_id = ANY(CAST(:ids AS bigint[]))"
                " ORDER BY array_position(CAST(:ids AS bigint[]), e.id)"
            ),
            {"programme": wanted.programme, "ids": list(ids)},
        )
    return [dict(row) for row in found.mappings()]
