"""The administrator's pages: who may sign in, as what, in which region and how long."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access import invitations, queries, roles, second_factor, service
from backend.access.dependencies import Administrator
from backend.access.forms import day_typed, district_choices, errors_of
from backend.access.schemas import UNUSED_DAYS, AccountState, PeopleAsked, PersonForm, Role, RoleForm
from backend.access.service import AccessRefused, Issued, PersonUnknown
from backend.access.sign_on import service as sign_on
from backend.access.sign_on.errors import NotConfigured
from backend.clock import today
from backend.settings import Settings
from backend.web.dependencies import CurrentSettings, OwnerWork
from backend.web.filters import ROLES
from backend.web.responses import redirect
from backend.web.templates import render

router = APIRouter()

STATES: Final = (
    (AccountState.IN_USE, "在用"),
    (AccountState.UNUSED, f"{UNUSED_DAYS} 天未登录"),
    (AccountState.LOCKED, "已锁定"),
    (AccountState.INACTIVE, "已停用"),
)

_DONE: Final = {
    "deactivated": "已停用，该用户已在所有浏览器退出。",
    "reactivated": "已恢复，该用户可以用原来的口令登录。",
    "role": "角色已增加，下次打开页面时生效。",
    "role-ended": "角色已收回，该用户须重新登录。",
    "identity": "统一身份的绑定已保存，下次用它登录时生效。",
    "second-factor": "动态口令已停用，请提醒本人重新启用。",
}


@router.get("/people")
async def people(
    request: Request, _: Administrator, work: OwnerWork, asked: Annotated[PeopleAsked, Query()], done: str = ""
) -> Response:
    """Everybody who may sign in, or those asked for."""
    found = await queries.find_people(work, asked)
    chosen = {name: value for name, value in asked.model_dump(exclude={"page"}).items() if value}
    return render(
        request, "access/people.html", people=found.rows, found=found, asked=asked, unused_days=UNUSED_DAYS,
        states=STATES, roles=[(role.value, ROLES[role]) for role in Role], query=urlencode(chosen),
        pages=max(1, -(-found.total // queries.PEOPLE_PER_PAGE)), messages=_messages(done),
    )  # fmt: skip


@router.get("/people/new")
async def new_person(request: Request, _: Administrator) -> Response:
    """The form for one more person."""
    return _new_person_page(request, PersonForm(role=Role.DISTRICT_OFFICER))


@router.post("/people/new")
async def add_person(
    request: Request, _: Administrator, work: OwnerWork, form: Annotated[PersonForm, Form()]
) -> Response:
    """Add a person; the password that was made up, or the link to choose one, is shown this once."""
    try:
        issued = await service.add_person(
            work, form.login, form.name, form.role, form.region, enterprise=form.enterprise, park=form.park,
            active_until=day_typed(form.active_until, "active_until"),
        )  # fmt: skip
    except AccessRefused as refusal:
        return _new_person_page(request, form, refusal)
    if form.by_invitation:
        return await _invited(request, work, issued.person.id or 0)
    return _issued_page(request, issued, "用户已添加")


@router.get("/people/{person_id}")
async def person(
    request: Request, _: Administrator, work: OwnerWork, settings: CurrentSettings, person_id: int, done: str = ""
) -> Response:
    """One person: what they are, and until when."""
    return await _person_page(request, work, settings, person_id, RoleForm(valid_from=today().isoformat()), done=done)


@router.post("/people/{person_id}/roles")
async def give_role(
    request: Request,
    _: Administrator,
    work: OwnerWork,
    settings: CurrentSettings,
    person_id: int,
    form: Annotated[RoleForm, Form()],
) -> Response:
    """Let somebody be something more, from a day to a day."""
    try:
        valid_from = day_typed(form.valid_from, "valid_from") or today()
        valid_to = day_typed(form.valid_to, "valid_to")
        await roles.give_role(work, person_id, form.role, form.region, valid_from, valid_to, park=form.park)
    except PersonUnknown:
        raise
    except AccessRefused as refusal:
        return await _person_page(request, work, settings, person_id, form, refusal)
    return redirect(request, f"/people/{person_id}?done=role")


@router.post("/people/{person_id}/roles/{role_id}/end")
async def end_role(request: Request, _: Administrator, work: OwnerWork, person_id: int, role_id: int) -> Response:
    """Let a further role end today."""
    await roles.take_role(work, person_id, role_id, today())
    return redirect(request, f"/people/{person_id}?done=role-ended")


@router.post("/people/{person_id}/identity")
async def bind_identity(
    request: Request,
    _: Administrator,
    work: OwnerWork,
    settings: CurrentSettings,
    person_id: int,
    subject: Annotated[str, Form()] = "",
) -> Response:
    """Say who somebody is at the single sign-on; empty for nobody. What the person may do stays as it is."""
    if settings.sso_issuer is None:
        raise NotConfigured
    try:
        await sign_on.bind_person(work, person_id, settings.sso_issuer, subject)
    except PersonUnknown:
        raise
    except AccessRefused as refusal:
        form = RoleForm(valid_from=today().isoformat())
        return await _person_page(request, work, settings, person_id, form, refusal, subject=subject)
    return redirect(request, f"/people/{person_id}?done=identity")


@router.post("/people/{person_id}/password")
async def reset_password(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Give somebody a new first password, shown this once; lifts a lock-out, too."""
    return _issued_page(request, await service.reset_password(work, person_id), "口令已重置")


