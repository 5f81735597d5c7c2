"""Applications to pools, messages and needs: from the enterprise to the officer and back."""

import re
from collections.abc import Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import PDF, EnterpriseClient, Two
from tests.factories import column

POOL = "/me/enterprise/pool"
FORM = {"programme": "hnte", "words": "主导产品为密封件，研发投入逐年增加"}


async def application_id(engine: AsyncEngine, two: Two) -> int:
    async with owner_unit_of_work(engine) as session:
        return (await column(session, "SELECT max(id) FROM pool_application WHERE enterprise_id = :id", id=two.own))[0]


async def test_an_application_that_is_accepted_is_in_the_pool_as_discovered(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    sent = await client.post(POOL, data=FORM, files={"papers": ("说明.pdf", PDF, "application/pdf")})
    assert sent.headers["location"] == f"{POOL}?done=applied"
    here = f"/applications/{await application_id(engine, two)}"
    assert here in (await officer.get("/from-enterprises")).text
    page = (await officer.get(here)).text
    assert "主导产品为密封件" in page
    paper = re.search(r'href="(/papers/\d+)">说明.pdf', page)
    assert paper is not None
    assert (await officer.get(paper[1])).content == PDF
    await officer.post(f"{here}/accepted", data={"revision": "1", "reason": "欢迎"})
    seen = (await client.get(POOL)).text
    assert all(words in seen for words in ("已受理入库", "欢迎", f"{today().isoformat()} 发现"))


async def test_a_refusal_needs_a_reason_which_the_enterprise_reads(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    await client.post(POOL, data=FORM)
    here = f"/applications/{await application_id(engine, two)}"
    assert (await officer.post(f"{here}/refused", data={"revision": "1", "reason": " "})).status_code == 422
    await officer.post(f"{here}/refused", data={"revision": "1", "reason": "成立未满一年，请明年再报"})
    seen = (await client.get(POOL)).text
    assert "未受理" in seen
    assert "成立未满一年，请明年再报" in seen


async def test_nobody_applies_twice_or_for_a_pool_they_are_in(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    await client.post(POOL, data=FORM)
    assert "正在受理" in (await client.post(POOL, data=FORM)).text
    await officer.post(f"/applications/{await application_id(engine, two)}/accepted", data={"revision": "1"})
    assert "不必再申请" in (await client.post(POOL, data=FORM)).text


@pytest.mark.parametrize("programme", ["", "no_such", "star_s1"])
async def test_an_application_names_a_pool_that_there_is(account_of: EnterpriseClient, two: Two, programme: str):
    answer = await (await account_of(two.own)).post(POOL, data=FORM | {"programme": programme})
    assert (answer.status_code, "请选择要申请的培育库" in answer.text) == (422, True)


async def test_who_withdraws_is_faster_than_who_decides_or_the_other_way_round(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    await client.post(POOL, data=FORM)
    number = await application_id(engine, two)
    assert (await client.post(f"{POOL}/{number}/withdraw")).status_code == 303
    assert (await officer.post(f"/applications/{number}/accepted", data={"revision": "1"})).status_code == 409
    await client.post(POOL, data=FORM)
    number = await application_id(engine, two)
    await officer.post(f"/applications/{number}/accepted", data={"revision": "1"})
    assert (await client.post(f"{POOL}/{number}/withdraw")).status_code == 409


async def test_no_enterprise_accepts_its_own_application_whatever_the_program_does(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    await (await account_of(two.own)).post(POOL, data=FORM)
    number = await application_id(engine, two)
    with pytest.raises(DBAPIError, match="row-level security"):
        async with unit_of_work(engine, Scope.enterprise(two.own)) as session:
            await session.execute(text("UPDATE pool_application SET state = 'accepted' WHERE id = :id"), {"id": number})


# Messages ------------------------------------------------------------------------------------------------------------


async def thread_of(client_answer_location: str) -> str:
    return client_answer_location.partition("?")[0].rpartition("/")[2]


async def test_messages_go_both_ways_and_show_when_they_were_read(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    opened = await client.post("/me/enterprise/messages", data={"subject": "申报时间", "words": "今年何时申报？"})
    thread = await thread_of(opened.headers["location"])
    mine, theirs = f"/me/enterprise/messages/{thread}", f"/enterprises/{two.code}/messages/{thread}"
    assert "对方未读" in (await client.get(mine)).text
    assert theirs in (await officer.get("/from-enterprises")).text
    assert "今年何时申报？" in (await officer.get(theirs)).text
    assert theirs not in (await officer.get("/from-enterprises")).text
    assert "对方已读" in (await client.get(mine)).text
    await officer.post(theirs, data={"words": "六月一日起。"})
    assert "1 条未读" in (await client.get("/me/enterprise")).text
    assert "六月一日起。" in (await client.get(mine)).text
    assert "条未读" not in (await client.get("/me/enterprise")).text


async def test_officers_names_stay_with_the_bureau(account_of: EnterpriseClient, client_as: ClientAs, two: Two):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    sent = await officer.post(f"/enterprises/{two.code}/messages", data={"subject": "通知", "words": "请补材料"})
    thread = await thread_of(sent.headers["location"])
    assert "王敏" in (await officer.get(f"/enterprises/{two.code}/messages/{thread}")).text
    page = (await client.get(f"/me/enterprise/messages/{thread}")).text
    said = page[page.index('id="main"') :]
    assert "请补材料" in said
    assert "王敏" not in said


async def test_a_reviewer_reads_without_the_message_counting_as_read(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    client, reviewer = await account_of(two.own), await client_as("reviewer")
    opened = await client.post("/me/enterprise/messages", data={"subject": "问", "words": "问题"})
    thread = await thread_of(opened.headers["location"])
    assert (await reviewer.get(f"/enterprises/{two.code}/messages/{thread}")).status_code == 200
    assert "对方未读" in (await client.get(f"/me/enterprise/messages/{thread}")).text


@pytest.mark.parametrize(
    "form", [{"subject": "", "words": "话"}, {"subject": "题", "words": "  "}, {"subject": "题", "words": "长" * 4001}]
)
async def test_an_empty_or_endless_message_is_not_sent(account_of: EnterpriseClient, two: Two, form: dict[str, str]):
    answer = await (await account_of(two.own)).post("/me/enterprise/messages", data=form)
    assert (answer.status_code, "消息没有发出" in answer.text) == (422, True)


async def test_no_enterprise_writes_in_the_bureaus_name_whatever_the_program_does(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    opened = await (await account_of(two.own)).post("/me/enterprise/messages", data={"subject": "题", "words": "话"})
    thread = int(await thread_of(opened.headers["location"]))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with unit_of_work(engine, Scope.enterprise(two.own)) as session:
            await session.execute(
                text(
                    "INSERT INTO message (enterprise_id, thread_id, is_from_enterprise, author, words)"
                    " VALUES (:id, :thread, false, '科技局', '同意')"
                ),
                {"id": two.own, "thread": thread},
            )


# Needs ---------------------------------------------------------------------------------------------------------------


async def service_action(engine: AsyncEngine, two: Two) -> Mapping[str, object]:
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT * FROM service_action WHERE enterprise_id = :id ORDER BY id DESC LIMIT 1"), {"id": two.own}
        )
        return dict(found.mappings().one())


async def test_a_need_arrives_in_the_service_file_and_its_answer_comes_back(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    await client.post("/me/enterprise/needs", data={"kind": "need", "topic": "talent", "content": "缺热处理工程师两名"})
    page = (await officer.get(f"/enterprises/{two.code}/service")).text
    assert "缺热处理工程师两名" in page
    assert "企业提出" in page
    need = await service_action(engine, two)
    change = {"revision": "1", "status": "solved", "owner": "人社局", "due_on": "", "answer": "已推荐三名"}
    assert (await officer.post(f"/enterprises/{two.code}/service/actions/{need['id']}", data=change)).status_code == 303
    seen = (await client.get("/me/enterprise/needs")).text
    assert "已办结" in seen
    assert "已推荐三名" in seen


async def test_what_officers_note_themselves_the_enterprise_does_not_see(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    client, officer = await account_of(two.own), await client_as("district_officer", "321282")
    visit = {
        "visited_on": today().isoformat(),
        "form": "phone",
        "visitors": "王敏",
        "content": "负责人口气消极，暂缓推荐",
    }
    assert (await officer.post(f"/enterprises/{two.code}/service/visits", data=visit)).status_code == 303
    action = {
        "kind": "problem",
        "topic": "other",
        "content": "疑似账目混乱",
        "raised_on": today().isoformat(),
        "owner": "科技局",
    }
    assert (await officer.post(f"/enterprises/{two.code}/service/actions", data=action)).status_code == 303
    for path in ("", "/facts", "/pool", "/messages", "/needs", "/figures"):
        page = (await client.get(f"/me/enterprise{path}")).text
        assert "暂缓推荐" not in page
        assert "账目混乱" not in page


@pytest.mark.parametrize("form", [{"kind": "x"}, {"topic": "x"}, {"content": " "}])
async def test_a_need_says_what_about_what(account_of: EnterpriseClient, two: Two, form: dict[str, str]):
    whole = {"kind": "need", "topic": "finance", "content": "贷款"} | form
    answer = await (await account_of(two.own)).post("/me/enterprise/needs", data=whole)
    assert (answer.status_code, "没有提交" in answer.text) == (422, True)
