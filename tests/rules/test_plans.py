"""The plan files: every printed target as it is printed, and what the plans' numbers do not agree on."""

from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from rules.catalogue import load_catalogue
from rules.plan import (
    Basis,
    Body,
    CountByFigure,
    CountHolders,
    CountInstitutions,
    CountRegister,
    Mode,
    MultipleOfCount,
    Op,
    Plan,
    Reported,
    ShareOfEnterprises,
    Status,
    Target,
    TargetClass,
    Window,
    read_bodies,
)
from rules.plan_files import (
    PLANS_FOLDER,
    load_plan,
    load_plans,
    load_registers,
    programmes_counted,
)
from rules.plan_findings import Finding, Kind, consistency_findings
from rules.plan_problems import PlanError
from tests.shared_data import shared_data

PLANS = load_plans()
TARGETS = {target.id: target for plan in PLANS.values() for target in plan.targets}
FINDINGS = {finding.id: finding for finding in consistency_findings(PLANS)}


def printed_text(plan: Plan) -> str:
    """The text of the document itself."""
    return next(shared_data("../seeds").glob(f"{plan.id[1:]}_*.txt")).read_text(encoding="utf-8")


# --- What stands in the files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "targets"), [("P000", 33), ("P001", 31), ("P002", 10), ("P003", 34), ("P004", 37)])
def test_every_printed_target_of_a_plan_is_there(plan: str, targets: int):
    assert len(PLANS[plan].targets) == targets


def test_all_plans_together_print_145_targets():
    assert len(TARGETS) == 145


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ("P000", Status.DRAFT),
        ("P001", Status.DRAFT_FOR_APPROVAL),
        ("P002", Status.ISSUED),
        ("P003", Status.EXPIRED),
        ("P004", Status.CONSULTATION_DRAFT),
    ],
)
def test_a_plan_says_how_far_the_document_got(plan: str, status: Status):
    assert PLANS[plan].status is status


def test_a_plan_of_2020_is_past_from_the_first_day_of_2021():
    assert [PLANS["P002"].is_past(on) for on in (date(2020, 12, 31), date(2021, 1, 1))] == [False, True]


def test_each_target_belongs_to_the_territory_of_its_plan():
    regions = {target.plan_id: target.region for target in TARGETS.values()}
    assert regions == {
        "P000": "321200",
        "P001": "320706",
        "P002": "321200",
        "P003": "321200",
        "P004": "321200",
    }


def test_marks_within_a_title_become_single_ones():
    assert load_plans()["P003"].named == "《〈关于实施创新驱动发展战略打造区域创新生态示范区的意见〉工作任务分解方案》"


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_every_citation_stands_in_the_document_letter_by_letter(plan: Plan):
    text = printed_text(plan)
    cited = [(entry.id, entry.printed) for entry in (*plan.targets, *plan.duties)]
    cited += [(task.id, task.text) for task in plan.tasks]
    assert [entry for entry, words in cited if words not in text] == []


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_every_number_of_a_target_stands_in_its_citation(plan: Plan):
    spelled = {"T002-03", "T003-G6a", "T003-36", "T004-11", "T004-20n"}  # 全覆盖, 翻番, 百名, 过万亿, 每个
    spelled |= {"T001-04", "T003-21", "T003-23", "T003-28"}  # 首位, 十大
    missing = [
        target.id
        for target in plan.targets
        if target.value is not None and str(target.value) not in target.printed and target.id not in spelled
    ]
    assert missing == []


def test_an_x_stays_not_set():
    placeholders = [target for target in TARGETS.values() if target.target_class is TargetClass.NOT_SET]
    assert len(placeholders) == 18
    assert {target.plan_id for target in placeholders} == {"P000"}
    assert all(target.value is None and target.placeholder for target in placeholders)


def test_nothing_is_a_share_of_an_x():
    target = TARGETS["T000-04"]
    assert (target.share(5), target.is_met(5), target.proportional) == (None, None, False)
    assert target.target_text == "未设目标"


def test_a_narrative_gets_no_number():
    target = TARGETS["T001-08"]
    assert (target.value, target.words, target.is_met(100)) == (None, "基本覆盖", None)


# --- Operators --------------------------------------------------------------------------------------------------


def test_over_a_thousand_does_not_include_a_thousand():
    target = TARGETS["T001-29"]
    assert (target.op, target.is_met(1000), target.is_met(1001)) == (Op.MORE_THAN, False, True)


