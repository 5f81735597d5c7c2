"""The way in for systems: the token, the quota, the signature, the key, and one transaction for all that follows.

Problems by RFC 9457, in the house's form; `errors` name pointer and remedy. Who may do what stands in the routes'
signatures: `FilingWriter`, `RecognitionWriter`, `EventWriter`, `ChangeReader`, `Subscriber`,
`EnterpriseReader`, `ListReader`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import uuid4

import structlog
from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import OAuth2
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import enter_scope, owner_unit_of_work
from backend.exchange.bodies import BodyRefused, demand_json, read_json_body, read_limited
from backend.exchange.clients import SCOPES, Caller, caller_of
from backend.exchange.gateway import REMEMBERED
from backend.exchange.idempotency import Kept, fingerprint_of, keep, read_key, recall
from backend.exchange.keys import keys_of
from backend.exchange.messages import log_message
from backend.exchange.models import ExchangeMessage
from backend.exchange.signing import SignatureRefused, Signed, verify_request
from backend.exchange.tallying import REPEATED, counts_of, turned_away
from backend.web.dependencies import Engine, reached
from backend.web.responses import trace_id

log: Final = structlog.stdlib.get_logger(__name__)

#: Only says in the OpenAPI how to come in; the check is `caller`'s.
_SCHEME: Final = OAuth2(
    flows={"clientCredentials": {"tokenUrl": "/api/v1/oauth/token", "scopes": SCOPES}},  # pyright: ignore[reportArgumentType]
    auto_error=False,
)


@dataclass
class Turned(Exception):
    """A request that is turned away as a whole, in the form of RFC 9457."""

    status: int
    slug: str
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def answer(self, request: Request) -> Response:
        """The problem as an answer."""
        body: dict[str, Any] = {
            "type": f"{request.base_url}problems/{self.slug}", "title": self.title, "status": self.status,
            "detail": self.detail, "instance": request.url.path, "trace_id": trace_id(request), **self.extra,
        }  # fmt: skip
        if self.errors:
            body["errors"] = self.errors
        return JSONResponse(body, self.status, dict(self.headers), "application/problem+json")


async def turn_away(request: Request, error: Exception) -> Response:
    """The application's handler of `Turned`."""
    assert isinstance(error, Turned)
    return error.answer(request)


def as_turned(refusal: BodyRefused) -> Turned:
    """A body that cannot be read, as a problem."""
    titles = {409: "正在处理", 413: "请求太大", 415: "内容类型不支持", 422: "内容不符"}
    error = {**refusal.where, "code": refusal.slug, "detail": refusal.detail, "remedy": refusal.remedy}
    return Turned(
        refusal.status,
        refusal.slug,
        titles.get(refusal.status, "请求无法识别"),
        refusal.detail + refusal.remedy,
        errors=[error],
    )


def wrong_parameter(parameter: str, slug: str, detail: str, remedy: str) -> Turned:
    """A parameter of the address that cannot be as it is."""
    return as_turned(BodyRefused(422, slug, detail, remedy, parameter=parameter))


async def caller(request: Request, engine: Engine, _: Annotated[Any, Depends(_SCHEME)]) -> Caller:
    """Whose token came with the request. Raises Turned."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Turned(
            401,
            "unauthenticated",
            "请先取得令牌",
            "请用接入方标识和密钥在 /api/v1/oauth/token 换取令牌。",
            {"WWW-Authenticate": "Bearer"},
        )
    async with reached(owner_unit_of_work(engine)) as session:
        found = await caller_of(session, token.strip())
    if found is None:
        raise Turned(
            401, "invalid-token", "令牌无效", "令牌不对、已过期或接入方已停用，请重新换取。", {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        )  # fmt: skip
    request.state.caller = found
    return found


def _may(scope: str) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope not in found.scopes:
            raise Turned(
                403, "insufficient-scope", "权限不足", f"令牌没有“{scope}”（{SCOPES[scope]}）权限，请向系统管理员申请。",
                {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )  # fmt: skip
        return found

    return check


#: Whoever has a token, whatever it may do: for what concerns the caller itself.
AnyCaller = Annotated[Caller, Depends(caller)]
FilingWriter = Annotated[Caller, Depends(_may("filing:write"))]
RecognitionWriter = Annotated[Caller, Depends(_may("recognition:write"))]
EventWriter = Annotated[Caller, Depends(_may("event:write"))]
ChangeReader = Annotated[Caller, Depends(_may("change:read"))]
Subscriber = Annotated[Caller, Depends(_may("event:subscribe"))]
EnterpriseReader = Annotated[Caller, Depends(_may("enterprise:read"))]
ListReader = Annotated[Caller, Depends(_may("list:read"))]


#: What a client cannot do without what the tax office said: hold figures against each other, tell those agreed on.
_WITH_TAX: Final = frozenset({"filing:write", "list:read"})


def scope_of(found: Caller) -> Scope:
    """What a client's transactions see: rows of its district or the city, of the tables that its scopes open.

    Tax figures are among them as far as the scopes need them.
    """
    rows = Scope.district(found.region_code) if found.region_code else Scope.city()
    return rows.reading(tax=not _WITH_TAX.isdisjoint(found.scopes), unmasking=False).of_system(found.scopes)


Work = Callable[[AsyncSession, Any], Awaitable[tuple[int, bytes]]]


async def take(request: Request, engine: Any, found: Caller, work: Work) -> Response:
    """A write from its bytes to its answer: the work, the message and the kept answer in one transaction.

    Raises Turned where the request as a whole cannot be taken; then nothing was written.
    """
    started_at, body = datetime.now(UTC), b""
    try:
        demand_json(request.headers.get("Content-Type", ""))
        body = await read_limited(request.stream(), request.headers.get("Content-Length", ""))
        key = read_key(request.headers.get("Idempotency-Key"))
        content = read_json_body(body)
        async with reached(owner_unit_of_work(engine)) as session:
            headers = await _spend(session, found, content)
        async with reached(owner_unit_of_work(engine)) as session:
            await _check_signature(session, request, found, body)
            fingerprint = fingerprint_of(request.method, request.url.path, body)
            kept, counts = await recall(session, found, key, fingerprint), REPEATED
            if kept is None:
                await enter_scope(session, scope_of(found))
                kept = Kept(*await work(session, content))
                await leave_scope(session)
                await keep(session, found, key, fingerprint, kept)
                counts = counts_of(kept.body)
            await log_message(session, _message(request, found, key, body, kept, started_at, counts))
    except (BodyRefused, Turned) as refusal:
        turned = as_turned(refusal) if isinstance(refusal, BodyRefused) else refusal
        # What was turned away is in the log as well: who tried, what digest, with what answer.
        async with reached(owner_unit_of_work(engine)) as session:
            counts = turned_away(turned.slug)
            await log_message(session, _message(request, found, "", body, Kept(turned.status, b""), started_at, counts))
        raise turned from refusal
    kind = "application/json" if kept.status < 400 else "application/problem+json"
    return Response(kept.body, kept.status, headers, kind)


async def leave_scope(session: AsyncSession) -> None:
    """Go on as the owner: what follows is the exchange's own book-keeping."""
    await session.flush()
    await session.execute(text("SELECT set_config('role', 'none', true)"))


