"""The registry's facts in columns, kept from one simulation to the next until something changes.

Whoever tries thresholds asks the same enterprises again and again. Their facts are kept under what the reader sees (as
`backend.web.memory` keeps figures): the scope, and which changes of enterprises, recognitions and facts are behind it.
Only indicators that some version asked for are read; another version adds its own. Each process keeps its own.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, overload

import polars as pl
from fastapi import Request
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckoning
from backend.eligibility.columns import NULL, copy_out, indicators_read, read_columns
from backend.web.memory import seen_by
from rules.columnar.population import Population, Stored
from rules.library import Library
from rules.programme import Version

#: Figures kept in all scopes together, of about eight bytes each: 240 MB. A city of 100,000 takes nine to fourteen
#: million for a few programmes; one of a million takes too many, and is read anew for each run.
MOST_CELLS: Final = 30_000_000
#: How often a registry that changes while it is read is begun anew.
_TRIES: Final = 2
#: Answers about lists that are remembered; each different threshold about certificates adds some.
_MOST_ANSWERS: Final = 100

_WHO: Final = ("id", "credit_code", "name", "region_code", "industry_code")


class Enterprises(Sequence[Mapping[str, Any]]):
    """Who the enterprises of a population are, by row: `id`, `credit_code`, `name`, `region_code`, `industry_code`."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.ids = frame["id"].to_numpy()
        self._columns: dict[str, list[Any]] = {name: frame[name].to_list() for name in _WHO}

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[Mapping[str, Any]]: ...

    def __getitem__(self, row: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        return {name: column[row] for name, column in self._columns.items()}

    def each(self, name: str) -> Sequence[Any]:
        """One of them for all rows."""
        return self._columns[name]


@dataclass(frozen=True)
class Registry:
    """The active enterprises that a reader sees, and some of their facts."""

    enterprises: Enterprises
    population: Population
    #: The indicators that were looked for.
    known: frozenset[str]

    @property
    def cells(self) -> int:
        """How many figures it holds."""
        one = self.population
        facts = sum(len(held.values if held.given is None else held.given) for held in _columns(one))  # type: ignore[arg-type]
        return facts + len(self.enterprises) * (len(_WHO) + len(one.years))

    def joined(self, more: Population, names: frozenset[str]) -> "Registry":
        """With further facts of the same enterprises, read in the same state."""
        one = self.population
        population = Population(
            one.catalogue, one.ids, {**one.current, **more.current}, {**one.yearly, **more.yearly}, one.years or more.years
        )  # fmt: skip
        return Registry(self.enterprises, population, self.known | names)


class KeptFacts:
    """The registries that one process keeps, those not asked for longest forgotten first."""

    def __init__(self, most_cells: int = MOST_CELLS) -> None:
        self._most_cells = most_cells
        #: Scope → the state that it was read in, and the registry.
        self._kept: OrderedDict[str, tuple[tuple[str, ...], Registry]] = OrderedDict()

    async def read(
        self, session: AsyncSession, library: Library, versions: Iterable[Version], more: frozenset[str] = frozenset()
    ) -> Registry:
        """All active enterprises that the session may see, with what some versions read of them, and more facts.

        What is kept is used and added to where nothing that it rests on has changed since it was read.
        """
        wanted = indicators_read(library, versions) | more
        async with reckoning(session):
            for _ in range(_TRIES):
                state = await _state(session)
                registry = await self._completed(session, library, wanted, state)
                # What changed meanwhile may be in one column and not in another: such a registry is not kept.
                if await _state(session) == state:
                    self._keep(state, registry)
                    return registry
            return await _added(session, library, wanted, None)

    async def _completed(
        self, session: AsyncSession, library: Library, wanted: frozenset[str], state: tuple[str, ...]
    ) -> Registry:
        held_in, registry = self._kept.get(state[0], (None, None))
        is_current = held_in == state and registry is not None and registry.population.catalogue is library.catalogue
        return await _added(session, library, wanted, registry if is_current else None)

    def _keep(self, state: tuple[str, ...], registry: Registry) -> None:
        if len(registry.population.about_lists) > _MOST_ANSWERS:
            registry = registry.joined(registry.population, registry.known)
        self._kept[state[0]] = state, registry
        self._kept.move_to_end(state[0])
        while sum(one.cells for _, one in self._kept.values()) > self._most_cells:
            self._kept.popitem(last=False)


def kept_facts_of(request: Request) -> KeptFacts:
    """What the application that answers a request keeps."""
    state = request.app.state
    if not hasattr(state, "kept_facts"):
        state.kept_facts = KeptFacts()
    return cast("KeptFacts", state.kept_facts)


async def _state(session: AsyncSession) -> tuple[str, ...]:
    return (await seen_by(session)).of(("enterprise", "recognition", "fact"))


async def _added(
    session: AsyncSession, library: Library, wanted: frozenset[str], registry: Registry | None
) -> Registry:
    """A registry with what is wanted of it besides; without one, from the beginning."""
    missing = wanted if registry is None else wanted - registry.known
    if registry is not None and not missing:
        return registry
    enterprises = registry.enterprises if registry is not None else await _enterprises(session)
    found = await read_columns(session, enterprises.ids, missing, library.catalogue, is_all=True)
    return Registry(enterprises, found, missing) if registry is None else registry.joined(found, missing)


async def _enterprises(session: AsyncSession) -> Enterprises:
    raw = await copy_out(session, f"SELECT {', '.join(_WHO)} FROM enterprise WHERE status = 'active'")
    types: dict[str, Any] = dict.fromkeys(_WHO, pl.String) | {"id": pl.Int64}
    frame = pl.read_csv(raw, schema=types, null_values=[NULL])
    return Enterprises(frame.sort("id"))


def _columns(population: Population) -> Iterator[Stored]:
    yield from population.current.values()
    yield from population.yearly.values()
