"""Which enterprises a list shows: its filters, and the WHERE clause that they make.

What many rows are asked for is looked up first with the owner's rights, as ids: where they are few, the list is made of
them; where they are many, it is walked in its order and each row is asked.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.credit_code import normalise
from backend.enterprises.figure_order import FigureOrder
from backend.enterprises.paging import Sort
from backend.enterprises.past_traits import Otherwise, Past, add_as_then, past_of
from backend.enterprises.queries import region_on
from backend.enterprises.spelling import Meant, ways_to_read
from backend.plans.territory import Division, territory_of
from backend.recognitions.ladder import BY_ID, programmes_on_ladder
from backend.recognitions.queries import is_standing_kept, standing
from backend.web.memory import is_large
from rules.library import Library

#: What a list reads of each enterprise.
ROW = (
    "e.id, e.credit_code, e.name, e.town, e.park, e.industry_code, e.established_on, e.is_above_scale,"
    " e.listing_board, e.listed_on, e.status, e.updated_at"
)
#: So few are given to the database by name; more are looked for while a list is walked in its order.
FEW = 10_000
_PAIR = 2
#: Of fewer than so many that were looked at nothing is said of all.
_SAMPLE = 300


@dataclass(frozen=True)
class Filters:
    """What a list of enterprises is narrowed by; empty narrows nothing."""

    q: str = ""
    rung: str = ""
    region: str = ""
    #: now: the district is that of today, whatever the day; else the district of the day.
    territory: str = ""
    #: Divisions of GB/T 4754, two digits each (a section is its divisions).
    industry: tuple[str, ...] = ()
    #: Three or four digits, where a group or class within that division is meant.
    industry_begins: str = ""
    chain: str = ""
    park: str = ""
    programme: str = ""
    #: Outcome of `programme`: eligible, likely, undetermined, ineligible, candidate; or held (when empty), not_held.
    outcome: str = ""
    #: An indicator that holds up an answer nearly settled about a title of the ladder.
    missing: str = ""
    #: Digits of the id of the officer who answers for it, `none` for those that nobody answers for.
    officer: str = ""
    #: The district of whoever asks. Row-level security shows no other anyway; said here, an index can be used for it.
    within: str = ""
    #: Those named one by one; none narrows nothing.
    ids: tuple[int, ...] = ()
    sort: Sort = "name"
    #: The figure that a list in order of `figure` goes by.
    figure: FigureOrder | None = None
    page: int = 1
    #: The place in the order that the page begins after (`paging.place_of`); without it the rows before are counted off.
    after: tuple[Any, ...] | None = None
    #: The page ends before that place instead.
    is_backwards: bool = False
    #: However long it takes, the list is counted to its end.
    is_counted_out: bool = False


@dataclass(frozen=True)
class Looked:
    """What was looked up for a list before its rows are read."""

    #: Whether the enterprises' rows say on which rung they stand on the day.
    is_kept: bool
    #: The ids that the words mean, where they are few; None for many, and where nothing was searched for.
    meant: list[int] | None = None
    #: The ids of those that stand to the programme as asked, where they are few; None for many.
    standing: list[int] | None = None
    #: The ids of those that lack the fact asked about, where they are few; None for many.
    lacking: list[int] | None = None
    #: Where they are many, the first of them, one more than a list is counted.
    first_standing: tuple[int, ...] = ()
    first_lacking: tuple[int, ...] = ()
    #: Who was in a chain, an industry or a park on a past day, and is not now; and the other way round.
    past: Past = field(default_factory=dict[str, Otherwise])


async def look_up(session: AsyncSession, filters: Filters, on: date, library: Library) -> Looked:
    """What a list's filters need to know before they become a condition."""
    is_about_rungs = bool(filters.rung) or filters.sort == "rung"
    is_kept = is_about_rungs and await is_standing_kept(session, on, library)
    meant = await _few_meant(session, filters)
    standing, first_standing = _few(await _some_standing(session, filters, on, library))
    lacking, first_lacking = _few(await _some_lacking(session, filters, library))
    past = await past_of(
        session, on, industry=filters.industry, industry_begins=filters.industry_begins, chain=filters.chain,
        park=filters.park,
    )  # fmt: skip
    return Looked(is_kept, meant, standing, lacking, first_standing, first_lacking, past)


