"""The place of a row in the order of a list, so that the next page begins after it however deep it lies.

Counting off the rows before a page takes the longer the deeper it is, and shows rows twice when others come in between.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Sort = Literal["name", "code", "established", "region", "rung", "updated"]

#: What orders the rows, the last one alone being different for each.
_ORDERED_BY: Mapping[Sort, tuple[str, ...]] = {
    "name": ("name", "id"),
    "code": ("credit_code", "id"),
    "established": ("established_on", "id"),
    "region": ("region_code", "name", "id"),
    "rung": ("rung_order", "name", "id"),
    "updated": ("updated_at", "id"),
}
_BY_NAME = "(e.name, e.id) > (CAST(:after_name AS varchar), CAST(:after_id AS bigint))"


def parts_of(sort: Sort) -> int:
    """Of how many values a place consists."""
    return len(_ORDERED_BY[sort])


def place_of(sort: Sort, row: Mapping[str, Any]) -> list[Any]:
    """Where a row of the list stands."""
    return [row[name] for name in _ORDERED_BY[sort]]


def after(sort: Sort, place: Sequence[Any], region: str, rung: str) -> tuple[str, dict[str, Any]]:
    """The condition that a row comes after a place, and its parameters.

    Each comparison that stands alone bounds what is looked through; the rest sorts out those equal to it.

    Args:
        sort: the order of the list.
        place: as `place_of` gives it.
        region: the SQL of the region by which the list is ordered.
        rung: the SQL of the rung's order.
    """
    values = {f"after_{name}": value for name, value in zip(_ORDERED_BY[sort], place, strict=True)}
    return _condition(sort, place, region, rung), values


def _condition(sort: Sort, place: Sequence[Any], region: str, rung: str) -> str:
    by_id = "e.id > CAST(:after_id AS bigint)"
    match sort:
        case "name":
            return _BY_NAME
        case "region":
            return (
                f"({region}, e.name, e.id) > (CAST(:after_region_code AS varchar), CAST(:after_name AS varchar),"
                " CAST(:after_id AS bigint))"
            )
        case "rung":
            order = "CAST(:after_rung_order AS smallint)"
            return f"{rung} <= {order} AND ({rung} < {order} OR {_BY_NAME})"
        case "updated":
            moment = "CAST(:after_updated_at AS timestamptz)"
            return f"e.updated_at <= {moment} AND (e.updated_at < {moment} OR {by_id})"
        case "code":
            # Who has no code comes last.
            beyond = "(e.credit_code, e.id) > (CAST(:after_credit_code AS varchar), CAST(:after_id AS bigint))"
            return (
                f"({beyond} OR e.credit_code IS NULL)" if place[0] is not None else f"e.credit_code IS NULL AND {by_id}"
            )
        case "established":
            day = "CAST(:after_established_on AS date)"
            beyond = f"e.established_on < {day} OR (e.established_on = {day} AND {by_id}) OR e.established_on IS NULL"
            return f"({beyond})" if place[0] is not None else f"e.established_on IS NULL AND {by_id}"
