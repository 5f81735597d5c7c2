"""Operations that will be taken away say so in every answer, half a year before; by an invented table."""

from collections.abc import AsyncGenerator
from datetime import date

import pytest
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient

from backend.main import create_app
from backend.settings import Settings
from backend.web.deprecation import DEPRECATED, Deprecated, Deprecations, describe_deprecated

OLD = Deprecated("GET", "/api/v1/old/{code}", date(2026, 1, 1), date(2026, 12, 31), "/api/v1/new")


@pytest.fixture
async def http() -> AsyncGenerator[AsyncClient]:
    app = FastAPI()

    @app.api_route("/api/v1/old/{code}", methods=["GET", "HEAD", "POST"])
    async def old(code: str) -> str:
        if code == "none":
            raise HTTPException(404)
        return code

    app.add_middleware(Deprecations, table=[OLD])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tidu.test") as client:
        yield client


@pytest.mark.parametrize(("method", "path"), [("GET", "a"), ("HEAD", "a"), ("GET", "none")])
async def test_every_answer_says_since_when_and_until_when(http: AsyncClient, method: str, path: str):
    answer = await http.request(method, f"/api/v1/old/{path}")
    assert answer.headers["Deprecation"] == "@1767196800"  # midnight in China
    assert answer.headers["Sunset"] == "Wed, 30 Dec 2026 16:00:00 GMT"
    assert answer.headers["Link"] == '</api/v1/new>; rel="successor-version"'


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/old/a"), ("GET", "/api/v1/old/a/b"), ("GET", "/old")])
async def test_others_say_nothing(http: AsyncClient, method: str, path: str):
    assert not {"deprecation", "sunset", "link"} & set((await http.request(method, path)).headers)


def test_nothing_is_taken_away_within_half_a_year():
    with pytest.raises(ValueError, match="until 2026-07-04 at least"):
        Deprecated("GET", "/api/v1/old", date(2026, 1, 1), date(2026, 6, 30), "/api/v1/new")


def test_the_openapi_marks_what_will_be_taken_away():
    app = create_app(Settings())
    describe_deprecated(app, [Deprecated("GET", "/api/v1/enterprises/{code}", OLD.since_on, OLD.until_on, OLD.instead)])
    paths = app.openapi()["paths"]
    marked = {path for path, operations in paths.items() if operations.get("get", {}).get("deprecated")}
    assert marked == {"/api/v1/enterprises/{code}"} | {one.path for one in DEPRECATED if one.method == "GET"}


def test_a_table_that_names_what_is_not_there_is_found_out():
    app = create_app(Settings())
    describe_deprecated(app, [OLD])
    with pytest.raises(LookupError, match="/api/v1/old"):
        app.openapi()


async def test_the_service_announces_by_the_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.main.DEPRECATED", (Deprecated("GET", "/healthz", OLD.since_on, OLD.until_on, "/"),))
    async with AsyncClient(transport=ASGITransport(create_app(Settings())), base_url="http://tidu.test") as client:
        assert (await client.get("/healthz")).headers["Deprecation"] == "@1767196800"
