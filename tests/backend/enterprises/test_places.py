"""Where enterprises were known to be: the database keeps what was told before it was changed, whoever changed it."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.merging import Given, Merge, merge, unmerge
from backend.enterprises.moving import Move, register_move
from backend.enterprises.places import places_on
from backend.enterprises.schemas import Draft
from backend.enterprises.service import register
from tests.backend.spreadsheets.test_undoing import carry_out, undo
from tests.factories import make_code, make_enterprise

CODE = make_code("321282")
NAME = "江苏云岚精密机械有限公司"
JUNE = date(2026, 6, 1)
Place = tuple[str, str]


@pytest.fixture
async def number(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await make_enterprise(session, name=NAME, credit_code=CODE, region_code="321282", park="城北园区")


async def write(engine: AsyncEngine, statement: str, **values: Any) -> None:
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(statement), values)


async def now(engine: AsyncEngine) -> datetime:
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT now()"))).scalar_one()


async def where(engine: AsyncEngine, number: int, on: date, known_at: datetime | None = None) -> Place:
    async with owner_unit_of_work(engine) as session:
        found = (await places_on(session, [number], on, known_at))[number]
    return found["region_code"], found["park"]


async def kept(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT count(*) FROM enterprise_place"))).scalar_one()


async def test_a_move_entered_late_leaves_what_was_known_before_it(engine: AsyncEngine, number: int):
    before = await now(engine)
    async with owner_unit_of_work(engine) as session:
        await register_move(session, Move(number, "321202", JUNE, park="新区"))
    after = await now(engine)
    for day, told, known in (
        (date(2026, 5, 31), ("321282", "城北园区"), ("321282", "城北园区")),
        (JUNE, ("321202", "新区"), ("321282", "城北园区")),
    ):
        assert await where(engine, number, day) == await where(engine, number, day, after) == told
        assert await where(engine, number, day, before) == known


async def test_a_park_put_right_was_known_as_the_other_one_until_then(engine: AsyncEngine, number: int):
    before = await now(engine)
    async with owner_unit_of_work(engine) as session:
        await register(session, [Draft(NAME, CODE, region_code="321282", park="新区")], today())
    assert await where(engine, number, JUNE) == ("321282", "新区")
    assert await where(engine, number, JUNE, before) == ("321282", "城北园区")


async def test_two_moves_are_known_one_after_the_other(engine: AsyncEngine, number: int):
    moments: list[datetime] = []
    for region, day in (("321202", JUNE), ("321203", date(2026, 8, 1))):
        moments.append(await now(engine))
        async with owner_unit_of_work(engine) as session:
            await register_move(session, Move(number, region, day))
    told = [(await where(engine, number, date(2026, 9, 1), at))[0] for at in (*moments, None)]
    assert told == ["321282", "321202", "321203"]
    assert (await where(engine, number, JUNE))[0] == "321202"


async def test_of_whom_nothing_changed_nothing_is_kept(engine: AsyncEngine, number: int):
    await write(engine, "UPDATE enterprise SET town = '城东镇', park = '城北园区' WHERE id = :id", id=number)
    await write(engine, "UPDATE enterprise_region SET town = '城东镇' WHERE enterprise_id = :id", id=number)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE enterprise SET park = '' WHERE id = :id"), {"id": number})
        await session.execute(text("UPDATE enterprise SET park = '城北园区' WHERE id = :id"), {"id": number})
        new = (await register(session, [Draft("新来有限公司", make_code("321282"), region_code="321282")], today())).ids
        await register_move(session, Move(new[0], "321202", JUNE))
    assert await kept(engine) == 0


async def test_moved_and_moved_back_in_one_transaction_nothing_was_ever_otherwise(engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        await register_move(session, Move(number, "321202", JUNE))
    before = await kept(engine)
    async with owner_unit_of_work(engine) as session:
        taken = await session.execute(
            text("DELETE FROM enterprise_region WHERE enterprise_id = :id RETURNING *"), {"id": number}
        )
        for row in taken.mappings().all():
            await session.execute(
                text(
                    "INSERT INTO enterprise_region (id, enterprise_id, region_code, town, park, valid_from, valid_to)"
                    " VALUES (:id, :enterprise_id, :region_code, :town, :park, :valid_from, :valid_to)"
                ),
                dict(row),
            )
    assert await kept(engine) == before == 1


async def test_an_import_undone_leaves_the_place_known_as_it_was(engine: AsyncEngine, number: int):
    ledger: list[list[Any]] = [
        ["企业台账（2025年度）"], ["企业名称", "统一社会信用代码", "所在地区", "园区", "销售收入（万元）"],
        [NAME, CODE, "靖江市", "新区", 7],
    ]  # fmt: skip
    before = await now(engine)
    async with owner_unit_of_work(engine) as session:
        run, _ = await carry_out(session, ledger)
    imported = await now(engine)
    async with owner_unit_of_work(engine) as session:
        await undo(session, run)
    known = [(await where(engine, number, JUNE, at))[1] for at in (before, imported, None)]
    assert known == ["城北园区", "新区", "城北园区"]


async def test_a_place_that_a_merge_filled_in_was_not_known_before_and_parting_takes_it_back(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        placeless = await make_enterprise(session, region_code="")
        other = await make_enterprise(session, region_code="321282", park="城北园区")
    before = await now(engine)
    async with owner_unit_of_work(engine) as session:
        merged = await merge(session, Merge(other, placeless, "同一家企业"))
    since = await now(engine)
    async with owner_unit_of_work(engine) as session:
        await unmerge(session, merged, "两家不同企业", Given())
    known = [await where(engine, placeless, JUNE, at) for at in (before, since, None)]
    assert known == [("", ""), ("321282", "城北园区"), ("", "")]


async def test_a_whole_district_that_is_led_on_was_known_under_its_old_code(engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, region_code="321282")
    before = await now(engine)
    async with owner_unit_of_work(engine) as session:
        for statement in (
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
            " SELECT enterprise_id, '321299', town, park, DATE '2026-06-01' FROM enterprise_region",
            "UPDATE enterprise_region SET valid_to = '2026-05-31' WHERE region_code = '321282'",
            "UPDATE enterprise SET region_code = '321299'",
        ):
            await session.execute(text(statement))
    assert (await where(engine, number, JUNE))[0] == "321299"
    assert (await where(engine, number, JUNE - timedelta(days=1)))[0] == "321282"
    assert (await where(engine, number, JUNE, before))[0] == "321282"
    assert await kept(engine) == 2


async def test_only_who_sees_an_enterprise_sees_where_it_was_and_nobody_writes_it(engine: AsyncEngine, number: int):
    await write(engine, "UPDATE enterprise SET park = '新区' WHERE id = :id", id=number)
    for scope, many in ((Scope.district("321282"), 1), (Scope.district("321202"), 0), (Scope.enterprise(number), 1)):
        async with unit_of_work(engine, scope) as session:
            assert await session.scalar(text("SELECT count(*) FROM enterprise_place")) == many
            may_write = text("SELECT has_table_privilege(current_user, 'enterprise_place', 'INSERT, UPDATE, DELETE')")
            assert await session.scalar(may_write) is False
