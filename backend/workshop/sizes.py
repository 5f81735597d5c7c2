"""The size class (工信部联企业〔2011〕300号) of many enterprises at once, by the columnar engine.

What `sme_size` says in its label `size_class` is asked here as criteria, which the engine answers for all rows: the
class worked out of last year's figures, and where they do not tell, the class that was reported.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np

from rules.columnar.engine import Engine, Portion
from rules.columnar.population import Population
from rules.interpret import Environment
from rules.library import Library
from rules.programme import Version, build_version

_CLASSES: Final = ("large", "medium", "small", "micro")
#: From which limit on an enterprise is of which class; who reaches none is micro.
_LIMITS: Final = (("large", "reaches_large_size"), ("medium", "reaches_medium_size"), ("small", "reaches_small_size"))


def size_steps(library: Library, as_of: date) -> Version:
    """The size standard in force as the columns are asked about it: the steps of its label as criteria."""
    return _as_criteria(library.version("sme_size", as_of), library)


def sizes_of(
    rows: Sequence[int], steps: Version, population: Population, environment: Environment, as_of: date
) -> dict[int, str]:
    """Row of the population → size class; those that nothing tells of are left out.

    Args:
        rows: which enterprises.
        steps: what `size_steps` gave, whose indicators the population holds.
        population: what is known of them.
        environment: the library's.
        as_of: the day asked about.
    """
    if not rows:
        return {}
    portion = Portion(population, np.array(sorted(rows), dtype=np.int64), len(rows), as_of)
    classes: dict[int, str] = {}
    for found in Engine(environment).answer(steps, portion):
        failed, lists_failed = found.failed.decoded()
        unknown, lists_unknown = found.unknown.decoded()
        different, places = np.unique(np.stack([failed, unknown], axis=1), axis=0, return_inverse=True)
        told = [_class_of(set(lists_failed[one]), set(lists_unknown[other])) for one, other in different.tolist()]
        named = zip(found.rows.tolist(), places.reshape(-1).tolist(), strict=True)
        classes |= {row: told[place] for row, place in named if told[place]}
    return classes


def _as_criteria(version: Version, library: Library) -> Version:
    """A copy of the size standard whose criteria are the steps of its label."""
    criteria: list[dict[str, Any]] = [
        {"id": name, "cite": "300号 第四条", "require": f"{limit} == true"} for name, limit in _LIMITS
    ]
    criteria += [{"id": f"held_{one}", "cite": "213号 第五条", "require": f'size_class == "{one}"'} for one in _CLASSES]
    source = version.source
    raw = {
        "programme": source.programme, "version": f"{source.version}-steps", "in_force": {"from": source.in_force.from_},
        "documents": list(source.documents), "criteria": criteria,
    }  # fmt: skip
    return build_version(raw, version.path, version.programme, library.catalogue, f"{version.digest}-steps")


def _class_of(failed: set[str], unknown: set[str]) -> str:
    for name, _ in _LIMITS:
        if name in unknown:
            # Whether a higher class is reached is open, so the figures tell none.
            return next((one for one in _CLASSES if f"held_{one}" not in failed | unknown), "")
        if name not in failed:
            return name
    return _CLASSES[-1]
