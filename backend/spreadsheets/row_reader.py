"""Read one record: who it is about, its figures, its recognition, and everything wrong in it.

All layouts read their rows through here, so that a date, a code or an amount means the same in each of them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from sys import intern
from typing import Any, Final, TypeVar

from backend.enterprises.chains import parse_chains
from backend.enterprises.regions import Region, Regions
from backend.spreadsheets import cells
from backend.spreadsheets.cells import CellProblem, MoneyUnit
from backend.spreadsheets.columns import Column, Field, is_yearly
from backend.spreadsheets.context import Context, in_section, read_batch, region_named
from backend.spreadsheets.header import Row, Table
from backend.spreadsheets.packed import BETWEEN, FigureColumn, PackedFigures
from backend.spreadsheets.programme_names import (
    BY_EDITION,
    find_event,
    find_level,
    find_programme,
    is_programme_id,
    why_unclear,
)
from backend.spreadsheets.progress import Progress, Stage
from backend.spreadsheets.records import (
    EnterpriseRecord,
    Figure,
    FigureValue,
    FormerName,
    OldNumber,
    ReadRow,
    RecognitionEvent,
    RecognitionRecord,
    RowProblem,
    Severity,
    TableNote,
)
from backend.spreadsheets.workbook import Cell, PercentCell
from rules.catalogue import Indicator, Type
from rules.industries import IndustryError, parse_industry

T = TypeVar("T")
_TOWN = re.compile(r"^[\u4e00-\u9fff（）]{1,12}(?:镇|乡|街道|园区|开发区|管理区|农场|社区|办事处)$")
_TOWN_INSIDE = re.compile(r"^.*?[市区县]([\u4e00-\u9fff]{1,6}?(?:镇|乡|街道))(?!府|村委)")
_TOLD_EVERY: Final = 500
_FIGURES_OF_IDENTITY: Final = {"enterprise_name", "uscc"}


#: Types of indicators whose cells are plain numbers in the indicator's own unit.
_PLAIN_TYPES: Final = frozenset({Type.MONEY, Type.NUMBER, Type.HEADCOUNT, Type.COUNT, Type.PERCENT})
#: Characters that the registry has room for.
_LONGEST: Final[Mapping[Field, int]] = {
    Field.TOWN: 100, Field.PARK: 100, Field.ADDRESS: 300, Field.BATCH: 120, Field.STOCK_CODE: 30, Field.LIST_TITLE: 300,
    Field.REASON: 1000,
}  # fmt: skip
_MOST_OF_CHAIN: Final = 60
#: Below this a number needs no question about its unit.
_PLAIN_BELOW: Final = 1_000_000_000
#: 100 亿 in 万元.
_LARGE_AMOUNT: Final = 1_000_000
#: Six decimals of 万元 are whole fen; with the point.
_MOST_DECIMALS: Final = 7


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """A column of figures in which a number means itself: a quick way for what most cells of a large ledger are."""

    index: int
    kept: FigureColumn
    is_whole: bool
    least: float
    most: float

    @classmethod
    def of(cls, column: Column, reader: "TableReader") -> "PlainColumn | None":
        """The column as one of plain numbers; None where its year, its unit or its type needs a closer look."""
        indicator = column.indicator
        if (
            indicator is None
            or indicator.type not in _PLAIN_TYPES
            or column.index in reader.suspicious | reader.fractions
        ):
            return None
        if reader.table.has(Field.YEAR) or (column.unit or reader.context.unit or MoneyUnit.WAN) is not MoneyUnit.WAN:
            return None
        if indicator.type is not Type.MONEY and column.unit is not None:
            return None
        year = reader.year_of(column) if is_yearly(column) else None
        if is_yearly(column) and year is None:
            return None
        low, high = indicator.range or (None, None)
        if low is None and indicator.type in (Type.COUNT, Type.HEADCOUNT):
            low = 0
        kept = FigureColumn(indicator.id, year, column.letter, reader.context.as_of)
        least, most = (-_PLAIN_BELOW if low is None else float(low)), (_PLAIN_BELOW if high is None else float(high))
        return cls(column.index, kept, indicator.type is Type.COUNT, max(least, -_PLAIN_BELOW), min(most, _PLAIN_BELOW))

    def number(self, cell: Cell) -> str | None:
        """The number of a cell, written out as its Decimal would be; None where it is no plain one."""
        # A percentage is a float too, and means something else.
        if type(cell) is float:
            if not self.least <= cell <= self.most:
                return None
            if cell.is_integer():
                return str(int(cell))
            if self.is_whole:
                return None
            # As Excel shows it; more decimals than a fen has are rounded by the long way.
            text = f"{cell:.15g}"
            return text if "e" not in text and len(text) - text.index(".") <= _MOST_DECIMALS else None
        if type(cell) is int:
            return str(cell) if self.least <= cell <= self.most else None
        return None


@dataclass
class TableReader:
    """A table with its context, and what is true of its columns as a whole."""

    table: Table
    context: Context
    wrong_code: Severity = Severity.ERROR
    notes: list[TableNote] = field(default_factory=list[TableNote])
    progress: Progress = field(default_factory=Progress)
    #: Whether good rows keep their cells; they do not where only the records are wanted of a very large file.
    keeps_cells: bool = True
    #: The layout by which the rows are read.
    layout: str = ""

    def __post_init__(self) -> None:
        self.fractions = {column.index for column in self.table.figures if self._holds_fractions(column)}
        self.suspicious: set[int] = set()
        self.figure_columns = tuple(column for column in self.table.figures if self._is_usable(column))
        self.plain_columns = self._plain_columns()
        self.kept_columns = tuple(one.kept for one in self.plain_columns or ())

    def note(self, column: Column | None, text: str) -> None:
        """Remember something about a column, or the table."""
        self.notes.append(TableNote(self.table.sheet.name, column.letter if column else "", text))

    def rows_read(self, read: Callable[["RowReader"], ReadRow]) -> Iterator[ReadRow]:
        """Read every record with a layout's function."""
        sections: dict[str, Context] = {"": self.context}
        for number, row in enumerate(self.table.rows()):
            if number % _TOLD_EVERY == 0:
                self.progress.tell(Stage.READING, row.number, self.table.end)
            if row.section not in sections:
                sections[row.section] = in_section(self.context, row.section)
            reader = RowReader(self, row, sections[row.section])
            yield reader.damaged() or read(reader)
            if not self.keeps_cells:
                # The sheet is read once; what was read of it need not be held beside what was made of it.
                self.table.sheet.let_go(row.number - 1)

    # What is decided for a column once ---------------------------------------------------------------

    def _plain_columns(self) -> "tuple[PlainColumn, ...] | None":
        """The columns of figures, if numbers in all of them can be taken as they stand; None where one needs a look."""
        columns = [PlainColumn.of(column, self) for column in self.figure_columns]
        found = tuple(one for one in columns if one is not None)
        places = {(one.kept.indicator, one.kept.year) for one in found}
        return found if len(found) == len(columns) == len(places) and found else None

    def _holds_fractions(self, column: Column) -> bool:
        """Whether a column of percentages holds shares of one: all its numbers are at most 1."""
        if column.indicator is None or column.indicator.type is not Type.PERCENT or column.unit_text == "%":
            return False
        rows = self.table.sheet.rows[self.table.head[1] + 1 : self.table.end]
        values = [
            cell
            for row in rows
            if column.index < len(row)
            and isinstance(cell := row[column.index], float)
            and not isinstance(cell, PercentCell)
            and cell != 0.0
        ]
        if len(values) < 3 or any(abs(value) > 1 for value in values):
            return False
        self.note(column, f"“{column.title}”列的数都不大于 1，按比例换算为百分数（0.05 即 5%）。")
        return True

    def _is_usable(self, column: Column) -> bool:
        if column.indicator is None or column.indicator.id in _FIGURES_OF_IDENTITY:
            return False
        if column.is_partial:
            self.note(column, f"“{column.title}”不是全年实际数（只有部分月份，或为预计数），未导入。")
            return False
        if column.is_foreign and column.indicator.type is Type.MONEY:
            self.note(column, f"“{column.title}”的单位是外币，未导入，请换算为万元人民币。")
            return False
        if is_yearly(column) and self.year_of(column) is None and not self.table.has(Field.YEAR):
            self.note(
                column,
                f"“{column.title}”没有写明年度，未导入。请在表头写上年度，如“2024年{column.title}”，或加一列“年度”，或上传时填写“年度”。",
            )
            return False
        if column.indicator.type is Type.MONEY and column.unit is None and self.context.unit is None:
            if self._looks_like_yuan(column):
                self.suspicious.add(column.index)
                return True
            self.note(column, f"“{column.title}”没有写明单位，按万元导入；如不是万元，请在表头注明单位。")
        return True

    def _looks_like_yuan(self, column: Column) -> bool:
        """Whether half of a column's amounts, read in 万元, would be more than 100 亿: nobody's ledger is like that."""
        amounts, large = self._amounts[column.index]
        return amounts > 0 and amounts - large <= amounts // 2

    @cached_property
    def _amounts(self) -> dict[int, list[int]]:
        """Of each column of amounts without a unit: how many there are, and how many are more than a million."""
        # All columns at once: of a large sheet only some rows are laid out at a time.
        found = {
            column.index: [0, 0]
            for column in self.table.figures
            if column.unit is None and column.indicator is not None and column.indicator.type is Type.MONEY
        }
        for row in self.table.sheet.rows[self.table.head[1] + 1 : self.table.end]:
            for index, counted in found.items():
                if index < len(row) and (amount := _bare_number(row[index])) is not None and amount != 0:
                    counted[0] += 1
                    counted[1] += abs(amount) > _LARGE_AMOUNT
        return found

    def year_of(self, column: Column) -> int | None:
        """The year of a column's figures as head and title have it."""
        if column.year is not None:
            return column.year
        if column.relative_year is not None and self.context.year is not None:
            return self.context.year + column.relative_year
        return None if column.relative_year is not None else self.context.year


