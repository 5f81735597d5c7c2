"""Which files are taken as papers: what a file is, its content says; its name must say the same.

The question is not “what might this be” but “is it one of these few, whole and without programs”. That is answered
exactly by the first bytes and, for packages, by what is in them.
"""

import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass

from rules.translation import marked, say

#: Largest paper, in bytes: a scanned audit report of some hundred pages.
MOST_BYTES = 20 * 1024 * 1024
_MOST_NAME = 120
_MOST_MEMBERS = 10_000
_OFFICE = "application/vnd.openxmlformats-officedocument."


class PaperRefused(Exception):
    """The file cannot be kept as a paper; the message says why and what to hand in instead."""

    status_code = 422


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it is called, the endings of its names."""

    media_type: str
    name: str
    endings: tuple[str, ...]


PDF = Kind("application/pdf", "PDF", ("pdf",))
JPEG = Kind("image/jpeg", marked("JPEG 图片"), ("jpg", "jpeg"))
PNG = Kind("image/png", marked("PNG 图片"), ("png",))
WORD = Kind(f"{_OFFICE}wordprocessingml.document", marked("Word 文档"), ("docx",))
EXCEL = Kind(f"{_OFFICE}spreadsheetml.sheet", marked("Excel 工作簿"), ("xlsx",))
OFD = Kind("application/ofd", marked("OFD 版式文件"), ("ofd",))
KINDS = (PDF, JPEG, PNG, WORD, EXCEL, OFD)
TAKEN = marked("PDF、JPG、PNG、DOCX、XLSX、OFD")
#: For the file chooser.
ENDINGS = ",".join(f".{ending}" for kind in KINDS for ending in kind.endings)

_SIGNATURES = ((b"%PDF-", PDF), (b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG))
#: A member that only this kind of package has.
_PACKAGES = (("word/document.xml", WORD), ("xl/workbook.xml", EXCEL), ("OFD.xml", OFD))


def examine(content: bytes, file_name: str) -> tuple[Kind, str]:
    """What a file is, and the name under which it is kept.

    Raises:
        PaperRefused: too large, empty, of another kind, called what it is not, or with programs in it.
    """
    name = clean_name(file_name)
    if not content:
        raise PaperRefused(say("“{name}”是空文件，没有保存。请检查后重新上传。", name=name))
    if len(content) > MOST_BYTES:
        most = MOST_BYTES // 1024 // 1024
        raise PaperRefused(say("“{name}”超过 {most} MB，没有保存。请压缩或拆分后上传。", name=name, most=most))
    kind = _kind_of(content, name)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if kind is None:
        raise PaperRefused(say("“{name}”的内容不是可收的类型，没有保存。请上传 {taken}。", name=name, taken=say(TAKEN)))
    if ending not in kind.endings:
        raise PaperRefused(
            say(
                "“{name}”的内容其实是{kind}，与扩展名不符，没有保存。请确认文件无误，把扩展名改为 .{ending} 后再传。",
                name=name,
                kind=say(kind.name),
                ending=kind.endings[0],
            )
        )
    return kind, name


def clean_name(file_name: str) -> str:
    """A file's name without a folder, without characters that hide or turn what is read, and not too long."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", file_name))[-1]
    # Cc: control; Cf: invisible, among them those that let “gpj.exe” be read as “exe.jpg”; Zl, Zp: line ends.
    seen = "".join(
        " " if c.isspace() else c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
    )
    name = re.sub(r'[<>:"|?*]', "_", seen).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if dot and len(name) > _MOST_NAME:
        name = f"{stem[: _MOST_NAME - len(ending) - 1]}.{ending[:10]}"
    return name[:_MOST_NAME] or "未命名"


def _kind_of(content: bytes, name: str) -> Kind | None:
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    return _package(content, name) if content.startswith(b"PK\x03\x04") else None


def _package(content: bytes, name: str) -> Kind | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = {one.filename for one in package.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as problem:
        raise PaperRefused(say("“{name}”已损坏，打不开，没有保存。请重新导出后上传。", name=name)) from problem
    if len(members) > _MOST_MEMBERS:
        raise PaperRefused(
            say("“{name}”内含 {n} 个文件，不像一份材料，没有保存。请另存为 PDF 后上传。", name=name, n=len(members))
        )
    if any(member.lower().endswith(("vbaproject.bin", ".exe", ".js", ".vbs", ".dll")) for member in members):
        raise PaperRefused(say("“{name}”里有宏或程序，没有保存。请另存为不含宏的文件或 PDF 后上传。", name=name))
    return next((kind for member, kind in _PACKAGES if member in members), None)
