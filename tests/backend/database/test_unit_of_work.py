"""One request, one transaction, under row-level security."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.scope import Scope
from backend.database.session import copy_rows, owner_unit_of_work, unit_of_work

DISTRICT_NOTES = """
CREATE TABLE note (region text, body text);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_region ON note USING (current_setting('tidu.scope') IN ('*', region));
INSERT INTO note VALUES ('321281', '兴化'), ('321282', '靖江')
"""
HAILING = Scope.district("321202")
XINGHUA = Scope.district("321281")


@pytest.fixture
async def notes(engine: AsyncEngine) -> AsyncEngine:
    async with owner_unit_of_work(engine) as session:
        for statement in DISTRICT_NOTES.split(";"):
            await session.execute(text(statement))
    return engine


async def seen_by(engine: AsyncEngine, scope: Scope) -> list[str]:
    async with unit_of_work(engine, scope) as session:
        return list((await session.execute(text("SELECT body FROM note ORDER BY body"))).scalars())


async def test_a_district_sees_its_own_rows_without_any_where(notes: AsyncEngine):
    assert await seen_by(notes, XINGHUA) == ["兴化"]


async def test_the_city_sees_all_districts(notes: AsyncEngine):
    assert await seen_by(notes, Scope.city()) == ["兴化", "靖江"]


async def test_an_empty_scope_sees_nothing(notes: AsyncEngine):
    assert await seen_by(notes, Scope()) == []


async def test_a_district_cannot_write_into_another(notes: AsyncEngine):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with unit_of_work(notes, XINGHUA) as session:
            await session.execute(text("INSERT INTO note VALUES ('321282', '冒名')"))


async def test_the_scope_does_not_outlive_its_transaction(notes: AsyncEngine):
    async with unit_of_work(notes, XINGHUA) as session:
        await session.execute(text("SELECT 1"))
    async with owner_unit_of_work(notes) as session:
        scope = await session.scalar(text("SELECT current_setting('tidu.scope', true)"))
        is_bound = await session.scalar(text("SELECT current_user = 'tidu_app'"))
    assert (scope or "", is_bound) == ("", False)


async def test_an_error_leaves_nothing_written(notes: AsyncEngine):
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work(notes, XINGHUA) as session:
            await session.execute(text("INSERT INTO note VALUES ('321281', '半途')"))
            raise ZeroDivisionError
    assert await seen_by(notes, XINGHUA) == ["兴化"]


async def test_the_database_knows_in_whose_name_it_happens(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.enterprise(42, user_id=7)) as session:
        told = await session.execute(
            text("SELECT current_setting('tidu.user_id'), current_setting('tidu.enterprise_id'), current_user")
        )
    assert told.one() == ("7", "42", "tidu_app")


async def test_a_district_must_be_named():
    with pytest.raises(ValueError, match="code of a region"):
        Scope.district("*")


async def test_rows_copied_by_the_owner_arrive(notes: AsyncEngine):
    async with owner_unit_of_work(notes) as session:
        await copy_rows(session, "note", ("region", "body"), [("321202", "海陵甲"), ("321202", "海陵乙")])
    assert await seen_by(notes, HAILING) == ["海陵乙", "海陵甲"]


async def test_copied_rows_vanish_with_their_transaction(notes: AsyncEngine):
    with pytest.raises(ZeroDivisionError):
        async with owner_unit_of_work(notes) as session:
            await copy_rows(session, "note", ("region", "body"), [("321202", "海陵")])
            raise ZeroDivisionError
    assert await seen_by(notes, HAILING) == []


@pytest.mark.parametrize("many", [0, 1, 40, 41])
async def test_rows_copied_under_a_scope_arrive_few_or_many(notes: AsyncEngine, many: int):
    async with unit_of_work(notes, HAILING) as session:
        await copy_rows(session, "note", ("body", "region"), (("海陵", "321202") for _ in range(many)))
    assert await seen_by(notes, HAILING) == ["海陵"] * many


@pytest.mark.parametrize("many", [1, 41])
async def test_rows_copied_into_another_district_are_refused(notes: AsyncEngine, many: int):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with unit_of_work(notes, HAILING) as session:
            await copy_rows(session, "note", ("region", "body"), [("321281", "冒名")] * many)
