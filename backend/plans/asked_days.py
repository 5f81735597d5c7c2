"""The days a count is asked for, as SQL: one statement answers for all of them with a mask of bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from backend.plans.territory import Division

#: The bits of an integer are the limit.
MOST_DAYS = 30


@dataclass
class Asked:
    """The days asked about, the knowledge they are answered from, and the parameters gathered on the way.

    `days` are in order and each once; `known_at` None is now.
    """

    days: tuple[date, ...]
    known_at: datetime | None = None
    #: Where enterprises are counted: where they were on each day, or where they are today.
    division: Division = Division.THEN
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Of whom a chain, industry, scale or board held, or was known, otherwise than now, by kind: the histories of nobody
    #: else need be asked. None where that is not known.
    changed: Mapping[str, Sequence[int]] | None = None

    def __post_init__(self) -> None:
        if list(self.days) != sorted(set(self.days)) or not 0 < len(self.days) <= MOST_DAYS:
            raise ValueError(f"days must be 1 to {MOST_DAYS}, in order and each once: {self.days}")
        self.parameters["days"] = list(self.days)
        if self.known_at is not None:
            self.parameters["known_at"] = self.known_at
        if self.changed is not None:
            self.learn(self.changed)

    @property
    def first(self) -> date:
        return self.days[0]

    @property
    def last(self) -> date:
        return self.days[-1]

    @property
    def placed_on(self) -> date | None:
        """The day whose districts are meant; None for today's."""
        return self.last if self.division is Division.THEN else None

    @property
    def all(self) -> int:
        """The mask of what belongs on every day."""
        return (1 << len(self.days)) - 1

    @property
    def is_as_now(self) -> bool:
        """Whether it is sure that chains, industries, scales and boards were all what they are now."""
        return self.changed is not None and not any(self.changed.values())

    def learn(self, changed: Mapping[str, Sequence[int]]) -> None:
        """Take in who changed, by kind; nobody else did."""
        self.changed = changed
        self.parameters |= {f"changed_{kind}": list(ids) for kind, ids in changed.items() if ids}

    def again(self) -> "Asked":
        """The same question without the parameters gathered by now; as then."""
        return Asked(self.days, self.known_at, changed=self.changed)

    def who_changed(self, kind: str) -> str | None:
        """The ids of those of whom something of a kind was otherwise, as SQL; empty for nobody, None where not known."""
        if self.changed is None:
            return None
        if not self.changed.get(kind):
            return ""
        return f"CAST(:changed_{kind} AS bigint[])"

    def add(self, value: Any) -> str:
        """A parameter's name for SQL."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def known(self, row: str) -> str:
        """Whether a row of a table that is never overwritten was known at the moment."""
        if self.known_at is None:
            return f"{row}.superseded_at IS NULL"
        return f"{row}.recorded_at <= :known_at AND ({row}.superseded_at IS NULL OR {row}.superseded_at > :known_at)"


def between(first: str, last: str) -> str:
    """The mask of the days from `first` to `last`, both included; NULL as the last day is no end.

    `width_bucket` counts how many of the days lie before, so one expression does for any number of days.
    """
    days = "CAST(:days AS date[])"
    last = f"coalesce({last}, DATE '9999-12-31')"
    return f"greatest((1 << width_bucket({last}, {days})) - (1 << width_bucket({first} - 1, {days})), 0)"


def one_day(asked: Asked, day: date) -> str:
    """A day as a parameter."""
    return f"CAST({asked.add(day)} AS date)"
