"""Find the tables of a sheet: where the head is, what its columns are, which rows below are records.

No layout is presumed. A head is a row of which several cells are titles somebody knows; title lines may stand
above it, it may have two or three rows with merged cells, and come again at every page break. Below it stand
records, among them subtotals, headings of groups, repeated heads and, at the end, notes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

from backend.spreadsheets.cells import is_ditto, looks_like_name, plain, says_nothing, tidy
from backend.spreadsheets.columns import Column, Field, Vocabulary, parse_title, stem_of
from backend.spreadsheets.context import region_named
from backend.spreadsheets.records import SkippedRow, SkipReason
from backend.spreadsheets.workbook import Cell, Merge, Sheet, is_blank

#: A head stands within so many rows of the top or of the last table's end.
_FARTHEST_HEAD: Final = 40
_MOST_HEAD_ROWS: Final = 4
#: Columns further to the right are not read.
MOST_COLUMNS: Final = 400
_KNOWN_OF_WIDE: Final = 4
_WHO: Final = frozenset({"企业名称", "单位名称", "公司名称", "统一社会信用代码"})

_OBSOLETE = re.compile(r"^废|作废|旧版|勿用|停用|已删除|历史版本|废止|^备份|不要用|backup|\bold\b", re.IGNORECASE)
_INSTRUCTIONS = re.compile(
    r"^(?:\d+[.、])?\s*(?:填报|填表|填写|使用|导入|模板)?\s*(?:说明|须知|要求|指南|示例|样例|样表|字典|代码表|下拉|选项|数据字典|枚举)(?:表|页)?$"
)
_SUBTOTAL = re.compile(
    r"^.{0,14}?(?:小计|合计|总计|共计|累计|总数)[:：]?$|^(?:小计|合计|总计|共计)[:：(（].{0,14}$|^共\d+[家户个]$"
)
_NOTE = re.compile(
    r"^[（(]?(?:注|备注|说明|填表说明|填报说明|附注|资料来源|数据来源|来源|特别说明|温馨提示|提示)\s*[:：.、\d一（(]|^[※★*]\S|^注\s|^备注[）)]"
)
_FOOTER = re.compile(
    r"(?:填报|填表|审核|制表|联系|负责|复核|经办|分管|单位负责|主要负责)(?:人|单位|日期|时间|领导|电话)(?:签字|签名|（签字）)?\s*[:：]"
    r"|[（(](?:盖章|公章|签章)[）)]|^日期[:：]|^[（(]?(?:此页|以下|本页)(?:无正文|空白)|^[—-]\s*\d+\s*[—-]$|^第\s*\d+\s*页|^续表"
)
_SECTION = re.compile(r"^(?:[（(]?[一二三四五六七八九十]+[）)]?[、.．]|[（(][一二三四五六七八九十\d]+[）)])")
_EXAMPLE = re.compile(r"示例|样例|例如|^例[:：]|填写示范|[某×]{2}|XX+(?:公司|企业|科技)|[Xx]{6,}|[（(]例[）)]")
_EXAMPLE_ROW = re.compile(r"(?:示例|样例)(?:行|数据)")
_FILLS_DOWN: Final = frozenset(
    {Field.NAME, Field.CODE, Field.PROVINCE, Field.CITY, Field.REGION, Field.TOWN, Field.PARK, Field.CHAIN, Field.INDUSTRY,
     Field.PROGRAMME, Field.EVENT, Field.DATE, Field.BATCH, Field.LEVEL, Field.LIST_TITLE, Field.YEAR, Field.INDICATOR, Field.UNIT,
     Field.FORMER_NAME, Field.ESTABLISHED, Field.ADDRESS}
)  # fmt: skip
_GROUPS: Final = frozenset(
    {Field.CITY, Field.REGION, Field.TOWN, Field.PARK, Field.CHAIN, Field.BATCH, Field.PROGRAMME}
)


@dataclass(frozen=True, slots=True)
class Row:
    """A record: Excel's row number, its cells with merged regions and 〃 filled in, and the group it stands in."""

    number: int
    cells: tuple[Cell, ...]
    section: str = ""
    is_hidden: bool = False

    def cell(self, column: Column | None) -> Cell:
        """The cell of a column; blank where the row is shorter or there is no such column."""
        if column is None or column.index >= len(self.cells):
            return ""
        return self.cells[column.index]


