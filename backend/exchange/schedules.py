"""When a system is asked by itself: every so many seconds, on days of the calendar, or both.

A turn of the calendar is written `monthly:16T02` (day 16, two o'clock), `quarterly:16T02` (of January, April, July and
October) or `yearly:06-01T02`; days and hours are those of China. A month that lacks the day has its turn on its last.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

from backend.clock import CHINA

Kind = Literal["monthly", "quarterly", "yearly"]

_WRITTEN: Final = re.compile(r"(?:(monthly|quarterly):|yearly:([0-9]{2})-)([0-9]{2})T([0-9]{2})")
_MONTHS: Final[dict[Kind, range]] = {"monthly": range(1, 13), "quarterly": range(1, 13, 3)}
_NAMES: Final[dict[Kind, str]] = {"monthly": "每月", "quarterly": "每季首月"}
#: So long after its turn of the calendar a system is late: failures of an hour or two are made up within it.
GRACE: Final = timedelta(hours=6)
#: A year that has 29 February: a turn on it is one of the calendar.
_LEAP: Final = 2024


class ScheduleRefused(ValueError):
    """A turn that is not written as one; the message says how to write it."""


@dataclass(frozen=True)
class Turn:
    """One line of the calendar: the day and hour of a month, of each quarter's first, or of one in the year."""

    kind: Kind
    day: int
    hour: int
    #: 1 to 12 of a yearly one; 0 of the others.
    month: int = 0

    @property
    def written(self) -> str:
        """As it is kept; the same turn is always written alike."""
        day = f"{self.month:02}-{self.day:02}" if self.kind == "yearly" else f"{self.day:02}"
        return f"{self.kind}:{day}T{self.hour:02}"

    @property
    def in_words(self) -> str:
        """As the page tells it."""
        when = f"每年 {self.month} 月" if self.kind == "yearly" else _NAMES[self.kind]
        return f"{when} {self.day} 日 {self.hour} 时"

    def after(self, moment: datetime) -> datetime:
        """The first time after a moment."""
        return next(one for one in self._from(moment.astimezone(CHINA).year) if one > moment)

    def _from(self, year: int) -> Iterator[datetime]:
        for each in (year, year + 1):
            for month in _MONTHS.get(self.kind, (self.month,)):
                day = min(self.day, monthrange(each, month)[1])
                yield datetime(each, month, day, self.hour, tzinfo=CHINA)


def read_turn(written: str) -> Turn:
    """A turn as it is written. Raises ScheduleRefused."""
    found = _WRITTEN.fullmatch(written)
    kind, month, day, hour = found.groups() if found else ("", None, "0", "0")
    turn = Turn(cast("Kind", kind or "yearly"), int(day), int(hour), int(month or 0))
    longest = monthrange(_LEAP, turn.month)[1] if 1 <= turn.month <= 12 else 31 if kind else 0
    if not 1 <= turn.day <= longest or turn.hour > 23:
        raise ScheduleRefused(
            f"“{written[:40]}”不是拉取时间，应写作 monthly:16T02（每月 16 日 2 时）、quarterly:16T02（1、4、7、10 月 16 日）"
            "或 yearly:06-01T02（每年 6 月 1 日）。"
        )
    return turn


def now() -> datetime:
    """The moment that schedules are worked out from."""
    return datetime.now(UTC)


def next_due(every_seconds: int, calendar: Sequence[str], moment: datetime) -> datetime | None:
    """When a system is asked again after a moment; None where it is asked by hand only."""
    turns = [read_turn(one).after(moment) for one in calendar]
    if every_seconds > 0:
        turns.append(moment + timedelta(seconds=every_seconds))
    return min(turns, default=None)


def upcoming(every_seconds: int, calendar: Sequence[str], moment: datetime, count: int = 6) -> list[datetime]:
    """The next times after a moment, in their order, as far as nothing fails meanwhile."""
    found: list[datetime] = []
    while len(found) < count and (due := next_due(every_seconds, calendar, found[-1] if found else moment)) is not None:
        found.append(due)
    return found


def is_late(
    every_seconds: int, calendar: Sequence[str], last: datetime | None, due: datetime | None, failures: int,
    moment: datetime,
) -> bool:  # fmt: skip
    """Whether a system missed its turn: of an interval by another one, of the calendar by `GRACE`.

    Of the calendar a turn is missed that nobody took, or that was taken and failed. A schedule that was set after the
    last success has missed nothing before it was set: then `due` lies ahead, and nothing has failed.
    """
    if last is not None and every_seconds > 0 and moment - last > timedelta(seconds=2 * every_seconds):
        return True
    missed = [due] if calendar and due is not None else []
    if failures and last is not None:
        missed += [read_turn(one).after(last) for one in calendar]
    return any(one + GRACE < moment for one in missed)


def in_words(every_seconds: int, calendar: Sequence[str]) -> str:
    """A schedule as the page tells it."""
    told = [f"每 {_length(every_seconds)}"] if every_seconds > 0 else []
    return "；".join([*told, *(read_turn(one).in_words for one in calendar)]) or "手工"


def _length(seconds: int) -> str:
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"
