"""What holds for every page, whoever looks at it."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from tests.browser.barriers import barriers_on, overflows_on
from tests.browser.conftest import PageAs
from tests.browser.reading import follow
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser

PAGES = (
    "/", "/enterprises", "/enterprises?q=科技&sort=rung", "/enterprises?q=没有", "{enterprise}",
    "{enterprise}?programme=hnte&on=2025-12-31", "/recognitions", "/recognitions?view=lapsed&on=2025-12-31&known_at=2026-03-31", "/plans", "/plans/P000",
    "/plans/P000/targets/T000-01", "/rules", "/rules/hnte", "/rules/tech_sme", "/me", "/no-such-page",
    "/pool", "/pool?view=list", "/pool/visits", "/conflicts", "{enterprise}/service", "{enterprise}/accounts", "{enterprise}/messages",
    "{enterprise}/points", "{enterprise}/protected",
    "/from-enterprises", "/enterprises/duplicates", "/recognitions/windows", "/recognitions/never-applied", "/exports",
)  # fmt: skip
WRITERS_PAGES = ("/imports", "/imports/waiting", "{enterprise}/split", "{enterprise}/end")
CITY_PAGES = (
    "/exchange", "/exchange/lists", "/exchange/lists/points-loan", "/exchange/mappings/tax", "/exchange/authorisations/new",
)  # fmt: skip
ADMINISTRATORS_PAGES = ("/people", "/people/new", "/divisions", "/connections/tax")
#: Login → its pages beyond those for all; the demo's administrator is a city's officer, too.
PEOPLE = {
    "admin": (*WRITERS_PAGES, *CITY_PAGES, *ADMINISTRATORS_PAGES),
    "jingjiang": WRITERS_PAGES,
    "lingdao": (),
}
#: Login → its pages, of those who do not look at the registry.
APART = {
    "shenji": ("/audit", "/audit/entries/1", "/audit/verify", "/exchange/reconciliations", "/me", "/me/second-factor"),
    "qiye": (
        "/me/enterprise", "/me/enterprise/programmes", "/me/enterprise/programmes/srdi_sme",
        "/me/enterprise/programmes/hnte/report", "/me/enterprise/facts", "/me/enterprise/figures", f"/me/enterprise/figures/{today().year - 1}",
        "/me/enterprise/pool", "/me/enterprise/messages", "/me/enterprise/messages/1", "/me/enterprise/needs",
        "/me/enterprise/consents",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
async def enterprise(demo_engine: AsyncEngine) -> str:
    """The address of an enterprise of Jingjiang with certificates and years of figures: everybody may see it."""
    async with owner_unit_of_work(demo_engine) as work:
        code = await work.scalar(
            text(
                "SELECT e.credit_code FROM enterprise e JOIN recognition r ON r.enterprise_id = e.id"
                " WHERE e.region_code = '321282' GROUP BY e.id ORDER BY count(*) DESC, e.id LIMIT 1"
            )
        )
    return f"/enterprises/{code}"


def pages_of(login: str, enterprise: str) -> list[str]:
    """The addresses that somebody looks at."""
    if login in APART:
        return list(APART[login])
    return [page.replace("{enterprise}", enterprise) for page in (*PAGES, *PEOPLE[login])]


#: Whose pages axe goes through, too, and at which width: it takes longest of all, and those of the others are the same.
JUDGED = {"admin": 1440, "qiye": 390}


@pytest.mark.parametrize("login", [*PEOPLE, *APART])
async def test_no_page_complains_asks_anything_of_elsewhere_is_too_wide_or_has_a_serious_barrier(
    page_as: PageAs, enterprise: str, login: str
) -> None:
    page = await page_as(login, width=JUDGED.get(login, 1440))
    faults: list[str] = []
    for path in pages_of(login, enterprise):
        await page.goto(path)
        faults += [f"{path}: {fault}" for fault in await overflows_on(page)]
        if login in JUDGED:
            faults += [f"{path}: {barrier}" for barrier in await barriers_on(page)]
    assert faults == []
    assert complaints_of(page) == []


async def test_every_page_says_the_same_without_scripts(page_as: PageAs, enterprise: str) -> None:
    page = await page_as("admin", scripts=False)
    for path in pages_of("admin", enterprise):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == (404 if path == "/no-such-page" else 200), path
        assert await page.get_by_role("heading", level=1).count() == 1, path


async def test_a_form_of_filters_works_without_scripts(page_as: PageAs) -> None:
    page = await page_as("shi", scripts=False)
    await page.goto("/enterprises")
    await page.locator(".filters").get_by_label("梯级").select_option("high_tech")
    await follow(page, page.get_by_role("main").get_by_role("button", name="查找"))
    assert "rung=high_tech" in page.url
    assert await page.locator("#results tbody tr").count() > 0


async def test_the_first_page_of_all_has_no_serious_barrier(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/login")
    assert await barriers_on(page) == []


async def test_no_page_has_a_serious_barrier_on_a_telephone(page_as: PageAs, enterprise: str) -> None:
    page = await page_as("shi", width=390)
    barriers: list[str] = []
    for path in ("/", "/enterprises", enterprise, "/plans/P000/targets/T000-01"):
        await page.goto(path)
        barriers += [f"{path}: {barrier}" for barrier in await barriers_on(page)]
    assert barriers == []
