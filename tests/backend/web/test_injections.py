"""Attempts to smuggle SQL, markup, templates, paths and formulas in, kept as a corpus: each comes back as plain text.

Whoever finds a new way in adds it to `injections.yaml` first.
"""

from html import escape
from io import BytesIO
from urllib.parse import quote

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.web.injections import CORPUS
from tests.factories import make_enterprise

#: Addresses with a place for something typed.
QUESTIONS = (
    "/enterprises?q={}&park={}&sort={}&page={}", "/enterprises?on={}", "/enterprises/{}", "/recognitions?view={}&programme={}",
    "/plans/{}", "/rules/{}", "/login?next={}",
)  # fmt: skip
AUDIT = (
    "/audit?who={}&words={}",
    "/audit?enterprise={}",
    "/audit?on_or_after={}",
    "/audit?before={}",
    "/audit/entries/{}",
)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_nothing_typed_into_an_address_does_more_than_find_nothing(officer: AsyncClient, engine: AsyncEngine):
    for attempt in CORPUS:
        for question in QUESTIONS:
            await ask(officer, question, attempt)
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(text("SELECT count(*) FROM enterprise")) == 0


async def test_nothing_typed_into_the_search_of_the_trace_does_either(client_as: ClientAs):
    auditor = await client_as("auditor")
    for attempt in CORPUS:
        for question in AUDIT:
            await ask(auditor, question, attempt)


async def ask(client: AsyncClient, question: str, attempt: str) -> None:
    path, _, query = question.partition("?")
    named = [part.partition("=")[0] for part in query.split("&") if part]
    answer = await client.get(path.replace("{}", quote(attempt, safe="")), params=dict.fromkeys(named, attempt))
    assert (question, attempt, answer.status_code < 500) == (question, attempt, True)
    assert "x-injected" not in answer.headers
    assert "x=1" not in answer.headers.get("set-cookie", "")
    if "<" in attempt:
        assert attempt not in answer.text
    assert "3193369" not in answer.text  # 1787 squared: a template would have worked it out


async def test_a_name_is_shown_and_exported_as_the_text_it_is(officer: AsyncClient, engine: AsyncEngine):
    names = [attempt for attempt in CORPUS if 2 <= len(attempt) <= 60 and attempt.isprintable()]
    async with owner_unit_of_work(engine) as session:
        ids = [await make_enterprise(session, name="甲") for _ in names]
        for number, name in zip(ids, names, strict=True):
            await session.execute(
                text("UPDATE enterprise SET name = :name WHERE id = :id"), {"name": name, "id": number}
            )
    for number, name in zip(ids, names, strict=True):
        page = (await officer.get(f"/enterprises/{number}")).text
        assert (name, str(escape(name)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page) == (name, True)
    book = CalamineWorkbook.from_filelike(BytesIO((await officer.get("/enterprises/export")).content))
    shown = {str(cell) for row in book.get_sheet_by_index(0).to_python() for cell in row}
    assert [name for name in names if name not in shown] == []
