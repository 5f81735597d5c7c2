"""The languages of a page that answers a form: what was typed stays in it, nothing is done, and no address holds a figure."""

import html
import re

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.own_file.conftest import YEAR, EnterpriseClient, Two
from tests.backend.own_file.test_in_english import in_chinese
from tests.backend.self_check.walking import fields
from tests.factories import column

HOME = "/me/enterprise"
FACT = f"{HOME}/facts/sales_revenue?year={YEAR}"


def switch_on(page: Response) -> str:
    """Where the page's form is sent for the page in English; the Enter key must go on doing what the form is for."""
    found = re.search(r'form="typed" formaction="([^"]+)" formnovalidate lang="en"', page.text)
    assert found is not None, page.text
    assert page.text.index('<button type="submit" form="typed" hidden>') < found.start()
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("address", "typed", "kept"),
    [
        (FACT, {f"f.sales_revenue.{YEAR}": "six thousand", "reason": "See line 7", "kind": "tax_return"}, ["six thousand", "See line 7"]),
        (f"{HOME}/figures/{YEAR}/submit", {f"f.sales_revenue.{YEAR}": "many", f"f.net_profit.{YEAR}": "12"}, ["many", "12"]),
        (f"{HOME}/figures/{YEAR}/check", {f"f.sales_revenue.{YEAR}": "many"}, ["many"]),
        (f"{HOME}/pool", {"programme": "nothing", "words": "We ask"}, ["We ask"]),
        (f"{HOME}/messages", {"subject": "Our matter"}, ["Our matter"]),
        (f"{HOME}/needs", {"kind": "need", "topic": "nothing", "content": "A loan"}, ["A loan"]),
    ],
)  # fmt: skip
async def test_a_refused_form_of_the_account_is_had_in_english_with_what_was_typed(
    account_of: EnterpriseClient, two: Two, address: str, typed: dict[str, str], kept: list[str]
) -> None:
    client = await account_of(two.own)
    switch = switch_on(await client.post(address, data=typed))
    assert not [one for one in kept if one in switch]
    english = await client.post(switch, data=typed)
    assert '<html lang="en"' in english.text
    assert [one for one in kept if html.escape(one) not in english.text] == []
    assert [one for one in in_chinese(english) if one not in kept] == []
    assert "lang=zh" in english.text


async def test_changing_the_language_does_nothing_else(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
) -> None:
    client, again = await account_of(two.own), "?lang=en&again=1"
    good = {
        f"{HOME}/figures/{YEAR}/submit": {f"f.sales_revenue.{YEAR}": "6000"},
        f"{HOME}/pool": {"programme": "hnte", "words": "We ask"},
        f"{HOME}/messages": {"subject": "Please", "words": "A word"},
        f"{HOME}/needs": {"kind": "need", "topic": "finance", "content": "A loan"},
    }
    for address, typed in good.items():
        page = await client.post(address + again, data=typed)
        assert page.status_code == 200, address
        assert list(typed.values())[-1] in page.text
    async with owner_unit_of_work(engine) as session:
        for table in ("receipt", "pool_application", "message_thread", "service_action"):
            assert await column(session, f"SELECT id FROM {table} WHERE enterprise_id = :id", id=two.own) == []


async def test_the_ways_in_keep_what_was_typed_but_no_password(browser: AsyncClient) -> None:
    proof = fields(await browser.get("/activate"), "/activate")
    typed = proof | {
        "credit_code": "91321282X",
        "code": "AAAA",
        "name": "李",
        "login": "li-kuaiji",
        "new": "Secret-1",
        "again": "Secret-1",
    }
    english = await browser.post(switch_on(await browser.post("/activate", data=typed)), data=typed)
    assert '<html lang="en"' in english.text and "li-kuaiji" in english.text and "91321282X" in english.text
    assert "Secret-1" not in english.text
    browser.headers["accept-language"] = "zh"
    browser.cookies.delete("tidu-language")
    signing = fields(await browser.get("/login"), "/login") | {"login_name": "nobody", "password": "Secret-1"}
    refused = await browser.post("/login", data=signing)
    english = await browser.post(switch_on(refused), data=signing)
    assert (english.status_code, "Sign in" in english.text, 'value="nobody"' in english.text) == (200, True, True)


async def test_the_self_check_keeps_a_wrong_entry_and_the_question(browser: AsyncClient) -> None:
    asked = await browser.post("/check/begin", data={"target": "hnte", "as_of": "2026-07-15"})
    form = fields(asked, "/check/question")
    name = next(one for one in form if one.startswith("f."))
    wrong = form | {name: "约三千"}
    english = await browser.post(switch_on(await browser.post("/check/question", data=wrong)), data=wrong)
    assert '<html lang="en"' in english.text and "约三千" in english.text
    assert fields(english, "/check/question")["asked"] == form["asked"]
    whole = await browser.post("/check/answer", data=form | {"f.sales_revenue.2025": "abc"})
    switch = switch_on(whole)
    again = await browser.post(switch, data=fields(whole, "/check/answer") | {"f.sales_revenue.2024": "4321"})
    assert switch.startswith("/check/form?") and "4321" in again.text and "abc" in again.text


async def test_a_first_page_that_refuses_keeps_the_day(browser: AsyncClient) -> None:
    typed = {"target": "rung:srdi", "as_of": "2026-13-45"}
    for address in ("/check/begin", "/check/batch/template"):
        english = await browser.post(switch_on(await browser.post(address, data=typed)), data=typed)
        assert english.status_code == 200, address
        assert 'value="2026-13-45"' in english.text and '<option value="rung:srdi" selected>' in english.text


async def test_a_page_without_anything_typed_leads_back_to_the_front(account_of: EnterpriseClient, two: Two) -> None:
    client = await account_of(two.own)
    gone = await client.post(f"{HOME}/pool/999999/withdraw")
    assert (gone.status_code, f'href="{HOME}?lang=en"' in gone.text) == (409, True)
    refused = await client.post("/me/password", data={"current": "x", "new": "y", "again": "z"})
    assert (refused.status_code, 'href="/me?lang=en"' in refused.text) == (422, True)
