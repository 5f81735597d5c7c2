"""The columns that a list of enterprises may show, on the page and in a workbook alike.

Besides those that every list knows, any indicator may be one: `sales_revenue.2025` is that of a year,
`digital_level.now` what holds now. What a row has in its column is looked up for the rows of the page alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.known_rows import add_chains_then, figures_then
from backend.enterprises.labels import Names
from backend.enterprises.officers import officers_of
from backend.filings.projection_tables import NONE_DAY, NONE_TEXT, table_of
from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.language import FEN_PER_WAN
from rules.library import library

Cell = str | date | Decimal | int | bool | None
#: So many figures at most: a list is read across, not scrolled.
MOST_FIGURES: Final = 8
_NOW: Final = "now"


@dataclass(frozen=True)
class Column:
    """One column: its head, how wide it is in a workbook (characters), and what a row has in it."""

    id: str
    label: str
    width: int
    of: Callable[[Mapping[str, Any], Names], Cell]
    #: How the page draws it: text, code, rung, soft, day, figure.
    kind: str = "text"
    #: The indicator that it is a figure of, and the year; None for what holds now.
    indicator: Indicator | None = None
    year: int | None = None


def _titles(row: Mapping[str, Any], names: Names) -> str:
    return "、".join(names.programme(one["programme"]) for one in row["titles"])


#: The name is in every list and no choice.
COLUMNS: Final = (
    Column("code", "统一社会信用代码", 22, lambda row, _: row["credit_code"] or "", "code"),
    Column("rung", "梯级", 14, lambda row, _: row["rung"], "rung"),
    Column("titles", "有效认定", 40, _titles, "soft"),
    Column("region", "市（区）", 12, lambda row, names: names.region(row["region_code"])),
    Column("town", "镇街", 14, lambda row, _: row["town"]),
    Column("park", "园区", 18, lambda row, _: row["park"]),
    Column("address", "地址", 40, lambda row, _: row["address"], "soft"),
    Column("industry", "行业", 26, lambda row, names: names.industry(row["industry_code"])),
    Column("chains", "产业链", 20, lambda row, _: "、".join(row["chains"])),
    Column("established", "成立日期", 12, lambda row, _: row["established_on"], "day"),
    Column("above_scale", "规上工业", 10, lambda row, _: {True: "是", False: "否"}.get(row["is_above_scale"], "")),
    Column("board", "上市板块", 14, lambda row, names: names.board(row["listing_board"])),
    Column("officer", "责任人", 10, lambda row, _: row["officer"]),
)
BY_ID: Final[Mapping[str, Column]] = {one.id: one for one in COLUMNS}
USUAL: Final = ("code", "rung", "titles", "region", "park", "industry", "established")
#: What a workbook has where nobody chose.
USUAL_IN_WORKBOOK: Final = (
    "code", "region", "town", "park", "industry", "established", "above_scale", "titles",
)  # fmt: skip


def chosen_columns(ids: Sequence[str], usual: Sequence[str] = USUAL) -> list[Column]:
    """The columns of a query string, in the order in which lists have them; the usual ones where none is named."""
    wanted = {one for one in ids if one in BY_ID}
    figures = [one for name in dict.fromkeys(ids) if (one := figure_column(name, library().catalogue)) is not None]
    shown = [one for one in COLUMNS if one.id in wanted] + figures[:MOST_FIGURES]
    return shown or [BY_ID[one] for one in usual]


def figure_column(name: str, catalogue: Catalogue) -> Column | None:
    """The column of an indicator, such as `sales_revenue.2025`; None where the name means none."""
    identity, _, period = name.partition(".")
    indicator = catalogue.by_name.get(identity)
    if indicator is None or indicator.type is Type.LIST:
        return None
    is_yearly = indicator.period is Period.YEARLY
    if (not is_yearly and period != _NOW) or (is_yearly and not (len(period) == 4 and period.isascii() and period.isdecimal())):  # fmt: skip
        return None
    unit = indicator.unit or ("万元" if indicator.type is Type.MONEY else "")
    label = f"{indicator.name}{f'（{unit}）' if unit else ''}"
    shown_as = f"{period} {label}" if is_yearly else label
    id_ = f"{indicator.id}.{period}"
    return Column(
        id_, shown_as, 16, lambda row, _: row["figures"].get(id_), "figure", indicator, int(period) if is_yearly else None
    )  # fmt: skip


def figure_choices(catalogue: Catalogue) -> list[tuple[str, list[tuple[str, str]]]]:
    """The indicators that can be a column: by year, and those that hold now."""
    able = [one for one in catalogue.indicators if one.type is not Type.LIST]
    return [
        (label, [(one.id, one.name) for one in able if one.period is period])
        for label, period in (("分年度", Period.YEARLY), ("现行", Period.CURRENT))
    ]


#: What is kept as it is registered now only. Names and codes, by which one finds whom one looks for, are in every list.
_AS_NOW: Final = frozenset({"town", "address", "established"})


def columns_then(columns: Sequence[Column]) -> list[Column]:
    """The columns of a list as known on an earlier day: what shows what is registered now says so in its head."""
    return [replace(one, label=f"{one.label}（现登记）") if one.id in _AS_NOW else one for one in columns]


async def add_details(
    session: AsyncSession,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    on: date,
    known_at: datetime | None = None,
) -> Sequence[Mapping[str, Any]]:
    """The rows with what the columns show besides what every row has: chains, who answers for it, figures.

    Args:
        session: within the reader's scope.
        rows: of the list.
        columns: that are shown.
        on: the day of which chains are told.
        known_at: the moment whose knowledge answers; None is now.
    """
    if BY_ID["chains"] in columns:
        is_now = known_at is None and on >= today()
        rows = await (add_chains(session, rows) if is_now else add_chains_then(session, rows, on, known_at))
    if BY_ID["officer"] in columns:
        names = await officers_of(session, [row["id"] for row in rows])
        rows = [{**row, "officer": names.get(row["id"], "")} for row in rows]
    if any(one.indicator for one in columns):
        rows = await (
            add_figures(session, rows, columns)
            if known_at is None
            else _add_figures_then(session, rows, columns, known_at)
        )
    return rows


async def add_chains(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the chains that each enterprise belongs to."""
    found = await session.execute(
        text("SELECT enterprise_id, chain FROM enterprise_chain WHERE enterprise_id = ANY(:ids) ORDER BY chain"),
        {"ids": [row["id"] for row in rows]},
    )
    chains: dict[int, list[str]] = {}
    for enterprise_id, chain in found:
        chains.setdefault(enterprise_id, []).append(chain)
    return [{**row, "chains": chains.get(row["id"], [])} for row in rows]


