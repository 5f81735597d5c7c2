"""In which chains and industry an enterprise was, whether above scale, on which board: on which days, and as known when.

The enterprise's own row and its chains say what holds now; the database itself keeps what was ever changed of it
(`enterprise_trait`, migration 0063). Whoever changes it says with `holding_from` since when; without a day it is a
correction, and what stood there before never was so.

TraitDayWrong               422, the day of a change cannot be
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today

_ONE_DAY = timedelta(days=1)
#: What `above_scale` says where it is known.
_SCALES = {True: "yes", False: "no"}


class Trait(StrEnum):
    """What is kept with its days."""

    CHAIN = "chain"
    INDUSTRY = "industry"
    ABOVE_SCALE = "above_scale"
    LISTING = "listing"

    @property
    def label(self) -> str:
        return {"chain": "产业链", "industry": "行业", "above_scale": "规上工业", "listing": "上市板块"}[self.value]


class TraitDayWrong(Exception):
    """A change cannot hold from the day that was given; the text says why and what to do."""

    status_code = 422


@dataclass(frozen=True)
class Stretch:
    """A value with the days on which it held; open where it always was, or still is."""

    kind: Trait
    value: str
    first: date | None = None
    last: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it held on a day."""
        return (self.first is None or self.first <= day) and (self.last is None or self.last >= day)


@dataclass(frozen=True)
class Written(Stretch):
    """A stretch with the moments from and until which it was known; None is always, and still."""

    known_from: datetime | None = None
    known_to: datetime | None = None

    def is_known(self, at: datetime | None) -> bool:
        """Whether it was known at a moment; None is now."""
        if at is None:
            return self.known_to is None
        return (self.known_from is None or self.known_from <= at) and (self.known_to is None or self.known_to > at)


@dataclass(frozen=True)
class Change:
    """That on a day something became something else; of a chain, that it was joined or left."""

    day: date
    kind: Trait
    before: str
    after: str


@dataclass(frozen=True)
class History:
    """What holds now, and all that was ever written of what was changed."""

    now: tuple[Stretch, ...]
    written: tuple[Written, ...]

    def stretches(self, known_at: datetime | None = None) -> list[Stretch]:
        """Everything with its days as known at a moment; what meets is one."""
        named = {(one.kind, one.value) for one in self.written}
        found = [Stretch(one.kind, one.value, one.first, one.last) for one in self.written if one.is_known(known_at)]
        return _laid_together([*found, *(one for one in self.now if (one.kind, one.value) not in named)])

    def on(self, day: date, known_at: datetime | None = None) -> dict[Trait, list[str]]:
        """The values that held on a day, by kind."""
        held: dict[Trait, list[str]] = {kind: [] for kind in Trait}
        for one in self.stretches(known_at):
            if one.holds_on(day):
                held[one.kind].append(one.value)
        return {kind: sorted(set(values)) for kind, values in held.items()}

    def changes(self, known_at: datetime | None = None) -> list[Change]:
        """What changed on which day, as known at a moment; boards are told by their own day of listing."""
        days: dict[tuple[date, Trait, str], tuple[str, str]] = {}
        for one in self.stretches(known_at):
            for day, before, after in _ends_of(one):
                # Each chain comes and goes by itself; of the others one takes the place of another.
                key = (day, one.kind, one.value if one.kind is Trait.CHAIN else "")
                held = days.get(key, ("", ""))
                days[key] = (before or held[0], after or held[1])
        told = [Change(day, kind, *values) for (day, kind, _), values in days.items() if kind is not Trait.LISTING]
        return sorted(told, key=lambda one: (one.day, one.kind, one.before, one.after))

    def last_change(self, kind: Trait, value: str) -> date | None:
        """The day of the last change of a kind, of chains of the one named; None where there was none."""
        mine = [one for one in self.stretches() if one.kind is kind and (kind is not Trait.CHAIN or one.value == value)]
        return max((day for one in mine for day, _, _ in _ends_of(one)), default=None)


def _ends_of(one: Stretch) -> list[tuple[date, str, str]]:
    """(day, what it had been, what it became) where a stretch begins and where it is over."""
    found = [(one.first, "", one.value)] if one.first is not None else []
    return [*found, (one.last + _ONE_DAY, one.value, "")] if one.last is not None else found


def _laid_together(stretches: Iterable[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.kind, one.value, one.first or date.min)):
        before = found[-1] if found else None
        if before is not None and (before.kind, before.value) == (one.kind, one.value) and _meet(before, one):
            last = None if before.last is None or one.last is None else max(before.last, one.last)
            found[-1] = Stretch(one.kind, one.value, before.first, last)
        else:
            found.append(one)
    return found


def _meet(before: Stretch, after: Stretch) -> bool:
    return before.last is None or after.first is None or after.first <= before.last + _ONE_DAY


@asynccontextmanager
async def holding_from(session: AsyncSession, on: date | None) -> AsyncGenerator[None]:
    """What the block changes of chains, industry, scale and board holds from a day; without one it is a correction."""
    await session.execute(_FROM, {"day": on.isoformat() if on else ""})
    try:
        yield
    finally:
        # A transaction that failed writes nothing any more.
        with suppress(DBAPIError):
            await session.execute(_FROM, {"day": ""})


_FROM = text("SELECT set_config('tidu.trait_from', :day, true)")


