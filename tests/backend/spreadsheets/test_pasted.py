"""Tables pasted from Excel, web pages and documents, and everything that is pasted by mistake."""

import pytest

from backend.spreadsheets.pasted import MOST_CHARACTERS, PasteRefused, table_of
from backend.spreadsheets.reading import NoTableFound
from backend.spreadsheets.records import ReadResult
from tests.backend.spreadsheets.importing import read
from tests.factories import make_code

HEAD = "序号\t企业名称\t统一社会信用代码\t所在地区"


def pasted(text: str, title: str = "2025年度江苏省专精特新中小企业名单（2025年12月19日公告）") -> ReadResult:
    return read(table_of(text), f"{title}.csv")


def names(result: ReadResult) -> list[str]:
    return [row.enterprise.name for row in result.rows]


def test_cells_copied_from_excel_are_a_list():
    one, two = make_code(), make_code()
    result = pasted(f"{HEAD}\r\n1\t泰州甲科技有限公司\t{one}\t海陵区\r\n2\t泰州乙科技有限公司\t{two}\t兴化市\r\n")
    assert names(result) == ["泰州甲科技有限公司", "泰州乙科技有限公司"]
    assert [row.enterprise.credit_code for row in result.rows] == [one, two]
    assert {title.programme for row in result.rows for title in row.recognitions} == {"srdi_sme"}


def test_a_cell_of_two_lines_stands_in_quotes_and_stays_one():
    result = pasted(f'{HEAD}\n1\t"泰州甲科技\n有限公司"\t{make_code()}\t海陵区\n2\t泰州乙科技有限公司\t\t兴化市')
    assert names(result) == ["泰州甲科技有限公司", "泰州乙科技有限公司"]


def test_a_quote_that_nobody_closed_does_not_swallow_the_rest():
    lines = "\n".join(f"{number}\t泰州第{number}号有限公司\t\t海陵区" for number in range(2, 60))
    result = pasted(f'{HEAD}\n1\t"泰州甲科技有限公司\t{make_code()}\t海陵区\n{lines}')
    assert len(result.rows) == 59


def test_the_markup_of_a_web_page_gives_its_cells_only():
    code = make_code()
    markup = (
        "<style>td{color:red}</style><p>公示</p><table><tr><th>企业名称</th><th>统一社会信用代码</th></tr>"
        f"<tr><td><b>泰州甲&nbsp;科技</b>有限公司</td><td>{code}</td></tr></table><script>alert(1)</script>"
    )
    result = pasted(markup)
    assert [(row.enterprise.name, row.enterprise.credit_code) for row in result.rows] == [("泰州甲科技有限公司", code)]


def test_commas_part_a_table_as_well_if_every_line_has_them():
    assert names(pasted("企业名称,所在地区\n泰州甲科技有限公司,海陵区\n泰州乙科技有限公司,兴化市")) == [
        "泰州甲科技有限公司",
        "泰州乙科技有限公司",
    ]


def test_a_column_of_names_under_its_head_is_a_list():
    assert names(pasted("企业名称\n泰州甲科技有限公司\n泰州乙科技有限公司")) == [
        "泰州甲科技有限公司",
        "泰州乙科技有限公司",
    ]


@pytest.mark.parametrize("text", ["", "  \n\t \r\n ", "\u200b\xa0\n"])
def test_an_empty_paste_is_told(text: str):
    with pytest.raises(PasteRefused, match="没有粘贴任何内容"):
        table_of(text)


def test_a_single_column_without_its_head_is_refused_with_what_to_do():
    with pytest.raises(PasteRefused, match=r"只有一列.*选中整个表格复制"):
        table_of("泰州甲科技有限公司\n泰州乙科技有限公司")


def test_lines_parted_in_two_ways_are_refused_by_their_numbers():
    lines = [HEAD, "1\t泰州甲科技有限公司\t\t海陵区", "2,泰州乙科技有限公司,,兴化市", "3\t泰州丙科技有限公司\t\t海陵区"]
    with pytest.raises(PasteRefused, match="多数行用制表符分列，第 3 行不是"):
        table_of("\n".join(lines))


def test_title_lines_above_a_table_are_no_mixture():
    result = pasted(
        f"2025年度江苏省专精特新中小企业名单，共一家\n（公告日期：2025年12月19日）\n{HEAD}\n1\t泰州甲科技有限公司\t\t海陵区",
        "粘贴",
    )
    assert names(result) == ["泰州甲科技有限公司"]


def test_too_much_is_to_be_handed_in_as_a_file():
    with pytest.raises(PasteRefused, match=r"超过上限 3,000,000 个.*上传"):
        table_of("甲" * (MOST_CHARACTERS + 1))


def test_a_code_that_excel_made_a_number_is_taken_for_nobodys_and_told():
    (row,) = pasted(f"{HEAD}\n1\t泰州甲科技有限公司\t9.13212E+17\t海陵区").rows
    assert row.enterprise.credit_code is None
    assert "9.13212E+17" in row.problems[0].text
    assert "文本" in row.problems[0].text


def test_two_tables_one_below_the_other_are_both_read():
    second = "序号\t企业名称\t统一社会信用代码\t证书编号"
    result = pasted(f"{HEAD}\n1\t泰州甲科技有限公司\t\t海陵区\n\n{second}\n1\t泰州乙科技有限公司\t\tGR202532000001")
    assert names(result) == ["泰州甲科技有限公司", "泰州乙科技有限公司"]
    assert len(result.tables) == 2


def test_text_without_a_head_is_refused_by_the_reader():
    with pytest.raises(NoTableFound, match="请确认表头"):
        pasted("泰州甲科技有限公司\t海陵区\n泰州乙科技有限公司\t兴化市")
