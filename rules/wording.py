"""Expressions in words, as a reader without the manual of the language understands them.

`sum(rd_expense_hnte, 3) / sum(sales_revenue, 3) >= 5%` is 近 3 年研究开发费用（高企口径）之和 ÷ 近 3 年销售收入之和 ≥ 5%.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from rules.catalogue import Indicator, Type
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
from rules.translation import enumerated, language, marked, say
from rules.values import FactKey

OPERATORS = {">=": "≥", ">": marked("＞"), "<=": "≤", "<": marked("＜"), "==": marked("＝"), "!=": "≠"}
_INCLUDED, _EXCLUDED = marked("含临界值"), marked("不含临界值")
#: What an operator says of its threshold: 以上、不低于 include it, 超过、不足 do not.
EDGES = {">=": _INCLUDED, "<=": _INCLUDED, ">": _EXCLUDED, "<": _EXCLUDED}
_ARITHMETIC = {"+": marked("＋"), "-": marked("－"), "*": "×", "/": "÷"}
_WINDOWS = {
    "sum": marked("近 {n} 年{x}之和"),
    "mean": marked("近 {n} 年{x}平均"),
    "every": marked("近 {n} 年每年{x}"),
    "rising": marked("近 {n} 年{x}逐年上升"),
}
_YEARS = {0: "{x}", 1: marked("次年{x}"), -1: marked("上年{x}"), -2: marked("上上年{x}")}
_QUANTIFIERS = {
    "any": marked("有符合下述的{x}：{p}"), "none": marked("没有符合下述的{x}：{p}"), "count": marked("符合下述的{x}件数：{p}"),
}  # fmt: skip
_OF_RECORDS = {"any": marked("有{x}"), "none": marked("没有{x}"), "count": marked("{x}件数")}
_CALLS = {
    "min": marked("（{a}、{b}中较小的）"), "max": marked("（{a}、{b}中较大的）"), "default": marked("{a}（未填时按{b}）"),
    "unless_given": marked("{a}（未填时按{b}测算）"), "given": marked("已填{a}"), "all_given": marked("已填{a}"),
    "exists": marked("该年企业已成立"), "existing_years": marked("近 {a} 年中已成立的年数"), "floor": marked("{a}取整"),
    "between": marked("{a} 至 {b} 之间（专家打分）"), "undetermined": marked("由人工判断：{a}"),
    "days_between": marked("{a}至{b}的天数"), "months_between": marked("{a}至{b}的月数"), "year_of": marked("{a}所在年份"),
    "prefix": marked("{a}的前 {b} 位"), "whole_number": "{a}", "fiscal_year": marked("最近一个会计年度"),
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
        total = f" {say('＋')} ".join(names.measures.get(one, one) for one in criterion.items)
        mark = f" {operator(criterion.pass_op)} {_number(criterion.pass_mark)}" if criterion.pass_op else ""
        return total + mark
    return _words(criterion.test, names) if criterion.test is not None else ""


def edge_of(criterion: Criterion) -> str:
    """Whether the threshold itself is enough; empty where there is none."""
    if criterion.form == "score":
        return say(EDGES.get(criterion.pass_op, ""))
    test = criterion.test
    if not isinstance(test, Compare) or (
        isinstance(test.right, Literal) and isinstance(test.right.value, bool | str | None)
    ):
        return ""
    return say(EDGES.get(test.op, ""))


def operator(op: str) -> str:
    """An operator as readers write it."""
    return say(OPERATORS.get(op, op))


def measure_in_words(node: Node, version: Version) -> str:
    """What a measure is worked out of."""
    return _words(node, _Names({one.id: one.name for one in version.measures}))


def node_in_words(node: Node) -> str:
    """An expression by itself, outside of any version."""
    return _words(node, _Names())


def _words(node: Node, names: _Names) -> str:
    return _WORDS[type(node)](node, names)


def _inner(node: Node, names: _Names) -> str:
    """A part of a larger expression, in brackets where it is one itself."""
    written = _words(node, names)
    return say("（{inner}）", inner=written) if isinstance(node, Arithmetic | Choose | Logic) else written


def _literal(node: Literal, names: _Names) -> str:
    value = node.value
    if isinstance(value, tuple):
        return enumerated(_words(one, names) for one in value)
    if isinstance(value, bool):
        return yes_or_no(value)
    if value is None:
        return say("无")
    if isinstance(value, int | Fraction):
        return _money(value) if node.kind == MONEY else _number(value)
    return value.isoformat() if isinstance(value, date) else say(value)


def fact_name(key: FactKey, indicator: Indicator) -> str:
    """A fact in words: the indicator, with its year by number."""
    return indicator.name if key.year is None else say("{name}（{year} 年）", name=indicator.name, year=key.year)


def unit_of_indicator(indicator: Indicator) -> str:
    """The unit that the official form asks in."""
    if indicator.type is Type.MONEY:
        return indicator.unit or say("万元")
    return indicator.unit or ("%" if indicator.type is Type.PERCENT else "")


def beside_figure(unit: str) -> str:
    """A unit as it stands behind a figure: where its name begins with a number itself, 200 × 10,000 yuan."""
    return f"× {unit}" if unit[:1].isdigit() else unit


def yes_or_no(value: bool) -> str:
    """是 or 否."""
    return say("是") if value else say("否")


def _money(fen: int | Fraction) -> str:
    if language() != "zh":
        return _in_millions(Fraction(fen) / 100)
    wan = Fraction(fen) / FEN_PER_WAN
    if wan and wan % 10_000 == 0:
        return f"{wan // 10_000} 亿元"
    return f"{_number(wan, as_percent=False)} 万元"


def _in_millions(yuan: Fraction) -> str:
    """An amount where 万 and 亿 are no words: exact, in the largest of these units that leaves at most two decimals."""
    for size, unit in ((10**9, " billion"), (10**6, " million")):
        if abs(yuan) >= size and (yuan * 100) % size == 0:
            return f"{_number(yuan / size, as_percent=False)}{unit} yuan"
    return f"{_number(yuan, as_percent=False)} yuan"


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
        return say("{year} 年{x}", year=node.calendar_year, x=inner)
    offset = node.offset or 0
    if offset in _YEARS:
        return say(_YEARS[offset], x=inner)
    return say("{n} 年前{x}", n=-offset, x=inner)


def _arithmetic(node: Arithmetic, names: _Names) -> str:
    is_chain = isinstance(node.left, Arithmetic) and node.left.op == node.op and node.op in ("+", "×", "-")
    left = _words(node.left, names) if is_chain else _inner(node.left, names)
    return f"{left} {say(_ARITHMETIC[node.op])} {_inner(node.right, names)}"


def _compare(node: Compare, names: _Names) -> str:
    right = node.right
    if isinstance(right, Literal) and isinstance(right.value, bool) and node.op in ("==", "!="):
        said = right.value if node.op == "==" else not right.value
        return say("{x}：{said}", x=_inner(node.left, names), said=yes_or_no(said))
    choices = _choices(node.left, names)
    if isinstance(right, Literal) and isinstance(right.value, str):
        return f"{_inner(node.left, names)} {operator(node.op)} “{choices.get(right.value, right.value)}”"
    sides = [_words(one, names) if isinstance(one, Arithmetic) else _inner(one, names) for one in (node.left, right)]
    return f"{sides[0]} {operator(node.op)} {sides[1]}{_unit_beside(node.left, right)}"


def _unit_beside(left: Node, right: Node) -> str:
    """The unit of the figure that a bare number is compared with."""
    inner = left.inner if isinstance(left, Shift | Window) else left
    if not (isinstance(inner, Fact) and isinstance(right, Literal) and right.kind != MONEY):
        return ""
    if isinstance(right.value, bool) or not isinstance(right.value, int | Fraction):
        return ""
    unit = inner.indicator.unit or ("%" if inner.indicator.type == "percent" else "")
    return unit if unit == "%" else f" {beside_figure(unit)}" if unit else ""


def _choices(node: Node, names: _Names) -> Mapping[str, str]:
    if isinstance(node, Field):
        return names.choices.get(node.name, {})
    if isinstance(node, Call) and node.function == "default":
        return _choices(node.arguments[0], names)
    return node.indicator.choices if isinstance(node, Fact) else {}


def _logic(node: Logic, names: _Names) -> str:
    same = _one_of(node, names)
    return same or joined(node.op, (_inner(one, names) for one in node.parts))


def joined(op: str, parts: Iterable[str]) -> str:
    """Conditions joined by 且 (`and`, `all_of`) or 或 (`or`, `any_of`)."""
    return (say(" 且 ") if op in ("and", "all_of") else say(" 或 ")).join(parts)


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
    listed = enumerated(choices.get(str(one), str(one)) for one in values)
    return say("{x}为{values}之一", x=_inner(parts[0].left, names), values=listed)


def _not(node: Not, names: _Names) -> str:
    return say("并非{x}", x=_inner(node.inner, names))


def _choose(node: Choose, names: _Names) -> str:
    when, then, otherwise = _words(node.condition, names), _inner(node.then, names), _inner(node.otherwise, names)
    return say("{when}的，{then}；其余{otherwise}", when=when, then=then, otherwise=otherwise)


def _window(node: Window, names: _Names) -> str:
    return say(_WINDOWS[node.function], n=node.years, x=_inner(node.inner, names))


def _growth(node: CompoundGrowth, names: _Names) -> str:
    inner = _inner(node.inner, names)
    if node.absolute:
        return say("{first}–{last} 年{x}的年均复合增长率", first=node.first, last=node.last, x=inner)
    return say("近 {n} 年{x}的年均复合增长率", n=node.last - node.first, x=inner)


def _records(node: Records, names: _Names) -> str:
    indicator: Indicator | None = node.records.indicator if isinstance(node.records, Fact) else None
    name = indicator.name if indicator is not None else _words(node.records, names)
    within = names
    if indicator is not None:
        fields = {one.id: one.name for one in indicator.fields}
        within = _Names(names.measures, fields, {one.id: one.choices for one in indicator.fields})
    if node.predicate is None:
        return say(_OF_RECORDS.get(node.quantifier, "{x}"), x=name)
    asked = _words(node.predicate, within)
    if node.quantifier not in _QUANTIFIERS:
        highest = within.fields.get(node.field or "", node.field or "")
        return say("符合“{p}”的{x}中最大的{field}", p=asked, x=name, field=highest)
    return say(_QUANTIFIERS[node.quantifier], x=name, p=asked)


def _call(node: Call, names: _Names) -> str:
    arguments = [_inner(one, names) for one in node.arguments]
    if node.function in ("best_of", "least_known") or (node.function in ("min", "max") and len(arguments) != 2):
        listed = enumerated(arguments)
        return (
            say("（{x}中较小的）", x=listed)
            if node.function in ("min", "least_known")
            else say("（{x}中较大的）", x=listed)
        )
    if node.function in ("add_years", "add_months"):
        return _moved(arguments[0], arguments[1], in_months=node.function == "add_months")
    if node.function == "year_start":
        return say("{x}当年 1 月 1 日", x=_moved(*arguments, gap=" "))
    if node.function == "default" and isinstance(node.arguments[1], Literal):
        value = node.arguments[1].value
        usual = _choices(node.arguments[0], names).get(str(value), arguments[1])
        return say(_CALLS["default"], a=arguments[0], b=usual)
    if node.function == "middle":
        return say("{x}第 {first} 位起 {n} 位", x=arguments[0], first=arguments[1], n=arguments[2])
    if node.function == "given":
        arguments = [enumerated(arguments)]
    return say(_CALLS[node.function], **dict(zip("abc", arguments, strict=False)))


def _moved(day: str, by: str, *, in_months: bool = False, gap: str = "") -> str:
    """A day moved: 测评日后推 3 年, 测评日前推 5 年."""
    if by == "0":
        return day
    n = by.removeprefix("-")
    if in_months:
        return (
            say("{x}前推 {n} 个月", x=day, n=n) if by.startswith("-") else say("{x}后推 {n} 个月", x=day, n=n)
        ) + gap
    return (say("{x}前推 {n} 年", x=day, n=n) if by.startswith("-") else say("{x}后推 {n} 年", x=day, n=n)) + gap


def _bands(node: Bands, names: _Names) -> str:
    steps = [
        say(
            "{op} {threshold} 得 {points}",
            op=operator(one.op), threshold=_threshold(one.threshold, node), points=_points(one.least, one.greatest),
        )
        for one in node.steps
    ]  # fmt: skip
    return say(
        "按{x}分档：{steps}，其余得 {points}",
        x=_inner(node.of, names), steps=say("，").join(steps), points=_points(*node.otherwise),
    )  # fmt: skip


def _threshold(value: Any, node: Bands) -> str:
    return _money(value) if node.of.kind == MONEY else _number(value)


def _points(low: Any, high: Any) -> str:
    least, most = _number(low, as_percent=False), _number(high, as_percent=False)
    return say("{points} 分", points=least if low == high else f"{least}–{most}")


_WORDS: dict[type[Node], Callable[[Any, _Names], str]] = {
    Literal: _literal, Fact: _fact, Field: lambda node, names: names.fields.get(node.name, node.name),
    AsOf: lambda node, names: say("测评日"), Measure: lambda node, names: names.measures.get(node.name, node.name) or node.name,
    Shift: _shift, Arithmetic: _arithmetic, Compare: _compare, Logic: _logic, Not: _not, Choose: _choose, Window: _window,
    CompoundGrowth: _growth, Records: _records, Call: _call, Bands: _bands,
}  # fmt: skip
