"""Read a file: open it, find its tables, choose a layout for each, read the rows, compare them with each other."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from backend.enterprises.names import match_key
from backend.spreadsheets.cells import MoneyUnit
from backend.spreadsheets.column_choices import with_choices
from backend.spreadsheets.columns import Column, Field, Vocabulary, vocabulary_of
from backend.spreadsheets.context import Context, read_context
from backend.spreadsheets.grouping import Words
from backend.spreadsheets.header import Table, find_tables, why_not_read
from backend.spreadsheets.kept_rows import KeptRows
from backend.spreadsheets.layouts import LAYOUT_IDS, Layout, layouts_of
from backend.spreadsheets.progress import Progress
from backend.spreadsheets.records import (
    EnterpriseRecord,
    Figure,
    ReadResult,
    ReadRow,
    RecognitionEvent,
    RowProblem,
    Severity,
    SkippedRow,
    SkippedSheet,
    SkipReason,
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
    rows, duplicates = _compared_together(reading) if isinstance(reading.rows, KeptRows) else _compared(reading.rows)
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
    hidden_rows = sorted(row for row in table.sheet.hidden_rows if table.head[1] + 1 < row <= table.end)
    if hidden_rows:
        yield TableNote(table.sheet.name, "", f"隐藏的行也已读取：第 {_listed(hidden_rows)} 行。")
    hidden: list[Column] = [column for column in table.columns if column.letter in table.sheet.hidden_columns]
    if hidden:
        titles = "、".join(f"“{column.title}”" for column in hidden)
        yield TableNote(table.sheet.name, "", f"隐藏的列也已读取：{titles}。")


def _listed(numbers: Sequence[int]) -> str:
    shown = "、".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} 等 {len(numbers)}"


def _most_common(names: Sequence[str]) -> str:
    return max(names, key=names.count, default="")


# Rows compared with each other -----------------------------------------------------------------------


def _compared(rows: Iterable[ReadRow]) -> tuple[tuple[ReadRow, ...], list[SkippedRow]]:
    """Leave out a row that says again what another says, and name rows that contradict each other."""
    earlier = _Earlier()
    kept = [_beside(row, earlier) for row in rows]
    return (
        tuple(one for one in kept if isinstance(one, ReadRow)),
        [one for one in kept if isinstance(one, SkippedRow)],
    )


def _compared_together(reading: _Reading) -> tuple[KeptRows, list[SkippedRow]]:
    """The same of many rows: only those are looked at that another row of the file could speak of, too."""
    rows, groups = reading.rows, reading.words.together()
    assert isinstance(rows, KeptRows)
    left: dict[int, SkippedRow] = {}
    for group in groups:
        earlier = _Earlier()
        for place in group:
            row = rows[place]
            kept = _beside(row, earlier)
            if isinstance(kept, SkippedRow):
                left[place] = kept
            elif kept is not row:
                rows.put(place, kept)
    out = sorted(left)
    rows.leave_out(out)
    moved = ([place - bisect_left(out, place) for place in group if place not in left] for group in groups)
    rows.together = [group for group in moved if len(group) > 1]
    return rows, [left[place] for place in out]


def _beside(row: ReadRow, earlier: "_Earlier") -> ReadRow | SkippedRow:
    """What a row is beside those before it."""
    first = _first_alike(row, earlier)
    if first is None or not row.is_good:
        return row
    if difference := _difference(first, row):
        return _with_problem(row, first, difference)
    if first.sheet != row.sheet and _regions_differ(first, row):
        return _with_region_warning(row, first)
    text = f"{row.enterprise.name}：与{_place(first, row)}相同"
    return SkippedRow(row.sheet, row.row, SkipReason.DUPLICATE, text)


@dataclass
class _Earlier:
    """Rows by whom they are about. Mostly there is one of each, which a list for each would double."""

    firsts: dict[str, ReadRow] = field(default_factory=dict[str, ReadRow])
    more: dict[str, list[ReadRow]] = field(default_factory=dict[str, list[ReadRow]])

    def add(self, who: str, row: ReadRow) -> list[ReadRow]:
        """Add a row. Returns those before it."""
        if (first := self.firsts.setdefault(who, row)) is row:
            return []
        others = self.more.setdefault(who, [])
        others.append(row)
        return [first, *others[:-1]]


def _first_alike(row: ReadRow, earlier: _Earlier) -> ReadRow | None:
    """The first of the earlier rows that says something that this one says, too; this one is then one of them."""
    who = _who(row.enterprise)
    if who is None:
        return None
    others = earlier.add(who, row)
    first = None
    if others:
        # Only rows of one enterprise can say the same.
        said = [set(_keys(other)) for other in others]
        first = next(
            (other for key in _keys(row) for other, keys in zip(others, said, strict=True) if key in keys), None
        )
    return first


def _keys(row: ReadRow) -> Iterable[tuple[object, ...]]:
    """What must not be said twice: an enterprise's identity, a figure of a year, an event of a title."""
    who = _who(row.enterprise)
    if who is None:
        return
    if row.layout in ("notice", "recognitions"):
        for one in row.recognitions:
            yield (
                "recognition", who, one.programme, one.event, one.dated_on, one.batch, one.number, one.new_name, one.list_title,
            )  # fmt: skip
    elif row.layout == "figures" or any(figure.year is not None for figure in row.figures):
        for figure in row.figures:
            yield ("figure", who, figure.indicator, figure.year)
    if row.layout in ("ledger", "enterprises"):
        yield ("enterprise", who)


