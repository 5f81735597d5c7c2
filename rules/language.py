"""The expression language of rule files: its nodes, and the parser that builds them.

An expression reads as in the official document: `sum(rd_expense_hnte, 3) / sum(sales_revenue, 3) >= 5%`. It is parsed
by Python's own parser and only the forms named here are let through; nothing is ever executed. Every node knows the
kind of value it gives, so that money compared with a count is refused when the file is read, not when it is used.

    figures     sales_revenue, sales_revenue[-1] (a year earlier), srdi_quality_score[1] (the year after, now running),
                operating_revenue[2020], 5000万, 60%, 2010-01-01
    windows     sum(x, 3), mean(x, 3), every(x > 0, 3), rising(x, 3): over the years the enterprise has existed
    growth      cagr(x, 2) over the last two steps, cagr(x, 2020, 2023): compared exactly
    choice      a if condition else b, max, min, best_of (leaves out what cannot be computed), default, given
    records     any(list, predicate), none(list, predicate), count(list, predicate), highest(list, field, predicate)
    dates       as_of, add_years(d, 3), add_months, days_between(a, b), year_start(d, -1), months_between(a, b)
    truth       and, or, not, comparisons, in [...], exists(x[-2]), undetermined("why")
"""

import ast
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.values import Number, simple

FEN_PER_YUAN = 100
FEN_PER_WAN = 10_000 * FEN_PER_YUAN

#: The kinds of value an expression can give. Counts, people, percent points and points of a score are all numbers.
MONEY, NUMBER, DATE, TRUTH, TEXT, RECORDS, NOTHING, GROWTH = (
    "money", "number", "date", "boolean", "text", "list", "none", "growth",
)  # fmt: skip


class LanguageError(Exception):
    """An expression that the language does not allow; the message says what is wrong and what to write instead."""


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes; `kind` is the kind of value it gives."""

    kind: str


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: int | Fraction | bool | str | date | None | tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Fact(Node):
    """An indicator; a yearly one is read at the year the context stands at."""

    indicator: Indicator


@dataclass(frozen=True, slots=True)
class Field(Node):
    """A field of the record that a list predicate looks at."""

    name: str


@dataclass(frozen=True, slots=True)
class AsOf(Node):
    """The day of the check."""


@dataclass(frozen=True, slots=True)
class Measure(Node):
    """A number that the rule file works out under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Shift(Node):
    """An expression in another year: `years` earlier (negative) or the calendar year named."""

    inner: Node
    offset: int | None
    calendar_year: int | None


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare(Node):
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`and`, `or`."""

    op: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    inner: Node


@dataclass(frozen=True, slots=True)
class Choose(Node):
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Window(Node):
    """An expression over the last `years` years that existed: summed, averaged, or asked of each year."""

    function: str
    inner: Node
    years: int


@dataclass(frozen=True, slots=True)
class CompoundGrowth(Node):
    """Growth of `inner` from one year to another; years are offsets, or calendar years where `absolute`."""

    inner: Node
    first: int
    last: int
    absolute: bool


@dataclass(frozen=True, slots=True)
class Records(Node):
    """A question about dated records: any, none, count of those for which the predicate holds, or the highest field."""

    quantifier: str
    records: Node
    predicate: Node | None
    field: str | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a band: from which figure on, in which relation, and the points (least, greatest)."""

    op: str
    threshold: Number
    least: Number
    greatest: Number


@dataclass(frozen=True, slots=True)
class Bands(Node):
    """Points by the first step that the figure reaches; `otherwise` if it reaches none."""

    of: Node
    steps: tuple[Step, ...]
    otherwise: tuple[Number, Number]


NODE_TYPES: tuple[type[Node], ...] = (
    Literal, Fact, Field, AsOf, Measure, Shift, Arithmetic, Compare, Logic, Not, Choose, Window, CompoundGrowth,
    Records, Call, Bands,
)  # fmt: skip

_KIND_OF_TYPE = {
    Type.MONEY: MONEY, Type.NUMBER: NUMBER, Type.COUNT: NUMBER, Type.HEADCOUNT: NUMBER, Type.PERCENT: NUMBER,
    Type.YEAR: NUMBER, Type.DATE: DATE, Type.BOOLEAN: TRUTH, Type.CHOICE: TEXT, Type.TEXT: TEXT, Type.LIST: RECORDS,
}  # fmt: skip