@dataclass
class Table:
    """A table: its head, and the rows from below the head to before the next."""

    sheet: Sheet
    #: 0-based rows of the head, both ends included.
    head: tuple[int, int]
    end: int
    columns: tuple[Column, ...]
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: list[SkippedRow] = field(default_factory=list[SkippedRow])

    def __post_init__(self) -> None:
        self._by_field: dict[Field, Column] = {}
        for column in self.columns:
            if column.field is not None and column.field is not Field.FIGURE:
                self._by_field.setdefault(column.field, column)
        #: Columns that say once more whom a row is about: a second table may stand beside the first.
        self.doubled = tuple(self._doubled())

    def column(self, field: Field) -> Column | None:
        """The first column of a field."""
        return self._by_field.get(field)

    def has(self, *fields: Field) -> bool:
        """Whether there is a column for each."""
        return all(one in self._by_field for one in fields)

    @property
    def figures(self) -> tuple[Column, ...]:
        """The columns of indicators."""
        return tuple(column for column in self.columns if column.field is Field.FIGURE)

    @cached_property
    def head_stems(self) -> tuple[frozenset[str], ...]:
        """For each column the words its head is made of."""
        first, last = self.head
        filled = _filled_head(self.sheet, first, last)
        width = max(map(len, filled), default=0)
        return tuple(
            frozenset(stem_of(plain(row[index])) for row in filled if index < len(row) and not is_blank(row[index]))
            for index in range(width)
        )

    def _doubled(self) -> Iterator[tuple[Column, Column]]:
        for first in filter(None, (self.column(Field.NAME), self.column(Field.CODE))):
            for column in self.columns:
                is_alike = column.field in (first.field, Field.IGNORED) and _stems_agree(first, column)
                if is_alike and column is not first:
                    yield first, column

    @property
    def not_taken(self) -> Iterator[tuple[Column, Column]]:
        """Columns of which only the first of their kind is read, with that one before."""
        for column in self.columns:
            if column.field not in (None, Field.FIGURE, Field.IGNORED, Field.SEQUENCE):
                first = self._by_field[column.field]
                if column is not first:
                    yield first, column

    @property
    def merged_figures(self) -> Iterator[tuple[Column, Merge]]:
        """Cells merged downwards that count for their first row only: an amount is nobody else's."""
        columns = {
            column.index: column for column in self.columns if column.field not in (None, Field.IGNORED, Field.SEQUENCE)
        }
        for merge in self.sheet.merges:
            column = columns.get(merge.left)
            if column is None or column.field in _FILLS_DOWN or merge.bottom == merge.top:
                continue
            if self.head[1] < merge.top < self.end and not is_blank(
                Row(0, tuple(self.sheet.rows[merge.top])).cell(column)
            ):
                yield column, merge

    # Rows ------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """The records, in order; whatever is none goes to `skipped` with its reason."""
        self.skipped.clear()
        section = ""
        above: list[Cell] = []
        merged = self._merged_values()
        grouped = self._grouped_columns(merged)
        for index in range(self.head[1] + 1, self.end):
            raw = self.sheet.rows[index]
            # Most cells of a large ledger are numbers, which are never blank.
            own = [column for column, cell in enumerate(raw) if type(cell) is float or not is_blank(cell)]
            if not own:
                continue
            reason = self._not_a_record(index, raw, own)
            if reason is SkipReason.SECTION:
                section = plain(raw[own[0]])
            if reason is not None:
                self._skip(index, reason, raw, own)
                continue
            cells = self._filled(index, raw, own, above, merged, grouped)
            if not self._is_preprinted(own):
                above = cells
                yield Row(index + 1, tuple(cells), section, index + 1 in self.sheet.hidden_rows)

    def _filled(
        self,
        index: int,
        raw: list[Cell],
        own: list[int],
        above: list[Cell],
        merged: dict[tuple[int, int], Cell],
        grouped: frozenset[int],
    ) -> list[Cell]:
        cells = list(raw)
        for column in own:
            if type(raw[column]) is not float and is_ditto(raw[column]) and column < len(above):
                cells[column] = above[column]
        for column in self._fillable:
            if column < len(raw) and is_blank(raw[column]):
                if (index, column) in merged:
                    cells[column] = merged[index, column]
                elif column in grouped and column < len(above):
                    cells[column] = above[column]
        return cells

    @cached_property
    def _fillable(self) -> tuple[int, ...]:
        return tuple(column.index for column in self.columns if column.field in _FILLS_DOWN)

    def _merged_values(self) -> dict[tuple[int, int], Cell]:
        fillable = set(self._fillable)
        values: dict[tuple[int, int], Cell] = {}
        rows = self.sheet.rows
        for merge in self.sheet.merges:
            if merge.bottom > merge.top and merge.left in fillable and merge.top < len(rows):
                value = rows[merge.top][merge.left] if merge.left < len(rows[merge.top]) else ""
                for row in range(merge.top + 1, min(merge.bottom, len(rows)) + 1):
                    values[row, merge.left] = value
        return values

    def _grouped_columns(self, merged: dict[tuple[int, int], Cell]) -> frozenset[int]:
        """Columns written in the first row of a group only, as a merged column becomes once it is a CSV."""
        found: set[int] = set()
        name = self.column(Field.NAME) or self.column(Field.CODE)
        for column in self.columns:
            if column.field not in _GROUPS or name is None or any(place[1] == column.index for place in merged):
                continue
            values = [
                not is_blank(row[column.index])
                for row in self.sheet.rows[self.head[1] + 1 : self.end]
                if max(column.index, name.index) < len(row) and not is_blank(row[name.index])
            ]
            if len(values) >= 4 and values[0] and sum(values) * 2 < len(values):
                found.add(column.index)
        return frozenset(found)

    def _is_preprinted(self, own: list[int]) -> bool:
        """Whether only a running number stands in the row: an empty line of a form."""
        sequence = self.column(Field.SEQUENCE)
        return sequence is not None and own == [sequence.index]

    def _skip(self, index: int, reason: SkipReason, raw: list[Cell], own: list[int]) -> None:
        text = " ".join(tidy(raw[column]) for column in own)
        self.skipped.append(SkippedRow(self.sheet.name, index + 1, reason, text[:200]))

    # What is no record -------------------------------------------------------------------------------

    def _not_a_record(self, index: int, raw: list[Cell], own: list[int]) -> SkipReason | None:
        if self.repeats_head(raw, own) or self._numbers_columns(index, raw, own):
            return SkipReason.REPEATED_HEAD
        named = self._is_named(raw)
        if not named and self._is_subtotal(raw, own):
            return SkipReason.SUBTOTAL
        if self._is_example(raw, own):
            return SkipReason.EXAMPLE
        return self._note_or_section(raw, own, named=named)

    def repeats_head(self, raw: list[Cell], own: list[int]) -> bool:
        """Whether a row is the head, or one row of it, once more."""
        stems = self.head_stems
        same = 0
        for seen, column in enumerate(own, start=1):
            cell = raw[column]
            same += column < len(stems) and isinstance(cell, str) and stem_of(cell) in stems[column]
            # The name of a merged region may stand in the same row, so one cell need not agree.
            if same < seen - 1:
                return False
        return same >= 2 or (same == 1 == len(own) and len(stems) == 1)

    def _numbers_columns(self, index: int, raw: list[Cell], own: list[int]) -> bool:
        """A row under the head that counts the columns: 1 2 3 … or 甲 乙 1 2."""
        if index != self.head[1] + 1 or len(own) < 3:
            return False
        texts = [plain(raw[column]).strip("()（）") for column in own]
        numbers = [int(text) for text in texts if text.isdigit() and len(text) < 4]
        rest = [text for text in texts if not text.isdigit()]
        return (
            numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 2 and set(rest) <= set("甲乙丙丁戊ABCDEFG")
        )

    def _is_named(self, raw: list[Cell]) -> bool:
        """Whether the row names an enterprise, by its code or by what looks like a name."""
        code, name = self.column(Field.CODE), self.column(Field.NAME) or self.column(Field.FORMER_NAME)
        if code is not None and code.index < len(raw) and len(plain(raw[code.index]).replace(" ", "")) >= 9:
            return True
        if name is None or name.index >= len(raw):
            return False
        return isinstance(raw[name.index], str) and looks_like_name(plain(raw[name.index]).replace(" ", ""))

    def _is_subtotal(self, raw: list[Cell], own: list[int]) -> bool:
        return any(isinstance(cell := raw[column], str) and is_subtotal(cell) for column in own[:3])

    def _is_example(self, raw: list[Cell], own: list[int]) -> bool:
        for column in (self.column(Field.NAME), self.column(Field.CODE), self.column(Field.SEQUENCE)):
            if column is None or column.index >= len(raw):
                continue
            cell = raw[column.index]
            if isinstance(cell, str) and _EXAMPLE.search(plain(cell)):
                return True
        texts = [cell for column in own if isinstance(cell := raw[column], str)]
        return any(_EXAMPLE_ROW.search(text) for text in texts)

    def _note_or_section(self, raw: list[Cell], own: list[int], *, named: bool) -> SkipReason | None:
        text = plain(raw[own[0]])
        if not isinstance(raw[own[0]], str):
            return None
        if (_NOTE.search(text) or _FOOTER.search(text)) and (len(own) == 1 or not named):
            return SkipReason.NOTE
        if len(own) > 1 or (named and self._stands_in_name(own[0]) and not _SECTION.match(text)):
            return None
        region = region_named(text, None)
        # A city alone is the office that signs, a district alone the heading of its rows.
        if _SECTION.match(text) or (region is not None and region.level == "district"):
            return SkipReason.SECTION
        return SkipReason.NOTE if len(text) > 6 or not self._stands_in_name(own[0]) else None

    def _stands_in_name(self, column: int) -> bool:
        name = self.column(Field.NAME)
        return name is not None and name.index == column


