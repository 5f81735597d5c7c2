"""The log of messages: who, when, what digest, never a content; chained and signed, so that it can be proven offline.

As on X-Road (see the domain notes, 4.9). A message is written in the transaction it belongs to, so that neither is
there without the other. The chain is drawn afterwards, over what has become visible, by one at a time: within the
transaction it would let all exchanges wait for each other. The last link of each portion is signed with Ed25519.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.keys import Keys
from backend.exchange.models import ExchangeMessage

#: What the chain begins with.
BEGINNING: Final = "0" * 64
_PORTION: Final = 5_000
#: Messages before the last that was sealed a day ago: what became visible later than that is not looked for among all.
_LATE: Final = 10_000
#: Any number will do, as long as nothing else locks it.
SEALING_LOCK: Final = 7_120_001
_FIELDS: Final = (
    "id", "direction", "peer", "method", "endpoint", "request_id", "idempotency_key", "purpose", "request_digest",
    "status", "answer_digest", "signature", "started_at", "finished_at",
)  # fmt: skip


async def log_message(session: AsyncSession, message: ExchangeMessage) -> None:
    """Write a message down, within the running transaction."""
    session.add(message)
    await session.flush()


async def seal_messages(session: AsyncSession, keys: Keys) -> int:
    """Chain what has become visible since the last time. Returns how many; 0 too while somebody else is at it."""
    if not (
        await session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": SEALING_LOCK})
    ).scalar_one():
        return 0
    last = await session.execute(text("SELECT chained FROM exchange_seal ORDER BY position DESC LIMIT 1"))
    before = last.scalar_one_or_none() or BEGINNING
    found = await session.execute(
        text(
            f"SELECT {', '.join(_FIELDS)} FROM exchange_message m WHERE m.id > coalesce((SELECT s.message_id FROM"
            " exchange_seal s WHERE s.sealed_at < now() - interval '1 day' ORDER BY s.position DESC LIMIT 1), 0) - :late"
            " AND NOT EXISTS (SELECT FROM exchange_seal s WHERE s.message_id = m.id) ORDER BY id LIMIT :size"
        ),
        {"size": _PORTION, "late": _LATE},
    )
    links: list[dict[str, Any]] = []
    for row in found.mappings():
        before = link(before, dict(row))
        links.append({"message_id": row["id"], "chained": before, "signature": ""})
    if links:
        links[-1]["signature"] = base64.b64encode(keys.seal().sign(before.encode())).decode()
        await session.execute(
            text(
                "INSERT INTO exchange_seal (message_id, chained, signature) VALUES (:message_id, :chained, :signature)"
            ),
            links,
        )
    return len(links)


def link(before: str, message: Mapping[str, Any]) -> str:
    """The hash that binds a message to all before it."""
    written = json.dumps([_plain(message[name]) for name in _FIELDS], ensure_ascii=False, separators=(",", ":"))
    return sha256(f"{before}\n{written}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


async def exported(session: AsyncSession, keys: Keys) -> list[str]:
    """The sealed log as lines of JSON: the public key first, then each message with its link."""
    public = keys.seal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    lines = [json.dumps({"public_key": base64.b64encode(public).decode(), "fields": _FIELDS})]
    found = await session.execute(
        text(
            f"SELECT {', '.join(f'm.{name}' for name in _FIELDS)}, s.chained, s.signature AS sealed"
            " FROM exchange_seal s JOIN exchange_message m ON m.id = s.message_id ORDER BY s.position"
        )
    )
    lines += [
        json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False) for row in found.mappings()
    ]
    return lines


def faults_of_log(lines: Iterable[str], public_key: str) -> Iterator[str]:
    """What is wrong with an exported log: rows changed, missing, out of order, or signed by nobody we know.

    Needs neither the database nor the service. `public_key` is the one that was published, not the file's own.
    """
    rows = [json.loads(line) for line in lines if line.strip()]
    if not rows or rows[0].get("public_key") != public_key:
        yield "文件开头的公钥不是公布的公钥，整份日志不可信。"
        return
    key, before, is_signed = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)), BEGINNING, True
    for number, row in enumerate(rows[1:], 2):
        is_signed = False
        if row["chained"] != (due := link(before, row)):
            yield f"第 {number} 行（消息 {row['id']}）与链不符：被改过，或它前面有行被删去、调换。"
        before = row["chained"]
        if row["sealed"]:
            try:
                key.verify(base64.b64decode(row["sealed"]), due.encode())
                is_signed = True
            except InvalidSignature:
                yield f"第 {number} 行的签名不符。"
    if not is_signed:
        yield "最后一行没有签名：后面有行被删去。"
