"""Workbooks of our own layouts: a head with known titles, a line a thing. All lines are good, or nothing is written.

The cells are read as everywhere (`backend.spreadsheets.cells`): nothing is guessed, and what is wrong is told with
Excel's row number, the column's title and what stands there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.spreadsheets.cells import (
    CellProblem,
    MoneyUnit,
    money_unit,
    plain,
    says_nothing,
    shown,
)
from backend.spreadsheets.header import is_subtotal, why_not_read
from backend.spreadsheets.workbook import Cell, Merge, Sheet, Workbook, WorkbookError, column_letter, open_workbook
from backend.subregisters.layouts import Column, plain_title
from backend.web.errors import Refusal

#: The head stands in one of the first rows; a title and notes may stand above it.
ROWS_ABOVE = 12
#: Each line is written by itself while a person waits; whoever has more has another list.
MOST_LINES = 20_000
_SHOWN = 30


class SheetRefused(Refusal):
    """A file of which nothing can be read."""

    status = 422
    slug = "sheet-refused"
    title = "这份文件不能导入"


@dataclass(frozen=True)
class Trouble:
    """One thing wrong in one cell or line."""

    row: int
    column: str
    value: str
    reason: str

    @property
    def text(self) -> str:
        """What a person reads."""
        where = f"第 {self.row} 行" if self.row else "整份文件"
        what = f"“{self.column}”填的是“{self.value}”，" if self.value else f"“{self.column}”" if self.column else ""
        return f"{where}{what}{self.reason}"


@dataclass(frozen=True)
class Line:
    """A line of the table with Excel's number and its values by column; what a cell does not say is None."""

    row: int
    values: Mapping[str, Any]

    def trouble(self, column: Column, reason: str) -> Trouble:
        """Something wrong with a value that was read."""
        value = self.values.get(column.name)
        return Trouble(self.row, column.title, "" if value is None else str(value), reason)


@dataclass
class SheetRead:
    """What a file says, and what in it cannot be understood."""

    lines: list[Line] = field(default_factory=list[Line])
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    #: Titles that the layout does not know; their cells are not read.
    unknown: tuple[str, ...] = ()
    #: What was noticed on the way and taken all the same: merged cells, hidden lines, a sheet that was left out.
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    """A sheet with the layout's head: the head's 0-based row, and which column stands where."""

    sheet: Sheet
    head: int
    places: dict[int, Column]

    @property
    def below(self) -> Iterator[tuple[int, list[Cell]]]:
        """Excel's numbers and cells of the rows under the head that say something."""
        for number, row in enumerate(self.sheet.rows[self.head + 1 :], self.head + 2):
            if not all(says_nothing(cell) for cell in row):
                yield number, row


def read_sheet(content: bytes, file_name: str, columns: Sequence[Column]) -> SheetRead:
    """Read the one sheet that has the layout's head and lines below it.

    Raises:
        SheetRefused: no workbook, no head, nothing below it, several sheets that could be meant, or too many lines.
    """
    try:
        book = open_workbook(content, file_name)
    except WorkbookError as problem:
        raise SheetRefused(str(problem)) from problem
    found, notes = _chosen(book, file_name, columns)
    _refuse_doubled(found)
    _refuse_other_units(found)
    if sum(1 for _ in found.below) > MOST_LINES:
        raise SheetRefused(f"“{file_name}”有 {MOST_LINES:,} 行以上的数据，一次导入不了。请拆成几个文件上传。")
    read = _Reading(found, columns, notes=notes).read()
    if not (read.lines or read.troubles):
        raise SheetRefused(f"“{file_name}”只有表头，没有数据行。请填好后重新上传。")
    return read


def _chosen(book: Workbook, file_name: str, columns: Sequence[Column]) -> tuple[_Found, list[str]]:
    """The sheet that is meant, and what is to be told of the others: a sheet is never left out unsaid."""
    notes, left, full, empty = list(book.notes), list[str](), list[_Found](), list[_Found]()
    for sheet in book.sheets:
        found = _head(sheet, columns)
        if found is None:
            if not sheet.is_empty:
                notes.append(f"工作表“{sheet.name}”没有读：没有找到表头。")
            continue
        # The only sheet of a file is meant, whatever it is called.
        if len(book.sheets) > 1 and (reason := why_not_read(sheet)):
            left.append(f"工作表“{sheet.name}”没有读：{reason}。")
        else:
            (full if any(found.below) else empty).append(found)
    if len(full) > 1:
        named = "、".join(f"“{one.sheet.name}”" for one in full)
        raise SheetRefused(
            f"“{file_name}”有 {len(full)} 张工作表都填了数据：{named}。一次只能导入一张，"
            "请把数据合到一张工作表里，或删去不导入的工作表后重新上传。"
        )
    if full:
        return full[0], [*notes, *left]
    if empty:
        raise SheetRefused(f"“{file_name}”只有表头，没有数据行。请填好后重新上传。{''.join(left)}")
    needed = "、".join(column.title for column in columns if column.required)
    raise SheetRefused(
        f"“{file_name}”里没有找到表头。表头应在前 {ROWS_ABOVE} 行内，并有这些列：{needed}。可先下载模板。"
        if not left
        else f"“{file_name}”里能读的工作表没有表头。{''.join(left)}如确要导入，请取消隐藏或改名后重新上传。"
    )


