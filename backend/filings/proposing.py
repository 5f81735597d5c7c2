"""A conflict settled by hand, as a proposal that a second person confirms."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, propose, register_kind
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.enterprises.labels import Names
from backend.exact_json import exact_json
from backend.filings.conflicts import conflict_of
from backend.filings.forms import shown_value, unit_of
from backend.filings.service import read_json
from backend.filings.settling import Decision, settle
from rules.library import library

SETTLE: Final = "conflict.settle"
#: What the tax office said is not copied to where people read who may not know it.
_TAX: Final = "tax"
_UNSAID: Final = "（有权限者见数据核对）"


async def propose_settlement(session: AsyncSession, decision: Decision, person_id: int) -> int:
    """Propose what is so where sources disagree. Returns the proposal's id.

    Raises AlreadyProposed, ConflictMoved, FilingRefused.
    """
    indicator = library().catalogue.indicator(decision.indicator)
    what = (indicator.name if indicator is not None else decision.indicator) + (
        f"（{decision.year} 年）" if decision.year else ""
    )
    unit = unit_of(indicator)
    value = f"{shown_value(indicator, decision.value)} {unit}".strip()
    payload = {
        "enterprise_id": decision.enterprise_id, "indicator": decision.indicator, "year": decision.year,
        # As text: the driver reads JSON's numbers as floats.
        "value": exact_json(decision.value), "reason": decision.reason, "seen": decision.seen_filing_id,
    }  # fmt: skip
    said = await _said(session, decision)
    proposed = Proposed(
        SETTLE,
        f"裁定：{what}以 {value} 为准",
        payload,
        decision.enterprise_id,
        decision.reason,
        (Change(what, said, value),),
    )
    return await propose(session, proposed, person_id)


async def waiting_settlements(
    session: AsyncSession, enterprise_id: int, indicator: str, year: int | None
) -> list[Mapping[str, Any]]:
    """What was proposed about one fact and waits for a second person: the summary, the reason, who and when."""
    found = await session.execute(
        text(
            "SELECT p.summary, p.reason, p.proposed_at, o.name AS proposer FROM proposal p"
            " LEFT JOIN officers() o ON o.id = p.proposed_by WHERE p.state = 'open' AND p.expires_at > now()"
            " AND p.kind = :kind AND p.enterprise_id = :enterprise AND p.payload ->> 'indicator' = :indicator"
            " AND p.payload ->> 'year' IS NOT DISTINCT FROM CAST(:year AS text) ORDER BY p.id"
        ),
        {
            "kind": SETTLE, "enterprise": enterprise_id, "indicator": indicator,
            "year": None if year is None else str(year),
        },
    )  # fmt: skip
    return [dict(row) for row in found.mappings()]


async def _said(session: AsyncSession, decision: Decision) -> str:
    """What each source says, in words."""
    indicator, names = library().catalogue.indicator(decision.indicator), Names(library())
    conflict = await conflict_of(session, decision.enterprise_id, decision.indicator, decision.year)
    said = conflict["said"] if conflict is not None else []
    return "；".join(
        f"{names.source(one['source'])} {_UNSAID if one['source'] == _TAX else shown_value(indicator, one['value'])}"
        for one in said
    )


async def _settle(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    decision = Decision(
        payload["enterprise_id"], payload["indicator"], payload["year"], read_json(payload["value"]), payload["reason"],
        payload["seen"],
    )  # fmt: skip
    await because(session, decision.reason)
    await settle(session, decision, library().catalogue, decided_by=proposed_by, decided_on=today())
    await evaluate(session, [decision.enterprise_id], library(), today())


register_kind(SETTLE, "裁定数据分歧", _settle)