def _few(ids: list[int] | None) -> tuple[list[int] | None, tuple[int, ...]]:
    """Few ids as such; of very many the first."""
    return (None, tuple(ids)) if ids is not None and len(ids) > FEW else (ids, ())


async def _few_meant(session: AsyncSession, filters: Filters) -> list[int] | None:
    typed = _typed(filters.q)
    if not typed:
        return None
    found = await _found_by_index(session, filters.within, typed)
    for way in ways_to_read(tuple(word for word, _ in typed)):
        spelt = await _found_by_reading(session, filters.within, way)
        found = sorted({*found, *spelt}) if found is not None and spelt is not None else None
    return found if found is not None and len(found) <= FEW else None


async def _found_by_index(session: AsyncSession, within: str, typed: Sequence[tuple[str, str]]) -> list[int] | None:
    """Whom all words mean; None for many."""
    patterns = {f"word_{number}": _pattern(word) for number, (word, _) in enumerate(typed)}
    if await _are_many(session, " AND ".join(f"e.search_text LIKE :{name}" for name in patterns), patterns):
        return None
    found = await session.execute(
        text("SELECT ARRAY(SELECT find_enterprises(CAST(:words AS text[]), CAST(:codes AS text[]), :within, :most))"),
        {
            "words": [word for word, _ in typed], "codes": [code for _, code in typed], "within": within, "most": FEW + 1,
        },
    )  # fmt: skip
    ids: list[int] = found.scalar_one()
    return ids if len(ids) <= FEW else None


async def _are_many(session: AsyncSession, condition: str, values: Mapping[str, str]) -> bool:
    """Whether a thirtieth of all or more are meant, by some of a large registry: an index would take seconds to name them."""
    if not await is_large(session):
        return False
    some = f"SELECT count(*), count(*) FILTER (WHERE {condition}) FROM enterprise e TABLESAMPLE SYSTEM (0.3)"
    seen, meant = (await session.execute(text(some), values)).one()
    return bool(seen >= _SAMPLE and meant * 30 >= seen)


async def _found_by_reading(session: AsyncSession, within: str, way: Sequence[Meant]) -> list[int] | None:
    """Whom all words mean, some of them being pinyin; None for many."""
    kept: set[int] | None = None
    for one in way:
        ids = (
            await _read_so(session, within, one)
            if one.pattern
            else await _found_by_index(session, within, [(one.word, "")])
        )
        if ids is None:
            return None
        kept = set(ids) if kept is None else kept & set(ids)
    return sorted(kept or ())


async def _read_so(session: AsyncSession, within: str, one: Meant) -> list[int] | None:
    """Whom a reading means; None for many. Nobody, where a longer one has no pair that is rare enough to begin with."""
    if await _are_many(session, "e.search_text ~ :read", {"read": one.pattern}):
        return None
    found = await session.execute(
        text("SELECT ARRAY(SELECT find_enterprises_read(CAST(:pairs AS text[]), :pattern, :within, :most))"),
        {"pairs": list(one.pairs), "pattern": one.pattern, "within": within, "most": FEW + 1},
    )
    ids: list[int | None] = found.scalar_one()
    if None in ids:
        # Of two syllables the pair is all that is meant: whoever has it is soon met on the way through the list.
        return None if len(one.word) == _PAIR else []
    return [number for number in ids if number is not None] if len(ids) <= FEW else None


def _typed(q: str) -> list[tuple[str, str]]:
    """The words of a search, all of which must be hit: each as names are kept, and as codes are."""
    return [(_narrow(word), normalise(word).lower()) for word in q.split()]


async def _some_standing(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int] | None:
    if not filters.programme or filters.outcome == "not_held":
        return None
    found = await session.execute(
        text(f"SELECT ARRAY(SELECT {_STANDING_SO})"),
        {**_standing_values(filters, on, library), "most": FEW + 1},
    )
    ids: list[int] = found.scalar_one()
    return ids


