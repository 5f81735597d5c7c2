"""An enterprise is given another credit code: one file all the same, and old lists still find it."""

import re
from datetime import date

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.enterprises.correcting import change_code
from backend.enterprises.queries import find
from backend.enterprises.schemas import Draft
from backend.enterprises.search import Filters, search
from backend.enterprises.service import register
from backend.enterprises.writing import RegisteredElsewhere
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_recognition

OLD, NEW, OTHER = make_code("321282"), make_code("321282"), make_code("321202")
ON = date(2026, 6, 30)


@pytest.fixture
async def officer(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, name="靖江云岚机械有限公司", credit_code=OLD, region_code="321282")
        await make_recognition(session, number, "hnte")
        await make_enterprise(session, name="海陵星澜科技有限公司", credit_code=OTHER, region_code="321202")
    return await client_as("district_officer", "321282")


async def change(officer: AsyncClient, code: str = NEW, **given: str) -> Response:
    form = (await officer.get(f"/enterprises/{OLD}/code")).text
    seen = re.search(r'name="revision" value="(\d+)"', form)
    assert seen is not None
    body = {"revision": seen[1], "credit_code": code, "reason": "2026 年换照"} | given
    return await officer.post(f"/enterprises/{OLD}/code", data=body)


async def test_under_either_code_the_same_file_is_found(officer: AsyncClient):
    answer = await change(officer, NEW.lower())
    assert answer.headers["location"] == f"/enterprises/{NEW}?done=recoded"
    now, before = await officer.get(f"/enterprises/{NEW}"), await officer.get(f"/enterprises/{OLD}")
    assert f'<span class="code">{NEW}</span>' in now.text
    assert f'<span class="code">{NEW}</span>' in before.text
    assert "国家高新技术企业（认定）" in now.text


async def test_a_search_for_the_old_code_finds_it(officer: AsyncClient, engine: AsyncEngine):
    await change(officer)
    async with owner_unit_of_work(engine) as session:
        found = await search(session, Filters(q=OLD.lower()), ON, library())
    assert [row["credit_code"] for row in found.rows] == [NEW]


async def test_an_old_list_brings_no_second_enterprise(session: AsyncSession):
    number = await make_enterprise(session, name="靖江云岚机械有限公司", credit_code=OLD)
    await change_code(session, number, NEW, 1)
    done = await register(session, [Draft("靖江云岚五金厂", credit_code=OLD, town="马桥镇")], ON)
    assert (done.ids, done.created) == ([number], set())
    row = await find(session, str(number))
    assert row is not None
    assert (row["name"], row["credit_code"], row["town"]) == ("靖江云岚机械有限公司", NEW, "马桥镇")


async def test_a_change_may_be_taken_back(session: AsyncSession):
    number = await make_enterprise(session, credit_code=OLD)
    await change_code(session, number, NEW, 1)
    await change_code(session, number, OLD, 2)
    kept = await column(session, "SELECT value FROM enterprise_identifier WHERE kind = 'former_credit_code'")
    assert kept == [NEW]


async def test_a_code_that_another_enterprise_had_is_not_given_again(session: AsyncSession):
    first, second = await make_enterprise(session, credit_code=OLD), await make_enterprise(session)
    await change_code(session, first, NEW, 1)
    with pytest.raises(RegisteredElsewhere):
        await change_code(session, second, OLD, 1)


async def test_a_code_of_another_district_is_refused_without_saying_whose(officer: AsyncClient, engine: AsyncEngine):
    answer = await change(officer, OTHER)
    assert answer.status_code == 409
    assert "海陵星澜" not in answer.text
    async with owner_unit_of_work(engine) as session:
        assert sorted(await column(session, "SELECT credit_code FROM enterprise")) == sorted([OLD, OTHER])


@pytest.mark.parametrize(
    ("given", "part"),
    [({"code": OLD}, "没有变更"), ({"code": NEW[:-1]}, "18 位"), ({"code": NEW, "reason": " "}, "原因和依据")],
)
async def test_what_is_no_change_is_told_beside_its_field(officer: AsyncClient, given: dict[str, str], part: str):
    answer = await change(officer, **given)
    assert answer.status_code == 422
    assert part in answer.text


async def test_of_two_who_change_it_at_once_the_second_is_told(officer: AsyncClient):
    assert (await change(officer, revision="7")).status_code == 409


async def test_a_viewer_changes_no_code(officer: AsyncClient, client_as: ClientAs):
    assert (await (await client_as("viewer")).get(f"/enterprises/{OLD}/code")).status_code == 403
