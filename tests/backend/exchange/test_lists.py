"""Lists that others are told: only who consents, only what was agreed and consented to, and each telling noted."""

from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.agreements import AgreedField, AgreementError, agreements, load_agreements
from backend.exchange.clients import ClientRefused
from backend.exchange.consents import NewConsent, record_consent, withdraw_consent
from backend.exchange.disclosing import band_of
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.exchange.test_inbound import found
from tests.backend.own_file.conftest import PDF
from tests.factories import make_code, make_enterprise, make_filing, make_recognition


@pytest.fixture
async def bank(app: FastAPI) -> CallingSystem:
    return await calling_system(app, "bank", name="某银行", source="self_declared", lists=("points-loan",))


async def consenting(engine: AsyncEngine, list_id: str = "points-loan", **given: Any) -> tuple[int, int]:
    """An enterprise that consents to the list, and the consent's number."""
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, **given)
        new = NewConsent(number, list_id, "王敏", today() - timedelta(days=1), today() + timedelta(days=1))
        return number, await record_consent(session, new)


async def rows_of(bank: CallingSystem, path: str = "/api/v1/lists/points-loan") -> list[dict[str, Any]]:
    answer = await bank.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


async def test_only_who_consents_is_told_of_and_only_what_was_agreed(bank: CallingSystem, engine: AsyncEngine):
    number, _ = await consenting(engine, credit_code=make_code(), name="泰州同意试验有限公司")
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session)
        await make_filing(session, number, {"operating_revenue": 3000, "total_profit": 77})
        await session.execute(
            text(
                "INSERT INTO points_result (enterprise_id, points_system, year, revision, base, bonus, total, issued_on)"
                " VALUES (:id, 'most_2_0', 2025, 1, 80, 5.5, 85.5, '2026-06-15')"
            ),
            {"id": number},
        )
    rows = await rows_of(bank)
    assert [set(one) for one in rows] == [set(agreements()["points-loan"].field_ids)]
    assert (rows[0]["name"], rows[0]["points_total"], rows[0]["revenue_band"]) == (
        "泰州同意试验有限公司",
        85.5,
        "2000—5000",
    )
    assert "77" not in str(rows)


async def test_a_consent_withdrawn_is_gone_with_the_next_answer(bank: CallingSystem, engine: AsyncEngine):
    _, consent = await consenting(engine)
    assert len(await rows_of(bank)) == 1
    async with owner_unit_of_work(engine) as session:
        await withdraw_consent(session, consent)
    assert await rows_of(bank) == []


@pytest.mark.parametrize(
    "given", ["valid_to = CURRENT_DATE - 1", "valid_from = CURRENT_DATE + 1", "list_id = 'suke-loan'"]
)
async def test_a_consent_counts_within_its_days_and_for_its_list(bank: CallingSystem, engine: AsyncEngine, given: str):
    await consenting(engine)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"UPDATE disclosure_consent SET {given}"))
    assert await rows_of(bank) == []


async def test_a_field_that_was_agreed_after_the_consent_needs_another(bank: CallingSystem, engine: AsyncEngine):
    await consenting(engine)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE disclosure_consent SET fields = '{credit_code,name,abolished}'"))
    assert [set(one) for one in await rows_of(bank)] == [{"credit_code", "name"}]


async def test_the_tax_bureaus_figure_goes_to_nobody_else(bank: CallingSystem, engine: AsyncEngine):
    number, _ = await consenting(engine)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"operating_revenue": 90_000}, source="tax")
    assert (await rows_of(bank))[0]["revenue_band"] is None
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"operating_revenue": 600})
    assert (await rows_of(bank))[0]["revenue_band"] == "500—2000"


async def test_who_holds_none_of_the_titles_is_not_on_the_list(app: FastAPI, engine: AsyncEngine):
    bank = await calling_system(app, "bank", source="self_declared", lists=("suke-loan",))
    number, _ = await consenting(engine, "suke-loan")
    await consenting(engine, "suke-loan")
    async with owner_unit_of_work(engine) as session:
        await make_recognition(session, number, "hnte", date(today().year - 1, 11, 6))
    rows = await rows_of(bank, "/api/v1/lists/suke-loan")
    assert [one["hnte_until"][:4] for one in rows] == [str(today().year + 2)]


async def test_every_telling_is_noted_with_its_consent_and_logged(bank: CallingSystem, engine: AsyncEngine):
    number, consent = await consenting(engine)
    await rows_of(bank)
    told = "SELECT ROW(list_id, recipient, enterprise_id, consent_ids, cardinality(fields))::text FROM disclosure"
    assert await found(engine, told) == [f"(points-loan,bank,{number},{{{consent}}},10)"]
    assert await found(engine, "SELECT purpose FROM exchange_message WHERE method = 'GET'") == [
        agreements()["points-loan"].purpose
    ]


