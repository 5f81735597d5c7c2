"""The service file: plan, visits, needs and problems, policies; corrections append, nobody overwrites anybody."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.cultivation.actions import (
    ActionDraft,
    NoSuchEntry,
    PolicyDraft,
    ServiceMoved,
    StepDraft,
    VisitDraft,
    note_policy,
    note_visit,
    open_action,
    plan_steps,
    save_action,
    save_step,
)
from backend.cultivation.growth_path import due_on, growth_path, proposed_steps
from backend.cultivation.service import Seen, assign, enter
from backend.cultivation.service_file import due_items, service_file
from backend.cultivation.windows import Window
from backend.database.session import owner_unit_of_work
from backend.enterprises.enterprise_file import EnterpriseFile, enterprise_file
from backend.enterprises.queries import find
from backend.own_file.standing import Standing
from backend.self_check.growth import growth_path as own_growth_path
from rules.catalogue import Certainty
from rules.library import library
from rules.remedy import Advice, Change
from rules.values import FactKey
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_filing, make_recognition

YEAR = today().year
CODE = make_code("321282")
GOOD = {"sales_revenue": 5000, "rd_expense_deduction": 400, "employee_total": 100, "sci_tech_staff": 40,
        "total_assets_year_end": 6000, "cost_expense_total": 4000}  # fmt: skip


async def make_firm(session: AsyncSession, values: dict[str, int] | None = None) -> int:
    """An enterprise of Jingjiang with a year's figures."""
    number = await make_enterprise(
        session, credit_code=CODE, region_code="321282", established_on=date(2015, 1, 1), industry_code="3484"
    )
    await make_filing(session, number, values or GOOD, year=YEAR - 1, received_on=date(YEAR, 1, 10))
    return number


async def file_of(session: AsyncSession) -> EnterpriseFile:
    row = await find(session, CODE)
    assert row is not None
    return await enterprise_file(session, row, library(), today())


def step(title: str = "补一项发明专利", days: int = 30) -> StepDraft:
    return StepDraft(title, today() + timedelta(days=days), "tech_sme")


def problem(content: str = "研发费用归集不规范", days: int = 30) -> ActionDraft:
    return ActionDraft("problem", "rd_accounts", content, today(), "科技局规划科", today() + timedelta(days=days))


async def test_steps_come_out_of_the_remedies_with_a_date(session: AsyncSession):
    await make_firm(session, GOOD | {"employee_total": 520})
    proposed = proposed_steps(await file_of(session), library(), "tech_sme")
    step = next(one for one in proposed if "需减少 20" in one.title)
    # Next year's check reads the figure of the year that runs; the one already reported stays as it is.
    assert step.due_on == date(YEAR, 12, 31)
    assert step.title.endswith(f"（已报年度不变，请在 {YEAR} 年度做到）")
    assert step.criterion


async def test_missing_facts_are_asked_for_within_a_fortnight(session: AsyncSession):
    await make_firm(session, {"sales_revenue": 5000})
    proposed = proposed_steps(await file_of(session), library(), "tech_sme")
    assert proposed[0].title.startswith("请企业补报")
    assert proposed[0].due_on == today() + timedelta(days=14)


def test_what_holds_as_of_the_day_is_due_a_month_before_the_window_closes():
    indicator = library().catalogue.by_name["ip_class1_count"]
    advice = Advice("H2", (Change(FactKey("ip_class1_count"), indicator, 0, 1),))
    on = date(2026, 3, 1)
    window = Window(
        programme="hnte", year=2026, closes_on=date(2026, 7, 31), certainty=Certainty.CONFIRMED, source="通知"
    )
    assert due_on(advice, on, [window]) == date(2026, 7, 1)
    assert due_on(advice, date(2026, 7, 20), [window]) == date(2026, 7, 27)
    assert due_on(advice, date(2026, 8, 1), [window]) == date(2026, 10, 30)


def test_what_only_time_brings_is_due_on_its_day():
    assert due_on(Advice("H1", (), date(2027, 2, 3)), date(2026, 3, 1), []) == date(2027, 2, 3)


async def test_the_growth_path_says_what_is_held_and_what_is_missing_on_each_rung(session: AsyncSession):
    number = await make_firm(session, GOOD | {"employee_total": 520})
    await make_recognition(session, number, "hnte", date(YEAR - 1, 11, 6))
    path = {one.rung.id: one for one in growth_path(await file_of(session), library())}
    assert list(path) == ["tech_sme", "high_tech", "srdi", "gazelle", "listed"]
    assert path["high_tech"].is_held
    assert not path["tech_sme"].is_held
    assert path["tech_sme"].lacks


