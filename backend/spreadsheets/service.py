"""Importing: a dry run that tells every row's fate, then all rows or the good ones, in one transaction.

The dry run does everything that the import would do and takes it back, so what it tells is what happens. The same file
handed in twice changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises import service as enterprises
from backend.enterprises.names import match_key
from backend.filings.service import FilingDraft, file, project
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, extend, grant, revoke
from backend.spreadsheets.matching import Match, match_rows
from backend.spreadsheets.records import ReadResult, ReadRow, RecognitionEvent, RecognitionRecord, RowProblem, Severity
from rules.catalogue import Catalogue, Period
from rules.facts import read_value
from rules.interpret import add_months
from rules.library import Library


class ImportRefused(Exception):
    """Rows are wrong and all were wanted; nothing was written."""

    status_code = 422


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOTED = "noted"
    REFUSED = "refused"

    @property
    def chinese(self) -> str:
        """The fate as the report shows it."""
        return {
            "new": "新增企业", "changed": "更新", "unchanged": "无变化", "noted": "只作提示，不写入", "refused": "有问题，不导入",
        }[self.value]  # fmt: skip


@dataclass
class RowFate:
    """A row, what becomes of it and why."""

    row: ReadRow
    fate: Fate = Fate.UNCHANGED
    problems: list[RowProblem] = field(default_factory=list[RowProblem])
    enterprise_id: int | None = None

    def improve(self, fate: Fate) -> None:
        """A row that does two things is called by the greater."""
        order = [Fate.REFUSED, Fate.NEW, Fate.CHANGED, Fate.UNCHANGED, Fate.NOTED]
        if self.fate in (Fate.UNCHANGED, Fate.NOTED) or order.index(fate) < order.index(self.fate):
            self.fate = fate


@dataclass
class Report:
    """What an import did, or would do."""

    result: ReadResult
    fates: list[RowFate]
    touched: list[int]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows met which fate."""
        found = Counter(one.fate for one in self.fates)
        return {fate.value: found.get(fate, 0) for fate in Fate}

    @property
    def refused(self) -> list[RowFate]:
        """The rows that are kept out."""
        return [one for one in self.fates if one.fate is Fate.REFUSED]

    @property
    def bad_rows(self) -> list[ReadRow]:
        """The rows to hand back, with every problem attached."""
        return [replace(one.row, problems=tuple(one.problems)) for one in self.refused]


@dataclass(frozen=True)
class Importer:
    """Who imports, and in whose knowledge."""

    catalogue: Catalogue
    library: Library
    today: date
    person_id: int | None = None
    region_code: str = ""
    import_id: int | None = None


async def dry_run(session: AsyncSession, result: ReadResult, importer: Importer) -> Report:
    """What an import of the good rows would do; nothing stays written."""
    savepoint = await session.begin_nested()
    try:
        return await _import_good_rows(session, result, importer)
    finally:
        await savepoint.rollback()


async def run_import(session: AsyncSession, result: ReadResult, importer: Importer, *, good_rows_only: bool) -> Report:
    """Import a file.

    Raises:
        ImportRefused: a row is wrong and `good_rows_only` is not wanted; nothing is written.
    """
    savepoint = await session.begin_nested()
    report = await _import_good_rows(session, result, importer)
    if report.refused and not good_rows_only:
        await savepoint.rollback()
        first = report.refused[0]
        text_of_first = first.problems[0].text if first.problems else ""
        raise ImportRefused(
            f"有 {len(report.refused)} 行有问题，本次未写入任何数据。例如：{text_of_first}"
            "改好后请重新导入，或选择“只导入没有问题的行”。"
        )
    await savepoint.commit()
    return report


async def _import_good_rows(session: AsyncSession, result: ReadResult, importer: Importer) -> Report:
    fates = [_first_look(row, importer) for row in result.rows]
    touched: set[int] = set()
    good = [one for one in fates if one.fate is not Fate.REFUSED]
    # Lists are taken in the order of their days: a later list may print the name that an earlier notice gave.
    for _, group in groupby(sorted(good, key=_day), key=_day):
        touched |= await _import_group(session, list(group), importer)
    if touched:
        await project(session, sorted(touched), importer.catalogue)
    return Report(result, fates, sorted(touched))


