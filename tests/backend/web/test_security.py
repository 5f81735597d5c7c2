"""What protects every page: proofs for forms, headers, limits; and what those who watch over the service ask."""

import pytest
from fastapi import APIRouter, FastAPI, Form, Request
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import make_engine
from backend.main import create_app
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.backend.web_client import anonymous_client

router = APIRouter()


@router.post("/echo")
async def echo(word: str = Form("")) -> str:
    return word


@router.post("/echo-unread")
async def echo_unread(request: Request) -> str:
    return str((await request.form()).get("word"))


@router.post("/api/v1/echo")
async def echo_json(word: dict[str, str]) -> dict[str, str]:
    return word


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    app = create_app(Settings(upload_megabytes=1), engine)
    app.include_router(router)
    return app


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_is_changed_without_a_proof(app: FastAPI, client_as: ClientAs, method: str):
    app.add_api_route("/changed", echo_unread, methods=[method])
    viewer = await client_as("viewer")
    del viewer.headers["X-CSRF-Token"]
    answer = await viewer.request(method, "/changed")
    assert answer.status_code == 403
    assert "页面已过期" in answer.text


@pytest.mark.parametrize("proof", ["", "guessed", "é"])
async def test_a_wrong_proof_is_refused(app: FastAPI, client_as: ClientAs, proof: str):
    viewer = await client_as("viewer")
    del viewer.headers["X-CSRF-Token"]
    assert (await viewer.post("/echo", data={"csrf_token": proof})).status_code == 403


async def test_the_proof_of_another_session_is_refused(app: FastAPI, client_as: ClientAs):
    viewer, other = await client_as("viewer"), await client_as("viewer")
    viewer.headers["X-CSRF-Token"] = other.headers["X-CSRF-Token"]
    assert (await viewer.post("/echo")).status_code == 403


@pytest.mark.parametrize("path", ["/echo", "/echo-unread"])
@pytest.mark.parametrize("is_multipart", [False, True])
async def test_a_form_carries_the_proof_in_a_field(app: FastAPI, client_as: ClientAs, path: str, is_multipart: bool):
    viewer = await client_as("viewer")
    form = {"csrf_token": viewer.headers.pop("X-CSRF-Token"), "word": "好"}
    files = {"file": ("a.csv", b"x")} if is_multipart else None
    answer = await viewer.post(path, data=form, files=files)
    assert (answer.status_code, answer.json()) == (200, "好")


async def test_the_api_with_a_cookie_needs_the_proof_as_well(app: FastAPI, client_as: ClientAs):
    viewer = await client_as("viewer")
    assert (await viewer.post("/api/v1/echo", json={"a": "b"})).json() == {"a": "b"}
    del viewer.headers["X-CSRF-Token"]
    answer = await viewer.post("/api/v1/echo", json={"csrf_token": "x"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "csrf")


@pytest.mark.parametrize("path", ["/login", "/me", "/nowhere", "/api/v1/openapi.json"])
async def test_no_answer_lets_scripts_of_others_in(browser: AsyncClient, path: str):
    headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


async def test_over_https_browsers_are_told_to_stay_there(app: FastAPI):
    async with anonymous_client(app, "https://tidu.test") as browser:
        assert "strict-transport-security" in (await browser.get("/healthz")).headers
    async with anonymous_client(app) as browser:
        assert "strict-transport-security" not in (await browser.get("/healthz")).headers


async def test_behind_a_proxy_with_https_the_setting_says_so(engine: AsyncEngine):
    app = create_app(Settings(secure_cookies=True), engine)
    async with anonymous_client(app) as browser:
        answer = await browser.get("/login")
    assert "strict-transport-security" in answer.headers
    assert answer.headers["set-cookie"].startswith("__Host-tidu-form=")
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_beyond_the_limit_is_turned_away_with_advice(
    app: FastAPI, client_as: ClientAs, is_announced: bool
):
    async def pieces():
        for _ in range(30):
            yield b"x" * 100_000

    content = b"x" * 3_000_000 if is_announced else pieces()
    headers = {"content-type": "application/json"}
    answer = await (await client_as("viewer")).post("/api/v1/echo", content=content, headers=headers)
    assert answer.status_code == 413
    assert "超过 1 MB" in answer.json()["detail"]


async def test_a_wrong_address_still_knows_its_reader(client_as: ClientAs):
    answer = await (await client_as("viewer")).get("/nowhere")
    assert answer.status_code == 404
    assert "王敏" in answer.text


async def test_the_api_describes_itself_without_the_pages(engine: AsyncEngine):
    async with anonymous_client(create_app(engine=engine)) as browser:
        described = (await browser.get("/api/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert all(path.startswith("/api/v1/") for path in described["paths"])


async def test_ready_means_that_the_tables_are_up_to_date(browser: AsyncClient, engine: AsyncEngine):
    assert (await browser.get("/readyz")).json() == {"status": "ready"}
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM alembic_version")
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "migrations missing")


async def test_without_its_database_the_service_lives_but_is_not_ready():
    async with anonymous_client(create_app(engine=make_engine(NOWHERE))) as browser:
        assert (await browser.get("/healthz")).status_code == 200
        assert (await browser.get("/readyz")).status_code == 503


async def test_without_its_database_a_page_asks_to_try_again_later():
    async with anonymous_client(create_app(engine=make_engine(NOWHERE))) as browser:
        browser.cookies.set("tidu-session", "some-token")
        answer = await browser.get("/me")
    assert answer.status_code == 503
    assert "tidu doctor" in answer.text


#: Nobody listens on port 1.
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


async def test_the_service_opens_migrates_and_closes_its_own_database(database_url: str):
    app = create_app(Settings(database_url=database_url))
    async with app.router.lifespan_context(app), anonymous_client(app) as browser:
        assert (await browser.get("/readyz")).json() == {"status": "ready"}
    assert app.state.engine.pool.checkedout() == 0
