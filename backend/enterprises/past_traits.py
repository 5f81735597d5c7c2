"""Lists of a past day: who was in a chain, an industry or a park then, and is not now; and the other way round.

Lists are narrowed by what holds now, which indexes tell. Of a past day that is right of all but a few, whose histories
say otherwise (`enterprise_trait`, `enterprise_region`): those are looked up first, and added to the list or left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.conditions import Conditions
from backend.enterprises.places import DATED, place_on
from backend.enterprises.traits import History, Trait, as_columns, histories


@dataclass(frozen=True)
class Otherwise:
    """Who belonged to what is asked for on the day and does not now, and who does now and did not then."""

    come: tuple[int, ...]
    gone: tuple[int, ...]


#: By the name of the filter; of a filter that is not there everybody answers as now.
Past = Mapping[str, Otherwise]

_HELD: Final = (
    "EXISTS (SELECT FROM enterprise_trait t WHERE t.enterprise_id = e.id AND t.kind = '{kind}' AND t.known_to = 'infinity'"
    " AND (t.valid_from IS NULL OR t.valid_from <= :on) AND (t.valid_to IS NULL OR t.valid_to >= :on) AND {condition})"
)
#: Of whom anything of a kind held otherwise on the day.
_CHANGED: Final = (
    "SELECT t.enterprise_id FROM enterprise_trait t WHERE t.kind = '{kind}' AND t.known_to = 'infinity'"
    " AND (t.valid_to >= :on OR t.valid_from > :on)"
)
_OTHERWISE: Final = (
    "SELECT x.id, x.then FROM (SELECT e.id, {now} AS now, {then} AS then FROM enterprise e WHERE e.id IN ({among})) x"
    " WHERE x.now IS DISTINCT FROM x.then"
)


async def past_of(
    session: AsyncSession,
    on: date,
    *,
    industry: Sequence[str] = (),
    industry_begins: str = "",
    chain: str = "",
    park: str = "",
    regions: Sequence[str] = (),
) -> Past:
    """Who answers the filters of a list otherwise on a past day than now.

    Args:
        session: within the reader's scope.
        on: the day.
        industry: divisions, two digits each.
        industry_begins: the digits that an industry begins with.
        chain: the chain.
        park: the park.
        regions: the codes of the district.
    """
    if on >= today():
        return {}
    found: dict[str, Otherwise] = {}
    for name, asked, condition in (
        ("industry", list(industry), "left({0}, 2) = ANY(:asked)"),
        ("industry_begins", industry_begins, "starts_with({0}, :asked)"),
    ):
        if asked:
            among = _CHANGED.format(kind=Trait.INDUSTRY)
            then = _HELD.format(kind=Trait.INDUSTRY, condition=condition.format("t.value"))
            found[name] = await _otherwise(session, on, asked, condition.format("e.industry_code"), then, among)
    if chain:
        now = "EXISTS (SELECT FROM enterprise_chain c WHERE c.enterprise_id = e.id AND c.chain = :asked)"
        then = _HELD.format(kind=Trait.CHAIN, condition="t.value = :asked")
        among = f"{_CHANGED.format(kind=Trait.CHAIN)} AND t.value = :asked"
        found["chain"] = await _otherwise(session, on, chain, now, then, among)
    if park:
        left = "SELECT er.enterprise_id FROM enterprise_region er WHERE er.valid_to >= :on"
        then = f"{place_on('park', ':on')} = :asked"
        found["park"] = await _otherwise(session, on, park, "e.park = :asked", then, left)
    if regions:
        then, moved = (
            f"{place_on('region_code', ':on')} = ANY(:asked)",
            f"SELECT er.enterprise_id FROM enterprise_region er WHERE {DATED}",
        )
        found["region"] = await _otherwise(session, on, list(regions), "e.region_code = ANY(:asked)", then, moved)
    return {name: one for name, one in found.items() if one.come or one.gone}


async def _otherwise(session: AsyncSession, on: date, asked: Any, now: str, then: str, among: str) -> Otherwise:
    statement = _OTHERWISE.format(now=now, then=then, among=among)
    rows = (await session.execute(text(statement), {"on": on, "asked": asked})).all()
    return Otherwise(tuple(number for number, held in rows if held), tuple(number for number, held in rows if not held))


def add_as_then(
    conditions: Conditions,
    past: Past,
    name: str,
    condition: str,
    *,
    in_sets: str = "",
    tallied: str = "",
    is_dear: bool = False,
    **values: Any,
) -> None:
    """Add the condition of a filter to a list, as it answers on the day; other words are as `Conditions.add` has them."""
    one = past.get(name)
    if one is None:
        conditions.add(condition, in_sets=in_sets, tallied=tallied, is_dear=is_dear, **values)
        return
    come, gone = f"{name}_come", f"{name}_gone"
    then = f"(({{0}}) AND NOT (e.id = ANY(CAST(:{gone} AS bigint[]))) OR e.id = ANY(CAST(:{come} AS bigint[])))"
    conditions.add(then.format(condition), in_sets=then.format(in_sets or condition), is_dear=True, **values)
    conditions.values |= {come: list(one.come), gone: list(one.gone)}


async def as_then(session: AsyncSession, rows: Sequence[Mapping[str, Any]], on: date) -> list[Mapping[str, Any]]:
    """The rows of a list with industry, scale and board of a past day, and the park; of most it is what holds now."""
    if on >= today() or not rows:
        return list(rows)
    ids = [row["id"] for row in rows]
    found = await session.execute(
        text("SELECT DISTINCT enterprise_id FROM enterprise_trait WHERE enterprise_id = ANY(:ids)"), {"ids": ids}
    )
    changed = await histories(session, list(found.scalars()))
    moved = await session.execute(
        text(
            f"SELECT e.id, {place_on('park', ':on')} FROM enterprise e WHERE e.id = ANY(:ids)"
            " AND EXISTS (SELECT FROM enterprise_region er WHERE er.enterprise_id = e.id AND er.valid_to >= :on)"
        ),
        {"ids": ids, "on": on},
    )
    parks: dict[int, str] = {row[0]: row[1] for row in moved}
    traits = {number: _columns_then(history, on) for number, history in changed.items()}
    return [{**row, "park": parks.get(row["id"], row["park"]), **traits.get(row["id"], {})} for row in rows]


def _columns_then(history: History, on: date) -> dict[str, Any]:
    """What a past day says of the columns that were ever changed."""
    changed = {one.kind for one in history.written}
    return {name: value for name, value in as_columns(history.on(on)).items() if _KINDS[name] in changed}


_KINDS: Final = {
    "industry_code": Trait.INDUSTRY, "is_above_scale": Trait.ABOVE_SCALE, "listing_board": Trait.LISTING,
}  # fmt: skip
