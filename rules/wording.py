"""Expressions in Chinese, as a reader without the manual of the language understands them.

`sum(rd_expense_hnte, 3) / sum(sales_revenue, 3) >= 5%` is 近 3 年研究开发费用（高企口径）之和 ÷ 近 3 年销售收入之和 ≥ 5%.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from rules.catalogue import Indicator
from rules.language import (
    FEN_PER_WAN,
    MONEY,
    Arithmetic,
    AsOf,
    Bands,
    Call,
    Choose,
    Compare,
    CompoundGrowth,
    Fact,
    Field,
    Literal,
    Logic,
    Measure,
    Node,
    Not,
    Records,
    Shift,
    Window,
)  # fmt: skip
from rules.programme import Criterion, Version

OPERATORS = {">=": "≥", ">": "＞", "<=": "≤", "<": "＜", "==": "＝", "!=": "≠"}
#: What an operator says of its threshold: 以上、不低于 include it, 超过、不足 do not.
EDGES = {">=": "含临界值", "<=": "含临界值", ">": "不含临界值", "<": "不含临界值"}
_ARITHMETIC = {"+": "＋", "-": "－", "*": "×", "/": "÷"}
_WINDOWS = {
    "sum": "近 {n} 年{x}之和",
    "mean": "近 {n} 年{x}平均",
    "every": "近 {n} 年每年{x}",
    "rising": "近 {n} 年{x}逐年上升",
}
_YEARS = {0: "", 1: "次年", -1: "上年", -2: "上上年"}
_QUANTIFIERS = {"any": "有符合下述的{x}：{p}", "none": "没有符合下述的{x}：{p}", "count": "符合下述的{x}件数：{p}"}
_CALLS = {
    "min": "（{0}、{1}中较小的）", "max": "（{0}、{1}中较大的）", "default": "{0}（未填时按{1}）", "unless_given": "{0}（未填时按{1}测算）",
    "given": "已填{0}", "all_given": "已填{0}", "exists": "该年企业已成立", "existing_years": "近 {0} 年中已成立的年数",
    "floor": "{0}取整", "between": "{0} 至 {1} 之间（专家打分）", "undetermined": "由人工判断：{0}",
    "days_between": "{0}至{1}的天数",
    "months_between": "{0}至{1}的月数", "year_of": "{0}所在年份", "prefix": "{0}的前 {1} 位", "whole_number": "{0}",
    "fiscal_year": "最近一个会计年度",
}  # fmt: skip


@dataclass(frozen=True)
class _Names:
    measures: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])


def criterion_in_words(criterion: Criterion, version: Version) -> str:
    """What a criterion asks, without its parts; empty where it only joins them."""
    names = _Names({one.id: one.name for one in version.measures})
    if criterion.form == "score":
        total = " ＋ ".join(names.measures.get(one, one) for one in criterion.items)
        mark = f" {OPERATORS[criterion.pass_op]} {_number(criterion.pass_mark)}" if criterion.pass_op else ""
        return total + mark
    return _words(criterion.test, names) if criterion.test is not None else ""


def edge_of(criterion: Criterion) -> str:
    """Whether the threshold itself is enough; empty where there is none."""
    if criterion.form == "score":
        return EDGES.get(criterion.pass_op, "")
    test = criterion.test
    if isinstance(test, Compare) and not isinstance(test.right, Literal | None):
        return EDGES.get(test.op, "")
    if isinstance(test, Compare) and isinstance(test.right, Literal):
        return EDGES.get(test.op, "") if not isinstance(test.right.value, bool | str | None) else ""
    return ""


def measure_in_words(node: Node, version: Version) -> str:
    """What a measure is worked out of."""
    return _words(node, _Names({one.id: one.name for one in version.measures}))


def _words(node: Node, names: _Names) -> str:
    return _WORDS[type(node)](node, names)


def _inner(node: Node, names: _Names) -> str:
    """A part of a larger expression, in brackets where it is one itself."""
    written = _words(node, names)
    return f"（{written}）" if isinstance(node, Arithmetic | Choose | Logic) else written


def _literal(node: Literal, names: _Names) -> str:
    value = node.value
    if isinstance(value, tuple):
        return "、".join(_words(one, names) for one in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None:
        return "无"
    if isinstance(value, int | Fraction):
        return _money(value) if node.kind == MONEY else _number(value)
    return value.isoformat() if isinstance(value, date) else value


def _money(fen: int | Fraction) -> str:
    wan = Fraction(fen) / FEN_PER_WAN
    if wan and wan % 10_000 == 0:
        return f"{wan // 10_000} 亿元"
    return f"{_number(wan, as_percent=False)} 万元"


def _number(value: Any, *, as_percent: bool = True) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        # Rule files write shares in percent; nothing else in them has decimals.
        shown = value * 100 if as_percent and abs(value) < 1 else value
        return f"{float(shown):,.6f}".rstrip("0").rstrip(".") + ("%" if shown != value else "")
    return f"{int(value):,}" if value is not None else ""


def _fact(node: Fact, names: _Names) -> str:
    return node.indicator.name


def _shift(node: Shift, names: _Names) -> str:
    inner = _inner(node.inner, names)
    if node.calendar_year is not None:
        return f"{node.calendar_year} 年{inner}"
    offset = node.offset or 0
    return f"{_YEARS.get(offset, f'{-offset} 年前')}{inner}"


def _arithmetic(node: Arithmetic, names: _Names) -> str:
    is_chain = isinstance(node.left, Arithmetic) and node.left.op == node.op and node.op in ("+", "×", "-")
    left = _words(node.left, names) if is_chain else _inner(node.left, names)
    return f"{left} {_ARITHMETIC[node.op]} {_inner(node.right, names)}"


def _compare(node: Compare, names: _Names) -> str:
    right = node.right
    if isinstance(right, Literal) and isinstance(right.value, bool) and node.op in ("==", "!="):
        said = right.value if node.op == "==" else not right.value
        return f"{_inner(node.left, names)}：{'是' if said else '否'}"
    choices = _choices(node.left, names)
    if isinstance(right, Literal) and isinstance(right.value, str):
        return f"{_inner(node.left, names)} {OPERATORS[node.op]} “{choices.get(right.value, right.value)}”"
    sides = [_words(one, names) if isinstance(one, Arithmetic) else _inner(one, names) for one in (node.left, right)]
    return f"{sides[0]} {OPERATORS[node.op]} {sides[1]}{_unit_beside(node.left, right)}"


def _unit_beside(left: Node, right: Node) -> str:
    """The unit of the figure that a bare number is compared with."""
    inner = left.inner if isinstance(left, Shift | Window) else left
    if not (isinstance(inner, Fact) and isinstance(right, Literal) and right.kind != MONEY):
        return ""
    if isinstance(right.value, bool) or not isinstance(right.value, int | Fraction):
        return ""
    unit = inner.indicator.unit or ("%" if inner.indicator.type == "percent" else "")
    return unit if unit == "%" else f" {unit}" if unit else ""


def _choices(node: Node, names: _Names) -> Mapping[str, str]:
    if isinstance(node, Field):
        return names.choices.get(node.name, {})
    if isinstance(node, Call) and node.function == "default":
        return _choices(node.arguments[0], names)
    return node.indicator.choices if isinstance(node, Fact) else {}


def _logic(node: Logic, names: _Names) -> str:
    same = _one_of(node, names)
    return same or (" 且 " if node.op == "and" else " 或 ").join(_inner(one, names) for one in node.parts)


def _one_of(node: Logic, names: _Names) -> str:
    """`x in [a, b]` is unfolded into comparisons of one figure; folded again it reads as it was written."""
    parts = [
        one for one in node.parts if isinstance(one, Compare) and one.op == "==" and isinstance(one.right, Literal)
    ]
    if node.op != "or" or len(parts) != len(node.parts) or len({str(one.left) for one in parts}) != 1:
        return ""
    choices = _choices(parts[0].left, names)
    values = [one.right.value for one in parts if isinstance(one.right, Literal)]
    if not all(isinstance(one, str) for one in values):
        return ""
    return f"{_inner(parts[0].left, names)}为{'、'.join(choices.get(str(one), str(one)) for one in values)}之一"


def _not(node: Not, names: _Names) -> str:
    return f"并非{_inner(node.inner, names)}"


def _choose(node: Choose, names: _Names) -> str:
    return f"{_words(node.condition, names)}的，{_inner(node.then, names)}；其余{_inner(node.otherwise, names)}"


def _window(node: Window, names: _Names) -> str:
    return _WINDOWS[node.function].format(n=node.years, x=_inner(node.inner, names))


def _growth(node: CompoundGrowth, names: _Names) -> str:
    years = f"{node.first}–{node.last} 年" if node.absolute else f"近 {node.last - node.first} 年"
    return f"{years}{_inner(node.inner, names)}的年均复合增长率"


def _records(node: Records, names: _Names) -> str:
    indicator: Indicator | None = node.records.indicator if isinstance(node.records, Fact) else None
    name = indicator.name if indicator is not None else _words(node.records, names)
    within = names
    if indicator is not None:
        fields = {one.id: one.name for one in indicator.fields}
        within = _Names(names.measures, fields, {one.id: one.choices for one in indicator.fields})
    if node.predicate is None:
        return {"any": f"有{name}", "none": f"没有{name}", "count": f"{name}件数"}.get(node.quantifier, name)
    asked = _words(node.predicate, within)
    if node.quantifier not in _QUANTIFIERS:
        return f"符合“{asked}”的{name}中最大的{within.fields.get(node.field or '', node.field or '')}"
    return _QUANTIFIERS[node.quantifier].format(x=name, p=asked)


def _call(node: Call, names: _Names) -> str:
    arguments = [_inner(one, names) for one in node.arguments]
    if node.function in ("best_of", "least_known") or (node.function in ("min", "max") and len(arguments) != 2):
        which = "较小" if node.function in ("min", "least_known") else "较大"
        return f"（{'、'.join(arguments)}中{which}的）"
    if node.function in ("add_years", "add_months"):
        unit = "年" if node.function == "add_years" else "个月"
        return f"{arguments[0]}{_moved(arguments[1], unit)}"
    if node.function == "year_start":
        return f"{arguments[0]}{_moved(arguments[1], '年', ' ')}当年 1 月 1 日"
    if node.function == "default" and isinstance(node.arguments[1], Literal):
        value = node.arguments[1].value
        return f"{arguments[0]}（未填时按{_choices(node.arguments[0], names).get(str(value), arguments[1])}）"
    if node.function == "middle":
        return f"{arguments[0]}第 {arguments[1]} 位起 {arguments[2]} 位"
    return _CALLS[node.function].format(*(arguments if node.function != "given" else ["、".join(arguments)]))


def _moved(by: str, unit: str, gap: str = "") -> str:
    """How far a day is moved: 后推 3 年, 前推 5 年."""
    if by == "0":
        return ""
    return f"{'前推' if by.startswith('-') else '后推'} {by.removeprefix('-')} {unit}{gap}"


def _bands(node: Bands, names: _Names) -> str:
    steps = [
        f"{OPERATORS[one.op]} {_threshold(one.threshold, node)} 得 {_points(one.least, one.greatest)}"
        for one in node.steps
    ]
    return f"按{_inner(node.of, names)}分档：{'，'.join(steps)}，其余得 {_points(*node.otherwise)}"


def _threshold(value: Any, node: Bands) -> str:
    return _money(value) if node.of.kind == MONEY else _number(value)


def _points(low: Any, high: Any) -> str:
    return (
        f"{_number(low, as_percent=False)} 分"
        if low == high
        else f"{_number(low, as_percent=False)}–{_number(high, as_percent=False)} 分"
    )


_WORDS: dict[type[Node], Callable[[Any, _Names], str]] = {
    Literal: _literal, Fact: _fact, Field: lambda node, names: names.fields.get(node.name, node.name),
    AsOf: lambda node, names: "测评日", Measure: lambda node, names: names.measures.get(node.name, node.name) or node.name,
    Shift: _shift, Arithmetic: _arithmetic, Compare: _compare, Logic: _logic, Not: _not, Choose: _choose, Window: _window,
    CompoundGrowth: _growth, Records: _records, Call: _call, Bands: _bands,
}  # fmt: skip
