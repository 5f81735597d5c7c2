"""Proof that nothing was lost: what the other side says it holds, against what we have, down to the enterprise.

Of each portion of enterprises both sides' count and digest are compared; where they differ the portion is halved until
the enterprises stand there whose records differ. Only those are asked about whom we may ask about.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exchange.authorisations import who_may_be_asked
from backend.exchange.models import Reconciliation
from backend.exchange.pulling import Pull
from backend.exchange.wire import MOST_CODES, Question, digest_of_all

#: Differences kept by code; there may be more, and the counts tell.
MOST_DIFFERING: Final = 1_000


async def reconcile_what_is_due(pull: Pull, on: date) -> int:
    """Compare each form of the last closed year that was not compared for a week. Returns how many. Raises ExchangeFailed."""
    due = 0
    for form in pull.connector.forms:
        is_yearly = any(row.period == "year" and row.to is not None for row in pull.table.by_form[form].fields)
        year = on.year - 1 if is_yearly else None
        async with owner_unit_of_work(pull.engine) as session:
            found = await session.scalar(_COMPARED, {"system": pull.connector.system, "form": form, "year": year})
        if not found:
            await reconcile(pull, form, year)
            due += 1
    return due


_COMPARED: Final = text(
    "SELECT EXISTS (SELECT FROM exchange_reconciliation WHERE system = :system AND form = :form"
    " AND year IS NOT DISTINCT FROM CAST(:year AS integer) AND compared_at > now() - interval '7 days')"
)


async def reconcile(pull: Pull, form: str, year: int | None) -> Reconciliation:
    """Compare a form and year, and keep what it came to. Raises ExchangeFailed."""
    connector = pull.connector
    found = Reconciliation(system=connector.system, form=form, year=year, asked=0, theirs=0, ours=0)
    found.differing, found.differences = [], {}
    group, after = pull.table.by_form[form].group, 0
    while True:
        async with owner_unit_of_work(pull.engine) as session:
            portion = await who_may_be_asked(session, group, after, MOST_CODES, connector.purpose)
        if not portion:
            break
        after = portion[-1]["id"]
        await _compare(pull, form, year, [row["credit_code"] for row in portion], found, is_counted=True)
        found.asked += len(portion)
    async with owner_unit_of_work(pull.engine) as session:
        found.fates = await _fates(session, connector.system, form, year)
        session.add(found)
    return found


async def _compare(
    pull: Pull, form: str, year: int | None, codes: Sequence[str], found: Reconciliation, *, is_counted: bool = False
) -> None:
    theirs = await pull.client.totals(form, year, Question(codes=list(codes), purpose=pull.connector.purpose))
    async with owner_unit_of_work(pull.engine) as session:
        ours = await _digests(session, pull.connector.system, form, year, codes)
    if is_counted:
        found.theirs += theirs.count
        found.ours += len(ours)
    if (theirs.count, theirs.digest) == (len(ours), digest_of_all(ours)) or len(found.differing) >= MOST_DIFFERING:
        return
    if len(codes) == 1:
        found.differing.append(codes[0])
        found.differences[codes[0]] = {"theirs": theirs.count, "ours": len(ours)}
        return
    half = len(codes) // 2
    await _compare(pull, form, year, codes[:half], found)
    await _compare(pull, form, year, codes[half:], found)


async def _digests(
    session: AsyncSession, system: str, form: str, year: int | None, codes: Sequence[str]
) -> dict[str, str]:
    """The digests of our records, as the other side should have them; what we were not let keep has none."""
    rows = await session.execute(
        text(
            "SELECT record_id, digest FROM exchange_record WHERE system = :system AND form = :form AND digest <> ''"
            " AND (CAST(:year AS integer) IS NULL OR year = :year) AND code = ANY(:codes)"
        ),
        {"system": system, "form": form, "year": year, "codes": list(codes)},
    )
    return {row[0]: row[1] for row in rows}


async def _fates(session: AsyncSession, system: str, form: str, year: int | None) -> dict[str, int]:
    rows = await session.execute(
        text(
            "SELECT fate, count(*) FROM exchange_record WHERE system = :system AND form = :form"
            " AND (CAST(:year AS integer) IS NULL OR year = :year) GROUP BY fate ORDER BY fate"
        ),
        {"system": system, "form": form, "year": year},
    )
    return {row[0]: row[1] for row in rows}