async def test_a_list_is_read_page_by_page(bank: CallingSystem, engine: AsyncEngine):
    names = []
    for place in range(5):
        await consenting(engine, name=f"泰州第{place}同意有限公司")
    cursor: str | None = ""
    while cursor is not None:
        answer = (await bank.http.get(f"/api/v1/lists/points-loan?limit=2&cursor={cursor}")).json()
        names += [one["name"] for one in answer["rows"]]
        cursor = answer["next"]
    assert names == [f"泰州第{place}同意有限公司" for place in range(5)]


async def test_a_list_that_was_not_agreed_with_a_client_is_not_there(app: FastAPI, bank: CallingSystem):
    assert (await bank.http.get("/api/v1/lists/suke-loan")).status_code == 404
    assert [one["id"] for one in (await bank.http.get("/api/v1/lists")).json()] == ["points-loan"]
    none = await calling_system(app, "nobank", scopes=("change:read",))
    assert (await none.http.get("/api/v1/lists/points-loan")).status_code == 403
    with pytest.raises(ClientRefused, match="没有约定名单“all”"):
        await calling_system(app, "greedy", lists=("all",))


async def test_a_districts_bank_sees_its_district(app: FastAPI, engine: AsyncEngine):
    await consenting(engine, region_code="321281")
    await consenting(engine, region_code="321282", name="泰州靖江试验有限公司")
    bank = await calling_system(app, "bank", source="self_declared", lists=("points-loan",), region_code="321282")
    assert [one["name"] for one in await rows_of(bank)] == ["泰州靖江试验有限公司"]


@pytest.mark.parametrize(
    ("figure", "band"),
    [(None, None), (499.999999, "小于500"), (500, "500—2000"), (1999, "500—2000"), (2000, "2000及以上")],
)
def test_a_band_includes_its_lower_end(figure: Any, band: str | None):
    field = AgreedField(id="x", name="x", indicator="operating_revenue", bands=(500, 2000))
    assert band_of(field, figure) == band


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("{id: a, name: 甲}", "须写 identity"), ("{id: a, name: 甲, indicator: no_such}", "不在目录中"),
        ("{id: a, name: 甲, identity: name, bands: [1]}", "只用于指标"), ("{id: a, name: 甲, recognition: x}", "没有认定项目 x"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_is_refused(tmp_path: Path, field: str, fault: str):
    (tmp_path / "l.yaml").write_text(
        f"id: l\nname: 甲\nrecipient: 乙\npurpose: 丙\nfields: [{field}]\n", encoding="utf-8"
    )
    with pytest.raises(AgreementError, match=fault):
        load_agreements(library(), tmp_path)


# Pages --------------------------------------------------------------------------------------------------


async def test_a_consent_is_taken_down_exported_and_withdrawn_on_its_page(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    code = make_code()
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=code, name="泰州页面试验有限公司")
    officer = await client_as("city_officer")
    form = {"code": code, "signed_by": "王敏", "valid_to": f"{today() + timedelta(days=9)}"}
    paper = {"evidence": ("同意书.pdf", PDF, "application/pdf")}
    answer = await officer.post("/exchange/lists/points-loan/consents", data=form, files=paper)
    assert answer.status_code == 303
    shown = (await officer.get("/exchange/lists/points-loan")).text
    assert "泰州页面试验有限公司" in shown and "从未" in shown
    assert 'href="/papers/1">同意书.pdf' in shown and (await officer.get("/papers/1")).content == PDF
    book = CalamineWorkbook.from_filelike(BytesIO((await officer.get("/exchange/lists/points-loan/export")).content))
    assert book.get_sheet_by_index(0).to_python()[2][:2] == [code, "泰州页面试验有限公司"]
    assert (await found(engine, "SELECT recipient FROM disclosure"))[0].endswith(":export")
    assert (await officer.post("/exchange/consents/1/withdraw")).status_code == 303
    assert "已撤回" in (await officer.get("/exchange/lists/points-loan")).text
    assert "今日同意的企业" in (await officer.get("/exchange/lists")).text


async def test_a_consent_that_cannot_be_is_told_where_it_was_typed(app: FastAPI, client_as: ClientAs):
    officer = await client_as("city_officer")
    form = {"code": "9132", "signed_by": "王敏", "valid_to": "明年"}
    answer = await officer.post("/exchange/lists/points-loan/consents", data=form)
    assert answer.status_code == 422 and "没有代码为“9132”的企业" in answer.text and 'value="王敏"' in answer.text


async def test_a_district_neither_reads_nor_writes_lists(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    await consenting(engine)
    district = await client_as("district_officer", region="321281")
    for path in ("/exchange/lists", "/exchange/lists/points-loan", "/exchange/lists/points-loan/export"):
        assert (await district.get(path)).status_code == 403
    await district.post("/exchange/consents/1/withdraw")
    assert await found(engine, "SELECT withdrawn_at FROM disclosure_consent") == [None]
