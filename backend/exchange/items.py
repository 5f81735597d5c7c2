"""One item of a batch: what it says, or everything that is wrong with it, each with its place and its remedy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.exchange.places import escaped
from backend.filings.projection_tables import holds_none
from rules.catalogue import Catalogue, Indicator, Period
from rules.facts import FactError, read_facts

FIRST_YEAR, LAST_YEAR = 1990, 2999


class ItemProblem(BaseModel):
    """What is wrong with one place of an item, and what to do."""

    pointer: str = Field(examples=["/3/values/operating_revenue"])
    code: str = Field(examples=["not-a-number"])
    detail: str = Field(examples=["“营业收入”应为数字，实为“约3000”"])
    remedy: str = Field(examples=["请改为数字，单位万元，如 3000。"])


class FilingItem(BaseModel):
    """What a source says of one enterprise: yearly figures with their year, others without."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: The sender's own mark, given back with the result.
    id: Annotated[str, Field(max_length=100)] | int | None = None
    credit_code: Annotated[str, Field(max_length=60, examples=["91321283DEM000014X"])]
    year: Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR, examples=[2025])] | None = None
    #: The day on which it was said; without it, today.
    received_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-05-28"])] | None = None
    #: Indicator → value in the units of the official forms: money in 万元.
    values: Annotated[dict[str, Any], Field(min_length=1, max_length=400, examples=[{"operating_revenue": 3000}])]
    note: Annotated[str, Field(max_length=500)] = ""


class RecognitionItem(BaseModel):
    """A title as its authority's system states it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(max_length=100)] | int | None = None
    credit_code: Annotated[str, Field(max_length=60, examples=["91321283DEM000014X"])]
    programme: Annotated[str, Field(max_length=60, examples=["hnte"])]
    granted_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2025-11-19"])]
    number: Annotated[str, Field(max_length=60, examples=["GR202532000001"])] = ""
    batch: Annotated[str, Field(max_length=120)] = ""
    valid_from: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    valid_to: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    notice: Annotated[str, Field(max_length=200)] = ""


@dataclass
class Judged:
    """An item on its way: what it says in the registry's words, what is wrong, what is odd."""

    place: str
    id: str | int | None = None
    code: str = ""
    year: int | None = None
    received_on: date | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    note: str = ""
    problems: list[ItemProblem] = field(default_factory=list[ItemProblem])
    warnings: list[ItemProblem] = field(default_factory=list[ItemProblem])
    enterprise_id: int | None = None
    outcome: str = "refused"

    def object_to(self, path: str, code: str, detail: str, remedy: str) -> None:
        self.problems.append(ItemProblem(pointer=f"{self.place}{path}", code=code, detail=detail, remedy=remedy))

    def wonder(self, path: str, code: str, detail: str, remedy: str) -> None:
        self.warnings.append(ItemProblem(pointer=f"{self.place}{path}", code=code, detail=detail, remedy=remedy))


def judge_filing(raw: Any, place: str, catalogue: Catalogue, on: date) -> Judged:
    """Everything that can be said of a filing without asking the registry."""
    judged = Judged(place, id=mark_of(raw))
    item = shaped(FilingItem, raw, judged)
    if item is None:
        return judged
    judge_code(item.credit_code, judged)
    judged.year, judged.note = item.year, item.note
    judged.received_on = day_of(item.received_on, "/received_on", judged, latest=on) or on
    if item.year is not None and item.year >= on.year:
        judged.object_to(
            "/year", "year-not-over", f"{item.year} 年尚未结束。", f"年度数据请在 {item.year + 1} 年起报送，预缴等期间数不作年度数。"
        )  # fmt: skip
    judged.values = _judge_values(item.values, item.year, catalogue, on, judged)
    return judged


def mark_of(raw: Any) -> str | int | None:
    """The sender's own mark, where it is one."""
    mark = raw.get("id") if isinstance(raw, Mapping) else None  # type: ignore[reportUnknownMemberType]
    return mark if isinstance(mark, str | int) and not isinstance(mark, bool) else None