# Finding them ---------------------------------------------------------------------------------------


def _stems_agree(one: Column, other: Column) -> bool:
    return stem_of(one.title) == stem_of(other.title)


def is_subtotal(text: str) -> bool:
    """Whether a cell's text is what stands before sums: 小计, 合计：…"""
    return _SUBTOTAL.match(re.sub(r"\s+", "", plain(text))) is not None


def why_not_read(sheet: Sheet) -> str:
    """Why a sheet as a whole holds no data, in Chinese; empty where it may."""
    if sheet.is_hidden:
        return "隐藏的工作表"
    if sheet.is_empty:
        return "空表"
    if _OBSOLETE.search(sheet.name.strip()):
        return "表名表明已作废"
    if _INSTRUCTIONS.match(sheet.name.strip()):
        return "填报说明、示例或字典"
    first = next((plain(cell) for row in sheet.rows[:5] for cell in row if not is_blank(cell)), "")
    if len(first) <= 30 and _OBSOLETE.search(first):
        return f"表头写明“{first}”"
    if _INSTRUCTIONS.match(first):
        return "填报说明、示例或字典"
    return ""


def find_tables(sheet: Sheet, vocabulary: Vocabulary) -> list[Table]:
    """Every table of a sheet, from top to bottom."""
    tables: list[Table] = []
    start = 0
    while (head := _find_head(sheet, vocabulary, start)) is not None:
        first, last = head
        columns = _columns(sheet, vocabulary, first, last)
        lines = _lone_texts(sheet, start if not tables else _lines_start(sheet, start, first), first)
        table = Table(sheet, head, len(sheet.rows), columns, lines)
        table.end = _end(sheet, vocabulary, table)
        table.notes = _lone_texts(sheet, last + 1, table.end)
        tables.append(table)
        start = table.end
        if start >= len(sheet.rows):
            break
    return tables


