"""A run over many enterprises in columns: the projection out by COPY, the whole library over it, the results in by COPY.

The outcomes are those of `service.evaluate`, which asks the reference for one enterprise after the other; this is for
the whole registry.
"""

import asyncio
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.eligibility.registry_facts import identity_facts, region_of, title_facts
from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE, to_column
from backend.recognitions.queries import held_by
from rules.catalogue import Catalogue, Indicator, Type
from rules.columnar.engine import OUTCOMES, Bitmap, Engine, Verdicts
from rules.columnar.population import NONE_DAY, Population, from_frames
from rules.columnar.runs import evaluate_library
from rules.facts import Facts
from rules.language import with_derivations
from rules.library import Library
from rules.programme import Version

#: Enterprises held in memory at once: with their results and the last ones, some hundred megabytes.
PORTION = 25_000
_NULL = "\\N"
_REGION_FACTS = ("registered_district_code", "registered_city_code", "registered_province_code")
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
    engine = Engine(library.environment)
    results = changes = referred = 0
    for start in range(0, len(enterprise_ids), PORTION):
        ids = np.asarray(enterprise_ids[start : start + PORTION], dtype=np.int64)
        population = await read_population(session, ids, library)
        found = await asyncio.to_thread(_answers, library, population, as_of, engine, frozenset(always_known))
        frame = pl.concat([_rows(one, population.ids) for one in found]) if found else _no_rows()
        changes += await _write(session, ids, frame, as_of, run_id)
        results += len(frame)
        referred += sum(one.referred for one in found)
    return Written(results, changes, referred)


def _answers(
    library: Library, population: Population, as_of: date, engine: Engine, always_known: frozenset[str]
) -> list[Verdicts]:
    regions = _Regions(population)

    def asked(of: Population, version: Version) -> NDArray[np.bool_]:
        known = of.is_known(name for name in version.indicators if name not in always_known)
        return known & regions.open_to(version)

    portions = evaluate_library(library, population, as_of, engine, asked)
    return [verdicts for portion in portions for verdicts in portion]


class _Regions:
    """Where the enterprises of a population are registered."""

    def __init__(self, population: Population) -> None:
        columns = [population.current.get(name) for name in _REGION_FACTS]
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
        named = zip(_REGION_FACTS, self.texts, row.tolist(), strict=True)
        return region_of(Facts(current={name: texts[place] for name, texts, place in named if place >= 0}))


@reckons
async def read_population(
    session: AsyncSession, ids: NDArray[np.int64], library: Library, versions: Iterable[Version] | None = None
) -> Population:
    """What is held of some enterprises: the projection, the identity, the titles (see `registry_facts`).

    Args:
        session: sees all of them.
        ids: whom.
        library: the rules.
        versions: those that will be asked; if left out, any of the library.
    """
    catalogue = library.catalogue
    wanted = indicators_read(library, versions)
    yearly = await _read(session, YEARLY_TABLE, ("enterprise_id", "year"), wanted, ids, catalogue)
    filed = await _read(session, CURRENT_TABLE, ("enterprise_id",), wanted, ids, catalogue)
    current = await _with_registry_facts(session, ids, filed, catalogue)
    return from_frames(ids, current, yearly, catalogue)


def indicators_read(library: Library, versions: Iterable[Version] | None = None) -> frozenset[str]:
    """Every indicator that an answer may read, those that others are derived from included."""
    found = {"established_on", "latest_audited_fy", *_REGION_FACTS}
    for version in versions or (one for programme in library.programmes.values() for one in programme.versions):
        source = version.source
        found |= {*version.indicators, *source.answers_for, *([source.transition_by] if source.transition_by else [])}
        found |= {name for batch in source.batches for name in batch.answers_for}
    return with_derivations(found, library.catalogue)


async def _read(
    session: AsyncSession,
    table: str,
    keys: Sequence[str],
    wanted: Collection[str],
    ids: NDArray[np.int64],
    catalogue: Catalogue,
) -> pl.DataFrame:
    present = (await session.execute(text(f"SELECT * FROM {table} LIMIT 0"))).keys()
    indicators = [catalogue.by_name[name] for name in present if name in wanted]
    named = ", ".join([*keys, *(f'"{one.id}"' for one in indicators)])
    query = f"SELECT {named} FROM {table} WHERE enterprise_id = ANY($1) ORDER BY {', '.join(reversed(keys))}"
    raw = await _copy_out(session, query, ids.tolist())
    types: dict[str, Any] = dict.fromkeys(keys, pl.Int64) | {
        one.id: _READ_AS.get(one.type, pl.String) for one in indicators
    }
    frame = pl.read_csv(raw, schema=types, null_values=[_NULL])
    return frame.with_columns(_typed(one, frame[one.id]) for one in indicators)


#: What CSV says plainly; the rest is read as text first.
_READ_AS: dict[Type, Any] = {Type.MONEY: pl.Int64, Type.COUNT: pl.Int64, Type.YEAR: pl.Int64}