def test_2700_and_more_includes_2700():
    target = TARGETS["T000-01"]
    assert (target.is_met(2699), target.is_met(2700)) == (False, True)


def test_a_share_of_just_under_the_target_is_not_rounded_up():
    target = TARGETS["T000-18"]
    assert target.value == Decimal("2.9")
    assert target.is_met(Fraction(29, 10)) is True
    assert target.is_met(Fraction(28999999999999999, 10**16)) is False


def test_about_is_not_judged_without_a_tolerance():
    target = TARGETS["T004-04"]
    assert target.is_met(Decimal("2.85")) is None
    assert target.is_met(Decimal("2.80"), tolerance=Decimal("0.05")) is True
    assert target.is_met(Decimal("2.79"), tolerance=Decimal("0.05")) is False


def test_a_range_is_reached_at_its_lower_end_and_not_left_above():
    target = TARGETS["T003-12b"]
    assert (target.value, target.upper) == (2, 3)
    assert [target.is_met(found) for found in (1, 2, 3, 4)] == [False, True, True, True]


def test_the_first_place_is_met_by_the_first_only():
    target = TARGETS["T001-04"]
    assert [target.is_met(place) for place in (1, 2)] == [True, False]
    assert target.share(1) is None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("T000-29", "> 100 个"),
        ("T003-G7a", "3–5 个"),
        ("T003-G7b", "≈ 1000 名"),
        ("T001-04", "第 1 位"),
        ("T003-36", "≥ 100 名（精英企业家、新生代企业家、科技企业家分别计）"),
    ],
)
def test_a_target_reads_as_people_write_it(target: str, text: str):
    assert TARGETS[target].target_text == text


def test_soft_words_are_kept_beside_the_comparison():
    target = TARGETS["T004-14"]
    assert (target.soft_word, target.op, target.is_met(1800)) == ("力争", Op.AT_LEAST, True)


# --- Basis ------------------------------------------------------------------------------------------------------


def test_progress_in_time_applies_to_yearly_targets_and_to_no_printed_accumulation():
    # No plan prints the first day of an accumulation, so only the yearly targets can be held against the calendar.
    assert {target.basis for target in TARGETS.values() if target.proportional} == {Basis.ANNUAL}


def test_an_accumulation_with_a_first_day_can_be_held_against_the_calendar():
    dated = TARGETS["T000-06"].model_copy(update={"since": date(2025, 1, 1)})
    assert dated.proportional


def test_an_unresolved_basis_is_not_prorated():
    target = TARGETS["T000-33"]
    assert (target.basis, target.proportional, target.year) == (Basis.UNRESOLVED, False, None)


@pytest.mark.parametrize(
    ("target", "window"),
    [("T000-01", Window.ON_DAY), ("T004-26", Window.IN_YEAR), ("T003-14", Window.SINCE)],
)
def test_the_basis_says_which_dates_are_counted(target: str, window: Window):
    assert TARGETS[target].window is window


# --- What is counted --------------------------------------------------------------------------------------------


def test_every_target_of_class_r_or_s_says_what_is_counted():
    counted = [t for t in TARGETS.values() if t.target_class.value in "RS"]
    assert [t.id for t in counted if t.count is None or isinstance(t.count, Reported)] == []


def test_the_classes_are_those_of_the_dossier():
    classes = Counter(target.target_class.value for target in TARGETS.values())
    assert classes == {"E": 51, "S": 43, "R": 27, "X": 18, "N": 6}


def test_specialised_enterprises_are_counted_over_both_titles():
    count = TARGETS["T000-02"].count
    assert isinstance(count, CountHolders)
    assert (count.holds, count.mode) == (("srdi_sme", "little_giant"), Mode.IN_FORCE)


def test_lists_of_editions_offer_both_modes_and_say_which_is_used():
    count = TARGETS["T000-03"].count
    assert isinstance(count, CountHolders)
    assert (count.mode, count.modes) == (Mode.CURRENT_LIST, (Mode.CURRENT_LIST, Mode.EVER))
    assert count.note


def test_coverage_takes_enterprises_on_both_sides():
    count = TARGETS["T000-07"].count
    assert isinstance(count, ShareOfEnterprises)
    assert (count.share_of.in_chain, count.share_of.above_scale_industrial) == (True, True)
    assert "engineering_technology_research_centre" in count.having.types


