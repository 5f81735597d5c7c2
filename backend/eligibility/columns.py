"""What the registry holds of many enterprises, read out of PostgreSQL as columns: the projection, identity, titles.

It is what `registry_facts` says of one enterprise after the other; tests/backend/eligibility/test_batch.py holds the two
together.
"""

import asyncio
import io
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.eligibility.registry_facts import VALID_UNTIL, title_facts
from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE, to_column
from rules.catalogue import Catalogue, Indicator, Type
from rules.columnar.population import NONE_DAY, Population, from_frames
from rules.language import with_derivations
from rules.library import Library
from rules.programme import Version

#: How COPY writes that there is nothing.
NULL: Final = "\\N"
REGION_FACTS: Final = ("registered_district_code", "registered_city_code", "registered_province_code")


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
    return await read_columns(session, ids, indicators_read(library, versions), library.catalogue)


def indicators_read(library: Library, versions: Iterable[Version] | None = None) -> frozenset[str]:
    """Every indicator that an answer may read, those that others are derived from included."""
    found = {"established_on", "latest_audited_fy", *REGION_FACTS}
    for version in versions or (one for programme in library.programmes.values() for one in programme.versions):
        source = version.source
        found |= {*version.indicators, *source.answers_for, *([source.transition_by] if source.transition_by else [])}
        found |= {name for batch in source.batches for name in batch.answers_for}
    return with_derivations(found, library.catalogue)


@reckons
async def read_columns(
    session: AsyncSession,
    ids: NDArray[np.int64],
    wanted: Collection[str],
    catalogue: Catalogue,
    *,
    is_all: bool = False,
) -> Population:
    """Some facts of some enterprises.

    Args:
        session: sees all of them.
        ids: whom, in order.
        wanted: the indicators.
        catalogue: says what each is.
        is_all: whether these are nearly all that the session sees, so that it is not worth asking for them by name.
    """
    reader = _Reader(session, None if is_all else ids.tolist(), catalogue)
    yearly = await reader.projection(YEARLY_TABLE, ("enterprise_id", "year"), wanted)
    filed = await reader.projection(CURRENT_TABLE, ("enterprise_id",), wanted)
    over = await reader.identity(wanted) + await reader.titles(wanted)
    return await asyncio.to_thread(_as_population, ids, filed, yearly, over, catalogue)


