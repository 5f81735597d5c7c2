"""Tax figures and personal data: who reads them, what the others are shown, and how one asks. See docs/decisions/0012."""

import re
from datetime import date

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.protection.masking import (
    HIDDEN,
    masked_email,
    masked_identity,
    masked_name,
    masked_telephone,
)
from backend.database.roles import APP_ROLE
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.eligibility.service import evaluate
from backend.exchange.clients import Caller
from backend.exchange.doors import scope_of
from backend.filings.queries import all_said, hidden_facts_of
from backend.main import create_app
from backend.settings import Settings
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.exchange.conftest import CLEAR
from tests.factories import TODAY, make_enterprise, make_filing

REGION, PARK = "321282", "靖江经济技术开发区"
#: As the tax office said it, in 万元; nothing else in the registry looks like it.
SECRET = 7654321
SHOWN = ("7654321", "7,654,321")
REASON = "核对高企申报的销售收入"
READERS = {
    "city_officer": (("city_officer",), True), "district_officer": (("district_officer", REGION), True),
    "park_officer": (("park_officer", REGION, PARK), False), "reviewer": (("reviewer",), False),
    "viewer": (("viewer",), False),
}  # fmt: skip
MASKED = [name for name, (_, reads) in READERS.items() if not reads]


@pytest.fixture
async def engine(one_database: AsyncEngine) -> AsyncEngine:
    """One database for all tests here, emptied before each: to copy one takes longer than any of them."""
    async with one_database.begin() as connection:
        await connection.execute(text(CLEAR))
        for table in ("trace_note", "trace_entry"):
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(text(f"DELETE FROM {table}"))
        await connection.execute(text("UPDATE trace_head SET position = 0, digest = sha256('tidu')"))
    return one_database


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(Settings(four_eyes=False, exchange_secret="for tests only"), engine)  # type: ignore[arg-type]


@pytest.fixture
async def taxed(engine: AsyncEngine) -> int:
    """An enterprise of a park, of which the tax office and itself say different things."""
    async with owner_unit_of_work(engine) as session:
        one = await make_enterprise(session, name="靖江涉税试验有限公司", region_code=REGION, park=PARK)
        await make_filing(session, one, {"sales_revenue": 1000, "employee_total": 87})
        await make_filing(session, one, {"sales_revenue": SECRET}, source="tax", received_on=date(2026, 6, 1))
        await evaluate(session, [one], library(), TODAY)
        return one


async def everything(engine: AsyncEngine, scope: Scope) -> str:
    """All that a reader gets of all tables without any filter, as text."""
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT relname, array(SELECT quote_ident(attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0"
                f" AND NOT attisdropped AND has_column_privilege('{APP_ROLE}', c.oid, attnum, 'SELECT'))"
                " FROM pg_class c WHERE relkind IN ('r', 'v', 'm') AND relnamespace = 'public'::regnamespace"
            )
        )
        tables = [(row[0], row[1]) for row in found if row[1]]
    seen: list[str] = []
    async with unit_of_work(engine, scope) as session:
        for table, columns in tables:
            rows = await session.execute(text(f'SELECT CAST(ROW({", ".join(columns)}) AS text) FROM "{table}"'))
            seen += rows.scalars()
    return "\n".join(seen)


async def test_without_any_filter_those_who_may_not_get_no_tax_figure_of_any_table(engine: AsyncEngine, taxed: int):
    scopes = {
        "the city": (Scope.city(), True), "the district": (Scope.district(REGION), True),
        "the park": (Scope.of_park(REGION, PARK), False), "a reviewer": (Scope.city().reading(tax=False, unmasking=True), False),
        "leadership": (Scope.city().reading(tax=False, unmasking=False), False), "itself": (Scope.enterprise(taxed), True),
        "nobody": (Scope(), False), "an auditor": (Scope.trace(), False),
    }  # fmt: skip
    for name, (scope, reads) in scopes.items():
        found = await everything(engine, scope)
        assert (name, str(SECRET) in found) == (name, reads)


