"""A policy simulated over the registry: the rule in force and a patched copy, side by side; nothing is written."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.kept import Enterprises, KeptFacts, Registry
from backend.eligibility.reviewing import answered_by, as_applying, facts_read
from rules.columnar.engine import Engine
from rules.library import Library
from rules.programme import Version
from rules.simulation import Patch, Simulation, apply_patch, simulate_each


@dataclass(frozen=True)
class RegistrySimulation:
    """A simulation with the enterprises it ran over, by row."""

    simulation: Simulation
    registry: Registry

    @property
    def enterprises(self) -> Enterprises:
        """Who they are, by row."""
        return self.registry.enterprises

    def as_json(self) -> dict[str, Any]:
        """Totals, changes by district with the deciding criteria, and the enterprises that enter and leave."""
        one = self.simulation
        entering, leaving = one.deciding()
        regions = self.enterprises.each("region_code")
        return {
            "before": one.before.id, "after": one.after.id, "as_of": one.as_of.isoformat(), "enterprises": one.size,
            "eligible_before": one.eligible_before, "eligible_after": one.eligible_after,
            "by_region": {name: {"entering": more, "leaving": less} for name, (more, less) in one.by_group(regions).items()},
            "deciding": {"entering": dict(entering.most_common()), "leaving": dict(leaving.most_common())},
            "entering": [self._named(row, why) for row, why in one.entering.items()],
            "leaving": [self._named(row, why) for row, why in one.leaving.items()],
        }  # fmt: skip

    def _named(self, row: int, why: tuple[str, ...]) -> dict[str, Any]:
        enterprise = self.enterprises[row]
        return {
            "credit_code": enterprise["credit_code"], "name": enterprise["name"], "region_code": enterprise["region_code"],
            "deciding": list(why),
        }  # fmt: skip


async def simulate_registry(
    session: AsyncSession, patch: Patch, library: Library, as_of: date, kept: KeptFacts | None = None
) -> RegistrySimulation:
    """Run a patch over every enterprise that the session may see.

    Raises:
        RuleError: the patch is wrong.
        UnknownProgramme: it names no version of the library.
    """
    return (await simulate_several(session, [patch], library, as_of, kept))[0]


async def simulate_several(
    session: AsyncSession,
    patches: Sequence[Patch],
    library: Library,
    as_of: date,
    kept: KeptFacts | None = None,
    also: Iterable[Version] = (),
) -> list[RegistrySimulation]:
    """Run several patches over the same enterprises, whose facts are read once.

    Args:
        session: sees the enterprises.
        patches: what stands otherwise.
        library: the rules.
        as_of: the day asked about.
        kept: facts that an earlier run read, and where those of this one are kept.
        also: versions that the registry will be asked about besides.

    Raises:
        RuleError: a patch is wrong.
        UnknownProgramme: one names no version of the library.
    """
    pairs = [(library.programme(one.programme).pinned(one.version), apply_patch(one, library)) for one in patches]
    asked = [*(version for pair in pairs for version in pair), *also]
    registry = await (KeptFacts() if kept is None else kept).read(session, library, asked, facts_read(library))
    found = await asyncio.to_thread(_simulated, pairs, registry, library, as_of)
    return [RegistrySimulation(one, registry) for one in found]


def _simulated(
    pairs: Sequence[tuple[Version, Version]], registry: Registry, library: Library, as_of: date
) -> list[Simulation]:
    """The same in their order. Who holds a title is judged by what its review asks, and by the version that answers it."""
    engine, found = Engine(library.environment), dict[int, Simulation]()
    for name in dict.fromkeys(before.source.programme for before, _ in pairs):
        of_one = {place: pair for place, pair in enumerate(pairs) if pair[0].source.programme == name}
        programme = library.programme(name)
        population, is_reviewed = as_applying(programme, registry.population, as_of)
        asked = [answered_by(before, programme, as_of, is_reviewed) for before, _ in of_one.values()]
        done = simulate_each(list(of_one.values()), population, as_of, engine, asked=asked)
        found |= dict(zip(of_one, done, strict=True))
    return [found[place] for place in range(len(pairs))]
