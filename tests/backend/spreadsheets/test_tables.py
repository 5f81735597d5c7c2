"""Where the head is, which rows are records, and what the lines around a table say."""

from datetime import date
from decimal import Decimal

import pytest

from backend.spreadsheets.records import ReadResult, RecognitionEvent, SkipReason
from tests.backend.spreadsheets.conftest import Read

CODES = ["91321202141879012G", "91321202703976755T", "91321202141874238C", "91321202722267487E", "913212027286984641"]
FIRMS = [
    "江苏明星减震器有限公司",
    "泰州市泰山建筑安装工程有限公司",
    "泰州市园艺场有限公司",
    "泰州市金牛特种橡胶有限公司",
    "泰州市东升建设工程有限公司",
]


def _names(result: ReadResult) -> list[str]:
    return [row.enterprise.name for row in result.rows]


def _skipped(result: ReadResult, reason: SkipReason) -> list[int]:
    return [row.row for row in result.skipped_rows if row.reason is reason]


def _figures(result: ReadResult) -> dict[tuple[str, str, int | None], object]:
    return {(row.enterprise.name, f.indicator, f.year): f.value for row in result.rows for f in row.figures}


def test_title_lines_above_the_head_do_not_count_as_rows(read: Read) -> None:
    result = read(
        [["附件1"], ["泰州市企业花名册"], [], ["序号", "企业名称", "注册地址"], [1, FIRMS[0], "泰州市东路1号"]]
    )
    assert (_names(result), result.rows[0].row) == (FIRMS[:1], 5)


def test_a_head_of_two_rows_gives_each_column_both_words(read: Read) -> None:
    result = read(
        [
            ["序号", "企业信息", "", "营业收入（万元）", ""],
            ["", "名称", "统一社会信用代码", "2023年", "2024年"],
            [1, FIRMS[0], CODES[0], 10, 20.5],
        ],
        merges=["A1:A2", "B1:C1", "D1:E1"],
    )
    assert _figures(result) == {
        (FIRMS[0], "operating_revenue", 2023): Decimal(10),
        (FIRMS[0], "operating_revenue", 2024): Decimal("20.5"),
    }


def test_a_head_of_two_rows_is_found_in_text_too_where_nothing_is_merged(read: Read) -> None:
    text = f"序号,企业信息,,2024年,\n,名称,统一社会信用代码,营业收入（万元）,职工总数（人）\n1,{FIRMS[0]},{CODES[0]},10,5\n"
    result = read(text.encode(), "表.csv")
    assert _figures(result) == {
        (FIRMS[0], "operating_revenue", 2024): Decimal(10),
        (FIRMS[0], "employee_total", 2024): Decimal(5),
    }


def test_a_row_of_units_under_the_head_gives_the_units(read: Read) -> None:
    result = read([["企业名称", "2024年营业收入", "2024年职工总数"], ["", "元", "人"], [FIRMS[0], 123456, 7]])
    assert _figures(result)[FIRMS[0], "operating_revenue", 2024] == Decimal("12.3456")