def _who(enterprise: EnterpriseRecord) -> str | None:
    if enterprise.credit_code:
        return enterprise.credit_code
    if enterprise.other_numbers:
        return enterprise.other_numbers[0].value
    return match_key(enterprise.name) if enterprise.name else None


_COMPARED = (
    ("name", "企业名称"), ("established_on", "成立日期"), ("address", "地址"), ("industry_code", "行业"),
    ("is_above_scale", "是否规上"), ("chains", "产业链"), ("town", "镇街"), ("park", "园区"),
)  # fmt: skip


def _difference(first: ReadRow, row: ReadRow) -> str:
    """What two rows about one thing say differently, in Chinese; what only one of them says is no difference."""
    for name, chinese in _COMPARED:
        one, other = getattr(first.enterprise, name), getattr(row.enterprise, name)
        if one and other and one != other and not (name == "name" and match_key(one) == match_key(other)):
            return chinese
    if first.enterprise.region_code != row.enterprise.region_code and not (
        first.enterprise.region_is_inherited or row.enterprise.region_is_inherited
    ):
        return "所属区域"
    figures = {(figure.indicator, figure.year): figure for figure in first.figures}
    for figure in row.figures:
        other_figure: Figure | None = figures.get((figure.indicator, figure.year))
        if other_figure is not None and other_figure.value != figure.value:
            return f"{figure.column} 列的数值"
    return ""


def _regions_differ(first: ReadRow, row: ReadRow) -> bool:
    return first.enterprise.region_code != row.enterprise.region_code


def _place(first: ReadRow, row: ReadRow) -> str:
    return f"第 {first.row} 行" if first.sheet == row.sheet else f"“{first.sheet.strip()}”表第 {first.row} 行"


def _with_problem(row: ReadRow, first: ReadRow, difference: str) -> ReadRow:
    problem = RowProblem(
        row.sheet, row.row, "", "", "",
        reason=f"与{_place(first, row)}是同一企业，但{difference}不同",
        remedy="请核对后只保留一行",
        kind="two_rows_for_one",
    )  # fmt: skip
    return replace(row, problems=(*row.problems, problem))


def _with_region_warning(row: ReadRow, first: ReadRow) -> ReadRow:
    problem = RowProblem(
        row.sheet, row.row, "", "", "",
        reason=f"与{_place(first, row)}是同一企业，两处所属区域不同"
        f"（{first.enterprise.region_text}、{row.enterprise.region_text}）",
        remedy="按先出现的一处登记，请核实",
        severity=Severity.WARNING,
        kind="two_rows_for_one",
    )  # fmt: skip
    record = replace(row.enterprise, region_code=first.enterprise.region_code, region_text=first.enterprise.region_text)
    return replace(row, enterprise=record, problems=(*row.problems, problem))
