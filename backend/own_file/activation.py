"""Activation codes: the bureau issues one, the enterprise opens an account of its own with it, once.

    ActivationRefused           410, the code opens nothing; one answer for each reason

Whoever has no code that was issued learns nothing, not even whether an enterprise is in the registry.
"""

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.access.passwords import Profile
from backend.access.schemas import Role
from backend.access.service import AccessRefused, add_person, deactivate, hash_of
from backend.access.trace.service import Deed, note
from backend.database.session import in_the_name_of
from backend.web.errors import Refusal
from rules.translation import marked, say

#: How long a code usually works, in days: a letter travels, and somebody has to find the time.
USUAL_DAYS: Final = 30
MOST_DAYS: Final = 180
#: Without 0, 1, I, L and O: it is typed off a letter.
_SIGNS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
#: 16 of 31 signs are some 79 bits: nobody guesses it, and a plain digest keeps it.
_LENGTH: Final = 16


class Why(StrEnum):
    """Why a code opens nothing, as the enterprise is told."""

    WRONG = marked("统一社会信用代码或激活码不对，请对照激活函核对后重新输入。")
    EXPIRED = marked("这个激活码已过有效期，请联系发函的科技部门重新发放。")
    USED = marked("这个激活码已经用过。如不是贵单位使用，请立即联系发函的科技部门；要增加账号，请另行申领激活码。")
    ENDED = marked("这个激活码已作废（已撤销，或已发放新的激活码）。请用最新的激活函，或联系发函的科技部门。")


class ActivationRefused(Exception):
    """The code opens nothing."""

    status_code = 410

    def __init__(self, why: Why, enterprise_id: int | None = None) -> None:
        self.why = why
        self.enterprise_id = enterprise_id
        super().__init__(say(str(why)))


class NotIssued(Refusal):
    """No code can be issued, or there is none to revoke."""

    slug = "code-not-issued"
    title = "没有办成"


@dataclass(frozen=True)
class Issued:
    """A new code; it is shown once and kept nowhere."""

    code: str
    expires_on: date


async def issue(session: AsyncSession, enterprise_id: int, *, by: int, on: date, days: int = USUAL_DAYS) -> Issued:
    """Issue a code, in the officer's unit of work; one that was issued before and not used counts no more.

    Raises NotIssued.
    """
    if not 1 <= days <= MOST_DAYS:
        raise NotIssued(f"有效天数请填 1 至 {MOST_DAYS}，您填的是 {days}。没有发放激活码。")
    # Of two officers at once the later one's code counts.
    await session.execute(text("SELECT FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": enterprise_id})
    await session.execute(
        text(
            "UPDATE activation_code SET ended_at = now(), ended_by = :by"
            " WHERE enterprise_id = :id AND used_at IS NULL AND ended_at IS NULL"
        ),
        {"id": enterprise_id, "by": by},
    )
    code = "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(_LENGTH // 4))
    expires_on = on + timedelta(days=days)
    await session.execute(
        text(
            "INSERT INTO activation_code (enterprise_id, code_hash, expires_on, issued_by)"
            " VALUES (:id, :hash, :until, :by)"
        ),
        {"id": enterprise_id, "hash": hash_of(_plain(code)), "until": expires_on, "by": by},
    )
    return Issued(code, expires_on)


async def revoke(session: AsyncSession, enterprise_id: int, code_id: int, *, by: int) -> None:
    """Let a code work no more. Raises NotIssued."""
    found = await session.execute(
        text(
            "UPDATE activation_code SET ended_at = now(), ended_by = :by WHERE id = :code AND enterprise_id = :id"
            " AND used_at IS NULL AND ended_at IS NULL RETURNING id"
        ),
        {"code": code_id, "id": enterprise_id, "by": by},
    )
    if found.scalar() is None:
        raise NotIssued("这个激活码已经用过、已作废，或不是这家企业的。请刷新页面查看最新情况。")


async def codes_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """The codes that were issued for an enterprise, the newest first."""
    found = await session.execute(
        text(
            "SELECT a.id, a.expires_on, a.issued_at, a.used_at, a.ended_at, o.name AS issued_by_name FROM activation_code a"
            " LEFT JOIN officers() o ON o.id = a.issued_by WHERE a.enterprise_id = :id ORDER BY a.id DESC LIMIT 50"
        ),
        {"id": enterprise_id},
    )
    return [dict(row) for row in found.mappings()]


