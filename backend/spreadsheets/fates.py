"""What an import does with each row, and the report of all of them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from backend.spreadsheets.kept_rows import KeptRows, Named
from backend.spreadsheets.progress import Progress
from backend.spreadsheets.records import ReadResult, ReadRow, RecognitionEvent, RowProblem, Severity
from rules.catalogue import Catalogue
from rules.library import Library


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOTED = "noted"
    REFUSED = "refused"

    @property
    def chinese(self) -> str:
        """The fate as the report shows it."""
        return _CHINESE[self]


_CHINESE = {
    Fate.NEW: "新增企业", Fate.CHANGED: "更新", Fate.UNCHANGED: "无变化", Fate.NOTED: "只作提示，不写入",
    Fate.REFUSED: "有问题，不导入",
}  # fmt: skip
_GREATER_FIRST = (Fate.REFUSED, Fate.NEW, Fate.CHANGED, Fate.UNCHANGED, Fate.NOTED)

#: In `Importer.choices`: the row is about an enterprise that the registry does not have yet.
NEW_ENTERPRISE = 0


@dataclass(frozen=True)
class Importer:
    """Who imports, and in whose knowledge."""

    catalogue: Catalogue
    library: Library
    today: date
    person_id: int | None = None
    #: The district of a district's officer; empty for the whole city.
    region_code: str = ""
    import_id: int | None = None
    progress: Progress = field(default_factory=Progress, compare=False)
    #: It is only tried out: what nobody will ask for before it is taken back need not be written.
    is_trial: bool = False
    #: Which enterprise a person said a doubtful row is about: place of the row → id, or `NEW_ENTERPRISE`.
    choices: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Candidate:
    """An enterprise that a doubtful row may be about; a person decides."""

    id: int
    name: str
    credit_code: str | None
    region_code: str
    #: How like the names are, 0 to 1; 1 where it bears or bore the very name.
    likeness: float = 1.0
    #: When a person said of another list that this name means this enterprise.
    decided_on: date | None = None


@dataclass(slots=True)
class RowFate:
    """A row, what becomes of it and why."""

    _row: ReadRow | None
    fate: Fate = Fate.UNCHANGED
    problems: tuple[RowProblem, ...] = ()
    enterprise_id: int | None = None
    candidates: tuple[Candidate, ...] = ()
    #: No enterprise was found by itself; it takes a code, or a person's word.
    is_doubtful: bool = False
    #: Something was written because of the row.
    has_written: bool = False
    #: It registers an enterprise that neither the registry nor another row of the file speaks of.
    is_alone: bool = False
    #: Its place among the rows of the file.
    at: int = 0
    #: What the row lies in while nobody works on it.
    _rows: KeptRows | None = None

    @property
    def row(self) -> ReadRow:
        """The row; made anew each time it is asked for after `let_go`."""
        if self._row is not None:
            return self._row
        assert self._rows is not None
        return self._rows[self.at]

    def let_go(self, rows: Sequence[ReadRow]) -> None:
        """Nobody works on the row any more: hold it no longer, if it is laid down anyway."""
        if isinstance(rows, KeptRows):
            self._row, self._rows = None, rows

    @property
    def named(self) -> Named:
        """Where the row stands and whom it names."""
        if self._rows is not None:
            return self._rows.named(self.at)
        row = self.row
        return Named(row.sheet, row.row, row.enterprise.name, row.enterprise.credit_code)

    @property
    def place(self) -> str:
        """What names the row within its file."""
        return f"{self.row.sheet}!{self.row.row}"

    @property
    def day(self) -> date:
        """The day of the row's list; rows of no list come first."""
        return min((one.dated_on for one in self.row.recognitions if one.dated_on is not None), default=date.min)

    @property
    def only_tells(self) -> bool:
        """A publicity list gives no title: nothing is written for its rows."""
        events = {one.event for one in self.row.recognitions}
        return events == {RecognitionEvent.PUBLICITY} and not self.row.figures

    def improve(self, fate: Fate) -> None:
        """A row that does two things is called by the greater."""
        self.has_written = True
        if _GREATER_FIRST.index(fate) < _GREATER_FIRST.index(self.fate):
            self.fate = fate

    def refuse(self, reason: str, remedy: str, column: str = "") -> None:
        """Keep the row out."""
        self.problems += (problem_of(self.row, reason, remedy, column),)
        self.fate = Fate.REFUSED

    def warn(self, reason: str, remedy: str = "") -> None:
        """Say something of the row that does not keep it out."""
        self.problems += (replace(problem_of(self.row, reason, remedy), severity=Severity.WARNING),)


