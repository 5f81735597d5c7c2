"""认定记录表: one row an event of a title — granted, renewed, reviewed, renamed, revoked — of any programme."""

from collections.abc import Iterable

from backend.spreadsheets.cells import CellProblem, looks_like_hnte_number
from backend.spreadsheets.columns import Field
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.records import ReadRow, RecognitionEvent, Severity
from backend.spreadsheets.row_reader import RowReader, TableReader


class Recognitions:
    """Recognitions of several programmes, dates or kinds in one table."""

    id = "recognitions"
    title = "认定记录表"
    leaves: frozenset[Field] = frozenset({Field.FIGURE})

    def matches(self, table: Table, context: Context) -> int:
        """A column says which programme or which event, or the certificates speak for themselves."""
        if not (table.has(Field.NAME) or table.has(Field.CODE) or table.has(Field.FORMER_NAME, Field.NEW_NAME)):
            return 0
        when = any(table.has(one) for one in (Field.DATE, Field.BATCH, Field.YEAR, Field.NUMBER))
        if when and (table.has(Field.PROGRAMME) or table.has(Field.EVENT)):
            return 92 - 30 * (len(table.figures) > 1)
        if table.has(Field.NUMBER, Field.DATE) and not table.figures:
            return 75
        return 30 if table.has(Field.PROGRAMME) else 0

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """Codes are as the lists printed them: a wrong one is a warning, the name decides."""
        reader.wrong_code = Severity.WARNING
        return reader.rows_read(_read)


def _read(row: RowReader) -> ReadRow:
    programme = row.programme()
    number = row.table.column(Field.NUMBER)
    if not programme and number is not None:
        programme = number.programme or ("hnte" if looks_like_hnte_number(row.row.cell(number)) else "")
    if not programme and not row.problems:
        row.report(
            row.table.column(Field.PROGRAMME),
            CellProblem(
                "programme_missing",
                "" if row.table.has(Field.PROGRAMME) else "没有写明认定项目",
                "请填写认定项目，如“高新技术企业”",
            ),
        )
    event = row.event() or RecognitionEvent.GRANTED
    enterprise = row.enterprise()
    return row.done(enterprise, (), (row.recognition(programme, event),))
