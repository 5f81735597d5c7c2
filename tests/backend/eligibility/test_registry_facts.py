"""What the registry itself knows, as facts of the rules: who an enterprise is, and which titles it holds."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.registry_facts import region_of, registry_facts
from backend.enterprises.moving import move
from backend.recognitions.service import revoke
from rules.facts import Facts
from rules.library import library
from tests.factories import make_enterprise, make_filing, make_recognition

ON = date(2026, 6, 30)


async def facts(
    session: AsyncSession, number: int, on: date | None = ON, known_at: datetime | None = None
) -> dict[str, Any]:
    return (await registry_facts(session, [number], library().catalogue, known_at, on))[number].current


def outcome(current: dict[str, Any], programme: str, on: date) -> str:
    held = Facts(dict(current))
    return str(library().evaluator(library().version(programme, on, held)).answer(held, on).outcome)


async def test_identity_gives_founding_industry_and_region(session: AsyncSession):
    number = await make_enterprise(session, region_code="321282", established_on=date(2010, 5, 1), industry_code="3484")
    found = await facts(session, number)
    assert (found["established_on"], found["industry_code"]) == (date(2010, 5, 1), "3484")
    names = ("registered_province_code", "registered_city_code", "registered_district_code")
    assert [found[name] for name in names] == ["32", "3212", "321282"]
    assert found["registered_in_mainland"] is True


async def test_what_nobody_entered_is_unknown(session: AsyncSession):
    number = await make_enterprise(session, credit_code=None, region_code="")
    found = await facts(session, number)
    assert not found.keys() & {"established_on", "industry_code", "registered_city_code", "uscc", "listing_board"}


async def test_the_registrys_own_identity_goes_before_a_filing(session: AsyncSession):
    number = await make_enterprise(session, established_on=date(2010, 5, 1))
    await make_filing(session, number, {"established_on": "2012-01-01"}, year=None)
    assert (await facts(session, number))["established_on"] == date(2010, 5, 1)


async def test_a_certificate_is_given_with_its_days(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, granted_on=date(2024, 11, 6), number="GR202432000001")
    expected = {
        "number": "GR202432000001", "issued_on": date(2024, 11, 6), "valid_until": date(2027, 11, 5), "revoked_on": None,
    }  # fmt: skip
    assert (await facts(session, number))["hnte_certificates"] == [expected]
    await revoke(session, title, date(2026, 5, 1), "处罚")
    assert (await facts(session, number))["hnte_certificates"][0]["revoked_on"] == date(2026, 5, 1)


async def test_without_titles_there_are_known_to_be_none(session: AsyncSession):
    found = await facts(session, await make_enterprise(session))
    assert (found["hnte_certificates"], found["is_single_champion"]) == ([], False)
    for name in ("tech_sme", "innovative_sme", "srdi_sme", "little_giant"):
        assert found[f"{name}_valid_until"] is None


async def test_a_title_filed_but_not_in_the_registry_is_believed(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"srdi_sme_valid_until": "2027-12-31"}, year=None)
    assert (await facts(session, number))["srdi_sme_valid_until"] == date(2027, 12, 31)


async def test_a_title_in_the_registry_goes_before_what_was_filed_of_it(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"srdi_sme_valid_until": "2030-12-31"}, year=None)
    await make_recognition(session, number, "srdi_sme", date(2025, 1, 10))
    assert (await facts(session, number))["srdi_sme_valid_until"] == date(2028, 1, 9)


async def test_of_several_titles_the_last_day_of_all_counts(session: AsyncSession):
    number = await make_enterprise(session)
    for day in (date(2025, 7, 1), date(2026, 5, 1)):
        await make_recognition(session, number, "tech_sme", day)
    assert (await facts(session, number))["tech_sme_valid_until"] == date(2026, 12, 31)


async def test_a_revoked_title_ends_on_the_day_before(session: AsyncSession):
    number = await make_enterprise(session)
    await revoke(
        session, await make_recognition(session, number, "srdi_sme", date(2025, 1, 10)), date(2026, 5, 1), "处罚"
    )
    assert (await facts(session, number))["srdi_sme_valid_until"] == date(2026, 4, 30)


async def test_a_title_of_a_later_day_is_not_yet_there(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "single_champion", date(2026, 3, 1))
    found = [(await facts(session, number, on))["is_single_champion"] for on in (date(2026, 2, 28), date(2026, 3, 1))]
    assert found == [False, True]


async def test_a_title_entered_later_was_not_known(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, recorded_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert (await facts(session, number, known_at=datetime(2026, 4, 30, tzinfo=UTC)))["hnte_certificates"] == []


@pytest.mark.parametrize(
    ("on", "expected"),
    [(date(2024, 11, 5), "ineligible"), (date(2024, 11, 6), "eligible"), (date(2027, 11, 5), "eligible"),
     (date(2027, 11, 6), "ineligible")],
)  # fmt: skip
async def test_the_rules_and_the_registry_agree_on_the_days_of_a_certificate(
    session: AsyncSession, on: date, expected: str
):
    number = await make_enterprise(session)
    await make_recognition(session, number, granted_on=date(2024, 11, 6))
    assert outcome(await facts(session, number, on), "hnte_status", on) == expected


async def test_before_a_move_the_region_is_the_old_one(session: AsyncSession):
    number = await make_enterprise(session, region_code="321202")
    await move(session, number, "321282", "", "", date(2026, 3, 1))
    found = [region_of(Facts(await facts(session, number, on))) for on in (date(2026, 2, 28), date(2026, 3, 1), None)]
    assert found == ["321202", "321282", "321282"]


async def test_before_the_day_of_listing_no_board_is_known(session: AsyncSession):
    number = await make_enterprise(session, listing_board="star", listed_on=date(2026, 3, 2))
    found = [(await facts(session, number, date(2026, 3, day))).get("listing_board") for day in (1, 2)]
    assert found == [None, "star"]
