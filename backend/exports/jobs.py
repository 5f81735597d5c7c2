"""The lists that can be exported in the background: how many rows each has, and the rows, portion by portion.

Every portion is read under the owner's own row-level security at the time it is read.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.enterprises.asking import read_filters
from backend.enterprises.columns import USUAL_IN_WORKBOOK, Column, add_details, chosen_columns
from backend.enterprises.export import cells_of, enterprises_book
from backend.enterprises.labels import Names
from backend.enterprises.search import Filters, all_found, ids_in_order
from backend.exports.book import Head, Limits, ListBook
from backend.recognitions.worklists import VIEWS, Asked, title_ids, titles_by_id
from backend.web.filters import outcome
from rules.library import library

#: Rows that are read at once.
PORTION: Final = 2_000
#: Longer lists are exported in the background.
MOST_AT_ONCE: Final = 10_000


class Wanted(Protocol):
    """A list that somebody wants as files."""

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty workbook of it."""
        ...

    async def ids(self, session: AsyncSession) -> list[int]:
        """What it is made of, in its order."""
        ...

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some of it; who went meanwhile is left out."""
        ...


@dataclass(frozen=True)
class Enterprises:
    """The list of enterprises with its filters, order and columns."""

    filters: Filters
    columns: Sequence[Column]
    on: date

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of enterprises."""
        return enterprises_book(folder, self.columns, self.on, limits)

    async def ids(self, session: AsyncSession) -> list[int]:
        """The enterprises that the filters leave."""
        return await ids_in_order(session, self.filters, self.on, library())

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some enterprises."""
        found = await all_found(session, replace(self.filters, ids=tuple(ids)), self.on, library())
        names = Names(library())
        return [cells_of(row, self.columns, names) for row in await add_details(session, found, self.columns)]


_TITLE_HEADS: Final = (
    Head("统一社会信用代码", 22), Head("企业名称", 40), Head("市（区）", 12), Head("认定项目", 28), Head("证书或登记编号", 22),
    Head("批次", 18), Head("名单年度", 10, "number"), Head("认定日", 12, "day"), Head("有效期起", 12, "day"),
    Head("有效期止（含当天）", 12, "day"), Head("取消之日", 12, "day"), Head("取消原因", 30), Head("依据的名单", 40),
    Head("按现行数据", 12),
)  # fmt: skip


@dataclass(frozen=True)
class Titles:
    """A work list of titles."""

    asked: Asked
    on: date

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of titles."""
        return ListBook(
            folder, VIEWS[self.asked.view].label, _TITLE_HEADS, frozen=2, note=f"截至 {self.on}", limits=limits
        )

    async def ids(self, session: AsyncSession) -> list[int]:
        """The titles of the view."""
        return await title_ids(session, self.asked, self.on, library())

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some titles."""
        names = Names(library())
        return [_title_cells(row, names) for row in await titles_by_id(session, ids)]


def _title_cells(row: Mapping[str, Any], names: Names) -> list[Any]:
    said = outcome("likely" if row["is_likely"] else row["outcome"]) if row["outcome"] else "未测算"
    return [
        row["credit_code"], row["name"], names.region(row["region_code"]), names.programme(row["programme"]), row["number"],
        row["batch"], row["edition"], row["granted_on"], row["valid_from"], row["valid_to"], row["revoked_on"],
        row["revocation_reason"], row["notice"], said,
    ]  # fmt: skip


#: Kind → what its files are called.
KINDS: Final[Mapping[str, str]] = {"enterprises": "企业名单", "recognitions": "认定清单"}


def wanted(kind: str, query: str, person: PersonSignedIn, on: date) -> Wanted:
    """The list that a query string asks for, as the person may ask for it."""
    pairs = parse_qsl(query)
    asked = dict(pairs)
    if kind == "recognitions":
        days = asked.get("days", "")
        view = asked.get("view", "")
        return Titles(
            Asked(
                view if view in VIEWS else "expiring", asked.get("programme", ""), asked.get("region", ""),
                int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else None, person.region_code,
            ),
            on,
        )  # fmt: skip
    columns = chosen_columns([value for name, value in pairs if name == "columns"], USUAL_IN_WORKBOOK)
    return Enterprises(read_filters(asked, person), columns, on)


def address_of(kind: str, query: str) -> str:
    """Where a list that is too long to be had at once is asked for."""
    return f"/exports?kind={kind}&query={quote(query, safe='')}"


async def portions(session: AsyncSession, one: Wanted, ids: Sequence[int]) -> AsyncGenerator[Sequence[Sequence[Any]]]:
    """The rows of a list, some at a time."""
    for start in range(0, len(ids), PORTION):
        yield await one.rows(session, ids[start : start + PORTION])