@pytest.mark.parametrize(("holds", "asks_for_the_first_title"), [(True, False), (False, True)])
async def test_who_holds_a_title_is_shown_what_its_review_asks(
    session: AsyncSession, holds: bool, asks_for_the_first_title: bool
):
    number = await make_firm(session, {"operating_revenue": 5000, "main_business_revenue": 500})
    if holds:
        await make_recognition(session, number, "srdi_sme", date(YEAR - 1, 11, 6))
    file = await file_of(session)
    (rung,) = (one for one in growth_path(file, library()) if one.rung.id == "srdi")
    assert (rung.is_held, rung.programme, rung.outcome) == (holds, "srdi_sme", "ineligible")
    assert any(words.startswith("有效期内的科技和创新型中小企业") for words in rung.lacks) == asks_for_the_first_title
    # The enterprise's own account is told the same, tries out the same, and has the same printed.
    (own,) = (step for one in own_growth_path(file.facts, file.on, library()) for step in one.steps
              if step.programme == "srdi_sme")  # fmt: skip
    assert (own.is_review, any("有效期内的科技和创新型" in words for words in own.gaps)) == (
        holds,
        asks_for_the_first_title,
    )
    (tried,) = Standing(file, library(), "srdi_sme").check.answers
    assert tried.failed == next(one.failed for one in file.answers if one.version.source.programme == "srdi_sme")
    asked = {one.criterion for one in proposed_steps(file, library(), "srdi_sme")}
    assert ("holds-valid-tech-or-innovative-sme-title" in asked) == asks_for_the_first_title
    assert "main-business-ratio-at-least-80pct" in asked


@pytest.mark.parametrize("order", [("tech_sme", "innovative_sme"), ("innovative_sme", "tech_sme")])
async def test_of_two_titles_of_a_rung_the_one_that_a_review_would_cost_is_shown(
    session: AsyncSession, order: tuple[str, ...]
):
    number = await make_firm(session, GOOD | {"employee_total": 520})
    for days, programme in enumerate(order):
        await make_recognition(session, number, programme, today() - timedelta(days=100 + days))
    file = await file_of(session)
    answers = {name: answer.outcome for name in order if (answer := file.answer(name))}
    assert answers == {"tech_sme": "ineligible", "innovative_sme": "undetermined"}
    (rung,) = (one for one in growth_path(file, library()) if one.rung.id == "tech_sme")
    assert (rung.is_held, rung.programme, rung.outcome) == (True, "tech_sme", "ineligible")


async def test_a_step_that_is_open_already_is_not_planned_twice(session: AsyncSession):
    number = await make_firm(session)
    assert len(await plan_steps(session, number, [step(), step()], by=1)) == 1
    assert await plan_steps(session, number, [step()], by=1) == []


async def test_saving_a_step_keeps_what_it_was_before(session: AsyncSession):
    number = await make_firm(session)
    made = (await plan_steps(session, number, [step()], by=1))[0]
    await save_step(session, number, made, 1, {"status": "done", "result": "已受理"}, by=2)
    known = await service_file(session, number, today())
    assert known.open_steps == []
    assert [one["words"] for one in known.changes] == ["状态：待办 → 已完成；结果：（空） → 已受理"]


async def test_who_saves_an_older_state_is_told_and_nothing_is_lost(session: AsyncSession):
    number = await make_firm(session)
    made = await open_action(session, number, problem(), by=1)
    await save_action(session, number, made, 1, {"status": "in_progress", "answer": "已约税务辅导"}, by=1)
    with pytest.raises(ServiceMoved):
        await save_action(session, number, made, 1, {"status": "unsolvable", "answer": "办不了"}, by=2)
    assert [one["answer"] for one in (await service_file(session, number, today())).actions] == ["已约税务辅导"]


async def test_an_entry_of_another_enterprise_is_not_there(session: AsyncSession):
    number, other = await make_firm(session), await make_enterprise(session)
    made = await open_action(session, number, problem(), by=1)
    with pytest.raises(NoSuchEntry):
        await save_action(session, other, made, 1, {"status": "solved"}, by=1)


async def test_a_visit_is_corrected_by_another_one(session: AsyncSession):
    number = await make_firm(session)
    first = await note_visit(session, number, VisitDraft(today(), "on_site", "王敏", "张总", "谈研发归集"), by=1)
    await note_visit(session, number, VisitDraft(today(), "phone", "王敏", "张总", "谈人才", corrects_id=first), by=1)
    known = await service_file(session, number, today())
    assert [one["content"] for one in known.standing_visits] == ["谈人才"]
    assert len(known.visits) == 2


