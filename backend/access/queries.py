"""Reading people and sessions. Always in an owner's unit of work: requests' own role has no right to these tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person, PersonRole, WebSession
from backend.access.schemas import (
    UNUSED_DAYS,
    AccountState,
    PeopleAsked,
    PeopleFound,
    PersonRow,
    PersonSignedIn,
    Role,
    RoleHeld,
    SessionRow,
)
from backend.clock import CHINA
from backend.enterprises.regions import Regions

#: So much of a session's token hash names it on its owner's page.
SESSION_ID_LENGTH = 16
#: ASVS 6.5.5: what is asked for beside the password is asked for at most so long.
HALF_SESSION_LIFE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that still counts."""

    person: PersonSignedIn
    csrf_token: str
    last_seen_at: datetime


async def session_of(
    session: AsyncSession,
    token_hash: str,
    idle: timedelta,
    now: datetime | None = None,
    password_days: int | None = None,
) -> FoundSession | None:
    """Who is signed in by that token; None if nobody, not any more, idle for too long, or half only.

    A password older than `password_days` must be changed first.
    """
    now = now or datetime.now(UTC)
    pair = await _session_and_person(session, token_hash, idle, now)
    if pair is None or pair[0].is_half:
        return None
    web_session, person = pair
    assert person.id is not None
    roles = await _roles_in_force(session, person, now.astimezone(CHINA).date())
    acting = _acting(roles, web_session.role_id)
    is_old = password_days is not None and person.password_changed_at < now - timedelta(days=password_days)
    who = PersonSignedIn(
        id=person.id,
        login=person.login,
        name=person.name,
        role=acting.role,
        region_code=acting.region_code,
        region_name=acting.region_name,
        park=acting.park,
        # Whoever came by the single sign-on used no password of ours, and may have none to change.
        must_change_password=(person.must_change_password or is_old) and not web_session.is_sign_on,
        session_id=token_hash[:SESSION_ID_LENGTH],
        roles=frozenset(one.role for one in roles),
        enterprise_id=person.enterprise_id,
        has_second_factor=person.totp_generation > 0,
    )
    return FoundSession(who, web_session.csrf_token, web_session.last_seen_at)


async def half_session_of(session: AsyncSession, token_hash: str, now: datetime | None = None) -> Person | None:
    """Whose second factor is still to come, by that token."""
    pair = await _session_and_person(session, token_hash, HALF_SESSION_LIFE, now or datetime.now(UTC))
    return pair[1] if pair is not None and pair[0].is_half else None


async def _session_and_person(
    session: AsyncSession, token_hash: str, idle: timedelta, now: datetime
) -> tuple[WebSession, Person] | None:
    found = await session.exec(
        select(WebSession, Person)
        .join(Person, col(Person.id) == WebSession.person_id)
        .where(
            WebSession.token_hash == token_hash,
            col(Person.is_active),
            or_(col(Person.active_until).is_(None), col(Person.active_until) >= now.astimezone(CHINA).date()),
            WebSession.expires_at > now,
            WebSession.last_seen_at > now - idle,
        )
    )
    return found.first()


async def _roles_in_force(session: AsyncSession, person: Person, on: date) -> Sequence[RoleHeld]:
    """What the person is on a day, what they mainly are first."""
    found = await session.exec(
        select(PersonRole)
        .where(
            PersonRole.person_id == person.id,
            PersonRole.valid_from <= on,
            or_(col(PersonRole.valid_to).is_(None), col(PersonRole.valid_to) >= on),
        )
        .order_by(col(PersonRole.id))
    )
    return [held_mainly(person), *(held(one) for one in found)]


def held_mainly(person: Person) -> RoleHeld:
    """What a person mainly is."""
    where = region_name(person.region_code, person.park)
    return RoleHeld(None, Role(person.role), person.region_code, where, park=person.park)


def held(one: PersonRole) -> RoleHeld:
    """A further role, with where it holds and how long."""
    where = region_name(one.region_code, one.park)
    return RoleHeld(one.id, Role(one.role), one.region_code, where, one.valid_from, one.valid_to, one.park)


def _acting(roles: Sequence[RoleHeld], chosen: int | None) -> RoleHeld:
    """The role chosen in this browser; without one, the first that has to do with enterprises."""
    if chosen is not None:
        held = next((one for one in roles if one.id == chosen), None)
        if held is not None:
            return held
    return next((one for one in roles if one.role.reads_registry), roles[0])


async def has_people(session: AsyncSession) -> bool:
    """Whether anybody can sign in at all."""
    return (await session.exec(select(Person.id).limit(1))).first() is not None


