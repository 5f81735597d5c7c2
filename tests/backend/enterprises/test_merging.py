"""Two files of one enterprise become one, and can be parted again as if nothing had been."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.cultivation.service import enter
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate
from backend.enterprises.ending import LifeRefused
from backend.enterprises.merged_since import came_since
from backend.enterprises.merging import Given, Merge, merge, unmerge
from backend.enterprises.queries import find
from backend.enterprises.schemas import Draft
from backend.enterprises.service import register
from backend.filings.queries import facts_known_at, facts_of
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.recognitions.queries import held_by
from rules.library import library
from tests.backend.enterprises.dumping import dump
from tests.factories import TODAY, column, make_code, make_enterprise, make_filing, make_recognition


async def two_files(session: AsyncSession) -> tuple[int, int]:
    """One enterprise, once from a ledger and once from elsewhere, with something of every kind in both files."""
    survivor = await make_enterprise(
        session, name="泰州云帆精密机械有限公司", address="海陵区青年路1号", chains=("高端装备",)
    )
    absorbed = await make_enterprise(
        session, name="泰州云凡精密机械有限公司", identifiers={"registration_number": "321200000012345"},
        chains=("高端装备", "新能源"), industry_code="3484", established_on=date(2012, 5, 1), is_above_scale=True,
    )  # fmt: skip
    await make_filing(session, survivor, {"sales_revenue": 1000, "rd_expense_hnte": 60})
    await make_filing(session, absorbed, {"sales_revenue": 3000}, source="tax")
    await make_filing(session, absorbed, {"employee_total": 80}, year=2024)
    for one in (survivor, absorbed):
        await make_recognition(session, one, number="GR202432000001")
    await make_recognition(session, absorbed, "srdi_sme", date(2023, 12, 1))
    await session.execute(
        text(
            "INSERT INTO service_visit (enterprise_id, visited_on, form, visitors, met, content, follow_up)"
            " VALUES (:id, '2026-03-01', 'on_site', '张', '李', '谈研发', '')"
        ),
        {"id": absorbed},
    )
    for one in (survivor, absorbed):
        await enter(session, "hnte", 2026, [one], by=None)
    await enter(session, "srdi_sme", 2026, [absorbed], by=None)
    await evaluate(session, [survivor, absorbed], library(), today())
    return survivor, absorbed


async def test_both_files_facts_are_one_file_s(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    facts = await facts_of(session, [survivor, absorbed], library().catalogue)
    assert facts[survivor].yearly["rd_expense_hnte"] == {2025: 60_000_000}
    assert facts[survivor].yearly["employee_total"] == {2024: 80}
    assert not facts[absorbed].yearly


async def test_a_title_that_both_files_have_is_counted_once(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    held = await held_by(session, [survivor, absorbed])
    assert [one.programme for one in held[survivor]] == ["srdi_sme", "hnte"]
    assert held[absorbed] == []


@pytest.mark.parametrize("whose", ["id", "code", "number"])
async def test_whatever_named_the_closed_file_leads_to_the_one_that_remains(session: AsyncSession, whose: str):
    survivor, absorbed = await two_files(session)
    code = (await column(session, "SELECT credit_code FROM enterprise WHERE id = :id", id=absorbed))[0]
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    key = {"id": str(absorbed), "code": code, "number": "321200000012345"}[whose]
    assert (await find(session, key) or {})["id"] == survivor


async def test_a_list_that_prints_the_closed_file_s_code_or_name_means_the_one_that_remains(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    code = (await column(session, "SELECT credit_code FROM enterprise WHERE id = :id", id=absorbed))[0]
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    drafts = [Draft("泰州云凡精密机械有限公司", code), Draft("泰州云凡精密机械有限公司")]
    assert (await register(session, drafts, TODAY)).ids == [survivor, survivor]


async def test_what_only_the_closed_file_knew_is_kept(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    row = await find(session, str(survivor)) or {}
    assert (row["industry_code"], row["is_above_scale"], row["address"]) == ("3484", True, "海陵区青年路1号")
    chains = await column(session, "SELECT chain FROM enterprise_chain WHERE enterprise_id = :id", id=survivor)
    assert set(chains) == {"高端装备", "新能源"}


async def test_visits_and_pool_entries_go_over_unless_the_other_file_has_its_own(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    await merge(session, Merge(absorbed, survivor, "同一家企业"))
    assert await column(session, "SELECT count(*) FROM service_visit WHERE enterprise_id = :id", id=survivor) == [1]
    entries = "SELECT programme FROM pool_entry WHERE enterprise_id = :id ORDER BY 1"
    assert await column(session, entries, id=survivor) == ["hnte", "srdi_sme"]
    assert await column(session, entries, id=absorbed) == ["hnte"]


async def test_parting_two_files_again_leaves_everything_as_it_was(session: AsyncSession):
    survivor, absorbed = await two_files(session)
    before = await dump(session, [survivor, absorbed])
    number = await merge(session, Merge(absorbed, survivor, "同一家企业"))
    assert await dump(session, [survivor, absorbed]) != before
    await unmerge(session, number, "两家不同企业", Given())
    assert await dump(session, [survivor, absorbed]) == before


async def test_a_file_without_a_code_takes_the_code_over_and_gives_it_back(session: AsyncSession):
    survivor = await make_enterprise(session, name="泰州恒升化工有限公司", credit_code=None, region_code="")
    code = make_code()
    absorbed = await make_enterprise(session, name="泰州市恒升化工有限公司", credit_code=code)
    before = await dump(session, [survivor, absorbed])
    number = await merge(session, Merge(absorbed, survivor, "同一家企业"))
    row = await find(session, code) or {}
    assert (row["id"], row["credit_code"], row["region_code"]) == (survivor, code, "321202")
    await unmerge(session, number, "两家不同企业", Given())
    assert await dump(session, [survivor, absorbed]) == before


async def test_a_chain_of_merges_leads_to_the_last_and_is_parted_from_its_end(session: AsyncSession):
    one, two, three = [await make_enterprise(session) for _ in range(3)]
    await make_filing(session, one, {"sales_revenue": 700})
    first = await merge(session, Merge(one, two, "重复"))
    second = await merge(session, Merge(two, three, "重复"))
    assert (await find(session, str(one)) or {})["id"] == three
    facts = await facts_of(session, [three], library().catalogue)
    assert facts[three].yearly["sales_revenue"] == {2025: 700_000_000}
    with pytest.raises(LifeRefused, match="先撤销后一次合并"):
        await unmerge(session, first, "误并", Given())
    await unmerge(session, second, "误并", Given())
    assert (await find(session, str(one)) or {})["id"] == two
    await unmerge(session, first, "误并", Given())
    assert (await find(session, str(one)) or {})["id"] == one


async def test_a_file_that_is_part_of_another_is_not_merged_again(session: AsyncSession):
    one, two, three = [await make_enterprise(session) for _ in range(3)]
    await merge(session, Merge(one, two, "重复"))
    with pytest.raises(LifeRefused, match="已并入另一家企业"):
        await merge(session, Merge(one, three, "重复"))


# Over several days, each a transaction of its own ---------------------------------------------------------

Open = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]


@pytest.fixture
async def merged(app_session_factory: Open) -> dict[str, Any]:
    """Two enterprises with a title each, merged by a second transaction."""
    city = Scope.city()
    async with app_session_factory(city) as session:
        survivor, absorbed = await two_files(session)
    before = datetime.now(UTC)
    async with app_session_factory(city) as session:
        number = await merge(session, Merge(absorbed, survivor, "同一家企业"))
    return {"open": lambda: app_session_factory(city), "survivor": survivor, "absorbed": absorbed, "merge": number,
           "before": before}  # fmt: skip


async def test_a_past_day_s_knowledge_still_has_two(merged: dict[str, Any]):
    async with merged["open"]() as session:
        both = [merged["survivor"], merged["absorbed"]]
        held = await held_by(session, both, merged["before"])
        facts = await facts_known_at(session, both, library().catalogue, merged["before"])
    assert [len(held[number]) for number in both] == [1, 2]
    assert facts[merged["absorbed"]].yearly["sales_revenue"] == {2025: 3_000_000_000}
    assert facts[merged["survivor"]].yearly["sales_revenue"] == {2025: 1_000_000_000}


async def test_a_past_day_s_count_and_list_still_have_two(merged: dict[str, Any]):
    _, target = target_named("T000-01")
    async with merged["open"]() as session:
        for moment, many in ((merged["before"], 2), (None, 1)):
            counted = (await roll_up(session, [target], [TODAY], known_at=moment)).of(target, TODAY).counted
            listed = await members(session, target, TODAY, known_at=moment)
            assert listed is not None
            assert (counted, listed.total) == (many, many)
            assert all(one.credit_code for one in listed.rows)


async def test_what_came_in_after_a_merge_stays_where_it_was_filed_unless_it_is_given_back(merged: dict[str, Any]):
    survivor, absorbed = merged["survivor"], merged["absorbed"]
    async with merged["open"]() as session:
        await make_filing(session, survivor, {"sales_revenue": 1200}, received_on=date(2026, 5, 2))
        await make_filing(session, survivor, {"sales_revenue": 2900}, source="tax", received_on=date(2026, 5, 3))
        await make_recognition(session, survivor, "tech_sme", date(2026, 3, 1))
        await make_recognition(session, survivor, "innovative_sme", date(2026, 4, 1))
    async with merged["open"]() as session:
        since = await came_since(session, merged["merge"])
        tax = [one.id for one in since if one.table == "filing" and "税务" in one.words]
        innovative = [one.id for one in since if one.table == "recognition" and "创新型" in one.words]
        assert len(since) == 4
        await unmerge(session, merged["merge"], "两家", Given(filings=tax, recognitions=innovative))
    async with merged["open"]() as session:
        facts = await facts_of(session, [survivor, absorbed], library().catalogue)
        held = await held_by(session, [survivor, absorbed])
    assert facts[survivor].yearly["sales_revenue"] == {2025: 1_200_000_000}
    assert facts[absorbed].yearly["sales_revenue"] == {2025: 2_900_000_000}
    assert {one.programme for one in held[survivor]} == {"hnte", "tech_sme"}
    assert {one.programme for one in held[absorbed]} == {"hnte", "srdi_sme", "innovative_sme"}


async def test_an_officer_of_the_district_can_merge_and_part(app_session_factory: Open, engine: AsyncEngine):
    district = Scope.district("321202")
    async with app_session_factory(district) as session:
        survivor, absorbed = await two_files(session)
    async with owner_unit_of_work(engine) as session:
        before = await dump(session, [survivor, absorbed])
    async with app_session_factory(district) as session:
        number = await merge(session, Merge(absorbed, survivor, "同一家企业"))
    async with app_session_factory(district) as session:
        await unmerge(session, number, "两家", Given())
    async with owner_unit_of_work(engine) as session:
        assert await dump(session, [survivor, absorbed]) == before


async def test_an_officer_of_another_district_cannot(app_session_factory: Open):
    async with app_session_factory(Scope.city()) as session:
        survivor, absorbed = await two_files(session)
    async with app_session_factory(Scope.district("321282")) as session:
        with pytest.raises(LifeRefused, match="跨市（区）"):
            await merge(session, Merge(absorbed, survivor, "同一家企业"))
