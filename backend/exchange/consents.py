"""What enterprises let us tell others: recorded for one list and its fields as they were, counted by day, ended at once.

Whoever tells holds the consents until the transaction ends: a withdrawal waits for that, and from then on nothing goes.

ConsentRefused              422, it cannot be recorded so
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.agreements import Agreement, agreements
from backend.exchange.models import DisclosureConsent
from rules.translation import say

#: Fields that say of whom a row is.
NAMING: Final = ("credit_code", "name")


class ConsentRefused(Exception):
    """A consent that cannot be as it was entered."""

    status_code = 422


@dataclass(frozen=True, slots=True)
class NewConsent:
    """What an enterprise lets us tell, and from when to when."""

    enterprise_id: int
    list_id: str
    signed_by: str
    valid_from: date
    valid_to: date
    evidence_sha256: str = ""
    #: The fields consented to; None for all that the list has today.
    fields: Sequence[str] | None = None
    #: The paper behind it, on the enterprise's file.
    attachment_id: int | None = None
    #: Given by the enterprise in its own account.
    is_from_enterprise: bool = False


async def record_consent(session: AsyncSession, new: NewConsent, recorded_by: int | None = None) -> int:
    """Record a consent to a list with fields that it has today, and give its number. Raises ConsentRefused."""
    agreed = agreements().get(new.list_id)
    if agreed is None:
        raise ConsentRefused(f"没有约定名单“{new.list_id[:40]}”，可用：{'、'.join(agreements())}。")
    if not new.signed_by.strip():
        raise ConsentRefused("请写明企业的签署人。")
    if new.valid_from > new.valid_to:
        raise ConsentRefused(say("同意起 {begin} 晚于止 {end}，请核对。", begin=new.valid_from, end=new.valid_to))
    held = DisclosureConsent(
        enterprise_id=new.enterprise_id, list_id=agreed.id, fields=_consented(agreed, new.fields),
        signed_by=new.signed_by.strip()[:60], evidence_sha256=new.evidence_sha256, attachment_id=new.attachment_id,
        is_from_enterprise=new.is_from_enterprise, valid_from=new.valid_from, valid_to=new.valid_to,
        recorded_by=recorded_by, recorded_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(held)
    await session.flush()
    assert held.id is not None
    return held.id


def _consented(agreed: Agreement, chosen: Sequence[str] | None) -> list[str]:
    """The list's fields among those chosen, in its order; without what names the enterprise a list is of no use."""
    if chosen is None:
        return agreed.field_ids
    fields = [one.id for one in agreed.fields if one.id in chosen or one.identity in NAMING]
    if not set(fields) - {one.id for one in agreed.fields if one.identity in NAMING}:
        raise ConsentRefused(say("请至少选择一个字段。"))
    return fields


async def replace_consents(session: AsyncSession, new: NewConsent, recorded_by: int | None = None) -> int:
    """Record a consent in place of all that count for the list: what is told from now on is what it says."""
    number = await record_consent(session, new, recorded_by)
    await session.execute(
        text(
            "UPDATE disclosure_consent SET withdrawn_at = :moment, withdrawn_by = :by WHERE enterprise_id = :enterprise"
            " AND list_id = :list AND id <> :number AND withdrawn_at IS NULL"
        ),
        {
            "moment": datetime.now(UTC), "by": recorded_by, "enterprise": new.enterprise_id, "list": new.list_id,
            "number": number,
        },
    )  # fmt: skip
    return number


async def withdraw_consent(
    session: AsyncSession, number: int, moment: datetime | None = None, *, by: int | None = None
) -> str:
    """Let a consent count no more, from now. Returns of which list.

    Raises:
        ConsentRefused: there is none that the session sees, or it was withdrawn before.
    """
    found = await session.execute(
        text(
            "UPDATE disclosure_consent SET withdrawn_at = :moment, withdrawn_by = :by"
            " WHERE id = :id AND withdrawn_at IS NULL RETURNING list_id"
        ),
        {"id": number, "moment": moment or datetime.now(UTC), "by": by},
    )
    list_id = found.scalar_one_or_none()
    if list_id is None:
        raise ConsentRefused(say("没有这项同意，或已经撤回。"))
    return list_id


#: What counts on a day; `c` is the consent.
LIVE: Final = "c.withdrawn_at IS NULL AND c.valid_from <= :on AND c.valid_to >= :on"


@dataclass(frozen=True)
class Consented:
    """What may be told of one enterprise, and by which consents."""

    fields: frozenset[str]
    consent_ids: tuple[int, ...]


async def who_consented(
    session: AsyncSession, agreed: Agreement, after_id: int, size: int, on: date
) -> dict[int, Consented]:
    """The next enterprises, in the order of their ids, that may be told of; nobody withdraws until the transaction ends."""
    found = await session.execute(
        text(
            f"SELECT e.id FROM enterprise e WHERE e.id > :after AND e.status = 'active' AND EXISTS ("
            f" SELECT FROM disclosure_consent c WHERE c.enterprise_id = e.id AND c.list_id = :list AND {LIVE}){_holds(agreed)}"
            " ORDER BY e.id LIMIT :size"
        ),
        {"after": after_id, "list": agreed.id, "on": on, "size": size, "holds": list(agreed.holds)},
    )
    ids = list(found.scalars())
    held = await session.execute(
        text(
            f"SELECT c.id, c.enterprise_id, c.fields FROM disclosure_consent c WHERE c.enterprise_id = ANY(:ids)"
            f" AND c.list_id = :list AND {LIVE} ORDER BY c.id FOR SHARE"
        ),
        {"ids": ids, "list": agreed.id, "on": on},
    )
    given: dict[int, list[tuple[int, Sequence[str]]]] = {}
    for number, enterprise_id, fields in held:
        given.setdefault(enterprise_id, []).append((number, fields))
    agreed_on = set(agreed.field_ids)
    return {
        one: Consented(
            frozenset(name for _, fields in given[one] for name in fields) & agreed_on, tuple(number for number, _ in given[one])
        )
        for one in ids
        if one in given
    }  # fmt: skip


def _holds(agreed: Agreement) -> str:
    if not agreed.holds:
        return ""
    return (
        " AND EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = e.id AND r.superseded_at IS NULL"
        " AND r.programme = ANY(:holds) AND r.valid_from <= :on AND (r.valid_to IS NULL OR r.valid_to >= :on)"
        " AND (r.revoked_on IS NULL OR r.revoked_on > :on))"
    )


async def consents_of(session: AsyncSession, list_id: str, on: date, limit: int = 200) -> list[Mapping[str, Any]]:
    """The consents to a list, the newest first."""
    found = await session.execute(
        text(
            f"SELECT c.*, e.name, e.credit_code, p.file_name, ({LIVE}) AS is_live, (SELECT max(d.disclosed_at) FROM disclosure d"
            " WHERE d.consent_ids @> ARRAY[c.id]) AS told_at FROM disclosure_consent c"
            " JOIN enterprise e ON e.id = c.enterprise_id LEFT JOIN attachment p ON p.id = c.attachment_id"
            " AND p.withdrawn_at IS NULL WHERE c.list_id = :list ORDER BY c.id DESC LIMIT :limit"
        ),
        {"list": list_id, "on": on, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]
