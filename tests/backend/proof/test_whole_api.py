"""The whole interface, asked with requests made up from its own OpenAPI and its pages' forms, as everybody who may come.

No request is answered with 5xx, no answer is other than the OpenAPI says, nobody is shown another's data, whatever
changed something left its trace, and so did whatever showed figures. TIDU_PROOF=40 makes up 40 requests for every
address and every role, malformed ones too; by itself it takes a few.
"""

import os
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from backend.database.trace import UNTRACED
from backend.main import create_app
from backend.settings import Settings
from tests.backend.access.matrix import routes
from tests.backend.exchange.systems import calling_system
from tests.backend.proof.registry import OWN, OWN_FIGURES, SECRET, SECRET_FIGURES, Registry, make_registry
from tests.backend.web_client import ADDRESS, anonymous_client, signed_in_client
from tests.conftest import fresh_database
from tests.openapi import Made, made_up, openapi_of

MANY: Final = int(os.environ.get("TIDU_PROOF", "0"))
#: Roles, with the district; those of the own district must never be shown the other one.
ROLES: Final = {
    "city_officer": "", "district_officer": OWN, "reviewer": OWN, "viewer": OWN, "administrator": "", "auditor": "",
    "enterprise": "", "system": "", "nobody": "",
}  # fmt: skip
SETTINGS: Final = Settings(
    public_requests_a_minute=10**9, sign_ins_a_minute=10**9, public_posts_per_minute=10**9,
    exchange_secret="for tests only",  # pyright: ignore[reportArgumentType]
)  # fmt: skip
_WRITES: Final = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(?!SET\b)([a-z_]+)', re.IGNORECASE)


@dataclass
class Found:
    """What became of all requests."""

    faults: list[str] = field(default_factory=list[str])
    #: Requests that changed something, and those that showed enterprises' figures: by their ids, what they were.
    changed: dict[str, str] = field(default_factory=dict[str, str])
    showed: dict[str, str] = field(default_factory=dict[str, str])
    showed_all: int = 0


@pytest.fixture(scope="module")
async def proof_engine(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    async with fresh_database(server_url, migrated_template) as url:
        engine = make_engine(url)
        yield engine
        await engine.dispose()


@pytest.fixture(scope="module")
async def registry(proof_engine: AsyncEngine) -> Registry:
    made = await make_registry(proof_engine)

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if cursor.rowcount and (found := _WRITES.findall(statement)):
            made.written.update(found)

    event.listen(proof_engine.sync_engine, "after_cursor_execute", note)
    return made


@pytest.fixture(scope="module")
async def app(proof_engine: AsyncEngine, registry: Registry) -> FastAPI:
    return create_app(SETTINGS, proof_engine)


@pytest.fixture(scope="module")
async def callers(app: FastAPI, registry: Registry) -> AsyncGenerator[dict[str, AsyncClient]]:
    """Somebody of each role."""
    async with AsyncExitStack() as held:
        found: dict[str, AsyncClient] = {}
        for role, region in ROLES.items():
            found[role] = await held.enter_async_context(await _caller(app, registry, role, region))
        yield found


async def _caller(app: FastAPI, registry: Registry, role: str, region: str) -> AsyncClient:
    if role == "nobody":
        one = anonymous_client(app)
    elif role == "system":
        one = (await calling_system(app, region_code=OWN)).http
    else:
        one = await signed_in_client(app, role, region)
    if role == "enterprise":
        async with owner_unit_of_work(app.state.engine) as session:
            await session.execute(
                text("UPDATE person SET enterprise_id = :id WHERE role = 'enterprise'"), {"id": registry.own}
            )
    # What nobody caught is to become an answer, as it does behind a real server.
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url=ADDRESS, headers=one.headers, cookies=one.cookies)


