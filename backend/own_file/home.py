"""The first page of an enterprise's own account: where it stands, what ends when, what waits, what the next rung asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.cultivation.candidates import lacking
from backend.cultivation.growth_path import RungAhead, growth_path
from backend.cultivation.stages import STAGES, Stage
from backend.cultivation.windows import Window, all_windows
from backend.enterprises.enterprise_file import EnterpriseFile
from backend.enterprises.labels import Names
from backend.own_file.applications import applications_of
from backend.own_file.bureau_side import SELF_DECLARED, as_bureau, own_id
from backend.own_file.figures import drafts_of
from backend.own_file.threads import unread_of
from backend.recognitions.queries import Held
from backend.recognitions.renewal import RenewalWindow, renewal_windows
from rules.evaluate import Outcome
from rules.library import Library
from rules.translation import marked, say, say_of

#: From so many days before its end on, a certificate is something to think of, whenever its renewal begins.
SOON_DAYS = 90


@dataclass(frozen=True)
class Certificate:
    """A title in force, how long yet, from when on it is to be renewed, and until when applications are taken."""

    title: Held
    days_left: int | None
    renewal: RenewalWindow | None
    begins_on: date | None
    window: Window | None
    #: Whether its renewal has begun.
    is_due: bool
    #: What going on with it would be answered today by the figures that are registered, and what it would lack.
    outcome: str = ""
    lacks: Sequence[str] = ()

    @property
    def is_ending(self) -> bool:
        """Whether it is time to prepare the renewal."""
        return self.is_due or (self.days_left is not None and self.days_left <= SOON_DAYS)

    @property
    def tells_outcome(self) -> bool:
        """Whether its holder should know today's answer: it is time, or by the figures the title would not be kept."""
        return bool(self.outcome) and (self.is_ending or self.outcome == Outcome.INELIGIBLE)


@dataclass(frozen=True)
class InPool:
    """How far the enterprise is in a pool; officers' notes and reasons are not its to see."""

    programme: str
    year: int
    stage: str
    moved_at: Any
    #: The stages it has been at, and since when, the latest first.
    steps: Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Task:
    """Something that waits for the enterprise."""

    words: str
    href: str


@dataclass(frozen=True)
class Home:
    """What the first page shows."""

    certificates: Sequence[Certificate]
    pools: Sequence[InPool]
    deadlines: Sequence[tuple[Window, int]]
    path: Sequence[RungAhead]
    #: The rung to work towards; None at the top.
    ahead: RungAhead | None
    tasks: Sequence[Task]
    applications: Sequence[Mapping[str, Any]]
    unread: int


async def home(session: AsyncSession, person: PersonSignedIn, file: EnterpriseFile, library: Library) -> Home:
    """Put the first page together."""
    on, number = file.on, own_id(person)
    windows = await all_windows(session)
    path, pools = growth_path(file, library), await pools_of(session, person)
    certificates = _certificates(file, windows, await renewal_windows(session, library), Names(library))
    ahead = _ahead(path)
    # Deadlines that concern it: of the next rung, of its pools, of what it holds.
    concerned = {one.programme for one in pools} | {one.title.programme for one in certificates}
    concerned |= {ahead.programme} if ahead is not None and ahead.programme else set()
    deadlines = [(one, one.days_left(on)) for one in windows if one.programme in concerned and one.closes_on >= on]
    applications = [one for one in await applications_of(session, number) if one["state"] == "open"]
    unread = await unread_of(session, number)
    tasks = [_renew(one, library) for one in certificates if one.is_ending]
    tasks += await _tasks(session, number, file, unread)
    return Home(
        certificates, pools, sorted(deadlines, key=lambda one: one[1]), path, ahead, tasks, applications, unread
    )


