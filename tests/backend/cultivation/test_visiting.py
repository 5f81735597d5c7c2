"""Whom to visit this week: the most urgent first, each enterprise once, nobody who was seen a few days ago."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.clock import today
from backend.cultivation.actions import StepDraft, VisitDraft, note_visit, plan_steps
from backend.cultivation.service import Seen, enter, move
from backend.cultivation.stages import Stage
from backend.cultivation.visiting import REASONS, ToVisit, Whose, to_visit, with_gaps
from backend.cultivation.windows import Window, set_window
from backend.database.scope import Scope
from backend.database.session import copy_rows, owner_unit_of_work, unit_of_work
from backend.enterprises.bulk import assign_officer
from backend.web import memory
from rules.catalogue import Certainty
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import TODAY, column, make_enterprise, make_filing, make_recognition

DISTRICT, ELSEWHERE = "321282", "321202"
_RESULT = (
    "enterprise_id", "programme", "outcome", "is_likely", "version", "failed", "unknown", "missing", "as_of", "run_id",
)  # fmt: skip


async def visits(session: AsyncSession, whose: Whose = Whose()) -> list[ToVisit]:
    return await to_visit(session, library(), whose, TODAY)


async def names_of(session: AsyncSession, whose: Whose = Whose()) -> list[str]:
    return [one.name for one in await visits(session, whose)]


async def ending(session: AsyncSession, name: str, days: int = 20, region: str = DISTRICT, on: date = TODAY) -> int:
    """A high-tech enterprise whose title ends in some days."""
    number = await make_enterprise(session, name=name, region_code=region)
    ends_on = on + timedelta(days=days)
    await make_recognition(session, number, "hnte", ends_on - timedelta(days=1095), valid_to=ends_on)
    return number


async def found_today(session: AsyncSession, number: int, outcome: str, programme: str = "hnte") -> None:
    row = (number, programme, outcome, False, "x", [], [], [], TODAY, 1)
    await copy_rows(session, "eligibility", _RESULT, [row])


async def newly_eligible(session: AsyncSession, name: str, programme: str = "innovative_sme") -> int:
    """An enterprise that the last run found eligible for a title it does not hold."""
    number = await make_enterprise(session, name=name, region_code=DISTRICT)
    run = (
        await column(
            session,
            "INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole) VALUES"
            " (:day, '', 1, 1, false) RETURNING id",
            day=TODAY,
        )
    )[0]
    await found_today(session, number, "eligible", programme)
    change = (run, number, programme, "ineligible", "eligible")
    await copy_rows(
        session, "eligibility_change", ("run_id", "enterprise_id", "programme", "before", "after"), [change]
    )
    return number


async def cultivated(session: AsyncSession, name: str, programme: str = "srdi_sme") -> int:
    """An enterprise that entered the pool a hundred days ago."""
    number = await make_enterprise(session, name=name, region_code=DISTRICT)
    (entry,) = await enter(session, programme, TODAY.year, [number], by=1)
    await move(session, [Seen(entry, 1)], Stage.CULTIVATED, "已建档", by=1, on=TODAY, most_days=30)
    await session.execute(
        text("UPDATE pool_entry SET moved_at = CAST(:day AS date) - 100 WHERE id = :id"), {"id": entry, "day": TODAY}
    )
    return number


async def promise(session: AsyncSession, number: int, days: int = -3, officer: int | None = None) -> None:
    step = StepDraft("补报审计报告", TODAY + timedelta(days=days), "hnte", officer_id=officer)
    await plan_steps(session, number, [step], by=1)


async def seen(session: AsyncSession, number: int, days_ago: int, on: date = TODAY) -> int:
    draft = VisitDraft(on - timedelta(days=days_ago), "on_site", "王敏", "张总", "谈研发归集")
    return await note_visit(session, number, draft, by=1)


async def make_officer(session: AsyncSession, name: str, region: str) -> int:
    person = Person(
        login=f"o-{name}", name=name, password_hash="!", role="district_officer", region_code=region,
        created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(person)
    await session.flush()
    assert person.id is not None
    return person.id


async def test_the_most_urgent_reason_comes_first_and_then_the_nearest_day(session: AsyncSession):
    await cultivated(session, "久未走访")
    await newly_eligible(session, "新近符合")
    await ending(session, "后到期", days=60)
    await ending(session, "先到期", days=5)
    risky = await ending(session, "复核有风险", days=30)
    await found_today(session, risky, "ineligible")
    await promise(session, await make_enterprise(session, name="已过期未办"))
    order = ["已过期未办", "复核有风险", "先到期", "后到期", "新近符合", "久未走访"]
    assert await names_of(session) == order


async def test_an_enterprise_stands_there_once_with_all_its_reasons(session: AsyncSession):
    number = await ending(session, "多事有限公司")
    await promise(session, number)
    (one,) = await visits(session)
    assert [reason.kind for reason in one.reasons] == ["overdue", "renewing"]
    assert one.reasons[0].by == TODAY - timedelta(days=3)
    assert one.reasons[1].words == "国家高新技术企业还有 20 天到期"


async def test_what_is_due_tomorrow_is_not_overdue(session: AsyncSession):
    await promise(session, await make_enterprise(session), days=0)
    assert await visits(session) == []


@pytest.mark.parametrize(("days_ago", "is_listed"), [(13, False), (14, True)])
async def test_who_was_visited_within_two_weeks_rests(session: AsyncSession, days_ago: int, *, is_listed: bool):
    await seen(session, await ending(session, "到期"), days_ago)
    assert await names_of(session) == (["到期"] if is_listed else [])


async def test_a_broken_promise_does_not_rest(session: AsyncSession):
    number = await make_enterprise(session, name="失约")
    await promise(session, number)
    await seen(session, number, 1)
    (one,) = await visits(session)
    assert one.visited_on == TODAY - timedelta(days=1)


async def test_a_visit_that_was_corrected_away_does_not_count(session: AsyncSession):
    number = await ending(session, "到期")
    wrong = await seen(session, number, 1)
    right = VisitDraft(TODAY - timedelta(days=100), "on_site", "王敏", "张总", "日期记错", corrects_id=wrong)
    await note_visit(session, number, right, by=1)
    (one,) = await visits(session)
    assert one.visited_on == TODAY - timedelta(days=100)


async def test_whoever_is_recommended_for_the_title_is_not_asked_to_renew_it(session: AsyncSession):
    number = await ending(session, "已推荐")
    (entry,) = await enter(session, "hnte", TODAY.year, [number], by=1)
    await session.execute(text("UPDATE pool_entry SET stage = 'recommended' WHERE id = :id"), {"id": entry})
    assert await visits(session) == []


@pytest.mark.parametrize(("days", "is_listed"), [(89, True), (90, False)])
async def test_a_title_is_worth_a_visit_within_ninety_days(session: AsyncSession, days: int, *, is_listed: bool):
    await ending(session, "到期", days)
    assert await names_of(session) == (["到期"] if is_listed else [])


async def test_a_filing_window_gives_who_is_eligible_a_last_day(session: AsyncSession):
    await newly_eligible(session, "先符合")
    await newly_eligible(session, "有窗口", "srdi_sme")
    closes_on = TODAY + timedelta(days=10)
    window = Window(
        programme="srdi_sme", year=closes_on.year, label="补报", opens_on=TODAY, closes_on=closes_on,
        certainty=Certainty.CONFIRMED, source="市工信局通知",
    )  # fmt: skip
    await set_window(session, window, by=1)
    first, second = await visits(session)
    assert (first.name, first.reasons[0].by) == ("有窗口", closes_on)
    assert "申报窗口已开" in first.reasons[0].words
    assert second.reasons[0].by is None


async def test_what_would_fail_says_what_it_lacks(session: AsyncSession):
    number = await ending(session, "缺人", days=1)
    figures = {"employee_total": 100, "sci_tech_staff": 5, "sales_revenue": 5000}
    await make_filing(session, number, figures, year=TODAY.year - 1, received_on=TODAY)
    await found_today(session, number, "ineligible")
    (one,) = await with_gaps(session, library(), await visits(session), TODAY)
    assert any("科技人员" in words or "占比" in words for words in one.reasons[0].lacks)


@pytest.mark.parametrize(("days_ago", "is_listed"), [(90, False), (91, True)])
async def test_who_is_cultivated_is_visited_each_quarter(session: AsyncSession, days_ago: int, *, is_listed: bool):
    await seen(session, await cultivated(session, "在库"), days_ago)
    assert await names_of(session) == (["在库"] if is_listed else [])


async def test_without_a_last_day_the_longest_unvisited_comes_first(session: AsyncSession):
    await seen(session, await cultivated(session, "去过"), 120)
    await cultivated(session, "没去过")
    assert await names_of(session) == ["没去过", "去过"]


async def test_the_officer_of_the_enterprise_and_of_its_pool_entries_are_named_but_not_of_those_out(
    session: AsyncSession,
):
    officers = [await make_officer(session, name, DISTRICT) for name in ("李强", "周敏", "孙芳")]
    by_pool, by_both, by_none = [await ending(session, name) for name in ("库里指定", "两处指定", "已出库")]
    for number, officer in ((by_pool, 1), (by_both, 1), (by_none, 2)):
        (entry,) = await enter(session, "hnte", TODAY.year, [number], by=1, officer_id=officers[officer])
        if number == by_none:
            await move(session, [Seen(entry, 1)], Stage.OUT, "已注销", by=1, on=TODAY, most_days=30)
    await assign_officer(session, [by_both], officers[0])
    named = {one.name: one.officer for one in await visits(session)}
    assert named == {"库里指定": "周敏", "两处指定": "李强、周敏", "已出库": ""}


async def much_to_do(session: AsyncSession, officer: int, chance: Random) -> None:
    """Enterprises here and elsewhere with some reasons of every kind, of whom some rest and some are the officer's."""
    whose = [
        await ending(session, f"第{place}家", chance.choice((-3, 5, 60, 85, 120)), chance.choice((DISTRICT, ELSEWHERE)))
        for place in range(24)
    ]
    whose += [await newly_eligible(session, f"符合{place}") for place in range(6)]
    whose += [await cultivated(session, f"在库{place}", "js_gazelle") for place in range(6)]
    for number in whose:
        if chance.random() < 0.4:
            await promise(session, number, chance.choice((-9, -3, 3)), chance.choice((None, officer)))
        if chance.random() < 0.25:
            await found_today(session, number, "ineligible")
        if chance.random() < 0.2:
            await seen(session, number, chance.choice((3, 30)))
        if chance.random() < 0.2:
            (entry,) = await enter(session, "hnte", TODAY.year, [number], by=1)
            await session.execute(text("UPDATE pool_entry SET stage = 'recommended' WHERE id = :id"), {"id": entry})
    here = await column(session, "SELECT id FROM enterprise WHERE region_code = :region ORDER BY id", region=DISTRICT)
    await assign_officer(session, here[::2], officer)


