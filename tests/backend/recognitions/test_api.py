"""Recognitions over REST: read by cursor, granted once, changed by nobody who did not see the state."""

from datetime import date, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_recognition

CODE, OTHER = make_code("321282"), make_code("321202")
LIST = "/api/v1/recognitions"
GRANTED_ON = today() - timedelta(days=100)


@pytest.fixture
async def registry(engine: AsyncEngine) -> AsyncEngine:
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, name="靖江云岚机械有限公司", credit_code=CODE, region_code="321282")
        for year in (2021, 2022, 2023, 2024, 2025):
            await make_recognition(session, number, "tech_sme", date(year, 6, 1))
        await make_enterprise(session, name="海陵星澜科技有限公司", credit_code=OTHER, region_code="321202")
    return engine


@pytest.fixture
async def city(registry: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


def a_title(**given: Any) -> dict[str, Any]:
    body = {"enterprise": OTHER, "programme": "hnte", "granted_on": str(GRANTED_ON), "notice": "国科火字〔2026〕1号"}
    return body | given


async def grant(client: AsyncClient, key: str = "", **given: Any) -> Any:
    return await client.post(LIST, json=a_title(**given), headers={"Idempotency-Key": key} if key else {})


async def titles_of(engine: AsyncEngine, programme: str) -> int:
    async with owner_unit_of_work(engine) as session:
        return len(await column(session, "SELECT id FROM recognition WHERE programme = :name", name=programme))


# Reading


async def test_a_list_is_read_to_its_end_by_following_its_links(city: AsyncClient):
    read: list[int] = []
    path: str | None = f"{LIST}?programme=tech_sme&limit=2"
    pages = 0
    while path:
        answer = await city.get(path)
        read += [one["id"] for one in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url")
        pages += 1
    assert (len(read), pages) == (5, 3)
    assert read == sorted(set(read))


async def test_what_is_entered_while_a_list_is_read_makes_nothing_come_twice(city: AsyncClient):
    first = (await city.get(f"{LIST}?limit=3")).json()
    await grant(city)
    rest = (await city.get(LIST, params={"limit": 3, "cursor": first["next"]})).json()
    ids = [one["id"] for one in first["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == 6


@pytest.mark.parametrize("cursor", ["nonsense", "eyJ9", "W10"])
async def test_a_cursor_that_is_none_is_refused(city: AsyncClient, cursor: str):
    answer = await city.get(LIST, params={"cursor": cursor})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_a_cursor_of_other_filters_is_refused(city: AsyncClient):
    cursor = (await city.get(f"{LIST}?limit=2")).json()["next"]
    assert (await city.get(LIST, params={"programme": "tech_sme", "cursor": cursor})).status_code == 400


async def test_titles_are_narrowed_to_those_in_force_on_a_day(city: AsyncClient):
    found = (await city.get(f"{LIST}?enterprise={CODE.lower()}&in_force_on=2023-08-01")).json()["items"]
    assert [(one["valid_from"], one["valid_to"]) for one in found] == [("2023-06-01", "2023-12-31")]


async def test_a_district_officer_reads_the_own_district_only(registry: AsyncEngine, client_as: ClientAs):
    hailing = await client_as("district_officer", "321202")
    assert (await hailing.get(LIST)).json() == {"items": [], "next": None}
    async with owner_unit_of_work(registry) as session:
        (number, *_) = await column(session, "SELECT id FROM recognition")
    assert (await hailing.get(f"{LIST}/{number}")).status_code == 404


async def test_who_has_the_state_already_is_not_sent_it_again(city: AsyncClient):
    number = (await city.get(LIST)).json()["items"][0]["id"]
    etag = (await city.get(f"{LIST}/{number}")).headers["etag"]
    again = await city.get(f"{LIST}/{number}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


# Writing


async def test_a_title_granted_is_there_with_its_place_and_state(city: AsyncClient):
    answer = await grant(city)
    assert answer.status_code == 201
    there = await city.get(answer.headers["location"])
    assert there.json() == answer.json()
    assert there.headers["etag"] == answer.headers["etag"]
    assert there.json()["in_force"] is True


async def test_the_same_key_grants_once_and_is_told_the_same(registry: AsyncEngine, city: AsyncClient):
    first, again = await grant(city, key="k-1"), await grant(city, key='"k-1"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert await titles_of(registry, "hnte") == 1


async def test_a_key_used_for_something_else_is_refused(registry: AsyncEngine, city: AsyncClient):
    await grant(city, key="k-2")
    answer = await grant(city, key="k-2", programme="srdi_sme")
    assert (answer.status_code, answer.json()["title"]) == (422, "Idempotency-Key 已用过")
    assert await titles_of(registry, "srdi_sme") == 0


async def test_a_key_is_the_senders_own(city: AsyncClient, client_as: ClientAs):
    await grant(city, key="k-3")
    other = await client_as("city_officer")
    assert (await grant(other, key="k-3", programme="srdi_sme")).status_code == 201


async def test_what_was_refused_may_be_put_right_under_the_same_key(city: AsyncClient):
    assert (await grant(city, key="k-4", granted_on=str(today() + timedelta(days=9)))).status_code == 422
    assert (await grant(city, key="k-4")).status_code == 201


@pytest.mark.parametrize("key", ["", "中文".encode(), "a b", "x" * 256])
async def test_a_key_that_is_none_is_refused(city: AsyncClient, key: str | bytes):
    answer = await city.post(LIST, json=a_title(), headers={"Idempotency-Key": key})  # type: ignore[dict-item]
    assert answer.status_code == 400


async def test_a_title_that_stands_already_is_not_granted_twice(registry: AsyncEngine, city: AsyncClient):
    await grant(city)
    answer = await grant(city)
    assert answer.status_code == 422
    assert "已经登记过" in answer.json()["detail"]
    assert await titles_of(registry, "hnte") == 1


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"programme": "no_such_title"}, "no_such_title"),
        ({"enterprise": "91321202MAWD852R8X"}, "91321202MAWD852R8X"),
        ({"valid_to": "2020-01-01"}, "早于"),
        ({"notice": " "}, "填写有误"),
        ({"nomber": "GR1"}, "填写有误"),
    ],
)
async def test_what_cannot_be_granted_says_why(city: AsyncClient, given: dict[str, Any], part: str):
    answer = await grant(city, **given)
    assert answer.status_code in (404, 422)
    assert part in answer.text


async def test_a_revocation_needs_the_state_that_was_seen(city: AsyncClient):
    title = (await grant(city)).headers["location"]
    body = {"revoked_on": str(today()), "reason": "复核不符合"}
    assert (await city.post(f"{title}/revocation", json=body)).status_code == 428


async def test_of_two_who_change_a_title_at_once_the_second_is_told(city: AsyncClient, client_as: ClientAs):
    granted = await grant(city, programme="srdi_sme")
    title, seen = granted.headers["location"], {"If-Match": granted.headers["etag"]}
    other = await client_as("city_officer")
    later = {"valid_to": str(GRANTED_ON.replace(year=GRANTED_ON.year + 5)), "notice": "复核通过"}
    extended = await other.post(f"{title}/extension", json=later, headers=seen)
    assert (extended.status_code, extended.json()["kind"]) == (200, "extended")
    refused = await city.post(
        f"{title}/revocation", json={"revoked_on": str(today()), "reason": "复核不符合"}, headers=seen
    )
    assert (refused.status_code, refused.json()["etag"]) == (412, extended.headers["etag"])
    assert (await city.get(title)).json()["revoked_on"] is None


async def test_under_an_old_id_a_title_is_what_it_has_become(city: AsyncClient):
    granted = await grant(city)
    title = granted.headers["location"]
    body = {"revoked_on": str(today()), "reason": "复核不符合"}
    revoked = await city.post(f"{title}/revocation", json=body, headers={"If-Match": granted.headers["etag"]})
    assert revoked.json()["id"] != granted.json()["id"]
    now = (await city.get(title)).json()
    assert (now["id"], now["revoked_on"], now["in_force"]) == (revoked.json()["id"], str(today()), False)


async def test_a_viewer_grants_nothing(registry: AsyncEngine, client_as: ClientAs):
    assert (await grant(await client_as("viewer"))).status_code == 403
    assert await titles_of(registry, "hnte") == 0


async def test_the_description_of_the_api_names_the_bodies(city: AsyncClient):
    described = (await city.get("/api/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/recognitions/{recognition_id}/revocation" in described["paths"]
    assert set(described["components"]["schemas"]) >= {"RecognitionBody", "RevocationBody", "ExtensionBody"}