def test_a_row_that_counts_the_columns_is_no_record(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码", "地址"], [1, 2, 3], [FIRMS[0], CODES[0], "东路"]])
    assert (_names(result), _skipped(result, SkipReason.REPEATED_HEAD)) == (FIRMS[:1], [2])


def test_the_head_repeated_at_a_page_break_is_left_out(read: Read) -> None:
    head = ["序\n号", "企业名称", "所属地区"]
    result = read([head, [1, FIRMS[0], "海陵区"], ["序号", "企业名称", "所属地区"], [2, FIRMS[1], "海陵区"]])
    assert (_names(result), _skipped(result, SkipReason.REPEATED_HEAD)) == (FIRMS[:2], [3])


@pytest.mark.parametrize("label", ["合计", "小　计", "总  计", "海陵区小计", "合计：2家", "共2家"])
def test_subtotals_are_left_out(read: Read, label: str) -> None:
    result = read([["序号", "企业名称", "2024年营业收入（万元）"], [1, FIRMS[0], 5], [2, FIRMS[1], 6], [label, "", 11]])
    assert (_names(result), _skipped(result, SkipReason.SUBTOTAL)) == (FIRMS[:2], [4])


def test_an_enterprise_whose_name_speaks_of_sums_is_none(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码"], ["泰州合计财务咨询有限公司", CODES[0]]])
    assert _names(result) == ["泰州合计财务咨询有限公司"]


@pytest.mark.parametrize(
    "line",
    [
        "注：1.数据截至2024年底。",
        "说明：请如实填写",
        "填报人：张某　　审核人：李某",
        "（盖章）",
        "备注：以上企业排名不分先后",
        "2025年1月1日",
        "泰州市科学技术局",
    ],
)
def test_notes_and_signatures_below_are_left_out(read: Read, line: str) -> None:
    result = read([["序号", "企业名称", "地址"], [1, FIRMS[0], "东路1号"], [line]])
    assert (_names(result), _skipped(result, SkipReason.NOTE)) == (FIRMS[:1], [3])


def test_example_rows_are_left_out(read: Read) -> None:
    result = read(
        [["企业名称", "统一社会信用代码"], ["某某（示例）有限公司", "91321200XXXXXXXXXX"], [FIRMS[0], CODES[0]]]
    )
    assert (_names(result), _skipped(result, SkipReason.EXAMPLE)) == (FIRMS[:1], [2])


def test_preprinted_empty_lines_are_nothing(read: Read) -> None:
    result = read([["序号", "企业名称", "地址"], [1, FIRMS[0], "东路1号"], [2, "", ""], [3, "", ""]])
    assert (len(result.rows), result.skipped_rows) == (1, ())


def test_a_merged_region_holds_for_all_its_rows(read: Read) -> None:
    rows = [
        ["地区", "企业名称", "地址"],
        ["海陵区", FIRMS[0], "甲"],
        ["", FIRMS[1], "乙"],
        ["姜堰区", FIRMS[2], "丙"],
        ["", FIRMS[3], "丁"],
    ]
    result = read(rows, merges=["A2:A3", "A4:A5"])
    assert [row.enterprise.region_code for row in result.rows] == ["321202", "321202", "321204", "321204"]


def test_a_region_that_was_merged_before_it_became_text_still_holds(read: Read) -> None:
    lines = ["地区,企业名称", *(f"{'海陵区' if n == 0 else ''},{firm}" for n, firm in enumerate(FIRMS))]
    result = read("\n".join(lines).encode(), "表.csv")
    assert [row.enterprise.region_code for row in result.rows] == ["321202"] * 5


def test_a_groups_heading_gives_the_region_of_the_rows_below(read: Read) -> None:
    rows = [
        ["序号", "企业名称", "地址"],
        ["一、海陵区（1家）"],
        [1, FIRMS[0], "东路"],
        ["二、姜堰区"],
        [1, FIRMS[1], "西路"],
    ]
    result = read(rows)
    assert [row.enterprise.region_code for row in result.rows] == ["321202", "321204"]
    assert _skipped(result, SkipReason.SECTION) == [2, 4]


@pytest.mark.parametrize("ditto", ["〃", "同上", "″", '"'])
def test_a_sign_for_as_above_is_what_stands_above(read: Read, ditto: str) -> None:
    result = read([["企业名称", "成立日期"], [FIRMS[0], "2001年2月3日"], [FIRMS[1], ditto], [FIRMS[2], ditto]])
    assert [row.enterprise.established_on for row in result.rows] == [date(2001, 2, 3)] * 3


def test_two_tables_on_one_sheet_are_both_read(read: Read) -> None:
    result = read(
        [
            ["企业名称", "统一社会信用代码", "地址"],
            [FIRMS[0], CODES[0], "东路1号"],
            [],
            ["二、年度数据（单位：万元）"],
            ["企业名称", "2023年营业收入", "2024年营业收入", "2024年净利润"],
            [FIRMS[1], 5, 6, 1],
        ]
    )
    assert _names(result) == FIRMS[:2]
    assert [table.layout for table in result.tables] == ["enterprises", "figures"]


def test_a_second_table_is_one_though_its_head_differs_in_one_title_only(read: Read) -> None:
    rows = [
        ["企业名称", "统一社会信用代码", "所在地区"],
        [FIRMS[0], CODES[0], "海陵区"],
        ["企业名称", "统一社会信用代码", "2025年营业收入（万元）"],
        [FIRMS[1], CODES[1], 12.5],
    ]
    result = read(rows)
    assert len(result.tables) == 2
    assert _figures(result) == {(FIRMS[1], "operating_revenue", 2025): Decimal("12.5")}


def test_sheets_that_are_hidden_empty_obsolete_or_instructions_are_left_out_with_the_reason(read: Read) -> None:
    table = [["企业名称", "地址"], [FIRMS[0], "东路"]]
    sheets = {"数据": table, "藏": table, "空": [], "废": table, "填报说明": table, "Sheet3": [["旧版，勿用"], *table]}
    result = read(sheets, hidden=["藏"])
    assert len(result.rows) == 1
    assert {sheet.sheet for sheet in result.skipped_sheets} == {"藏", "空", "废", "填报说明", "Sheet3"}


def test_a_sheet_can_be_asked_for_by_name_whatever_it_looks_like(read: Read) -> None:
    table = [["企业名称", "地址"], [FIRMS[0], "东路"]]
    result = read({"数据": table, "废": [["企业名称", "地址"], [FIRMS[1], "西路"]]}, sheets=("废",))
    assert _names(result) == [FIRMS[1]]


def test_hidden_rows_are_read_and_said_to_be_hidden(read: Read) -> None:
    result = read([["企业名称", "地址"], [FIRMS[0], "东路"], [FIRMS[1], "西路"]], hidden_rows=[3])
    assert [row.is_hidden for row in result.rows] == [False, True]
    assert "第 3 行" in " ".join(note.text for note in result.notes)


def test_a_column_nobody_knows_is_named_and_not_taken(read: Read) -> None:
    result = read([["企业名称", "地址", "吉祥物"], [FIRMS[0], "东路", "龙"]])
    assert result.tables[0].unrecognised == {"C": "吉祥物"}
    assert "C 列“吉祥物”" in " ".join(note.text for note in result.notes)


def test_persons_and_their_telephones_are_not_taken(read: Read) -> None:
    result = read([["企业名称", "联系人", "联系电话", "地址"], [FIRMS[0], "张某", "138", "东路"]])
    assert "张某" not in repr(result.rows[0].enterprise)


def test_a_list_of_names_only_is_read(read: Read) -> None:
    result = read([["2025年度第一批江苏省专精特新中小企业名单"], ["企业名称"], [FIRMS[0]], [FIRMS[1]]])
    assert _names(result) == FIRMS[:2]
    assert {one.programme for row in result.rows for one in row.recognitions} == {"srdi_sme"}


def test_the_unit_of_the_whole_table_stands_above_it(read: Read) -> None:
    result = read(
        [["企业年度数据"], ["单位：元"], ["企业名称", "2024年营业收入", "2023年营业收入"], [FIRMS[0], 20000, 10000]]
    )
    assert _figures(result)[FIRMS[0], "operating_revenue", 2024] == Decimal(2)


@pytest.mark.parametrize(
    ("title", "programme", "event", "batch"),
    [
        ("江苏省2026年第一批拟认定高新技术企业公示名单", "hnte", RecognitionEvent.PUBLICITY, "2026年第一批"),
        ("江苏省认定机构２０２４年认定的第２批高新技术企业备案名单", "hnte", RecognitionEvent.GRANTED, "2024年第二批"),
        ("关于取消部分企业高新技术企业资格的公告（2025年）", "hnte", RecognitionEvent.REVOKED, "2025年"),
        ("2025年度江苏省专精特新中小企业复核通过名单", "srdi_sme", RecognitionEvent.REVIEW_PASSED, "2025年度"),
        ("第七批国家级专精特新“小巨人”企业公示名单", "little_giant", RecognitionEvent.PUBLICITY, "第七批"),
        ("江苏省2025年第二批入库科技型中小企业名单", "tech_sme", RecognitionEvent.GRANTED, "2025年第二批"),
        ("2025年江苏省瞪羚企业名单", "js_gazelle", RecognitionEvent.GRANTED, "2025年"),
        ("2024年度第一批创新型中小企业名单", "innovative_sme", RecognitionEvent.GRANTED, "2024年度第一批"),
    ],
)
def test_the_title_of_a_list_says_its_programme_event_and_batch(
    read: Read, title: str, programme: str, event: RecognitionEvent, batch: str
) -> None:
    result = read([[title], ["（公告日期：2025年3月4日）"], ["序号", "企业名称", "所在地区"], [1, FIRMS[0], "海陵区"]])
    (one,) = result.rows[0].recognitions
    assert (one.programme, one.event, one.batch, one.dated_on) == (programme, event, batch, date(2025, 3, 4))


def test_a_mark_behind_names_means_what_the_note_says(read: Read) -> None:
    rows = [
        ["2024年第一批高新技术企业名单"],
        ["序号", "企业名称"],
        [1, f"{FIRMS[0]}▲"],
        [2, FIRMS[1]],
        ["注：名称后带“▲”的为重新认定企业。"],
    ]
    events = [row.recognitions[0].event for row in read(rows).rows]
    assert events == [RecognitionEvent.RENEWED, RecognitionEvent.GRANTED]


def test_a_mark_nobody_explains_is_a_warning(read: Read) -> None:
    result = read([["2024年第一批高新技术企业名单"], ["序号", "企业名称"], [1, f"{FIRMS[0]}*"]])
    assert [problem.kind for problem in result.problems] == ["unknown_mark"]
    assert result.rows[0].is_good


def test_a_list_of_changed_names_gives_the_old_and_the_new(read: Read) -> None:
    rows = [
        ["关于高新技术企业更名的公告"],
        ["序号", "原企业名称", "更名后企业名称", "证书编号"],
        [1, FIRMS[0], FIRMS[1], "GR202432000001"],
    ]
    row = read(rows).rows[0]
    assert (row.enterprise.name, row.recognitions[0].new_name) == (FIRMS[0], FIRMS[1])
    assert row.recognitions[0].event is RecognitionEvent.RENAMED


def test_what_the_importing_person_says_wins_over_the_file(read: Read) -> None:
    rows = [["2025年度第二批江苏省专精特新中小企业名单"], ["序号", "企业名称"], [1, FIRMS[0]]]
    result = read(rows, dated_on=date(2025, 12, 19), programme="little_giant")
    (one,) = result.rows[0].recognitions
    assert (one.dated_on, one.programme, result.missing) == (date(2025, 12, 19), "little_giant", frozenset())