async def _some_lacking(session: AsyncSession, filters: Filters, library: Library) -> list[int] | None:
    if not filters.missing:
        return None
    found = await session.execute(
        text(f"SELECT ARRAY(SELECT {_LACKING_SO})"), {**_lacking_values(filters.missing, library), "most": FEW + 1}
    )
    ids: list[int] = found.scalar_one()
    return ids


def place_column(territory: str, on: date) -> str:
    """The SQL of the district that a list goes by."""
    return "e.region_code" if territory == Division.NOW else region_on(on)


def conditions_of(filters: Filters, on: date, library: Library, looked: Looked) -> Conditions:
    """The WHERE clause of a list and its parameters."""
    conditions = Conditions(on, library, is_kept=looked.is_kept)
    if filters.q.strip():
        _by_words(filters.q, looked, conditions)
    elif not filters.ids:
        # Whoever ended is found by name, and stands in no list from that day on.
        conditions.add_all_that_live()
    conditions.values["territory"] = filters.territory
    if filters.ids:
        conditions.add_few("ids", list(filters.ids))
    if filters.within:
        conditions.add("e.region_code = :within", tallied="t.region_code = :within", within=filters.within)
    if filters.region:
        _by_region(filters, conditions)
    if filters.park:
        add_as_then(conditions, looked.past, "park", "e.park = :park", tallied="t.park = :park", park=filters.park)
    if filters.industry:
        belongs, tallied = "left(e.industry_code, 2) = ANY(:industry)", "t.division = ANY(:industry)"
        add_as_then(conditions, looked.past, "industry", belongs, tallied=tallied, industry=list(filters.industry))
    if filters.industry_begins:
        # The division above finds few; of those each is looked at.
        begins = "starts_with(e.industry_code, :industry_begins)"
        asked = filters.industry_begins
        add_as_then(conditions, looked.past, "industry_begins", begins, is_dear=True, industry_begins=asked)
    if filters.chain:
        chained = "e.id IN (SELECT enterprise_id FROM enterprise_chain WHERE chain = :chain)"
        add_as_then(conditions, looked.past, "chain", chained, is_dear=True, chain=filters.chain)
    if filters.rung:
        _by_rung(filters.rung, conditions)
    if filters.programme:
        _by_outcome(filters, looked, conditions)
    if filters.missing:
        _by_missing(filters.missing, looked, conditions)
    if filters.officer:
        _by_officer(filters.officer, conditions)
    return conditions


def _by_words(q: str, looked: Looked, conditions: Conditions) -> None:
    if looked.meant is not None:
        conditions.add_few("meant", looked.meant)
        return
    typed = _typed(q)
    ways = ways_to_read(tuple(word for word, _ in typed))
    hits: list[str] = []
    values: dict[str, str] = {}
    for number, (word, code) in enumerate(typed):
        hit = f"e.search_text LIKE :word_{number}"
        values[f"word_{number}"] = _pattern(word)
        if code not in ("", word):
            hit = f"{hit} OR e.search_text LIKE :code_{number}"
            values[f"code_{number}"] = _pattern(code)
        hits.append(f"({hit})")
    # Behind row-level security the planner takes any word for a rare one, and would sort whom it finds everywhere.
    if not ways:
        for hit in hits:
            conditions.add(f"CASE WHEN {hit} THEN true ELSE false END", is_dear=True)
    else:
        either = " OR ".join([" AND ".join(hits), *(_is_read_so(place, way, values) for place, way in enumerate(ways))])
        conditions.add(f"CASE WHEN {either} THEN true ELSE false END", is_dear=True)
    conditions.values |= values


def _is_read_so(place: int, way: Sequence[Meant], values: dict[str, str]) -> str:
    """The condition that a name is read as one way of cutting what was typed has it."""
    parts: list[str] = []
    for number, one in enumerate(way):
        name = f"way_{place}_{number}"
        values[name] = _pattern(one.word)
        parts.append(f"e.search_text LIKE :{name}")
        if one.pattern:
            values[f"{name}_read"] = one.pattern
            parts.append(f"e.search_text ~ :{name}_read")
    return f"({' AND '.join(parts)})"


