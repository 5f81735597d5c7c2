"""A year's figures: drafts, checks while typing, handing in, receipts."""

import re
from hashlib import sha256

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.filings.queries import all_said
from rules.values import FactKey
from tests.backend.own_file.conftest import YEAR, EnterpriseClient, Two
from tests.factories import column, make_filing

HERE = f"/me/enterprise/figures/{YEAR}"


def typed(**values: str) -> dict[str, str]:
    """Fields of the form as a browser sends them."""
    return {f"f.{name}.{YEAR}": words for name, words in values.items()}


def value_in(page: str, name: str) -> str:
    found = re.search(rf'name="f\.{name}\.{YEAR}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def said(engine: AsyncEngine, two: Two, name: str) -> dict[str, object]:
    """What each source says of the year's figure."""
    async with owner_unit_of_work(engine) as session:
        return {one.source: one.value for one in (await all_said(session, two.own))[FactKey(name, YEAR)]}


async def test_a_draft_keeps_what_was_typed_right_or_wrong(account_of: EnterpriseClient, two: Two):
    client = await account_of(two.own)
    answer = await client.post(f"{HERE}/draft", data=typed(sales_revenue="５０００", net_profit="约三百"))
    assert answer.headers["location"] == f"{HERE}?done=saved"
    page = (await client.get(HERE)).text
    assert (value_in(page, "sales_revenue"), value_in(page, "net_profit")) == ("5000", "约三百")
    assert "不是数字" in page


async def test_a_draft_is_seen_by_its_enterprise_alone(account_of: EnterpriseClient, engine: AsyncEngine, two: Two):
    await (await account_of(two.own)).post(f"{HERE}/draft", data=typed(sales_revenue="5000"))
    seen: list[object] = []
    for scope in (Scope.city(), Scope.district("321282"), Scope.enterprise(two.other), Scope.enterprise(two.own)):
        async with unit_of_work(engine, scope) as session:
            seen.append(
                await session.scalar(
                    text("SELECT count(*) FROM figure_draft WHERE enterprise_id = :id"), {"id": two.own}
                )
            )
    assert seen == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"sales_revenue": "5000万元", "cost_expense_total": "12345678901元"}, "此处单位是万元"),
        ({"employee_total": "50", "sci_tech_staff": "80"}, "科技人员"),
        ({"sales_revenue": "50000000"}, "是否把元当成了万元"),
        ({"net_profit": "30%"}, "此处不是百分比"),
        ({"employee_total": "十二"}, "不是数字"),
    ],
)
async def test_what_looks_wrong_is_told_while_typing(
    account_of: EnterpriseClient, two: Two, words: dict[str, str], told: str
):
    client = await account_of(two.own)
    piece = await client.post(f"{HERE}/check", data=typed(**words), headers={"HX-Request": "true"})
    assert piece.status_code == 200
    assert told in piece.text
    assert "<html" not in piece.text
    assert told in (await client.post(f"{HERE}/check", data=typed(**words))).text


async def test_a_figure_far_from_the_year_before_is_pointed_at(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, two.own, {"sales_revenue": 12}, source="tax", year=YEAR - 1)
    piece = await (await account_of(two.own)).post(f"{HERE}/check", data=typed(sales_revenue="50000"))
    assert "与上年相差千倍以上" in piece.text


