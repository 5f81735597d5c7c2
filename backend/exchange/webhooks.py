"""Telling others of changes: Standard Webhooks with a CloudEvent as body, in the order of each enterprise's changes.

Turning changes into deliveries moves the endpoint's place in the same transaction, so none is left out or doubled. Of
an enterprise only the oldest unsent delivery goes out, and the next when that was taken: one that cannot be delivered
holds back those behind it, of that enterprise and endpoint only, until somebody sends it again or lets it go. Who
sends takes a delivery on lease: if the sender dies, another sends it again under the same id, and receivers know it.

SubscriptionRefused         422, an address that may not be told anything
"""

import asyncio
import base64
import hmac
import ipaddress
import json
import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exchange.clients import Caller
from backend.exchange.feed import TYPES, event_type
from backend.exchange.keys import Keys
from backend.exchange.messages import log_message
from backend.exchange.models import Endpoint, ExchangeMessage

#: Seconds before each further attempt; after the last the delivery is dead until somebody looks.
SCHEDULE: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
TIMEOUT: Final = 15.0
#: Longer than the timeout: who holds a delivery has sent it, or is dead, before another takes it.
LEASE: Final = timedelta(seconds=60)
#: So long after a change of secret both sign.
BOTH_SIGN: Final = timedelta(days=1)
_AT_ONCE: Final = 50
_FAN_OUT: Final = 10_000


class SubscriptionRefused(Exception):
    """An endpoint that cannot be as it was entered: what is wrong, where, and what to do."""

    status_code = 422

    def __init__(self, detail: str, remedy: str, pointer: str = "/url") -> None:
        super().__init__(detail)
        self.remedy = remedy
        self.pointer = pointer


