"""Today, as the bureau's calendar has it."""

from datetime import date, datetime, time, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


def today() -> date:
    """The day it is in China."""
    return datetime.now(CHINA).date()


def end_of_day(day: date) -> datetime:
    """The last moment of a day in China: the day's knowledge includes what was recorded on it."""
    return datetime.combine(day, time.max, CHINA)