def _plain(code: str) -> str:
    """A code as it is kept, however it was typed."""
    return "".join(one for one in unicodedata.normalize("NFKC", code).upper() if one.isalnum())


# In an owner's unit of work: nobody is signed in yet ----------------------------------------------------------------


@dataclass(frozen=True)
class Activation:
    """What somebody types who opens an account."""

    credit_code: str
    code: str
    login: str
    name: str
    new: str
    again: str


async def activate(
    session: AsyncSession, given: Activation, on: date, profile: Profile, *, opened_by: str = "激活码"
) -> Person:
    """Open an account of the enterprise; the code is used by it. Leaves no trace of a refusal, see `note_refusal`.

    Raises:
        ActivationRefused: the code opens nothing.
        AccessRefused: the login or the password cannot be; the code still works.
    """
    row = await _usable(session, given.credit_code, given.code, on)
    if given.new != given.again:
        raise AccessRefused(say("两次输入的口令不一样，请重新输入。"), "again")
    issued = await add_person(
        session, given.login, given.name, Role.ENTERPRISE, password=given.new, enterprise=row["credit_code"],
        profile=profile,
    )  # fmt: skip
    person = issued.person
    assert person.id is not None
    await in_the_name_of(session, person.login, person.id)
    await session.execute(
        text("UPDATE activation_code SET used_at = now(), used_by = :person WHERE id = :id"),
        {"person": person.id, "id": row["id"]},
    )
    await note(session, Deed("activate", "person", str(person.id), row["enterprise_id"], reason=opened_by))
    return person


async def _usable(session: AsyncSession, credit_code: str, code: str, on: date) -> Mapping[str, Any]:
    """The code, held until the transaction ends. Raises ActivationRefused."""
    found = await session.execute(
        text(
            "SELECT a.*, e.credit_code FROM activation_code a JOIN enterprise e ON e.id = a.enterprise_id"
            " WHERE a.code_hash = :hash AND e.credit_code = :credit FOR UPDATE OF a"
        ),
        {"hash": hash_of(_plain(code)), "credit": _plain(credit_code)},
    )
    row = found.mappings().first()
    if row is None:
        raise ActivationRefused(Why.WRONG)
    if row["used_at"] is not None:
        raise ActivationRefused(Why.USED, row["enterprise_id"])
    if row["ended_at"] is not None:
        raise ActivationRefused(Why.ENDED, row["enterprise_id"])
    if row["expires_on"] < on:
        raise ActivationRefused(Why.EXPIRED, row["enterprise_id"])
    return dict(row)


async def note_refusal(session: AsyncSession, refused: ActivationRefused) -> None:
    """Leave a trace of it; not of what was typed, which may be a code of somebody else."""
    deed = Deed(
        "activate_failed", "activation_code", "", refused.enterprise_id, "failed", reason=refused.why.name.lower()
    )
    await note(session, deed)


async def accounts_of(session: AsyncSession, enterprise_id: int) -> Sequence[Mapping[str, Any]]:
    """The accounts of an enterprise, those in use first."""
    found = await session.execute(
        text(
            "SELECT id, login, name, is_active, created_at, last_sign_in_at,"
            " EXISTS (SELECT FROM activation_code a WHERE a.used_by = p.id) AS is_by_code,"
            " EXISTS (SELECT FROM person_identity i WHERE i.person_id = p.id) AS is_sign_on"
            " FROM person p WHERE enterprise_id = :id AND role = 'enterprise' ORDER BY is_active DESC, id"
        ),
        {"id": enterprise_id},
    )
    return [dict(row) for row in found.mappings()]


async def end_account(session: AsyncSession, enterprise_id: int, person_id: int) -> None:
    """Let an account of the enterprise sign in no more; its browsers are signed out. Raises NotIssued."""
    found = await session.scalar(
        text("SELECT id FROM person WHERE id = :person AND enterprise_id = :id AND role = 'enterprise' AND is_active"),
        {"person": person_id, "id": enterprise_id},
    )
    if found is None:
        raise NotIssued("这家企业没有这个在用的账号，可能刚被停用。请刷新页面。")
    await deactivate(session, person_id)
