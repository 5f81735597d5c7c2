"""Facts of one enterprise, as they come in (JSON of the official forms' units) and as the engine reads them.

Money comes in 万元 with up to six decimals and is whole fen inside. A key that is absent, or null, is unknown; the
text `"none"` says that the thing is known not to exist; an absent list is unknown, `[]` says that somebody looked and
found nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from rules.catalogue import Catalogue, Indicator, Period, RecordField, Type
from rules.industries import IndustryError, read_industry_digits
from rules.language import FEN_PER_WAN
from rules.translation import enumerated, marked, say, sentences
from rules.values import FactKey, RecordValue, Value, simple

#: No enterprise reports more than 100 万亿 yuan; whatever is larger was typed in the wrong unit.
MOST_MONEY_FEN = 10_000_000_000 * FEN_PER_WAN
_INTERIM = re.compile(r"[0-9]{4}(H[12]|Q[1-4]|M[0-9]{1,2})")
#: Powers of ten beyond any figure; `1e999999999` would fill the memory before it could be compared.
_MOST_DIGITS = 30
#: Days outside are typing errors, and the calendar has no room to count from them.
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class FactProblem:
    """One fact that cannot be used: which, what is wrong, and what to do."""

    name: str
    message: str
    #: Whether the rest of the facts can still be answered with, this one counting as missing.
    is_dropped: bool = False
    #: The same for a page, whose reader knows indicators by their names and has no use for ids.
    on_page: str = ""


class FactError(Exception):
    """Facts that cannot be read; carries all problems found, not only the first."""

    def __init__(self, problems: list[FactProblem]) -> None:
        self.problems = problems
        super().__init__(told(problems))


#: How many problems are told of one enterprise; who has more has sent another file.
MOST_TOLD = 20


def told(problems: Sequence[FactProblem]) -> str:
    """All problems in one sentence, as far as anybody reads."""
    more = [say("另有 {n} 处", n=len(problems) - MOST_TOLD)] if len(problems) > MOST_TOLD else []
    return sentences([*(problem.message for problem in problems[:MOST_TOLD]), *more])


@dataclass
class Facts:
    """What is known of one enterprise: values by indicator id, yearly ones by year."""

    current: dict[str, Value] = field(default_factory=dict[str, Value])
    yearly: dict[str, dict[int, Value]] = field(default_factory=dict[str, dict[int, Value]])
    #: Values that were dropped because they cannot be true; each counts as missing.
    dropped: list[FactProblem] = field(default_factory=list[FactProblem])

    def keys(self) -> Iterable[FactKey]:
        """Every fact that is known."""
        yield from (FactKey(name) for name in self.current)
        for name, years in self.yearly.items():
            yield from (FactKey(name, year) for year in years)

    def get(self, key: FactKey) -> Value:
        """The value under a key; `KeyError` where nobody knows it."""
        return self.current[key.indicator] if key.year is None else self.yearly[key.indicator][key.year]

    def with_value(self, key: FactKey, value: Value) -> "Facts":
        """A copy with one fact changed."""
        changed = Facts(dict(self.current), {name: dict(years) for name, years in self.yearly.items()}, self.dropped)
        if key.year is None:
            changed.current[key.indicator] = value
        else:
            changed.yearly.setdefault(key.indicator, {})[key.year] = value
        return changed


def read_facts(raw: Mapping[str, Any], catalogue: Catalogue, as_of: date) -> Facts:
    """Read facts given by name in the units of the official forms.

    Args:
        raw: indicator id or alias → value; yearly ones as `{"2024": 1000}`; money in 万元.
        catalogue: says what each name means.
        as_of: the day of the check; figures of later years are dropped as impossible.

    Values that cannot be used (a text for a number, a negative amount, a later year) count as missing and are told
    in `dropped`: the rest is still worth an answer.

    Raises:
        FactError: a name that the catalogue does not know, or one figure given under two names: nobody can say what
            was meant.
    """
    facts, problems = Facts(), list[FactProblem]()
    seen: dict[str, str] = {}
    for name, value in raw.items():
        indicator = catalogue.indicator(name)
        if indicator is None:
            problems.append(
                FactProblem(
                    name, say("目录中没有指标“{name}”，请核对名称（tidu rules indicators 可列出全部指标）", name=name)
                )
            )
        elif indicator.id in seen:
            message = say("“{name}”与“{other}”是同一指标，只能给一次", name=name, other=seen[indicator.id])
            problems.append(FactProblem(name, message))
        elif value is not None:
            seen[indicator.id] = name
            _read_one(facts, indicator, name, value, as_of, problems)
    facts.dropped = [problem for problem in problems if problem.is_dropped]
    if any(not problem.is_dropped for problem in problems):
        raise FactError(problems)
    return facts


def _read_one(
    facts: Facts, indicator: Indicator, name: str, value: Any, as_of: date, problems: list[FactProblem]
) -> None:
    try:
        if indicator.period is Period.YEARLY:
            facts.yearly[indicator.id] = _read_years(indicator, name, value, as_of, problems)
        else:
            facts.current[indicator.id] = read_value(indicator, _of_its_day(indicator, value, as_of))
            _check_range(indicator, facts.current[indicator.id])
            _check_year(indicator, facts.current[indicator.id], as_of)
    except _Impossible as error:
        facts.current.pop(indicator.id, None)
        problems.append(_dropped(indicator, name, error.what, **error.values))
    except _PartlyUnusable as error:
        facts.current[indicator.id] = error.records
        problems += [_dropped(indicator, name, _PART, problem=text) for text in error.texts]
    except ValueError as error:
        problems.append(_dropped(indicator, name, _WHOLE, problem=error))


_WHOLE = marked("{subject}{problem}，已按缺失处理，请更正")
_PART = marked("{subject}{problem}，该项已按缺失处理，请更正")
_REFUSED = marked("{subject}{problem}，没有采用，请更正")


def _dropped(indicator: Indicator, name: str, what: str, **values: Any) -> FactProblem:
    """A value that is refused and counts as missing; the check is answered all the same.

    Args:
        indicator: whose value it is.
        name: as it was given.
        what: the sentence, with a place for its `{subject}` and others for the values.
    """
    subject = say("“{name}”（{id}）", name=indicator.name, id=name)
    short = say("“{name}”", name=indicator.name)
    on_page = _REFUSED if what in (_WHOLE, _PART) else what
    return FactProblem(name, say(what, subject=subject, **values), True, say(on_page, subject=short, **values))


_STATES = (Type.CHOICE, Type.BOOLEAN, Type.TEXT)


class _Impossible(ValueError):
    """A value of the right type that cannot be true; carries the sentence and its values."""

    def __init__(self, what: str, **values: Any) -> None:
        self.what = what
        self.values = values
        super().__init__(what)


class _PartlyUnusable(ValueError):
    """Records of which some parts cannot be used; carries what remains."""

    def __init__(self, records: list[RecordValue], texts: list[str]) -> None:
        self.records = records
        self.texts = texts
        super().__init__(sentences(texts))


def _of_its_day(indicator: Indicator, value: Any, as_of: date) -> Any:
    """The figure of the last completed year, else of this one, where a figure of one day is given by years.

    The official forms ask some of them by year (years in the niche at the year's end). An older year's never stands
    in: what was so then need not be so now.
    """
    if not isinstance(value, Mapping) or indicator.type in (Type.LIST, Type.DATE):
        return value  # type: ignore[reportUnknownVariableType]
    years: Mapping[str, Any] = {str(year): one for year, one in value.items()}  # type: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    for year in (as_of.year - 1, as_of.year):
        if years.get(str(year)) is not None:
            return years[str(year)]
    raise ValueError(say("没有 {year} 年的数，实为 {seen}", year=as_of.year - 1, seen=_seen(value)))


def _read_years(
    indicator: Indicator, name: str, value: Any, as_of: date, problems: list[FactProblem]
) -> dict[int, Value]:
    if not isinstance(value, Mapping):
        if indicator.type not in _STATES and indicator.derive is None:
            raise ValueError(
                say("是分年度指标，应写作 {example}，实为 {seen}", example=_by_year(as_of), seen=_seen(value))
            )
        # A size class or a ratio said without a year can only be the last completed one's; a sum could be any year's.
        value = {str(as_of.year - 1): value}
    years: dict[int, Value] = {}
    for written, one in value.items():  # type: ignore[reportUnknownVariableType]
        label = str(written)  # type: ignore[reportUnknownArgumentType]
        if _INTERIM.fullmatch(label) or one is None:
            continue  # half-year and quarterly figures never stand for a year
        if not re.fullmatch(r"[0-9]{4}", label):
            what = marked("{subject}的年度“{label}”应为四位年份，如 {year}；该年未采用")
            problems.append(_dropped(indicator, name, what, label=label[:20], year=as_of.year - 1))
            continue
        year = int(label)
        if year > as_of.year:
            what = marked("{subject}给出了 {year} 年的数，晚于测评日 {day}，未采用，请核对年度")
            problems.append(_dropped(indicator, name, what, year=year, day=as_of))
            continue
        try:
            years[year] = read_value(indicator, one)
            _check_range(indicator, years[year])
        except _Impossible as error:
            years.pop(year, None)
            found = _dropped(indicator, name, error.what, **error.values)
            in_year = (say("{year} 年{problem}", year=year, problem=one) for one in (found.message, found.on_page))
            problems.append(FactProblem(name, next(in_year), True, next(in_year)))
        except ValueError as error:
            problem = say("{year} 年的数{problem}", year=year, problem=error)
            problems.append(_dropped(indicator, name, _WHOLE, problem=problem))
    return years


def _by_year(as_of: date) -> str:
    return f'{{"{as_of.year - 1}": {say("数值")}}}'


def _check_year(indicator: Indicator, value: Value, as_of: date) -> None:
    if indicator.type is not Type.YEAR or not isinstance(value, int):
        return
    if not FIRST_DAY.year <= value <= as_of.year:
        problem = say("应为不晚于测评日 {day} 的年份，实为 {value}", day=as_of, value=value)
        raise _Impossible(_WHOLE, problem=problem)


def _check_range(indicator: Indicator, value: Value) -> None:
    if indicator.range is None or not isinstance(value, int | Fraction) or isinstance(value, bool):
        return
    scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
    low, high = indicator.range
    if low is not None and value < low * scale:
        raise _Impossible(_WHOLE, problem=say("不应小于 {bound}", bound=low))
    if high is not None and value > high * scale:
        raise _Impossible(_WHOLE, problem=say("不应大于 {bound}", bound=high))


def read_value(indicator: Indicator | RecordField, value: Any) -> Value:
    """Read one value of an indicator.

    Raises:
        ValueError: with the Chinese reason, to be put behind the indicator's name.
    """
    if isinstance(value, str) and value == "none" and "none" not in indicator.choices:
        # That there is no such thing is what false says of a statement.
        return False if indicator.type is Type.BOOLEAN else None
    match indicator.type:
        case Type.MONEY:
            return read_money(value)
        case Type.NUMBER | Type.PERCENT | Type.HEADCOUNT:
            return _read_number(value)
        case Type.COUNT | Type.YEAR:
            return _read_whole(value)
        case Type.BOOLEAN:
            if not isinstance(value, bool):
                raise ValueError(say("应为 true 或 false，实为 {seen}", seen=_seen(value)))
            return value
        case Type.DATE:
            return read_date(value)
        case Type.CHOICE:
            return _read_choice(indicator, value)
        case Type.TEXT:
            if not isinstance(value, str):
                raise ValueError(say("应为文本，实为 {seen}", seen=_seen(value)))
            return _read_text(indicator, value)
        case Type.LIST:
            assert isinstance(indicator, Indicator)
            return _read_records(indicator, value)


def _read_text(indicator: Indicator | RecordField, value: str) -> str:
    """A text as it is, an industry's code by its digits."""
    if not isinstance(indicator, Indicator) or indicator.codes is None:
        return value
    try:
        return read_industry_digits(value)
    except IndustryError as error:
        # What was done about it follows in the same sentence.
        raise ValueError(str(error).rstrip("。.")) from error


def _seen(value: Any) -> str:
    """A value as it was written, cut where it is long."""
    text = (
        str(value)
        if isinstance(value, Decimal | int | float) and not isinstance(value, bool)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
    return text if len(text) <= 60 else f"{text[:60]}…"


def _read_number(value: Any) -> int | Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(say("应为数字，实为 {seen}", seen=_seen(value)))
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        if not number.is_finite():
            raise ValueError(say("应为有限的数，实为 {seen}", seen=value))
        if number and abs(number.adjusted()) > _MOST_DIGITS:
            raise ValueError(say("数值过大或过小（{seen}），请核对单位", seen=_seen(value)))
        if len(number.as_tuple().digits) > 2 * _MOST_DIGITS:
            raise ValueError(say("位数过多（{seen}），请核对", seen=_seen(value)))
        return simple(Fraction(number))
    except InvalidOperation as error:
        raise ValueError(say("应为数字，实为 {seen}", seen=_seen(value))) from error


def _read_whole(value: Any) -> int:
    number = _read_number(value)
    if not isinstance(number, int):
        raise ValueError(say("应为整数，实为 {seen}", seen=_seen(value)))
    return number


def read_money(value: Any) -> int:
    """Money in 万元 → whole fen.

    Raises:
        ValueError: not a number, finer than one fen, or larger than any enterprise's.
    """
    fen = _read_number(value) * FEN_PER_WAN
    if isinstance(fen, Fraction) and fen.denominator != 1:
        raise ValueError(say("单位为万元，最多六位小数（精确到分），实为 {seen}", seen=_seen(value)))
    fen = int(fen)
    if abs(fen) > MOST_MONEY_FEN:
        raise ValueError(say("数值过大（{seen} 万元），请核对单位是否为万元", seen=_seen(value)))
    return fen


def read_date(value: Any) -> date:
    """An ISO day.

    Raises:
        ValueError: not a day of the calendar.
    """
    if isinstance(value, date):
        return _within_calendar(value)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError(say("应为日期，写作 2024-05-01，实为 {seen}", seen=_seen(value)))
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(say("不是存在的日期：{seen}", seen=value)) from error
    return _within_calendar(day)


def _within_calendar(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(
            say("应在 {first} 至 {last} 年之间，实为 {day}", first=FIRST_DAY.year, last=LAST_DAY.year, day=day)
        )
    return day


def _read_choice(indicator: Indicator | RecordField, value: Any) -> str:
    if not isinstance(value, str) or value not in indicator.choices:
        allowed = enumerated(say("{code}（{text}）", code=code, text=text) for code, text in indicator.choices.items())
        raise ValueError(say("应取 {allowed} 之一，实为 {seen}", allowed=allowed, seen=_seen(value)))
    return value


def _read_records(indicator: Indicator, value: Any) -> list[RecordValue]:
    if isinstance(value, Mapping):
        value = [value]  # somebody who knows of one only
    if not isinstance(value, list):
        raise ValueError(say("应为记录列表，没有时写 []，实为 {seen}", seen=_seen(value)))
    names = {alias: one for one in indicator.fields for alias in (one.id, *one.aliases)}
    records: list[RecordValue] = []
    unusable: list[str] = []
    for position, item in enumerate(value, start=1):  # type: ignore[reportUnknownVariableType]
        if not isinstance(item, Mapping):
            raise ValueError(say("第 {place} 条应为对象，实为 {seen}", place=position, seen=_seen(item)))
        records.append(_read_record(names, item, position, unusable))  # type: ignore[reportUnknownArgumentType]
    if unusable:
        raise _PartlyUnusable(records, unusable)
    return records


def _read_record(
    names: dict[str, RecordField], item: Mapping[str, Any], position: int, unusable: list[str]
) -> RecordValue:
    record: RecordValue = {}
    spoilt: set[str] = set()
    for name, one in item.items():
        described = names.get(name)
        if described is None:
            unusable.append(
                say(
                    "第 {place} 条有不认识的项“{name}”，只能有 {known}",
                    place=position,
                    name=name,
                    known=enumerated(names),
                )
            )
            continue
        if one is None:
            if described.absent == "none":
                record[described.id] = None
            continue
        try:
            record[described.id] = read_value(described, one)
        except ValueError as error:
            unusable.append(say("第 {place} 条的“{name}”{problem}", place=position, name=described.name, problem=error))
            spoilt.add(described.id)
    for described in names.values():
        first = names.get(described.not_before or "")
        if first is not None and _is_before(record.get(described.id), record.get(first.id)):
            what = say("“{name}”早于“{first}”", name=described.name, first=first.name)
            unusable.append(say("第 {place} 条的{problem}", place=position, problem=what))
            del record[described.id]
            spoilt.add(described.id)
        # A day of revocation that cannot be read is not the absence of one.
        if described.absent == "none" and described.id not in spoilt:
            record.setdefault(described.id, None)
    return record


def _is_before(day: Value, other: Value) -> bool:
    return isinstance(day, date) and isinstance(other, date) and day < other
