"""The papers behind filings: what is taken, who sees it, that it stays what it was."""

import hashlib
import io
import itertools
import zipfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.backup import backup, restore
from backend.database.engine import make_engine
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.filings.attachments import NoSuchPaper, PaperDamaged, attach, attachments_of, read_paper, withdraw
from backend.filings.papers import MOST_BYTES, PaperRefused, clean_name, examine
from tests.backend.conftest import ClientAs
from tests.conftest import fresh_database
from tests.factories import column, make_code, make_enterprise, make_filing

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def package(*members: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for member in members:
            archive.writestr(member, "<x/>")
    return held.getvalue()


DOCX, XLSX = package("[Content_Types].xml", "word/document.xml"), package("[Content_Types].xml", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (PDF, "审计报告.pdf", "application/pdf"),
        (b"\xff\xd8\xff\xe0 scan", "证书.JPG", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n rest", "截图.png", "image/png"),
        (DOCX, "说明.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (XLSX, "辅助账.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (package("OFD.xml", "Doc_0/Document.xml"), "发票.ofd", "application/ofd"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, name: str, media_type: str):
    assert examine(content, name)[0].media_type == media_type


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"MZ\x90\x00 program", "审计报告.pdf", "不是可收的类型"),
        (b"<html><script>alert(1)</script>", "审计报告.pdf", "不是可收的类型"),
        (b" " + PDF, "审计报告.pdf", "不是可收的类型"),
        (PDF, "审计报告.pdf.exe", "与扩展名不符"),
        (PDF, "照片.jpg", "其实是PDF"),
        (PDF, "没有扩展名", "与扩展名不符"),
        (XLSX, "说明.docx", "其实是Excel 工作簿"),
        (package("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"), "表.xlsx", "宏或程序"),
        (package("setup.exe", "word/document.xml"), "说明.docx", "宏或程序"),
        (package("readme.txt"), "说明.docx", "不是可收的类型"),
        (DOCX[:40], "说明.docx", "已损坏"),
        (b"", "空.pdf", "空文件"),
        (b"%PDF-" + bytes(MOST_BYTES), "大.pdf", "超过 20 MB"),
    ],
    # A package holds the moment it was made: named by it, the test would be another one in each process.
    ids=itertools.count(),
)
def test_a_file_that_is_not_what_it_is_called_is_refused(content: bytes, name: str, told: str):
    with pytest.raises(PaperRefused, match=told):
        examine(content, name)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\文件\\审计报告.pdf", "审计报告.pdf"),
        ("../../etc/passwd", "passwd"),
        ("审计\u202efdp.exe", "审计fdp.exe"),
        ("报\r\nX-Header: 1.pdf", "报X-Header_ 1.pdf"),
        ('a"b<c>.pdf', "a_b_c_.pdf"),
        (" . ", "未命名"),
        ("长" * 300 + ".pdf", "长" * 116 + ".pdf"),
    ],
)
def test_a_name_is_kept_without_what_misleads(given: str, kept: str):
    assert clean_name(given) == kept


async def test_a_content_is_kept_once_under_its_hash(session: AsyncSession):
    one, other = await make_enterprise(session), await make_enterprise(session)
    for number in (one, one, other):
        await attach(session, number, PDF, "审计报告.pdf", "audit_report")
    assert await column(session, "SELECT digest FROM paper") == [hashlib.sha256(PDF).hexdigest()]
    assert [len(await attachments_of(session, number)) for number in (one, other)] == [1, 1]


async def test_a_paper_is_given_back_as_it_was_handed_in(session: AsyncSession):
    number = await attach(session, await make_enterprise(session), PDF, "审计报告.pdf", "audit_report")
    assert await read_paper(session, number) == ("审计报告.pdf", "application/pdf", PDF)


async def test_a_paper_whose_content_was_changed_is_not_given_out(session: AsyncSession):
    number = await attach(session, await make_enterprise(session), PDF, "审计报告.pdf", "audit_report")
    await session.execute(text("UPDATE paper SET content = content || 'x'::bytea"))
    with pytest.raises(PaperDamaged):
        await read_paper(session, number)


async def test_a_paper_stands_behind_a_filing_of_the_same_enterprise_only(session: AsyncSession):
    number, other = await make_enterprise(session), await make_enterprise(session)
    await make_filing(session, number)
    filing = (await column(session, "SELECT max(id) FROM filing"))[0]
    await attach(session, number, PDF, "审计报告.pdf", "audit_report", filing_id=filing)
    assert [one["filing_id"] for one in await attachments_of(session, number, [filing])] == [filing]
    with pytest.raises(NoSuchPaper):
        await attach(session, other, PDF, "审计报告.pdf", "audit_report", filing_id=filing)


