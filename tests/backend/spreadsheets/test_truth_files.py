"""The real and the invented workbooks, row by row against what is known to be right."""

import csv
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

import pytest

from backend.spreadsheets.reading import read_file
from backend.spreadsheets.records import ReadResult, ReadRow, RecognitionEvent, SkipReason
from rules.catalogue import Catalogue
from tests.shared_data import shared_data


def _table(name: str) -> list[dict[str, str]]:
    with shared_data(name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _by_place(result: ReadResult) -> dict[tuple[str, int], ReadRow]:
    return {(row.sheet, row.row): row for row in result.rows}


def _pairs(result: ReadResult, truth: Iterable[Mapping[str, str]]) -> list[tuple[ReadRow, Mapping[str, str]]]:
    rows = _by_place(result)
    return [(rows[line["sheet"], int(line["row"])], line) for line in truth]


# The ledger ---------------------------------------------------------------------------------------


@pytest.fixture
def ledger(catalogue: Catalogue) -> ReadResult:
    return read_file(shared_data("messy-excel/ledger_layout_taizhou.xlsx"), catalogue)


@pytest.fixture
def ledger_truth() -> list[dict[str, str]]:
    return _table("messy-excel/ledger_layout_taizhou_truth.csv")


def test_the_ledger_has_the_rows_of_its_truth_and_no_others(
    ledger: ReadResult, ledger_truth: list[dict[str, str]]
) -> None:
    assert set(_by_place(ledger)) == {(line["sheet"], int(line["row"])) for line in ledger_truth}
    assert ledger.layout == "ledger"
    assert not ledger.bad_rows


def test_every_name_of_the_ledger_comes_out_right(ledger: ReadResult, ledger_truth: list[dict[str, str]]) -> None:
    assert not [
        (line["row"], row.enterprise.name)
        for row, line in _pairs(ledger, ledger_truth)
        if row.enterprise.name != line["enterprise_name"]
    ]


def test_every_code_of_the_ledger_comes_out_right_old_registration_numbers_included(
    ledger: ReadResult, ledger_truth: list[dict[str, str]]
) -> None:
    for row, line in _pairs(ledger, ledger_truth):
        numbers = [row.enterprise.credit_code, *(number.value for number in row.enterprise.other_numbers)]
        assert line["code"] in numbers, line


def test_every_capital_of_the_ledger_is_what_its_cell_says_in_wan(
    ledger: ReadResult, ledger_truth: list[dict[str, str]]
) -> None:
    for row, line in _pairs(ledger, ledger_truth):
        (figure,) = row.figures
        right = Decimal(re.sub(r"[,(].*?|[^\d.]", "", line["capital"].split("(")[0].split("万")[0]))
        assert figure.indicator == "registered_capital"
        # The cell itself was cut to two decimals in one row (1053.89 of 1053.8920).
        assert abs(Decimal(figure.value) - right) < Decimal("0.01"), line  # type: ignore[arg-type]


def test_every_date_of_the_ledger_is_right_and_a_month_alone_stays_a_month(
    ledger: ReadResult, ledger_truth: list[dict[str, str]]
) -> None:
    for row, line in _pairs(ledger, ledger_truth):
        if re.fullmatch(r"\d{4}/\d{2}", line["raw_date"]):
            assert row.enterprise.established_on is None
            assert row.enterprise.established_month == line["date"][:7]
            assert [problem.kind for problem in row.problems] == ["incomplete_date"]
        else:
            assert str(row.enterprise.established_on) == line["date"], line


def test_each_sheet_of_the_ledger_gives_its_district(ledger: ReadResult) -> None:
    assert {(row.sheet.strip(), row.enterprise.region_code) for row in ledger.rows if row.row != 26} == {
        ("海陵区", "321202"), ("高港区", "321203"), ("姜堰区", "321204"),
        ("兴化市", "321281"), ("靖江市", "321282"), ("泰兴市", "321283"),
    }  # fmt: skip


def test_a_firm_on_two_sheets_of_the_ledger_is_pointed_out(
    ledger: ReadResult, ledger_truth: list[dict[str, str]]
) -> None:
    twice = [row for row, line in _pairs(ledger, ledger_truth) if line["cross_sheet_duplicate"]]
    assert [[problem.kind for problem in row.problems] for row in twice] == [["two_rows_for_one"]]
    assert "“海陵区”表第 5 行" in next(twice[0].problems[0].text for _ in twice)


# The official lists ---------------------------------------------------------------------------------


@pytest.fixture
def batch(catalogue: Catalogue) -> ReadResult:
    return read_file(shared_data("made-up-lists/list_layout_srdi_batch.xlsx"), catalogue)


def test_the_srdi_list_agrees_with_its_truth_row_by_row(batch: ReadResult) -> None:
    truth = _table("made-up-lists/list_layout_srdi_batch_truth.csv")
    assert set(_by_place(batch)) == {(line["sheet"], int(line["row"])) for line in truth}
    for row, line in _pairs(batch, truth):
        former = line["remark"].removeprefix("原名称：")
        assert row.enterprise.name == line["enterprise_name"], line
        assert row.enterprise.region_code == line["region_code"], line
        assert [name.name for name in row.enterprise.former_names] == ([former] if former else []), line


def test_the_srdi_list_says_its_programme_and_batch_itself_and_asks_for_the_date(batch: ReadResult) -> None:
    found = {(one.programme, one.event, one.batch) for row in batch.rows for one in row.recognitions}
    assert found == {("srdi_sme", RecognitionEvent.GRANTED, "2025年度第二批")}
    assert batch.missing == {"dated_on"}
    assert {sheet.sheet for sheet in batch.skipped_sheets} == {"Sheet2", "废"}


@pytest.fixture
def announcement(catalogue: Catalogue) -> ReadResult:
    return read_file(shared_data("made-up-lists/hnte_announcement.xlsx"), catalogue)


def test_the_announcement_agrees_with_its_truth_row_by_row(announcement: ReadResult) -> None:
    truth = _table("made-up-lists/hnte_announcement_truth.csv")
    assert set(_by_place(announcement)) == {(line["sheet"], int(line["row"])) for line in truth}
    for row, line in _pairs(announcement, truth):
        (one,) = row.recognitions
        former = re.sub(r"^原名：", "", line["remark"])
        assert row.enterprise.name == line["enterprise_name"], line
        assert (row.enterprise.credit_code or "") == line["uscc_printed"], line
        assert row.enterprise.region_code == line["region_code"], line
        assert [name.name for name in row.enterprise.former_names] == ([former] if former else []), line
        assert (one.programme, one.event, one.number, str(one.dated_on)) == (
            "hnte", line["event"], line["certificate_no"], line["issue_date"],
        ), line  # fmt: skip


def test_a_wrong_code_of_the_announcement_is_a_warning_since_the_name_still_decides(
    announcement: ReadResult,
) -> None:
    assert {(row.row, problem.kind) for row in announcement.rows for problem in row.problems} == {
        (114, "check_digit"),
        (208, "check_digit"),
    }
    assert not announcement.bad_rows


def test_the_announcements_subtotals_repeated_heads_and_instructions_are_no_records(
    announcement: ReadResult,
) -> None:
    counts = announcement.counts
    assert (counts["skipped_subtotal"], counts["skipped_repeated_head"], counts["skipped_note"]) == (8, 16, 1)
    assert [sheet.sheet for sheet in announcement.skipped_sheets] == ["填报说明"]


# Plain tables -------------------------------------------------------------------------------------------


def test_the_recognition_events_come_out_as_they_stand(catalogue: Catalogue) -> None:
    truth = _table("made-up-lists/recognition_events.csv")
    result = read_file(shared_data("made-up-lists/recognition_events.csv"), catalogue)
    assert (result.layout, len(result.rows), len(result.bad_rows)) == ("recognitions", len(truth), 0)
    for row, line in zip(result.rows, truth, strict=True):
        (one,) = row.recognitions
        said = (one.programme, one.event, str(one.dated_on), one.batch, one.number, one.list_title)
        assert said == tuple(line[key] for key in ("programme", "event", "date", "batch", "number", "list_title"))
        assert bool(one.new_name) == bool(line["new_name"])
        assert row.enterprise.region_code, line
        wrong = [problem.kind for problem in row.problems if problem.title == "uscc"]
        assert (row.enterprise.credit_code or "") == ("" if wrong else line["uscc"]), line


def test_the_seven_swapped_codes_of_the_events_are_found(catalogue: Catalogue) -> None:
    result = read_file(shared_data("made-up-lists/recognition_events.csv"), catalogue)
    assert [problem.kind for problem in result.problems if problem.title == "uscc"] == ["check_digit"] * 7


def test_the_table_of_enterprises_comes_out_as_it_stands(catalogue: Catalogue) -> None:
    truth = _table("made-up-lists/enterprises.csv")
    result = read_file(shared_data("made-up-lists/enterprises.csv"), catalogue)
    assert (result.layout, len(result.rows), list(result.problems)) == ("enterprises", len(truth), [])
    for row, line in zip(result.rows, truth, strict=True):
        enterprise = row.enterprise
        said = (
            enterprise.credit_code, enterprise.name, str(enterprise.established_on), enterprise.region_code,
            enterprise.address, enterprise.industry_code, "、".join(enterprise.chains),
        )  # fmt: skip
        assert said == tuple(
            line[key] for key in ("uscc", "name", "established_on", "region_code", "address", "industry_code", "chain")
        ), line
        former = ";".join(f"{name.name}|{name.used_to}" for name in enterprise.former_names)
        assert former == line["former_names"], line


def test_the_register_of_taizhou_is_read_without_losing_a_row(catalogue: Catalogue) -> None:
    truth = _table("jiangsu-register/taizhou.csv")
    result = read_file(shared_data("jiangsu-register/taizhou.csv"), catalogue)
    rows = {row.row: row for row in result.rows}
    duplicates = {row.row for row in result.skipped_rows if row.reason is SkipReason.DUPLICATE}
    assert set(rows) | duplicates == set(range(2, len(truth) + 2))
    assert not result.bad_rows
    for number, row in rows.items():
        line = truth[number - 2]
        numbers = [row.enterprise.credit_code, *(one.value for one in row.enterprise.other_numbers)]
        assert line["统一社会信用代码"] in numbers, line
        assert str(row.enterprise.established_on) == line["注册日期"], line


def test_only_lines_that_say_the_same_of_one_code_are_dropped_from_the_register(catalogue: Catalogue) -> None:
    truth = _table("jiangsu-register/taizhou.csv")
    result = read_file(shared_data("jiangsu-register/taizhou.csv"), catalogue)
    codes = [line["统一社会信用代码"] for line in truth]
    repeated = [number for number, code in enumerate(codes, start=2) if code in codes[: number - 2]]
    assert [row.row for row in result.skipped_rows] == repeated


def test_every_broken_line_of_the_register_is_refused_as_damaged(catalogue: Catalogue) -> None:
    result = read_file(shared_data("jiangsu-register/mojibake_lines_2002.txt"), catalogue)
    assert len(result.rows) == 71
    assert [[problem.kind for problem in row.problems] for row in result.rows] == [["damaged_text"]] * 71


@pytest.mark.parametrize(("name", "rows"), [("register_extract_1983.xls", 40), ("register_extract_1991.xls", 233)])
def test_the_old_binary_workbooks_agree_with_the_register(catalogue: Catalogue, name: str, rows: int) -> None:
    result = read_file(shared_data(f"messy-excel/{name}"), catalogue)
    assert (result.layout, len(result.rows), result.bad_rows) == ("enterprises", rows, ())
    register = {
        line["统一社会信用代码"]: line
        for city in ("taizhou", "lianyungang", "other_11_cities")
        for line in _table(f"jiangsu-register/{city}.csv")
    }
    for row in result.rows:
        number = row.enterprise.credit_code or row.enterprise.other_numbers[0].value
        line = register[number]
        assert str(row.enterprise.established_on) == line["注册日期"]
        assert row.enterprise.region_code[:4] != ""


def test_the_staff_of_annual_reports_agrees_with_the_listed_companies(catalogue: Catalogue) -> None:
    result = read_file(shared_data("messy-excel/annual_report_staff_jiangsu.xlsx"), catalogue)
    known = {
        (line["stock_code"], int(line["year"])): line
        for line in _table("listed-companies/listed_financials_2019_2021.csv")
    }
    assert (result.layout, len(result.rows)) == ("figures", 831)
    compared = 0
    for row in result.rows:
        stock = row.enterprise.other_numbers[0].value
        for figure in row.figures:
            line = known.get((stock, figure.year or 0))
            if figure.indicator == "employee_total" and line and line["employees"]:
                assert Decimal(line["employees"]) == figure.value
                compared += 1
    assert compared > 500


def test_amounts_in_yuan_without_a_unit_are_not_taken_for_wan(catalogue: Catalogue) -> None:
    result = read_file(shared_data("listed-companies/listed_financials_2019_2021.csv"), catalogue)
    assert {problem.kind for problem in result.problems} == {"unit_unclear"}
    assert not [f for row in result.good_rows for f in row.figures if f.indicator == "operating_revenue"]


def test_no_file_of_the_shared_data_makes_the_reader_fall_over(catalogue: Catalogue) -> None:
    from backend.spreadsheets.workbook import WorkbookError

    read = 0
    for path in sorted(shared_data("messy-excel").parent.rglob("*.*")):
        if path.suffix in (".csv", ".xls", ".xlsx", ".txt", ".md") and path.stat().st_size < 3_000_000:
            try:
                read += len(read_file(path, catalogue).rows)
            except WorkbookError as error:
                assert str(error).endswith("。"), path  # noqa: PT017
    assert read > 10_000
