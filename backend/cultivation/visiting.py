"""Whom to visit this week: each enterprise once, with all that is urgent about it, the most urgent first.

The reasons come from titles that end, from what was promised in the service files, from what the rules found lately,
and from the pool. Nothing is weighed in secret: `REASONS` is the order, and the page prints it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from backend.enterprises.officers import answers_for, responsible_for
from backend.recognitions.ladder import programmes_on_ladder
from backend.recognitions.worklists import Asked, first_titles
from backend.web.memory import Lately, Memory, Opening, Seen, Topic
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


#: What the reasons that are kept rest on, beside the filing windows.
_RESTS_ON: Final[tuple[Topic, ...]] = ("enterprise", "recognition", "eligibility")


async def reasons_lately(
    session: AsyncSession, memory: Memory, library: Library, whose: Whose, on: date, again: Opening,
    *, seen: Seen | None = None, share: int = 1,
) -> Lately[Found]:  # fmt: skip
    """The reasons out of the registry, kept until something changes; of a large registry as they held some minutes ago.

    Args:
        session: within the reader's scope.
        memory: where they are kept.
        library: the rules.
        whose: which enterprises are meant.
        on: today.
        again: as `Memory.lately` wants it, and so are the others.
    """

    async def work(session: AsyncSession) -> Found:
        return await registry_reasons(session, library, whose, on)

    key = ("visits", whose, on, *await all_windows(session))
    return await memory.lately(key, _RESTS_ON, work, session, again, seen=seen, share=share)


async def registry_reasons(
    session: AsyncSession, library: Library, whose: Whose, on: date, limit: int = LOOKED_AT
) -> Found:
    """The reasons that rest on titles, rules, enterprises and filing windows alone; of each kind the first so many."""
    return [*await _ending(session, library, whose, on, limit), *await _ready(session, library, whose, on, limit)]


async def to_visit(
    session: AsyncSession, library: Library, whose: Whose, on: date, most: int = MOST, registry: Found | None = None
) -> list[ToVisit]:
    """The enterprises to visit this week, the most urgent first.

    Args:
        session: within the reader's scope.
        library: the rules.
        whose: which enterprises are meant.
        on: today.
        most: so many are shown.
        registry: what `registry_reasons` said, where it is known already.
    """
    known = registry if registry is not None else await registry_reasons(session, library, whose, on)
    found = await _reasons(session, library, whose, on, known, LOOKED_AT)
    urgent = await _awake(session, found, on)
    if len(urgent) < most and max(Counter(reason.kind for _, reason in found).values(), default=0) >= LOOKED_AT:
        known = await registry_reasons(session, library, whose, on, LOOKED_AT_MOST)
        urgent = await _awake(session, await _reasons(session, library, whose, on, known, LOOKED_AT_MOST), on)
    officers = await responsible_for(session, [one.enterprise_id for one in urgent[:most]])
    return [replace(one, officer=officers.get(one.enterprise_id, "")) for one in urgent[:most]]


async def _reasons(
    session: AsyncSession, library: Library, whose: Whose, on: date, registry: Found, limit: int
) -> Found:
    """All reasons, of each kind the first so many; whoever was recommended is applying."""
    renewing = [row["enterprise_id"] for row, reason in registry if reason.kind == "renewing"]
    applying = await _recommended(session, renewing)
    standing = [one for one in registry if (one[0]["enterprise_id"], one[1].programme) not in applying]
    return [
        *await _overdue(session, whose, on, limit), *standing, *await _quiet(session, library, whose, on, limit)
    ]  # fmt: skip


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


async def _overdue(session: AsyncSession, whose: Whose, on: date, limit: int) -> Found:
    """Steps, needs and problems whose day is over."""
    names = {"step": "步骤"} | ACTION_KINDS
    items = await due_items(session, on - timedelta(days=1), whose.officer, limit, whose.region)
    return [
        (item, Reason("overdue", f"{names.get(item['thing'], item['thing'])}：{item['words']}", item["due_on"]))
        for item in items
    ]


async def _ending(session: AsyncSession, library: Library, whose: Whose, on: date, limit: int) -> Found:
    """Titles in their renewal windows: those that would fail today, then those that end soon and can be renewed."""
    names = Names(library)
    asked = Asked(region=whose.region, officer=whose.officer)
    failing = await first_titles(session, replace(asked, view="failing"), on, library, limit)
    ending = await first_titles(session, replace(asked, view="expiring", days=RENEW_DAYS), on, library, limit)
    return [(row, _of_title("failing", row, names)) for row in failing] + [
        (row, _of_title("renewing", row, names)) for row in ending
    ]


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


async def _ready(session: AsyncSession, library: Library, whose: Whose, on: date, limit: int) -> Found:
    """Who met a title's rules lately and does not hold it."""
    names, near = Names(library), _near_windows(await all_windows(session), on)
    rows = await newly_eligible(session, list(programmes_on_ladder(library)), limit, whose.region, whose.officer)
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


async def _quiet(session: AsyncSession, library: Library, whose: Whose, on: date, limit: int) -> Found:
    """Who has been cultivated for long and was not visited meanwhile."""
    since = on - timedelta(days=QUIET_DAYS)
    narrowed = " AND p.region_code = :region" if whose.region else ""
    narrowed += f" AND {answers_for('p.enterprise_id')}" if whose.officer is not None else ""
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
            {
                "year": on.year,
                "since": since,
                "moment": datetime.combine(since, time.min, CHINA),
                "limit": limit,
                "region": whose.region,
                "officer": whose.officer,
            },
        )
    names = Names(library)
    return [(dict(row), Reason("quiet", f"{names.programme(row['programme'])}培育对象")) for row in found.mappings()]


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
