"""Titles put right that were entered wrongly, reviews passed by hand, and the tax years of a high-tech certificate."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.recognitions.correcting import Correction, check_extension, correct, next_last_day, withdraw
from backend.recognitions.life import life_of
from backend.recognitions.plausible import check_days, read_number
from backend.recognitions.queries import Held, held_by
from backend.recognitions.renewal import shipped
from backend.recognitions.service import RecognitionRefused, extend, revoke
from backend.recognitions.tax_years import tax_years_of
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_recognition

GRANTED = date(2023, 11, 18)
CODE = make_code("321202")


def as_it_is(**given: Any) -> Correction:
    held: dict[str, Any] = {
        "number": "GR202332000001", "batch": "", "granted_on": GRANTED, "valid_from": GRANTED, "valid_to": None,
        "notice": "国科火字〔2024〕1号", "reason": "日期看错",
    }  # fmt: skip
    return Correction(**held | given)


async def titles(session: AsyncSession, enterprise: int, known_at: datetime | None = None) -> list[Held]:
    return (await held_by(session, [enterprise], known_at))[enterprise]


# Putting right ---------------------------------------------------------------------------------------


async def test_a_title_put_right_counts_as_it_should_have_and_earlier_knowledge_stays(session: AsyncSession):
    number = await make_enterprise(session)
    march = datetime(2024, 3, 1, tzinfo=UTC)
    title = await make_recognition(session, number, "hnte", date(2023, 1, 18), recorded_at=march)
    assert await correct(session, title, as_it_is(), library())
    assert [(one.valid_from, one.valid_to, one.number) for one in await titles(session, number)] == [
        (GRANTED, date(2026, 11, 17), "GR202332000001")
    ]
    assert [one.valid_from for one in await titles(session, number, march + timedelta(days=1))] == [date(2023, 1, 18)]


async def test_a_correction_is_told_as_such_and_not_as_a_review(session: AsyncSession):
    number = await make_enterprise(session)
    await correct(session, await make_recognition(session, number, "hnte", date(2023, 1, 18)), as_it_is(), library())
    held = await titles(session, number)
    told = await life_of(session, held[0], held, shipped()["hnte"], date(2026, 1, 1))
    assert not [one for one in told if "复核" in one.what]
    words = next(one.detail for one in told if one.what == "更正登记")
    assert "有效期起由“2023-01-18”改为“2023-11-18”" in words
    assert "原因：日期看错" in words


async def test_what_happens_to_a_title_after_a_correction_is_none(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, "little_giant", GRANTED)
    await correct(session, title, as_it_is(number="X1"), library())
    await extend(session, (await titles(session, number))[0].id, date(2029, 11, 17), "复核公告")
    said = await column(session, "SELECT correction FROM recognition WHERE enterprise_id = :id ORDER BY id", id=number)
    assert said == ["", "日期看错", ""]


async def test_an_entry_that_is_right_already_is_left_alone(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(
        session, number, "hnte", GRANTED, number="GR202332000001", notice="国科火字〔2024〕1号"
    )
    assert not await correct(session, title, as_it_is(), library())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"valid_to": date(2023, 1, 1)}, "早于有效期起"),
        ({"granted_on": today() + timedelta(days=1)}, "在今天之后"),
        ({"valid_from": date(2023, 5, 18)}, "已有同一项目"),
        ({"valid_to": date(2025, 4, 1)}, "自 2025-05-01 起取消"),
    ],
)
async def test_what_cannot_have_been_is_refused(session: AsyncSession, given: dict[str, Any], told: str):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", date(2023, 5, 18))
    title = await make_recognition(session, number, "hnte", GRANTED)
    await revoke(session, title, date(2025, 5, 1), "处罚")
    with pytest.raises(RecognitionRefused, match=told):
        await correct(session, (await titles(session, number))[1].id, as_it_is(**given), library())


async def test_a_title_that_was_never_granted_is_taken_out_and_was_known_before(session: AsyncSession):
    number = await make_enterprise(session)
    march = datetime(2024, 3, 1, tzinfo=UTC)
    title = await make_recognition(session, number, "hnte", GRANTED, recorded_at=march)
    assert await withdraw(session, title) == number
    assert await titles(session, number) == []
    assert len(await titles(session, number, march + timedelta(days=1))) == 1


@pytest.mark.parametrize(
    ("programme", "days", "told"),
    [
        ("hnte", (date(1023, 11, 18), None, None), "早于 1988 年"),
        ("hnte", (GRANTED, date(2031, 1, 1), None), "相差一年以上"),
        ("tech_sme", (date(2025, 6, 1), None, date(2029, 1, 1)), "比按有效期算出的 2025-12-31 还晚一年以上"),
        ("hnte", (GRANTED, None, date(2023, 11, 1)), "早于有效期起"),
    ],
)
def test_days_that_are_years_off_are_slips(programme: str, days: tuple[date, date | None, date | None], told: str):
    with pytest.raises(RecognitionRefused, match=told):
        check_days(programme, *days, library())


def test_days_that_a_notice_prints_may_differ_from_the_term():
    check_days("hnte", GRANTED, date(2023, 12, 1), date(2026, 12, 31), library())


def test_a_number_typed_by_hand_is_spelt_as_in_lists():
    assert read_number(" 证书编号：gr202332000001 ", "hnte") == "GR202332000001"
    with pytest.raises(RecognitionRefused, match="编号“GR20243299”不是高新技术企业证书编号，编号为 GR 加 12 位数字"):
        read_number("GR20243299", "hnte")


# Reviews ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("programme", "revoked_on", "valid_to", "told"),
    [
        ("hnte", None, date(2029, 11, 17), "须重新认定、换发新证"),
        ("little_giant", date(2025, 5, 1), date(2029, 11, 17), "已自 2025-05-01 起取消"),
        ("little_giant", None, date(2026, 11, 17), "不早于 2026-11-17"),
        ("little_giant", None, date(2209, 11, 17), "比顺延一个有效期（至 2029-11-17）还晚一年以上"),
    ],
)
async def test_a_review_that_cannot_be_is_refused(
    session: AsyncSession, programme: str, revoked_on: date | None, valid_to: date, told: str
):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, programme, GRANTED)
    if revoked_on is not None:
        await revoke(session, title, revoked_on, "处罚")
    with pytest.raises(RecognitionRefused, match=told):
        check_extension((await titles(session, number))[0], valid_to, library())


async def test_another_term_follows_without_a_gap(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "little_giant", GRANTED)
    assert next_last_day((await titles(session, number))[0], library()) == date(2029, 11, 17)


# Tax years: 税务总局公告2017年第24号 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("followed_on", "on", "words"),
    [
        (None, date(2026, 3, 1), "2023—2025 年度（自发证年度起）；2026 年到期，取得新证前可先按 15% 预缴，年底前未取得新证的补缴"),
        (None, date(2027, 1, 1), "2023—2025 年度（自发证年度起）；2026 年到期，年底前未取得新证，已按 15% 预缴的应补缴"),
        (date(2026, 12, 31), date(2027, 1, 1), "2023—2025 年度（自发证年度起）"),
        (date(2027, 1, 1), date(2027, 1, 1), "2023—2025 年度（自发证年度起）；2026 年到期，年底前未取得新证，已按 15% 预缴的应补缴"),
    ],
)  # fmt: skip
async def test_a_certificate_lowers_the_tax_from_the_year_of_its_issue(
    session: AsyncSession, followed_on: date | None, on: date, words: str
):
    number = await make_enterprise(session)
    await make_recognition(session, number, "hnte", GRANTED)
    if followed_on is not None:
        await make_recognition(session, number, "hnte", followed_on, kind="renewed")
    held = await titles(session, number)
    found = tax_years_of(held[0], held, on)
    assert found is not None and found.words == words


async def test_of_a_revoked_certificate_the_decision_says_from_which_year(session: AsyncSession):
    number = await make_enterprise(session)
    await revoke(session, await make_recognition(session, number, "hnte", GRANTED), date(2025, 5, 1), "处罚")
    held = await titles(session, number)
    found = tax_years_of(held[0], held, date(2026, 1, 1))
    assert found is not None
    assert (found.first, found.last, found.revoked_in) == (2023, 2024, 2025)
    assert "起始年度以取消文件为准" in found.words


async def test_other_titles_lower_no_tax(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "srdi_sme", GRANTED)
    held = await titles(session, number)
    assert tax_years_of(held[0], held, GRANTED) is None


# Pages and REST --------------------------------------------------------------------------------------


@pytest.fixture
async def title(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work, name="海陵某某有限公司", credit_code=CODE, region_code="321202")
        entered = datetime(2024, 3, 1, tzinfo=UTC)
        await make_recognition(work, number, "hnte", GRANTED, entered)
        return await make_recognition(work, number, "little_giant", GRANTED, entered, number="A1", notice="公告")


@pytest.fixture
async def city(title: int, client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_a_review_is_entered_on_the_page(city: AsyncClient, title: int):
    here = f"/enterprises/{CODE}/recognitions/{title}/extend"
    assert 'value="2029-11-17"' in (await city.get(here)).text
    assert "请写明依据的复核公告" in (await city.post(here, data={"valid_to": "2029-11-17"})).text
    answer = await city.post(here, data={"valid_to": "2029-11-17", "notice": "工信部公告"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/recognitions/{title}?done=extended")
    page = (await city.get(answer.headers["location"])).text
    assert "已登记复核通过" in page and "复核通过，有效期延续" in page
    assert (await city.get(here)).status_code == 404


async def test_an_entry_is_put_right_and_taken_out_on_the_page(city: AsyncClient, title: int):
    here = f"/enterprises/{CODE}/recognitions/{title}/correct"
    held = {"number": "A1", "granted_on": str(GRANTED), "valid_to": "2026-11-17", "notice": "公告"}
    assert "请写明更正的原因" in (await city.post(here, data=held)).text
    assert "不是日期" in (await city.post(here, data=held | {"granted_on": "2023-13-01", "reason": "错"})).text
    answer = await city.post(here, data=held | {"number": "A2", "reason": "看错"})
    assert answer.status_code == 303
    assert "编号由“A1”改为“A2”" in (await city.get(f"/recognitions/{title}")).text
    now = (await city.get(f"/api/v1/recognitions/{title}")).json()["id"]
    gone = await city.post(
        f"/enterprises/{CODE}/recognitions/{now}/correct", data={"act": "withdraw", "reason": "同名误登"}
    )
    assert gone.headers["location"] == f"/enterprises/{CODE}?done=withdrawn"
    assert "已被撤回" in (await city.get(f"/recognitions/{title}")).text


async def test_a_program_puts_right_only_what_it_gives(city: AsyncClient, title: int):
    here = f"/api/v1/recognitions/{title}"
    seen = {"If-Match": (await city.get(here)).headers["etag"]}
    body = {"number": "A2", "reason": "看错"}
    told = (await city.post(f"{here}/correction", json=body, headers=seen)).json()
    assert (told["number"], told["valid_to"], told["kind"]) == ("A2", "2026-11-17", "granted")
    again = await city.post(f"{here}/correction", json=body, headers=seen)
    assert again.status_code == 412
    seen = {"If-Match": (await city.get(here)).headers["etag"]}
    assert (await city.post(f"{here}/withdrawal", json={"reason": "误登"}, headers=seen)).status_code == 204
    assert (await city.get(here)).status_code == 404


async def test_titles_are_listed_as_they_were_known(city: AsyncClient, title: int):
    body = {"revoked_on": "2025-05-01", "reason": "处罚"}
    await city.post(f"/api/v1/recognitions/{title}/revocation", json=body, headers={"If-Match": "*"})
    there = "/api/v1/recognitions?programme=little_giant&in_force_on=2025-06-01"
    assert (await city.get(there)).json()["items"] == []
    known = (await city.get(f"{there}&known_at={today() - timedelta(days=1)}")).json()["items"]
    assert [(one["number"], one["revoked_on"], one["in_force"]) for one in known] == [("A1", None, True)]
    assert (await city.get(f"{there}&known_at=2024-02-01")).json()["items"] == []
    assert "没有认定项目“nope”" in (await city.get("/api/v1/recognitions?programme=nope")).json()["detail"]


async def test_a_program_is_told_the_tax_years_of_a_certificate(city: AsyncClient):
    listed = (await city.get("/api/v1/recognitions?programme=hnte")).json()["items"][0]
    told = (await city.get(f"/api/v1/recognitions/{listed['id']}")).json()["tax_years"]
    assert told == {"first": 2023, "last": 2025, "prepaid": 2026, "revoked_in": None}
