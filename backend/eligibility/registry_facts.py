"""What the registry itself knows of an enterprise, as facts: who it is and which titles it holds."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.enterprises.places import places_on
from backend.filings.queries import facts_known_at, facts_of
from backend.recognitions.queries import Held, held_by
from rules.catalogue import Catalogue
from rules.facts import Facts
from rules.values import Value

#: Titles whose last valid day is a fact of its own.
VALID_UNTIL = {
    "tech_sme": "tech_sme_valid_until",
    "innovative_sme": "innovative_sme_valid_until",
    "srdi_sme": "srdi_sme_valid_until",
    "little_giant": "little_giant_valid_until",
}


async def registry_facts(
    session: AsyncSession,
    enterprise_ids: Sequence[int],
    catalogue: Catalogue,
    known_at: datetime | None = None,
    on: date | None = None,
) -> dict[int, Facts]:
    """All that is held of some enterprises: what holds now of the filings, the identity, the titles.

    Args:
        session: within the reader's scope.
        enterprise_ids: whose.
        catalogue: says what each figure means.
        known_at: with the knowledge of that moment; None is now.
        on: the day asked about, where it is not today: titles granted later are not yet there, and it was registered
            where it was registered then, as known at the moment.
    """
    if known_at is None:
        facts = await facts_of(session, enterprise_ids, catalogue)
    else:
        facts = await facts_known_at(session, enterprise_ids, catalogue, known_at)
    titles = await held_by(session, enterprise_ids, known_at)
    places = await places_on(session, enterprise_ids, on, known_at) if on is not None else {}
    found = await ask_about(session, "SELECT * FROM enterprise WHERE id = ANY(:ids)", enterprise_ids)
    for row in found.mappings():
        who = {**row, **places.get(row["id"], {})}
        add_registry_facts(facts[row["id"]], who, titles[row["id"]], on)
    return facts


def add_registry_facts(facts: Facts, row: Mapping[str, Any], titles: Sequence[Held], on: date | None = None) -> None:
    """Put what the registry knows beside what was filed, in the order in which the catalogue trusts them.

    Who the enterprise is, is the registry's own. A title in the registry goes before whatever was filed of it; that
    there is none there says less than a filing that there is one, because not every list may have been entered.
    """
    facts.current |= identity_facts(row, on)
    for name, value in title_facts(titles, on).items():
        if value:
            facts.current[name] = value
        else:
            facts.current.setdefault(name, value)


def identity_facts(row: Mapping[str, Any], on: date | None = None) -> dict[str, Value]:
    """Facts that follow from where and when an enterprise is registered, and where it is listed."""
    facts: dict[str, Value] = {"established_on": row["established_on"], "industry_code": row["industry_code"]}
    region = row["region_code"]
    if region:
        facts |= {
            "registered_province_code": region[:2],
            "registered_city_code": region[:4],
            "registered_district_code": region,
        }
    if row["credit_code"]:
        facts |= {"uscc": row["credit_code"], "registered_in_mainland": True}
    if row["listing_board"] and not (on and row["listed_on"] and row["listed_on"] > on):
        facts["listing_board"] = row["listing_board"]
    return {name: value for name, value in facts.items() if value not in (None, "")}


def title_facts(titles: Sequence[Held], on: date | None = None) -> dict[str, Value]:
    """Facts that follow from the titles that had been granted by a day. None of a kind is an answer too."""
    granted = [one for one in titles if on is None or one.valid_from <= on]
    facts: dict[str, Value] = {
        "hnte_certificates": [_certificate(one) for one in granted if one.programme == "hnte"],
        # 单项冠军 counts whatever became of it, former 示范企业 and 产品 included (catalogue).
        "is_single_champion": any(one.programme == "single_champion" for one in granted),
    }
    for programme, name in VALID_UNTIL.items():
        facts[name] = max((_last_day(one) for one in granted if one.programme == programme), default=None)
    return facts


def _certificate(title: Held) -> dict[str, Any]:
    """A certificate as the record of the catalogue; what nobody entered is left out, for that means unknown."""
    certificate = {"issued_on": title.granted_on, "revoked_on": title.revoked_on}
    known = {"number": title.number or None, "valid_until": title.valid_to}
    return {**certificate, **{name: value for name, value in known.items() if value is not None}}


def _last_day(title: Held) -> date:
    """The last day on which a title counts; far away where it has no printed end."""
    printed = title.valid_to or date.max
    return printed if title.revoked_on is None else min(printed, title.revoked_on - timedelta(days=1))


def region_of(facts: Facts) -> str:
    """The code of the region an enterprise is registered in, as far as it is known."""
    for name in ("registered_district_code", "registered_city_code", "registered_province_code"):
        code = facts.current.get(name)
        if isinstance(code, str):
            return code
    return ""
