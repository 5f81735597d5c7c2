"""One measured figure."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure with its unit and what it should be; without a goal it is only shown."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    #: Whether more is better.
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> dict[str, Any]:
        """As `build/bench.jsonl` has it."""
        fields = asdict(self)
        return {name: fields[name] for name in ("name", "value", "unit", "goal")} | {"ok": self.ok}
