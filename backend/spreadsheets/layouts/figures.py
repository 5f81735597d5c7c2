"""年度数据表: figures by year, in one of three shapes.

wide, a column a figure and year     企业名称 | 2023年营业收入 | 2024年营业收入
wide, a column for the year          企业名称 | 年度 | 营业收入 | 研发费用
long                                 企业名称 | 指标 | 年度 | 数值 | 单位
"""

from collections.abc import Iterable

from backend.spreadsheets import cells
from backend.spreadsheets.cells import CellProblem, MoneyUnit
from backend.spreadsheets.columns import Column, Field, Vocabulary, is_yearly, parse_title
from backend.spreadsheets.context import Context
from backend.spreadsheets.header import Table
from backend.spreadsheets.layouts.base import OF_TITLES
from backend.spreadsheets.records import Figure, FigureValue, ReadRow
from backend.spreadsheets.row_reader import RowReader, TableReader
from rules.catalogue import Indicator, Period


class Figures:
    """What enterprises reported each year."""

    id = "figures"
    title = "年度数据表"
    leaves: frozenset[Field] = OF_TITLES

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def matches(self, table: Table, context: Context) -> int:
        """Indicators, as columns or as rows."""
        if not any(table.has(one) for one in (Field.NAME, Field.CODE, Field.STOCK_CODE)):
            return 0
        if table.has(Field.INDICATOR, Field.VALUE):
            return 95
        yearly = [column for column in table.figures if is_yearly(column)]
        if not yearly:
            return 5 if table.figures else 0
        dated = table.has(Field.YEAR) or any(column.year for column in yearly)
        return min(78, 58 + 4 * len(yearly) + (10 if dated else 0))

    def read(self, reader: TableReader) -> Iterable[ReadRow]:
        """Whom, and the figures."""
        if reader.table.has(Field.INDICATOR, Field.VALUE):
            return reader.rows_read(self._read_long)
        return reader.rows_read(_read_wide)

    def _read_long(self, row: RowReader) -> ReadRow:
        enterprise = row.enterprise()
        named, value = row.table.column(Field.INDICATOR), row.table.column(Field.VALUE)
        text = row.take(named, cells.read_text) or ""
        indicator = self._vocabulary.indicator(text)
        if named is None or value is None or indicator is None:
            row.report(
                named,
                CellProblem(
                    "unknown_indicator", "不是目录中的指标" if text else "", "请填写指标目录中的名称，如“营业收入”"
                ),
            )
            return row.done(enterprise)
        title = parse_title(text)
        year = title.year or row.take(row.table.column(Field.YEAR), cells.read_year) or row.context.year
        if indicator.period is Period.YEARLY and year is None:
            row.report(
                row.table.column(Field.YEAR),
                CellProblem("year_missing", "" if row.table.has(Field.YEAR) else "没有写明年度", "请填写年度，如 2024"),
            )
            return row.done(enterprise)
        unit = _unit(row) or title.unit
        read = row.figure_value(value, indicator, unit)
        if read is None:
            return row.done(enterprise)
        return row.done(enterprise, (_figure(indicator, year, read, value),))


def _figure(indicator: Indicator, year: int | None, value: FigureValue, column: Column) -> Figure:
    return Figure(indicator.id, year if indicator.period is Period.YEARLY else None, value, column.letter)


def _unit(row: RowReader) -> MoneyUnit | None:
    return row.take(row.table.column(Field.UNIT), lambda cell: cells.money_unit(cells.plain(cell)))


def _read_wide(row: RowReader) -> ReadRow:
    enterprise = row.enterprise()
    year = row.table.column(Field.YEAR)
    if year is not None and cells.says_nothing(row.row.cell(year)):
        row.report(year, CellProblem("year_missing", "", "请填写年度，如 2024"))
    return row.done(enterprise, row.figures())
