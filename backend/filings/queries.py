"""Reading facts: what holds now, where it comes from, and what was known on a past day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.protection.unmasking import whose_tax_is_read
from backend.database.about import ask_about
from backend.database.session import is_masked, reckoning, reckons
from backend.filings.projection_tables import CURRENT_TABLE, NONE_DAY, NONE_TEXT, YEARLY_TABLE, from_column
from backend.filings.service import WINNERS, read_json, trust
from backend.filings.standing import filings, stands
from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.facts import Facts, read_value
from rules.language import FEN_PER_WAN
from rules.values import FactKey, Value

#: The source whose figures are confidential by law (税收征收管理法 第八条).
TAX = "tax"


@dataclass(frozen=True)
class Said:
    """What one source said of one fact."""

    value: Any
    source: str
    received_on: date
    filing_id: int


@reckons
async def facts_of(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> dict[int, Facts]:
    """What holds now for some enterprises, out of the projection."""
    facts = {number: Facts() for number in enterprise_ids}
    for number, year, row in await ask_about(session, _FACTS, enterprise_ids):
        held = facts[number]
        for name, stored in read_json(row).items():
            indicator = catalogue.by_name.get(name) if stored is not None else None
            if indicator is None or indicator.id != name:
                continue
            if year is None:
                held.current[name] = _from_json(indicator, stored)
            else:
                held.yearly.setdefault(name, {})[year] = _from_json(indicator, stored)
    return facts


#: Of hundreds of columns most are empty: as a document a row is read at once, and both tables with one statement.
_FACTS = (
    f"SELECT f.enterprise_id, f.year, CAST(to_json(f) AS text) FROM {YEARLY_TABLE} f WHERE f.enterprise_id = ANY(:ids)"
    " UNION ALL"
    f" SELECT f.enterprise_id, NULL, CAST(to_json(f) AS text) FROM {CURRENT_TABLE} f WHERE f.enterprise_id = ANY(:ids)"
)
_ENDLESS = {"-infinity": NONE_DAY, "infinity": date.max}


def _from_json(indicator: Indicator, stored: Any) -> Value:
    if indicator.type is Type.DATE:
        stored = _ENDLESS.get(stored) or date.fromisoformat(stored)
    return from_column(indicator, stored)


@reckons
async def facts_known_at(
    session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue, known_at: datetime
) -> dict[int, Facts]:
    """What was held on a past day, worked out of the filings that had been recorded by then."""
    facts = {number: Facts() for number in enterprise_ids}
    condition = "f.enterprise_id = ANY(:ids) AND f.recorded_at <= :known_at"
    found = await session.execute(
        text(WINNERS.format(condition=condition, known_at=":known_at")),
        {"ids": list(enterprise_ids), "known_at": known_at},
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


def facts_as_given(facts: Facts, catalogue: Catalogue) -> dict[str, Any]:
    """Facts in the form in which a check takes them: money in 万元, yearly ones by year, `none` for what does not exist."""
    given: dict[str, Any] = {name: as_given(catalogue.by_name[name], value) for name, value in facts.current.items()}
    for name, years in facts.yearly.items():
        given[name] = {str(year): as_given(catalogue.by_name[name], value) for year, value in sorted(years.items())}
    return given


def as_given(indicator: Indicator, value: Value) -> Any:
    """A value in the unit of the official forms, exact."""
    if value is None:
        return NONE_TEXT
    if isinstance(value, list):
        types = {one.id: one.type for one in indicator.fields}
        return [{name: _exact(one, types[name]) for name, one in record.items()} for record in value]
    return _exact(value, indicator.type)


def _exact(value: Any, kind: Type) -> Any:
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        number = Fraction(value) / (FEN_PER_WAN if kind is Type.MONEY else 1)
        return number.numerator if number.denominator == 1 else Decimal(number.numerator) / Decimal(number.denominator)
    return value


async def hidden_facts(
    session: AsyncSession, enterprise_id: int, known_at: datetime | None = None
) -> frozenset[FactKey]:
    """The facts that hold by what the tax office said, where the transaction may not read that."""
    return (await hidden_facts_of(session, [enterprise_id], known_at))[enterprise_id]


async def hidden_facts_of(
    session: AsyncSession, enterprise_ids: Sequence[int], known_at: datetime | None = None
) -> dict[int, frozenset[FactKey]]:
    """The same of some enterprises."""
    hidden: dict[int, set[FactKey]] = {number: set() for number in enterprise_ids}
    read = set(hidden) if not is_masked(session) else await whose_tax_is_read(session, enterprise_ids)
    if closed := [number for number in hidden if number not in read]:
        async with reckoning(session):
            found = await session.execute(_BY_TAX, {"ids": closed, "known_at": known_at})
        for number, year, name in found:
            hidden[number].add(FactKey(name, year))
    return {number: frozenset(facts) for number, facts in hidden.items()}


_BY_TAX = text(
    "SELECT enterprise_id, year, key FROM ("
    + WINNERS.format(
        condition="f.enterprise_id = ANY(:ids) AND (CAST(:known_at AS timestamptz) IS NULL OR f.recorded_at <= :known_at)",
        known_at=":known_at",
    )
    + f") AS held WHERE source = '{TAX}'"
)


async def all_said(
    session: AsyncSession, enterprise_id: int, known_at: datetime | None = None
) -> dict[FactKey, list[Said]]:
    """What every source had last said of every fact of an enterprise, the one that holds first."""
    found = await session.execute(
        text(
            "SELECT f.year, v.key, v.value::text, f.source, f.received_on, f.id"
            f' FROM {filings(":known_at")} f CROSS JOIN LATERAL jsonb_each(f."values") v'
            " LEFT JOIN source_rank r ON r.indicator = v.key AND r.source = f.source"
            " WHERE f.enterprise_id = :id AND (CAST(:known_at AS timestamptz) IS NULL OR f.recorded_at <= :known_at)"
            f" AND {stands(':known_at')}"
            f" ORDER BY f.year, v.key, {trust(':known_at')}, f.received_on DESC, f.id DESC"
        ),
        {"id": enterprise_id, "known_at": known_at},
    )
    said: dict[FactKey, list[Said]] = {}
    for year, name, value, source, received_on, filing_id in found:
        held = said.setdefault(FactKey(name, year), [])
        if all(one.source != source for one in held):
            held.append(Said(read_json(value), source, received_on, filing_id))
    return said


async def latest_filing(session: AsyncSession, enterprise_id: int, source: str, year: int | None) -> int | None:
    """The latest filing of one source about one period; None where it never filed."""
    return await session.scalar(
        text(
            "SELECT max(id) FROM filing WHERE enterprise_id = :id AND source = :source"
            " AND year IS NOT DISTINCT FROM CAST(:year AS integer)"
        ),
        {"id": enterprise_id, "source": source, "year": year},
    )
