"""REST: the same JSON as the command line, open to everybody, and counted."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from backend.eligibility.api import MOST_CHECKS
from backend.web.public_work import WorkLimit
from rules.answers import answer_line
from rules.library import library
from tests.backend.conftest import ClientAs

CHECK = '{"id": 7, "programme": "hnte", "as_of": "2026-07-15", "facts": {"sales_revenue": {"2025": 4800.123456}, "sci_tech_staff": {"2025": 8}, "employee_total": {"2025": 100}}}'
JSON = {"Content-Type": "application/json"}


async def test_one_check_is_answered_as_the_command_line_does(browser: AsyncClient) -> None:
    answer = await browser.post("/api/v1/checks", content=CHECK, headers=JSON)
    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(answer_line(CHECK, library())))
    assert answer.json()["failed"] == ["H4"]


async def test_each_of_several_is_answered_or_says_why(browser: AsyncClient) -> None:
    body = f'[ {CHECK},\n {{"id": "x", "programme": "gone", "as_of": "2026-07-15", "facts": {{}}}}, 5, {{"id": 3}} ]'
    found = (await browser.post("/api/v1/checks", content=body, headers=JSON)).json()
    assert found[0] == json.loads(json.dumps(answer_line(CHECK, library())))
    assert [one["id"] for one in found] == [7, "x", None, 3]
    assert all("error" in one for one in found[1:])


async def test_a_thousand_are_answered_and_one_more_is_refused(browser: AsyncClient) -> None:
    small = '{"id": 1, "programme": "hnte_status", "as_of": "2026-07-15", "facts": {}}'
    many = await browser.post("/api/v1/checks", content=f"[{','.join([small] * MOST_CHECKS)}]", headers=JSON)
    assert len(many.json()) == MOST_CHECKS
    more = await browser.post("/api/v1/checks", content=f"[{','.join([small] * (MOST_CHECKS + 1))}]", headers=JSON)
    assert more.status_code == 413
    assert more.headers["content-type"] == "application/problem+json"
    assert "分批提交" in more.json()["detail"]


async def test_half_a_character_comes_back_as_it_was_written(browser: AsyncClient) -> None:
    sent = '{"id": "\\ud800", "programme": "hnte_status", "as_of": "2026-07-15", "facts": {"\\udc00": 1}}'
    answer = await browser.post("/api/v1/checks", content=f"[{sent}]", headers=JSON)
    assert (answer.status_code, answer.json()[0]["id"]) == (200, "\ud800")


@pytest.mark.parametrize("body", ["[1,", "[1 2]", "[] x", "[" * 5000, b"\xff\xfe"])
async def test_what_is_no_json_is_told_as_a_problem(browser: AsyncClient, body: str | bytes) -> None:
    answer = await browser.post("/api/v1/checks", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["title"] == "请求不是 JSON"


async def test_an_empty_list_is_answered_with_none(browser: AsyncClient) -> None:
    assert (await browser.post("/api/v1/checks", content="[]", headers=JSON)).json() == []


async def test_programs_without_an_account_are_counted(browser: AsyncClient, app: FastAPI) -> None:
    app.state.work_limit = WorkLimit(per_minute=3)
    answers = [await browser.post("/api/v1/checks", content=CHECK, headers=JSON) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_rules_and_indicators_need_no_account(browser: AsyncClient) -> None:
    assert {one["programme"] for one in (await browser.get("/api/v1/rules")).json()} == set(library().programmes)
    assert (await browser.get("/api/v1/rules/hnte")).json()["versions"][0]["version"] == "2016"
    assert len((await browser.get("/api/v1/indicators")).json()) == len(library().catalogue.indicators)
    assert (await browser.get("/api/v1/rules/gone")).status_code == 404


async def test_the_description_has_an_example_that_is_answered(browser: AsyncClient) -> None:
    described: dict[str, Any] = (await browser.get("/api/v1/openapi.json")).json()["paths"]["/api/v1/checks"]["post"]
    examples = described["requestBody"]["content"]["application/json"]["examples"]
    for one in examples.values():
        answer = await browser.post("/api/v1/checks", json=one["value"])
        assert "error" not in str(answer.json())


async def test_a_simulation_needs_an_officer_and_names_who_enters(client_as: ClientAs, app: FastAPI) -> None:
    patch = {"programme": "sme_size", "version": "2011", "set": {"gone": "employees > 1"}}
    viewer = await client_as("viewer")
    assert (await viewer.post("/api/v1/simulations", json=patch)).status_code == 403
    officer = await client_as("city_officer")
    wrong = await officer.post("/api/v1/simulations", json=patch)
    assert (wrong.status_code, wrong.json()["title"]) == (422, "方案有误")
    right = {
        "programme": "hnte",
        "version": "2016",
        "set": {"H4": "sci_tech_staff / employee_total >= 8%"},
        "as_of": "2026-07-15",
    }
    found = (await officer.post("/api/v1/simulations", json=right)).json()
    assert (found["before"], found["entering"]) == ("hnte@2016", [])


async def test_who_is_not_signed_in_cannot_simulate(browser: AsyncClient) -> None:
    assert (await browser.post("/api/v1/simulations", json={"programme": "hnte", "version": "2016"})).status_code == 401
