"""A write that names itself with an Idempotency-Key happens once: sent again, it is told what was answered before.

    @router.post("/things")
    async def add(once: Once, form: Thing, …) -> Response:
        async def work() -> Response:
            …
        return await once.answer(work)

The answer is kept for two days, by person, in the transaction of the work itself: what was refused or rolled back may
be tried again under the same key. (draft-ietf-httpapi-idempotency-key-header)

    KeyRefused
    ├── KeyMalformed            400
    └── KeyOfAnother            422, it was used for something else
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.web.dependencies import Work
from backend.web.rest import RestRefused

_KEY: Final = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e]{1,255})"?')
_KEPT_HEADERS: Final = ("location", "etag")


class KeyRefused(RestRefused):
    """The key cannot be used."""


class KeyMalformed(KeyRefused):
    """It is no key."""

    status = 400
    slug = "idempotency-key-invalid"
    title = "Idempotency-Key 无效"

    def __init__(self) -> None:
        super().__init__("Idempotency-Key 请用 1 至 255 个可见的 ASCII 字符，建议用 UUID。")


class KeyOfAnother(KeyRefused):
    """The key stands for another request."""

    status = 422
    slug = "idempotency-mismatch"
    title = "Idempotency-Key 已用过"

    def __init__(self) -> None:
        super().__init__("这个 Idempotency-Key 已用于内容不同的请求，本次没有执行。请换一个新键。")


@dataclass(frozen=True)
class OncePerKey:
    """The request's key, if it has one, within its unit of work."""

    request: Request
    session: AsyncSession
    person_id: int
    written: str | None

    async def answer(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """What `work` answers, or what it answered the first time.

        Raises KeyMalformed, KeyOfAnother.
        """
        if self.written is None:
            return await work()
        found = _KEY.fullmatch(self.written.strip())
        if found is None:
            raise KeyMalformed
        fingerprint = await self._fingerprint()
        before = await self._before(found[1], fingerprint)
        if before is not None:
            return before
        response = await work()
        if response.status_code < 400:
            await self._keep(found[1], fingerprint, response)
        return response

    async def told(self, work: Callable[[], Awaitable[object]], status_code: int = 200) -> Response:
        """The same of a work that says what its answer holds."""

        async def answered() -> Response:
            return JSONResponse(jsonable_encoder(await work()), status_code)

        return await self.answer(answered)

    async def _fingerprint(self) -> str:
        asked = f"{self.request.method} {self.request.url.path}?{self.request.url.query}\n".encode()
        return sha256(asked + await self.request.body()).hexdigest()

    async def _before(self, key: str, fingerprint: str) -> Response | None:
        # Whoever sends the same key at the same moment waits, and then finds the answer.
        await self.session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"answered_once\n{self.person_id}\n{key}"},
        )
        found = await self.session.execute(
            text(
                "SELECT fingerprint, status, headers, body FROM answered_once WHERE person_id = :person AND key = :key"
            ),
            {"person": self.person_id, "key": key},
        )
        row = found.first()
        if row is None:
            return None
        if row[0] != fingerprint:
            raise KeyOfAnother
        headers = {**json.loads(row[2]), "Idempotency-Replayed": "true"}
        return Response(bytes(row[3]), row[1], headers, media_type="application/json")

    async def _keep(self, key: str, fingerprint: str, response: Response) -> None:
        kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        await self.session.execute(
            text("DELETE FROM answered_once WHERE person_id = :person AND answered_at < now() - interval '2 days'"),
            {"person": self.person_id},
        )
        await self.session.execute(
            text(
                "INSERT INTO answered_once (person_id, key, fingerprint, status, headers, body)"
                " VALUES (:person, :key, :fingerprint, :status, :headers, :body)"
            ),
            {
                "person": self.person_id, "key": key, "fingerprint": fingerprint, "status": response.status_code,
                "headers": json.dumps(kept), "body": bytes(response.body),
            },
        )  # fmt: skip


_DESCRIBED: Final = (
    "Sent again within two days, the request is not done again but answered as the first time. The same key with"
    " another content is refused with 422."
)


async def once_per_key(
    request: Request, session: Work, person: Officer,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key", description=_DESCRIBED, examples=["4a8f0e52-6f0c-4b57-9d3d-2f1c8a7e9b10"])] = None,
) -> OncePerKey:  # fmt: skip
    """The request's key within its unit of work; only officers write."""
    return OncePerKey(request, session, person.id, idempotency_key)


Once = Annotated[OncePerKey, Depends(once_per_key, scope="function")]
