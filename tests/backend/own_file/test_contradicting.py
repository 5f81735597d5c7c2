"""What the registry holds about an enterprise, and what happens when the enterprise says it is not so."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import PDF, YEAR, EnterpriseClient, Two
from tests.factories import column

FACT = f"/me/enterprise/facts/sales_revenue?year={YEAR}"
PAPER = {"file": ("申报表.pdf", PDF, "application/pdf")}


def said(value: str, reason: str = "申报表第 1 行是这个数") -> dict[str, str]:
    return {f"f.sales_revenue.{YEAR}": value, "reason": reason, "kind": "tax_return"}


async def test_facts_are_shown_with_source_and_day(account_of: EnterpriseClient, two: Two):
    page = (await (await account_of(two.own)).get("/me/enterprise/facts")).text
    row = re.search(r"销售收入.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert all(words in row[0] for words in ("5,000", "税务", f"{YEAR + 1}-01-10"))
    assert f"证书{two.own}" in page


async def test_the_officer_sees_a_contradiction_as_a_conflict_with_its_paper(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    client = await account_of(two.own)
    assert (await client.post(FACT, data=said("6000"), files=PAPER)).status_code == 303
    officer = await client_as("district_officer", "321282")
    assert "靖江本企业有限公司" in (await officer.get("/conflicts")).text
    assert f"/enterprises/{two.code}/facts/sales_revenue?year={YEAR}" in (await officer.get("/from-enterprises")).text
    page = (await officer.get(f"/enterprises/{two.code}/facts/sales_revenue?year={YEAR}")).text
    assert all(words in page for words in ("申报表.pdf", "企业提出异议：申报表第 1 行是这个数", "企业自报"))


async def test_the_enterprise_follows_from_received_to_settled_with_the_reason(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client = await account_of(two.own)
    await client.post(FACT, data=said("6000"), files=PAPER)
    page = (await client.get("/me/enterprise/facts")).text
    assert "已收到，核对中" in page
    assert "现行数据：5,000（税务）" in page
    async with owner_unit_of_work(engine) as session:
        seen = await column(session, "SELECT latest_filing_id FROM fact_conflict WHERE enterprise_id = :id", id=two.own)
    officer = await client_as("district_officer", "321282")
    decision = {"choice": "self_declared", "seen": str(seen[0]), "reason": "核对申报表原件，以企业所报为准"}
    address = f"/enterprises/{two.code}/facts/sales_revenue?year={YEAR}"
    assert (await officer.post(address, data=decision)).status_code == 303
    page = (await client.get("/me/enterprise/facts")).text
    assert "已核定" in page
    assert "核定为 <b>6,000</b>。理由：核对申报表原件，以企业所报为准" in page


async def test_a_difference_within_tolerance_is_told_as_such(account_of: EnterpriseClient, two: Two):
    client = await account_of(two.own)
    await client.post(FACT, data=said("5001"), files=PAPER)
    assert "差异在容许范围内" in (await client.get("/me/enterprise/facts")).text


@pytest.mark.parametrize(
    ("form", "paper", "told"),
    [
        (said("六千"), PAPER, "不是数字"),
        (said("60000000元"), PAPER, "此处单位是万元"),
        (said(""), PAPER, "请填写您认为正确的数"),
        (said("6000", " "), PAPER, "请写明理由"),
        (said("6000"), None, "请附上佐证材料"),
        (said("6000"), {"file": ("申报表.pdf", b"MZ\x90\x00 a program", "application/pdf")}, "不是可收的类型"),
        (said("6000"), {"file": ("申报表.jpg", PDF, "image/jpeg")}, "与扩展名不符"),
    ],
)
async def test_what_is_not_a_figure_with_reason_and_paper_is_not_taken(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two, form: dict[str, str],
    paper: dict[str, tuple[str, bytes, str]] | None, told: str,
):  # fmt: skip
    client = await account_of(two.own)
    answer = await client.post(FACT, data=form, files=paper)
    assert (answer.status_code, told in answer.text) == (422, True)
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT 1 FROM receipt WHERE enterprise_id = :id", id=two.own) == []
        assert (
            await column(
                session, "SELECT 1 FROM filing WHERE enterprise_id = :id AND source = 'self_declared'", id=two.own
            )
            == []
        )


async def test_what_the_registry_does_not_hold_cannot_be_contradicted(account_of: EnterpriseClient, two: Two):
    client = await account_of(two.own)
    assert (await client.get(f"/me/enterprise/facts/net_profit?year={YEAR}")).status_code == 404
    assert (await client.get("/me/enterprise/facts/no_such_thing")).status_code == 404


async def test_a_fact_that_others_establish_is_taken_up_by_message(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text(
                'INSERT INTO filing (enterprise_id, source, year, received_on, "values", note)'
                " VALUES (:id, 'tax', :year, '2026-05-01', '{\"tax_credit_level\": \"A\"}', '')"
            ),
            {"id": two.own, "year": YEAR},
        )
    client = await account_of(two.own)
    fact = f"/me/enterprise/facts/tax_credit_level?year={YEAR}"
    assert "/me/enterprise/messages?subject=" in (await client.get(fact)).text
    refused = await client.post(fact, data={f"f.tax_credit_level.{YEAR}": "B", "reason": "不对"}, files=PAPER)
    assert (refused.status_code, "不由企业填报" in refused.text) == (422, True)