async def test_handing_in_files_the_enterprises_own_word_and_gives_a_receipt(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    client = await account_of(two.own)
    await client.post(f"{HERE}/draft", data=typed(sales_revenue="5,100.5"))
    answer = await client.post(f"{HERE}/submit", data=typed(sales_revenue="5,100.5", employee_total="１０１人"))
    page = (await client.get(answer.headers["location"])).text
    assert str((await said(engine, two, "sales_revenue"))["self_declared"]) == "5100.5"
    async with owner_unit_of_work(engine) as session:
        content, digest = (
            await session.execute(
                text("SELECT content, digest FROM receipt WHERE enterprise_id = :id"), {"id": two.own}
            )
        ).one()
        assert await column(session, "SELECT 1 FROM figure_draft WHERE enterprise_id = :id", id=two.own) == []
    assert sha256(content.encode()).hexdigest() == digest
    assert digest in page
    assert "摘要一致" in page
    assert "5,100.5" in page
    assert re.search(r"TD-\d{8}-\d{6}", page)


async def test_a_receipt_whose_content_was_changed_says_so(account_of: EnterpriseClient, engine: AsyncEngine, two: Two):
    client = await account_of(two.own)
    receipt = (await client.post(f"{HERE}/submit", data=typed(sales_revenue="5100"))).headers["location"]
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("UPDATE receipt SET content = replace(content, '5100', '9100') WHERE enterprise_id = :id"),
            {"id": two.own},
        )
    assert "不一致，请立即联系" in (await client.get(receipt)).text


async def test_a_correction_is_a_filing_of_its_own_and_the_first_one_stays(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    client = await account_of(two.own)
    await client.post(f"{HERE}/submit", data=typed(sales_revenue="5100"))
    assert value_in((await client.get(HERE)).text, "sales_revenue") == "5100"
    await client.post(f"{HERE}/submit", data=typed(sales_revenue="5200"))
    async with owner_unit_of_work(engine) as session:
        values = await column(
            session,
            "SELECT \"values\" ->> 'sales_revenue' FROM filing WHERE source = 'self_declared' AND enterprise_id = :id"
            " ORDER BY id",
            id=two.own,
        )
    assert values == ["5100", "5200"]


async def test_the_very_same_figures_are_not_filed_twice(account_of: EnterpriseClient, two: Two):
    client = await account_of(two.own)
    await client.post(f"{HERE}/submit", data=typed(sales_revenue="5100"))
    again = await client.post(f"{HERE}/submit", data=typed(sales_revenue="5100"))
    assert again.status_code == 422
    assert "完全相同" in again.text


@pytest.mark.parametrize(("words", "told"), [({"sales_revenue": "很多"}, "不是数字"), ({}, "还没有填任何一项")])
async def test_what_cannot_be_read_is_not_handed_in(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two, words: dict[str, str], told: str
):
    client = await account_of(two.own)
    answer = await client.post(f"{HERE}/submit", data=typed(**words))
    assert (answer.status_code, told in answer.text) == (422, True)
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT 1 FROM receipt WHERE enterprise_id = :id", id=two.own) == []


@pytest.mark.parametrize("step", ["", "/draft", "/submit"])
async def test_a_year_that_is_not_over_is_refused(account_of: EnterpriseClient, two: Two, step: str):
    client = await account_of(two.own)
    path = f"/me/enterprise/figures/{today().year}{step}"
    answer = await (client.post(path, data=typed(sales_revenue="1")) if step else client.get(path))
    assert answer.status_code == 422
    assert "还没有结束" in answer.text


async def test_years_long_gone_are_refused(account_of: EnterpriseClient, two: Two):
    answer = await (await account_of(two.own)).get("/me/enterprise/figures/1999")
    assert (answer.status_code, "不再在线收取" in answer.text) == (422, True)


async def test_only_figures_that_enterprises_report_are_taken(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    client = await account_of(two.own)
    form = typed(sales_revenue="5100", tax_credit_level="A", size_revenue="1") | {"f.hnte_certificates": "x"}
    await client.post(f"{HERE}/submit", data=form)
    async with owner_unit_of_work(engine) as session:
        found = await column(
            session,
            "SELECT jsonb_object_keys(\"values\") FROM filing WHERE source = 'self_declared' AND enterprise_id = :id",
            id=two.own,
        )
    assert found == ["sales_revenue"]


async def test_a_draft_is_dropped_when_asked(account_of: EnterpriseClient, two: Two):
    client: AsyncClient = await account_of(two.own)
    await client.post(f"{HERE}/draft", data=typed(sales_revenue="5000"))
    await client.post(f"{HERE}/drop")
    assert "草稿</span>" not in (await client.get("/me/enterprise/figures")).text
