"""Filings, conflicts and decisions over REST."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_filing

CODE = make_code("321282")
HERE = f"/api/v1/enterprises/{CODE}"
CONFLICT = f"{HERE}/conflicts/sales_revenue?year=2025"
DECISION = f"{HERE}/conflicts/sales_revenue/decision?year=2025"


@pytest.fixture
async def officer(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    """An officer; tax and an enterprise disagree about its sales and its staff."""
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, credit_code=CODE, region_code="321282")
        await make_filing(session, number, {"sales_revenue": 1200, "employee_total": 90})
        await make_filing(session, number, {"sales_revenue": 900, "employee_total": 60}, source="tax")
    return await client_as("city_officer")


async def test_conflicts_are_read_one_after_the_other(officer: AsyncClient):
    first = await officer.get("/api/v1/conflicts?limit=1")
    second = await officer.get(first.links["next"]["url"])
    read = [one["indicator"] for answer in (first, second) for one in answer.json()["items"]]
    assert sorted(read) == ["employee_total", "sales_revenue"]
    assert second.json()["next"] is None
    assert [one["source"] for one in first.json()["items"][0]["said"]] == ["tax", "self_declared"]


async def test_a_decision_names_the_state_and_the_second_one_is_told(officer: AsyncClient, engine: AsyncEngine):
    etag = (await officer.get(CONFLICT)).headers["etag"]
    body = {"value": 1200, "reason": "看过审计报告"}
    assert (await officer.post(DECISION, json=body)).status_code == 428
    async with owner_unit_of_work(engine) as session:
        number = (await column(session, "SELECT id FROM enterprise"))[0]
        await make_filing(session, number, {"sales_revenue": 950}, source="tax")
    stale = await officer.post(DECISION, json=body, headers={"If-Match": etag})
    assert stale.status_code == 412
    again = (await officer.get(CONFLICT)).headers["etag"]
    assert (await officer.post(DECISION, json=body, headers={"If-Match": again})).status_code == 201
    assert (await officer.get(CONFLICT)).status_code == 404
    assert (await officer.get(HERE)).json()["yearly"]["sales_revenue"] == {"2025": 1200}


async def test_a_value_that_is_not_of_its_indicator_is_refused_and_the_conflict_stays(officer: AsyncClient):
    headers = {"If-Match": (await officer.get(CONFLICT)).headers["etag"]}
    answer = await officer.post(DECISION, json={"value": "约三千", "reason": "x"}, headers=headers)
    assert answer.status_code == 422
    assert "应为数字" in answer.json()["detail"]
    assert (await officer.get(CONFLICT)).status_code == 200


async def test_a_filing_is_taken_once_however_often_it_is_sent(officer: AsyncClient):
    body = {"year": 2025, "values": {"rd_expense_hnte": 80.5}, "note": "看过专项审计"}
    answers = [await officer.post(f"{HERE}/filings", json=body, headers={"Idempotency-Key": "f-1"}) for _ in range(2)]
    assert [(one.status_code, one.json()) for one in answers] == [(201, {"appended": 1})] * 2
    filed = (await officer.get(f"{HERE}/filings?source=officer")).json()["items"]
    assert [(one["values"], one["note"]) for one in filed] == [({"rd_expense_hnte": 80.5}, "看过专项审计")]


async def test_filings_are_read_in_the_order_in_which_they_were_recorded(officer: AsyncClient):
    first = await officer.get(f"{HERE}/filings?limit=1")
    second = await officer.get(first.links["next"]["url"])
    assert [answer.json()["items"][0]["source"] for answer in (first, second)] == ["self_declared", "tax"]


async def test_another_district_sees_none_of_it(officer: AsyncClient, client_as: ClientAs):
    other = await client_as("district_officer", "321283")
    assert (await other.get("/api/v1/conflicts")).json()["items"] == []
    for path in (CONFLICT, f"{HERE}/filings", f"{HERE}/papers"):
        assert (await other.get(path)).status_code == 404, path


async def test_a_viewer_files_nothing(officer: AsyncClient, client_as: ClientAs):
    body = {"year": 2025, "values": {"sales_revenue": 1}, "note": "x"}
    assert (await (await client_as("viewer")).post(f"{HERE}/filings", json=body)).status_code == 403


PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PAPER = f"{HERE}/papers?file_name=审计报告.pdf&kind=audit_report"


async def test_a_paper_handed_in_twice_is_one_paper_and_is_read_again(officer: AsyncClient):
    answers = [await officer.post(PAPER, content=PDF, headers={"Idempotency-Key": "p-1"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].headers["etag"] == answers[1].headers["etag"]
    assert answers[0].json()["media_type"] == "application/pdf"
    (listed,) = (await officer.get(f"{HERE}/papers")).json()
    assert {**listed, "attached_at": ""} == {**answers[0].json(), "attached_at": ""}
    assert (await officer.get(answers[0].headers["location"])).content == PDF


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        (PAPER, b"MZ\x90\x00 program", "不是可收的类型"),
        (PAPER.replace(".pdf", ".docx"), PDF, "与扩展名不符"),
        (PAPER, b"", "空文件"),
        (f"{PAPER}&filing_id=999999", PDF, "没有这份材料"),
    ],
)
async def test_a_paper_that_is_none_or_belongs_nowhere_is_refused(
    officer: AsyncClient, path: str, content: bytes, told: str
):
    answer = await officer.post(path, content=content)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]
    assert (await officer.get(f"{HERE}/papers")).json() == []


async def test_only_officers_of_the_district_hand_in_papers(officer: AsyncClient, client_as: ClientAs):
    assert (await (await client_as("viewer")).post(PAPER, content=PDF)).status_code == 403
    assert (await (await client_as("district_officer", "321283")).post(PAPER, content=PDF)).status_code == 404


FIGURE = {
    "indicator": "sales_revenue",
    "year": "2025",
    "value": "1500",
    "note": "看过审计报告",
    "paper_kind": "audit_report",
}


async def test_papers_handed_in_with_a_figure_stand_behind_its_filing(officer: AsyncClient, engine: AsyncEngine):
    papers = [("papers", (f"报告{number}.pdf", PDF + bytes([number]), "application/pdf")) for number in (1, 2)]
    assert (await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE, files=papers)).status_code == 303
    async with owner_unit_of_work(engine) as session:
        filing = await column(session, "SELECT max(id) FROM filing WHERE source = 'officer'")
        behind = await column(session, "SELECT DISTINCT filing_id FROM attachment WHERE kind = 'audit_report'")
    assert filing == behind
    assert len((await officer.get(f"{HERE}/papers")).json()) == 2


async def test_with_a_paper_that_is_none_the_figure_is_not_filed_either(officer: AsyncClient, engine: AsyncEngine):
    papers = [
        ("papers", ("报告.pdf", PDF, "application/pdf")),
        ("papers", ("假.pdf", b"MZ\x90\x00", "application/pdf")),
    ]
    answer = await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE, files=papers)
    assert answer.status_code == 422
    assert "“假.pdf”的内容不是可收的类型" in answer.text
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT id FROM filing WHERE source = 'officer'") == []
        assert await column(session, "SELECT id FROM attachment") == []


async def test_a_figure_is_filed_without_papers_as_before(officer: AsyncClient):
    # As browsers send a file chooser that was left empty.
    chooser = (
        'Content-Disposition: form-data; name="papers"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    fields = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in FIGURE.items()]
    body = "".join(f"--edge\r\n{part}\r\n" for part in [*fields, chooser]) + "--edge--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    answer = await officer.post(f"/enterprises/{CODE}/filings", content=body.encode(), headers=headers)
    assert answer.status_code == 303
    assert (await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE | {"value": "1600"})).status_code == 303
    assert (await officer.get(HERE)).json()["yearly"]["sales_revenue"] == {"2025": 1600}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"received_on": "2999-01-01"}, "received_on 2999-01-01 在今天之后"),
        ({"year": 1025}, "年度 1025 早于 1978 年"),
        ({"values": {"sales_revenue": "约3000"}}, "没有采用，请更正"),
        ({"values": {"industry_code": "A3484"}, "year": None}, "请改为“C3484”"),
    ],
)
async def test_a_filing_that_cannot_be_is_refused_with_what_to_do(
    officer: AsyncClient, given: dict[str, Any], told: str
):
    body = {"year": 2025, "values": {"sales_revenue": 3000}, "note": "看过审计报告"} | given
    answer = await officer.post(f"/api/v1/enterprises/{CODE}/filings", json=body)
    assert (answer.status_code, told in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("conflicts/sales_revenue", "请用 year 指明年度"),
        ("conflicts/nope?year=2025", "目录中没有指标“nope”"),
        ("filings?source=hearsay", "没有数据来源“hearsay”"),
    ],
)
async def test_a_question_about_nothing_is_told_apart_from_an_empty_answer(officer: AsyncClient, path: str, told: str):
    answer = await officer.get(f"/api/v1/enterprises/{CODE}/{path}")
    assert (answer.status_code, told in answer.json()["detail"]) == (404, True)
