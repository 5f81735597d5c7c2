"""The file of one enterprise: the same for the page, the API and the command; on any day, as known on another."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession
from typer.testing import CliRunner

from backend.cli import app
from backend.clock import CHINA, today
from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from backend.enterprises.enterprise_file import differs, enterprise_file
from backend.enterprises.moving import move
from backend.enterprises.queries import find
from backend.enterprises.schemas import FormerName
from backend.filings.queries import Said
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

CODE = make_code("321282")
MARCH, MAY = datetime(2026, 3, 31, 12, tzinfo=CHINA), datetime(2026, 5, 20, 12, tzinfo=CHINA)


async def make_file(session: AsyncSession) -> int:
    number = await make_enterprise(
        session, name="江苏云岚精密机械有限公司", credit_code=CODE, region_code="321282", industry_code="3484",
        established_on=date(2010, 5, 1), former_names=(FormerName("靖江云岚五金厂"),),
    )  # fmt: skip
    await make_filing(session, number, {"sales_revenue": 1000, "employee_total": 50}, recorded_at=MARCH)
    await make_filing(session, number, {"sales_revenue": 800}, source="tax", recorded_at=MAY)
    await make_recognition(session, number, "hnte", date(2024, 11, 6), number="GR202432000001", recorded_at=MARCH)
    await make_recognition(session, number, "srdi_sme", date(2026, 1, 9), recorded_at=MAY)
    return number


@pytest.fixture
async def city(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        await make_file(session)
    return await client_as("city_officer")


async def asked(city: AsyncClient, **query: str) -> dict[str, Any]:
    answer = await city.get(f"/api/v1/enterprises/{CODE}", params=query)
    assert answer.status_code == 200
    return answer.json()


async def test_the_page_shows_who_it_is_what_it_holds_and_what_it_reported(city: AsyncClient):
    page = (await city.get(f"/enterprises/{CODE}")).text
    for shown in (
        "江苏云岚精密机械有限公司",
        CODE,
        "靖江市",
        "靖江云岚五金厂",
        "GR202432000001",
        "专精特新",
        "税务",
        "来源不一",
    ):
        assert shown in page


async def test_a_code_in_small_letters_leads_to_the_same_file(city: AsyncClient):
    assert (await city.get(f"/enterprises/{CODE.lower()}")).status_code == 200


@pytest.mark.parametrize("path", ["/enterprises/91320000NOBODY0000", "/enterprises/nobody", "/enterprises/999999/edit"])
async def test_an_enterprise_nobody_knows_is_told_in_chinese(city: AsyncClient, path: str):
    answer = await city.get(path)
    assert answer.status_code == 404
    assert "没有代码为" in answer.text


async def test_the_api_says_who_is_unknown_as_a_problem(city: AsyncClient):
    answer = await city.get("/api/v1/enterprises/nobody")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("query", ["on=2026-02-30", "known_at=gestern", "on=20260101x"])
async def test_a_day_that_is_none_is_refused(city: AsyncClient, query: str):
    answer = await city.get(f"/enterprises/{CODE}?{query}")
    assert answer.status_code == 422
    assert "请写成 2026-03-31 这样" in answer.text


@pytest.mark.parametrize(
    ("on", "rung"),
    [("2024-11-05", ""), ("2024-11-06", "high_tech"), ("2026-01-09", "srdi"), ("2029-01-09", ""), ("2035-01-01", "")],
)
async def test_the_file_of_a_past_or_future_day_has_the_rung_of_that_day(city: AsyncClient, on: str, rung: str):
    assert (await asked(city, on=on))["rung"] == rung
    assert (await city.get(f"/enterprises/{CODE}?on={on}")).status_code == 200


async def test_with_the_knowledge_of_march_neither_figure_nor_title_of_may_is_there(city: AsyncClient):
    then, now = await asked(city, known_at="2026-03-31"), await asked(city)
    assert (then["yearly"]["sales_revenue"], now["yearly"]["sales_revenue"]) == ({"2025": 1000}, {"2025": 800})
    assert [one["source"] for one in then["sources"]["sales_revenue[2025]"]] == ["self_declared"]
    assert [one["programme"] for one in then["recognitions"]] == ["hnte"]


async def test_the_knowledge_of_a_day_shows_on_the_page_too(city: AsyncClient):
    page = (await city.get(f"/enterprises/{CODE}?known_at=2026-03-31")).text
    assert "按 2026-03-31 掌握的数据" in page
    assert "来源不一" not in page
    assert "税务" not in page


async def test_a_programme_of_another_city_is_not_told_of(city: AsyncClient):
    programmes = {one["programme"] for one in (await asked(city))["eligibility"]}
    assert "hnte" in programmes
    assert not programmes & {"nj_gazelle", "wx_quasi_unicorn", "cz_seed_unicorn", "sip_gazelle", "yc_gazelle"}


async def test_a_title_granted_later_helps_no_check_of_an_earlier_day(session: AsyncSession):
    number = await make_file(session)
    row = await find(session, str(number)) or {}
    days = {
        on: (await enterprise_file(session, row, library(), on)).facts for on in (date(2026, 1, 8), date(2026, 1, 9))
    }
    found = [facts.current["srdi_sme_valid_until"] for facts in days.values()]
    assert found == [None, date(2029, 1, 8)]


async def test_a_check_of_a_day_before_a_move_is_made_where_the_enterprise_was(session: AsyncSession):
    number = await make_file(session)
    await move(session, number, "320506", "", "", date(2026, 6, 1))
    row = await find(session, str(number)) or {}
    names: list[bool] = []
    for on in (date(2026, 5, 31), date(2026, 6, 1)):
        file = await enterprise_file(session, row, library(), on)
        names.append(file.answer("sip_gazelle") is not None)
    assert names == [False, True]


@pytest.mark.parametrize(
    ("values", "disagree"),
    [([100], False), ([100, 100], False), ([100, 96], False), ([100, 94], True), ([0, 0], False), (["a", "b"], True),
     ([True, False], True), ([100, "none"], True), ([-5, 5], True)],
)  # fmt: skip
def test_sources_disagree_beyond_the_tolerance_of_the_catalogue(values: list[Any], disagree: bool):
    indicator = library().catalogue.by_name["sales_revenue"].model_copy(update={"tolerance_percent": 5})
    assert differs(indicator, [Said(value, "tax", date(2026, 1, 1), 1) for value in values]) is disagree


@pytest.fixture
def on_the_tests_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TIDU_DATABASE_URL", database_url)
    asyncio.run(_work(database_url, make_file))
    return database_url


async def _work(url: str, work: Callable[[AsyncSession], Awaitable[Any]]) -> None:
    engine = make_engine(url)
    async with owner_unit_of_work(engine) as session:
        await work(session)
    await engine.dispose()


@pytest.mark.usefixtures("on_the_tests_database")
def test_the_command_answers_for_a_day_with_the_knowledge_of_a_day():
    told = CliRunner().invoke(app, ["enterprise", CODE.lower(), "--on", "2026-06-30", "--known-at", "2026-03-31"])
    file = json.loads(told.stdout)
    assert (file["on"], file["rung"], file["yearly"]["sales_revenue"]) == ("2026-06-30", "high_tech", {"2025": 1000})


@pytest.mark.usefixtures("on_the_tests_database")
def test_the_command_refuses_a_code_nobody_knows():
    told = CliRunner().invoke(app, ["enterprise", make_code()])
    assert told.exit_code == 1
    assert "库内没有代码为" in told.stderr


@pytest.mark.parametrize("query", [{}, {"on": "2025-03-31"}, {"on": "2026-06-30", "known_at": "2026-03-31"}])
async def test_the_command_says_what_the_api_says(
    city: AsyncClient, database_url: str, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TIDU_DATABASE_URL", database_url)
    options = [word for name, value in query.items() for word in (f"--{name.replace('_', '-')}", value)]
    # The command begins a loop of its own, which needs a thread of its own.
    told = await asyncio.to_thread(CliRunner().invoke, app, ["enterprise", CODE, *options])
    assert json.loads(told.stdout) == await asked(city, **query)


async def test_a_new_enterprise_has_a_file_too(engine: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, name="泰州白纸有限公司", credit_code=None, region_code="")
    page = await (await client_as("viewer")).get(f"/enterprises/{number}")
    assert page.status_code == 200
    assert "还没有逐年数据" in page.text


def test_the_day_is_the_one_in_china():
    assert today() - datetime.now(UTC).date() in (timedelta(0), timedelta(days=1))


# What is worked out only when somebody looks


@pytest.fixture
async def failing(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    """An officer who looks at an enterprise with too few technical staff."""
    async with owner_unit_of_work(engine) as session:
        number = await make_file(session)
        await make_filing(session, number, {"sci_tech_staff": 2})
    return await client_as("city_officer")


async def test_advice_is_a_link_until_it_is_asked_for(failing: AsyncClient):
    page = (await failing.get(f"/enterprises/{CODE}?programme=hnte")).text
    assert 'hx-trigger="load"' in page
    link = re.search(r'<a href="([^"]+advice=1[^"]*)#advice">看培育建议', page)
    assert link is not None
    asked_for = (await failing.get(link[1].replace("&amp;", "&"))).text
    assert '<h3 id="advice">培育建议</h3>' in asked_for
    assert "科技人员" in asked_for.partition('id="advice"')[2]


async def test_htmx_gets_the_advice_alone(failing: AsyncClient):
    answer = await failing.get(f"/enterprises/{CODE}?programme=hnte&advice=1", headers={"HX-Request": "true"})
    assert answer.text.strip().startswith('<h3 id="advice">')
    assert "<html" not in answer.text


async def test_the_standards_are_a_link_until_they_are_asked_for(city: AsyncClient):
    page = (await city.get(f"/enterprises/{CODE}")).text
    assert f'href="/enterprises/{CODE}?standards=1&amp;on={today()}#standards"' in page
    assert '<h3 id="standards">' not in page
    piece = await city.get(f"/enterprises/{CODE}?standards=1", headers={"HX-Request": "true"})
    assert piece.text.strip().startswith('<h3 id="standards">')


async def test_only_the_programmes_that_are_shown_are_evaluated(session: AsyncSession):
    row = await find(session, str(await make_file(session)))
    assert row is not None
    file = await enterprise_file(session, row, library(), date(2026, 6, 30))
    titles = file.answers_of("title")
    assert {one.version.programme.sort for one in titles} == {"title"}
    assert len(titles) < len(file.answers)
    assert [one.version.id for one in file.answers if one.version.programme.sort == "title"] == [
        one.version.id for one in titles
    ]
