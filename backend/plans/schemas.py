"""What crosses the API and the command line: targets and members as JSON, and the days people ask about."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any

from backend.clock import CHINA
from backend.enterprises.regions import Regions
from backend.plans.breakdown import Breakdown
from backend.plans.members import Member
from backend.plans.progress import Progress
from backend.plans.queries import Report, Row
from backend.plans.rollup import plain_fraction
from backend.web.errors import Refusal
from rules.plan import CountHolders, Mode, Plan, ShareOfEnterprises, Target, Window

#: Days beyond these are slips of the pen, and counting from them would leave the calendar.
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)


class BadQuestion(Refusal):
    """A day or a way of counting that cannot be asked about."""

    status = 422
    slug = "bad-question"
    title = "查询条件有误"


def day_of(written: str | None, name: str) -> date | None:
    """A day as people write it, 2026-03-31; None where nothing is written.

    Raises:
        BadQuestion: it is no day, or one that nobody can mean.
    """
    if not written:
        return None
    try:
        day = date.fromisoformat(written.strip().replace("/", "-").replace(".", "-"))
    except ValueError:
        raise BadQuestion(f"{name}写的是“{written}”，不是日期。请写成 2026-03-31 这样。") from None
    return _likely(day, written, name)


def _likely(day: date, written: str, name: str) -> date:
    if not EARLIEST <= day <= LATEST:
        raise BadQuestion(f"{name}写的是“{written}”，请核对年份，应在 {EARLIEST.year} 至 {LATEST.year} 年之间。")
    return day


def moment_of(written: str | None, name: str = "数据时点") -> datetime | None:
    """The last moment of a day in China, or the moment that is written: what was recorded by then was known.

    Raises:
        BadQuestion: it is none, or one that nobody can mean.
    """
    if not written:
        return None
    if len(written.strip()) > len("2026-03-31"):
        try:
            found = datetime.fromisoformat(written.strip())
        except ValueError:
            raise BadQuestion(f"{name}写的是“{written}”，请写成 2026-03-31 或 2026-03-31T18:00。") from None
        _likely(found.date(), written, name)
        return found if found.tzinfo is not None else found.replace(tzinfo=CHINA)
    day = day_of(written, name)
    return None if day is None else datetime.combine(day, time.max, CHINA)


def mode_of(target: Target, written: str | None) -> Mode | None:
    """Another way of counting holders, if the plan leaves it open.

    Raises:
        BadQuestion: the plan says how this target is counted.
    """
    if not written:
        return None
    offered = target.count.modes if isinstance(target.count, CountHolders) else ()
    printed = target.count.mode if isinstance(target.count, CountHolders) else None
    if written == printed:
        return None
    if written not in offered:
        known = "、".join(f"{mode.value}（{mode.label}）" for mode in offered)
        raise BadQuestion(f"{target.id} 不能按“{written}”计数。{f'可选 {known}。' if known else '它的口径只有一种。'}")
    return Mode(written)


def number(value: Fraction | None) -> int | float | None:
    """A number for JSON: whole ones as such, others to six decimals."""
    if value is None:
        return None
    return int(value) if value.denominator == 1 else round(float(value), 6)


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan without its targets."""
    return {
        "id": plan.id,
        "title": plan.title,
        "status": plan.status.value,
        "status_label": plan.status.label,
        "territory": plan.territory.code,
        "horizon": list(plan.horizon),
        "targets": len(plan.targets),
    }


def targets_as_json(report: Report) -> list[dict[str, Any]]:
    """Every target of a report."""
    asked = {
        "plan": report.plan.id,
        "on": report.on.isoformat(),
        "known_at": None if report.known_at is None else report.known_at.isoformat(),
        "region": report.territory.code,
    }
    return [asked | _row_as_json(row) for row in report.rows]


def _row_as_json(row: Row) -> dict[str, Any]:
    target, progress = row.target, row.progress
    # What share, gap and met are worked out of: for a district its own share of the year, or nothing.
    asked = progress.target.value
    return {
        "id": target.id,
        "name": target.name,
        "indicator": target.indicator,
        "class": target.target_class.value,
        "op": target.op.value,
        "target": None if target.value is None else number(Fraction(target.value)),
        "upper": None if target.upper is None else number(Fraction(target.upper)),
        "target_text": target.target_text,
        "asked": None if asked is None else number(Fraction(asked)),
        "unit": target.unit,
        "year": target.year,
        "basis": target.basis.value,
        "soft_word": target.soft_word,
        "placeholder": target.placeholder,
        "mode": None if row.mode is None else row.mode.value,
        "numerator": target.count.numerator.value if isinstance(target.count, ShareOfEnterprises) else None,
        "tolerance": None if target.tolerance is None else number(Fraction(target.tolerance)),
        **_progress_as_json(progress),
        "districts": {
            district.code: {
                "name": district.name,
                "value": number(district.figure.value),
                "change": number(district.change),
                "rank": district.rank,
            }
            for district in row.districts
        },
        "unplaced": row.unplaced,
    }