@router.post("/people/{person_id}/invitation")
async def invite(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Give a link with which somebody chooses a password; what counted before counts no more."""
    return await _invited(request, work, person_id)


@router.post("/people/{person_id}/second-factor/off")
async def switch_off_second_factor(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """For who lost the telephone and the recovery codes."""
    await second_factor.switch_off(work, person_id)
    await service.end_all_sessions(work, person_id)
    return redirect(request, f"/people/{person_id}?done=second-factor")


@router.post("/people/{person_id}/deactivate")
async def deactivate(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Let somebody sign in no more."""
    await service.deactivate(work, person_id)
    return redirect(request, "/people?done=deactivated")


@router.post("/people/{person_id}/reactivate")
async def reactivate(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Let somebody sign in again."""
    await service.reactivate(work, person_id)
    return redirect(request, "/people?done=reactivated")


async def _invited(request: Request, work: AsyncSession, person_id: int) -> Response:
    token = await invitations.invite(work, person_id)
    row = await queries.person_row(work, person_id)
    assert row is not None
    return render(
        request, "access/issued_invitation.html", page_title="邀请链接", login=row.login, name=row.name,
        link=f"{request.base_url}invitations/{token}", days=invitations.DAYS,
    )  # fmt: skip


async def _person_page(
    request: Request,
    work: AsyncSession,
    settings: Settings,
    person_id: int,
    form: RoleForm,
    refusal: AccessRefused | None = None,
    done: str = "",
    subject: str | None = None,
) -> Response:
    row = await queries.person_row(work, person_id)
    if row is None:
        raise PersonUnknown(str(person_id))
    held = await roles.roles_of(work, await service.person_by_id(work, person_id))
    bound = await sign_on.identities_of(work, person_id, settings.sso_issuer or "")
    return render(
        request, "access/person.html", page_title=row.name, row=row, held=held, form=form, on=today(),
        roles=[(role.value, ROLES[role]) for role in Role if role is not Role.ENTERPRISE],
        districts=district_choices(), messages=_messages(done), sso_name=settings.sso_name if settings.sso_issuer else "",
        subject=subject if subject is not None else bound[0].subject if bound else "",
        status_code=refusal.status_code if refusal else 200, **errors_of(refusal),
    )  # fmt: skip


def _new_person_page(request: Request, form: PersonForm, refusal: AccessRefused | None = None) -> Response:
    return render(
        request,
        "access/new_person.html",
        form=form,
        roles=[(role.value, ROLES[role]) for role in Role],
        districts=district_choices(),
        status_code=refusal.status_code if refusal else 200,
        **errors_of(refusal),
    )


def _issued_page(request: Request, issued: Issued, title: str) -> Response:
    person = issued.person
    return render(
        request,
        "access/issued_password.html",
        page_title=title,
        login=person.login,
        name=person.name,
        password=issued.password,
    )


def _messages(done: str) -> tuple[tuple[str, str], ...]:
    return (("good", _DONE[done]),) if done in _DONE else ()
