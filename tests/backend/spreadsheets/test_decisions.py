"""Doubtful rows: put before a person beside their candidates, decided, taken back, carried out, undone with their import."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.enterprises.service import Draft, register
from backend.spreadsheets.deciding import (
    Bulk,
    Decision,
    DecisionRefused,
    NothingToUndo,
    Said,
    choices_of,
    decide,
    decide_rest,
    take_back_last,
)
from backend.spreadsheets.decision_queries import VIEWS, decision_counts, doubtful_rows, waiting_rows
from backend.spreadsheets.fates import Report
from backend.spreadsheets.keeping import begin_run, keep_checked
from backend.spreadsheets.service import digest
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import TODAY, column, hand_in, importer, try_out
from tests.factories import make_code, make_enterprise, make_recognition

TITLE = [
    ["2025年度江苏省专精特新中小企业名单"],
    ["（公告日期：2025年12月19日）"],
    ["序号", "企业名称", "统一社会信用代码", "所在地区"],
]
#: One that is misprinted, one that two firms are called, one that nobody is called.
LIKE, TWICE, NOBODY = "泰州华创电孑科技有限公司", "泰州同名有限公司", "兴化戴南不锈钢制品厂"
SHEET = "Sheet1"


def listed(*names: str, region: str = "海陵区") -> list[list[Any]]:
    return [*TITLE, *([number, name, "", region] for number, name in enumerate(names, start=1))]


async def checked(session: AsyncSession, table: list[list[Any]]) -> int:
    """An import that was tried out; its number."""
    content = make_workbook(table)
    number = await begin_run(session, "名单.xlsx", content, digest(content), {}, importer(), "checking")
    report: Report = await try_out(session, content)
    await keep_checked(session, number, report, {})
    return number


@pytest.fixture
async def known(session: AsyncSession) -> int:
    """The enterprise that the misprint means."""
    return await make_enterprise(session, name="泰州华创电子科技有限公司")


async def test_a_row_stands_beside_whom_it_may_mean_with_what_is_known_of_them(session: AsyncSession, known: int):
    await make_recognition(session, known, "hnte")
    number = await checked(session, listed(LIKE))
    (row,) = (await doubtful_rows(session, number, "open")).rows
    (candidate,) = row["candidates"]
    assert candidate["id"] == known
    assert [part.text for part in candidate["parts"] if part.differs] == ["子"]
    assert [title.programme for title in candidate["titles"]] == ["hnte"]
    assert [why for _, why in candidate["reasons"]] == ["名称相似度 86%", "所属区域一致"]


async def test_what_was_said_is_what_the_import_then_takes(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE, NOBODY, TWICE))
    said = [Decision(SHEET, 4, Said.MATCH, known), Decision(SHEET, 5, Said.NEW), Decision(SHEET, 6, Said.WAIT)]
    assert await decide(session, number, said) == 3
    assert await choices_of(session, number) == {"Sheet1!4": known, "Sheet1!5": 0}
    counts = await decision_counts(session, number)
    assert {view: counts[view] for view in VIEWS} == {"open": 0, "wait": 1, "decided": 2, "done": 0}


async def test_saying_the_same_again_is_no_news(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE))
    await decide(session, number, [Decision(SHEET, 4, Said.MATCH, known)])
    assert await decide(session, number, [Decision(SHEET, 4, Said.MATCH, known)]) == 0


async def test_taking_back_goes_back_to_what_was_said_before(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE))
    await decide(session, number, [Decision(SHEET, 4, Said.WAIT)])
    await decide(session, number, [Decision(SHEET, 4, Said.MATCH, known)])
    assert await take_back_last(session, number) == 1
    assert (await decision_counts(session, number))["wait"] == 1
    assert await take_back_last(session, number) == 1
    assert (await decision_counts(session, number))["open"] == 1
    with pytest.raises(NothingToUndo):
        await take_back_last(session, number)


async def test_nothing_that_was_ever_said_is_forgotten(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE))
    await decide(session, number, [Decision(SHEET, 4, Said.WAIT)])
    await decide(session, number, [Decision(SHEET, 4, Said.MATCH, known)])
    await take_back_last(session, number)
    assert await column(session, "SELECT decision FROM import_decision ORDER BY id") == ["wait", "match"]


async def test_only_doubtful_rows_are_decided_on(session: AsyncSession, known: int):
    number = await checked(session, [*listed(LIKE), [2, "泰州有码有限公司", make_code(), "海陵区"]])
    with pytest.raises(DecisionRefused, match="第 5 行已经导入，或不需要确认"):
        await decide(session, number, [Decision(SHEET, 5, Said.WAIT)])


async def test_an_enterprise_that_is_not_there_cannot_be_chosen(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE))
    with pytest.raises(DecisionRefused, match="不在您的区域，或已不在库内"):
        await decide(session, number, [Decision(SHEET, 4, Said.MATCH, known + 1_000_000)])


async def test_in_bulk_only_a_clear_likeness_in_the_rows_own_district_is_confirmed(session: AsyncSession, known: int):
    clear, elsewhere = "泰州华创智能电孑信息工程技术有限公司", "泰州远洋智能电孑信息工程技术有限公司"
    meant = await make_enterprise(session, name=clear.replace("孑", "子"))
    await make_enterprise(session, name=elsewhere.replace("孑", "子"), region_code="321281")
    number = await checked(session, listed(clear, elsewhere, LIKE, NOBODY))
    assert await decide_rest(session, number, Bulk.OBVIOUS) == 1
    assert await choices_of(session, number) == {"Sheet1!4": meant}


async def test_a_name_with_a_lost_character_is_obvious_if_one_enterprise_fills_it(session: AsyncSession, known: int):
    for name in ("泰州甲丙科技有限公司", "泰州乙丙科技有限公司"):
        await make_enterprise(session, name=name)
    number = await checked(session, listed("泰州华创电□科技有限公司", "泰州□丙科技有限公司"))
    assert await decide_rest(session, number, Bulk.OBVIOUS) == 1
    assert await choices_of(session, number) == {"Sheet1!4": known}


async def test_in_bulk_only_those_like_nobody_are_registered_and_the_rest_wait(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE, NOBODY))
    assert await decide_rest(session, number, Bulk.NEW) == 1
    assert await decide_rest(session, number, Bulk.WAIT) == 1
    assert await choices_of(session, number) == {"Sheet1!5": 0}


async def test_rows_that_wait_stay_on_the_work_list(session: AsyncSession, known: int):
    number = await checked(session, listed(LIKE, NOBODY))
    await decide(session, number, [Decision(SHEET, 4, Said.WAIT), Decision(SHEET, 5, Said.NEW)])
    assert [(row["name"], row["decision"]) for row in (await waiting_rows(session)).rows] == [(LIKE, "wait")]


async def test_what_was_decided_of_a_name_is_proposed_first_for_the_next_list(session: AsyncSession, known: int):
    other = await make_enterprise(session, name="泰州华创电予科技有限公司")
    number = await checked(session, listed(LIKE))
    await decide(session, number, [Decision(SHEET, 4, Said.MATCH, other)])
    later = await checked(session, listed(LIKE, region="海陵"))
    (row,) = (await doubtful_rows(session, later, "open")).rows
    assert row["candidates"][0]["id"] == other
    assert "在另一份名单中确认过" in row["candidates"][0]["reasons"][0][1]


# The pages -------------------------------------------------------------------------------------------


@pytest.fixture
async def city(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


@pytest.fixture
async def two(engine: AsyncEngine) -> Sequence[int]:
    async with owner_unit_of_work(engine) as work:
        drafts = [
            Draft(name=name, credit_code=make_code(), region_code="321202")
            for name in ("泰州华创电子科技有限公司", TWICE)
        ]
        return (await register(work, drafts, TODAY)).ids


async def asked(engine: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with owner_unit_of_work(engine) as work:
        return await column(work, query, **values)


def said(page: str, row: int) -> str:
    """The name of a row's choices in the form."""
    return next(name for name in re.findall(r"name='(said:[^']*)'", page) if name.endswith(f", {row}]"))