def test_ten_billion_is_read_in_fen():
    count = TARGETS["T004-25"].count
    assert isinstance(count, CountByFigure)
    assert count.at_least == 100 * 10**8 * 100


def test_every_figure_that_is_counted_by_stands_in_the_catalogue():
    catalogue = load_catalogue()
    figures = [t.count.figure for t in TARGETS.values() if isinstance(t.count, CountByFigure)]
    assert [catalogue.indicator(figure) is not None for figure in figures] == [True]


def test_a_doubling_without_a_printed_base_has_none():
    count = TARGETS["T003-G6a"].count
    assert isinstance(count, MultipleOfCount)
    assert (count.base_year, count.base_value) == (None, None)


def test_a_group_of_institutions_is_spread_over_its_types():
    count = TARGETS["T001-07"].count
    assert isinstance(count, CountInstitutions)
    assert "enterprise_rd" not in count.institutions.types
    assert "enterprise_technology_centre" in count.institutions.types
    assert "academician_station" not in count.institutions.types


def test_served_enterprises_are_counted_once_each():
    count = TARGETS["T001-21"].count
    assert isinstance(count, CountRegister)
    assert count.distinct == "enterprise"


def test_the_programmes_that_a_plan_counts_can_be_listed():
    assert programmes_counted(PLANS["P001"]) == {"tech_sme", "hnte"}


# --- Who answers for it -----------------------------------------------------------------------------------------


def test_a_lead_is_known_only_where_it_is_printed():
    bodies = [(plan.id, body) for plan in PLANS.values() for t in plan.targets for body in t.bodies]
    assert {plan for plan, body in bodies if body.lead} == {"P003"}
    assert {body.lead for plan, body in bodies if plan != "P003"} == {None}


def test_goals_of_p003_have_bodies_and_no_lead():
    assert TARGETS["T003-G6b"].bodies == (
        Body(name="市科技局", full_name="市科技局"),
        Body(name="经信委", full_name="市经信委"),
    )


def test_a_zone_can_be_the_lead():
    task = next(task for task in PLANS["P003"].tasks if task.id == "P003-03")
    assert task.lead is not None
    assert task.lead.full_name == "医药高新区"
    assert [body.full_name for body in task.bodies[1:]] == ["市发改委", "市科技局", "市食药监局"]


def test_p003_has_75_tasks_and_each_has_one_lead():
    tasks = PLANS["P003"].tasks
    assert [task.id for task in tasks] == [f"P003-{number:02}" for number in range(1, 76)]
    assert {sum(body.lead is True for body in task.bodies) for task in tasks} == {1}


def test_bodies_of_a_merged_cell_are_marked_as_inferred():
    inferred = {task.id for task in PLANS["P003"].tasks if all(body.inherited for body in task.bodies)}
    numbers = (28, 33, 35, 47, 50, 51, 52, 57)
    assert inferred == {f"P003-{number}" for number in numbers}


def test_the_two_finance_bureaus_of_one_list_stay_apart():
    names = [body.full_name for body in TARGETS["T001-14"].bodies]
    assert names == [
        "区科技局",
        "区财政局",
        "区税务局",
        "高新区科经局",
        "高新区财政局",
        "高新区双创中心",
    ]


def test_places_and_courts_take_no_prefix():
    names = [body.full_name for body in read_bodies("△市科技局、公安局、法院、检察院、泰兴市、各市(区)", "市")]
    assert names == ["市科技局", "市公安局", "法院", "检察院", "泰兴市", "各市(区)"]


def test_a_name_that_begins_like_a_prefix_is_a_bureau_of_the_district():
    names = [body.full_name for body in read_bodies("区科技局、市场监管局", "区")]
    assert names == ["区科技局", "区市场监管局"]


# --- The chain table --------------------------------------------------------------------------------------------


def test_the_30_chains_stand_with_their_three_years():
    chains = PLANS["P004"].chains
    assert len(chains) == 30
    assert chains[0].values == {2024: Decimal("177.6"), 2027: Decimal(206), 2030: Decimal(254)}


