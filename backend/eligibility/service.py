"""Running the rules over the registry: all enterprises, or those just touched; and what changed since."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.database.session import owner_unit_of_work, reckons
from backend.eligibility import batch
from backend.eligibility.answers import Result, Run, replace_answers
from backend.eligibility.batch import run_batch, run_portions
from backend.eligibility.registry_facts import registry_facts
from backend.eligibility.reviewing import applying
from rules.evaluate import Answer, Evaluator
from rules.facts import Facts
from rules.library import Library

#: Enterprises whose facts are held in memory at once.
PORTION = 2_000
#: From so many enterprises on, laying them out in columns takes less time than it saves.
_WORTH_COLUMNS = 100
#: What the registry knows by itself of any enterprise; a programme of which nothing else is known is left out.
_ALWAYS_KNOWN = frozenset(
    {
        "established_on", "industry_code", "registered_province_code", "registered_city_code", "registered_district_code",
        "uscc", "registered_in_mainland", "hnte_certificates", "is_single_champion", "tech_sme_valid_until",
        "innovative_sme_valid_until", "srdi_sme_valid_until", "little_giant_valid_until", "listing_board",
    }
)  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """What a run did."""

    run_id: int
    enterprises: int
    results: int
    changes: int


def library_digest(library: Library) -> str:
    """One hash of all rule versions, so that a result can name the law it was worked out by."""
    digests = sorted(version.digest for programme in library.programmes.values() for version in programme.versions)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


async def evaluate_registry(session: AsyncSession, library: Library, as_of: date) -> RunResult:
    """Evaluate every enterprise of the registry for every programme, and note what changed since the last run.

    All of it in one transaction, for registries that nobody else writes to meanwhile: see `evaluate_beside`.
    """
    ids = await _active(session)
    run_id = await _begin(session, library, as_of, is_whole=True)
    written = await run_batch(session, ids, library, as_of, run_id, _ALWAYS_KNOWN)
    await _finish(session, run_id, len(ids), written.changes)
    return RunResult(run_id, len(ids), written.results, written.changes)


async def evaluate_beside(
    engine: AsyncEngine, library: Library, as_of: date, portion: int = batch.PORTION
) -> RunResult:
    """The same while people work, as the owner: a portion of enterprises a transaction.

    A filing of that moment waits until the portion is written that its enterprise is in, and the portion sees what was
    filed before. A run that is cut off leaves answers that are right each, and no end of the run.
    """
    async with owner_unit_of_work(engine) as session:
        ids = await _active(session)
        run_id = await _begin(session, library, as_of, is_whole=True)
    results = changes = 0
    for start in range(0, len(ids), portion):
        some = ids[start : start + portion]
        async with owner_unit_of_work(engine) as session:
            living = await _hold(session, some)
            written = await run_batch(session, living, library, as_of, run_id, _ALWAYS_KNOWN)
        results, changes = results + written.results, changes + written.changes
    async with owner_unit_of_work(engine) as session:
        await _finish(session, run_id, len(ids), changes)
    return RunResult(run_id, len(ids), results, changes)


async def _active(session: AsyncSession) -> list[int]:
    found = await session.execute(text("SELECT id FROM enterprise WHERE status = 'active' ORDER BY id"))
    return list(found.scalars())


@reckons
async def evaluate(
    session: AsyncSession, enterprise_ids: Sequence[int], library: Library, as_of: date, *, is_whole: bool = False
) -> RunResult:
    """Evaluate some enterprises for every programme; what differs from the run before is noted."""
    living = await _hold(session, enterprise_ids)
    found: list[Result] = []
    for start in range(0, len(living), PORTION):
        facts = await registry_facts(session, living[start : start + PORTION], library.catalogue)
        found += [row for number, held in facts.items() for row in _rows(number, held, library, as_of)]
    run = Run(as_of, library_digest(library), len(enterprise_ids), is_whole)
    run_id, changes = await replace_answers(session, run, enterprise_ids, living, found)
    return RunResult(run_id, len(enterprise_ids), len(found), changes)


async def evaluate_touched(
    session: AsyncSession,
    enterprise_ids: Sequence[int],
    library: Library,
    as_of: date,
    portion: int = batch.PORTION,
    told: Callable[[int], None] = lambda done: None,
) -> RunResult:
    """The same for however many an import touched: a few one after the other, many in columns.

    Of many, a portion of enterprises is held in memory at once, and `told` hears how many came before it.
    """
    if len(enterprise_ids) < _WORTH_COLUMNS:
        told(0)
        return await evaluate(session, enterprise_ids, library, as_of)
    run_id = await _begin(session, library, as_of, is_whole=False)
    portions = _held(session, enterprise_ids, portion, told)
    written = await run_portions(session, portions, library, as_of, run_id, _ALWAYS_KNOWN)
    await _finish(session, run_id, len(enterprise_ids), written.changes)
    return RunResult(run_id, len(enterprise_ids), written.results, written.changes)


async def _held(
    session: AsyncSession, enterprise_ids: Sequence[int], portion: int, told: Callable[[int], None]
) -> AsyncGenerator[Sequence[int]]:
    for start in range(0, len(enterprise_ids), portion):
        told(start)
        if living := await _hold(session, enterprise_ids[start : start + portion]):
            yield living


#: For whom there is nothing to ask: who ended, is part of another's file, or was never one, meets no programme.
_GONE = frozenset({"merged", "withdrawn", "cancelled", "licence_revoked"})


async def _hold(session: AsyncSession, enterprise_ids: Sequence[int]) -> list[int]:
    """Evaluate no enterprise twice at a time: whoever comes second waits, and reads what the first one left.

    Returns those of them for whom there is something to ask.
    """
    held = "SELECT id, status FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"
    return [row.id for row in await ask_about(session, held, enterprise_ids) if row.status not in _GONE]


async def _begin(session: AsyncSession, library: Library, as_of: date, is_whole: bool) -> int:
    found = await session.execute(
        text(
            "INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole)"
            " VALUES (:as_of, :digest, 0, 0, :is_whole) RETURNING id"
        ),
        {"as_of": as_of, "digest": library_digest(library), "is_whole": is_whole},
    )
    return found.scalar_one()


async def _finish(session: AsyncSession, run_id: int, enterprises: int, changes: int) -> None:
    await session.execute(
        text("UPDATE eligibility_run SET finished_at = now(), enterprises = :count, changes = :changes WHERE id = :id"),
        {"count": enterprises, "changes": changes, "id": run_id},
    )


def _rows(enterprise_id: int, facts: Facts, library: Library, as_of: date) -> Iterable[Result]:
    for name, programme in library.programmes.items():
        asked = applying(facts, programme, as_of, library)
        # That it is a review follows from the title alone, and is not known of anything else.
        if asked is None or not _is_anything_known(asked.evaluator, facts):
            continue
        yield _row(enterprise_id, name, asked.answer())


def _is_anything_known(evaluator: Evaluator, facts: Facts) -> bool:
    wanted = evaluator.version.indicators
    return any(one in facts.yearly or (one in facts.current and one not in _ALWAYS_KNOWN) for one in wanted)


def _row(enterprise_id: int, programme: str, answer: Answer) -> Result:
    least, most = answer.score or (None, None)
    return Result(
        enterprise_id, programme, answer.version.source.version, str(answer.outcome), answer.is_likely, _decimal(least),
        _decimal(most), list(answer.failed), list(answer.unknown), sorted(str(key) for key in answer.missing),
    )  # fmt: skip


def _decimal(number: Any) -> Decimal | None:
    return None if number is None else Decimal(number.numerator) / Decimal(number.denominator)
