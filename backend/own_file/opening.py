"""An enterprise's account opened by the city's single sign-on, which vouches for the credit code that somebody acts for.

Only where the bureau has set that the provider's word is enough (`TIDU_SSO_OPENS_ACCOUNTS`). The first account of an
enterprise is opened so; a further one wants an activation code, as it does without a single sign-on, and so does one in
place of an account that an officer ended. The officers find a message of it among what came in.
"""

import secrets
from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.invitations import NO_PASSWORD
from backend.access.models import Person
from backend.access.schemas import Role
from backend.access.service import add_person, person_by_id
from backend.access.sign_on.errors import AccountElsewhere, CodeNotRight, EnterpriseEnded, NotRegistered
from backend.access.trace.service import Deed, note
from backend.database.session import in_the_name_of
from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.enterprises.lineage import ENDS
from backend.enterprises.queries import find
from backend.own_file.threads import Writer, open_thread

_OPENED_BY = "统一身份认证"


async def open_by_sign_on(session: AsyncSession, code: str, name: str, on: date) -> Person:
    """Open the first account of the enterprise with a credit code, in an owner's unit of work.

    Args:
        session: in which the account is bound to whoever signed in, too.
        code: as the provider vouches for it; one that has become another enterprise's file leads to that.
        name: of whoever signed in, as the provider calls them; may be empty.
        on: today.

    Raises:
        CodeNotRight: it is no credit code.
        NotRegistered: no enterprise of the registry has it.
        EnterpriseEnded: the enterprise is no more.
        AccountElsewhere: there are accounts already, or there were.
    """
    try:
        known = str(parse_credit_code(code))
    except CreditCodeError as problem:
        raise CodeNotRight(code, str(problem)) from problem
    row = await find(session, known)
    if row is None or not row["credit_code"] or row["status"] not in ("active", *ENDS):
        raise NotRegistered(known)
    if row["ended_on"] is not None and row["ended_on"] <= on:
        raise EnterpriseEnded(known, row["ended_on"])
    # Of two at once the later one finds the account of the first.
    await session.execute(text("SELECT FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": row["id"]})
    has_accounts = await session.scalar(
        text("SELECT EXISTS (SELECT FROM person WHERE enterprise_id = :id AND role = :role)"),
        {"id": row["id"], "role": Role.ENTERPRISE},
    )
    if has_accounts:
        raise AccountElsewhere(known)
    return await _opened(session, row["id"], row["credit_code"], (" ".join(name.split()) or row["name"])[:60])


async def _opened(session: AsyncSession, enterprise_id: int, code: str, name: str) -> Person:
    login = code.lower()
    if await session.scalar(text("SELECT EXISTS (SELECT FROM person WHERE login = :login)"), {"login": login}):
        login = f"{login}-{secrets.token_hex(3)}"
    issued = await add_person(session, login, name, Role.ENTERPRISE, enterprise=code)
    assert issued.person.id is not None
    person = await person_by_id(session, issued.person.id)
    # It has no password: whoever wants one asks the administrator for it.
    person.password_hash, person.must_change_password = NO_PASSWORD, False
    await session.flush()
    await in_the_name_of(session, person.login, person.id)
    await note(session, Deed("activate", "person", str(person.id), enterprise_id, reason=_OPENED_BY))
    # What Tidu writes to officers is Chinese, whatever is spoken.
    words = (
        f"经{_OPENED_BY}确认统一社会信用代码，我单位开立了企业账号：用户名 {person.login}，经办人 {person.name}。"
        "如有疑问，请与我单位联系，或在“企业账号”中停用。（系统自动发出）"
    )
    await open_thread(session, enterprise_id, f"已由{_OPENED_BY}开立企业账号", words, Writer(person))
    return person
