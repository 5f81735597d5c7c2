"""Work lists of titles: what ends soon, what would fail its review, what lapsed although it need not have.

A list and its count are made of one WHERE clause. Titles are looked through in an index in the order of the list, which
says all that is asked of them; they themselves, and the enterprises' names, are looked up for the page that is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import reading_a_page
from backend.enterprises.lineage import lived
from backend.enterprises.places import was_in_region
from backend.enterprises.queries import region_on
from backend.recognitions.queries import HELD_FIELDS, IN_FORCE, current_edition, edition_programmes
from backend.recognitions.renewal import RenewalWindow, due_on, renewal_windows
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, is_large, seen_by
from rules.library import Library

SOON_DAYS = 180
#: In place of a number of days: each programme's own renewal window.
BY_WINDOW = 0
#: The choices of how far to look ahead.
DAYS_AHEAD = (BY_WINDOW, 30, 60, 90, SOON_DAYS, 365)
TITLES_A_PAGE = 50
#: How far a list is counted, unless somebody asks for more: each title is held against the enterprise's others.
MOST_COUNTED = 10_000

_BY_LAST_DAY = "r.valid_to, r.enterprise_id, r.id"


class Knowledge:
    """The SQL of what was known when: of what is known now, which indexes are for, or of what was known `:known_at`."""

    def __init__(self, library: Library, *, is_past: bool = False) -> None:
        self._library = library
        self._is_past = is_past

    def of(self, title: str = "r") -> str:
        """Whether a row of titles is the one that held."""
        if not self._is_past:
            return f"{title}.superseded_at IS NULL"
        moment = "CAST(:known_at AS timestamptz)"
        return (
            f"({title}.recorded_at <= {moment} AND ({title}.superseded_at IS NULL OR {title}.superseded_at > {moment}))"
        )

    @property
    def of_one_that_lives(self) -> str:
        """Whoever ended has nothing to renew."""
        if self._is_past:
            return lived("r.enterprise_id")
        return "r.enterprise_id NOT IN (SELECT id FROM enterprise WHERE ended_on IS NOT NULL AND ended_on <= :on)"

    @property
    def is_not_continued(self) -> str:
        """No other title of the programme counts on the day after the last."""
        return (
            f"NOT EXISTS (SELECT FROM recognition o {_OF_THE_SAME} AND {self.of('o')}"
            " AND o.valid_from <= r.valid_to + 1 AND (o.valid_to IS NULL OR o.valid_to > r.valid_to) AND o.revoked_on IS NULL)"
        )

    @property
    def is_the_last(self) -> str:
        """Nothing of the programme was granted after it, and nothing outlasts it."""
        return (
            f"NOT EXISTS (SELECT FROM recognition o {_OF_THE_SAME} AND {self.of('o')}"
            " AND (o.valid_from > r.valid_from OR coalesce(o.valid_to, 'infinity') > r.valid_to))"
        )

    @property
    def in_force(self) -> str:
        """Whether it counts on day `:on`."""
        latest = current_edition(self._library, ":known_at" if self._is_past else "NULL")
        return f"{IN_FORCE} AND {self.of()} AND {latest} AND {self.of_one_that_lives}"

    @property
    def is_listed(self) -> str:
        """Titles by edition, in words that an index in the order of the lists is used for.

        Nearly all that name an edition are of these programmes. PostgreSQL would take each of both for a rare thing.
        """
        programmes = edition_programmes(self._library)
        return f"r.edition IS NOT NULL AND array_position({programmes}, CAST(r.programme AS text)) IS NOT NULL"


#: No title outlasts itself, nor begins after itself: an index that knows no ids says which others there are.
_OF_THE_SAME = "WHERE o.enterprise_id = r.enterprise_id AND o.programme = r.programme"


@dataclass(frozen=True)
class View:
    """A way of looking at titles: its name, what it shows, its condition and order."""

    label: str
    about: str
    condition: Callable[[Knowledge], str]
    order: str = _BY_LAST_DAY
    #: Whether it asks what the rules say today.
    asks_outcome: bool = False
    #: Whether it looks some days ahead. What is granted anew each calendar year ends for everybody on the same day and
    #: is then shown only where it is asked for by name.
    looks_ahead: bool = False
    #: How far it looks ahead where nobody says.
    days: int = SOON_DAYS


def _in_force(known: Knowledge) -> str:
    return known.in_force


def _ends_soon(known: Knowledge) -> str:
    # The first comparison is in IN_FORCE too; without the OR there it bounds the look through the index.
    ends = "r.valid_to >= :on AND r.valid_to < CAST(:on AS date) + CAST(:days AS integer)"
    return f"{ends} AND {known.in_force} AND {known.is_not_continued}"


def _due(condition: str, known: Knowledge) -> str:
    """Titles in their renewal windows that nothing goes on after; those evaluated each year may have ended just now."""
    stands = f"{known.of()} AND (r.revoked_on IS NULL OR r.revoked_on > :on)"
    return f"{condition} AND {stands} AND {known.of_one_that_lives} AND {known.is_the_last}"


def _named_on_latest(known: Knowledge) -> str:
    return f"{known.is_listed} AND {known.in_force}"


def _ever_named(known: Knowledge) -> str:
    return f"{known.is_listed} AND {known.of()} AND r.valid_from <= :on"


def _fails(condition: str) -> str:
    return f"{condition} AND x.outcome = 'ineligible'"


def _lapsed_though_eligible(known: Knowledge) -> str:
    return (
        f"r.valid_to < :on AND r.valid_to > CAST(:on AS date) - 730 AND {known.of()} AND r.revoked_on IS NULL"
        f" AND (x.outcome = 'eligible' OR x.is_likely) AND {known.is_the_last}"
    )


def _revoked(known: Knowledge) -> str:
    return f"{known.of()} AND r.revoked_on <= :on"


VIEWS: Mapping[str, View] = {
    "expiring": View("即将到期", "有效、期内到期且没有接续的认定，先到期的在前。", _ends_soon, looks_ahead=True),
    "due": View(
        "应办接续", "已进入各项目的重新认定、复核或再评价窗口、还没有接续的认定，先到期的在前。", _ends_soon, looks_ahead=True,
        days=BY_WINDOW,
    ),
    "failing": View(
        "到期复核有风险", "应办接续，而按现行数据测评不符合条件的（复核的按复核条件）：最值得马上上门。", _ends_soon,
        asks_outcome=True, looks_ahead=True, days=BY_WINDOW,
    ),
    "in_force": View(
        "有效", "这一天有效的认定，没有到期日和最晚到期的在前。", _in_force, order="r.valid_to DESC, r.enterprise_id DESC, r.id DESC"
    ),
    "lapsed": View(
        "已失效但仍符合", "近两年到期、没有续上，而按现行数据仍符合或基本符合的。", _lapsed_though_eligible, asks_outcome=True
    ),
    "revoked": View("已取消", "被取消资格的认定，最近取消的在前。", _revoked, order="r.revoked_on DESC, r.id DESC"),
    "latest_list": View(
        "最新一期名单", "按期公布名单的项目（瞪羚、独角兽等）：列入最新一期的。口径 current_list。", _named_on_latest,
        order="r.edition DESC, r.enterprise_id, r.id",
    ),
    "ever_listed": View(
        "历年名单", "按期公布名单的项目：列入过任何一期的，同一企业每期一行。口径 ever。", _ever_named,
        order="r.edition DESC, r.enterprise_id, r.id",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a list of titles is narrowed by; empty narrows nothing."""

    view: str = "expiring"
    programme: str = ""
    region: str = ""
    #: How far to look ahead, where the view does; None for the view's own way.
    days: int | None = None
    #: The district of whoever asks. Row-level security shows no other anyway; said here, an index can be used for it.
    within: str = ""
    page: int = 1
    #: However long it takes, the list is counted to its end.
    is_counted_out: bool = False
    #: Titles of these enterprises only.
    among: tuple[int, ...] | None = None
    #: The moment whose knowledge answers; None is now.
    known_at: datetime | None = None

    @property
    def ahead(self) -> int:
        """How many days are looked ahead, or `BY_WINDOW`."""
        return VIEWS[self.view].days if self.days is None else self.days


