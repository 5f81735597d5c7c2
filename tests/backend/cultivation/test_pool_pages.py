"""The pool by page: proposing, entering, moving many, seeing what moved."""

import re
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation import pages
from backend.cultivation.actions import StepDraft, plan_steps
from backend.cultivation.service import enter
from backend.database.session import owner_unit_of_work
from backend.eligibility.queries import checked_on
from backend.eligibility.service import evaluate
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_filing

YEAR = today().year
HERE = f"/pool?programme=tech_sme&year={YEAR}"
GOOD = {"sales_revenue": 5000, "rd_expense_deduction": 400, "employee_total": 100, "sci_tech_staff": 40,
        "total_assets_year_end": 6000, "cost_expense_total": 4000}  # fmt: skip
CODES = [make_code("321282"), make_code("321283")]


@pytest.fixture(autouse=True)
async def two_enterprises(engine: AsyncEngine) -> list[int]:
    """One of 靖江 that a figure keeps from the title, one of 泰兴."""
    ids: list[int] = []
    async with owner_unit_of_work(engine) as session:
        for code, region, name in zip(
            CODES, ("321282", "321283"), ("靖江试验有限公司", "泰兴试验有限公司"), strict=True
        ):
            number = await make_enterprise(
                session,
                credit_code=code,
                region_code=region,
                name=name,
                established_on=date(2015, 1, 1),
                industry_code="3484",
            )
            await make_filing(
                session, number, GOOD | {"employee_total": 520}, year=YEAR - 1, received_on=date(YEAR, 1, 10)
            )
            ids.append(number)
        await evaluate(session, ids, library(), today())
    return ids


async def entered(engine: AsyncEngine, ids: list[int]) -> list[str]:
    """Put both into the pool; gives what the list's boxes hold."""
    async with owner_unit_of_work(engine) as session:
        await enter(session, "tech_sme", YEAR, ids, by=1)
        return [f"{one}:1" for one in await column(session, "SELECT id FROM pool_entry ORDER BY id")]


async def test_candidates_are_shown_with_their_gap_and_taken_into_the_pool(
    client_as: ClientAs, two_enterprises: list[int]
):
    officer = await client_as("district_officer", "321282")
    page = (await officer.get(f"/pool/candidates?programme=tech_sme&year={YEAR}&nearness=near")).text
    assert "靖江试验有限公司" in page
    assert "（差 20 人）" in page
    assert "泰兴试验有限公司" not in page
    form = {"programme": "tech_sme", "year": str(YEAR), "enterprise": str(two_enterprises[0])}
    assert (await officer.post("/pool/candidates", data=form)).status_code == 303
    board = (await officer.get(HERE)).text
    assert "靖江试验有限公司" in board
    assert "差 1 项" in board
    assert (
        "靖江试验有限公司"
        not in (await officer.get(f"/pool/candidates?programme=tech_sme&year={YEAR}&nearness=near")).text
    )


