"""What a list shows of its enterprises as known on an earlier day: traits, place, what became of them, chains, figures."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import is_masked, reckoning
from backend.enterprises.places import places_on
from backend.enterprises.traits import History, Trait, as_columns, histories
from backend.filings.projection_tables import to_column
from backend.filings.service import WINNERS, read_json
from rules.catalogue import Catalogue, Indicator
from rules.facts import read_value

#: What became of an enterprise, as known then; and the code of a file that has become part of another since, or was closed with a split.
_FATES: Final = text(
    "SELECT e.id, coalesce(x.kind, 'active') AS status, coalesce(e.credit_code, (SELECT g.before -> 'absorbed' ->> 'credit_code'"
    " FROM enterprise_merge g WHERE g.absorbed_id = e.id AND g.undone_at IS NULL ORDER BY g.id DESC LIMIT 1),"
    " (SELECT s.to_code FROM enterprise_split s WHERE s.to_id = e.id AND s.has_closed ORDER BY s.id DESC LIMIT 1)) AS credit_code"
    " FROM enterprise e LEFT JOIN enterprise_end x ON x.enterprise_id = e.id AND x.recorded_at <= :known_at"
    " AND (x.superseded_at IS NULL OR x.superseded_at > :known_at) WHERE e.id = ANY(:ids)"
)
_CHANGED: Final = text("SELECT DISTINCT enterprise_id FROM enterprise_trait WHERE enterprise_id = ANY(:ids)")


async def rows_then(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], on: date, known_at: datetime
) -> list[Mapping[str, Any]]:
    """The rows of a list with industry, scale, board, park and state of a day, as known at a moment."""
    ids = [row["id"] for row in rows]
    told = await histories(session, list((await session.execute(_CHANGED, {"ids": ids})).scalars()))
    places = await places_on(session, ids, on, known_at)
    fates = {row["id"]: row for row in (await session.execute(_FATES, {"ids": ids, "known_at": known_at})).mappings()}
    return [
        {
            **row, **fates[row["id"]], "park": places[row["id"]]["park"],
            **(_traits(told[row["id"]], on, known_at) if row["id"] in told else _listed(row, on)),
        }
        for row in rows
    ]  # fmt: skip


def _listed(row: Mapping[str, Any], on: date) -> Mapping[str, Any]:
    """A board is one from the day of the listing on."""
    return {"listing_board": "", "listed_on": None} if row["listed_on"] and row["listed_on"] > on else {}


def _traits(history: History, on: date, known_at: datetime) -> dict[str, Any]:
    since = [one.first for one in history.stretches(known_at) if one.kind is Trait.LISTING and one.holds_on(on)]
    return {**as_columns(history.on(on, known_at)), "listed_on": next(iter(since), None)}


async def add_chains_then(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], on: date, known_at: datetime | None
) -> list[dict[str, Any]]:
    """The rows with the chains that each enterprise was in on a day, as known at a moment; None is now."""
    told = await histories(session, [row["id"] for row in rows])
    return [{**row, "chains": told[row["id"]].on(on, known_at)[Trait.CHAIN]} for row in rows]


_READABLE: Final = text(
    "SELECT who.id FROM unnest(CAST(:ids AS bigint[])) AS who (id) WHERE who.id = ANY(CAST((SELECT unmasked()) AS bigint[]))"
    " OR NOT holds_tax(who.id)"
)
_OF_SOME: Final = (
    "f.enterprise_id = ANY(:ids) AND f.recorded_at <= :known_at AND v.key = ANY(:names)"
    " AND (f.year IS NULL OR f.year = ANY(:years))"
)


async def figures_then(
    session: AsyncSession,
    enterprise_ids: Sequence[int],
    asked: Sequence[tuple[Indicator, int | None]],
    catalogue: Catalogue,
    known_at: datetime,
) -> dict[int, dict[tuple[str, int | None], Any]]:
    """What held at a moment of some figures, by (indicator, year), as their columns would have it.

    Of whom the reader may not read what now holds nothing is told: the policies of the tables of figures have it so.
    """
    ids = list(enterprise_ids)
    if is_masked(session):
        ids = list((await session.execute(_READABLE, {"ids": ids})).scalars())
    wanted = {(one.id, year) for one, year in asked}
    values = {
        "ids": ids, "known_at": known_at, "years": sorted({year for _, year in wanted if year is not None}),
        "names": [name for name, one in catalogue.by_name.items() if one.id in {of for of, _ in wanted}],
    }  # fmt: skip
    found: dict[int, dict[tuple[str, int | None], Any]] = {}
    async with reckoning(session):
        said = await session.execute(text(WINNERS.format(condition=_OF_SOME, known_at=":known_at")), values)
    for enterprise_id, year, name, value, *_ in said:
        indicator = catalogue.by_name[name]
        if (indicator.id, year) in wanted:
            held = to_column(indicator, read_value(indicator, read_json(value)))
            found.setdefault(enterprise_id, {})[indicator.id, year] = held
    return found
