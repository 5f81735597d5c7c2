"""Signing in and out, and managing those who may. Always in an owner's unit of work.

AccessRefused               422, what was entered cannot be
├── LoginTaken              409
├── PersonUnknown           404
└── LastAdministrator       409
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person, WebSession
from backend.access.passwords import fault_of, generate_password, hash_password, verify_password
from backend.access.queries import SESSION_ID_LENGTH, lock_active_administrators
from backend.access.schemas import Role
from backend.access.trace.service import Deed, note
from backend.database.session import in_the_name_of
from backend.enterprises.regions import Regions

FAILURES_ALLOWED: Final = 5
LOCK_OUT: Final = timedelta(minutes=15)
# Every click would otherwise write; 15 s is far below the shortest idle limit.
_SEEN_EVERY: Final = timedelta(seconds=15)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,59}")


class AccessRefused(Exception):
    """Cannot be done as asked; `field` is the form's field that is wrong."""

    status_code = 422

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


class LoginTaken(AccessRefused):
    status_code = 409

    def __init__(self, login: str) -> None:
        super().__init__(f"用户名“{login}”已有人使用，请换一个。", "login")


class PersonUnknown(AccessRefused):
    status_code = 404

    def __init__(self, who: str) -> None:
        super().__init__(f"没有用户“{who}”。请从用户列表里选择，或用 tidu user list 查看。")


class LastAdministrator(AccessRefused):
    status_code = 409

    def __init__(self) -> None:
        super().__init__("这是最后一个在用的系统管理员，停用后就没有人能管理用户。请先添加另一个管理员。")


# Signing in and out --------------------------------------------------------------------------------


async def sign_in(session: AsyncSession, login: str, password: str, now: datetime | None = None) -> Person | None:
    """The person, if the password is right and the account neither locked nor off; a failure is counted.

    Which of these it was, nobody is told: a stranger must not learn which logins exist.
    """
    now = now or datetime.now(UTC)
    found = await session.exec(select(Person).where(Person.login == _normal(login)))
    person = found.first()
    judged_by = person.password_hash if person else None
    matches, renewed = await verify_password(password, judged_by)
    if person is None:
        # Not what was typed: it may be a password in the wrong field.
        await note(session, Deed("sign_in_failed", "session", outcome="failed", reason="没有这个用户名"))
        return None
    await in_the_name_of(session, person.login, person.id)
    # Read again under a lock: of many guesses at once, only as many count as are allowed.
    await session.refresh(person, with_for_update=True)
    if not person.is_active or (person.locked_until is not None and person.locked_until > now):
        why = "账号锁定中" if person.is_active else "账号已停用"
        await note(session, Deed("sign_in_failed", "session", outcome="failed", reason=why))
        return None
    if not matches or person.password_hash != judged_by:
        await _count_failure(session, person, now)
        return None
    person.failed_sign_ins, person.locked_until, person.last_sign_in_at = 0, None, now
    person.password_hash = renewed or person.password_hash
    await session.flush()
    await note(session, Deed("sign_in", "session"))
    return person


async def _count_failure(session: AsyncSession, person: Person, now: datetime) -> None:
    person.failed_sign_ins += 1
    await note(session, Deed("sign_in_failed", "session", outcome="failed", reason="口令不对"))
    if person.failed_sign_ins >= FAILURES_ALLOWED:
        person.failed_sign_ins, person.locked_until = 0, now + LOCK_OUT
        await note(session, Deed("lock", "person", str(person.id), reason=f"连续 {FAILURES_ALLOWED} 次口令不对"))


@dataclass(frozen=True, slots=True)
class Browser:
    """From where and with what somebody signs in, as shown to that person."""

    ip: str = ""
    name: str = ""


async def open_session(
    session: AsyncSession,
    person_id: int,
    longest: timedelta,
    browser: Browser = Browser(),
    now: datetime | None = None,
) -> str:
    """Sign a browser in: returns the token for its cookie, which is kept nowhere but there."""
    now = now or datetime.now(UTC)
    await session.exec(delete(WebSession).where(col(WebSession.expires_at) < now))
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_hash=hash_of(token),
            person_id=person_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            last_seen_at=now,
            expires_at=now + longest,
            ip=browser.ip[:60],
            browser=browser.name[:255],
        )
    )
    await session.flush()
    return token


async def note_seen(
    session: AsyncSession, token_hash: str, last_seen_at: datetime, now: datetime | None = None
) -> None:
    """Let the time of idleness begin anew."""
    now = now or datetime.now(UTC)
    if now - last_seen_at > _SEEN_EVERY:
        await session.exec(update(WebSession).where(col(WebSession.token_hash) == token_hash).values(last_seen_at=now))


async def end_session(session: AsyncSession, person_id: int, session_id: str) -> None:
    """Sign one browser out. One that is out already stays so."""
    if len(session_id) != SESSION_ID_LENGTH:
        return
    await note(session, Deed("sign_out", "session", session_id))
    await session.exec(
        delete(WebSession).where(
            col(WebSession.person_id) == person_id,
            col(WebSession.token_hash).startswith(session_id, autoescape=True),
        )
    )