async def test_however_few_are_shown_they_are_the_first_of_all_with_all_their_reasons(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        officer = await make_officer(owner, "李强", DISTRICT)
        await much_to_do(owner, officer, Random(5))
    kinds: set[str] = set()
    for scope, whose in product(
        (Scope.city(), Scope.district(DISTRICT)), (Whose(), Whose(officer), Whose(region=DISTRICT))
    ):
        async with unit_of_work(engine, scope) as session:
            everybody = await to_visit(session, library(), whose, TODAY, 10_000)
            kinds |= {reason.kind for one in everybody for reason in one.reasons}
            for most in (1, 3, 6, 10, 15, 25):
                assert await to_visit(session, library(), whose, TODAY, most) == everybody[:most], (scope, whose, most)
    assert kinds == set(REASONS)


async def test_a_district_may_be_picked(session: AsyncSession):
    await ending(session, "本区", region=DISTRICT)
    await ending(session, "别区", region=ELSEWHERE)
    assert await names_of(session, Whose(region=DISTRICT)) == ["本区"]


async def test_an_officer_sees_the_own_district_and_may_ask_for_the_own_enterprises(
    client_as: ClientAs, engine: AsyncEngine
):
    officer = await client_as("district_officer", DISTRICT)
    async with owner_unit_of_work(engine) as owner:
        (person,) = await column(owner, "SELECT max(id) FROM person")
        mine = await ending(owner, "我负责的有限公司", on=today())
        await ending(owner, "无人负责的有限公司", on=today())
        await ending(owner, "别区的有限公司", region=ELSEWHERE, on=today())
        await assign_officer(owner, [mine], person)
    everything = (await officer.get("/pool/visits")).text
    own = (await officer.get("/pool/visits?whose=mine")).text
    assert ("我负责的" in everything, "无人负责的" in everything, "别区的" in everything) == (True, True, False)
    assert ("我负责的" in own, "无人负责的" in own) == (True, False)
    assert "别区的" not in (await officer.get(f"/pool/visits?region={ELSEWHERE}")).text


async def test_the_workbench_begins_with_whom_to_visit_and_forgets_who_was(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("district_officer", DISTRICT)
    async with owner_unit_of_work(engine) as owner:
        number = await ending(owner, "到期的有限公司", on=today())
    card = 'id="visits"'
    page = (await officer.get("/")).text
    assert "到期的有限公司" in page[page.index(card) : page.index('id="mine"')]
    async with owner_unit_of_work(engine) as owner:
        await seen(owner, number, 0, on=today())
    page = (await officer.get("/")).text
    assert "到期的有限公司" not in page[page.index(card) : page.index('id="mine"')]


async def test_a_filing_window_entered_since_shows_at_once(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("district_officer", DISTRICT)
    async with owner_unit_of_work(engine) as owner:
        await newly_eligible(owner, "符合的有限公司")
    assert "申报窗口已开" not in (await officer.get("/pool/visits")).text
    day = today()
    window = Window(
        programme="innovative_sme", year=day.year, label="测试批次", opens_on=day, closes_on=day,
        certainty=Certainty.CONFIRMED, source="通知",
    )  # fmt: skip
    async with owner_unit_of_work(engine) as owner:
        await set_window(owner, window, by=1)
    for page in ("/pool/visits", "/"):
        assert "申报窗口已开" in (await officer.get(page)).text, page


async def test_a_large_registrys_page_says_from_when_its_reasons_are(
    client_as: ClientAs, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(memory, "LARGE", -1)
    monkeypatch.setattr(memory, "LONG", 0)
    officer = await client_as("district_officer", DISTRICT)
    async with owner_unit_of_work(engine) as owner:
        await newly_eligible(owner, "先符合的有限公司")
    assert "原因截至" not in (await officer.get("/pool/visits")).text
    async with owner_unit_of_work(engine) as owner:
        await newly_eligible(owner, "后符合的有限公司")
        await ending(owner, "到期的有限公司", on=today())
    page = (await officer.get("/pool/visits")).text
    assert ("原因截至" in page, "先符合的" in page, "后符合的" in page, "到期的" in page) == (True, True, False, True)
