"""Finding enterprises: by fragment of a name, former name, code or pinyin initials, and by filters that combine.

The page, the export and the count are made of one WHERE clause, so that a list is as long as its count says. A count
looks at very many rows where a page looks at fifty, so it is worked out once for each state of the registry; and where
no index counts, it goes no further than `MOST_COUNTED` unless somebody asks for it.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.queries import NEARLY_SETTLED
from backend.enterprises.credit_code import normalise
from backend.enterprises.lineage import lives
from backend.enterprises.paging import Sort, beyond
from backend.enterprises.queries import region_on
from backend.plans.territory import Division, territory_of
from backend.recognitions.ladder import BY_ID, LISTING_BOARDS, programmes_on_ladder
from backend.recognitions.queries import IN_FORCE, current_edition, is_standing_kept, rung_values, standing
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, seen_by
from rules.library import Library

PAGE_SIZE = 50
#: So few are given to the database by name; more are looked for while a list is walked in its order.
FEW = 10_000
#: How far a list is counted where each of its rows has to be asked.
MOST_COUNTED = 10_000
_ORDER: dict[str, str] = {
    "name": "e.name, e.id",
    "code": "e.credit_code NULLS LAST, e.id",
    "established": "e.established_on DESC NULLS LAST, e.id",
    "region": "region_code, e.name, e.id",
    "updated": "e.updated_at DESC, e.id",
    "rung": "{rung} DESC, e.name, e.id",
}
#: The same from the end, for the page before a place.
_BACKWARDS: dict[str, str] = {
    "name": "e.name DESC, e.id DESC",
    "code": "e.credit_code DESC NULLS FIRST, e.id DESC",
    "established": "e.established_on NULLS FIRST, e.id DESC",
    "region": "region_code DESC, e.name DESC, e.id DESC",
    "updated": "e.updated_at, e.id DESC",
    "rung": "{rung}, e.name DESC, e.id DESC",
}


@dataclass(frozen=True)
class Filters:
    """What a list of enterprises is narrowed by; empty narrows nothing."""

    q: str = ""
    rung: str = ""
    region: str = ""
    #: now: the district is that of today, whatever the day; else the district of the day.
    territory: str = ""
    #: GB/T 4754 digits that the industry begins with, several parted by commas (a section is its divisions).
    industry: tuple[str, ...] = ()
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
    page: int = 1
    #: The place in the order that the page begins after (`paging.place_of`); without it the rows before are counted off.
    after: tuple[Any, ...] | None = None
    #: The page ends before that place instead.
    is_backwards: bool = False
    #: However long it takes, the list is counted to its end.
    is_counted_out: bool = False


class _Conditions:
    """The WHERE clause of a list with its parameters, condition by condition."""

    def __init__(self, on: date, library: Library, *, is_kept: bool) -> None:
        self.on = on
        self.library = library
        self.is_kept = is_kept
        # An undone import's newcomers and files that are part of another's stay, but nobody is looking for them.
        self.parts: list[str] = ["e.status NOT IN ('withdrawn', 'merged')"]
        self.values: dict[str, Any] = {"on": on, "known_at": None}
        #: The same as `parts` in words that a count of very many is better off with.
        self.counted: list[str] = list(self.parts)
        #: Whether no index alone tells how many there are.
        self.is_dear = False
        #: The first of very many who stand to a programme as asked, for a count that may stop early.
        self.first: tuple[int, ...] = ()

    def add(self, condition: str, *, counted: str = "", is_dear: bool = False, **values: Any) -> None:
        self.parts.append(condition)
        self.counted.append(counted or condition)
        self.is_dear = self.is_dear or is_dear
        self.values |= values


@dataclass(frozen=True)
class _Looked:
    """What was looked up for a list before its rows are read."""

    #: Whether the enterprises' rows say on which rung they stand on the day.
    is_kept: bool
    #: The ids that the words mean, where they are few; None for many, and where nothing was searched for.
    meant: list[int] | None = None
    #: The ids of those that stand to the programme as asked, where they are few; None for many.
    standing: list[int] | None = None
    #: Where they are many, the first of them, one more than a list is counted.
    first_standing: tuple[int, ...] = ()


async def _look(session: AsyncSession, filters: Filters, on: date, library: Library) -> _Looked:
    is_about_rungs = bool(filters.rung) or filters.sort == "rung"
    is_kept = is_about_rungs and await is_standing_kept(session, on, library)
    meant, standing = await _few_meant(session, filters), await _some_standing(session, filters, on, library)
    if standing is not None and len(standing) > FEW:
        return _Looked(is_kept, meant, None, tuple(standing))
    return _Looked(is_kept, meant, standing)


async def _few_meant(session: AsyncSession, filters: Filters) -> list[int] | None:
    typed = _typed(filters.q)
    if not typed:
        return None
    found = await session.execute(
        text("SELECT ARRAY(SELECT find_enterprises(CAST(:words AS text[]), CAST(:codes AS text[]), :within, :most))"),
        {
            "words": [word for word, _ in typed], "codes": [code for _, code in typed], "within": filters.within,
            "most": FEW + 1,
        },
    )  # fmt: skip
    ids: list[int] = found.scalar_one()
    return ids if len(ids) <= FEW else None


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


def _place(territory: str, on: date) -> str:
    """The SQL of the district that a list goes by."""
    return "e.region_code" if territory == Division.NOW else region_on(on)


def _where(filters: Filters, on: date, library: Library, looked: _Looked) -> _Conditions:
    """The WHERE clause of a list and its parameters."""
    conditions = _Conditions(on, library, is_kept=looked.is_kept)
    if filters.q.strip():
        _by_words(filters.q, looked, conditions)
    elif not filters.ids:
        # Whoever ended is found by name, and stands in no list from that day on.
        conditions.add(lives())
    conditions.values["territory"] = filters.territory
    if filters.ids:
        conditions.add("e.id = ANY(:ids)", ids=list(filters.ids))
    if filters.within:
        conditions.add("e.region_code = :within", within=filters.within)
    if filters.region:
        _by_region(filters, conditions)
    if filters.park:
        conditions.add("e.park = :park", park=filters.park)
    if filters.industry:
        conditions.add("left(e.industry_code, 2) = ANY(:industry)", industry=list(filters.industry))
    if filters.chain:
        chained = "e.id IN (SELECT enterprise_id FROM enterprise_chain WHERE chain = :chain)"
        conditions.add(chained, is_dear=True, chain=filters.chain)
    if filters.rung:
        _by_rung(filters.rung, conditions)
    if filters.programme:
        _by_outcome(filters, looked, conditions)
    if filters.missing:
        _by_missing(filters.missing, conditions)
    if filters.officer:
        _by_officer(filters.officer, conditions)
    return conditions


def _by_words(q: str, looked: _Looked, conditions: _Conditions) -> None:
    if looked.meant is not None:
        conditions.add("e.id = ANY(:meant)", meant=looked.meant)
        return
    for number, (word, code) in enumerate(_typed(q)):
        hit = f"e.search_text LIKE :word_{number}"
        if code not in ("", word):
            hit = f"{hit} OR e.search_text LIKE :code_{number}"
        # Behind row-level security the planner takes any word for a rare one, and would sort whom it finds everywhere.
        hit = f"CASE WHEN {hit} THEN true ELSE false END"
        conditions.add(hit, is_dear=True, **{f"word_{number}": _pattern(word)})
        conditions.values |= {f"code_{number}": _pattern(code)} if code not in ("", word) else {}


def _by_region(filters: Filters, conditions: _Conditions) -> None:
    """By the district of today, or by whatever codes meant the district on the day."""
    place = _place(filters.territory, conditions.on)
    if place == "e.region_code":
        conditions.add("e.region_code = :region", region=filters.region)
        return
    meant = {filters.region, *territory_of(filters.region, conditions.on).codes}
    conditions.add(f"{place} = ANY(:regions)", is_dear=True, regions=sorted(meant))


def _narrow(word: str) -> str:
    """As names are kept: Latin letters narrow and small, brackets wide."""
    folded = unicodedata.normalize("NFKC", word).lower()
    return folded.translate(str.maketrans("()", "（）"))


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _by_rung(rung: str, conditions: _Conditions) -> None:
    order = 0 if rung == "none" else BY_ID[rung].order if rung in BY_ID else -1
    if conditions.is_kept:
        conditions.add("e.rung_order = :rung_order", rung_order=order)
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


def _by_outcome(filters: Filters, looked: _Looked, conditions: _Conditions) -> None:
    """By how an enterprise stands to a programme; a programme alone means those that hold its title."""
    if looked.standing is not None:
        conditions.add("e.id = ANY(:standing)", standing=looked.standing)
        return
    # One of a few who are walked past is asked for itself; to count, or to find those ticked, all are looked up in a hash.
    answer = "FALSE" if filters.outcome == "not_held" else "TRUE"
    among = f"(e.id IN (SELECT {_STANDING})) IS {answer}"
    values = _standing_values(filters, conditions.on, conditions.library)
    conditions.add(_STANDS, counted=among, is_dear=True, **values)
    conditions.first = looked.first_standing


def _by_missing(indicator: str, conditions: _Conditions) -> None:
    """Whom the workbench counts under a fact that is missing most."""
    conditions.add(
        f"e.id IN (SELECT enterprise_id FROM eligibility WHERE {NEARLY_SETTLED} AND programme = ANY(:on_ladder)"
        " AND EXISTS (SELECT FROM unnest(missing) AS fact WHERE split_part(fact, '[', 1) = :missing))",
        is_dear=True,
        on_ladder=list(programmes_on_ladder(conditions.library)),
        missing=indicator,
    )


def _by_officer(officer: str, conditions: _Conditions) -> None:
    if officer == "none":
        conditions.add("NOT EXISTS (SELECT FROM enterprise_officer a WHERE a.enterprise_id = e.id)", is_dear=True)
    elif officer.isascii() and officer.isdecimal():
        answered_for = "e.id IN (SELECT enterprise_id FROM enterprise_officer WHERE officer_id = :officer)"
        conditions.add(answered_for, officer=int(officer[:9]))


_COLUMNS = (
    "e.id, e.credit_code, e.name, e.town, e.park, e.industry_code, e.established_on, e.is_above_scale,"
    " e.listing_board, e.listed_on, e.status, e.updated_at"
)


def _rung_order(*, is_kept: bool) -> str:
    """The SQL of the rung's order, by which a list is sorted."""
    return "e.rung_order" if is_kept else "coalesce(standing.rung_order, 0)"


