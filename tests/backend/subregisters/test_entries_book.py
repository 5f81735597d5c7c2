"""A register by workbook and by page."""

from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.subregisters.entries_book import EntriesTaken, columns_of, entries_workbook, take_entries
from backend.subregisters.layouts import write_sheet
from backend.subregisters.queries import Filter, Listed, entries
from backend.subregisters.schemas import register_named
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise

TODAY = date(2026, 7, 10)
PROJECTS, INSTITUTIONS = register_named("projects"), register_named("institutions")
CENTRE = {
    "type": "企业技术中心",
    "level": "市级",
    "name": "某企业技术中心",
    "region": "海陵区",
    "starts_on": date(2023, 5, 1),
}


def book(*lines: dict[str, Any], register: Any = INSTITUTIONS) -> bytes:
    columns = columns_of(register)
    return write_sheet("台账", "", columns, [[line.get(column.name) for column in columns] for line in lines])


async def take(session: AsyncSession, content: bytes, register: Any = INSTITUTIONS, **given: Any) -> EntriesTaken:
    return await take_entries(session, register, content, "台账.xlsx", today=TODAY, **given)


async def standing(session: AsyncSession, register: Any = INSTITUTIONS) -> Listed:
    return await entries(session, register, Filter(state="all"), TODAY)


async def test_a_workbook_is_taken_and_the_same_again_changes_nothing(session: AsyncSession):
    first, again = await take(session, book(CENTRE)), await take(session, book(CENTRE))
    assert (first.entered, again.entered, again.unchanged) == (1, 0, 1)


async def test_a_further_level_is_a_promotion_of_the_same_institution(session: AsyncSession):
    await take(session, book(CENTRE))
    taken = await take(session, book(CENTRE, CENTRE | {"level": "省级", "starts_on": date(2025, 6, 1)}))
    assert (taken.unchanged, taken.promoted) == (1, 1)
    assert len({one.thing_id for one in (await standing(session)).rows}) == 1


async def test_what_is_exported_corrects_itself_when_it_comes_back_changed(session: AsyncSession):
    code = make_code()
    await make_enterprise(session, credit_code=code, name="泰州依托有限公司")
    project = {"type": "重点科创项目", "name": "某项目", "region": "泰兴", "credit_code": code, "amount": "1234.5678"}
    await take(session, book(project, register=PROJECTS), PROJECTS)
    listed = await standing(session, PROJECTS)
    assert listed.rows[0].draft.amount == 1_234_567_800
    assert listed.rows[0].host == "泰州依托有限公司"
    same = await take(session, entries_workbook(PROJECTS, listed.rows, ""), PROJECTS)
    assert (same.unchanged, same.written) == (1, 0)
    changed = book(project | {"id": listed.rows[0].id, "amount": 2000}, register=PROJECTS)
    assert (await take(session, changed, PROJECTS)).revised == 1
    assert [one.draft.amount for one in (await standing(session, PROJECTS)).rows] == [2_000_000_000]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"type": "实验台"}, "“类型”填的是“实验台”"),
        ({"name": None}, "没有填写"),
        ({"region": "南京市江宁区"}, "市（区）名称"),
        ({"credit_code": "91321202DEM000016K"}, "校验码不符"),
        ({"starts_on": "2025年"}, "请写明年月日"),
        ({"starts_on": date(2026, 8, 1)}, "在今天之后"),
        ({"id": 99}, "没有这个系统编号"),
    ],
)
async def test_one_wrong_line_keeps_all_others_out(session: AsyncSession, line: dict[str, Any], told: str):
    taken = await take(session, book(CENTRE, CENTRE | {"name": "另一中心"} | line))
    assert [one.row for one in taken.troubles] == [4]
    assert told in taken.troubles[0].text
    assert (await standing(session)).total == 0


async def test_a_line_twice_is_told_with_both_numbers(session: AsyncSession):
    assert "与第 3 行重复" in (await take(session, book(CENTRE, CENTRE))).troubles[0].text


async def test_a_name_that_several_bear_asks_for_the_code(session: AsyncSession):
    for _ in range(2):
        await make_enterprise(session, name="泰州同名有限公司")
    taken = await take(session, book(CENTRE | {"host_name": "泰州同名有限公司"}))
    assert "对应 2 家企业" in taken.troubles[0].text


async def test_a_district_hands_in_its_own_only(session: AsyncSession):
    taken = await take(session, book(CENTRE | {"region": "泰兴市"}), own_region="321202")
    assert "只能填本市（区）" in taken.troubles[0].text
    assert (await take(session, book(CENTRE | {"region": None}), own_region="321202")).entered == 1


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


