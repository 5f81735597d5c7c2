"""Reading people and sessions. Always in an owner's unit of work: requests' own role has no right to these tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person, WebSession
from backend.access.schemas import PersonRow, PersonSignedIn, Role, SessionRow
from backend.enterprises.regions import Regions

#: So much of a session's token hash names it on its owner's page.
SESSION_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that still counts."""

    person: PersonSignedIn
    csrf_token: str
    last_seen_at: datetime


async def session_of(
    session: AsyncSession, token_hash: str, idle: timedelta, now: datetime | None = None
) -> FoundSession | None:
    """Who is signed in by that token; None if nobody, not any more, or idle for too long."""
    now = now or datetime.now(UTC)
    found = await session.exec(
        select(WebSession, Person)
        .join(Person, col(Person.id) == WebSession.person_id)
        .where(
            WebSession.token_hash == token_hash,
            col(Person.is_active),
            WebSession.expires_at > now,
            WebSession.last_seen_at > now - idle,
        )
    )
    pair = found.first()
    if pair is None:
        return None
    web_session, person = pair
    assert person.id is not None
    who = PersonSignedIn(
        id=person.id,
        login=person.login,
        name=person.name,
        role=Role(person.role),
        region_code=person.region_code,
        region_name=region_name(person.region_code),
        must_change_password=person.must_change_password,
        session_id=token_hash[:SESSION_ID_LENGTH],
    )
    return FoundSession(who, web_session.csrf_token, web_session.last_seen_at)


async def has_people(session: AsyncSession) -> bool:
    """Whether anybody can sign in at all."""
    return (await session.exec(select(Person.id).limit(1))).first() is not None


async def people(session: AsyncSession, now: datetime | None = None) -> Sequence[PersonRow]:
    """Everybody, the active ones first, then by login."""
    now = now or datetime.now(UTC)
    found = await session.exec(select(Person).order_by(col(Person.is_active).desc(), col(Person.login)))
    return [_row(person, now) for person in found]


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
        .where(WebSession.person_id == person_id, WebSession.expires_at > now, WebSession.last_seen_at > now - idle)
        .order_by(col(WebSession.last_seen_at).desc())
    )
    return [
        SessionRow(one.token_hash[:SESSION_ID_LENGTH], one.created_at, one.last_seen_at, one.ip, one.browser)
        for one in found
    ]


def region_name(code: str) -> str | None:
    """How a person's region is shown; None for the whole city."""
    region = Regions.load().find(code) if code else None
    return region.shown_as if region else code or None


def _row(person: Person, now: datetime) -> PersonRow:
    assert person.id is not None
    return PersonRow(
        id=person.id,
        login=person.login,
        name=person.name,
        role=Role(person.role),
        region_code=person.region_code,
        region_name=region_name(person.region_code),
        is_active=person.is_active,
        is_locked=person.locked_until is not None and person.locked_until > now,
        must_change_password=person.must_change_password,
        last_sign_in_at=person.last_sign_in_at,
    )
