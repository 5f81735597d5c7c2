"""Signing in and out, and managing those who may. Always in an owner's unit of work.

AccessRefused               422, what was entered cannot be
├── LoginTaken              409
├── PersonUnknown           404
└── LastAdministrator       409
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person, WebSession
from backend.access.passwords import Profile, fault_of, generate_password, hash_password, verify_password
from backend.access.queries import SESSION_ID_LENGTH, lock_active_administrators
from backend.access.schemas import Role
from backend.access.trace.service import Deed, note
from backend.clock import CHINA
from backend.database.session import in_the_name_of
from backend.enterprises.models import Enterprise
from backend.enterprises.regions import Regions
from rules.translation import say

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
        super().__init__(say("用户名“{login}”已有人使用，请换一个。", login=login), "login")


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
    if not may_sign_in(person, now):
        why = "账号锁定中" if person.is_active else "账号已停用或到期"
        await note(session, Deed("sign_in_failed", "session", outcome="failed", reason=why))
        return None
    if not matches or person.password_hash != judged_by:
        await count_failure(session, person, now)
        return None
    if person.totp_generation <= 0:
        # With a second factor still to come, wrong codes must not be forgiven by the right password.
        person.failed_sign_ins = 0
    person.locked_until, person.last_sign_in_at = None, now
    person.password_hash = renewed or person.password_hash
    await session.flush()
    await note(session, Deed("sign_in", "session"))
    return person


def may_sign_in(person: Person, now: datetime) -> bool:
    """Whether the account is neither off, nor over, nor locked."""
    is_over = person.active_until is not None and now.astimezone(CHINA).date() > person.active_until
    return person.is_active and not is_over and (person.locked_until is None or person.locked_until <= now)


async def count_failure(session: AsyncSession, person: Person, now: datetime, why: str = "口令不对") -> None:
    """One guess fewer; the last one locks."""
    person.failed_sign_ins += 1
    await note(session, Deed("sign_in_failed", "session", outcome="failed", reason=why))
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
    *,
    is_half: bool = False,
    is_sign_on: bool = False,
) -> str:
    """Sign a browser in: returns the token for its cookie, which is kept nowhere but there.

    Half a session opens nothing but the page that asks for the second factor.
    """
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
            is_half=is_half,
            is_sign_on=is_sign_on,
            ip=browser.ip[:60],
            browser=browser.name[:255],
        )
    )
    await session.flush()
    return token


async def pass_second_factor(
    session: AsyncSession,
    person_id: int,
    accepts: Callable[[Person], bool],
    longest: timedelta,
    browser: Browser,
    half_token_hash: str,
    now: datetime | None = None,
) -> str | None:
    """The token of a whole session in place of half a one, if the code is accepted; else the failure is counted."""
    now = now or datetime.now(UTC)
    person = await person_by_id(session, person_id)
    if not may_sign_in(person, now):
        return None
    if not accepts(person):
        await count_failure(session, person, now, "动态口令不对")
        return None
    person.failed_sign_ins = 0
    await note(session, Deed("sign_in", "session", reason="动态口令通过"))
    await session.exec(delete(WebSession).where(col(WebSession.token_hash) == half_token_hash))
    return await open_session(session, person_id, longest, browser, now)


async def note_seen(
    session: AsyncSession, token_hash: str, last_seen_at: datetime, now: datetime | None = None
) -> None:
    """Let the time of idleness begin anew."""
    now = now or datetime.now(UTC)
    if now - last_seen_at > _SEEN_EVERY:
        await session.exec(update(WebSession).where(col(WebSession.token_hash) == token_hash).values(last_seen_at=now))


async def end_session(session: AsyncSession, person_id: int, session_id: str) -> bool:
    """Sign one browser out. One that is out already stays so. Returns whether it came in by the single sign-on."""
    if len(session_id) != SESSION_ID_LENGTH:
        return False
    await note(session, Deed("sign_out", "session", session_id))
    found = await session.execute(
        delete(WebSession)
        .where(
            col(WebSession.person_id) == person_id,
            col(WebSession.token_hash).startswith(session_id, autoescape=True),
        )
        .returning(col(WebSession.is_sign_on))
    )
    return any(found.scalars())


async def end_all_sessions(session: AsyncSession, person_id: int) -> None:
    """Sign all of somebody's browsers out."""
    await session.exec(delete(WebSession).where(col(WebSession.person_id) == person_id))


async def end_other_sessions(session: AsyncSession, person_id: int, session_id: str) -> None:
    """Sign all of somebody's browsers out but this one."""
    await note(session, Deed("sign_out", "session", reason="退出其他浏览器"))
    await session.exec(
        delete(WebSession).where(
            col(WebSession.person_id) == person_id,
            ~col(WebSession.token_hash).startswith(session_id, autoescape=True),
        )
    )


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
    session: AsyncSession,
    login: str,
    name: str,
    role: str,
    region: str = "",
    password: str | None = None,
    *,
    enterprise: str = "",
    park: str = "",
    active_until: date | None = None,
    profile: Profile = Profile.DENGBAO,
) -> Issued:
    """Let somebody sign in. Without a password one is made up, to be changed at the first sign-in.

    `region` is a district's code or name, `park` one of its parks, for a park officer; `enterprise` a credit code, for
    an enterprise's own account.
    Raises AccessRefused, LoginTaken.
    """
    login, name = _normal(login), name.strip()
    if not _LOGIN.fullmatch(login):
        raise AccessRefused(say("用户名请用 2 至 60 位小写字母、数字或 . _ - @，以字母或数字开头。"), "login")
    if not name or len(name) > 60:
        raise AccessRefused(say("请填写姓名，最多 60 个字。"), "name")
    role_given = role_named(role)
    region_code = region_for(role_given, region)
    park_name = await park_for(session, role_given, region_code, park)
    enterprise_id = await _enterprise_for(session, role_given, enterprise)
    fault = fault_of(password, login, name, profile) if password is not None else None
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
        park=park_name,
        enterprise_id=enterprise_id,
        active_until=active_until,
        must_change_password=password is None,
        created_at=datetime.now(UTC),
    )
    session.add(person)
    await session.flush()
    return Issued(person, given)


