"""Which enterprises a list shows: its filters, and what is looked up for them before they become a condition (`where.py`).

What many rows are asked for is looked up first with the owner's rights, as ids: where they are few, the list is made of
them; where they are many, it is walked in its order, and each row is asked, or all who are meant are held in a hash.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.credit_code import normalise
from backend.enterprises.figure_order import FigureOrder
from backend.enterprises.paging import Sort
from backend.enterprises.past_traits import Otherwise, Past, past_of
from backend.enterprises.spelling import Meant, ways_to_read
from backend.plans.territory import Division, territory_of
from backend.recognitions.ladder import BY_ID, LISTING_BOARDS, programmes_on_ladder
from backend.recognitions.queries import is_standing_kept
from backend.web.memory import is_large
from rules.library import Library

#: What a list reads of each enterprise.
ROW = (
    "e.id, e.credit_code, e.name, e.town, e.park, e.industry_code, e.established_on, e.is_above_scale,"
    " e.listing_board, e.listed_on, e.status, e.updated_at"
)
#: So few are given to the database by name; more are looked for while a list is walked in its order.
FEW = 10_000
#: Of those who stand to a programme as asked so many are looked up: enough that as many as are counted fulfil the rest too.
_MANY = 25_000
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
    #: The moment whose knowledge answers; None is now.
    known_at: datetime | None = None


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
    #: The ids of those that stood on the rung on a day gone by, where they are few; None for many.
    on_rung: list[int] | None = None
    #: The ids of those that the officer answers for, where they are few; None for many.
    answered_for: list[int] | None = None
    #: Where they are many, the first of them, one more than a list is counted.
    first_standing: tuple[int, ...] = ()
    first_lacking: tuple[int, ...] = ()
    first_on_rung: tuple[int, ...] = ()
    #: Who was in a chain, an industry or a park on a past day, and is not now; and the other way round.
    past: Past = field(default_factory=dict[str, Otherwise])


async def look_up(session: AsyncSession, filters: Filters, on: date, library: Library) -> Looked:
    """What a list's filters need to know before they become a condition."""
    is_about_rungs = bool(filters.rung) or filters.sort == "rung"
    is_kept = is_about_rungs and await is_standing_kept(session, on, library)
    meant = await few_meant(session, filters)
    standing, first_standing = _few(await _some_standing(session, filters, on, library))
    lacking, first_lacking = _few(await _some_lacking(session, filters, library))
    on_rung, first_on_rung = _few(None if is_kept else await _some_on_rung(session, filters, on, library))
    answered_for, _ = _few(await _some_answered_for(session, filters))
    past = await past_of(
        session, on, industry=filters.industry, industry_begins=filters.industry_begins, chain=filters.chain,
        park=filters.park,
        regions=[] if filters.territory == Division.NOW else codes_then(filters.region, on),
    )  # fmt: skip
    return Looked(
        is_kept, meant, standing, lacking, on_rung, answered_for, first_standing, first_lacking, first_on_rung, past
    )


def codes_then(region: str, on: date) -> list[str]:
    """Whatever codes meant a district on a day, sorted; none where none is asked about."""
    return sorted({region, *territory_of(region, on).codes}) if region else []


def _few(ids: list[int] | None) -> tuple[list[int] | None, tuple[int, ...]]:
    """Few ids as such; of very many the first."""
    return (None, tuple(ids)) if ids is not None and len(ids) > FEW else (ids, ())


async def few_meant(session: AsyncSession, filters: Filters) -> list[int] | None:
    """The ids of those whom the words searched for mean; None for many, and where nothing was searched for."""
    words = words_of(filters.q)
    if not words:
        return None
    found = await _found_by_index(session, filters.within, words)
    for way in ways_to_read(tuple(word for word, _ in words)):
        spelt = await _found_by_reading(session, filters.within, way)
        found = sorted({*found, *spelt}) if found is not None and spelt is not None else None
    return found if found is not None and len(found) <= FEW else None


