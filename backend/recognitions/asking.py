"""The day and the knowledge that a list of titles is asked of."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends

from backend.clock import end_of_day, today
from backend.enterprises.asking import read_day, within_reach


def titles_on(on: str = "") -> date:
    """The day asked about, today where none is given. Raises NoSuchDay, DayOutOfReach."""
    return _within_reach(read_day(on) or today())


def titles_known_on(known_at: str = "") -> date | None:
    """The day whose knowledge answers; None, a day to come or today is now. Raises NoSuchDay, DayOutOfReach."""
    day = read_day(known_at)
    return None if day is None or _within_reach(day) >= today() else day


def moment_known(known_at: str) -> datetime | None:
    """The last moment of that day. Raises NoSuchDay, DayOutOfReach."""
    day = titles_known_on(known_at)
    return None if day is None else end_of_day(day)


def _within_reach(day: date) -> date:
    return within_reach(day, "认定")


TitlesOn = Annotated[date, Depends(titles_on)]
TitlesKnownOn = Annotated[date | None, Depends(titles_known_on)]
