"""Today, as the bureau's calendar has it."""

from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


def today() -> date:
    """The day it is in China."""
    return datetime.now(CHINA).date()
