"""Nothing of an enterprise stays behind: not in the database, not in a log, not in an address."""

import io
import logging
from collections.abc import Generator
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import backend.self_check.pages
from backend.main import create_app
from backend.web.logs import configure_logs
from backend.web.public_work import WorkLimit
from tests.backend.self_check.walking import begin, fields, send

#: A figure and a name that stand nowhere else.
FIGURE, NAME = "7316.954321", "泄密测试有限公司"
FILLED = {"f.sales_revenue.2025": FIGURE, "f.rd_expense_hnte.2025": FIGURE}


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    """Here there is a database, in which something could be stored."""
    return create_app(engine=engine)


@pytest.fixture
def log(app: FastAPI) -> Generator[io.StringIO]:
    """What the service logs, whoever else captures the standard error."""
    written = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    configure_logs()


async def walk_through(browser: AsyncClient) -> None:
    """Every step once, with the figure in it."""
    page = await begin(browser, "hnte", whole=True)
    page = await send(browser, page, "/check/answer", FILLED)
    state = {
        "state": fields(page, "/check/answer")["state"].replace(
            '"facts": {', f'"facts": {{"enterprise_name": "{NAME}", '
        )
    }
    assert FIGURE in state["state"]
    for step in ("question", "form", "answer", "try", "save", "report", "report.pdf"):
        answer = await browser.post(f"/check/{step}", data=state)
        assert answer.status_code == 200, step
        assert FIGURE not in str(answer.url)
        assert not answer.headers.get("set-cookie")
    await browser.post("/check/load", files={"file": ("x.json", state["state"].encode())})
    await browser.post("/check/form", data=state | {"f.employee_total.2025": f"{FIGURE}x"})


async def everything_stored(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        names = await connection.execute(
            text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        )
        rows = [await connection.execute(text(f"SELECT t::text FROM {name} AS t")) for (name,) in names.all()]
        return "\n".join(row for found in rows for (row,) in found)


async def test_no_figure_is_stored_logged_or_put_into_an_address(
    browser: AsyncClient,
    engine: AsyncEngine,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await walk_through(browser)
    written = capfd.readouterr()
    logged = (
        written.out
        + written.err
        + log.getvalue()
        + "".join(one.getMessage() for one in caplog.records if one.name != "httpx")
    )
    stored = await everything_stored(engine)
    assert "alembic" not in stored  # the search saw rows of tables, not their names
    for secret in (FIGURE, FIGURE.partition(".")[0], NAME):
        assert secret not in stored
        assert secret not in logged


async def test_even_an_error_that_nobody_expected_logs_no_figure(
    app: FastAPI, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken on purpose")

    async with AsyncClient(
        transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://tidu.test"
    ) as browser:
        page = await begin(browser, "hnte", whole=True)
        monkeypatch.setattr(backend.self_check.pages, "growth_path", fail)
        answer = await send(browser, page, "/check/answer", FILLED)
    logged = log.getvalue()
    assert answer.status_code == 500
    assert "broken on purpose" in logged
    assert FIGURE not in logged


async def test_ten_thousand_posts_a_minute_are_turned_away_with_a_word(browser: AsyncClient, app: FastAPI) -> None:
    app.state.work_limit = WorkLimit(per_minute=5)
    answers = [await browser.post("/check/begin", data={"target": "hnte"}) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert "过于频繁" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_bucket_fills_again_and_each_address_has_its_own() -> None:
    limit = WorkLimit(per_minute=60)
    assert sum(limit.wait("a", now=0.0) == 0 for _ in range(10_000)) == 60
    assert limit.wait("b", now=0.0) == 0
    assert limit.wait("a", now=0.5) > 0
    assert limit.wait("a", now=1.5) == 0


async def test_a_form_that_is_far_too_large_is_refused(browser: AsyncClient) -> None:
    answer = await browser.post("/check/answer", data={"state": "x" * 2_100_000})
    assert answer.status_code == 413


async def test_who_is_signed_in_needs_the_proof_of_the_form(app: FastAPI, client_as: Any) -> None:
    client = await client_as("viewer")
    del client.headers["X-CSRF-Token"]
    assert (await client.post("/check/begin", data={"target": "hnte"})).status_code == 403