def _find_head(sheet: Sheet, vocabulary: Vocabulary, start: int) -> tuple[int, int] | None:
    for index in range(start, min(len(sheet.rows), start + _FARTHEST_HEAD)):
        if _is_head_row(sheet.rows[index], vocabulary):
            first = _upwards(sheet, vocabulary, index, start)
            return first, _downwards(sheet, vocabulary, first, index)
    return None


def _is_head_row(row: Sequence[Cell], vocabulary: Vocabulary, least: int = 2) -> bool:
    cells = [cell for cell in row[:MOST_COLUMNS] if not is_blank(cell)]
    texts = [str(cell) for cell in cells if isinstance(cell, str)]
    if not texts or any(_is_data(text) for text in texts) or len(texts) * 2 < len(cells):
        return False
    known = sum(vocabulary.knows(text) for text in texts)
    if len(cells) == 1:
        # A list of names only: the head must be the very word.
        return least <= 2 and stem_of(texts[0]) in _WHO
    # Of a very wide ledger only a few columns are known; then one of them must say whom it is about.
    is_wide = known >= _KNOWN_OF_WIDE and any(stem_of(text) in _WHO for text in texts)
    return known >= least and (known * 10 >= len(cells) * 3 or is_wide)


def _is_data(text: str) -> bool:
    """A name, a code, a sentence: nothing that stands in a head."""
    shown = plain(text)
    if len(shown) > 60 or re.search(r"[:：]\s*$|[:：].*[:：]", shown):
        return True
    return (
        re.fullmatch(r"'?[0-9A-Za-z]{15,18}", shown) is not None
        or re.search(r"(?:有限公司|集团公司|合作社)\*?$", shown) is not None
    )


