"""What reading a workbook yields: rows with their records, everything wrong in them, and what was left out and why.

Nothing here knows the database: a record says what the row says, in the units of the official forms, and matching
it to an enterprise is the import's business.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from backend.spreadsheets.workbook import Cell


class Severity(StrEnum):
    """Whether a problem keeps the row out."""

    ERROR = "error"
    WARNING = "warning"


class SkipReason(StrEnum):
    """Why a row of a table is no record."""

    SUBTOTAL = "subtotal"
    REPEATED_HEAD = "repeated_head"
    NOTE = "note"
    SECTION = "section"
    EXAMPLE = "example"
    DUPLICATE = "duplicate"

    @property
    def chinese(self) -> str:
        """The reason as the report shows it."""
        return {
            "subtotal": "小计或合计行",
            "repeated_head": "分页处重复的表头",
            "note": "注释、说明或落款",
            "section": "分组标题",
            "example": "示例行",
            "duplicate": "与前面的行完全相同",
        }[self.value]


class RecognitionEvent(StrEnum):
    """What a list or notice says of an enterprise's title."""

    PUBLICITY = "publicity"
    GRANTED = "granted"
    RENEWED = "renewed"
    REVIEW_PASSED = "review_passed"
    RENAMED = "renamed"
    #: Its holder moved whole to another recognising body; the certificate stays as it is (认定管理办法 第十八条).
    MOVED = "moved"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing wrong in one cell, or in a row as a whole (then `column` is empty)."""

    sheet: str
    row: int
    column: str
    title: str
    value: str
    reason: str
    remedy: str
    severity: Severity = Severity.ERROR
    #: Stable word for the kind of problem: `not_a_number`, `check_digit` …
    kind: str = "invalid"

    @property
    def text(self) -> str:
        """The sentence for the user: 第 17 行“销售收入（万元）”填的是“约3000”，请改为数字，如 3000。"""
        if not self.title:
            where = f"第 {self.row} 行"
        elif self.value:
            where = f"第 {self.row} 行“{self.title}”填的是“{_shortened(self.value)}”"
        else:
            where = f"第 {self.row} 行“{self.title}”没有填写"
        return "，".join(part for part in (where, self.reason, self.remedy) if part).rstrip("。") + "。"


def _shortened(value: str) -> str:
    shown = value.replace("\n", "⏎")
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


@dataclass(frozen=True, slots=True)
class TableNote:
    """Something about a whole table or column that the user should know before importing."""

    sheet: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class FormerName:
    """A name given up, and the last day it was used where the table says so."""

    name: str
    used_to: date | None = None


@dataclass(frozen=True, slots=True)
class OldNumber:
    """A number beside the credit code: kind as in `enterprises.identifiers`, or `stock_code`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class EnterpriseRecord:
    """Whom a row is about, and what it says of who they are. Empty or None: the row does not say."""

    name: str = ""
    credit_code: str | None = None
    other_numbers: tuple[OldNumber, ...] = ()
    former_names: tuple[FormerName, ...] = ()
    region_code: str = ""
    #: The region in the words of the table.
    region_text: str = ""
    #: Only the sheet's name, its title or a group's heading says the region, not the row itself.
    region_is_inherited: bool = False
    town: str = ""
    park: str = ""
    address: str = ""
    industry_code: str = ""
    chains: tuple[str, ...] = ()
    established_on: date | None = None
    #: `2000-09` where the table gives no day.
    established_month: str = ""
    is_above_scale: bool | None = None
    status: str = ""
    remark: str = ""


FigureValue = Decimal | date | bool | str


@dataclass(frozen=True, slots=True)
class Figure:
    """A value of an indicator, in the unit of the official forms: money in 万元 (whole fen), shares in percent."""

    indicator: str
    year: int | None
    value: FigureValue
    column: str
    #: The day or month the table says the value is as of, in its own words.
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class RecognitionRecord:
    """What a list, notice or table says of one title. `programme` is an id of the rule library."""

    programme: str
    event: RecognitionEvent
    dated_on: date | None = None
    batch: str = ""
    #: Year of an annual list (瞪羚、独角兽) or of the batch.
    edition: int | None = None
    number: str = ""
    level: str = ""
    new_name: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    list_title: str = ""
    reason: str = ""
    #: The name exactly as the list prints it, one line.
    printed_name: str = ""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row that is a record."""

    sheet: str
    row: int
    enterprise: EnterpriseRecord
    figures: Sequence[Figure] = ()
    recognitions: tuple[RecognitionRecord, ...] = ()
    #: The raw cells from column A on, merged regions and 〃 filled in; none where only the record is wanted.
    cells: tuple[Cell, ...] = ()
    problems: tuple[RowProblem, ...] = ()
    is_hidden: bool = False
    layout: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing keeps the row out."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)


class LaidDown(Sequence[ReadRow]):
    """Rows that are not held in memory, but made when they are asked for."""

    @abstractmethod
    def troubled(self) -> Iterator[ReadRow]:
        """Those with problems, without making the others."""


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that is no record."""

    sheet: str
    row: int
    reason: SkipReason
    text: str


@dataclass(frozen=True, slots=True)
class SkippedSheet:
    """A sheet that was not read, and why, in Chinese."""

    sheet: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableRead:
    """One table that was found and how it was understood."""

    sheet: str
    layout: str
    head_rows: tuple[int, ...]
    title: str
    #: Column letter → what it was taken for, in Chinese; unrecognised ones are left out.
    columns: dict[str, str]
    unrecognised: dict[str, str]
    #: Column letter → title as written, all columns of the table.
    titles: dict[str, str]
    #: The lines above the head and the notes below, as written.
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadResult:
    """A whole file as read."""

    file_name: str
    layout: str
    #: Those of a large file are `LaidDown`.
    rows: Sequence[ReadRow]
    skipped_rows: tuple[SkippedRow, ...] = ()
    skipped_sheets: tuple[SkippedSheet, ...] = ()
    tables: tuple[TableRead, ...] = ()
    notes: tuple[TableNote, ...] = ()

    @property
    def good_rows(self) -> tuple[ReadRow, ...]:
        """Rows that can be taken."""
        return tuple(row for row in self.rows if row.is_good)

    @property
    def bad_rows(self) -> tuple[ReadRow, ...]:
        """Rows with an error."""
        return tuple(row for row in self._troubled if not row.is_good)

    @property
    def missing(self) -> frozenset[str]:
        """What no line of the lists says and the importer has to: `dated_on`, `programme`."""
        wanted: set[str] = set()
        for row in self.good_rows:
            for recognition in row.recognitions:
                if recognition.dated_on is None:
                    wanted.add("dated_on")
                if not recognition.programme:
                    wanted.add("programme")
        return frozenset(wanted)

    @property
    def problems(self) -> Iterator[RowProblem]:
        """Everything wrong, in the order of the file."""
        return (problem for row in self._troubled for problem in row.problems)

    @property
    def _troubled(self) -> Iterable[ReadRow]:
        return self.rows.troubled() if isinstance(self.rows, LaidDown) else self.rows

    @property
    def counts(self) -> dict[str, int]:
        """Numbers for the head of the report."""
        skipped = Counter(row.reason.value for row in self.skipped_rows)
        bad = warnings = 0
        for row in self._troubled:
            bad += not row.is_good
            warnings += sum(problem.severity is Severity.WARNING for problem in row.problems)
        return {
            "rows": len(self.rows),
            "good": len(self.rows) - bad,
            "bad": bad,
            "warnings": warnings,
            "skipped": sum(skipped.values()),
            **{f"skipped_{reason}": number for reason, number in sorted(skipped.items())},
        }
