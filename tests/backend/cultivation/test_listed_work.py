"""What is kept of the pool and of what is due says at any time what entries, steps, actions and enterprises say."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work

ON = today()
PLACES = (("321202", ""), ("321202", "海陵工业园区"), ("321203", ""), ("321283", "泰兴高新区"))
STAGES = ("discovered", "cultivated", "recommended", "recognised", "out")
PROGRAMMES = ("hnte", "tech_sme")
ENTERPRISES = 40
#: What may become of somebody, each in a statement of its own.
EVENTS = (
    "UPDATE enterprise SET region_code = '321203', park = '' WHERE id = :id",
    "UPDATE enterprise SET park = '海陵工业园区' WHERE id = :id AND region_code = '321202'",
    "UPDATE enterprise SET status = 'cancelled', ended_on = current_date WHERE id = :id",
    "UPDATE enterprise SET name = name || '新' WHERE id = :id",
    "UPDATE pool_entry SET stage = 'recommended', moved_at = now() WHERE enterprise_id = :id",
    "UPDATE pool_entry SET officer_id = 7 WHERE enterprise_id = :id",
    "UPDATE pool_entry SET enterprise_id = :id WHERE id = (SELECT max(id) FROM pool_entry p WHERE NOT EXISTS (SELECT FROM"
    " pool_entry o WHERE o.enterprise_id = :id AND o.programme = p.programme AND o.year = p.year))",
    "DELETE FROM pool_entry WHERE enterprise_id = :id",
    "UPDATE service_step SET status = 'done' WHERE enterprise_id = :id",
    "UPDATE service_step SET due_on = due_on + 9 WHERE enterprise_id = :id",
    "UPDATE service_action SET status = 'solved' WHERE enterprise_id = :id",
    "UPDATE service_action SET due_on = current_date WHERE enterprise_id = :id",
    "DELETE FROM service_action WHERE enterprise_id = :id",
    "UPDATE recognition SET superseded_at = now() WHERE enterprise_id = :id",
    "UPDATE recognition SET granted_on = granted_on - 900 WHERE enterprise_id = :id",
    "DELETE FROM recognition WHERE enterprise_id = :id",
)  # fmt: skip
_ENTERPRISES = (
    "INSERT INTO enterprise (id, name, match_key, search_text, region_code, park, town, address, industry_code, status,"
    " listing_board, revision) VALUES (:id, CAST(:name AS text), '', '', :region, :park, '', '', '27', 'active', '', 1)"
)
_ENTRY = (
    "INSERT INTO pool_entry (enterprise_id, programme, year, stage, officer_id, note, revision, entered_at, moved_at)"
    " VALUES (:id, :programme, :year, :stage, :officer, '', 1, now(), now() - CAST(:days AS integer) * interval '1 day')"
)
_STEP = (
    "INSERT INTO service_step (enterprise_id, programme, criterion, title, due_on, officer_id, status, result, revision)"
    " VALUES (:id, 'hnte', '', '补辅助账', CURRENT_DATE + CAST(:days AS integer), :officer, :status, '', 1)"
)
_ACTION = (
    "INSERT INTO service_action (enterprise_id, kind, topic, content, raised_on, owner, due_on, status, answer, revision)"
    " VALUES (:id, 'need', 'finance', '贷款', CURRENT_DATE, '科技局', CAST(:due AS date), :status, '', 1)"
)
_TITLE = (
    "INSERT INTO recognition (enterprise_id, programme, level, number, batch, kind, granted_on, valid_from, valid_to,"
    " revocation_reason, notice, printed_name, source) VALUES (:id, :programme, '', CAST(:number AS text), '', 'granted', CAST(:day AS date), CAST(:day AS date),"
    " CAST(:day AS date) + 1000, '', '', '', 'officer')"
)


async def fill(session: AsyncSession, chance: Random) -> None:
    """Forty enterprises, with entries, steps, actions and titles of all kinds."""

    async def write(statement: str, **values: Any) -> None:
        await session.execute(text(statement), values)

    for number in range(1, ENTERPRISES + 1):
        region, park = chance.choice(PLACES)
        await write(_ENTERPRISES, id=number, name=f"第{number}企业", region=region, park=park)
        for programme in PROGRAMMES:
            if chance.random() < 0.8:
                await write(
                    _ENTRY, id=number, programme=programme, year=ON.year, stage=chance.choice(STAGES),
                    officer=chance.choice((None, 1, 2)), days=chance.randrange(200),
                )  # fmt: skip
            if chance.random() < 0.4:
                day = ON - timedelta(days=chance.choice((5, 500)))
                await write(_TITLE, id=number, programme=programme, number=f"X{number}", day=day)
        for status in ("open", "open", "done"):
            await write(_STEP, id=number, days=chance.randrange(-30, 60), officer=chance.choice((None, 1, 2)), status=status)  # fmt: skip
        for status in ("open", "in_progress", "solved"):
            due = chance.choice((None, ON - timedelta(days=3), ON + timedelta(days=chance.randrange(60))))
            await write(_ACTION, id=number, due=due, status=status)


async def live(session: AsyncSession, chance: Random) -> None:
    """Let something become of most of them."""
    for event in EVENTS:
        for number in chance.sample(range(1, ENTERPRISES + 1), 2):
            await session.execute(text(event), {"id": number})


async def rebuilt(engine: AsyncEngine) -> int:
    """How many rows were not what they should be."""
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT rebuild_listed_work()"))).scalar_one()


async def filled(engine: AsyncEngine, seed: int) -> None:
    async with owner_unit_of_work(engine) as session:
        await fill(session, Random(seed))
        await live(session, Random(seed))


async def test_whatever_becomes_of_them_nothing_has_to_be_made_anew(engine: AsyncEngine):
    await filled(engine, 3)
    assert await rebuilt(engine) == 0


async def test_making_anew_says_what_had_been_wrong_and_mends_it(engine: AsyncEngine):
    await filled(engine, 4)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("DELETE FROM due_listed WHERE thing = 'step'"))
        await session.execute(text("UPDATE pool_listed SET is_active = NOT is_active"))
    assert await rebuilt(engine) > 40
    assert await rebuilt(engine) == 0


@pytest.mark.parametrize("table", ["pool_entry", "service_step", "service_action", "recognition"])
async def test_a_table_made_empty_leaves_nothing_listed(engine: AsyncEngine, table: str):
    await filled(engine, 5)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"TRUNCATE {table} CASCADE"))
    assert await rebuilt(engine) == 0


@pytest.mark.parametrize(("listed", "said"), [
    ("SELECT count(*) FROM pool_listed", "SELECT count(*) FROM pool_entry"),
    (
        "SELECT count(*) FROM due_listed",
        "SELECT (SELECT count(*) FROM service_step WHERE status = 'open')"
        " + (SELECT count(*) FROM service_action WHERE status <> 'solved' AND due_on IS NOT NULL)",
    ),
])  # fmt: skip
async def test_each_reader_sees_of_it_what_the_reader_sees_of_the_rest(engine: AsyncEngine, listed: str, said: str):
    await filled(engine, 6)
    seen: list[int] = []
    for scope in (
        Scope.city(), Scope.district("321202"), Scope.of_park("321202", "海陵工业园区"), Scope.enterprise(3), Scope(),
    ):  # fmt: skip
        async with unit_of_work(engine, scope) as session:
            seen.append((await session.execute(text(listed))).scalar_one())
            assert seen[-1] == (await session.execute(text(said))).scalar_one(), scope
    assert seen[0] > seen[1] > seen[2] > 0 == seen[4]


@pytest.mark.parametrize("table", ["pool_listed", "due_listed"])
async def test_nobody_but_the_database_writes_what_is_kept(engine: AsyncEngine, table: str):
    async with unit_of_work(engine, Scope.city()) as session:
        granted = f"SELECT has_table_privilege(current_user, '{table}', 'INSERT, UPDATE, DELETE')"
        assert await session.scalar(text(granted)) is False