def _upwards(sheet: Sheet, vocabulary: Vocabulary, index: int, start: int) -> int:
    """The first row of the head: group titles above may hold no word anybody knows."""
    first = index
    while first > start and index - first < _MOST_HEAD_ROWS - 1:
        row = sheet.rows[first - 1]
        cells = [cell for cell in row if not is_blank(cell)]
        reaches_down = any(m.top == first - 1 and m.bottom >= first and m.left == m.right for m in sheet.merges)
        if len(cells) < 2 and not reaches_down:
            break
        if any(isinstance(cell, str) and (_is_data(cell) or "：" in cell or ":" in cell) for cell in cells):
            break
        if not any(isinstance(cell, str) for cell in cells):
            break
        first -= 1
    return first


def _downwards(sheet: Sheet, vocabulary: Vocabulary, first: int, index: int) -> int:
    """The last row of the head: as far as its merged cells reach, and rows of titles, years or units below."""
    last = index
    reach = max((m.bottom for m in sheet.merges if first <= m.top <= index and m.left < MOST_COLUMNS), default=index)
    last = max(last, min(reach, first + _MOST_HEAD_ROWS - 1))
    while last + 1 < len(sheet.rows) and last - first < _MOST_HEAD_ROWS - 1:
        if not _continues_head(sheet, vocabulary, first, last):
            break
        last += 1
    return last


def _continues_head(sheet: Sheet, vocabulary: Vocabulary, first: int, last: int) -> bool:
    row = sheet.rows[last + 1]
    own = [(column, cell) for column, cell in enumerate(row[:MOST_COLUMNS]) if not is_blank(cell)]
    if not own or any(isinstance(cell, str) and _is_data(cell) for _, cell in own):
        return False
    filled = _filled_head(sheet, first, last + 1)
    title_like = 0
    for column, cell in own:
        text = plain(cell)
        title = parse_title(text)
        alone = (title.year or title.unit_text) and not title.stem
        path = tuple(plain(line[column]) for line in filled if column < len(line) and not is_blank(line[column]))
        above = tuple(plain(line[column]) for line in filled[:-1] if column < len(line) and not is_blank(line[column]))
        if above and above[-1] == text:
            return False  # the head again
        if (
            alone
            or vocabulary.knows(text)
            or (
                isinstance(cell, str)
                and vocabulary.column(column, path).field is not None
                and vocabulary.column(column, above).field is None
            )
        ):
            title_like += 1
    return title_like * 10 >= len(own) * 6


def _filled_head(sheet: Sheet, first: int, last: int) -> list[list[Cell]]:
    """The head's rows with merged cells filled in; group titles of a CSV reach to the right."""
    width = min(max((len(row) for row in sheet.rows[first : last + 1]), default=0), MOST_COLUMNS)
    rows = [list(row[:width]) + [""] * (width - len(row)) for row in sheet.rows[first : last + 1]]
    merges = [merge for merge in sheet.merges if merge.top <= last and merge.bottom >= first and merge.left < width]
    for merge in merges:
        if merge.top < first:
            continue
        value = rows[merge.top - first][merge.left]
        for row in range(merge.top, min(merge.bottom, last) + 1):
            for column in range(merge.left, min(merge.right, width - 1) + 1):
                rows[row - first][column] = value
    if not merges:
        _spread_groups(rows)
    return rows


def _spread_groups(rows: list[list[Cell]]) -> None:
    for upper, lower in pairwise(rows):
        for column in range(1, len(upper)):
            if is_blank(upper[column]) and not is_blank(lower[column]) and not is_blank(lower[column - 1]):
                upper[column] = upper[column - 1]