def _progress_as_json(progress: Progress) -> dict[str, Any]:
    figure = progress.figure
    return {
        "value": number(figure.value),
        "share": number(progress.share),
        "gap": number(progress.gap),
        "met": progress.is_met,
        "elapsed": number(progress.elapsed),
        "progress": number(progress.progress),
        "schedule_gap": number(progress.schedule_gap),
        "change": number(progress.change),
        "expected": number(progress.expected),
        "trend": [{"on": day.isoformat(), "value": number(value)} for day, value in progress.trend],
        "state": figure.state.value,
        "reason": figure.reason,
        "counted": figure.counted,
        "whole": figure.whole,
        "period_end": None if figure.period_end is None else figure.period_end.isoformat(),
        "source": figure.source,
        "status": progress.status,
        "light": progress.light.value,
        "light_reason": progress.reason,
    }


def members_as_json(rows: Iterable[Member], titles: Mapping[int, list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The enterprises behind a number, with the titles that the target speaks of."""
    return [
        {
            "id": row.id,
            "credit_code": row.credit_code,
            "name": row.name,
            "region": row.region_code,
            "region_name": region_name(row.region_code),
            "titles": [
                {
                    name: value.isoformat() if isinstance(value, date) else value
                    for name, value in title.items()
                    if name != "enterprise_id"
                }
                for title in titles.get(row.id, ())
            ],
        }
        for row in rows
    ]


def region_name(code: str) -> str:
    """A region's name, as people call it today."""
    region = Regions.load().current(code) if code else None
    return region.shown_as if region is not None else code or "未登记"


def counting_in_words(target: Target, mode: Mode | None) -> str:
    """How a target's holders (or a ratio's enterprises) are counted, for the page and the bulletin."""
    if isinstance(target.count, ShareOfEnterprises):
        return f"{target.name}：分子{target.count.numerator.label}计，分子分母都按企业计，一家企业只计一次。"
    used = mode or (target.count.mode if isinstance(target.count, CountHolders) else None)
    if used is None:
        return ""
    if target.window is Window.IN_YEAR:
        return "当年 1 月 1 日至截至日新获认定且仍有效的企业；重新认定、上年末已持有同一认定的不算新增。"
    since = ""
    if target.window is Window.SINCE:
        since = f"自 {target.since} 起" if target.since is not None else "自有记录起"
    words = {
        Mode.IN_FORCE: "截至日有效的认定：最后一日计入，取消当日起不计",
        Mode.CURRENT_LIST: "截至日已公布的最新一批名单",
        Mode.EVER: "历年名单中出现过的企业，含已到期、已取消的",
    }[used]
    return f"{since}{words}；一家企业只计一次，按截至日的登记区域计。"


def amount_in_words(fen: int) -> str:
    """An amount of a definition: 100 亿元."""
    yuan = Fraction(fen, 100)
    for unit, size in (("亿元", 10**8), ("万元", 10**4)):
        if yuan >= size:
            return f"{plain_fraction(yuan / size)} {unit}"
    return f"{plain_fraction(yuan)} 元"


def breakdown_as_json(found: Breakdown) -> dict[str, Any]:
    """A breakdown for programs."""
    difference = found.difference
    return {
        "target": found.target.id, "year": found.year, "kind": found.kind.value,
        "whole": None if found.whole is None else number(Fraction(found.whole)), "whole_is_printed": found.whole_is_printed,
        "shares": [
            {"place": one.place, "name": one.name, "value": None if one.value is None else number(Fraction(one.value))}
            for one in found.shares
        ],
        "total": number(Fraction(found.total)) if found.is_additive else None,
        "difference": None if difference is None else number(Fraction(difference)),
        "reason": None if found.acknowledged is None else found.acknowledged.reason,
        "is_open": found.is_open,
    }  # fmt: skip
