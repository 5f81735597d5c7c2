"""The projection of many enterprises of whom each period has been told once, in plain numbers, as an import leaves them.

Nothing competes there: what was said is what holds, and the database itself brings it into the tables. Whoever has more
than that said of them is left to `service.project`, and so are all where a value is no plain number. The result is the
same, to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE
from backend.filings.standing import filings, stands
from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.facts import FEN_PER_WAN

#: Fewer are brought up to date by the time that these statements are planned.
MANY = 200
#: Below this an amount of 万元 is a whole number of the database in fen, too.
_SMALL = 10**12
#: Six decimals of 万元 are whole fen.
_DECIMALS = 6

_STANDING = f"FROM {filings()} f %s WHERE f.enterprise_id = ANY(:ids) AND {stands('NULL')}"
_SEVERAL = f"SELECT f.enterprise_id {_STANDING % ''} GROUP BY f.enterprise_id, f.year HAVING count(*) > 1"
_WHAT_IS_SAID = f"""
    SELECT v.key, f.year IS NOT NULL AS is_yearly, bool_and(jsonb_typeof(v.value) = 'number') AS is_number,
        max(abs(CASE WHEN jsonb_typeof(v.value) = 'number' THEN CAST(v.value AS numeric) END)) AS most,
        max(min_scale(CASE WHEN jsonb_typeof(v.value) = 'number' THEN CAST(v.value AS numeric) END)) AS decimals
    {_STANDING % 'CROSS JOIN LATERAL jsonb_each(f."values") AS v'} GROUP BY v.key, f.year IS NOT NULL
"""


@dataclass(frozen=True)
class _Told:
    """What the filings say under one name."""

    indicator: Indicator
    is_yearly: bool

    @property
    def column(self) -> str:
        return f'"{self.indicator.id}"'

    @property
    def value(self) -> str:
        """The value as its column holds it, of a record `x` of numbers."""
        if self.indicator.type is Type.MONEY:
            return f"CAST(x.{self.column} * {FEN_PER_WAN} AS bigint)"
        if self.indicator.type is Type.COUNT:
            return f"CAST(x.{self.column} AS bigint)"
        return f"trim_scale(x.{self.column})"


#: Decimals that a value may have to be a plain number of its type; None where any will do.
_PLAIN: dict[Type, int | None] = {
    Type.MONEY: _DECIMALS, Type.COUNT: 0, Type.NUMBER: None, Type.HEADCOUNT: None, Type.PERCENT: None,
}  # fmt: skip


async def project_plain(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> list[int]:
    """Bring the projection up to date of those of whom that is all there is to it. Returns the others, untouched."""
    if len(enterprise_ids) < MANY:
        return list(enterprise_ids)
    found = await ask_about(session, _SEVERAL, enterprise_ids)
    several = set(found.scalars())
    alone = [number for number in enterprise_ids if number not in several]
    told = await _what_is_told(session, alone, catalogue) if len(alone) >= MANY else None
    if told is None:
        return list(enterprise_ids)
    for table, is_yearly in ((YEARLY_TABLE, True), (CURRENT_TABLE, False)):
        await ask_about(session, f"DELETE FROM {table} WHERE enterprise_id = ANY(:ids)", alone)
        if some := [one for one in told if one.is_yearly is is_yearly]:
            await ask_about(session, _insert(table, some), alone)
    return sorted(several)


async def _what_is_told(session: AsyncSession, alone: Sequence[int], catalogue: Catalogue) -> list[_Told] | None:
    """All that is said of some enterprises; None where not all of it is plain numbers of the catalogue."""
    told: list[_Told] = []
    for name, is_yearly, is_number, most, decimals in await ask_about(session, _WHAT_IS_SAID, alone):
        indicator = catalogue.by_name.get(name)
        if indicator is None or indicator.id != name or indicator.type not in _PLAIN or not is_number or most >= _SMALL:
            return None
        allowed = _PLAIN[indicator.type]
        if (allowed is not None and decimals > allowed) or is_yearly is not (indicator.period is Period.YEARLY):
            return None
        told.append(_Told(indicator, is_yearly))
    return sorted(told, key=lambda one: one.indicator.id)


def _insert(table: str, told: Sequence[_Told]) -> str:
    year = ", f.year" if table == YEARLY_TABLE else ""
    record = ", ".join(f"{one.column} numeric" for one in told)
    kept = "NOT NULL" if year else "NULL"
    return (
        f"INSERT INTO {table} (enterprise_id{year.replace('f.', '')}, {', '.join(one.column for one in told)})"
        f" SELECT f.enterprise_id{year}, {', '.join(one.value for one in told)}"
        f' {_STANDING % f"""CROSS JOIN LATERAL jsonb_to_record(f."values") AS x ({record})"""} AND f.year IS {kept}'
    )