def _head(sheet: Sheet, columns: Sequence[Column]) -> _Found | None:
    for number, row in enumerate(sheet.rows[:ROWS_ABOVE]):
        places = _places([plain_title(plain(cell)) for cell in row], columns)
        if all(column in places.values() for column in columns if column.required):
            return _Found(sheet, number, places)
    return None


def _places(labels: Sequence[str], columns: Sequence[Column]) -> dict[int, Column]:
    """Which column stands where: by its own title first, and only then by another it goes by."""
    places: dict[int, Column] = {}
    for titles_of in (lambda column: {plain_title(column.title)}, lambda column: column.titles):
        for column in columns:
            if column in places.values():
                continue
            titles = titles_of(column)
            place = next((n for n, label in enumerate(labels) if n not in places and label in titles), None)
            if place is not None:
                places[place] = column
    return places


def _refuse_doubled(found: _Found) -> None:
    """Two columns of one title that do not say the same: nobody can tell which of them counts.

    Two tables side by side look so, too; of the right one nothing would be read.
    """
    head = found.sheet.rows[found.head]
    first = {plain_title(plain(head[place])): place for place in found.places}
    for place, cell in enumerate(head):
        other = first.get(plain_title(plain(cell))) if place not in found.places and not says_nothing(cell) else None
        if other is None:
            continue
        if any(_at(row, place) not in ("", _at(row, other)) for _, row in found.below):
            raise SheetRefused(
                f"表头“{shown(cell)}”在 {column_letter(other)} 列和 {column_letter(place)} 列各有一个，内容不同，"
                "不知道以哪一列为准。请只留一列；左右并排的两张表，请改成上下相接的一张，再重新上传。"
            )


def _refuse_other_units(found: _Found) -> None:
    """A head that says 元 over a column of 万元: ten thousand times too much, were it read."""
    head = found.sheet.rows[found.head]
    for place, column in found.places.items():
        said = plain(head[place]).partition("(")[2].rstrip(")")
        try:
            unit = money_unit(said)
        except CellProblem:
            unit = said
        if unit is None or unit == _unit_of(column):
            continue
        wanted = _unit_of(column)
        told = f"这一列应以{wanted.chinese}为单位" if wanted else "这一列按各行自己的单位（见“单位”列）读取"
        raise SheetRefused(
            f"表头“{shown(head[place])}”写的单位是{said}，{told}。请换算好数值，把表头改为“{column.title}”后重新上传。"
        )


def _unit_of(column: Column) -> MoneyUnit | None:
    return money_unit(column.title.partition("（")[2].rstrip("）"))


def _at(row: Sequence[Cell], place: int) -> str:
    return plain(row[place]) if place < len(row) else ""


