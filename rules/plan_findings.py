"""The consistency report: where plans contradict each other or themselves, worked out from their data.

Nothing is settled here. Two values for one indicator both stay; the finding puts them side by side with both
citations, and people decide. What the plans' numbers add up to (30 chains against the printed totals, a
yearly rate against a total) is recomputed every time, so a revised plan gets a new report.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from typing import NamedTuple

from rules.catalogue import Record
from rules.plan import (
    ChainTable,
    Compounded,
    CountHolders,
    NotComparable,
    Op,
    Plan,
    RateAgainstTotal,
    Target,
    plain,
)


class Kind(StrEnum):
    """What a finding says."""

    CONTRADICTION = "contradiction"  # two plans, one indicator and year, different numbers
    STRICTER_REPEAT = "stricter_repeat"  # one plan says it twice, once stricter
    REPEAT = "repeat"  # one plan says it twice, alike
    AGREEMENT = "agreement"  # two plans say the same
    DIFFERENT_BASKET = "different_basket"  # one count includes the other's enterprises and more
    ARITHMETIC = "arithmetic"  # printed numbers recomputed
    NOT_COMPARABLE = "not_comparable"  # look alike, are not

    @property
    def label(self) -> str:
        """The kind in the words of the report."""
        return {
            Kind.CONTRADICTION: "规划之间数值不一",
            Kind.STRICTER_REPEAT: "同一规划前后宽严不一",
            Kind.REPEAT: "同一规划重复",
            Kind.AGREEMENT: "规划之间一致",
            Kind.DIFFERENT_BASKET: "统计范围不同",
            Kind.ARITHMETIC: "算术核对",
            Kind.NOT_COMPARABLE: "不可比",
        }[self]


class Finding(Record):
    """One line of the report."""

    #: The same from report to report, as long as the plans say the same.
    id: str
    kind: Kind
    #: True: the numbers fit; False: they do not; None: nothing to fit, a reader should know.
    agrees: bool | None
    title: str
    explanation: str
    targets: tuple[str, ...]
    citations: tuple[str, ...]


def consistency_findings(plans: Mapping[str, Plan], programme_names: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything the plans say differently, twice, or in numbers that do not add up; misfits come first.

    Args:
        plans: by id, as `load_plans` gives them; one alone is fine.
        programme_names: Chinese names by programme id, for the wording; an id without one is shown as is.
    """
    names = programme_names or {}
    found: list[Finding] = []
    targets = [target for plan in plans.values() for target in plan.targets]
    for first, second in combinations(targets, 2):
        found += _same_indicator(plans, first, second)
        found += _baskets(plans, names, first, second)
    for plan in plans.values():
        if plan.chain_table is not None:
            found += _chain_table(plan, plan.chain_table)
        for check in plan.checks:
            if all(f"P{name[1:4]}" in plans for name in check.targets_named):
                found.append(_checked(plans, check))
    order = {False: 0, None: 1, True: 2}
    return sorted(found, key=lambda finding: order[finding.agrees])


# --- Two targets side by side --------------------------------------------------------------------------


def _same_indicator(plans: Mapping[str, Plan], first: Target, second: Target) -> Iterator[Finding]:
    """One indicator, one year, one territory, printed twice."""
    if _what_is_measured(first) != _what_is_measured(second) or first.year is None:
        return
    if not (first.has_number and second.has_number):
        return
    alike = (first.op, first.value, first.upper) == (second.op, second.value, second.upper)
    if first.plan_id != second.plan_id:
        kind = Kind.AGREEMENT if alike else Kind.CONTRADICTION
    else:
        kind = Kind.REPEAT if alike else Kind.STRICTER_REPEAT
    told = f"{first.id} 为 {first.target_text}，{second.id} 为 {second.target_text}"
    advice = {
        Kind.AGREEMENT: "两处相同。",
        Kind.CONTRADICTION: "两个目标都保留，进度分别显示，不以后者代替前者。",
        Kind.REPEAT: "同一目标印了两次，只计一次。",
        Kind.STRICTER_REPEAT: _stricter(first, second),
    }[kind]
    if first.basis is not second.basis:
        advice += f"口径一为{first.basis.label}，一为{second.basis.label}。"
    yield _finding(plans, kind, alike, f"{first.name}（{first.year} 年）", f"{told}。{advice}", first, second)


def _what_is_measured(target: Target) -> tuple[object, ...]:
    return target.indicator, target.year, target.region, target.scope


def _stricter(first: Target, second: Target) -> str:
    same_number = first.value == second.value and {first.op, second.op} == {Op.AT_LEAST, Op.MORE_THAN}
    if not same_number or first.value is None:
        return "两处都须达到。"
    strict, loose = (first, second) if first.op is Op.MORE_THAN else (second, first)
    return f"恰为 {plain(first.value)} {first.unit}时，{loose.id} 达到而 {strict.id} 未达到；从严须超过。"


