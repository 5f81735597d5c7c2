"""Checks and the rule library over REST: the same answers as the command line gives."""

from typing import Any

import pytest
from httpx import AsyncClient

from backend.eligibility.api import MOST_CHECKS
from rules.answers import answer_request
from rules.library import library
from tests.backend.conftest import ClientAs

FACTS: dict[str, Any] = {"registered_in_mainland": True, "employee_total": {"2025": 100}}


@pytest.fixture
async def viewer(client_as: ClientAs) -> AsyncClient:
    return await client_as("viewer")


def a_check(**given: Any) -> dict[str, Any]:
    return {"id": "a", "programme": "hnte", "as_of": "2026-07-15", "facts": FACTS} | given


async def test_a_check_is_answered_as_on_the_command_line(viewer: AsyncClient):
    answer = await viewer.post("/api/v1/checks", json=a_check())
    assert answer.status_code == 200
    expected = answer_request(a_check(), library())
    assert (answer.json()["outcome"], answer.json()["version"]) == (expected["outcome"], expected["version"])
    assert answer.json()["failed"] == expected["failed"]


async def test_of_many_checks_each_is_answered_or_says_why_not(viewer: AsyncClient):
    asked = [a_check(id=1), a_check(id=2, programme="no_such_title"), a_check(id=3, as_of="2026-13-01")]
    first, second, third = (await viewer.post("/api/v1/checks", json=asked)).json()
    assert (first["id"], "outcome" in first) == (1, True)
    assert (second["id"], "no_such_title" in second["error"]) == (2, True)
    assert (third["id"], "2026-13-01" in third["error"]) == (3, True)


async def test_more_checks_than_one_request_answers_are_refused_and_not_cut_short(viewer: AsyncClient):
    answer = await viewer.post("/api/v1/checks", json=[a_check()] * (MOST_CHECKS + 1))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert "1,000" in answer.json()["detail"]


async def test_a_check_without_its_programme_names_the_field(viewer: AsyncClient):
    answer = await viewer.post("/api/v1/checks", json={"as_of": "2026-07-15", "facts": {}})
    assert answer.status_code == 422
    assert any(one["pointer"].endswith("/programme") for one in answer.json()["errors"])


async def test_who_is_not_signed_in_gets_no_answer(browser: AsyncClient):
    assert (await browser.post("/api/v1/checks", json=a_check())).status_code == 401
    assert (await browser.get("/api/v1/rules")).status_code == 401


async def test_the_library_lists_every_programme_with_its_versions(viewer: AsyncClient):
    listed = {one["programme"]: one["versions"] for one in (await viewer.get("/api/v1/rules")).json()}
    assert listed.keys() == library().programmes.keys()
    assert listed["tech_sme"] == [one.source.version for one in library().programme("tech_sme").versions]


async def test_a_programme_comes_as_its_files_have_it(viewer: AsyncClient):
    found = (await viewer.get("/api/v1/rules/hnte")).json()
    assert found["programme"]["name"]["zh"] == library().programme("hnte").source.name.zh
    assert found["versions"][0]["in_force"]["from"] == "2016-01-01"
    assert (await viewer.get("/api/v1/rules/no_such_title")).status_code == 404


async def test_every_indicator_is_told_with_its_unit(viewer: AsyncClient):
    told = {one["id"]: one for one in (await viewer.get("/api/v1/indicators")).json()}
    assert told.keys() == {one.id for one in library().catalogue.indicators}
    assert told["sales_revenue"]["type"] == "money"