def test_every_chain_stands_in_the_annex_with_its_figures():
    lines = [line.strip() for line in printed_text(PLANS["P004"]).splitlines()]
    for number, chain in enumerate(PLANS["P004"].chains, 1):
        name = f"{chain.name}（{chain.detail}）" if chain.detail else chain.name
        figures = [str(value) for _, value in sorted(chain.values.items())]
        at = next(i for i, line in enumerate(lines) if line == str(number) and lines[i + 1] == name)
        assert lines[at + 2 : at + 5] == figures


# --- The consistency report -------------------------------------------------------------------------------------


def finding(name: str) -> Finding:
    return FINDINGS[name]


def test_no_finding_is_reported_twice():
    assert len(FINDINGS) == len(consistency_findings(PLANS))


@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        ("T000-01", "T004-28", ("≥ 2700 家", "≥ 2400 家")),
        ("T000-02", "T004-09", ("≥ 1000 家", "≥ 900 家")),
        ("T000-18", "T004-04", ("≥ 2.9 %", "≈ 2.85 %")),
    ],
)
def test_two_plans_with_different_numbers_contradict(first: str, second: str, values: tuple[str, str]):
    found = finding(f"contradiction:{first}+{second}")
    assert found.agrees is False
    assert all(value in found.explanation for value in values)


def test_a_contradiction_cites_both_plans():
    first, second = finding("contradiction:T000-01+T004-28").citations
    assert first == "《泰州市推进产业科创强市建设行动方案》（草稿）二、总体目标：“国家高新技术企业2700家以上”"
    assert second.startswith("《泰州市重点产业链培育提升行动方案》（征求意见稿）三、（三）")


def test_only_the_three_known_indicators_contradict():
    assert sum(found.kind is Kind.CONTRADICTION for found in FINDINGS.values()) == 3


def test_forty_reaches_one_print_and_not_the_stricter_one():
    found = finding("stricter_repeat:T001-11+T001-30")
    assert "恰为 40 亿元时，T001-11 达到而 T001-30 未达到" in found.explanation


def test_a_repeat_inside_a_plan_is_no_contradiction():
    assert finding("repeat:T001-06+T001-15").agrees is True


def test_plans_that_say_the_same_agree():
    assert finding("agreement:T002-01+T003-25a").agrees is True


def test_the_wider_basket_is_told_from_the_narrower():
    names = {"js_sci_leading": "省科技领军企业", "js_innovative_leading": "创新型领军企业"}
    names["js_leading"] = "创新型领军企业（2022 年）"
    found = {f.id: f for f in consistency_findings(PLANS, names)}["different_basket:T000-03+T004-27"]
    assert "多计 创新型领军企业、创新型领军企业（2022 年）、省科技领军企业；" in found.explanation
    assert "T004-27 达到则 T000-03 也达到，反之不然" in found.explanation


@pytest.mark.parametrize(("year", "total"), [(2024, "6113"), (2027, "7452"), (2030, "9031")])
def test_the_rows_of_the_annex_add_up_to_its_printed_total(year: int, total: str):
    found = finding(f"arithmetic:P004:T004-C31:{year}")
    assert found.agrees is True
    assert f"30 条链相加 {total} 亿元" in found.explanation


def test_the_annex_stays_48_below_the_headline_of_7500():
    found = finding("arithmetic:P004:T004-C31:T004-01")
    assert found.agrees is False
    assert "合计 2027 年 7452 亿元" in found.explanation
    assert "附件减正文 -48 亿元" in found.explanation


def test_ten_thousand_in_the_annex_is_not_over_ten_thousand_in_the_text():
    assert finding("arithmetic:P004:T004-C32:T004-11").agrees is False


def test_the_share_of_above_scale_industry_is_worked_out_of_8510():
    found = finding("arithmetic:P004:share:T004-02")
    assert found.agrees is True
    assert "8510 亿元，占 87.6%" in found.explanation


@pytest.mark.parametrize(
    ("key", "rows", "agrees"),
    [
        ("sector1:T004-12", "1410", False),
        ("sector2:T004-13", "1000", True),
        ("sector3:T004-14", "1786", False),
        ("sector4:T004-15", "2615", True),
        ("sector5:T004-16", "519", True),
        ("sector6:T004-17", "122", True),
    ],
)
def test_the_rows_of_a_sector_are_held_against_its_target(key: str, rows: str, agrees: bool):
    found = finding(f"arithmetic:P004:{key}")
    assert (found.agrees, f"{rows} 亿元" in found.explanation) == (agrees, True)