@pytest.fixture(scope="module")
async def rest(app: FastAPI, callers: dict[str, AsyncClient], registry: Registry) -> Found:
    """Every operation, as everybody."""
    found = Found()
    for place, made in enumerate(made_up(app.openapi(), MANY or 1, malformed=bool(MANY))):
        await _ask(found, made, _who(callers, ("city_officer", "district_officer"), place, 2), registry)
    return found


@pytest.fixture(scope="module")
async def pages(app: FastAPI, callers: dict[str, AsyncClient], registry: Registry) -> Found:
    """Every page and form, as a city's officer, and over them as everybody."""
    found = Found()
    of_pages = [route for name, route in routes() if "/api/v1/" not in name and "/logout" not in name]
    for place, made in enumerate(made_up(openapi_of(of_pages), MANY or 1, malformed=bool(MANY))):
        await _ask(found, made, _who(callers, ("city_officer",), place, 7), registry)
    return found


def _who(
    callers: Mapping[str, AsyncClient], always: Sequence[str], place: int, turn: int
) -> list[tuple[str, AsyncClient]]:
    """Who asks: these always, the others by turns; everybody, where there is time."""
    others = [role for role in callers if role not in always]
    asked = [role for number, role in enumerate(others) if MANY or (number + place) % turn == 0]
    return [(role, callers[role]) for role in (*always, *asked)]


async def _ask(found: Found, made: Made, callers: Iterable[tuple[str, AsyncClient]], registry: Registry) -> None:
    sent = made.sent(registry.known)
    for role, client in callers:
        registry.written.clear()
        answer = await client.request(**sent)
        written = registry.written - UNTRACED.keys()
        faults = made.faults(answer) if "/api/v1/" in made.name else []
        faults += [f"answered {answer.status_code}"] if answer.status_code >= 500 else []
        secret = _first(answer, (SECRET, *SECRET_FIGURES))
        if role == "city_officer":
            found.showed_all += bool(secret)
        elif secret:
            faults.append(f"shows {secret}")
        told = f"\n    {_told(sent)}\n    {answer.text[:300]}"
        found.faults += [f"{role}: {made.name} #{made.number}: {one}{told}" for one in faults]
        number = answer.headers["x-request-id"]
        if answer.status_code < 400 and written:
            found.changed[number] = f"{made.name} writes {', '.join(sorted(written))}"
        if answer.status_code < 400 and _first(answer, (*OWN_FIGURES, *SECRET_FIGURES)):
            found.showed[number] = made.name


def _first(answer: httpx.Response, texts: Iterable[str]) -> str:
    return next((one for one in texts if one in answer.text), "")


def _told(sent: dict[str, Any]) -> str:
    return str({name: value for name, value in sent.items() if value})[:600]


async def _traced(engine: AsyncEngine) -> set[str]:
    """The requests of which the trace tells."""
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT request_id FROM trace_note UNION SELECT request_id FROM trace_entry")
        )
        return set(found.scalars())


def test_no_request_is_answered_otherwise_than_the_openapi_says_or_with_anothers_data(rest: Found):
    assert not rest.faults, f"{len(rest.faults)}:\n" + "\n".join(rest.faults[:30])
    assert rest.showed_all > 0  # else nothing would have been proven


def test_no_page_and_no_form_is_answered_with_an_error_or_with_anothers_data(pages: Found):
    assert not pages.faults, f"{len(pages.faults)}:\n" + "\n".join(pages.faults[:30])
    assert pages.showed_all > 0


async def test_whatever_changed_something_left_its_trace(proof_engine: AsyncEngine, rest: Found, pages: Found):
    changed, traced = rest.changed | pages.changed, await _traced(proof_engine)
    assert sorted({name for number, name in changed.items() if number not in traced}) == []
    assert len(set(changed.values())) > 2


async def test_whatever_showed_figures_left_its_trace(proof_engine: AsyncEngine, rest: Found, pages: Found):
    showed, traced = rest.showed | pages.showed, await _traced(proof_engine)
    assert sorted({name for number, name in showed.items() if number not in traced}) == []
    assert len(set(showed.values())) > 3