def _columns(sheet: Sheet, vocabulary: Vocabulary, first: int, last: int) -> tuple[Column, ...]:
    rows = _filled_head(sheet, first, last)
    width = len(rows[0]) if rows else 0
    columns = [
        vocabulary.column(
            index,
            tuple(
                plain(row[index]) if not isinstance(row[index], str) else str(row[index])
                for row in rows
                if not is_blank(row[index])
            ),
        )
        for index in range(width)
    ]
    return tuple(_settle(columns))


def _settle(columns: list[Column]) -> Iterator[Column]:
    """Words that mean one thing or another by what stands beside them."""
    fields = {column.field for column in columns}
    long_form = Field.INDICATOR in fields and (Field.VALUE in fields)
    names = [column for column in columns if column.field is Field.NAME]
    exact_name = next((c for c in names if stem_of(c.title) not in ("单位", "企业", "公司", "名称")), None)
    for column in columns:
        if not column.title:
            continue
        settled = column
        if column.field is Field.NAME and exact_name is not None and column is not exact_name:
            is_unit = stem_of(column.title) == "单位" and long_form
            settled = _as(column, Field.UNIT if is_unit else Field.IGNORED)
        if column.field in (Field.INDICATOR, Field.VALUE, Field.UNIT) and not long_form:
            settled = _as(column, None)
        if (
            column.field is Field.SEQUENCE
            and stem_of(column.title) == "编号"
            and Field.NUMBER not in fields
            and column.index > 1
        ):
            settled = _as(column, Field.NUMBER)
        yield settled


def _as(column: Column, field: Field | None) -> Column:
    return Column(index=column.index, title=column.title, field=field, year=column.year)


def _end(sheet: Sheet, vocabulary: Vocabulary, table: Table) -> int:
    """Before the lines and the head of the next table; the sheet's end where there is none."""
    for index in range(table.head[1] + 1, len(sheet.rows)):
        row = sheet.rows[index]
        if not isinstance(next((cell for cell in row if not is_blank(cell)), 0), str):
            continue
        if _holds_values(row):
            continue
        own = [column for column, cell in enumerate(row) if not is_blank(cell)]
        if len(own) < 3 or (table.repeats_head(row, own) and not _adds_a_title(row, own, table, vocabulary)):
            continue
        if _is_head_row(row, vocabulary, least=3):
            return _lines_start(sheet, table.head[1] + 1, index)
    return len(sheet.rows)


def _adds_a_title(row: Sequence[Cell], own: Sequence[int], table: Table, vocabulary: Vocabulary) -> bool:
    """Whether a row much like the head has a title that the head has not: the head of another table."""
    stems = table.head_stems
    return any(
        (column >= len(stems) or stem_of(str(row[column])) not in stems[column]) and vocabulary.knows(str(row[column]))
        for column in own
    )


def _holds_values(row: Sequence[Cell]) -> bool:
    """A quick look: figures, days, codes and long texts are in records and in no head."""
    return any(
        not isinstance(cell, str)
        or len(cell) > 40
        or (len(cell) > 4 and cell.lstrip("-'")[:1].isdigit() and cell[-1:].isdigit())
        for cell in row
    )


def _lines_start(sheet: Sheet, lowest: int, head: int) -> int:
    """Where the title lines above a second table begin."""
    start = head
    while start > lowest:
        own = [cell for cell in sheet.rows[start - 1] if not is_blank(cell)]
        if len(own) > 1 or (own and (_NOTE.search(plain(own[0])) or _FOOTER.search(plain(own[0])))):
            break
        start -= 1
    return start


def _lone_texts(sheet: Sheet, first: int, last: int) -> tuple[str, ...]:
    """The lines that stand alone in their rows."""
    lines: list[str] = []
    for row in sheet.rows[first:last]:
        own = [cell for cell in row if type(cell) is float or not is_blank(cell)]
        if 1 <= len(own) <= 2 and isinstance(own[0], str) and not says_nothing(own[0]):
            text = " ".join(tidy(cell) for cell in own)
            if len(own) == 1 or _NOTE.search(text) or _FOOTER.search(text) or "单位" in text:
                lines.append(text)
    return tuple(lines)