async def search(
    session: AsyncSession, filters: Filters, on: date, library: Library, memory: Memory | None = None
) -> Found:
    """One page of the enterprises that the filters leave, with their rung and titles in force.

    Args:
        session: within the reader's scope.
        filters: what is asked for; a page past the last is the last.
        on: the day asked about.
        library: the rules.
        memory: where the count is kept while nothing changes that it rests on.
    """
    looked = await _look(session, filters, on, library)
    conditions = _where(filters, on, library, looked)

    async def rows_of(page: int, *, is_placed: bool = False) -> list[Mapping[str, Any]]:
        where, place = (
            " AND ".join(conditions.parts),
            {"limit": PAGE_SIZE + 1, "offset": 0 if is_placed else (page - 1) * PAGE_SIZE},
        )
        if is_placed and filters.after is not None:
            there, keys = beyond(
                filters.sort, filters.after, _place(filters.territory, on), _rung_order(is_kept=looked.is_kept),
                is_backwards=filters.is_backwards,
            )  # fmt: skip
            where, place = f"{where} AND {there}", place | keys
        order = _BACKWARDS if is_placed and filters.is_backwards else _ORDER
        values = conditions.values | place
        found = await _page(session, filters.sort, order, where, values, library, is_kept=looked.is_kept)
        return found[::-1] if order is _BACKWARDS else found

    page = max(1, filters.page)
    found = await rows_of(page, is_placed=filters.after is not None)
    # One row more than is shown says whether the list goes on; a page before another has it in front.
    goes_on = len(found) > PAGE_SIZE or filters.is_backwards
    rows = found[-PAGE_SIZE:] if filters.is_backwards else found[:PAGE_SIZE]
    is_counted = filters.after is None and not goes_on and (rows or page == 1)
    if is_counted:
        return Found(rows, (page - 1) * PAGE_SIZE + len(rows), page, PAGE_SIZE)
    total, is_more = await _total(session, filters, conditions, memory)
    if rows:
        return Found(rows, total, page, PAGE_SIZE, is_more=is_more, goes_on=goes_on)
    # What was before the place is gone, or what was behind it.
    last = 1 if filters.is_backwards else pages_of(total, PAGE_SIZE)
    found = await rows_of(last)
    return Found(found[:PAGE_SIZE], total, last, PAGE_SIZE, is_more=is_more, goes_on=len(found) > PAGE_SIZE)


