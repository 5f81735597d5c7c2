"""Reading facts: what holds now, where it comes from, and what was known on a past day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE, from_column, indicators_of
from backend.filings.service import WINNERS, read_json
from rules.catalogue import Catalogue, Period
from rules.facts import Facts, read_value
from rules.values import FactKey


@dataclass(frozen=True)
class Origin:
    """Where a value comes from."""

    source: str
    received_on: date
    filing_id: int


@dataclass(frozen=True)
class Said:
    """What one source said of one fact."""

    value: Any
    source: str
    received_on: date
    filing_id: int


async def facts_of(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> dict[int, Facts]:
    """What holds now for some enterprises, out of the projection."""
    facts = {number: Facts() for number in enterprise_ids}
    yearly = indicators_of(catalogue, YEARLY_TABLE)
    for row in await _rows(session, YEARLY_TABLE, enterprise_ids):
        held = facts[row["enterprise_id"]].yearly
        for indicator in yearly:
            stored = row.get(indicator.id)
            if stored is not None:
                held.setdefault(indicator.id, {})[row["year"]] = from_column(indicator, stored)
    current = indicators_of(catalogue, CURRENT_TABLE)
    for row in await _rows(session, CURRENT_TABLE, enterprise_ids):
        for indicator in current:
            stored = row.get(indicator.id)
            if stored is not None:
                facts[row["enterprise_id"]].current[indicator.id] = from_column(indicator, stored)
    return facts


async def _rows(session: AsyncSession, table: str, enterprise_ids: Sequence[int]) -> list[Mapping[str, Any]]:
    found = await session.execute(
        text(f"SELECT * FROM {table} WHERE enterprise_id = ANY(:ids)"),  # noqa: S608
        {"ids": list(enterprise_ids)},
    )
    return list(found.mappings())


async def facts_known_at(
    session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue, known_at: datetime
) -> dict[int, Facts]:
    """What was held on a past day, worked out of the filings that had been recorded by then."""
    facts = {number: Facts() for number in enterprise_ids}
    condition = "f.enterprise_id = ANY(:ids) AND f.recorded_at <= :known_at"
    found = await session.execute(
        text(WINNERS.format(condition=condition)), {"ids": list(enterprise_ids), "known_at": known_at}
    )
    for enterprise_id, year, name, value, *_ in found:
        indicator = catalogue.indicator(name)
        if indicator is None:
            continue
        read = read_value(indicator, read_json(value))
        if indicator.period is Period.YEARLY:
            facts[enterprise_id].yearly.setdefault(indicator.id, {})[year] = read
        else:
            facts[enterprise_id].current[indicator.id] = read
    return facts


async def origins_of(session: AsyncSession, enterprise_id: int) -> dict[FactKey, Origin]:
    """For each fact of an enterprise that holds now, where it comes from."""
    found = await session.execute(text(WINNERS.format(condition="f.enterprise_id = :id")), {"id": enterprise_id})
    return {
        FactKey(name, year): Origin(source, received_on, filing_id)
        for _, year, name, _, source, received_on, filing_id in found
    }


async def all_said(session: AsyncSession, enterprise_id: int) -> dict[FactKey, list[Said]]:
    """What every source last said of every fact of an enterprise, the one that holds first."""
    found = await session.execute(
        text(
            "SELECT f.year, v.key, v.value::text, f.source, f.received_on, f.id"
            ' FROM filing f CROSS JOIN LATERAL jsonb_each(f."values") v'
            " LEFT JOIN source_rank r ON r.indicator = v.key AND r.source = f.source"
            " WHERE f.enterprise_id = :id"
            " ORDER BY f.year, v.key, coalesce(r.rank, 1000), f.received_on DESC, f.id DESC"
        ),
        {"id": enterprise_id},
    )
    said: dict[FactKey, list[Said]] = {}
    for year, name, value, source, received_on, filing_id in found:
        held = said.setdefault(FactKey(name, year), [])
        if all(one.source != source for one in held):
            held.append(Said(read_json(value), source, received_on, filing_id))
    return said