def shaped(kind: Any, raw: Any, judged: Judged) -> Any:
    """The item as the model has it; None with its problems where it has not that shape."""
    if not isinstance(raw, Mapping):
        judged.object_to("", "not-an-object", "每一条应是 JSON 对象。", "请按接口说明改为对象。")
        return None
    try:
        return kind.model_validate(raw)
    except ValidationError as problem:
        told: dict[str, tuple[str, str, str]] = {}
        for one in problem.errors(include_url=False):
            # Of a choice of types each is objected to under a name of its own; the place is the same.
            steps = [str(step) for place, step in enumerate(one["loc"]) if place == 0 or step not in _MEMBERS]
            told.setdefault("".join(f"/{escaped(step)}" for step in steps), _in_words(one, steps[-1] if steps else ""))
        for path, words in told.items():
            judged.object_to(path, *words)
        return None


#: What Pydantic calls the members of a choice of types, behind the field's name.
_MEMBERS: Final = frozenset({"str", "int", "constrained-str", "constrained-int"})


def _in_words(one: Any, name: str) -> tuple[str, str, str]:
    """The code, what is wrong and what is allowed, and what to do."""
    context: Mapping[str, Any] = one.get("ctx", {})
    given = str(one["input"]) if isinstance(one["input"], str | int | float) else ""
    said = f"，实为“{given[:40]}”" if given else ""
    match str(one["type"]):
        case "missing":
            return "missing", f"缺少“{name}”。", "请补上后重发这一条。"
        case "extra_forbidden":
            return "unknown-field", f"接口没有“{name[:60]}”这一项。", "请核对拼写，或删去；指标应写在 values 里。"
        case "string_pattern_mismatch" if "-" not in str(context.get("pattern", "")):
            return "unknown-region", f"“{name}”应为六位数字{said}。", "请写六位区划代码，如 321282。"
        case "string_pattern_mismatch":
            return "not-a-day", f"“{name}”不是日期{said}。", "请写成 2026-05-28 这样。"
        case "greater_than_equal" | "less_than_equal":
            return (
                "out-of-range",
                f"“{name}”应在 {FIRST_YEAR} 至 {LAST_YEAR} 之间{said}。",
                "年度请写四位年份，如 2025。",
            )
        case "too_short" | "too_long" | "string_too_short" | "string_too_long" as kind:
            return "wrong-length", f"“{name}”的长度不对：{_length(kind, context)}。", "请核对内容后重发这一条。"
        case "literal_error":
            offered = "、".join(re.findall(r"'([^']*)'", str(context.get("expected", ""))))
            return "wrong-type", f"“{name}”应为 {offered} 之一{said}。", "请改为其中之一。"
        case kind:
            wanted = next((words for begins, words in _TYPES.items() if kind.startswith(begins)), "接口说明的类型")
            return (
                "wrong-type",
                f"“{name}”的类型不对，应为{wanted}。",
                "请对照接口说明的类型：代码和日期用字符串，年度用整数。",
            )


#: How the kind of an error begins → what was wanted.
_TYPES: Final = {"string": "字符串", "int": "整数", "dict": "对象", "bool": "true 或 false"}


def _length(kind: str, context: Mapping[str, Any]) -> str:
    what = "字" if kind.startswith("string") else "项"
    if kind.endswith("long"):
        return f"最多 {context.get('max_length')} {what}"
    return f"至少 {context.get('min_length')} {what}"


def judge_code(written: str, judged: Judged) -> None:
    """Read the credit code; what is wrong with it goes to the item."""
    try:
        judged.code = parse_credit_code(written).code
    except CreditCodeError as problem:
        judged.object_to("/credit_code", "uscc-invalid", str(problem), "请对照营业执照核对 18 位统一社会信用代码。")


