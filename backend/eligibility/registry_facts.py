"""What the registry itself knows of an enterprise, as facts: who it is and which titles it holds."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.queries import facts_known_at, facts_of
from backend.recognitions.queries import Held, held_by
from rules.catalogue import Catalogue
from rules.facts import Facts
from rules.values import Value

#: Titles whose last valid day is a fact of its own.
_VALID_UNTIL = {
    "tech_sme": "tech_sme_valid_until",
    "innovative_sme": "innovative_sme_valid_until",
    "srdi_sme": "srdi_sme_valid_until",
    "little_giant": "little_giant_valid_until",
}


async def registry_facts(
    session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue, known_at: Any = None
) -> dict[int, Facts]:
    """All that is held of some enterprises: the projection of the filings, the identity, the titles."""
    if known_at is None:
        facts = await facts_of(session, enterprise_ids, catalogue)
    else:
        facts = await facts_known_at(session, enterprise_ids, catalogue, known_at)
    titles = await held_by(session, enterprise_ids, known_at)
    found = await session.execute(text("SELECT * FROM enterprise WHERE id = ANY(:ids)"), {"ids": list(enterprise_ids)})
    for row in found.mappings():
        held = facts[row["id"]].current
        for name, value in identity_facts(row).items():
            held.setdefault(name, value)
        held.update(title_facts(titles[row["id"]]))
    return facts


def identity_facts(row: Mapping[str, Any]) -> dict[str, Value]:
    """Facts that follow from where and when an enterprise is registered."""
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
    if row["listing_board"]:
        facts["listing_board"] = row["listing_board"]
    return {name: value for name, value in facts.items() if value not in (None, "")}


def title_facts(titles: Sequence[Held]) -> dict[str, Value]:
    """Facts that follow from the titles held. The registry keeps the lists, so a title not in it is known not to be held."""
    facts: dict[str, Value] = {
        "hnte_certificates": [
            {"issued_on": one.granted_on, "revoked_on": one.revoked_on} for one in titles if one.programme == "hnte"
        ],
        "is_single_champion": any(one.programme == "single_champion" for one in titles),
    }
    for programme, name in _VALID_UNTIL.items():
        ends = [_last_day(one) for one in titles if one.programme == programme]
        facts[name] = max((end for end in ends if end is not None), default=None)
    return facts


def _last_day(title: Held) -> date | None:
    if title.revoked_on is None:
        return title.valid_to
    before = date.fromordinal(title.revoked_on.toordinal() - 1)
    return before if title.valid_to is None else min(title.valid_to, before)