async def test_rows_are_decided_carried_out_and_undone_with_their_import(
    city: AsyncClient, engine: AsyncEngine, two: Sequence[int]
):
    table = [*listed(LIKE, NOBODY), [3, TWICE, "", "海陵区"]]
    place = (await hand_in(city, make_workbook(table))).headers["location"]
    await city.post(f"{place}/commit", data={"good_rows_only": "yes"})
    assert "2 行待确认是哪家企业" in (await city.get(place)).text
    page = (await city.get(f"{place}/decisions")).text
    await city.post(f"{place}/decisions", data={said(page, 4): f"match:{two[0]}", said(page, 5): "new"})
    answer = await city.post(f"{place}/decisions/carry-out")
    assert answer.headers["location"] == place
    assert "已全部导入" in (await city.get(place)).text
    assert await asked(engine, "SELECT name FROM enterprise ORDER BY id") == ["泰州华创电子科技有限公司", TWICE, NOBODY]
    assert await asked(engine, "SELECT enterprise_id FROM recognition ORDER BY enterprise_id") == [*two, two[1] + 1]
    await city.post(f"{place}/undo")
    assert await asked(engine, "SELECT name FROM enterprise WHERE status = 'active' ORDER BY id") == [
        "泰州华创电子科技有限公司",
        TWICE,
    ]
    assert await asked(engine, "SELECT count(*) FROM recognition WHERE superseded_at IS NULL") == [0]


