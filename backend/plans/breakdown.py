"""Breakdown 任务分解: a target split over districts, parks or bodies, for its year and for the years on the way.

The shares' sum is held against the whole wherever values may be added at all. A difference is no mistake (districts
are often asked for more), but it is never hidden: whoever saves one says why, and the word is kept with the numbers it
was given for, so that another difference needs a word of its own.

BreakdownRefused
├── ShareWrong                a value or a place cannot be; `place` says which
└── DifferenceUnexplained     the sum differs from the whole and nobody said why
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.regions import Regions
from backend.plans.service import TOO_MUCH
from backend.plans.territory import territory_of
from backend.web.errors import Refusal
from rules.plan import Basis, Plan, Target, plain

#: Values of other bases say nothing when added.
ADDITIVE = frozenset({Basis.STOCK, Basis.CUMULATIVE, Basis.ANNUAL, Basis.AVG_ANNUAL, Basis.ANNUAL_LEVEL})
#: Years along the way that are offered, the target's own included.
YEARS_ON_THE_WAY = 3


class Kind(StrEnum):
    """What a target is split over."""

    DISTRICT = "district"
    PARK = "park"
    BODY = "body"

    @property
    def label(self) -> str:
        return {Kind.DISTRICT: "市（区）", Kind.PARK: "园区", Kind.BODY: "责任单位"}[self]


WHOLE = "whole"


class BreakdownRefused(Refusal):
    """A breakdown that is not written."""

    status = 422
    slug = "breakdown-refused"
    title = "任务分解没有保存"


class ShareWrong(BreakdownRefused):
    """A value or a place cannot be."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class DifferenceUnexplained(BreakdownRefused):
    """The sum differs from the whole and nobody said why."""

    status = 409
    slug = "breakdown-difference"


@dataclass(frozen=True)
class Share:
    """What one place is to reach; None where it was given nothing."""

    place: str
    name: str
    value: Decimal | None
    #: A district that is no more; its share stands until it is moved over (`moved_shares`).
    is_former: bool = False


@dataclass(frozen=True)
class Acknowledged:
    """Why a difference stands."""

    whole: Decimal
    total: Decimal
    reason: str
    recorded_at: datetime