def _day(fate: RowFate) -> date:
    days = [one.dated_on for one in fate.row.recognitions if one.dated_on is not None]
    return min(days, default=date.min)


def _first_look(row: ReadRow, importer: Importer) -> RowFate:
    problems = [*row.problems]
    for figure in row.figures:
        indicator = importer.catalogue.indicator(figure.indicator)
        assert indicator is not None
        try:
            read_value(indicator, _input_value(figure.value))
        except ValueError as error:
            problems.append(_problem(row, f"“{indicator.name}”{error}", "请改正", figure.column))
        if indicator.period is Period.YEARLY and figure.year is None:
            problems.append(
                _problem(row, f"“{indicator.name}”没有年度", "请在列名里写明年份，或导入时指定年度", figure.column)
            )
    for one in row.recognitions:
        problems += _problems_of(row, one, importer)
    bad = any(problem.severity is Severity.ERROR for problem in problems)
    return RowFate(row, Fate.REFUSED if bad else Fate.UNCHANGED, problems)


def _problems_of(row: ReadRow, one: RecognitionRecord, importer: Importer) -> Iterable[RowProblem]:
    if not one.programme:
        if one.event is not RecognitionEvent.RENAMED:
            yield _problem(row, "看不出是哪个认定项目", "请用“认定项目”指定，或在标题里写明")
    elif one.programme not in importer.library.by_name and one.programme not in _LIST_ONLY:
        yield _problem(row, f"规则库中没有认定项目“{one.programme}”", "请核对项目名称")
    if one.dated_on is None:
        yield _problem(row, "没有日期", "请指定名单的日期，或在表中写明发证日期")
    elif one.dated_on > importer.today:
        yield _problem(row, f"日期 {one.dated_on} 在今天之后", "请核对日期")


#: Titles that plans count and that have no rules of their own.
_LIST_ONLY = frozenset({"national_top500", "china_mfg_top500"})


def _problem(row: ReadRow, reason: str, remedy: str, column: str = "") -> RowProblem:
    return RowProblem(row.sheet, row.row, column, "", "", reason, remedy, kind="not_importable")


def _input_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


async def _import_group(session: AsyncSession, fates: list[RowFate], importer: Importer) -> set[int]:
    matches = await match_rows(session, [one.row for one in fates], importer.region_code)
    for one, match in zip(fates, matches, strict=True):
        _note_match(one, match)
    taken = [one for one in fates if one.fate is not Fate.REFUSED]
    await _register(session, taken, importer)
    touched = {one.enterprise_id for one in taken if one.fate in (Fate.NEW, Fate.CHANGED) and one.enterprise_id}
    touched |= await _file(session, taken, importer)
    touched |= await _grant(session, taken, importer)
    touched |= await _other_events(session, taken, importer)
    return touched


def _note_match(one: RowFate, match: Match) -> None:
    one.enterprise_id = match.enterprise_id
    if match.problem:
        one.problems.append(_problem(one.row, match.problem, match.remedy))
        one.fate = Fate.REFUSED


async def _register(session: AsyncSession, fates: list[RowFate], importer: Importer) -> None:
    """Register whom the registry does not know, and bring up to date whom a ledger speaks of."""
    wanted = [
        one for one in fates if one.enterprise_id is None or one.row.layout in ("ledger", "enterprises", "figures")
    ]
    wanted = [one for one in wanted if one.row.enterprise.name or one.enterprise_id is None]
    if not wanted:
        return
    done = await enterprises.register(session, [_draft(one.row, importer) for one in wanted], importer.today)
    for position, one in enumerate(wanted):
        one.enterprise_id = done.ids[position]
        if position in done.created:
            one.improve(Fate.NEW)
        elif position in done.changed:
            one.improve(Fate.CHANGED)


def _draft(row: ReadRow, importer: Importer) -> enterprises.Draft:
    who = row.enterprise
    return enterprises.Draft(
        name=who.name or who.credit_code or "", credit_code=who.credit_code, region_code=who.region_code or importer.region_code,
        town=who.town, park=who.park, address=who.address, industry_code=who.industry_code, established_on=who.established_on,
        chains=who.chains, is_above_scale=who.is_above_scale,
        former_names=tuple(enterprises.FormerName(one.name, one.used_to) for one in who.former_names),
        identifiers={one.kind: one.value for one in who.other_numbers},
    )  # fmt: skip


