"""The columns that a list of enterprises may show, on the page and in a workbook alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.labels import Names

Cell = str | date | None


@dataclass(frozen=True)
class Column:
    """One column: its head, how wide it is in a workbook (characters), and what a row has in it."""

    id: str
    label: str
    width: int
    of: Callable[[Mapping[str, Any], Names], Cell]
    #: How the page draws it: text, code, rung, soft, day.
    kind: str = "text"


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
    return [one for one in COLUMNS if one.id in wanted] if wanted else [BY_ID[one] for one in usual]


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