def _baskets(plans: Mapping[str, Plan], names: Mapping[str, str], first: Target, second: Target) -> Iterator[Finding]:
    """Two plans ask for a number of enterprises, one over more programmes than the other."""
    if not isinstance(first.count, CountHolders) or not isinstance(second.count, CountHolders):
        return
    if (first.year, first.region, first.basis) != (second.year, second.region, second.basis):
        return
    if first.plan_id == second.plan_id or not (first.has_number and second.has_number):
        return
    narrow, wide = sorted((first, second), key=lambda target: len(_holds(target)))
    if not _holds(narrow) < _holds(wide):
        return
    # Several programmes may bear one name: a title that was renewed under another document.
    more = "、".join(dict.fromkeys(names.get(one, one) for one in sorted(_holds(wide) - _holds(narrow))))
    implied = narrow.value is not None and wide.value is not None and narrow.value >= wide.value
    then = f"{narrow.id} 达到则 {wide.id} 也达到，反之不然。" if implied else "一个达到不能推出另一个达到。"
    told = f"{wide.id}（{wide.target_text}）比 {narrow.id}（{narrow.target_text}）多计 {more}；{then}"
    title = f"{wide.name}／{narrow.name}（{first.year} 年）"
    yield _finding(plans, Kind.DIFFERENT_BASKET, None, title, told, wide, narrow)


def _holds(target: Target) -> frozenset[str]:
    return frozenset(target.count.holds) if isinstance(target.count, CountHolders) else frozenset()


# --- The checks that a plan file asks for --------------------------------------------------------------


def _checked(plans: Mapping[str, Plan], check: RateAgainstTotal | NotComparable | Compounded) -> Finding:
    targets = [plans[f"P{name[1:4]}"].by_id[name] for name in check.targets_named]
    match check:
        case RateAgainstTotal():
            return _rate_against_total(plans, check, *targets)
        case Compounded():
            return _compounded(plans, check, *targets)
        case NotComparable():
            values = "；".join(f"{target.id} {target.name} {target.target_text}" for target in targets)
            title = "／".join(target.name for target in targets)
            told = f"{values}。{check.why}"
            return _finding(plans, Kind.NOT_COMPARABLE, None, title, told, *targets)


def _rate_against_total(plans: Mapping[str, Plan], check: RateAgainstTotal, rate: Target, total: Target) -> Finding:
    """What the yearly number comes to by the last year, for each year it may have started in."""
    yearly, wanted = Fraction(rate.value or 0), _least(total)
    told: list[str] = []
    reached: dict[int, bool] = {}
    for first_year in check.first_years:
        years = check.last_year - first_year + 1
        sum_ = yearly * years
        reached[first_year] = sum_ >= wanted
        span = f"{first_year}—{check.last_year} 年 {years} 年"
        told.append(f"{span}共 {_shown(sum_)}")
        if not reached[first_year]:
            short = f"此前须已有 {_shown(wanted - sum_)}"
            if not check.opening_stock:
                short = f"差 {_shown(wanted - sum_)}，须每年 {_shown(wanted / years)}，或{short}"
            told.append(short)
    pace = "" if check.opening_stock else f"按此速度须 {_shown(wanted / yearly, 3)} 年。"
    agrees = None if check.opening_stock else any(reached.values())
    head = f"{rate.id} 每年 {plain(rate.value or Decimal(0))}，{total.id} {total.target_text}："
    explanation = f"{head}{'；'.join(told)}。{pace}{check.note}"
    title = f"{rate.name}／{total.name}"
    return _finding(plans, Kind.ARITHMETIC, agrees, title, explanation, rate, total)


def _compounded(plans: Mapping[str, Plan], check: Compounded, target: Target) -> Finding:
    """A growth over the years as a multiple; a total reduction as a yearly one."""
    years = check.last_year - check.base_year
    rate = (target.value or Decimal(0)) / 100
    if target.baseline is None:
        multiple = ((1 + rate) ** years).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        told = f"{check.base_year} 年起 {years} 年，每年 {plain(rate * 100)}%，为基期的 {plain(multiple)} 倍。"
    else:
        yearly = (1 - (1 - rate) ** (Decimal(1) / years)) * 100
        shown = yearly.quantize(Decimal("0.01"), ROUND_HALF_UP)
        told = f"{check.base_year} 年起 {years} 年共降 {plain(rate * 100)}%，折合每年降 {shown}%。"
    return _finding(plans, Kind.ARITHMETIC, None, target.name, told + check.note, target)


def _least(target: Target) -> Fraction:
    """The smallest whole number that reaches the target."""
    value = Fraction(target.value or 0)
    return Fraction(floor(value) + 1 if target.op is Op.MORE_THAN else ceil(value))


# --- The chain table -----------------------------------------------------------------------------------


class _Line(NamedTuple):
    """A figure of the annex that a target of the text is held against."""

    key: str
    name: str
    value: Decimal


