"""Messages between an enterprise and the bureau: threads, and when the other side first read them.

MessageRefused (Refusal)    422, nothing said, or too much
NoSuchThread (NotFound)     404
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import Role
from backend.web.errors import NotFound, Refusal
from rules.translation import marked, say

LONGEST: Final = 4000
LONGEST_SUBJECT: Final = 120


class MessageRefused(Refusal):
    """It cannot be sent so; nothing was."""

    status = 422
    slug = "message-refused"
    title = marked("没有发出")


class NoSuchThread(NotFound):
    """There is no such thread, or it is another's."""

    def __init__(self) -> None:
        super().__init__(say("没有这组消息，或它不属于您能查看的企业。请回到消息列表。"))


class Named(Protocol):
    """Somebody who writes: signed in, or just about to be."""

    @property
    def id(self) -> int | None: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...


@dataclass(frozen=True)
class Writer:
    """Who writes, and for which side."""

    person: Named

    @property
    def is_enterprise(self) -> bool:
        return self.person.role == Role.ENTERPRISE


async def open_thread(session: AsyncSession, enterprise_id: int, subject: str, words: str, writer: Writer) -> int:
    """Begin a matter with its first message. Raises MessageRefused."""
    subject = " ".join(subject.split())
    if not subject or len(subject) > LONGEST_SUBJECT:
        raise MessageRefused(say("请填写主题，最多 {most} 个字。消息没有发出。", most=LONGEST_SUBJECT))
    _demand_words(words)
    found = await session.execute(
        text("INSERT INTO message_thread (enterprise_id, subject) VALUES (:id, :subject) RETURNING id"),
        {"id": enterprise_id, "subject": subject},
    )
    thread = found.scalar_one()
    await _write(session, enterprise_id, thread, words, writer)
    return thread


async def write(session: AsyncSession, thread_id: int, words: str, writer: Writer) -> int:
    """Write another message in a thread. Raises MessageRefused, NoSuchThread."""
    _demand_words(words)
    found = await session.execute(
        text("UPDATE message_thread SET latest_at = now() WHERE id = :id RETURNING enterprise_id"), {"id": thread_id}
    )
    enterprise = found.scalar()
    if enterprise is None:
        raise NoSuchThread
    # Whoever answers has read.
    await mark_read(session, thread_id, writer)
    return await _write(session, enterprise, thread_id, words, writer)


def _demand_words(words: str) -> None:
    if not words.strip() or len(words) > LONGEST:
        raise MessageRefused(say("请写下要说的内容，最多 {most} 个字。消息没有发出。", most=LONGEST))


async def _write(session: AsyncSession, enterprise_id: int, thread_id: int, words: str, writer: Writer) -> int:
    found = await session.execute(
        text(
            "INSERT INTO message (enterprise_id, thread_id, is_from_enterprise, person_id, author, words)"
            " VALUES (:enterprise, :thread, :from_enterprise, :person, :author, :words) RETURNING id"
        ),
        {
            "enterprise": enterprise_id, "thread": thread_id, "from_enterprise": writer.is_enterprise,
            "person": writer.person.id, "author": writer.person.name, "words": words.strip(),
        },
    )  # fmt: skip
    return found.scalar_one()


async def mark_read(session: AsyncSession, thread_id: int, reader: Writer) -> None:
    """Note that what the other side wrote has been read now; what was read before keeps its moment."""
    await session.execute(
        text(
            "UPDATE message SET read_at = now() WHERE thread_id = :id AND is_from_enterprise <> :mine AND read_at IS NULL"
        ),
        {"id": thread_id, "mine": reader.is_enterprise},
    )


_THREADS: Final = (
    "SELECT t.*, e.name, e.credit_code, e.region_code, s.messages, s.unread, s.latest_words, s.is_latest_from_enterprise"
    " FROM message_thread t JOIN enterprise e ON e.id = t.enterprise_id CROSS JOIN LATERAL (SELECT count(*) AS messages,"
    " count(*) FILTER (WHERE m.read_at IS NULL AND m.is_from_enterprise <> :mine) AS unread,"
    " (array_agg(m.words ORDER BY m.id DESC))[1] AS latest_words,"
    " (array_agg(m.is_from_enterprise ORDER BY m.id DESC))[1] AS is_latest_from_enterprise"
    " FROM message m WHERE m.thread_id = t.id) AS s"
)


async def threads_of(session: AsyncSession, enterprise_id: int, reader: Writer) -> list[Mapping[str, Any]]:
    """The threads of an enterprise, the latest first, with how many messages the reader's side has not read."""
    found = await session.execute(
        text(f"{_THREADS} WHERE t.enterprise_id = :id ORDER BY t.latest_at DESC, t.id DESC LIMIT 200"),
        {"id": enterprise_id, "mine": reader.is_enterprise},
    )
    return [dict(row) for row in found.mappings()]


async def threads_by_id(
    session: AsyncSession, reader: Writer, *, only_unread: bool, after: int, limit: int
) -> list[Mapping[str, Any]]:
    """Threads in the order in which they were opened, those after an id."""
    found = await session.execute(
        text(f"{_THREADS} WHERE t.id > :after AND (NOT :unread OR s.unread > 0) ORDER BY t.id LIMIT :limit"),
        {"after": after, "unread": only_unread, "limit": limit, "mine": reader.is_enterprise},
    )
    return [dict(row) for row in found.mappings()]


async def thread_of(session: AsyncSession, thread_id: int, reader: Writer) -> Mapping[str, Any]:
    """One thread. Raises NoSuchThread."""
    found = await session.execute(text(f"{_THREADS} WHERE t.id = :id"), {"id": thread_id, "mine": reader.is_enterprise})
    row = found.mappings().first()
    if row is None:
        raise NoSuchThread
    return dict(row)


async def messages_in(session: AsyncSession, thread_id: int) -> list[Mapping[str, Any]]:
    """The messages of a thread, the oldest first."""
    found = await session.execute(
        text(
            "SELECT id, is_from_enterprise, author, words, sent_at, read_at FROM message WHERE thread_id = :id ORDER BY id"
        ),
        {"id": thread_id},
    )
    return [dict(row) for row in found.mappings()]


async def unread_of(session: AsyncSession, enterprise_id: int) -> int:
    """How many of the bureau's messages an enterprise has not read."""
    found = await session.scalar(
        text("SELECT count(*) FROM message WHERE enterprise_id = :id AND NOT is_from_enterprise AND read_at IS NULL"),
        {"id": enterprise_id},
    )
    return int(found or 0)
