"""Finding enterprises: by fragment of a name, former name, code or pinyin initials, and by filters that combine.

The page, the export and the count are made of one WHERE clause, so that a list is as long as its count says. A count
looks at very many rows where a page looks at fifty, so it is worked out once for each state of the registry.
"""

import unicodedata
from collections.abc import Mapping, Sequence
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
from backend.recognitions.ladder import BY_ID, LISTING_BOARDS, programmes_on_ladder
from backend.recognitions.queries import IN_FORCE, current_edition, is_standing_kept, rung_values, standing
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, seen_by
from rules.library import Library

PAGE_SIZE = 50
#: So few are given to the database by name; more are looked up while a list is walked in its order.
FEW = 2_000
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


class _Conditions:
    """The WHERE clause of a list with its parameters, condition by condition."""

    def __init__(self, on: date, library: Library, *, is_kept: bool) -> None:
        self.on = on
        self.library = library
        self.is_kept = is_kept
        # An undone import's newcomers and files that are part of another's stay, but nobody is looking for them.
        self.parts: list[str] = ["e.status NOT IN ('withdrawn', 'merged')"]
        self.values: dict[str, Any] = {"on": on, "known_at": None}

    def add(self, condition: str, **values: Any) -> None:
        self.parts.append(condition)
        self.values |= values


@dataclass(frozen=True)
class _Looked:
    """What was looked up for a list before its rows are read."""

    #: Whether the enterprises' rows say on which rung they stand on the day.
    is_kept: bool
    #: The ids that the words meant; None where nothing was searched for.
    meant: list[int] | None
    #: The ids of those that stand to the programme as asked, where they are few; None for many.
    standing: list[int] | None = None


async def _look(session: AsyncSession, filters: Filters, on: date, library: Library) -> _Looked:
    is_about_rungs = bool(filters.rung) or filters.sort == "rung"
    is_kept = is_about_rungs and await is_standing_kept(session, on, library)
    return _Looked(
        is_kept, await _meant(session, filters.q.split()), await _few_standing(session, filters, on, library)
    )


async def _meant(session: AsyncSession, words: Sequence[str]) -> list[int] | None:
    if not words:
        return None
    # Several words must all be hit; the code may be typed with spaces and in any width. One array carries them all,
    # since a common word means very many.
    found = await session.execute(
        text("SELECT ARRAY(SELECT find_enterprises(CAST(:patterns AS text[]), CAST(:codes AS text[])))"),
        {"patterns": [f"%{_escape(_narrow(word))}%" for word in words], "codes": [normalise(word) for word in words]},
    )
    return found.scalar_one()


async def _few_standing(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int] | None:
    if not filters.programme or filters.outcome == "not_held":
        return None
    found = await session.execute(
        text(f"SELECT CASE WHEN count(*) <= :few THEN array_agg(id) END FROM {_STANDING} AS id"),
        {**_standing_values(filters, on, library), "few": FEW},
    )
    return found.scalar_one()


