"""The whole interface, asked with requests made up from its own OpenAPI and its pages' forms, as everybody who may come.

No request is answered with 5xx, no answer is other than the OpenAPI says, nobody is let in where
docs/who-may-do-what.md keeps them out, nobody is shown or changes another's data,
what was typed is shown as the text it is, whatever changed something left its trace, and so did whatever showed figures.
Every operation is asked as everybody: with what schemathesis makes up, and where it names something, with what there is
of the own enterprise and with what there is of another's. TIDU_PROOF=40 makes up 40 requests in place of one, and as
many malformed ones, and writes the figures into build/proof.json.
"""

import json
import os
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any, Final

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.database.trace import UNTRACED
from backend.main import create_app
from tests.backend.access.matrix import NO, READERS, marks_of, routes
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.proof.judging import FORBIDDEN, TAX, columns_in, first, oddities, shown
from tests.backend.proof.planting import UNSEEN
from tests.backend.proof.registry import OTHERS, OURS, OWN, PARK, SETTINGS, Registry, make_registry
from tests.backend.web_client import ADDRESS, anonymous_client, signed_in_client
from tests.openapi import Made, made_up, openapi_of
from tests.shared_data import REPOSITORY

MANY: Final = int(os.environ.get("TIDU_PROOF", "0"))
#: Roles, with the district; those of the own district must never be shown the other one.
ROLES: Final = {
    "city_officer": "", "district_officer": OWN, "park_officer": OWN, "reviewer": OWN, "viewer": OWN, "administrator": "",
    "auditor": "", "enterprise": "", "system": "", "nobody": "",
}  # fmt: skip
_WRITES: Final = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(?!SET\b)([a-z_]+)', re.IGNORECASE)


@dataclass
class Caller:
    """Somebody who asks; a system's token ends before the proof does."""

    role: str
    client: AsyncClient
    system: CallingSystem | None = None
    may_read_tax: bool = False

    async def ask(self, sent: dict[str, Any]) -> Response:
        answer = await self.client.request(**sent)
        if answer.status_code == 401 and self.system:
            await self.system.sign_in()
            self.client.headers = self.system.http.headers
            answer = await self.client.request(**sent)
        return answer

    @property
    def forbidden(self) -> list[str]:
        """What this one must not be shown."""
        return [one for one in FORBIDDEN[self.role] if not (self.may_read_tax and one in TAX)]


