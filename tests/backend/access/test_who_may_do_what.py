"""docs/who-may-do-what.md says who may use which route; the routes are held to it, and it to the routes."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.access.schemas import Role
from backend.access.trace.reads import NO_FIGURES, READS
from backend.database.engine import make_engine
from backend.main import create_app
from tests.backend.access.matrix import NO, READERS, YES, mark_of, routes, table
from tests.backend.web_client import anonymous_client

PAGE = Path(__file__).parents[3] / "docs" / "who-may-do-what.md"
#: Nobody listens on port 1: who gets as far as the database was let in.
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
_HOW = "If it is meant: `python -m tests.backend.access.matrix` prints the table for docs/who-may-do-what.md."


def written() -> dict[str, str]:
    """The page's lines about routes, by route."""
    return {line.split("`")[1]: line for line in PAGE.read_text().splitlines() if line.startswith("| `")}


def test_every_route_is_open_to_exactly_those_whom_the_page_names():
    real = {line.split("`")[1]: line for line in table()}
    told = written()
    wrong = [f"not in the page: {line}" for name, line in real.items() if name not in told]
    wrong += [f"no such route any more: {name}" for name in told if name not in real]
    wrong += [f"says {told[name]}\nbut is {line}" for name, line in real.items() if told.get(name, line) != line]
    assert not wrong, "\n".join([*wrong, _HOW])


def test_a_park_officer_may_use_what_a_district_officer_may():
    differing = [
        name
        for name, route in routes()
        if mark_of(Role.PARK_OFFICER, name, route) != mark_of(Role.DISTRICT_OFFICER, name, route)
    ]
    assert differing == []


def test_what_is_open_to_everybody_was_thought_about():
    """Whatever the public reaches begins with one of these; anything new is looked at by whoever adds it here."""
    public = [name for name, line in written().items() if line.split(" | ")[-1].startswith(YES)]
    known = (
        "/healthz", "/readyz", "/metrics", "/login", "/invitations/", "/activate", "/rules", "/check", "/api/v1/oauth/token", "/api/v1/checks",
        "/api/v1/rules", "/api/v1/indicators",
    )  # fmt: skip
    assert [name for name in public if not name.partition(" ")[2].startswith(known)] == []


def test_no_role_but_officers_writes_to_the_registry():
    """Whoever else may POST does so to the own account, to people, to decide, or as a system with a token."""
    own = (
        "/login",
        "/logout",
        "/me",
        "/people",
        "/divisions",
        # Where and how other systems are asked, not what they say.
        "/connections",
        "/invitations",
        "/activate",
        "/enterprises/export",
        "/check",
        "/proposals",
        # Says why somebody reads, and changes nothing of the enterprise.
        "/enterprises/{code}/unmask",
        # Heavy, so it is asked for on purpose; it changes nothing.
        "/audit/verify",
        "/api/v1/oauth",
        "/api/v1/checks",
        # Write nothing of the registry: they take away lists that may be read.
        "/enterprises/export",
        "/exports",
    )
    columns = {reader: place for place, reader in enumerate(READERS)}
    for name, line in written().items():
        method, _, path = name.partition(" ")
        if method == "GET" or path.startswith(own):
            continue
        marks = line.strip("| ").split(" | ")[1:]
        for reader in ("administrator", "reviewer", "viewer", "auditor", "enterprise", "nobody"):
            assert (name, reader, marks[columns[reader]]) == (name, reader, NO)


@pytest.fixture(scope="module")
def app_without_database() -> FastAPI:
    return create_app(engine=make_engine(NOWHERE))


async def test_nobody_gets_past_a_closed_door_of_the_real_service(app_without_database: FastAPI):
    async with anonymous_client(app_without_database) as browser:
        for name, line in written().items():
            if line.split(" | ")[-1].startswith(YES):
                continue
            method, _, path = name.partition(" ")
            for part in ("{person_id}", "{role_id}", "{position}", "{import_id}", "{attachment_id}", "{year}",
                         "{application_id}", "{thread_id}", "{code_id}", "{number}", "{run}"):  # fmt: skip
                path = path.replace(part, "1")
            answer = await browser.request(method, path)
            is_refused = answer.status_code == 401 or answer.headers.get("location", "").startswith("/login")
            assert (name, is_refused) == (name, True), answer.status_code


def test_looking_at_an_enterprise_is_traced_wherever_it_is_looked_at():
    shown = {
        name.partition(" ")[2]
        for name, _ in routes()
        if name.startswith(("GET /enterprises/{code}", "GET /api/v1/enterprises/{code}"))
    }
    missing = shown - set(READS) - NO_FIGURES
    assert not missing, f"{missing}: add them to READS, or to NO_FIGURES, in backend/access/trace/reads.py"


def test_no_traced_address_is_one_that_does_not_exist():
    known = {name.partition(" ")[2] for name, _ in routes()}
    assert (set(READS) | NO_FIGURES) - known == set()