def problem_of(row: ReadRow, reason: str, remedy: str, column: str = "") -> RowProblem:
    """Something wrong with a row that only the registry or the rules can see."""
    return RowProblem(row.sheet, row.row, column, "", "", reason, remedy, kind="not_importable")


#: What differs from row to row where the same thing is wrong: names and values in quotes, codes, numbers, days.
_VALUES = re.compile(r"“[^”]*”(?:（[^（）]*）)?(?:、“[^”]*”)*|[0-9A-Z]{13,18}|\d+(?:[.-]\d+)*")


@dataclass(frozen=True)
class ProblemKind:
    """One thing that is wrong in some rows, without what differs between them."""

    text: str
    severity: Severity
    rows: int


def kinds_of(one: RowFate) -> set[tuple[str, Severity]]:
    """The kinds of a row's problems."""
    return {(_kind_of(problem), problem.severity) for problem in one.problems}


def _kind_of(problem: RowProblem) -> str:
    said = _VALUES.sub("…", problem.reason) or problem.remedy
    return f"“{problem.title}”{said}" if problem.title else said


@dataclass
class Report:
    """What an import did, or would do."""

    result: ReadResult
    fates: list[RowFate]
    #: Enterprises that something was written of.
    touched: list[int]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows met which fate."""
        found = Counter(one.fate for one in self.fates)
        return {fate.value: found.get(fate, 0) for fate in Fate}

    @property
    def refused(self) -> list[RowFate]:
        """The rows that are kept out."""
        return [one for one in self.fates if one.fate is Fate.REFUSED]

    @property
    def bad_rows(self) -> list[ReadRow]:
        """The rows to hand back, with every problem attached."""
        return [replace(one.row, problems=one.problems) for one in self.refused]

    @property
    def problem_kinds(self) -> list[ProblemKind]:
        """What is wrong in how many rows: what keeps rows out first, then what is most frequent."""
        found = Counter((kind, severity) for one in self.fates for kind, severity in kinds_of(one))
        ordered = sorted(found.items(), key=lambda item: (item[0][1] is not Severity.ERROR, -item[1], item[0][0]))
        return [ProblemKind(kind, severity, rows) for (kind, severity), rows in ordered]

    def as_json(self) -> dict[str, Any]:
        """The report as data: how the file was read, counts, and each row's fate with its problems."""
        return {**self.head_as_json(), "rows": [row_as_json(one) for one in self.fates]}

    def head_as_json(self) -> dict[str, Any]:
        """The same without the rows."""
        result = self.result
        return {
            "file": result.file_name, "layout": result.layout, "counts": {**result.counts, **self.counts},
            "tables": [
                {"sheet": one.sheet, "layout": one.layout, "title": one.title, "columns": one.columns,
                 "unrecognised": one.unrecognised}
                for one in result.tables
            ],
            "notes": [one.text for one in result.notes],
            "skipped_sheets": [{"sheet": one.sheet, "reason": one.reason} for one in result.skipped_sheets],
            "skipped_rows": [
                {"sheet": one.sheet, "row": one.row, "reason": one.reason.chinese, "text": one.text[:80]}
                for one in result.skipped_rows
            ],
            "problem_kinds": [
                {"text": one.text, "severity": one.severity.value, "rows": one.rows} for one in self.problem_kinds
            ],
        }  # fmt: skip


def row_as_json(one: RowFate) -> dict[str, Any]:
    """A row's fate and problems as data."""
    shown: dict[str, Any] = {**one.named._asdict(), "fate": one.fate.value}
    if one.problems:
        shown["problems"] = [
            {"column": p.column, "title": p.title, "value": p.value[:80], "reason": p.reason, "remedy": p.remedy,
             "severity": p.severity.value, "kind": p.kind, "text": p.text}
            for p in one.problems
        ]  # fmt: skip
    if one.is_doubtful:
        shown["place"] = one.place
        shown["candidates"] = [
            {"id": c.id, "name": c.name, "credit_code": c.credit_code, "region_code": c.region_code}
            for c in one.candidates
        ]
    return shown
