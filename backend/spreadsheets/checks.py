"""What is wrong with a row by the catalogue and the rules, before the registry is asked."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from backend.spreadsheets.fates import Fate, Importer, RowFate, problem_of
from backend.spreadsheets.packed import FigureColumn, PackedFigures
from backend.spreadsheets.records import (
    Figure,
    FigureValue,
    ReadRow,
    RecognitionEvent,
    RecognitionRecord,
    RowProblem,
    Severity,
)
from rules.catalogue import Indicator, Period, Type
from rules.facts import read_value

#: Titles that plans count and that have no rules of their own.
LIST_ONLY = frozenset({"national_top500", "china_mfg_top500"})
_NUMBERS = frozenset({Type.MONEY, Type.NUMBER, Type.COUNT, Type.HEADCOUNT, Type.PERCENT, Type.YEAR})
#: Numbers below this need no closer look: they were read as numbers of their indicator's form already.
_PLAIN_NUMBER = Decimal(10) ** 10


def first_look(row: ReadRow, importer: Importer) -> RowFate:
    """The row as it stands, refused where the file, the catalogue or the calendar contradict it."""
    problems = [*row.problems]
    figures = row.figures
    if not (isinstance(figures, PackedFigures) and _are_over(figures.columns, importer.today.year)):
        for figure in figures:
            problems += _problems_of_figure(row, figure, importer)
    for one in row.recognitions:
        problems += _problems_of_title(row, one, importer)
    is_bad = any(problem.severity is Severity.ERROR for problem in problems)
    return RowFate(row, Fate.REFUSED if is_bad else Fate.UNCHANGED, tuple(problems))


def _are_over(columns: tuple[FigureColumn, ...], this_year: int) -> bool:
    """Whether the years of some columns are not to come: of plain numbers nothing else can be wrong."""
    # All rows of a table share their columns. Whoever compared these with what was remembered would compare them all.
    last = _LAST_LOOKED_AT.get(columns_id := id(columns))
    if last is None or last[0] is not columns:
        _LAST_LOOKED_AT.clear()
        last = _LAST_LOOKED_AT[columns_id] = (columns, max((one.year for one in columns if one.year), default=0))
    return last[1] <= this_year


#: Columns of the rows looked at last, by identity, with the latest of their years.
_LAST_LOOKED_AT: dict[int, tuple[tuple[FigureColumn, ...], int]] = {}


def as_filed(value: FigureValue) -> Any:
    """A value as filings take it."""
    return value.isoformat() if isinstance(value, date) else value


def _problems_of_figure(row: ReadRow, figure: Figure, importer: Importer) -> Iterable[RowProblem]:
    indicator = importer.catalogue.by_name[figure.indicator]
    if reason := _why_not(indicator, figure.value):
        yield problem_of(row, f"“{indicator.name}”{reason}", "请改正", figure.column)
    if indicator.period is not Period.YEARLY:
        return
    if figure.year is None:
        yield problem_of(row, f"“{indicator.name}”没有年度", "请在列名里写明年份，或导入时指定年度", figure.column)
    elif figure.year > importer.today.year:
        yield problem_of(row, f"“{indicator.name}”是 {figure.year} 年的数，晚于今天", "请核对年度", figure.column)


def _why_not(indicator: Indicator, value: FigureValue) -> str:
    if isinstance(value, Decimal) and indicator.type in _NUMBERS and abs(value) < _PLAIN_NUMBER:
        return ""
    try:
        read_value(indicator, as_filed(value))
    except ValueError as error:
        return str(error)
    return ""


def _problems_of_title(row: ReadRow, one: RecognitionRecord, importer: Importer) -> Iterable[RowProblem]:
    # What a cell that cannot be read would have said is missing too; that is told already.
    if not one.programme and row.is_good and one.event is not RecognitionEvent.RENAMED:
        yield problem_of(row, "看不出是哪个认定项目", "请用“认定项目”指定，或在标题里写明")
    if one.programme and one.programme not in importer.library.by_name and one.programme not in LIST_ONLY:
        yield problem_of(row, f"规则库中没有认定项目“{one.programme}”", "请核对项目名称")
    if one.dated_on is None and row.is_good:
        yield problem_of(row, "没有日期", "请指定名单的日期，或在表中写明发证日期")
    if one.dated_on is not None and one.dated_on > importer.today:
        yield problem_of(row, f"日期 {one.dated_on} 在今天之后", "请核对日期")
    begins = one.valid_from or one.dated_on
    if begins is not None and one.valid_to is not None and one.valid_to < begins:
        yield problem_of(row, f"有效期止 {one.valid_to} 早于有效期起 {begins}", "请核对日期")
