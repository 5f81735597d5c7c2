"""From when on a title is to be renewed: by programme, as data with its source, kept up by the city's officers.

A programme of which no document says it gets a default that is marked as one. A window never changes whether a title
counts: that its printed last day alone says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.catalogue import Certainty
from rules.library import Library
from rules.translation import marked

RENEWAL_FILE: Final = Path(__file__).with_name("renewal.yaml")
#: Where no document says it: half a year, as long as most reviews take from the notice to the list.
DEFAULT_DAYS: Final = 180
#: What the shipped file says of how else it is done.
HOW: Final = (marked("重新认定"), marked("重新评价"))

Begins = Literal["year_of_expiry", "days_before", "next_year", "next_list", "none"]
BEGINS: Final[dict[Begins, str]] = {
    "year_of_expiry": "到期当年 1 月 1 日起", "days_before": "到期前若干天起", "next_year": "到期次年重新评价",
    "next_list": "由下一期名单决定", "none": "没有查到接续的规定",
}  # fmt: skip


class YearlyUpdate(BaseModel):
    """What is to be reported each year while a title counts: until which day, that day included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)
    certainty: Certainty
    source: str
    note: str = ""


class RenewalWindow(BaseModel):
    """When the titles of a programme are to be renewed, and by what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    programme: str
    begins: Begins
    days: int | None = Field(default=None, ge=1, le=1095)
    how: str = marked("复核")
    certainty: Certainty
    source: str
    note: str = ""
    update: YearlyUpdate | None = None

    @model_validator(mode="after")
    def _days_where_days_count(self) -> "RenewalWindow":
        if (self.begins == "days_before") != (self.days is not None):
            raise ValueError("days belong to days_before, and to nothing else")
        return self

    @property
    def is_default(self) -> bool:
        """Whether no document was found that says it."""
        return self.certainty is Certainty.NOT_FOUND

    @property
    def shown(self) -> str:
        """When it begins, in Chinese."""
        return f"到期前 {self.days} 天起" if self.begins == "days_before" else BEGINS[self.begins]

    def begins_on(self, valid_to: date | None) -> date | None:
        """From when on a title with that last day is to be renewed; None where it never is."""
        if valid_to is None:
            return None
        match self.begins:
            case "year_of_expiry":
                return date(valid_to.year, 1, 1)
            case "days_before":
                return valid_to - timedelta(days=(self.days or 0) - 1)
            case "next_year":
                return valid_to + timedelta(days=1)
            case _:
                return None


@cache
def shipped() -> dict[str, RenewalWindow]:
    """The windows that come with the program, by programme."""
    read = TypeAdapter(list[RenewalWindow]).validate_python(yaml.safe_load(RENEWAL_FILE.read_text(encoding="utf-8")))
    return {one.programme: one for one in read}


def default_for(programme: str, validity: str) -> RenewalWindow:
    """What holds of a programme of which neither the program nor the city knows more."""
    if validity == "edition":
        return RenewalWindow(
            programme=programme, begins="next_list", how=marked("看下一期名单"), certainty=Certainty.INFERRED,
            source="按期公布的名单，没有单独的有效期",
        )  # fmt: skip
    if validity in ("until revoked", ""):
        return RenewalWindow(
            programme=programme, begins="none", how="", certainty=Certainty.NOT_FOUND, source="未查到有效期的规定"
        )
    return RenewalWindow(
        programme=programme, begins="days_before", days=DEFAULT_DAYS, certainty=Certainty.NOT_FOUND,
        source="未查到复核时间的规定，暂按到期前 180 天提醒",
    )  # fmt: skip


async def renewal_windows(session: AsyncSession, library: Library) -> dict[str, RenewalWindow]:
    """The window of every programme: what the city entered goes before what is shipped, and that before the default."""
    found = await session.execute(
        text(
            "SELECT programme, begins, days, how, certainty, source, note FROM renewal_window WHERE superseded_at IS NULL"
        )
    )
    entered = {row["programme"]: dict(row) for row in found.mappings()}
    windows: dict[str, RenewalWindow] = {}
    for name, one in library.programmes.items():
        known = shipped().get(name) or default_for(name, one.source.validity)
        # What is reported each year is the law's; only when a renewal begins is the bureau's to say.
        windows[name] = RenewalWindow(**entered[name], update=known.update) if name in entered else known
    return windows


async def set_renewal_window(session: AsyncSession, window: RenewalWindow, *, by: int) -> None:
    """Say when a programme's titles are to be renewed, in place of what was said before, which stays known."""
    await session.execute(
        text("UPDATE renewal_window SET superseded_at = now() WHERE programme = :programme AND superseded_at IS NULL"),
        {"programme": window.programme},
    )
    await session.execute(
        text(
            "INSERT INTO renewal_window (programme, begins, days, how, certainty, source, note, recorded_by)"
            " VALUES (:programme, :begins, :days, :how, :certainty, :source, :note, :by)"
        ),
        {**window.model_dump(exclude={"update"}), "certainty": str(window.certainty), "by": by},
    )


@dataclass(frozen=True)
class Due:
    """A condition on titles `r`, and what it is asked with."""

    sql: str
    values: dict[str, Any]


def due_on(windows: Sequence[RenewalWindow], on: date) -> Due:
    """Which titles are within their renewal window on a day: it has begun, and the last day has not gone by.

    Titles that are evaluated anew each year are due in the year after their last day.
    """
    by_year = [one.programme for one in windows if one.begins == "year_of_expiry"]
    next_year = [one.programme for one in windows if one.begins == "next_year"]
    by_days: dict[int, list[str]] = {}
    for one in windows:
        if one.begins == "days_before" and one.days is not None:
            by_days.setdefault(one.days, []).append(one.programme)
    year_end, farthest = date(on.year, 12, 31), max([0, *by_days])
    parts = ["r.programme = ANY(:due_by_year) AND r.valid_to <= :due_year_end AND r.valid_to >= :on"]
    values: dict[str, Any] = {
        "due_by_year": by_year, "due_year_end": year_end, "due_next_year": next_year,
        "due_first": date(on.year - 1, 1, 1) if next_year else on, "due_last": max(year_end, on + timedelta(days=farthest)),
    }  # fmt: skip
    for number, (days, programmes) in enumerate(sorted(by_days.items())):
        parts.append(
            f"r.programme = ANY(:due_days_{number}) AND r.valid_to < :due_until_{number} AND r.valid_to >= :on"
        )
        values |= {f"due_days_{number}": programmes, f"due_until_{number}": on + timedelta(days=days)}
    parts.append("r.programme = ANY(:due_next_year) AND r.valid_to < :on")
    # The first comparison bounds the look through the index; the rest says which programme is meant.
    bound = "r.valid_to BETWEEN :due_first AND :due_last"
    return Due(f"{bound} AND ({' OR '.join(f'({part})' for part in parts)})", values)