async def _total(
    session: AsyncSession, filters: Filters, conditions: _Conditions, memory: Memory | None
) -> tuple[int, bool]:
    """How many there are; and whether there are even more, where they were not counted to the end."""
    most = MOST_COUNTED if conditions.is_dear and not filters.is_counted_out else None

    async def count() -> tuple[int, bool]:
        condition = " AND ".join(conditions.counted)
        counted = f"SELECT count(*) FROM enterprise e WHERE {condition}"
        if most is not None:
            counted = f"SELECT count(*) FROM (SELECT FROM enterprise e WHERE {condition} LIMIT {most + 1}) AS counted"
            if await _reaches(session, conditions, most):
                return most, True
        total = (await session.execute(text(counted), conditions.values)).scalar_one()
        return (most, True) if most is not None and total > most else (total, False)

    if memory is None:
        return await count()
    asked = replace(filters, sort="name", page=1, after=None, is_backwards=False)
    state = (await seen_by(session)).of(("enterprise", "recognition", "eligibility"))
    return await memory.recall(("enterprises", asked, conditions.on), state, count)


async def _reaches(session: AsyncSession, conditions: _Conditions, most: int) -> bool:
    """Whether those found first already are more than are counted: then nobody needs to find all."""
    if len(conditions.first) <= most:
        return False
    kept = [one for one in conditions.counted if _STANDING not in one]
    found = await session.scalar(
        text(f"SELECT count(*) FROM enterprise e WHERE {' AND '.join(kept)} AND e.id = ANY(:first)"),
        {**conditions.values, "first": list(conditions.first)},
    )
    return int(found or 0) > most


