"""What enterprises were, as a test says it: a chain joined, an industry changed, some time ago; and what must come of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.moving import correct_place, move
from backend.enterprises.traits import holding_from

#: (first day, last day), open where it always was, or still is.
Days = tuple[date | None, date | None]


async def change(
    session: AsyncSession, enterprise_id: int, statement: str, at: datetime, on: date | None = None, **values: Any
) -> None:
    """Change an enterprise by a statement, from a day on or as a correction, as if it had been written at a moment."""
    async with holding_from(session, on):
        await session.execute(text(statement), {"id": enterprise_id, **values})
    await session.execute(
        text(
            "UPDATE enterprise_trait SET known_from = CASE known_from WHEN now() THEN :at ELSE known_from END,"
            " known_to = CASE known_to WHEN now() THEN :at ELSE known_to END WHERE enterprise_id = :id"
        ),
        {"id": enterprise_id, "at": at},
    )


async def forget(session: AsyncSession, enterprise_id: int) -> None:
    """As if what is told of an enterprise by now had been registered with it."""
    await session.execute(text("DELETE FROM enterprise_trait WHERE enterprise_id = :id"), {"id": enterprise_id})


async def place_as_known(
    session: AsyncSession, enterprise_id: int, place: tuple[str, str], on: date | None, at: datetime
) -> None:
    """Let an enterprise be in a region and park from a day on, or have been all along, as if written at a moment."""
    region, park = place
    values = {"id": enterprise_id, "region": region, "park": park}
    if on is None:
        await correct_place(session, enterprise_id, {"park": park})
        await session.execute(text("UPDATE enterprise SET park = :park WHERE id = :id"), values)
    else:
        await move(session, enterprise_id, region, "", park, on)
    known = "UPDATE enterprise_place SET known_to = :at WHERE enterprise_id = :id AND known_to = now()"
    await session.execute(text(known), {"id": enterprise_id, "at": at})


JOIN = "INSERT INTO enterprise_chain (enterprise_id, chain) VALUES (:id, :value)"
LEAVE = "DELETE FROM enterprise_chain WHERE enterprise_id = :id AND chain = :value"
SET = {
    "industry": "UPDATE enterprise SET industry_code = :value WHERE id = :id",
    "above_scale": "UPDATE enterprise SET is_above_scale = :value WHERE id = :id",
}


@dataclass
class Life:
    """One enterprise by the plainest reckoning: value → its days, anew at each moment at which something was written."""

    known: list[tuple[datetime, dict[tuple[str, Any], list[Days]]]] = field(default_factory=list[Any])

    def start(self, values: Iterable[tuple[str, Any]]) -> None:
        """What always held."""
        self.known.append((datetime(1, 1, 1, tzinfo=UTC), {one: [(None, None)] for one in values}))

    def write(self, at: datetime, kind: str, gone: Any, come: Any, on: date | None) -> None:
        """Something takes the place of something; None is nothing."""
        said = {key: list(days) for key, days in self.known[-1][1].items()}
        first, replaced = on, False
        if gone is not None:
            *ended, (since, _) = said[kind, gone]
            said[kind, gone] = ended if on is None else [*ended, (since, on - timedelta(days=1))]
            first, replaced = (since, True) if on is None else (on, True)
        if come is not None:
            held = said.setdefault((kind, come), [])
            if on is None and not replaced:
                # A chain follows upon the days on which it had been left, an industry upon any before.
                ended = (
                    held if kind == "chain" else [one for (of, _), days in said.items() if of == kind for one in days]
                )
                lasts = [last for _, last in ended if last is not None]
                first = max(lasts) + timedelta(days=1) if lasts else None
            held.append((first, None))
        self.known.append((at, said))

    def on(self, kind: str, day: date, at: datetime | None) -> set[Any]:
        """The values that held on a day, as known at a moment."""
        said = [values for known, values in self.known if at is None or known <= at][-1]
        return {
            value
            for (of, value), stretches in said.items()
            if of == kind
            and any((not first or first <= day) and (not last or last >= day) for first, last in stretches)
        }


@dataclass
class Whereabouts:
    """Where one enterprise was, by the plainest reckoning: its stays by their first day, anew at each moment of writing."""

    known: list[tuple[datetime, dict[date, tuple[str, str]]]] = field(default_factory=list[Any])

    def write(self, at: datetime, place: tuple[str, str], on: date | None) -> None:
        """It is in a place from a day on; without one the park of the last stay is put right."""
        stays = dict(self.known[-1][1]) if self.known else {}
        if self.known and on is None:
            last = max(stays)
            stays[last] = (stays[last][0], place[1])
        else:
            stays[on or date.min] = place
        self.known.append((at, stays))

    def on(self, day: date, at: datetime | None) -> tuple[str, str]:
        """The place on a day, as known at a moment."""
        stays = [stays for known, stays in self.known if at is None or known <= at][-1]
        return stays[max(first for first in stays if first <= day)]
