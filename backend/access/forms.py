"""What the pages about people share: errors by their field, days as typed, districts to choose from."""

from datetime import date
from typing import Any

from backend.access.service import AccessRefused
from backend.enterprises.regions import Regions


def errors_of(refusal: AccessRefused | None) -> dict[str, Any]:
    """The refusal as templates show it: in the summary, and beside its field."""
    if refusal is None:
        return {"errors": [], "error_of": {}}
    return {
        "errors": [{"field": refusal.field, "message": str(refusal)}],
        "error_of": {refusal.field: str(refusal)},
    }


def day_typed(written: str, field: str) -> date | None:
    """A day, or None where nothing was typed. Raises AccessRefused."""
    try:
        return date.fromisoformat(written.strip()) if written.strip() else None
    except ValueError as problem:
        raise AccessRefused(f"“{written}”不是日期，请写成 2026-03-31 这样。", field) from problem


def district_choices() -> list[tuple[str, str]]:
    """Today's districts with their city's name, as a choice."""
    regions = Regions.load()
    return [
        (district.code, f"{city.name} {district.shown_as}")
        for province in regions.children()
        for city in regions.children(province.code)
        for district in regions.children(city.code)
    ]
