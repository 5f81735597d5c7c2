"""Invitations: a link that lets a newcomer choose a password, once and for some days. In an owner's unit of work."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.access.passwords import Profile, fault_of, hash_password
from backend.access.service import AccessRefused, end_all_sessions, hash_of, person_by_id
from backend.access.trace.service import Deed, note
from backend.database.session import in_the_name_of
from rules.translation import say

DAYS: Final = 3
#: Matches no password: whoever was invited has none yet.
NO_PASSWORD: Final = "!"  # noqa: S105


class InvitationOver(AccessRefused):
    status_code = 410

    def __init__(self) -> None:
        super().__init__(say("这个邀请链接无效、已经用过或已过期，请让系统管理员重新邀请。"))


async def invite(session: AsyncSession, person_id: int, now: datetime | None = None) -> str:
    """What the link to give to the person ends with. An earlier one, and the password, count no more."""
    person = await person_by_id(session, person_id)
    token = secrets.token_urlsafe(32)
    person.invitation_hash, person.invited_until = hash_of(token), (now or datetime.now(UTC)) + timedelta(days=DAYS)
    person.password_hash, person.must_change_password = NO_PASSWORD, False
    await end_all_sessions(session, person_id)
    await session.flush()
    return token


async def invited(session: AsyncSession, token: str, now: datetime | None = None) -> Person:
    """Whose invitation it is. Raises InvitationOver."""
    found = await session.exec(select(Person).where(Person.invitation_hash == hash_of(token)).with_for_update())
    person = found.first()
    until = person.invited_until if person is not None else None
    if person is None or not person.is_active or until is None or until < (now or datetime.now(UTC)):
        raise InvitationOver
    return person


async def accept(
    session: AsyncSession, token: str, new: str, again: str, profile: Profile, now: datetime | None = None
) -> Person:
    """Choose the password. The link is used by this. Raises InvitationOver, AccessRefused."""
    person = await invited(session, token, now)
    if new != again:
        raise AccessRefused(say("两次输入的口令不一样，请重新输入。"), "again")
    fault = fault_of(new, person.login, person.name, profile)
    if fault:
        raise AccessRefused(fault, "new")
    await in_the_name_of(session, person.login, person.id)
    person.password_hash = await hash_password(new)
    person.password_changed_at = now or datetime.now(UTC)
    person.invitation_hash, person.invited_until = "", None
    person.must_change_password, person.failed_sign_ins, person.locked_until = False, 0, None
    await note(session, Deed("sign_in", "session", reason="接受邀请"))
    await session.flush()
    return person