def addresses(enterprise: int) -> list[str]:
    return [
        f"/enterprises/{enterprise}", f"/enterprises/{enterprise}?programme=hnte&advice=1",
        f"/enterprises/{enterprise}/check", f"/enterprises/{enterprise}/service", "/conflicts", "/enterprises",
        f"/enterprises/{enterprise}/facts/sales_revenue?year=2025", f"/api/v1/enterprises/{enterprise}",
        f"/api/v1/enterprises/{enterprise}/filings", "/enterprises/export", f"/enterprises/{enterprise}/protected",
        "/pool/candidates?programme=hnte",
    ]  # fmt: skip


async def test_no_page_export_or_api_shows_them_to_those_who_may_not(client_as: ClientAs, taxed: int):
    for name in MASKED:
        client = await client_as(*READERS[name][0])
        for address in addresses(taxed):
            answer = await client.get(address)
            leaked = [shown for shown in SHOWN if shown in answer.text]
            assert (name, address, leaked, answer.status_code < 500) == (name, address, [], True)


@pytest.mark.parametrize("name", [*READERS])
async def test_a_file_shows_the_figure_or_that_there_is_one(client_as: ClientAs, taxed: int, name: str):
    asked, reads = READERS[name]
    client = await client_as(*asked)
    page = (await client.get(f"/enterprises/{taxed}")).text
    assert ("7,654,321" in page, HIDDEN in page) == (reads, not reads)
    # What the enterprise said itself is not the tax office's, and is shown to all.
    assert "87" in page
    told = (await client.get(f"/api/v1/enterprises/{taxed}")).json()
    assert told["masked"] == ([] if reads else ["sales_revenue[2025]"])
    assert ("2025" in told["yearly"].get("sales_revenue", {})) is reads


async def test_of_several_at_once_is_hidden_what_holds_by_the_tax_office_s_word(engine: AsyncEngine, taxed: int):
    async with owner_unit_of_work(engine) as session:
        plain, late = [await make_enterprise(session, region_code=REGION, park=PARK) for _ in range(2)]
        await make_filing(session, plain, {"sales_revenue": 1000})
        await make_filing(session, late, {"sales_revenue": 1000, "rd_expense_hnte": 60})
        await make_filing(session, late, {"sales_revenue": SECRET, "rd_super_deduction": 1}, source="tax")
        ids = [taxed, plain, late]
        said = {one: await all_said(session, one) for one in ids}
    by_tax = {one: {key for key, told in said[one].items() if told[0].source == "tax"} for one in ids}
    async with unit_of_work(engine, Scope.of_park(REGION, PARK)) as session:
        assert await hidden_facts_of(session, ids) == by_tax
    async with unit_of_work(engine, Scope.district(REGION)) as session:
        assert await hidden_facts_of(session, ids) == dict.fromkeys(ids, frozenset())
    assert [len(by_tax[one]) for one in ids] == [1, 0, 2]


async def test_an_explanation_keeps_its_outcomes_and_loses_its_numbers(client_as: ClientAs, taxed: int):
    told = {
        name: (await (await client_as(*READERS[name][0])).get(f"/api/v1/enterprises/{taxed}")).json()["eligibility"]
        for name in ("city_officer", "viewer")
    }
    outcomes = [{one["programme"]: one["outcome"] for one in answers} for answers in told.values()]
    assert outcomes[0] == outcomes[1]
    assert HIDDEN not in str(told["city_officer"])
    assert HIDDEN in str(told["viewer"])


async def test_what_is_withheld_has_no_unit(client_as: ClientAs, taxed: int):
    viewer = await client_as(*READERS["viewer"][0])
    page = (await viewer.get(f"/enterprises/{taxed}?programme=hnte")).text
    assert HIDDEN in page
    assert re.findall(rf"{HIDDEN}\s*(?:%|万元|人)", page) == []


async def test_what_is_worked_out_is_the_same_whoever_sets_it_off(engine: AsyncEngine, client_as: ClientAs, taxed: int):
    """A park's officer files a figure: the projection and the answers rest on tax figures that the officer cannot read."""
    held = "SELECT sales_revenue, employee_total FROM fact_yearly"
    officer = await client_as(*READERS["park_officer"][0])
    filed = await officer.post(
        f"/api/v1/enterprises/{taxed}/filings",
        json={"note": "电话核实", "year": 2025, "values": {"employee_total": 90}, "received_on": "2026-06-20"},
    )
    assert filed.status_code < 300, filed.text
    async with owner_unit_of_work(engine) as session:
        row = (await session.execute(text(held))).one()
    assert (row.sales_revenue, row.employee_total) == (SECRET * 1_000_000, 90)


