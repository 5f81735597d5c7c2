"""On whose authorisation tax figures may come in: recorded, asked at the moment of storing, ended at once.

税收征管法第八条、实施细则第五条、国税发〔2008〕93号第三条. Public facts (violations) need none. Whoever stores under an
authorisation holds it until the transaction ends: a withdrawal waits for that, and from then on nothing gets in.

AuthorisationRefused        422, it cannot be recorded so
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.exchange.mapping import Group, load_table
from backend.exchange.models import TaxAuthorisation
from rules.catalogue import Catalogue
from rules.translation import marked, say

GROUPS: Final = {
    "status": marked("状态（登记、信用级别）"), "digest": marked("摘要（区间、比例）"), "detail": marked("明细（金额）"),
}  # fmt: skip
LEGAL_BASES: Final = {"enterprise_consent": marked("企业授权"), "statutory_sharing": marked("依法共享")}


class AuthorisationRefused(Exception):
    """An authorisation that cannot be as it was entered."""

    status_code = 422


@dataclass(frozen=True, slots=True)
class NewAuthorisation:
    """What an enterprise lets the tax bureau tell us."""

    enterprise_id: int
    groups: Sequence[str]
    purpose: str
    first_year: int
    last_year: int
    valid_from: date
    valid_to: date
    legal_basis: str = "enterprise_consent"
    signed_by: str = ""
    evidence_sha256: str = ""
    #: The paper behind it, on the enterprise's file.
    attachment_id: int | None = None
    #: The authorisation that this one carries on.
    extends_id: int | None = None


async def authorise(session: AsyncSession, new: NewAuthorisation, recorded_by: int | None = None) -> int:
    """Record an authorisation and give its number. Raises AuthorisationRefused."""
    if fault := _fault(new):
        raise AuthorisationRefused(fault)
    held = TaxAuthorisation(
        enterprise_id=new.enterprise_id, groups=sorted(set(new.groups)), purpose=new.purpose.strip(),
        legal_basis=new.legal_basis, signed_by=new.signed_by.strip()[:60], evidence_sha256=new.evidence_sha256,
        attachment_id=new.attachment_id, extends_id=new.extends_id, first_year=new.first_year, last_year=new.last_year, valid_from=new.valid_from, valid_to=new.valid_to,
        recorded_by=recorded_by, recorded_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(held)
    await session.flush()
    assert held.id is not None
    return held.id


def _fault(new: NewAuthorisation) -> str:
    if not new.groups or set(new.groups) - GROUPS.keys():
        return f"授权范围应从 {'、'.join(GROUPS)} 中选，至少一项。"
    if not new.purpose.strip():
        return "请写明用途；超出用途的使用不在授权之内。"
    if new.legal_basis not in LEGAL_BASES:
        return "依据应为企业授权或依法共享。"
    if new.first_year > new.last_year:
        return f"数据年度起 {new.first_year} 晚于止 {new.last_year}，请核对。"
    if new.valid_from > new.valid_to:
        return f"授权起 {new.valid_from} 晚于止 {new.valid_to}，请核对。"
    if new.legal_basis == "enterprise_consent" and not new.signed_by.strip():
        return "企业授权须写明签署人。"
    return ""


@dataclass(frozen=True, slots=True)
class Extension:
    """How an authorisation goes on: the last year of data and the last day, by whose signature on which paper."""

    last_year: int
    valid_to: date
    signed_by: str = ""
    evidence_sha256: str = ""
    attachment_id: int | None = None


async def extend(session: AsyncSession, authorisation_id: int, by: Extension, recorded_by: int | None = None) -> int:
    """Carry an authorisation on from today: the same scope and purpose, a later end or more years; gives its number.

    What was signed stays as it was signed: the extension is an authorisation of its own that names the one before.

    Raises:
        AuthorisationRefused: there is none, it was withdrawn, or nothing would be longer.
    """
    found = await session.execute(
        text("SELECT * FROM tax_authorisation WHERE id = :id AND withdrawn_at IS NULL FOR SHARE"),
        {"id": authorisation_id},
    )
    held = found.mappings().first()
    if held is None:
        raise AuthorisationRefused(say("没有这项授权，或已经撤回。"))
    if by.valid_to <= held["valid_to"] and by.last_year <= held["last_year"]:
        raise AuthorisationRefused(
            f"延期后的到期日 {by.valid_to} 和数据年度止 {by.last_year} 都不晚于原来的（{held['valid_to']}，{held['last_year']}），请核对。"
        )
    begun = NewAuthorisation(
        held["enterprise_id"], held["groups"], held["purpose"], held["first_year"], by.last_year,
        max(today(), held["valid_from"]), by.valid_to, held["legal_basis"], extends_id=authorisation_id,
    )  # fmt: skip
    signed = replace(begun, signed_by=by.signed_by, evidence_sha256=by.evidence_sha256, attachment_id=by.attachment_id)
    return await authorise(session, signed, recorded_by)


#: An authorisation with all that carry it on and all that it carries on.
CHAIN: Final = (
    "WITH RECURSIVE chain (id, extends_id) AS ("
    " SELECT id, extends_id FROM tax_authorisation WHERE id = :id"
    " UNION SELECT a.id, a.extends_id FROM tax_authorisation a"
    " JOIN chain c ON a.extends_id = c.id OR a.id = c.extends_id) "
)


async def withdraw(
    session: AsyncSession, authorisation_id: int, *, by: int | None = None, reason: str = "",
    moment: datetime | None = None,
) -> int:  # fmt: skip
    """Let an authorisation and its extensions count no more, from now. Returns whose it was.

    Raises:
        AuthorisationRefused: there is none, or it was withdrawn before.
    """
    found = await session.execute(
        text(
            CHAIN + "UPDATE tax_authorisation SET withdrawn_at = :moment, withdrawn_by = :by, withdrawal_reason = :reason"
            " WHERE id IN (SELECT id FROM chain) AND withdrawn_at IS NULL RETURNING enterprise_id"
        ),
        {
            "id": authorisation_id, "moment": moment or datetime.now(UTC), "by": by, "reason": reason.strip()[:300],
        },
    )  # fmt: skip
    enterprise_ids = list(found.scalars())
    if not enterprise_ids:
        raise AuthorisationRefused(say("没有这项授权，或已经撤回。"))
    return enterprise_ids[0]


@dataclass
class Allowed:
    """What is allowed of some enterprises, held until the transaction ends."""

    #: enterprise → (groups, first year, last year) of each live authorisation.
    spans: dict[int, list[tuple[frozenset[str], int, int]]] = field(
        default_factory=dict[int, list[tuple[frozenset[str], int, int]]]
    )

    def covers(self, enterprise_id: int, group: Group, year: int | None) -> bool:
        """Whether a fact may be kept; what holds without a year is covered by any live authorisation of its group."""
        if group == "public":
            return True
        return any(
            group in groups and (year is None or first <= year <= last)
            for groups, first, last in self.spans.get(enterprise_id, ())
        )


_LIVE = (
    "withdrawn_at IS NULL AND valid_from <= :on AND valid_to >= :on"
    " AND (CAST(:purpose AS text) IS NULL OR purpose = :purpose)"
)


async def allowed(
    session: AsyncSession, enterprise_ids: Iterable[int], purpose: str | None = None, on: date | None = None
) -> Allowed:
    """What may be stored of these enterprises now. Nobody withdraws until the transaction ends; then it counts."""
    found = await session.execute(
        text(
            "SELECT enterprise_id, groups, first_year, last_year FROM tax_authorisation"
            f" WHERE enterprise_id = ANY(:ids) AND {_LIVE} ORDER BY id FOR SHARE"
        ),
        {"ids": sorted(set(enterprise_ids)), "on": on or today(), "purpose": purpose},
    )
    held = Allowed()
    for enterprise_id, groups, first, last in found:
        held.spans.setdefault(enterprise_id, []).append((frozenset(groups), first, last))
    return held


async def who_may_be_asked(
    session: AsyncSession, group: Group, after_id: int, size: int, purpose: str | None = None, on: date | None = None
) -> list[Mapping[str, Any]]:
    """The next enterprises, in the order of their ids, of whom a system may be asked: id and code.

    For public facts all with a code; otherwise only those with a live authorisation of the group.
    """
    authorised = "" if group == "public" else (
        f" AND EXISTS (SELECT FROM tax_authorisation WHERE enterprise_id = e.id AND :group = ANY(groups) AND {_LIVE})"
    )  # fmt: skip
    found = await session.execute(
        text(
            "SELECT id, credit_code FROM enterprise e WHERE id > :after AND credit_code IS NOT NULL"
            f"{authorised} ORDER BY id LIMIT :size"
        ),
        {"after": after_id, "size": size, "group": group, "on": on or today(), "purpose": purpose},
    )
    return [dict(row) for row in found.mappings()]


def groups_by_indicator(catalogue: Catalogue) -> dict[str, Group]:
    """How confidential each indicator is when it comes from the tax bureau; whatever nobody judged is `detail`."""
    table = load_table("tax", catalogue)
    judged: dict[str, Group] = {row.to: form.group for form in table.forms for row in form.fields if row.to is not None}
    return {one.id: judged.get(one.id, "detail") for one in catalogue.indicators}
