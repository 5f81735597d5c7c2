"""A split that was entered wrongly is taken back as if it had never been; what came in since is kept."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.cultivation.service import enter
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate
from backend.enterprises import unsplitting
from backend.enterprises.correcting import change_code
from backend.enterprises.ending import LifeRefused
from backend.enterprises.merging import Given, Merge, merge
from backend.enterprises.moving import Move, register_move
from backend.enterprises.queries import find
from backend.enterprises.search import Filters, all_found
from backend.enterprises.splitting import Split, split
from backend.enterprises.unsplitting import TakenBack, standing_split, unsplit
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.recognitions.correcting import Correction, correct, withdraw
from backend.recognitions.queries import held_by
from backend.recognitions.service import revoke
from rules.library import library
from tests.backend.enterprises.dumping import dump
from tests.factories import TODAY, column, make_code, make_enterprise, make_filing, make_recognition

DAY = date(2026, 4, 1)
NAME = "泰州新源装备有限公司"
WRONG = TakenBack("登记错了企业", Given(), keeps_other=False)


async def rich(session: AsyncSession, **given: Any) -> tuple[int, list[int]]:
    """An enterprise with something of every kind, and its two titles."""
    one = await make_enterprise(
        session, name="泰州老源装备有限公司", chains=("高端装备",), town="城东街道", park="海陵工业园",
        industry_code="3484", established_on=date(2010, 5, 1), is_above_scale=True,
        identifiers={"registration_number": "321200000054321"}, **given,
    )  # fmt: skip
    await make_filing(session, one, {"sales_revenue": 3000}, source="tax")
    titles = [
        await make_recognition(session, one, number="GR202432000009"),
        await make_recognition(session, one, "srdi_sme", date(2023, 12, 1)),
    ]
    await enter(session, "srdi_sme", 2026, [one], by=None)
    await register_move(session, Move(one, "321282", date(2025, 3, 1), reason="迁移通知"))
    await evaluate(session, [one], library(), today())
    return one, titles


async def assign_somebody(session: AsyncSession, enterprise: int) -> None:
    """Let an officer answer for an enterprise."""
    await session.execute(
        text(
            "WITH made AS (INSERT INTO person (login, name, password_hash, role, region_code, is_active,"
            " must_change_password, failed_sign_ins) VALUES ('li', '李', 'x', 'city_officer', '', true, false, 0)"
            " RETURNING id) INSERT INTO enterprise_officer (enterprise_id, officer_id) SELECT :id, id FROM made"
        ),
        {"id": enterprise},
    )


async def number_of_split(session: AsyncSession) -> int:
    return (await column(session, "SELECT max(id) FROM enterprise_split"))[0]


async def divided(session: AsyncSession, credit_code: str = "") -> tuple[int, int, int, list[int]]:
    """Both enterprises, the split, and the titles of before, of which the first passed over."""
    one, titles = await rich(session)
    stated = Split(one, DAY, "存续分立", name=NAME, credit_code=credit_code, recognition_ids=titles[:1])
    other = await split(session, stated)
    return one, other, await number_of_split(session), titles


async def test_a_split_that_is_taken_back_leaves_everything_as_it_was_before(session: AsyncSession):
    one, titles = await rich(session)
    await assign_somebody(session, one)
    before = await dump(session, [one])
    other = await split(session, Split(one, DAY, "分立", name=NAME, credit_code=make_code(), recognition_ids=titles))
    assert await dump(session, [one]) != before
    await unsplit(session, await number_of_split(session), WRONG)
    assert await dump(session, [one]) == before
    left = {table: rows for table, rows in (await dump(session, [other])).items() if rows}
    # Whose file was opened is told by who it is and where alone, and by no count, rung, figure or answer.
    assert set(left) == {"enterprise.id", "enterprise_name.enterprise_id", "enterprise_region.enterprise_id", "search"}


async def test_an_enterprise_that_was_there_before_is_as_it_was_too(session: AsyncSession):
    (one, titles), code = await rich(session), make_code()
    other = await make_enterprise(session, name="泰州旧邻装备有限公司", credit_code=code, region_code="321281")
    await make_filing(session, other)
    await make_recognition(session, other, "tech_sme", date(2026, 3, 1))
    await evaluate(session, [other], library(), today())
    before = await dump(session, [one, other])
    assert await split(session, Split(one, DAY, "分立", credit_code=code, recognition_ids=titles)) == other
    assert await dump(session, [one, other]) != before
    await unsplit(session, await number_of_split(session), WRONG)
    assert await dump(session, [one, other]) == before


async def test_the_code_is_free_again_for_whom_it_really_is(session: AsyncSession):
    code = make_code()
    one, other, number, _ = await divided(session, credit_code=code)
    await unsplit(session, number, WRONG)
    assert await find(session, code) is None
    revision = (await column(session, "SELECT revision FROM enterprise WHERE id = :id", id=one))[0]
    await change_code(session, one, code, revision)
    assert (await find(session, code) or {})["id"] == one
    assert (await find(session, str(other)) or {})["status"] == "withdrawn"


async def test_it_can_be_split_taken_back_and_split_again(session: AsyncSession):
    code = make_code()
    one, other, number, titles = await divided(session, credit_code=code)
    between = await dump(session, [one, other])
    await unsplit(session, number, WRONG)
    (hnte,) = [held.id for held in (await held_by(session, [one]))[one] if held.programme == "hnte"]
    again = await split(session, Split(one, DAY, "存续分立", name=NAME, credit_code=code, recognition_ids=[hnte]))
    assert (again, await dump(session, [one, other])) == (other, between)
    await unsplit(session, await number_of_split(session), WRONG)
    held = await held_by(session, [one, other])
    assert (len(held[one]), len(held[other]), held[one][0].revoked_on) == (len(titles), 0, None)


async def test_it_is_not_taken_back_twice(session: AsyncSession):
    *_, number, _ = await divided(session)
    await unsplit(session, number, WRONG)
    with pytest.raises(LifeRefused, match="已经撤销过"):
        await unsplit(session, number, WRONG)


async def latest(session: AsyncSession, enterprise: int, programme: str = "hnte") -> int:
    return next(one.id for one in (await held_by(session, [enterprise]))[enterprise] if one.programme == programme)


async def test_what_was_put_right_of_a_title_since_goes_back_with_it(session: AsyncSession):
    one, other, number, _ = await divided(session)
    there = Correction("GR202432000010", "", date(2024, 11, 8), DAY, date(2027, 11, 5), "公告", "编号有误")
    await correct(session, await latest(session, other), there, library())
    await unsplit(session, number, WRONG)
    (title,) = [held for held in (await held_by(session, [one]))[one] if held.programme == "hnte"]
    assert (title.number, title.granted_on, title.valid_from) == (
        "GR202432000010",
        date(2024, 11, 8),
        date(2024, 11, 6),
    )
    assert title.revoked_on is None


async def test_a_revocation_by_the_authority_since_stays(session: AsyncSession):
    one, other, number, _ = await divided(session)
    await revoke(session, await latest(session, other), date(2026, 5, 1), "发生重大安全事故")
    await unsplit(session, number, WRONG)
    (title,) = [held for held in (await held_by(session, [one]))[one] if held.programme == "hnte"]
    assert (title.revoked_on, title.revocation_reason) == (date(2026, 5, 1), "发生重大安全事故")


async def test_a_title_that_was_taken_out_meanwhile_is_not_brought_back(session: AsyncSession):
    one, _, number, _ = await divided(session)
    await withdraw(session, await latest(session, one))
    await unsplit(session, number, WRONG)
    assert [held.programme for held in (await held_by(session, [one]))[one]] == ["srdi_sme"]


async def test_a_file_is_not_closed_while_something_is_left_in_it(session: AsyncSession):
    one, other, number, _ = await divided(session)
    await make_recognition(session, other, "tech_sme", date(2026, 5, 1))
    before = await dump(session, [one, other])
    with pytest.raises(LifeRefused, match="名下还有认定"):
        async with session.begin_nested():
            await unsplit(session, number, WRONG)
    assert await dump(session, [one, other]) == before
    await unsplit(session, number, TakenBack("误登记", Given(), keeps_other=True))
    held = await held_by(session, [one, other])
    assert ([t.programme for t in held[other]], len(held[one])) == (["tech_sme"], 2)
    assert (await find(session, str(other)) or {})["status"] == "active"


@pytest.mark.parametrize("whose", ["one", "other"])
async def test_a_file_that_became_part_of_another_is_parted_first(session: AsyncSession, whose: str):
    one, other, number, _ = await divided(session)
    third = await make_enterprise(session)
    await merge(session, Merge({"one": one, "other": other}[whose], third, "重复"))
    with pytest.raises(LifeRefused, match="请先撤销合并"):
        await unsplit(session, number, WRONG)


async def test_a_later_split_of_the_other_is_taken_back_first(session: AsyncSession):
    _, other, number, _ = await divided(session)
    await split(session, Split(other, date(2026, 5, 1), "再分立", name="泰州再源装备有限公司"))
    with pytest.raises(LifeRefused, match="请先撤销后一次"):
        await unsplit(session, number, WRONG)
    await unsplit(session, await number_of_split(session), WRONG)
    await unsplit(session, number, WRONG)


# What splits do not change ---------------------------------------------------------------------------------


async def test_one_of_the_same_name_is_not_taken_for_the_new_one_nor_moved(session: AsyncSession):
    one, _ = await rich(session)
    namesake = await make_enterprise(session, name=NAME, region_code="321283", established_on=date(2001, 1, 1))
    with pytest.raises(LifeRefused, match="请填写它的统一社会信用代码"):
        await split(session, Split(one, DAY, "分立", name=NAME))
    # One that has a code of its own is another one.
    assert await split(session, Split(one, DAY, "分立", name=NAME, credit_code=make_code())) != namesake
    row = await find(session, str(namesake)) or {}
    assert (row["region_code"], row["established_on"]) == ("321283", date(2001, 1, 1))


async def test_one_of_the_name_without_a_code_is_meant_and_stays_as_it_is(session: AsyncSession):
    one, titles = await rich(session)
    other = await make_enterprise(session, name=NAME, credit_code=None, region_code="321283")
    before = await dump(session, [one, other])
    with pytest.raises(LifeRefused, match="请先在它的档案里补上代码"):
        await split(session, Split(one, DAY, "分立", name=NAME, credit_code=make_code()))
    assert await split(session, Split(one, DAY, "分立", name=NAME, recognition_ids=titles)) == other
    await unsplit(session, await number_of_split(session), WRONG)
    assert await dump(session, [one, other]) == before


# Over several days, each a transaction of its own ---------------------------------------------------------

Open = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
CITY = Scope.city()


@pytest.fixture
async def stood(app_session_factory: Open) -> dict[str, Any]:
    """A split that stood for a while, with rows that came in under the other enterprise."""
    code = make_code()
    async with app_session_factory(CITY) as session:
        one, titles = await rich(session)
    before = datetime.now(UTC)
    async with app_session_factory(CITY) as session:
        other = await split(session, Split(one, DAY, "分立", name=NAME, credit_code=code, recognition_ids=titles[:1]))
        number = await number_of_split(session)
    during = datetime.now(UTC)
    return {"one": one, "other": other, "split": number, "before": before, "during": during, "code": code}


async def figures(session: AsyncSession, moment: datetime | None) -> list[Any]:
    _, target = target_named("T000-01")
    said: list[Any] = []
    for day in (date(2026, 3, 31), DAY, TODAY):
        counted = (await roll_up(session, [target], [day], known_at=moment)).of(target, day)
        listed = await members(session, target, day, known_at=moment)
        assert listed is not None
        said.append((counted.counted, listed.total, [(one.id, one.credit_code, one.name) for one in listed.rows]))
    rows = await all_found(session, Filters(known_at=moment), TODAY, library())
    return [*said, sorted((row["id"], row["credit_code"], row["name"], row["rung_order"]) for row in rows)]


async def test_a_report_of_while_the_split_stood_can_be_had_again(stood: dict[str, Any], app_session_factory: Open):
    async with app_session_factory(CITY) as session:
        then, during = await figures(session, stood["before"]), await figures(session, None)
    assert [rows[0][0] for *_, rows in during[:3]] == [stood["one"], stood["other"], stood["other"]]
    async with app_session_factory(CITY) as session:
        await unsplit(session, stood["split"], WRONG)
    async with app_session_factory(CITY) as session:
        assert await figures(session, stood["during"]) == during
        assert await figures(session, stood["before"]) == then == await figures(session, None)


async def test_what_came_in_since_is_told_and_goes_where_the_officer_says(
    stood: dict[str, Any], app_session_factory: Open
):
    one, other = stood["one"], stood["other"]
    async with app_session_factory(CITY) as session:
        await make_filing(session, other, {"sales_revenue": 1200}, received_on=date(2026, 5, 2))
        await make_recognition(session, other, "tech_sme", date(2026, 5, 1))
        await enter(session, "js_gazelle", 2026, [other], by=None)
        await enter(session, "srdi_sme", 2026, [other], by=None)
    async with app_session_factory(CITY) as session:
        held = await standing_split(session, stood["split"])
        assert held is not None
        by_table: dict[str, list[int]] = {}
        for came in held.since:
            by_table.setdefault(came.table, []).append(came.id)
        assert {table: len(ids) for table, ids in by_table.items()} == {"filing": 1, "recognition": 1, "pool_entry": 2}
        gazelle, srdi = sorted(by_table["pool_entry"])
        given = Given(by_table["filing"], by_table["recognition"], {"pool_entry": [gazelle, srdi]})
        with pytest.raises(LifeRefused, match="培育库里已有这个项目"):
            async with session.begin_nested():
                await unsplit(session, stood["split"], TakenBack("误", given, keeps_other=False))
        given = Given(by_table["filing"], by_table["recognition"], {"pool_entry": [gazelle]})
        await unsplit(session, stood["split"], TakenBack("误", given, keeps_other=True))
    async with app_session_factory(CITY) as session:
        assert {t.programme for t in (await held_by(session, [one]))[one]} == {"hnte", "srdi_sme", "tech_sme"}
        pools = "SELECT programme FROM pool_entry WHERE enterprise_id = :id ORDER BY 1"
        assert await column(session, pools, id=one) == ["js_gazelle", "srdi_sme"]
        assert await column(session, pools, id=other) == ["srdi_sme"]


async def test_whoever_looked_before_something_came_in_is_told(stood: dict[str, Any], app_session_factory: Open):
    async with app_session_factory(CITY) as session:
        looked = await standing_split(session, stood["split"])
    async with app_session_factory(CITY) as session:
        await make_filing(session, stood["other"])
    assert looked is not None
    with pytest.raises(LifeRefused, match="您打开页面之后"):
        async with app_session_factory(CITY) as session:
            await unsplit(session, stood["split"], TakenBack("误", Given(), keeps_other=True, seen=looked.seen))


async def test_of_two_officers_at_once_one_takes_it_back_and_the_other_is_told(
    stood: dict[str, Any], app_session_factory: Open
):
    async def take_back() -> str:
        try:
            async with app_session_factory(CITY) as session:
                await unsplit(session, stood["split"], WRONG)
        except LifeRefused as refusal:
            return str(refusal)
        return "done"

    told = sorted(await asyncio.gather(take_back(), take_back()))
    assert told == ["done", "没有这次分立，或者已经撤销过。请刷新页面查看。"]


async def test_taking_back_that_is_cut_off_leaves_the_split_as_it_stood(
    stood: dict[str, Any], app_session_factory: Open, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    async def killed(session: AsyncSession, *_: Any) -> None:
        """Where all is written but the answers, the server loses the connection."""
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    both = [stood["one"], stood["other"]]
    async with owner_unit_of_work(engine) as session:
        before = await dump(session, both)
    monkeypatch.setattr(unsplitting, "evaluate", killed)
    with pytest.raises(DBAPIError):
        async with app_session_factory(CITY) as session:
            await unsplit(session, stood["split"], WRONG)
    async with owner_unit_of_work(engine) as session:
        assert await dump(session, both) == before
        assert await standing_split(session, stood["split"]) is not None


async def test_a_district_does_not_take_back_what_reaches_into_another(app_session_factory: Open):
    async with app_session_factory(CITY) as session:
        one, other = await make_enterprise(session), make_code()
        await split(session, Split(one, DAY, "分立", name=NAME, credit_code=other, region_code="321281"))
        number = await number_of_split(session)
    async with app_session_factory(Scope.district("321202")) as session:
        with pytest.raises(LifeRefused, match="由市级人员撤销"):
            await unsplit(session, number, WRONG)