async def list_titles(
    session: AsyncSession,
    asked: Asked,
    on: date,
    library: Library,
    memory: Memory | None = None,
    limit: int | None = None,
    *,
    is_counted_later: bool = False,
) -> Found:
    """One page of the titles that a view shows, with their enterprise and what the rules say of it today.

    Args:
        session: within the reader's scope.
        asked: what is shown; a page past the last is the last.
        on: the day asked about.
        library: the rules.
        memory: where the count is kept while nothing changes that it rests on.
        limit: titles a page, `TITLES_A_PAGE` where it is not given.
        is_counted_later: in a large registry the count is left out where nobody remembers it (`Found.is_uncounted`).
    """
    most = limit or TITLES_A_PAGE
    windows = await renewal_windows(session, library)
    source, values = _source(asked, on, library, windows)
    page = max(1, asked.page)

    async def rows_of(wanted: int) -> list[dict[str, Any]]:
        # One more than is shown says whether the list goes on.
        return await _rows(session, asked.view, source, values | {"limit": most + 1, "offset": (wanted - 1) * most})

    found = await rows_of(page)
    rows, goes_on = found[:most], len(found) > most
    if not goes_on and (rows or page == 1):
        return Found(rows, (page - 1) * most + len(rows), page, most)
    state = (await seen_by(session)).of(("enterprise", "recognition", "eligibility"))
    rests_on = tuple(sorted((name, one.begins, one.days) for name, one in windows.items()))
    key = ("titles", replace(asked, page=1), on, rests_on)
    if rows and is_counted_later and memory and not asked.is_counted_out and not memory.knows(key, state):
        if await is_large(session):
            return Found(rows, page * most, page, most, is_more=True, goes_on=True, is_uncounted=True)
    total, is_more = await (memory or Memory()).recall(key, state, lambda: _count(session, asked, source, values))
    if rows:
        return Found(rows, total, page, most, is_more=is_more, goes_on=goes_on)
    last = pages_of(total, most)
    return Found((await rows_of(last))[:most], total, last, most)


