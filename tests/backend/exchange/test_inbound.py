"""Filings and recognitions by REST: every item is answered by itself, and whatever is sent twice counts once."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.authorisations import NewAuthorisation, authorise, withdraw
from backend.exchange.clients import shut_out
from backend.exchange.gateway import CITY, Message
from backend.exchange.keys import keys_of
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.factories import column, make_code, make_enterprise, make_filing


@pytest.fixture
async def system(app: FastAPI) -> CallingSystem:
    return await calling_system(app)


@pytest.fixture
async def code(engine: AsyncEngine) -> str:
    return (await codes(engine, 1))[0]


async def codes(engine: AsyncEngine, count: int, **given: Any) -> list[str]:
    made = [make_code() for _ in range(count)]
    async with owner_unit_of_work(engine) as session:
        for one in made:
            await make_enterprise(session, credit_code=one, **given)
    return made


async def found(engine: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with owner_unit_of_work(engine) as session:
        return await column(session, query, **values)


def filing(code: str, **given: Any) -> dict[str, Any]:
    return {"credit_code": code, "year": 2025, "values": {"operating_revenue": 3000}} | given


REVENUE = "SELECT operating_revenue FROM fact_yearly WHERE year = 2025"


# Coming in --------------------------------------------------------------------------------------------


async def test_a_secret_is_traded_for_a_token_of_fifteen_minutes(system: CallingSystem):
    answer = await system.token("filing:write")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert {name: answer.json()[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer", "expires_in": 900, "scope": "filing:write",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"), ({}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "statistics-bureau", "client_secret": "x"}, 401, "invalid_client"),
    ],
)  # fmt: skip
async def test_what_is_no_client_gets_no_token(system: CallingSystem, data: dict[str, str], status: int, error: str):
    answer = await system.http.post("/api/v1/oauth/token", data=data, headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_scope_that_was_not_given_is_refused(app: FastAPI):
    narrow = await calling_system(app, "narrow", scopes=("change:read",))
    assert (await narrow.token("filing:write")).json() == {"error": "invalid_scope"}
    answer = await narrow.send("/filings", {})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "insufficient-scope")


async def test_without_a_token_nobody_comes_in(system: CallingSystem):
    for header in ("", "Bearer ", "Bearer nonsense", "Basic abc"):
        answer = await system.send("/filings", {}, Authorization=header)
        assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)


async def test_who_is_shut_out_is_out_at_once(system: CallingSystem, engine: AsyncEngine, code: str):
    async with owner_unit_of_work(engine) as session:
        await shut_out(session, system.client_id)
    assert (await system.send("/filings", filing(code))).status_code == 401


async def test_a_token_ends(system: CallingSystem, engine: AsyncEngine, code: str):
    async with owner_unit_of_work(engine) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(text("UPDATE exchange_token SET expires_at = :past"), {"past": past})
    assert (await system.send("/filings", filing(code))).status_code == 401


async def test_no_secret_and_no_token_is_kept_in_clear(system: CallingSystem, engine: AsyncEngine):
    kept = await found(
        engine, "SELECT c::text || t::text FROM exchange_client c JOIN exchange_token t USING (client_id)"
    )
    token = system.http.headers["Authorization"].removeprefix("Bearer ")
    assert kept and all(system.secret not in one and token not in one for one in kept)


# One filing -------------------------------------------------------------------------------------------


async def test_a_filing_is_recorded_projected_and_evaluated(system: CallingSystem, engine: AsyncEngine, code: str):
    answer = await system.send("/filings", filing(code, id="mine-1"))
    assert (answer.status_code, answer.json()["recorded"], answer.json()["is_evaluated"]) == (201, 1, True)
    assert answer.json()["items"] == [{"index": 0, "id": "mine-1", "status": "recorded"}]
    assert await found(engine, REVENUE) == [3000 * 1_000_000]
    assert await found(engine, "SELECT source FROM filing") == ["statistics"]
    assert await found(engine, "SELECT 1 FROM eligibility LIMIT 1") == [1]


async def test_a_client_cannot_speak_for_another_source(system: CallingSystem, code: str):
    answer = await system.send("/filings", filing(code, source="officer"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/source")


async def test_the_same_again_under_a_new_key_is_unchanged(system: CallingSystem, engine: AsyncEngine, code: str):
    await system.send("/filings", filing(code))
    answer = await system.send("/filings", filing(code))
    assert (answer.status_code, answer.json()["unchanged"]) == (200, 1)
    assert await found(engine, "SELECT count(*) FROM filing") == [1]


async def test_wan_with_six_decimals_stay_exact(system: CallingSystem, engine: AsyncEngine, code: str):
    await system.send(
        "/filings",
        f'{{"credit_code": "{code}", "year": 2025, "values": {{"operating_revenue": 1234.567891}}}}'.encode(),
    )
    assert await found(engine, REVENUE) == [1_234_567_891]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"credit_code": "9132120"}, "/credit_code", "uscc-invalid"),
    ({"values": {"no_such": 1}}, "/values/no_such", "unknown-indicator"),
    ({"values": {"operating_revenue": "约3000"}}, "/values/operating_revenue", "unusable-value"),
    ({"values": {"operating_revenue": -1}}, "/values/operating_revenue", "unusable-value"),
    ({"values": {"operating_revenue": True}}, "/values/operating_revenue", "unusable-value"),
    ({"values": {"revenue": 1, "operating_revenue": 1}}, "/values/operating_revenue", "given-twice"),
    ({"values": {"hnte_field_code": "2.3"}}, "/values/hnte_field_code", "wrong-period"),
    ({"year": None}, "/values/operating_revenue", "wrong-period"),
    ({"values": {"operating_revenue": "none"}}, "/values/operating_revenue", "wrong-none"),
    ({"values": {}}, "/values", "wrong-length"), ({"values": []}, "/values", "wrong-type"),
    ({"year": "2025"}, "/year", "wrong-type"), ({"year": 2025.5}, "/year", "wrong-type"),
    ({"year": 12}, "/year", "out-of-range"), ({"received_on": "2025-02-30"}, "/received_on", "not-a-day"),
    ({"received_on": "昨天"}, "/received_on", "not-a-day"), ({"received_on": "2999-01-01"}, "/received_on", "out-of-range"),
    ({"surprise": 1}, "/surprise", "unknown-field"), ({"hint": 1}, "/hint", "unknown-field"), ({"note": 7}, "/note", "wrong-type"), ({"note": "x" * 501}, "/note", "wrong-length"),
    ({"values": {"a/b~c": 1}}, "/values/a~1b~0c", "unknown-indicator"),
]  # fmt: skip


async def test_what_is_wrong_with_each_item_is_named_with_pointer_and_remedy(
    system: CallingSystem, engine: AsyncEngine, code: str
):
    answer = await system.send("/filings", [filing(code, **given) for given, _, _ in WRONG])
    results = answer.json()["items"]
    told = [(one["status"], one["problems"][0]["pointer"], one["problems"][0]["code"]) for one in results]
    assert told == [("refused", f"/{n}{pointer}", word) for n, (_, pointer, word) in enumerate(WRONG)]
    assert all(problem["detail"] and problem["remedy"] for one in results for problem in one["problems"])
    said = {
        one["problems"][0]["pointer"].partition("/")[2].partition("/")[2]: one["problems"][0]["detail"]
        for one in results
    }
    assert said["year"] == "“year”应在 1990 至 2999 之间，实为“12”。" and "最多 500 字" in said["note"]
    assert await found(engine, "SELECT count(*) FROM filing") == [0]


async def test_a_single_refusal_is_a_problem_of_its_own(system: CallingSystem, code: str):
    answer = await system.send("/filings", filing(code, year=12))
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == "/year"


async def test_a_year_that_is_not_over_is_refused(system: CallingSystem, code: str):
    answer = await system.send("/filings", filing(code, year=today().year))
    assert answer.json()["errors"][0]["code"] == "year-not-over"


async def test_an_enterprise_that_nobody_registered_is_named(system: CallingSystem):
    answer = await system.send("/filings", filing(make_code()))
    assert answer.json()["errors"][0]["code"] == "unknown-enterprise"


async def test_another_districts_enterprise_is_as_unknown(app: FastAPI, code: str):
    district = await calling_system(app, "jingjiang", region_code="321282")
    answer = await district.send("/filings", filing(code))
    assert answer.json()["errors"][0]["code"] == "unknown-enterprise"


async def test_a_districts_client_files_for_its_own(app: FastAPI, engine: AsyncEngine):
    own = (await codes(engine, 1, region_code="321282"))[0]
    district = await calling_system(app, "jingjiang", region_code="321282")
    assert (await district.send("/filings", filing(own))).status_code == 201


@pytest.mark.parametrize(("revenue", "warned"), [(10_000_000, ["unit-suspect"]), (9_999_999, [])])
async def test_an_amount_that_nobody_has_is_flagged_without_anything_to_compare_it_with(
    system: CallingSystem, code: str, revenue: int, warned: list[str]
):
    answer = await system.send("/filings", filing(code, values={"operating_revenue": revenue}))
    item = answer.json()["items"][0]
    assert (item["status"], [one["code"] for one in item.get("warnings", ())]) == ("recorded", warned)


async def test_yuan_for_wan_is_flagged_and_kept_as_sent(system: CallingSystem, engine: AsyncEngine, code: str):
    await system.send("/filings", filing(code, year=2024))
    answer = await system.send("/filings", filing(code, values={"operating_revenue": 33_000_000}))
    assert [one["code"] for one in answer.json()["items"][0]["warnings"]] == ["unit-suspect"]
    assert await found(engine, REVENUE) == [33_000_000 * 1_000_000]
    assert "疑似以元填报" in (await found(engine, "SELECT note FROM filing WHERE year = 2025"))[0]


# Batches ----------------------------------------------------------------------------------------------


async def test_a_batch_records_the_good_and_answers_each(system: CallingSystem, engine: AsyncEngine):
    first, second = await codes(engine, 2)
    batch = [filing(first), 17, filing(second, year="x"), filing(second), None, filing(make_code())]
    answer = await system.send("/filings", batch)
    assert answer.status_code == 200
    assert [one["status"] for one in answer.json()["items"]] == [
        "recorded",
        "refused",
        "refused",
        "recorded",
        "refused",
        "refused",
    ]
    assert [one["problems"][0]["pointer"] for one in answer.json()["items"] if one["status"] == "refused"] == [
        "/1", "/2/year", "/4", "/5/credit_code",
    ]  # fmt: skip
    assert await found(engine, "SELECT count(*) FROM filing") == [2]


async def test_two_figures_of_one_enterprise_in_one_batch_are_both_there(
    system: CallingSystem, engine: AsyncEngine, code: str
):
    await system.send("/filings", [filing(code), filing(code, values={"total_profit": 5}), filing(code, year=2024)])
    assert await found(
        engine, "SELECT total_profit FROM fact_yearly WHERE operating_revenue = 3000000000 ORDER BY year"
    ) == [None, 5_000_000]


UNREADABLE = [
    (b"", 400, "invalid-json"), (b"{", 400, "invalid-json"), (b'{"a": NaN}', 400, "invalid-json"),
    (b"\xff\xfe", 400, "invalid-utf8"), (b'{"a": "\\ud800"}', 400, "invalid-text"),
    (b'{"a": "\\u0000"}', 400, "invalid-text"), (b'{"a": 1, "a": 2}', 400, "duplicate-name"),
    (b"[" * 100_000, 400, "too-deep"), (b"[" * 20 + b"]" * 20, 400, "too-deep"), (b"[]", 400, "no-items"),
    (b'{"a": ' + b"9" * 5000 + b"}", 400, "number-too-long"), (b"[" + b"1," * 1000 + b"1]", 413, "too-many-items"),
    (b'"' + b"x" * 10_001 + b'"', 400, "text-too-long"), (b"   ", 400, "invalid-json"), (b" " * (8 * 1024 * 1024 + 1), 413, "too-large"),
]  # fmt: skip


async def test_a_body_that_nobody_can_read_is_refused_as_a_whole_with_the_place_and_the_remedy(system: CallingSystem):
    for body, status, slug in UNREADABLE:
        answer = await system.send("/filings", body)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, slug)
        (error,) = answer.json()["errors"]
        assert (error["code"], "pointer" in error) == (slug, True) and error["detail"] and error["remedy"]


PLACES = [
    ('[{"a": 1},\n {"b": [1, x]}]', "invalid-json", {"pointer": "/1/b/1", "line": 2, "column": 12, "offset": 22}),
    ('{"企业": {"a": NaN}}', "invalid-json", {"pointer": "/企业/a", "line": 1, "column": 14, "offset": 17}),
    ('[{}, {"a/b": 1, "c": {"d": 1, "d": 2}}]', "duplicate-name", {"pointer": "/1/c/d", "line": 1, "column": 31, "offset": 30}),
    ('{"a": [' + "9" * 41 + "]}", "number-too-long", {"pointer": "/a/0", "line": 1, "column": 8, "offset": 7}),
    ('{"a": ' + "[" * 5000, "too-deep", {"pointer": "/a" + "/0" * 15, "line": 1, "column": 22, "offset": 21}),
    ('{"a": 1, "b": "\\ud800"}', "invalid-text", {"pointer": "/b"}), ('[{"a": "x}]', "invalid-json", {"pointer": "/0/a", "line": 1, "column": 8, "offset": 7}),
    (b'[{"n": 1}, {"n": "\xb9"}]', "invalid-utf8", {"pointer": "/1/n", "line": 1, "column": 19, "offset": 18}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "slug", "place"), PLACES, ids=[str(place) for place in range(len(PLACES))])
async def test_the_place_in_a_body_is_named_by_pointer_line_column_and_offset(
    system: CallingSystem, body: str | bytes, slug: str, place: dict[str, Any]
):
    answer = await system.send("/filings", body.encode() if isinstance(body, str) else body)
    (error,) = answer.json()["errors"]
    assert error["code"] == slug
    assert {name: value for name, value in error.items() if name not in ("code", "detail", "remedy")} == place


@pytest.mark.parametrize(
    ("kind", "told"),
    [("text/csv", "实为“text/csv”"), ("", "没有写"), ("application/json; charset=gb18030", "不是 UTF-8")],
)
async def test_what_does_not_say_that_it_is_json_is_answered_415(
    system: CallingSystem, code: str, kind: str, told: str
):
    answer = await system.send("/filings", filing(code), **{"Content-Type": kind})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["header"], told in error["detail"]) == (415, "Content-Type", True)
    assert "Content-Type: application/json" in error["remedy"] or "UTF-8" in error["remedy"]


async def test_json_of_a_kind_of_its_own_in_utf_8_is_taken(system: CallingSystem, code: str):
    for kind in ("application/vnd.tidu+json", "Application/JSON; charset=UTF-8"):
        assert (await system.send("/filings", filing(code), **{"Content-Type": kind})).status_code in (200, 201)


PARAMETERS = [
    ("/changes?limit=100000", "limit", "应在 1 至 1000 之间，实为“100000”"), ("/changes?limit=many", "limit", "应为整数，在 1 至 1000 之间，实为“many”"),
    ("/changes?type=nothing", "type", "没有变更类型“nothing”"), ("/changes?since=!!", "since", "不是本接口给出的游标"),
    ("/reconciliation?from=yesterday", "from", "应为日期，如 2026-01-31，实为“yesterday”"),
    ("/reconciliation?from=2026-02-01&to=2026-01-01", "from", "不是可问的一段"), ("/registered/123", "code", "18 位"),
    ("/lists/points-loan?limit=0", "limit", "应在 1 至 1000 之间，实为“0”"), ("/lists/points-loan?cursor=!!", "cursor", "不是本接口给出的游标"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "parameter", "told"), PARAMETERS, ids=[one[0] for one in PARAMETERS])
async def test_a_parameter_is_named_with_what_is_allowed(app: FastAPI, path: str, parameter: str, told: str):
    system = await calling_system(app, lists=("points-loan",))
    answer = await system.http.get(f"/api/v1{path}")
    (error,) = answer.json()["errors"]
    assert (answer.status_code // 100, error["parameter"]) == (4, parameter)
    assert told in error["detail"] + error["remedy"] and error["remedy"]


SUBSCRIPTIONS: list[tuple[Any, int, str, str]] = [
    ({"url": 7}, 422, "/url", "“url”应为文本，实为“7”"), ({"url": "http://x"}, 422, "/url", "应以 https:// 开头"),
    ({"url": "https://192.0.2.7", "types": ["nothing"]}, 422, "/types/0", "没有变更类型“nothing”"), ({}, 422, "/url", "没有填写"),
    ({"url": "https://192.0.2.7", "types": "all"}, 422, "/types", "应为数组"), ({"url": "https://x", "extra": 1}, 422, "/extra", "没有“extra”这一项"),
    ({"url": "x" * 301}, 422, "/url", "不超过 300 个字"), (b'{"url": \n x}', 422, "", "不是 JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "status", "pointer", "told"), SUBSCRIPTIONS, ids=lambda one: str(one)[:30])
async def test_a_subscription_that_cannot_be_is_told_with_its_place(
    system: CallingSystem, content: Any, status: int, pointer: str, told: str
):
    answer = await system.send("/subscriptions", content)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], told in error["detail"]) == (status, pointer, True), error
    assert error["remedy"]


async def test_a_subscription_that_does_not_say_that_it_is_json_is_answered_415(system: CallingSystem):
    answer = await system.send("/subscriptions", {"url": "https://x"}, **{"Content-Type": "text/plain"})
    assert (answer.status_code, "application/json" in answer.json()["detail"]) == (415, True)


async def test_a_huge_exponent_does_not_fill_the_memory(system: CallingSystem, code: str):
    answer = await system.send(
        "/filings",
        f'{{"credit_code": "{code}", "year": 2025, "values": {{"operating_revenue": 1e999999999}}}}'.encode(),
    )
    assert answer.status_code == 422


async def test_more_than_the_quota_is_asked_to_wait(app: FastAPI, code: str):
    small = await calling_system(app, "small", quota=2)
    answers = [await small.send("/filings", filing(code)) for _ in range(3)]
    assert [one.status_code for one in answers[:2]] == [201, 200] and answers[2].status_code in (429, 200)
    if answers[2].status_code == 429:  # the minute may turn in between
        assert 0 < int(answers[2].headers["Retry-After"]) <= 60
        assert answers[2].headers["RateLimit"].startswith('"minute";r=0;t=')


# Once ---------------------------------------------------------------------------------------------------


async def test_a_key_is_asked_for(system: CallingSystem, code: str):
    answer = await system.send("/filings", filing(code), **{"Idempotency-Key": ""})
    assert answer.json()["type"].endswith("/idempotency-key-missing")


async def test_the_same_key_gives_the_same_answer_and_happens_once(
    system: CallingSystem, engine: AsyncEngine, code: str
):
    first = await system.send("/filings", filing(code), key="k1")
    again = await system.send("/filings", filing(code), key="k1")
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert await found(engine, "SELECT count(*) FROM filing") == [1]


async def test_a_refusal_is_answered_again_too(system: CallingSystem, code: str):
    first = await system.send("/filings", filing(code, year=12), key="k1")
    assert (await system.send("/filings", filing(code, year=12), key="k1")).content == first.content


async def test_a_key_for_another_request_is_refused(system: CallingSystem, code: str):
    await system.send("/filings", filing(code), key="k1")
    answer = await system.send("/filings", filing(code, year=2024), key="k1")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "idempotency-mismatch")


async def test_two_clients_keys_do_not_meet(app: FastAPI, system: CallingSystem, code: str):
    other = await calling_system(app, "other")
    await system.send("/filings", filing(code), key="k1")
    assert (await other.send("/filings", filing(code, year=2024), key="k1")).status_code == 201


async def test_many_at_once_under_one_key_happen_once(system: CallingSystem, engine: AsyncEngine, code: str):
    answers = await asyncio.gather(*(system.send("/filings", filing(code), key="k1") for _ in range(5)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert await found(engine, "SELECT count(*) FROM filing") == [1]


async def test_a_key_is_free_again_after_a_day(system: CallingSystem, engine: AsyncEngine, code: str):
    await system.send("/filings", filing(code), key="k1")
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE exchange_answered SET answered_at = now() - interval '25 hours'"))
    assert (await system.send("/filings", filing(code, year=2024), key="k1")).status_code == 201


# Signed -------------------------------------------------------------------------------------------------


async def gateway_headers(app: FastAPI, body: bytes, client_id: str = "signing") -> dict[str, str]:
    secret = keys_of(app.state.settings).shared(client_id, 1)
    return CITY.sign(client_id, secret, Message("POST", "/api/v1/filings", "", body))


async def test_who_must_sign_is_not_heard_without(app: FastAPI, engine: AsyncEngine, code: str):
    signing = await calling_system(app, "signing", signature="gateway")
    answer = await signing.send("/filings", filing(code))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "signature-invalid")
    assert await found(engine, "SELECT count(*) FROM filing") == [0]


async def test_a_signature_is_taken_once(app: FastAPI, code: str):
    import json

    signing = await calling_system(app, "signing", signature="gateway")
    body = json.dumps(filing(code)).encode()
    headers = await gateway_headers(app, body)
    first, again = [await signing.send("/filings", body, **headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 401)
    assert again.json()["type"].endswith("/replay")


async def test_a_standard_signature_is_an_option(app: FastAPI, code: str):
    import json

    from backend.exchange.signing import Signed, sign_request

    signing = await calling_system(app, "signing", signature="rfc9421")
    body = json.dumps(filing(code)).encode()
    headers = {"content-type": "application/json", "idempotency-key": '"k1"'}
    signed = sign_request(
        Signed("POST", "http://tidu.test/api/v1/filings", headers), body, "signing",
        keys_of(app.state.settings).shared("signing", 1).encode(),
    )  # fmt: skip
    assert (await signing.http.post("/api/v1/filings", content=body, headers=signed.headers)).status_code == 201
    assert (await signing.http.post("/api/v1/filings", content=body + b" ", headers=signed.headers)).status_code == 401


# Tax ----------------------------------------------------------------------------------------------------


async def authorised(engine: AsyncEngine, code: str, **given: Any) -> int:
    async with owner_unit_of_work(engine) as session:
        enterprise = (await column(session, "SELECT id FROM enterprise WHERE credit_code = :code", code=code))[0]
        values: dict[str, Any] = {
            "groups": ("detail",), "purpose": "梯度培育测算", "first_year": 2023, "last_year": 2025,
            "valid_from": date(2020, 1, 1), "valid_to": date(2090, 1, 1), "signed_by": "王敏",
        } | given  # fmt: skip
        return await authorise(session, NewAuthorisation(enterprise, **values))


async def test_tax_figures_without_authorisation_are_refused_and_counted(app: FastAPI, engine: AsyncEngine, code: str):
    tax = await calling_system(app, "tax-bureau", source="tax")
    answer = await tax.send("/filings", filing(code))
    assert answer.json()["errors"][0]["code"] == "tax-authorisation-missing"
    assert await found(engine, "SELECT count(*) FROM filing") == [0]
    assert await found(engine, "SELECT fate || digest FROM exchange_record") == ["unauthorised"]
    assert "3000" not in str(await found(engine, "SELECT exchange_record::text FROM exchange_record"))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 201), ({"last_year": 2024}, 422), ({"groups": ("status",)}, 422), ({"valid_to": date(2024, 1, 1)}, 422),
        ({"valid_from": date(2080, 1, 1)}, 422),
    ],
    ids=str,
)  # fmt: skip
async def test_an_authorisation_covers_its_years_groups_and_days(
    app: FastAPI, engine: AsyncEngine, code: str, given: dict[str, Any], status: int
):
    tax = await calling_system(app, "tax-bureau", source="tax")
    await authorised(engine, code, **given)
    assert (await tax.send("/filings", filing(code))).status_code == status


async def test_a_withdrawn_authorisation_stops_the_next_filing(app: FastAPI, engine: AsyncEngine, code: str):
    tax = await calling_system(app, "tax-bureau", source="tax")
    number = await authorised(engine, code)
    assert (await tax.send("/filings", filing(code))).status_code == 201
    async with owner_unit_of_work(engine) as session:
        await withdraw(session, number)
    assert (await tax.send("/filings", filing(code, year=2024))).status_code == 422


async def test_a_violation_is_public_and_needs_no_authorisation(app: FastAPI, code: str):
    tax = await calling_system(app, "tax-bureau", source="tax")
    answer = await tax.send("/filings", filing(code, year=None, values={"major_tax_violation_periods": []}))
    assert answer.status_code == 201


# Recognitions -------------------------------------------------------------------------------------------


async def test_a_title_is_recorded_with_its_last_day(system: CallingSystem, engine: AsyncEngine, code: str):
    title = {"credit_code": code, "programme": "hnte", "granted_on": "2025-11-19", "number": "GR202532000001"}
    answer = await system.send("/recognitions/batch", title)
    assert answer.status_code == 201
    assert await found(engine, "SELECT valid_to::text || source FROM recognition") == ["2028-11-18statistics"]
    assert (await system.send("/recognitions/batch", title)).json()["unchanged"] == 1


@pytest.mark.parametrize(
    ("given", "code_word"),
    [
        ({"programme": "nothing"}, "unknown-programme"), ({"granted_on": "2999-01-01"}, "out-of-range"),
        ({"valid_from": "2025-01-01", "valid_to": "2024-01-01"}, "out-of-order"), ({"granted_on": 20251119}, "wrong-type"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_title_that_cannot_be_is_named(system: CallingSystem, code: str, given: dict[str, Any], code_word: str):
    title = {"credit_code": code, "programme": "hnte", "granted_on": "2025-11-19"} | given
    assert (await system.send("/recognitions/batch", title)).json()["errors"][0]["code"] == code_word


# The log ------------------------------------------------------------------------------------------------


async def test_every_write_is_in_the_log_without_its_content(system: CallingSystem, engine: AsyncEngine, code: str):
    await system.send("/filings", filing(code), key="k1")
    logged = await found(engine, "SELECT peer || idempotency_key || status FROM exchange_message")
    assert logged == ["statistics-bureauk1201"]
    assert code not in str(await found(engine, "SELECT exchange_message::text FROM exchange_message"))


async def test_a_filing_by_hand_is_not_disturbed(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        assert await make_filing(session, await make_enterprise(session)) == 1
