"""Files that may be of one enterprise are listed with the reason, until somebody has looked."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.correcting import change_code
from backend.enterprises.duplicates import suspects
from backend.enterprises.duplicates_kept import keep_suspects
from backend.enterprises.merging import Merge, keep_apart, merge
from backend.main import create_app
from backend.web import memory
from tests.backend.web_client import signed_in_client
from tests.factories import make_code, make_enterprise

NAME = "泰州云帆精密机械有限公司"


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        ({"name": NAME}, {"name": NAME}, "name"),
        ({"name": NAME}, {"name": "泰州云凡精密机械有限公司"}, "sound"),
        ({"identifiers": {"registration_number": "321200000012345"}}, {"identifiers": {"registration_number": "321200000012345"}}, "number"),
        ({"name": NAME, "address": "青年路1号"}, {"name": "泰州云帆精密机械制造有限公司", "address": "青年路1号"}, "address"),
        ({"name": "泰州新帆机械有限公司（原" + NAME + "）"}, {"name": NAME}, "former_name"),
    ],
)  # fmt: skip
async def test_two_that_look_like_one_are_listed(
    session: AsyncSession, one: dict[str, Any], other: dict[str, Any], rule: str
):
    ids = [await make_enterprise(session, **given) for given in (one, other)]
    found = [(pair.one.id, pair.other.id) for pair in await suspects(session) if rule in pair.rules]
    assert found == [tuple(ids)]


async def test_a_code_that_another_had_before_points_to_it(session: AsyncSession):
    code = make_code()
    one = await make_enterprise(session, credit_code=code)
    await change_code(session, one, make_code(), 1)
    other = await make_enterprise(session, name="泰州别家有限公司", credit_code=None)
    values = {"code": code, "id": other}
    await session.execute(text("UPDATE enterprise SET credit_code = :code WHERE id = :id"), values)
    assert [(pair.one.id, pair.other.id) for pair in await suspects(session, rule="number")] == [(one, other)]


async def test_two_unlike_ones_are_not_listed(session: AsyncSession):
    await make_enterprise(session, name="泰州海光化工有限公司")
    await make_enterprise(session, name="泰州森泰家具有限公司")
    assert await suspects(session) == []


async def test_two_that_were_kept_apart_are_listed_no_more(session: AsyncSession):
    one, other = await make_enterprise(session, name=NAME), await make_enterprise(session, name=NAME)
    await keep_apart(session, other, one, "母公司与分公司")
    assert await suspects(session) == []


async def test_two_that_were_merged_are_listed_no_more(session: AsyncSession):
    one, other = await make_enterprise(session, name=NAME), await make_enterprise(session, name=NAME)
    await merge(session, Merge(other, one, "一家"))
    assert await suspects(session) == []


# A large registry


@pytest.fixture
async def large_app(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application on a registry that counts as large, with two pairs of one name, in two districts."""
    monkeypatch.setattr(memory, "LARGE", -1)
    monkeypatch.setattr(memory, "AFTER", 0)
    async with owner_unit_of_work(engine) as session:
        for region in ("321282", "321202"):
            for _ in range(2):
                await make_enterprise(session, name=f"泰州云帆{region}有限公司", region_code=region)
    return create_app(engine=engine)


async def test_a_large_registry_is_searched_behind_the_page_and_kept_with_its_moment(large_app: FastAPI):
    async with await signed_in_client(large_app, "city_officer") as client:
        assert "首次查找要看完全库" in (await client.get("/enterprises/duplicates")).text
        await memory.memory_in(large_app).settled()
        page = (await client.get("/enterprises/duplicates")).text
        assert ("2 对" in page, "查找的结果" in page) == (True, True)
        assert len((await client.get("/api/v1/duplicates?region=321282&rule=name")).json()) == 1
        assert (await client.get("/api/v1/duplicates?rule=sound")).json() == []


async def test_whoever_asks_before_the_first_search_is_told_to_come_again(large_app: FastAPI):
    async with await signed_in_client(large_app, "city_officer") as client:
        assert (await client.get("/api/v1/duplicates")).status_code == 503
        await memory.memory_in(large_app).settled()
        assert len((await client.get("/api/v1/duplicates")).json()) == 2


async def test_of_the_pairs_kept_a_district_sees_its_own_and_nobody_those_dealt_with(
    large_app: FastAPI, engine: AsyncEngine
):
    await keep_suspects(engine)
    async with (
        await signed_in_client(large_app, "district_officer", "321282") as own,
        await signed_in_client(large_app, "city_officer") as city,
    ):
        found = (await own.get("/api/v1/duplicates")).json()
        assert [one["region_code"] for pair in found for one in pair["enterprises"]] == ["321282", "321282"]
        async with owner_unit_of_work(engine) as session:
            one, other = (side["id"] for side in found[0]["enterprises"])
            await keep_apart(session, one, other, "母公司与分公司")
        assert (await own.get("/api/v1/duplicates")).json() == []
        assert len((await city.get("/api/v1/duplicates")).json()) == 1


async def test_an_old_search_is_shown_and_made_anew_behind_the_page(large_app: FastAPI, engine: AsyncEngine):
    await keep_suspects(engine)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE suspect_search SET found_at = found_at - interval '2 hours'"))
        await make_enterprise(session, name="泰州云帆321202有限公司", region_code="321202")
    async with await signed_in_client(large_app, "city_officer") as client:
        assert len((await client.get("/api/v1/duplicates")).json()) == 2
        await memory.memory_in(large_app).settled()
        assert len((await client.get("/api/v1/duplicates")).json()) == 4


async def test_the_pairs_kept_are_nobodys_to_read_or_write(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        for table in ("suspect_pair", "suspect_search"):
            granted = "SELECT has_table_privilege(current_user, :table, 'SELECT, INSERT, UPDATE, DELETE')"
            assert await session.scalar(text(granted), {"table": table}) is False