class RowReader:
    """One record being read; problems gather on the way."""

    def __init__(self, reader: TableReader, row: Row, context: Context) -> None:
        self.reader = reader
        self.table = reader.table
        self.row = row
        self.context = context
        self.problems: list[RowProblem] = []

    # Cells -------------------------------------------------------------------------------------------

    def cell(self, wanted: Field) -> Cell:
        """The cell under a field; blank where the table has no such column."""
        return self.row.cell(self.table.column(wanted))

    def take(self, column: Column | None, read: Callable[[Cell], T], severity: Severity = Severity.ERROR) -> T | None:
        """Read a cell; what is wrong with it becomes a problem and None."""
        if column is None:
            return None
        cell = self.row.cell(column)
        if isinstance(cell, str) and not cell:
            return None
        try:
            return read(cell)
        except CellProblem as problem:
            self.report(column, problem, severity)
            return None

    def text(self, wanted: Field) -> str:
        """The text under a field, if the registry has room for so much."""
        return self.take(self.table.column(wanted), partial(_text_within, most=_LONGEST.get(wanted))) or ""

    def report(self, column: Column | None, problem: CellProblem, severity: Severity = Severity.ERROR) -> None:
        """Add a problem of a column, or of the row."""
        self.problems.append(
            RowProblem(
                sheet=self.table.sheet.name,
                row=self.row.number,
                column=column.letter if column else "",
                title=column.title if column else "",
                value=cells.shown(self.row.cell(column)) if column else "",
                reason=problem.reason,
                remedy=problem.remedy,
                severity=severity,
                kind=problem.kind,
            )
        )

    def damaged(self) -> ReadRow | None:
        """The row as refused where its text is lost; columns may have shifted, so nothing else is said of it."""
        if not any([cells.DAMAGED in cell for cell in self.row.cells if isinstance(cell, str)]):  # noqa: C419 – asked of every row
            return None
        for column in self.table.columns:
            cell = self.row.cell(column)
            if isinstance(cell, str) and cells.DAMAGED in cell:
                self.take(column, cells.read_text)
                return self.done(EnterpriseRecord())
        return None

    def done(
        self,
        enterprise: EnterpriseRecord,
        figures: Sequence[Figure] = (),
        recognitions: tuple[RecognitionRecord, ...] = (),
    ) -> ReadRow:
        """The record as read."""
        return ReadRow(
            sheet=self.table.sheet.name,
            row=self.row.number,
            enterprise=enterprise,
            figures=figures,
            recognitions=recognitions,
            cells=self.row.cells if self.reader.keeps_cells else (),
            problems=tuple(self.problems),
            is_hidden=self.row.is_hidden,
            layout=self.reader.layout,
        )

    # Who it is ---------------------------------------------------------------------------------------

    def enterprise(self) -> EnterpriseRecord:
        """Who the row is about, and what it says of who they are."""
        name = self.name()
        code, numbers = self.numbers()
        for first, second in self.table.doubled:
            self._same_in(first, second)
        if name is None and code is None and not numbers and not self.problems:
            self.report(None, CellProblem("nobody", "没有企业名称，也没有统一社会信用代码", "请补填，或删去这一行"))
        region_code, region_text, is_inherited = self.region()
        established, month = self.established()
        town, address = self.town_and_address()
        remark = self.text(Field.REMARK)
        former = (*(name.former if name else ()), *self.former_names(), *cells.former_names_in_remark(remark))
        return EnterpriseRecord(
            name=name.name if name else "",
            credit_code=code,
            other_numbers=numbers,
            former_names=_once(former, name.name if name else ""),
            region_code=region_code,
            # The same few texts in each row of a large file.
            region_text=intern(str(region_text)),
            region_is_inherited=is_inherited,
            town=town,
            park=self.text(Field.PARK),
            address=address,
            industry_code=self.industry(),
            chains=self.take(self.table.column(Field.CHAIN), _chains) or (),
            established_on=established,
            established_month=intern(str(month)),
            is_above_scale=self.take(self.table.column(Field.ABOVE_SCALE), cells.read_boolean, Severity.WARNING),
            status=self.text(Field.STATUS),
            remark=remark,
        )

    def _same_in(self, first: Column, second: Column) -> None:
        """A second column of names that names somebody else: of a table beside this one nothing would be read."""
        cell = self.row.cell(second)
        if not cells.says_nothing(cell) and cells.plain(cell) != cells.plain(self.row.cell(first)):
            reason = f"与 {first.letter} 列的“{first.title}”不同"
            remedy = "一行只能有一家企业：左右并排的两张表，请改成上下相接的一张"
            self.report(second, CellProblem("side_by_side", reason, remedy))

    def name(self) -> cells.NameCell | None:
        """The name; lists of changed names call the old one 原名称."""
        column = self.table.column(Field.NAME) or (
            self.table.column(Field.FORMER_NAME) if self.table.has(Field.NEW_NAME) else None
        )
        name = self.take(column, cells.read_name)
        if name is not None and name.warning is not None:
            self.report(column, name.warning, Severity.WARNING)
        return name

    def numbers(self) -> tuple[str | None, tuple[OldNumber, ...]]:
        """Credit code and other numbers."""
        column = self.table.column(Field.CODE)
        found: list[OldNumber] = []
        read = self.take(column, cells.read_code, self.reader.wrong_code)
        if read is not None and read.warning is not None:
            self.report(column, read.warning, Severity.WARNING)
        if read is not None and read.other is not None:
            found.append(read.other)
        if stock := self.text(Field.STOCK_CODE):
            found.append(OldNumber("stock_code", stock.zfill(6) if stock.isdigit() else stock))
        return (read.credit_code if read else None), tuple(found)

    def former_names(self) -> tuple[FormerName, ...]:
        """Names of the former-name column, except where that one holds the name of the list."""
        if not self.table.has(Field.NAME):
            return ()
        return self.take(self.table.column(Field.FORMER_NAME), cells.read_former_names, Severity.WARNING) or ()

    def region(self) -> tuple[str, str, bool]:
        """(code, words, whether only the sheet or a heading says it)."""
        column = self.table.column(Field.REGION) or self.table.column(Field.CITY)
        text = self.take(column, cells.read_text) or ""
        if not text:
            address = self.text(Field.ADDRESS) if not self.context.region_code else ""
            region = _region_of_address(address, self.context.within) if address else None
            if region is not None and region.level == "district":
                return region.code, "", False
            return self.context.region_code, self.context.region_text, bool(self.context.region_code)
        region = _region_of_columns(
            text, self.text(Field.CITY) if self.table.has(Field.REGION) else "", self.context.within
        )
        if region is None:
            self.report(
                column,
                CellProblem("unknown_region", "不是能识别的市（区）", "请填写规范名称，如“海陵区”；本次不登记所属区域"),
                Severity.WARNING,
            )
            return "", text, False
        if region.level != "district" and (address := self.text(Field.ADDRESS)):
            closer = _region_of_address(address, region.code)
            if closer is not None and Regions.load().contains(region.code, closer.code):
                region = closer
        return region.code, text, False

    def established(self) -> tuple[date | None, str]:
        """Founding day, and its month where the table says no more."""
        column = self.table.column(Field.ESTABLISHED)
        read = self.take(column, cells.read_date)
        if read is None:
            return None, ""
        if read.day is None:
            what = "只有年份" if not read.month else "只有年月"
            self.report(
                column,
                CellProblem("incomplete_date", f"{what}，没有日", "请补全为年-月-日；本次不登记成立日期"),
                Severity.WARNING,
            )
        return read.day, read.month

    def town_and_address(self) -> tuple[str, str]:
        """Ledgers put a whole address under 所在镇（街道）."""
        town, address = self.text(Field.TOWN), self.text(Field.ADDRESS)
        if not town or _TOWN.match(town):
            return town, address
        inside = _TOWN_INSIDE.match(town)
        return (inside[1] if inside else ""), address or town

    def industry(self) -> str:
        """Digits of the industry."""
        text = self.text(Field.INDUSTRY)
        if not text:
            return ""
        read = _industry(text)
        if isinstance(read, str):
            return read
        self.report(self.table.column(Field.INDUSTRY), read, Severity.WARNING)
        return ""

    # Figures -----------------------------------------------------------------------------------------

    def figures(self) -> Sequence[Figure]:
        """The values of the indicator columns."""
        if not self.reader.figure_columns:
            return ()
        if self.reader.plain_columns is not None:
            packed = self._plain_figures(self.reader.plain_columns)
            if packed is not None:
                return packed
        return self._figures_looked_at()

    def _plain_figures(self, columns: "tuple[PlainColumn, ...]") -> PackedFigures | None:
        """The figures of a row of plain numbers; None where a cell needs a closer look."""
        numbers: list[str] = []
        cells_of_row = self.row.cells
        width = len(cells_of_row)
        for column in columns:
            cell = cells_of_row[column.index] if column.index < width else ""
            number = "" if cell == "" else column.number(cell)
            if number is None:
                return None
            numbers.append(number)
        return PackedFigures.of(self.reader.kept_columns, BETWEEN.join(numbers))

    def _figures_looked_at(self) -> tuple[Figure, ...]:
        year_of_row = self.take(self.table.column(Field.YEAR), cells.read_year)
        found: dict[tuple[str, int | None], Figure] = {}
        for column in self.reader.figure_columns:
            indicator = column.indicator
            if indicator is None:
                continue
            year = self._year(column, year_of_row)
            if is_yearly(column) and year is None:
                continue
            value = None if self._unit_unclear(column) else self.figure_value(column, indicator, column.unit)
            if value is None:
                continue
            key = (indicator.id, year if is_yearly(column) else None)
            if key in found and found[key].value != value:
                self.report(
                    column,
                    CellProblem(
                        "contradiction",
                        f"与 {found[key].column} 列填的“{found[key].value}”是同一指标，数值不同",
                        "请核对后只留一个",
                    ),
                )
            found.setdefault(key, Figure(indicator.id, key[1], value, column.letter, self.context.as_of))
        return tuple(found.values())

    def _year(self, column: Column, year_of_row: int | None) -> int | None:
        if column.year is not None:
            return column.year
        if year_of_row is not None:
            return year_of_row + (column.relative_year or 0)
        return self.reader.year_of(column) if not self.table.has(Field.YEAR) else None

    def _unit_unclear(self, column: Column) -> bool:
        if column.index not in self.reader.suspicious or _bare_number(self.row.cell(column)) is None:
            return False
        self.report(
            column,
            CellProblem(
                "unit_unclear", "表头没有写明单位，数值又像是以元为单位", "请在表头注明单位，如“（元）”或“（万元）”"
            ),
        )
        return True

    def figure_value(self, column: Column, indicator: Indicator, unit: MoneyUnit | None) -> FigureValue | None:
        """A value of an indicator in the unit of the official forms; None where there is none or a problem."""
        before = len(self.problems)
        value = self.take(column, lambda cell: self._read_value(cell, column, indicator, unit))
        if indicator.id == "registered_capital" and len(self.problems) > before:
            self._pardon_foreign_capital()
        if isinstance(value, Decimal) and (problem := _out_of_range(value, indicator)):
            self.report(column, problem)
            return None
        return value

    def _pardon_foreign_capital(self) -> None:
        # The capital of a foreign-invested firm is truly in dollars: the row is right, only the figure is not taken.
        problem = self.problems[-1]
        if problem.kind == "foreign_currency":
            self.problems[-1] = replace(problem, severity=Severity.WARNING, remedy="本次不登记该数，其余各列照常导入")

    def _read_value(
        self, cell: Cell, column: Column, indicator: Indicator, unit: MoneyUnit | None
    ) -> FigureValue | None:
        match indicator.type:
            case Type.MONEY:
                return cells.read_money(cell, unit or self.context.unit or MoneyUnit.WAN)
            case Type.PERCENT:
                return cells.read_percent(cell, is_fraction=column.index in self.reader.fractions)
            case Type.COUNT:
                return cells.read_count(cell)
            case Type.NUMBER | Type.HEADCOUNT:
                number = cells.read_number(cell)
                own = cells.money_unit(indicator.unit) if unit and number is not None else None
                return number * unit.wan / own.wan if own and unit and number is not None else number
            case Type.DATE:
                return _whole_day(cells.read_date(cell))
            case Type.YEAR:
                year = cells.read_year(cell)
                return None if year is None else Decimal(year)
            case Type.BOOLEAN:
                return cells.read_boolean(cell)
            case Type.CHOICE:
                return cells.read_choice(cell, indicator.choices)
            case _:
                return cells.read_text(cell) or None

    # Recognitions ------------------------------------------------------------------------------------

    def recognition(self, programme: str, event: RecognitionEvent) -> RecognitionRecord:
        """What the row says of one title."""
        day = self._dated_on(event)
        batch, edition = read_batch(self.text(Field.BATCH))
        if not batch:
            batch = self.text(Field.BATCH) or self.context.batch
        year = self.take(self.table.column(Field.YEAR), cells.read_year)
        number = self.take(self.table.column(Field.NUMBER), lambda cell: cells.read_certificate_number(cell, programme))
        edition = edition or year or (self.context.edition if not self.text(Field.BATCH) else None)
        if programme in BY_EDITION and edition is None and day is not None:
            edition = day.year
        return RecognitionRecord(
            programme=programme,
            event=event,
            dated_on=day,
            batch=batch,
            edition=edition,
            number=number or "",
            level=find_level(self.text(Field.LEVEL)) or self.context.level,
            new_name=self.new_name(event),
            valid_from=self.day(Field.VALID_FROM),
            valid_to=self.valid_to(),
            list_title=self.text(Field.LIST_TITLE) or self.context.title,
            reason=self.text(Field.REASON),
            printed_name=cells.tidy(self.cell(Field.NAME) or self.cell(Field.FORMER_NAME)),
        )

    def _dated_on(self, event: RecognitionEvent) -> date | None:
        day = self.day(Field.DATE)
        if day is not None or self._has_problem(Field.DATE):
            return day
        if self.context.dated_on is None and self.table.has(Field.DATE) and event is not RecognitionEvent.PUBLICITY:
            self.report(self.table.column(Field.DATE), CellProblem("date_missing", "", "请填写日期，如 2024-05-01"))
        return self.context.dated_on

    def _has_problem(self, wanted: Field) -> bool:
        column = self.table.column(wanted)
        return column is not None and any(problem.column == column.letter for problem in self.problems)

    def day(self, wanted: Field) -> date | None:
        """A day under a field; a month or a year alone is a problem."""
        return self.take(self.table.column(wanted), lambda cell: _whole_day(cells.read_date(cell)))

    def valid_to(self) -> date | None:
        """The last day; 三年 and 长期 say nothing that the programme does not say itself."""
        text = self.text(Field.VALID_TO)
        if not text or re.search(r"长期|永久|无固定|[一二三四五六\d]\s*年$", text):
            return None
        # 2024-01-01至2026-12-31: the end is what counts.
        end = re.split(r"[至~～]|\s-\s|—", text)[-1]
        return self.take(
            self.table.column(Field.VALID_TO), lambda cell: _whole_day(cells.read_date(end if end != text else cell))
        )

    def new_name(self, event: RecognitionEvent) -> str:
        """The name after a change; a change without one is a problem."""
        column = self.table.column(Field.NEW_NAME)
        name = self.take(column, cells.read_name)
        if name is None and event is RecognitionEvent.RENAMED and not self._has_problem(Field.NEW_NAME):
            self.report(
                column,
                CellProblem(
                    "new_name_missing", "" if column else "是更名，但没有更名后的名称", "请补填更名后的企业名称"
                ),
            )
        return name.name if name else ""

    def programme(self) -> str:
        """The programme of the row's own column, else the table's; "" with a problem where it is none."""
        column = self.table.column(Field.PROGRAMME)
        text = self.take(column, cells.read_text) or ""
        if not text:
            return self.context.programme
        if is_programme_id(text):
            return text
        programme = find_programme(text)
        if not programme:
            known = ("不是能识别的认定项目", "请填写项目全称，如“高新技术企业”“专精特新中小企业”")
            self.report(column, CellProblem("unknown_programme", *(why_unclear(text) or known)))
        return programme

    def event(self) -> RecognitionEvent | None:
        """What happened: of the row's own column, its mark, its remark, else of the table."""
        column = self.table.column(Field.EVENT)
        text = self.take(column, cells.read_text) or ""
        if text:
            event = find_event(text)
            if event is None:
                self.report(
                    column,
                    CellProblem(
                        "unknown_event",
                        "不是能识别的事项",
                        "请填写：公示、认定、重新认定、复核通过、更名、异地搬迁或取消",
                    ),
                )
            return event
        return self._event_of_mark() or self._event_of_remark() or self.context.event

    def _event_of_mark(self) -> RecognitionEvent | None:
        column = self.table.column(Field.NAME)
        name = self.row.cell(column)
        mark = cells.mark_behind(name) if isinstance(name, str) else ""
        if not mark or self.context.event is RecognitionEvent.PUBLICITY:
            return None
        if mark in self.context.mark_meanings:
            return self.context.mark_meanings[mark]
        self.report(
            column,
            CellProblem(
                "unknown_mark",
                f"名称后有“{mark}”，表中没有说明其含义",
                "按一般认定处理；如为重新认定，请在“事项”列写明",
            ),
            Severity.WARNING,
        )
        return None

    def _event_of_remark(self) -> RecognitionEvent | None:
        remark = self.text(Field.REMARK)
        if self.context.event is RecognitionEvent.PUBLICITY or not re.fullmatch(
            r"重新认定|复核通过|通过复核|复审通过|更名|取消资格?|撤销", remark
        ):
            return None
        return find_event(remark)