def _certificates(
    file: EnterpriseFile, windows: Sequence[Window], renewals: Mapping[str, RenewalWindow], names: Names
) -> list[Certificate]:
    """What is in force, what ends first first."""
    found: list[Certificate] = []
    for title in file.titles:
        if not title.is_in_force(file.on):
            continue
        left = (title.valid_to - file.on).days if title.valid_to is not None else None
        taken = [one for one in windows if one.programme == title.programme and one.closes_on >= file.on]
        renewal = renewals.get(title.programme)
        begins_on = renewal.begins_on(title.valid_to) if renewal is not None else None
        window = min(taken, key=lambda one: one.closes_on, default=None)
        is_due = begins_on is not None and begins_on <= file.on
        # What a next list decides is not gone on with.
        goes_on = renewal is not None and renewal.begins not in ("next_list", "none")
        answer = file.answer(title.programme) if goes_on else None
        outcome = "" if answer is None else "likely" if answer.is_likely else str(answer.outcome)
        lacks = lacking(answer, names) if answer is not None and answer.outcome is not Outcome.ELIGIBLE else ()
        found.append(Certificate(title, left, renewal, begins_on, window, is_due, outcome, lacks))
    return sorted(found, key=lambda one: (one.days_left is None, one.days_left or 0))


def _ahead(path: Sequence[RungAhead]) -> RungAhead | None:
    """The first rung above the highest that is held."""
    held = max((place for place, one in enumerate(path) if one.is_held), default=-1)
    return path[held + 1] if held + 1 < len(path) else None


async def pools_of(session: AsyncSession, person: PersonSignedIn) -> list[InPool]:
    """The pools that the enterprise is in, the latest year first."""
    async with as_bureau(session, person):
        entries = await session.execute(
            text(
                "SELECT id, programme, year, stage, moved_at FROM pool_entry WHERE enterprise_id = :id"
                " ORDER BY year DESC, programme"
            ),
            {"id": own_id(person)},
        )
        rows = entries.all()
        moves = await session.execute(
            text(
                "SELECT entry_id, to_stage, moved_at FROM pool_move WHERE enterprise_id = :id"
                " AND from_stage <> to_stage ORDER BY id DESC"
            ),
            {"id": own_id(person)},
        )
        moved = moves.all()
    return [
        InPool(
            row.programme, row.year, say_of("stage", STAGES[Stage(row.stage)]), row.moved_at,
            [(say_of("stage", STAGES[Stage(one.to_stage)]), one.moved_at) for one in moved if one.entry_id == row.id],
        )
        for row in rows
    ]  # fmt: skip


def _renew(one: Certificate, library: Library) -> Task:
    known = {
        "name": Names(library).programme(one.title.programme), "left": one.days_left,
        "how": say(one.renewal.how) if one.renewal else "",
    }  # fmt: skip
    words = say(marked("{name} {left} 天后到期，请准备{how}材料"), **known)
    if one.is_due:
        words = say(marked("{name} {left} 天后到期，现在应办理{how}"), **known)
    if one.outcome == Outcome.INELIGIBLE:
        words = say("{words}；按登记的数据还不符合", words=words)
    return Task(words, f"#title-{one.title.id}")


async def _tasks(session: AsyncSession, number: int, file: EnterpriseFile, unread: int) -> list[Task]:
    """What else waits for the enterprise, the most pressing first."""
    tasks: list[Task] = []
    if unread:
        tasks.append(Task(say("{n} 条科技部门的消息未读", n=unread), "/me/enterprise/messages"))
    drafts = await drafts_of(session, number)
    tasks += [
        Task(say("{year} 年度数据还在草稿里，没有提交", year=year), f"/me/enterprise/figures/{year}") for year in drafts
    ]
    last = file.on.year - 1
    if last not in drafts and not await has_declared(session, number, last):
        tasks.append(Task(say("{year} 年度数据还没有报送", year=last), f"/me/enterprise/figures/{last}"))
    return tasks


async def has_declared(session: AsyncSession, enterprise_id: int, year: int) -> bool:
    """Whether the enterprise has said anything of a year itself."""
    found = await session.scalar(
        text("SELECT EXISTS (SELECT FROM filing WHERE enterprise_id = :id AND source = :source AND year = :year)"),
        {"id": enterprise_id, "source": SELF_DECLARED, "year": year},
    )
    return bool(found)
