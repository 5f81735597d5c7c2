"""Staff add a plan and revise one: versions, workbook, and what can be counted at once."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day
from backend.plans import plan_book, versions
from backend.plans.bulletin import bulletin, quarter_of
from backend.plans.documents import plan_named, plans, plans_of_files, target_named
from backend.plans.rollup import roll_up
from backend.plans.settled import settled
from backend.subregisters.layouts import write_sheet
from rules.plan import CountHolders, Plan, TargetClass
from tests.backend.conftest import ClientAs
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle

HEAD = {
    "id": "P100", "title": "泰州市企业培育三年行动计划", "status": "draft", "horizon": [2028], "lead_body": "市科技局",
    "territory": {"code": "321200", "name": "泰州市"},
}  # fmt: skip
LINE = {
    "name": "高新技术企业", "printed": "高新技术企业达3000家", "cite": "二、目标", "indicator": "hnte_valid_count", "op": "≥", "value": 3000,
    "unit": "家", "year": 2028, "basis": "有效数",
}  # fmt: skip


def book(*lines: dict[str, Any]) -> bytes:
    columns = plan_book.COLUMNS
    return write_sheet("目标", "", columns, [[line.get(column.name) for column in columns] for line in lines])


def document(*lines: dict[str, Any]) -> versions.Document:
    read = plan_book.read_targets(book(*lines), "目标.xlsx", "P100")
    assert read.troubles == []
    return HEAD | {"targets": read.targets}


async def keep(session: AsyncSession, *lines: dict[str, Any], based_on: int | None = None) -> Plan:
    await versions.keep(session, document(*lines), based_on=based_on)
    return plan_named("P100")


async def test_a_plan_that_staff_wrote_is_counted_like_any_other(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise())
    await keep(session, LINE)
    plan, target = target_named("T100-01")
    assert (plan.title, target.target_text) == (HEAD["title"], "≥ 3000 家")
    day = date(2026, 6, 30)
    assert (await roll_up(session, [target], [day])).of(target, day).value == 1


async def test_a_line_of_an_unknown_indicator_is_a_figure_to_be_reported(session: AsyncSession):
    plan = await keep(
        session, LINE, LINE | {"name": "技术经纪人", "indicator": None, "basis": "累计", "reported_by": "市科技局"}
    )
    assert [one.target_class for one in plan.targets] == [TargetClass.REGISTRY, TargetClass.ENTERED]


async def test_an_indicator_is_known_by_its_chinese_name_too(session: AsyncSession):
    plan = await keep(session, LINE | {"indicator": "省级以上专精特新企业"})
    count = plan.targets[0].count
    assert isinstance(count, CountHolders)
    assert set(count.holds) == {"srdi_sme", "little_giant"}


async def test_an_x_is_not_set_and_a_narrative_has_no_number(session: AsyncSession):
    plan = await keep(
        session,
        LINE | {"op": "未设（X）", "value": "X"},
        LINE | {"name": "氛围", "op": "定性", "value": None, "indicator": None},
    )
    assert [one.target_class for one in plan.targets] == [TargetClass.NOT_SET, TargetClass.NARRATIVE]
    assert plan.targets[0].target_text == "未设目标"


async def test_what_comes_out_of_a_plan_goes_in_unchanged(session: AsyncSession):
    for name, plan in plans_of_files().items():
        _, before = await versions.document_of(session, name)
        read = plan_book.read_targets(plan_book.targets_workbook(plan), "目标.xlsx", name, before)
        assert read.troubles == [], name
        after = versions.check({**before, "targets": read.targets})
        changed = [
            one.id
            for one in plan.targets
            if after.by_id[one.id].value != one.value or after.by_id[one.id].count != one.count
        ]
        assert changed == [], name


async def test_a_revision_is_a_new_version_and_the_old_one_can_be_had_again(session: AsyncSession):
    await keep(session, LINE)
    await keep(session, LINE | {"value": 3200}, based_on=1)
    assert [one.number for one in await versions.versions_of(session, "P100")] == [2, 1]
    old = await versions.version_named(session, "P100", 1)
    assert [str(one.value) for one in (old.targets[0], plan_named("P100").targets[0])] == ["3000", "3200"]


async def test_a_plan_of_the_program_is_revised_without_touching_its_file(session: AsyncSession):
    number, before = await versions.document_of(session, "P000")
    await versions.keep(session, {**before, "status": "issued", "number": "泰政发〔2026〕1号"}, based_on=number)
    assert (plan_named("P000").status.value, plans_of_files()["P000"].status.value) == ("issued", "draft")
    assert [one.number for one in await versions.versions_of(session, "P000")] == [1, 0]


async def revised(session: AsyncSession) -> None:
    """P000 asks for 3,000 instead of 2,700 high-tech enterprises since May 2026."""
    number, before = await versions.document_of(session, "P000")
    first, *rest = before["targets"]
    await versions.keep(session, {**before, "targets": [{**first, "value": 3000}, *rest]}, based_on=number)
    await session.execute(text("UPDATE plan_version SET recorded_at = '2026-05-06T08:00Z' WHERE plan = 'P000'"))


async def test_a_plan_is_known_as_it_stood_at_a_moment(session: AsyncSession):
    await revised(session)
    await keep(session, LINE)
    for day, wanted in ((date(2026, 5, 5), 2700), (date(2026, 5, 6), 3000)):
        await versions.know_plans(session, end_of_day(day))
        assert plan_named("P000").by_id["T000-01"].value == wanted
        assert "P100" in plans()


async def test_a_revision_in_may_leaves_the_march_bulletin_as_it_was(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise())
    await revised(session)
    march = await bulletin(session, plan_named("P000"), quarter_of("2026Q1"), today=date(2026, 8, 1))
    june = await bulletin(session, plan_named("P000"), quarter_of("2026Q2"), today=date(2026, 8, 1))
    assert [one.lines[0].target.value for one in (march, june)] == [2700, 3000]
    assert "其后修订（现行第 1 版）不影响这里的数" in "".join(march.notes)
    assert not any("现行第 1 版" in one for one in june.notes)


async def test_who_revises_an_old_version_is_told_that_another_came_first(session: AsyncSession):
    await keep(session, LINE)
    await keep(session, LINE | {"value": 3200}, based_on=1)
    with pytest.raises(versions.PlanMeanwhile, match="现在是第 2 版"):
        await keep(session, LINE | {"value": 3300}, based_on=1)


async def test_a_target_that_a_check_needs_cannot_be_taken_out(session: AsyncSession):
    number, before = await versions.document_of(session, "P000")
    rest = [one for one in before["targets"] if one["id"] != "T000-06"]
    with pytest.raises(versions.PlanInvalid, match="T000-06"):
        await versions.keep(session, {**before, "targets": rest}, based_on=number)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"value": "约3000"}, "请改为数字"),
        ({"value": None}, "没有填写"),
        ({"op": "大概"}, "应为≥"),
        ({"basis": "很多"}, "有效数"),
        ({"indicator": "不存在的指标"}, "不是已有的指标"),
        ({"op": "未设（X）", "value": 5}, "目标值应留空"),
        ({"year": "明年"}, "四位年份"),
    ],
)
def test_a_target_that_cannot_be_parsed_is_told_with_its_row(line: dict[str, Any], told: str):
    read = plan_book.read_targets(book(LINE, LINE | {"name": "另一项"} | line), "目标.xlsx", "P100")
    assert [one.row for one in read.troubles] == [4]
    assert told in read.troubles[0].text


async def test_a_programme_that_nobody_knows_is_refused(session: AsyncSession):
    written = document(LINE)
    written["targets"][0]["count"] = {"holds": ["hnt"]}
    with pytest.raises(versions.PlanInvalid, match="没有认定项目 hnt"):
        await versions.keep(session, written, based_on=None)


async def test_one_plan_does_not_show_up_in_another_database(session: AsyncSession):
    await versions.know_plans(session)
    assert "P100" not in plans()


# --- Pages -----------------------------------------------------------------------------------------------


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


FORM = {
    "title": "泰州市企业培育三年行动计划",
    "status": "draft",
    "horizon": "2028",
    "territory": "321200",
    "lead_body": "市科技局",
}


async def test_a_plan_is_added_revised_and_restored_on_pages(officer: AsyncClient):
    assert "目标表" in (await officer.get("/plans/new")).text
    assert (await officer.get("/plans/targets.xlsx")).content[:2] == b"PK"
    files = {"file": ("目标.xlsx", book(LINE))}
    made = await officer.post("/plans/new", data=FORM, files=files)
    assert made.status_code == 303, made.text
    assert "泰州市企业培育三年行动计划" in (await officer.get("/plans")).text
    assert "T100-01" in (await officer.get("/plans/P100")).text
    form = {**LINE, "op": ">=", "basis": "stock", "value": "3200", "based_on": "1"}
    revised = await officer.post("/plans/P100/edit/targets/T100-01", data=form)
    assert revised.status_code == 303, revised.text
    assert "≥ 3200 家" in (await officer.get("/plans/P100/edit")).text
    assert "≥ 3000 家" in (await officer.get("/plans/P100/versions/1")).text
    assert (await officer.post("/plans/P100/versions/1", data={"based_on": "2"})).status_code == 303
    targets = (await officer.get("/api/v1/plans/P100/targets")).json()
    assert (targets[0]["id"], targets[0]["target"]) == ("T100-01", 3000)
    stale = await officer.post("/plans/P100/edit/targets/T100-01", data=form)
    assert stale.status_code == 409
    assert 'value="3200"' in stale.text
    assert 'name="based_on" value="3"' in stale.text
    assert "您填的内容仍保留在下面" in stale.text


async def test_a_plan_without_a_year_is_refused_and_nothing_typed_is_lost(officer: AsyncClient):
    files = {"file": ("目标.xlsx", book(LINE))}
    answer = await officer.post("/plans/new", data=FORM | {"horizon": "三年内"}, files=files)
    assert answer.status_code == 422
    assert "请填四位年份" in answer.text
    assert 'value="三年内"' in answer.text
    assert "P100" not in (await officer.get("/plans")).text


async def test_the_head_and_all_targets_of_a_plan_are_revised(officer: AsyncClient):
    head = FORM | {
        "title": "泰州市推进产业科创强市建设行动方案",
        "horizon": "2027",
        "status": "issued",
        "based_on": "0",
    }
    assert (await officer.post("/plans/P000/edit", data=head)).status_code == 303
    assert "已印发" in (await officer.get("/plans/P000")).text
    workbook = (await officer.get("/plans/P000/targets.xlsx")).content
    answer = await officer.post(
        "/plans/P000/edit/targets", data={"based_on": "1"}, files={"file": ("a.xlsx", workbook)}
    )
    assert answer.status_code == 303, answer.text
    bad = await officer.post(
        "/plans/P000/edit/targets", data={"based_on": "2"}, files={"file": ("a.xlsx", book(LINE | {"value": "约"}))}
    )
    assert bad.status_code == 422
    assert "第 3 行" in bad.text


async def test_a_plan_needs_a_name_and_its_targets_no_more_words_than_a_page_holds(officer: AsyncClient):
    head = {"title": " ", "horizon": "2027", "territory": "321200"}
    nameless = await officer.post("/plans/new", data=head, files={"file": ("a.xlsx", book(LINE))})
    assert nameless.status_code == 422
    assert "请填写规划名称" in nameless.text
    wordy = await officer.post(
        "/plans/new", data=head | {"title": "试验"}, files={"file": ("a.xlsx", book(LINE | {"note": "长" * 10_000}))}
    )
    assert wordy.status_code == 422
    assert "共 10000 个字，最多 1000 个字" in wordy.text
    assert "长" * 100 not in wordy.text


def test_a_target_without_a_year_is_one_of_every_year_only_where_it_is_annual():
    for basis, told in (("stock", "原文未印年份"), ("annual", "每年")):
        (made,) = plan_book.read_targets(book({**LINE, "year": None, "basis": basis}), "a.xlsx", "P100").targets
        assert made["year_note"] == told


async def test_a_target_that_does_not_fit_its_plan_is_shown_again_as_typed(officer: AsyncClient):
    page = await officer.get("/plans/P000/edit/targets/T000-06")
    assert page.status_code == 200
    form = {"name": "累计招引重点科创项目", "printed": "四百五十个", "cite": "二", "op": "range", "value": "450", "basis": "cumulative",
            "unit": "个", "year": "2027", "based_on": "0"}  # fmt: skip
    answer = await officer.post("/plans/P000/edit/targets/T000-06", data=form)
    assert answer.status_code == 422
    assert "区间目标须填上限" in answer.text
    assert "四百五十个" in answer.text


async def test_whose_word_the_numerator_takes_is_settled_on_the_page(officer: AsyncClient):
    page = "/plans/P000/targets/T000-07"
    assert "按台账和企业填报（原文未说，默认" in (await officer.get(page)).text
    asked = await officer.get("/plans/P000/edit/targets/T000-07")
    assert "分子口径（原文未说）" in asked.text
    form = {"name": "链内规模以上工业企业研发机构覆盖率", "printed": "链内规模以上工业企业研发机构覆盖率85%以上", "cite": "二、总体目标",
            "indicator": "chain_rd_institution_coverage", "op": ">=", "value": "85", "unit": "%", "year": "2027",
            "basis": "ratio", "numerator": "statistical", "based_on": "0"}  # fmt: skip
    assert (await officer.post("/plans/P000/edit/targets/T000-07", data=form)).status_code == 303
    shown = (await officer.get(page)).text
    assert re.search(r"按研发统计（原文未说；\S+ \d{4}-\d\d-\d\d 第 1 版选定）", shown)
    assert "分子按研发统计" in (await officer.get("/plans/P000")).text
    targets = {one["id"]: one for one in (await officer.get("/api/v1/plans/P000/targets")).json()}
    assert targets["T000-07"]["numerator"] == "statistical"


def test_a_numerator_is_no_word_for_another_target():
    read = plan_book.read_targets(book(LINE | {"numerator": "按研发统计"}), "目标.xlsx", "P100")
    assert [(one.column, "覆盖率" in one.reason) for one in read.troubles] == [("分子口径", True)]


async def test_how_near_is_about_can_be_settled(session: AsyncSession):
    line = {"name": "研发投入占比", "printed": "研发投入占比2.85%左右", "cite": "二", "op": "≈", "value": "2.85", "unit": "%", "year": 2028,
            "basis": "比重", "reported_by": "统计局"}  # fmt: skip
    plan = await keep(session, line)
    assert plan.targets[0].is_met(Decimal("2.85")) is None
    plan = await keep(session, line | {"tolerance": "0.05"}, based_on=1)
    (target,) = plan.targets
    assert (target.is_met(Decimal("2.80")), target.is_met(Decimal("2.79"))) == (True, False)
    assert target.target_text == "≈ 2.85 %（容差 ±0.05）"
    ((name, told),) = await settled(session, plan, target)
    assert (name, told[:7], "第 2 版选定" in told) == ("容差", "±0.05 %", True)


async def test_a_district_does_not_edit_plans(client_as: ClientAs):
    district = await client_as("district_officer", region="321202")
    for page in ("/plans/new", "/plans/P000/edit", "/plans/P000/edit/targets/new"):
        assert (await district.get(page)).status_code == 403
    assert "修订" not in (await district.get("/plans/P000")).text