class _Reader:
    """Reads rows of some enterprises by COPY."""

    def __init__(self, session: AsyncSession, ids: list[int] | None, catalogue: Catalogue) -> None:
        self._session = session
        self._ids = ids
        self._catalogue = catalogue

    async def _rows(self, table: str, named: str, schema: dict[str, Any], key: str, where: str = "") -> pl.DataFrame:
        conditions = [*([where] if where else []), *([] if self._ids is None else [f"{key} = ANY($1)"])]
        query = f"SELECT {named} FROM {table}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
        raw = await copy_out(self._session, query, *([] if self._ids is None else [self._ids]))
        return await asyncio.to_thread(pl.read_csv, raw, schema=schema, null_values=[NULL])

    async def projection(self, table: str, keys: Sequence[str], wanted: Collection[str]) -> pl.DataFrame:
        """What holds now of the filings, in the order of years and enterprises."""
        present = (await self._session.execute(text(f"SELECT * FROM {table} LIMIT 0"))).keys()
        indicators = [self._catalogue.by_name[name] for name in present if name in wanted]
        types: dict[str, Any] = dict.fromkeys(keys, pl.Int64)
        if not indicators:
            return pl.DataFrame(schema=types)
        types |= {one.id: _READ_AS.get(one.type, pl.String) for one in indicators}
        frame = await self._rows(table, ", ".join(f'"{name}"' for name in types), types, "enterprise_id")
        return await asyncio.to_thread(_in_order, frame, keys, indicators)

    async def identity(self, wanted: Collection[str]) -> list[pl.DataFrame]:
        """Who they are, as `identity_facts` says it."""
        names = [name for name in _IDENTITY if name in wanted]
        if not names:
            return []
        schema: dict[str, Any] = {
            "enterprise_id": pl.Int64, "established_on": pl.String, "industry_code": pl.String, "region_code": pl.String,
            "credit_code": pl.String, "listing_board": pl.String,
        }  # fmt: skip
        frame = await self._rows("enterprise", f"id AS {', '.join(schema)}", schema, "id")
        # An empty text says no more than none at all.
        frame = frame.with_columns(pl.col(pl.String).replace("", None))
        return [frame.select("enterprise_id", *(_IDENTITY[name].alias(name) for name in names))]

    async def titles(self, wanted: Collection[str]) -> list[pl.DataFrame]:
        """What follows from the titles of those who hold any, as `title_facts` says it; a frame for each fact."""
        programmes = sorted(programme for programme, name in _TITLES.items() if name in wanted)
        if not programmes:
            return []
        schema: dict[str, Any] = {
            "enterprise_id": pl.Int64, "programme": pl.String, "number": pl.String, "granted_on": pl.String,
            "valid_from": pl.String, "valid_to": pl.String, "revoked_on": pl.String, "id": pl.Int64,
        }  # fmt: skip
        among = ", ".join(f"'{name}'" for name in programmes)
        where = f"superseded_at IS NULL AND programme IN ({among})"
        held = await self._rows("recognition", ", ".join(schema), schema, "enterprise_id", where)
        return await asyncio.to_thread(_titles, held, programmes, self._catalogue)


def _day(written: Any) -> Any:
    """Days as PostgreSQL writes them; the driver's first and last of all days are its infinities."""
    ends = {"-infinity": NONE_DAY.isoformat(), "infinity": date.max.isoformat()}
    return written.replace(ends).str.to_date("%Y-%m-%d")


_IDENTITY: Final = {
    "established_on": _day(pl.col("established_on")),
    "industry_code": pl.col("industry_code"),
    "registered_province_code": pl.col("region_code").str.slice(0, 2),
    "registered_city_code": pl.col("region_code").str.slice(0, 4),
    "registered_district_code": pl.col("region_code"),
    "uscc": pl.col("credit_code"),
    "registered_in_mainland": pl.when(pl.col("credit_code").is_not_null()).then(statement=True),
    "listing_board": pl.col("listing_board"),
}
_CERTIFICATES: Final = "hnte_certificates"
_CHAMPION: Final = "is_single_champion"
#: Programme → the fact that its titles are told by.
_TITLES: Final = {"hnte": _CERTIFICATES, "single_champion": _CHAMPION, **VALID_UNTIL}


def _titles(held: pl.DataFrame, programmes: Iterable[str], catalogue: Catalogue) -> list[pl.DataFrame]:
    found: list[pl.DataFrame] = []
    days = ("granted_on", "valid_from", "valid_to", "revoked_on")
    held = held.with_columns(_day(pl.col(name)).alias(name) for name in days)
    printed, revoked = pl.col("valid_to").fill_null(pl.lit(date.max)), pl.col("revoked_on").dt.offset_by("-1d")
    for programme in programmes:
        name, some = _TITLES[programme], held.filter(pl.col("programme") == programme)
        if name == _CERTIFICATES:
            found.append(_certificates(some, catalogue.by_name[name]))
        elif name == _CHAMPION:
            found.append(some.select(pl.col("enterprise_id").unique()).with_columns(pl.lit(value=True).alias(name)))
        else:
            last = pl.min_horizontal(printed, revoked).max().alias(name)
            found.append(some.group_by("enterprise_id").agg(last))
    return found