def _typed(indicator: Indicator, written: pl.Series) -> pl.Series:
    match indicator.type:
        case Type.NUMBER | Type.HEADCOUNT | Type.PERCENT:
            # As many digits as there are: figures stay exact.
            digits = written.str.split(".").list.get(1, null_on_oob=True).str.len_chars().max()
            return written.cast(pl.Decimal(38, int(digits or 0)))  # type: ignore[arg-type]
        case Type.BOOLEAN:
            return written == "t"
        case Type.DATE:
            return written.replace("-infinity", NONE_DAY.isoformat()).str.to_date("%Y-%m-%d")
        case _:
            return written


async def _with_registry_facts(
    session: AsyncSession, ids: NDArray[np.int64], filed: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """What was filed, with what the registry knows laid over or under it as `add_registry_facts` does."""
    found = await session.execute(text("SELECT * FROM enterprise WHERE id = ANY(:ids)"), {"ids": ids.tolist()})
    who = {row["id"]: identity_facts({**row}) for row in found.mappings()}
    titles = await held_by(session, ids.tolist())
    none_held = title_facts([])
    held = {number: title_facts(titles[number]) if titles[number] else none_held for number in ids.tolist()}
    frame = pl.DataFrame({"enterprise_id": ids}).join(filed, on="enterprise_id", how="left", maintain_order="left")
    columns: dict[str, pl.Series] = {}
    for name in sorted({name for one in who.values() for name in one}):
        over = [who.get(number, {}).get(name) for number in ids.tolist()]
        columns[name] = _laid(frame, catalogue.by_name[name], over)
    for name, default in none_held.items():
        over = [held[number][name] or None for number in ids.tolist()]
        columns[name] = _laid(frame, catalogue.by_name[name], over, to_column(catalogue.by_name[name], default))
    return frame.with_columns(column.alias(name) for name, column in columns.items())


def _laid(frame: pl.DataFrame, indicator: Indicator, over: Iterable[Any], under: Any = None) -> pl.Series:
    """The registry's values, else what was filed, else a default."""
    written = [None if value is None else to_column(indicator, value) for value in over]
    kind = _HELD_AS.get(indicator.type, pl.String)
    column = pl.Series(written, dtype=kind)
    if indicator.id in frame.columns:
        filed = frame[indicator.id]
        column = column.zip_with(column.is_not_null(), filed.cast(kind))
    return column if under is None else column.fill_null(pl.Series([under], dtype=kind).first())


_HELD_AS: dict[Type, Any] = {Type.DATE: pl.Date, Type.BOOLEAN: pl.Boolean}


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
    return len(changed)


_KEY = ("enterprise_id", "programme")
#: What an answer is; the day and the run are those on which it was first found.
_ANSWER = tuple(name for name in _SCHEMA if name not in _KEY)
_BEFORE = "_before"


async def _last_results(session: AsyncSession, ids: NDArray[np.int64]) -> pl.DataFrame:
    named = ", ".join(_SCHEMA)
    query = f"SELECT {named} FROM eligibility WHERE enterprise_id = ANY($1)"
    raw = await _copy_out(session, query, ids.tolist())
    types = {name: pl.String if kind == pl.Boolean else kind for name, kind in _SCHEMA.items()}
    return pl.read_csv(raw, schema=types, null_values=[_NULL]).with_columns(pl.col("is_likely") == "t")


async def _delete(session: AsyncSession, rows: pl.DataFrame) -> None:
    """Take results away, programme by programme."""
    for (programme,), some in rows.partition_by("programme", as_dict=True).items():
        await session.execute(
            text("DELETE FROM eligibility WHERE enterprise_id = ANY(:ids) AND programme = :programme"),
            {"ids": some["enterprise_id"].to_list(), "programme": programme},
        )


async def _driver(session: AsyncSession) -> Any:
    """The connection below, on which COPY goes; whatever the session holds is sent first."""
    await session.flush()
    await session.execute(text("SELECT 1"))  # SQLAlchemy begins the transaction with the first statement
    return (await (await session.connection()).get_raw_connection()).driver_connection


async def _copy_out(session: AsyncSession, query: str, ids: list[int]) -> io.BytesIO:
    """The rows of a query as CSV with a head; `$1` stands for the enterprises."""
    raw = io.BytesIO()
    await (await _driver(session)).copy_from_query(query, ids, output=raw, format="csv", header=True, null=_NULL)
    raw.seek(0)
    return raw


async def _copy_in(session: AsyncSession, table: str, rows: pl.DataFrame) -> None:
    """Write rows; where row-level security is in force, by a temporary table, for PostgreSQL refuses COPY there."""
    if rows.is_empty():
        return
    raw = io.BytesIO(rows.write_csv(null_value=_NULL, quote_style="necessary").encode())
    guarded = await session.scalar(text("SELECT row_security_active(:table)"), {"table": table})
    target = f"incoming_{table}" if guarded else table
    named = ", ".join(f'"{column}"' for column in rows.columns)
    if guarded:
        shape = f'AS SELECT {named} FROM "{table}" LIMIT 0'
        await session.execute(text(f'CREATE TEMPORARY TABLE "{target}" ON COMMIT DROP {shape}'))
    driver = await _driver(session)
    await driver.copy_to_table(target, source=raw, columns=rows.columns, format="csv", header=True, null=_NULL)
    if guarded:
        await session.execute(text(f'INSERT INTO "{table}" ({named}) SELECT {named} FROM "{target}"'))
        await session.execute(text(f'DROP TABLE "{target}"'))
