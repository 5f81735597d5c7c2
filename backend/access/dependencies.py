"""Permissions as parameter types: a route says in its signature who may use it.

- `SignedIn`: anybody who may read the registry, viewers too.
- `Officer`: whoever may write: city officers, district officers, administrators. Which rows, row-level security says.
- `Administrator`: whoever manages people.
- `Auditor`: whoever reads the trace, and nothing else.
- `Authenticated`: signed in, but perhaps with a password that must first be changed. For `/me` and signing out only.

Each gives the `PersonSignedIn`. Who is not signed in is sent to the sign-in page (a program gets 401).
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from backend.access.schemas import PersonSignedIn, Role
from backend.web.errors import Forbidden, Refusal


class NotSignedIn(Refusal):
    """Nobody is signed in, or not any more."""

    status = 401
    slug = "unauthenticated"
    title = "请先登录"

    def __init__(self) -> None:
        super().__init__("您还没有登录，或登录已过期。请登录后继续。")


class PasswordChangeNeeded(Refusal):
    """Signed in with a password that others know: nothing else goes before it is changed."""

    status = 403
    slug = "password-change-needed"
    title = "请先修改口令"

    def __init__(self) -> None:
        super().__init__("这是初始口令，请先在“我的账号”里改成自己的口令。")


class NotTheirPage(Forbidden):
    """A page of the registry for somebody whose work is elsewhere, at `home`."""

    def __init__(self, home: str) -> None:
        super().__init__("您的角色不查看企业数据。如工作需要，请联系系统管理员另行授权。")
        self.home = home


def authenticated(request: Request) -> PersonSignedIn:
    """Raises NotSignedIn."""
    person = cast("PersonSignedIn | None", getattr(request.state, "visitor", None))
    if person is None:
        raise NotSignedIn
    return person


Authenticated = Annotated[PersonSignedIn, Depends(authenticated)]


def signed_in(person: Authenticated) -> PersonSignedIn:
    """Raises NotSignedIn, PasswordChangeNeeded."""
    person = settled(person)
    if not person.role.reads_registry:
        raise NotTheirPage(person.role.home)
    return person


SignedIn = Annotated[PersonSignedIn, Depends(signed_in)]


def settled(person: Authenticated) -> PersonSignedIn:
    """Raises NotSignedIn, PasswordChangeNeeded."""
    if person.must_change_password:
        raise PasswordChangeNeeded
    return person


Settled = Annotated[PersonSignedIn, Depends(settled)]


def officer(person: SignedIn) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if not person.role.may_write:
        raise Forbidden("您的账号只能查看，不能修改。如工作需要，请联系系统管理员。")
    return person


Officer = Annotated[PersonSignedIn, Depends(officer)]


def administrator(person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if person.role is not Role.ADMINISTRATOR:
        raise Forbidden("只有系统管理员能管理用户。")
    return person


Administrator = Annotated[PersonSignedIn, Depends(administrator)]


def auditor(person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if person.role is not Role.AUDITOR:
        raise Forbidden("只有审计员能查看操作留痕。")
    return person


Auditor = Annotated[PersonSignedIn, Depends(auditor)]