@dataclass
class Found:
    """What became of all requests."""

    faults: list[str] = field(default_factory=list[str])
    #: Requests that changed something, and those that showed enterprises' figures: by their ids, what they were.
    changed: dict[str, str] = field(default_factory=dict[str, str])
    showed: dict[str, str] = field(default_factory=dict[str, str])
    #: All that were not refused.
    done: dict[str, str] = field(default_factory=dict[str, str])
    #: The planted columns that those who may see them were shown.
    columns: set[str] = field(default_factory=set[str])
    operations: set[str] = field(default_factory=set[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0


@pytest.fixture(scope="module")
async def registry(app: FastAPI, one_database: AsyncEngine) -> Registry:
    made = await make_registry(app)

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if cursor.rowcount and (found := _WRITES.findall(statement)):
            made.written.update(found)

    event.listen(one_database.sync_engine, "after_cursor_execute", note)
    return made


@pytest.fixture(scope="module")
async def app(one_database: AsyncEngine) -> FastAPI:
    return create_app(SETTINGS, one_database)


@pytest.fixture(scope="module")
async def callers(app: FastAPI, registry: Registry) -> AsyncGenerator[list[Caller]]:
    """Somebody of each role."""
    async with AsyncExitStack() as held:
        found = [await _caller(app, registry, role, region) for role, region in ROLES.items()]
        for one in found:
            await held.enter_async_context(one.client)
        yield found


async def _caller(app: FastAPI, registry: Registry, role: str, region: str) -> Caller:
    system = await calling_system(app, region_code=OWN) if role == "system" else None
    if system:
        one = system.http
    elif role == "nobody":
        one = anonymous_client(app)
    else:
        one = await signed_in_client(app, role, region, PARK if role == "park_officer" else "")
    if role == "enterprise":
        async with owner_unit_of_work(app.state.engine) as session:
            await session.execute(
                text("UPDATE person SET enterprise_id = :id WHERE role = 'enterprise'"), {"id": registry.own}
            )
    # What nobody caught is to become an answer, as it does behind a real server.
    transport = ASGITransport(app, raise_app_exceptions=False)
    return Caller(
        role, AsyncClient(transport=transport, base_url=ADDRESS, headers=one.headers, cookies=one.cookies), system
    )


@pytest.fixture(scope="module")
async def rest(app: FastAPI, callers: list[Caller], registry: Registry) -> Found:
    """Every operation, as everybody."""
    return await _ask_all(made_up(app.openapi(), MANY or 1, malformed=bool(MANY)), callers, registry)


@pytest.fixture(scope="module")
async def pages(app: FastAPI, callers: list[Caller], registry: Registry) -> Found:
    """Every page and form, as everybody."""
    of_pages = [route for name, route in routes() if "/api/v1/" not in name and "/logout" not in name]
    # To a form everything is a text: what is malformed about one is what stands in place of what is known.
    return await _ask_all(made_up(openapi_of(of_pages), MANY * 2 or 1), callers, registry)


async def _ask_all(many: Iterable[Made], callers: list[Caller], registry: Registry) -> Found:
    found, began = Found(), monotonic()
    # What is only read comes first, as long as it is there; who may read more once he has asked, asks last.
    for made in sorted(many, key=lambda one: (one.name.endswith("/unmask"), not one.name.startswith("GET"))):
        await _ask(found, made, made.sent(registry.known), callers, registry)
        if made.number == 0 and "{" in made.name:
            for aim in (registry.ours, registry.others) if made.name.startswith("GET") else (registry.others,):
                # Whoever is kept out is so before anything is looked up, as the first request has shown.
                let_in = [one for one in callers if _marks()[made.name].get(one.role) != NO]
                await _ask(found, made, made.sent({**registry.known, **aim}, aimed=True), let_in, registry)
    found.seconds = monotonic() - began
    return found


async def _ask(found: Found, made: Made, sent: dict[str, Any], callers: list[Caller], registry: Registry) -> None:
    found.operations.add(made.name)
    for caller in callers:
        registry.written.clear()
        answer = await caller.ask(sent)
        written = registry.written - UNTRACED.keys()
        told = shown(answer)
        found.statuses[f"{answer.status_code // 100}xx"] += 1
        if made.name.endswith("/unmask") and answer.status_code < 400:
            caller.may_read_tax = True
        faults = made.faults(answer) if "/api/v1/" in made.name else []
        faults += oddities(answer, told)
        faults += [f"answered {answer.status_code}"] if answer.status_code >= 500 else []
        faults += _let_in_or_out(made.name, caller.role, answer)
        if secret := first(told, caller.forbidden):
            place = told.index(secret)
            faults.append(f"shows {secret}: …{told[max(place - 200, 0) : place + 80]}…")
        request = f"\n    {_told(sent)}\n    {answer.status_code} {answer.text[:300]}"
        found.faults += [f"{caller.role}: {made.name} #{made.number}: {one}{request}" for one in faults]
        found.columns |= columns_in(told)
        number = answer.headers["x-request-id"]
        if answer.status_code < 400:
            found.done[number] = f"{made.name} as {caller.role}"
        if answer.status_code < 400 and written:
            found.changed[number] = f"{made.name} as {caller.role} writes {', '.join(sorted(written))}"
        if answer.status_code < 400 and first(told, (*OURS.figures, *OTHERS.figures)):
            found.showed[number] = f"{made.name} as {caller.role}"


def _let_in_or_out(name: str, role: str, answer: Response) -> list[str]:
    """What an answer is against docs/who-may-do-what.md, which the routes are held to."""
    leads_away = answer.headers.get("location", "").startswith(("/login", "/me", "/audit", "/people"))
    is_let_in = answer.status_code < 400 and not leads_away
    if _marks()[name].get(role, NO) == NO:
        return [f"lets in who may not, with {answer.status_code}"] if is_let_in else []
    return ["does not know who may"] if answer.status_code == 401 and not name.startswith("POST /login") else []


@cache
def _marks() -> dict[str, dict[str, str]]:
    """For every route whom it is to let in; a park's officers as a district's."""
    found: dict[str, dict[str, str]] = {}
    for name, route in routes():
        marks = {str(reader): mark for reader, mark in zip(READERS, marks_of(name, route), strict=True)}
        found[name.replace(":path}", "}")] = marks | {"park_officer": marks["district_officer"]}
    return found


def _told(sent: dict[str, Any]) -> str:
    return str({name: value for name, value in sent.items() if value})[:600]


async def _traced(engine: AsyncEngine) -> set[str]:
    """The requests of which the trace tells."""
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT request_id FROM trace_note UNION SELECT request_id FROM trace_entry")
        )
        return set(found.scalars())


def test_every_text_that_hangs_on_somebody_has_a_word_of_theirs_in_it(registry: Registry):
    assert not registry.planted.lacking, f"{registry.planted.lacking}: say in planting.ROWS what a row of it needs"
    assert len(registry.planted.columns) > 60


def test_no_request_is_answered_otherwise_than_the_openapi_says_or_with_anothers_data(rest: Found):
    assert not rest.faults, f"{len(rest.faults)}:\n" + "\n".join(rest.faults[:400])


def test_no_page_and_no_form_is_answered_with_an_error_or_with_anothers_data(pages: Found):
    assert not pages.faults, f"{len(pages.faults)}:\n" + "\n".join(pages.faults[:400])


def test_whatever_was_planted_was_there_to_be_seen(rest: Found, pages: Found, registry: Registry):
    """Else nothing would have been proven."""
    unseen = sorted(registry.planted.columns - rest.columns - pages.columns - UNSEEN.keys())
    assert not unseen, f"{unseen}: let a row be such that it is shown, or say in planting.UNSEEN why none is"


async def test_nobody_changed_anything_of_another_district(
    one_database: AsyncEngine, registry: Registry, rest: Found, pages: Found
):
    async with one_database.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT DISTINCT role, action, subject FROM (SELECT role, action, subject, enterprise_id, request_id FROM trace_note"
                " UNION ALL SELECT role, action, subject, enterprise_id, request_id FROM trace_entry) t"
                " WHERE enterprise_id = ANY(:ids) AND request_id <> '' AND role <> 'city_officer'"
            ),
            {"ids": list(registry.other_ids)},
        )
        assert found.all() == []


