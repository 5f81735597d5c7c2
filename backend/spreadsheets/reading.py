"""Read a file: open it, find its tables, choose a layout for each, read the rows, compare them with each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from backend.spreadsheets.cells import MoneyUnit
from backend.spreadsheets.column_choices import with_choices
from backend.spreadsheets.columns import Column, Field, Vocabulary, vocabulary_of
from backend.spreadsheets.comparing import compared, compared_together
from backend.spreadsheets.context import Context, read_context
from backend.spreadsheets.grouping import Words
from backend.spreadsheets.header import MOST_COLUMNS, Table, find_tables, why_not_read
from backend.spreadsheets.kept_rows import KeptRows
from backend.spreadsheets.layouts import LAYOUT_IDS, Layout, layouts_of
from backend.spreadsheets.progress import Progress
from backend.spreadsheets.records import (
    ReadResult,
    ReadRow,
    RecognitionEvent,
    SkippedRow,
    SkippedSheet,
    TableNote,
    TableRead,
)
from backend.spreadsheets.row_reader import TableReader, with_overrides
from backend.spreadsheets.workbook import (
    DEFAULT_LIMIT_MEGABYTES,
    Sheet,
    Source,
    Workbook,
    WorkbookError,
    column_letter,
    open_workbook,
)
from rules.catalogue import Catalogue

#: More rows than this are not all held in memory, where nobody asks for their cells.
HELD: Final = 5_000


class NoTableFound(WorkbookError):
    """No sheet has a row of known column titles."""


class NoDataRows(WorkbookError):
    """There is a head, and nothing below it."""


class UnknownLayout(WorkbookError):
    """`--as` names no layout."""


@dataclass(frozen=True)
class ReadOptions:
    """What the importing person says of the file; it wins over what the file says of itself."""

    #: One of `layouts.LAYOUT_IDS`; chosen for each table where None.
    layout: str | None = None
    programme: str = ""
    event: RecognitionEvent | None = None
    dated_on: date | None = None
    batch: str = ""
    #: Year of yearly figures.
    year: int | None = None
    money_unit: MoneyUnit | None = None
    #: Code of the city whose local words (高新区, 市本级) are meant.
    within: str | None = None
    #: Only these sheets, even if they look obsolete or are hidden.
    sheets: tuple[str, ...] = ()
    limit_megabytes: int = DEFAULT_LIMIT_MEGABYTES
    #: What an officer said that columns mean, by their stems: see `column_choices`.
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    progress: Progress = field(default_factory=Progress, compare=False)
    #: Whether rows keep their cells, to be handed back; without them a large file takes far less room.
    keeps_cells: bool = True


@dataclass
class _Reading:
    keeps_cells: bool = True
    rows: list[ReadRow] | KeptRows = field(default_factory=list[ReadRow])
    words: Words = field(default_factory=Words)
    skipped_rows: list[SkippedRow] = field(default_factory=list[SkippedRow])
    skipped_sheets: list[SkippedSheet] = field(default_factory=list[SkippedSheet])
    tables: list[TableRead] = field(default_factory=list[TableRead])
    notes: list[TableNote] = field(default_factory=list[TableNote])

    def add(self, row: ReadRow) -> None:
        """Take a row; when there are many, they are laid down."""
        if isinstance(self.rows, KeptRows):
            self.words.add(len(self.rows), row)
            self.rows.add(row)
            return
        self.rows.append(row)
        if len(self.rows) > HELD and not self.keeps_cells:
            held, self.rows = self.rows, KeptRows()
            for one in held:
                self.add(one)


def read_file(
    source: Source, catalogue: Catalogue, options: ReadOptions | None = None, file_name: str = ""
) -> ReadResult:
    """Read a workbook or CSV file.

    Raises:
        WorkbookError: the file as a whole cannot be used; nothing of it was read.
    """
    options = options or ReadOptions()
    return read_workbook(open_workbook(source, file_name, options.limit_megabytes), catalogue, options)


def read_workbook(workbook: Workbook, catalogue: Catalogue, options: ReadOptions | None = None) -> ReadResult:
    """Read an opened workbook.

    Raises:
        UnknownLayout, NoTableFound, NoDataRows: nothing can be read.
    """
    options = options or ReadOptions()
    if options.layout is not None and options.layout not in LAYOUT_IDS:
        raise UnknownLayout(f"没有“{options.layout}”这种版式，可用的有：{'、'.join(LAYOUT_IDS)}。")
    vocabulary = with_choices(vocabulary_of(catalogue), options.columns, catalogue)
    layouts = layouts_of(vocabulary)
    reading = _Reading(options.keeps_cells, notes=[TableNote("", "", note) for note in workbook.notes])
    for sheet in workbook.sheets:
        if reason := _why_left_out(sheet, options):
            reading.skipped_sheets.append(SkippedSheet(sheet.name, reason))
            continue
        _read_sheet(reading, workbook, sheet, vocabulary, layouts, options)
    _refuse_nothing(workbook, reading)
    held = reading.rows
    rows, duplicates = (
        compared_together(held, reading.words.together()) if isinstance(held, KeptRows) else compared(held)
    )
    return ReadResult(
        file_name=workbook.file_name,
        layout=_most_common([table.layout for table in reading.tables]),
        rows=rows,
        skipped_rows=(*reading.skipped_rows, *duplicates),
        skipped_sheets=tuple(reading.skipped_sheets),
        tables=tuple(reading.tables),
        notes=tuple(reading.notes),
    )


def _why_left_out(sheet: Sheet, options: ReadOptions) -> str:
    if options.sheets:
        return "" if sheet.name.strip() in options.sheets or sheet.name in options.sheets else "未选"
    return why_not_read(sheet)


def _read_sheet(
    reading: _Reading,
    workbook: Workbook,
    sheet: Sheet,
    vocabulary: Vocabulary,
    layouts: Sequence[Layout],
    options: ReadOptions,
) -> None:
    tables = find_tables(sheet, vocabulary)
    if not tables:
        reading.skipped_sheets.append(SkippedSheet(sheet.name, "没有找到表头（至少要有“企业名称”等两个能识别的列名）"))
        return
    for table in tables:
        context = _context(table, workbook, options)
        layout = _choose(layouts, table, context, options)
        if layout is None:
            reading.skipped_sheets.append(
                SkippedSheet(
                    sheet.name, f"第 {table.head[0] + 1} 行的表没有“企业名称”或“统一社会信用代码”列，无法对应企业"
                )
            )
            continue
        reader = TableReader(table, context, progress=options.progress, keeps_cells=options.keeps_cells)
        reader.layout = layout.id
        for row in layout.read(reader):
            reading.add(row)
        reading.skipped_rows += table.skipped
        reading.notes += [*reader.notes, *_notes_on(table, layout)]
        reading.tables.append(_described(table, layout, context))


def _context(table: Table, workbook: Workbook, options: ReadOptions) -> Context:
    context = read_context(table.lines, table.notes, table.sheet.name, workbook.file_name, options.within)
    return with_overrides(
        context,
        programme=options.programme,
        event=options.event,
        dated_on=options.dated_on,
        batch=options.batch,
        year=options.year,
        unit=options.money_unit,
    )


def _choose(layouts: Sequence[Layout], table: Table, context: Context, options: ReadOptions) -> Layout | None:
    if options.layout is not None:
        return next(layout for layout in layouts if layout.id == options.layout)
    best = max(layouts, key=lambda layout: layout.matches(table, context))
    return best if best.matches(table, context) > 0 else None


def _refuse_nothing(workbook: Workbook, reading: _Reading) -> None:
    if not reading.tables:
        why = "；".join(f"“{sheet.sheet}”{sheet.reason}" for sheet in reading.skipped_sheets[:6])
        raise NoTableFound(
            f"“{workbook.file_name}”中没有可以导入的表：{why or '没有工作表'}。"
            "请确认表头在数据上方，并有“企业名称”或“统一社会信用代码”列。"
        )
    if not reading.rows:
        raise NoDataRows(f"“{workbook.file_name}”只有表头，没有数据行。请填写数据后重新上传。")


def _described(table: Table, layout: Layout, context: Context) -> TableRead:
    known = {c.letter: c.meaning for c in table.columns if c.field not in (None, Field.IGNORED)}
    return TableRead(
        sheet=table.sheet.name,
        layout=layout.id,
        head_rows=tuple(range(table.head[0] + 1, table.head[1] + 2)),
        title=context.title,
        columns=known,
        unrecognised={c.letter: c.title for c in table.columns if c.field is None},
        titles={column.letter: column.title for column in table.columns},
        lines=table.lines,
        notes=table.notes,
    )


def _notes_on(table: Table, layout: Layout) -> Iterable[TableNote]:
    left = "、".join(f"{column.letter} 列“{column.title}”" for column in table.columns if column.field in layout.leaves)
    if left:
        yield TableNote(table.sheet.name, "", f"按“{layout.title}”不导入的列：{left}。如需要，请另选版式。")
    unknown = [column for column in table.columns if column.field is None]
    if unknown:
        listed = "、".join(f"{column.letter} 列“{column.title}”" for column in unknown)
        yield TableNote(table.sheet.name, "", f"没有识别的列，未导入：{listed}。")
    for first, second in table.not_taken:
        told = f"“{second.title}”（{second.letter} 列）与“{first.title}”（{first.letter} 列）是同一项，只导入后者。"
        yield TableNote(table.sheet.name, second.letter, told)
    merged = [f"{merge.called}“{column.title}”" for column, merge in table.merged_figures]
    if merged:
        told = f"这些合并的单元格只记在各自的第一行，下面的行没有取值：{_listed(merged)}。如各行都应有，请取消合并后分别填写。"
        yield TableNote(table.sheet.name, "", told)
    if len(table.sheet.rows[table.head[0]]) > MOST_COLUMNS:
        yield TableNote(
            table.sheet.name, "", f"{column_letter(MOST_COLUMNS)} 列起右边的列没有读（最多 {MOST_COLUMNS} 列）。"
        )
    hidden_rows = sorted(row for row in table.sheet.hidden_rows if table.head[1] + 1 < row <= table.end)
    if hidden_rows:
        yield TableNote(table.sheet.name, "", f"隐藏的行也已读取：第 {_listed([*map(str, hidden_rows)])} 行。")
    hidden: list[Column] = [column for column in table.columns if column.letter in table.sheet.hidden_columns]
    if hidden:
        titles = "、".join(f"“{column.title}”" for column in hidden)
        yield TableNote(table.sheet.name, "", f"隐藏的列也已读取：{titles}。")


def _listed(names: Sequence[str]) -> str:
    shown = "、".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} 等 {len(names)}"


def _most_common(names: Sequence[str]) -> str:
    return max(names, key=names.count, default="")
