"""Whom to visit this week: each enterprise once, with all that is urgent about it, the most urgent first.

The reasons come from titles that end, from what was promised in the service files, from what the rules found lately,
and from the pool. Nothing is weighed in secret: `REASONS` is the order, and the page prints it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.cultivation.candidates import gaps
from backend.cultivation.service_file import due_items
from backend.cultivation.stages import ACTION_KINDS
from backend.cultivation.windows import Window, all_windows
from backend.database.session import reading_a_page
from backend.eligibility.queries import newly_eligible
from backend.enterprises.labels import Names
from backend.enterprises.officers import answered_for, responsible_for
from backend.recognitions.ladder import programmes_on_ladder
from backend.recognitions.worklists import Asked, first_titles
from backend.web.memory import Memory, Opening, Seen, Topic
from rules.library import Library

#: A title that ends within so many days and can be renewed is worth a visit.
RENEW_DAYS: Final = 90
#: A filing window that opens or closes within so many days is near.
WINDOW_DAYS: Final = 60
#: Whoever is cultivated is to be visited this often (days).
QUIET_DAYS: Final = 90
#: Who was visited so lately (days) rests, unless something promised is overdue.
RESTED_DAYS: Final = 14
#: Enterprises on the list; and looked at for each reason: more, since those that rest are among them, and where most of
#: them rest, many more.
MOST: Final = 30
LOOKED_AT: Final = 120
LOOKED_AT_MOST: Final = 500
#: A visit `v` that no later entry corrects.
_STANDS: Final = "NOT EXISTS (SELECT FROM service_visit c WHERE c.corrects_id = v.id)"


@dataclass(frozen=True)
class Kind:
    """Why an enterprise is to be visited: its name, its tone, and what it means."""

    label: str
    tone: str
    about: str


#: The reasons, the most urgent first.
REASONS: Final[Mapping[str, Kind]] = {
    "overdue": Kind("已过期未办", "bad", "服务档案里已过期的步骤、需求和问题"),
    "failing": Kind("复核有风险", "bad", "已进入接续窗口，而按现行数据不符合条件"),
    "renewing": Kind("应办接续", "open", f"{RENEW_DAYS} 天内到期，没有接续，也未进入推荐"),
    "ready": Kind("新近符合", "good", "新近符合条件而尚未认定；申报窗口将开或将闭的在前"),
    "quiet": Kind("久未走访", "idle", f"在库培育，{QUIET_DAYS} 天以上没有走访"),
}
_RANK: Final = {kind: place for place, kind in enumerate(REASONS)}


@dataclass(frozen=True)
class Reason:
    """One thing that makes a visit urgent."""

    kind: str
    words: str
    #: The last day for it, where there is one.
    by: date | None = None
    programme: str = ""
    #: What the rules find missing, in words.
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToVisit:
    """An enterprise to visit."""

    enterprise_id: int
    name: str
    credit_code: str | None
    region_code: str
    reasons: tuple[Reason, ...]
    officer: str = ""
    visited_on: date | None = None

    @property
    def urgency(self) -> tuple[int, date, date, int]:
        """What the list is ordered by: the most urgent reason, the nearest last day, who was not visited for longest."""
        rank, by = min((_RANK[one.kind], one.by or date.max) for one in self.reasons)
        return rank, by, self.visited_on or date.min, self.enterprise_id


@dataclass(frozen=True)
class Whose:
    """Whose enterprises: an officer's, a district's; of everybody the reader sees where neither is named."""

    officer: int | None = None
    region: str = ""


#: What is known of an enterprise, with one of its reasons.
Found = Sequence[tuple[Mapping[str, Any], Reason]]


@dataclass(frozen=True)
class _Look:
    """Where reasons are looked for."""

    library: Library
    whose: Whose
    #: Today.
    on: date
    #: Of each kind so many at most.
    limit: int = LOOKED_AT
    #: Of these enterprises only: of those that the officer answers for, where one is meant.
    among: tuple[int, ...] | None = None


class Lasting:
    """What rests on results and filing windows alone, kept until they change; of a large registry as it was minutes ago."""

    def __init__(self, memory: Memory, again: Opening, seen: Seen | None = None, share: int = 1) -> None:
        """As `Memory.lately` wants it."""
        self._memory, self._again, self._seen, self._share = memory, again, seen, share
        #: Since when what was found may be different by now; None where it is not, or nobody had to look.
        self.held_at: datetime | None = None

    async def ready(self, session: AsyncSession, look: _Look) -> Found:
        """Who met a title's rules lately."""

        async def work(session: AsyncSession) -> Found:
            return await _ready(session, look)

        key = ("visits", look.whose, look.among, look.on, look.limit, *await all_windows(session))
        found = await self._memory.lately(
            key, _RESTS_ON, work, session, self._again, seen=self._seen, share=self._share
        )
        self.held_at = found.held_at
        return found.value


#: What is kept in memory rests on these, beside the filing windows.
_RESTS_ON: Final[tuple[Topic, ...]] = ("enterprise", "recognition", "eligibility")


