"""官方名单: an official list of one batch of one programme; the lines around the table say which."""

import re
from collections.abc import Iterable

from backend.spreadsheets.cells import looks_like_hnte_number
from backend.spreadsheets.columns import Field
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.records import ReadRow, RecognitionEvent, Severity
from backend.spreadsheets.row_reader import RowReader, TableReader

_LIST = re.compile(r"名单|公告|公示|公布|备案")


class Notice:
    """A notice's or announcement's list."""

    id = "notice"
    title = "公示公告名单"
    leaves: frozenset[Field] = frozenset({Field.FIGURE})

    def matches(self, table: Table, context: Context) -> int:
        """A programme is named above, and each row names an enterprise."""
        if not (table.has(Field.NAME) or table.has(Field.FORMER_NAME, Field.NEW_NAME)):
            return 0
        if not context.programme or table.has(Field.PROGRAMME) or table.figures:
            return 10 if context.programme and not table.has(Field.PROGRAMME) else 0
        return 85 if _LIST.search(f"{context.title} {table.sheet.name}") or table.has(Field.NUMBER) else 45

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """An official list cannot be corrected by who imports it: a wrong code is a warning, the name decides."""
        reader.wrong_code = Severity.WARNING
        if reader.context.dated_on is None and not reader.table.has(Field.DATE):
            reader.note(None, "名单上没有写日期，请在导入时填写公告（发证）日期。")
        return reader.rows_read(_read)


def _read(row: RowReader) -> ReadRow:
    programme = row.programme()
    if not programme and looks_like_hnte_number(row.cell(Field.NUMBER)):
        programme = "hnte"
    event = row.event() or RecognitionEvent.GRANTED
    enterprise = row.enterprise()
    return row.done(enterprise, (), (row.recognition(programme, event),))
