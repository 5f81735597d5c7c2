"""The WHERE clause that the filters of a list make, with what was looked up for it."""

from collections.abc import Sequence
from datetime import date

from backend.enterprises.conditions import Conditions
from backend.enterprises.filtering import (
    Filters,
    Looked,
    codes_then,
    is_officer,
    lacking_values,
    pattern,
    rung_values,
    standing_values,
    words_of,
)
from backend.enterprises.past_traits import add_as_then
from backend.enterprises.queries import region_on
from backend.enterprises.spelling import Meant, ways_to_read
from backend.plans.territory import Division
from rules.library import Library

#: Who stood on a rung on a day gone by (0 is any), who of some, and on which one does; who stands to a programme as asked, of all the
#: city, for the list itself says who may see whom, and whether one does; whom the workbench counts under a fact that is
#: missing most, and whether one is.
_ON_RUNG = "enterprises_on_rung(CAST(:rung_order AS smallint), :on, CAST(:ladder AS jsonb))"
_SOME_ON_RUNG = "some_on_rung(CAST(:rung_order AS smallint), :on, CAST(:ladder AS jsonb), CAST(:some AS bigint[]))"
_RUNG_THEN = "rung_on_day(e.id, :on, CAST(:ladder AS jsonb))"
_STANDING = "enterprises_standing(:programme, :outcome, :on, :by_edition)"
_STANDS = "stands_to(e.id, :programme, :outcome, :on, :by_edition)"
_LACKING = "enterprises_lacking(:missing, CAST(:on_ladder AS text[]))"
_LACKS = "lacks_fact(e.id, :missing, CAST(:on_ladder AS text[]))"


def place_column(territory: str, on: date) -> str:
    """The SQL of the district that a list goes by."""
    return "e.region_code" if territory == Division.NOW else region_on(on)


def district(territory: str, conditions: Conditions) -> str:
    """The same for a list with its knowledge."""
    return conditions.place_then or place_column(territory, conditions.on)


def conditions_of(filters: Filters, on: date, library: Library, looked: Looked) -> Conditions:
    """The WHERE clause of a list and its parameters."""
    conditions = Conditions(on, library, is_kept=looked.is_kept)
    if filters.q.strip():
        by_words(filters.q, looked, conditions)
    elif not filters.ids:
        # Whoever ended is found by name, and stands in no list from that day on.
        conditions.add_all_that_live()
    conditions.values["territory"] = filters.territory
    if filters.ids:
        conditions.add_few("ids", list(filters.ids))
    if filters.within:
        conditions.add("e.region_code = :within", tallied="t.region_code = :within", within=filters.within)
    if filters.region:
        _by_region(filters, looked, conditions)
    if filters.park:
        there, tallied = "e.park = :park", "t.park = :park"
        add_as_then(conditions, looked.past, "park", there, in_sets=there, tallied=tallied, park=filters.park)
    if filters.industry:
        _by_industry(filters.industry, looked, conditions)
    if filters.industry_begins:
        # The division above finds few; of those each is looked at.
        begins = "starts_with(e.industry_code, :industry_begins)"
        asked = filters.industry_begins
        add_as_then(
            conditions, looked.past, "industry_begins", begins, in_sets=begins, is_dear=True, industry_begins=asked
        )
    if filters.chain:
        _by_chain(filters.chain, looked, conditions)
    if filters.rung:
        _by_rung(filters.rung, looked, conditions)
    if filters.programme:
        _by_outcome(filters, looked, conditions)
    if filters.missing:
        _by_missing(filters.missing, looked, conditions)
    if filters.officer:
        _by_officer(filters.officer, looked, conditions)
    return conditions


#: Everybody whom the words mean.
_MEANT = "find_enterprises(CAST(:words AS text[]), CAST(:codes AS text[]), '', NULL)"


def by_words(q: str, looked: Looked, conditions: Conditions) -> None:
    """Narrow a list to those whom the words searched for mean."""
    if looked.meant is not None:
        conditions.add_few("meant", looked.meant)
        return
    typed = words_of(q)
    ways = ways_to_read(tuple(word for word, _ in typed))
    hits: list[str] = []
    values: dict[str, str] = {}
    for number, (word, code) in enumerate(typed):
        hit = f"e.search_text LIKE :word_{number}"
        values[f"word_{number}"] = pattern(word)
        if code not in ("", word):
            hit = f"{hit} OR e.search_text LIKE :code_{number}"
            values[f"code_{number}"] = pattern(code)
        hits.append(f"({hit})")
    # Behind row-level security the planner takes any word for a rare one, and would sort whom it finds everywhere.
    if not ways:
        conditions.words = f"CASE WHEN {' AND '.join(hits)} THEN true ELSE false END"
        conditions.words_in_set = f"(e.id IN (SELECT {_MEANT})) IS TRUE"
        conditions.add(conditions.words, is_dear=True, reads_row=True)
        conditions.values |= {"words": [word for word, _ in typed], "codes": [code for _, code in typed]}
    else:
        either = " OR ".join([" AND ".join(hits), *(_is_read_so(place, way, values) for place, way in enumerate(ways))])
        conditions.add(f"CASE WHEN {either} THEN true ELSE false END", is_dear=True, reads_row=True)
    conditions.values |= values


