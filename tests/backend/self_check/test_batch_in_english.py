"""A template in English, filled in, comes back as results in English: the same answers as in Chinese."""

from io import BytesIO
from typing import Any

import xlsxwriter
from httpx import AsyncClient

from backend.self_check.book_template import key_of
from rules.library import library
from rules.translation import speaking
from rules.wording import yes_or_no
from tests.backend.self_check.test_batch import HNTE, ON, as_row, results, sheets
from tests.write_translations import has_han

ENGLISH = {"accept-language": "en"}
_OUTCOMES = {"Eligible": "符合", "Ineligible": "不符合", "Undetermined": "待定"}


def typed(value: Any, choices: dict[str, str]) -> Any:
    """A value as an English reader types it."""
    if isinstance(value, bool):
        return yes_or_no(value)
    if value == []:
        return "none"
    return choices.get(value, value) if isinstance(value, str) else value


def cell(head: str, facts: dict[str, Any]) -> Any:
    """What stands under a head of the English template."""
    key = key_of(head, library())
    assert key is not None, head
    value = facts.get(key.indicator)
    if key.year is not None and isinstance(value, dict):
        value = value.get(str(key.year))
    return typed(value, dict(library().catalogue.by_name[key.indicator].choices))


def fill(template: bytes, rows: list[tuple[str, dict[str, Any]]]) -> bytes:
    """The template as it was handed out, with a row for each enterprise; every sheet goes back."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book, speaking("en"):
        for number, (title, lines) in enumerate(sheets(template).items()):
            sheet = book.add_worksheet(title)
            for row, line in enumerate(lines):
                sheet.write_row(row, 0, line)
            if number == 0:
                for row, (name, facts) in enumerate(rows, start=1):
                    sheet.write(row, 0, name)
                    for column, head in enumerate(lines[0][2:], start=2):
                        value = facts[head] if head in facts else cell(head, facts)
                        if value is not None:
                            sheet.write(row, column, value)
    return content.getvalue()


async def test_an_english_template_comes_back_as_english_results_with_the_same_answers(browser: AsyncClient) -> None:
    asked = {"target": "hnte", "as_of": ON.isoformat()}
    template = (await browser.post("/check/batch/template", data=asked, headers=ENGLISH)).content
    first = next(iter(sheets(template).values()))
    assert [head for head in first[0] if has_han(head)] == []
    # What the programme does not read has no column.
    whole = {name: value for name, value in HNTE.items() if name != "main_product_revenue"}
    short = whole | {"sci_tech_staff": {"2025": 10}}
    lacking = {name: value for name, value in whole.items() if name != "established_on"}
    head = next(one for one in first[0] if one.startswith("Sales revenue (2025)"))
    cases = [("One Ltd", whole), ("Two Ltd", short), ("Three Ltd", lacking), ("Four Ltd", whole | {head: "about 3000"})]
    sent = {"file": ("filled.xlsx", fill(template, cases))}
    made = sheets((await browser.post("/check/batch", files=sent, headers=ENGLISH)).content)
    answers, problems, notes = made.values()
    assert [text for rows in made.values() for row in rows for text in row if has_han(str(text))] == []
    in_chinese, _ = results([as_row(facts) for _, facts in cases[:3]])
    for line, other in zip(answers[1:4], in_chinese, strict=True):
        assert (_OUTCOMES[line[4]], line[5], line[12]) == (other["结论"], other["得分"], other["数据摘要"])
    assert "short by" in answers[2][6] and "2025" in answers[2][9]
    assert "Date of establishment" in answers[3][8]
    assert [(row[0], row[3]) for row in problems[1:]] == [(5, "about 3000")]
    assert "is no number" in problems[1][4] and notes[0][0].startswith("This report")
