"""Importing: a dry run that tells every row's fate, then all rows or the good ones, in one transaction.

The dry run does what the import would do and takes it back, so what it tells is what happens. It leaves out only what
could not tell anything: writing an enterprise that no other row speaks of, and filings that nobody will ask for. The
same file handed in twice changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.service import FilingDraft, file_each, project
from backend.spreadsheets.checks import as_filed, first_look
from backend.spreadsheets.fates import Fate, Importer, Report, RowFate
from backend.spreadsheets.grouping import Links, joined_with, portions
from backend.spreadsheets.identifying import identify, suggest
from backend.spreadsheets.journal import begin_noting, note_touched
from backend.spreadsheets.kept_rows import KeptRows
from backend.spreadsheets.looking_ahead import RowsAhead
from backend.spreadsheets.packed import PackedFigures
from backend.spreadsheets.progress import PartProgress, Progress, Stage
from backend.spreadsheets.records import Figure, ReadResult, ReadRow
from backend.spreadsheets.titles import take_titles

__all__ = ["Fate", "ImportRefused", "Importer", "Report", "digest", "dry_run", "run_import"]

#: What the filings of a workbook are called as a source.
SOURCE = "spreadsheet"
#: Rows that are worked on at once, and enterprises whose projection is worked out: the names in pinyin of as many, and of
#: those looked at meanwhile, are remembered.
_PORTION = 2_000
_TOLD_EVERY = 500


class ImportRefused(Exception):
    """Rows are wrong and all were wanted; nothing was written."""

    status_code = 422

    def __init__(self, report: Report) -> None:
        self.report = report
        refused = report.refused
        first = next((problem.text for one in refused for problem in one.problems), "")
        super().__init__(
            f"有 {len(refused)} 行有问题，本次未写入任何数据。例如：{first}"
            "改好后请重新导入，或选择“只导入没有问题的行”。"
        )


async def dry_run(session: AsyncSession, result: ReadResult, importer: Importer) -> Report:
    """What an import of the good rows would do; nothing stays written."""
    savepoint = await session.begin_nested()
    try:
        return await _import_good_rows(session, result, replace(importer, is_trial=True))
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
        raise ImportRefused(report)
    await savepoint.commit()
    if importer.import_id is not None:
        await _revive(session, report.touched)
        await note_touched(session, importer.import_id, report.touched)
    if report.touched:
        # What follows from the filings cannot be refused, so that a dry run does without it.
        for start in range(0, len(report.touched), _PORTION):
            importer.progress.tell(Stage.PROJECTING, start, len(report.touched))
            await project(session, report.touched[start : start + _PORTION], importer.catalogue)
    return report


async def _revive(session: AsyncSession, enterprise_ids: Sequence[int]) -> None:
    """Whom an import had registered that was undone, and now another one speaks of, is one of the registry again."""
    await session.execute(
        text("UPDATE enterprise SET status = 'active' WHERE id = ANY(:ids) AND status = 'withdrawn'"),
        {"ids": list(enterprise_ids)},
    )


async def _import_good_rows(session: AsyncSession, result: ReadResult, importer: Importer) -> Report:
    """Import what can be; a row that turns out wrong only after something was written for it takes that back."""
    wrong: dict[str, RowFate] = {}
    links = Links()
    while True:
        savepoint = await session.begin_nested()
        linked = len(links.pairs)
        report = await _import_rows(session, result, importer, wrong, links)
        spoilt = {one.place: one for one in report.refused if one.has_written and one.place not in wrong}
        if len(links.pairs) > linked:
            # Rows have to do with each other of which that was not known: who is refused is seen when they are together.
            links.begin_anew()
        elif not spoilt:
            await savepoint.commit()
            return report
        else:
            wrong |= spoilt
            links.begin_anew()
        await savepoint.rollback()


async def _import_rows(
    session: AsyncSession, result: ReadResult, importer: Importer, wrong: Mapping[str, RowFate], links: Links
) -> Report:
    if importer.import_id is not None:
        await begin_noting(session)
    rows, fates, touched = result.rows, list[RowFate](), set[int]()
    if isinstance(rows, KeptRows):
        stage = Stage.CHECKING if importer.is_trial else Stage.FILING
        importer.progress.tell(stage, 0, len(rows))
        some_by_some = portions(len(rows), joined_with(rows.together, links.pairs), _PORTION)
        unheard = replace(importer, progress=Progress())
        look = partial(_looked_at, rows, importer=unheard, wrong=wrong)
        ahead = RowsAhead(look, may_register=not importer.is_trial)
        async with aclosing(ahead.portions(some_by_some)) as looked_at:
            async for some in looked_at:
                progress = PartProgress(stage, len(fates), len(rows), whole=importer.progress)
                touched |= await _import_portion(session, some, replace(importer, progress=progress), links)
                for one in some:
                    one.let_go(rows)
                fates += some
        # Rows that hang together were taken together, wherever they stand.
        fates.sort(key=lambda one: one.at)
    else:
        fates += _looked_at(rows, range(len(rows)), importer, wrong)
        touched |= await _import_portion(session, fates, importer)
    await suggest(session, fates, importer)
    return Report(result, fates, sorted(touched))


async def _import_portion(
    session: AsyncSession, fates: Sequence[RowFate], importer: Importer, links: Links | None = None
) -> set[int]:
    """Import rows that no other row of the file has to do with. Returns the enterprises that were written of."""
    good = [one for one in fates if one.fate is not Fate.REFUSED]
    for one in good:
        if one.only_tells:
            one.fate = Fate.NOTED
    rest = [one for one in good if not one.only_tells]
    importer.progress.tell(Stage.MATCHING, 0, len(rest))
    touched = await identify(session, rest, importer, links)
    identified = [one for one in rest if one.enterprise_id is not None and one.fate is not Fate.REFUSED]
    touched |= await _file(session, identified, importer)
    importer.progress.tell(Stage.TITLES, 0, len(identified))
    return touched | await take_titles(session, identified, importer)


def _looked_at(
    rows: Sequence[ReadRow], places: Sequence[int], importer: Importer, wrong: Mapping[str, RowFate]
) -> Iterator[RowFate]:
    for number, place in enumerate(places):
        if number % _TOLD_EVERY == 0:
            importer.progress.tell(Stage.CHECKING, number, len(places))
        one = first_look(rows[place], importer)
        one.at = place
        yield wrong.get(one.place, one) if wrong else one


async def _file(session: AsyncSession, fates: Sequence[RowFate], importer: Importer) -> set[int]:
    """Each row's figures, a filing for each year; some thousand rows at a time, so that not all are held as filings."""
    touched: set[int] = set()
    rows_of = Counter(one.enterprise_id for one in fates) if importer.is_trial else {}
    for start in range(0, len(fates), _PORTION):
        importer.progress.tell(Stage.FILING, start, len(fates))
        some = fates[start : start + _PORTION]
        # What a later row says is compared with what an earlier one of the same enterprise said.
        asked = [one for one in some if rows_of.get(one.enterprise_id) == 1]
        touched |= await _file_some(session, asked, importer, is_trial=True)
        filed = [one for one in some if rows_of.get(one.enterprise_id) != 1] if asked else some
        touched |= await _file_some(session, filed, importer)
    return touched


