"""What an enterprise has answered so far. It travels with the form and rests in the enterprise's own file, nowhere else.

The file is one line that `tidu check` answers as it stands: `{"id", "programme", "as_of", "facts"}`, with what the
self-check needs besides (`format`, `target`, `declined`).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from backend.exact_json import exact_json
from backend.self_check.targets import EVERYTHING, UnknownTarget, target
from rules.catalogue import Indicator, Period, Type
from rules.facts import FactError, Facts, read_date, read_facts
from rules.library import Library
from rules.translation import say
from rules.values import FactKey

#: Counted up when the file gets members that an earlier program cannot do without. Files without it are plain checks.
FORMAT = 1
#: The whole catalogue with records and five years stays below a tenth of this.
LARGEST_FILE = 1_000_000


class UnreadableSheet(Exception):
    """The file as a whole cannot be read; `str()` is Chinese."""

    status_code = 400


@dataclass(frozen=True)
class Sheet:
    """The answers of one enterprise, as a check takes them."""

    target: str
    as_of: date
    #: Indicator id → value, in the units of the official forms; yearly ones by year.
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    #: Facts that were asked for and that the enterprise cannot give.
    declined: frozenset[FactKey] = frozenset()

    def read(self, library: Library) -> Facts:
        """The facts as the engine reads them."""
        return read_facts(self.facts, library.catalogue, self.as_of)

    def value(self, key: FactKey) -> Any:
        """What was answered; None where nothing was."""
        held = self.facts.get(key.indicator)
        if key.year is None or not isinstance(held, Mapping):
            return held if key.year is None else None
        return held.get(str(key.year))  # type: ignore[reportUnknownMemberType]

    def with_value(self, key: FactKey, value: Any) -> "Sheet":
        """A copy with one answer changed; None takes it back."""
        facts = dict(self.facts)
        if key.year is None:
            facts[key.indicator] = value
        else:
            facts[key.indicator] = {**(facts.get(key.indicator) or {}), str(key.year): value}
        if key.year is not None and value is None:
            facts[key.indicator] = {year: one for year, one in facts[key.indicator].items() if one is not None}
        if facts[key.indicator] is None or facts[key.indicator] == {}:
            del facts[key.indicator]
        declined = self.declined - {key} if value is not None else self.declined
        return replace(self, facts=facts, declined=declined)

    def without(self, keys: Collection[FactKey]) -> "Sheet":
        """A copy that says of some facts that the enterprise cannot give them."""
        return replace(self, declined=self.declined | frozenset(keys))

    def as_line(self, library: Library) -> str:
        """The file, and what travels with the form: one line of JSON."""
        programmes = target(self.target, library).programmes
        return exact_json(
            {
                "format": FORMAT, "id": "self-check", "target": self.target, "programme": programmes[0], "as_of": self.as_of,
                "facts": self.facts, "declined": sorted(map(str, self.declined)),
            }
        )  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A sheet read from a file, and what of the file could not be taken."""

    sheet: Sheet
    problems: tuple[str, ...] = ()


def load(text: str, library: Library, today: date) -> Loaded:
    """Read a saved file, one of an earlier version, one edited by hand, or a line for `tidu check`.

    What is wrong is told entry by entry, and the rest is taken.

    Raises:
        UnreadableSheet: it is no such file at all.
    """
    content, problems = _parse(text)
    version = content.get("format", 0)
    if not isinstance(version, int):
        raise UnreadableSheet(
            say("文件里的格式号（format）被改动过，应为整数。请改回 {ours}，或重新保存。", ours=FORMAT)
        )
    if version > FORMAT:
        raise UnreadableSheet(
            say(
                "这个文件由更新的版本保存（格式 {theirs}，本系统识别到 {ours}），请在保存它的网站打开。",
                theirs=version,
                ours=FORMAT,
            )
        )
    wanted = _target(content, library, problems)
    as_of = _as_of(content, today, problems)
    raw = content.get("facts")
    if not isinstance(raw, dict):
        raise UnreadableSheet(say("文件里没有企业数据（facts）。请选择在自测页面保存的文件。"))
    facts: dict[str, Any] = {}
    for name, value in raw.items():  # type: ignore[reportUnknownVariableType]
        _take(str(name), value, facts, library, as_of, problems)  # type: ignore[reportUnknownArgumentType]
    return Loaded(Sheet(wanted, as_of, facts, _declined(content, library)), tuple(problems))


