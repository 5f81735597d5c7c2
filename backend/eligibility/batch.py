"""A run over many enterprises in columns: the projection out by COPY, the whole library over it, the results in by COPY.

The outcomes are those of `service.evaluate`, which asks the reference for one enterprise after the other; this is for
the whole registry.
"""

import io
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.ahead import one_ahead
from backend.eligibility.columns import (
    NULL,
    REGION_FACTS,
    copy_out,
    driver_of,
    indicators_read,
    read_columns,
    read_population,
)
from backend.eligibility.registry_facts import region_of
from backend.eligibility.reviewing import FACT, facts_read, reviewed, reviews
from rules.columnar.engine import OUTCOMES, Bitmap, Engine, Verdicts
from rules.columnar.population import Population
from rules.columnar.runs import evaluate_library
from rules.facts import Facts
from rules.library import Library
from rules.programme import Version

#: Enterprises held in memory at once, and as many more that are worked out meanwhile: with their results and the last ones,
#: some hundred megabytes.
PORTION = 25_000
_COLUMNS = (
    "enterprise_id", "programme", "version", "outcome", "is_likely", "score_least", "score_most", "failed", "unknown",
    "missing", "as_of", "run_id",
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What a batch wrote."""

    results: int
    changes: int
    #: Answers that the columns left to the reference.
    referred: int


async def run_batch(
    session: AsyncSession,
    enterprise_ids: Sequence[int],
    library: Library,
    as_of: date,
    run_id: int,
    always_known: Collection[str],
) -> Written:
    """Evaluate enterprises for every programme and write the results and what changed.

    Args:
        session: sees and may write all of them.
        enterprise_ids: whom.
        library: the rules.
        as_of: the day asked about.
        run_id: the run that the results belong to.
        always_known: facts that do not count as knowing anything: a programme that nothing else is known of is left out.
    """
    return await run_portions(session, _portions(enterprise_ids), library, as_of, run_id, always_known)


async def _portions(enterprise_ids: Sequence[int]) -> AsyncGenerator[Sequence[int]]:
    for start in range(0, len(enterprise_ids), PORTION):
        yield enterprise_ids[start : start + PORTION]


async def run_portions(
    session: AsyncSession,
    portions: AsyncGenerator[Sequence[int]],
    library: Library,
    as_of: date,
    run_id: int,
    always_known: Collection[str],
) -> Written:
    """The same for enterprises that come by portions, each of which is held in memory by itself."""
    asker = _Asker(session, library, as_of, frozenset(always_known))
    results = changes = referred = 0
    async with AsyncExitStack() as held:
        await held.enter_async_context(aclosing(portions))
        questions = await held.enter_async_context(aclosing(asker.questions(portions)))
        # While the database takes in what is answered for a portion, the rules answer for the next.
        async for one in await held.enter_async_context(aclosing(one_ahead(questions))):
            changes += await _write(session, one.ids, one.frame, as_of, run_id)
            results += len(one.frame)
            referred += one.referred
    return Written(results, changes, referred)


@dataclass(frozen=True)
class _Question:
    """Some enterprises, and the programmes that they are asked about."""

    library: Library
    population: Population
    always_known: frozenset[str]
    leave_out: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class _Portion:
    """What some enterprises are answered."""

    ids: NDArray[np.int64]
    frame: pl.DataFrame
    referred: int


class _Asker:
    """Reads the facts of portions of enterprises, and has the rules answer."""

    def __init__(self, session: AsyncSession, library: Library, as_of: date, always_known: frozenset[str]) -> None:
        self._session, self._library, self._as_of, self._always_known = session, library, as_of, always_known
        self._engine = Engine(library.environment)
        self._wanted = indicators_read(library) | facts_read(library)

    async def questions(self, portions: AsyncIterable[Sequence[int]]) -> AsyncGenerator[Callable[[], _Portion]]:
        """Whatever is to be answered of one portion after the other, once its facts are read."""
        async for some in portions:
            ids = np.asarray(some, dtype=np.int64)
            yield partial(self._answered, ids, await self._read(ids))

    async def _read(self, ids: NDArray[np.int64]) -> list[_Question]:
        library, known = self._library, self._always_known
        population = await read_columns(self._session, ids, self._wanted, library.catalogue)
        held = {next(iter(only.programmes)): (only, rows) for only, rows in reviews(library, population, self._as_of)}
        questions = [_Question(library, population, known, {name: rows for name, (_, rows) in held.items()})]
        for only, rows in held.values():
            some = reviewed(await read_population(self._session, ids[rows], only))
            # That it is a review follows from the title, and is not known of anything else.
            questions.append(_Question(only, some, known | {FACT}, {}))
        return questions

    def _answered(self, ids: NDArray[np.int64], questions: Sequence[_Question]) -> _Portion:
        parts = [
            (answer, one.population.ids) for one in questions for answer in _answers(one, self._as_of, self._engine)
        ]
        frame = pl.concat([_rows(answer, whose) for answer, whose in parts]) if parts else _no_rows()
        return _Portion(ids, frame, sum(answer.referred for answer, _ in parts))


def _answers(question: _Question, as_of: date, engine: Engine) -> list[Verdicts]:
    """What the programmes answer; the rows that are left out by programme are not asked."""
    population = question.population
    regions = _Regions(population)

    def asked(of: Population, version: Version) -> NDArray[np.bool_]:
        known = of.is_known(name for name in version.indicators if name not in question.always_known)
        may = known & regions.open_to(version)
        left = question.leave_out.get(version.source.programme)
        return may if left is None else may & ~left

    portions = evaluate_library(question.library, population, as_of, engine, asked)
    return [verdicts for portion in portions for verdicts in portion]


class _Regions:
    """Where the enterprises of a population are registered."""

    def __init__(self, population: Population) -> None:
        columns = [population.current.get(name) for name in REGION_FACTS]
        places = [
            np.full(population.size, -1) if one is None or one.values is None else one.values[:-1] for one in columns
        ]
        self.different, self.places = np.unique(np.stack(places, axis=1), axis=0, return_inverse=True)
        self.texts = [[] if one is None or one.words is None else one.words.texts for one in columns]

    def open_to(self, version: Version) -> NDArray[np.bool_]:
        """The enterprises that may apply."""
        if not version.programme.region:
            return np.ones(len(self.places.reshape(-1)), dtype=np.bool_)
        may = [version.programme.is_open_in(self._code(row)) for row in self.different]
        return np.array(may, dtype=np.bool_)[self.places.reshape(-1)]

    def _code(self, row: NDArray[Any]) -> str:
        named = zip(REGION_FACTS, self.texts, row.tolist(), strict=True)
        return region_of(Facts(current={name: texts[place] for name, texts, place in named if place >= 0}))


def _rows(verdicts: Verdicts, ids: NDArray[np.int64]) -> pl.DataFrame:
    """Answers as the table has them; lists as PostgreSQL writes arrays."""
    size = len(verdicts.rows)
    return pl.DataFrame(
        {
            "enterprise_id": ids[verdicts.rows],
            "programme": _repeated(verdicts.version.source.programme, size),
            "version": _repeated(verdicts.version.source.version, size),
            "outcome": pl.Series(OUTCOMES).gather(verdicts.outcomes.astype(np.int64)),
            "is_likely": verdicts.is_likely,
            "score_least": _scores(verdicts, verdicts.least, 0),
            "score_most": _scores(verdicts, verdicts.most, 1),
            "failed": _arrays(verdicts.failed),
            "unknown": _arrays(verdicts.unknown),
            "missing": _arrays(verdicts.missing),
        },
        schema=_SCHEMA,
    )


_SCHEMA: dict[str, Any] = {
    "enterprise_id": pl.Int64, "programme": pl.String, "version": pl.String, "outcome": pl.String,
    "is_likely": pl.Boolean, "score_least": pl.String, "score_most": pl.String, "failed": pl.String,
    "unknown": pl.String, "missing": pl.String,
}  # fmt: skip


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema=_SCHEMA)


def _repeated(value: str, size: int) -> pl.Series:
    return pl.Series([value], dtype=pl.String).new_from_index(0, size)


def _scores(verdicts: Verdicts, values: NDArray[np.float64], side: int) -> pl.Series:
    """Scores as decimals without a needless point; there are few different ones."""
    different, places = np.unique(values, return_inverse=True)
    written = [None if np.isnan(one) else f"{int(one)}" if one == int(one) else repr(float(one)) for one in different]
    column = pl.Series(written, dtype=pl.String).gather(places.reshape(-1))
    if not verdicts.exact_scores:
        return column
    rows = column.to_list()
    for place, bounds in verdicts.exact_scores.items():
        exact = bounds[side]
        rows[place] = None if exact is None else str(Decimal(exact.numerator) / Decimal(exact.denominator))
    return pl.Series(rows, dtype=pl.String)


def _arrays(bitmap: Bitmap) -> pl.Series:
    places, different = bitmap.decoded()
    written = ["{" + ",".join(map(_element, names)) + "}" for names in different]
    return pl.Series(written, dtype=pl.String).gather(places)


def _element(name: str) -> str:
    """An element of an array as PostgreSQL itself writes it, so that two can be compared as texts."""
    return (
        name
        if _PLAIN.fullmatch(name) and name.lower() != "null"
        else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


_PLAIN = re.compile(r"[^\s{}\",\\]+")


async def _write(session: AsyncSession, ids: NDArray[np.int64], frame: pl.DataFrame, as_of: date, run_id: int) -> int:
    """Put the results that differ in the place of the last ones; returns how many outcomes differ.

    Most answers are those of the run before. Left alone they cost neither a dead row nor five entries of indexes.
    """
    before = await _last_results(session, ids)
    found = frame.join(before, on=_KEY, how="left", suffix=_BEFORE)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name + _BEFORE)) for name in _ANSWER)
    rows = found.filter(~same).with_columns(as_of=pl.lit(as_of), run_id=pl.lit(run_id))
    replaced = rows.filter(pl.col("version" + _BEFORE).is_not_null())
    gone = before.join(frame, on=_KEY, how="anti")
    await _delete(session, pl.concat([replaced.select(_KEY), gone.select(_KEY)]))
    changed = rows.with_columns(before=pl.col("outcome" + _BEFORE).fill_null(""), after="outcome")
    changed = changed.filter(pl.col("before") != pl.col("after"))
    await _copy_in(session, "eligibility", rows.select(_COLUMNS))
    await _copy_in(session, "eligibility_change", changed.select("run_id", *_KEY, "before", "after"))
    unchanged = found.filter(same).get_column("enterprise_id").unique()
    if len(unchanged):
        await session.execute(_CHECKED, {"ids": unchanged.to_list(), "run_id": run_id})
    return len(changed)


#: Who has an answer that stays as it was is said to have been looked at; a run of the whole registry says so of everybody.
_CHECKED = text(
    "INSERT INTO eligibility_check (enterprise_id, as_of, run_id) SELECT who.id, run.as_of, run.id"
    " FROM eligibility_run run, unnest(CAST(:ids AS bigint[])) AS who (id) WHERE run.id = :run_id AND NOT run.is_whole"
    " ON CONFLICT (enterprise_id) DO UPDATE SET as_of = excluded.as_of, run_id = excluded.run_id"
)


_KEY = ("enterprise_id", "programme")
#: What an answer is; the day and the run are those on which it was first found.
_ANSWER = tuple(name for name in _SCHEMA if name not in _KEY)
_BEFORE = "_before"


async def _last_results(session: AsyncSession, ids: NDArray[np.int64]) -> pl.DataFrame:
    named = ", ".join(_SCHEMA)
    query = f"SELECT {named} FROM eligibility WHERE enterprise_id = ANY($1)"
    raw = await copy_out(session, query, ids.tolist())
    types = {name: pl.String if kind == pl.Boolean else kind for name, kind in _SCHEMA.items()}
    return pl.read_csv(raw, schema=types, null_values=[NULL]).with_columns(pl.col("is_likely") == "t")


async def _delete(session: AsyncSession, rows: pl.DataFrame) -> None:
    """Take results away, programme by programme."""
    for (programme,), some in rows.partition_by("programme", as_dict=True).items():
        await session.execute(
            text("DELETE FROM eligibility WHERE enterprise_id = ANY(:ids) AND programme = :programme"),
            {"ids": some["enterprise_id"].to_list(), "programme": programme},
        )


async def _copy_in(session: AsyncSession, table: str, rows: pl.DataFrame) -> None:
    """Write rows; where row-level security is in force, by a temporary table, for PostgreSQL refuses COPY there."""
    if rows.is_empty():
        return
    raw = io.BytesIO(rows.write_csv(null_value=NULL, quote_style="necessary").encode())
    guarded = await session.scalar(text("SELECT row_security_active(:table)"), {"table": table})
    target = f"incoming_{table}" if guarded else table
    named = ", ".join(f'"{column}"' for column in rows.columns)
    if guarded:
        shape = f'AS SELECT {named} FROM "{table}" LIMIT 0'
        await session.execute(text(f'CREATE TEMPORARY TABLE "{target}" ON COMMIT DROP {shape}'))
    driver = await driver_of(session)
    await driver.copy_to_table(target, source=raw, columns=rows.columns, format="csv", header=True, null=NULL)
    if guarded:
        await session.execute(text(f'INSERT INTO "{table}" ({named}) SELECT {named} FROM "{target}"'))
        await session.execute(text(f'DROP TABLE "{target}"'))