def _certificates(some: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """The certificates of each enterprise as a column holds lists; what nobody entered is left out."""
    revoked = pl.concat_str(pl.lit('"'), _iso("revoked_on"), pl.lit('"')).fill_null("null")
    number = pl.struct("number").struct.json_encode().str.strip_chars_start("{").str.strip_suffix("}")
    parts = (
        pl.concat_str(pl.lit('{"issued_on": "'), _iso("granted_on"), pl.lit('", "revoked_on": '), revoked),
        pl.when(pl.col("number") != "").then(pl.concat_str(pl.lit(", "), number)),
        pl.concat_str(pl.lit(', "valid_until": "'), _iso("valid_to"), pl.lit('"')),
        pl.lit("}"),
    )
    rows = some.sort("valid_from", "id").select("enterprise_id", pl.concat_str(parts, ignore_nulls=True).alias("one"))
    listed = pl.concat_str(pl.lit("["), pl.col("one").str.join(", "), pl.lit("]")).alias(indicator.id)
    return rows.group_by("enterprise_id", maintain_order=True).agg(listed)


def _iso(name: str) -> pl.Expr:
    return pl.col(name).dt.to_string("%Y-%m-%d")


def _as_population(
    ids: NDArray[np.int64],
    filed: pl.DataFrame,
    yearly: pl.DataFrame,
    over: Iterable[pl.DataFrame],
    catalogue: Catalogue,
) -> Population:
    """What was filed, with what the registry knows laid over or under it as `add_registry_facts` does."""
    order = pl.DataFrame({"enterprise_id": pl.Series(ids, dtype=pl.Int64)})
    frame = order.join(filed, on="enterprise_id", how="left", maintain_order="left")
    defaults = title_facts([])
    for known in over:
        laid = order.join(known, on="enterprise_id", how="left", maintain_order="left").drop("enterprise_id")
        columns: list[pl.Series] = []
        for column in laid:
            name, said = column.name, [column]
            if name in frame.columns:
                said.append(frame[name].cast(column.dtype))
            if name in defaults:
                default = to_column(catalogue.by_name[name], defaults[name])
                said.append(pl.Series([default], dtype=column.dtype))
            columns.append(pl.select(pl.coalesce(said).alias(name)).to_series())
        frame = frame.with_columns(columns)
    return from_frames(ids, frame, yearly.join(order, on="enterprise_id", how="semi", maintain_order="left"), catalogue)


#: What CSV says plainly; the rest is read as text first.
_READ_AS: dict[Type, Any] = {Type.MONEY: pl.Int64, Type.COUNT: pl.Int64, Type.YEAR: pl.Int64}


def _in_order(frame: pl.DataFrame, keys: Sequence[str], indicators: Iterable[Indicator]) -> pl.DataFrame:
    return frame.with_columns(_typed(one, frame[one.id]) for one in indicators).sort(*reversed(keys))


def _typed(indicator: Indicator, written: pl.Series) -> pl.Series:
    match indicator.type:
        case Type.NUMBER | Type.HEADCOUNT | Type.PERCENT:
            # As many digits as there are: figures stay exact.
            digits: Any = (written.str.len_bytes() - written.str.find(".", literal=True) - 1).max()
            return written.cast(pl.Decimal(38, int(digits or 0)))  # type: ignore[arg-type]
        case Type.BOOLEAN:
            return written == "t"
        case Type.DATE:
            return _day(written)
        case _:
            return written


async def driver_of(session: AsyncSession) -> Any:
    """The connection below, on which COPY goes; whatever the session holds is sent first."""
    await session.flush()
    await session.execute(text("SELECT 1"))  # SQLAlchemy begins the transaction with the first statement
    return (await (await session.connection()).get_raw_connection()).driver_connection


async def copy_out(session: AsyncSession, query: str, *values: Any) -> io.BytesIO:
    """The rows of a query as CSV with a head; `$1` stands for the first value."""
    raw = io.BytesIO()
    await (await driver_of(session)).copy_from_query(query, *values, output=raw, format="csv", header=True, null=NULL)
    raw.seek(0)
    return raw
