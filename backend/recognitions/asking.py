"""The day and the knowledge that a list of titles is asked of."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends

from backend.clock import end_of_day, today
from backend.enterprises.asking import read_day
from backend.web.errors import Refusal

#: No title is older than the reform, and none lasts for longer than people plan ahead.
FIRST_YEAR, LAST_YEAR = 1978, 2100


class DayOutOfReach(Refusal):
    """A day that no title can be asked of."""

    status = 422
    slug = "day-out-of-reach"
    title = "日期不对"

    def __init__(self, day: date) -> None:
        super().__init__(f"认定只能按 {FIRST_YEAR} 年到 {LAST_YEAR} 年的日子查看，{day.isoformat()} 请改正。")


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
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise DayOutOfReach(day)
    return day


TitlesOn = Annotated[date, Depends(titles_on)]
TitlesKnownOn = Annotated[date | None, Depends(titles_known_on)]