# Helpers --------------------------------------------------------------------------------------------


def _chains(cell: Cell) -> tuple[str, ...]:
    chains = parse_chains(cells.read_text(cell)).chains
    for one in chains:
        cells.refuse_longer(one, _MOST_OF_CHAIN)
    return chains


def _text_within(cell: Cell, most: int | None) -> str:
    text = cells.read_text(cell)
    if most is not None:
        cells.refuse_longer(text, most)
    return text


def _once(names: tuple[FormerName, ...], current: str) -> tuple[FormerName, ...]:
    unique: dict[str, FormerName] = {}
    for former in names:
        if former.name != current:
            unique.setdefault(former.name, former)
    return tuple(unique.values())


def _whole_day(read: cells.DateCell | None) -> date | None:
    if read is not None and read.day is None:
        raise CellProblem("incomplete_date", "没有写到日", "请补全为年-月-日，如 2024-05-01")
    return read.day if read else None


def _bare_number(cell: Cell) -> Decimal | None:
    """The number of a cell that has no unit of its own; None for anything else."""
    try:
        return cells.read_number(cell)
    except CellProblem:
        return None


def _out_of_range(value: Decimal, indicator: Indicator) -> CellProblem | None:
    low, high = indicator.range or (None, None)
    if low is None and indicator.type in (Type.COUNT, Type.HEADCOUNT):
        low = 0
    if low is not None and value < low:
        return CellProblem("out_of_range", f"不应小于 {low}", "请核对；没有数据时留空")
    if high is not None and value > high:
        return CellProblem("out_of_range", f"不应大于 {high}", "请核对；没有数据时留空")
    return None


