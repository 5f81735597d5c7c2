"""Applications and messages over REST, for officers' systems."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import EnterpriseClient, Two
from tests.factories import column

API = "/api/v1"


async def applied(account_of: EnterpriseClient, engine: AsyncEngine, two: Two) -> str:
    """The address of an application."""
    await (await account_of(two.own)).post("/me/enterprise/pool", data={"programme": "hnte", "words": "申请"})
    async with owner_unit_of_work(engine) as session:
        found = await column(session, "SELECT max(id) FROM pool_application WHERE enterprise_id = :id", id=two.own)
    return f"{API}/applications/{found[0]}"


async def test_an_application_is_decided_by_whoever_saw_its_state(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    officer = await client_as("district_officer", "321282")
    here = await applied(account_of, engine, two)
    seen = await officer.get(here)
    assert (seen.json()["state"], seen.json()["enterprise"]["credit_code"]) == ("open", two.code)
    assert (await officer.get(here, headers={"If-None-Match": seen.headers["etag"]})).status_code == 304
    body = {"state": "accepted", "reason": "受理"}
    assert (await officer.patch(here, json=body)).status_code == 428
    named = {"If-Match": seen.headers["etag"], "Idempotency-Key": f"once-{here}"}
    first = await officer.patch(here, json=body, headers=named)
    again = await officer.patch(here, json=body, headers=named)
    assert [one.json()["state"] for one in (first, again)] == ["accepted", "accepted"]
    assert again.headers["Idempotency-Replayed"] == "true"
    stale = await officer.patch(here, json=body, headers={"If-Match": seen.headers["etag"]})
    assert (stale.status_code, stale.headers["content-type"]) == (412, "application/problem+json")
    pool = await officer.get(f"{API}/pool", params={"programme": "hnte"})
    assert two.code in [one["enterprise"]["credit_code"] for one in pool.json()["items"]]


async def test_refusing_without_a_reason_is_a_problem(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    officer = await client_as("district_officer", "321282")
    here = await applied(account_of, engine, two)
    named = {"If-Match": (await officer.get(here)).headers["etag"]}
    refused = await officer.patch(here, json={"state": "refused"}, headers=named)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "reason-missing")


async def all_items(client: AsyncClient, path: str, **asked: Any) -> list[dict[str, Any]]:
    """Every item of a list, a page of one at a time."""
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(path, params={"limit": 1, **asked, **({"cursor": cursor} if cursor else {})})).json()
        items += page["items"]
        cursor = page["next"]
    return items


async def test_applications_are_listed_page_by_page_within_the_district(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    here = await applied(account_of, engine, two)
    officer, elsewhere = await client_as("district_officer", "321282"), await client_as("district_officer", "321283")
    numbers = [one["id"] for one in await all_items(officer, f"{API}/applications", state="open")]
    assert int(here.rpartition("/")[2]) in numbers
    assert numbers == sorted(numbers)
    assert await all_items(elsewhere, f"{API}/applications") == []
    assert (await elsewhere.get(here)).status_code == 404
    assert (await officer.get(f"{API}/applications", params={"state": "x"})).status_code == 400


async def test_messages_are_written_and_read_over_rest(account_of: EnterpriseClient, client_as: ClientAs, two: Two):
    officer, client = await client_as("district_officer", "321282"), await account_of(two.own)
    body = {"subject": "补材料", "words": "请补审计报告"}
    opened = await officer.post(f"{API}/enterprises/{two.code}/threads", json=body)
    assert opened.status_code == 201
    here = opened.headers["location"]
    number = here.rpartition("/")[2]
    await client.post(f"/me/enterprise/messages/{number}", data={"words": "好的"})
    assert int(number) in [one["id"] for one in await all_items(officer, f"{API}/threads", unread="true")]
    whole = (await officer.get(here)).json()
    assert [(one["is_from_enterprise"], one["words"]) for one in whole["items"]] == [
        (False, "请补审计报告"),
        (True, "好的"),
    ]
    # A program that reads has not read it in anybody's place.
    assert whole["unread"] == 1
    assert (await officer.post(f"{here}/messages", json={"words": "收到"})).status_code == 201
    assert (await officer.post(f"{here}/messages", json={"words": ""})).status_code == 422
    listed = (await officer.get(f"{API}/enterprises/{two.code}/threads")).json()["items"]
    assert [one["messages"] for one in listed] == [3]


async def test_an_enterprise_has_no_part_in_the_officers_resources(account_of: EnterpriseClient, two: Two):
    client = await account_of(two.own)
    asked = (f"{API}/applications", f"{API}/threads", f"{API}/enterprises/{two.code}/threads")
    assert {(await client.get(path)).status_code for path in asked} == {403}
