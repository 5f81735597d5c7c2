"""Officers merge, part, end, move and split on pages and over REST; two of them where the installation wants it."""

from datetime import date
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