async def _file(session: AsyncSession, fates: list[RowFate], importer: Importer) -> set[int]:
    """Each row's figures, a filing for each year."""
    drafts: list[FilingDraft] = []
    owners: list[RowFate] = []
    for one in fates:
        by_year: dict[int | None, dict[str, Any]] = {}
        for figure in one.row.figures:
            by_year.setdefault(figure.year, {})[figure.indicator] = _input_value(figure.value)
        for year, values in by_year.items():
            assert one.enterprise_id is not None
            drafts.append(FilingDraft(one.enterprise_id, "spreadsheet", year, values, importer.today, one.row.sheet))
            owners.append(one)
    if not drafts:
        return set()
    appended = await file(
        session,
        drafts,
        importer.catalogue,
        recorded_by=importer.person_id,
        import_id=importer.import_id,
        is_projected=False,
    )
    if not appended:
        return set()
    new = await _just_filed(session, drafts, importer)
    touched: set[int] = set()
    for draft, one in zip(drafts, owners, strict=True):
        if draft.enterprise_id in new:
            one.improve(Fate.CHANGED)
            touched.add(draft.enterprise_id)
    return touched


async def _just_filed(session: AsyncSession, drafts: Sequence[FilingDraft], importer: Importer) -> set[int]:
    """The enterprises for which something was appended in this transaction."""
    found = await session.execute(
        text("SELECT DISTINCT enterprise_id FROM filing WHERE enterprise_id = ANY(:ids) AND recorded_at = now()"),
        {"ids": sorted({draft.enterprise_id for draft in drafts})},
    )
    return set(found.scalars())


_GRANTS = {RecognitionEvent.GRANTED: "granted", RecognitionEvent.RENEWED: "renewed"}


async def _grant(session: AsyncSession, fates: list[RowFate], importer: Importer) -> set[int]:
    drafts: list[RecognitionDraft] = []
    owners: list[RowFate] = []
    for one in fates:
        for record in one.row.recognitions:
            if record.event is RecognitionEvent.PUBLICITY:
                one.improve(Fate.NOTED)
            elif record.event in _GRANTS:
                drafts.append(_title(one, record, importer))
                owners.append(one)
    if not drafts:
        return set()
    is_new = await grant(
        session, drafts, importer.library, recorded_by=importer.person_id, import_id=importer.import_id
    )
    touched: set[int] = set()
    for draft, one, new in zip(drafts, owners, is_new, strict=True):
        if new:
            one.improve(Fate.CHANGED)
            touched.add(draft.enterprise_id)
    return touched


def _title(one: RowFate, record: RecognitionRecord, importer: Importer) -> RecognitionDraft:
    assert one.enterprise_id is not None
    assert record.dated_on is not None
    programme = importer.library.by_name.get(record.programme)
    return RecognitionDraft(
        one.enterprise_id, programme.source.programme if programme else record.programme, record.dated_on,
        _GRANTS[record.event], record.level, record.edition, record.number, record.batch, record.valid_from, record.valid_to,
        record.list_title, record.printed_name,
    )  # fmt: skip


async def _other_events(session: AsyncSession, fates: list[RowFate], importer: Importer) -> set[int]:
    touched: set[int] = set()
    for one in fates:
        for record in one.row.recognitions:
            if await _other_event(session, one, record, importer):
                one.improve(Fate.CHANGED)
                if one.enterprise_id is not None:
                    touched.add(one.enterprise_id)
    return touched


