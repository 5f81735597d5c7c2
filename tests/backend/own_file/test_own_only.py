"""An enterprise sees itself and nothing of another, whatever address it asks for; and each change leaves a trace."""

from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.service import enter
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.filings.attachments import attach
from tests.backend.access.matrix import YES, marks_of, routes
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import PDF, YEAR, EnterpriseClient, Two
from tests.factories import column, make_recognition

TABLES = ("receipt", "pool_application", "message_thread", "message", "figure_draft", "activation_code")


async def fill(client: AsyncClient) -> dict[str, str]:
    """Do something of everything; gives the numbers by the name of the address's part."""
    figures = {f"f.sales_revenue.{YEAR}": "6000"}
    receipt = (await client.post(f"/me/enterprise/figures/{YEAR}/submit", data=figures)).headers["location"]
    await client.post(f"/me/enterprise/figures/{YEAR - 1}/draft", data={f"f.sales_revenue.{YEAR - 1}": "5"})
    await client.post(
        "/me/enterprise/pool", data={"programme": "hnte"}, files={"papers": ("秘.pdf", PDF, "application/pdf")}
    )
    thread = (await client.post("/me/enterprise/messages", data={"subject": "别家的事", "words": "别家的话"})).headers[
        "location"
    ]
    await client.post("/me/enterprise/needs", data={"kind": "need", "topic": "finance", "content": "别家的需求"})
    return {"number": receipt.rpartition("/")[2], "thread_id": thread.partition("?")[0].rpartition("/")[2]}