async def test_asking_with_a_reason_opens_one_enterprise_for_half_an_hour_and_leaves_an_entry(
    engine: AsyncEngine, client_as: ClientAs, taxed: int
):
    reviewer = await client_as("reviewer")
    refused = await reviewer.post(f"/enterprises/{taxed}/unmask", data={"reason": "看看"})
    assert (refused.status_code, "请写明查看的理由" in refused.text) == (422, True)
    assert (await reviewer.post(f"/enterprises/{taxed}/unmask", data={"reason": REASON})).status_code == 303
    assert "7,654,321" in (await reviewer.get(f"/enterprises/{taxed}")).text
    assert "您可以查看这家企业的完整信息，至" in (await reviewer.get(f"/enterprises/{taxed}/protected")).text
    auditor = await client_as("auditor")
    found = (await auditor.get("/audit", params={"action": "unmask"})).text
    assert REASON in found
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("UPDATE unmasking SET granted_at = now() - interval '1 hour', until = now() - interval '31 minutes'")
        )
    assert "7,654,321" not in (await reviewer.get(f"/enterprises/{taxed}")).text


async def test_it_opens_that_enterprise_and_for_that_person_only(engine: AsyncEngine, client_as: ClientAs, taxed: int):
    async with owner_unit_of_work(engine) as session:
        other = await make_enterprise(session)
        await make_filing(session, other, {"sales_revenue": SECRET}, source="tax")
    reviewer, colleague = await client_as("reviewer"), await client_as("reviewer")
    await reviewer.post(f"/enterprises/{taxed}/unmask", data={"reason": REASON})
    assert "7,654,321" not in (await reviewer.get(f"/enterprises/{other}")).text
    assert "7,654,321" not in (await colleague.get(f"/enterprises/{taxed}")).text


async def test_leadership_cannot_ask_not_even_by_a_statement(engine: AsyncEngine, client_as: ClientAs, taxed: int):
    viewer = await client_as("viewer")
    assert (await viewer.post(f"/enterprises/{taxed}/unmask", data={"reason": REASON})).status_code == 403
    grant = text("INSERT INTO unmasking (person_id, enterprise_id, reason) VALUES (:person, :one, 'because')")
    async with owner_unit_of_work(engine) as session:
        person = await session.scalar(text("SELECT max(id) FROM person"))
    for scope in (
        Scope("*", person),
        Scope("321202", person, may_unmask=True),
        Scope("*", person + 1, may_unmask=True),
    ):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with unit_of_work(engine, scope) as session:
                await session.execute(grant, {"person": person, "one": taxed})


async def test_nobody_chooses_until_when(engine: AsyncEngine, taxed: int):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(engine, Scope("*", 1, may_unmask=True)) as session:
            await session.execute(
                text(
                    "INSERT INTO unmasking (person_id, enterprise_id, reason, until) VALUES (1, :one, 'because', 'infinity')"
                ),
                {"one": taxed},
            )


# Contacts ------------------------------------------------------------------------------------------

LI = {"kind": "contact", "name": "李晓明", "telephone": "13812345678", "email": "li.xm@example.cn"}
IN_CLEAR = ("李晓明", "13812345678", "li.xm@example.cn")
MASKS = ("李*明", "138****5678", "l***@example.cn")


@pytest.fixture
async def officer(client_as: ClientAs, taxed: int) -> AsyncClient:
    client = await client_as("city_officer")
    assert (await client.post(f"/enterprises/{taxed}/contacts", data=LI)).status_code == 303
    return client


async def test_contacts_are_masked_until_asked_for(officer: AsyncClient, taxed: int):
    page = (await officer.get(f"/enterprises/{taxed}/protected")).text
    assert [one for one in (*IN_CLEAR, *MASKS) if one in page] == [*MASKS]
    await officer.post(f"/enterprises/{taxed}/unmask", data={"reason": "约企业走访"})
    page = (await officer.get(f"/enterprises/{taxed}/protected")).text
    assert [one for one in (*IN_CLEAR, *MASKS) if one in page] == [*IN_CLEAR]