async def _other_event(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    assert one.enterprise_id is not None
    if record.event is RecognitionEvent.RENAMED and record.new_name:
        return await _rename(session, one.enterprise_id, record)
    if record.event is RecognitionEvent.REVIEW_PASSED:
        return await _review(session, one, record, importer)
    if record.event is RecognitionEvent.REVOKED:
        return await _revoke(session, one, record, importer)
    return False


async def _rename(session: AsyncSession, enterprise_id: int, record: RecognitionRecord) -> bool:
    assert record.dated_on is not None
    found = await session.execute(
        text("SELECT 1 FROM enterprise_name WHERE enterprise_id = :id AND match_key = :key"),
        {"id": enterprise_id, "key": match_key(record.new_name)},
    )
    if found.first() is not None:
        return False
    await enterprises.rename(session, enterprise_id, record.new_name, record.dated_on)
    return True


_LATEST = (
    "SELECT id, valid_from, valid_to, revoked_on FROM recognition WHERE enterprise_id = :id AND programme = :programme"
    " AND superseded_at IS NULL AND valid_from <= :day AND (:number = '' OR number = :number)"
    " ORDER BY valid_from DESC LIMIT 1"
)


async def _review(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    """A review passed before the end adds three years to that end (工信部企业〔2022〕63号 第十三条)."""
    assert record.dated_on is not None
    found = await session.execute(
        text(_LATEST), {"id": one.enterprise_id, "programme": record.programme, "day": record.dated_on, "number": ""}
    )
    row = found.first()
    if row is None:
        one.problems.append(_problem(one.row, "库内没有可以复核的认定", "请先导入当年的认定名单"))
        one.fate = Fate.REFUSED
        return False
    first_end = _first_end(row.valid_from)
    if row.valid_to is None or row.valid_to > first_end or row.valid_to < record.dated_on:
        # Extended already by this very review, or lapsed before it.
        return False
    return await extend(
        session, row.id, add_months(row.valid_to, 36), record.list_title, recorded_by=importer.person_id
    )


def _first_end(valid_from: date) -> date:
    return add_months(valid_from, 36)


async def _revoke(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    assert record.dated_on is not None
    for number in dict.fromkeys((record.number, "")):
        found = await session.execute(
            text(_LATEST),
            {"id": one.enterprise_id, "programme": record.programme, "day": record.dated_on, "number": number},
        )
        row = found.first()
        if row is not None:
            break
    else:
        row = None
    if row is None:
        one.problems.append(_problem(one.row, "库内没有这项认定，无从取消", "请先导入认定名单，或核对项目和证书编号"))
        one.fate = Fate.REFUSED
        return False
    if row.revoked_on is not None:
        return False
    try:
        await revoke(
            session, row.id, record.dated_on, record.reason or record.list_title, recorded_by=importer.person_id
        )
    except RecognitionRefused as error:
        one.problems.append(_problem(one.row, str(error), "请核对"))
        one.fate = Fate.REFUSED
        return False
    return True


def digest(content: bytes) -> str:
    """What identifies a file's content."""
    return hashlib.sha256(content).hexdigest()


def as_json(report: Report, most_rows: int = 20_000) -> dict[str, Any]:
    """The report as data: counts, tables, notes, and each row's fate with its problems."""
    result = report.result
    return {
        "file": result.file_name, "layout": result.layout, "counts": {**result.counts, **report.counts},
        "tables": [
            {"sheet": one.sheet, "layout": one.layout, "title": one.title, "columns": one.columns, "unrecognised": one.unrecognised}
            for one in result.tables
        ],
        "notes": [one.text for one in result.notes],
        "skipped_sheets": [{"sheet": one.sheet, "reason": one.reason} for one in result.skipped_sheets],
        "skipped_rows": [
            {"sheet": one.sheet, "row": one.row, "reason": one.reason.chinese, "text": one.text[:80]}
            for one in result.skipped_rows[:most_rows]
        ],
        "rows": [_row_as_json(one) for one in report.fates[:most_rows]],
    }  # fmt: skip


def _row_as_json(one: RowFate) -> dict[str, Any]:
    who = one.row.enterprise
    shown: dict[str, Any] = {
        "sheet": one.row.sheet, "row": one.row.row, "name": who.name, "credit_code": who.credit_code, "fate": one.fate.value,
    }  # fmt: skip
    if one.problems:
        shown["problems"] = [
            {"column": p.column, "title": p.title, "value": p.value[:80], "reason": p.reason, "remedy": p.remedy,
             "severity": p.severity.value, "text": p.text}
            for p in one.problems
        ]  # fmt: skip
    return shown
