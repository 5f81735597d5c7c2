"""The same facts give the same answer on the page, by REST, on the command line, in a batch, and in the registry."""

import json
from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.service import evaluate
from rules.answers import answer_line
from rules.library import library
from tests.backend.self_check.test_batch import as_row, results
from tests.backend.self_check.test_pages import facts_of, outcomes
from tests.backend.workshop.test_workshop import file_facts
from tests.factories import make_enterprise

ON = date(2026, 7, 15)
HNTE = facts_of("hnte@2016")
WORDS = {"eligible": "符合", "undetermined": "待定", "ineligible": "不符合"}
#: What the registry knows by itself, and nobody files.
_KNOWN = ("hnte_certificates", "established_on", "registered_in_mainland")


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"sci_tech_staff": {"2025": 19}},
        {"sci_tech_staff": {"2025": 20}},
        {"sales_revenue": {"2023": 3000, "2024": 4000, "2025": 5000.000001}},
        {"innovation_score_total": 70},
        {"innovation_score_total": None},
        {"rd_expense_hnte_domestic": {"2023": 160, "2024": 144, "2025": 139.999999}},
    ],
)
async def test_all_doors_say_the_same(browser: AsyncClient, session: AsyncSession, changed: dict[str, Any]) -> None:
    facts = {name: value for name, value in (HNTE | changed).items() if value is not None}
    line = json.dumps({"id": 1, "programme": "hnte", "target": "hnte", "as_of": ON.isoformat(), "facts": facts})
    by_command = answer_line(line, library())
    by_rest = (await browser.post("/api/v1/checks", content=line, headers={"Content-Type": "application/json"})).json()
    page = await browser.post("/check/answer", data={"state": line})
    (row,), _ = results([as_row(facts)])
    assert by_rest == json.loads(json.dumps(by_command))
    assert outcomes(page)[0] == by_command["outcome"]
    assert row["结论"] == WORDS[by_command["outcome"]]
    assert row["数据摘要"] == by_command["receipt"]["facts"]
    assert await _in_registry(session, facts) == (by_command["outcome"], by_command["failed"])


async def _in_registry(session: AsyncSession, facts: dict[str, Any]) -> tuple[str, list[str]]:
    founded = date.fromisoformat(facts["established_on"])
    number = await make_enterprise(session, region_code="321282", established_on=founded)
    await file_facts(session, number, {name: value for name, value in facts.items() if name not in _KNOWN})
    await evaluate(session, [number], library(), ON)
    found = await session.execute(
        text("SELECT outcome, failed FROM eligibility WHERE enterprise_id = :id AND programme = 'hnte'"), {"id": number}
    )
    outcome, failed = found.one()
    return outcome, list(failed)
