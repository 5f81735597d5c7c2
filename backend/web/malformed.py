"""What is malformed in a request, told field by field: what was sent, where, what is allowed, and what to do.

Of the body the place is a JSON Pointer (RFC 6901), of what is no JSON the line, column and offset; of the address and
the headers it is the parameter's or the header's name.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from annotated_types import Ge, Gt, Le, Lt
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from rules.translation import enumerated, marked, say

#: Longer than that a value is not repeated to whoever sent it.
_MOST_SHOWN: Final = 40
_SECRET: Final = re.compile(r"password|secret|token|key|code|otp", re.IGNORECASE)
_CHOICE: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|(-?\d+)")


def told_of_each(error: RequestValidationError, route: Any) -> list[dict[str, Any]]:
    """Each thing that is wrong, as a member of the problem's `errors`; `route` is the one that was asked."""
    return [_told(one, route, error.body) for one in error.errors()]


def _told(item: Mapping[str, Any], route: Any, body: Any) -> dict[str, Any]:
    where, *rest = item["loc"] or ("body",)
    kind, name = str(item["type"]), str(rest[0]) if rest else ""
    if kind == "json_invalid":
        return {"pointer": "", "code": kind, **_broken_off(item, body)}
    place = _place(str(where), rest)
    last = next((str(one) for one in reversed(rest) if isinstance(one, str)), name)
    bounds = _bounds(item.get("ctx", {}), _parameter(route, str(where), name) if len(rest) == 1 else ())
    detail, remedy = _in_words(item, last, bounds)
    return {**place, "code": kind, "detail": detail, "remedy": remedy}


def _place(where: str, rest: Sequence[Any]) -> dict[str, str]:
    steps = "".join(f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in rest)
    if where == "body":
        return {"pointer": steps}
    named = "header" if where == "header" else "parameter"
    return {"pointer": f"/{where}{steps}", named: str(rest[0]) if rest else ""}


def _broken_off(item: Mapping[str, Any], body: Any) -> dict[str, Any]:
    """Where a body stops being JSON; the framework says at which character."""
    offset = next((one for one in item["loc"] if isinstance(one, int)), 0)
    before = body[:offset] if isinstance(body, str) else ""
    line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
    return {
        "detail": say("请求的内容从第 {offset} 个字符起不是 JSON。", offset=offset + 1), "line": line, "column": column,
        "offset": len(before.encode(errors="surrogatepass")) or offset, "remedy": say("请核对引号、逗号和括号。"),
    }  # fmt: skip


# Bounds -----------------------------------------------------------------------------------------------------


def _parameter(route: Any, where: str, name: str) -> Sequence[Any]:
    """What the route says of a parameter: annotations such as `Ge(1)`."""
    if not isinstance(route, APIRoute) or where not in ("query", "path", "header", "cookie"):
        return ()
    for each in _dependants(route.dependant):
        for one in getattr(each, f"{where}_params"):
            if one.alias == name:
                return one.field_info.metadata
    return ()


def _dependants(one: Dependant) -> Iterator[Dependant]:
    yield one
    for inner in one.dependencies:
        yield from _dependants(inner)


def _bounds(context: Mapping[str, Any], said: Sequence[Any]) -> dict[str, Any]:
    """ge, le, gt and lt: both ends, where the route says them, not only the one that was passed."""
    named: dict[type, str] = {Ge: "ge", Le: "le", Gt: "gt", Lt: "lt"}
    found = {word: getattr(one, word) for one in said for kind, word in named.items() if isinstance(one, kind)}
    return {word: context[word] for word in named.values() if word in context} | found


def _range(bounds: Mapping[str, Any]) -> str:
    low, high = bounds.get("ge"), bounds.get("le")
    if low is not None and high is not None:
        return say("在 {low} 至 {high} 之间", low=low, high=high)
    parts = [
        say(words, edge=bounds[word])
        for word, words in (("ge", marked("不小于 {edge}")), ("gt", marked("大于 {edge}")), ("le", marked("不大于 {edge}")), ("lt", marked("小于 {edge}")))
        if bounds.get(word) is not None
    ]  # fmt: skip
    return enumerated(parts)


# Words -------------------------------------------------------------------------------------------------------


def _in_words(item: Mapping[str, Any], name: str, bounds: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and what to do."""
    kind, message = str(item["type"]), str(item["msg"])
    if not message.isascii():  # our own validators' words
        return message.removeprefix("Value error, "), say("请改正“{name}”。", name=name)
    if kind == "missing":
        return say("“{name}”没有填写。", name=name), say("请补上“{name}”。", name=name)
    if kind == "extra_forbidden":
        return say("没有“{name}”这一项。", name=name), say("请核对拼写，或删去。")
    wanted = _wanted(kind, item.get("ctx", {}), bounds)
    said = _said(item, name)
    detail = say("“{name}”应{wanted}{said}。", name=name, wanted=wanted, said=said)
    return detail, say("请改正“{name}”，应{wanted}。", name=name, wanted=wanted)


def _said(item: Mapping[str, Any], name: str) -> str:
    """What was sent, if it is short and no secret."""
    given = item.get("input")
    if isinstance(given, bool | dict | list) or given is None or _SECRET.search(name):
        return ""
    written = str(given)
    return say("，实为“{given}”", given=written) if 0 < len(written) <= _MOST_SHOWN else ""


def _wanted(kind: str, context: Mapping[str, Any], bounds: Mapping[str, Any]) -> str:
    """What is allowed, so that it can stand after 应."""
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        return _range(bounds)
    if kind in ("literal_error", "enum"):
        choices = [text or number for text, number in _CHOICE.findall(str(context.get("expected", "")))]
        return say("为 {choices} 之一", choices=enumerated(choices))
    if kind.startswith(("string_too", "too_")):
        return _length(kind, context)
    if kind == "string_pattern_mismatch":
        return say("符合格式 {pattern}", pattern=context.get("pattern", ""))
    for begins, words in _KINDS:
        if kind.startswith(begins):
            ends = _range(bounds)
            return words() + (say("，{ends}", ends=ends) if ends else "")
    return say("符合接口说明的格式")


def _length(kind: str, context: Mapping[str, Any]) -> str:
    most, least = context.get("max_length"), context.get("min_length")
    if kind.startswith("string"):
        return say("不超过 {most} 个字", most=most) if most is not None else say("至少有 {least} 个字", least=least)
    return say("不超过 {most} 项", most=most) if most is not None else say("至少有 {least} 项", least=least)


#: How the kind of an error begins → what was wanted; the more exact first.
_KINDS: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("int", lambda: say("为整数")), ("float", lambda: say("为数字")), ("decimal", lambda: say("为数字")),
    ("finite", lambda: say("为数字")), ("bool", lambda: say("为 true 或 false")),
    ("datetime", lambda: say("为时刻，如 2026-01-31T09:30:00+08:00")), ("timezone", lambda: say("为带时区的时刻，如 2026-01-31T09:30:00+08:00")),
    ("date", lambda: say("为日期，如 2026-01-31")), ("time", lambda: say("为时间，如 09:30")),
    ("list", lambda: say("为数组")), ("tuple", lambda: say("为数组")), ("set", lambda: say("为数组")),
    ("dict", lambda: say("为对象")), ("model", lambda: say("为对象")), ("mapping", lambda: say("为对象")),
    ("string", lambda: say("为文本")), ("uuid", lambda: say("为 UUID")), ("url", lambda: say("为网址")),
)  # fmt: skip
