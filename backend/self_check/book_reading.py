"""A filled workbook read: an enterprise for each row, and every cell that cannot be used by its row and column."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from backend.self_check.book_template import DATA_SHEET, DAY_LABEL, MOST_ROWS, NOTES_SHEET, TARGET_LABEL, WHO, key_of
from backend.self_check.entries import name_of, take
from backend.self_check.sheet import Sheet
from backend.self_check.targets import UnknownTarget, target
from backend.spreadsheets.cells import plain
from backend.spreadsheets.workbook import Cell, LostValue, WorkbookError, column_letter, is_blank, open_workbook
from rules.catalogue import Indicator, Type
from rules.facts import read_date
from rules.library import Library, library
from rules.translation import LANGUAGES, marked, say, sentences, speaking
from rules.values import FactKey
from rules.wording import fact_name

MOST_MEGABYTES: Final = 5
_NONE: Final = frozenset({"无", "没有", "none", "None"})


class UnreadableBook(Exception):
    """The workbook as a whole cannot be used; `str()` is Chinese."""

    status_code = 400


@dataclass(frozen=True)
class CellProblem:
    """One cell that was not taken: where, what stood there, and what to do."""

    row: int
    column: str
    title: str
    text: str
    problem: str


@dataclass(frozen=True)
class Row:
    """One enterprise of a workbook."""

    number: int
    name: str
    credit_code: str
    sheet: Sheet


@dataclass(frozen=True)
class Book:
    """A filled workbook."""

    target: str
    as_of: date
    rows: Sequence[Row]
    problems: Sequence[CellProblem]


def read_book(content: bytes, name: str) -> Book:
    """Read a filled template, in the language in which it was made; the values in it are alike in all.

    Raises:
        UnreadableBook: it is none, or holds more than is answered at once.
    """
    try:
        book = open_workbook(content, name, MOST_MEGABYTES)
    except WorkbookError as error:
        raise UnreadableBook(str(error)) from error
    sheets = {one.name: one.rows for one in book.sheets}
    for made_in in LANGUAGES:
        with speaking(made_in):
            if say(DATA_SHEET) in sheets and say(NOTES_SHEET) in sheets:
                return _read(sheets[say(DATA_SHEET)], sheets[say(NOTES_SHEET)], library())
    raise UnreadableBook(
        say(
            "文件中没有“{data}”和“{notes}”两张表。请下载本页的模板填写，另存时保留这两张表（.xlsx）。",
            data=say(DATA_SHEET), notes=say(NOTES_SHEET),
        )
    )  # fmt: skip


def _read(data: Sequence[Sequence[Cell]], notes: Sequence[Sequence[Cell]], library: Library) -> Book:
    wanted, as_of = _asked(notes, library)
    filled = [(number, row) for number, row in enumerate(data[1:], start=2) if any(not is_blank(cell) for cell in row)]
    if not filled:
        raise UnreadableBook(say("“{sheet}”中没有企业。请从第 2 行起每家企业填一行。", sheet=say(DATA_SHEET)))
    if len(filled) > MOST_ROWS:
        raise UnreadableBook(
            say("文件中有 {count:,} 家企业，一次最多 {most:,} 家，请分成几个文件。", count=len(filled), most=MOST_ROWS)
        )
    problems: list[CellProblem] = []
    columns = dict(_columns(data[0] if data else [], library, problems))
    rows = [_row(number, row, columns, Sheet(wanted, as_of), library, problems) for number, row in filled]
    return Book(wanted, as_of, rows, problems)


def _asked(notes: Sequence[Sequence[Cell]], library: Library) -> tuple[str, date]:
    said = {plain(row[0]): plain(row[1]) for row in notes if len(row) > 1}
    try:
        return target(said.get(say(TARGET_LABEL), ""), library).id, read_date(said.get(say(DAY_LABEL), ""))
    except UnknownTarget as error:
        raise UnreadableBook(
            say(
                "“{sheet}”表的“{label}”被改动过：{problem}请重新下载模板。",
                sheet=say(NOTES_SHEET),
                label=say(TARGET_LABEL),
                problem=error,
            )
        ) from error
    except ValueError as error:
        raise UnreadableBook(
            say(
                "“{sheet}”表的“{label}”{problem}。请改正或重新下载模板。",
                sheet=say(NOTES_SHEET),
                label=say(DAY_LABEL),
                problem=error,
            )
        ) from error


def _columns(
    head: Sequence[Cell], library: Library, problems: list[CellProblem]
) -> Iterator[tuple[int, FactKey | str]]:
    seen: set[FactKey] = set()
    who = {say(title): title for title in WHO}
    for place, cell in enumerate(head):
        title = plain(cell)
        key = key_of(_as_written(cell), library)
        if title in who:
            yield place, who[title]
        elif key is not None and key not in seen:
            seen.add(key)
            yield place, key
        elif title:
            repeated, foreign = say("与前面一列重复，没有读入"), say("不是模板里的列，没有读入；请保留模板原来的表头")
            why = repeated if key is not None else foreign
            problems.append(CellProblem(1, column_letter(place), title, title, why))


def _as_written(cell: Cell) -> str:
    """A head with the punctuation of the template: `plain` would make its brackets narrow."""
    return str(cell).strip()


def _row(
    number: int,
    cells: Sequence[Cell],
    columns: dict[int, FactKey | str],
    sheet: Sheet,
    library: Library,
    problems: list[CellProblem],
) -> Row:
    who: dict[str, str] = {}
    form: list[tuple[str, str]] = []
    places: dict[str, int] = {}
    for place, key in columns.items():
        cell = cells[place] if place < len(cells) else ""
        if is_blank(cell):
            continue
        if isinstance(key, str):
            who[key] = plain(cell)
            continue
        indicator = library.catalogue.by_name[key.indicator]
        if isinstance(cell, LostValue):
            problems.append(_problem(number, place, key, indicator, str(cell), say("公式没有结果，请改为数值")))
            continue
        try:
            fields = list(_fields(key, indicator, cell))
        except _MalformedRecord as error:
            problems.append(_problem(number, place, key, indicator, str(cell)[:200], str(error)))
            continue
        form += fields
        places |= dict.fromkeys((field for field, _ in fields), place)
    taken = take(form, sheet, library)
    for field, words in taken.errors.items():
        place = places.get(field, next(iter(places.values()), 0))
        key = columns[place]
        assert isinstance(key, FactKey)
        said = str(cells[place])[:200]
        problems.append(_problem(number, place, key, library.catalogue.by_name[key.indicator], said, words))
    return Row(number, who.get(WHO[0], ""), who.get(WHO[1], ""), taken.sheet)


def _problem(row: int, place: int, key: FactKey, indicator: Indicator, text: str, words: str) -> CellProblem:
    return CellProblem(row, column_letter(place), fact_name(key, indicator), text, words)


def _fields(key: FactKey, indicator: Indicator, cell: Cell) -> Iterator[tuple[str, str]]:
    """A cell as fields of the form."""
    text = plain(cell)
    if indicator.type is Type.LIST:
        yield from _records(indicator, str(cell))
    elif key.year is None and text in _NONE and text not in indicator.choices.values():
        yield f"none.{indicator.id}", "on"
        yield name_of(key), ""
    else:
        yield name_of(key), text


class _MalformedRecord(ValueError):
    """A record that does not say which field each value is; the text says how it is written."""


def _records(indicator: Indicator, written: str) -> Iterator[tuple[str, str]]:
    if plain(written) in _NONE:
        yield f"none.{indicator.id}", "on"
        return
    by_name = {one.name: one.id for one in indicator.fields}
    for number, line in enumerate((one for one in re.split(r"[\n|｜]", written) if one.strip()), start=1):
        for part in (one for one in re.split(r"[;；]", line) if one.strip()):
            name, found, value = re.sub("[＝：:]", "=", part).partition("=")
            if not found or name.strip() not in by_name:
                how = sentences(f"{one}=…" for one in by_name)
                words = marked("“{name}”第 {number} 条应写作“{how}”，经查没有的写“{none}”")
                raise _MalformedRecord(say(words, name=indicator.name, number=number, how=how, none=say("无")))
            if value.strip():
                yield f"r.{indicator.id}.{number}.{by_name[name.strip()]}", value.strip()