async def histories(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, History]:
    """The history of each enterprise that is to be seen."""
    ids = {"ids": list(enterprise_ids)}
    rows = await session.execute(_NOW, ids)
    chains: dict[int, list[str]] = {}
    for number, chain in await session.execute(_CHAINS, ids):
        chains.setdefault(number, []).append(chain)
    written: dict[int, list[Written]] = {}
    for number, kind, *said in await session.execute(_WRITTEN, ids):
        written.setdefault(number, []).append(Written(Trait(kind), *said))
    return {
        row["id"]: History(_now(dict(row), chains.get(row["id"], ())), tuple(written.get(row["id"], ())))
        for row in rows.mappings()
    }


async def history_of(session: AsyncSession, enterprise_id: int) -> History:
    """The history of one enterprise."""
    return (await histories(session, [enterprise_id]))[enterprise_id]


_NOW = text(
    "SELECT id, industry_code, is_above_scale, listing_board, listed_on, established_on FROM enterprise"
    " WHERE id = ANY(:ids)"
)
_CHAINS = text("SELECT enterprise_id, chain FROM enterprise_chain WHERE enterprise_id = ANY(:ids)")
_WRITTEN = text(
    "SELECT enterprise_id, kind, value, valid_from, valid_to, nullif(known_from, '-infinity'), nullif(known_to, 'infinity')"
    " FROM enterprise_trait WHERE enterprise_id = ANY(:ids) ORDER BY id"
)


def _now(row: Mapping[str, Any], chains: Iterable[str]) -> tuple[Stretch, ...]:
    found = [Stretch(Trait.CHAIN, chain) for chain in chains]
    found += [Stretch(Trait.INDUSTRY, row["industry_code"])] if row["industry_code"] else []
    found += [] if row["is_above_scale"] is None else [Stretch(Trait.ABOVE_SCALE, _SCALES[row["is_above_scale"]])]
    found += [Stretch(Trait.LISTING, row["listing_board"], row["listed_on"])] if row["listing_board"] else []
    return tuple(found)


def as_json(history: History) -> list[dict[str, Any]]:
    """All that was ever changed, in the order in which it was written; empty where it always was, or still is."""
    return [
        {
            "kind": one.kind.value, "value": one.value, "valid_from": _iso(one.first), "valid_to": _iso(one.last),
            "known_from": _iso(one.known_from), "known_to": _iso(one.known_to),
        }
        for one in history.written
    ]  # fmt: skip


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def as_columns(held: Mapping[Trait, Sequence[str]]) -> dict[str, Any]:
    """Values that held on a day as `enterprise` has them in its columns; chains are no column."""
    scale = next(iter(held[Trait.ABOVE_SCALE]), None)
    return {
        "industry_code": next(iter(held[Trait.INDUSTRY]), ""),
        "is_above_scale": None if scale is None else scale == "yes",
        "listing_board": next(iter(held[Trait.LISTING]), ""),
    }


# The day of a change -------------------------------------------------------------------------------------


def demand_day(history: History, on: date, changed: Iterable[tuple[Trait, str]], established_on: date | None) -> None:
    """See to it that a change can hold from a day.

    Args:
        history: of the enterprise.
        on: the day.
        changed: which kinds change, and of chains which.
        established_on: the day on which the enterprise was founded.

    Raises:
        TraitDayWrong: it lies ahead, before the founding, or before what was changed later.
    """
    demand_no_day_ahead(on)
    if established_on is not None and on < established_on:
        raise TraitDayWrong(f"变更日期 {on} 早于成立日期 {established_on}，请核对；如原来登记有误，请把日期留空。")
    for kind, value in changed:
        last = history.last_change(kind, value)
        if last is not None and on < last:
            named = f"产业链“{value}”" if kind is Trait.CHAIN else kind.label
            raise TraitDayWrong(
                f"{named}在 {last} 已有变更，新的变更日期 {on} 不能早于它。如那次登记有误，请先留空日期改回原值，再按正确的日期登记。"
            )


def demand_no_day_ahead(on: date) -> None:
    """Raises TraitDayWrong: a day lies ahead."""
    if on > today():
        raise TraitDayWrong(f"变更日期 {on} 在今天之后，请在当天再登记。")


# Two files of one enterprise -----------------------------------------------------------------------------

#: (kind, value) → the days on which it held, as known now.
Standing = dict[tuple[str, str], list[tuple[date | None, date | None]]]


async def standing(session: AsyncSession, enterprise_id: int) -> Standing:
    """What is written of an enterprise and known now."""
    found = await session.execute(
        text(
            "SELECT kind, value, valid_from, valid_to FROM enterprise_trait"
            " WHERE enterprise_id = :id AND known_to = 'infinity' ORDER BY id"
        ),
        {"id": enterprise_id},
    )
    days: Standing = {}
    for kind, value, first, last in found:
        days.setdefault((kind, value), []).append((first, last))
    return days


async def keep_trait(
    session: AsyncSession,
    enterprise_id: int,
    value: tuple[str, str],
    days: Sequence[tuple[date | None, date | None]],
) -> None:
    """Let a value have held on exactly these days, as known from now on."""
    await session.execute(
        text("SELECT keep_trait(:id, :kind, :value, CAST(:firsts AS date[]), CAST(:lasts AS date[]))"),
        {
            "id": enterprise_id, "kind": value[0], "value": value[1],
            "firsts": [first for first, _ in days], "lasts": [last for _, last in days],
        },
    )  # fmt: skip
