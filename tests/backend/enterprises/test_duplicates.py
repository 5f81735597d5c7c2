"""Files that may be of one enterprise are listed with the reason, until somebody has looked."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.correcting import change_code
from backend.enterprises.duplicates import suspects
from backend.enterprises.merging import Merge, keep_apart, merge
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
