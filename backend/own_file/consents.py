"""What an enterprise lets the bureau tell others, and the tax bureau tell the bureau, as the enterprise sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.exchange.agreements import Agreement, agreements
from backend.exchange.authorisation_queries import brought, of_enterprise
from backend.exchange.authorisations import AuthorisationRefused, withdraw
from backend.exchange.consents import NAMING, ConsentRefused, NewConsent, replace_consents
from backend.exchange.list_queries import consents_of_enterprise, tellings_of
from backend.own_file.bureau_side import own_id
from rules.translation import say

#: Days that a form proposes.
_PROPOSED: Final = 365


@dataclass(frozen=True)
class ListSeen:
    """A list, and what the enterprise said to it."""

    agreed: Agreement
    #: Those that count today, and those that do not any more or not yet; the newest first.
    live: Sequence[Mapping[str, Any]]
    others: Sequence[Mapping[str, Any]]

    def names_of(self, given: Mapping[str, Any]) -> list[str]:
        """Names of the fields that a consent lets the bureau tell."""
        return [one.name for one in self.agreed.fields if one.id in given["fields"]]

    @property
    def offered(self) -> list[tuple[str, str, bool, bool]]:
        """Fields to choose from: id, name, whether chosen now (all, where nothing was said), whether it must be."""
        given = {name for one in self.live for name in one["fields"]} or set(self.agreed.field_ids)
        return [(one.id, one.name, one.id in given, one.identity in NAMING) for one in self.agreed.fields]


@dataclass(frozen=True)
class ConsentsSeen:
    """Everything that the page shows."""

    lists: Sequence[ListSeen]
    tellings: Sequence[Mapping[str, Any]]
    authorisations: Sequence[Mapping[str, Any]]
    #: How many of its records came from the tax bureau and were kept, or not for want of an authorisation.
    brought: Mapping[str, Any]
    proposed: date


async def consents_seen(session: AsyncSession, person: PersonSignedIn) -> ConsentsSeen:
    """What the enterprise let others know, who was told, and what it let the bureau know."""
    number, on = own_id(person), today()
    given = await consents_of_enterprise(session, number, on)
    lists = [
        ListSeen(
            agreed,
            [one for one in given if one["list_id"] == agreed.id and one["is_live"]],
            [one for one in given if one["list_id"] == agreed.id and not one["is_live"]],
        )
        for agreed in agreements().values()
    ]
    return ConsentsSeen(
        lists, await tellings_of(session, number), await of_enterprise(session, number, on),
        await brought(session, number), on + timedelta(days=_PROPOSED),
    )  # fmt: skip


async def consent(
    session: AsyncSession,
    person: PersonSignedIn,
    list_id: str,
    fields: Sequence[str],
    until: str,
    *,
    is_confirmed: bool,
) -> int:
    """Consent to a list with these fields from today, in place of what was said to it before. Raises ConsentRefused."""
    if not is_confirmed:
        raise ConsentRefused(say("请勾选确认后再提交。"))
    try:
        ends = date.fromisoformat(until)
    except ValueError as problem:
        raise ConsentRefused(say("同意到期日“{day}”应写作 2027-12-31。", day=until[:20])) from problem
    new = NewConsent(own_id(person), list_id, person.name, today(), ends, fields=fields, is_from_enterprise=True)
    return await replace_consents(session, new, person.id)


async def end_authorisation(session: AsyncSession, person: PersonSignedIn, number: int) -> None:
    """Withdraw what the enterprise authorised the tax bureau to tell; what the law shares is not its to end.

    Raises:
        AuthorisationRefused: there is none of its own, or it was withdrawn before.
    """
    mine = await of_enterprise(session, own_id(person), today())
    if not any(one["id"] == number and one["legal_basis"] == "enterprise_consent" for one in mine):
        raise AuthorisationRefused(say("没有这项授权，或已经撤回。"))
    await withdraw(session, number, by=person.id)
