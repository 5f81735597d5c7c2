"""The workshop: a threshold changed, and who enters and leaves by it, counted against the reference engine."""

import io
import re
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.eligibility.kept import KeptFacts
from backend.eligibility.registry_facts import registry_facts
from backend.workshop.scenarios import as_yaml, patch_of_form, read_scenario, settings_of
from backend.workshop.sizes import size_steps, sizes_of
from rules.cases import baseline
from rules.library import library
from rules.programme import RuleError
from rules.simulation import Patch, apply_patch
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_filing
from tests.rules.write_examples import CASES

ON = "2026-07-15"
HNTE = library().programme("hnte").pinned("2016")
FACTS = {
    name: value for name, value in baseline(CASES / "hnte@2016.yaml")["facts"].items() if name != "hnte_certificates"
}
LOWER = {"set.H4": "sci_tech_staff / employee_total >= 4%", "note": "科技人员降到 4%"}


async def file_facts(session: Any, number: int, facts: dict[str, Any]) -> None:
    years = {year for value in facts.values() if isinstance(value, dict) for year in value}
    await make_filing(
        session, number, {name: value for name, value in facts.items() if not isinstance(value, dict)}, year=None
    )
    for year in years:
        said = {name: value[year] for name, value in facts.items() if isinstance(value, dict) and year in value}
        await make_filing(session, number, said, year=int(year))


@pytest.fixture
async def registry(engine: AsyncEngine) -> None:
    """Three enterprises: one that meets everything, one with 5 % and one with 3 % of scientific staff."""
    async with owner_unit_of_work(engine) as session:
        for name, region, staff in (("甲", "321282", 30), ("乙", "321282", 10), ("丙", "321283", 6)):
            number = await make_enterprise(
                session,
                name=f"{name}科技有限公司",
                region_code=region,
                established_on=date(2018, 5, 10),
                industry_code="3484",
            )
            facts = FACTS | {
                "sci_tech_staff": {"2025": staff},
                "employees": {"2025": 200},
                "operating_revenue": {"2025": 4800},
            }
            await file_facts(
                session, number, {name: value for name, value in facts.items() if name != "established_on"}
            )


def form(**more: str) -> dict[str, str]:
    return {"programme": "hnte@2016", "as_of": ON, **more}


async def test_a_lower_threshold_lets_in_whom_it_kept_out(client_as: ClientAs, registry: None) -> None:
    officer = await client_as("city_officer")
    page = (await officer.post("/workshop/run", data=form(**LOWER))).text
    shown = page.partition('id="scenario-1"')[2]
    assert "乙科技有限公司" in shown
    assert "甲科技有限公司" not in shown and "丙科技有限公司" not in shown
    for words in ("靖江市", "H4 科技人员占比", "电气机械和器材制造业" if "电气机械" in shown else "制造业", "小型"):
        assert words in shown


async def test_scenarios_are_compared_and_carried_along(client_as: ClientAs, registry: None) -> None:
    officer = await client_as("city_officer")
    first = as_yaml(patch_of_form(HNTE, LOWER, "降到 4%"))
    page = (
        await officer.post(
            "/workshop/run", data=form(scenario=first, patch="programme: hnte\nversion: '2016'\ndrop: [H4]\n")
        )
    ).text
    assert "方案 1" in page and "方案 2" in page
    assert "丙科技有限公司" in page.partition('id="scenario-1"')[2].partition('id="scenario-2"')[0]
    assert page.count('name="scenario"') == 4  # for the export, and for the next run
    beside = page.partition('id="beside"')[2].partition("</section>")[0]
    row = re.search(r'<th scope="row">泰兴市</th>(.*?)</tr>', beside)
    assert row is not None
    # Of 321283 nobody has 4 % of scientific staff; without the criterion one enters.
    assert re.findall(r">(\d+)<", row[1]) == ["1", "0", "0", "0"]


async def test_a_district_officer_simulates_the_own_district(client_as: ClientAs, registry: None) -> None:
    officer = await client_as("district_officer", region="321283")
    page = (await officer.post("/workshop/run", data=form(patch="programme: hnte\nversion: '2016'\ndrop: [H4]\n"))).text
    assert "丙科技有限公司" in page
    assert "乙科技有限公司" not in page


async def test_a_changed_figure_is_seen_in_the_next_run(
    client_as: ClientAs, engine: AsyncEngine, registry: None
) -> None:
    officer = await client_as("city_officer")
    before = (await officer.post("/workshop/run", data=form(**LOWER))).text
    async with owner_unit_of_work(engine) as session:
        number = await session.scalar(text("SELECT id FROM enterprise WHERE name LIKE '丙%'"))
        await make_filing(session, int(number or 0), {"sci_tech_staff": 10}, year=2025, received_on=date(2026, 7, 1))
    after = (await officer.post("/workshop/run", data=form(**LOWER))).text
    assert ("丙科技有限公司" in before, "丙科技有限公司" in after) == (False, True)