async def test_a_withdrawn_paper_is_given_out_no_more_and_stays_known(session: AsyncSession):
    enterprise = await make_enterprise(session)
    number = await attach(session, enterprise, PDF, "审计报告.pdf", "audit_report")
    await withdraw(session, enterprise, number, "传错企业", by=1)
    with pytest.raises(NoSuchPaper):
        await read_paper(session, number)
    assert [one["withdrawal_reason"] for one in await attachments_of(session, enterprise)] == ["传错企业"]


async def test_another_district_sees_neither_attachment_nor_content(engine: AsyncEngine, app_session_factory: Scoped):
    async with owner_unit_of_work(engine) as owner:
        enterprise = await make_enterprise(owner, region_code="321282")
    async with app_session_factory(Scope.district("321282")) as own:
        number = await attach(own, enterprise, PDF, "审计报告.pdf", "audit_report")
    async with app_session_factory(Scope.district("321283")) as other:
        assert await column(other, "SELECT digest FROM paper") == []
        with pytest.raises(NoSuchPaper):
            await read_paper(other, number)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE paper SET content = ''", "DELETE FROM paper", "UPDATE attachment SET file_name = 'x'",
        "DELETE FROM attachment", "INSERT INTO paper (digest, media_type, size, content) VALUES ('0', 'x', 0, '')",
    ],
)  # fmt: skip
async def test_the_service_can_change_no_paper(app_session_factory: Scoped, statement: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with app_session_factory(Scope.city()) as session:
            await session.execute(text(statement))


async def test_a_backup_holds_the_papers(engine: AsyncEngine, server_url: str, data_folder: Path):
    async with owner_unit_of_work(engine) as owner:
        number = await attach(owner, await make_enterprise(owner), PDF, "审计报告.pdf", "audit_report")
    await backup(engine, data_folder / "tidu.backup")
    async with fresh_database(server_url, "template0") as url:
        other = make_engine(url)
        await restore(other, data_folder / "tidu.backup")
        async with owner_unit_of_work(other) as session:
            assert (await read_paper(session, number))[2] == PDF
        await other.dispose()


async def test_a_paper_is_handed_in_and_downloaded_by_page(engine: AsyncEngine, client_as: ClientAs):
    code = make_code()
    async with owner_unit_of_work(engine) as owner:
        await make_enterprise(owner, credit_code=code)
    officer = await client_as("city_officer")
    form = {"kind": "audit_report", "about": "2025 年度"}
    forged = await officer.post(f"/enterprises/{code}/papers", data=form, files={"file": ("报告.pdf", b"MZ program")})
    assert (forged.status_code, "不是可收的类型" in forged.text) == (422, True)
    answer = await officer.post(f"/enterprises/{code}/papers", data=form, files={"file": ("审计“报告”.pdf", PDF)})
    assert answer.status_code == 303, answer.text
    page = (await officer.get(answer.headers["location"])).text
    assert "审计“报告”.pdf" in page
    assert "王敏" in page
    async with owner_unit_of_work(engine) as owner:
        number = (await column(owner, "SELECT id FROM attachment"))[0]
    given = await officer.get(f"/papers/{number}")
    assert given.content == PDF
    assert given.headers["content-type"] == "application/pdf"
    assert given.headers["content-disposition"].startswith("attachment;")
    assert given.headers["content-security-policy"].startswith("sandbox")
    assert given.headers["x-content-type-options"] == "nosniff"


async def test_who_hands_in_no_file_or_the_same_twice_is_told_so(engine: AsyncEngine, client_as: ClientAs):
    code = make_code()
    async with owner_unit_of_work(engine) as owner:
        await make_enterprise(owner, credit_code=code)
    officer, here = await client_as("city_officer"), f"/enterprises/{code}/papers"
    without = await officer.post(here, data={"kind": "contract", "about": "走访带回"})
    assert (without.status_code, "请先选择要上传的文件" in without.text) == (422, True)
    assert 'value="走访带回"' in without.text
    for told in ("已保存。", "没有重复保存"):
        answer = await officer.post(here, data={"kind": "contract"}, files={"file": ("合同.pdf", PDF)})
        assert told in (await officer.get(answer.headers["location"])).text
    async with owner_unit_of_work(engine) as owner:
        assert len(await column(owner, "SELECT id FROM attachment")) == 1