async def test_what_needs_two_people_was_never_done_by_one(one_database: AsyncEngine, rest: Found, pages: Found):
    """Not over REST either: only a confirmation, an official list and a system's own token reach these tables."""
    async with one_database.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT DISTINCT request_id FROM (SELECT request_id, action, subject FROM trace_note"
                " UNION ALL SELECT request_id, action, subject FROM trace_entry) t"
                " WHERE action IN ('insert', 'update', 'delete') AND request_id <> '' AND subject IN ('recognition', 'plan_version',"
                " 'enterprise_merge', 'enterprise_split', 'enterprise_end', 'enterprise_move')"
            )
        )
        names = {(rest.done | pages.done).get(str(number), str(number)) for number in found.scalars()}
    by_two = ("POST /proposals/{proposal_id}/confirm", "POST /imports/{import_id}/")
    assert [name for name in sorted(names) if not name.startswith(by_two) and not name.endswith(" as system")] == []


async def test_everybody_was_signed_in_to_the_end(callers: list[Caller], rest: Found, pages: Found):
    people = [one for one in callers if one.role not in ("system", "nobody")]
    assert [(one.role, (await one.client.get("/me")).status_code) for one in people] == [
        (one.role, 200) for one in people
    ]


async def test_whatever_changed_something_left_its_trace(one_database: AsyncEngine, rest: Found, pages: Found):
    changed, traced = rest.changed | pages.changed, await _traced(one_database)
    # Only that it was read by now, which is no change of what it says.
    seen = {"GET /me/enterprise/messages/{thread_id} as enterprise writes message"}
    # Nor is what is saved once more as it is: then another request of its kind was told of.
    told = {name for number, name in changed.items() if number in traced}
    assert {name for number, name in changed.items() if number not in traced} - told - seen == set()
    assert len(set(changed.values())) > 2


async def test_whatever_showed_figures_left_its_trace(one_database: AsyncEngine, rest: Found, pages: Found):
    showed, traced = rest.showed | pages.showed, await _traced(one_database)
    assert "\n".join(sorted({name for number, name in showed.items() if number not in traced})) == ""
    assert len(set(showed.values())) > 3


def test_the_figures_of_the_proof_are_written_down(rest: Found, pages: Found):
    figures: list[dict[str, Any]] = [
        {"what": what, "operations": len(one.operations), "roles": len(ROLES), "requests": one.statuses.total(),
         "answers": dict(sorted(one.statuses.items())), "faults": len(one.faults), "seconds": round(one.seconds)}
        for what, one in (("rest", rest), ("pages", pages))
    ]  # fmt: skip
    assert all(one["requests"] >= one["operations"] * len(ROLES) for one in figures)
    if MANY:
        target = REPOSITORY / "build" / "proof.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(figures, indent=1), encoding="utf-8")
