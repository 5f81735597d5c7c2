"""A request with an idempotency key happens once: whoever sends it again is told what was answered the first time.

draft-ietf-httpapi-idempotency-key-header: the answer is kept for a day, in the transaction of the work itself.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.bodies import BodyRefused
from backend.exchange.clients import Caller

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(days=1)
#: Answers kept for so long are let go, so many at a time, by whoever stores the next one.
_SWEEP: Final = 100
_KEY: Final = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e]{1,255})"?')


@dataclass(frozen=True)
class Kept:
    """An answer of before."""

    status: int
    body: bytes


def read_key(header: str | None) -> str:
    """The key, with the standard's quotes or without. Raises BodyRefused."""
    if not header:
        raise BodyRefused(
            400,
            "idempotency-key-missing",
            "写入请求须带 Idempotency-Key 头。",
            '请为每个新请求写一个 UUID，如 "8e03978e-40d5-43e8-bc93-6894a57f9324"；重发用原来的。',
            header=HEADER,
        )
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise BodyRefused(
            400,
            "idempotency-key-invalid",
            "Idempotency-Key 应为 1 至 255 个可见的 ASCII 字符。",
            "请用 UUID。",
            header=HEADER,
        )
    return found[1]


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What a request asks, whoever signs it and whenever."""
    return sha256(f"{method} {path}\n".encode() + body).hexdigest()


async def recall(session: AsyncSession, caller: Caller, key: str, fingerprint: str) -> Kept | None:
    """What was answered before under the key; None for a new one, which is the transaction's alone from now on.

    Raises:
        BodyRefused: 409 while the same key is being worked on, 422 where it was used for another request.
    """
    lock = await session.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{caller.client_id}\n{key}"}
    )
    if not lock.scalar_one():
        raise BodyRefused(
            409,
            "idempotency-in-progress",
            "同一 Idempotency-Key 的请求正在处理。",
            "请稍后以同一键再取结果。",
            header=HEADER,
        )
    found = await session.execute(
        text(
            "SELECT fingerprint, status, body FROM exchange_answered WHERE client_id = :client AND key = :key"
            " AND answered_at > :since"
        ),
        {"client": caller.client_id, "key": key, "since": datetime.now(UTC) - KEPT},
    )
    row = found.first()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise BodyRefused(
            422,
            "idempotency-mismatch",
            "这个 Idempotency-Key 已用于内容不同的请求。",
            "新的内容请换一个新键。",
            header=HEADER,
        )
    return Kept(row[1], bytes(row[2]))


async def keep(session: AsyncSession, caller: Caller, key: str, fingerprint: str, answer: Kept) -> None:
    """Keep an answer beside the work that it speaks of."""
    await session.execute(
        text(
            "INSERT INTO exchange_answered (client_id, key, fingerprint, status, body)"
            " VALUES (:client, :key, :fingerprint, :status, :body) ON CONFLICT (client_id, key) DO UPDATE SET"
            " fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, answered_at = now()"
        ),
        {
            "client": caller.client_id,
            "key": key,
            "fingerprint": fingerprint,
            "status": answer.status,
            "body": answer.body,
        },
    )
    await session.execute(
        text(
            "DELETE FROM exchange_answered WHERE (client_id, key) IN (SELECT client_id, key FROM exchange_answered"
            " WHERE answered_at < :since LIMIT :sweep FOR UPDATE SKIP LOCKED)"
        ),
        {"since": datetime.now(UTC) - KEPT, "sweep": _SWEEP},
    )