async def test_a_district_cannot_take_in_another_districts_enterprise(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    officer = await client_as("district_officer", "321282")
    form = {"programme": "tech_sme", "year": str(YEAR), "enterprise": str(two_enterprises[1])}
    await officer.post("/pool/candidates", data=form)
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT id FROM pool_entry") == []


async def test_several_are_moved_at_once_and_what_moved_is_listed(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    officer = await client_as("city_officer")
    form = {"programme": "tech_sme", "year": str(YEAR), "action": "cultivated", "pick": picked}
    answer = await officer.post("/pool", data=form)
    assert answer.status_code == 303, answer.text
    assert "已处理 2 家" in (await officer.get(answer.headers["location"])).text
    moves = (await officer.get("/pool/moves")).text
    assert moves.count("发现 → 培育") == 2
    assert "王敏" in moves


async def test_those_that_cannot_be_moved_are_named_with_the_reason(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    form = {"programme": "tech_sme", "year": str(YEAR), "action": "recommended", "pick": picked}
    answer = await (await client_as("city_officer")).post("/pool", data=form)
    assert answer.status_code == 409
    assert "2 家没有处理：按现行数据不符合或数据不全，不能推荐" in answer.text
    assert "（靖江试验有限公司、泰兴试验有限公司）" in answer.text


async def test_the_second_of_two_officers_is_told_on_the_page(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    form = {"programme": "tech_sme", "year": str(YEAR), "pick": picked}
    first, second = await client_as("city_officer"), await client_as("city_officer")
    await first.post("/pool", data=form | {"action": "cultivated"})
    answer = await second.post("/pool", data=form | {"action": "out", "reason": "迁出"})
    assert answer.status_code == 409
    assert "已被他人修改" in answer.text
    async with owner_unit_of_work(engine) as session:
        assert set(await column(session, "SELECT stage FROM pool_entry")) == {"cultivated"}


async def test_all_of_a_list_are_moved_if_it_is_still_the_list_that_was_shown(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    await entered(engine, two_enterprises)
    officer = await client_as("city_officer")
    form = {"programme": "tech_sme", "year": str(YEAR), "region": "321282", "action": "cultivated", "whom": "all"}
    refused = await officer.post("/pool", data=form | {"total": "2"})
    assert (refused.status_code, "打开时 2 家，现在 1 家" in refused.text) == (422, True)
    answer = await officer.post("/pool", data=form | {"total": "1"})
    assert answer.headers["location"] == f"/pool?programme=tech_sme&year={YEAR}&region=321282&view=list&done=1"
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT stage FROM pool_entry ORDER BY id") == ["cultivated", "discovered"]


async def test_what_was_ticked_and_typed_stays_when_somebody_cannot_be_moved(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    (picked, _) = await entered(engine, two_enterprises)
    officer = await client_as("city_officer")
    form = {
        "programme": "tech_sme", "year": str(YEAR), "region": "321282", "action": "recommended", "pick": picked,
        "reason": "局务会议定",
    }  # fmt: skip
    page = (await officer.post("/pool", data=form)).text
    assert "不能推荐" in page
    assert f'value="{picked}" aria-label="选择靖江试验有限公司" checked' in page
    assert 'value="局务会议定"' in page
    assert '<option value="recommended" selected>' in page
    assert "泰兴试验有限公司" not in page


async def test_more_than_can_be_checked_at_once_are_refused_and_not_cut_off(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pages, "MOST_CHECKED", 1)
    picked = await entered(engine, two_enterprises)
    form = {"programme": "tech_sme", "year": str(YEAR), "action": "check", "pick": picked}
    answer = await (await client_as("city_officer")).post("/pool", data=form)
    assert (answer.status_code, "一次最多重新测评 1 家" in answer.text) == (422, True)


async def test_what_is_due_says_how_much_more_there_is_than_it_shows(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pages, "DUE_SHOWN", 2)
    async with owner_unit_of_work(engine) as session:
        steps = [StepDraft(f"第 {place} 步", today()) for place in range(3)]
        await plan_steps(session, two_enterprises[0], steps, by=1)
    page = (await (await client_as("city_officer")).get("/pool/due?whose=all")).text
    assert "共 3 项，以下是最急的 2 项" in page


async def test_an_action_without_entries_or_without_a_choice_is_refused(client_as: ClientAs):
    officer = await client_as("city_officer")
    incomplete: list[dict[str, str]] = [
        {"action": "cultivated"},
        {"pick": "1:1"},
        {"pick": "x", "action": "cultivated"},
    ]
    for form in incomplete:
        assert (await officer.post("/pool", data=form)).status_code == 422, form


async def test_checking_anew_brings_the_check_up_to_today(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE eligibility SET as_of = '2020-01-01'"))
    form = {"programme": "tech_sme", "year": str(YEAR), "action": "check", "pick": picked}
    await (await client_as("city_officer")).post("/pool", data=form)
    async with owner_unit_of_work(engine) as session:
        checked = f"SELECT {checked_on()} FROM eligibility x WHERE x.programme = 'tech_sme'"
        assert set(await column(session, checked)) == {today()}


async def test_a_viewer_sees_the_pool_and_cannot_act(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    viewer = await client_as("viewer")
    page = (await viewer.get(f"{HERE}&view=list")).text
    assert "靖江试验有限公司" in page
    assert "checkbox" not in re.sub(r'id="nav-switch".*?>|<input class="nav-switch".*?>', "", page)
    assert (await viewer.post("/pool", data={"action": "cultivated", "pick": picked})).status_code == 403


async def test_the_windows_are_shown_and_entered_by_the_city_only(client_as: ClientAs):
    city, district = await client_as("city_officer"), await client_as("district_officer", "321282")
    form = {
        "programme": "hnte",
        "year": "2027",
        "closes_on": "2027-08-15",
        "certainty": "confirmed",
        "source": "通知〔2027〕1号",
    }
    assert (await district.post("/pool/windows", data=form)).status_code == 403
    assert (await city.post("/pool/windows", data=form | {"source": ""})).status_code == 422
    assert (await city.post("/pool/windows", data=form | {"opens_on": "2027-09-01"})).status_code == 422
    assert (await city.post("/pool/windows", data=form)).status_code == 303
    page = (await district.get("/pool/windows")).text
    for expected in ("2027-08-15", "通知〔2027〕1号", "2026-08-31", "工企业函〔2026〕160号", "单一来源"):
        assert expected in page
    assert "2027-08-15" in (await district.get("/pool?programme=hnte&year=2027")).text


async def test_a_card_is_moved_on_the_board_and_come_back_to(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    (picked, _) = await entered(engine, two_enterprises)
    officer = await client_as("district_officer", "321282")
    assert '<option value="cultivated" selected>' in (await officer.get(HERE)).text
    form = {"programme": "tech_sme", "year": str(YEAR), "view": "board", "action": "cultivated", "pick": picked}
    answer = await officer.post("/pool", data=form)
    entry = picked.partition(":")[0]
    assert answer.headers["location"] == f"{HERE}&view=board&done=1#entry-{entry}"
    assert f'id="entry-{entry}"' in (await officer.get(answer.headers["location"])).text


async def test_a_card_that_cannot_be_moved_stays_open_with_what_was_typed(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    (picked, _) = await entered(engine, two_enterprises)
    officer = await client_as("district_officer", "321282")
    form = {"programme": "tech_sme", "year": str(YEAR), "view": "board", "pick": picked}
    page = (await officer.post("/pool", data=form | {"action": "recommended", "reason": "局务会议定"})).text
    assert "不能推荐" in page
    assert 'class="board"' in page
    assert '<details class="moving" open>' in page
    assert 'value="局务会议定"' in page


async def test_who_forgot_to_tick_or_to_choose_keeps_what_was_typed(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    (picked, _) = await entered(engine, two_enterprises)
    officer = await client_as("city_officer")
    form = {"programme": "tech_sme", "year": str(YEAR), "reason": "局务会议定"}
    unticked = await officer.post("/pool", data=form | {"action": "cultivated"})
    undecided = await officer.post("/pool", data=form | {"pick": picked})
    assert (unticked.status_code, undecided.status_code) == (422, 422)
    assert "没有勾选企业" in unticked.text
    assert "没有选择要做的事" in undecided.text
    assert 'value="局务会议定"' in unticked.text
    assert f'value="{picked}" aria-label="选择靖江试验有限公司" checked' in undecided.text


async def test_who_forgot_to_tick_a_candidate_keeps_the_list_and_what_was_typed(client_as: ClientAs):
    officer = await client_as("city_officer")
    form = {"programme": "tech_sme", "year": str(YEAR), "nearness": "near", "region": "321282", "reason": "园区推荐"}
    answer = await officer.post("/pool/candidates", data=form)
    assert (answer.status_code, "没有勾选企业" in answer.text) == (422, True)
    assert "靖江试验有限公司" in answer.text
    assert 'value="园区推荐"' in answer.text


async def test_who_is_in_the_pool_already_is_told_of_when_taken_in_again(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    await entered(engine, two_enterprises[:1])
    officer = await client_as("city_officer")
    form = {"programme": "tech_sme", "year": str(YEAR), "enterprise": [str(one) for one in two_enterprises]}
    answer = await officer.post("/pool/candidates", data=form)
    page = (await officer.get(answer.headers["location"])).text
    assert "已处理 1 家" in page
    assert "1 家已在这个库里" in page


async def test_those_refused_for_the_same_reason_are_told_of_together(
    client_as: ClientAs, engine: AsyncEngine, two_enterprises: list[int]
):
    picked = await entered(engine, two_enterprises)
    form = {"programme": "tech_sme", "year": str(YEAR), "action": "out", "pick": picked}
    page = (await (await client_as("city_officer")).post("/pool", data=form)).text
    assert "2 家没有处理：由“发现”转“出库”须写明原因。（靖江试验有限公司、泰兴试验有限公司）" in page