async def _found_by_index(session: AsyncSession, within: str, typed: Sequence[tuple[str, str]]) -> list[int] | None:
    """Whom all words mean; None for many."""
    patterns = {f"word_{number}": pattern(word) for number, (word, _) in enumerate(typed)}
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


def words_of(q: str) -> list[tuple[str, str]]:
    """The words of a search, all of which must be hit: each as names are kept, and as codes are."""
    return [(_narrow(word), normalise(word).lower()) for word in q.split()]


async def _some_standing(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int] | None:
    if not filters.programme or filters.outcome == "not_held":
        return None
    found = await session.execute(
        text(f"SELECT ARRAY(SELECT {_STANDING_SO})"),
        {**standing_values(filters, on, library), "most": _MANY},
    )
    ids: list[int] = found.scalar_one()
    return ids


async def _some_lacking(session: AsyncSession, filters: Filters, library: Library) -> list[int] | None:
    if not filters.missing:
        return None
    found = await session.execute(
        text(f"SELECT ARRAY(SELECT {_LACKING_SO})"), {**lacking_values(filters.missing, library), "most": FEW + 1}
    )
    ids: list[int] = found.scalar_one()
    return ids


async def _some_on_rung(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int] | None:
    if not filters.rung or filters.rung == "none":
        return None
    found = await session.execute(
        text(f"SELECT ARRAY(SELECT {_ON_RUNG_SO})"), {**rung_values(filters.rung, library), "on": on, "most": FEW + 1}
    )
    ids: list[int] = found.scalar_one()
    return ids


async def _some_answered_for(session: AsyncSession, filters: Filters) -> list[int] | None:
    if not is_officer(filters.officer):
        return None
    found = await session.execute(
        text("SELECT ARRAY(SELECT enterprise_id FROM enterprise_officer WHERE officer_id = :officer LIMIT :most)"),
        {"officer": int(filters.officer[:9]), "most": FEW + 1},
    )
    ids: list[int] = found.scalar_one()
    return ids


def _narrow(word: str) -> str:
    """As names are kept: Latin letters narrow and small, brackets wide."""
    folded = unicodedata.normalize("NFKC", word).lower()
    return folded.translate(str.maketrans("()", "（）"))


def pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


#: The ids of those that stood on a rung on a day gone by, at most so many.
_ON_RUNG_SO = "enterprises_on_rung(CAST(:rung_order AS smallint), :on, CAST(:ladder AS jsonb), :most)"


def rung_values(rung: str, library: Library) -> dict[str, Any]:
    return {
        "rung_order": 0 if rung == "none" else BY_ID[rung].order if rung in BY_ID else -1,
        "ladder": json.dumps({
            "programmes": {name: one.order for name, one in sorted(programmes_on_ladder(library).items())},
            "by_edition": [name for name, one in sorted(library.programmes.items()) if one.source.validity == "edition"],
            "boards": dict.fromkeys(LISTING_BOARDS, BY_ID["listed"].order),
        }),
    }  # fmt: skip


#: The ids of those that stand to a programme as asked, at most so many.
_STANDING_SO = "enterprises_standing(:programme, :outcome, :on, :by_edition, '', :most)"


def standing_values(filters: Filters, on: date, library: Library) -> dict[str, Any]:
    programme = library.by_name.get(filters.programme)
    by_edition = programme is not None and programme.source.validity == "edition"
    return {
        "programme": filters.programme, "outcome": filters.outcome or "held", "on": on, "by_edition": by_edition,
    }  # fmt: skip


#: The ids of those that lack a fact, as the workbench counts them, at most so many.
_LACKING_SO = "enterprises_lacking(:missing, CAST(:on_ladder AS text[]), :most)"


def lacking_values(indicator: str, library: Library) -> dict[str, Any]:
    return {"missing": indicator, "on_ladder": list(programmes_on_ladder(library))}


def is_officer(officer: str) -> bool:
    return officer.isascii() and officer.isdecimal()
