"""Telling an outside system facts: of whoever consented, what was agreed, in its own fields and units, and only once.

A portion is told under a key that is made of its content, so told again after a break it counts once. What was told is
kept as a digest; an enterprise of which nothing is new is not told of again.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exact_json import exact_json
from backend.exchange.agreements import Agreement, agreements
from backend.exchange.consents import Consented, who_consented
from backend.exchange.disclosing import latest_figures, note_disclosure
from backend.exchange.mapping import map_out
from backend.exchange.pulling import Pull
from backend.exchange.wire import canonical

#: The form in which facts are told.
FACTS: Final = "facts"
_PORTION: Final = 200


async def tell(pull: Pull, year: int) -> Counter[str]:
    """Tell the system all that is agreed of a year. Raises ExchangeFailed; what was told until then stays told."""
    agreed = next((one for one in agreements().values() if one.told_to == pull.connector.system), None)
    counts: Counter[str] = Counter({"consented": 0, "told": 0, "unchanged": 0, "empty": 0})
    after = 0
    while agreed is not None:
        # The consents are held until the other side has answered: who withdraws meanwhile was told of before.
        async with owner_unit_of_work(pull.engine) as session:
            may = await who_consented(session, agreed, after, _PORTION, today())
            if not may:
                break
            after = max(may)
            counts["consented"] += len(may)
            await _tell_portion(session, pull, agreed, may, year, counts)
    return counts


async def _tell_portion(
    session: AsyncSession, pull: Pull, agreed: Agreement, may: Mapping[int, Consented], year: int, counts: Counter[str]
) -> None:
    system = pull.connector.system
    told = await _facts(session, pull, agreed, may, year)
    counts["empty"] += len(may) - len(told)
    digests = {number: sha256(canonical(one).encode()).hexdigest() for number, one in told.items()}
    before = await _told_before(session, system, year, list(told))
    fresh = {number: one for number, one in told.items() if before.get(number) != digests[number]}
    counts["unchanged"] += len(told) - len(fresh)
    if not fresh:
        return
    content = [fresh[number] for number in sorted(fresh)]
    await pull.client.tell(FACTS, content, sha256(canonical(content).encode()).hexdigest())
    counts["told"] += len(fresh)
    await note_disclosure(session, agreed, {number: may[number] for number in fresh}, system)
    await session.execute(
        _KEEP,
        [
            {
                "system": system, "record_id": f"told-{one['code']}-{year}", "id": number, "code": one["code"], "form": FACTS,
                "year": year, "digest": digests[number],
            }
            for number, one in fresh.items()
        ],
    )  # fmt: skip


_KEEP = text(
    "INSERT INTO exchange_record (system, record_id, enterprise_id, code, form, year, revision, digest, fate)"
    " VALUES (:system, :record_id, :id, :code, :form, :year, 1, :digest, 'told')"
    " ON CONFLICT (system, record_id) DO UPDATE SET digest = excluded.digest, revision = exchange_record.revision + 1,"
    " received_at = now()"
)


async def _facts(
    session: AsyncSession, pull: Pull, agreed: Agreement, may: Mapping[int, Consented], year: int
) -> dict[int, dict[str, Any]]:
    """What is told of each enterprise of whom anything may be told."""
    form = pull.table.by_form[FACTS]
    figures = await latest_figures(session, list(may), agreed.indicators, pull.library.catalogue, year)
    found = await session.execute(
        text("SELECT id, credit_code FROM enterprise WHERE id = ANY(:ids)"), {"ids": list(may)}
    )
    codes = {row[0]: row[1] for row in found}
    told: dict[int, dict[str, Any]] = {}
    for number, consented in may.items():
        values = {
            field.indicator: figures[number, field.indicator][1]
            for field in agreed.fields
            if field.indicator and field.id in consented.fields and (number, field.indicator) in figures
        }
        fields = map_out(form, form.layouts[0], values)
        if fields and codes.get(number):
            told[number] = {"code": codes[number], "year": year, "layout": form.layouts[0], "fields": _plain(fields)}
    return told


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts as texts, as the forms print them: no reader rounds them on the way."""
    return {name: value if isinstance(value, int | str) else exact_json(value) for name, value in fields.items()}


async def _told_before(session: AsyncSession, system: str, year: int, ids: list[int]) -> dict[int, str]:
    found = await session.execute(
        text(
            "SELECT enterprise_id, digest FROM exchange_record WHERE system = :system AND form = :form AND year = :year"
            " AND fate = 'told' AND enterprise_id = ANY(:ids)"
        ),
        {"system": system, "form": FACTS, "year": year, "ids": ids},
    )
    return {row[0]: row[1] for row in found}
