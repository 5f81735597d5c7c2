"""Each spelling of a cell, and each that is refused."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.spreadsheets import cells
from backend.spreadsheets.cells import CellProblem, MoneyUnit
from backend.spreadsheets.workbook import LostValue, PercentCell

CODE = "91321202141879012G"


def _kind(read: Any, cell: Any, *more: Any) -> str:
    with pytest.raises(CellProblem) as caught:
        read(cell, *more)
    return caught.value.kind


@pytest.mark.parametrize(
    "cell",
    [
        CODE,
        CODE.lower(),
        f"'{CODE}",
        f"\u200b{CODE}\ufeff",
        "9132 120214 1879012G",
        "9132120214\n1879012G",
        "９１３２１２０２１４１８７９０１２Ｇ",
        f"统一社会信用代码：{CODE}",
        f"\t{CODE}\u3000",
    ],
)
def test_a_credit_code_is_read_in_every_spelling(cell: str) -> None:
    read = cells.read_code(cell)
    assert read is not None
    assert read.credit_code == CODE


@pytest.mark.parametrize("cell", ["", "—", "/", "无", "－", " ", "N/A", "待补", "0"])
def test_a_sign_for_nothing_is_no_code(cell: str) -> None:
    assert cells.read_code(cell) is None


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (9.13212021418790e17, "excel_rounded"),
        ("9.1321E+17", "excel_rounded"),
        ("91321202141879012A", "check_digit"),
        ("9132120214187901", "length"),
        ("9132120O141879012G", "region_format"),
        ("91321202I41879012G", "alphabet"),
    ],
)
def test_a_code_that_is_wrong_is_refused_with_its_kind(cell: Any, kind: str) -> None:
    with pytest.raises(CellProblem) as caught:
        cells.read_code(cell)
    assert caught.value.kind in {kind, "alphabet"}
    assert caught.value.remedy


def test_a_registration_number_that_excel_holds_as_a_number_is_an_older_number() -> None:
    read = cells.read_code(321202000006845.0)
    assert read is not None
    assert (read.credit_code, read.other) == (
        None,
        cells.OldNumber("registration_number", "321202000006845"),
    )


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("泰州市扬威\n物资有限公司", "泰州市扬威物资有限公司"),
        ("\u3000江苏明星减震器有限公司\xa0", "江苏明星减震器有限公司"),
        ("霏越汽车零部件 (连云港)有限公司", "霏越汽车零部件（连云港）有限公司"),
        ("江苏淙桨药业股份有限公司*", "江苏淙桨药业股份有限公司"),
        ("ABB 机器人 (泰州) 有限公司", "ABB机器人（泰州）有限公司"),
    ],
)
def test_a_name_is_kept_in_one_spelling(cell: str, name: str) -> None:
    read = cells.read_name(cell)
    assert read is not None
    assert read.name == name


def test_a_name_gives_its_former_name_and_its_mark() -> None:
    read = cells.read_name("泰州甲科技有限公司（原泰州乙科技有限公司）＊")
    assert read is not None
    assert (read.mark, [former.name for former in read.former]) == ("*", ["泰州乙科技有限公司"])


def test_a_lost_character_in_a_name_is_a_warning() -> None:
    read = cells.read_name("兴化市□锐科精密机械有限公司")
    assert read is not None
    assert read.warning is not None


@pytest.mark.parametrize("cell", [12.0, date(2024, 1, 1), "7", "３"])
def test_a_number_is_no_name(cell: Any) -> None:
    assert _kind(cells.read_name, cell) == "not_a_name"


@pytest.mark.parametrize(
    "cell",
    [
        date(2025, 11, 18),
        datetime(2025, 11, 18, 0, 0),  # noqa: DTZ001
        45979.0,
        20251118.0,
        "20251118",
        "2025-11-18",
        "2025/11/18",
        "2025.11.18",
        "２０２５．１１．１８",
        "2025年11月18日",
        " 2025 年 11 月 18 日 ",
        "2025-11-18 00:00:00",
        "二〇二五年十一月十八日",
        "'2025-11-18",
        "11/18/2025",
    ],
)
def test_a_day_is_read_in_every_spelling(cell: Any) -> None:
    read = cells.read_date(cell)
    assert read is not None
    assert read.day == date(2025, 11, 18)


@pytest.mark.parametrize(
    ("cell", "kind", "reason"),
    [
        ("2024.13.1", "impossible_date", "没有 13 月"),
        ("2025-02-30", "impossible_date", "2025 年 2 月没有 30 日"),
        ("1024-05-01", "impossible_date", "年份 1024 不合理"),
        ("98.5.6", "short_year", "年份只有两位，分不清是哪个世纪"),
        ("05/06/2024", "ambiguous_date", "分不清哪个是月、哪个是日"),
        ("去年", "not_a_date", "不是日期"),
        (3.5, "not_a_date", "不是日期"),
        (True, "not_a_date", "不是日期"),
    ],
)
def test_what_is_no_day_is_refused_with_the_reason(cell: Any, kind: str, reason: str) -> None:
    with pytest.raises(CellProblem) as caught:
        cells.read_date(cell)
    assert (caught.value.kind, caught.value.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("cell", "month"), [("2000/09", "2000-09"), ("2000年9月", "2000-09"), ("200009", "2000-09"), ("2000年", "")]
)
def test_a_month_or_year_alone_is_never_made_a_day(cell: str, month: str) -> None:
    read = cells.read_date(cell)
    assert read is not None
    assert (read.day, read.month) == (None, month)


@pytest.mark.parametrize(
    ("cell", "wan"),
    [
        ("5000万", "5000"),
        ("821.00", "821"),
        ("1,000(万元人民币)", "1000"),
        ("1080000元", "108"),
        ("512.6万人民币", "512.6"),
        ("230(万)", "230"),
        ("1.2亿", "12000"),
        ("￥１，２３４．５", "1234.5"),
        ("(1,234.5)", "-1234.5"),
        ("－５", "-5"),
        (606.0, "606"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_an_amount_is_exact_in_wan(cell: Any, wan: str) -> None:
    assert cells.read_money(cell) == Decimal(wan)


def test_the_columns_unit_holds_where_the_cell_has_none() -> None:
    assert cells.read_money("12345.67", MoneyUnit.YUAN) == Decimal("1.234567")
    assert cells.read_money("3", MoneyUnit.YI) == Decimal(30000)
    assert cells.read_money("3万元", MoneyUnit.YI) == Decimal(3)


def test_an_amount_is_whole_fen() -> None:
    read = cells.read_money(10000 / 3)
    assert read is not None
    assert read == Decimal("3333.333333")
    assert cells.fen_of(read) == 3333333333


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("约3000", "estimate"),
        ("3000左右", "estimate"),
        ("3000-4000", "estimate"),
        (">3000", "estimate"),
        ("3000余", "estimate"),
        ("三千万", "not_a_number"),
        ("1,23", "not_a_number"),
        ("100(万美元)", "foreign_currency"),
        ("99999999999", "too_large"),
        (LostValue("#DIV/0!"), "formula_error"),
        ("#REF!", "formula_error"),
        (date(2024, 1, 1), "not_a_number"),
    ],
)
def test_what_is_no_amount_is_refused(cell: Any, kind: str) -> None:
    assert _kind(cells.read_money, cell) == kind


@pytest.mark.parametrize(
    ("cell", "percent"),
    [("12.5%", "12.5"), (PercentCell(0.125), "12.5"), (12.5, "12.5"), ("１２．５％", "12.5"), ("5‰", "0.5")],
)
def test_a_share_is_in_percent_points(cell: Any, percent: str) -> None:
    assert cells.read_percent(cell) == Decimal(percent)


@pytest.mark.parametrize(
    "cell",
    [
        "GR202532900103",
        "gr202532900103",
        "ＧＲ２０２５３２９００１０３",
        "GR2025 32900103",
        "证书编号：GR202532900103",
        "202532900103",
        202532900103.0,
    ],
)
def test_a_certificate_number_is_read_in_every_spelling(cell: Any) -> None:
    assert cells.read_certificate_number(cell, "hnte") == "GR202532900103"


def test_a_certificate_number_of_the_wrong_length_is_refused() -> None:
    assert _kind(cells.read_certificate_number, "GR20253290010", "hnte") == "certificate_form"
    assert _kind(cells.read_certificate_number, 2.0203212030000001e17, "tech_sme") == "excel_rounded"


@pytest.mark.parametrize(
    ("cell", "said"),
    [("是", True), ("√", True), (1.0, True), ("否", False), ("×", False), ("无", False), ("—", None), ("", None)],
)
def test_yes_and_no_are_read(cell: Any, said: bool | None) -> None:
    assert cells.read_boolean(cell) is said


def test_damaged_text_is_refused_everywhere() -> None:
    assert {_kind(read, "\ufffd\ufffd公司") for read in (cells.read_text, cells.read_name, cells.read_money)} == {
        "damaged_text"
    }
