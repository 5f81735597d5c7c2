"""What integrators rely on: the OpenAPI, out of which a client is generated; the how-to, whose commands are executed."""

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from json import dumps
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.demo.population import population
from backend.exchange.clients import SCOPES
from backend.exchange.sandbox import CLIENT_ID, SECRET, open_sandbox
from backend.main import create_app
from tests.backend.exchange.conftest import SETTINGS
from tests.backend.exchange.systems import calling_system
from tests.backend.exchange.test_inbound import found
from tests.backend.web_client import ADDRESS, anonymous_client
from tests.factories import make_enterprise
from tests.openapi import made_up
from tests.shared_data import REPOSITORY

HOW_TO = (REPOSITORY / "docs/exchange.md").read_text(encoding="utf-8")
CODE = "91321283DEM000014X"
#: What each command of the how-to is answered.
ANSWERED = [200, 200, 200, 201, 200, 200, 200, 422, 200, 200]


def commands() -> list[list[str]]:
    """The how-to's curl commands, as words."""
    joined = HOW_TO.replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^ +(curl .+)$", joined, re.MULTILINE)]


async def executed(http: AsyncClient, words: list[str], token: str) -> Any:
    """The request that curl would send."""
    rest, headers, data, user = iter(words[1:]), dict[str, str](), None, None
    url = ""
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value.replace("TOKEN", token).replace("UUID", str(uuid4()))
        elif word == "-d":
            data = next(rest)
        elif word == "-u":
            user = tuple(next(rest).replace("SECRET", SECRET).split(":"))
        else:
            url = word.replace("https://tidu.example", ADDRESS)
    headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return await http.request("POST" if data else "GET", url, content=data, headers=headers, auth=user or None)  # type: ignore[arg-type]


async def test_every_command_of_the_how_to_works_in_the_sandbox(app: FastAPI, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=CODE)
    await open_sandbox(engine)
    async with anonymous_client(app) as http:
        first, *others = commands()
        answers = [await executed(http, first, "")]
        token = answers[0].json()["access_token"]
        answers += [await executed(http, words, token) for words in others]
    assert [one.status_code for one in answers] == ANSWERED, [one.text[:200] for one in answers]
    # In the sandbox the enterprise consents to what was agreed.
    assert [one["credit_code"] for one in answers[-1].json()["rows"]] == [CODE]


async def test_opening_the_sandbox_again_changes_nothing(app: FastAPI, engine: AsyncEngine):
    await open_sandbox(engine)
    await open_sandbox(engine)
    assert await found(engine, "SELECT client_id FROM exchange_client") == [CLIENT_ID]


class _Blocking:
    """httpx's blocking client as the how-to uses it, over the service's own loop."""

    def __init__(self, http: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self.http, self.loop = http, loop

    def __enter__(self) -> "_Blocking":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def post(self, path: str, **given: Any) -> Response:
        sent = self.http.post(f"/api/v1{path}", **given)
        return asyncio.run_coroutine_threadsafe(sent, self.loop).result(30)


async def test_the_python_of_the_how_to_works_in_the_sandbox(
    app: FastAPI, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=CODE)
    await open_sandbox(engine)
    code = re.search(r"```python\n(.+?)```", HOW_TO, re.DOTALL)
    assert code is not None
    async with anonymous_client(app) as http:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(httpx, "Client", lambda **_given: _Blocking(http, loop))
        await asyncio.to_thread(exec, compile(code[1], "docs/exchange.md", "exec"), {"SECRET": SECRET})
    assert "row 17 recorded" in capsys.readouterr().out


def test_the_how_to_speaks_of_an_enterprise_of_the_demo():
    assert next(population(3_000, today())).code == CODE


def test_every_scope_is_told_in_the_how_to():
    assert [name for name in SCOPES if f"`{name}`" not in HOW_TO] == []


# The OpenAPI -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A typed client, made of the OpenAPI by a generator that partners use."""
    folder = tmp_path_factory.mktemp("client")
    schema, settings = folder / "openapi.json", folder / "settings.yaml"
    schema.write_text(dumps(create_app(SETTINGS).openapi()))
    settings.write_text("post_hooks: []\n")
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(schema), "--config", str(settings),
         "--output-path", str(folder / "tidu_client"), "--meta", "none", "--fail-on-warning"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    try:
        yield import_module("tidu_client")
    finally:
        sys.path.remove(str(folder))
        for name in [one for one in sys.modules if one.partition(".")[0] == "tidu_client"]:
            del sys.modules[name]


def call_of(name: str) -> Any:
    return import_module(f"tidu_client.api.exchange.{name}").asyncio


async def test_a_client_generated_from_the_openapi_speaks_with_us(app: FastAPI, engine: AsyncEngine, generated: Any):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=CODE)
    system = await calling_system(app)
    token = system.http.headers["Authorization"].removeprefix("Bearer ")
    models = import_module("tidu_client.models")
    client = generated.AuthenticatedClient(base_url=ADDRESS, token=token)
    client.set_async_httpx_client(
        AsyncClient(transport=ASGITransport(app), base_url=ADDRESS, headers={"Authorization": f"Bearer {token}"})
    )
    item = models.FilingItem(credit_code=CODE, year=today().year - 1, values=models.FilingItemValues())
    item.values["operating_revenue"] = 3000.25
    filed = await call_of("post_filings_api_v1_filings_post")(client=client, body=[item], idempotency_key="k1")
    assert (filed.recorded, filed.items[0].status) == (1, "recorded")
    ended = models.Ended(
        id="e1", credit_code=CODE, on=f"{today() - timedelta(days=9)}", type_=models.EndedType.CANCELLED
    )
    told = await call_of("post_events_api_v1_events_post")(client=client, body=[ended], idempotency_key="k2")
    assert told.recorded == 1
    page = await call_of("changes_api_v1_changes_get")(client=client, limit=1000)
    assert {one.subject for one in page.changes} == {CODE}
    held = await call_of("registered_api_v1_registered_code_get")(client=client, code=CODE)
    assert held.status == "cancelled"
    refused = await call_of("post_filings_api_v1_filings_post")(client=client, body=[], idempotency_key="k3")
    assert refused.status == 400 and refused.detail


#: What other systems use, but for the token, which has a standard of its own.
INBOUND = ("/api/v1/filings", "/api/v1/recognitions/batch", "/api/v1/events", "/api/v1/changes", "/api/v1/subscriptions",
           "/api/v1/subscriptions/{number}", "/api/v1/lists", "/api/v1/lists/{list_id}", "/api/v1/registered/{code}")  # fmt: skip


async def test_whatever_is_made_up_from_the_openapi_is_answered_as_it_says(app: FastAPI, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=CODE)
    system = await calling_system(app, lists=("points-loan",))
    schema = app.openapi()
    part = schema | {"paths": {path: schema["paths"][path] for path in INBOUND}}
    known = {"credit_code": [CODE], "code": [CODE], "list_id": ["points-loan"], "number": [1], "since": [""]}
    faults: list[str] = []
    for made in made_up(part, many=4):
        sent = made.sent(known)
        sent["headers"] |= {"Idempotency-Key": str(uuid4())}
        answer = await system.http.request(**sent)
        if answer.status_code >= 500 or made.faults(answer):
            faults.append(f"{made.name} {sent} → {answer.status_code} {answer.text[:200]} {made.faults(answer)}")
    assert faults == []
