"""The corpus of injections, and whatever else, typed into forms, put into files and sent as headers."""

from collections.abc import AsyncGenerator
from datetime import datetime

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.trace.export import trace_csv
from backend.access.trace.schemas import Entry
from backend.clock import CHINA
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.access.test_signing_in import proof_in
from tests.backend.web.injections import BY_KIND, CORPUS
from tests.backend.web_client import anonymous_client, signed_in_client
from tests.factories import TODAY, make_enterprise

TODAY_AT_NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=CHINA)
#: Headers that a browser, a proxy or htmx sends, and that the service reads.
HEADERS = (
    "User-Agent", "Referer", "Origin", "Accept", "Accept-Language", "X-Forwarded-For", "X-Request-ID", "HX-Request",
    "HX-Current-URL", "Range", "If-None-Match",
)  # fmt: skip
ANYTHING = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_SETTINGS = Settings(
    sign_ins_a_minute=100_000,
    public_requests_a_minute=100_000,
    exchange_secret="for tests only",  # type: ignore[arg-type]
)
TEXT = st.text(max_size=80) | st.sampled_from(CORPUS)


@pytest.fixture(scope="module")
def one_app(one_database: AsyncEngine) -> FastAPI:
    return create_app(_SETTINGS, one_database)


@pytest.fixture(scope="module")
async def officer(one_app: FastAPI) -> AsyncGenerator[AsyncClient]:
    async with await signed_in_client(one_app, "city_officer") as client:
        yield client


@pytest.fixture(scope="module")
async def administrator(one_app: FastAPI) -> AsyncGenerator[AsyncClient]:
    async with await signed_in_client(one_app, "administrator") as client:
        yield client


@pytest.fixture(scope="module")
async def stranger(one_app: FastAPI) -> AsyncGenerator[AsyncClient]:
    async with anonymous_client(one_app) as client:
        yield client


@pytest.fixture(scope="module")
async def enterprise(one_app: FastAPI) -> int:
    async with owner_unit_of_work(one_app.state.engine) as session:
        return await make_enterprise(session)


def stays_harmless(answer: Response, attempt: str) -> None:
    assert (attempt, answer.status_code < 500) == (attempt, True), answer.text[:500]
    assert "3193369" not in answer.text  # 1787 squared: a template would have worked it out
    assert "x-injected" not in answer.headers
    assert "x=1" not in answer.headers.get("set-cookie", "")
    location = answer.headers.get("location", "/")
    assert location.startswith("/") and not location.startswith("//")
    if attempt in BY_KIND["markup"] and "<" in attempt:
        assert attempt not in answer.text


@ANYTHING
@given(login=TEXT, password=TEXT, goes_to=TEXT)
async def test_nothing_typed_into_the_sign_in_form_signs_in(
    stranger: AsyncClient, login: str, password: str, goes_to: str
):
    proof = stranger.cookies.get("tidu-form") or proof_in(await stranger.get("/login"))
    form = {"login_name": login, "password": password, "next": goes_to, "csrf_token": proof}
    answer = await stranger.post("/login", data=form)
    stays_harmless(answer, login)
    assert answer.status_code in (400, 401, 422)
    assert "tidu-session" not in answer.headers.get("set-cookie", "")


@ANYTHING
@given(
    name=TEXT,
    content=st.binary(max_size=200) | st.lists(st.lists(TEXT, max_size=4), max_size=4).map(
        lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
    ),
    ending=st.sampled_from((".csv", ".xlsx", ".xls", "", ".exe")),
    layout=st.sampled_from(("", "enterprises", "recognitions", "no-such-layout")) | TEXT,
)  # fmt: skip
async def test_nothing_handed_in_breaks_the_import(
    officer: AsyncClient, name: str, content: bytes, ending: str, layout: str
):
    answer = await officer.post("/imports", files={"file": (name + ending, content)}, data={"layout": layout})
    stays_harmless(answer, name)


async def test_what_is_typed_into_forms_stays_text(
    one_app: FastAPI, officer: AsyncClient, administrator: AsyncClient, enterprise: int
):
    for attempt in CORPUS:
        for client, address, form in (
            (administrator, "/people/new", {"login": attempt, "name": attempt, "role": attempt, "region": attempt}),
            (officer, f"/enterprises/{enterprise}/contacts", {"kind": "contact", "name": attempt, "email": attempt}),
            (officer, f"/enterprises/{enterprise}/unmask", {"reason": attempt}),
        ):
            stays_harmless(await client.post(address, data=form), attempt)
    async with owner_unit_of_work(one_app.state.engine) as session:
        assert await session.scalar(text("SELECT count(*) FROM enterprise")) == 1
        assert await session.scalar(text("SELECT count(*) FROM person WHERE role = 'administrator'")) == 1


async def test_what_stands_in_a_file_stays_text(officer: AsyncClient):
    rows = ["企业名称,统一社会信用代码,所在市（区）"]
    rows += ['"' + attempt.replace('"', '""') + '",91321202DEM000010T,海陵区' for attempt in CORPUS]
    content = "\n".join(rows).replace("\0", "").encode()
    answer = await officer.post("/imports", files={"file": ("台账.csv", content)}, data={"layout": "enterprises"})
    for attempt in CORPUS:
        stays_harmless(answer, attempt)
    for attempt in BY_KIND["path"]:
        stays_harmless(await officer.post("/imports", files={"file": (attempt, b"a,b\n1,2\n")}), attempt)


async def test_what_is_sent_as_a_header_is_not_obeyed(officer: AsyncClient, stranger: AsyncClient):
    for attempt in CORPUS:
        sent = attempt.encode("utf-8").translate(None, b"\r\n\0")[:2000]
        headers = [(name.encode(), sent) for name in HEADERS]
        stays_harmless(await stranger.get("/login", headers=headers), attempt)
        answer = await officer.get("/me", headers=headers)
        stays_harmless(answer, attempt)
        assert answer.headers["x-request-id"].isalnum()


def test_no_text_of_an_export_is_a_formula():
    entries = [
        Entry(1, TODAY_AT_NOON, attempt, None, "", "", "", "read", "trace", "", None, "done", attempt, None, None)
        for attempt in CORPUS
    ]
    for line in trace_csv(entries).decode("utf-8-sig").split("\r\n"):
        for cell in line.split(","):
            assert cell.lstrip('"')[:1] not in ("=", "+", "-", "@", "\t") or cell.lstrip('"') == "-"