async def _page(
    session: AsyncSession, sort: Sort, orders: Mapping[str, str], condition: str, values: dict[str, Any], library: Library,
    *, is_kept: bool,
) -> list[Mapping[str, Any]]:  # fmt: skip
    rung, joined = _rung_order(is_kept=is_kept), ""
    order = orders[sort].format(rung=rung)
    if sort == "rung" and not is_kept:
        joined = f" LEFT JOIN {standing(library)} AS standing ON standing.enterprise_id = e.id"
    found = await session.execute(
        text(
            f"SELECT {_COLUMNS}, {_place(values['territory'], values['on'])} AS region_code,"
            f" {rung if sort == 'rung' else '0'} AS rung_order FROM enterprise e{joined} WHERE {condition} ORDER BY {order}"
            " LIMIT :limit OFFSET :offset"
        ),
        values,
    )
    rows = [dict(row) for row in found.mappings()]
    titles = await titles_in_force(session, [row["id"] for row in rows], values["on"], library)
    return [{**row, "titles": titles.get(row["id"], []), "rung": _rung(row, titles, values["on"])} for row in rows]


def _rung(row: Mapping[str, Any], titles: Mapping[int, list[Mapping[str, Any]]], on: date) -> str:
    if row["listing_board"] in LISTING_BOARDS and (row["listed_on"] is None or row["listed_on"] <= on):
        return "listed"
    held = titles.get(row["id"], [])
    return str(held[0]["rung"]) if held else ""


async def titles_in_force(
    session: AsyncSession, enterprise_ids: list[int], on: date, library: Library
) -> dict[int, list[Mapping[str, Any]]]:
    """The titles of some enterprises that count on a day, each programme once, the highest rung first."""
    found = await session.execute(
        text(
            "SELECT DISTINCT r.enterprise_id, r.programme, coalesce(ladder.rung, '') AS rung,"
            f" coalesce(ladder.rung_order, 0) AS rung_order FROM recognition r LEFT JOIN {rung_values(library)} USING (programme)"
            f" WHERE r.enterprise_id = ANY(:ids) AND {IN_FORCE} AND r.superseded_at IS NULL AND {current_edition(library)}"
            " ORDER BY rung_order DESC, r.programme"
        ),
        {"ids": enterprise_ids, "on": on},
    )
    titles: dict[int, list[Mapping[str, Any]]] = {}
    for row in found.mappings():
        titles.setdefault(row["enterprise_id"], []).append(dict(row))
    return titles


async def all_ids(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The ids of all enterprises that the filters leave."""
    conditions = _where(filters, on, library, await _look(session, filters, on, library))
    condition = " AND ".join(conditions.counted)
    found = await session.execute(
        text(f"SELECT e.id FROM enterprise e WHERE {condition} ORDER BY e.id"), conditions.values
    )
    return list(found.scalars())


async def ids_in_order(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The same in the order of the list, for an export that takes them portion by portion."""
    looked = await _look(session, filters, on, library)
    conditions = _where(filters, on, library, looked)
    condition = " AND ".join(conditions.counted)
    rung, joined = _rung_order(is_kept=looked.is_kept), ""
    if filters.sort == "rung" and not looked.is_kept:
        joined = f" LEFT JOIN {standing(library)} AS standing ON standing.enterprise_id = e.id"
    found = await session.execute(
        text(
            f"SELECT e.id, {_place(filters.territory, on)} AS region_code FROM enterprise e{joined} WHERE {condition}"
            f" ORDER BY {_ORDER[filters.sort].format(rung=rung)}"
        ),
        conditions.values,
    )
    return list(found.scalars())


async def all_found(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[Mapping[str, Any]]:
    """Every enterprise that the filters leave, for an export."""
    looked = await _look(session, filters, on, library)
    conditions = _where(filters, on, library, looked)
    condition, values = " AND ".join(conditions.counted), conditions.values | {"limit": 1_048_575, "offset": 0}
    return await _page(session, filters.sort, _ORDER, condition, values, library, is_kept=looked.is_kept)
