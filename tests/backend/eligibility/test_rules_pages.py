"""The rule library as pages: what is in force, what was, and what a criterion rests on."""

from datetime import date

import pytest
from httpx import AsyncClient

from rules.library import library
from tests.backend.conftest import ClientAs


@pytest.fixture
async def viewer(client_as: ClientAs) -> AsyncClient:
    return await client_as("viewer")


async def test_every_programme_is_listed_with_a_link_to_each_version(viewer: AsyncClient):
    page = (await viewer.get("/rules")).text
    for name, programme in library().programmes.items():
        assert f'href="/rules/{name}"' in page
        for version in programme.versions:
            assert f'href="/rules/{version.id}"' in page


async def test_a_criterion_shows_its_expression_and_its_article(viewer: AsyncClient):
    page = (await viewer.get("/rules/hnte")).text
    for shown in ("tech_staff", "第十一条（四）", "国科发火〔2016〕32号", "科技人员"):
        assert shown in page


@pytest.mark.parametrize(("on", "version"), [("2021-12-31", "2017"), ("2022-06-01", "2022")])
async def test_the_day_chooses_the_version_that_was_in_force(viewer: AsyncClient, on: str, version: str):
    found = library().version("tech_sme", date.fromisoformat(on))
    page = (await viewer.get(f"/rules/tech_sme?on={on}")).text
    assert f'<span class="code">{found.id}</span>' in page
    assert version in found.id


async def test_a_version_may_be_asked_for_by_name(viewer: AsyncClient):
    assert '<span class="code">hnte@2016' in (await viewer.get("/rules/hnte@2016")).text


@pytest.mark.parametrize("path", ["/rules/no_such_title", "/rules/hnte@1999"])
async def test_what_the_library_does_not_hold_is_not_found(viewer: AsyncClient, path: str):
    answer = await viewer.get(path)
    assert answer.status_code == 404
    assert "没有" in answer.text


async def test_a_day_that_is_none_says_how_to_write_one(viewer: AsyncClient):
    answer = await viewer.get("/rules/hnte?on=2026.3.1")
    assert answer.status_code == 404
    assert "日期应写作 2026-03-31，实为 2026.3.1。" in answer.text