def sign_webhook(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The signature of Standard Webhooks 1.0: `v1,` and Base64 of HMAC-SHA256 over id, second and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


async def subscribe(
    session: AsyncSession, caller: Caller, url: str, hosts: Sequence[str], *, types: Sequence[str] = (),
    regions: Sequence[str] = (), programmes: Sequence[str] = (),
) -> Endpoint:  # fmt: skip
    """Tell an address of changes from now on. Raises SubscriptionRefused."""
    if strange := sorted(set(types) - TYPES.keys()):
        place = list(types).index(strange[0])
        raise SubscriptionRefused(
            f"没有变更类型“{'、'.join(strange)[:200]}”。", f"可用：{'、'.join(TYPES)}；不写为全部。", f"/types/{place}"
        )
    await refuse_address(url, hosts)
    found = await session.execute(text("SELECT coalesce(max(position), 0) FROM exchange_change"))
    endpoint = Endpoint(
        client_id=caller.client_id, url=url, types=sorted(set(types)), regions=sorted(set(regions)),
        programmes=sorted(set(programmes)), position=found.scalar_one(), created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(endpoint)
    await session.flush()
    return endpoint


@dataclass(frozen=True)
class Destination:
    """Where a webhook goes: the very address that was looked at, whatever the name leads to a moment later."""

    url: str
    headers: Mapping[str, str]
    extensions: Mapping[str, Any]


async def refuse_address(url: str, hosts: Sequence[str]) -> Destination:
    """Raise SubscriptionRefused for an address that leads into our own network, unless its host was let in."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host and host in hosts and parts.scheme in ("http", "https"):
        return Destination(url, {}, {})
    if parts.scheme != "https" or not host or parts.username:
        raise SubscriptionRefused("推送地址应以 https:// 开头。", "内网地址请管理员列入 TIDU_EXCHANGE_HOSTS。")
    try:
        port = parts.port or 443
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as problem:
        raise SubscriptionRefused(f"推送地址的主机“{host[:100]}”解析不了。", "请核对主机名和端口。") from problem
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    if not addresses or any(not one.is_global for one in addresses):
        raise SubscriptionRefused("推送地址指向内网。", "如确需推送，请管理员把主机列入 TIDU_EXCHANGE_HOSTS。")
    # The name is looked up once: the certificate is still checked against it, the connection goes to what was looked at.
    chosen = addresses[0]
    literal = f"[{chosen}]" if chosen.version == 6 else str(chosen)
    return Destination(
        parts._replace(netloc=f"{literal}:{port}").geturl(), {"Host": parts.netloc}, {"sni_hostname": host}
    )


_TURN = text(
    "INSERT INTO webhook_delivery (endpoint_id, position, enterprise_id, type, noted_at)"
    " SELECT w.id, c.position, c.enterprise_id, c.type, c.noted_at FROM webhook_endpoint w"
    " JOIN exchange_client p ON p.client_id = w.client_id"
    " JOIN exchange_change c ON c.position > w.position AND c.position <= :upto"
    " JOIN enterprise e ON e.id = c.enterprise_id"
    " WHERE w.id = :id AND p.is_active AND (w.types = '{}' OR c.type = ANY(w.types))"
    " AND (w.regions = '{}' OR e.region_code = ANY(w.regions)) AND p.region_code IN ('', e.region_code)"
    " AND (w.programmes = '{}' OR EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = e.id"
    " AND r.superseded_at IS NULL AND r.programme = ANY(w.programmes)))"
)


async def turn_into_deliveries(session: AsyncSession) -> int:
    """Give every endpoint its share of the changes since its place. Returns how many changes were passed."""
    found = await session.execute(
        text(
            "SELECT id, position FROM webhook_endpoint WHERE is_active AND position <"
            " (SELECT coalesce(max(position), 0) FROM exchange_change) ORDER BY id FOR UPDATE SKIP LOCKED"
        )
    )
    passed = 0
    for number, position in found.all():
        last = await session.execute(text("SELECT max(position) FROM exchange_change"))
        upto = min(last.scalar_one(), position + _FAN_OUT)
        await session.execute(_TURN, {"id": number, "upto": upto})
        await session.execute(
            text("UPDATE webhook_endpoint SET position = :upto WHERE id = :id"), {"upto": upto, "id": number}
        )
        passed += upto - position
    return passed


_CLAIM = text(
    "UPDATE webhook_delivery SET attempts = attempts + 1, next_attempt_at = now() + :lease WHERE id IN ("
    " SELECT d.id FROM webhook_delivery d JOIN webhook_endpoint w ON w.id = d.endpoint_id"
    " WHERE d.status = 'waiting' AND d.next_attempt_at <= now() AND w.is_active AND NOT EXISTS ("
    "  SELECT FROM webhook_delivery b WHERE b.endpoint_id = d.endpoint_id AND b.enterprise_id = d.enterprise_id"
    "  AND b.position < d.position AND b.status <> 'sent')"
    " ORDER BY d.position LIMIT :size FOR UPDATE OF d SKIP LOCKED)"
    " RETURNING id, endpoint_id, position, enterprise_id, type, noted_at, attempts"
)


@dataclass
class Courier:
    """Carries deliveries out. `http` is closed by whoever opened it."""

    engine: AsyncEngine
    http: httpx.AsyncClient
    keys: Keys
    #: Hosts of our own network that may be told.
    hosts: Sequence[str] = ()

    async def carry(self) -> int:
        """Send what is due, the enterprises beside each other. Returns how many were tried."""
        async with owner_unit_of_work(self.engine) as session:
            claimed = await session.execute(_CLAIM, {"lease": LEASE, "size": _AT_ONCE})
            due = [dict(row) for row in claimed.mappings()]
            endpoints = await _endpoints(session, {one["endpoint_id"] for one in due})
            codes = await _codes(session, {one["enterprise_id"] for one in due})
        await asyncio.gather(
            *(self._send(one, endpoints[one["endpoint_id"]], codes.get(one["enterprise_id"])) for one in due)
        )
        return len(due)

    async def _send(self, one: Mapping[str, Any], endpoint: Mapping[str, Any], code: str | None) -> None:
        webhook_id, moment = f"evt_{one['endpoint_id']}_{one['position']}", int(time())
        body = json.dumps(
            {
                "specversion": "1.0", "id": webhook_id, "source": "/tidu", "type": event_type(one["type"]), "subject": code,
                "time": one["noted_at"].isoformat(), "timestamp": one["noted_at"].isoformat(),
                "datacontenttype": "application/json", "data": {"position": one["position"]},
            },
            ensure_ascii=False,
        ).encode()  # fmt: skip
        headers = {
            "Content-Type": "application/cloudevents+json", "webhook-id": webhook_id, "webhook-timestamp": str(moment),
            "webhook-signature": " ".join(self._signatures(endpoint, webhook_id, moment, body)),
        }  # fmt: skip
        try:
            # Looked up again for each attempt: a name may lead somewhere else by now.
            to = await refuse_address(endpoint["url"], self.hosts)
            answer = await self.http.post(
                to.url, content=body, headers={**headers, **to.headers}, timeout=TIMEOUT, follow_redirects=False,
                extensions=dict(to.extensions),
            )  # fmt: skip
            status, wait, error = (
                answer.status_code,
                _wait(answer),
                "" if answer.is_success else f"对方答 {answer.status_code}",
            )
        except (httpx.HTTPError, httpx.InvalidURL, SubscriptionRefused) as problem:
            status, wait, error = 0, 0.0, f"{type(problem).__name__}：{problem}"[:500]
        async with owner_unit_of_work(self.engine) as session:
            await _note(session, one, status, error, wait)
            await log_message(session, _message(endpoint, webhook_id, headers, body, status, moment))

    def _signatures(self, endpoint: Mapping[str, Any], webhook_id: str, moment: int, body: bytes) -> list[str]:
        generation, rotated_at = endpoint["generation"], endpoint["rotated_at"]
        generations = [generation]
        if rotated_at is not None and datetime.now(UTC) - rotated_at < BOTH_SIGN:
            generations.append(generation - 1)
        secrets = [self.keys.webhook(endpoint["id"], one) for one in generations]
        return [sign_webhook(secret, webhook_id, moment, body) for secret in secrets]


def _message(
    endpoint: Mapping[str, Any], webhook_id: str, headers: Mapping[str, str], body: bytes, status: int, moment: int
) -> ExchangeMessage:
    """An attempt, for the log: who was told, with which digest, and what was answered."""
    return ExchangeMessage(
        direction="out", peer=endpoint["client_id"], method="POST", endpoint=endpoint["url"], request_id=webhook_id[:64],
        request_digest=sha256(body).hexdigest(), status=status, signature=headers["webhook-signature"][:2000],
        started_at=datetime.fromtimestamp(moment, UTC), finished_at=datetime.now(UTC),
    )  # fmt: skip


def _wait(answer: httpx.Response) -> float:
    written = answer.headers.get("Retry-After", "")
    return min(float(written), 86_400.0) if written.isascii() and written.isdigit() else 0.0


async def _endpoints(session: AsyncSession, ids: set[int]) -> dict[int, Mapping[str, Any]]:
    found = await session.execute(
        text("SELECT id, client_id, url, generation, rotated_at FROM webhook_endpoint WHERE id = ANY(:ids)"),
        {"ids": sorted(ids)},
    )
    return {row["id"]: dict(row) for row in found.mappings()}


async def _codes(session: AsyncSession, ids: set[int]) -> dict[int, str]:
    found = await session.execute(
        text("SELECT id, credit_code FROM enterprise WHERE id = ANY(:ids)"), {"ids": sorted(ids)}
    )
    return {row[0]: row[1] for row in found}


async def _note(session: AsyncSession, one: Mapping[str, Any], status: int, error: str, wait: float) -> None:
    """What became of an attempt. Only 2xx is taken for delivered; 410 says that nobody wants to hear of us."""
    known = {"id": one["id"], "endpoint": one["endpoint_id"], "status": status, "error": error}
    if 200 <= status < 300:
        await session.execute(
            text(
                "UPDATE webhook_delivery SET status = 'sent', sent_at = now(), last_status = :status, last_error = ''"
                " WHERE id = :id"
            ),
            known,
        )
        await session.execute(
            text(
                "UPDATE webhook_endpoint SET last_success_at = now(), failures = 0, last_error = '' WHERE id = :endpoint"
            ),
            known,
        )
        return
    is_dead = one["attempts"] > len(SCHEDULE)
    pause = 0.0 if is_dead else max(wait, SCHEDULE[one["attempts"] - 1] * random.uniform(1, 1.1))  # noqa: S311 – spreads
    await session.execute(
        text(
            "UPDATE webhook_delivery SET status = :fate, last_status = :status, last_error = :error,"
            " next_attempt_at = now() + make_interval(secs => :pause) WHERE id = :id"
        ),
        known | {"fate": "dead" if is_dead else "waiting", "pause": pause},
    )
    await session.execute(
        text(
            "UPDATE webhook_endpoint SET failures = failures + 1, last_error = :error, is_active = is_active AND :status <> 410"
            " WHERE id = :endpoint"
        ),
        known,
    )


async def send_again(session: AsyncSession, delivery_id: int) -> bool:
    """Let a dead delivery go out again at once. Returns whether it was dead."""
    found = await session.execute(
        text(
            "UPDATE webhook_delivery SET status = 'waiting', attempts = 0, next_attempt_at = now()"
            " WHERE id = :id AND status = 'dead' RETURNING 1"
        ),
        {"id": delivery_id},
    )
    return found.scalar_one_or_none() is not None


async def send_all_again(session: AsyncSession, endpoint_id: int) -> int:
    """Let all dead deliveries of an endpoint go out again, each enterprise's in their order. Returns how many."""
    found = await session.execute(
        text(
            "UPDATE webhook_delivery SET status = 'waiting', attempts = 0, next_attempt_at = now()"
            " WHERE endpoint_id = :id AND status = 'dead' RETURNING 1"
        ),
        {"id": endpoint_id},
    )
    return len(found.all())


async def let_go(session: AsyncSession, delivery_id: int) -> bool:
    """Give a dead delivery up, so that those behind it go out. Returns whether it was dead."""
    found = await session.execute(
        text(
            "UPDATE webhook_delivery SET status = 'sent', last_error = '人工放弃，未送达' WHERE id = :id AND status = 'dead'"
            " RETURNING 1"
        ),
        {"id": delivery_id},
    )
    return found.scalar_one_or_none() is not None
