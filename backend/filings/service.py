"""Taking in what a source said, and working out what holds now, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from json import JSONDecoder
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.database.session import copy_rows, reckons
from backend.exact_json import exact_json
from backend.filings.conflicts import refresh_conflicts
from backend.filings.consistency import refresh_flags
from backend.filings.projecting_many import project_plain
from backend.filings.projection_tables import CURRENT_TABLE, NONE_TEXT, YEARLY_TABLE, holds_none, to_column
from backend.filings.projection_writing import write_projection
from backend.filings.standing import filings, stands
from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.facts import FEN_PER_WAN, FactError, FactProblem, read_facts, read_value

#: No figure of an earlier year is reported to anybody; who files one has mistyped the year.
FIRST_YEAR: Final = 1978


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
    is_new = await file_each(
        session, drafts, catalogue, recorded_by=recorded_by, import_id=import_id, recorded_at=recorded_at
    )
    fresh = {draft.enterprise_id for draft, new in zip(drafts, is_new, strict=True) if new}
    if is_projected and fresh:
        await project(session, sorted(fresh), catalogue)
    return sum(is_new)


@reckons
async def file_each(
    session: AsyncSession,
    drafts: Sequence[FilingDraft],
    catalogue: Catalogue,
    *,
    recorded_by: int | None = None,
    import_id: int | None = None,
    recorded_at: datetime | None = None,
    is_checked: bool = False,
    is_said_again: bool = False,
    is_trial: bool = False,
) -> list[bool]:
    """Append filings without bringing the projection up to date. Returns, by position, which said something new.

    Args:
        session: the running transaction.
        drafts: what was said.
        catalogue: says what it means.
        recorded_by: the person who files.
        import_id: the import that they come from.
        recorded_at: for what was known earlier than now.
        is_checked: the values stand under the catalogue's own ids, and each was found to be of its indicator.
        is_said_again: append what says nothing new too: a decision counts for when it was made.
        is_trial: only tell what is new. Nobody asks in the same transaction about what was not appended.

    Raises:
        FilingRefused: a value is not of its indicator; nothing is written.
    """
    checked = list(drafts) if is_checked else _checked(drafts, catalogue)
    if is_trial:
        return await _say_something_new(session, checked)
    await _lock(session, sorted({one.enterprise_id for one in checked}))
    is_new = [True] * len(checked) if is_said_again else await _say_something_new(session, checked)
    columns = ["enterprise_id", "source", "year", "received_on", "recorded_by", "import_id", "values", "note"]
    rows: list[tuple[Any, ...]] = [
        (one.enterprise_id, one.source, one.year, one.received_on, recorded_by, import_id, exact_json(one.values), one.note)
        for one, new in zip(checked, is_new, strict=True)
        if new
    ]  # fmt: skip
    if recorded_at is not None:
        columns.append("recorded_at")
        rows = [(*row, recorded_at) for row in rows]
    if rows:
        await copy_rows(session, "filing", columns, rows)
    return is_new


async def _lock(session: AsyncSession, enterprise_ids: Sequence[int]) -> None:
    """Let nobody else file for these enterprises until this is done: each projection must see all filings."""
    await ask_about(
        session, "SELECT FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE", enterprise_ids
    )


def _checked(drafts: Sequence[FilingDraft], catalogue: Catalogue) -> list[FilingDraft]:
    problems: list[FactProblem] = []
    checked = [replace(draft, values=_canonical(draft, catalogue, problems)) for draft in drafts]
    known_sources = {source.id for source in catalogue.sources}
    for source in sorted({draft.source for draft in drafts} - known_sources):
        problems.append(
            FactProblem(source, f"目录中没有数据来源“{source}”，请从 {'、'.join(sorted(known_sources))} 中选择")
        )
    if problems:
        raise FilingRefused(problems)
    return checked


def _canonical(draft: FilingDraft, catalogue: Catalogue, problems: list[FactProblem]) -> dict[str, Any]:
    """Values under the catalogue's ids, each checked as a check of the rules would; absent ones left out."""
    given = {name: value for name, value in draft.values.items() if value is not None}
    year = str(draft.year)
    raw: dict[str, Any] = {}
    for name, value in given.items():
        indicator = catalogue.indicator(name)
        if indicator is not None and (problem := _misplaced(indicator, draft, value)):
            problems.append(FactProblem(name, problem))
        else:
            raw[name] = {year: value} if indicator is not None and indicator.period is Period.YEARLY else value
    try:
        found = read_facts(raw, catalogue, draft.received_on).dropped
    except FactError as error:
        found = error.problems
    # A check goes on without what it cannot use; of a filing that is refused nothing counts as missing.
    problems += [replace(one, message=one.on_page or one.message) for one in found]
    return {
        indicator.id: _plain(indicator, value)
        for name, value in given.items()
        if (indicator := catalogue.indicator(name))
    }


