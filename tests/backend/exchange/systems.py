"""A system that calls the interface, for tests."""

import json
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from httpx import AsyncClient, Response

from backend.database.session import owner_unit_of_work
from backend.exchange.clients import SCOPES, NewClient, add_client
from rules.library import library
from tests.backend.web_client import anonymous_client


class CallingSystem:
    """A client with its token; every write has a fresh key unless one is given."""

    def __init__(self, http: AsyncClient, client_id: str, secret: str) -> None:
        self.http = http
        self.client_id = client_id
        self.secret = secret

    async def token(self, scope: str = "") -> Response:
        data = {"grant_type": "client_credentials", "scope": scope}
        return await self.http.post("/api/v1/oauth/token", data=data, auth=(self.client_id, self.secret))

    async def sign_in(self, scope: str = "") -> None:
        answer = await self.token(scope)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def send(self, path: str, content: Any, key: str | None = None, **headers: str) -> Response:
        body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        given = {"Idempotency-Key": f'"{key or uuid4()}"', "Content-Type": "application/json"} | headers
        return await self.http.post(f"/api/v1{path}", content=body, headers=given)


async def calling_system(app: FastAPI, client_id: str = "statistics-bureau", **given: Any) -> CallingSystem:
    """A new client of the statistics bureau that may do everything; signed in."""
    new: dict[str, Any] = {"name": "统计局", "source": "statistics", "scopes": tuple(SCOPES)} | given
    async with owner_unit_of_work(app.state.engine) as session:
        secret = await add_client(session, NewClient(client_id, **new), library().catalogue)
    system = CallingSystem(anonymous_client(app), client_id, secret)
    await system.sign_in()
    return system
