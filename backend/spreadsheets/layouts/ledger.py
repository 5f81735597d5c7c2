"""台账: one row an enterprise, often a sheet a district, with identity, figures and certificates side by side."""

import re
from collections.abc import Iterable
from typing import Final

from backend.spreadsheets.cells import looks_like_hnte_number, says_nothing
from backend.spreadsheets.columns import Field
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.records import ReadRow, RecognitionEvent, RecognitionRecord
from backend.spreadsheets.row_reader import RowReader, TableReader

_TITLE = re.compile(r"台账|摸底|花名册|登记表|情况表|汇总表|统计表|一览表|调查表|信息表|清单")
_IDENTITY: Final = (
    Field.ESTABLISHED, Field.REGION, Field.TOWN, Field.PARK, Field.ADDRESS, Field.INDUSTRY, Field.CHAIN, Field.ABOVE_SCALE,
)  # fmt: skip


class Ledger:
    """A district's or a department's ledger of enterprises."""

    id = "ledger"
    title = "企业台账"
    leaves: frozenset[Field] = frozenset({Field.EVENT, Field.REASON, Field.NEW_NAME})

    def matches(self, table: Table, context: Context) -> int:
        """Its title says ledger, or who they are stands beside how they do."""
        if not table.has(Field.NAME) and not table.has(Field.CODE):
            return 0
        identity = sum(table.has(one) for one in _IDENTITY)
        titled = _TITLE.search(f"{context.title} {table.sheet.name}") is not None
        score = 68 if titled else 20
        score += 10 * (len(table.figures) > 0) + min(15, 5 * identity)
        if table.figures and (table.has(Field.NUMBER) or table.has(Field.DATE)):
            # Only a ledger has certificates beside figures; read as either alone, the other would be lost.
            return max(score, 80)
        if table.has(Field.PROGRAMME) or table.has(Field.EVENT):
            score -= 20
        return score if titled or identity + len(table.figures) >= 3 else min(score, 40)

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """Identity, figures, and the certificate where the ledger has columns for one."""
        return reader.rows_read(_read)


def _read(row: RowReader) -> ReadRow:
    enterprise = row.enterprise()
    return row.done(enterprise, row.figures(), _certificate(row))


def _certificate(row: RowReader) -> tuple[RecognitionRecord, ...]:
    number, day = row.table.column(Field.NUMBER), row.table.column(Field.DATE)
    if number is None and day is None:
        return ()
    cell = row.row.cell(number)
    if (number is None or says_nothing(cell)) and (day is None or says_nothing(row.row.cell(day))):
        return ()
    named = row.programme() if row.table.has(Field.PROGRAMME) else ""
    programme = named or (number.programme if number else "") or (day.programme if day else "") or row.context.programme
    if not programme and number is not None and looks_like_hnte_number(cell):
        programme = "hnte"
    if not programme:
        return ()
    return (row.recognition(programme, RecognitionEvent.GRANTED),)
