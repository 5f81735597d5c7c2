"""The yearly assessment 年度考核: districts by what the breakdown asked of them, bodies by their tasks, out of a year's end.

How places are ranked is said on the paper: by the mean of their completions, each counted up to 100 %, so that one
target overfulfilled makes up for no other. A district without a share is listed and not ranked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import Breakdown, Kind, breakdowns
from backend.plans.bulletin import Bulletin, Quarter, bulletin
from backend.plans.bulletin_tables import target_table
from backend.plans.progress import ranks
from backend.plans.tasks import Status, WorkItem, work_items
from backend.web.errors import Refusal
from backend.web.filters import number as shown
from backend.web.filters import percent
from rules.plan import Plan, Target

RULE = (
    "综合完成率为各项完成率（超过 100% 的按 100% 计）的算术平均；按综合完成率排位，相同的并列，没有分解任务的只列不排。"
)
DISTRICT_HEADS = ("市（区）", "指标", "单位", "分解值", "年末数", "完成率", "位次")
SUMMARY_HEADS = ("市（区）", "分解任务数", "已完成", "综合完成率", "位次")
BODY_HEADS = ("责任单位", "任务", "其中牵头", "已完成", "推进中", "未启动", "已中止", "逾期")


class YearRefused(Refusal):
    """A year that cannot be assessed."""

    status = 422
    slug = "year-refused"
    title = "不能生成这个年度的考核"


@dataclass(frozen=True)
class Score:
    """What a district was asked for and came to, for one target."""

    target: Target
    share: Fraction
    value: Fraction | None

    @property
    def completion(self) -> Fraction | None:
        """The value as a share of what was asked; None where nothing is known of it."""
        return None if self.value is None or not self.share else self.value / self.share


@dataclass(frozen=True)
class Place:
    """A district with all that it was asked for."""

    code: str
    name: str
    scores: tuple[Score, ...]
    rank: int | None

    @property
    def fulfilled(self) -> int:
        return sum(1 for one in self.scores if (one.completion or 0) >= 1)

    @property
    def completion(self) -> Fraction | None:
        """The mean of the completions, each up to 1; a target of which nothing is known counts as nothing attained."""
        return mean_completion(self.scores)


def mean_completion(scores: Sequence[Score]) -> Fraction | None:
    """The mean of completions, each counted up to 1; None where nothing was asked."""
    if not scores:
        return None
    return sum((min(one.completion or Fraction(0), Fraction(1)) for one in scores), Fraction(0)) / len(scores)


@dataclass(frozen=True)
class BodyTally:
    """A responsible body's tasks at the end of the year."""

    name: str
    tasks: int
    led: int
    by_status: Mapping[Status, int]
    overdue: int