def test_the_sectors_of_the_text_add_up_to_its_headline():
    assert finding("arithmetic:P004:sectors:T004-01").agrees is True


def test_110_projects_a_year_do_not_make_450_by_2027():
    found = finding("arithmetic:T000-31+T000-06")
    assert found.agrees is False
    assert "3 年共 330；差 120，须每年 150" in found.explanation
    assert "4 年共 440；差 10" in found.explanation
    assert "4.091 年" in found.explanation


def test_two_years_of_500_patents_stay_one_short_of_over_1000():
    found = finding("arithmetic:T001-03+T001-29")
    assert (found.agrees, "共 1000；差 1" in found.explanation) == (False, True)


def test_over_200_demonstrations_need_141_before_2025():
    assert "此前须已有 141" in finding("arithmetic:T004-34+T004-08").explanation


@pytest.mark.parametrize(("target", "figure"), [("T004-07", "3.45%"), ("T000-28", "1.1576 倍")])
def test_rates_over_several_years_are_compounded(target: str, figure: str):
    assert figure in finding(f"arithmetic:{target}").explanation


def test_the_report_follows_the_data():
    plan = PLANS["P000"]
    lowered = TARGETS["T000-01"].model_copy(update={"value": Decimal(2400)})
    revised = plan.model_copy(update={"targets": (lowered, *plan.targets[1:])})
    found = {f.id for f in consistency_findings({**PLANS, "P000": revised})}
    assert "agreement:T000-01+T004-28" in found
    assert "contradiction:T000-01+T004-28" not in found


def test_a_plan_alone_is_reported_without_the_others():
    found = consistency_findings({"P001": PLANS["P001"]})
    assert all(target.startswith("T001-") for f in found for target in f.targets)
    assert "stricter_repeat:T001-11+T001-30" in {f.id for f in found}


# --- Files that are refused -------------------------------------------------------------------------------------

GOOD = """
id: P900
title: 某市行动方案
status: draft
horizon: [2027]
territory: {code: "321200", name: 某市}
lead_body: 市科技局
targets:
  - id: T900-01
    name: 高新技术企业
    cite: 二、总体目标
    printed: 高新技术企业10家以上
    indicator: hnte_valid_count
    class: R
    op: ">="
    value: 10
    unit: 家
    year: 2027
    basis: stock
    scope: city
    count: {holds: [hnte]}
"""


def read(folder: Path, text: str) -> Plan:
    path = folder / "some-city-2027.yaml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path)


def test_the_smallest_plan_is_read(tmp_path: Path):
    (target,) = read(tmp_path, GOOD).targets
    assert isinstance(target, Target)
    assert (target.value, target.region) == (10, "321200")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("    value: 10\n", ""), "缺少 value；原文没有数字的写 op: narrative，印 X 的写 placeholder: true"),
        (("    unit: 家\n", ""), "缺少 unit"),
        (("unit: 家", "units: 家"), "缺少 unit"),
        (("value: 10", "value: 约10"), "value 写的是“约10”，应为数字"),
        (("value: 10", "placeholder: true"), "placeholder 与 class: X 应同时写：原文印的是 X 即为未设目标"),
        (('class: R\n    op: ">="', "class: X\n    placeholder: true"), "原文是占位符 X，不得填写 value"),
        (('op: ">="', "op: narrative"), "定性目标（op: narrative）不得填写 value"),
        (('op: ">="', "op: range"), "区间目标（op: range）须写 upper，其他目标不写"),
        (("value: 10", "value: 10\n    upper: 12"), "区间目标（op: range）须写 upper，其他目标不写"),
        (('op: ">="\n    value: 10', "op: range\n    value: 10\n    upper: 9"), "区间上限 9 小于下限 10"),
        (('op: ">="', 'op: "=>"'), "op 写的是“=>”，应为 >=、>、~、range、rank、narrative 之一"),
        (("    year: 2027\n", ""), "没有 year 时须写 year_note，说明原文怎么写"),
        (("basis: stock", "basis: reduction"), "下降类目标须写 baseline 的年份"),
        (("    count: {holds: [hnte]}\n", ""), "class R、S 的目标须写 count，说明数什么"),
        (("class: R", "class: E"), "class E 的目标须写 count: {reported_by: …}"),
        (("{holds: [hnte]}", "{register: patents}"), "没有台账 patents，请用 institutions、platforms、"),
        (
            ("{holds: [hnte]}", "{institutions: {types: [laboratory]}}"),
            "台账 institutions（研发机构）没有类型 laboratory，请改正或先在 registers.yaml 登记",
        ),
        (
            ("{holds: [hnte]}", "{holds: [hnte], mode: ever, modes: [current_list]}"),
            "mode ever 不在可选口径 modes 之内，请补入或改选",
        ),
        (("{holds: [hnte]}", "{figure: revenue, at_least: 100}"), "金额应写成“100亿元”“2000万元”这样的形式"),
        (("{holds: [hnte]}", "{hold: [hnte]}"), "count 要写清数什么，应有且只有其中一个键：holds、"),
    ],
)
def test_a_malformed_target_is_refused_by_file_and_target(tmp_path: Path, change: tuple[str, str], message: str):
    assert change[0] in GOOD
    with pytest.raises(PlanError) as refused:
        read(tmp_path, GOOD.replace(*change))
    assert f"some-city-2027.yaml：目标 T900-01（高新技术企业）：{message}" in str(refused.value)