@dataclass(frozen=True)
class Breakdown:
    """A target's shares for one year."""

    target: Target
    year: int
    kind: Kind
    #: What they are held against: the plan's own number, or for a year on the way what was set here.
    whole: Decimal | None
    whole_is_printed: bool
    shares: tuple[Share, ...]
    last_word: Acknowledged | None

    @property
    def is_additive(self) -> bool:
        """Whether the shares may be added up."""
        return is_additive(self.target)

    @property
    def is_begun(self) -> bool:
        return any(share.value is not None for share in self.shares)

    @property
    def total(self) -> Decimal:
        return sum((share.value for share in self.shares if share.value is not None), Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        """The sum less the whole: positive asks for more than the plan does. None where nothing is to compare."""
        if not self.is_additive or self.whole is None or not self.is_begun:
            return None
        return self.total - self.whole

    @property
    def acknowledged(self) -> Acknowledged | None:
        """The word on this very difference; one on other numbers is none."""
        word = self.last_word
        return word if word is not None and (word.whole, word.total) == (self.whole, self.total) else None

    @property
    def is_open(self) -> bool:
        """Whether a difference stands that nobody explained."""
        return bool(self.difference) and self.acknowledged is None

    @property
    def in_words(self) -> str:
        """What the sum says, for a page and for a refusal."""
        unit = self.target.unit
        if not self.is_additive:
            return f"{self.target.basis.label}类目标不能相加，各处分别设定，不与总数比较。"
        if not self.is_begun:
            return "尚未分解。"
        if self.whole is None:
            return f"合计 {plain(self.total)} {unit}；{self.year} 年没有总数，不作比较。"
        difference = self.total - self.whole
        head = f"合计 {plain(self.total)} {unit}，总数 {plain(self.whole)} {unit}"
        if not difference:
            return f"{head}，相符。"
        side = "超出" if difference > 0 else "不足"
        return f"{head}，{side} {plain(abs(difference))} {unit}。"

    def share_of(self, place: str) -> Decimal | None:
        """What a place is to reach."""
        return next((share.value for share in self.shares if share.place == place), None)


def is_additive(target: Target) -> bool:
    """Whether a target's values over places may be added up to one of the whole."""
    # 万人……拥有量: so many for ten thousand people, a density though it is counted in pieces.
    is_density = target.name.startswith("万人")
    return (
        target.basis in ADDITIVE and "%" not in target.unit and target.has_number and not (target.each_of or is_density)
    )


def years_of(target: Target, today: date) -> tuple[int, ...]:
    """The years that a target is split for."""
    last = target.year if target.year is not None else today.year + 1
    return tuple(range(last - YEARS_ON_THE_WAY + 1, last + 1))


def can_be_split(target: Target) -> bool:
    """Whether there is a number to split, or to be set for places."""
    return target.has_number or target.placeholder


async def breakdown(
    session: AsyncSession, plan: Plan, target: Target, year: int, kind: Kind, known_at: datetime | None = None
) -> Breakdown:
    """A target's shares for a year, as known at a moment."""
    return (await breakdowns(session, plan, [target], year, kind, known_at))[0]


async def breakdowns(
    session: AsyncSession,
    plan: Plan,
    targets: Sequence[Target],
    year: int,
    kind: Kind,
    known_at: datetime | None = None,
) -> list[Breakdown]:
    """The shares of several targets for a year."""
    asked = {"targets": [one.id for one in targets], "year": year, "kinds": [kind.value, WHOLE], "kind": kind.value}
    known = "superseded_at IS NULL"
    if known_at is not None:
        known = "recorded_at <= :known_at AND (superseded_at IS NULL OR superseded_at > :known_at)"
    moment = {} if known_at is None else {"known_at": known_at}
    found = await session.execute(
        text(
            "SELECT target, kind, place, value FROM breakdown_share WHERE target = ANY(CAST(:targets AS text[]))"
            f" AND year = :year AND kind = ANY(CAST(:kinds AS text[])) AND {known} ORDER BY id"
        ),
        asked | moment,
    )
    values: dict[str, dict[tuple[str, str], Decimal | None]] = {}
    for name, of_kind, place, value in found:
        values.setdefault(name, {})[of_kind, place] = value
    words = await session.execute(
        text(
            "SELECT DISTINCT ON (target) target, whole, total, reason, recorded_at FROM breakdown_acknowledgement"
            " WHERE target = ANY(CAST(:targets AS text[])) AND year = :year AND kind = :kind"
            f"{'' if known_at is None else ' AND recorded_at <= :known_at'} ORDER BY target, id DESC"
        ),
        asked | moment,
    )
    last_words = {name: Acknowledged(*given) for name, *given in words}
    # A district that is no more has its column in all rows as soon as one of them has its share.
    former = {place for held in values.values() for of, place in held if of == Kind.DISTRICT}
    return [
        _breakdown(plan, one, year, kind, values.get(one.id, {}), last_words.get(one.id), former) for one in targets
    ]


def _breakdown(
    plan: Plan,
    target: Target,
    year: int,
    kind: Kind,
    values: Mapping[tuple[str, str], Decimal | None],
    word: Acknowledged | None,
    former: AbstractSet[str] = frozenset(),
) -> Breakdown:
    printed = printed_whole(target, year)
    known = dict(_places(plan, target, kind))
    given = {place for of_kind, place in values if of_kind == kind and values[of_kind, place] is not None}
    if kind is Kind.DISTRICT:
        given |= former
    places = known | {place: _former(place) if kind is Kind.DISTRICT else place for place in sorted(given - set(known))}
    shares = tuple(
        Share(place, name, values.get((kind.value, place)), kind is Kind.DISTRICT and place not in known)
        for place, name in places.items()
    )
    whole = printed if printed is not None else values.get((WHOLE, ""))
    return Breakdown(target, year, kind, whole, printed is not None, shares, word)


def _former(code: str) -> str:
    """A district that is no more, with what became of it."""
    regions = Regions.load()
    before, after = regions.find(code), regions.current(code)
    if before is None:
        return code
    return before.shown_as if after is None or after == before else f"{before.shown_as}（已并入{after.shown_as}）"


def printed_whole(target: Target, year: int) -> Decimal | None:
    """The plan's own number for a year: of its target year, and for a yearly target of every year up to it."""
    if not target.has_number:
        return None
    if target.basis is Basis.ANNUAL:
        return target.value if target.year is None or year <= target.year else None
    return target.value if target.year in (None, year) else None


def _places(plan: Plan, target: Target, kind: Kind) -> list[tuple[str, str]]:
    """The places that are always offered: the districts, and the responsible bodies that the plan prints."""
    match kind:
        case Kind.DISTRICT:
            return [(one.code, one.shown_as) for one in territory_of(plan.territory.code).districts]
        case Kind.BODY:
            tasks = [body for task in plan.tasks if target.id in task.targets for body in task.bodies]
            return list({body.full_name: body.full_name for body in (*target.bodies, *tasks)}.items())
        case Kind.PARK:
            return []


# --- Writing ---------------------------------------------------------------------------------------------


async def split(
    session: AsyncSession,
    plan: Plan,
    target: Target,
    year: int,
    kind: Kind,
    values: Mapping[str, Decimal | None],
    *,
    whole: Decimal | None = None,
    reason: str = "",
    recorded_by: int | None = None,
) -> Breakdown:
    """Write down a target's shares for a year; places left out keep theirs, None takes one back.

    Args:
        whole: for a year on the way, what the shares are held against; the plan's own number is never replaced.
        reason: why the sum differs from the whole.

    Raises:
        BreakdownRefused: one of the family above, with what to do in Chinese.
    """
    _check(plan, target, kind, values, whole)
    await session.execute(text("LOCK TABLE breakdown_share IN SHARE ROW EXCLUSIVE MODE"))
    before = await breakdown(session, plan, target, year, kind)
    rows = {(kind.value, place.strip()): value for place, value in values.items()}
    if not before.whole_is_printed and whole is not None:
        rows[WHOLE, ""] = whole
    await write_shares(session, target, year, rows, recorded_by)
    after = await breakdown(session, plan, target, year, kind)
    if after.is_open and after.whole is not None:
        if not reason.strip():
            raise DifferenceUnexplained(
                f"{target.id} {target.name} {year} 年{kind.label}分解：{after.in_words}请改正，或填写差额说明后再保存。"
            )
        await _acknowledge(session, after, reason.strip(), recorded_by)
        after = await breakdown(session, plan, target, year, kind)
    return after


def _check(plan: Plan, target: Target, kind: Kind, values: Mapping[str, Decimal | None], whole: Decimal | None) -> None:
    if not can_be_split(target):
        raise ShareWrong(f"{target.id} {target.name}没有数值，不能分解。")
    districts = {one.code for one in territory_of(plan.territory.code).districts}
    for place, value in values.items():
        if not place.strip() or len(place) > 100:
            raise ShareWrong("请填写园区或单位名称，最多 100 个字。", place)
        if kind is Kind.DISTRICT and place not in districts:
            raise ShareWrong(f"“{place}”不是{plan.territory.name}的市（区），请核对。", place)
        if value is not None and value < 0:
            raise ShareWrong(f"{plain(value)} 小于 0，请核对。", place)
        if value is not None and value >= TOO_MUCH:
            raise ShareWrong(f"{value:.3g} 太大，请核对数值和单位。", place)
        if value is not None and is_additive(target) and target.unit != "亿元" and value != value.to_integral_value():
            raise ShareWrong(f"{plain(value)} 不是整数，{target.unit}应为整数。", place)
    if whole is not None and not 0 <= whole < TOO_MUCH:
        raise ShareWrong(f"总数 {whole:.3g} {'小于 0' if whole < 0 else '太大'}，请核对。")


async def write_shares(
    session: AsyncSession,
    target: Target,
    year: int,
    rows: Mapping[tuple[str, str], Decimal | None],
    recorded_by: int | None,
) -> None:
    """Let shares, by kind and place, be these from now on; None takes one back. Whoever calls has locked the table."""
    found = await session.execute(
        text(
            "SELECT id, kind, place, value FROM breakdown_share WHERE target = :target AND year = :year"
            " AND superseded_at IS NULL"
        ),
        {"target": target.id, "year": year},
    )
    standing = {(kind, place): (number, value) for number, kind, place, value in found}
    for (kind, place), value in rows.items():
        number, before = standing.get((kind, place), (None, None))
        if before == value:
            continue
        if number is not None:
            await session.execute(
                text("UPDATE breakdown_share SET superseded_at = now() WHERE id = :id"), {"id": number}
            )
        if value is not None:
            await session.execute(
                text(
                    "INSERT INTO breakdown_share (target, year, kind, place, value, recorded_by)"
                    " VALUES (:target, :year, :kind, :place, :value, :by)"
                ),
                {"target": target.id, "year": year, "kind": kind, "place": place, "value": value, "by": recorded_by},
            )


async def _acknowledge(session: AsyncSession, given: Breakdown, reason: str, recorded_by: int | None) -> None:
    await session.execute(
        text(
            "INSERT INTO breakdown_acknowledgement (target, year, kind, whole, total, reason, recorded_by)"
            " VALUES (:target, :year, :kind, :whole, :total, :reason, :by)"
        ),
        {
            "target": given.target.id, "year": given.year, "kind": given.kind.value, "whole": given.whole,
            "total": given.total, "reason": reason, "by": recorded_by,
        },
    )  # fmt: skip
