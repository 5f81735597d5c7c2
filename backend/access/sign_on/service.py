"""Signing in at the city's single sign-on, and binding accounts to who somebody is there. In an owner's unit of work.

The provider says who somebody is. What that person may do is Tidu's own affair: an account must exist and be bound, by
an administrator, by an invitation, or, for an enterprise's own account, by the credit code that the provider vouches
for. Where the bureau has set that this is enough, an enterprise that never had an account gets its first one by it; no
other account is ever made here, and none changes its role or its enterprise.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access import invitations
from backend.access.models import Person, PersonIdentity, SignOnAttempt
from backend.access.schemas import Role
from backend.access.service import AccessRefused, hash_of, may_sign_in, person_by_id
from backend.access.sign_on.errors import (
    AttemptOver,
    BindingRefused,
    NobodysAccount,
    NoEnterprisesAccount,
    SignOnFailed,
)
from backend.access.sign_on.provider import Attempt
from backend.access.trace.service import Deed, note
from backend.clock import today
from backend.database.session import in_the_name_of
from backend.enterprises.credit_code import is_credit_code
from backend.enterprises.queries import find
from backend.own_file.opening import open_by_sign_on
from rules.translation import say

#: Long enough for a second factor over there.
ATTEMPT_LIFE: Final = timedelta(minutes=10)
LONGEST_SUBJECT: Final = 255


async def begin(
    session: AsyncSession, redirect_uri: str, goes_to: str, invitation: str = "", now: datetime | None = None
) -> Attempt:
    """Remember an attempt; the browser keeps its state, the database everything else. Raises InvitationOver."""
    now = now or datetime.now(UTC)
    if invitation:
        await invitations.invited(session, invitation, now)
    await session.execute(delete(SignOnAttempt).where(col(SignOnAttempt.expires_at) < now))
    made = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri)
    session.add(
        SignOnAttempt(
            state_hash=hash_of(made.state), nonce=made.nonce, verifier=made.verifier, redirect_uri=redirect_uri,
            goes_to=goes_to[:2000], invitation_hash=hash_of(invitation) if invitation else "",
            expires_at=now + ATTEMPT_LIFE,
        )
    )  # fmt: skip
    await session.flush()
    return made


async def take_attempt(
    session: AsyncSession, state: str, of_browser: str, now: datetime | None = None
) -> tuple[Attempt, SignOnAttempt]:
    """The attempt that an answer belongs to, used up by this. Raises AttemptOver."""
    if not state or not secrets.compare_digest(state.encode(), of_browser.encode()):
        raise AttemptOver("state 与这个浏览器发起的登录不符")
    found = await session.execute(
        delete(SignOnAttempt).where(col(SignOnAttempt.state_hash) == hash_of(state)).returning(SignOnAttempt)
    )
    kept = found.scalar_one_or_none()
    if kept is None or kept.expires_at <= (now or datetime.now(UTC)):
        raise AttemptOver
    return Attempt(state, kept.nonce, kept.verifier, kept.redirect_uri), kept


async def sign_in(
    session: AsyncSession,
    issuer: str,
    claims: Mapping[str, Any],
    invitation_hash: str = "",
    code_claim: str = "",
    now: datetime | None = None,
    *,
    opens_accounts: bool = False,
) -> Person:
    """Whose account it is; the first time it is bound. Raises SignOnFailed, with what failed already in the trace.

    `code_claim` is the claim with the credit code that the provider vouches for, empty where it vouches for none;
    `opens_accounts` whether that code opens an enterprise's first account.
    """
    now = now or datetime.now(UTC)
    subject, code = str(claims["sub"]), _code_in(claims, code_claim)
    person = await _bound(session, issuer, subject)
    if person is not None and code:
        await _demand_same_enterprise(session, person, code)
    if person is None:
        person = await _by_invitation(session, invitation_hash, now) if invitation_hash else None
        person = person or await _by_credit_code(session, issuer, code)
        if person is None and code and opens_accounts:
            person = await open_by_sign_on(session, code, _name_in(claims), today())
        if person is None:
            raise NoEnterprisesAccount(code, subject) if code else NobodysAccount(subject)
        await in_the_name_of(session, person.login, person.id)
        await _bind(session, person, issuer, subject)
    elif invitation_hash:
        invited = await _by_invitation(session, invitation_hash, now)
        if invited is not None and invited.id != person.id:
            told = say("这个统一身份已绑定用户“{login}”，不能再绑定另一个账号。请联系系统管理员。", login=person.login)
            raise BindingRefused(told, f"统一身份已绑定用户“{person.login}”")
    await in_the_name_of(session, person.login, person.id)
    if not may_sign_in(person, now):
        why = "账号锁定中" if person.is_active else "账号已停用或到期"
        raise SignOnFailed(say("您的账号已停用、到期或暂时锁定，请联系系统管理员。"), why)
    if invitation_hash and person.invitation_hash == invitation_hash:
        person.invitation_hash, person.invited_until = "", None
    person.last_sign_in_at = now
    await session.flush()
    await note(session, Deed("sign_in", "session", reason="统一身份认证"))
    return person


async def _bound(session: AsyncSession, issuer: str, subject: str) -> Person | None:
    found = await session.exec(
        select(Person)
        .join(PersonIdentity, col(PersonIdentity.person_id) == Person.id)
        .where(PersonIdentity.issuer == issuer, PersonIdentity.subject == subject)
        .with_for_update(of=Person)
    )
    return found.first()


async def _by_invitation(session: AsyncSession, invitation_hash: str, now: datetime) -> Person | None:
    found = await session.exec(select(Person).where(Person.invitation_hash == invitation_hash).with_for_update())
    person = found.first()
    still = person is not None and person.is_active and person.invited_until is not None and person.invited_until >= now
    return person if still else None


def _code_in(claims: Mapping[str, Any], code_claim: str) -> str:
    """The credit code that the provider vouches for; empty where it does not."""
    code = claims.get(code_claim) if code_claim else None
    return code.strip().upper()[:40] if isinstance(code, str) else ""


def _name_in(claims: Mapping[str, Any]) -> str:
    name = claims.get("name")
    return name if isinstance(name, str) else ""


async def _demand_same_enterprise(session: AsyncSession, person: Person, code: str) -> None:
    """Nobody who acts for one enterprise comes into the account of another. Raises BindingRefused.

    Who may act for several over there has one account here for each, bound to an identity of its own.
    """
    if Role(person.role) is not Role.ENTERPRISE:
        return
    row = await _enterprise_with(session, code)
    if row is None or row["id"] != person.enterprise_id:
        told = say(
            "本次登录代表统一社会信用代码为“{code}”的单位，而这个统一身份绑定的是另一家企业的账号，没有登录。"
            "请在统一身份认证中选择原来的单位，或联系所在市（区）科技局。",
            code=code,
        )
        raise BindingRefused(told, f"用户“{person.login}”的企业不是信用代码“{code}”的企业")


async def _enterprise_with(session: AsyncSession, code: str) -> Mapping[str, Any] | None:
    """The enterprise with a credit code; other numbers that `find` knows are nothing that a provider vouches for."""
    return await find(session, code) if is_credit_code(code) else None


async def _by_credit_code(session: AsyncSession, issuer: str, code: str) -> Person | None:
    """The account of the enterprise with that credit code, where it has exactly one and nobody is bound to it yet.

    A code whose file has become part of another enterprise's leads to that. Staff are never found this way, whatever
    the provider says.
    """
    row = await _enterprise_with(session, code)
    if row is None:
        return None
    found = await session.exec(
        select(Person)
        .where(Person.enterprise_id == row["id"], Person.role == Role.ENTERPRISE, col(Person.is_active))
        .with_for_update(of=Person)
    )
    accounts = found.all()
    if len(accounts) != 1 or await identities_of(session, accounts[0].id or 0, issuer):
        return None
    return accounts[0]


async def _bind(session: AsyncSession, person: Person, issuer: str, subject: str) -> None:
    if await identities_of(session, person.id or 0, issuer):
        told = say("用户“{login}”已绑定另一个统一身份，请联系系统管理员先解除。", login=person.login)
        raise BindingRefused(told, f"用户“{person.login}”已绑定另一个统一身份")
    assert person.id is not None
    session.add(PersonIdentity(person_id=person.id, issuer=issuer, subject=subject, bound_at=datetime.now(UTC)))
    await session.flush()


async def identities_of(session: AsyncSession, person_id: int, issuer: str) -> list[PersonIdentity]:
    """Who somebody is at the provider: none or one."""
    found = await session.exec(
        select(PersonIdentity).where(PersonIdentity.person_id == person_id, PersonIdentity.issuer == issuer)
    )
    return list(found)


async def bind_person(session: AsyncSession, person_id: int, issuer: str, subject: str) -> None:
    """Bind an account by hand, in place of whatever it was bound to; empty to unbind. Raises AccessRefused."""
    subject = subject.strip()
    if len(subject) > LONGEST_SUBJECT:
        raise AccessRefused(f"统一身份标识最多 {LONGEST_SUBJECT} 个字符，请核对。", "subject")
    person = await person_by_id(session, person_id)
    holder = await _bound(session, issuer, subject) if subject else None
    if holder is not None and holder.id != person_id:
        raise AccessRefused(f"这个统一身份已绑定用户“{holder.login}”，请先在那里解除。", "subject")
    if holder is not None:
        return
    await session.execute(
        delete(PersonIdentity).where(col(PersonIdentity.person_id) == person_id, col(PersonIdentity.issuer) == issuer)
    )
    if subject:
        await _bind(session, person, issuer, subject)