def _by_region(filters: Filters, conditions: Conditions) -> None:
    """By the district of today, or by whatever codes meant the district on the day."""
    there = place_column(filters.territory, conditions.on)
    if there == "e.region_code":
        conditions.add("e.region_code = :region", tallied="t.region_code = :region", region=filters.region)
        return
    meant = {filters.region, *territory_of(filters.region, conditions.on).codes}
    conditions.add(f"{there} = ANY(:regions)", is_dear=True, regions=sorted(meant))


def _narrow(word: str) -> str:
    """As names are kept: Latin letters narrow and small, brackets wide."""
    folded = unicodedata.normalize("NFKC", word).lower()
    return folded.translate(str.maketrans("()", "（）"))


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _by_rung(rung: str, conditions: Conditions) -> None:
    order = 0 if rung == "none" else BY_ID[rung].order if rung in BY_ID else -1
    if conditions.is_kept:
        conditions.add("e.rung_order = :rung_order", tallied="t.rung_order = :rung_order", rung_order=order)
        return
    standing_then = standing(conditions.library)
    if rung == "none":
        conditions.add(f"NOT EXISTS (SELECT FROM {standing_then} AS s WHERE s.enterprise_id = e.id)")
        return
    conditions.add(
        f"e.id IN (SELECT enterprise_id FROM {standing_then} AS s WHERE s.rung_order = :rung_order)", rung_order=order
    )


#: The ids of those that stand to a programme as asked, of all the city, for the list itself says who may see whom: at
#: most so many, and all of them; and whether one does.
_STANDING_SO = "enterprises_standing(:programme, :outcome, :on, :by_edition, '', :most)"
_STANDING = "enterprises_standing(:programme, :outcome, :on, :by_edition)"
_STANDS = "stands_to(e.id, :programme, :outcome, :on, :by_edition)"


def _standing_values(filters: Filters, on: date, library: Library) -> dict[str, Any]:
    programme = library.by_name.get(filters.programme)
    by_edition = programme is not None and programme.source.validity == "edition"
    return {
        "programme": filters.programme, "outcome": filters.outcome or "held", "on": on, "by_edition": by_edition,
    }  # fmt: skip


def _by_outcome(filters: Filters, looked: Looked, conditions: Conditions) -> None:
    """By how an enterprise stands to a programme; a programme alone means those that hold its title."""
    if looked.standing is not None:
        conditions.add_few("standing", looked.standing)
        return
    # One of a few who are walked past is asked for itself; to count, or to find those ticked, all are looked up in a hash.
    answer = "FALSE" if filters.outcome == "not_held" else "TRUE"
    among = f"(e.id IN (SELECT {_STANDING})) IS {answer}"
    values = _standing_values(filters, conditions.on, conditions.library)
    conditions.add_many(_STANDS, among, looked.first_standing, **values)


#: Whom the workbench counts under a fact that is missing most: at most so many of them, and all; and whether one is.
_LACKING_SO = "enterprises_lacking(:missing, CAST(:on_ladder AS text[]), :most)"
_LACKING = "enterprises_lacking(:missing, CAST(:on_ladder AS text[]))"
_LACKS = "lacks_fact(e.id, :missing, CAST(:on_ladder AS text[]))"


def _lacking_values(indicator: str, library: Library) -> dict[str, Any]:
    return {"missing": indicator, "on_ladder": list(programmes_on_ladder(library))}


def _by_missing(indicator: str, looked: Looked, conditions: Conditions) -> None:
    """By a fact that holds up an answer nearly settled."""
    if looked.lacking is not None:
        conditions.add_few("lacking", looked.lacking)
        return
    among = f"e.id IN (SELECT {_LACKING})"
    conditions.add_many(_LACKS, among, looked.first_lacking, **_lacking_values(indicator, conditions.library))


def _by_officer(officer: str, conditions: Conditions) -> None:
    if officer == "none":
        conditions.add("NOT EXISTS (SELECT FROM enterprise_officer a WHERE a.enterprise_id = e.id)", is_dear=True)
    elif officer.isascii() and officer.isdecimal():
        answered_for = "e.id IN (SELECT enterprise_id FROM enterprise_officer WHERE officer_id = :officer)"
        conditions.add(answered_for, officer=int(officer[:9]))