async def end_all_sessions(session: AsyncSession, person_id: int) -> None:
    await session.exec(delete(WebSession).where(col(WebSession.person_id) == person_id))


def hash_of(token: str) -> str:
    # The token has 256 random bits, so a plain digest suffices where a password would need argon2.
    return sha256(token.encode()).hexdigest()


# People --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issued:
    """A person with a password that somebody must now be told; it is shown once and kept nowhere."""

    person: Person
    password: str


async def add_person(
    session: AsyncSession, login: str, name: str, role: str, region: str = "", password: str | None = None
) -> Issued:
    """Let somebody sign in. Without a password one is made up, to be changed at the first sign-in.

    `region` is a district's code or name. Raises AccessRefused, LoginTaken.
    """
    login, name = _normal(login), name.strip()
    if not _LOGIN.fullmatch(login):
        raise AccessRefused("用户名请用 2 至 60 位小写字母、数字或 . _ - @，以字母或数字开头。", "login")
    if not name or len(name) > 60:
        raise AccessRefused("请填写姓名，最多 60 个字。", "name")
    role_given = _role(role)
    region_code = _region_for(role_given, region)
    fault = fault_of(password, login, name) if password is not None else None
    if fault:
        raise AccessRefused(fault, "password")
    if (await session.exec(select(Person.id).where(Person.login == login))).first() is not None:
        raise LoginTaken(login)
    given = password if password is not None else generate_password()
    person = Person(
        login=login,
        name=name,
        password_hash=await hash_password(given),
        role=role_given,
        region_code=region_code,
        must_change_password=password is None,
        created_at=datetime.now(UTC),
    )
    session.add(person)
    await session.flush()
    return Issued(person, given)


async def reset_password(session: AsyncSession, person_id: int, password: str | None = None) -> Issued:
    """Give somebody a new password, sign all their browsers out and lift a lock-out.

    One that is made up must be changed at the next sign-in. Raises PersonUnknown, AccessRefused.
    """
    person = await _person(session, person_id)
    fault = fault_of(password, person.login, person.name) if password is not None else None
    if fault:
        raise AccessRefused(fault, "password")
    given = password if password is not None else generate_password()
    person.password_hash = await hash_password(given)
    person.must_change_password = password is None
    person.failed_sign_ins, person.locked_until = 0, None
    await end_all_sessions(session, person_id)
    await session.flush()
    return Issued(person, given)


async def change_own_password(session: AsyncSession, person_id: int, current: str, new: str, again: str) -> None:
    """Change one's own password and sign out everywhere. Raises AccessRefused."""
    person = await _person(session, person_id)
    matches, _ = await verify_password(current, person.password_hash)
    if not matches:
        raise AccessRefused("现在的口令不对，请重新输入。", "current")
    if new != again:
        raise AccessRefused("两次输入的新口令不一样，请重新输入。", "again")
    if new == current:
        raise AccessRefused("新口令和现在的一样，请换一个。", "new")
    fault = fault_of(new, person.login, person.name)
    if fault:
        raise AccessRefused(fault, "new")
    person.password_hash = await hash_password(new)
    person.must_change_password = False
    await end_all_sessions(session, person_id)
    await session.flush()


async def deactivate(session: AsyncSession, person_id: int) -> Person:
    """Let somebody sign in no more, from this moment. Raises PersonUnknown, LastAdministrator."""
    # Locked, so that two administrators cannot deactivate each other at the same moment.
    administrators = await lock_active_administrators(session)
    person = await _person(session, person_id)
    if list(administrators) == [person_id]:
        raise LastAdministrator
    person.is_active = False
    await end_all_sessions(session, person_id)
    await session.flush()
    return person


async def reactivate(session: AsyncSession, person_id: int) -> Person:
    """Let somebody sign in again, with the password they had. Raises PersonUnknown."""
    person = await _person(session, person_id)
    person.is_active, person.failed_sign_ins, person.locked_until = True, 0, None
    await session.flush()
    return person


async def id_of(session: AsyncSession, login: str) -> int:
    """Raises PersonUnknown."""
    found = (await session.exec(select(Person.id).where(Person.login == _normal(login)))).first()
    if found is None:
        raise PersonUnknown(login)
    return found


async def _person(session: AsyncSession, person_id: int) -> Person:
    found = await session.exec(select(Person).where(Person.id == person_id).with_for_update())
    person = found.first()
    if person is None:
        raise PersonUnknown(str(person_id))
    return person


def _normal(login: str) -> str:
    return login.strip().lower()


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as problem:
        raise AccessRefused(f"没有角色“{role}”，可用：{'、'.join(Role)}。", "role") from problem


def _region_for(role: Role, text: str) -> str:
    if not text.strip():
        if role.needs_region:
            raise AccessRefused("市（区）工作人员必须指定所属市（区），如 321281。", "region")
        return ""
    if not role.may_have_region:
        raise AccessRefused("这个角色管全市，不要指定市（区）。", "region")
    region = Regions.load().by_name(text)
    if region is None or region.level != "district" or region.is_statistical:
        raise AccessRefused(f"没有市（区）“{text}”，请填六位区划代码，如 321281。", "region")
    return region.code
