"""One request is one transaction: committed before the answer leaves, or nothing is written."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn, Role
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.web.dependencies import Work, scope_of
from backend.web.errors import NotFound
from backend.web.templates import render
from tests.backend.conftest import ClientAs

NOTES = """
CREATE TABLE note (body text UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO enterprise (id, credit_code, name, match_key, search_text, region_code, town, park, address, industry_code,
    status, listing_board, revision)
SELECT id, NULL, name, name, name, region, '', '', '', '', 'active', '', 1
FROM (VALUES (1, '兴化甲', '321281'), (2, '兴化乙', '321281'), (3, '靖江甲', '321282')) AS given (id, name, region)
"""
WRITE = text("INSERT INTO note VALUES (:body)")


class NoteRefused(Exception):
    """As a slice's service raises it: it knows a status and nothing of the web."""

    status_code = 409


router = APIRouter()


@router.get("/api/v1/enterprise-names")
async def enterprise_names(work: Work) -> list[str]:
    return list((await work.execute(text("SELECT name FROM enterprise ORDER BY id"))).scalars())


@router.post("/api/v1/notes")
async def write_note(_: Officer, work: Work, body: str) -> dict[str, str]:
    await work.execute(WRITE, {"body": body})
    return {"written": body}


@router.post("/api/v1/notes/by-anybody")
async def write_unguarded(_: SignedIn, work: Work, body: str) -> None:
    await work.execute(WRITE, {"body": body})


@router.post("/api/v1/notes/refused")
async def write_and_refuse(work: Work) -> None:
    await work.execute(WRITE, {"body": "refused"})
    raise NoteRefused("这条记录已经有了，请刷新页面。")


@router.post("/api/v1/notes/not-found")
async def write_and_miss(work: Work) -> None:
    await work.execute(WRITE, {"body": "missed"})
    raise NotFound("没有这条记录。")


@router.post("/api/v1/notes/broken")
async def write_and_break(work: Work) -> None:
    await work.execute(WRITE, {"body": "broken"})
    raise ZeroDivisionError


@router.post("/api/v1/notes/cut-off")
async def write_and_be_cut_off(work: Work) -> None:
    await work.execute(WRITE, {"body": "cut off"})
    # The role of requests may end no connection, not even its own.
    await work.execute(text("RESET ROLE"))
    await work.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


@router.post("/notes/form-again")
async def write_and_show_the_form_again(request: Request, work: Work) -> Response:
    await work.execute(WRITE, {"body": "form"})
    return render(request, "access/code.html", next="/", error="不对", status_code=422)


@router.post("/api/v1/notes/streamed")
async def write_and_stream(work: Work) -> Response:
    await work.execute(WRITE, {"body": "streamed"})
    return StreamingResponse(iter(["a", "b"]))


@router.post("/api/v1/enterprises/{enterprise_id}/rename")
async def rename(_: Officer, work: Work, enterprise_id: int, name: str = Body(embed=True)) -> int:
    statement = text("UPDATE enterprise SET name = :name WHERE id = :id RETURNING id")
    return len((await work.execute(statement, {"name": name, "id": enterprise_id})).all())


@router.post("/api/v1/enterprises/{enterprise_id}/move")
async def move(_: Officer, work: Work, enterprise_id: int, region: str) -> None:
    statement = text("UPDATE enterprise SET region_code = :region WHERE id = :id")
    await work.execute(statement, {"region": region, "id": enterprise_id})


@pytest.fixture
async def app(app: FastAPI, engine: AsyncEngine) -> FastAPI:
    app.include_router(router)
    async with owner_unit_of_work(engine) as work:
        for statement in NOTES.split(";"):
            await work.execute(text(statement))
        await work.execute(text("GRANT ALL ON note TO tidu_app"))
    return app


async def notes(engine: AsyncEngine) -> list[str]:
    async with owner_unit_of_work(engine) as work:
        return list((await work.execute(text("SELECT body FROM note ORDER BY body"))).scalars())


async def test_what_an_answer_says_was_written_is_committed_already(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    officer = await client_as("city_officer")
    seen_at_the_answer: list[list[str]] = []

    async def spied_on(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def look_and_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen_at_the_answer.append(await notes(engine))
            await send(message)

        await app(scope, receive, look_and_send)

    async with AsyncClient(
        transport=ASGITransport(spied_on), base_url=officer.base_url, cookies=officer.cookies, headers=officer.headers
    ) as client:
        answer = await client.post("/api/v1/notes", params={"body": "one"})
    assert (answer.status_code, seen_at_the_answer) == (200, [["one"]])


async def test_a_commit_that_fails_is_no_success(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    officer = await client_as("city_officer")
    await officer.post("/api/v1/notes", params={"body": "one"})
    # The constraint is judged at the commit only, after the route's function has ended well.
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(
        transport=transport, base_url=officer.base_url, cookies=officer.cookies, headers=officer.headers
    ) as client:
        answer = await client.post("/api/v1/notes", params={"body": "one"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert await notes(engine) == ["one"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/notes/refused", 409), ("/api/v1/notes/not-found", 404), ("/notes/form-again", 422)],
)
async def test_what_is_refused_writes_nothing(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs, path: str, status: int
):
    answer = await (await client_as("city_officer")).post(path)
    assert answer.status_code == status
    assert await notes(engine) == []


async def test_an_unexpected_error_writes_nothing_and_keeps_its_headers(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    officer = await client_as("city_officer")
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(
        transport=transport, base_url=officer.base_url, cookies=officer.cookies, headers=officer.headers
    ) as client:
        answer = await client.post("/api/v1/notes/broken")
    assert answer.status_code == 500
    assert "content-security-policy" in answer.headers
    assert await notes(engine) == []


async def test_a_database_that_goes_away_in_the_middle_is_told_as_such(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    answer = await (await client_as("city_officer")).post("/api/v1/notes/cut-off")
    assert answer.status_code == 503
    assert await notes(engine) == []


async def test_a_business_error_is_told_to_programs_in_its_own_words(app: FastAPI, client_as: ClientAs):
    answer = await (await client_as("city_officer")).post("/api/v1/notes/refused")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "这条记录已经有了，请刷新页面。"


async def test_a_streamed_answer_is_committed_too(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    answer = await (await client_as("city_officer")).post("/api/v1/notes/streamed")
    assert answer.text == "ab"
    assert await notes(engine) == ["streamed"]


async def test_a_district_officer_sees_the_own_district_only(app: FastAPI, client_as: ClientAs):
    officer = await client_as("district_officer", region="321281")
    assert (await officer.get("/api/v1/enterprise-names")).json() == ["兴化甲", "兴化乙"]


@pytest.mark.parametrize("role", ["reviewer", "city_officer", "viewer"])
async def test_the_city_sees_all_districts(app: FastAPI, client_as: ClientAs, role: str):
    answer = await (await client_as(role)).get("/api/v1/enterprise-names")
    assert answer.json() == ["兴化甲", "兴化乙", "靖江甲"]


async def test_a_viewer_of_a_district_sees_that_district(app: FastAPI, client_as: ClientAs):
    viewer = await client_as("viewer", region="321282")
    assert (await viewer.get("/api/v1/enterprise-names")).json() == ["靖江甲"]


async def test_a_district_officer_changes_the_own_district_only(app: FastAPI, client_as: ClientAs):
    officer = await client_as("district_officer", region="321281")
    changed = [
        (await officer.post(f"/api/v1/enterprises/{one}/rename", json={"name": "新名"})).json() for one in (1, 3)
    ]
    assert changed == [1, 0]


async def test_a_district_officer_gives_no_enterprise_away(app: FastAPI, client_as: ClientAs):
    officer = await client_as("district_officer", region="321281")
    answer = await officer.post("/api/v1/enterprises/1/move", params={"region": "321282"})
    assert answer.status_code == 403
    assert "不属于您的市（区）" in answer.json()["detail"]


async def test_a_viewer_never_writes(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    viewer = await client_as("viewer")
    assert (await viewer.post("/api/v1/notes", params={"body": "one"})).status_code == 403
    assert await notes(engine) == []


async def test_a_viewer_never_writes_even_where_a_route_forgot_to_ask(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    viewer = await client_as("viewer")
    answer = await viewer.post("/api/v1/notes/by-anybody", params={"body": "one"})
    assert (answer.status_code, await notes(engine)) == (403, [])


@pytest.mark.parametrize("role", ["city_officer", "district_officer"])
async def test_officers_write(app: FastAPI, engine: AsyncEngine, client_as: ClientAs, role: str):
    officer = await client_as(role, region="321281" if role == "district_officer" else "")
    assert (await officer.post("/api/v1/notes", params={"body": "one"})).status_code == 200
    assert await notes(engine) == ["one"]


async def test_nobody_signed_in_reads_nothing(app: FastAPI, browser: AsyncClient):
    answer = await browser.get("/api/v1/enterprise-names")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_whoever_has_a_region_sees_that_region_and_no_other():
    person = PersonSignedIn(7, "liwei", "李伟", Role.DISTRICT_OFFICER, "321281", "兴化市", False, "")
    assert scope_of(person) == Scope.district("321281", 7).reading(tax=True, unmasking=True)