FORM = {
    "type": "key_laboratory", "level": "provincial", "name": "泰州新药实验室", "region_code": "321203", "host": "泰州医药集团",
    "starts_on": "2025-03-01",
}  # fmt: skip


async def test_an_entry_is_made_corrected_promoted_and_withdrawn_on_pages(officer: AsyncClient):
    made = await officer.post("/registers/institutions/new", data=FORM)
    assert made.status_code == 303, made.text
    place = made.headers["location"]
    assert "泰州医药集团" in (await officer.get(place)).text
    corrected = await officer.post(f"{place}/revise", data=FORM | {"number": "K-1"})
    place = corrected.headers["location"]
    promoted = await officer.post(f"{place}/promote", data=FORM | {"level": "national", "starts_on": "2026-01-05"})
    assert promoted.status_code == 303, promoted.text
    assert "名单" not in (await officer.get("/plans/P000/targets/T000-08")).text
    listed = (await officer.get("/registers/institutions")).text
    assert "共 2 条" in listed
    target = (await officer.get("/plans/P000/targets/T000-08")).text
    assert "台账：1 条" in target
    assert (await officer.post(f"{place}/withdraw", data={"reason": "误录"})).status_code == 303
    assert "已撤回" in (await officer.get("/registers/institutions?state=withdrawn")).text


async def test_a_wrong_form_comes_back_as_it_was_written(officer: AsyncClient):
    answer = await officer.post(
        "/registers/projects/new", data=FORM | {"type": "key_sci_project", "amount": "约100", "starts_on": "2025.13.1"}
    )
    assert answer.status_code == 422
    assert 'value="约100"' in answer.text
    assert 'href="#starts_on"' in answer.text


async def test_the_pages_show_registers_and_take_workbooks(officer: AsyncClient):
    bad = await officer.post(
        "/registers/institutions/import", files={"file": ("a.xlsx", book(CENTRE | {"type": "甲"}))}
    )
    assert bad.status_code == 422
    good = await officer.post("/registers/institutions/import", files={"file": ("a.xlsx", book(CENTRE))})
    assert "写入 1 行" in good.text
    assert "企业技术中心 1" in (await officer.get("/registers")).text
    assert (await officer.get("/registers/institutions/entries.xlsx")).content[:2] == b"PK"
    assert (await officer.post("/registers/institutions/complete", data={"note": "已核对"})).status_code == 303
    assert "已核对完整至" in (await officer.get("/registers/institutions")).text
    assert (await officer.get("/registers/nothing")).status_code == 404


async def test_a_viewer_reads_and_writes_nothing(client_as: ClientAs):
    viewer = await client_as("viewer")
    assert "上传" not in (await viewer.get("/registers/institutions")).text
    assert (await viewer.post("/registers/institutions/new", data=FORM)).status_code == 403


async def test_programs_enter_read_and_count(officer: AsyncClient, client_as: ClientAs):
    body = {"type": "key_laboratory", "level": "provincial", "name": "泰州新药实验室", "region_code": "321203"}
    made = await officer.post("/api/v1/registers/institutions/entries", json=body)
    assert made.status_code == 201
    listed = (await officer.get("/api/v1/registers/institutions/entries?type=key_laboratory")).json()
    assert [one["id"] for one in listed["entries"]] == [made.json()["id"]]
    behind = (await officer.get("/api/v1/targets/T000-08/members")).json()
    assert (behind["total"], behind["entries"][0]["name"]) == (1, "泰州新药实验室")
    district = await client_as("district_officer", region="321202")
    assert (await district.post("/api/v1/registers/institutions/entries", json=body)).status_code == 403
    assert (await district.get("/api/v1/registers/institutions/entries")).json()["total"] == 0


async def test_an_entry_sent_again_under_its_key_is_made_once_and_answered_alike(officer: AsyncClient):
    body = {"type": "key_laboratory", "level": "provincial", "name": "泰州新药实验室", "region_code": "321203"}
    place, key = "/api/v1/registers/institutions/entries", {"Idempotency-Key": "enter-1"}
    first = await officer.post(place, json=body, headers=key)
    again = await officer.post(place, json=body, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await officer.post(place, json={**body, "name": "泰州另一实验室"}, headers=key)
    assert (other.status_code, other.json()["type"].rsplit("/", 1)[1]) == (422, "idempotency-mismatch")
    assert (await officer.get(place)).json()["total"] == 1
