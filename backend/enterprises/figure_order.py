"""The order of a list by a figure: the highest first or the lowest, and last those of whom it is not known.

Whose figure the reader may not see is among those of whom it is not known: policies decide it, as they do in the columns.
Those with a figure and those without are looked up apart, so that an index of the figure (migration 0051) can be walked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.enterprises.columns import figure_column
from backend.filings.projection_tables import COLUMN_TYPES, table_of
from backend.web.rest import CursorUnknown
from rules.catalogue import Catalogue, Indicator

_UP: Final = ".up"


#: What lists are sorted by most has an index (migration 0051); more of them would make each filing dearer.
INDEXED: Final = frozenset({"sales_revenue", "rd_expense_hnte"})


@dataclass(frozen=True)
class FigureOrder:
    """By which figure, of which year (None for what holds now), and whether the lowest comes first."""

    indicator: Indicator
    year: int | None
    is_ascending: bool = False

    @property
    def id(self) -> str:
        """As an address names it: `sales_revenue.2025`, with `.up` where the lowest comes first."""
        return f"{self.column}{_UP if self.is_ascending else ''}"

    @property
    def column(self) -> str:
        """The column of a list that shows it."""
        return f"{self.indicator.id}.{'now' if self.year is None else self.year}"

    @property
    def has_index(self) -> bool:
        """Whether the list can be walked in its order, and each row asked for itself."""
        return self.indicator.id in INDEXED

    @property
    def other(self) -> "FigureOrder":
        """The same from the other end."""
        return FigureOrder(self.indicator, self.year, not self.is_ascending)


def figure_order(written: str, catalogue: Catalogue) -> FigureOrder | None:
    """What an address names; None where it names no figure."""
    column = figure_column(written.removesuffix(_UP), catalogue)
    if column is None or column.indicator is None:
        return None
    return FigureOrder(column.indicator, column.year, written.endswith(_UP))


def check_place(order: FigureOrder, place: Sequence[Any]) -> None:
    """Raises CursorUnknown for a place that is none in a list of this order."""
    value, number = place
    is_written = value is None or (
        isinstance(value, str) and _WRITTEN[COLUMN_TYPES[order.indicator.type]].fullmatch(value)
    )
    if not isinstance(number, int) or not is_written:
        raise CursorUnknown


#: As PostgreSQL writes values of a type.
_WRITTEN: Final = {
    "bigint": re.compile(r"-?\d{1,18}"), "integer": re.compile(r"-?\d{1,9}"), "numeric": re.compile(r"-?\d{1,40}(\.\d{1,40})?"),
    "date": re.compile(r"-infinity|\d{4}-[01]\d-[0-3]\d"), "boolean": re.compile("true|false"), "text": re.compile(".*", re.DOTALL),
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """Who may stand at an end of the order (migration 0066): nobody else comes before `edge`; None: nobody has a figure."""

    ids: Sequence[int]
    #: The last value and id that are kept.
    edge: str | None
    edge_id: int | None

    @property
    def is_whole(self) -> bool:
        """Whether all are among them that have a figure."""
        return self.edge is None


def is_kept(order: FigureOrder, value: str, number: str, kept: Kept) -> str:
    """The condition that a value and an id come no later in the order than what is kept of it."""
    if kept.is_whole:
        return "true"
    edge = f"CAST(CAST(:edge_figure AS text) AS {COLUMN_TYPES[order.indicator.type]})"
    ahead, of_ids = ("<", ">=") if order.is_ascending else (">", "<=")
    return f"({value} {ahead} {edge} OR ({value} = {edge} AND {number} {of_ids} CAST(:edge_id AS bigint)))"


def place_is_kept(order: FigureOrder, kept: Kept) -> str:
    """The same for the place that a page comes after, as an SQL condition of its own."""
    value = f"CAST(CAST(:after_figure AS text) AS {COLUMN_TYPES[order.indicator.type]})"
    return is_kept(order, value, "CAST(:after_id AS bigint)", kept)


@dataclass(frozen=True)
class Part:
    """Those with a figure, or those without: what finds them in order, what counts them, and the parameters of both."""

    #: Rows of `page_id`, `figure`, and `figure_order`, the value as text.
    rows: str
    #: The order in which they are found, of rows `page`.
    order: str
    count: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Known:
    """Those of some with a figure that come behind a place: which are read in their order, how many there are, who they are."""

    rows: str
    #: The order in which they are found, of rows `page`.
    order: str
    count: str
    #: All of them, wherever the place is.
    ids: str
    values: dict[str, Any]


def known_of(
    order: FigureOrder, ids: Sequence[int], place: Sequence[Any] | None, kept: Kept | None, *, is_backwards: bool
) -> Known:
    """Those of some enterprises that have a figure.

    Args:
        order: by what.
        ids: who is in the list.
        place: value and id that the rows come after, or before; None for all.
        kept: they are asked for up to its edge only.
        is_backwards: the rows before the place are read, from there to the beginning.
    """
    column, kind = f'f."{order.indicator.id}"', COLUMN_TYPES[order.indicator.type]
    goes_down = order.is_ascending == is_backwards
    direction, of_ids = ("DESC", "ASC") if goes_down else ("ASC", "DESC")
    there, _, keys = _beyond(
        column, kind, place, goes_down=goes_down, is_backwards=is_backwards, number="f.enterprise_id"
    )
    told = f"f.enterprise_id = ANY(CAST(:of AS bigint[])) AND {column} IS NOT NULL"
    values = {"of": list(ids)} | keys
    if order.year is not None:
        told, values = f"{told} AND f.year = :figure_year", values | {"figure_year": order.year}
    if kept is not None and not kept.is_whole:
        told = f"{told} AND {is_kept(order, column, 'f.enterprise_id', kept)}"
        values |= {"edge_figure": kept.edge, "edge_id": kept.edge_id}
    known = f"FROM {table_of(order.indicator)} f WHERE {told}"
    return Known(
        f"SELECT f.enterprise_id AS page_id, {column} AS figure, CAST({column} AS text) AS figure_order {known} AND {there}"
        f" ORDER BY {column} {direction}, f.enterprise_id {of_ids} LIMIT :limit OFFSET :offset",
        f"page.figure {direction}, page.page_id {of_ids}",
        f"SELECT count(*) {known} AND {there}",
        f"SELECT f.enterprise_id {known}",
        values,
    )


def parts_by_figure(
    order: FigureOrder, condition: str, place: Sequence[Any] | None, *, is_backwards: bool
) -> Sequence[Part]:
    """The two parts of a list in the order in which they are read, the second when the first is at its end.

    Args:
        order: by what.
        condition: the WHERE clause of the list, of enterprises `e`.
        place: value and id that the rows come after, or before; None for all.
        is_backwards: the rows before the place are read, from there to the beginning.
    """
    column, kind = f'f."{order.indicator.id}"', COLUMN_TYPES[order.indicator.type]
    # Whoever stands alike in it goes by id: that the whole order may be walked from either end, up from the lowest.
    goes_down = order.is_ascending == is_backwards
    direction, of_ids = ("DESC", "ASC") if goes_down else ("ASC", "DESC")
    of_year = {} if order.year is None else {"figure_year": order.year}
    told = (
        f"f.enterprise_id = e.id AND {column} IS NOT NULL{'' if order.year is None else ' AND f.year = :figure_year'}"
    )
    is_known, is_unknown, keys = _beyond(column, kind, place, goes_down=goes_down, is_backwards=is_backwards)
    table = table_of(order.indicator)
    known = f"FROM enterprise e JOIN {table} f ON {told} WHERE {condition} AND {is_known}"
    unknown = (
        f"FROM enterprise e WHERE {condition} AND {is_unknown} AND NOT EXISTS (SELECT FROM {table} f WHERE {told})"
    )
    value = f"{column} AS figure, CAST({column} AS text) AS figure_order"
    page = "LIMIT :limit OFFSET :offset"
    parts = (
        Part(
            f"SELECT e.id AS page_id, {value} {known} ORDER BY {column} {direction}, e.id {of_ids} {page}",
            f"page.figure {direction}, page.page_id {of_ids}",
            f"SELECT count(*) {known}", of_year | keys,
        ),
        Part(
            f"SELECT e.id AS page_id, NULL AS figure, NULL AS figure_order {unknown} ORDER BY e.id {of_ids} {page}",
            f"page.page_id {of_ids}",
            f"SELECT count(*) {unknown}", of_year | keys,
        ),
    )  # fmt: skip
    return parts[::-1] if is_backwards else parts


def _beyond(
    column: str, kind: str, place: Sequence[Any] | None, *, goes_down: bool, is_backwards: bool, number: str = "e.id"
) -> tuple[str, str, dict[str, Any]]:
    """The conditions for those with a figure and for those without that they come after a place, and the parameters."""
    if place is None:
        return "true", "true", {}
    value, after = place
    ahead, of_ids = ("<", ">") if goes_down else (">", "<")
    by_id = f"{number} {of_ids} CAST(:after_id AS bigint)"
    if value is None:
        return str(is_backwards).lower(), by_id, {"after_id": after}
    there = f"CAST(CAST(:after_figure AS text) AS {kind})"
    # The comparison that stands alone bounds what is looked through; the rest sorts out those equal to it.
    known = f"{column} {ahead}= {there} AND ({column} {ahead} {there} OR {by_id})"
    return known, str(not is_backwards).lower(), {"after_id": after, "after_figure": value}
