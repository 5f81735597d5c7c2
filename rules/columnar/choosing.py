"""Which version of a programme answers for which enterprises: the counterpart of `Programme.in_force` for many rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from rules.columnar.engine import Portion
from rules.columnar.masks import Mask, tidy
from rules.columnar.population import day_number
from rules.facts import Facts
from rules.library import NotInForce, Programme
from rules.programme import Version
from rules.values import Value


@dataclass(frozen=True)
class _Choice:
    """A fact that versions are chosen by: its different values, and the place of each row's among them (0: unknown)."""

    name: str
    values: Sequence[Value]
    places: NDArray[np.int64]


def versions_of(programme: Programme, portion: Portion) -> Iterator[tuple[Version, Mask]]:
    """The versions that answer on the portion's day, each with the rows it answers for; no row where none is in force."""
    choices = [choice for choice in _choices(programme, portion) if choice.places.any()]
    keys = np.zeros(portion.size, dtype=np.int64)
    for choice in choices:
        keys = keys * len(choice.values) + choice.places
    found: dict[str, tuple[Version, list[int]]] = {}
    for key in np.unique(keys).tolist() if choices else [0]:
        version = _in_force(programme, portion.as_of, _facts_of(choices, key))
        if version is not None:
            found.setdefault(version.id, (version, []))[1].append(key)
    for version, wanted in found.values():
        yield version, True if not choices else tidy(np.isin(keys, wanted))


def _facts_of(choices: Sequence[_Choice], key: int) -> Facts:
    current: dict[str, Value] = {}
    for choice in reversed(choices):
        key, place = divmod(key, len(choice.values))
        if place:
            current[choice.name] = choice.values[place]
    return Facts(current=current)


def _choices(programme: Programme, portion: Portion) -> Iterator[_Choice]:
    """The facts that a version is chosen by: the kind of application, the day of a transition clause."""
    kinds: dict[str, None] = {}
    days: dict[str, None] = {}
    for version in programme.versions:
        source = version.source
        kinds |= dict.fromkeys([*source.answers_for, *(name for batch in source.batches for name in batch.answers_for)])
        days |= dict.fromkeys([source.transition_by] if source.transition_by else [])
    for name in kinds:
        yield from _kind(name, portion)
    for name in days:
        yield from _day(name, programme, portion)


def _kind(name: str, portion: Portion) -> Iterator[_Choice]:
    stored = portion.stored(name)
    if stored is not None and stored[0].words is not None:
        yield _Choice(name, [None, *stored[0].words.texts], np.maximum(stored[1].astype(np.int64), -1) + 1)


def _day(name: str, programme: Programme, portion: Portion) -> Iterator[_Choice]:
    """Days count by the span between two changes of the law that they fall into, for which the first stands."""
    stored = portion.stored(name)
    if stored is None:
        return
    spans = [span for version in programme.versions for span in (version.source.in_force, *version.source.batches)]
    turns = {span.from_ for span in spans} | {span.to + timedelta(days=1) for span in spans if span.to is not None}
    days = [date(1900, 1, 1), *sorted(turns)]
    places = np.searchsorted([day_number(day) for day in days], stored[1], side="right")
    yield _Choice(name, [None, *days], np.where(stored[1] < 0, 0, np.maximum(places, 1)))


def _in_force(programme: Programme, as_of: date, facts: Facts) -> Version | None:
    try:
        return programme.in_force(as_of, facts)
    except NotInForce:
        return None