def test_an_unknown_key_is_named(tmp_path: Path):
    with pytest.raises(PlanError, match="目标 T900-01（高新技术企业）：不认识的键 units，请检查拼写"):
        read(tmp_path, GOOD.replace("unit: 家", "unit: 家\n    units: 家"))


def test_a_key_written_twice_is_refused(tmp_path: Path):
    with pytest.raises(PlanError, match="第 9 行起的同一条目里，键 value 写了两次，请删去其一"):
        read(tmp_path, GOOD.replace("value: 10", "value: 10\n    value: 12"))


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path):
    with pytest.raises(PlanError, match=r"some-city-2027\.yaml：第 \d+ 行附近不是正确的 YAML"):
        read(tmp_path, GOOD + "  - [")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "文件 应为若干“键: 值”"),
        ("只是一句话", "文件 应为若干“键: 值”"),
        ("- 一", "文件 应为若干“键: 值”"),
        ("targets: 7", "targets 应为一列，每条以“- ”开头或写成 [甲, 乙]"),
        ("targets: [7]", "目标第 1 条：这一条 应为若干“键: 值”"),
        ("territory: 泰州市", "territory 应为若干“键: 值”"),
        ("title: 2027", "title 写的是“2027”，应为文字，必要时加引号"),
        ("issued_on: 去年", "issued_on 写的是“去年”，应为日期，如 2027-12-31"),
        ("horizon: []", "horizon 不能为空"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(PlanError) as refused:
        read(tmp_path, text)
    assert f"some-city-2027.yaml：{message}" in str(refused.value).splitlines()


def test_a_plan_without_a_year_is_refused(tmp_path: Path):
    with pytest.raises(PlanError, match=r"some-city-2027\.yaml：缺少 horizon"):
        read(tmp_path, GOOD.replace("horizon: [2027]\n", ""))


def test_two_targets_of_one_id_are_refused(tmp_path: Path):
    target = GOOD[GOOD.index("  - id: T900-01") :]
    with pytest.raises(PlanError, match="编号 T900-01 重复，请改其一"):
        read(tmp_path, GOOD + target)


def test_a_target_of_another_plan_is_refused(tmp_path: Path):
    with pytest.raises(PlanError, match="编号 T901-01 不属于规划 P900"):
        read(tmp_path, GOOD.replace("T900-01", "T901-01"))


def test_a_check_of_an_unknown_target_is_refused(tmp_path: Path):
    read(tmp_path, GOOD + "checks:\n  - {not_comparable: [T900-01, T900-02], why: 不同。}\n")
    with pytest.raises(PlanError, match="规划 P900 的核对项提到不存在的目标 T900-02，请改正"):
        load_plans(tmp_path)


def test_two_files_of_one_plan_are_refused(tmp_path: Path):
    (tmp_path / "other-city-2027.yaml").write_text(GOOD, encoding="utf-8")
    read(tmp_path, GOOD)
    with pytest.raises(PlanError, match="规划编号 P900 已被另一个文件使用，请改其一"):
        load_plans(tmp_path)


def test_every_type_of_a_register_has_a_chinese_name():
    names = [name for register in load_registers().registers for name in register.types.values()]
    assert [name for name in names if name.isascii()] == []


def test_plan_files_are_plain_data():
    for path in PLANS_FOLDER.glob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