def day_of(written: str | None, path: str, judged: Judged, latest: date | None = None) -> date | None:
    """A day as written; what is wrong with it goes to the item."""
    if written is None:
        return None
    try:
        day = date.fromisoformat(written)
    except ValueError:
        judged.object_to(path, "not-a-day", f"没有 {written} 这一天。", "请核对日期。")
        return None
    if day.year < FIRST_YEAR or (latest is not None and day > latest):
        judged.object_to(path, "out-of-range", f"{written} 不在可能的范围内。", "日期不能晚于今天，请核对。")
    return day


def _judge_values(
    values: Mapping[str, Any], year: int | None, catalogue: Catalogue, on: date, judged: Judged
) -> dict[str, Any]:
    """The values under the catalogue's ids; an absent one (null) is left out."""
    good: dict[str, tuple[Indicator, Any]] = {}
    for name, value in values.items():
        indicator = catalogue.indicator(name)
        path = f"/values/{escaped(name)}"
        if indicator is None:
            judged.object_to(
                path,
                "unknown-indicator",
                f"目录中没有指标“{name[:60]}”。",
                "请核对名称；GET /api/v1/indicators 列出全部指标。",
            )
        elif value is None:
            continue
        elif (indicator.period is Period.YEARLY) != (year is not None):
            what = "须写明年度" if indicator.period is Period.YEARLY else "不分年度"
            judged.object_to(
                path, "wrong-period", f"“{indicator.name}”{what}。", "分年度和不分年度的指标请分作两条报送。"
            )
        elif value == "none" and not holds_none(indicator):
            judged.object_to(path, "wrong-none", f"“{indicator.name}”不能填 none。", "没有时请填 0、false 或空列表。")
        elif indicator.id in good:
            judged.object_to(path, "given-twice", f"“{name}”与同一指标的另一名称重复。", "请只给一次。")
        else:
            good[indicator.id] = (indicator, value)
    _read(good, values, year, catalogue, on, judged)
    return {name: value for name, (_, value) in good.items()}


def _read(
    good: Mapping[str, tuple[Indicator, Any]], values: Mapping[str, Any], year: int | None, catalogue: Catalogue,
    on: date, judged: Judged,
) -> None:  # fmt: skip
    raw = {
        name: {str(year): value} if indicator.period is Period.YEARLY else value
        for name, (indicator, value) in good.items()
    }
    try:
        problems = read_facts(raw, catalogue, on).dropped
    except FactError as error:
        problems = error.problems
    given = {indicator.id: name for name in values if (indicator := catalogue.indicator(name)) is not None}
    for one in problems:
        path = f"/values/{escaped(given.get(one.name, one.name))}"
        judged.object_to(
            path,
            "unusable-value",
            one.message.replace("，已按缺失处理，请更正", ""),
            "请按指标的单位和类型改正；金额单位为万元。",
        )


#: As many times the figure of the year before as yuan are to 万元, give or take a factor of four.
LEAST_TIMES, MOST_TIMES = 2_500, 40_000
#: 万元: more than 100 billion yuan no enterprise of a prefecture has; 10 million yuan written as yuan would be as much.
MOST_PLAUSIBLE = 10_000_000


def wonder_at_unit(judged: Judged, indicator: Indicator, value: Any, before_fen: int) -> None:
    """Say that an amount looks like yuan, by what is held or, where nothing is, by its size; it is kept as it was sent."""
    if not isinstance(value, int | Decimal):
        return
    times = Decimal(value) * 1_000_000 / before_fen if before_fen > 0 else 0
    if LEAST_TIMES <= times <= MOST_TIMES:
        why = f"是已有数据的 {times:.0f} 倍"
    elif before_fen == 0 and abs(value) >= MOST_PLAUSIBLE:
        why = "达到 1000 亿元以上"
    else:
        return
    judged.wonder(
        f"/values/{indicator.id}", "unit-suspect", f"“{indicator.name}”{why}，疑似以元填报；已按所报保存。",
        "请核对单位是否为万元，如有误请重报。",
    )  # fmt: skip