async def first_titles(
    session: AsyncSession, asked: Asked, on: date, library: Library, limit: int
) -> list[dict[str, Any]]:
    """The first titles of a view, uncounted: what `list_titles` shows of each."""
    source, values = _source(asked, on, library, await renewal_windows(session, library))
    return await _rows(session, asked.view, source, values | {"limit": limit, "offset": 0})


async def _count(session: AsyncSession, asked: Asked, source: str, values: Mapping[str, Any]) -> tuple[int, bool]:
    """How many titles there are; and whether there are even more, where they were not counted to the end."""
    if asked.is_counted_out:
        return (await session.execute(text(f"SELECT count(*) {source}"), values)).scalar_one(), False
    counted = f"SELECT count(*) FROM (SELECT {source} LIMIT {MOST_COUNTED + 1}) AS counted"
    total = (await session.execute(text(counted), values)).scalar_one()
    return (MOST_COUNTED, True) if total > MOST_COUNTED else (total, False)


def _source(
    asked: Asked, on: date, library: Library, windows: Mapping[str, RenewalWindow]
) -> tuple[str, dict[str, Any]]:
    """FROM and WHERE of a list, with the parameters."""
    view = VIEWS[asked.view]
    known = Knowledge(library, is_past=asked.known_at is not None)
    condition = view.condition(known)
    values: dict[str, Any] = {"on": on, "days": asked.ahead}
    if asked.known_at is not None:
        values["known_at"] = asked.known_at
    if view.looks_ahead and asked.ahead == BY_WINDOW:
        each_year = programmes_each_year(library)
        meant = (asked.programme,) if asked.programme else [name for name in windows if name not in each_year]
        due = due_on([one for name, one in windows.items() if name in meant], on)
        condition = _due(due.sql, known)
        values |= due.values
    if asked.view == "failing":
        condition = _fails(condition)
    outcome = " JOIN eligibility x ON x.enterprise_id = r.enterprise_id AND x.programme = r.programme"
    source = f"FROM recognition r{outcome if view.asks_outcome else ''} WHERE {condition}"
    if asked.programme:
        source += " AND r.programme = :programme"
        values["programme"] = asked.programme
    elif view.looks_ahead:
        source += " AND NOT r.programme = ANY(:each_year)"
        values["each_year"] = programmes_each_year(library)
    of_enterprise = "r.enterprise_id IN (SELECT e.id FROM enterprise e WHERE {} = :{})"
    then = of_enterprise.format(region_on(on), "region") if asked.known_at is None else was_in_region("r.enterprise_id")
    within = of_enterprise.format("e.region_code", "within")
    for name, region, place in (("region", asked.region, then), ("within", asked.within, within)):
        if region:
            source += f" AND {place}"
            values[name] = region
    if asked.among is not None:
        source += " AND r.enterprise_id = ANY(:among)"
        values["among"] = list(asked.among)
    return source, values


