"""Files that are refused as a whole, and how text files are opened."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from backend.spreadsheets.workbook import (
    BrokenWorkbook,
    EmptyFile,
    EncryptedWorkbook,
    FileTooLarge,
    LostValue,
    OversizedWorkbook,
    PercentCell,
    WorkbookError,
    WrongFileType,
    column_index,
    column_letter,
    open_workbook,
)
from tests.backend.spreadsheets.conftest import make_workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
GOOD = [["企业名称", "注册资本"], ["甲有限公司", 5]]


def _refusal(content: bytes, name: str = "台账.xlsx", limit: int = 50) -> WorkbookError:
    with pytest.raises(WorkbookError) as caught:
        open_workbook(content, name, limit)
    return caught.value


@pytest.mark.parametrize("content", [b"", b"   \r\n", b"\x00" * 100])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert isinstance(_refusal(content), EmptyFile)


def test_a_file_above_the_limit_is_refused_with_both_sizes() -> None:
    error = _refusal(b"a" * (3 * 1024 * 1024), limit=2)
    assert isinstance(error, FileTooLarge)
    assert "3.0 MB" in str(error)
    assert "2 MB" in str(error)


def test_a_workbook_with_a_password_is_refused_with_what_to_do() -> None:
    error = _refusal(OLE + b"\x00" * 512 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 512)
    assert isinstance(error, EncryptedWorkbook)
    assert "取消密码" in str(error)


@pytest.mark.parametrize("keep", [0.05, 0.4, 0.9, 0.99])
def test_a_workbook_that_was_cut_off_is_refused_as_broken(keep: float) -> None:
    content = make_workbook([["企业名称"], *([f"企业{n}有限公司"] for n in range(500))])
    assert isinstance(_refusal(content[: int(len(content) * keep)]), BrokenWorkbook)


def test_a_workbook_with_a_damaged_part_is_refused_as_broken() -> None:
    content = bytearray(make_workbook([["企业名称"], *([f"企业{n}有限公司"] for n in range(500))]))
    start = content.find(b"xl/worksheets/sheet1.xml") + 60
    content[start : start + 200] = b"\x13" * 200
    assert isinstance(_refusal(bytes(content)), BrokenWorkbook)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "图片"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"<html><table><tr><td>", "网页"),
        (b'<?xml version="1.0"?><Workbook>', "XML"),
        (b'{"a": 1}', "JSON"),
        (b"\x01\x02\x00\x05binary", "二进制"),
        (OLE + b"\x00" * 600 + "WordDocument".encode("utf-16-le"), "Word"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(content: bytes, words: str) -> None:
    error = _refusal(content, "企业台账.xls")
    assert isinstance(error, WrongFileType)
    assert words in str(error)


@pytest.mark.parametrize(
    ("part", "words"), [("word/document.xml", "Word"), ("a.txt", "压缩包"), ("content.xml", "OpenDocument")]
)
def test_an_archive_that_is_no_workbook_is_refused(part: str, words: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(part, "x")
    assert words in str(_refusal(content.getvalue()))


def _with_sheet(sheet: bytes) -> bytes:
    """A workbook whose first sheet is replaced."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(make_workbook(GOOD))) as source,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.infolist():
            target.writestr(part, sheet if part.filename == "xl/worksheets/sheet1.xml" else source.read(part))
    return made.getvalue()


def test_a_workbook_that_unpacks_to_far_too_much_is_refused_unopened() -> None:
    bomb = _with_sheet(b" " * (600 * 1024 * 1024))
    assert len(bomb) < 2 * 1024 * 1024
    assert isinstance(_refusal(bomb), OversizedWorkbook)


def test_a_cell_far_away_from_all_others_is_refused_since_the_grid_would_fill_the_memory() -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        b"</sheetData></worksheet>"
    )
    error = _refusal(_with_sheet(sheet))
    assert isinstance(error, OversizedWorkbook)
    assert "1,048,576 行" in str(error)


def test_a_far_cell_that_only_has_a_colour_does_no_harm() -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" s="0"/></row>'
        b"</sheetData></worksheet>"
    )
    assert open_workbook(_with_sheet(sheet)).sheets[0].rows[0][0] == 1


