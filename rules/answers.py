"""Checks in and answers out as JSON: the contract of `tidu check` and of `POST /api/v1/checks`."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from rules.contradictions import contradictions
from rules.evaluate import Answer, Outcome, Reason
from rules.facts import MOST_TOLD, FactError, read_date, read_facts, told
from rules.language import FEN_PER_WAN
from rules.library import Library, NotInForce, UnknownProgramme
from rules.receipt import receipt
from rules.requests import Line
from rules.translation import enumerated, say
from rules.values import FactKey, Growth, Unknown, Value

_REQUIRED = ("programme", "as_of", "facts")
_EXAMPLE = '{"id": …, "programme": …, "as_of": …, "facts": {…}}'


class CheckError(Exception):
    """A check that cannot be answered; the message says what, where, and what to do."""


def answer_line(line: str, library: Library) -> dict[str, Any]:
    """Answer one line of NDJSON; never raises for what stands in the line."""
    twice: list[str] = []

    def keep_names_given_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        kept = dict(pairs)
        if len(kept) < len(pairs):
            twice.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return kept

    try:
        # NaN and infinity are no JSON, but the rest of the line is worth an answer: read as figures they are dropped.
        request = json.loads(
            line, parse_float=_decimal, parse_constant=Decimal, object_pairs_hook=keep_names_given_twice
        )
    except (ValueError, RecursionError) as error:
        return {
            "id": id_in(line),
            "error": say("不是有效的 JSON：{problem}。每行应为一个测评请求", problem=_json_problem(error)),
        }
    if not isinstance(request, dict):
        return {
            "id": None,
            "error": say("每行应为一个 JSON 对象，如 {example}", example=_EXAMPLE),
        }
    request["id"] = _written_again(request.get("id"))
    if twice:
        names = enumerated(say("“{name}”", name=name) for name in twice[:MOST_TOLD])
        return {"id": request["id"], "error": say("{names}出现了两次，请只保留一个", names=names)}
    try:
        return answer_request(request, library)  # type: ignore[reportUnknownArgumentType]
    except CheckError as error:
        return {"id": request["id"], "error": str(error)}


_ID = re.compile(r'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d{1,18})')


def _decimal(written: str) -> Decimal:
    """A number as it was written; one with an exponent beyond all reckoning stays beyond what is accepted."""
    try:
        return Decimal(written)
    except InvalidOperation:
        return Decimal("1e-999999" if "e-" in written.lower() else "1e999999")


def _json_problem(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return say("第 {place} 个字符处写法不对（{problem}）", place=error.pos + 1, problem=error.msg)
    return say("嵌套过深") if isinstance(error, RecursionError) else say("有过长的数字")


def id_in(line: str) -> str | int | None:
    """The id of a line that is no JSON, where it can still be made out."""
    found = _ID.search(line)
    try:
        return json.loads(found[1]) if found else None
    except ValueError:
        return None


def _written_again(value: Any) -> Any:
    """An id as it goes back out; a number with a point comes in as a decimal, which JSON cannot write."""
    return value if value is None or isinstance(value, str | int) else str(value)


def answer_request(request: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """Answer one check.

    Args:
        request: `{"id", "programme", "as_of", "facts"}`, facts in the units of the official forms.

    Raises:
        CheckError: the request cannot be answered.
    """
    for name in _REQUIRED:
        if name not in request:
            raise CheckError(say("缺少“{name}”，测评请求须有 programme、as_of、facts", name=name))
    wanted, raw = request["programme"], request["facts"]
    if not isinstance(wanted, str) or not isinstance(raw, Mapping):
        raise CheckError(say("programme 应为文本（如 hnte 或 hnte@2016），facts 应为对象"))
    try:
        as_of = read_date(request["as_of"])
    except ValueError as error:
        raise CheckError(say("as_of {problem}", problem=error)) from error
    try:
        facts = read_facts(raw, library.catalogue, as_of)  # type: ignore[reportUnknownArgumentType]
        version = library.version(wanted, as_of, facts)
    except (FactError, UnknownProgramme) as error:
        raise CheckError(str(error)) from error
    except NotInForce as error:
        programme = library.programme(wanted.partition("@")[0])
        if programme.source.outside_versions == "refuse":
            raise CheckError(str(error)) from error
        return _not_in_force(request, programme.source.programme)
    answer = library.evaluator(version).answer(facts, as_of)
    shown = present(answer, library)
    shown["warnings"] = [*shown["warnings"], *(words for _, words in contradictions(facts, as_of, library))]
    return {"id": request.get("id"), **shown, "receipt": receipt(version, as_of, raw)}  # type: ignore[reportUnknownArgumentType]


def _not_in_force(request: Mapping[str, Any], programme: str) -> dict[str, Any]:
    return {
        "id": request.get("id"), "programme": programme, "version": None, "outcome": str(Outcome.INELIGIBLE),
        "likely": False, "score": None, "failed": ["not_in_force"], "unknown": [], "missing": [], "labels": {},
        "warnings": [], "criteria": [],
    }  # fmt: skip


def present(answer: Answer, library: Library) -> dict[str, Any]:
    """An answer as JSON: figures in the units of the official forms."""
    shown: dict[str, Any] = {
        "programme": answer.version.source.programme,
        "version": answer.version.source.version,
        "outcome": str(answer.outcome),
        "likely": answer.is_likely,
        "score": _score(answer),
        "failed": answer.failed,
        "unknown": answer.unknown,
        "missing": sorted(str(key) for key in answer.missing),
        "labels": {name: plain(value) for name, value in answer.labels.items()},
        "warnings": answer.warnings,
        "criteria": [_criterion(reason, library) for reason in answer.reasons],
    }
    if answer.dropped:
        shown["error"] = told(answer.dropped)
    return shown


def _score(answer: Answer) -> dict[str, Any] | None:
    if answer.score is None:
        return None
    low, high = answer.score
    shown: dict[str, Any] = {"value": plain(low)} if low == high else {"min": plain(low), "max": plain(high)}
    if answer.pass_mark is not None:
        shown["pass"] = f"{answer.pass_mark[0]} {plain(answer.pass_mark[1])}"
    return shown


def _criterion(reason: Reason, library: Library) -> dict[str, Any]:
    criterion = reason.criterion
    shown: dict[str, Any] = {
        "id": criterion.id, "name": criterion.name, "form": criterion.form, "outcome": str(reason.outcome),
        "cite": criterion.cite, "certainty": str(criterion.certainty),
    }  # fmt: skip
    if reason.op:
        shown |= {
            "figure": show(reason.figure, criterion.shown), "op": reason.op,
            "threshold": show(reason.threshold, criterion.shown), "gap": show(reason.gap, criterion.shown),
            "unit": unit_of(criterion.shown),
        }  # fmt: skip
    if reason.items:
        shown["items"] = {name: _span(points) for name, points in reason.items}
    if reason.facts:
        shown["facts"] = {str(key): fact_value(key, value, library) for key, value in reason.facts}
    if reason.missing:
        shown["missing"] = sorted(str(key) for key in reason.missing)
    if reason.outcome is Outcome.UNKNOWN and reason.note:
        shown["note"] = reason.note
    if reason.children:
        shown["children"] = [_criterion(child, library) for child in reason.children]
    return shown


def fact_value(key: FactKey, value: Value, library: Library) -> Any:
    """A fact in its input unit; None where unknown."""
    indicator = library.catalogue.by_name[key.indicator]
    return show(value, "money" if indicator.type == "money" else "number")


def unit_of(shown: str) -> str:
    """The unit that a figure is shown in."""
    return say("万元") if shown == "money" else {"percent": "%", "number": ""}.get(shown, shown)


def show(value: Value, shown: str) -> Any:
    """A value for people and JSON: money in 万元, ratios in percent (both rounded to 4 places), others as they are."""
    if type(value) is int:  # most figures are, and of fractions it takes twenty times as long
        if shown == "money":
            whole, rest = divmod(value, FEN_PER_WAN)
            return round(value / FEN_PER_WAN, 6) if rest else whole
        return value * 100 if shown == "percent" else value
    if isinstance(value, Growth):
        return round(value.approximate() * 100, 4)
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        if shown == "money":
            return plain(Fraction(value) / FEN_PER_WAN)
        if shown == "percent":
            return plain(Fraction(value) * 100)
    return plain(value)


_AS_THEY_ARE = frozenset({int, str, bool, float, type(None)})


def plain(value: Any) -> Any:
    """A value that JSON can hold; fractions rounded to 6 places."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else round(float(value), 6)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [{name: plain(one) for name, one in record.items()} for record in value]  # type: ignore[union-attr]
    return value


def _span(points: Value) -> Any:
    if isinstance(points, Unknown):
        return {"min": plain(points.lo), "max": plain(points.hi)}
    return plain(points)


def answer_lines(lines: Iterable[Line], library: Library) -> Iterator[dict[str, Any]]:
    """Answer many lines; one that is no text is answered with its problem."""
    for line in lines:
        yield {"id": id_in(line.text), "error": line.problem} if line.problem else answer_line(line.text, library)


def as_line(answer: Mapping[str, Any]) -> str:
    """An answer as a line of NDJSON that every encoding can hold."""
    written = json.dumps(answer, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:  # half of a character, which JSON can say and no text can
        written = json.dumps(answer)
    return written + "\n"
