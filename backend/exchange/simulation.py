"""Outside systems to practise against: real servers with invented enterprises, and a switch for every fault.

A simulator speaks the same protocol as the systems' connectors, signs its answers, and misbehaves as told:
`PUT /_faults` takes a `Faults`, `POST /_records` brings a late change. What it holds is the same at every start.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from time import time
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

from backend.exact_json import exact_json
from backend.exchange.gateway import CITY, Dialect, GatewayRefused, Message, NonceMemory
from backend.exchange.simulated_receipts import Receipts
from backend.exchange.wire import RUN_HEADER, Question, Receipt, Totals, digest_of, digest_of_all

#: What the simulators and their practising clients share; it protects invented data only.
PRACTICE_KEY, PRACTICE_SECRET = "tidu-practice", "practice-secret-for-invented-data"
Share = Annotated[float, Field(ge=0, le=1)]


class Faults(BaseModel):
    """How badly a simulator behaves. Shares are of answers, or of records for `duplicates`."""

    latency_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    errors: Share = 0
    #: Seconds that the 503s and 429s ask to wait.
    retry_after: Annotated[float, Field(ge=0, le=3600)] = 0
    duplicates: Share = 0
    #: Records of a page in any order, with revisions that were long replaced among them.
    reordering: bool = False
    truncated: Share = 0
    #: Fields that nobody spoke of before.
    changed_schema: bool = False
    #: By how much the simulator's clock is wrong, for a share of answers.
    clock_skew_seconds: int = 0
    skewed: Share = 1
    wrong_signatures: Share = 0
    #: Answers that break off without a word, as when the other side is killed.
    broken: Share = 0
    seed: int = 20261121


@dataclass
class Simulator:
    """What a simulator holds and how it behaves at the moment."""

    name: str
    #: form → record id → its revisions, the last one last.
    records: dict[str, dict[str, list[dict[str, Any]]]] = field(
        default_factory=dict[str, dict[str, list[dict[str, Any]]]]
    )
    faults: Faults = field(default_factory=Faults)
    secret: str = PRACTICE_SECRET
    dialect: Dialect = CITY
    #: What was told to it, by idempotency key.
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Every code that anybody asked about: proof of what was not asked.
    asked: list[tuple[str, list[str] | None]] = field(default_factory=list[tuple[str, list[str] | None]])
    nonces: NonceMemory = field(default_factory=NonceMemory)
    #: What it sent and was told of that.
    receipts: Receipts = field(default_factory=Receipts)
    chance: random.Random = field(default_factory=lambda: random.Random(20261121))  # noqa: S311
    #: form → what it was made of, and the ids of each code's records: a question of a few is not asked of all.
    _by_code: dict[str, tuple[dict[str, Any], int, dict[str, list[str]]]] = field(
        default_factory=dict[str, tuple[dict[str, Any], int, dict[str, list[str]]]]
    )

    def latest(self, form: str, codes: list[str] | None) -> list[tuple[str, dict[str, Any]]]:
        """The newest revision of each record of a form, of all or of these codes, with its id."""
        held = self.records.get(form, {})
        if codes is None:
            return [(one_id, revisions[-1]) for one_id, revisions in held.items()]
        made_of, size, ids = self._by_code.get(form, (None, 0, {}))
        if made_of is not held or size != len(held):
            ids = {}
            for one_id, revisions in held.items():
                ids.setdefault(revisions[-1]["code"], []).append(one_id)
            self._by_code[form] = (held, len(held), ids)
        return [(one_id, held[one_id][-1]) for code in set(codes) for one_id in ids.get(code, ())]

    def put(self, records: Iterable[dict[str, Any]]) -> None:
        """Take in records; one of a known id is its next revision."""
        for one in records:
            held = self.records.setdefault(one["form"], {}).setdefault(one["id"], [])
            held.append(one | {"revision": len(held) + 1})

    def behave(self, faults: Faults) -> None:
        self.faults, self.chance = faults, random.Random(faults.seed)  # noqa: S311

    def happens(self, share: float) -> bool:
        return share > 0 and self.chance.random() < share


def simulator_app(simulator: Simulator) -> FastAPI:
    """The simulator as a server."""
    app = FastAPI(title=f"Tidu simulator: {simulator.name}", description="Invented data, for tests and practice.")
    app.state.simulator = simulator

    @app.get("/_faults")
    async def faults() -> Faults:
        return simulator.faults

    @app.put("/_faults")
    async def set_faults(wanted: Faults) -> Faults:
        simulator.behave(wanted)
        return simulator.faults

    @app.post("/_records", status_code=204)
    async def add_records(records: list[dict[str, Any]]) -> None:
        simulator.put(records)

    @app.post("/v1/{form}/search")
    async def search(form: str, question: Question, request: Request) -> Response:
        await _enter(simulator, request)
        simulator.asked.append((form, question.codes))
        return _answer(simulator, request, _sent(simulator, request, _page(simulator, form, question)))

    @app.get("/v1/{form}")
    async def listing(form: str, request: Request, cursor: str | None = None, limit: int = 200) -> Response:
        await _enter(simulator, request)
        page = _page(simulator, form, Question(cursor=cursor, limit=limit))
        return _answer(simulator, request, _sent(simulator, request, page), with_etag=True)

    @app.post("/v1/{form}/totals")
    async def totals(form: str, question: Question, request: Request, year: int | None = None) -> Response:
        await _enter(simulator, request)
        return _answer(simulator, request, _totals(simulator, form, question, year).model_dump())

    @app.get("/_receipts")
    async def receipts() -> list[dict[str, Any]]:
        return simulator.receipts.shown()

    @app.post("/v1/reconciliation")
    async def reconciliation(receipt: Receipt, request: Request) -> Response:
        await _enter(simulator, request)
        found = simulator.receipts.take(receipt, request.headers.get("Idempotency-Key", ""))
        return _answer(simulator, request, found.model_dump())

    @app.post("/v1/{form}")
    async def tell(form: str, told: list[dict[str, Any]], request: Request) -> Response:
        await _enter(simulator, request)
        key = request.headers.get("Idempotency-Key", "")
        simulator.told.setdefault(key, told)
        return _answer(simulator, request, {"taken": len(told)})

    return app


async def _enter(simulator: Simulator, request: Request) -> None:
    """What happens to every question before it is answered: signature, latency, refusals."""
    message = Message(request.method, request.url.path, request.url.query, await request.body())
    try:
        nonce = simulator.dialect.verify(_plain(request), simulator.secret, message)
        simulator.nonces.take(request.headers.get(simulator.dialect.key_header, ""), nonce)
    except GatewayRefused as refusal:
        raise HTTPException(401, refusal.reason) from refusal
    faults = simulator.faults
    if faults.latency_ms:
        await asyncio.sleep(faults.latency_ms / 1000)
    if simulator.happens(faults.errors):
        headers = {"Retry-After": f"{faults.retry_after:g}"} if faults.retry_after else None
        raise HTTPException(simulator.chance.choice((500, 502, 503, 429)), "simulated fault", headers)


def _plain(request: Request) -> dict[str, str]:
    dialect = CITY
    names = (dialect.key_header, dialect.time_header, dialect.sign_header, dialect.nonce_header or "")
    return {name: request.headers.get(name, "") for name in names}


def _page(simulator: Simulator, form: str, question: Question) -> dict[str, Any]:
    held = simulator.records.get(form, {})
    since = question.updated_since
    wanted = sorted(
        one_id
        for one_id, latest in simulator.latest(form, question.codes)
        if since is None or datetime.fromisoformat(latest["updated_at"]) >= since
    )
    rest = [one_id for one_id in wanted if question.cursor is None or one_id > question.cursor]
    shown, faults, chance = rest[: question.limit], simulator.faults, simulator.chance
    records: list[dict[str, Any]] = []
    for one_id in shown:
        revisions = held[one_id]
        records.append(revisions[-1])
        if simulator.happens(faults.duplicates):
            records.append(revisions[-1])
        if faults.reordering and len(revisions) > 1:
            records.append(revisions[0])
    if faults.reordering:
        chance.shuffle(records)
    if faults.changed_schema:
        records = [one | {"fields": one["fields"] | {"99": "新增栏次"}, "channel": "v2"} for one in records]
    count = len(records)
    if simulator.happens(faults.truncated):
        records = records[: count // 2]
    return {"count": count, "records": records, "next": shown[-1] if len(rest) > len(shown) else None}


def _sent(simulator: Simulator, request: Request, page: dict[str, Any]) -> dict[str, Any]:
    """The page, noted as sent in the run that asked for it."""
    simulator.receipts.note_sent(request.headers.get(RUN_HEADER, ""), page["records"])
    return page


def _totals(simulator: Simulator, form: str, question: Question, year: int | None) -> Totals:
    latest = simulator.latest(form, question.codes)
    counted = [one for _, one in latest if year is None or one["year"] == year]
    digests = {one["id"]: digest_of(one["fields"], one["revision"]) for one in counted}
    return Totals(count=len(counted), digest=digest_of_all(digests))


def _answer(simulator: Simulator, request: Request, answer: Any, *, with_etag: bool = False) -> Response:
    body = exact_json(answer).encode()
    faults = simulator.faults
    headers: dict[str, str] = {}
    if with_etag:
        headers["ETag"] = f'"{sha256(body).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == headers["ETag"]:
            body = b""
    moment = time() + (faults.clock_skew_seconds if simulator.happens(faults.skewed) else 0)
    secret = "forged" if simulator.happens(faults.wrong_signatures) else simulator.secret
    signed = Message(request.method, request.url.path, request.url.query, body)
    headers |= simulator.dialect.sign(PRACTICE_KEY, secret, signed, at=moment)
    if simulator.happens(faults.truncated):
        body = body[: len(body) * 2 // 3]
    if simulator.happens(faults.broken):
        # More is announced than comes: the connection ends in the middle.
        headers["Content-Length"] = str(len(body) + 100)
        return _Broken(body, headers=headers, media_type="application/json")
    status = 304 if with_etag and not body else 200
    return Response(body, status, headers, "application/json")


class _Broken(Response):
    """An answer that stops before its announced end."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        raise ConnectionAbortedError("simulated: the other side went away")


def at(year: int, month: int, day: int, hour: int = 9) -> str:
    """A moment, as the systems write it."""
    return datetime(year, month, day, hour, tzinfo=UTC).isoformat()