def _plain(indicator: Indicator, value: Any) -> Any:
    """A code in its one spelling: sources that write C3484 and 3484 say the same and must not seem to disagree."""
    if indicator.codes is None or value == NONE_TEXT:
        return value
    try:
        return read_value(indicator, value)
    except ValueError:
        return value  # told with the other problems


def _misplaced(indicator: Indicator, draft: FilingDraft, value: Any) -> str:
    """Why a value cannot be filed under its indicator at all; empty where it can."""
    if (indicator.period is Period.YEARLY) != (draft.year is not None):
        return f"指标“{indicator.name}”{'须写明年度' if indicator.period is Period.YEARLY else '不分年度'}"
    if draft.year is not None and draft.year < FIRST_YEAR:
        return f"“{indicator.name}”的年度 {draft.year} 早于 {FIRST_YEAR} 年，请核对年度"
    if value == "none" and not holds_none(indicator):
        return f"“{indicator.name}”没有时请填 0、否或空列表，不能填 none"
    return ""


async def _say_something_new(session: AsyncSession, drafts: list[FilingDraft]) -> list[bool]:
    """Which filings say something that their source has not just said, nor said before on that very day."""
    held = await _said_before(session, drafts)
    is_new: list[bool] = []
    for one in drafts:
        before = held.get(_period(one))
        if before is None:
            # The first of its period is news whatever it says, and is looked into only when another one comes.
            is_new.append(bool(one.values))
            held[_period(one)] = _Said([one])
        else:
            is_new.append(before.hears(one))
    return is_new


def _period(draft: FilingDraft) -> tuple[int, str, int | None]:
    return draft.enterprise_id, draft.source, draft.year


class _Said:
    """What a source has said of a period: last, and on each day."""

    def __init__(self, unread: list[FilingDraft]) -> None:
        self._unread = unread
        self._last: dict[str, Any] = {}
        self._on_day: dict[tuple[str, date], Any] = {}

    def take(self, values: Mapping[str, Any], received_on: date) -> None:
        """Take in what was said on a day; the days come in order."""
        self._last |= values
        self._on_day |= {(name, received_on): value for name, value in values.items()}

    def hears(self, draft: FilingDraft) -> bool:
        """Take in another filing. Returns whether it says anything new."""
        for one in self._unread:
            self.take(_as_stored(one), one.received_on)
        self._unread = []
        said = _as_stored(draft)
        is_new = any(
            value not in (self._last.get(name, _NEVER), self._on_day.get((name, draft.received_on), _NEVER))
            for name, value in said.items()
        )
        if is_new:
            self.take(said, draft.received_on)
        return is_new


_SAID = (
    "SELECT enterprise_id, source, year, received_on, CAST(jsonb_object_agg(key, value) AS text) FROM ("
    "SELECT DISTINCT ON (f.enterprise_id, f.source, f.year, v.key, f.received_on)"
    " f.enterprise_id, f.source, f.year, f.received_on, v.key, v.value"
    f' FROM {filings()} f CROSS JOIN LATERAL jsonb_each(f."values") v WHERE f.enterprise_id = ANY(:ids)'
    f" AND {stands('NULL')}"
    " ORDER BY f.enterprise_id, f.source, f.year, v.key, f.received_on, f.id DESC) AS said"
    " GROUP BY enterprise_id, source, year, received_on ORDER BY received_on"
)


async def _said_before(
    session: AsyncSession, drafts: Sequence[FilingDraft]
) -> dict[tuple[int, str, int | None], _Said]:
    found = await ask_about(session, _SAID, sorted({one.enterprise_id for one in drafts}))
    held: dict[tuple[int, str, int | None], _Said] = {}
    for enterprise_id, source, year, received_on, values in found:
        held.setdefault((enterprise_id, source, year), _Said([])).take(read_json(values), received_on)
    return held


def _as_stored(draft: FilingDraft) -> dict[str, Any]:
    return read_json(exact_json(draft.values))


_NEVER = object()


#: Made once: building a decoder for each value costs more than reading the value.
_EXACT = JSONDecoder(parse_float=Decimal)


def read_json(stored: str) -> Any:
    """A stored value, decimals exact."""
    return _EXACT.decode(stored)


def trust(known_at: str, fact: str = "v.key", rank: str = "r.rank") -> str:
    """How far down a filing `f` stands for a fact. A decision that gave way stands below all (docs/decisions/0006)."""
    # Only to what came after it: nearly every decision is the last word, which is seen at a tenth of the cost.
    later = (
        f"EXISTS (SELECT FROM {filings(known_at)} g WHERE g.enterprise_id = f.enterprise_id"
        " AND g.year IS NOT DISTINCT FROM f.year AND g.source <> 'officer'"
        f' AND (g.received_on, g.id) > (f.received_on, f.id) AND jsonb_exists(g."values", {fact}))'
    )
    return (
        f"CASE WHEN f.source = 'officer' AND {later} AND gave_way(f.enterprise_id, f.year, {fact}, {known_at})"
        f" THEN 1001 ELSE coalesce({rank}, 1000) END"
    )


