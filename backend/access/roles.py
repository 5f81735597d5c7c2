"""Further roles of people: given from a day, taken away on one, and acted in one at a time. In an owner's unit of work."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person, PersonRole, WebSession
from backend.access.queries import held, held_mainly
from backend.access.schemas import Role, RoleHeld
from backend.access.service import AccessRefused, end_all_sessions, park_for, person_by_id, region_for, role_named


class RolesApart(AccessRefused):
    """Whoever manages people must not be the one who reads what they did, and the other way round."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("系统管理员和审计员不能由同一人担任（等保三权分立），请另指定一人。", "role")


async def roles_of(session: AsyncSession, person: Person) -> Sequence[RoleHeld]:
    """All roles of a person, past and to come too, what the person mainly is first."""
    found = await session.exec(
        select(PersonRole).where(PersonRole.person_id == person.id).order_by(col(PersonRole.valid_from))
    )
    return [held_mainly(person), *(held(one) for one in found)]


async def give_role(
    session: AsyncSession, person_id: int, role: str, region: str, valid_from: date, valid_to: date | None = None,
    *, park: str = "",
) -> PersonRole:  # fmt: skip
    """Let somebody be something more. Raises AccessRefused, RolesApart, PersonUnknown."""
    given = role_named(role)
    if given is Role.ENTERPRISE:
        raise AccessRefused("企业账号只属于一家企业，不能作为增加的角色。", "role")
    if valid_to is not None and valid_to < valid_from:
        raise AccessRefused(f"止日 {valid_to} 早于起日 {valid_from}，请核对。", "valid_to")
    person = await person_by_id(session, person_id)
    if Role(person.role) is Role.ENTERPRISE:
        raise AccessRefused("企业账号不能担任工作人员的角色。", "role")
    demand_roles_apart([one.role for one in await roles_of(session, person)], given)
    region_code = region_for(given, region)
    one = PersonRole(
        person_id=person_id, role=given, region_code=region_code, valid_from=valid_from, valid_to=valid_to,
        park=await park_for(session, given, region_code, park),
    )  # fmt: skip
    session.add(one)
    await session.flush()
    return one


def demand_roles_apart(held: Sequence[Role], given: Role) -> None:
    """Raises RolesApart."""
    apart = {Role.ADMINISTRATOR: Role.AUDITOR, Role.AUDITOR: Role.ADMINISTRATOR}
    if apart.get(given) in held:
        raise RolesApart


async def take_role(session: AsyncSession, person_id: int, role_id: int, on: date) -> None:
    """Let a further role end: `on` is the first day without it. The person signs in anew. Raises AccessRefused."""
    found = await session.exec(
        select(PersonRole).where(PersonRole.id == role_id, PersonRole.person_id == person_id).with_for_update()
    )
    one = found.first()
    if one is None:
        raise AccessRefused("没有这个角色，或它刚被修改过。请刷新页面。", "role")
    one.valid_to = on - timedelta(days=1)
    await end_all_sessions(session, person_id)
    await session.flush()


async def act_as_role(session: AsyncSession, person_id: int, token_id: str, role_id: int | None, on: date) -> None:
    """Act in another of one's own roles from now on, in this browser. Raises AccessRefused."""
    person = await person_by_id(session, person_id)
    if not any(one.id == role_id and one.is_in_force(on) for one in await roles_of(session, person)):
        raise AccessRefused("您没有这个角色，或它不在有效期内。", "role")
    await session.exec(
        update(WebSession)
        .where(col(WebSession.person_id) == person_id, col(WebSession.token_hash).startswith(token_id, autoescape=True))
        .values(role_id=role_id)
    )