_KIND_NAMES = {
    MONEY: "金额", NUMBER: "数", DATE: "日期", TRUTH: "是非", TEXT: "文本", RECORDS: "记录列表", NOTHING: "none",
    GROWTH: "增长率",
}  # fmt: skip

_WINDOWS = {"sum", "mean", "every", "rising"}
_QUANTIFIERS = {"any", "none", "count"}

#: Functions of plain arguments: the kinds they take (`*` = any one, `same` = all alike, … = the last may repeat) and give.
_FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "min": (("same", "..."), "same"),
    "max": (("same", "..."), "same"),
    "best_of": (("same", "..."), "same"),
    "least_known": (("same", "..."), "same"),
    "default": (("same", "same"), "same"),
    "unless_given": (("same", "same"), "same"),
    "given": (("*",), TRUTH),
    "exists": (("*",), TRUTH),
    "existing_years": ((NUMBER,), NUMBER),
    "floor": ((NUMBER,), NUMBER),
    "between": ((NUMBER, NUMBER), NUMBER),
    "undetermined": ((TEXT,), "open"),
    "add_years": ((DATE, NUMBER), DATE),
    "add_months": ((DATE, NUMBER), DATE),
    "days_between": ((DATE, DATE), NUMBER),
    "months_between": ((DATE, DATE), NUMBER),
    "year_of": ((DATE,), NUMBER),
    "year_start": ((DATE, NUMBER), DATE),
    "prefix": ((TEXT, NUMBER), TEXT),
    "middle": ((TEXT, NUMBER, NUMBER), TEXT),
    "whole_number": ((TEXT,), NUMBER),
    "fiscal_year": ((), NUMBER),
    "all_given": (("*", "..."), TRUTH),
}

_WHOLE_ARGUMENTS = {"add_years", "add_months", "year_start", "prefix", "middle", "existing_years"}

#: Every word of the language that is not an indicator: a rule file may not name a measure so.
RESERVED = {*_WINDOWS, *_QUANTIFIERS, *_FUNCTIONS, "cagr", "highest", "as_of"}

