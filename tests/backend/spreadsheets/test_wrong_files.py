"""Files that cannot be, or that hold what cannot be, by the page and by the command: told in words, nothing written."""

import io
import random
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from backend.spreadsheets.workbook import MEGABYTE
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, report_of, rows_written, tidu
from tests.backend.web_client import signed_in_client
from tests.factories import make_code

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEAD = ["企业名称", "统一社会信用代码", "成立日期", "2025年营业收入（万元）"]
CODE = make_code()
GOOD = make_workbook([HEAD, ["泰州无误有限公司", CODE, "2019-03-04", 5]])


def archive_with(part: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(part, "x")
    return content.getvalue()


#: What is handed in → (its content, its name, words of the refusal).
UNREADABLE: dict[str, tuple[bytes, str, list[str]]] = {
    "with a password": (
        OLE + b"\x00" * 512 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 512, "台账.xlsx", ["设有打开密码", "取消密码"],
    ),
    "cut off": (GOOD[: len(GOOD) // 2], "台账.xlsx", ["已损坏或没有传完", "另存一份"]),
    "empty": (b"", "台账.xlsx", ["是空文件"]),
    "a PDF": (b"%PDF-1.7 ...", "台账.xlsx", ["PDF 文件，不是表格"]),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "台账.xlsx", ["图片，不是表格"]),
    "a letter": (archive_with("word/document.xml"), "台账.xlsx", ["Word 文档"]),
    "an archive": (archive_with("a.txt"), "台账.xlsx", ["压缩包"]),
    "without a head": (make_workbook([["甲", "乙"], ["丙", "丁"]]), "台账.xlsx", ["没有找到表头", "“企业名称”"]),
    "without rows": (make_workbook([HEAD]), "台账.xlsx", ["只有表头，没有数据行"]),
}  # fmt: skip

#: What is wrong in it → (the rows, words of what is said of them).
WRONG_ROWS: dict[str, tuple[list[list[Any]], list[str]]] = {
    "text in a number's cell": ([HEAD, ["甲有限公司", CODE, "", "约3000"]], ["第 2 行“2025年营业收入（万元）”填的是“约3000”，请改为数字，如 3000"]),
    "a month that is none": ([HEAD, ["甲有限公司", CODE, "2024.13.1", 5]], ["第 2 行“成立日期”填的是“2024.13.1”，没有 13 月"]),
    "a day that is none": ([HEAD, ["甲有限公司", CODE, "2023-02-29", 5]], ["2023 年 2 月没有 29 日"]),
    "two rows for one enterprise": (
        [HEAD, ["甲有限公司", CODE, "2019-03-04", 5], ["甲有限公司", CODE, "2019-03-05", 5]],
        ["第 3 行，与第 2 行是同一企业，但成立日期不同，请核对后只保留一行"],
    ),
    "a code with a wrong check character": (
        [HEAD, ["甲有限公司", CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "", 5]], ["校验", "请对照营业执照"],
    ),
    "a code that is too short": ([HEAD, ["甲有限公司", CODE[:-1], "", 5]], ["有 17 位，应为 18 位"]),
    "a code that Excel rounded": ([HEAD, ["甲有限公司", 9.1321E17, "", 5]], ["Excel", "文本"]),
    "a code that Excel rounded, as text": ([HEAD, ["甲有限公司", "9.1E+17", "", 5]], ["Excel", "文本"]),
    "nobody": ([HEAD, ["", "", "2019-03-04", 5]], ["没有企业名称，也没有统一社会信用代码"]),
}  # fmt: skip


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(Settings(upload_megabytes=1), engine)


@pytest.fixture
async def officer(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with await signed_in_client(app, "city_officer") as client:
        yield client


async def nothing_is_written(engine: AsyncEngine) -> bool:
    async with owner_unit_of_work(engine) as work:
        return set((await rows_written(work)).values()) == {0}


async def test_an_unreadable_file_is_refused_by_the_page_with_what_to_do(officer: AsyncClient, engine: AsyncEngine):
    for what, (content, name, words) in UNREADABLE.items():
        answer = await hand_in(officer, content, name)
        assert answer.status_code == 422, what
        assert "这份文件不能导入" in answer.text, what
        assert [word for word in words if word not in answer.text] == [], what
    assert await nothing_is_written(engine)
    assert "还没有导入过" in (await officer.get("/imports")).text


async def test_an_unreadable_file_is_refused_by_the_command_with_what_to_do(
    engine: AsyncEngine, database_url: str, data_folder: Path
):
    for what, (content, name, words) in UNREADABLE.items():
        (file := data_folder / name).write_bytes(content)
        result = await tidu(database_url, "import", file)
        assert (result.exit_code, result.stdout) == (1, ""), what
        assert [word for word in [*words, "本次未写入任何数据"] if word not in result.stderr] == [], what
    assert await nothing_is_written(engine)


async def test_wrong_rows_are_told_by_the_page_and_nothing_is_written(officer: AsyncClient, engine: AsyncEngine):
    for what, (rows, words) in WRONG_ROWS.items():
        page = await report_of(officer, make_workbook(rows))
        assert [word for word in words if word not in page.text] == [], what
        assert "尚未写入任何数据" in page.text, what
        refused = await officer.post(f"{page.url.path}/commit")
        assert refused.status_code == 422, what
    assert await nothing_is_written(engine)


async def test_wrong_rows_are_told_by_the_command_and_nothing_is_written(
    engine: AsyncEngine, database_url: str, data_folder: Path
):
    for what, (rows, words) in WRONG_ROWS.items():
        (file := data_folder / "台账.xlsx").write_bytes(make_workbook(rows))
        tried = await tidu(database_url, "import", file, "--dry-run")
        assert tried.exit_code == 1, what
        assert [word for word in words if word not in tried.stderr] == [], what
        refused = await tidu(database_url, "import", file)
        assert refused.exit_code == 1, what
        assert "本次未写入任何数据" in refused.stderr, what
    assert await nothing_is_written(engine)


# Too large --------------------------------------------------------------------------------------------


def noise(megabytes: float) -> bytes:
    return random.Random(1).randbytes(int(megabytes * MEGABYTE))


async def test_a_file_just_above_the_limit_is_refused_with_both_sizes(officer: AsyncClient):
    answer = await hand_in(officer, noise(1.5))
    assert answer.status_code == 422
    assert "有 1.5 MB，超过上限 1 MB" in answer.text


async def test_an_upload_far_above_the_limit_is_refused_whether_its_size_is_announced_or_not(
    officer: AsyncClient, engine: AsyncEngine
):
    form = officer.build_request("POST", "/imports", files={"file": ("台账.xlsx", noise(3))})
    announced = await officer.send(form)
    assert announced.status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        body = form.read()
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    chunked = officer.build_request(
        "POST", "/imports", content=pieces(), headers={"Content-Type": form.headers["Content-Type"]}
    )
    assert "content-length" not in chunked.headers
    answer = await officer.send(chunked)
    assert answer.status_code == 413
    assert "超过 1 MB" in answer.text
    assert await nothing_is_written(engine)


async def test_the_command_refuses_a_file_above_50_megabytes_unread(database_url: str, data_folder: Path):
    with (file := data_folder / "台账.xlsx").open("wb") as stream:
        stream.truncate(51 * MEGABYTE)
    result = await tidu(database_url, "import", file)
    assert result.exit_code == 1
    assert "有 51.0 MB，超过上限 50 MB" in result.stderr


# What is asked for ------------------------------------------------------------------------------------


async def test_an_unknown_layout_is_refused_with_those_there_are(
    officer: AsyncClient, database_url: str, data_folder: Path
):
    (file := data_folder / "台账.xlsx").write_bytes(GOOD)
    result = await tidu(database_url, "import", file, "--as", "ledgers")
    assert result.exit_code == 2
    assert "ledgers" in result.stderr
    answer = await hand_in(officer, GOOD, layout="ledgers")
    assert answer.status_code == 422
    assert "没有“ledgers”这种版式，可用的有：ledger、" in answer.text


@pytest.mark.parametrize(
    ("entered", "words"),
    [({"dated_on": "2024.13.1"}, "“名单日期”填的是“2024.13.1”"), ({"year": "二〇二四"}, "“年度”填的是“二〇二四”")],
)
async def test_a_wrong_entry_beside_the_file_is_told_and_stays_to_be_mended(
    officer: AsyncClient, entered: dict[str, str], words: str
):
    answer = await hand_in(officer, GOOD, **entered)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{next(iter(entered.values()))}"' in answer.text


# What looks wrong and is right ------------------------------------------------------------------------


async def test_a_text_file_of_chinese_windows_is_taken_and_its_encoding_said(officer: AsyncClient):
    table = f"企业名称,统一社会信用代码\r\n泰州鑫淼科技有限公司,{make_code()}\r\n"
    page = await report_of(officer, table.encode("gb18030"), "名单.csv")
    assert "泰州鑫淼科技有限公司" in page.text
    assert "GB18030" in page.text


async def test_merged_cells_hidden_rows_and_two_tables_on_a_sheet_are_read_to_the_end(
    officer: AsyncClient, engine: AsyncEngine
):
    rows = [
        ["企业名称", "统一社会信用代码", "所在地区"],
        ["泰州合并一号有限公司", make_code(), "海陵区"],
        ["泰州合并二号有限公司", make_code(), ""],
        ["泰州隐藏有限公司", make_code(), "姜堰区"],
        [],
        ["企业名称", "统一社会信用代码", "2025年营业收入（万元）"],
        ["泰州第二表有限公司", make_code(), 12.5],
    ]
    page = await report_of(officer, make_workbook(rows, merges=["C2:C3"], hidden_rows=[4]))
    assert "隐藏的行也已读取：第 4 行" in page.text
    await officer.post(f"{page.url.path}/commit")
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(text("SELECT name, region_code FROM enterprise ORDER BY id"))
        assert [tuple(row) for row in found] == [
            ("泰州合并一号有限公司", "321202"), ("泰州合并二号有限公司", "321202"), ("泰州隐藏有限公司", "321204"),
            ("泰州第二表有限公司", ""),
        ]  # fmt: skip
        assert (await rows_written(work))["fact_yearly"] == 1
