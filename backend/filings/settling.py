"""An officer decides: what is so where sources disagree, and that figures which look wrong are right.

A decision is a filing like any other, of the source `officer`, with its reason (docs/decisions/0006).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.conflicts import NO_YEAR, conflict_of
from backend.filings.service import FilingDraft, file_each, project
from rules.catalogue import Catalogue

OFFICER = "officer"


class ConflictMoved(Exception):
    """Somebody else has decided meanwhile, or a source has said something new; nothing was written."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("在您填写期间，这一项已有人裁定，或有来源报来新的数，您的裁定没有保存。请看过最新情况后再定。")


class FlagGone(Exception):
    """The figures that were flagged are no longer what was looked at; nothing was written."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("这组数据已经变动，您的说明没有保存。请刷新后按新的数据核对。")


@dataclass(frozen=True)
class Decision:
    """What an officer holds to be so, and why."""

    enterprise_id: int
    indicator: str
    #: The year of a yearly figure; None for what holds now.
    year: int | None
    #: In the unit of the official forms.
    value: Any
    reason: str
    #: The newest filing that the officer had before the eyes.
    seen_filing_id: int


async def settle(
    session: AsyncSession, decision: Decision, catalogue: Catalogue, *, decided_by: int, decided_on: date
) -> None:
    """Settle a conflict by a filing of the officer's.

    Raises:
        ConflictMoved: it is not the conflict any more that the officer looked at.
        FilingRefused: the value is not of the indicator.
    """
    # Whoever else files for the enterprise, or decides, waits here; so what is read next stays so.
    await session.execute(
        text("SELECT FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": decision.enterprise_id}
    )
    conflict = await conflict_of(session, decision.enterprise_id, decision.indicator, decision.year)
    if conflict is None or conflict["latest_filing_id"] != decision.seen_filing_id:
        raise ConflictMoved
    draft = FilingDraft(
        decision.enterprise_id,
        OFFICER,
        decision.year,
        {decision.indicator: decision.value},
        decided_on,
        decision.reason,
    )
    await file_each(session, [draft], catalogue, recorded_by=decided_by, is_said_again=True)
    await project(session, [decision.enterprise_id], catalogue)


async def answer_flag(session: AsyncSession, flag: Mapping[str, Any], reason: str, *, answered_by: int) -> None:
    """Note that flagged figures are right; other figures will be flagged again.

    Args:
        session: the running transaction.
        flag: as its row says: enterprise_id, rule, indicator, year, figures.
        reason: what the officer looked at.
        answered_by: the person.

    Raises:
        FlagGone: the figures are others by now.
    """
    known = {
        "id": flag["enterprise_id"], "rule": flag["rule"], "indicator": flag["indicator"], "year": flag["year"] or NO_YEAR,
        "figures": json.dumps(flag["figures"]), "reason": reason, "person": answered_by,
    }  # fmt: skip
    written = await session.execute(
        text(
            "INSERT INTO fact_flag_answer (enterprise_id, rule, indicator, year, figures, reason, answered_by)"
            " SELECT enterprise_id, rule, indicator, year, figures, :reason, :person FROM fact_flag"
            " WHERE enterprise_id = :id AND rule = :rule AND indicator = :indicator AND year = :year"
            " AND figures = CAST(:figures AS jsonb) RETURNING id"
        ),
        known,
    )
    if written.scalar() is None:
        raise FlagGone
