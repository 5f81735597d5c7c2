"""Reading receipts: what an enterprise handed in, and what became of the facts that it contradicted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.clock import CHINA
from backend.filings.conflicts import conflict_of, last_decision
from backend.filings.queries import all_said
from backend.own_file.bureau_side import SELF_DECLARED, as_bureau, own_id
from rules.values import FactKey


@dataclass(frozen=True)
class Receipt:
    """Proof of what was handed in."""

    id: int
    kind: str
    indicator: str
    year: int | None
    filing_id: int
    content: Mapping[str, Any]
    digest: str
    #: Whether the digest is that of the content kept.
    is_whole: bool
    submitted_at: datetime

    @property
    def number(self) -> str:
        """As it is printed and read out: the day, and a number that no other receipt has."""
        return f"TD-{self.submitted_at.astimezone(CHINA):%Y%m%d}-{self.id:06d}"


@dataclass(frozen=True)
class Settled:
    """What became of a contradiction, as the enterprise is told.

    `state`: received (the officer has not decided), settled (has, with a reason), adopted (the enterprise's own figure
    holds and nobody else says otherwise), within (too near to what another source says to be looked at).
    """

    state: str
    #: What holds now, and who said so.
    value: Any = None
    source: str = ""
    reason: str = ""
    decided_on: date | None = None


def _receipt(row: Mapping[str, Any]) -> Receipt:
    content = row["content"]
    return Receipt(
        row["id"], row["kind"], row["indicator"], row["year"], row["filing_id"], json.loads(content, parse_float=Decimal),
        row["digest"], sha256(content.encode()).hexdigest() == row["digest"], row["submitted_at"],
    )  # fmt: skip


async def receipts_of(session: AsyncSession, enterprise_id: int, kind: str = "", most: int = 100) -> list[Receipt]:
    """The receipts of an enterprise, the latest first."""
    found = await session.execute(
        text(
            "SELECT * FROM receipt WHERE enterprise_id = :id AND (:kind = '' OR kind = :kind)"
            " ORDER BY id DESC LIMIT :most"
        ),
        {"id": enterprise_id, "kind": kind, "most": most},
    )
    return [_receipt(dict(row)) for row in found.mappings()]


async def receipt_of(session: AsyncSession, enterprise_id: int, number: int) -> Receipt | None:
    """One of them; None where it is not there, or another's."""
    found = await session.execute(
        text("SELECT * FROM receipt WHERE id = :number AND enterprise_id = :id"),
        {"number": number, "id": enterprise_id},
    )
    row = found.mappings().first()
    return _receipt(dict(row)) if row is not None else None


async def settled(session: AsyncSession, person: PersonSignedIn, receipt: Receipt) -> Settled:
    """What became of a contradiction."""
    number, indicator, year = own_id(person), receipt.indicator, receipt.year
    async with as_bureau(session, person):
        conflict = await conflict_of(session, number, indicator, year)
        decision = await last_decision(session, number, indicator, year)
        said = (await all_said(session, number)).get(FactKey(indicator, year), [])
    holds = said[0] if said else None
    value, source = (holds.value, holds.source) if holds else (None, "")
    if decision is not None and decision["id"] > receipt.filing_id:
        return Settled("settled", value, source, decision["note"], decision["received_on"])
    if conflict is not None:
        return Settled("received", value, source)
    return Settled("adopted" if source == SELF_DECLARED else "within", value, source)
