"""Papers attached to an enterprise's file: kept, listed, read again, withdrawn."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.papers import examine
from rules.translation import marked

#: What a paper is about.
KINDS = {
    "audit_report": marked("审计报告"), "tax_return": marked("纳税申报表"), "rd_ledger": marked("研发费用辅助账"), "ip_certificate": marked("知识产权证书"),
    "staff_list": marked("人员清单、社保"), "certificate": marked("认定证书、文件"), "contract": marked("合同、协议"), "visit": marked("走访材料"), "other": marked("其他"),
}  # fmt: skip


class NoSuchPaper(Exception):
    """There is no such paper, it was withdrawn, or it is not the reader's to see."""

    status_code = 404

    def __init__(self) -> None:
        super().__init__("没有这份材料，或它已撤回，或不属于您的区域。请回到企业的佐证材料页核对。")


class PaperDamaged(Exception):
    """What was read is not what was once kept."""

    status_code = 500

    def __init__(self, digest: str) -> None:
        super().__init__(f"材料 {digest[:12]} 的内容与存入时不符，没有提供下载。请通知系统管理员从备份恢复。")


async def attach(
    session: AsyncSession, enterprise_id: int, content: bytes, file_name: str, kind: str, *,
    about: str = "", filing_id: int | None = None, attached_by: int | None = None,
) -> int:  # fmt: skip
    """Keep a paper and attach it; the same content attached again to the same is the attachment there is already.

    Raises:
        PaperRefused: it is no file that is taken.
        NoSuchPaper: the filing is not of this enterprise.
    """
    number, _ = await attach_once(
        session, enterprise_id, content, file_name, kind, about=about, filing_id=filing_id, attached_by=attached_by
    )
    return number


async def attach_once(
    session: AsyncSession, enterprise_id: int, content: bytes, file_name: str, kind: str, *,
    about: str = "", filing_id: int | None = None, attached_by: int | None = None,
) -> tuple[int, bool]:  # fmt: skip
    """What `attach` does, and whether the attachment is a new one.

    Raises:
        PaperRefused, NoSuchPaper: as there.
    """
    found, name = examine(content, file_name)
    if filing_id is not None and not await _is_of(session, filing_id, enterprise_id):
        raise NoSuchPaper
    digest = await session.scalar(
        text("SELECT keep_paper(:content, :media_type)"), {"content": content, "media_type": found.media_type}
    )
    known = {
        "enterprise": enterprise_id, "digest": digest, "filing": filing_id, "kind": kind if kind in KINDS else "other",
        "name": name, "about": about, "person": attached_by,
    }  # fmt: skip
    there = await session.scalar(
        text(
            "SELECT id FROM attachment WHERE enterprise_id = :enterprise AND digest = :digest"
            " AND filing_id IS NOT DISTINCT FROM CAST(:filing AS bigint) AND withdrawn_at IS NULL"
        ),
        {name: known[name] for name in ("enterprise", "digest", "filing")},
    )
    if there is not None:
        return there, False
    written = await session.execute(
        text(
            "INSERT INTO attachment (enterprise_id, digest, filing_id, kind, file_name, about, attached_by)"
            " VALUES (:enterprise, :digest, :filing, :kind, :name, :about, :person) RETURNING id"
        ),
        known,
    )
    return written.scalar_one(), True


async def _is_of(session: AsyncSession, filing_id: int, enterprise_id: int) -> bool:
    found = await session.scalar(
        text("SELECT EXISTS (SELECT FROM filings_known(NULL) WHERE id = :id AND enterprise_id = :enterprise)"),
        {"id": filing_id, "enterprise": enterprise_id},
    )
    return bool(found)


async def withdraw(session: AsyncSession, enterprise_id: int, attachment_id: int, reason: str, *, by: int) -> None:
    """Take an attachment off the file; that it was there, and why it went, stays known.

    Raises:
        NoSuchPaper: it is not there, or withdrawn already.
    """
    written = await session.execute(
        text(
            "UPDATE attachment SET withdrawn_at = now(), withdrawn_by = :by, withdrawal_reason = :reason"
            " WHERE id = :id AND enterprise_id = :enterprise AND withdrawn_at IS NULL RETURNING id"
        ),
        {"id": attachment_id, "enterprise": enterprise_id, "reason": reason, "by": by},
    )
    if written.scalar() is None:
        raise NoSuchPaper


async def attachments_of(
    session: AsyncSession, enterprise_id: int, filing_ids: Sequence[int] | None = None
) -> list[Mapping[str, Any]]:
    """The papers on an enterprise's file, withdrawn ones included, the newest first; or those behind some filings."""
    found = await session.execute(
        text(
            "SELECT a.*, p.media_type, p.size, o.name AS attached_by_name, w.name AS withdrawn_by_name FROM attachment a"
            " JOIN paper p USING (digest) LEFT JOIN officers() o ON o.id = a.attached_by"
            " LEFT JOIN officers() w ON w.id = a.withdrawn_by WHERE a.enterprise_id = :id"
            " AND (CAST(:filings AS bigint[]) IS NULL OR a.filing_id = ANY(CAST(:filings AS bigint[])))"
            " ORDER BY a.attached_at DESC, a.id DESC"
        ),
        {"id": enterprise_id, "filings": None if filing_ids is None else list(filing_ids)},
    )
    return [dict(row) for row in found.mappings()]


async def read_paper(session: AsyncSession, attachment_id: int) -> tuple[str, str, bytes]:
    """The file name, media type and content of a paper.

    Raises:
        NoSuchPaper: it is not there, withdrawn, or not the reader's.
        PaperDamaged: its content does not agree with its hash.
    """
    found = await session.execute(
        text(
            "SELECT a.file_name, p.media_type, p.content, p.digest FROM attachment a JOIN paper p USING (digest)"
            " WHERE a.id = :id AND a.withdrawn_at IS NULL"
        ),
        {"id": attachment_id},
    )
    row = found.first()
    if row is None:
        raise NoSuchPaper
    if hashlib.sha256(row.content).hexdigest() != row.digest:
        raise PaperDamaged(row.digest)
    return row.file_name, row.media_type, row.content