#: What Python does not read by itself: quoted text (left alone), days, amounts of money, percentages.
_WRITTEN = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')
    |(?<![\w.])(?P<day>\d{4}-\d{2}-\d{2})(?!\w)
    |(?<![\w.])(?P<amount>\d+(?:\.\d+)?)(?P<scale>万亿|万|亿)元?
    |(?<![\w.])(?P<percent>\d+(?:\.\d+)?)%""",
    re.VERBOSE,
)
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_SCALE = {"万": FEN_PER_WAN, "亿": 10_000 * FEN_PER_WAN, "万亿": 100_000_000 * FEN_PER_WAN}


def parse(text: str, catalogue: Catalogue, measures: Mapping[str, str] | None = None) -> Node:
    """Parse an expression.

    Args:
        text: the expression.
        catalogue: the indicators it may name.
        measures: names that the rule file has worked out so far, each with its kind.

    Raises:
        LanguageError: the expression is not of the language, names something unknown, or mixes kinds of value.
    """
    prepared = _WRITTEN.sub(_as_python, text).strip().replace("\n", " ")
    try:
        tree = ast.parse(prepared, mode="eval")
    except SyntaxError as error:
        raise LanguageError(f"表达式“{text}”写法有误（{error.msg}），请检查括号和运算符") from error
    return _Parser(text, prepared, catalogue, measures or {}).build(tree.body)


def _as_python(match: re.Match[str]) -> str:
    if match["day"]:
        return f'_date("{match["day"]}")'
    if match["amount"]:
        return f'_money("{match["amount"]}", "{match["scale"]}")'
    if match["percent"]:
        return f'_percent("{match["percent"]}")'
    return match["text"]


class _Parser:
    """Builds nodes out of Python's syntax tree, checking kinds on the way up."""

    def __init__(self, text: str, prepared: str, catalogue: Catalogue, measures: Mapping[str, str]) -> None:
        self.text = text
        self.prepared = prepared
        self.catalogue = catalogue
        self.measures = measures
        #: While a predicate is read: name of a field → (its id, its kind).
        self.fields: Mapping[str, tuple[str, str]] = {}
        #: While a predicate is read: id of a field → the values it can have, where the catalogue lists them.
        self.field_choices: Mapping[str, Mapping[str, str]] = {}

    def refuse(self, message: str) -> LanguageError:
        return LanguageError(f"表达式“{self.text}”：{message}")

    def build(self, tree: ast.expr) -> Node:
        """The node for a piece of syntax."""
        handlers: dict[type[ast.expr], Callable[..., Node]] = {
            ast.Constant: self._constant, ast.Name: self._name, ast.Subscript: self._subscript,
            ast.BinOp: self._arithmetic, ast.UnaryOp: self._unary, ast.Compare: self._compare,
            ast.BoolOp: self._logic, ast.IfExp: self._choose, ast.Call: self._call, ast.List: self._list,
        }  # fmt: skip
        handler = handlers.get(type(tree))
        if handler is None:
            raise self.refuse(f"不支持“{ast.unparse(tree)}”这种写法")
        return handler(tree)

    def _constant(self, tree: ast.Constant) -> Node:
        value = tree.value
        if isinstance(value, bool):
            return Literal(TRUTH, value)
        if isinstance(value, int):
            return Literal(NUMBER, value)
        if isinstance(value, float):
            written = ast.get_source_segment(self.prepared, tree)
            return Literal(NUMBER, simple(Fraction(written or str(value))))
        if isinstance(value, str):
            return Literal(TEXT, value)
        if value is None:
            return Literal(NOTHING, None)
        raise self.refuse(f"不支持常量 {value!r}")

    def _name(self, tree: ast.Name) -> Node:
        name = tree.id
        if name in self.fields:
            identity, kind = self.fields[name]
            return Field(kind, identity)
        if name == "as_of":
            return AsOf(DATE)
        if name in ("true", "false"):
            return Literal(TRUTH, name == "true")
        if name == "none":
            return Literal(NOTHING, None)
        if name in self.measures:
            return Measure(self.measures[name], name)
        indicator = self.catalogue.indicator(name)
        if indicator is None:
            raise self.refuse(f"目录中没有指标“{name}”{self._near(name)}")
        return Fact(_KIND_OF_TYPE[indicator.type], indicator)

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self.catalogue.by_name, *self.measures, *self.fields], n=2)
        return f"，是否想写 {' 或 '.join(near)}？" if near else "，请先在 catalogue.yaml 中登记"

    def _subscript(self, tree: ast.Subscript) -> Node:
        inner = self.build(tree.value)
        year = self._whole_number(tree.slice)
        if isinstance(inner, Fact) and inner.indicator.period is not Period.YEARLY:
            raise self.refuse(f"指标“{inner.indicator.name}”不分年度，不能写 [{year}]")
        if 1900 <= year <= 2999:
            return Shift(inner.kind, inner, None, year)
        if -50 <= year <= 1:
            return Shift(inner.kind, inner, year, None)
        raise self.refuse(f"[{year}] 既不是往前的年数（如 [-1]）、本年度（[1]），也不是年份（如 [2020]）")

    def _whole_number(self, tree: ast.expr) -> int:
        node = self.build(tree)
        if isinstance(node, Literal) and isinstance(node.value, int) and not isinstance(node.value, bool):
            return node.value
        raise self.refuse(f"“{ast.unparse(tree)}”处应为整数")

    def _arithmetic(self, tree: ast.BinOp) -> Node:
        op = _ARITHMETIC.get(type(tree.op))
        if op is None:
            raise self.refuse("只能用 + - * / 四则运算")
        left, right = self.build(tree.left), self.build(tree.right)
        if isinstance(left, Literal) and isinstance(right, Literal) and left.kind == right.kind == NUMBER:
            if op == "/" and right.value == 0:
                raise self.refuse("不能除以 0")
            return Literal(NUMBER, _fold(op, left.value, right.value))
        return Arithmetic(self._kind_of_result(op, left.kind, right.kind), op, left, right)

    def _kind_of_result(self, op: str, left: str, right: str) -> str:
        if "open" in (left, right):
            return left if right == "open" else right
        if left not in (MONEY, NUMBER) or right not in (MONEY, NUMBER):
            raise self.refuse(f"{_KIND_NAMES.get(left, left)}和{_KIND_NAMES.get(right, right)}不能做“{op}”运算")
        if op in "+-" and left != right:
            raise self.refuse("金额和数不能相加减，请检查单位（金额常数写作 5000万）")
        if op == "*":
            if left == right == MONEY:
                raise self.refuse("两个金额不能相乘")
            return MONEY if MONEY in (left, right) else NUMBER
        if op == "/":
            if left == NUMBER and right == MONEY:
                raise self.refuse("数不能除以金额")
            return NUMBER if left == right else left
        return left

    def _unary(self, tree: ast.UnaryOp) -> Node:
        inner = self.build(tree.operand)
        if isinstance(tree.op, ast.Not):
            return Not(TRUTH, self._truth(inner))
        if isinstance(tree.op, ast.USub):
            if isinstance(inner, Literal) and isinstance(inner.value, int | Fraction):
                return Literal(inner.kind, -inner.value)
            return Arithmetic(inner.kind, "-", Literal(inner.kind, 0), inner)
        raise self.refuse(f"不支持“{ast.unparse(tree)}”这种写法")

    def _truth(self, node: Node) -> Node:
        if node.kind not in (TRUTH, "open"):
            raise self.refuse(f"此处应为是非判断，实为{_KIND_NAMES.get(node.kind, node.kind)}")
        return node

    def _compare(self, tree: ast.Compare) -> Node:
        sides = [tree.left, *tree.comparators]
        parts = [self._one_comparison(sides[i], op, sides[i + 1]) for i, op in enumerate(tree.ops)]
        return parts[0] if len(parts) == 1 else Logic(TRUTH, "and", tuple(parts))

    def _one_comparison(self, left_tree: ast.expr, op_tree: ast.cmpop, right_tree: ast.expr) -> Node:
        op = _COMPARISONS.get(type(op_tree))
        if op is None:
            raise self.refuse("只能用 >= > <= < == != in")
        left, right = self.build(left_tree), self.build(right_tree)
        if op in ("in", "not in"):
            return self._membership(op, left, right)
        if not (MONEY in (left.kind, right.kind) and (_is_zero(left) or _is_zero(right))):
            self._check_comparable(op, left.kind, right.kind)
        self._check_choice(left, right)
        return Compare(TRUTH, op, left, right)

    def _membership(self, op: str, left: Node, right: Node) -> Node:
        if not (isinstance(right, Literal) and isinstance(right.value, tuple)):
            raise self.refuse('in 的右边应为列表，如 ["a", "b"]')
        for item in right.value:
            self._check_comparable("==", left.kind, item.kind)
            self._check_choice(left, item)
        test = Logic(TRUTH, "or", tuple(Compare(TRUTH, "==", left, item) for item in right.value))
        return Not(TRUTH, test) if op == "not in" else test

    def _check_comparable(self, op: str, left: str, right: str) -> None:
        kinds = {left, right}
        if "open" in kinds or NOTHING in kinds:
            return
        if left == GROWTH and right == NUMBER:
            return
        if left != right or left == GROWTH:
            names = f"{_KIND_NAMES.get(left, left)}与{_KIND_NAMES.get(right, right)}"
            raise self.refuse(f"{names}不能比较，请检查单位（金额写作 5000万，比例写作 5%）")
        if left in (TEXT, TRUTH, RECORDS) and op not in ("==", "!="):
            raise self.refuse(f"{_KIND_NAMES[left]}只能用 == 或 != 比较")

    def _check_choice(self, left: Node, right: Node) -> None:
        for side, other in ((left, right), (right, left)):
            if isinstance(side, Fact):
                name, choices = f"指标“{side.indicator.name}”", side.indicator.choices
            elif isinstance(side, Field):
                name, choices = f"记录的“{side.name}”", self.field_choices.get(side.name, {})
            else:
                continue
            if choices and isinstance(other, Literal) and isinstance(other.value, str) and other.value not in choices:
                raise self.refuse(f"{name}没有取值“{other.value}”，只有 {'、'.join(choices)}")

    def _logic(self, tree: ast.BoolOp) -> Node:
        op = "and" if isinstance(tree.op, ast.And) else "or"
        return Logic(TRUTH, op, tuple(self._truth(self.build(value)) for value in tree.values))

    def _choose(self, tree: ast.IfExp) -> Node:
        condition = self._truth(self.build(tree.test))
        then, otherwise = self.build(tree.body), self.build(tree.orelse)
        return Choose(self._common_kind((then, otherwise)), condition, then, otherwise)

    def _common_kind(self, nodes: tuple[Node, ...]) -> str:
        kinds = {node.kind for node in nodes} - {"open"}
        # Nothing (0) is the same amount of money as of anything else.
        if kinds == {MONEY, NUMBER} and all(_is_zero(node) or node.kind == MONEY for node in nodes):
            return MONEY
        if len(kinds) > 1:
            raise self.refuse(f"各取值应为同一类，实为{'、'.join(sorted(_KIND_NAMES.get(k, k) for k in kinds))}")
        return kinds.pop() if kinds else "open"

    def _list(self, tree: ast.List) -> Node:
        return Literal("choices", tuple(self.build(item) for item in tree.elts))

    def _call(self, tree: ast.Call) -> Node:
        if not isinstance(tree.func, ast.Name) or tree.keywords:
            raise self.refuse(f"不支持“{ast.unparse(tree)}”这种写法")
        name = tree.func.id
        if name.startswith("_"):
            return self._special_literal(name, tree)
        if name in _WINDOWS:
            return self._window(name, tree)
        if name == "cagr":
            return self._growth(tree)
        if name in _QUANTIFIERS or name == "highest":
            return self._records(name, tree)
        if name not in _FUNCTIONS:
            near = difflib.get_close_matches(name, sorted(RESERVED), n=2)
            raise self.refuse(f"没有函数“{name}”" + (f"，是否想写 {' 或 '.join(near)}？" if near else ""))
        return self._plain_call(name, tuple(self.build(argument) for argument in tree.args))

    def _special_literal(self, name: str, tree: ast.Call) -> Node:
        written = [argument.value for argument in tree.args if isinstance(argument, ast.Constant)]
        texts = [value for value in written if isinstance(value, str)]
        if name == "_date" and len(texts) == 1:
            try:
                return Literal(DATE, date.fromisoformat(texts[0]))
            except ValueError as error:
                raise self.refuse(f"没有 {texts[0]} 这一天") from error
        if name == "_money" and len(texts) == 2:
            return Literal(MONEY, simple(Fraction(texts[0]) * _SCALE[texts[1]]))
        if name == "_percent" and len(texts) == 1:
            return Literal(NUMBER, simple(Fraction(texts[0]) / 100))
        raise self.refuse(f"没有函数“{name}”")

    def _window(self, name: str, tree: ast.Call) -> Node:
        if len(tree.args) != 2:
            raise self.refuse(f"{name} 需要两个参数：算式和年数，如 {name}(sales_revenue, 3)")
        inner, years = self.build(tree.args[0]), self._whole_number(tree.args[1])
        if not 1 <= years <= 20:
            raise self.refuse(f"{name} 的年数应在 1 到 20 之间，实为 {years}")
        if name == "every":
            return Window(TRUTH, name, self._truth(inner), years)
        if inner.kind not in (MONEY, NUMBER):
            raise self.refuse(f"{name} 只能用于金额或数")
        return Window(TRUTH if name == "rising" else inner.kind, name, inner, years)

    def _growth(self, tree: ast.Call) -> Node:
        if len(tree.args) not in (2, 3):
            raise self.refuse("cagr 写作 cagr(指标, 步数) 或 cagr(指标, 起始年, 截止年)")
        inner = self.build(tree.args[0])
        if inner.kind not in (MONEY, NUMBER):
            raise self.refuse("cagr 只能用于金额或数")
        first = self._whole_number(tree.args[1])
        if len(tree.args) == 2:
            if not 1 <= first <= 20:
                raise self.refuse(f"cagr 的步数应在 1 到 20 之间，实为 {first}")
            return CompoundGrowth(GROWTH, inner, -first, 0, absolute=False)
        last = self._whole_number(tree.args[2])
        if last <= first:
            raise self.refuse(f"cagr 的截止年 {last} 应晚于起始年 {first}")
        return CompoundGrowth(GROWTH, inner, first, last, absolute=True)

    def _records(self, name: str, tree: ast.Call) -> Node:
        if not tree.args:
            raise self.refuse(f"{name} 的第一个参数应为记录列表")
        records = self.build(tree.args[0])
        if not (isinstance(records, Fact) and records.indicator.fields):
            raise self.refuse(f"{name} 的第一个参数应为记录列表类指标")
        outer, outer_choices = self.fields, self.field_choices
        self.field_choices = {field.id: field.choices for field in records.indicator.fields}
        self.fields = {
            alias: (field.id, _KIND_OF_TYPE[field.type])
            for field in records.indicator.fields
            for alias in (field.id, *field.aliases)
        }
        try:
            rest = list(tree.args[1:])
            field: str | None = None
            if name == "highest":
                if not rest or not isinstance(rest[0], ast.Name) or rest[0].id not in self.fields:
                    raise self.refuse("highest 的第二个参数应为记录的字段名")
                field = self.fields[rest.pop(0).id][0]  # type: ignore[attr-defined]
            if len(rest) > 1:
                raise self.refuse(f"{name} 的参数过多")
            predicate = self._truth(self.build(rest[0])) if rest else None
        finally:
            inner, self.fields = self.fields, outer
            self.field_choices = outer_choices
        kind = NUMBER if name == "count" else TRUTH if field is None else inner[field][1]
        return Records(kind, name, records, predicate, field)

    def _plain_call(self, name: str, arguments: tuple[Node, ...]) -> Node:
        wanted, gives = _FUNCTIONS[name]
        repeats = wanted[-1:] == ("...",)
        needed = len(wanted) - 1 if repeats else len(wanted)
        if len(arguments) < needed or (len(arguments) > needed and not repeats):
            raise self.refuse(
                f"{name} 的参数个数不对：应为 {needed}{' 个以上' if repeats else ' 个'}，实为 {len(arguments)} 个"
            )
        for position, argument in enumerate(arguments):
            kind = wanted[min(position, needed - 1)]
            if kind == "same" and argument.kind == GROWTH:
                raise self.refuse(f"{name} 不能用于增长率；增长率只能与一个数比较，请分别比较后用 or、and 连接")
            if kind not in ("same", "*") and argument.kind not in (kind, "open", NOTHING):
                raise self.refuse(
                    f"{name} 的第 {position + 1} 个参数应为{_KIND_NAMES[kind]}，实为{_KIND_NAMES.get(argument.kind, argument.kind)}"
                )
        self._check_form(name, arguments)
        return Call(self._common_kind(arguments) if gives == "same" else gives, name, arguments)

    def _check_form(self, name: str, arguments: tuple[Node, ...]) -> None:
        """What a few functions ask of how their arguments are written."""
        if name == "exists" and not isinstance(arguments[0], Shift | Fact | Measure):
            raise self.refuse("exists 的参数应为某一年的指标，如 exists(sales_revenue[-2])")
        if name == "undetermined" and not isinstance(arguments[0], Literal):
            raise self.refuse("undetermined 的参数应为写明原因的文本")
        if name in _WHOLE_ARGUMENTS:
            for argument in arguments:
                if isinstance(argument, Literal) and isinstance(argument.value, Fraction):
                    raise self.refuse(f"{name} 的年数、月数、位数应为整数")
        if name == "existing_years" and not isinstance(arguments[0], Literal):
            raise self.refuse("existing_years 的参数应为整数，如 existing_years(3)")


