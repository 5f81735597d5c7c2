"""What a cell may hold, whichever reader read it."""

from datetime import date, datetime, time, timedelta


class LostValue(str):
    """A cell whose value is gone: an error such as `#DIV/0!`, or a formula that was never calculated."""

    __slots__ = ()


class PercentCell(float):
    """A number in a cell formatted as a percentage: 0.125, which the user sees as 12.5%."""

    __slots__ = ()


Cell = str | int | float | bool | date | datetime | time | timedelta
