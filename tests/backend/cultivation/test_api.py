"""The pool and the service file over REST: read by cursor, changed by nobody who did not see the state."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.service import enter
from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise

YEAR = today().year
CODE, ELSEWHERE = make_code("321282"), make_code("321283")
POOL = "/api/v1/pool"


@pytest.fixture
async def city(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    """An officer, and five enterprises in a pool, one of them with a code that is known here."""
    async with owner_unit_of_work(engine) as session:
        ids = [await make_enterprise(session, region_code="321202") for _ in range(4)]
        ids.append(await make_enterprise(session, credit_code=CODE, region_code="321282"))
        await enter(session, "hnte", YEAR, ids, by=1)
        await make_enterprise(session, credit_code=ELSEWHERE, region_code="321283")
    return await client_as("city_officer")


async def first_entry(client: AsyncClient) -> tuple[str, str]:
    """Address and ETag of an entry."""
    items = (await client.get(f"{POOL}?programme=hnte&year={YEAR}")).json()["items"]
    path = f"{POOL}/{items[0]['id']}"
    return path, (await client.get(path)).headers["etag"]


async def test_the_pool_is_read_to_its_end_by_following_its_links(city: AsyncClient):
    read: list[int] = []
    path: str | None = f"{POOL}?programme=hnte&year={YEAR}&limit=2"
    while path:
        answer = await city.get(path)
        read += [one["id"] for one in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url")
    assert len(read) == len(set(read)) == 5


async def test_a_pool_that_does_not_exist_is_refused_and_not_another_one_shown(city: AsyncClient):
    assert (await city.get(f"{POOL}?programme=hntte")).status_code == 422
    body = {"enterprise": ELSEWHERE, "programme": "star_s1", "year": YEAR}
    assert (await city.post(POOL, json=body)).status_code == 422


async def test_a_change_must_name_the_state_that_it_changes(city: AsyncClient):
    path, etag = await first_entry(city)
    change = {"stage": "cultivated"}
    assert (await city.patch(path, json=change)).status_code == 428
    assert (await city.patch(path, json=change, headers={"If-Match": etag})).json()["stage"] == "cultivated"
    second = await city.patch(path, json={"stage": "out", "reason": "迁出"}, headers={"If-Match": etag})
    assert second.status_code == 412
    assert second.headers["content-type"] == "application/problem+json"
    assert (await city.get(path)).json()["stage"] == "cultivated"


async def test_a_stage_that_asks_for_a_check_is_refused_with_the_reason(city: AsyncClient):
    path, etag = await first_entry(city)
    answer = await city.patch(path, json={"stage": "recommended"}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "move-refused")
    assert "还没有测评过" in answer.json()["detail"]


async def test_an_enterprise_is_entered_once_however_often_it_is_sent(city: AsyncClient, engine: AsyncEngine):
    body = {"enterprise": ELSEWHERE, "programme": "hnte", "year": YEAR}
    answers = [await city.post(POOL, json=body, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert (await city.post(POOL, json=body)).status_code == 409
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT count(*) FROM pool_entry") == [6]


async def test_needs_and_problems_are_taken_up_answered_and_protected_alike(city: AsyncClient):
    body: dict[str, Any] = {
        "kind": "problem",
        "topic": "ip",
        "content": "专利到期未续费",
        "raised_on": "2026-01-05",
        "owner": "知识产权科",
    }
    made = await city.post(f"/api/v1/enterprises/{CODE}/service-actions", json=body)
    assert made.status_code == 201
    path, etag = made.headers["location"], made.headers["etag"]
    unsaid = await city.patch(path, json={"owner": None, "answer": None}, headers={"If-Match": etag})
    assert (unsaid.status_code, unsaid.json()["owner"]) == (200, "知识产权科")
    etag = unsaid.headers["etag"]
    closing = {"status": "solved"}
    assert (await city.patch(path, json=closing, headers={"If-Match": etag})).status_code == 422
    answered = await city.patch(path, json=closing | {"answer": "已续费"}, headers={"If-Match": etag})
    assert (answered.status_code, answered.json()["answer"]) == (200, "已续费")
    assert (await city.patch(path, json={"answer": "x"}, headers={"If-Match": etag})).status_code == 412
    listed = (await city.get(f"/api/v1/service-actions?enterprise={CODE}&status=solved")).json()["items"]
    assert [one["content"] for one in listed] == ["专利到期未续费"]


async def test_steps_and_visits_stand_in_the_service_file(city: AsyncClient):
    step = await city.post(
        f"/api/v1/enterprises/{CODE}/service-steps", json={"title": "补报年度数据", "due_on": "2026-12-31"}
    )
    done = {"status": "done", "result": "已补报"}
    assert (
        await city.patch(step.headers["location"], json=done, headers={"If-Match": step.headers["etag"]})
    ).status_code == 200
    visit = {"visited_on": "2026-01-05", "visitors": "王敏", "content": "谈归集"}
    assert (await city.post(f"/api/v1/enterprises/{CODE}/visits", json=visit)).status_code == 201
    assert (
        await city.post(f"/api/v1/enterprises/{CODE}/visits", json=visit | {"visited_on": "2099-01-01"})
    ).status_code == 422
    file = (await city.get(f"/api/v1/enterprises/{CODE}/service-file")).json()
    assert [one["result"] for one in file["steps"]] == ["已补报"]
    assert [one["content"] for one in file["visits"]] == ["谈归集"]
    assert [one["programme"] for one in file["entries"]] == ["hnte"]


@pytest.mark.parametrize(
    "asked", ["stage=founded", "year=1899", "officer=somebody", "limit=0", "limit=1001", "cursor=WyJ4IiwgImEiXQ"]
)
async def test_a_filter_that_is_not_understood_is_refused_and_not_left_out(city: AsyncClient, asked: str):
    answer = await city.get(f"{POOL}?programme=hnte&{asked}")
    assert answer.status_code == (400 if asked.startswith("cursor") else 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await city.get(f"/api/v1/service-steps?{asked}&status=lost")).status_code in (400, 422)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (POOL, "GET, HEAD, POST"),
        (f"{POOL}/1", "GET, HEAD, PATCH"),
        (f"/api/v1/enterprises/{CODE}/policies/1", "DELETE"),
    ],
)
async def test_an_address_says_which_methods_it_has(city: AsyncClient, path: str, allowed: str):
    answer = await city.put(path, json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert f"只支持 {allowed.replace(', ', '、')}" in answer.json()["detail"]


async def test_a_cursor_goes_on_rightly_while_entries_move_and_others_enter(city: AsyncClient, engine: AsyncEngine):
    first = await city.get(f"{POOL}?programme=hnte&year={YEAR}&limit=2")
    path, etag = await first_entry(city)
    await city.patch(path, json={"stage": "cultivated"}, headers={"If-Match": etag})
    await city.post(POOL, json={"enterprise": ELSEWHERE, "programme": "hnte", "year": YEAR})
    rest = await city.get(first.links["next"]["url"].replace("limit=2", "limit=100"))
    read = [one["id"] for page in (first, rest) for one in page.json()["items"]]
    assert (len(read), read) == (6, sorted(set(read)))


async def test_what_moved_is_read_by_cursor_in_its_order(city: AsyncClient):
    path, etag = await first_entry(city)
    await city.patch(path, json={"stage": "cultivated"}, headers={"If-Match": etag})
    answer = await city.get("/api/v1/pool/moves?programme=hnte&limit=5")
    last = (await city.get(answer.links["next"]["url"])).json()["items"]
    assert [one["to_stage"] for one in answer.json()["items"]] == ["discovered"] * 5
    assert [(one["from_stage"], one["to_stage"]) for one in last] == [("discovered", "cultivated")]
    assert (await city.get("/api/v1/pool/moves?since=2099-01-01")).json()["items"] == []


async def test_every_field_that_cannot_be_is_named_and_nothing_is_written(city: AsyncClient):
    step = {"title": " ", "due_on": "2206-12-31", "officer_id": 99999, "programme": "nope"}
    answer = await city.post(f"/api/v1/enterprises/{CODE}/service-steps", json=step)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/title", "/due_on", "/programme", "/officer_id"]
    assert (await city.get("/api/v1/service-steps")).json()["items"] == []


async def test_a_step_is_given_to_an_officer_and_taken_from_them(city: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        (officer,) = await column(session, "SELECT max(id) FROM person")
    made = await city.post(f"/api/v1/enterprises/{CODE}/service-steps", json={"title": "补报", "due_on": "2026-12-31"})
    given = await city.patch(
        made.headers["location"], json={"officer_id": officer}, headers={"If-Match": made.headers["etag"]}
    )
    assert given.json()["officer_id"] == officer
    taken = await city.patch(
        made.headers["location"], json={"officer_id": 0}, headers={"If-Match": given.headers["etag"]}
    )
    assert taken.json()["officer_id"] is None


async def test_a_policy_is_noted_in_whole_fen_and_taken_back_once(city: AsyncClient, engine: AsyncEngine):
    here = f"/api/v1/enterprises/{CODE}/policies"
    body = {"policy": "研发奖补", "enjoyed_on": "2026-02-01", "amount": 20.000001}
    made = await city.post(here, json=body, headers={"Idempotency-Key": "p-1"})
    again = await city.post(here, json=body, headers={"Idempotency-Key": "p-1"})
    assert (made.status_code, again.json()["id"]) == (201, made.json()["id"])
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT amount_fen FROM policy_enjoyed") == [20_000_001]
    assert (await city.post(here, json=body | {"amount": 0.0000001})).status_code == 422
    assert (await city.delete(f"{here}/{made.json()['id']}")).status_code == 204
    assert (await city.delete(f"{here}/{made.json()['id']}")).status_code == 404
    file = (await city.get(f"/api/v1/enterprises/{CODE}/service-file")).json()
    assert file["policies"] == []


async def test_what_the_openapi_gives_as_examples_is_accepted(city: AsyncClient):
    described = (await city.get("/api/v1/openapi.json")).json()
    for path, operation in described["paths"].items():
        body = operation.get("post", {}).get("requestBody")
        if "cultivation" not in operation.get("post", {}).get("tags", []) or body is None:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        (example,) = described["components"]["schemas"][name]["examples"]
        example |= {"enterprise": ELSEWHERE} if "enterprise" in example else {}
        answer = await city.post(path.replace("{code}", CODE), json=example)
        assert answer.status_code == 201, (path, answer.text)


async def test_another_district_finds_nothing_of_it(city: AsyncClient, client_as: ClientAs):
    other = await client_as("district_officer", "321283")
    assert (await other.get(f"{POOL}?programme=hnte&year={YEAR}")).json()["items"] == []
    assert (await other.get((await first_entry(city))[0])).status_code == 404
    assert (await other.get(f"/api/v1/enterprises/{CODE}/service-file")).status_code == 404


async def test_a_viewer_reads_and_writes_nothing(city: AsyncClient, client_as: ClientAs):
    viewer = await client_as("viewer")
    path, etag = await first_entry(viewer)
    assert (await viewer.patch(path, json={"stage": "cultivated"}, headers={"If-Match": etag})).status_code == 403