async def _spend(session: AsyncSession, found: Caller, content: Any) -> dict[str, str]:
    """Count what the client sends against its quota of this minute. Raises Turned."""
    now = datetime.now(UTC)
    minute, items = now.replace(second=0, microsecond=0), len(content) if isinstance(content, list) else 1  # type: ignore[reportUnknownArgumentType]
    spent = await session.execute(
        text(
            "INSERT INTO exchange_used (client_id, minute, items) VALUES (:client, :minute, :items)"
            " ON CONFLICT (client_id, minute) DO UPDATE SET items = exchange_used.items + excluded.items RETURNING items"
        ),
        {"client": found.client_id, "minute": minute, "items": items},
    )
    used, left = spent.scalar_one(), 60 - now.second
    if used == items:
        await session.execute(
            text("DELETE FROM exchange_used WHERE client_id = :client AND minute < :minute"),
            {"client": found.client_id, "minute": minute},
        )
    headers = {
        "RateLimit-Policy": f'"minute";q={found.quota};w=60',
        "RateLimit": f'"minute";r={max(0, found.quota - used)};t={left}',
    }
    if used > found.quota:
        raise Turned(
            429, "rate-limited", "超过配额", f"本分钟已报送 {used - items} 条，配额 {found.quota} 条，请 {left} 秒后再发。",
            headers | {"Retry-After": str(left)}, extra={"violated-policies": ["minute"]},
        )  # fmt: skip
    return headers


async def _check_signature(session: AsyncSession, request: Request, found: Caller, body: bytes) -> None:
    """Raises Turned: 401 without a reason for the other side; the log has it."""
    if found.signature == "none":
        return
    signed = Signed(request.method, str(request.url), dict(request.headers))
    try:
        keys = keys_of(request.app.state.settings)
        nonce = verify_request(found, keys, signed, request.url.query, request.url.path, body)
    except SignatureRefused as refusal:
        log.warning("signature_refused", client=found.client_id, reason=refusal.reason, trace_id=trace_id(request))
        raise Turned(401, "signature-invalid", "签名无效", "请求的签名缺失或不符，未处理。") from refusal
    taken = await session.execute(
        text(
            "INSERT INTO exchange_nonce (client_id, nonce) VALUES (:client, :nonce) ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {"client": found.client_id, "nonce": nonce[:200]},
    )
    if taken.scalar_one_or_none() is None:
        raise Turned(
            401, "replay", "重复的签名", "这个签名已经用过，未处理。重发请重新签名，并用同一 Idempotency-Key。"
        )
    await session.execute(
        text("DELETE FROM exchange_nonce WHERE client_id = :client AND seen_at < now() - make_interval(secs => :kept)"),
        {"client": found.client_id, "kept": REMEMBERED},
    )


def _message(
    request: Request, found: Caller, key: str, body: bytes, kept: Kept, started_at: datetime, counts: Mapping[str, Any]
) -> ExchangeMessage:
    return ExchangeMessage(
        direction="in", peer=found.client_id, method=request.method, endpoint=request.url.path[:300],
        request_id=(request.headers.get("X-Request-ID") or uuid4().hex)[:64], idempotency_key=key,
        request_digest=sha256(body).hexdigest(), status=kept.status, answer_digest=sha256(kept.body).hexdigest(),
        counts=dict(counts),
        signature=request.headers.get("Signature", request.headers.get("X-Sign", ""))[:2000], started_at=started_at,
        finished_at=datetime.now(UTC),
    )  # fmt: skip