async def add_figures(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> list[dict[str, Any]]:
    """The rows with `figures`: by column, what holds now of its indicator, money in 万元; unknown ones are left out."""
    held: dict[int, dict[str, Cell]] = {row["id"]: {} for row in rows}
    for year in {one.year for one in columns if one.indicator is not None}:
        asked = {one.id: one.indicator for one in columns if one.indicator is not None and one.year == year}
        table = table_of(next(iter(asked.values())))
        names = ", ".join(f'"{one.id}"' for one in asked.values())
        found = await session.execute(
            text(
                f"SELECT enterprise_id, {names} FROM {table} WHERE enterprise_id = ANY(:ids){_OF_YEAR[year is not None]}"
            ),
            {"ids": list(held)} | ({} if year is None else {"year": year}),
        )
        for enterprise_id, *stored in found:
            for (name, indicator), value in zip(asked.items(), stored, strict=True):
                if value is not None:
                    held[enterprise_id][name] = _figure(indicator, value)
    return [{**row, "figures": held[row["id"]]} for row in rows]


async def _add_figures_then(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], known_at: datetime
) -> list[dict[str, Any]]:
    asked = {one.id: (one.indicator, one.year) for one in columns if one.indicator is not None}
    ids, catalogue = [row["id"] for row in rows], library().catalogue
    held = await figures_then(session, ids, list(asked.values()), catalogue, known_at)
    return [
        {
            **row,
            "figures": {
                name: _figure(indicator, value)
                for name, (indicator, year) in asked.items()
                if (value := held.get(row["id"], {}).get((indicator.id, year))) is not None
            },
        }
        for row in rows
    ]


_OF_YEAR: Final = {True: " AND year = :year", False: ""}


def _figure(indicator: Indicator, stored: Any) -> Cell:
    """A figure as the bureau's tables have it: money in 万元, choices by their names, what is known not to exist as such."""
    if stored == NONE_DAY or (stored == NONE_TEXT and NONE_TEXT not in indicator.choices):
        return "无"
    if indicator.type is Type.MONEY:
        return Decimal(stored) / FEN_PER_WAN
    if isinstance(stored, bool):
        return "是" if stored else "否"
    return indicator.choices.get(stored, stored) if isinstance(stored, str) else stored
