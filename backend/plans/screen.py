"""The leadership's screen: ladder, districts, targets, one trend with its forecast; drawn here, so that it needs no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import Kind, breakdown
from backend.plans.documents import plans
from backend.plans.forecast import Forecast, can_be_forecast, forecast
from backend.plans.progress import Progress, months_gone
from backend.plans.queries import Report, concerns, first_counted, plan_report, still_runs
from backend.recognitions.ladder import RUNGS
from backend.recognitions.queries import ladder_counts
from backend.web.errors import NotFound
from rules.library import library
from rules.plan import Plan, Target

#: So many bars can be read from three metres.
MOST_BARS = 6
#: Where districts lie to each other, as (row, column) of tiles; north is up. Others follow one another.
TILES: Mapping[str, tuple[int, int]] = {
    "321281": (1, 2), "321202": (2, 1), "321204": (2, 2), "321203": (3, 1), "321283": (3, 2), "321282": (4, 2),
}  # fmt: skip
_COLUMNS = 2
#: How wide a word below the trend is, in the drawing's own measure.
_ROOM_FOR_A_LABEL = 90.0
#: The drawing of the trend, in its own units.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 300, 16, 118, 26, 40


@dataclass(frozen=True)
class Step:
    """A rung of the funnel; `width` in percent of the widest."""

    id: str
    name: str
    count: int
    width: float


@dataclass(frozen=True)
class Tile:
    """A district: its value, its place, and how it does against its share."""

    code: str
    name: str
    row: int
    column: int
    value: Fraction | None
    rank: int | None
    completion: Fraction | None
    #: 0 (least) to 4 (most), by value among the districts.
    shade: int


@dataclass(frozen=True)
class Trend:
    """The lines of the drawing."""

    line: str
    last: tuple[float, float]
    #: The forecast's interval as a polygon, and its middle; empty where nothing is forecast.
    band: str
    middle: str
    end: tuple[float, float]
    target_y: float | None
    #: (x, words) below the drawing.
    labels: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Screen:
    """All that stands on the screen."""

    plan: Plan
    report: Report
    lead: Progress
    steps: tuple[Step, ...]
    tiles: tuple[Tile, ...]
    bars: tuple[Progress, ...]
    outlook: Forecast | None
    trend: Trend | None


def screen_plan(on: date, region: str, wanted: str = "") -> Plan:
    """The plan that is shown: the one asked for, or the first that still runs and counts something.

    Raises:
        NotFound: there is none.
    """
    for plan in plans().values():
        if wanted and plan.id != wanted.upper():
            continue
        if concerns(plan, region) and first_counted(plan, 1) and (wanted or still_runs(plan, on)):
            return plan
    raise NotFound("没有正在执行、且由系统统计的规划，无法显示监测屏。可在网址后加 ?plan=P000 指定一份。")


async def screen(session: AsyncSession, plan: Plan, on: date, region: str = "", target: str = "") -> Screen:
    """The screen of a plan on a day, led by one of its counted targets."""
    targets = first_counted(plan, MOST_BARS)
    report = await plan_report(session, plan, on, region or None, targets=targets)
    chosen = next((one for one in targets if one.id == target), targets[0])
    row = report.row(chosen.id)
    asked = row.progress.target
    outlook = await forecast(session, asked, on, region=region or None) if can_be_forecast(asked, on) else None
    shares = await breakdown(session, plan, chosen, on.year, Kind.DISTRICT)
    counts = await ladder_counts(session, on, library(), region)
    tiles = _tiles(
        [(one.code, one.name, one.figure.value, one.rank, shares.share_of(one.code)) for one in row.districts]
    )
    return Screen(
        plan, report, row.progress, _funnel(counts), tiles, tuple(one.progress for one in report.rows), outlook,
        draw_trend(row.progress, outlook),
    )  # fmt: skip


def _funnel(counts: Mapping[str, int]) -> tuple[Step, ...]:
    most = max((counts[rung.id] for rung in RUNGS), default=0) or 1
    # The least rung keeps room for its number.
    return tuple(
        Step(rung.id, rung.name, counts[rung.id], round(34 + 66 * counts[rung.id] / most, 1))
        for rung in reversed(RUNGS)
    )


def _tiles(districts: Sequence[tuple[str, str, Fraction | None, int | None, object]]) -> tuple[Tile, ...]:
    values = sorted({value for _, _, value, _, _ in districts if value is not None})
    found: list[Tile] = []
    for number, (code, name, value, rank, share) in enumerate(districts):
        row, column = TILES.get(code, (number // _COLUMNS + 1, number % _COLUMNS + 1))
        shade = 0 if value is None else round(4 * values.index(value) / max(len(values) - 1, 1))
        completion = value / Fraction(str(share)) if value is not None and share else None
        found.append(Tile(code, name, row, column, value, rank, completion, shade))
    return tuple(found)


def draw_trend(progress: Progress, outlook: Forecast | None) -> Trend | None:
    """The last quarters, today and the forecast on one line of time; None where there are no two values."""
    known = [(day, float(value)) for day, value in progress.trend if value is not None]
    if progress.value is not None and (not known or known[-1][0] < progress.on):
        known.append((progress.on, float(progress.value)))
    if len(known) < 2:
        return None
    target = progress.target
    ends = [] if outlook is None else [outlook.outlook.low, outlook.outlook.middle, outlook.outlook.high]
    goal = None if target.value is None else float(target.value)
    amounts = [value for _, value in known] + ends + ([] if goal is None else [goal])
    low, high = min(amounts), max(amounts)
    room = (high - low) * 0.08 or max(high * 0.05, 1)
    first, last = known[0][0], outlook.outlook.due_on if outlook is not None else known[-1][0]
    span = float(months_gone(last) - months_gone(first)) or 1.0

    def x(day: date) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * float(months_gone(day) - months_gone(first)) / span, 1)

    def y(value: float) -> float:
        part = (value - low + room) / (high - low + 2 * room)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part, 1)

    now = (x(known[-1][0]), y(known[-1][1]))
    band = middle = ""
    end = now
    if outlook is not None:
        at = x(outlook.outlook.due_on)
        end = (at, y(outlook.outlook.middle))
        band = f"{now[0]},{now[1]} {at},{y(outlook.outlook.high)} {at},{y(outlook.outlook.low)}"
        middle = f"{now[0]},{now[1]} {end[0]},{end[1]}"
    labels = [(x(known[0][0]), f"{known[0][0]:%Y-%m}"), (now[0], "今天")]
    if outlook is not None:
        # So near the end the two words would lie on each other.
        labels[1:] = labels[1:] if end[0] - now[0] > _ROOM_FOR_A_LABEL else []
        labels.append((end[0], f"{outlook.outlook.due_on:%Y-%m}"))
    line = " ".join(f"{x(day)},{y(value)}" for day, value in known)
    return Trend(line, now, band, middle, end, None if goal is None else y(goal), tuple(labels))


def choices(plan: Plan) -> list[tuple[str, str]]:
    """The targets that may lead the screen."""
    return [(one.id, one.name) for one in _leading(plan)]


def _leading(plan: Plan) -> list[Target]:
    return first_counted(plan, MOST_BARS)
