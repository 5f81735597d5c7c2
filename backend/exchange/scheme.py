"""Innovation points by a scheme that is data: what each indicator gives, by stage, with its reason; or why not computable.

A scheme whose weights the source did not give has none: then no points are worked out, and the answer says which are
missing. Nothing is guessed (domain notes 1.2 to 1.5). Points are exact until they are told, then rounded half up to two
decimals. A missing figure gives nothing and is counted as missing, so that the coverage is seen.

    SchemeError         a scheme that contradicts itself: stages with gaps, weights that do not add up, unknown indicators
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from rules.catalogue import Catalogue, Period, Record, Type
from rules.facts import FEN_PER_WAN, Facts

FOLDER = Path(__file__).parent / "schemes"


class SchemeError(Exception):
    """A scheme cannot be used; the message says what to change."""


class Band(Record):
    """One stage of an enterprise's life: from `lower` (included) to `upper` (not included); none is open."""

    id: str
    name: str
    lower: Decimal | None = None
    upper: Decimal | None = None


class Stages(Record):
    """How enterprises are split; without bands the split is not known."""

    basis: Literal["operating_revenue", "age_years"] = "operating_revenue"
    bands: tuple[Band, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _leave_no_gap(self) -> "Stages":
        if not self.bands:
            return self
        if (self.bands[0].lower or 0) != 0 or self.bands[-1].upper is not None:
            raise ValueError("阶段须从 0 开始，最后一段不设上限")
        for one, following in zip(self.bands, self.bands[1:], strict=False):
            if one.upper is None or one.upper != following.lower:
                raise ValueError(f"阶段“{one.name}”与“{following.name}”之间有空档或重叠")
        return self


class Score(Record):
    """How a figure becomes a share of the weight, from 0 to 1."""

    kind: Literal["linear", "steps", "each", "flag"]
    #: linear: nothing at or below `from`, all at or above `to`.
    start: Decimal = Field(default=Decimal(0), alias="from")
    to: Decimal = Decimal(1)
    #: steps: [lower bound (included), share], rising.
    steps: tuple[tuple[Decimal, Decimal], ...] = ()
    #: each: that share for every one, at most 1.
    share: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _can_be_reckoned(self) -> "Score":
        if self.kind == "linear" and self.start == self.to:
            raise ValueError("按比例计分（linear）的 from 与 to 不能相同")
        bounds = [bound for bound, _ in self.steps]
        if self.kind == "steps" and (not bounds or bounds != sorted(set(bounds))):
            raise ValueError("分档计分（steps）须写各档，下限逐档升高")
        return self

    def of(self, figure: Fraction) -> Fraction:
        """The share of the weight that a figure gives."""
        match self.kind:
            case "linear":
                start, end = Fraction(self.start), Fraction(self.to)
                return min(Fraction(1), max(Fraction(0), (figure - start) / (end - start)))
            case "steps":
                reached = [Fraction(share) for bound, share in self.steps if figure >= Fraction(bound)]
                return reached[-1] if reached else Fraction(0)
            case "each":
                return min(Fraction(1), max(Fraction(0), figure * Fraction(self.share)))
            case "flag":
                return Fraction(1) if figure > 0 else Fraction(0)


class SchemeIndicator(Record):
    """One line of a scheme. Without weights or score the source did not give them."""

    id: str
    name: str
    category: str
    #: The catalogue's indicator; none where the scheme's own name is not certain.
    indicator: str | None = None
    #: Instead of the figure: its growth over the year before, or its ratio to another indicator.
    measure: Literal["value", "growth", "ratio"] = "value"
    to: str | None = None
    #: Stage → weight; `*` for all stages.
    weights: dict[str, Decimal] = {}
    score: Score | None = None
    is_bonus: bool = False


class Scheme(Record):
    """A version of an issuer's scheme."""

    id: str
    name: str
    version: str
    documents: tuple[str, ...] = ()
    full: Decimal = Decimal(100)
    most_bonus: Decimal = Decimal(0)
    stages: Stages = Stages()
    indicators: tuple[SchemeIndicator, ...]

    @property
    def missing(self) -> list[str]:
        """What the source did not give and no points can be worked out without."""
        lacking = [f"“{one.name}”没有权重" for one in self.indicators if not one.weights]
        lacking += [f"“{one.name}”没有计分办法" for one in self.indicators if one.weights and one.score is None]
        lacking += [f"第 {place} 项名称未确定" for place, one in enumerate(self.indicators, 1) if one.indicator is None]
        by_stage = any("*" not in one.weights for one in self.indicators if one.weights)
        return lacking + (["没有阶段划分"] if by_stage and not self.stages.bands else [])


@dataclass(frozen=True)
class Points:
    """What one indicator gives, and why."""

    id: str
    name: str
    category: str
    weight: Fraction
    points: Fraction
    figure: Fraction | None
    reason: str

    @property
    def is_missing(self) -> bool:
        return self.figure is None


@dataclass(frozen=True)
class Result:
    """Points with their reasons; `missing` says what keeps them from being worked out, and then there are none."""

    scheme: Scheme
    stage: str = ""
    base: Decimal | None = None
    bonus: Decimal | None = None
    total: Decimal | None = None
    points: tuple[Points, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_computable(self) -> bool:
        return not self.missing

    @property
    def coverage(self) -> Fraction:
        """The share of indicators that a figure was there for."""
        return (
            Fraction(sum(not one.is_missing for one in self.points), len(self.points)) if self.points else Fraction(0)
        )


def load_scheme(name: str, catalogue: Catalogue, folder: Path = FOLDER) -> Scheme:
    """Read a scheme and hold it against itself and the catalogue. Raises SchemeError."""
    try:
        scheme = Scheme.model_validate(yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise SchemeError(f"积分方案 {name}：{error}") from error
    if faults := _faults(scheme, catalogue):
        raise SchemeError(f"积分方案 {name}：" + "；".join(faults))
    return scheme


def _faults(scheme: Scheme, catalogue: Catalogue) -> list[str]:
    faults: list[str] = []
    for one in scheme.indicators:
        for used in filter(None, (one.indicator, one.to)):
            indicator = catalogue.indicator(used)
            if indicator is None or indicator.period is not Period.YEARLY:
                faults.append(f"“{one.name}”的指标 {used} 不在目录中或不分年度")
        if (one.measure == "ratio") != (one.to is not None):
            faults.append(f"“{one.name}”按比例计分的须写 to，其他的不写")
    if scheme.missing:
        return faults  # a frame whose weights are not known cannot add up
    for stage in [band.id for band in scheme.stages.bands] or ["*"]:
        total = sum((_weight(one, stage) for one in scheme.indicators if not one.is_bonus), Fraction(0))
        if total != Fraction(scheme.full):
            faults.append(f"阶段 {stage} 的权重合计 {float(total):g}，应为 {scheme.full}")
    return faults


def _weight(one: SchemeIndicator, stage: str) -> Fraction:
    return Fraction(one.weights.get(stage, one.weights.get("*", Decimal(0))))


def work_out(scheme: Scheme, facts: Facts, year: int, established_on: date | None, catalogue: Catalogue) -> Result:
    """The points of one enterprise for a year, by what is known of it."""
    if scheme.missing:
        return Result(scheme, missing=tuple(scheme.missing))
    stage = _stage(scheme, facts, year, established_on)
    if stage is None:
        return Result(scheme, missing=("不能确定发展阶段：没有" + _BASES[scheme.stages.basis],))
    points = tuple(_points(one, stage, facts, year, catalogue) for one in scheme.indicators)
    bonus_ids = {one.id for one in scheme.indicators if one.is_bonus}
    base = sum((one.points for one in points if one.id not in bonus_ids), Fraction(0))
    bonus = min(Fraction(scheme.most_bonus), sum((one.points for one in points if one.id in bonus_ids), Fraction(0)))
    return Result(scheme, stage, rounded(base), rounded(bonus), rounded(base + bonus), points)


_BASES = {"operating_revenue": "当年营业收入", "age_years": "成立日期"}


def _stage(scheme: Scheme, facts: Facts, year: int, established_on: date | None) -> str | None:
    """The stage on the year's last day; None where what decides it is missing, never a default."""
    if not scheme.stages.bands:
        return "*"
    if scheme.stages.basis == "age_years":
        basis = None if established_on is None else Fraction(year - established_on.year)
    else:
        known = facts.yearly.get("operating_revenue", {}).get(year)
        basis = Fraction(known) / FEN_PER_WAN if isinstance(known, int | Fraction) else None
    if basis is None or basis < 0:  # founded after that year: it was in no stage yet
        return None
    return next((one.id for one in scheme.stages.bands if one.upper is None or basis < Fraction(one.upper)), None)


def _points(one: SchemeIndicator, stage: str, facts: Facts, year: int, catalogue: Catalogue) -> Points:
    weight, figure = _weight(one, stage), _figure(one, facts, year, catalogue)
    if figure is None or one.score is None:
        return Points(one.id, one.name, one.category, weight, Fraction(0), None, f"没有 {year} 年的数，计 0 分")
    share = one.score.of(figure)
    told = f"{rounded(figure)} 得满分的 {rounded(share * 100)}%，权重 {rounded(weight)}"
    return Points(one.id, one.name, one.category, weight, weight * share, figure, told)


def _figure(one: SchemeIndicator, facts: Facts, year: int, catalogue: Catalogue) -> Fraction | None:
    """The figure that is scored: in the catalogue's unit, growth and ratios as plain numbers."""
    value = _known(one.indicator, facts, year, catalogue)
    if one.measure == "value" or value is None:
        return value
    other = (
        _known(one.indicator, facts, year - 1, catalogue)
        if one.measure == "growth"
        else _known(one.to, facts, year, catalogue)
    )
    if other is None or other <= 0:
        return None
    return value / other - (1 if one.measure == "growth" else 0)


def _known(name: str | None, facts: Facts, year: int, catalogue: Catalogue) -> Fraction | None:
    indicator = catalogue.indicator(name or "")
    value: Any = facts.yearly.get(indicator.id, {}).get(year) if indicator is not None else None
    if indicator is None or not isinstance(value, int | Fraction):
        return None
    # A statement counts as one where it is true: a flag scores it.
    return Fraction(value) / (FEN_PER_WAN if indicator.type is Type.MONEY else 1)


def rounded(number: Fraction) -> Decimal:
    """To two decimals, half up, as points are told."""
    hundredths = number * 100
    whole = (hundredths.numerator * 2 + hundredths.denominator) // (hundredths.denominator * 2)
    return (Decimal(whole) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)


def compare(worked_out: Result, issued: Mapping[str, Any]) -> str:
    """How our points differ from the issuer's, in words; the issuer's stay as they are."""
    if worked_out.total is None:
        return "不能测算：" + "；".join(worked_out.missing)
    if issued.get("total") is None:
        return "发布方没有给出总分"
    difference = worked_out.total - Decimal(str(issued["total"]))
    return "与发布方一致" if not difference else f"比发布方{'高' if difference > 0 else '低'} {abs(difference)} 分"
