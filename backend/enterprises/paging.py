"""The place of a row in the order of a list, so that a page begins after it, or ends before it, however deep it lies.

Counting off the rows before a page takes the longer the deeper it is, and shows rows twice when others come in between.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Sort = Literal["name", "code", "established", "region", "rung", "updated", "figure", "id"]

#: What orders the rows, the last one alone being different for each.
_ORDERED_BY: Mapping[Sort, tuple[str, ...]] = {
    "name": ("name", "id"),
    "code": ("credit_code", "id"),
    "established": ("established_on", "id"),
    "region": ("region_code", "name", "id"),
    "rung": ("rung_order", "name", "id"),
    "updated": ("updated_at", "id"),
    # Which figure, `figure_order` says.
    "figure": ("figure_order", "id"),
    # Of those without the figure.
    "id": ("id",),
}


def parts_of(sort: Sort) -> int:
    """Of how many values a place consists."""
    return len(_ORDERED_BY[sort])


def place_of(sort: Sort, row: Mapping[str, Any]) -> list[Any]:
    """Where a row of the list stands."""
    return [row[name] for name in _ORDERED_BY[sort]]


def beyond(
    sort: Sort, place: Sequence[Any], region: str, rung: str, *, is_backwards: bool = False
) -> tuple[str, dict[str, Any]]:
    """The condition that a row comes after a place, or before it, and its parameters.

    Each comparison that stands alone bounds what is looked through; the rest sorts out those equal to it.

    Args:
        sort: the order of the list.
        place: as `place_of` gives it.
        region: the SQL of the region by which the list is ordered.
        rung: the SQL of the rung's order.
        is_backwards: the rows before the place are asked for.
    """
    values = {f"after_{name}": value for name, value in zip(_ORDERED_BY[sort], place, strict=True)}
    up, down = ("<", ">") if is_backwards else (">", "<")
    return _condition(sort, place, region, rung, up, down), values


def _condition(sort: Sort, place: Sequence[Any], region: str, rung: str, up: str, down: str) -> str:
    """With `up` the way the list goes where it ascends, and `down` where it descends."""
    by_id = f"e.id {up} CAST(:after_id AS bigint)"
    by_name = f"(e.name, e.id) {up} (CAST(:after_name AS varchar), CAST(:after_id AS bigint))"
    match sort:
        case "name":
            return by_name
        case "id":
            return by_id
        case "region":
            return (
                f"({region}, e.name, e.id) {up} (CAST(:after_region_code AS varchar), CAST(:after_name AS varchar),"
                " CAST(:after_id AS bigint))"
            )
        case "rung":
            order = "CAST(:after_rung_order AS smallint)"
            return f"{rung} {down}= {order} AND ({rung} {down} {order} OR {by_name})"
        case "updated":
            moment = "CAST(:after_updated_at AS timestamptz)"
            return f"e.updated_at {down}= {moment} AND (e.updated_at {down} {moment} OR {by_id})"
        case "code":
            code = f"(e.credit_code, e.id) {up} (CAST(:after_credit_code AS varchar), CAST(:after_id AS bigint))"
            return _with_nothing_last(code, "e.credit_code", by_id, place[0], is_backwards=up == "<")
        case "established":
            day = "CAST(:after_established_on AS date)"
            founded = f"e.established_on {down} {day} OR (e.established_on = {day} AND {by_id})"
            return _with_nothing_last(f"({founded})", "e.established_on", by_id, place[0], is_backwards=up == "<")
        case "figure":
            raise ValueError("a list by a figure has a statement of its own")


def _with_nothing_last(beyond_value: str, column: str, by_id: str, value: Any, *, is_backwards: bool) -> str:
    """Rows without a value come last: all others are before them, and they are behind all others."""
    if value is None:
        return f"({column} IS NOT NULL OR {by_id})" if is_backwards else f"{column} IS NULL AND {by_id}"
    return beyond_value if is_backwards else f"({beyond_value} OR {column} IS NULL)"