def _is_read_so(place: int, way: Sequence[Meant], values: dict[str, str]) -> str:
    """The condition that a name is read as one way of cutting what was typed has it."""
    parts: list[str] = []
    for number, one in enumerate(way):
        name = f"way_{place}_{number}"
        values[name] = pattern(one.word)
        parts.append(f"e.search_text LIKE :{name}")
        if one.pattern:
            values[f"{name}_read"] = one.pattern
            parts.append(f"e.search_text ~ :{name}_read")
    return f"({' AND '.join(parts)})"


def _by_region(filters: Filters, looked: Looked, conditions: Conditions) -> None:
    """By the district of today, or by whatever codes meant the district on the day."""
    there = place_column(filters.territory, conditions.on)
    if there == "e.region_code":
        conditions.add("e.region_code = :region", tallied="t.region_code = :region", region=filters.region)
        return
    here, tallied = "e.region_code = ANY(:regions)", "t.region_code = ANY(:regions)"
    asked = codes_then(filters.region, conditions.on)
    add_as_then(conditions, looked.past, "region", here, in_sets=here, tallied=tallied, regions=asked)


def _by_industry(divisions: Sequence[str], looked: Looked, conditions: Conditions) -> None:
    """By divisions. Behind row-level security no index is asked for the two digits; it is for what lies between two codes."""
    between = "e.industry_code >= :industry_from AND e.industry_code < :industry_until"
    belongs, tallied = f"left(e.industry_code, 2) = ANY(:industry) AND {between}", "t.division = ANY(:industry)"
    add_as_then(
        conditions, looked.past, "industry", f"({belongs})", in_sets=belongs, tallied=tallied, industry=list(divisions),
        industry_from=min(divisions), industry_until=f"{int(max(divisions)) + 1:02}",
    )  # fmt: skip


def _by_chain(chain: str, looked: Looked, conditions: Conditions) -> None:
    members = "enterprises_in_chain(:chain)"
    in_sets = f"(e.id IN (SELECT {members})) IS TRUE"
    add_as_then(
        conditions, looked.past, "chain", "e.id IN (SELECT enterprise_id FROM enterprise_chain WHERE chain = :chain)",
        in_sets=in_sets, is_dear=True, chain=chain,
    )  # fmt: skip
    if "chain" not in looked.past:
        conditions.out_of.append((members, in_sets))


def _by_rung(rung: str, looked: Looked, conditions: Conditions) -> None:
    values = rung_values(rung, conditions.library)
    if conditions.is_kept:
        order = values["rung_order"]
        conditions.add("e.rung_order = :rung_order", tallied="t.rung_order = :rung_order", rung_order=order)
        return
    if looked.on_rung is not None:
        conditions.add_few("on_rung", looked.on_rung)
        return
    among = f"(e.id IN (SELECT {_ON_RUNG})) IS {'FALSE' if rung == 'none' else 'TRUE'}"
    of_some = among.replace(_ON_RUNG, _SOME_ON_RUNG)
    conditions.add_many(f"{_RUNG_THEN} = :rung_order", among, looked.first_on_rung, of_some, **values)


def _by_outcome(filters: Filters, looked: Looked, conditions: Conditions) -> None:
    """By how an enterprise stands to a programme; a programme alone means those that hold its title."""
    if looked.standing is not None:
        conditions.add_few("standing", looked.standing)
        return
    # One of a few who are walked past is asked for itself; to count, or to find those ticked, all are looked up in a hash.
    answer = "FALSE" if filters.outcome == "not_held" else "TRUE"
    among = f"(e.id IN (SELECT {_STANDING})) IS {answer}"
    values = standing_values(filters, conditions.on, conditions.library)
    conditions.add_many(_STANDS, among, looked.first_standing, **values)


def _by_missing(indicator: str, looked: Looked, conditions: Conditions) -> None:
    """By a fact that holds up an answer nearly settled."""
    if looked.lacking is not None:
        conditions.add_few("lacking", looked.lacking)
        return
    among = f"(e.id IN (SELECT {_LACKING})) IS TRUE"
    conditions.add_many(_LACKS, among, looked.first_lacking, among, **lacking_values(indicator, conditions.library))


def _by_officer(officer: str, looked: Looked, conditions: Conditions) -> None:
    if officer == "none":
        conditions.add(
            "NOT EXISTS (SELECT FROM enterprise_officer a WHERE a.enterprise_id = e.id)",
            in_sets="(e.id IN (SELECT a.enterprise_id FROM enterprise_officer a)) IS FALSE", is_dear=True,
        )  # fmt: skip
    elif looked.answered_for is not None:
        conditions.add_few("answered_for", looked.answered_for)
    elif is_officer(officer):
        answered_for = "e.id IN (SELECT enterprise_id FROM enterprise_officer WHERE officer_id = :officer)"
        conditions.add(answered_for, in_sets=f"({answered_for}) IS TRUE", officer=int(officer[:9]))