async def reset_password(
    session: AsyncSession, person_id: int, password: str | None = None, profile: Profile = Profile.DENGBAO
) -> Issued:
    """Give somebody a new password, sign all their browsers out and lift a lock-out.

    One that is made up must be changed at the next sign-in. Raises PersonUnknown, AccessRefused.
    """
    person = await person_by_id(session, person_id)
    fault = fault_of(password, person.login, person.name, profile) if password is not None else None
    if fault:
        raise AccessRefused(fault, "password")
    given = password if password is not None else generate_password()
    person.password_hash, person.password_changed_at = await hash_password(given), datetime.now(UTC)
    person.must_change_password = password is None
    person.invitation_hash, person.invited_until = "", None
    person.failed_sign_ins, person.locked_until = 0, None
    await end_all_sessions(session, person_id)
    await session.flush()
    return Issued(person, given)


async def change_own_password(
    session: AsyncSession, person_id: int, current: str, new: str, again: str, profile: Profile = Profile.DENGBAO
) -> None:
    """Change one's own password and sign out everywhere. Raises AccessRefused."""
    person = await person_by_id(session, person_id)
    matches, _ = await verify_password(current, person.password_hash)
    if not matches:
        raise AccessRefused(say("现在的口令不对，请重新输入。"), "current")
    if new != again:
        raise AccessRefused(say("两次输入的新口令不一样，请重新输入。"), "again")
    if new == current:
        raise AccessRefused(say("新口令和现在的一样，请换一个。"), "new")
    fault = fault_of(new, person.login, person.name, profile)
    if fault:
        raise AccessRefused(fault, "new")
    person.password_hash, person.password_changed_at = await hash_password(new), datetime.now(UTC)
    person.must_change_password = False
    await end_all_sessions(session, person_id)
    await session.flush()


async def deactivate(session: AsyncSession, person_id: int) -> Person:
    """Let somebody sign in no more, from this moment. Raises PersonUnknown, LastAdministrator."""
    # Locked, so that two administrators cannot deactivate each other at the same moment.
    administrators = await lock_active_administrators(session)
    person = await person_by_id(session, person_id)
    if list(administrators) == [person_id]:
        raise LastAdministrator
    person.is_active = False
    await end_all_sessions(session, person_id)
    await session.flush()
    return person


async def reactivate(session: AsyncSession, person_id: int) -> Person:
    """Let somebody sign in again, with the password they had. Raises PersonUnknown."""
    person = await person_by_id(session, person_id)
    person.is_active, person.failed_sign_ins, person.locked_until = True, 0, None
    await session.flush()
    return person


async def id_of(session: AsyncSession, login: str) -> int:
    """Raises PersonUnknown."""
    found = (await session.exec(select(Person.id).where(Person.login == _normal(login)))).first()
    if found is None:
        raise PersonUnknown(login)
    return found


async def person_by_id(session: AsyncSession, person_id: int) -> Person:
    """The person, locked. Raises PersonUnknown."""
    found = await session.exec(select(Person).where(Person.id == person_id).with_for_update())
    person = found.first()
    if person is None:
        raise PersonUnknown(str(person_id))
    return person


def _normal(login: str) -> str:
    return login.strip().lower()


def role_named(role: str) -> Role:
    """Raises AccessRefused."""
    try:
        return Role(role)
    except ValueError as problem:
        raise AccessRefused(f"没有角色“{role}”，可用：{'、'.join(Role)}。", "role") from problem


def region_for(role: Role, text: str) -> str:
    """The code of the district, as far as the role has one. Raises AccessRefused."""
    if not text.strip():
        if role.needs_region:
            raise AccessRefused("市（区）、园区工作人员必须指定所属市（区），如 321281。", "region")
        return ""
    if not role.may_have_region:
        raise AccessRefused("这个角色管全市，不要指定市（区）。", "region")
    region = Regions.load().by_name(text)
    if region is None or region.level != "district" or region.is_statistical:
        raise AccessRefused(f"没有市（区）“{text}”，请填六位区划代码，如 321281。", "region")
    return region.code


async def park_for(session: AsyncSession, role: Role, region_code: str, text: str) -> str:
    """The name of the park, as far as the role has one, just as enterprises are registered in it. Raises AccessRefused."""
    name = text.strip()
    if not role.needs_park:
        if name:
            raise AccessRefused("只有园区工作人员才填园区。", "park")
        return ""
    known = sorted(
        await session.exec(
            select(Enterprise.park).where(Enterprise.region_code == region_code, Enterprise.park != "").distinct()
        )
    )
    if name in known:
        return name
    listed = f"这个市（区）登记的园区有：{'、'.join(known[:20])}。" if known else "这个市（区）还没有企业登记在园区。"
    raise AccessRefused(f"请填园区的全称，与企业档案里的“园区”一致。{listed}", "park")


async def _enterprise_for(session: AsyncSession, role: Role, code: str) -> int | None:
    if role is not Role.ENTERPRISE:
        if code.strip():
            raise AccessRefused("只有企业账号才填企业。", "enterprise")
        return None
    found = await session.exec(select(Enterprise.id).where(Enterprise.credit_code == code.strip().upper()))
    enterprise_id = found.first()
    if enterprise_id is None:
        raise AccessRefused(f"没有统一社会信用代码为“{code.strip()}”的企业，请核对。", "enterprise")
    return enterprise_id