async def to_visit(
    session: AsyncSession, library: Library, whose: Whose, on: date, most: int = MOST, lasting: Lasting | None = None
) -> list[ToVisit]:
    """The enterprises to visit this week, the most urgent first.

    The kinds of reasons are looked through by urgency until there are enough enterprises. The rest of the reasons is asked
    of those alone.

    Args:
        session: within the reader's scope.
        library: the rules.
        whose: which enterprises are meant.
        on: today.
        most: so many are shown.
        lasting: where what changes seldom is kept.
    """
    own = await answered_for(session, whose.officer) if whose.officer is not None else None
    look = _Look(library, whose, on, among=own)
    found: list[tuple[Mapping[str, Any], Reason]] = []
    awake: list[ToVisit] = []
    kinds = list(REASONS)
    while kinds and len(awake) < most:
        kind = kinds.pop(0)
        for limit in (LOOKED_AT, LOOKED_AT_MOST):
            looked = await _of_kind(session, kind, replace(look, limit=limit), lasting)
            of_kind = await _standing(session, looked, on)
            awake = await _awake(session, [*found, *of_kind], on)
            if len(awake) >= most or len(looked) < limit:
                break
        found += of_kind
    among = [one.enterprise_id for one in awake[:most]]
    if among and kinds:
        named = tuple(among if own is None else {*among}.intersection(own))
        alone = replace(look, among=named, limit=len(among) * len(library.programmes))
        for kind in kinds:
            found += await _standing(session, await _of_kind(session, kind, alone), on)
        shown = [one for one in found if one[0]["enterprise_id"] in among]
        awake = await _awake(session, shown, on)
    officers = await responsible_for(session, among)
    return [replace(one, officer=officers.get(one.enterprise_id, "")) for one in awake[:most]]


async def _of_kind(session: AsyncSession, kind: str, look: _Look, lasting: Lasting | None = None) -> Found:
    """The first reasons of a kind."""
    if kind == "ready" and lasting is not None:
        return await lasting.ready(session, look)
    return await _FINDERS[kind](session, look)


async def _standing(session: AsyncSession, found: Found, on: date) -> Found:
    """Those of the reasons that stand: whoever was recommended for a title is applying, and need not be asked to renew it."""
    ending = [row["enterprise_id"] for row, reason in found if _is_to_renew(reason, on)]
    applying = await _recommended(session, ending) if ending else set[tuple[int, str]]()
    return [
        (row, reason)
        for row, reason in found
        if not (_is_to_renew(reason, on) and (row["enterprise_id"], reason.programme) in applying)
    ]


def _is_to_renew(reason: Reason, on: date) -> bool:
    return reason.kind in ("failing", "renewing") and on <= (reason.by or date.max) < on + timedelta(days=RENEW_DAYS)


async def _awake(session: AsyncSession, found: Found, on: date) -> list[ToVisit]:
    """Those who do not rest, the most urgent first."""
    gathered = _gathered(found)
    visits = await _last_visits(session, list(gathered))
    return sorted(
        (
            replace(one, visited_on=visits.get(number))
            for number, one in gathered.items()
            if not _is_resting(one, visits.get(number), on)
        ),
        key=lambda one: one.urgency,
    )


def _gathered(found: Iterable[tuple[Mapping[str, Any], Reason]]) -> dict[int, ToVisit]:
    """Each enterprise once, with its reasons; a title that fails is not named again for ending."""
    gathered: dict[int, ToVisit] = {}
    for row, reason in found:
        number = row["enterprise_id"]
        held = gathered.get(number) or ToVisit(number, row["name"], row["credit_code"], row["region_code"], ())
        if not any(one.programme and one.programme == reason.programme for one in held.reasons):
            held = replace(held, reasons=(*held.reasons, reason))
        gathered[number] = held
    return gathered


def _is_resting(one: ToVisit, visited_on: date | None, on: date) -> bool:
    is_promised = any(reason.kind == "overdue" for reason in one.reasons)
    return visited_on is not None and (on - visited_on).days < RESTED_DAYS and not is_promised


async def _overdue(session: AsyncSession, look: _Look) -> Found:
    """Steps, needs and problems whose day is over."""
    names = {"step": "步骤"} | ACTION_KINDS
    items = await due_items(session, look.on - timedelta(days=1), look.whose.officer, look.limit, look.whose.region)
    return [
        (item, Reason("overdue", f"{names.get(item['thing'], item['thing'])}：{item['words']}", item["due_on"]))
        for item in items
    ]


async def _failing(session: AsyncSession, look: _Look) -> Found:
    """Titles in their renewal windows that would fail today."""
    rows = await first_titles(session, _titles(look, "failing"), look.on, look.library, look.limit)
    return [(row, _of_title("failing", row, Names(look.library))) for row in rows]


async def _renewing(session: AsyncSession, look: _Look) -> Found:
    """Titles that end soon and can be renewed."""
    asked = replace(_titles(look, "expiring"), days=RENEW_DAYS)
    rows = await first_titles(session, asked, look.on, look.library, look.limit)
    return [(row, _of_title("renewing", row, Names(look.library))) for row in rows]