WINNERS = f"""
    SELECT DISTINCT ON (f.enterprise_id, f.year, v.key)
        f.enterprise_id, f.year, v.key, v.value::text, f.source, f.received_on, f.id
    FROM {filings("{known_at}")} f CROSS JOIN LATERAL jsonb_each(f."values") v
    LEFT JOIN source_rank r ON r.indicator = v.key AND r.source = f.source
    WHERE {{condition}} AND {stands("{known_at}")}
    ORDER BY f.enterprise_id, f.year, v.key, {trust("{known_at}")}, f.received_on DESC, f.id DESC
"""


_WINNERS_TOGETHER = f"""
    SELECT enterprise_id, year, CAST(jsonb_object_agg(key, CAST(value AS jsonb)) AS text)
    FROM ({WINNERS.format(condition="f.enterprise_id = ANY(:ids)", known_at="NULL")}) AS winners GROUP BY enterprise_id, year
"""


@reckons
async def withdraw_import(
    session: AsyncSession, import_id: int, enterprise_ids: Sequence[int], *, withdrawn_by: int | None = None
) -> int:
    """Let the filings of an import hold no more for some enterprises; who asks what was known before still gets them.

    The projection is left to `project`. Returns how many filings were withdrawn.
    """
    found = await session.execute(
        text(
            "INSERT INTO filing_withdrawal (filing_id, withdrawn_by) SELECT f.id, :by FROM filing f"
            " WHERE f.import_id = :import_id AND f.enterprise_id = ANY(:ids) ON CONFLICT DO NOTHING RETURNING filing_id"
        ),
        {"by": withdrawn_by, "import_id": import_id, "ids": list(enterprise_ids)},
    )
    return len(list(found))


@reckons
async def project(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> None:
    """Work out anew what holds now for some enterprises: the most trusted source first, then the newest.

    With it go the conflicts between their sources, and the flags on figures that do not fit together.
    """
    if contested := await project_plain(session, enterprise_ids, catalogue):
        await _project_winners(session, contested, catalogue)
    await refresh_conflicts(session, enterprise_ids)
    await refresh_flags(session, enterprise_ids, catalogue)


async def _project_winners(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> None:
    found = await ask_about(session, _WINNERS_TOGETHER, enterprise_ids)
    yearly: dict[tuple[int, ...], dict[str, Any]] = {}
    current: dict[tuple[int, ...], dict[str, Any]] = {}
    for enterprise_id, year, values in found:
        columns = {
            indicator.id: _column(indicator, value)
            for name, value in read_json(values).items()
            # An indicator that the catalogue no longer has stays in its filing.
            if (indicator := catalogue.indicator(name)) is not None
        }
        if year is None:
            current[(enterprise_id,)] = columns
        else:
            yearly[enterprise_id, year] = columns
    await write_projection(session, enterprise_ids, catalogue, yearly, current)


def _column(indicator: Indicator, value: Any) -> Any:
    """A filed value as its column holds it."""
    if type(value) in (int, Decimal) and abs(value) < _SMALL:
        # Most values are such numbers; they were checked when they were filed.
        if indicator.type is Type.MONEY and (fen := value * FEN_PER_WAN) == (whole := int(fen)):
            return whole
        if indicator.type in (Type.NUMBER, Type.HEADCOUNT, Type.PERCENT):
            return Decimal(value).normalize()
    return to_column(indicator, read_value(indicator, value))


#: Below this a Decimal of an amount is exact in 万元 and in fen alike.
_SMALL = 10**12


@reckons
async def rebuild(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> list[int]:
    """Work the projection of some enterprises out anew. Returns those for whom it had not been what it should be."""
    await _lock(session, enterprise_ids)
    before = await _fingerprints(session, enterprise_ids)
    await project(session, enterprise_ids, catalogue)
    after = await _fingerprints(session, enterprise_ids)
    return [number for number in enterprise_ids if before.get(number) != after.get(number)]


async def _fingerprints(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, list[str]]:
    found = await session.execute(
        text(
            "SELECT enterprise_id, array_agg(row ORDER BY row) FROM ("
            f"SELECT enterprise_id, md5(y::text) AS row FROM {YEARLY_TABLE} y WHERE enterprise_id = ANY(:ids) UNION ALL"
            f" SELECT enterprise_id, md5(c::text) FROM {CURRENT_TABLE} c WHERE enterprise_id = ANY(:ids))"
            " GROUP BY enterprise_id"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {row[0]: row[1] for row in found}
