"""The life of a title: where it stands on each day, what happened to it, who never applied."""

from datetime import date, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows, owner_unit_of_work
from backend.enterprises.naming import rename
from backend.recognitions.life import State, life_of, state_of
from backend.recognitions.never_applied import Wanted, never_applied
from backend.recognitions.queries import held_by
from backend.recognitions.renewal import shipped
from backend.recognitions.service import extend, revoke
from backend.recognitions.worklists import Asked, list_titles
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_recognition

GRANTED = date(2023, 11, 18)
#: 国科发火〔2016〕32号 第九条: three years; the last printed day counts.
LAST = date(2026, 11, 17)


async def state(session: AsyncSession, enterprise: int, on: date, number: int = 0) -> State:
    titles = (await held_by(session, [enterprise]))[enterprise]
    return state_of(titles[number], on, shipped()[titles[number].programme], titles)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (GRANTED - timedelta(days=1), State.TO_COME),
        (GRANTED, State.VALID),
        (date(2025, 12, 31), State.VALID),
        (date(2026, 1, 1), State.DUE),
        (LAST, State.LAST_DAY),
        (LAST + timedelta(days=1), State.LAPSED),
    ],
)
async def test_a_title_stands_somewhere_on_every_day_of_its_life(session: AsyncSession, on: date, expected: State):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", GRANTED)
    assert await state(session, number, on) is expected


async def test_a_revoked_title_counts_no_more_on_the_very_day(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, "hnte", GRANTED)
    await revoke(session, title, date(2025, 5, 1), "处罚")
    assert await state(session, number, date(2025, 4, 30)) is State.VALID
    assert await state(session, number, date(2025, 5, 1)) is State.REVOKED


async def test_a_new_certificate_without_a_gap_continues_the_old_one(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", GRANTED)
    await make_recognition(session, number, "hnte", LAST, kind="renewed")
    assert await state(session, number, date(2026, 10, 1)) is State.CONTINUED
    assert await state(session, number, LAST + timedelta(days=1)) is State.RENEWED


async def test_a_late_certificate_leaves_a_gap_that_is_told(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", GRANTED)
    await make_recognition(session, number, "hnte", date(2026, 12, 1), kind="renewed", number="GR202632000001")
    assert await state(session, number, LAST + timedelta(days=1)) is State.LAPSED
    titles = (await held_by(session, [number]))[number]
    events = await life_of(session, titles[0], titles, shipped()["hnte"], date(2027, 1, 1))
    assert events[-1].what == "由新证接续"
    assert "中断 13 天（2026-11-18 至 2026-11-30）" in events[-1].detail


async def test_a_gazelle_stands_until_the_next_list_and_was_listed_for_ever(session: AsyncSession):
    old, new = await make_enterprise(session), await make_enterprise(session)
    await make_recognition(session, old, "js_gazelle", date(2024, 10, 1))
    on = date(2026, 1, 1)
    assert [row["enterprise_id"] for row in (await list_titles(session, Asked("latest_list"), on, library())).rows] == [
        old
    ]
    await make_recognition(session, new, "js_gazelle", date(2025, 10, 1))
    latest = (await list_titles(session, Asked("latest_list"), on, library())).rows
    ever = (await list_titles(session, Asked("ever_listed"), on, library())).rows
    assert [row["enterprise_id"] for row in latest] == [new]
    assert [(row["enterprise_id"], row["edition"]) for row in ever] == [(new, 2025), (old, 2024)]


async def test_a_review_passed_and_a_new_name_stand_in_the_life(session: AsyncSession):
    number = await make_enterprise(session, name="泰州旧名科技有限公司")
    title = await make_recognition(session, number, "srdi_sme", date(2022, 11, 25), notice="苏工信〔2022〕号")
    await rename(session, number, "泰州新名科技有限公司", date(2024, 3, 1))
    await extend(session, title, date(2028, 11, 24), "2025年复核通过名单")
    titles = (await held_by(session, [number]))[number]
    events = await life_of(session, titles[0], titles, shipped()["srdi_sme"], date(2026, 6, 30))
    told = [(one.on, one.what) for one in events]
    assert told[0] == (date(2022, 11, 25), "认定")
    assert (date(2025, 11, 24), "复核通过，有效期延续") in told
    assert any(one.what == "企业更名" and "泰州旧名科技有限公司" in one.detail for one in events)
    assert events[-1].is_ahead


async def test_a_move_to_another_city_is_told_with_what_the_law_says(session: AsyncSession):
    number = await make_enterprise(session, region_code="321202")
    await make_recognition(session, number, "hnte", GRANTED)
    await session.execute(
        text("UPDATE enterprise_region SET valid_to = '2024-12-31' WHERE enterprise_id = :id"), {"id": number}
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
            " VALUES (:id, '320706', '', '', '2025-01-01')"
        ),
        {"id": number},
    )
    titles = (await held_by(session, [number]))[number]
    events = await life_of(session, titles[0], titles, shipped()["hnte"], date(2026, 6, 30))
    assert (date(2025, 1, 1), "跨市整体迁移，有效期内继续有效") in [(one.on, one.what) for one in events]


# Never applied ---------------------------------------------------------------------------------------


async def fits(
    session: AsyncSession, programme: str = "hnte", outcome: str = "eligible", *, likely: bool = False
) -> int:
    number = await make_enterprise(session)
    columns = (
        "enterprise_id",
        "programme",
        "outcome",
        "is_likely",
        "version",
        "failed",
        "unknown",
        "missing",
        "as_of",
        "run_id",
    )
    row = (number, programme, outcome, likely, "2016", [], [], [], date(2026, 6, 30), 1)
    await copy_rows(session, "eligibility", columns, [row])
    return number


async def test_never_applied_are_those_who_fit_and_never_held_the_title(session: AsyncSession):
    never, likely = await fits(session), await fits(session, outcome="undetermined", likely=True)
    held = await fits(session)
    await make_recognition(session, held, "hnte", date(2019, 1, 1))
    await fits(session, outcome="ineligible")
    await fits(session, programme="srdi_sme")
    found = await never_applied(session, Wanted("hnte"))
    assert [row["id"] for row in found.rows] == [never, likely]
    assert [row["id"] for row in (await never_applied(session, Wanted("hnte", outcome="likely"))).rows] == [likely]


# The page --------------------------------------------------------------------------------------------


@pytest.fixture
async def title(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work, name="海陵某某有限公司", region_code="321202")
        return await make_recognition(work, number, "hnte", GRANTED, number="GR202332000001", batch="第一批")


async def test_a_titles_page_shows_its_life_to_who_may_see_it(client_as: ClientAs, title: int):
    hailing = await client_as("district_officer", "321202")
    page = (await hailing.get(f"/recognitions/{title}")).text
    for told in ("GR202332000001", "第一批", "2026-11-17", "重新认定", "有效期最后一天，当天仍有效"):
        assert told in page
    jingjiang: AsyncClient = await client_as("district_officer", "321282")
    assert (await jingjiang.get(f"/recognitions/{title}")).status_code == 404
    assert (await hailing.get("/recognitions/never-applied?programme=nonsense&page=99")).status_code == 200
