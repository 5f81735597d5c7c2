"""A dry run: everything that a pull would do, page by page, and taken back; with what it would change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.enterprises.queries import codes_of
from backend.exchange.pulling import Place, Pull, Run
from backend.exchange.storing import store_page
from backend.filings.queries import as_given, facts_of
from rules.catalogue import Catalogue
from rules.facts import Facts

#: Changes shown; the counts are of all.
SHOWN = 200


@dataclass(frozen=True)
class FactChange:
    """A fact that a pull would change, in the unit of the official forms; None is unknown."""

    code: str
    indicator: str
    year: int | None
    before: Any
    after: Any


@dataclass
class Rehearsal:
    """What a pull would do."""

    counts: Counter[str] = field(default_factory=Counter[str])
    changes: list[FactChange] = field(default_factory=list[FactChange])


async def rehearse(pull: Pull) -> Rehearsal:
    """Pull everything and write nothing but the messages' log. Raises ExchangeFailed."""
    done = Rehearsal()
    run = Run(0, None, None)
    for form in pull.connector.forms:
        place = Place(0, "", {})
        while True:
            async with owner_unit_of_work(pull.engine) as session:
                portion = await pull.portion(session, form, place, run)
            if portion is None:
                break
            brought = await pull.ask(form, place, portion)
            async with owner_unit_of_work(pull.engine) as session:
                savepoint = await session.begin_nested()
                await _look(session, pull, brought.records, done)
                await savepoint.rollback()
            if brought.following:
                place = Place(place.after_id, brought.following, {})
            elif pull.connector.by == "listing":
                break
            else:
                place = Place(portion.last_id, "", {})
    return done


async def _look(session: AsyncSession, pull: Pull, records: Sequence[Any], done: Rehearsal) -> None:
    catalogue = pull.library.catalogue
    asked = {str(one.get("code", "")) for one in records}
    codes = await codes_of(session, await _ids(session, asked))
    before = await facts_of(session, list(codes), catalogue)
    stored = await store_page(session, pull.connector, pull.table, records, catalogue, today(), None)
    after = await facts_of(session, list(codes), catalogue)
    done.counts.update(stored.counts)
    changes = [one for number in codes for one in differences(codes[number], before[number], after[number], catalogue)]
    done.counts["changed"] += len(changes)
    done.changes += changes[: SHOWN - len(done.changes)]


async def _ids(session: AsyncSession, codes: set[str]) -> list[int]:
    found = await session.execute(
        text("SELECT id FROM enterprise WHERE credit_code = ANY(:codes)"), {"codes": sorted(codes)}
    )
    return list(found.scalars())


def differences(code: str, before: Facts, after: Facts, catalogue: Catalogue) -> list[FactChange]:
    """What differs between two states of an enterprise."""
    keys = dict.fromkeys([*before.keys(), *after.keys()])
    held = [set(before.keys()), set(after.keys())]
    found: list[FactChange] = []
    for key in keys:
        indicator = catalogue.by_name[key.indicator]
        old, new = (
            as_given(indicator, facts.get(key)) if key in known else None
            for facts, known in zip((before, after), held, strict=True)
        )
        if old != new:
            found.append(FactChange(code, key.indicator, key.year, old, new))
    return found