async def people(session: AsyncSession, now: datetime | None = None) -> Sequence[PersonRow]:
    """Everybody, the active ones first, then by login."""
    now = now or datetime.now(UTC)
    found = await session.exec(select(Person).order_by(col(Person.is_active).desc(), col(Person.login)))
    return [_row(person, now) for person in found]


#: People on a page of the list: enterprises' accounts may be tens of thousands.
PEOPLE_PER_PAGE: Final = 50


async def find_people(session: AsyncSession, asked: PeopleAsked, now: datetime | None = None) -> PeopleFound:
    """The people asked for, the active ones first, then by login; a page of them."""
    now = now or datetime.now(UTC)
    wanted = [*_named(asked.q.strip()), *_standing(asked.state, now)]
    if asked.role:
        wanted.append(col(Person.role) == asked.role)
    found = await session.exec(
        select(Person)
        .where(*wanted)
        .order_by(col(Person.is_active).desc(), col(Person.login))
        .limit(PEOPLE_PER_PAGE)
        .offset((asked.page - 1) * PEOPLE_PER_PAGE)
    )
    counted = select(func.count()).select_from(Person)
    return PeopleFound(
        [_row(person, now) for person in found],
        (await session.exec(counted.where(*wanted))).one(),
        (await session.exec(counted.where(_is_unused(now)))).one(),
    )


def _named(words: str) -> list[ColumnElement[bool]]:
    if not words:
        return []
    return [col(Person.login).icontains(words, autoescape=True) | col(Person.name).icontains(words, autoescape=True)]


def _standing(state: str, now: datetime) -> list[ColumnElement[bool]]:
    standing: dict[str, ColumnElement[bool]] = {
        AccountState.IN_USE: col(Person.is_active).is_(True),
        AccountState.UNUSED: _is_unused(now),
        AccountState.LOCKED: col(Person.locked_until) > now,
        AccountState.INACTIVE: ~col(Person.is_active),
    }
    return [standing[state]] if state in standing else []


def _is_unused(now: datetime) -> ColumnElement[bool]:
    since = func.coalesce(col(Person.last_sign_in_at), col(Person.created_at))
    return col(Person.is_active) & (since < now - timedelta(days=UNUSED_DAYS))


async def person_row(session: AsyncSession, person_id: int, now: datetime | None = None) -> PersonRow | None:
    """One of them."""
    person = await session.get(Person, person_id)
    return _row(person, now or datetime.now(UTC)) if person is not None else None


async def lock_active_administrators(session: AsyncSession) -> Sequence[int]:
    """Their ids; until the transaction ends nobody else changes these people."""
    found = await session.exec(
        select(Person.id)
        .where(col(Person.is_active), Person.role == Role.ADMINISTRATOR)
        .order_by(col(Person.id))
        .with_for_update()
    )
    return [person_id for person_id in found if person_id is not None]


async def sessions_of(
    session: AsyncSession, person_id: int, idle: timedelta, now: datetime | None = None
) -> Sequence[SessionRow]:
    """Where somebody is signed in now, the latest seen first."""
    now = now or datetime.now(UTC)
    found = await session.exec(
        select(WebSession)
        .where(
            WebSession.person_id == person_id,
            WebSession.expires_at > now,
            WebSession.last_seen_at > now - idle,
            ~col(WebSession.is_half),
        )
        .order_by(col(WebSession.last_seen_at).desc())
    )
    return [
        SessionRow(one.token_hash[:SESSION_ID_LENGTH], one.created_at, one.last_seen_at, one.ip, one.browser)
        for one in found
    ]


def region_name(code: str, park: str = "") -> str | None:
    """How a person's region is shown, with the park if confined to one; None for the whole city."""
    region = Regions.load().find(code) if code else None
    shown = region.shown_as if region else code or None
    return f"{shown} · {park}" if park else shown


def _row(person: Person, now: datetime) -> PersonRow:
    assert person.id is not None
    return PersonRow(
        id=person.id,
        login=person.login,
        name=person.name,
        role=Role(person.role),
        region_code=person.region_code,
        region_name=region_name(person.region_code, person.park),
        is_active=person.is_active,
        is_locked=person.locked_until is not None and person.locked_until > now,
        must_change_password=person.must_change_password,
        last_sign_in_at=person.last_sign_in_at,
        active_until=person.active_until,
        has_second_factor=person.totp_generation > 0,
        is_invited=person.invitation_hash != "" and person.invited_until is not None and person.invited_until > now,
        is_unused=person.is_active
        and (person.last_sign_in_at or person.created_at) < now - timedelta(days=UNUSED_DAYS),
    )
