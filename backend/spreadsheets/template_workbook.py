"""Workbooks to fill in: a head that is read again, drop-downs, notes at each column, and instructions.

Numbers that name something stand in columns of text, and nothing in the workbook is a formula.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from backend.spreadsheets.programme_names import find_programme
from backend.spreadsheets.template_columns import (
    CODE,
    NAME,
    Entry,
    TemplateColumn,
    identity,
    indicators_for,
    of_indicators,
    of_titles,
)
from rules.catalogue import Period
from rules.library import Library

#: So many rows have drop-downs and checks; more may be filled in.
_CHECKED_ROWS: Final = 20_000
_OPTIONS: Final = "选项"
_INSTRUCTIONS: Final = "填报说明"
_LONG_AGO: Final = date(1900, 1, 1)
_MOST: Final = 10**12
#: Excel shows no more of a hint.
_LONGEST_HINT: Final = 250


@dataclass(frozen=True)
class Asked:
    """What a workbook is to be for."""

    layout: str
    #: Whose indicators stand in it, or whose list it is.
    programme: str = "hnte"
    year: int = 2025
    #: Names of the regions to choose from.
    regions: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """The sheet to fill in."""

    name: str
    #: Lines above the head.
    lines: tuple[str, ...]
    columns: tuple[TemplateColumn, ...]


def sheet_of(asked: Asked, library: Library) -> Sheet:
    """What stands in the workbook of a layout."""
    called = library.programmes[asked.programme].source.name.zh
    indicators = indicators_for(library, asked.programme)
    who = (NAME, CODE)
    where = tuple(identity(asked.regions, asked.chains))
    match asked.layout:
        case "ledger":
            figures = of_indicators(indicators, library.catalogue, asked.year)
            certificate = (
                TemplateColumn(f"{called}证书编号", "照证书填写；没有的留空。", Entry.NAMING, width=22),
                TemplateColumn("发证日期", "年-月-日，如 2024-11-06。", Entry.DAY, width=13),
            )
            has_certificate = find_programme(called) == asked.programme
            columns = (*who, *where, *figures, *(certificate if has_certificate else ()))
            return Sheet("台账", (f"企业台账（{asked.year}年度）",), columns)
        case "figures":
            years = tuple(str(asked.year - back) for back in range(4))
            year = TemplateColumn(
                "年度", "这一行数据所属的年度，每个年度填一行。", choices=years, is_required=True, width=8
            )
            yearly = [one for one in indicators if one.period is Period.YEARLY]
            return Sheet("年度数据", (), (*who, year, *of_indicators(yearly, library.catalogue)))
        case "notice":
            number = TemplateColumn("证书编号", "照公告填写；没有的留空。", Entry.NAMING, width=22)
            remark = TemplateColumn("备注", "改过名称的写“原名称：……”。", width=30)
            region = next(one for one in where if one.choices == asked.regions)
            # The day is left open on purpose: one that was printed here would be imported unread.
            lines = (f"{asked.year}年第　批{called}名单", f"（公告日期：{asked.year}年　月　日）")
            return Sheet("名单", lines, (*who, region, number, remark))
        case "recognitions":
            return Sheet("认定记录", (), (*who, *of_titles(asked.programmes)))
        case _:
            return Sheet("企业", (), (*who, *where))


def template_workbook(asked: Asked, library: Library, known: Sequence[Mapping[str, str]] = ()) -> bytes:
    """The workbook; `known` are enterprises already in it, their cells by the heads of columns."""
    wanted = sheet_of(asked, library)
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        formats = _formats(book)
        sheet = book.add_worksheet(wanted.name)
        instructions = book.add_worksheet(_INSTRUCTIONS)
        hidden = book.add_worksheet(_OPTIONS)
        hidden.hide()
        _write_head(sheet, wanted, formats)
        _write_checks(sheet, hidden, wanted)
        first = len(wanted.lines) + 1
        for number, row in enumerate(known, start=first):
            for place, column in enumerate(wanted.columns):
                if said := row.get(column.title, ""):
                    sheet.write_string(number, place, said, formats[column.entry])
        _write_instructions(instructions, wanted, formats)
    return content.getvalue()


def _formats(book: xlsxwriter.Workbook) -> Mapping[str, Format]:
    def made(**properties: Any) -> Format:
        return book.add_format({"font_name": "宋体", "font_size": 11, "valign": "vcenter", **properties})

    head = {"bold": True, "text_wrap": True, "bg_color": "#DDEBF7", "border": 1, "align": "center"}
    return {
        "title": made(bold=True, font_size=14), "head": made(**head), "required": made(**head, font_color="#C00000"),
        Entry.TEXT: made(), Entry.NAMING: made(num_format="@"), Entry.DAY: made(num_format="yyyy-mm-dd"),
        Entry.NUMBER: made(num_format="#,##0.######"), Entry.WHOLE: made(num_format="0"), "wrapped": made(text_wrap=True),
    }  # fmt: skip


def _write_head(sheet: Worksheet, wanted: Sheet, formats: Mapping[str, Format]) -> None:
    for number, line in enumerate(wanted.lines):
        sheet.write_string(number, 0, line, formats["title"])
    head = len(wanted.lines)
    sheet.set_row(head, 34)
    for place, column in enumerate(wanted.columns):
        # The format of the whole column, so that rows further down keep codes as text, too.
        sheet.set_column(place, place, column.width, formats[column.entry])
        sheet.write_string(head, place, column.title, formats["required" if column.is_required else "head"])
        sheet.write_comment(head, place, column.hint, {"author": "梯度", "x_scale": 2})
    sheet.freeze_panes(head + 1, 1)


def _write_checks(sheet: Worksheet, options: Worksheet, wanted: Sheet) -> None:
    first = len(wanted.lines) + 1
    for place, column in enumerate(wanted.columns):
        check = _check(column, options, place)
        hint = column.hint if len(column.hint) <= _LONGEST_HINT else f"{column.hint[:_LONGEST_HINT]}…"
        shown = {"input_title": column.title[:32], "input_message": hint, "ignore_blank": True}
        sheet.data_validation(first, place, first + _CHECKED_ROWS - 1, place, {**check, **shown})


def _check(column: TemplateColumn, options: Worksheet, place: int) -> dict[str, Any]:
    if column.choices:
        for number, choice in enumerate(column.choices):
            options.write_string(number, place, choice)
        letter = xl_col_to_name(place)
        return {
            "validate": "list", "source": f"={_OPTIONS}!${letter}$1:${letter}${len(column.choices)}",
            "error_type": "information" if column.is_open else "stop", "error_title": "请从列表中选择",
            "error_message": "这一列请从下拉列表中选择。",
        }  # fmt: skip
    match column.entry:
        case Entry.DAY:
            rule: dict[str, Any] = {"validate": "date", "criteria": ">", "value": _LONG_AGO}
            message = "请填日期：年-月-日，如 2024-11-06。"
        case Entry.NUMBER | Entry.WHOLE:
            rule = {"validate": "decimal" if column.entry is Entry.NUMBER else "integer", **_bounds(column)}
            message = "请填数字，不带单位和文字；没有数据的留空。"
        case _:
            return {"validate": "any"}
    # A warning, not a wall: what is entered all the same is told row by row when the file is handed in.
    return {**rule, "error_type": "warning", "error_title": column.title[:32], "error_message": message}


def _bounds(column: TemplateColumn) -> dict[str, Any]:
    least = -_MOST if column.least is None else column.least
    return {"criteria": "between", "minimum": least, "maximum": _MOST if column.most is None else column.most}


def _write_instructions(sheet: Worksheet, wanted: Sheet, formats: Mapping[str, Format]) -> None:
    lines = (
        "填报说明",
        f"1. 在“{wanted.name}”表中填写，一家企业一行（逐年数据一家企业一个年度一行）；红色列名为必填。",
        "2. 列名上方的文字请补全（批次、公告日期），不要改动列名；不需要的列可以删去，或整列留空。",
        "3. 没有数据的留空，不要填“无”“约”“若干”等文字；金额以列名中的单位填写。",
        "4. 填好后在“导入”页上传，先看逐行结果，再决定是否导入；同一份文件导入两次不会重复。",
    )
    for number, line in enumerate(lines):
        sheet.write_string(number, 0, line, formats["title" if number == 0 else Entry.TEXT])
    head = len(lines) + 1
    for place, title in enumerate(("列", "是否必填", "怎样填")):
        sheet.write_string(head, place, title, formats["head"])
    for number, column in enumerate(wanted.columns, start=head + 1):
        sheet.write_string(number, 0, column.title, formats["wrapped"])
        sheet.write_string(number, 1, "必填" if column.is_required else "", formats["wrapped"])
        sheet.write_string(number, 2, column.hint, formats["wrapped"])
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 10)
    sheet.set_column(2, 2, 90)