def _where(filters: Filters, on: date, library: Library, looked: _Looked) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of a list and its parameters."""
    conditions = _Conditions(on, library, is_kept=looked.is_kept)
    if looked.meant is not None:
        conditions.add("e.id = ANY(:meant)", meant=looked.meant)
    elif not filters.ids:
        # Whoever ended is found by name, and stands in no list from that day on.
        conditions.add(lives())
    if filters.ids:
        conditions.add("e.id = ANY(:ids)", ids=list(filters.ids))
    if filters.within:
        conditions.add("e.region_code = :within", within=filters.within)
    if filters.region:
        conditions.add(f"{region_on(on)} = :region", region=filters.region)
    if filters.park:
        conditions.add("e.park = :park", park=filters.park)
    if filters.industry:
        conditions.add("left(e.industry_code, 2) = ANY(:industry)", industry=list(filters.industry))
    if filters.chain:
        chained = "e.id IN (SELECT enterprise_id FROM enterprise_chain WHERE chain = :chain)"
        conditions.add(chained, chain=filters.chain)
    if filters.rung:
        _by_rung(filters.rung, conditions)
    if filters.programme:
        _by_outcome(filters, looked, conditions)
    if filters.missing:
        _by_missing(filters.missing, conditions)
    if filters.officer:
        _by_officer(filters.officer, conditions)
    return " AND ".join(conditions.parts), conditions.values


def _narrow(word: str) -> str:
    """As names are kept: Latin letters narrow and small, brackets wide."""
    folded = unicodedata.normalize("NFKC", word).lower()
    return folded.translate(str.maketrans("()", "（）"))


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


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


#: The ids of those that stand to a programme as asked; of all the city, for the list itself says who may see whom.
_STANDING = "enterprises_standing(:programme, :outcome, :on, :by_edition)"


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
    # Not pulled up into a join by the planner, the many are looked up in a hash while the list is walked in its order.
    answer = "FALSE" if filters.outcome == "not_held" else "TRUE"
    conditions.add(
        f"(e.id IN (SELECT {_STANDING})) IS {answer}", **_standing_values(filters, conditions.on, conditions.library)
    )


def _by_missing(indicator: str, conditions: _Conditions) -> None:
    """Whom the workbench counts under a fact that is missing most."""
    conditions.add(
        f"e.id IN (SELECT enterprise_id FROM eligibility WHERE {NEARLY_SETTLED} AND programme = ANY(:on_ladder)"
        " AND EXISTS (SELECT FROM unnest(missing) AS fact WHERE split_part(fact, '[', 1) = :missing))",
        on_ladder=list(programmes_on_ladder(conditions.library)),
        missing=indicator,
    )


def _by_officer(officer: str, conditions: _Conditions) -> None:
    if officer == "none":
        conditions.add("NOT EXISTS (SELECT FROM enterprise_officer a WHERE a.enterprise_id = e.id)")
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
    condition, values = _where(filters, on, library, looked)

    async def rows_of(page: int, *, is_placed: bool = False) -> list[Mapping[str, Any]]:
        where, place = condition, {"limit": PAGE_SIZE, "offset": 0 if is_placed else (page - 1) * PAGE_SIZE}
        if is_placed and filters.after is not None:
            there, keys = beyond(
                filters.sort, filters.after, region_on(on), _rung_order(is_kept=looked.is_kept),
                is_backwards=filters.is_backwards,
            )  # fmt: skip
            where, place = f"{where} AND {there}", place | keys
        order = _BACKWARDS if is_placed and filters.is_backwards else _ORDER
        found = await _page(session, filters.sort, order, where, values | place, library, is_kept=looked.is_kept)
        return found[::-1] if order is _BACKWARDS else found

    page = max(1, filters.page)
    rows = await rows_of(page, is_placed=filters.after is not None)
    is_counted = filters.after is None and (0 < len(rows) < PAGE_SIZE or (not rows and page == 1))
    if is_counted:
        return Found(rows, (page - 1) * PAGE_SIZE + len(rows), page, PAGE_SIZE)
    total = await _total(session, filters, condition, values, memory)
    if rows:
        return Found(rows, total, page, PAGE_SIZE)
    # What was before the place is gone, or what was behind it.
    last = 1 if filters.is_backwards else pages_of(total, PAGE_SIZE)
    return Found(await rows_of(last), total, last, PAGE_SIZE)


async def _total(
    session: AsyncSession, filters: Filters, condition: str, values: dict[str, Any], memory: Memory | None
) -> int:
    async def count() -> int:
        return (
            await session.execute(text(f"SELECT count(*) FROM enterprise e WHERE {condition}"), values)
        ).scalar_one()

    if memory is None:
        return await count()
    asked = replace(filters, sort="name", page=1, after=None, is_backwards=False)
    state = (await seen_by(session)).of(("enterprise", "recognition", "eligibility"))
    return await memory.recall(("enterprises", asked, values["on"]), state, count)


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
            f"SELECT {_COLUMNS}, {region_on(values['on'])} AS region_code,"
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
    condition, values = _where(filters, on, library, await _look(session, filters, on, library))
    found = await session.execute(text(f"SELECT e.id FROM enterprise e WHERE {condition} ORDER BY e.id"), values)
    return list(found.scalars())


async def all_found(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[Mapping[str, Any]]:
    """Every enterprise that the filters leave, for an export."""
    looked = await _look(session, filters, on, library)
    condition, values = _where(filters, on, library, looked)
    values |= {"limit": 1_048_575, "offset": 0}
    return await _page(session, filters.sort, _ORDER, condition, values, library, is_kept=looked.is_kept)