@dataclass(frozen=True)
class Assessment:
    """The content of a yearly assessment."""

    plan: Plan
    year: int
    content: Bulletin
    places: tuple[Place, ...]
    open_differences: tuple[Breakdown, ...]
    bodies: tuple[BodyTally, ...]

    @property
    def title(self) -> str:
        return f"{self.plan.named}{self.year} 年度目标任务完成情况"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What stands on top."""
        found = [self.content.sentences[0]]
        ranked = [one for one in self.places if one.rank is not None]
        if ranked:
            first = "、".join(one.name for one in ranked if one.rank == 1)
            found.append(f"分解到市（区）的任务中，综合完成率第 1 位的是{first}。")
        else:
            found.append(f"{self.year} 年没有分解到市（区）的任务，不作排位。")
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        words = [f"任务分解：{one.target.name}{one.in_words}尚未说明原因。" for one in self.open_differences]
        return (RULE, *words, *self.content.notes)


async def assessment(
    session: AsyncSession, plan: Plan, year: int, *, today: date, known_at: datetime | None = None
) -> Assessment:
    """The assessment of a year that is over.

    Args:
        known_at: the moment whose knowledge answers; None is the end of January after the year.

    Raises:
        YearRefused: the year is not over, or is no year.
    """
    if not 2000 <= year < today.year:
        raise YearRefused(f"{year} 年还没有结束，或年份有误；年度考核在次年 1 月 1 日以后生成。可先看季度通报。")
    content = await bulletin(session, plan, Quarter(year, 4), today=today, known_at=known_at)
    plan = content.plan
    targets = [one for one in plan.targets if one.has_number]
    shares = await breakdowns(session, plan, targets, year, Kind.DISTRICT, content.known_at)
    items = await work_items(session, plan, content.known_at)
    return Assessment(
        plan, year, content, _places(content, shares), tuple(one for one in shares if one.is_open),
        _bodies(items, date(year, 12, 31)),
    )  # fmt: skip


def _places(content: Bulletin, shares: Sequence[Breakdown]) -> tuple[Place, ...]:
    values = {(line.target.id, one.code): one.figure.value for line in content.lines for one in line.row.districts}
    scores: dict[str, tuple[Score, ...]] = {}
    districts = content.report.territory.districts
    for district in districts:
        scores[district.code] = tuple(
            Score(one.target, Fraction(share), values.get((one.target.id, district.code)))
            for one in shares
            if (share := one.share_of(district.code))
        )
    places = ranks({code: mean_completion(found) for code, found in scores.items()})
    found = [Place(one.code, one.shown_as, scores[one.code], places.get(one.code)) for one in districts]
    return tuple(sorted(found, key=lambda one: one.rank or len(found) + 1))


def _bodies(items: Sequence[WorkItem], on: date) -> tuple[BodyTally, ...]:
    names = dict.fromkeys(body.full_name for one in items for body in one.bodies)
    found: list[BodyTally] = []
    for name in names:
        theirs = [(one, body) for one in items for body in one.bodies if body.full_name == name]
        late = sum(1 for one, _ in theirs if one.status.is_open and one.due_on is not None and one.due_on <= on)
        states = {status: sum(1 for one, _ in theirs if one.status is status) for status in Status}
        found.append(BodyTally(name, len(theirs), sum(1 for _, body in theirs if body.lead), states, late))
    return tuple(sorted(found, key=lambda one: (-one.led, -one.tasks, one.name)))


# --- The tables, as text: alike in Word, Excel and on the page ---------------------------------------------


def summary_table(content: Assessment) -> list[tuple[str, ...]]:
    """A row per district."""
    return [
        (one.name, str(len(one.scores)), str(one.fulfilled), percent(one.completion), str(one.rank or "—"))
        for one in content.places
    ]


def district_table(content: Assessment) -> list[tuple[str, ...]]:
    """A row per district and target, with its place among the districts for that target."""
    by_target: dict[str, dict[str, Fraction | None]] = {}
    for place in content.places:
        for score in place.scores:
            by_target.setdefault(score.target.id, {})[place.code] = score.completion
    places = {target: ranks(completions) for target, completions in by_target.items()}
    return [
        (
            place.name, score.target.name, score.target.unit, shown(score.share), shown(score.value), percent(score.completion),
            str(places[score.target.id].get(place.code, "—")),
        )
        for place in content.places
        for score in place.scores
    ]  # fmt: skip


def body_table(content: Assessment) -> list[tuple[str, ...]]:
    """A row per responsible body."""
    order = (Status.DONE, Status.UNDER_WAY, Status.NOT_STARTED, Status.STOPPED)
    return [
        (one.name, str(one.tasks), str(one.led), *(str(one.by_status[status]) for status in order), str(one.overdue))
        for one in content.bodies
    ]


def as_json(content: Assessment) -> dict[str, Any]:
    """An assessment for programs."""
    return {
        "plan": content.plan.id, "title": content.title, "year": content.year, "sentences": list(content.sentences),
        "districts": [dict(zip(SUMMARY_HEADS, row, strict=True)) for row in summary_table(content)],
        "scores": [dict(zip(DISTRICT_HEADS, row, strict=True)) for row in district_table(content)],
        "bodies": [dict(zip(BODY_HEADS, row, strict=True)) for row in body_table(content)],
        "targets": [list(row) for row in target_table(content.content)], "notes": list(content.notes),
    }  # fmt: skip
