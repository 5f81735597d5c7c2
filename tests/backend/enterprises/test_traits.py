"""Chains, industry, scale and board with their days: entered on a page, kept by the database, carried by merges and undoing."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.merging import Given, Merge, merge, unmerge
from backend.enterprises.schemas import Draft
from backend.enterprises.service import register
from backend.enterprises.traits import History, Stretch, Trait, history_of, holding_from
from tests.backend.conftest import ClientAs
from tests.backend.enterprises.test_editing import IDENTITY, errors
from tests.backend.spreadsheets.test_undoing import carry_out, undo
from tests.factories import make_code, make_enterprise

CODE = make_code("321282")
JUNE = date(2026, 6, 1)
NAME = "江苏云岚精密机械有限公司"


@pytest.fixture
async def number(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await make_enterprise(
            session, name=NAME, credit_code=CODE, region_code="321282", industry_code="3484",
            established_on=date(2010, 5, 1), chains=("高端装备",),
        )  # fmt: skip


@pytest.fixture
async def officer(number: int, client_as: ClientAs) -> AsyncClient:
    return await client_as("district_officer", "321282")


async def told(engine: AsyncEngine, number: int) -> History:
    async with owner_unit_of_work(engine) as session:
        return await history_of(session, number)


async def stretches(engine: AsyncEngine, number: int) -> list[Stretch]:
    return (await told(engine, number)).stretches()


async def write(engine: AsyncEngine, statement: str, on: date | None = None, **values: Any) -> None:
    async with owner_unit_of_work(engine) as session, holding_from(session, on):
        await session.execute(text(statement), values)


async def save(officer: AsyncClient, engine: AsyncEngine, number: int, **changed: str) -> Any:
    async with owner_unit_of_work(engine) as session:
        revision = await session.scalar(text("SELECT revision FROM enterprise WHERE id = :id"), {"id": number})
    return await officer.post(f"/enterprises/{CODE}/edit", data=IDENTITY | {"revision": str(revision)} | changed)


# What an officer enters -----------------------------------------------------------------------------------


async def test_from_a_day_on_the_old_chain_and_industry_hold_until_the_day_before(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    answer = await save(officer, engine, number, chains="新材料", industry_code="2710", traits_on="2026-06-01")
    assert answer.status_code == 303
    assert await stretches(engine, number) == [
        Stretch(Trait.CHAIN, "新材料", JUNE, None),
        Stretch(Trait.CHAIN, "高端装备", None, date(2026, 5, 31)),
        Stretch(Trait.INDUSTRY, "2710", JUNE, None),
        Stretch(Trait.INDUSTRY, "3484", None, date(2026, 5, 31)),
    ]


async def test_without_a_day_it_always_was_so_and_what_was_known_before_stays_known(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    await save(officer, engine, number, industry_code="2710", is_above_scale="yes")
    history = await told(engine, number)
    assert history.on(date(2015, 1, 1))[Trait.INDUSTRY] == ["2710"]
    assert history.on(date(2015, 1, 1))[Trait.ABOVE_SCALE] == ["yes"]
    known = min(one.known_to for one in history.written if one.known_to) - timedelta(microseconds=1)
    assert history.on(date(2015, 1, 1), known)[Trait.INDUSTRY] == ["3484"]
    assert history.on(date(2015, 1, 1), known)[Trait.ABOVE_SCALE] == []


async def test_a_correction_of_what_changed_leaves_what_was_before_it(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    await save(officer, engine, number, industry_code="2710", traits_on="2026-06-01")
    await save(officer, engine, number, industry_code="6513")
    assert [one for one in await stretches(engine, number) if one.kind is Trait.INDUSTRY] == [
        Stretch(Trait.INDUSTRY, "3484", None, date(2026, 5, 31)),
        Stretch(Trait.INDUSTRY, "6513", JUNE, None),
    ]


async def test_a_wrong_day_is_put_right_by_going_back_and_entering_it_anew(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    await save(officer, engine, number, industry_code="2710", traits_on="2026-06-01")
    assert (
        "在 2026-06-01 已有变更"
        in (await save(officer, engine, number, industry_code="6513", traits_on="2026-03-01")).text
    )
    await save(officer, engine, number, industry_code="3484")
    assert (await save(officer, engine, number, industry_code="2710", traits_on="2026-03-01")).status_code == 303
    assert [one for one in await stretches(engine, number) if one.kind is Trait.INDUSTRY] == [
        Stretch(Trait.INDUSTRY, "2710", date(2026, 3, 1), None),
        Stretch(Trait.INDUSTRY, "3484", None, date(2026, 2, 28)),
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"traits_on": "2999-01-01", "chains": "新材料"}, "变更日期 2999-01-01 在今天之后"),
        ({"traits_on": "2010-04-30", "chains": "新材料"}, "早于成立日期 2010-05-01"),
        ({"traits_on": "2026.6.1", "chains": "新材料"}, "“2026.6.1”不是日期"),
        ({"traits_on": "2026-06-01"}, "这个日期不起作用"),
        ({"traits_on": "2026-01-31", "is_above_scale": "no"}, "规上工业在 2026-02-01 已有变更"),
        ({"traits_on": "2026-01-31", "chains": "高端装备"}, "产业链“新材料”在 2026-02-01 已有变更"),
    ],
)
async def test_a_wrong_day_is_told_beside_its_field_and_nothing_is_saved(
    officer: AsyncClient, engine: AsyncEngine, number: int, wrong: dict[str, str], reason: str
):
    await save(officer, engine, number, chains="高端装备、新材料", is_above_scale="yes", traits_on="2026-02-01")
    before = await told(engine, number)
    held = {"chains": "高端装备、新材料", "is_above_scale": "yes", "town": "城东镇"}
    answer = await save(officer, engine, number, **held | wrong)
    assert any(reason in error for error in errors(answer))
    assert 'value="城东镇"' in answer.text
    assert f'value="{wrong["traits_on"]}"' in answer.text
    assert await told(engine, number) == before


async def test_the_file_tells_what_was_on_a_day_and_what_changed(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    await save(officer, engine, number, chains="新材料", industry_code="2710", traits_on="2026-06-01")
    page = (await officer.get(f"/enterprises/{CODE}")).text
    assert re.search(r"行业变更</strong></div>\s*<div class=\"soft\">[^<]*（3484） → [^<]*（2710）", page)
    assert "加入产业链" in page
    assert "历次登记（6 条）" in page
    then = (await officer.get(f"/enterprises/{CODE}?on=2026-05-31")).text
    assert re.search(r"<dt>产业链</dt><dd>高端装备</dd>", then)
    assert "行业变更" not in then
    told_to_programs = (await officer.get(f"/api/v1/enterprises/{CODE}?on=2026-05-31")).json()
    assert (told_to_programs["chains"], told_to_programs["industry_code"]) == (["高端装备"], "3484")
    assert len(told_to_programs["traits"]) == 6


# Many at once ---------------------------------------------------------------------------------------------


async def bulk(officer: AsyncClient, number: int, **given: str) -> Any:
    return await officer.post(
        "/enterprises/bulk", data={"chain": "新材料", "action": "add_chain", "id": str(number)} | given
    )


async def test_many_join_and_leave_a_chain_from_a_day_on(officer: AsyncClient, engine: AsyncEngine, number: int):
    assert (await bulk(officer, number, chain_on="2026-02-01")).status_code == 303
    assert (await bulk(officer, number, chain_on="2026-06-01", action="leave_chain")).status_code == 303
    assert await stretches(engine, number) == [
        Stretch(Trait.CHAIN, "新材料", date(2026, 2, 1), date(2026, 5, 31)),
        Stretch(Trait.CHAIN, "高端装备"), Stretch(Trait.INDUSTRY, "3484"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2999-01-01", "在今天之后"),
        ("2001-01-01", "有 1 家企业在 2001-01-01 尚未成立"),
        ("六月", "“六月”不是日期"),
        ("2026-05-01", "有 1 家企业在 2026-05-01 之后已登记过加入或移出“新材料”"),
    ],
)
async def test_of_many_none_is_changed_where_the_day_cannot_be(
    officer: AsyncClient, engine: AsyncEngine, number: int, day: str, reason: str
):
    await bulk(officer, number, chain_on="2026-02-01")
    await bulk(officer, number, chain_on="2026-06-01", action="leave_chain")
    before = await told(engine, number)
    answer = await bulk(officer, number, chain_on=day)
    assert answer.status_code == 422
    assert reason in answer.text
    assert await told(engine, number) == before


# What the database keeps ----------------------------------------------------------------------------------


async def test_of_whom_nothing_ever_changed_nothing_is_kept(engine: AsyncEngine, number: int):
    await write(engine, "UPDATE enterprise SET town = '城东镇', industry_code = '3484' WHERE id = :id", id=number)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("DELETE FROM enterprise_chain WHERE enterprise_id = :id"), {"id": number})
        await session.execute(text("INSERT INTO enterprise_chain VALUES (:id, '高端装备')"), {"id": number})
    assert (await told(engine, number)).written == ()


async def test_taken_out_and_put_back_in_one_transaction_a_chain_keeps_its_days(engine: AsyncEngine, number: int):
    await write(engine, "INSERT INTO enterprise_chain VALUES (:id, '新材料')", JUNE, id=number)
    before = await stretches(engine, number)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("DELETE FROM enterprise_chain WHERE enterprise_id = :id"), {"id": number})
        await session.execute(
            text("INSERT INTO enterprise_chain VALUES (:id, '高端装备'), (:id, '新材料')"), {"id": number}
        )
    assert await stretches(engine, number) == before


async def test_an_import_corrects_and_whoever_is_new_has_no_history(engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        drafts = [
            Draft(NAME, CODE, industry_code="2710", chains=("新材料",), is_above_scale=True),
            Draft(
                "靖江新来有限公司", make_code("321282"), region_code="321282", industry_code="3484", chains=("新材料",)
            ),
        ]
        _, new = (await register(session, drafts, today())).ids
    assert await stretches(engine, number) == [
        Stretch(Trait.ABOVE_SCALE, "yes"), Stretch(Trait.CHAIN, "新材料"), Stretch(Trait.CHAIN, "高端装备"),
        Stretch(Trait.INDUSTRY, "2710"),
    ]  # fmt: skip
    assert (await told(engine, new)).written == ()


async def test_only_who_sees_an_enterprise_sees_what_it_was_and_nobody_writes_it(engine: AsyncEngine, number: int):
    await write(engine, "UPDATE enterprise SET industry_code = '2710' WHERE id = :id", JUNE, id=number)
    for scope, many in ((Scope.district("321282"), 3), (Scope.district("321202"), 0), (Scope.enterprise(number), 3)):
        async with unit_of_work(engine, scope) as session:
            assert await session.scalar(text("SELECT count(*) FROM enterprise_trait")) == many
            may_write = text("SELECT has_table_privilege(current_user, 'enterprise_trait', 'INSERT, UPDATE, DELETE')")
            assert await session.scalar(may_write) is False


async def test_an_enterprise_that_is_gone_leaves_no_days(engine: AsyncEngine, number: int):
    await write(engine, "DELETE FROM enterprise_chain WHERE enterprise_id = :id", JUNE, id=number)
    async with owner_unit_of_work(engine) as session:
        for table in ("eligibility", "fact_current", "enterprise_name", "enterprise_region"):
            await session.execute(text(f"DELETE FROM {table} WHERE enterprise_id = :id"), {"id": number})
        await session.execute(text("DELETE FROM enterprise WHERE id = :id"), {"id": number})
        assert await session.scalar(text("SELECT count(*) FROM enterprise_trait")) == 0


# Two files of one enterprise ------------------------------------------------------------------------------


async def test_a_merge_carries_the_days_over_and_parting_gives_them_back(engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        other = await make_enterprise(session, region_code="321282", industry_code="3484", chains=("特钢", "化学药"))
    await write(engine, "DELETE FROM enterprise_chain WHERE enterprise_id = :id AND chain = '化学药'", JUNE, id=other)
    await write(engine, "INSERT INTO enterprise_chain VALUES (:id, '新材料')", date(2026, 2, 1), id=other)
    await write(engine, "UPDATE enterprise SET is_above_scale = false WHERE id = :id", id=other)
    await write(engine, "UPDATE enterprise SET is_above_scale = true WHERE id = :id", JUNE, id=other)
    await write(engine, "UPDATE enterprise SET industry_code = '2710' WHERE id = :id", JUNE, id=other)
    before = await told(engine, number), await told(engine, other)
    async with owner_unit_of_work(engine) as session:
        merged = await merge(session, Merge(other, number, "同一家企业"))
        moment = (await session.execute(text("SELECT now() - interval '1 microsecond'"))).scalar_one()
    remaining, closed = await told(engine, number), await told(engine, other)
    assert [remaining.stretches(moment), closed.stretches(moment)] == [one.stretches() for one in before]
    assert remaining.stretches() == [
        Stretch(Trait.ABOVE_SCALE, "no", None, date(2026, 5, 31)), Stretch(Trait.ABOVE_SCALE, "yes", JUNE),
        Stretch(Trait.CHAIN, "化学药", None, date(2026, 5, 31)), Stretch(Trait.CHAIN, "新材料", date(2026, 2, 1)),
        Stretch(Trait.CHAIN, "特钢"), Stretch(Trait.CHAIN, "高端装备"), Stretch(Trait.INDUSTRY, "3484"),
    ]  # fmt: skip
    async with owner_unit_of_work(engine) as session:
        await unmerge(session, merged, "两家不同企业", Given())
    assert [(await told(engine, one)).stretches() for one in (number, other)] == [one.stretches() for one in before]
    assert (await told(engine, number)).stretches(moment) == before[0].stretches()


async def test_what_was_changed_since_a_merge_stays_when_the_files_are_parted(engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        other = await make_enterprise(session, region_code="321282")
    await write(engine, "UPDATE enterprise SET is_above_scale = true WHERE id = :id", JUNE, id=other)
    async with owner_unit_of_work(engine) as session:
        merged = await merge(session, Merge(other, number, "同一家企业"))
    await write(engine, "UPDATE enterprise SET is_above_scale = false WHERE id = :id", id=number)
    since = await stretches(engine, number)
    async with owner_unit_of_work(engine) as session:
        await unmerge(session, merged, "两家不同企业", Given())
    assert await stretches(engine, number) == since
    assert await stretches(engine, other) == [Stretch(Trait.ABOVE_SCALE, "yes", JUNE)]


# An import and its undoing --------------------------------------------------------------------------------


async def test_an_import_undone_leaves_every_chain_its_days(engine: AsyncEngine, number: int):
    await write(engine, "INSERT INTO enterprise_chain VALUES (:id, '新材料')", date(2026, 2, 1), id=number)
    await write(engine, "INSERT INTO enterprise_chain VALUES (:id, '化学药')", date(2026, 2, 1), id=number)
    await write(engine, "DELETE FROM enterprise_chain WHERE enterprise_id = :id AND chain = '新材料'", JUNE, id=number)
    before = await stretches(engine, number)
    ledger: list[list[Any]] = [
        ["靖江市企业台账（2025年度）"],
        ["企业名称", "统一社会信用代码", "所在地区", "产业链", "销售收入（万元）"],
        [NAME, CODE, "靖江市", "新材料", 7],
    ]
    async with owner_unit_of_work(engine) as session:
        run, _ = await carry_out(session, ledger)
    assert [one for one in await stretches(engine, number) if one.value == "新材料"] == [
        Stretch(Trait.CHAIN, "新材料", date(2026, 2, 1))
    ]
    async with owner_unit_of_work(engine) as session:
        await undo(session, run)
    assert await stretches(engine, number) == before