async def test_neither_the_database_nor_the_trace_holds_a_telephone_in_clear(
    officer: AsyncClient, engine: AsyncEngine, taxed: int
):
    async with owner_unit_of_work(engine) as session:
        for table in ("enterprise_contact", "trace_note", "trace_entry"):
            rows = (await session.execute(text(f"SELECT CAST(t AS text) FROM {table} t"))).scalars()
            kept = "\n".join(rows)
            assert (table, [one for one in IN_CLEAR if one in kept]) == (table, [])
        raw = await session.scalar(text("SELECT sealed FROM enterprise_contact"))
    assert raw and b"13812345678" not in bytes(raw)


async def test_no_statement_of_requests_own_role_reads_what_is_sealed(
    officer: AsyncClient, engine: AsyncEngine, taxed: int
):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(engine, Scope.city()) as session:
            await session.execute(text("SELECT sealed FROM enterprise_contact"))
    async with unit_of_work(engine, Scope.city()) as session:
        found = await session.execute(text("SELECT * FROM sealed_contacts(:id)"), {"id": taxed})
        assert found.all() == []


async def test_contacts_of_other_districts_are_not_there(officer: AsyncClient, engine: AsyncEngine):
    async with unit_of_work(engine, Scope.district("321281")) as session:
        assert await session.scalar(text("SELECT count(id) FROM enterprise_contact")) == 0


async def test_a_contact_can_be_removed_for_good(officer: AsyncClient, engine: AsyncEngine, taxed: int):
    async with owner_unit_of_work(engine) as session:
        number = await session.scalar(text("SELECT id FROM enterprise_contact"))
    assert (await officer.post(f"/enterprises/{taxed}/contacts/{number}/remove")).status_code == 303
    assert "138****5678" not in (await officer.get(f"/enterprises/{taxed}/protected")).text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "请填写姓名"), ({"telephone": "打办公室"}, "7 至 20 位数字"), ({"email": "li"}, "写法不对"),
        ({"telephone": "", "email": ""}, "至少填一项"), ({"kind": "friend"}, "请选择联系人的身份"),
    ],
)  # fmt: skip
async def test_a_contact_that_cannot_be_is_told_by_its_field(
    officer: AsyncClient, taxed: int, wrong: dict[str, str], told: str
):
    answer = await officer.post(f"/enterprises/{taxed}/contacts", data=LI | wrong)
    assert (answer.status_code, told in answer.text) == (422, True)


async def test_the_trace_tells_of_a_filing_without_its_figures(engine: AsyncEngine, taxed: int):
    async with owner_unit_of_work(engine) as session:
        rows = (
            await session.execute(text("SELECT CAST(after AS text) FROM trace_note WHERE subject = 'filing'"))
        ).scalars()
        entries = list(rows)
    assert len(entries) == 2
    assert all(str(SECRET) not in one for one in entries)


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        (masked_telephone("13812345678"), "138****5678"), (masked_telephone("138 1234 5678"), "138****5678"),
        (masked_telephone("0523-86881234"), "0523-****234"), (masked_telephone("12345"), "****"),
        (masked_email("zhang.san@example.cn"), "z***@example.cn"), (masked_email(""), ""), (masked_email("x"), "***"),
        (masked_name("张三"), "张*"), (masked_name("欧阳小明"), "欧**明"), (masked_name("丁"), "丁"),
        (masked_identity("321202199001011234"), "321***********1234"), (masked_identity("123"), "***"),
    ],
)  # fmt: skip
def test_masks_tell_one_from_another_and_no_more(masked: str, expected: str):
    assert masked == expected


@pytest.mark.parametrize(
    ("scope", "reads"),
    [("enterprise:read", False), ("change:read", False), ("recognition:write", False), ("list:read", True)],
)
async def test_a_systems_transactions_read_figures_only_with_a_scope_that_needs_them(
    engine: AsyncEngine, taxed: int, scope: str, reads: bool
):
    caller = Caller("bank", "银行", "credit", REGION, frozenset({scope}), "none", "", 1, 1000)
    async with unit_of_work(engine, scope_of(caller)) as session:
        found = await session.execute(text("SELECT source FROM filing ORDER BY source"))
        assert list(found.scalars()) == (["self_declared", "tax"] if reads else [])
