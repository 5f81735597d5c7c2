"""What a layout is: it says how well a table fits it, and reads the table's rows."""

from collections.abc import Iterable
from typing import Final, Protocol

from backend.spreadsheets.columns import Field
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.records import ReadRow
from backend.spreadsheets.row_reader import TableReader

#: What a table says of a title.
OF_TITLES: Final = frozenset(
    {
        Field.PROGRAMME, Field.EVENT, Field.DATE, Field.BATCH, Field.NUMBER, Field.VALID_FROM, Field.VALID_TO, Field.LEVEL,
        Field.LIST_TITLE, Field.REASON, Field.NEW_NAME,
    }
)  # fmt: skip


class Layout(Protocol):
    """One way in which staff lay out a table."""

    @property
    def id(self) -> str:
        """The word for `--as`."""
        ...

    @property
    def title(self) -> str:
        """The name on the pages."""
        ...

    @property
    def leaves(self) -> frozenset[Field]:
        """Columns that are understood and, in this layout, not taken; the user is told."""
        ...

    def matches(self, table: Table, context: Context) -> int:
        """How well a table fits, 0 to 100; 0 means not at all."""
        ...

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """Every record of a table."""
        ...