async def test_before_it_is_carried_out_an_import_is_tried_out_again_with_what_was_said(
    city: AsyncClient, engine: AsyncEngine, two: Sequence[int]
):
    place = (await hand_in(city, make_workbook(listed(LIKE)))).headers["location"]
    page = (await city.get(f"{place}/decisions")).text
    code = (await asked(engine, "SELECT credit_code FROM enterprise WHERE id = :id", id=two[1]))[0]
    name = said(page, 4)
    await city.post(f"{place}/decisions", data={name: "code", name.replace("said:", "code:"): f" {code.lower()} "})
    await city.post(f"{place}/decisions/carry-out")
    assert "全部行都没有问题，尚未写入" in (await city.get(place)).text
    assert await asked(engine, "SELECT count(*) FROM recognition") == [0]
    assert "已确认 <span" in (await city.get(f"{place}/decisions")).text
    await city.post(f"{place}/commit")
    assert await asked(engine, "SELECT enterprise_id FROM recognition") == [two[1]]


async def test_a_code_that_nobody_has_is_told_and_nothing_is_kept(city: AsyncClient, two: Sequence[int]):
    place = (await hand_in(city, make_workbook(listed(LIKE)))).headers["location"]
    name = said((await city.get(f"{place}/decisions")).text, 4)
    answer = await city.post(f"{place}/decisions", data={name: "code", name.replace("said:", "code:"): "91"})
    assert answer.status_code == 422
    assert "没有代码为“91”的企业" in answer.text
    assert "待确认的名单行 1 行" in (await city.get("/imports")).text


async def test_a_district_decides_on_its_own_lists_and_enterprises_only(client_as: ClientAs, two: Sequence[int]):
    hailing, gaogang = await client_as("district_officer", "321202"), await client_as("district_officer", "321203")
    place = (await hand_in(hailing, make_workbook(listed(LIKE)))).headers["location"]
    assert (await gaogang.get(f"{place}/decisions")).status_code == 404
    assert (await gaogang.post(f"{place}/decisions/rest", data={"what": "wait"})).status_code == 404
    foreign = (await hand_in(gaogang, make_workbook(listed(LIKE, region="")))).headers["location"]
    page = (await gaogang.get(f"{foreign}/decisions")).text
    assert "没有相近的企业" in page
    answer = await gaogang.post(f"{foreign}/decisions", data={said(page, 4): f"match:{two[0]}"})
    assert (answer.status_code, "不在您的区域" in answer.text) == (422, True)


async def test_a_table_pasted_into_the_page_is_an_import(city: AsyncClient, engine: AsyncEngine, two: Sequence[int]):
    table = "\n".join("\t".join(map(str, row)) for row in listed(TWICE))
    place = (await city.post("/imports/pasted", data={"pasted": table})).headers["location"]
    await city.post(f"{place}/commit")
    assert await asked(engine, "SELECT enterprise_id FROM recognition") == [two[1]]


async def test_a_paste_that_is_no_table_comes_back_with_what_was_typed(city: AsyncClient):
    answer = await city.post("/imports/pasted", data={"pasted": "甲公司\n乙公司", "list_title": "高企名单"})
    assert answer.status_code == 422
    assert "只有一列" in answer.text
    assert "甲公司\n乙公司</textarea>" in answer.text
    assert 'value="高企名单"' in answer.text