def _titles(look: _Look, view: str) -> Asked:
    return Asked(view, region=look.whose.region, among=look.among)


def _of_title(kind: str, row: Mapping[str, Any], names: Names) -> Reason:
    left = row["days_left"]
    ends = "已到期" if left < 0 else "今天到期" if left == 0 else f"还有 {left} 天到期"
    return Reason(kind, f"{names.programme(row['programme'])}{ends}", row["valid_to"], row["programme"])


async def _recommended(session: AsyncSession, enterprise_ids: Sequence[int]) -> set[tuple[int, str]]:
    found = await session.execute(
        text(
            "SELECT enterprise_id, programme FROM pool_entry WHERE stage = 'recommended' AND enterprise_id = ANY(:ids)"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {(row[0], row[1]) for row in found}


async def _ready(session: AsyncSession, look: _Look) -> Found:
    """Who met a title's rules lately and does not hold it."""
    names, on = Names(look.library), look.on
    near = _near_windows(await all_windows(session), on)
    programmes = list(programmes_on_ladder(look.library))
    rows = await newly_eligible(session, programmes, look.limit, look.whose.region, look.among)
    return [
        (
            {**row, "enterprise_id": row["id"]},
            Reason("ready", f"符合{names.programme(programme)}条件{_window_words(near.get(programme), on)}",
                   near[programme].closes_on if programme in near else None, programme),
        )
        for row in rows
        for programme in row["programmes"]
    ]  # fmt: skip


def _near_windows(windows: Iterable[Window], on: date) -> dict[str, Window]:
    """By programme the window that closes next, of those that are open or open soon."""
    soon = on + timedelta(days=WINDOW_DAYS)
    near = [one for one in windows if one.closes_on >= on and (one.opens_on or on) <= soon and one.closes_on <= soon]
    return {one.programme: one for one in sorted(near, key=lambda one: one.closes_on, reverse=True)}


def _window_words(window: Window | None, on: date) -> str:
    if window is None:
        return ""
    return "，申报窗口已开" if window.is_open(on) else f"，申报窗口 {window.opens_on} 开"


async def _quiet(session: AsyncSession, look: _Look) -> Found:
    """Who has been cultivated for long and was not visited meanwhile."""
    since = look.on - timedelta(days=QUIET_DAYS)
    values: dict[str, Any] = {
        "year": look.on.year, "since": since, "moment": datetime.combine(since, time.min, CHINA), "limit": look.limit,
    }  # fmt: skip
    narrowed = ""
    if look.whose.region:
        narrowed, values["region"] = " AND p.region_code = :region", look.whose.region
    if look.among is not None:
        narrowed, values["among"] = f"{narrowed} AND p.enterprise_id = ANY(:among)", list(look.among)
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "SELECT p.enterprise_id, p.programme, e.name, e.credit_code, e.region_code FROM ("
                "SELECT * FROM pool_listed p WHERE p.year = :year AND p.stage = 'cultivated' AND p.is_active"
                # OFFSET keeps it a look-up for each, in the order of the list, until there are enough.
                " AND p.moved_at < :moment AND NOT EXISTS (SELECT FROM service_visit v"
                f" WHERE v.enterprise_id = p.enterprise_id AND v.visited_on >= :since AND {_STANDS} OFFSET 0)"
                f"{narrowed} ORDER BY p.moved_at, p.entry_id LIMIT :limit) AS p"
                " JOIN enterprise e ON e.id = p.enterprise_id ORDER BY p.moved_at, p.entry_id"
            ),
            values,
        )
    names = Names(look.library)
    return [(dict(row), Reason("quiet", f"{names.programme(row['programme'])}培育对象")) for row in found.mappings()]


_FINDERS: Final[Mapping[str, Callable[[AsyncSession, _Look], Awaitable[Found]]]] = {
    "overdue": _overdue, "failing": _failing, "renewing": _renewing, "ready": _ready, "quiet": _quiet,
}  # fmt: skip


async def _last_visits(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, date]:
    found = await session.execute(
        text(
            "SELECT v.enterprise_id, max(v.visited_on) FROM service_visit v WHERE v.enterprise_id = ANY(:ids)"
            f" AND {_STANDS} GROUP BY v.enterprise_id"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {row[0]: row[1] for row in found}


async def with_gaps(session: AsyncSession, library: Library, shown: Sequence[ToVisit], on: date) -> list[ToVisit]:
    """The same, where what would fail says what it lacks and by how much."""
    failing: dict[str, list[int]] = defaultdict(list)
    for one in shown:
        for reason in one.reasons:
            if reason.kind == "failing":
                failing[reason.programme].append(one.enterprise_id)
    lacks = {
        (number, programme): tuple(words)
        for programme, numbers in failing.items()
        for number, words in (await gaps(session, library, programme, numbers, on)).items()
    }
    return [
        replace(
            one,
            reasons=tuple(
                replace(reason, lacks=lacks.get((one.enterprise_id, reason.programme), ()))
                if reason.kind == "failing"
                else reason
                for reason in one.reasons
            ),
        )
        for one in shown
    ]