def _chain_table(plan: Plan, table: ChainTable) -> Iterator[Finding]:
    for year in sorted(table.total.values):
        yield _total_line(plan, table, year)
    for line, targets in ((table.total, table.total_targets), (table.whole, table.whole_targets)):
        for year, name in targets.items():
            figure = _Line(line.id, line.name, line.values[year])
            yield _against_text(plan, table, figure, year, plan.by_id[name])
    for year, name in table.share_targets.items():
        yield _share_line(plan, table, year, plan.by_id[name])
    for number, sector in enumerate(table.sectors, 1):
        target = plan.by_id[sector.target]
        if target.year in table.target_years:
            rows = [chain.values[target.year] for chain in table.chains if chain.sector == sector.name]
            name = f"“{sector.printed}”{len(rows)} 条链之和"
            figure = _Line(f"sector{number}", name, sum(rows, Decimal(0)))
            yield _against_text(plan, table, figure, target.year, target)
    yield from _sector_targets_against_total(plan, table)
    yield from _groups(plan, table)


def _total_line(plan: Plan, table: ChainTable, year: int) -> Finding:
    """The rows added up against the printed 合计."""
    sum_ = sum((chain.values[year] for chain in table.chains), Decimal(0))
    printed = table.total.values[year]
    agrees = sum_ == printed
    told = f"{len(table.chains)} 条链相加 {plain(sum_)} {table.unit}，合计印 {plain(printed)} {table.unit}"
    end = "，相符。" if agrees else f"，相差 {plain(sum_ - printed)} {table.unit}。"
    return _table_finding(plan, table, agrees, f"附件合计（{year} 年）", told + end, f"{table.total.id}:{year}", ())


def _against_text(plan: Plan, table: ChainTable, line: _Line, year: int, target: Target) -> Finding:
    """A figure of the annex against the number of the text: would reaching the annex reach the text?"""
    agrees = target.is_met(line.value)
    gap = line.value - (target.value or Decimal(0))
    then = "达到" if agrees else "仍未达到"
    told = (
        f"附件{line.name} {year} 年 {plain(line.value)} {table.unit}，"
        f"正文 {target.id} 为 {target.target_text}，附件减正文 {plain(gap)} {table.unit}；附件各行都达到时，正文目标{then}。"
    )
    title = f"{target.name}（{year} 年）"
    return _table_finding(plan, table, agrees, title, told, f"{line.key}:{target.id}", (target,))


def _share_line(plan: Plan, table: ChainTable, year: int, target: Target) -> Finding:
    whole, total = table.whole.values[year], table.total.values[year]
    share = Fraction(total) / Fraction(whole) * 100
    agrees = target.is_met(share)
    told = (
        f"附件 {year} 年合计 {plain(total)}，{table.whole.name} {plain(whole)} {table.unit}，"
        f"占 {_shown(share, 1)}%，正文 {target.id} 为 {target.target_text}。"
    )
    return _table_finding(plan, table, agrees, f"{target.name}（{year} 年）", told, f"share:{target.id}", (target,))


def _sector_targets_against_total(plan: Plan, table: ChainTable) -> Iterator[Finding]:
    """The sectors' numbers in the text against the headline of the text."""
    targets = [plan.by_id[sector.target] for sector in table.sectors]
    for year, name in table.total_targets.items():
        if any(target.year != year or target.value is None for target in targets):
            continue
        total = plan.by_id[name]
        sum_ = sum((target.value or Decimal(0) for target in targets), Decimal(0))
        told = (
            f"正文 {len(targets)} 个板块 {'＋'.join(plain(t.value or Decimal(0)) for t in targets)}"
            f"＝{plain(sum_)} {table.unit}，正文总数 {total.id} 为 {total.target_text}。"
        )
        title = f"板块目标之和（{year} 年）"
        yield _table_finding(plan, table, sum_ == total.value, title, told, f"sectors:{name}", (total, *targets))


def _groups(plan: Plan, table: ChainTable) -> Iterator[Finding]:
    for number, group in enumerate(table.groups, 1):
        counted = sum(1 for chain in table.chains if chain.sector in group.sectors)
        told = f"正文“{group.printed}”，附件{'、'.join(group.sectors)}共 {counted} 条。"
        title = f"链数：{'、'.join(group.sectors)}"
        yield _table_finding(plan, table, counted == group.chains, title, told, f"group{number}", ())


# --- Making a finding ----------------------------------------------------------------------------------


def _finding(
    plans: Mapping[str, Plan], kind: Kind, agrees: bool | None, title: str, explanation: str, *targets: Target
) -> Finding:
    return Finding(
        id=f"{kind}:{'+'.join(target.id for target in targets)}",
        kind=kind,
        agrees=agrees,
        title=title,
        explanation=explanation,
        targets=tuple(target.id for target in targets),
        citations=tuple(plans[target.plan_id].citation(target) for target in targets),
    )


def _table_finding(
    plan: Plan,
    table: ChainTable,
    agrees: bool | None,
    title: str,
    explanation: str,
    key: str,
    targets: tuple[Target, ...],
) -> Finding:
    annex = f"{plan.named}（{plan.status.label}）{table.cite}"
    return Finding(
        id=f"{Kind.ARITHMETIC}:{plan.id}:{key}",
        kind=Kind.ARITHMETIC,
        agrees=agrees,
        title=title,
        explanation=explanation,
        targets=tuple(target.id for target in targets),
        citations=(annex, *(plan.citation(target) for target in targets)),
    )


def _shown(number: Fraction, places: int = 2) -> str:
    """Rounded for reading only; comparisons use the exact number."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    return plain(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
