"""Permissions as parameter types: a route says in its signature who may use it.

- `SignedIn`: anybody who reads the registry: officers, reviewers, viewers; and where a route is among
  `OPEN_TO_ENTERPRISES`, an enterprise's own account, which row-level security then shows itself only.
- `Officer`: whoever may write: city officers, district officers. Which rows, row-level security says.
- `Confirmer`: whoever may confirm what another one proposes.
- `EnterpriseAccount`: an enterprise's own account, on its own pages.
- `Unmasker`: whoever may ask to read one enterprise's protected data.
- `Administrator`: whoever manages people. `Auditor`: whoever reads the trace.
- `Settled`: anybody who signed in, whatever their work. `Authenticated`: even with a password that must be changed first.

Each gives the `PersonSignedIn`. Who is not signed in is sent to the sign-in page (a program gets 401).
docs/who-may-do-what.md lists every route with the roles that may use it, and a test holds both against each other.

They are coroutines although they wait for nothing: of plain functions FastAPI runs each in a thread, for which a request
would go back and forth a dozen times.
"""

from typing import Annotated, Final, cast

from fastapi import Depends, Request

from backend.access.schemas import PersonSignedIn, Role
from backend.settings import Settings
from backend.web.errors import Forbidden, Refusal
from backend.web.route_address import route_address
from rules.translation import marked, say

#: What an enterprise's own account may look at, of the registry's routes: where it sees itself and no list.
OPEN_TO_ENTERPRISES: Final = frozenset({"/enterprises/{code}", "/api/v1/enterprises/{code}"})


class NotSignedIn(Refusal):
    """Nobody is signed in, or not any more."""

    status = 401
    slug = "unauthenticated"
    title = marked("请先登录")

    def __init__(self) -> None:
        super().__init__(say("您还没有登录，或登录已过期。请登录后继续。"))


class PasswordChangeNeeded(Refusal):
    """Signed in with a password that others know, or that is too old: nothing else goes before it is changed."""

    status = 403
    slug = "password-change-needed"
    title = marked("请先修改口令")
    goes_to = "/me"

    def __init__(self) -> None:
        super().__init__(say("这是初始口令，请先在“我的账号”里改成自己的口令。"))


class SecondFactorNeeded(PasswordChangeNeeded):
    """The installation wants a second factor of people like this one, who has none yet."""

    slug = "second-factor-needed"
    title = marked("请先启用动态口令")
    goes_to = "/me/second-factor"

    def __init__(self) -> None:
        Refusal.__init__(self, say("您的角色须启用动态口令后才能使用，请先在“我的账号”里启用。"))


class NotTheirPage(Forbidden):
    """A page of the registry for somebody whose work is elsewhere, at `home`."""

    def __init__(self, home: str) -> None:
        super().__init__("您的角色不查看这里的企业数据。如工作需要，请联系系统管理员另行授权。")
        self.home = home


async def authenticated(request: Request) -> PersonSignedIn:
    """Raises NotSignedIn."""
    person = cast("PersonSignedIn | None", getattr(request.state, "visitor", None))
    if person is None:
        raise NotSignedIn
    return person


Authenticated = Annotated[PersonSignedIn, Depends(authenticated)]


async def settled(request: Request, person: Authenticated) -> PersonSignedIn:
    """Raises NotSignedIn, PasswordChangeNeeded, SecondFactorNeeded."""
    if person.must_change_password:
        raise PasswordChangeNeeded
    settings: Settings = request.app.state.settings
    if not person.has_second_factor and needs_second_factor(settings, person):
        raise SecondFactorNeeded
    return person


def needs_second_factor(settings: Settings, person: PersonSignedIn) -> bool:
    """Whether the installation wants a second factor of this person."""
    if settings.second_factor == "administrators":
        return not person.roles.isdisjoint((Role.ADMINISTRATOR, Role.AUDITOR))
    return settings.second_factor == "everybody"


Settled = Annotated[PersonSignedIn, Depends(settled)]


async def signed_in(request: Request, person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, PasswordChangeNeeded, NotTheirPage."""
    if person.role.reads_registry:
        return person
    if person.role is Role.ENTERPRISE and route_address(request.scope) in OPEN_TO_ENTERPRISES:
        return person
    raise NotTheirPage(person.role.home)


SignedIn = Annotated[PersonSignedIn, Depends(signed_in)]


async def officer(person: SignedIn) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if not person.role.may_write:
        raise Forbidden("您的账号只能查看，不能修改。如工作需要，请联系系统管理员。")
    return person


Officer = Annotated[PersonSignedIn, Depends(officer)]


async def confirmer(person: SignedIn) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if not person.role.may_confirm:
        raise Forbidden("您的角色不能确认或退回他人提交的事项，须由复核人员或市级工作人员办理。")
    return person


Confirmer = Annotated[PersonSignedIn, Depends(confirmer)]


async def enterprise_account(person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if person.role is not Role.ENTERPRISE:
        raise Forbidden(say("这里是企业账号的页面，您的账号不属于企业。企业的情况请从“企业”列表进入。"))
    return person


EnterpriseAccount = Annotated[PersonSignedIn, Depends(enterprise_account)]


async def unmasker(person: SignedIn) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if not person.role.may_unmask:
        raise Forbidden("您的角色不查看企业的涉税数据和联系人的完整信息。如工作需要，请由经办的工作人员查看。")
    return person


Unmasker = Annotated[PersonSignedIn, Depends(unmasker)]


async def administrator(person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if Role.ADMINISTRATOR not in person.roles:
        raise Forbidden("只有系统管理员能管理用户。")
    return person


Administrator = Annotated[PersonSignedIn, Depends(administrator)]


async def auditor(person: Settled) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if Role.AUDITOR not in person.roles:
        raise Forbidden("只有审计员能查看操作留痕。")
    return person


Auditor = Annotated[PersonSignedIn, Depends(auditor)]