async def _file_some(
    session: AsyncSession, fates: Sequence[RowFate], importer: Importer, *, is_trial: bool = False
) -> set[int]:
    owned = [(one, draft) for one in fates for draft in _drafts(one, importer)]
    if not owned:
        return set()
    is_new = await file_each(
        session, [draft for _, draft in owned], importer.catalogue,
        recorded_by=importer.person_id, import_id=importer.import_id, is_checked=True, is_trial=is_trial,
    )  # fmt: skip
    news = [one for (one, _), new in zip(owned, is_new, strict=True) if new]
    for one in news:
        one.improve(Fate.CHANGED)
    return {one.enterprise_id for one in news if one.enterprise_id is not None}


def _drafts(one: RowFate, importer: Importer) -> Sequence[FilingDraft]:
    figures = one.row.figures
    by_year: Iterable[tuple[int | None, Mapping[str, Any]]]
    by_year = figures.by_year() if isinstance(figures, PackedFigures) else _by_year(figures).items()
    drafts = [
        FilingDraft(one.enterprise_id or 0, SOURCE, year, values, importer.today, one.row.sheet)
        for year, values in by_year
    ]
    assert one.enterprise_id is not None or not drafts
    return drafts


def _by_year(figures: Sequence[Figure]) -> dict[int | None, dict[str, Any]]:
    by_year: dict[int | None, dict[str, Any]] = {}
    for figure in figures:
        by_year.setdefault(figure.year, {})[figure.indicator] = as_filed(figure.value)
    return by_year


def digest(content: bytes) -> str:
    """What identifies a file's content."""
    return hashlib.sha256(content).hexdigest()
