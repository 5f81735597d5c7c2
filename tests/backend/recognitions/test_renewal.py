"""From when on titles are to be renewed: by programme, as the dossiers have it, a marked default otherwise."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.recognitions.renewal import RenewalWindow, default_for, renewal_windows, set_renewal_window, shipped
from backend.recognitions.worklists import BY_WINDOW, Asked, list_titles
from rules.catalogue import Certainty
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_recognition

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
MINE = RenewalWindow(
    programme="js_hnte_pool",
    begins="days_before",
    days=60,
    how="复核",
    certainty=Certainty.CONFIRMED,
    source="本市通知",
)


def test_every_window_shipped_is_of_a_programme_and_names_its_source():
    assert [name for name in shipped() if name not in library().programmes] == []
    assert [one for one in shipped().values() if not one.source] == []


@pytest.mark.parametrize(
    ("programme", "begins", "certainty"),
    [
        # dossier 01, 2.6: filed in the year the certificate expires; the blocking before is a single source
        ("hnte", "year_of_expiry", "single_source"),
        # dossier 01, 1.8: re-evaluated every year
        ("tech_sme", "next_year", "single_source"),
        # dossier 02, 5.2: the 2026 review is of the batch of 2023, confirmed twice
        ("little_giant", "year_of_expiry", "confirmed"),
        # dossier 02, 9: the innovative SMEs of 2022 were due in 2025
        ("innovative_sme", "year_of_expiry", "single_source"),
        ("srdi_sme", "year_of_expiry", "single_source"),
        # dossier 02, 10: three years and a review, when it is taken is not said
        ("single_champion", "year_of_expiry", "inferred"),
        # dossier 03: annual lists
        ("js_gazelle", "next_list", "inferred"),
    ],
)
async def test_the_windows_are_those_of_the_dossiers(
    session: AsyncSession, programme: str, begins: str, certainty: str
):
    window = (await renewal_windows(session, library()))[programme]
    assert (window.begins, str(window.certainty)) == (begins, certainty)


def test_where_no_document_says_it_the_default_is_marked():
    window = default_for("js_hnte_pool", "3 years")
    assert (window.days, window.is_default) == (180, True)
    assert "未查到" in window.source


@pytest.mark.parametrize(
    ("programme", "month", "day"),
    [("hnte", 5, 31), ("srdi_sme", 5, 31), ("little_giant", 5, 31), ("single_champion", 5, 31)],
)
def test_what_is_reported_each_year_is_reported_by_the_end_of_may(programme: str, month: int, day: int):
    update = shipped()[programme].update
    assert update is not None
    assert (update.month, update.day) == (month, day)


@pytest.mark.parametrize(
    ("begins", "days", "expected"),
    [
        ("year_of_expiry", None, date(2026, 1, 1)),
        ("days_before", 90, date(2026, 8, 20)),
        ("next_year", None, date(2026, 11, 18)),
        ("next_list", None, None),
    ],
)
def test_a_window_begins(begins: Any, days: int | None, expected: date | None):
    window = RenewalWindow(programme="hnte", begins=begins, days=days, certainty=Certainty.CONFIRMED, source="x")
    assert window.begins_on(date(2026, 11, 17)) == expected
    assert window.begins_on(None) is None


async def due(session: AsyncSession, on: date, **given: Any) -> list[int]:
    return [row["enterprise_id"] for row in (await list_titles(session, Asked("due", **given), on, library())).rows]


@pytest.mark.parametrize(
    ("on", "is_due"),
    [("2025-12-31", False), ("2026-01-01", True), ("2026-11-17", True), ("2026-11-18", False)],
)
async def test_a_high_tech_title_is_due_from_the_first_day_of_its_last_year_to_its_last_day(
    session: AsyncSession, on: str, is_due: bool
):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", date(2023, 11, 18))
    assert (number in await due(session, date.fromisoformat(on))) is is_due


@pytest.mark.parametrize(("on", "is_due"), [("2025-12-31", False), ("2026-01-01", True), ("2026-12-31", True)])
async def test_a_tech_sme_is_due_the_year_after_until_it_is_evaluated_anew(
    session: AsyncSession, on: str, is_due: bool
):
    number = await make_enterprise(session)
    await make_recognition(session, number, "tech_sme", date(2025, 7, 1))
    assert (number in await due(session, date.fromisoformat(on), programme="tech_sme")) is is_due
    await make_recognition(session, number, "tech_sme", date(2026, 7, 20))
    assert number not in await due(session, date(2026, 8, 1), programme="tech_sme")


@pytest.mark.parametrize(("days_left", "is_due"), [(180, False), (179, True), (0, True), (-1, False)])
async def test_without_a_rule_a_title_is_due_for_the_last_180_days(session: AsyncSession, days_left: int, is_due: bool):
    number, on = await make_enterprise(session), date(2026, 6, 30)
    await make_recognition(session, number, "js_hnte_pool", date(2024, 1, 1), valid_to=on + timedelta(days=days_left))
    assert (number in await due(session, on)) is is_due


async def test_what_the_city_enters_goes_before_what_is_shipped_and_the_default(session: AsyncSession):
    number, on = await make_enterprise(session), date(2026, 6, 30)
    await make_recognition(session, number, "js_hnte_pool", date(2024, 1, 1), valid_to=on + timedelta(days=100))
    assert await due(session, on) == [number]
    await set_renewal_window(session, MINE, by=1)
    assert await due(session, on) == []
    known = await renewal_windows(session, library())
    assert (known["js_hnte_pool"].days, known["js_hnte_pool"].is_default) == (60, False)


async def test_what_the_city_enters_leaves_the_laws_yearly_report_as_it_is(session: AsyncSession):
    await set_renewal_window(session, MINE.model_copy(update={"programme": "hnte"}), by=1)
    window = (await renewal_windows(session, library()))["hnte"]
    assert window.days == 60
    assert window.update == shipped()["hnte"].update


async def test_a_district_reads_windows_and_sets_none(app_session_factory: Scoped):
    async with app_session_factory(Scope.district("321282")) as district:
        assert (await renewal_windows(district, library()))["hnte"].begins == "year_of_expiry"
    with pytest.raises(DBAPIError, match="row-level security"):
        async with app_session_factory(Scope.district("321282")) as district:
            await set_renewal_window(district, MINE, by=1)


async def test_expiring_can_be_asked_by_days_or_by_each_programmes_window(session: AsyncSession):
    number, on = await make_enterprise(session), date(2026, 2, 1)
    await make_recognition(session, number, "hnte", date(2023, 11, 18))
    by_days = await list_titles(session, Asked("expiring", days=180), on, library())
    by_window = await list_titles(session, Asked("expiring", days=BY_WINDOW), on, library())
    assert (by_days.total, by_window.total) == (0, 1)


# The page --------------------------------------------------------------------------------------------


@pytest.fixture
async def city(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_the_city_corrects_a_window_on_the_page(city: AsyncClient):
    assert "默认，待核实" in (await city.get("/recognitions/windows")).text
    form = {"programme": "js_hnte_pool", "begins": "days_before", "days": "45", "source": "本市〔2026〕1号"}
    answer = await city.post("/recognitions/windows", data=form)
    assert answer.headers["location"] == "/recognitions/windows?done=saved"
    assert "到期前 45 天起" in (await city.get("/recognitions/windows")).text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"days": "0"}, "应为 1 至 1095 的天数"),
        ({"source": " "}, "请写明依据"),
        ({"programme": "nonsense"}, "请选择认定项目"),
        ({"begins": "whenever"}, "请选择从什么时候起"),
    ],
)
async def test_a_wrong_entry_is_told_and_nothing_is_kept(city: AsyncClient, wrong: dict[str, str], told: str):
    form = {"programme": "hnte", "begins": "days_before", "days": "45", "source": "通知"} | wrong
    answer = await city.post("/recognitions/windows", data=form)
    assert answer.status_code == 422
    assert told in answer.text
    assert "到期前 45 天起" not in (await city.get("/recognitions/windows")).text


async def test_a_district_may_not_correct_a_window(client_as: ClientAs):
    district = await client_as("district_officer", "321282")
    answer = await district.post("/recognitions/windows", data={"programme": "hnte", "source": "x"})
    assert answer.status_code == 403
