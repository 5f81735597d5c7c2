"""When applications are taken: what notices say, shipped as data and kept up by the city's officers.

An open or closed window never changes an answer of the rules; it says what is urgent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.catalogue import Certainty

WINDOWS_FILE = Path(__file__).with_name("windows.yaml")


class Window(BaseModel):
    """The days on which applications for a programme are taken in a year; the last one counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    programme: str
    year: int
    label: str = ""
    opens_on: date | None = None
    closes_on: date
    certainty: Certainty
    source: str
    note: str = ""

    def is_open(self, on: date) -> bool:
        """Whether applications are taken on a day."""
        return (self.opens_on is None or self.opens_on <= on) and on <= self.closes_on

    def days_left(self, on: date) -> int:
        """Days until the last one, which counts; negative once it is over."""
        return (self.closes_on - on).days


@dataclass(frozen=True)
class Windows:
    """The windows of a programme in a year; where none is known, the latest earlier ones, to go by."""

    known: Sequence[Window]
    earlier: Sequence[Window]

    def next_deadline(self, on: date) -> Window | None:
        """The window that closes next."""
        return min((one for one in self.known if one.closes_on >= on), key=lambda one: one.closes_on, default=None)


@cache
def shipped() -> tuple[Window, ...]:
    """The windows that come with the program, out of the notices read so far."""
    return tuple(TypeAdapter(list[Window]).validate_python(yaml.safe_load(WINDOWS_FILE.read_text(encoding="utf-8"))))


async def all_windows(session: AsyncSession) -> list[Window]:
    """Every window: those that officers entered go before those shipped. The newest year first."""
    found = await session.execute(
        text(
            "SELECT programme, year, label, opens_on, closes_on, certainty, source, note FROM filing_window"
            " WHERE superseded_at IS NULL"
        )
    )
    entered = [Window.model_validate(dict(row)) for row in found.mappings()]
    places = {(one.programme, one.year, one.label) for one in entered}
    rest = [one for one in shipped() if (one.programme, one.year, one.label) not in places]
    return sorted([*entered, *rest], key=lambda one: (-one.year, one.programme, one.closes_on))


async def windows_of(session: AsyncSession, programme: str, year: int) -> Windows:
    """The windows of a programme in a year."""
    mine = [one for one in await all_windows(session) if one.programme == programme]
    known = [one for one in mine if one.year == year]
    latest = max((one.year for one in mine if one.year < year), default=0)
    return Windows(known, [one for one in mine if one.year == latest])


async def set_window(session: AsyncSession, window: Window, *, by: int) -> None:
    """Enter a window, or correct it; what it was before stays known."""
    place = {"programme": window.programme, "year": window.year, "label": window.label}
    await session.execute(
        text(
            "UPDATE filing_window SET superseded_at = now() WHERE programme = :programme AND year = :year AND label = :label"
            " AND superseded_at IS NULL"
        ),
        place,
    )
    await session.execute(
        text(
            "INSERT INTO filing_window (programme, year, label, opens_on, closes_on, certainty, source, note, recorded_by)"
            " VALUES (:programme, :year, :label, :opens_on, :closes_on, :certainty, :source, :note, :by)"
        ),
        place | {
            "opens_on": window.opens_on, "closes_on": window.closes_on, "certainty": str(window.certainty),
            "source": window.source, "note": window.note, "by": by,
        },
    )  # fmt: skip
