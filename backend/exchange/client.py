"""Asking an outside system: signed, with patience, and believing nothing that does not prove itself.

Whatever may be better a moment later is tried again, with jitter and as long as the other side asks to wait; an answer
is only taken when its signature holds, it is whole, and it holds as many records as it says.

    ExchangeFailed          the question was not answered
    ├── Unreachable         no answer, a server's error, an answer that broke off: tried again
    ├── Throttled           429 or 503: tried again when the other side says
    ├── Untrustworthy       a signature that does not hold, or a clock that is wrong: tried again
    └── Declined            the other side refuses: not tried again
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import stamina
from pydantic import ValidationError

from backend.exact_json import exact_json
from backend.exchange.gateway import CITY, Dialect, GatewayRefused, Message
from backend.exchange.wire import RUN_HEADER, Page, Question, ReceiptAnswer, Totals

T = TypeVar("T")

#: Bytes of an answer beyond which nobody's page goes: read no further.
MOST_BYTES: Final = 64 * 1024 * 1024
#: Seconds at most that another side's Retry-After is waited for within a run; a longer one ends the run.
LONGEST_WAIT: Final = 120.0


class ExchangeFailed(Exception):
    """The question was not answered; the text is Chinese and says what to look at."""


class Unreachable(ExchangeFailed):
    """No answer, or none that is whole."""


class Throttled(ExchangeFailed):
    """The other side asks to wait."""

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait


class Untrustworthy(ExchangeFailed):
    """The answer's signature does not hold."""


class Declined(ExchangeFailed):
    """The other side refuses what is asked."""


@dataclass(frozen=True)
class Credentials:
    """How a system knows us, and we its answers."""

    url: str
    key: str
    secret: str
    dialect: Dialect = CITY
    service: str = ""


@dataclass(frozen=True)
class Patience:
    """How long and how often is tried, in seconds."""

    attempts: int = 6
    timeout: float = 20.0
    first_wait: float = 0.2
    longest_wait: float = 30.0
    jitter: float = 1.0
    #: Between the beginnings of two questions, as the other side's limit asks for.
    between: float = 0.0


@dataclass(frozen=True)
class Exchanged:
    """One question with its answer, for the message log: digests, never contents."""

    request_id: str
    method: str
    endpoint: str
    idempotency_key: str
    request_digest: str
    #: 0 where no answer came.
    status: int
    answer_digest: str
    signature: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class Fetched:
    """A page as it was proven, or that nothing changed since the last look."""

    page: Page
    etag: str = ""
    is_unchanged: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: httpx.Headers
    body: bytes


Listener = Callable[[Exchanged], Awaitable[None]]