def _parse(text: str) -> tuple[dict[str, Any], list[str]]:
    if len(text) > LARGEST_FILE:
        raise UnreadableSheet(say("文件太大，不是自测保存的文件。"))
    problems: list[str] = []

    def note_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        problems.extend(
            say("“{name}”在文件中出现了两次，采用了后一个，请核对", name=name)
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        )
        return dict(pairs)

    try:
        content = json.loads(
            text.removeprefix("\ufeff"), parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=note_twice
        )
    except (ValueError, RecursionError, ArithmeticError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = say("（第 {line} 行第 {place} 个字附近写法有误）", line=error.lineno, place=error.colno)
        raise UnreadableSheet(
            say(
                "这不是自测保存的文件，或者手工修改时弄坏了{where}。请选择以 .json 结尾、在自测页面保存的文件。",
                where=where,
            )
        ) from error
    if not isinstance(content, dict):
        raise UnreadableSheet(say("这不是自测保存的文件。请选择在自测页面保存的文件。"))
    return content, problems  # type: ignore[reportUnknownVariableType]


def _target(content: Mapping[str, Any], library: Library, problems: list[str]) -> str:
    wanted = content.get("target", content.get("programme"))
    if wanted is None:
        problems.append(say("文件里没有写测评内容，已改为“我们能成为什么？”，可重新选择"))
        return EVERYTHING
    try:
        return target(str(wanted), library).id
    except UnknownTarget:
        gone = say(
            "文件里的测评内容“{target}”在规则库中已不存在，已改为“我们能成为什么？”，可重新选择",
            target=str(wanted)[:60],
        )
        problems.append(gone)
        return EVERYTHING


def _as_of(content: Mapping[str, Any], today: date, problems: list[str]) -> date:
    if content.get("as_of") is None:
        problems.append(say("文件里没有写截至日，已改为今天 {today}", today=today))
        return today
    try:
        return read_date(content["as_of"])
    except ValueError as error:
        problems.append(say("文件里的截至日{problem}；已改为今天 {today}", problem=error, today=today))
        return today


def _take(name: str, value: Any, facts: dict[str, Any], library: Library, as_of: date, problems: list[str]) -> None:
    indicator = library.catalogue.indicator(name)
    if indicator is None:
        problems.append(say("“{name}”：目录中没有这个指标（可能是旧版本的名称或手工改错），没有读入", name=name[:60]))
        return
    if value is None:
        return
    if indicator.id in facts:
        problems.append(say("“{name}”在文件中以两个名称出现，采用了前一个，请核对", name=indicator.name))
        return
    kept, wrong = usable(indicator, value, library, as_of)
    problems += wrong
    if kept is not None and kept != {}:
        facts[indicator.id] = kept


def usable(indicator: Indicator, value: Any, library: Library, as_of: date) -> tuple[Any, list[str]]:
    """What of a value the engine takes, and what is wrong with the rest; of a yearly figure year by year."""
    if indicator.period is Period.YEARLY and isinstance(value, Mapping):
        kept: dict[str, Any] = {}
        wrong: list[str] = []
        for year, one in value.items():  # type: ignore[reportUnknownVariableType]
            label = str(year)  # type: ignore[reportUnknownArgumentType]
            found = _problems_of({indicator.id: {label: one}}, library, as_of)
            if not found and not _is_year(label):
                # The engine passes figures of a quarter over in silence; whoever typed them is told.
                found = [
                    say(
                        "“{name}”的“{label}”不是整年，半年、季度的数不代表全年，没有采用",
                        name=indicator.name, label=label[:20],
                    )
                ]  # fmt: skip
            wrong += found
            if not found and one is not None:
                kept[label] = one
        return kept, wrong
    found = _problems_of({indicator.id: value}, library, as_of)
    if indicator.period is Period.YEARLY and not found:
        # What the engine takes without a year is the last completed one's.
        value = {str(as_of.year - 1): value}
    if indicator.type is Type.LIST and not found:
        # One record alone, or the word for none, as the engine takes them.
        records = [] if value == "none" else [value] if isinstance(value, Mapping) else value
        names = {alias: one.id for one in indicator.fields for alias in (one.id, *one.aliases)}
        value = [{names[str(name)]: said for name, said in record.items()} for record in records]
    return (None if found else value), found


def _is_year(label: str) -> bool:
    return len(label) == 4 and label.isascii() and label.isdecimal()


def _problems_of(facts: Mapping[str, Any], library: Library, as_of: date) -> list[str]:
    try:
        read = read_facts(facts, library.catalogue, as_of)
    except FactError as error:
        return [problem.message for problem in error.problems]
    return [problem.on_page for problem in read.dropped]


def _declined(content: Mapping[str, Any], library: Library) -> frozenset[FactKey]:
    written = content.get("declined", [])
    found: set[FactKey] = set()
    for one in written if isinstance(written, list) else []:  # type: ignore[reportUnknownVariableType]
        name, _, year = str(one).removesuffix("]").partition("[")  # type: ignore[reportUnknownArgumentType]
        if name in library.catalogue.by_name and (not year or (year.isdecimal() and len(year) == 4)):
            found.add(FactKey(name, int(year) if year else None))
    return frozenset(found)
