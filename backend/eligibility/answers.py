"""Writing what the rules answer for the few enterprises that somebody just touched, and noting what changed.

Most answers are those of the last time. Left alone they cost nothing; written anew each would go into the table and up to
three of its indexes, each into a page of its own that may have to be fetched. That they were looked at again is one row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.exact_json import exact_json


class Result(NamedTuple):
    """What one programme answers for one enterprise, as `eligibility` has it."""

    enterprise_id: int
    programme: str
    version: str
    outcome: str
    is_likely: bool
    score_least: Decimal | None
    score_most: Decimal | None
    failed: list[str]
    unknown: list[str]
    missing: list[str]

    @property
    def key(self) -> tuple[int, str]:
        """Whose answer it is, and to what."""
        return self.enterprise_id, self.programme


@dataclass(frozen=True)
class Run:
    """A run as it is noted: the day asked about, by which law, of how many."""

    as_of: date
    digest: str
    enterprises: int
    is_whole: bool


_HELD: Final = f"SELECT {', '.join(Result._fields)} FROM eligibility WHERE enterprise_id = ANY(:ids)"


async def replace_answers(
    session: AsyncSession, run: Run, enterprise_ids: Sequence[int], living: Sequence[int], found: Sequence[Result]
) -> tuple[int, int]:
    """Put what was found in the place of what is held, and note the run. Returns the run's id and how many outcomes changed.

    Args:
        session: the running transaction, which holds the enterprises.
        run: the run.
        enterprise_ids: whom it was about.
        living: those of them who were looked at.
        found: all answers there are about them.
    """
    held = {one.key: one for one in (Result(*row) for row in await ask_about(session, _HELD, enterprise_ids))}
    fresh = [one for one in found if held.get(one.key) != one]
    gone = held.keys() - {one.key for one in found}
    changes = [_change(one, held) for one in fresh if _outcome_before(one, held) != one.outcome]
    values: dict[str, Any] = {
        "as_of": run.as_of, "digest": run.digest, "count": run.enterprises, "changes": len(changes), "is_whole": run.is_whole,
    }  # fmt: skip
    parts = [_RUN]
    for name, rows, part in (
        ("fresh", [one._asdict() for one in fresh], _FRESH),
        ("gone", [{"enterprise_id": number, "programme": name} for number, name in gone], _GONE),
        ("changed", changes, _CHANGED),
        ("living", [{"enterprise_id": number} for number in living], _CHECKED),
    ):
        # A statement is told as a change even where it finds nothing to write.
        if rows:
            parts.append(part)
            values[name] = exact_json(rows)
    written = await session.execute(text(f"WITH {', '.join(parts)} SELECT id FROM run"), values)
    return written.scalar_one(), len(changes)


def _outcome_before(one: Result, held: Mapping[tuple[int, str], Result]) -> str:
    before = held.get(one.key)
    return "" if before is None else before.outcome


def _change(one: Result, held: Mapping[tuple[int, str], Result]) -> dict[str, Any]:
    return {
        "enterprise_id": one.enterprise_id, "programme": one.programme, "before": _outcome_before(one, held), "after": one.outcome,
    }  # fmt: skip


def _rows_of(name: str, columns: str) -> str:
    return f"jsonb_to_recordset(CAST(:{name} AS jsonb)) AS given ({columns})"


_RUN: Final = (
    "run AS (INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole, finished_at)"
    " VALUES (:as_of, :digest, :count, :changes, :is_whole, now()) RETURNING id, as_of)"
)
_TYPES: Final = (
    "enterprise_id bigint, programme text, version text, outcome text, is_likely boolean, score_least numeric,"
    " score_most numeric, failed text[], unknown text[], missing text[]"
)
_WRITTEN: Final = (*Result._fields, "as_of", "run_id")
_FRESH: Final = (
    f"fresh AS (INSERT INTO eligibility ({', '.join(_WRITTEN)})"
    f" SELECT given.*, run.as_of, run.id FROM run, {_rows_of('fresh', _TYPES)}"
    f" ON CONFLICT (enterprise_id, programme) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in _WRITTEN[2:])})"
)
_GONE: Final = (
    f"gone AS (DELETE FROM eligibility e USING {_rows_of('gone', 'enterprise_id bigint, programme text')}"
    " WHERE e.enterprise_id = given.enterprise_id AND e.programme = given.programme)"
)
_CHANGED: Final = (
    "changed AS (INSERT INTO eligibility_change (enterprise_id, programme, before, after, run_id) SELECT given.*, run.id"
    f" FROM run, {_rows_of('changed', 'enterprise_id bigint, programme text, before text, after text')})"
)
_CHECKED: Final = (
    "checked AS (INSERT INTO eligibility_check (enterprise_id, as_of, run_id) SELECT given.enterprise_id, run.as_of, run.id"
    f" FROM run, {_rows_of('living', 'enterprise_id bigint')}"
    " ON CONFLICT (enterprise_id) DO UPDATE SET as_of = excluded.as_of, run_id = excluded.run_id)"
)
