"""Officers merge, part, end, move and split on pages and over REST; two of them where the installation wants it."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.enterprises.queries import find
from backend.main import create_app
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.backend.web_client import signed_in_client
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

CODE, OTHER = make_code(), make_code()


@pytest.fixture
async def ids(engine: AsyncEngine) -> tuple[int, int]:
    async with owner_unit_of_work(engine) as session:
        one = await make_enterprise(session, name="泰州云帆精密机械有限公司", credit_code=CODE)
        other = await make_enterprise(session, name="泰州云凡精密机械有限公司", credit_code=OTHER)
        await make_filing(session, other, {"sales_revenue": 3000}, source="tax")
        await make_recognition(session, other, number="GR202432000007")
        return one, other


@pytest.fixture
async def officer(ids: tuple[int, int], client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_a_pair_is_listed_looked_at_merged_and_parted(officer: AsyncClient, ids: tuple[int, int]):
    listed = await officer.get("/enterprises/duplicates")
    assert "名称读音相同" in listed.text
    assert f"/enterprises/{CODE}/merge?other={OTHER}" in listed.text
    beside = await officer.get(f"/enterprises/{CODE}/merge", params={"other": OTHER})
    assert "3000（税务" in beside.text
    assert "GR202432000007" in beside.text
    form = {"other": OTHER, "remains": str(ids[0]), "reason": "同一家企业"}
    done = await officer.post(f"/enterprises/{CODE}/merge", data=form, follow_redirects=True)
    assert "已合并" in done.text
    assert "并入重复档案“泰州云凡精密机械有限公司”" in done.text
    undo = await officer.get(f"/enterprises/{CODE}/merges/1/undo")
    assert "恢复到合并前的样子" in undo.text
    parted = await officer.post(f"/enterprises/{CODE}/merges/1/undo", data={"reason": "两家"}, follow_redirects=True)
    assert "已撤销合并，两份档案恢复原样" in parted.text
    assert "云凡" in (await officer.get(f"/enterprises/{OTHER}")).text


async def test_the_closed_file_s_address_leads_to_the_one_that_remains(officer: AsyncClient, ids: tuple[int, int]):
    body = {"absorbs": OTHER, "reason": "同一家企业"}
    merged = await officer.post(f"/api/v1/enterprises/{CODE}/merges", json=body)
    assert merged.status_code == 201
    for key in (OTHER, str(ids[1])):
        page = await officer.get(f"/enterprises/{key}")
        assert (page.status_code, page.headers["location"]) == (303, f"/enterprises/{CODE}?instead_of={ids[1]}")
    told = (await officer.get(f"/api/v1/enterprises/{OTHER}")).json()
    assert (told["id"], told["instead_of"]["id"]) == (ids[0], ids[1])
    assert told["yearly"]["sales_revenue"] == {"2025": 3000}
    then = (await officer.get(f"/api/v1/enterprises/{OTHER}", params={"known_at": "2026-01-01"})).json()
    assert (then["id"], then["credit_code"], then["instead_of"]) == (ids[1], OTHER, None)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"other": OTHER}, "请选择保留哪一份档案"),
        ({"other": OTHER, "remains": "1"}, "请写明依据"),
        ({"other": CODE}, "这就是当前这份档案"),
        ({"other": "91321200MA1XXXXXX0"}, "没有代码为"),
    ],
)
async def test_a_merge_that_is_not_clear_is_told_beside_its_field(
    officer: AsyncClient, form: dict[str, str], words: str
):
    answer = await officer.post(f"/enterprises/{CODE}/merge", data=form)
    assert answer.status_code == 422
    assert words in answer.text


async def test_two_kept_apart_are_listed_no_more(officer: AsyncClient):
    done = await officer.post(
        f"/enterprises/{CODE}/apart", data={"other": OTHER, "reason": "母子公司"}, follow_redirects=True
    )
    assert "已记为两家不同的企业" in done.text
    assert "没有疑似重复的档案" in done.text


async def test_where_two_are_wanted_the_second_one_merges(engine: AsyncEngine, ids: tuple[int, int]):
    app = create_app(Settings(four_eyes=True), engine)
    async with await signed_in_client(app, "city_officer") as first, await signed_in_client(app, "reviewer") as second:
        form = {"other": OTHER, "remains": str(ids[0]), "reason": "同一家企业"}
        await first.post(f"/enterprises/{CODE}/merge", data=form)
        assert (await first.get(f"/api/v1/enterprises/{OTHER}")).json()["id"] == ids[1]
        waiting = await second.get("/proposals")
        assert "合并重复档案：泰州云凡精密机械有限公司 并入 泰州云帆精密机械有限公司" in waiting.text
        assert (await second.post("/proposals/1/confirm")).status_code == 303
        assert (await first.get(f"/api/v1/enterprises/{OTHER}")).json()["id"] == ids[0]


async def test_an_end_is_entered_shown_and_taken_back(officer: AsyncClient):
    form = {
        "kind": "licence_revoked",
        "ended_on": "2026-05-10",
        "reason": "吊销营业执照",
        "document": "泰市监罚〔2026〕1号",
    }
    ended = await officer.post(f"/enterprises/{OTHER}/end", data=form, follow_redirects=True)
    assert "2026年5月10日吊销" in ended.text.replace(" ", "")
    assert (await officer.get(f"/api/v1/enterprises/{OTHER}")).json()["rung"] == ""
    again = await officer.post(f"/enterprises/{OTHER}/end", data=form)
    assert "已登记吊销（2026-05-10）" in again.text
    revived = await officer.post(f"/enterprises/{OTHER}/revive", data={"reason": "登记错了"}, follow_redirects=True)
    assert "已恢复为存续" in revived.text
    assert "已撤销：登记错了" in revived.text


async def test_where_two_are_wanted_an_enterprise_moves_when_the_second_one_confirms(
    engine: AsyncEngine, ids: tuple[int, int]
):
    app = create_app(Settings(four_eyes=True), engine)
    async with await signed_in_client(app, "city_officer") as first, await signed_in_client(app, "reviewer") as second:
        form = {"region_code": "321282", "moved_on": "2026-03-01", "reason": "迁移通知"}
        body = {"region": "321282", "moved_on": "2026-03-01", "reason": "迁移通知"}
        edited = await first.post(f"/enterprises/{OTHER}/edit", data=form | {"name": "泰州云帆", "revision": "1"})
        assert "请在企业页用“登记迁移”" in edited.text
        await first.post(f"/enterprises/{OTHER}/move", data=form)
        assert (await first.post(f"/api/v1/enterprises/{OTHER}/moves", json=body)).status_code == 409
        assert (await first.get(f"/api/v1/enterprises/{OTHER}")).json()["region_code"] == "321202"
        assert "2026-03-01 由海陵区迁往靖江市" in (await second.get("/proposals")).text
        assert (await second.post("/proposals/1/confirm")).status_code == 303
        assert (await first.get(f"/api/v1/enterprises/{OTHER}")).json()["region_code"] == "321282"


async def test_a_move_is_entered_with_its_paper(officer: AsyncClient, engine: AsyncEngine):
    form = {"region_code": "321282", "moved_on": "2026-03-01", "reason": "迁移通知", "document": "泰市监迁〔2026〕2号"}
    moved = await officer.post(f"/enterprises/{OTHER}/move", data=form, follow_redirects=True)
    assert "迁移：海陵区 → 靖江市" in moved.text
    async with owner_unit_of_work(engine) as session:
        assert (await find(session, OTHER) or {})["region_code"] == "321282"
    again = await officer.post(f"/enterprises/{OTHER}/move", data=form)
    assert "没有迁移" in again.text


async def test_a_district_does_not_move_enterprises_away(ids: tuple[int, int], client_as: ClientAs):
    district = await client_as("district_officer", "321202")
    form = {"region_code": "321282", "moved_on": "2026-03-01", "reason": "迁移通知"}
    answer = await district.post(f"/enterprises/{OTHER}/move", data=form)
    assert "须由市级人员登记" in answer.text


async def test_a_split_is_entered_and_shown_on_both_files(officer: AsyncClient, engine: AsyncEngine):
    new = make_code()
    page = await officer.get(f"/enterprises/{OTHER}/split")
    assert "GR202432000007" in page.text
    form = {
        "split_on": "2026-04-01",
        "name": "泰州云源装备有限公司",
        "credit_code": new,
        "reason": "存续分立",
        "titles": "1",
    }
    done = await officer.post(f"/enterprises/{OTHER}/split", data=form, follow_redirects=True)
    assert "分出" in done.text
    assert "转出认定 1 项" in done.text
    assert "转入认定 1 项" in (await officer.get(f"/enterprises/{new}")).text


async def test_a_split_that_is_refused_shows_the_titles_as_they_were_chosen(officer: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        late = await make_recognition(session, (await find(session, OTHER) or {})["id"], "srdi_sme", date(2026, 4, 20))
    form = {"split_on": "2026-04-01", "name": "泰州云源装备有限公司", "reason": "分立", "titles": ["1", str(late)]}
    answer = await officer.post(f"/enterprises/{OTHER}/split", data=form)
    assert (answer.status_code, answer.text.count(" checked>")) == (422, 2)
    assert "不早于分立日" in answer.text
    assert (await officer.get("/enterprises", params={"q": "云源"})).text.count("泰州云源装备有限公司") == 0


async def split_off(officer: AsyncClient, code: str) -> str:
    """Let an enterprise have come of the other one, with its title; gives the address of the form that takes it back."""
    body = {
        "split_on": "2026-04-01",
        "name": "泰州云源装备有限公司",
        "credit_code": code,
        "reason": "分立",
        "recognitions": [1],
    }
    assert (await officer.post(f"/api/v1/enterprises/{OTHER}/splits", json=body)).status_code == 201
    return f"/enterprises/{OTHER}/splits/1/undo"


async def test_a_split_is_taken_back_on_its_page_and_leaves_its_line_in_both_files(officer: AsyncClient):
    new = make_code()
    address = await split_off(officer, new)
    assert address in (await officer.get(f"/enterprises/{OTHER}")).text
    form = await officer.get(address)
    assert "GR202432000007" in form.text
    done = await officer.post(address, data={"other": "close", "reason": "登记错了"}, follow_redirects=True)
    assert "已撤销分立" in done.text
    assert "已撤销：登记错了" in done.text
    assert (await officer.get(f"/enterprises/{new}")).status_code == 404
    closed = re.search(r'href="(/enterprises/\d+)">泰州云源装备有限公司', done.text) or ["", ""]
    assert "这份档案的登记已撤销" in (await officer.get(closed[1])).text
    assert (await officer.get(address)).status_code == 404


async def test_what_is_wrong_with_taking_a_split_back_is_told_beside_its_field(
    officer: AsyncClient, engine: AsyncEngine
):
    new = make_code()
    address = await split_off(officer, new)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, (await find(session, new) or {})["id"])
    seen = unescape((await officer.get(address)).text.split('name="seen" value="')[1].split('"')[0])
    for given, told in (
        ({"other": "keep"}, "请写明为什么撤销"),
        ({"reason": "误"}, "请选择分出的企业的档案"),
        ({"reason": "误", "other": "keep", "theirs": "filing-999"}, "已不在名单里"),
        ({"reason": "误", "other": "close"}, "名下还有填报"),
        ({"reason": "误", "other": "keep", "seen": "old"}, "您打开页面之后"),
    ):
        answer = await officer.post(address, data={"seen": seen} | given)
        assert (answer.status_code, told in answer.text) == (422, True), told
    answer = await officer.post(address, data={"seen": seen, "reason": "误", "other": "keep"})
    assert answer.status_code == 303


async def test_programs_take_a_split_back_only_as_they_saw_it(officer: AsyncClient, engine: AsyncEngine):
    new = make_code()
    await split_off(officer, new)
    address = f"/api/v1/enterprises/{OTHER}/splits/1"
    seen = await officer.get(f"{address}/since")
    assert (seen.json()["since"], seen.json()["opened_the_other_file"]) == ([], True)
    body: dict[str, Any] = {"reason": "登记错了", "other": "close"}
    assert (await officer.post(f"{address}/undo", json=body)).status_code == 428
    async with owner_unit_of_work(engine) as session:
        number = (await find(session, new) or {})["id"]
        await make_filing(session, number)
    headers = {"If-Match": seen.headers["etag"], "Idempotency-Key": "one"}
    assert (await officer.post(f"{address}/undo", json=body, headers=headers)).status_code == 412
    seen = await officer.get(f"{address}/since")
    (came,) = seen.json()["since"]
    headers["If-Match"] = seen.headers["etag"]
    body["theirs"] = [came["key"]]
    done = await officer.post(f"{address}/undo", json=body, headers=headers)
    again = await officer.post(f"{address}/undo", json=body, headers=headers)
    assert (done.status_code, done.json()["splits"][0]["undone_because"]) == (200, "登记错了")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (done.json(), "true")
    figures = (await officer.get(f"/api/v1/enterprises/{OTHER}/filings")).text
    assert "self_declared" in figures


async def test_where_two_are_wanted_a_split_is_taken_back_when_the_second_one_confirms(
    engine: AsyncEngine, officer: AsyncClient
):
    address = await split_off(officer, make_code())
    app = create_app(Settings(four_eyes=True), engine)
    async with await signed_in_client(app, "city_officer") as first, await signed_in_client(app, "reviewer") as second:
        asked = await first.post(address, data={"other": "close", "reason": "登记错了"}, follow_redirects=True)
        assert ("已提交" in asked.text, "已撤销：登记错了" in asked.text) == (True, False)
        assert (await second.post("/proposals/1/confirm")).status_code == 303
        assert "已撤销：登记错了" in (await first.get(f"/enterprises/{OTHER}")).text


REST = [
    ("end", {"ended_on": "2026-05-10", "reason": "决议解散"}, "ends"),
    ("moves", {"region": "321282", "moved_on": "2026-03-01", "reason": "迁移通知"}, "moves"),
    ("splits", {"split_on": "2026-04-01", "name": "泰州云源装备有限公司", "reason": "分立"}, "splits"),
]


@pytest.mark.parametrize(("act", "body", "told"), REST)
async def test_each_act_is_there_for_programs(officer: AsyncClient, act: str, body: dict[str, Any], told: str):
    answer = await officer.post(f"/api/v1/enterprises/{OTHER}/{act}", json=body)
    assert answer.status_code in (200, 201)
    lineage = (await officer.get(f"/api/v1/enterprises/{OTHER}/lineage")).json()
    assert len(lineage[told]) == 1


async def test_a_misspelt_part_of_an_act_is_not_lost_without_a_word(officer: AsyncClient):
    body = {"split_on": "2026-04-01", "name": "泰州云源装备有限公司", "reason": "分立", "recognition_ids": [1]}
    answer = await officer.post(f"/api/v1/enterprises/{OTHER}/splits", json=body)
    assert (answer.status_code, "没有“recognition_ids”这一项" in answer.text) == (422, True)


async def test_no_day_to_come_is_entered(officer: AsyncClient):
    later = date(2999, 1, 1).isoformat()
    for act, name in (("end", "ended_on"), ("move", "moved_on"), ("split", "split_on")):
        answer = await officer.post(f"/enterprises/{OTHER}/{act}", data={name: later, "reason": "x"})
        assert "在今天之后" in answer.text
