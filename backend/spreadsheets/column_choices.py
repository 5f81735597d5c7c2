"""What columns mean that no vocabulary knows: said once by an officer, proposed for the next file of the layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.spreadsheets.columns import Field, Vocabulary, first_titles, parse_title, stem_of_column, vocabulary_of
from rules.catalogue import Catalogue, Type

#: In `means`: a field of identity or of a title; anything else is the id of an indicator.
_FIELD: Final = "field:"
LEFT_OUT: Final = "不导入"


class NoSuchMeaning(Exception):
    """What an officer entered as a column's meaning is no indicator and no known column."""

    status_code = 422

    def __init__(self, title: str, entered: str) -> None:
        self.title = title
        super().__init__(
            f"“{title}”列填的含义“{entered}”不是目录中的指标，也不是已知的列名。请从提示中选择，或填“{LEFT_OUT}”。"
        )


@dataclass(frozen=True)
class UnknownColumn:
    """A column nobody knows, and what it was said to mean the last time."""

    title: str
    stem: str
    letters: str
    proposal: str = ""
    #: The file was read by what is proposed.
    is_chosen: bool = False


def meaning_of(entered: str, title: str, vocabulary: Vocabulary) -> str:
    """What an officer entered, as it is kept.

    Raises:
        NoSuchMeaning: nobody knows the word.
    """
    if entered == LEFT_OUT:
        return f"{_FIELD}{Field.IGNORED}"
    found = vocabulary.look_up(parse_title(entered).stem)
    if found is None:
        raise NoSuchMeaning(title, entered)
    field, indicator = found
    return indicator.id if indicator is not None else f"{_FIELD}{field}"


def shown(means: str, catalogue: Catalogue) -> str:
    """A kept meaning in words; empty where the catalogue no longer has it."""
    if means == f"{_FIELD}{Field.IGNORED}":
        return LEFT_OUT
    if means.startswith(_FIELD):
        return next((word for field, word in _words() if field == means.removeprefix(_FIELD)), "")
    indicator = catalogue.indicator(means)
    return indicator.name if indicator is not None else ""


def _words() -> Sequence[tuple[str, str]]:
    return [(field.value, word) for field, word in first_titles().items()]


def meanings(catalogue: Catalogue) -> list[str]:
    """Every word that a column may be said to mean."""
    vocabulary = vocabulary_of(catalogue)
    names = [one.name for one in catalogue.indicators if one.type is not Type.LIST]
    fields = [word for field, word in _words() if field not in (Field.IGNORED, Field.FIGURE)]
    return [LEFT_OUT, *fields, *(name for name in names if vocabulary.indicator(name) is not None)]


def with_choices(vocabulary: Vocabulary, choices: Mapping[str, str], catalogue: Catalogue) -> Vocabulary:
    """The vocabulary with what an officer said of some columns, by their stems."""
    fields = {stem: Field(means.removeprefix(_FIELD)) for stem, means in choices.items() if means.startswith(_FIELD)}
    indicators = {
        stem: indicator
        for stem, means in choices.items()
        if not means.startswith(_FIELD) and (indicator := catalogue.indicator(means)) is not None
    }
    if not fields and not indicators:
        return vocabulary
    return replace(
        vocabulary, fields={**vocabulary.fields, **fields}, indicators={**vocabulary.indicators, **indicators}
    )


# Kept -------------------------------------------------------------------------------------------------


async def remember(
    session: AsyncSession, layout: str, choices: Mapping[str, str], region_code: str, chosen_by: int | None
) -> None:
    """Keep what columns of a layout mean, for a district or the whole city."""
    for stem, means in choices.items():
        await session.execute(
            text(
                "INSERT INTO column_choice (region_code, layout, stem, means, chosen_by)"
                " VALUES (:region, :layout, :stem, :means, :by) ON CONFLICT (region_code, layout, stem)"
                " DO UPDATE SET means = excluded.means, chosen_by = excluded.chosen_by, chosen_at = now()"
            ),
            {"region": region_code, "layout": layout, "stem": stem, "means": means, "by": chosen_by},
        )


async def columns_to_explain(
    session: AsyncSession, report: Mapping[str, Any], region_code: str, catalogue: Catalogue
) -> list[UnknownColumn]:
    """The columns that nobody knows, and those that were explained for this very file: whoever erred says it anew."""
    said: Mapping[str, str] = report.get("options", {}).get("columns", {})
    chosen = [UnknownColumn(stem, stem, "", shown(means, catalogue), is_chosen=True) for stem, means in said.items()]
    return [*chosen, *await unknown_columns(session, report, region_code, catalogue)]


async def unknown_columns(
    session: AsyncSession, report: Mapping[str, Any], region_code: str, catalogue: Catalogue
) -> list[UnknownColumn]:
    """The columns of a report that nobody knows, each once, with what was said of them before: the own district first."""
    found: dict[str, UnknownColumn] = {}
    for table in report.get("tables", ()):
        for letter, title in table["unrecognised"].items():
            stem = stem_of_column(title)
            if stem and stem not in found:
                found[stem] = UnknownColumn(title, stem, f"“{table['sheet']}”{letter} 列")
    if not found:
        return []
    rows = await session.execute(
        text(
            "SELECT stem, means FROM column_choice WHERE layout = :layout AND stem = ANY(:stems)"
            " AND region_code IN ('', :region) ORDER BY region_code = :region, chosen_at"
        ),
        {"layout": report["layout"], "stems": list(found), "region": region_code},
    )
    for stem, means in rows:
        found[stem] = replace(found[stem], proposal=shown(means, catalogue))
    return list(found.values())