async def test_another_enterprises_things_are_not_there(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    officer = await client_as("district_officer", "321282")
    await officer.post(f"/enterprises/{two.other_code}/activation-codes", data={"days": "5"})
    numbers = await fill(await account_of(two.other))
    client = await account_of(two.own)
    async with owner_unit_of_work(engine) as session:
        application = (
            await column(session, "SELECT max(id) FROM pool_application WHERE enterprise_id = :id", id=two.other)
        )[0]
        paper = (await column(session, "SELECT max(id) FROM attachment WHERE enterprise_id = :id", id=two.other))[0]
    assert (await client.get(f"/me/enterprise/receipts/{numbers['number']}")).status_code == 404
    thread = f"/me/enterprise/messages/{numbers['thread_id']}"
    assert (await client.get(thread)).status_code == 404
    assert (await client.post(thread, data={"words": "插话"})).status_code == 404
    assert (await client.post(f"/me/enterprise/pool/{application}/withdraw")).status_code == 409
    assert (await client.get(f"/papers/{paper}")).status_code == 403
    assert (await client.get(f"/me/enterprise/papers/{paper}")).status_code == 404
    for path in (
        "",
        "/programmes",
        "/programmes/tech_sme/report",
        "/facts",
        "/figures",
        f"/figures/{YEAR - 1}",
        "/pool",
        "/messages",
        "/needs",
    ):
        page = (await client.get(f"/me/enterprise{path}")).text
        assert not [words for words in ("别家", "秘.pdf", f"证书{two.other}") if words in page], path


async def test_an_enterprise_has_back_what_it_handed_in_and_not_what_officers_keep(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    client = await account_of(two.own)
    said = {f"f.sales_revenue.{YEAR}": "7000", "reason": "见申报表", "kind": "tax_return"}
    paper = {"file": ("申报表.pdf", PDF, "application/pdf")}
    await client.post(f"/me/enterprise/facts/sales_revenue?year={YEAR}", data=said, files=paper)
    applied = {"papers": ("申请书.pdf", PDF + b"%", "application/pdf")}
    await client.post("/me/enterprise/pool", data={"programme": "hnte"}, files=applied)
    officer = await client_as("district_officer", "321282")
    kept = {"file": ("走访.pdf", PDF + b"%%", "application/pdf")}
    await officer.post(f"/enterprises/{two.code}/papers", data={"kind": "visit", "about": "走访"}, files=kept)
    # And one that an officer adds to the enterprise's own filing.
    async with owner_unit_of_work(engine) as session:
        filing = (await column(session, "SELECT filing_id FROM receipt WHERE enterprise_id = :id", id=two.own))[0]
        await attach(
            session, two.own, PDF + b"%%%", "核对.pdf", "other", about="核对", filing_id=filing, attached_by=None
        )
        names = {
            row.file_name: row.id
            for row in await session.execute(
                text("SELECT id, file_name FROM attachment WHERE enterprise_id = :id"), {"id": two.own}
            )
        }
    answers = {name: await client.get(f"/me/enterprise/papers/{number}") for name, number in names.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "申报表.pdf": 200, "申请书.pdf": 200, "走访.pdf": 404, "核对.pdf": 404
    }  # fmt: skip
    assert (answers["申请书.pdf"].content, answers["申报表.pdf"].content) == (PDF + b"%", PDF)
    assert f"/me/enterprise/papers/{names['申报表.pdf']}" in (await client.get("/me/enterprise/facts")).text
    assert f"/me/enterprise/papers/{names['申请书.pdf']}" in (await client.get("/me/enterprise/pool")).text


async def test_every_table_of_the_slice_shows_an_enterprise_its_own_rows_only(
    account_of: EnterpriseClient, client_as: ClientAs, engine: AsyncEngine, two: Two
):
    officer = await client_as("district_officer", "321282")
    for number, code in ((two.own, two.code), (two.other, two.other_code)):
        await officer.post(f"/enterprises/{code}/activation-codes", data={"days": "5"})
        await fill(await account_of(number))
    async with unit_of_work(engine, Scope.enterprise(two.own)) as session:
        seen = {table: set(await column(session, f"SELECT enterprise_id FROM {table}")) for table in TABLES}
        inside = await column(session, "SELECT 1 FROM service_action UNION ALL SELECT 1 FROM fact_conflict")
    # Codes are the bureau's; and so is what it keeps of the enterprise.
    assert seen == {table: {two.own} for table in TABLES} | {"activation_code": set()}
    assert inside == []
    async with unit_of_work(engine, Scope.kept_of(two.own)) as session:
        assert set(await column(session, "SELECT id FROM enterprise")) == {two.own}
        assert set(await column(session, "SELECT enterprise_id FROM service_action")) == {two.own}
        assert set(await column(session, "SELECT enterprise_id FROM pool_application")) == {two.own}


async def test_no_address_of_the_registry_opens_to_an_enterprise_but_its_own(account_of: EnterpriseClient, two: Two):
    """Every route with an enterprise in its address, and every list of the API, is asked for with another's code."""
    client = await account_of(two.own)
    asked = 0
    for name, route in routes():
        method, _, path = name.partition(" ")
        is_open = marks_of(name, route)[6] == YES
        if (
            method != "GET"
            or "/me/" in path
            or not ("{code}" in path or (path.startswith("/api/v1/") and "{" not in path))
        ):
            continue
        if path.startswith("/api/v1/") and "{code}" not in path and is_open:
            continue  # the law itself, open to everybody
        for part in ("{name}", "{thread_id}", "{recognition_id}", "{indicator}", "{year}"):
            path = path.replace(part, "1")
        status = (await client.get(path.replace("{code}", two.other_code))).status_code
        assert (name, status in (401, 403, 404)) == (name, True), status
        asked += 1
    assert asked > 20
    assert "靖江别家" not in (await client.get("/enterprises", params={"q": "别家"})).text


async def test_an_officers_page_of_another_district_shows_none_of_it(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    numbers = await fill(await account_of(two.own))
    elsewhere = await client_as("district_officer", "321283")
    assert "靖江" not in (await elsewhere.get("/from-enterprises")).text.partition('id="main"')[2]
    assert (await elsewhere.get(f"/enterprises/{two.code}/messages/{numbers['thread_id']}")).status_code == 404
    assert (await elsewhere.get(f"/api/v1/threads/{numbers['thread_id']}")).status_code == 404


async def test_a_thread_is_not_reached_by_another_enterprises_address(
    account_of: EnterpriseClient, client_as: ClientAs, two: Two
):
    numbers = await fill(await account_of(two.own))
    officer = await client_as("district_officer", "321282")
    here = f"/enterprises/{two.other_code}/messages/{numbers['thread_id']}"
    assert (await officer.get(here)).status_code == 404
    assert (await officer.post(here, data={"words": "话"})).status_code == 404


@pytest.mark.parametrize("role", ["administrator", "city_officer", "reviewer", "viewer", "auditor"])
async def test_the_enterprises_own_pages_are_closed_to_everybody_else(client_as: ClientAs, two: Two, role: str):
    client = await client_as(role)
    assert {
        (await client.get(f"/me/enterprise{path}")).status_code for path in ("", "/facts", "/programmes", "/pool")
    } == {403}


async def test_an_account_without_an_enterprise_is_told_what_to_do(client_as: ClientAs):
    answer = await (await client_as("enterprise")).get("/me/enterprise")
    assert (answer.status_code, "激活码" in answer.text) == (403, True)


async def test_what_an_enterprise_does_is_traced_under_its_own_name(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    await fill(await account_of(two.own))
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT DISTINCT subject FROM trace_note WHERE enterprise_id = :id AND role = 'enterprise'"),
            {"id": two.own},
        )
        subjects = set(found.scalars())
    assert {
        "filing",
        "receipt",
        "pool_application",
        "message_thread",
        "message",
        "attachment",
        "service_action",
    } <= subjects
    assert "figure_draft" not in subjects


# The first page ------------------------------------------------------------------------------------------------------


async def test_the_first_page_says_what_ends_and_what_waits(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    granted, ends = today() - timedelta(days=1000), today() + timedelta(days=40)
    async with owner_unit_of_work(engine) as session:
        await make_recognition(session, two.own, "hnte", granted, number="GR-40", valid_to=ends)
        await enter(session, "srdi_sme", today().year, [two.own], by=None, reason="内部研判")
    client = await account_of(two.own)
    page = (await client.get("/me/enterprise")).text
    assert "还有 40 天" in page
    assert "国家高新技术企业 40 天后到期" in page
    assert f"重新认定：{ends.year}-01-01 起" in page
    assert f"{YEAR} 年度数据还没有报送" in page
    assert "发现" in page
    assert "内部研判" not in page
    assert "下一梯级还差什么" in page
