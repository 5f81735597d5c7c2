"""The lists that can be exported in the background: how many rows each has, and the rows, portion by portion.

Every portion is read under the owner's own row-level security at the time it is read.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.cultivation.queries import USUAL, PoolFilters
from backend.enterprises.asking import as_known, read_day, read_filters
from backend.enterprises.columns import USUAL_IN_WORKBOOK, Column, add_details, chosen_columns
from backend.enterprises.export import cells_of, enterprises_book
from backend.enterprises.labels import Names, programme_choices
from backend.enterprises.search import Filters, all_found, ids_in_order
from backend.exports.book import Head, Limits, ListBook
from backend.exports.parts import Part, book_of, cells_of_parts, chosen_parts, held
from backend.exports.pool_lists import DUE_PARTS, MOVE_PARTS, POOL_PARTS, Due, Moves, Pool
from backend.recognitions.asking import moment_known, titles_on
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
        return enterprises_book(folder, self.columns, self.on, limits, self.filters.known_at)

    async def ids(self, session: AsyncSession) -> list[int]:
        """The enterprises that the filters leave."""
        return await ids_in_order(session, self.filters, self.on, library())

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some enterprises."""
        found = await all_found(session, replace(self.filters, ids=tuple(ids)), self.on, library())
        names = Names(library())
        told = await add_details(session, found, self.columns, self.on, self.filters.known_at)
        return [cells_of(row, self.columns, names) for row in told]


def _said(row: Mapping[str, Any], _: Names) -> str:
    return outcome("likely" if row["is_likely"] else row["outcome"]) if row["outcome"] else "未测算"


TITLE_PARTS: Final = (
    Part("code", Head("统一社会信用代码", 22), held("credit_code")), Part("name", Head("企业名称", 40), held("name")),
    Part("region", Head("市（区）", 12), lambda row, names: names.region(row["region_code"])),
    Part("programme", Head("认定项目", 28), lambda row, names: names.programme(row["programme"])),
    Part("number", Head("证书或登记编号", 22), held("number")), Part("batch", Head("批次", 18), held("batch")),
    Part("edition", Head("名单年度", 10, "number"), held("edition")), Part("granted", Head("认定日", 12, "day"), held("granted_on")),
    Part("from", Head("有效期起", 12, "day"), held("valid_from")), Part("to", Head("有效期止（含当天）", 12, "day"), held("valid_to")),
    Part("revoked", Head("取消之日", 12, "day"), held("revoked_on")), Part("why", Head("取消原因", 30), held("revocation_reason")),
    Part("notice", Head("依据的名单", 40), held("notice")), Part("outcome", Head("按现行数据", 12), _said),
)  # fmt: skip


@dataclass(frozen=True)
class Titles:
    """A work list of titles."""

    asked: Asked
    on: date
    parts: Sequence[Part] = TITLE_PARTS

    def book(self, folder: Path, limits: Limits) -> ListBook:
        """An empty list of titles."""
        return book_of(folder, VIEWS[self.asked.view].label, self.parts, self.on, limits)

    async def ids(self, session: AsyncSession) -> list[int]:
        """The titles of the view."""
        return await title_ids(session, self.asked, self.on, library())

    async def rows(self, session: AsyncSession, ids: Sequence[int]) -> Sequence[Sequence[Any]]:
        """The cells of some titles."""
        return cells_of_parts(await titles_by_id(session, ids, self.on, self.asked.known_at), self.parts)


#: Kind → what its files are called.
KINDS: Final[Mapping[str, str]] = {
    "enterprises": "企业名单", "recognitions": "认定清单", "pool": "培育库名单", "moves": "培育库变动", "due": "待办事项",
}  # fmt: skip
#: Kind → where the list itself is.
ADDRESSES: Final[Mapping[str, str]] = {
    "enterprises": "/enterprises", "recognitions": "/recognitions", "pool": "/pool", "moves": "/pool/moves", "due": "/pool/due",
}  # fmt: skip
#: Kind → the columns to choose from; those of enterprises are chosen on their list.
PARTS: Final[Mapping[str, Sequence[Part]]] = {
    "recognitions": TITLE_PARTS, "pool": POOL_PARTS, "moves": MOVE_PARTS, "due": DUE_PARTS,
}  # fmt: skip


def wanted(kind: str, query: str, person: PersonSignedIn, on: date) -> Wanted:
    """The list that a query string asks for, as the person may ask for it."""
    pairs = parse_qsl(query)
    asked = dict(pairs)
    named = [value for name, value in pairs if name == "columns"]
    if kind in ("pool", "moves", "due"):
        return _of_the_pool(kind, asked, chosen_parts(PARTS[kind], named), person, on)
    if kind == "recognitions":
        days = asked.get("days", "")
        view = asked.get("view", "")
        return Titles(
            Asked(
                view if view in VIEWS else "expiring", asked.get("programme", ""), asked.get("region", ""),
                int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else None, person.region_code,
                known_at=moment_known(asked.get("known_at", "")),
            ),
            titles_on(asked.get("on", "")),
            chosen_parts(TITLE_PARTS, named),
        )  # fmt: skip
    filters = read_filters(asked, person)
    return Enterprises(filters, as_known(chosen_columns(named, USUAL_IN_WORKBOOK), filters), on)


def _of_the_pool(
    kind: str, asked: Mapping[str, str], parts: Sequence[Part], person: PersonSignedIn, on: date
) -> Wanted:
    programme, region = asked.get("programme", ""), asked.get("region", "")
    if kind == "pool":
        year = int(written) if (written := asked.get("year", "")).isdecimal() and written.isascii() else 0
        known = dict(programme_choices(library()))
        return Pool(
            PoolFilters(
                programme if programme in known else USUAL, year if 2000 <= year <= 2100 else on.year, region,
                asked.get("stage", ""), asked.get("officer", ""),
            ),
            on, parts,
        )  # fmt: skip
    if kind == "moves":
        return Moves(read_day(asked.get("since", "")) or on - timedelta(days=7), programme, region, on, parts)
    days = asked.get("days", "")
    ahead = min(int(days), 365) if days.isascii() and days.isdecimal() and len(days) < 5 else 14
    return Due(None if asked.get("whose") == "all" else person.id, ahead, on, parts)


def address_of(kind: str, query: str) -> str:
    """Where a list that is too long to be had at once is asked for."""
    return f"/exports?kind={kind}&query={quote(query, safe='')}"


async def portions(session: AsyncSession, one: Wanted, ids: Sequence[int]) -> AsyncGenerator[Sequence[Sequence[Any]]]:
    """The rows of a list, some at a time."""
    for start in range(0, len(ids), PORTION):
        yield await one.rows(session, ids[start : start + PORTION])
