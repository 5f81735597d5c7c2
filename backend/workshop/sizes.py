"""The size class (工信部联企业〔2011〕300号) of many enterprises at once, by the columnar engine.

What `sme_size` says in its label `size_class` is asked here as criteria, which the engine answers for all rows: the
class worked out of last year's figures, and where they do not tell, the class that was reported.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.batch import read_population
from rules.columnar.engine import evaluate_columns
from rules.library import Library
from rules.programme import Version, build_version

_CLASSES: Final = ("large", "medium", "small", "micro")
#: From which limit on an enterprise is of which class; who reaches none is micro.
_LIMITS: Final = (("large", "reaches_large_size"), ("medium", "reaches_medium_size"), ("small", "reaches_small_size"))


async def sizes_of(session: AsyncSession, ids: Sequence[int], library: Library, as_of: date) -> dict[int, str]:
    """Enterprise → size class; those that nothing tells of are left out."""
    if not ids:
        return {}
    asked = np.array(sorted(ids), dtype=np.int64)
    version = _as_criteria(library.version("sme_size", as_of), library)
    population = await read_population(session, asked, library, [version])
    found = evaluate_columns(version, population, as_of, library.environment)
    told = zip(found["enterprise_id"], found["failed"], found["unknown"], strict=True)
    classes = {int(number): _class_of(set(failed), set(unknown)) for number, failed, unknown in told}
    return {number: size for number, size in classes.items() if size}


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