@dataclass
class SystemClient:
    """One outside system. `http` is closed by whoever opened it."""

    http: httpx.AsyncClient
    credentials: Credentials
    patience: Patience = field(default_factory=Patience)
    #: Is told every question, answered or not.
    listener: Listener | None = None
    #: The run in whose name is asked: the other side can add up what it sent in it.
    run: str = ""
    #: From when on the next question may begin, on the loop's clock.
    _free_at: float = field(default=0.0, init=False)

    async def search(self, form: str, question: Question) -> Page:
        """Records of the enterprises that are named. Raises ExchangeFailed."""
        body = exact_json(question.model_dump(mode="json")).encode()
        return await self._ask(_page, "POST", f"/v1/{form}/search", body)

    async def listing(self, form: str, cursor: str | None, limit: int, etag: str = "") -> Fetched:
        """A page of a published list; `etag` is that of the last look at the same page. Raises ExchangeFailed."""
        query = urlencode({"limit": limit} | ({"cursor": cursor} if cursor else {}))
        return await self._ask(_fetched, "GET", f"/v1/{form}", b"", query, {"If-None-Match": etag} if etag else {})

    async def totals(self, form: str, year: int | None, question: Question) -> Totals:
        """What the system says it holds. Raises ExchangeFailed."""
        body = exact_json(question.model_dump(mode="json")).encode()
        return await self._ask(_totals, "POST", f"/v1/{form}/totals", body, f"year={year}" if year else "")

    async def tell(self, form: str, told: list[dict[str, Any]], idempotency_key: str) -> None:
        """Hand facts over; told twice under one key, they count once. Raises ExchangeFailed."""
        body = exact_json(told).encode()
        await self._ask(_json, "POST", f"/v1/{form}", body, "", {"Idempotency-Key": idempotency_key})

    async def report(self, path: str, receipt: bytes, idempotency_key: str) -> ReceiptAnswer:
        """Say what became of what was sent, to the address agreed for it. Raises ExchangeFailed."""
        return await self._ask(_receipt_answer, "POST", path, receipt, "", {"Idempotency-Key": idempotency_key})

    async def _ask(
        self, read: Callable[[Answer], T], method: str, path: str, body: bytes, query: str = "",
        headers: dict[str, str] | None = None,
    ) -> T:  # fmt: skip
        """Ask until an answer can be read; an answer that cannot is no better than none."""
        patience = self.patience
        async for attempt in stamina.retry_context(
            on=_wait_for, attempts=patience.attempts, timeout=None, wait_initial=patience.first_wait,
            wait_max=patience.longest_wait, wait_jitter=patience.jitter,
        ):  # fmt: skip
            with attempt:
                return read(await self._ask_once(method, path, body, query, headers or {}))
        raise AssertionError("unreachable: the last failure is raised by the loop")

    async def _ask_once(self, method: str, path: str, body: bytes, query: str, headers: dict[str, str]) -> Answer:
        await self._turn()
        credentials, request_id = self.credentials, uuid4().hex
        signed = Message(method, path, query, body)
        # A fresh signature for every attempt: the other side takes each nonce once.
        headers = headers | credentials.dialect.sign(credentials.key, credentials.secret, signed, credentials.service)
        headers |= {"X-Request-ID": request_id, "Content-Type": "application/json", "Accept": "application/json"}
        if self.run:
            headers[RUN_HEADER] = self.run
        url, started_at = f"{credentials.url}{path}" + (f"?{query}" if query else ""), datetime.now(UTC)
        answer: Answer | None = None
        try:
            answer = await self._receive(method, url, body, headers)
        except (httpx.TransportError, httpx.DecodingError) as problem:
            raise Unreachable(
                f"{credentials.url} 没有完整应答（{type(problem).__name__}），请检查网络和对方服务。"
            ) from problem
        finally:
            if self.listener is not None:
                await self.listener(
                    _exchanged(request_id, method, path, body, headers, answer, started_at, credentials)
                )
        assert answer is not None
        self._judge(answer, method, path, query)
        return answer

    async def _turn(self) -> None:
        """Wait until the other side's limit allows one more question."""
        moment = asyncio.get_running_loop().time()
        due = max(moment, self._free_at)
        self._free_at = due + self.patience.between
        if due > moment:
            await asyncio.sleep(due - moment)

    async def _receive(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        timeout, whole = self.patience.timeout, bytearray()
        async with self.http.stream(
            method, url, content=body, headers=headers, timeout=timeout, follow_redirects=False
        ) as answer:
            async for piece in answer.aiter_bytes():
                whole += piece
                if len(whole) > MOST_BYTES:
                    raise Declined("对方的应答过大，请减小每页的记录数。")
        return Answer(answer.status_code, answer.headers, bytes(whole))

    def _judge(self, answer: Answer, method: str, path: str, query: str) -> None:
        status = answer.status
        wait = _retry_after(answer)
        if status in (429, 503) or (status >= 500 and wait is not None):
            raise Throttled(f"对方要求稍后再试（{status}）。", wait)
        if status >= 500:
            raise Unreachable(f"对方系统出错（{status}），请稍后再试或联系对方。")
        if not 200 <= status < 300 and status != 304:
            raise Declined(
                f"对方拒绝了请求（{status}）：{answer.body[:200].decode(errors='replace')}。请核对地址、密钥和授权。"
            )
        message = Message(method, path, query, answer.body)
        try:
            self.credentials.dialect.verify(answer.headers, self.credentials.secret, message)
        except GatewayRefused as refusal:
            why = "时钟相差超过 5 分钟" if refusal.reason == "stale" else "签名不符"
            raise Untrustworthy(f"对方应答的{why}，未采用。如持续出现，请与对方核对密钥和时钟。") from refusal


def _exchanged(
    request_id: str, method: str, path: str, body: bytes, headers: dict[str, str], answer: Answer | None,
    started_at: datetime, credentials: Credentials,
) -> Exchanged:  # fmt: skip
    return Exchanged(
        request_id=request_id, method=method, endpoint=path, idempotency_key=headers.get("Idempotency-Key", ""),
        request_digest=sha256(body).hexdigest(), status=0 if answer is None else answer.status,
        answer_digest="" if answer is None else sha256(answer.body).hexdigest(),
        signature="" if answer is None else answer.headers.get(credentials.dialect.sign_header, ""),
        started_at=started_at, finished_at=datetime.now(UTC),
    )  # fmt: skip


def _wait_for(problem: Exception) -> bool | float:
    """Whether a failure may be better a moment later; or after how many seconds."""
    if isinstance(problem, Throttled) and problem.wait is not None:
        return problem.wait if problem.wait <= LONGEST_WAIT else False
    return isinstance(problem, Unreachable | Throttled | Untrustworthy)


def _retry_after(answer: Answer) -> float | None:
    """Seconds that the other side asks to wait: a number, or a date."""
    written = answer.headers.get("Retry-After", "").strip()
    if not written:
        return None
    try:
        return max(0.0, float(written))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(written) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _fetched(answer: Answer) -> Fetched:
    if answer.status == 304:
        return Fetched(Page(count=0, records=[]), answer.headers.get("ETag", ""), is_unchanged=True)
    return Fetched(_page(answer), answer.headers.get("ETag", ""))


def _totals(answer: Answer) -> Totals:
    try:
        return Totals.model_validate(_json(answer))
    except ValidationError as problem:
        raise Unreachable("对方的合计不是约定的格式。") from problem


def _receipt_answer(answer: Answer) -> ReceiptAnswer:
    """What is no comparison is taken for none: that the receipt arrived, the status says."""
    try:
        return ReceiptAnswer.model_validate_json(answer.body)
    except ValidationError:
        return ReceiptAnswer()


def _page(answer: Answer) -> Page:
    try:
        page = Page.model_validate(_json(answer))
    except ValidationError as problem:
        raise Unreachable("对方的一页不是约定的格式。") from problem
    if len(page.records) != page.count:
        raise Unreachable(f"对方的一页应有 {page.count} 条，只到了 {len(page.records)} 条。")
    return page


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise Unreachable("对方的应答不完整，不是 JSON。") from problem
