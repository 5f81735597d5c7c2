"""Lists as known on an earlier day: who was in the registry then, and answered the filters by what was known then.

Whom each filter meant is found in one go, with the owner's rights, as ids (migration 0078): where they are few, the list is
made of them; where they are many, it is walked in its order and each row is asked, or all are held in a hash. What is known
now keeps its own way (`filtering`, `where`), by the indexes of what holds now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.filtering import FEW, Filters, Looked, few_meant, look_up, rung_values, standing_values
from backend.enterprises.places import Column, place_on
from backend.enterprises.where import by_words, conditions_of
from backend.plans.living import REGISTERED_LATER
from backend.plans.territory import Division, territory_of
from backend.recognitions.ladder import programmes_on_ladder
from rules.library import Library

#: So many are left out of a list by name.
LEFT_OUT: Final = 60_000
#: So many that many fulfil each are fulfilled by few together.
SEVERAL: Final = 3
#: Pages that are counted off without a place are walked to no further than this.
FAR: Final = 10
#: Of so many holders it need not be seen whether they are few.
SURELY_MANY: Final = 3 * FEW
_MOMENT: Final = "CAST(:known_at AS timestamptz)"
_MOVED: Final = f"enterprises_moved_known({_MOMENT}"


@dataclass(frozen=True)
class _Meant:
    """Whom a filter means."""

    #: A function of ids without its last argument, which says how many at most.
    ids: str
    #: The same about an enterprise `e`.
    each: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    #: All but those are meant.
    is_negated: bool = False
    #: Whose holders they are among, or most of them: of those it is known beforehand about how many they are.
    programmes: tuple[str, ...] = ()
    #: The same of what holds now, on a row `t` of `listed_tally`; or the chain. Empty for what titles tell.
    guessed: str = ""


async def list_conditions(session: AsyncSession, filters: Filters, on: date, library: Library) -> Conditions:
    """The WHERE clause of a list on a day: by what is known now, or was known at the moment that the filters name."""
    if filters.known_at is None:
        return conditions_of(filters, on, library, await look_up(session, filters, on, library))
    conditions = Conditions(on, library, is_kept=False)
    conditions.known_at = filters.known_at
    conditions.values |= {
        "known_at": filters.known_at, "territory": filters.territory, "ladder": rung_values("", library)["ladder"],
    }  # fmt: skip
    conditions.standing_then = f"enterprises_standing_known(:on, CAST(:ladder AS jsonb), {_MOMENT})"
    await _add_those_there(session, filters, conditions)
    place = await _place(session, conditions)
    conditions.place_then = "e.region_code" if filters.territory == Division.NOW else place("region_code")
    if filters.within:
        conditions.add("e.region_code = :within", in_sets="e.region_code = :within", within=filters.within)
    if filters.region and filters.territory == Division.NOW:
        conditions.add("e.region_code = :region", in_sets="e.region_code = :region", region=filters.region)
    asked = _asked(filters, on, library, place("region_code"), place("park"))
    # Far down, or among few, each row would be asked: all who are meant are then found in one go.
    conditions.is_sparse = filters.after is None and filters.page > FAR
    for one in await _without_few_of_several(session, conditions, asked):
        await _add(session, conditions, one)
    conditions.is_sparse = conditions.is_sparse or len(conditions.sets) >= SEVERAL
    if filters.q.strip():
        by_words(filters.q, Looked(is_kept=False, meant=await few_meant(session, filters)), conditions)
    return conditions


async def _add_those_there(session: AsyncSession, filters: Filters, conditions: Conditions) -> None:
    """Whoever was registered by then, was no part of another file, and lived on the day; who is searched for may have ended."""
    values = conditions.values
    values["with_ended"] = not (filters.q.strip() or filters.ids)
    gone = "enterprises_absent_known(:on, :known_at, :with_ended"
    absent = await _some(session, f"{gone}, {LEFT_OUT + 1})", values)
    later = await _some(session, f"{REGISTERED_LATER.removeprefix('SELECT ')} LIMIT {FEW + 1}", values)
    # Those are left out by name, and an index of the order tells the rest.
    named = (absent if len(absent) <= LEFT_OUT else []) + (later if len(later) <= FEW else [])
    there = "NOT (e.id = ANY(CAST(:absent AS bigint[])))" if named else "true"
    if len(absent) > LEFT_OUT:
        there = f"{there} AND (e.id IN (SELECT {gone}))) IS FALSE"
    values["absent"] = named
    is_registered = "true" if len(later) <= FEW else "e.created_at <= :known_at"
    conditions.parts, conditions.counted, conditions.plain = [there, is_registered], [there, is_registered], [there]
    if len(later) > FEW:
        conditions.rest, conditions.each = [is_registered], [is_registered]
        conditions.wholly, conditions.of_some = [is_registered], [is_registered]
        registered = f"e.id FROM enterprise e WHERE e.created_at <= :known_at LIMIT {FEW + 1}"
        if len(few := await _some(session, registered, values)) <= FEW:
            conditions.add_few("registered", few)
    if filters.ids:
        conditions.add_few("ids", list(filters.ids))


async def _some(session: AsyncSession, select: str, values: Mapping[str, Any]) -> list[int]:
    """The first ids of a query, given without its first word."""
    asked = {name: value for name, value in values.items() if f":{name}" in select}
    ids: list[int] = (await session.execute(text(f"SELECT ARRAY(SELECT {select})"), asked)).scalar_one()
    return ids


class _Placed:
    """The SQL of where an enterprise `e` was on the day; who never moved is where its own row says."""

    def __init__(self, moved: str) -> None:
        self._moved = moved

    def __call__(self, column: Column) -> str:
        if not self._moved:
            return f"e.{column}"
        return f"CASE WHEN {self._moved} THEN {place_on(column, ':on', _MOMENT)} ELSE e.{column} END"


async def _place(session: AsyncSession, conditions: Conditions) -> _Placed:
    moved = await _some(session, f"{_MOVED}, {FEW + 1})", conditions.values)
    if len(moved) > FEW:
        return _Placed(f"(e.id IN (SELECT {_MOVED}))) IS TRUE")
    if not moved:
        return _Placed("")
    conditions.values["moved"] = moved
    return _Placed("e.id = ANY(CAST(:moved AS bigint[]))")


def _asked(filters: Filters, on: date, library: Library, region: str, park: str) -> Sequence[_Meant]:
    """Whom each filter means, those first who are few most often."""
    found: list[_Meant] = []
    if filters.chain:
        found.append(_Meant(f"enterprises_in_chain_known(:chain, :on, {_MOMENT}", f"is_in_chain_known(e.id, :chain, :on, {_MOMENT})", {"chain": filters.chain}, guessed=_CHAIN))  # fmt: skip
    if filters.park:
        whole = "CAST('{}' AS text[])"
        found.append(
            _Meant(f"enterprises_placed_known({whole}, :park, :on, {_MOMENT}", f"{park} = :park", {"park": filters.park}, guessed="t.park = :park")
        )  # fmt: skip
    if filters.region and filters.territory != Division.NOW:
        codes = sorted({filters.region, *territory_of(filters.region, on).codes})
        placed = f"enterprises_placed_known(CAST(:regions AS text[]), '', :on, {_MOMENT}"
        found.append(
            _Meant(placed, f"{region} = ANY(:regions)", {"regions": codes}, guessed="t.region_code = ANY(:regions)")
        )
    if filters.industry:
        found.append(_by_industry(filters))
    if filters.rung:
        values = rung_values("none" if filters.rung == "none" else filters.rung, library)
        ids = f"enterprises_on_rung_known(CAST(:rung_order AS smallint), :on, CAST(:ladder AS jsonb), {_MOMENT}"
        rung = f"rung_known(e.id, :on, CAST(:ladder AS jsonb), {_MOMENT}) = :rung_order"
        found.append(_Meant(ids, rung, values, filters.rung == "none", _programmes(filters.rung, library)))
    if filters.programme:
        asked = {name: standing_values(filters, on, library)[name] for name in ("programme", "by_edition")}
        ids = f"enterprises_holding_known(:programme, :by_edition, :on, {_MOMENT}"
        is_not = filters.outcome == "not_held"
        each = f"{'NOT ' if is_not else ''}holds_known(e.id, :programme, :by_edition, :on, {_MOMENT})"
        found.append(_Meant(ids, each, asked, is_not, (filters.programme,)))
    return found


def _programmes(rung: str, library: Library) -> tuple[str, ...]:
    return tuple(name for name, one in sorted(programmes_on_ladder(library).items()) if one.id == rung)


def _by_industry(filters: Filters) -> _Meant:
    is_one = "left({0}, 2) = ANY(:divisions) AND (:begins = '' OR starts_with({0}, :begins))"
    written = "FROM enterprise_trait t WHERE t.enterprise_id = e.id AND t.kind = 'industry'"
    held = (
        f"t.known_from <= {_MOMENT} AND t.known_to > {_MOMENT} AND (t.valid_from IS NULL OR t.valid_from <= :on)"
        " AND (t.valid_to IS NULL OR t.valid_to >= :on)"
    )
    each = (
        f"CASE WHEN EXISTS (SELECT {written} AND {held} AND {is_one.format('t.value')}) THEN true"
        f" WHEN EXISTS (SELECT {written} AND t.value = e.industry_code) THEN false ELSE {is_one.format('e.industry_code')} END"
    )
    values = {"divisions": list(filters.industry), "begins": filters.industry_begins}
    ids = f"enterprises_in_industry_known(CAST(:divisions AS text[]), :begins, :on, {_MOMENT}"
    return _Meant(ids, each.replace(":divisions", "CAST(:divisions AS text[])").replace(":begins", "CAST(:begins AS text)"), values, guessed="t.division = ANY(:divisions)")  # fmt: skip


async def _add(session: AsyncSession, conditions: Conditions, one: _Meant) -> None:
    """Narrow a list to those whom a filter means: by name where they are few."""
    if not one.is_negated and await _holders(session, one, conditions) <= SURELY_MANY:
        few = await _some(session, f"{one.ids}, {FEW + 1})", {**conditions.values, **one.values})
        if len(few) <= FEW:
            conditions.add_few(f"few_{len(conditions.parts)}", few)
            return
        # A walk meets too few of those to fill a page, and asks each.
        conditions.is_sparse = conditions.is_sparse or bool(one.programmes)
    among = f"(e.id IN (SELECT {one.ids}))) IS {'FALSE' if one.is_negated else 'TRUE'}"
    conditions.add(one.each, counted=among, in_sets=among, is_dear=True, **one.values)


_CHAIN: Final = "chain"


async def _without_few_of_several(
    session: AsyncSession, conditions: Conditions, asked: Sequence[_Meant]
) -> Sequence[_Meant]:
    """Where several filters together mean few, by what holds now, the list is made of those. Returns the other filters."""
    plain = [one for one in asked if one.guessed]
    if len(plain) <= 1 or await _guessed(session, plain) > FEW:
        return asked
    first, *others = plain
    among = " AND ".join(f"(x.id IN (SELECT {one.ids}))) IS TRUE" for one in others)
    values = dict(conditions.values)
    for one in plain:
        values |= one.values
    few = await _some(session, f"x.id FROM (SELECT {first.ids}) AS id) AS x WHERE {among} LIMIT {FEW + 1}", values)
    if len(few) > FEW:
        return asked
    conditions.add_few("few_of_several", few)
    return [one for one in asked if not one.guessed]


async def _guessed(session: AsyncSession, asked: Sequence[_Meant]) -> float:
    """About how many several filters mean together, were a chain as common everywhere."""
    told = [one for one in asked if one.guessed != _CHAIN]
    values = {name: value for one in told for name, value in one.values.items() if f":{name}" in one.guessed}
    found = await session.execute(
        text(
            f"SELECT coalesce(sum(enterprises) FILTER (WHERE {' AND '.join(one.guessed for one in told)}), 0) AS meant,"
            " coalesce(sum(enterprises), 0) AS everybody FROM listed_tally t"
        ),
        values,
    )
    meant, everybody = found.one()
    if len(told) == len(asked):
        return float(meant)
    chain = next(one for one in asked if one.guessed == _CHAIN)
    members = text("SELECT count(*) FROM (SELECT enterprises_in_chain(:chain, :most)) AS counted")
    many = (await session.execute(members, {**chain.values, "most": LEFT_OUT + 1})).scalar_one()
    return float(meant) * many / max(1, everybody)


async def _holders(session: AsyncSession, one: _Meant, conditions: Conditions) -> int:
    """How many titles there are among whose holders somebody is; 0 where that says nothing."""
    if not one.programmes:
        return 0
    values = {name: conditions.values[name] for name in ("on", "known_at")}
    found = await session.execute(
        text(
            "SELECT coalesce(sum(t.enterprises), 0) FROM title_tally t WHERE t.programme = ANY(:programmes)"
            f" AND t.first_on <= :on AND t.last_on >= :on AND t.known_from <= {_MOMENT} AND t.known_to > {_MOMENT}"
        ),
        {**values, "programmes": list(one.programmes)},
    )
    return int(found.scalar_one())