async def test_what_is_due_comes_first_and_what_is_done_not_at_all(session: AsyncSession):
    number = await make_firm(session)
    await plan_steps(session, number, [step("后做", 20), step("先做", -3)], by=1)
    made = await open_action(session, number, problem(days=10), by=1)
    await save_action(session, number, made, 1, {"status": "solved", "answer": "已解决"}, by=1)
    due = await due_items(session, today() + timedelta(days=30))
    assert [one["words"] for one in due] == ["先做", "后做"]


async def test_ones_own_due_items_are_those_of_ones_own_enterprises(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("district_officer", "321282")
    async with owner_unit_of_work(engine) as owner:
        number = await make_firm(owner)
        await plan_steps(owner, number, [step("补报审计报告", -1)], by=1)
        entry = (await enter(owner, "tech_sme", YEAR, [number], by=1))[0]
    assert "补报审计报告" not in (await officer.get("/pool/due")).text
    assert "补报审计报告" in (await officer.get("/pool/due?whose=all")).text
    async with owner_unit_of_work(engine) as owner:
        person = (await column(owner, "SELECT max(id) FROM person"))[0]
        await assign(owner, [Seen(entry, 1)], person, by=1, on=today())
    assert "补报审计报告" in (await officer.get("/pool/due")).text


async def test_the_file_is_written_by_page_from_plan_to_printout(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        number = await make_firm(owner, GOOD | {"employee_total": 520})
        await enter(owner, "tech_sme", YEAR, [number], by=1)
    officer = await client_as("district_officer", "321282")
    here = f"/enterprises/{CODE}/service"
    plan = (await officer.get(f"{here}/plan?programme=tech_sme")).text
    titles = re.findall(r'name="title" rows="2" maxlength="300">([^<]+)<', plan)
    place = next(i for i, title in enumerate(titles) if "需减少 20" in title)
    chosen = {"programme": "tech_sme", "pick": str(place), "title": titles, "due_on": [f"{YEAR}-12-31"] * len(titles),
              "criterion": ["x"] * len(titles)}  # fmt: skip
    for path, form in (
        ("plan", chosen),
        (
            "visits",
            {"visited_on": today().isoformat(), "visitors": "王敏", "met": "张总", "content": "谈了研发费用归集"},
        ),
        (
            "actions",
            {
                "content": "缺高级工程师",
                "kind": "need",
                "topic": "talent",
                "owner": "人才科",
                "raised_on": "2026-01-05",
            },
        ),
        (
            "policies",
            {"policy": "研发奖补", "document": "泰政发〔2026〕1号", "enjoyed_on": "2026-02-01", "amount": "20.5"},
        ),
    ):
        answer = await officer.post(f"{here}/{path}", data=form)
        assert answer.status_code == 303, (path, answer.text)
    for page in ((await officer.get(here)).text, (await officer.get(f"{here}/print")).text):
        for expected in ("需减少 20", "谈了研发费用归集", "缺高级工程师", "研发奖补", "20.5", "成长路线图"):
            assert expected in page, expected


#: Path, what was typed, what the page says about it.
INCOMPLETE: list[tuple[str, dict[str, str], str]] = [
    ("visits", {"visited_on": "2099-01-01", "visitors": "王敏", "content": "x"}, "在今天之后"),
    ("visits", {"visited_on": "2026-01-01", "visitors": "王敏", "content": " "}, "请写明谈了什么"),
    ("actions", {"content": "缺人", "owner": ""}, "请写明由谁负责办理"),
    ("actions", {"content": "缺人", "owner": "科", "due_on": "明天"}, "不是日期"),
    ("policies", {"policy": "奖补", "enjoyed_on": "2026-01-01", "amount": "二十"}, "不是数字"),
    ("policies", {"policy": "奖补", "enjoyed_on": "2026-01-01", "amount": "0.0000001"}, "最多六位小数"),
    ("steps", {"title": "", "due_on": "2026-12-31"}, "请写明步骤"),
    ("plan", {"programme": "tech_sme"}, "请勾选要列入的步骤"),
    ("visits", {"visited_on": "1926-01-01", "visitors": "王敏", "content": "x"}, "太早，请核对年份"),
    (
        "visits",
        {"visited_on": "2026-01-01", "visitors": "王敏", "content": "长" * 4001},
        "写了 4001 个字，最多 4000 个",
    ),
    ("actions", {"content": "缺人", "owner": "科", "raised_on": "2099-01-01"}, "在今天之后"),
    ("actions", {"content": "缺人", "owner": "科", "raised_on": "2026-03-02", "due_on": "2026-03-01"}, "早于提出日期"),
    ("policies", {"policy": "奖补", "enjoyed_on": "2099-01-01"}, "请在享受后登记"),
    ("steps", {"title": "补", "due_on": "2206-12-31"}, "10 年以内"),
    ("steps", {"title": "补", "due_on": "2026-12-31", "officer": "99999"}, "所选责任人不能管理这家企业"),
    ("steps", {"title": "补", "due_on": "2026-12-31", "programme": "nope"}, "没有认定项目“nope”"),
    (
        "plan",
        {"programme": "tech_sme", "pick": "0", "title": "改过的文字", "due_on": "年底", "criterion": "x"},
        ">改过的文字</textarea>",
    ),
]


async def test_what_lacks_something_is_told_and_not_saved(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        await make_firm(owner)
    officer = await client_as("city_officer")
    for path, form, told in INCOMPLETE:
        answer = await officer.post(f"/enterprises/{CODE}/service/{path}", data=form)
        assert (answer.status_code, told in answer.text) == (422, True), (path, form)
    async with owner_unit_of_work(engine) as owner:
        for table in ("service_visit", "service_action", "service_step", "policy_enjoyed"):
            assert await column(owner, f"SELECT id FROM {table}") == []


async def test_two_who_answer_one_problem_at_once_by_page(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        made = await open_action(owner, await make_firm(owner), problem(), by=1)
    path = f"/enterprises/{CODE}/service/actions/{made}"
    form = {"revision": "1", "owner": "规划科", "status": "solved"}
    first, second = await client_as("city_officer"), await client_as("city_officer")
    assert (await first.post(path, data=form | {"answer": "已辅导"})).status_code == 303
    answer = await second.post(path, data=form | {"answer": "我也办了"})
    assert answer.status_code == 409
    assert "我也办了" in answer.text
    async with owner_unit_of_work(engine) as owner:
        assert await column(owner, "SELECT answer FROM service_action") == ["已辅导"]


async def open_step(engine: AsyncEngine) -> str:
    """An open step on the file; gives the address of its form."""
    async with owner_unit_of_work(engine) as owner:
        made = (await plan_steps(owner, await make_firm(owner), [step("补一项发明专利")], by=1))[0]
    return f"/enterprises/{CODE}/service/steps/{made}"


@pytest.mark.parametrize(
    ("wrong", "told", "status"),
    [
        ({"due_on": "月底"}, "“月底”不是日期", 422),
        ({"officer": "99999"}, "所选责任人不能管理这家企业", 422),
        ({"revision": "0"}, "已被他人修改", 409),
    ],
)
async def test_what_was_typed_about_a_step_stays_in_its_own_form(
    client_as: ClientAs, engine: AsyncEngine, wrong: dict[str, str], told: str, status: int
):
    path = await open_step(engine)
    officer = await client_as("city_officer")
    form = {"revision": "1", "status": "done", "due_on": "2026-12-31", "title": "补一项发明专利", "result": "证书已下"}
    answer = await officer.post(path, data=form | wrong)
    assert (answer.status_code, told in answer.text) == (status, True)
    mine = answer.text.split(f'action="{path}"')[1].split("</form>")[0]
    assert 'value="证书已下"' in mine
    assert 'value="done" selected' in mine
    # Whoever saves now has seen the state that holds.
    assert 'name="revision" value="1"' in mine
    async with owner_unit_of_work(engine) as owner:
        assert await column(owner, "SELECT status FROM service_step") == ["open"]


async def test_a_need_keeps_somebody_who_answers_for_it(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        made = await open_action(owner, await make_firm(owner), problem(), by=1)
    officer = await client_as("city_officer")
    form = {"revision": "1", "owner": " ", "status": "in_progress", "answer": "已约税务辅导"}
    answer = await officer.post(f"/enterprises/{CODE}/service/actions/{made}", data=form)
    assert (answer.status_code, "责任单位不能为空" in answer.text, 'value="已约税务辅导"' in answer.text) == (
        422,
        True,
        True,
    )
    async with owner_unit_of_work(engine) as owner:
        assert await column(owner, "SELECT owner FROM service_action") == ["科技局规划科"]


async def test_a_policy_noted_by_mistake_is_taken_back_and_who_did_so_is_known(
    client_as: ClientAs, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as owner:
        made = await note_policy(owner, await make_firm(owner), PolicyDraft("研发奖补", "", date(2026, 2, 1)), by=1)
    officer = await client_as("city_officer")
    path = f"/enterprises/{CODE}/service/policies/{made}/withdraw"
    assert "撤回这一条" in (await officer.get(f"/enterprises/{CODE}/service")).text
    assert (await officer.post(path)).status_code == 303
    page = (await officer.get(f"/enterprises/{CODE}/service")).text
    assert ("撤回这一条" in page, "撤回误登的政策：2026-02-01 研发奖补" in page) == (False, True)
    assert (await officer.post(path)).status_code == 404


async def test_the_second_who_corrects_a_visit_is_told_and_may_correct_the_correction(
    client_as: ClientAs, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as owner:
        number = await make_firm(owner)
        visit = VisitDraft(date(2026, 3, 2), "on_site", "王敏", "张总", "谈研发归集")
        first = await note_visit(owner, number, visit, by=1)
        again = await note_visit(owner, number, replace(visit, content="谈人才", corrects_id=first), by=1)
    officer = await client_as("city_officer")
    form = {"visited_on": "2026-03-02", "visitors": "王敏", "content": "谈的是用地", "corrects": str(first)}
    answer = await officer.post(f"/enterprises/{CODE}/service/visits", data=form)
    assert (answer.status_code, "已有人更正过" in answer.text, "谈的是用地" in answer.text) == (409, True, True)
    answer = await officer.post(f"/enterprises/{CODE}/service/visits", data=form | {"corrects": str(again)})
    assert answer.status_code == 303
    page = (await officer.get(f"/enterprises/{CODE}/service")).text
    assert [page.index(words) for words in ("谈的是用地", "更正以前（2）", "谈人才", "谈研发归集")] == sorted(
        page.index(words) for words in ("谈的是用地", "更正以前（2）", "谈人才", "谈研发归集")
    )


async def test_what_changed_hands_names_people_and_no_numbers(client_as: ClientAs, engine: AsyncEngine):
    path = await open_step(engine)
    officer = await client_as("city_officer")
    async with owner_unit_of_work(engine) as owner:
        ((number, name),) = (await owner.execute(text("SELECT id, name FROM person ORDER BY id DESC LIMIT 1"))).all()
    form = {"revision": "1", "status": "open", "due_on": "", "officer": str(number)}
    assert (await officer.post(path, data=form)).status_code == 303
    assert f"责任人：（空） → {name}" in (await officer.get(f"/enterprises/{CODE}/service")).text


async def test_another_districts_officer_finds_no_service_file(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        await make_firm(owner)
    assert (
        await (await client_as("district_officer", "321283")).get(f"/enterprises/{CODE}/service")
    ).status_code == 404


async def test_the_form_that_a_link_names_stands_open(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        await make_firm(owner)
    officer = await client_as("district_officer", "321282")
    here = f"/enterprises/{CODE}/service"
    assert '<details class="adding" open>' not in (await officer.get(here)).text
    page = (await officer.get(f"{here}?write=visit")).text
    assert page.count('<details class="adding" open>') == 1
    assert page.index('<details class="adding" open>') > page.index('id="visits"')


async def test_what_was_done_is_said_in_the_part_of_the_page_it_is_about(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        await make_firm(owner)
    officer = await client_as("district_officer", "321282")
    visit = {"visited_on": today().isoformat(), "visitors": "王敏", "content": "谈了研发"}
    answer = await officer.post(f"/enterprises/{CODE}/service/visits", data=visit)
    page = (await officer.get(answer.headers["location"])).text
    assert answer.headers["location"].endswith("#visits")
    assert page.index('id="visits"') < page.index("已记下走访。") < page.index('id="policies"')


async def test_what_is_overdue_says_by_how_many_days(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        number = await make_firm(owner)
        await plan_steps(owner, number, [step("补专利", days=-3), step("补审计", days=4)], by=1)
    officer = await client_as("district_officer", "321282")
    page = (await officer.get(f"/enterprises/{CODE}/service")).text
    assert "已过 3 天" in page
    assert "还有 4 天" in page


async def test_the_plan_begins_with_the_pool_the_enterprise_falls_short_of(client_as: ClientAs, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        number = await make_firm(owner, GOOD | {"employee_total": 520})
        await enter(owner, "tech_sme", YEAR, [number], by=1)
    officer = await client_as("district_officer", "321282")
    page = (await officer.get(f"/enterprises/{CODE}/service/plan")).text
    assert '<option value="tech_sme" selected>' in page
    assert "需减少 20" in page