def test_a_formula_that_was_never_calculated_is_a_lost_value_and_no_zero() -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        b'<c r="A1"><f>1+1</f><v/></c><c r="B1"><f>1+1</f><v>2</v></c><c r="C1" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
        b'<c r="D1" t="str"><f>""</f><v></v></c></row></sheetData></worksheet>'
    )
    row = open_workbook(_with_sheet(sheet)).sheets[0].rows[0]
    assert [type(cell) for cell in row[:3]] == [LostValue, float, LostValue]
    assert list(row[3:]) in ([], [""])


def test_a_cell_formatted_as_percentage_is_known_as_one() -> None:
    rows = open_workbook(make_workbook([["占比", "数"], [0.125, 0.125]], percent=["A2"])).sheets[0].rows
    assert [type(cell) for cell in rows[1]] == [PercentCell, float]


def test_rows_keep_excels_numbers_when_the_first_ones_are_empty() -> None:
    rows = open_workbook(make_workbook([[], [], ["", "企业名称"]])).sheets[0].rows
    assert rows[2][1] == "企业名称"


def test_hidden_sheets_and_rows_are_known() -> None:
    book = open_workbook(make_workbook({"甲": GOOD, "乙": GOOD}, hidden=["乙"], hidden_rows=[2]))
    assert [(sheet.is_hidden, set(sheet.hidden_rows)) for sheet in book.sheets] == [(False, {2}), (True, {2})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_text_file_is_read_in_its_own_encoding(encoding: str) -> None:
    book = open_workbook("企业名称,注册资本\r\n鑫甲有限公司,5\r\n".encode(encoding), "表.csv")
    assert book.sheets[0].rows == [["企业名称", "注册资本"], ["鑫甲有限公司", "5"]]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_a_text_file_is_parted_by_what_parts_it_most_steadily(delimiter: str) -> None:
    text = "\n".join(
        delimiter.join(row) for row in [["企业名称", "地址"], ["甲有限公司", "东路1号"], ["乙有限公司", "西路2号"]]
    )
    assert open_workbook(text.encode(), "表.csv").sheets[0].rows[2] == ["乙有限公司", "西路2号"]


def test_a_quoted_line_break_does_not_shift_row_numbers() -> None:
    rows = open_workbook('企业名称,地址\n"甲\n有限公司",东路\n乙有限公司,西路\n'.encode(), "表.csv").sheets[0].rows
    assert rows[2] == ["乙有限公司", "西路"]


def test_a_code_that_a_system_wrapped_in_a_formula_is_unwrapped() -> None:
    rows = open_workbook(b'name,code\nx,"=""91321202141879012G"""\n', "表.csv").sheets[0].rows
    assert rows[1][1] == "91321202141879012G"


def test_a_path_is_opened_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "某表.xlsx"
    path.write_bytes(make_workbook(GOOD))
    assert open_workbook(path).file_name == "某表.xlsx"


def test_letters_and_indexes_agree_over_all_columns() -> None:
    assert [column_letter(index) for index in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert all(column_index(column_letter(index)) == index for index in range(16384))


def test_an_old_workbook_of_rubbish_is_refused_as_broken() -> None:
    rubbish = OLE + bytes(range(256)) * 8 + "Workbook".encode("utf-16-le") + b"\xff" * 2048
    assert isinstance(_refusal(rubbish, "台账.xls"), BrokenWorkbook)


def test_an_old_workbook_that_ends_its_reader_does_not_end_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def aborted(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], returncode=-6, stdout=b"", stderr=b"memory allocation failed")

    monkeypatch.setattr(subprocess, "run", aborted)
    assert isinstance(_refusal(OLE + "Workbook".encode("utf-16-le"), "台账.xls"), BrokenWorkbook)


def test_a_workbook_that_claims_more_texts_than_it_has_is_refused() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(make_workbook(GOOD))) as source, zipfile.ZipFile(made, "w") as target:
        for part in source.infolist():
            content = source.read(part)
            if part.filename == "xl/sharedStrings.xml":
                content = content.replace(b'uniqueCount="', b'uniqueCount="99999999999')
            target.writestr(part, content)
    assert isinstance(_refusal(made.getvalue()), BrokenWorkbook)
