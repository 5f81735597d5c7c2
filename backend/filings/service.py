"""Taking in what a source said, and working out what holds now, in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE, table_of, to_column
from rules.catalogue import Catalogue, Period
from rules.facts import FactProblem, read_value


class FilingRefused(Exception):
    """A filing with values that are not of their indicators; carries every problem."""

    status_code = 422

    def __init__(self, problems: list[FactProblem]) -> None:
        self.problems = problems
        shown = list(dict.fromkeys(problem.message for problem in problems))
        more = f"；等 {len(shown)} 种问题" if len(shown) > 5 else ""
        super().__init__("；".join(shown[:5]) + more)


@dataclass(frozen=True)
class FilingDraft:
    """What one source says of one enterprise; `year` for yearly figures, None for what holds now."""

    enterprise_id: int
    source: str
    year: int | None
    #: Indicator id or alias → value in the units of the official forms.
    values: Mapping[str, Any]
    received_on: date
    note: str = ""


async def file(
    session: AsyncSession,
    drafts: Sequence[FilingDraft],
    catalogue: Catalogue,
    *,
    recorded_by: int | None = None,
    import_id: int | None = None,
    recorded_at: datetime | None = None,
    is_projected: bool = True,
) -> int:
    """Append filings and bring the projection up to date. Returns how many were appended.

    Who files many portions in one transaction leaves the projection (`is_projected=False`) and calls `project` once.
    A filing that says only what the same source last said of the same period is not appended again.

    Raises:
        FilingRefused: a value is not of its indicator; nothing is written.
    """
    checked = _checked(drafts, catalogue)
    fresh = await _without_repeats(session, checked)
    if not fresh:
        return 0
    columns = ["enterprise_id", "source", "year", "received_on", "recorded_by", "import_id", "values", "note"]
    rows: list[tuple[Any, ...]] = [
        (
            one.enterprise_id,
            one.source,
            one.year,
            one.received_on,
            recorded_by,
            import_id,
            to_json(one.values),
            one.note,
        )
        for one in fresh
    ]
    if recorded_at is not None:
        columns.append("recorded_at")
        rows = [(*row, recorded_at) for row in rows]
    await copy_rows(session, "filing", columns, rows)
    if is_projected:
        await project(session, sorted({one.enterprise_id for one in fresh}), catalogue)
    return len(fresh)


def to_json(values: Mapping[str, Any]) -> str:
    """Values as JSON in which decimals stay exact."""

    def exact(value: Any) -> Any:
        if isinstance(value, Decimal):
            return _Exact(value)
        if isinstance(value, date):
            return value.isoformat()
        raise TypeError(type(value))

    return json.dumps(values, ensure_ascii=False, default=exact)


class _Exact(float):
    """A decimal that JSON writes digit for digit."""

    def __new__(cls, value: Decimal) -> "_Exact":
        made = super().__new__(cls, value)
        made.written = format(value, "f")
        return made

    written: str

    def __repr__(self) -> str:
        return self.written


def _checked(drafts: Sequence[FilingDraft], catalogue: Catalogue) -> list[FilingDraft]:
    problems: list[FactProblem] = []
    checked = [
        FilingDraft(
            draft.enterprise_id,
            draft.source,
            draft.year,
            _canonical(draft, catalogue, problems),
            draft.received_on,
            draft.note,
        )
        for draft in drafts
    ]
    known_sources = {source.id for source in catalogue.sources}
    for source in {draft.source for draft in drafts} - known_sources:
        problems.append(
            FactProblem(source, f"目录中没有数据来源“{source}”，请从 {'、'.join(sorted(known_sources))} 中选择")
        )
    if problems:
        raise FilingRefused(problems)
    return checked


def _canonical(draft: FilingDraft, catalogue: Catalogue, problems: list[FactProblem]) -> dict[str, Any]:
    """Values under the catalogue's ids, each checked to be of its type."""
    values: dict[str, Any] = {}
    for name, value in draft.values.items():
        indicator = catalogue.indicator(name)
        if indicator is None:
            problems.append(FactProblem(name, f"目录中没有指标“{name}”，请核对名称"))
            continue
        if (indicator.period is Period.YEARLY) != (draft.year is not None):
            which = "须写明年度" if indicator.period is Period.YEARLY else "不分年度"
            problems.append(FactProblem(name, f"指标“{indicator.name}”{which}"))
            continue
        try:
            read_value(indicator, value)
        except ValueError as error:
            problems.append(FactProblem(name, f"“{indicator.name}”{error}"))
        values[indicator.id] = value
    return values