@lru_cache(maxsize=8192)
def _region_of_address(address: str, within: str | None) -> Region | None:
    return Regions.load().region_of_address(address, within)


@lru_cache(maxsize=8192)
def _region_of_columns(text: str, city: str, within: str | None) -> Region | None:
    root = region_named(city, None) if city else None
    found = region_named(text, root.code if root else within)
    # Zhengzhou's 高新区 is not the one that is called so here, whether or not we know Zhengzhou.
    is_elsewhere = root is None and city.endswith("市")
    if found and found.name != text and (is_elsewhere or (root and not Regions.load().contains(root.code, found.code))):
        return None
    return found or region_named(f"{city}{text}", within)


@lru_cache(maxsize=4096)
def _industry(text: str) -> str | CellProblem:
    try:
        read = parse_industry(text)
    except IndustryError as error:
        reason, _, remedy = str(error).partition("，请")
        return CellProblem(
            "unknown_industry",
            re.sub(r"^“[^”]*”", "", reason),
            f"请{remedy or '核对'}".rstrip("。") + "；本次不登记行业",
        )
    if not read.digits:
        return CellProblem(
            "industry_too_coarse", "只到门类，不够具体", "请填写 GB/T 4754-2017 的代码，如 C3484；本次不登记行业"
        )
    return read.digits


def with_overrides(context: Context, **given: Any) -> Context:
    """The context with what the importing person said; None and "" leave it as it is."""
    return replace(context, **{key: value for key, value in given.items() if value not in (None, "")})
