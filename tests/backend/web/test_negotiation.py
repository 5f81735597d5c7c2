"""HEAD wherever GET is, and 406 where the answer could not be read."""

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.web.negotiation import accepts
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise

LIST = "/api/v1/enterprises"


@pytest.mark.parametrize(
    "accept",
    [
        "", "*/*", "application/*", "application/json", "APPLICATION/JSON; charset=utf-8", "text/html, */*;q=0.1",
        "application/xml;q=0.9, application/json;q=0.2", "application/json, */*;q=0", "no range at all",
        "application/json;q=much", ", ,application/json",
    ],
)  # fmt: skip
def test_json_may_be_sent_to_whoever_accepts_it(accept: str):
    assert accepts("application/json", accept)


@pytest.mark.parametrize(
    "accept",
    ["text/csv", "application/xml", "application/json;q=0, */*", "application/*;q=0.0, */*;q=1", "application/vnd.api+json", "*/*;q=0"],
)  # fmt: skip
def test_json_is_not_sent_to_whoever_rules_it_out(accept: str):
    assert not accepts("application/json", accept)


async def test_what_the_client_could_not_read_is_refused_as_a_problem(client_as: ClientAs):
    client = await client_as("city_officer")
    answer = await client.get(LIST, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (406, "application/problem+json")
    assert answer.json()["detail"].endswith("请改为 Accept: application/json 后重发。")


async def test_nothing_is_written_whose_answer_could_not_be_read(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        address = f"{LIST}/{await make_enterprise(session)}/filings"
    client = await client_as("city_officer")
    body = {"year": 2025, "values": {"sales_revenue": 7}, "note": "看过报表"}
    sent = [(await client.post(address, json=body, headers={"Accept": one})).status_code for one in ("text/csv", "*/*")]
    assert sent == [406, 201]
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM filing")) == 1


@pytest.mark.parametrize("page", [LIST, "/enterprises", "/healthz"])
async def test_head_is_answered_as_get_is_without_the_body(client_as: ClientAs, page: str):
    client = await client_as("city_officer")
    shown, told = await client.get(page), await client.head(page)
    assert (told.status_code, told.content) == (shown.status_code, b"")
    assert told.headers["Content-Type"] == shown.headers["Content-Type"]
    assert told.headers.get("Content-Length") == shown.headers.get("Content-Length")


async def test_head_is_refused_where_get_would_be(browser: AsyncClient):
    assert [(await browser.head(one)).status_code for one in (LIST, "/enterprises")] == [401, 303]


async def test_an_address_without_get_says_which_methods_it_has(client_as: ClientAs):
    client = await client_as("city_officer")
    answer = await client.head("/api/v1/checks")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    answer = await client.delete(LIST)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_head_of_an_enterprise_leaves_the_trace_that_get_leaves(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session)
    client = await client_as("city_officer")
    answer = await client.head(f"{LIST}/{number}")
    async with engine.connect() as connection:
        noted = await connection.execute(
            text("SELECT enterprise_id FROM trace_note WHERE request_id = :id"), {"id": answer.headers["X-Request-ID"]}
        )
    assert noted.scalars().all() == [number]