async def _without_repeats(session: AsyncSession, drafts: list[FilingDraft]) -> list[FilingDraft]:
    """Only the filings that say something the same source has not just said."""
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (f.enterprise_id, f.source, f.year, v.key) f.enterprise_id, f.source, f.year, v.key, v.value::text"
            ' FROM filing f CROSS JOIN LATERAL jsonb_each(f."values") v WHERE f.enterprise_id = ANY(:ids)'
            " ORDER BY f.enterprise_id, f.source, f.year, v.key, f.received_on DESC, f.id DESC"
        ),
        {"ids": sorted({one.enterprise_id for one in drafts})},
    )
    last = {(row[0], row[1], row[2], row[3]): read_json(row[4]) for row in found}
    fresh: list[FilingDraft] = []
    for one in drafts:
        said = json.loads(to_json(one.values), parse_float=Decimal)
        if any(
            last.get((one.enterprise_id, one.source, one.year, name), _NEVER) != value for name, value in said.items()
        ):
            fresh.append(one)
            last.update({(one.enterprise_id, one.source, one.year, name): value for name, value in said.items()})
    return fresh


_NEVER = object()


#: Made once: building a decoder for each value costs more than reading the value.
_EXACT = json.JSONDecoder(parse_float=Decimal)


def read_json(stored: str) -> Any:
    """A stored value, decimals exact."""
    return _EXACT.decode(stored)


WINNERS = """
    SELECT DISTINCT ON (f.enterprise_id, f.year, v.key)
        f.enterprise_id, f.year, v.key, v.value::text, f.source, f.received_on, f.id
    FROM filing f CROSS JOIN LATERAL jsonb_each(f."values") v
    LEFT JOIN source_rank r ON r.indicator = v.key AND r.source = f.source
    WHERE {condition}
    ORDER BY f.enterprise_id, f.year, v.key, coalesce(r.rank, 1000), f.received_on DESC, f.id DESC
"""


async def project(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> None:
    """Work out anew what holds now for some enterprises: the most trusted source first, then the newest."""
    found = await session.execute(
        text(WINNERS.format(condition="f.enterprise_id = ANY(:ids)")), {"ids": list(enterprise_ids)}
    )
    yearly: dict[tuple[int, int], dict[str, Any]] = {}
    current: dict[int, dict[str, Any]] = {}
    for enterprise_id, year, name, value, *_ in found:
        indicator = catalogue.indicator(name)
        if indicator is None:
            continue  # an indicator that the catalogue no longer has stays in its filing
        column = to_column(indicator, read_value(indicator, read_json(value)))
        if table_of(indicator) == YEARLY_TABLE:
            yearly.setdefault((enterprise_id, year), {})[indicator.id] = column
        else:
            current.setdefault(enterprise_id, {})[indicator.id] = column
    await _replace(session, YEARLY_TABLE, ("enterprise_id", "year"), enterprise_ids, yearly)
    await _replace(
        session, CURRENT_TABLE, ("enterprise_id",), enterprise_ids, {(key,): value for key, value in current.items()}
    )


async def _replace(
    session: AsyncSession,
    table: str,
    key_columns: tuple[str, ...],
    enterprise_ids: Sequence[int],
    rows: Mapping[tuple[int, ...], Mapping[str, Any]],
) -> None:
    await session.execute(
        text(f"DELETE FROM {table} WHERE enterprise_id = ANY(:ids)"),  # noqa: S608
        {"ids": list(enterprise_ids)},
    )
    columns = sorted({name for row in rows.values() for name in row})
    if rows:
        records = [(*key, *(row.get(name) for name in columns)) for key, row in rows.items()]
        await copy_rows(session, table, (*key_columns, *columns), records)
