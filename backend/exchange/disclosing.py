"""Telling a list: of whoever consented, what was agreed and consented to; and a line in the log for each.

Points go as their issuer gave them. A figure of the tax bureau goes to nobody else (政务数据共享条例第二十五条): what is told
is the most trusted of the other sources' figures, and nothing where there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.agreements import AgreedField, Agreement
from backend.exchange.consents import Consented, who_consented
from backend.filings.queries import as_given
from backend.filings.service import WINNERS, read_json
from rules.catalogue import Catalogue
from rules.facts import read_value

#: Enterprises on one page of a list.
MOST_ROWS: Final = 1_000
#: Whose figures are not ours to pass on.
NOT_PASSED_ON: Final = "tax"


@dataclass(frozen=True)
class ListPage:
    """Rows of a list, field by field as consented, and where to go on; 0 at the end."""

    rows: list[dict[str, Any]]
    following: int


async def disclose(
    session: AsyncSession, agreed: Agreement, catalogue: Catalogue, on: date, recipient: str, after_id: int = 0,
    size: int = MOST_ROWS,
) -> ListPage:  # fmt: skip
    """A page of a list, and the note of who was told what, in the running transaction."""
    may = await who_consented(session, agreed, after_id, size, on)
    rows = await rows_of(session, agreed, may, catalogue, on)
    await note_disclosure(session, agreed, may, recipient)
    return ListPage(list(rows.values()), max(may, default=0) if len(may) == size else 0)


async def note_disclosure(
    session: AsyncSession, agreed: Agreement, may: Mapping[int, Consented], recipient: str
) -> None:
    """Write down who was told of whom, which fields and by which consent."""
    told = [
        {
            "list": agreed.id, "recipient": recipient[:80], "id": number, "consents": list(one.consent_ids),
            "fields": [name for name in agreed.field_ids if name in one.fields],
        }
        for number, one in may.items()
    ]  # fmt: skip
    if told:
        await session.execute(
            text(
                "INSERT INTO disclosure (list_id, recipient, enterprise_id, consent_ids, fields)"
                " VALUES (:list, :recipient, :id, :consents, :fields)"
            ),
            told,
        )


async def rows_of(
    session: AsyncSession, agreed: Agreement, may: Mapping[int, Consented], catalogue: Catalogue, on: date
) -> dict[int, dict[str, Any]]:
    """What may be told of each enterprise."""
    ids = list(may)
    identity = await _by_enterprise(session, _IDENTITY, ids)
    points = await _points(session, agreed, ids)
    titles = await _titles(session, agreed, ids, on)
    figures = await latest_figures(session, ids, agreed.indicators, catalogue)
    rows: dict[int, dict[str, Any]] = {}
    for number, consented in may.items():
        row: dict[str, Any] = {}
        for field in agreed.fields:
            if field.id not in consented.fields:
                continue
            if field.identity is not None:
                row[field.id] = identity[number][field.identity]
            elif field.points is not None:
                row[field.id] = points.get((number, field.points), {}).get(field.part)
            elif field.recognition is not None:
                row[field.id] = titles.get((number, field.recognition))
            else:
                _year, value = figures.get((number, field.indicator or ""), (0, None))
                row[field.id] = band_of(field, value) if field.bands else value
        rows[number] = row
    return rows


def band_of(field: AgreedField, value: Any) -> str | None:
    """Between which bounds (万元, the lower one included) a figure lies."""
    if value is None:
        return None
    below = [bound for bound in field.bands if Decimal(str(value)) >= bound]
    above = [bound for bound in field.bands if Decimal(str(value)) < bound]
    if not below:
        return f"小于{above[0]}"
    return f"{below[-1]}及以上" if not above else f"{below[-1]}—{above[0]}"


_IDENTITY = (
    "SELECT id, credit_code, name, region_code, established_on, industry_code FROM enterprise WHERE id = ANY(:ids)"
)


async def _by_enterprise(session: AsyncSession, query: str, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    found = await session.execute(text(query), {"ids": list(ids)})
    return {row["id"]: dict(row) for row in found.mappings()}


async def _points(
    session: AsyncSession, agreed: Agreement, ids: Sequence[int]
) -> dict[tuple[int, str], Mapping[str, Any]]:
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (enterprise_id, points_system) * FROM points_result WHERE enterprise_id = ANY(:ids)"
            " AND points_system = ANY(:systems) ORDER BY enterprise_id, points_system, year DESC, revision DESC"
        ),
        {"ids": list(ids), "systems": sorted({one.points for one in agreed.fields if one.points})},
    )
    return {(row["enterprise_id"], row["points_system"]): dict(row) for row in found.mappings()}


async def _titles(
    session: AsyncSession, agreed: Agreement, ids: Sequence[int], on: date
) -> dict[tuple[int, str], date]:
    """The last day of each title that is valid on the day."""
    found = await session.execute(
        text(
            "SELECT enterprise_id, programme, max(valid_to) FROM recognition WHERE enterprise_id = ANY(:ids)"
            " AND programme = ANY(:programmes) AND superseded_at IS NULL AND valid_from <= :on AND valid_to >= :on"
            " AND (revoked_on IS NULL OR revoked_on > :on) GROUP BY enterprise_id, programme"
        ),
        {
            "ids": list(ids),
            "on": on,
            "programmes": sorted({one.recognition for one in agreed.fields if one.recognition}),
        },
    )
    return {(row[0], row[1]): row[2] for row in found}


async def latest_figures(
    session: AsyncSession, ids: Sequence[int], indicators: Sequence[str], catalogue: Catalogue, year: int | None = None
) -> dict[tuple[int, str], tuple[int, Any]]:
    """Year and value, in the unit of the official forms, of the latest year (or of `year`) that may be passed on."""
    if not (ids and indicators):
        return {}
    condition = (
        "f.enterprise_id = ANY(:ids) AND v.key = ANY(:names) AND f.source <> :source AND f.year IS NOT NULL"
        " AND (CAST(:year AS integer) IS NULL OR f.year = :year)"
    )
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (enterprise_id, key) enterprise_id, key, year, value FROM ("
            + WINNERS.format(condition=condition, known_at="NULL")
            + ") AS winners ORDER BY enterprise_id, key, year DESC"
        ),
        {"ids": list(ids), "names": list(indicators), "source": NOT_PASSED_ON, "year": year},
    )
    return {
        (row[0], row[1]): (
            row[2],
            as_given(catalogue.by_name[row[1]], read_value(catalogue.by_name[row[1]], read_json(row[3]))),
        )
        for row in found
    }
