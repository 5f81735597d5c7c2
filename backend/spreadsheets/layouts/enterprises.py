"""企业表: a plain table of enterprises, one a row."""

from collections.abc import Iterable
from typing import Final

from backend.spreadsheets.columns import Field
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.layouts.base import OF_TITLES
from backend.spreadsheets.records import ReadRow
from backend.spreadsheets.row_reader import RowReader, TableReader

_IDENTITY: Final = (
    Field.ESTABLISHED, Field.REGION, Field.TOWN, Field.PARK, Field.ADDRESS, Field.INDUSTRY, Field.CHAIN, Field.ABOVE_SCALE,
    Field.FORMER_NAME, Field.STATUS,
)  # fmt: skip


class Enterprises:
    """Who the enterprises are."""

    id = "enterprises"
    title = "企业基本信息表"
    leaves: frozenset[Field] = OF_TITLES

    def matches(self, table: Table, context: Context) -> int:
        """Names or codes, with what says who they are, and nothing else."""
        if not table.has(Field.NAME) and not table.has(Field.CODE):
            return 0
        identity = sum(table.has(one) for one in _IDENTITY)
        others = table.has(Field.PROGRAMME) or table.has(Field.EVENT) or table.has(Field.NUMBER)
        return 15 if others else min(70, 30 + 12 * identity) - 5 * len([c for c in table.figures if c.year])

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """Identity, and figures that hold now such as the registered capital."""
        return reader.rows_read(_read)


def _read(row: RowReader) -> ReadRow:
    return row.done(row.enterprise(), row.figures())