@dataclass
class _Reading:
    """A sheet on the way: what of its merged cells is filled in, and which cells nobody can tell."""

    found: _Found
    columns: Sequence[Column]
    notes: list[str]
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    lines: list[Line] = field(default_factory=list[Line])
    _filled: dict[tuple[int, int], Cell] = field(default_factory=dict[tuple[int, int], Cell])
    #: Numbers of rows of which a merged region has taken a cell.
    _taken: set[int] = field(default_factory=set[int])

    def read(self) -> SheetRead:
        """All of it."""
        self._look_at_merged()
        for number, row in self.found.below:
            if self._is_head_again(number, row):
                continue
            if not self._line(number, row):
                break
        self._tell_hidden()
        head = self.found.sheet.rows[self.found.head]
        unknown = tuple(
            shown(cell) for place, cell in enumerate(head) if place not in self.found.places and shown(cell)
        )
        self.troubles.sort(key=lambda one: one.row)
        return SheetRead(self.lines, self.troubles, unknown, tuple(self.notes))

    # Merged cells --------------------------------------------------------------------------------

    def _look_at_merged(self) -> None:
        rows = self.found.sheet.rows
        filled: list[str] = []
        for merge in self.found.sheet.merges:
            covered = [place for place in self.found.places if merge.left <= place <= merge.right]
            if merge.top <= self.found.head or merge.top >= len(rows) or not covered:
                continue
            cell = rows[merge.top][merge.left] if merge.left < len(rows[merge.top]) else ""
            column = self.found.places[covered[0]]
            if says_nothing(cell):
                continue
            if merge.left == merge.right and column.fills:
                bottom = min(merge.bottom, len(rows) - 1)
                self._filled |= {(row, merge.left): cell for row in range(merge.top + 1, bottom + 1)}
                filled.append(merge.called)
            elif not self._is_alone(rows[merge.top]):
                self._refuse_merged(merge, column, cell)
        if filled:
            self.notes.append(f"合并的单元格按每一行都填了同样内容读取：{_listed(filled)}。")

    def _refuse_merged(self, merge: Merge, column: Column, cell: Cell) -> None:
        first, last = merge.top + 1, min(merge.bottom + 1, len(self.found.sheet.rows))
        self._taken.update(range(first, last + 1))
        if merge.top == merge.bottom:
            told = f"把 {merge.called} 几列合并成了一格，分不清各列的内容。请取消合并，各列分别填写。"
        else:
            told = (
                f"与下面的行合并成了一格（{merge.called}），分不清是哪一行的。"
                f"请取消合并，在第 {first} 到第 {last} 行分别填写。"
            )
        self.troubles.append(Trouble(first, column.title, shown(cell)[:_SHOWN], told))

    # Lines ---------------------------------------------------------------------------------------

    def _is_head_again(self, number: int, row: Sequence[Cell]) -> bool:
        head = self.found.sheet.rows[self.found.head]
        if all(_at(row, place) == _at(head, place) for place in self.found.places):
            self.notes.append(f"第 {number} 行是重复的表头，已略过。")
            return True
        return False

    def _line(self, number: int, row: Sequence[Cell]) -> bool:
        """Read one line. Returns whether to go on: below the head of another table nothing can be told."""
        if number in self._taken:
            return True
        values, wrong = self._values(number, row)
        if wrong and (instead := self._no_line(number, row)) is not None:
            self.troubles.append(instead)
            return not instead.reason.startswith(_ANOTHER_HEAD)
        self.troubles += wrong
        self.lines.append(Line(number, values))
        return True

    def _values(self, number: int, row: Sequence[Cell]) -> tuple[dict[str, Any], list[Trouble]]:
        values: dict[str, Any] = {column.name: None for column in self.columns}
        wrong: list[Trouble] = []
        for place, column in self.found.places.items():
            cell = row[place] if place < len(row) else ""
            if says_nothing(cell):
                cell = self._filled.get((number - 1, place), "")
            try:
                values[column.name] = None if says_nothing(cell) else column.read(cell)
            except CellProblem as problem:
                told = "，".join(part for part in (problem.reason, problem.remedy) if part)
                wrong.append(Trouble(number, column.title, shown(cell)[:_SHOWN], f"{told}。"))
                continue
            if column.required and values[column.name] in (None, ""):
                wrong.append(Trouble(number, column.title, "", "没有填写。"))
        return values, wrong

    def _no_line(self, number: int, row: Sequence[Cell]) -> Trouble | None:
        """What a row is that is no line of the list: one thing to say of it instead of many."""
        own = [cell for cell in row if not says_nothing(cell)]
        if self._is_alone(row):
            told = f"只有一格“{shown(own[0])[:_SHOWN]}”，像是标题、说明或落款，不是数据。请删去这一行，或把各列填全。"
            return Trouble(number, "", "", told)
        if any(isinstance(cell, str) and is_subtotal(cell) for cell in own[:3]):
            return Trouble(number, "", "", "像是小计、合计行。系统自己汇总，请删去这一行。")
        places = _places([plain_title(plain(cell)) for cell in row], self.columns)
        if all(column in places.values() for column in self.columns if column.required):
            return Trouble(number, "", "", f"{_ANOTHER_HEAD}，列与上面的不同。请把两张表合成一张，列的次序一致。")
        return None

    def _is_alone(self, row: Sequence[Cell]) -> bool:
        """Whether one cell only stands in a row of a layout that needs more."""
        needed = sum(1 for column in self.columns if column.required)
        return needed > 1 and sum(1 for cell in row if not says_nothing(cell)) == 1

    def _tell_hidden(self) -> None:
        sheet = self.found.sheet
        rows = [str(number) for number, _ in self.found.below if number in sheet.hidden_rows]
        if rows:
            self.notes.append(f"隐藏的行也已读取：第 {_listed(rows)} 行。")
        hidden = [one.title for place, one in self.found.places.items() if column_letter(place) in sheet.hidden_columns]
        if hidden:
            self.notes.append(f"隐藏的列也已读取：{'、'.join(f'“{title}”' for title in hidden)}。")


_ANOTHER_HEAD = "又是一个表头"


def _listed(names: Sequence[str]) -> str:
    return "、".join(names[:10]) + (f" 等 {len(names)} 处" if len(names) > 10 else "")
