"""The workbench: each number opens the list that it counts, for the city and for a district."""

import re
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.actions import StepDraft, plan_steps
from backend.database.session import copy_rows, owner_unit_of_work
from backend.eligibility.service import evaluate
from backend.enterprises.bulk import assign_officer
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column, make_enterprise, make_recognition

DISTRICT = "321282"
READERS = [("city_officer", ""), ("district_officer", DISTRICT)]
_TOTAL = re.compile(r"共 ([\d,]+) (?:家企业|项认定)")
_RESULT = (
    "enterprise_id", "programme", "outcome", "is_likely", "version", "failed", "unknown", "missing", "as_of", "run_id",
)  # fmt: skip


@pytest.fixture
async def registry(engine: AsyncEngine) -> AsyncEngine:
    """Enterprises of two districts on several rungs, with certificates that end and facts that are missing."""
    async with owner_unit_of_work(engine) as session:
        for region in ("321202", DISTRICT):
            for number, programme in enumerate(("hnte", "tech_sme", "srdi_sme", "js_gazelle", "hnte")):
                enterprise = await make_enterprise(session, name=f"{region}第{number}有限公司", region_code=region)
                ends_on = today() + timedelta(days=60 * (number + 1))
                begins_on = today() - timedelta(days=300)
                await make_recognition(session, enterprise, programme, begins_on, valid_to=ends_on)
        numbers = [await make_enterprise(session, region_code=region) for region in ("321202", "321202", DISTRICT)]
        await evaluate(session, numbers, library(), today())
        missing = [
            ["sales_revenue[2025]", "sales_revenue[2024]"],
            ["sales_revenue[2025]", "employee_total[2025]"],
            ["rd_staff[2025]"],
        ]
        rows = [
            (number, programme, "undetermined", False, "x", [], [], lacks, today(), 1)
            for number, lacks in zip(numbers, missing, strict=True)
            for programme in ("hnte", "tech_sme")
        ]
        await copy_rows(session, "eligibility", _RESULT, rows)
    return engine


async def total_of(client: AsyncClient, path: str) -> int:
    found = _TOTAL.search((await client.get(path.replace("&amp;", "&"))).text)
    return int(found[1].replace(",", "")) if found else 0


@pytest.mark.parametrize(("role", "region"), READERS)
async def test_every_number_opens_a_list_of_exactly_that_many(
    registry: AsyncEngine, client_as: ClientAs, role: str, region: str
):
    client = await client_as(role, region)
    page = (await client.get("/")).text
    rungs = re.findall(r'<a href="(/enterprises\?rung=[^"]+)">.*?<span class="ladder-count">([\d,]+)', page, re.DOTALL)
    missing = re.findall(r'<a href="(/enterprises\?missing=[^"]+)"><b>([\d,]+)</b>', page)
    ending = re.findall(r'href="(/recognitions\?view=expiring)">共 ([\d,]+) 项', page)
    assert (len(rungs), len(ending)) == (5, 1)
    assert len(missing) == (3 if not region else 1)
    assert sum(int(number) for _, number in rungs) == (10 if not region else 5)
    for path, number in [*rungs, *missing, *ending]:
        assert await total_of(client, path) == int(number.replace(",", "")), path


async def test_a_district_officer_counts_the_own_district_only(registry: AsyncEngine, client_as: ClientAs):
    page = (await (await client_as("district_officer", DISTRICT)).get("/")).text
    assert "库内企业 6 家" in page
    assert "321202第" not in page


async def test_the_list_of_a_missing_fact_says_what_it_is_a_list_of(registry: AsyncEngine, client_as: ClientAs):
    page = (await (await client_as("viewer")).get("/enterprises?missing=employee_total")).text
    assert f"差“{library().catalogue.by_name['employee_total'].name}”" in page
    assert "共 1 家企业" in page


async def test_an_empty_registry_says_how_to_begin(client_as: ClientAs):
    page = (await (await client_as("city_officer")).get("/")).text
    assert "库里还没有企业" in page
    assert 'href="/imports"' in page


async def test_a_change_is_on_the_page_at_the_next_look(registry: AsyncEngine, client_as: ClientAs):
    client = await client_as("city_officer")
    assert "库内企业 13 家" in (await client.get("/")).text
    async with owner_unit_of_work(registry) as session:
        await make_enterprise(session)
    assert "库内企业 14 家" in (await client.get("/")).text


async def test_an_officer_sees_the_own_due_items_and_not_anothers(registry: AsyncEngine, client_as: ClientAs):
    mine, other = await client_as("city_officer"), await client_as("city_officer")
    async with owner_unit_of_work(registry) as session:
        first, second = list(await column(session, "SELECT id FROM person ORDER BY id DESC LIMIT 2"))
        (number,) = await column(session, "SELECT min(id) FROM enterprise")
        draft = [StepDraft("补齐知识产权材料", today() - timedelta(days=3), "hnte", officer_id=second)]
        later = [StepDraft("准备明年申报", today() + timedelta(days=200), "hnte", officer_id=second)]
        await plan_steps(session, number, [*draft, *later], by=first)
    page = (await mine.get("/")).text
    assert "14 天内和已过期 1 项" in page
    assert "补齐知识产权材料" in page
    assert "准备明年申报" not in page
    assert "补齐知识产权材料" in (await mine.get("/pool/due?days=14")).text
    assert "您负责的企业没有到期的步骤" in (await other.get("/")).text


async def test_a_viewer_has_no_day_of_ones_own(registry: AsyncEngine, client_as: ClientAs):
    assert "我的待办" not in (await (await client_as("viewer")).get("/")).text


async def test_an_officers_day_begins_with_the_own_enterprises(registry: AsyncEngine, client_as: ClientAs):
    mine, other = await client_as("city_officer"), await client_as("city_officer")
    async with owner_unit_of_work(registry) as session:
        _, officer = list(await column(session, "SELECT id FROM person ORDER BY id DESC LIMIT 2"))
        own = await column(session, "SELECT id FROM enterprise ORDER BY id LIMIT 2")
        await assign_officer(session, own, officer)
    page = (await mine.get("/")).text
    assert '<a class="soft" href="/enterprises?officer=mine">我的企业 2 家</a>' in page
    assert await total_of(mine, "/enterprises?officer=mine") == 2
    assert "我的企业" not in (await other.get("/")).text


async def test_who_is_newly_eligible_for_two_titles_is_listed_once(registry: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(registry) as session:
        number = await make_enterprise(session, name="双优企业有限公司")
        run = await session.scalar(
            text(
                "INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole) VALUES"
                " (current_date, '', 1, 2, false) RETURNING id"
            )
        )
        both = ("hnte", "tech_sme")
        rows = [(number, programme, "eligible", False, "x", [], [], [], today(), run) for programme in both]
        await copy_rows(session, "eligibility", _RESULT, rows)
        changes = [(run, number, programme, "", "eligible") for programme in both]
        await copy_rows(
            session, "eligibility_change", ("run_id", "enterprise_id", "programme", "before", "after"), changes
        )
    page = (await (await client_as("city_officer")).get("/")).text
    newly = page[page.index("新近符合条件") :]
    assert newly.count("双优企业有限公司") == 1
    names = {library().by_name[programme].source.name.zh for programme in both}
    cell = re.search(r'双优企业有限公司</a></td>\s*<td data-label="项目">([^<]+)</td>', newly)
    assert cell is not None
    assert set(cell[1].split("、")) == names
