"""A policy simulated over the registry: the rule in force and a patched copy, side by side; nothing is written."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.batch import read_population
from rules.columnar.engine import Engine
from rules.library import Library
from rules.simulation import Patch, Simulation, apply_patch, simulate


@dataclass(frozen=True)
class RegistrySimulation:
    """A simulation with the enterprises it ran over, by row."""

    simulation: Simulation
    enterprises: Sequence[Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Totals, changes by district with the deciding criteria, and the enterprises that enter and leave."""
        one = self.simulation
        entering, leaving = one.deciding()
        regions = [str(row["region_code"]) for row in self.enterprises]
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


async def simulate_registry(session: AsyncSession, patch: Patch, library: Library, as_of: date) -> RegistrySimulation:
    """Run a patch over every enterprise that the session may see.

    Raises:
        RuleError: the patch is wrong.
        UnknownProgramme: it names no version of the library.
    """
    return (await simulate_several(session, [patch], library, as_of))[0]


async def simulate_several(
    session: AsyncSession, patches: Sequence[Patch], library: Library, as_of: date
) -> list[RegistrySimulation]:
    """Run several patches over the same enterprises, whose facts are read once.

    Raises:
        RuleError: a patch is wrong.
        UnknownProgramme: one names no version of the library.
    """
    pairs = [(library.programme(one.programme).pinned(one.version), apply_patch(one, library)) for one in patches]
    found = await session.execute(
        text("SELECT id, credit_code, name, region_code FROM enterprise WHERE status = 'active' ORDER BY id")
    )
    rows = [dict(row) for row in found.mappings()]
    ids = np.array([row["id"] for row in rows], dtype=np.int64)
    population = await read_population(session, ids, library, [version for pair in pairs for version in pair])
    engine = Engine(library.environment)
    return [
        RegistrySimulation(await asyncio.to_thread(simulate, before, after, population, as_of, engine), rows)
        for before, after in pairs
    ]