async def test_a_district_sees_no_others_whose_facts_the_city_had_read_before(
    client_as: ClientAs, registry: None
) -> None:
    everybody = form(patch="programme: hnte\nversion: '2016'\ndrop: [H4]\n")
    city, district = await client_as("city_officer"), await client_as("district_officer", region="321283")
    pages = [(await one.post("/workshop/run", data=everybody)).text for one in (city, district, city)]
    assert ["乙科技有限公司" in page for page in pages] == [True, False, True]
    assert all("丙科技有限公司" in page for page in pages)


async def test_the_export_lists_everybody_with_what_decided(client_as: ClientAs, registry: None) -> None:
    officer = await client_as("city_officer")
    made = await officer.post("/workshop/export", data=form(scenario=as_yaml(patch_of_form(HNTE, LOWER, ""))))
    book = CalamineWorkbook.from_filelike(io.BytesIO(made.content))
    assert book.get_sheet_by_name("比较").to_python()[1][3:7] == [1, 2, 1, 0]
    assert ["市（区）", "靖江市", 1, 0] in book.get_sheet_by_name("对照").to_python()
    (row,) = book.get_sheet_by_name("方案1 企业").to_python()[1:]
    assert (row[0], row[1], row[6]) == ("新进", "乙科技有限公司", "H4 科技人员占比")


async def test_a_saved_scenario_is_what_the_command_line_takes(client_as: ClientAs) -> None:
    officer = await client_as("city_officer")
    saved = await officer.post("/workshop/save", data={"save": as_yaml(patch_of_form(HNTE, LOWER, "降"))})
    assert read_scenario(saved.text) == Patch(programme="hnte", version="2016", note="降", set={"H4": LOWER["set.H4"]})


@pytest.mark.parametrize(
    ("filled", "told"),
    [
        ({}, "没有任何改动"),
        ({"set.H4": "sci_tech_staf / employee_total >= 8%"}, "sci_tech_staff"),
        ({"set.H4": "sales_revenue >= 8%"}, "H4"),
        ({"patch": "H4: 8%"}, "补丁写法有误"),
        ({"patch": "programme: gone\nversion: '1'\ndrop: [H4]"}, "gone"),
        ({"patch": "programme: hnte\nversion: '2016'\ndrop: [H99]"}, "H99"),
        ({**LOWER, "as_of": "明天"}, "测算日"),
    ],
)
async def test_a_scenario_that_is_no_rule_is_told(client_as: ClientAs, filled: dict[str, str], told: str) -> None:
    officer = await client_as("city_officer")
    page = await officer.post("/workshop/run", data=form() | filled)
    assert page.status_code == 422
    assert told in page.text.partition("error-summary")[2][:1500]


async def test_whoever_may_not_write_may_not_simulate(client_as: ClientAs) -> None:
    assert (await (await client_as("viewer")).get("/workshop")).status_code == 403


def test_only_what_stands_otherwise_is_in_the_patch() -> None:
    unchanged = {f"set.{one.name}": one.expression for one in settings_of(HNTE)}
    patch = patch_of_form(HNTE, unchanged | {"set.H7.pass": ">= 65", "drop.H5d": "on"}, "")
    assert (patch.set, patch.drop) == ({"H7.pass": ">= 65"}, ("H5d",))


@pytest.mark.parametrize("name", ["hnte", "tech_sme", "srdi_sme", "little_giant", "js_hnte_pool"])
def test_every_setting_of_a_version_can_be_set(name: str) -> None:
    version = library().programme(name).versions[-1]
    for one in settings_of(version):
        patch = Patch(programme=name, version=version.source.version, set={one.name: one.expression})
        assert apply_patch(patch, library()).criteria


def test_a_scenario_without_changes_is_none() -> None:
    with pytest.raises(RuleError, match="没有任何改动"):
        read_scenario("programme: hnte\nversion: '2016'\n")


async def test_sizes_worked_out_for_all_at_once_are_those_of_the_reference(engine: AsyncEngine, registry: None) -> None:
    rules, on = library(), date.fromisoformat(ON)
    async with owner_unit_of_work(engine) as session:
        # By revenue large, by staff small; no figures but the class that was reported; nothing at all.
        for name, facts in (
            ("丁", {"employees": {"2025": 2000}, "operating_revenue": {"2025": 90_000}}),
            ("戊", {"employees": {"2025": 25}, "operating_revenue": {"2025": 90_000}}),
            ("己", {"size_class": {"2025": "medium"}}),
            ("庚", {}),
        ):
            number = await make_enterprise(session, name=f"{name}有限公司", region_code="321282", industry_code="3484")
            await file_facts(session, number, facts)
    async with owner_unit_of_work(engine) as session:
        ids = [row[0] for row in await session.execute(text("SELECT id FROM enterprise"))]
        held = await registry_facts(session, ids, rules.catalogue, None, on)
        steps = size_steps(rules, on)
        seen = await KeptFacts().read(session, rules, [steps])
    classes = sizes_of(range(len(ids)), steps, seen.population, rules.environment, on)
    found = {seen.enterprises[row]["id"]: size for row, size in classes.items()}
    evaluator = rules.evaluator(rules.version("sme_size", on))
    labels = {number: evaluator.answer(facts, on).labels["size_class"] for number, facts in held.items()}
    assert found == {number: label for number, label in labels.items() if isinstance(label, str)}
    assert set(found.values()) >= {"large", "small", "medium"}
    assert len(found) < len(ids)
