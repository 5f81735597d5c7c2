"""The corpus of `injections.yaml`."""

from pathlib import Path
from typing import Any, Final

import yaml


def _written(one: str | dict[str, Any]) -> str:
    return one if isinstance(one, str) else one["repeated"] * one["times"]


BY_KIND: Final[dict[str, tuple[str, ...]]] = {
    kind: tuple(_written(one) for one in attempts)
    for kind, attempts in yaml.safe_load(Path(__file__).with_name("injections.yaml").read_text("utf-8")).items()
}
CORPUS: Final = tuple(attempt for attempts in BY_KIND.values() for attempt in attempts)