def _is_zero(node: Node) -> bool:
    return isinstance(node, Literal) and node.value == 0


def _fold(op: str, left: object, right: object) -> Number:
    assert isinstance(left, int | Fraction) and isinstance(right, int | Fraction)
    match op:
        case "+":
            return simple(Fraction(left) + right)
        case "-":
            return simple(Fraction(left) - right)
        case "*":
            return simple(Fraction(left) * right)
        case _:
            return simple(Fraction(left) / right)


def kind_of(indicator: Indicator) -> str:
    """The kind of value that an indicator gives in an expression."""
    return _KIND_OF_TYPE[indicator.type]


def walk(node: Node) -> list[Node]:
    """The node and all nodes under it."""
    found: list[Node] = [node]
    for slot in type(node).__slots__:
        child = getattr(node, slot)
        if isinstance(child, Node):
            found += walk(child)
        elif isinstance(child, tuple):
            for item in child:  # type: ignore[union-attr]
                if isinstance(item, Node):
                    found += walk(item)
    return found


def with_derivations(indicators: Collection[str], catalogue: Catalogue) -> frozenset[str]:
    """Indicators and all that they are derived from."""
    found, waiting = set(indicators), list(indicators)
    while waiting:
        indicator = catalogue.by_name[waiting.pop()]
        for written in (indicator.derive, indicator.at_most):
            nodes = walk(parse(written, catalogue)) if written is not None else []
            more = {node.indicator.id for node in nodes if isinstance(node, Fact)} - found
            found |= more
            waiting += more
    return frozenset(found)
