"""Many enterprises by workbook: the same answers as one by one, and bad cells named by row and column."""

import zipfile
from datetime import date
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter
from httpx import AsyncClient
from python_calamine import CalamineWorkbook

from backend.self_check.book_reading import UnreadableBook, read_book
from backend.self_check.book_results import results_book
from backend.self_check.book_template import DATA_SHEET, MOST_ROWS, NOTES_SHEET, template
from rules.answers import answer_request
from rules.library import library
from tests.backend.self_check.test_pages import facts_of

ON = date(2026, 7, 15)
HNTE = facts_of("hnte@2016")


def sheets(content: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def filled(rows: list[dict[str, Any]], target: str = "hnte", as_of: str = ON.isoformat()) -> bytes:
    """A template in which rows were filled in: column head → cell."""
    heads = list(
        dict.fromkeys(
            [
                *(str(head) for head in sheets(template("hnte", ON, library()))[DATA_SHEET][0]),
                *(head for row in rows for head in row),
            ]
        )
    )
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        data = book.add_worksheet(DATA_SHEET)
        data.write_row(0, 0, heads)
        for number, row in enumerate(rows, start=1):
            for head, value in row.items():
                data.write(number, heads.index(head), value)
        notes = book.add_worksheet(NOTES_SHEET)
        notes.write_row(0, 0, ["测评内容", target])
        notes.write_row(1, 0, ["测评日", as_of])
    return content.getvalue()


def as_row(facts: dict[str, Any], name: str = "甲公司") -> dict[str, Any]:
    """Facts as somebody types them into the columns of the template."""
    row: dict[str, Any] = {"企业名称": name}
    by_name = library().catalogue.by_name
    for one, value in facts.items():
        indicator = by_name[one]
        unit = f"，{indicator.unit or ('万元' if indicator.type == 'money' else '')}".rstrip("，")
        if isinstance(value, dict):
            row |= {f"{indicator.name}（{year} 年）{unit}": figure for year, figure in value.items()}
        else:
            row[f"{indicator.name}{unit}"] = (
                "无" if value == [] else ("是" if value else "否") if isinstance(value, bool) else value
            )
    return row


def results(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    made = sheets(results_book(read_book(filled(rows), "a.xlsx"), library()))
    head, *lines = made["结果"]
    return [dict(zip(head, line, strict=True)) for line in lines], made["没有读入的单元格"][1:]


def test_a_template_has_a_column_for_everything_the_law_reads() -> None:
    heads = sheets(template("hnte", ON, library()))[DATA_SHEET][0]
    assert heads[:2] == ["企业名称", "统一社会信用代码"]
    for head in (
        "销售收入（2023 年），万元",
        "销售收入（2025 年），万元",
        "成立日期",
        "Ⅰ类知识产权数，项",
        "高新技术企业证书",
    ):
        assert head in heads


def test_a_row_is_answered_as_the_command_line_answers_it() -> None:
    cases = [
        HNTE,
        HNTE | {"sci_tech_staff": {"2025": 10}},
        {name: value for name, value in HNTE.items() if name != "established_on"},
    ]
    lines, problems = results([as_row(facts, f"{number} 号") for number, facts in enumerate(cases)])
    assert problems == []
    words = {"eligible": "符合", "ineligible": "不符合", "undetermined": "待定"}
    for number, facts in enumerate(cases):
        answer = answer_request({"programme": "hnte", "as_of": ON.isoformat(), "facts": facts}, library())
        assert (lines[number]["原表行号"], lines[number]["企业名称"]) == (number + 2, f"{number} 号")
        assert lines[number]["结论"] == words[answer["outcome"]]
    assert "科技人员占比（现 5%，须 ≥ 10%，差 5%）" in lines[1]["不符合的条件"]
    assert "还差 10 人科技人员数" in lines[1]["最省力的办法"]
    assert lines[2]["补齐这些数据即可判定"] == "成立日期"


def test_bad_cells_are_named_by_row_and_column_and_the_rest_is_answered() -> None:
    row = as_row(HNTE) | {
        "销售收入（2025 年），万元": "约3000",
        "职工总数（全年月平均）（2025 年），人": "一百",
        "高新技术企业证书": "有一张",
    }
    lines, problems = results([as_row(HNTE), row])
    heads = sheets(filled([row]))[DATA_SHEET][0]
    found = {
        (one[0], heads["ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(one[1])] if len(one[1]) == 1 else one[2]): one[4]
        for one in problems
    }
    assert len(problems) == 3
    assert all(one[0] == 3 for one in problems)
    assert "不是数字" in found[3, "销售收入（2025 年），万元"]
    assert any("应写作“证书编号=…" in one[4] for one in problems)
    assert [line["结论"] for line in lines] == ["符合", "待定"]


def test_records_and_ticks_are_read_from_one_cell() -> None:
    row = as_row(HNTE) | {
        "高新技术企业证书": "证书编号=GR1；发证日期=2023-11-06\n发证日期：2020/12/2",
        "重大事故与违法": "无",
    }
    (one,) = read_book(filled([row]), "a.xlsx").rows
    assert one.sheet.facts["hnte_certificates"] == [
        {"number": "GR1", "issued_on": "2023-11-06"},
        {"issued_on": "2020-12-02"},
    ]
    assert one.sheet.facts["major_incidents"] == []


def test_a_column_that_nobody_knows_is_told() -> None:
    _, problems = results([as_row(HNTE) | {"利润（亿）": 3}])
    assert [(one[0], one[2]) for one in problems] == [(1, "利润(亿)")]
    assert "不是模板里的列" in problems[0][4]


def test_a_name_that_looks_like_a_formula_goes_back_as_text() -> None:
    made = results_book(read_book(filled([as_row(HNTE, name="=HYPERLINK(1)")]), "a.xlsx"), library())
    assert sheets(made)["结果"][1][1] == "=HYPERLINK(1)"
    with zipfile.ZipFile(BytesIO(made)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "空文件"),
        (b"%PDF-1.7", "PDF"),
        (filled([{"企业名称": "甲"}], target="gone"), "被改动过"),
        (filled([{"企业名称": "甲"}], as_of="明天"), "测评日"),
        (filled([]), "没有企业"),
        (filled([{"企业名称": f"{number}"} for number in range(MOST_ROWS + 1)]), "一次最多 1,000 家"),
    ],
    ids=["empty", "pdf", "target", "day", "no rows", "too many"],
)
def test_what_cannot_be_answered_is_refused_in_words(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableBook, match=told):
        read_book(content, "a.xlsx")


async def test_a_template_goes_out_and_the_results_come_back(browser: AsyncClient) -> None:
    assert (await browser.get("/check/batch")).status_code == 200
    out = await browser.post("/check/batch/template", data={"target": "hnte", "as_of": ON.isoformat()})
    assert DATA_SHEET in sheets(out.content)
    back = await browser.post("/check/batch", files={"file": ("填好.xlsx", filled([as_row(HNTE)]))})
    assert sheets(back.content)["结果"][1][4] == "符合"
    wrong = await browser.post("/check/batch", files={"file": ("x.xlsx", b"abc")})
    assert wrong.status_code == 422
