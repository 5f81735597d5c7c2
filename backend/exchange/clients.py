"""Systems that may call us: added, given new secrets, shut out; and the tokens they come with.

Tokens are opaque, 256 random bits, kept as digests. A JWT would spare one look-up by primary key, and could not be
taken back before it ends; that a client is shut out at once is worth more here.

ClientRefused               422, what was entered cannot be
└── TokenRefused            by RFC 6749 section 5.2: `error` names which
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.regions import Regions
from backend.exchange.agreements import agreements
from backend.exchange.models import Client, Token
from rules.catalogue import Catalogue

#: What a client may be let do.
SCOPES: Final = {
    "filing:write": "报送填报", "recognition:write": "报送认定", "event:write": "报送事件", "change:read": "读取变更",
    "event:subscribe": "订阅推送", "list:read": "读取约定名单",
    "enterprise:read": "读取企业",
}  # fmt: skip
SIGNATURES: Final = ("none", "gateway", "rfc9421")
#: ASVS and 等保 alike: an access token is short-lived.
TOKEN_LIFE: Final = timedelta(minutes=15)
_CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,59}")


class ClientRefused(Exception):
    """A client that cannot be as it was entered."""

    status_code = 422


class TokenRefused(Exception):
    """No token: `error` is the word of RFC 6749, the text is for whoever reads the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error = error


@dataclass(frozen=True, slots=True)
class Caller:
    """A system that showed its token."""

    client_id: str
    name: str
    source: str
    region_code: str
    scopes: frozenset[str]
    signature: str
    public_key: str
    generation: int
    quota: int
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client as an administrator enters it."""

    client_id: str
    name: str
    source: str
    scopes: Sequence[str]
    region_code: str = ""
    signature: str = "none"
    public_key: str = ""
    quota: int = 60_000
    #: Agreed lists that it may ask for.
    lists: Sequence[str] = ()


async def add_client(session: AsyncSession, new: NewClient, catalogue: Catalogue) -> str:
    """Let a system call us. Returns its secret, which is shown this once. Raises ClientRefused."""
    if fault := _fault(new, catalogue):
        raise ClientRefused(fault)
    if (await session.exec(select(Client.id).where(Client.client_id == new.client_id))).first() is not None:
        raise ClientRefused(f"接入方“{new.client_id}”已存在，请换一个标识。")
    secret = secrets.token_urlsafe(32)
    session.add(
        Client(
            client_id=new.client_id, name=new.name.strip(), source=new.source, region_code=new.region_code,
            scopes=sorted(set(new.scopes)), secret_hashes=[hash_of(secret)], signature=new.signature,
            public_key=new.public_key, quota=new.quota, lists=sorted(set(new.lists)), created_at=datetime.now(UTC),
        )
    )  # fmt: skip
    await session.flush()
    return secret


def _fault(new: NewClient, catalogue: Catalogue) -> str:
    if not _CLIENT_ID.fullmatch(new.client_id):
        return "接入方标识请用 3 至 60 位小写字母、数字或连字符，如 tax-bureau。"
    if not new.name.strip():
        return "请填写接入方的名称。"
    if new.source not in {one.id for one in catalogue.sources}:
        return f"目录中没有数据来源“{new.source}”，可用：{'、'.join(one.id for one in catalogue.sources)}。"
    if strange := sorted(set(new.scopes) - SCOPES.keys()):
        return f"没有权限“{'、'.join(strange)}”，可用：{'、'.join(SCOPES)}。"
    if not new.scopes:
        return "请至少给一项权限。"
    if strange := sorted(set(new.lists) - agreements().keys()):
        return f"没有约定名单“{'、'.join(strange)}”，可用：{'、'.join(agreements())}。"
    if new.signature not in SIGNATURES:
        return f"签名方式应为 {'、'.join(SIGNATURES)} 之一。"
    if new.region_code and Regions.load().find(new.region_code) is None:
        return f"没有市（区）“{new.region_code}”，请填六位区划代码，如 321281；全市不填。"
    return ""


async def rotate_secret(session: AsyncSession, client_id: str) -> str:
    """A new secret beside the one in use, which goes on until the next rotation. Raises ClientRefused."""
    client = await _client(session, client_id)
    secret = secrets.token_urlsafe(32)
    client.secret_hashes = [hash_of(secret), *client.secret_hashes[:1]]
    client.generation += 1
    await session.flush()
    return secret


async def shut_out(session: AsyncSession, client_id: str) -> None:
    """From this moment the client is nobody; its tokens end with it. Raises ClientRefused."""
    client = await _client(session, client_id)
    client.is_active = False
    await session.execute(text("DELETE FROM exchange_token WHERE client_id = :id"), {"id": client_id})
    await session.flush()


async def _client(session: AsyncSession, client_id: str) -> Client:
    client = (await session.exec(select(Client).where(Client.client_id == client_id).with_for_update())).first()
    if client is None:
        raise ClientRefused(f"没有接入方“{client_id}”，可用 tidu exchange client list 查看。")
    return client


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token, which is kept nowhere but with the client."""

    token: str
    scopes: tuple[str, ...]
    expires_in: int


async def issue_token(
    session: AsyncSession, client_id: str, secret: str, wanted: Iterable[str], now: datetime | None = None
) -> Issued:
    """Trade a client's secret for a token (RFC 6749 section 4.4). Raises TokenRefused."""
    now = now or datetime.now(UTC)
    client = (await session.exec(select(Client).where(Client.client_id == client_id))).first()
    held = client.secret_hashes if client is not None and client.is_active else [hash_of(secrets.token_hex(8))]
    # All are compared, known or not: the time it takes tells nothing.
    matches = [compare_digest(hash_of(secret), one) for one in held]
    if not any(matches) or client is None:
        raise TokenRefused("invalid_client", "the client or its secret is wrong")
    asked = tuple(wanted) or tuple(client.scopes)
    if not set(asked) <= set(client.scopes):
        raise TokenRefused("invalid_scope", "the client may not have that scope")
    token = secrets.token_urlsafe(32)
    await session.execute(text("DELETE FROM exchange_token WHERE expires_at < :now"), {"now": now})
    session.add(Token(token_hash=hash_of(token), client_id=client_id, scopes=list(asked), expires_at=now + TOKEN_LIFE))
    client.last_seen_at = now
    await session.flush()
    return Issued(token, asked, int(TOKEN_LIFE.total_seconds()))


async def caller_of(session: AsyncSession, token: str, now: datetime | None = None) -> Caller | None:
    """Whose token it is; None for nobody's, or one that has ended."""
    found = await session.exec(
        select(Client, Token)
        .join(Token, col(Token.client_id) == Client.client_id)
        .where(Token.token_hash == hash_of(token), Token.expires_at > (now or datetime.now(UTC)), col(Client.is_active))
    )
    pair = found.first()
    if pair is None:
        return None
    client, held = pair
    return Caller(
        client.client_id, client.name, client.source, client.region_code, frozenset(held.scopes) & frozenset(client.scopes),
        client.signature, client.public_key, client.generation, client.quota, tuple(client.lists),
    )  # fmt: skip


def hash_of(secret: str) -> str:
    # 256 random bits need no slow digest.
    return sha256(secret.encode()).hexdigest()