async def _rows(session: AsyncSession, view: str, source: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    order = VIEWS[view].order
    async with reading_a_page(session):
        found = await session.execute(
            text(
                f"SELECT {HELD_FIELDS}, r.valid_to - CAST(:on AS date) AS days_left, e.name, e.credit_code,"
                f" {region_on(values['on'], values.get('known_at'))} AS region_code, x.outcome, x.is_likely, x.failed"
                # Which they are the index says; the titles themselves are read for those shown only.
                f" FROM (SELECT r.id {source} ORDER BY {order} LIMIT :limit OFFSET :offset) AS shown"
                " JOIN recognition r ON r.id = shown.id JOIN enterprise e ON e.id = r.enterprise_id"
                f" LEFT JOIN eligibility x ON x.enterprise_id = r.enterprise_id AND x.programme = r.programme ORDER BY {order}"
            ),
            values,
        )
    return [dict(row) for row in found.mappings()]


async def title_ids(session: AsyncSession, asked: Asked, on: date, library: Library) -> list[int]:
    """The ids of all titles that a view shows, in its order."""
    source, values = _source(asked, on, library, await renewal_windows(session, library))
    found = await session.execute(text(f"SELECT r.id {source} ORDER BY {VIEWS[asked.view].order}"), values)
    return list(found.scalars())


async def titles_by_id(
    session: AsyncSession, ids: Sequence[int], on: date, known_at: datetime | None = None
) -> list[dict[str, Any]]:
    """Some titles in the order of their ids given, with their enterprise and what the rules say of it today.

    `on` is the day of which the enterprises' regions are told, `known_at` the moment as known at which; None is now.
    """
    asked = {"on": on} if on < today() or known_at is not None else {}
    asked |= {"known_at": known_at} if known_at is not None else {}
    found = await session.execute(
        text(
            f"SELECT {HELD_FIELDS}, e.name, e.credit_code, {region_on(on, known_at)} AS region_code, x.outcome, x.is_likely FROM recognition r"
            " JOIN enterprise e ON e.id = r.enterprise_id LEFT JOIN eligibility x ON x.enterprise_id = r.enterprise_id"
            " AND x.programme = r.programme WHERE r.id = ANY(CAST(:ids AS bigint[]))"
            " ORDER BY array_position(CAST(:ids AS bigint[]), r.id)"
        ),
        {"ids": list(ids)} | asked,
    )
    return [dict(row) for row in found.mappings()]


def programmes_each_year(library: Library) -> list[str]:
    """The programmes whose titles last for a calendar year."""
    return [name for name, one in library.programmes.items() if one.source.validity == "calendar year"]
