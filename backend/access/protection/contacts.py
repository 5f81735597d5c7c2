"""Contacts of enterprises: kept encrypted, shown masked, read in clear by whoever unmasked the enterprise.

The key is worked out of the installation's own secret, so a copy of the database tells no telephone (等保 8.1.4.8).
"""

import json
import os
import re
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.protection.masking import masked_email, masked_name, masked_telephone
from backend.access.service import AccessRefused
from backend.exchange.keys import Keys

#: What a contact is to the enterprise.
KINDS: Final = {"contact": "联系人", "legal_representative": "法定代表人", "finance": "财务负责人", "rd": "研发负责人"}
MOST: Final = 20
_TELEPHONE: Final = re.compile(r"[0-9+()（）\- ]{7,20}")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,64}")
_NONCE: Final = 12
_PURPOSE: Final = b"enterprise_contact"


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact as the reader may see it."""

    id: int
    kind: str
    name: str
    telephone: str
    email: str
    is_masked: bool


@dataclass(frozen=True, slots=True)
class ContactDraft:
    """A contact as it was typed."""

    kind: str
    name: str
    telephone: str = ""
    email: str = ""


async def contacts_of(session: AsyncSession, keys: Keys, enterprise_id: int) -> list[Contact]:
    """An enterprise's contacts, in clear as far as the database hands them out."""
    found = await session.execute(
        text(
            "SELECT id, kind, name_masked, telephone_masked, email_masked FROM enterprise_contact"
            " WHERE enterprise_id = :id ORDER BY id"
        ),
        {"id": enterprise_id},
    )
    rows = found.all()
    sealed = await session.execute(text("SELECT id, sealed FROM sealed_contacts(:id)"), {"id": enterprise_id})
    clear = {row[0]: _opened(keys, row[1]) for row in sealed}
    return [
        Contact(row[0], row[1], *clear[row[0]], is_masked=False) if row[0] in clear
        else Contact(row[0], row[1], row[2], row[3], row[4], is_masked=True)
        for row in rows
    ]  # fmt: skip


async def add_contact(
    session: AsyncSession, keys: Keys, enterprise_id: int, draft: ContactDraft, entered_by: int
) -> None:
    """Keep one more contact. Raises AccessRefused."""
    name, telephone, email = draft.name.strip(), draft.telephone.strip(), draft.email.strip()
    if draft.kind not in KINDS:
        raise AccessRefused("请选择联系人的身份。", "kind")
    if not 0 < len(name) <= 60:
        raise AccessRefused("请填写姓名，最多 60 个字。", "name")
    if telephone and not _TELEPHONE.fullmatch(telephone):
        raise AccessRefused("电话请填 7 至 20 位数字，如 13800005678 或 0523-86880000。", "telephone")
    if email and not _EMAIL.fullmatch(email):
        raise AccessRefused("电子邮箱的写法不对，应如 name@example.cn。", "email")
    if not telephone and not email:
        raise AccessRefused("电话和电子邮箱至少填一项。", "telephone")
    held = await session.scalar(
        text("SELECT count(*) FROM enterprise_contact WHERE enterprise_id = :id"), {"id": enterprise_id}
    )
    if (held or 0) >= MOST:
        raise AccessRefused(f"一家企业最多登记 {MOST} 位联系人，请先删除不再使用的。", "name")
    values: dict[str, Any] = {
        "enterprise": enterprise_id, "kind": draft.kind, "name": masked_name(name),
        "telephone": masked_telephone(telephone) if telephone else "", "email": masked_email(email),
        "sealed": _sealed(keys, (name, telephone, email)), "by": entered_by,
    }  # fmt: skip
    await session.execute(
        text(
            "INSERT INTO enterprise_contact (enterprise_id, kind, name_masked, telephone_masked, email_masked, sealed,"
            " entered_by) VALUES (:enterprise, :kind, :name, :telephone, :email, :sealed, :by)"
        ),
        values,
    )


async def remove_contact(session: AsyncSession, enterprise_id: int, contact_id: int) -> None:
    """Forget a contact for good: personal data are kept no longer than they are needed (个人信息保护法 第四十七条)."""
    await session.execute(
        text("DELETE FROM enterprise_contact WHERE id = :id AND enterprise_id = :enterprise"),
        {"id": contact_id, "enterprise": enterprise_id},
    )


def _cipher(keys: Keys) -> AESGCM:
    return AESGCM(keys.derive("contacts", "enterprise"))


def _sealed(keys: Keys, clear: tuple[str, str, str]) -> bytes:
    nonce = os.urandom(_NONCE)
    content = json.dumps(clear, ensure_ascii=False).encode()
    return nonce + _cipher(keys).encrypt(nonce, content, _PURPOSE)


def _opened(keys: Keys, sealed: bytes) -> tuple[str, str, str]:
    content = _cipher(keys).decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE)
    name, telephone, email = json.loads(content)
    return name, telephone, email
