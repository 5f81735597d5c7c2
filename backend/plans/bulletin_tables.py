"""The bulletin's tables as text, alike in Word, Excel, on the page and for programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from backend.plans.breakdown import Breakdown
from backend.plans.bulletin import Bulletin, Line, change_unit, in_points, year_on_year
from backend.plans.progress import Progress, ranks
from backend.plans.queries import QUARTERS_A_YEAR, District
from backend.plans.schemas import number
from backend.web.filters import number as shown
from backend.web.filters import percent
from rules.plan import Target

TARGET_HEADS = (
    "序号", "指标", "单位", "目标值", "现值", "本季变动", "完成率", "序时进度", "差距（百分点）", "同比", "状态", "责任单位", "备注",
)  # fmt: skip
DISTRICT_HEADS = ("市（区）", "任务数", "现值", "本季变动", "完成率", "同比", "位次", "上期位次")


def target_table(content: Bulletin) -> list[tuple[str, ...]]:
    """A row per target."""
    return [
        (
            str(place), line.target.name, line.target.unit, "未分解" if line.row.is_of_whole else line.row.asked_text,
            _value_in_words(line.progress), _signed(line.progress.change), percent(line.progress.share),
            percent(line.progress.elapsed),
            "—" if line.progress.schedule_gap is None else f"{float(line.progress.schedule_gap * 100):+.1f}",
            _year_on_year(line.target, line.year_on_year), line.progress.word, _bodies(line.target), line.note,
        )
        for place, line in enumerate(content.lines, 1)
    ]  # fmt: skip


@dataclass(frozen=True)
class DistrictLine:
    """A district in a target's table."""

    district: District
    share: Fraction | None
    rank: int | None
    last_rank: int | None

    @property
    def completion(self) -> Fraction | None:
        """The value as a share of what was asked for the year."""
        return _completion(self.district.figure.value, self.share)


def _completion(value: Fraction | None, share: Fraction | None) -> Fraction | None:
    return value / share if value is not None and share else None


def district_lines(content: Bulletin, line: Line) -> list[DistrictLine]:
    """The districts of a target, the first place on top: placed by completion where shares were set, else by value."""
    districts, asked = line.row.districts, _shares(content.shares, line)
    places, last_places = {one.code: one.rank for one in districts}, {one.code: one.last_rank for one in districts}
    if asked:
        before = _shares(content.last_shares, line)
        places = ranks({one.code: _completion(one.figure.value, asked.get(one.code)) for one in districts})
        last_places = ranks({one.code: _completion(one.last_value, before.get(one.code)) for one in districts})
    found = [
        DistrictLine(one, asked.get(one.code), places.get(one.code), last_places.get(one.code)) for one in districts
    ]
    return sorted(found, key=lambda one: one.rank or len(found) + 1)


def _shares(shares: Mapping[str, Breakdown], line: Line) -> dict[str, Fraction]:
    found = shares.get(line.target.id)
    return {} if found is None else {one.place: Fraction(one.value) for one in found.shares if one.value is not None}


def district_tables(content: Bulletin) -> list[tuple[Target, list[tuple[str, ...]]]]:
    """For each target that is known by district, a row per district, the first place on top."""
    return [
        (line.target, [_district_row(line.target, one) for one in district_lines(content, line)])
        for line in content.lines
        if line.row.districts
        and (line.target.id in content.shares or any(one.figure.value for one in line.row.districts))
    ]


def _district_row(target: Target, one: DistrictLine) -> tuple[str, ...]:
    value = one.district.figure.value
    return (
        one.district.name, "—" if one.share is None else shown(one.share), shown(value), _signed(one.district.change),
        percent(one.completion), _year_on_year(target, year_on_year(target, value, one.district.year_ago)), str(one.rank or "—"), str(one.last_rank or "—"),
    )  # fmt: skip


def behind_by_district(content: Bulletin) -> list[str]:
    """Districts that are behind with what was asked of them: behind the time gone by, or at the year's end not there."""
    found: list[str] = []
    for line in content.lines:
        gone, unit = line.progress.elapsed, line.target.unit
        year_is_over = content.quarter.number == QUARTERS_A_YEAR
        for one in reversed(district_lines(content, line)):
            done = one.completion
            if done is None or one.share is None or (gone is None and not year_is_over) or done >= min(gone or 1, 1):
                continue
            how = f"慢于序时 {float((gone - done) * 100):.1f} 个百分点" if gone is not None else "未达到年度任务"
            value = shown(one.district.figure.value)
            found.append(
                f"{one.district.name}：{line.target.name} {value} {unit}，任务数 {shown(one.share)} {unit}，完成 {percent(done)}，{how}。"
            )
    return found


def _year_on_year(target: Target, by: Fraction | None) -> str:
    if by is None or not in_points(target):
        return percent(by)
    return f"{_signed(by)} {change_unit(target)}"


def _value_in_words(progress: Progress) -> str:
    if progress.value is not None:
        return shown(progress.value)
    return "—" if progress.target.placeholder else progress.figure.state.label


def _signed(value: Fraction | None) -> str:
    return "—" if value is None else f"{'+' if value > 0 else ''}{shown(value)}"


def _bodies(target: Target) -> str:
    """Responsible bodies; the lead only where the document marks it."""
    return "、".join(f"{'△' if body.lead else ''}{body.full_name}" for body in target.bodies)


def as_json(content: Bulletin) -> dict[str, Any]:
    """A bulletin for programs."""
    return {
        "plan": content.plan.id,
        "title": content.title,
        "quarter": content.quarter.code,
        "on": content.report.on.isoformat(),
        "known_at": None if content.known_at is None else content.known_at.isoformat(),
        "plan_version": content.held.number,
        "region": content.report.territory.code,
        "sentences": list(content.sentences),
        "targets": [dict(zip(TARGET_HEADS, row, strict=True)) | {"id": line.target.id, "value": number(line.progress.value)}
                    for row, line in zip(target_table(content), content.lines, strict=True)],
        "districts": {
            target.id: [dict(zip(DISTRICT_HEADS, row, strict=True)) for row in rows]
            for target, rows in district_tables(content)
        },
        "behind": [{"id": line.target.id, "name": line.target.name, "reason": line.progress.reason} for line in content.behind],
        "behind_by_district": behind_by_district(content),
        "corrections": [
            {"id": one.target.id, "then": number(one.then), "now": number(one.now)} for one in content.corrections
        ],
        "notes": list(content.notes),
        "texts": dict(content.texts),
    }  # fmt: skip
