"""The results of a filled workbook, as a workbook: an answer for each enterprise and programme, and the cells in error."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import xlsxwriter

from backend.self_check import explaining
from backend.self_check.book_reading import Book, Row
from backend.self_check.book_template import OPTIONS
from backend.self_check.checking import SelfCheck
from backend.self_check.growth import gap_in_words
from backend.self_check.report import STATEMENT
from backend.web.filters import figure, outcome
from rules.evaluate import Answer, Outcome
from rules.library import Library
from rules.receipt import receipt
from rules.translation import enumerated, marked, say, sentences

_HEADS: Final = (
    (marked("原表行号"), 9), (marked("企业名称"), 36), (marked("统一社会信用代码"), 22), (marked("项目"), 26), (marked("结论"), 10),
    (marked("得分"), 12), (marked("不符合的条件"), 50), (marked("待补数据的条件"), 40), (marked("补齐这些数据即可判定"), 50),
    (marked("最省力的办法"), 60), (marked("规则版本"), 20), (marked("测评日"), 12), (marked("数据摘要"), 20),
)  # fmt: skip
_PROBLEM_HEADS: Final = (
    (marked("行"), 7), (marked("列"), 7), (marked("列名"), 30), (marked("填写内容"), 30), (marked("问题"), 80),
)  # fmt: skip


def results_book(book: Book, library: Library) -> bytes:
    """Answer every row, and write it all down; nothing else is kept."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, OPTIONS) as made:
        head = made.add_format(
            {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        wrap = made.add_format({"text_wrap": True, "valign": "top"})
        answers = (line for row in book.rows for line in _lines(row, library))
        _write(made.add_worksheet(say("结果")), _HEADS, answers, head, wrap)
        problems = ((one.row, one.column, one.title, one.text, one.problem) for one in book.problems)
        _write(made.add_worksheet(say("没有读入的单元格")), _PROBLEM_HEADS, problems, head, wrap)
        note = made.add_worksheet(say("说明"))
        note.set_column(0, 0, 100, wrap)
        note.write_string(0, 0, say(STATEMENT))
        note.write_string(1, 0, say("没有读入的单元格按缺失处理；改正后请重新上传。服务器没有保存上传的内容和结果。"))
    return content.getvalue()


def _write(
    sheet: Any, heads: tuple[tuple[str, int], ...], lines: Iterator[tuple[Any, ...]], head: Any, wrap: Any
) -> None:
    for column, (title, width) in enumerate(heads):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, say(title), head)
    number = 0
    for number, line in enumerate(lines, start=1):
        for column, value in enumerate(line):
            if isinstance(value, int):
                sheet.write_number(number, column, value, wrap)
            else:
                sheet.write_string(number, column, value[:32_767], wrap)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(1, number), len(heads) - 1)


def _lines(row: Row, library: Library) -> Iterator[tuple[Any, ...]]:
    check = SelfCheck(row.sheet, library)
    for answer in check.by_nearness:
        yield row.number, row.name, row.credit_code, *_answer(answer, check, library)
    if not check.answers:
        yield (
            row.number,
            row.name,
            row.credit_code,
            check.target.name,
            outcome("not_in_force"),
            "",
            check.not_in_force,
            *[""] * 6,
        )


def _answer(answer: Answer, check: SelfCheck, library: Library) -> tuple[str, ...]:
    source = answer.version.source
    settling = explaining.settling(answer, check.facts, library, frozenset())[:1]
    failed = [gap_in_words(one) for one in answer.reasons if one.outcome is Outcome.FAILED]
    return (
        answer.version.programme.name.said, outcome("likely" if answer.is_likely else str(answer.outcome)), _score(answer),
        sentences(failed), sentences(one.criterion.name for one in answer.reasons if one.outcome is Outcome.UNKNOWN),
        enumerated(explaining.fact_name(key, library) for keys in settling for key in keys), _mending(answer, check, library),
        say("{version}（{day} 起施行）", version=answer.version.id, day=source.in_force.from_), answer.as_of.isoformat(),
        receipt(answer.version, answer.as_of, check.sheet.facts)["facts"],
    )  # fmt: skip


def _mending(answer: Answer, check: SelfCheck, library: Library) -> str:
    if not check.target.is_single:
        return ""  # of every programme there is, it would take minutes; the page tells it for one
    first = [one.remedies[0].words for one in explaining.unmet(answer, check.facts, library) if one.remedies]
    return sentences(first)


def _score(answer: Answer) -> str:
    if answer.score is None:
        return ""
    low, high = answer.score
    return str(figure(low)) if low == high else f"{figure(low)} – {figure(high)}"
