"""What each layout makes of a row, how it is chosen, and the sentence for everything that is wrong."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backend.spreadsheets.layouts import LAYOUT_IDS
from backend.spreadsheets.reading import NoDataRows, NoTableFound, UnknownLayout
from backend.spreadsheets.records import ReadResult, RecognitionEvent, Severity, SkipReason
from tests.backend.spreadsheets.conftest import Read
from tests.backend.spreadsheets.test_tables import CODES, FIRMS


def _texts(result: ReadResult) -> list[str]:
    return [problem.text for problem in result.problems]


def test_a_problem_says_row_column_value_and_remedy_in_one_sentence(read: Read) -> None:
    rows: list[list[Any]] = [["企业名称", "2024年度销售收入（万元）"], *[[firm, 5] for firm in FIRMS]]
    rows[3][1] = "约3000"
    result = read(rows)
    assert _texts(result) == ["第 4 行“2024年度销售收入（万元）”填的是“约3000”，请改为数字，如 3000。"]
    assert [row.is_good for row in result.rows] == [True, True, False, True, True]


def test_the_problem_is_data_as_well(read: Read) -> None:
    (problem,) = read([["企业名称", "成立日期"], [FIRMS[0], "2024.13.1"]]).problems
    assert (problem.sheet, problem.row, problem.column, problem.title, problem.value) == (
        "Sheet1",
        2,
        "B",
        "成立日期",
        "2024.13.1",
    )
    assert (problem.kind, problem.severity) == ("impossible_date", Severity.ERROR)
    assert problem.text == "第 2 行“成立日期”填的是“2024.13.1”，没有 13 月，请改为日期，如 2024-05-01。"


def test_a_wrong_code_keeps_a_row_out_of_a_table_of_enterprises(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码"], [FIRMS[0], "91321202141879012A"]])
    assert not result.rows[0].is_good
    assert "校验码不符：末位是“A”，按前 17 位应为“G”" in _texts(result)[0]


def test_a_code_that_excel_rounded_is_refused_with_how_to_mend_it(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码"], [FIRMS[0], 913212021418790129]])
    assert "后几位已丢失" in _texts(result)[0]
    assert "“文本”" in _texts(result)[0]


def test_a_row_that_names_nobody_is_refused(read: Read) -> None:
    result = read([["企业名称", "地址", "2024年营业收入（万元）"], ["", "东路1号", 5]])
    assert _texts(result) == ["第 2 行，没有企业名称，也没有统一社会信用代码，请补填，或删去这一行。"]


# Two rows for one enterprise --------------------------------------------------------------------------


def test_the_same_row_twice_is_taken_once(read: Read) -> None:
    line = [FIRMS[0], CODES[0], "东路1号"]
    result = read([["企业名称", "统一社会信用代码", "地址"], line, line])
    assert (len(result.rows), [row.reason for row in result.skipped_rows]) == (1, [SkipReason.DUPLICATE])


def test_two_rows_that_contradict_each_other_are_pointed_out(read: Read) -> None:
    result = read(
        [
            ["企业名称", "统一社会信用代码", "成立日期"],
            [FIRMS[0], CODES[0], "2001-01-01"],
            [FIRMS[0], CODES[0], "2002-02-02"],
        ]
    )
    assert _texts(result) == ["第 3 行，与第 2 行是同一企业，但成立日期不同，请核对后只保留一行。"]


def test_one_figure_said_twice_with_two_values_is_pointed_out(read: Read) -> None:
    result = read(
        [["企业名称", "年度", "营业收入（万元）"], [FIRMS[0], 2024, 5], [FIRMS[0], 2023, 4], [FIRMS[0], 2024, 6]]
    )
    assert [row.is_good for row in result.rows] == [True, True, False]


# Figures ------------------------------------------------------------------------------------------------


def _values(result: ReadResult) -> dict[tuple[str, int | None], object]:
    return {(figure.indicator, figure.year): figure.value for row in result.rows for figure in row.figures}


def test_figures_are_read_with_a_column_for_the_year(read: Read) -> None:
    rows = [
        ["统一社会信用代码", "年度", "营业收入（万元）", "职工总数"],
        [CODES[0], "2023年度", 5, 10],
        [CODES[0], 2024.0, "６", "11人"],
    ]
    result = read(rows)
    assert result.layout == "figures"
    assert _values(result) == {
        ("operating_revenue", 2023): Decimal(5), ("employee_total", 2023): Decimal(10),
        ("operating_revenue", 2024): Decimal(6), ("employee_total", 2024): Decimal(11),
    }  # fmt: skip


def test_figures_are_read_in_long_form_with_a_unit_per_row(read: Read) -> None:
    rows = [
        ["企业名称", "指标", "年度", "数值", "计量单位"],
        [FIRMS[0], "营业收入", 2024, 3, "亿元"],
        [FIRMS[0], "职工总数", 2024, 55, "人"],
    ]
    result = read(rows)
    assert (result.layout, _values(result)) == (
        "figures",
        {("operating_revenue", 2024): Decimal(30000), ("employee_total", 2024): Decimal(55)},
    )


def test_an_indicator_nobody_knows_is_a_problem_in_long_form(read: Read) -> None:
    result = read([["企业名称", "指标", "年度", "数值"], [FIRMS[0], "快乐指数", 2024, 3]])
    assert "“快乐指数”，不是目录中的指标" in _texts(result)[0]


def test_last_year_is_counted_from_the_year_of_the_title(read: Read) -> None:
    rows = [["2024年度企业情况表"], ["企业名称", "本年营业收入（万元）", "上年营业收入（万元）"], [FIRMS[0], 5, 4]]
    assert _values(read(rows)) == {("operating_revenue", 2024): Decimal(5), ("operating_revenue", 2023): Decimal(4)}


def test_figures_of_part_of_a_year_are_not_taken_for_the_year(read: Read) -> None:
    result = read([["企业名称", "2024年营业收入（万元）", "2025年1-9月营业收入（万元）"], [FIRMS[0], 5, 4]])
    assert _values(result) == {("operating_revenue", 2024): Decimal(5)}
    assert "不是全年实际数" in " ".join(note.text for note in result.notes)


def test_yearly_figures_without_a_year_are_not_taken_and_that_is_said(read: Read) -> None:
    result = read([["企业名称", "地址", "营业收入（万元）"], [FIRMS[0], "东路", 5]])
    assert _values(result) == {}
    assert "没有写明年度" in " ".join(note.text for note in result.notes)


def test_money_without_any_unit_is_read_as_wan_and_that_is_said(read: Read) -> None:
    result = read([["企业名称", "2024年营业收入"], [FIRMS[0], 5]])
    assert _values(result) == {("operating_revenue", 2024): Decimal(5)}
    assert "按万元导入" in " ".join(note.text for note in result.notes)


def test_money_without_a_unit_that_looks_like_yuan_is_refused(read: Read) -> None:
    result = read([["企业名称", "2024年营业收入"], *[[firm, 552609080.63] for firm in FIRMS[:3]]])
    assert [problem.kind for problem in result.problems] == ["unit_unclear"] * 3
    assert _values(result) == {}


def test_two_columns_for_one_indicator_must_agree(read: Read) -> None:
    result = read([["企业名称", "2024年营业收入（万元）", "2024年营收（万元）"], [FIRMS[0], 5, 5], [FIRMS[1], 5, 6]])
    assert [row.is_good for row in result.rows] == [True, False]


def test_negative_heads_are_refused(read: Read) -> None:
    result = read([["企业名称", "2024年职工总数"], [FIRMS[0], -1]])
    assert [problem.kind for problem in result.problems] == ["out_of_range"]


def test_capital_in_dollars_does_not_keep_the_enterprise_out(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码", "注册资金"], [FIRMS[0], CODES[0], "100(万美元)"]])
    assert result.rows[0].is_good
    assert [problem.kind for problem in result.problems] == ["foreign_currency"]
    assert _values(result) == {}


# Identity ---------------------------------------------------------------------------------------------


def test_a_table_of_enterprises_gives_who_they_are(read: Read) -> None:
    result = read(
        [
            [
                "企业名称",
                "曾用名",
                "统一社会信用代码",
                "成立时间",
                "县（市、区）",
                "注册地址",
                "国民经济行业代码",
                "所属产业链",
                "是否规上",
            ],
            [
                FIRMS[0],
                "泰州甲有限公司、泰州乙有限公司",
                CODES[0],
                "2001.2.3",
                "泰州市海陵区",
                "泰州市东路1号",
                "C3484",
                "医疗器械产业链",
                "√",
            ],
        ]
    )
    enterprise = result.rows[0].enterprise
    assert result.layout == "enterprises"
    assert [former.name for former in enterprise.former_names] == ["泰州甲有限公司", "泰州乙有限公司"]
    assert (enterprise.region_code, enterprise.industry_code, enterprise.chains) == ("321202", "3484", ("医疗器械",))
    assert (enterprise.established_on, enterprise.is_above_scale) == (date(2001, 2, 3), True)


def test_an_unknown_region_or_industry_is_a_warning_and_left_out(read: Read) -> None:
    result = read([["企业名称", "所属区域", "行业代码"], [FIRMS[0], "火星区", "9999"]])
    assert result.rows[0].is_good
    assert [problem.kind for problem in result.problems] == ["unknown_region", "unknown_industry"]


def test_the_address_tells_the_district_where_the_table_only_names_the_city(read: Read) -> None:
    result = read([["企业名称", "地区", "注册地址"], [FIRMS[0], "泰州", "靖江市新桥镇利工路118号"]])
    assert result.rows[0].enterprise.region_code == "321282"


# Recognitions -------------------------------------------------------------------------------------------


def test_a_table_of_recognitions_takes_programmes_and_events_in_words(read: Read) -> None:
    result = read(
        [
            ["企业名称", "认定项目", "事项", "发证日期", "证书编号", "有效期至"],
            [FIRMS[0], "高新技术企业", "认定", "2024-11-19", "gr2024 32000001", "2027年11月18日"],
            [FIRMS[1], "国家级专精特新“小巨人”企业", "复核通过", "2024-09-01", "", ""],
            [FIRMS[2], "科技型中小企业", "撤销", "2024-09-01", "2024321202A8900001", ""],
        ]
    )
    found = [row.recognitions[0] for row in result.rows]
    assert result.layout == "recognitions"
    assert [one.programme for one in found] == ["hnte", "little_giant", "tech_sme"]
    assert [one.event for one in found] == [
        RecognitionEvent.GRANTED,
        RecognitionEvent.REVIEW_PASSED,
        RecognitionEvent.REVOKED,
    ]
    assert (found[0].number, found[0].valid_to) == ("GR202432000001", date(2027, 11, 18))


def test_programmes_and_events_nobody_knows_are_refused(read: Read) -> None:
    result = read([["企业名称", "认定项目", "事项", "日期", "批次"], [FIRMS[0], "最美企业", "表扬", "2024-01-01", ""]])
    assert [problem.kind for problem in result.problems][:2] == ["unknown_programme", "unknown_event"]


def test_a_recognition_without_its_day_is_refused(read: Read) -> None:
    result = read(
        [["企业名称", "认定项目", "发证日期"], [FIRMS[0], "高新技术企业", ""], [FIRMS[1], "高新技术企业", "2024年"]]
    )
    assert [problem.kind for problem in result.problems] == ["date_missing", "incomplete_date"]


def test_a_change_of_name_without_the_new_name_is_refused(read: Read) -> None:
    result = read(
        [["企业名称", "认定项目", "事项", "日期", "新名称"], [FIRMS[0], "高新技术企业", "更名", "2024-01-01", ""]]
    )
    assert [problem.kind for problem in result.problems] == ["new_name_missing"]


def test_a_ledger_gives_the_certificate_of_its_columns(read: Read) -> None:
    rows = [
        ["海陵区企业台账"],
        ["企业名称", "所属区域", "高企证书编号", "高企发证日期", "2024年营业收入（万元）"],
        [FIRMS[0], "海陵区", "GR202432000001", "2024年11月19日", 5],
        [FIRMS[1], "海陵区", "", "", 6],
    ]
    result = read(rows)
    assert result.layout == "ledger"
    assert [[(one.programme, one.dated_on) for one in row.recognitions] for row in result.rows] == [
        [("hnte", date(2024, 11, 19))],
        [],
    ]


# Choosing -----------------------------------------------------------------------------------------------


def test_a_layout_can_be_chosen_by_hand(read: Read) -> None:
    rows = [["企业名称", "地址", "2024年营业收入（万元）"], [FIRMS[0], "东路", 5]]
    assert {layout: read(rows, layout=layout).layout for layout in ("ledger", "enterprises", "figures")} == {
        layout: layout for layout in ("ledger", "enterprises", "figures")
    }


def test_a_layout_nobody_knows_is_refused_with_those_there_are(read: Read) -> None:
    with pytest.raises(UnknownLayout) as caught:
        read([["企业名称", "地址"], [FIRMS[0], "东路"]], layout="fancy")
    assert all(layout in str(caught.value) for layout in LAYOUT_IDS)


def test_a_file_without_a_head_is_refused_with_what_is_looked_for(read: Read) -> None:
    with pytest.raises(NoTableFound) as caught:
        read([["今天天气很好"], ["明天也是"]])
    assert "“企业名称”或“统一社会信用代码”列" in str(caught.value)


def test_a_head_without_rows_is_refused(read: Read) -> None:
    with pytest.raises(NoDataRows):
        read([["企业名称", "统一社会信用代码"]])


def test_a_table_with_figures_and_certificates_is_a_ledger_and_loses_neither(read: Read) -> None:
    head = [
        "企业名称",
        "2024年营业收入（万元）",
        "2025年营业收入（万元）",
        "研发费用（万元）",
        "高企证书编号",
        "发证日期",
    ]
    result = read([head, [FIRMS[0], 1, 2, "", "GR202432000001", "2024-11-06"]])
    assert result.layout == "ledger"
    (row,) = result.rows
    assert [figure.year for figure in row.figures] == [2024, 2025]
    assert [(one.programme, one.number) for one in row.recognitions] == [("hnte", "GR202432000001")]


def said(result: ReadResult) -> str:
    return "".join(note.text for note in result.notes)


def test_columns_that_a_layout_does_not_take_are_named(read: Read) -> None:
    rows = [["企业名称", "认定项目", "发证日期", "营业收入（万元）"], [FIRMS[0], "高新技术企业", "2024-11-06", 5]]
    result = read(rows, layout="recognitions")
    assert "按“认定记录表”不导入的列：D 列“营业收入（万元）”" in said(result)
    assert "按“年度数据表”不导入的列：B 列“认定项目”、C 列“发证日期”" in said(read(rows, layout="figures", year=2024))
