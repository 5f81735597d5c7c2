"""Asking a system for what changed: page by page, each page and the place after it in one transaction.

A run that was ended in the middle, by whatever, is gone on with from the last page stored. Each run begins a window
before the last change that was read, so that what was entered late is read again; enterprises that were authorised or
registered meanwhile, or that a comparison found to differ, are asked about from the beginning. Three runs that fail one after the other open the breaker.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate_touched
from backend.exact_json import exact_json
from backend.exchange.authorisations import who_may_be_asked
from backend.exchange.client import Declined, Exchanged, ExchangeFailed, SystemClient
from backend.exchange.connector import Connector
from backend.exchange.mapping import MappingTable, load_table
from backend.exchange.messages import log_message
from backend.exchange.models import ExchangeMessage
from backend.exchange.runs import PullRefused, Run, alone, begin, finish, note_failure, save
from backend.exchange.storing import Stored, store_page
from backend.exchange.wire import Question
from rules.library import Library

__all__ = ["Place", "Portion", "Pull", "PullRefused", "Run", "message_of"]

#: Enterprises evaluated in one transaction after a run.
EVALUATED: Final = 20_000


@dataclass
class Pull:
    """Everything that one pull works with."""

    engine: AsyncEngine
    connector: Connector
    client: SystemClient
    library: Library
    table: MappingTable = field(init=False)

    def __post_init__(self) -> None:
        self.table = load_table(self.connector.system, self.library.catalogue)
        self.client.listener = self._listen

    async def _listen(self, one: Exchanged) -> None:
        """Every question is in the log, even if what it brought never got in."""
        async with owner_unit_of_work(self.engine) as session:
            await log_message(session, message_of(one, self.connector))

    async def run(self) -> Run:
        """Pull until everything is read. Raises PullRefused, ExchangeFailed."""
        async with alone(self.engine, self.connector.system):
            async with owner_unit_of_work(self.engine) as session:
                run = await begin(session, self.connector)
            self.client.run = str(run.id)
            try:
                for form in self.connector.forms:
                    if form not in run.done:
                        await self._read_form(run, form)
            except ExchangeFailed as failure:
                async with owner_unit_of_work(self.engine) as session:
                    await note_failure(session, self.connector, run, failure)
                raise
            await self._evaluate(run)
            async with owner_unit_of_work(self.engine) as session:
                await finish(session, self.connector, run)
            return run

    async def _read_form(self, run: Run, form: str) -> None:
        async with owner_unit_of_work(self.engine) as session:
            place = await _place(session, self.connector, form, run)
        asked = await self._ask_ahead(form, place, run)
        try:
            while asked is not None:
                brought = await asked.answer
                place, portion = asked.place, asked.portion
                # The other side works on the next page while this one is stored; killed, it is asked for again.
                asked = await self._ask_ahead(form, self._after(place, portion, brought), run)
                async with owner_unit_of_work(self.engine) as session:
                    stored = await store_page(
                        session, self.connector, self.table, brought.records, self.library.catalogue, today(), run.id
                    )
                    _add(run, stored)
                    await _move(session, self.connector, form, run, self._after(place, portion, brought))
                    await save(session, run)
        finally:
            if asked is not None:
                asked.answer.cancel()
                await asyncio.gather(asked.answer, return_exceptions=True)
        async with owner_unit_of_work(self.engine) as session:
            run.done.append(form)
            await _leave(session, self.connector, form, run)

    async def _ask_ahead(self, form: str, place: "Place", run: Run) -> "Asked | None":
        """Ask for what stands at a place, without waiting for it; None where nobody is left."""
        async with owner_unit_of_work(self.engine) as session:
            portion = await self.portion(session, form, place, run)
        if portion is None:
            return None
        return Asked(place, portion, asyncio.create_task(self.ask(form, place, portion)))

    def _after(self, place: "Place", portion: "Portion", brought: "Brought") -> "Place":
        """Further on within the portion, or at the next one."""
        if brought.following:
            return Place(place.after_id, brought.following, brought.etags)
        is_listing = self.connector.by == "listing"
        return Place(portion.last_id, _END if is_listing else "", brought.etags, is_listing)

    async def portion(self, session: AsyncSession, form: str, place: "Place", run: Run) -> "Portion | None":
        """Of whom is asked next; None where nobody is left."""
        if self.connector.by == "listing":
            return None if place.is_at_end else Portion([], 0, None)
        group = self.table.by_form[form].group
        found = await who_may_be_asked(session, group, place.after_id, self.connector.portion, self.connector.purpose)
        if not found:
            return None
        is_new = await _has_newcomers(session, self.connector, found, run)
        return Portion([row["credit_code"] for row in found], found[-1]["id"], None if is_new else run.since)

    async def ask(self, form: str, place: "Place", portion: "Portion") -> "Brought":
        """A page. Raises ExchangeFailed, also where the other side would lead us in a circle."""
        brought = await self._ask(form, place, portion)
        if brought.following and brought.following == place.remote:
            raise Declined("对方的翻页游标不前进，请联系对方。")
        return brought

    async def _ask(self, form: str, place: "Place", portion: "Portion") -> "Brought":
        connector = self.connector
        if connector.by == "search":
            question = Question(
                codes=portion.codes, updated_since=portion.since, cursor=place.remote or None, limit=connector.page,
                purpose=connector.purpose,
            )  # fmt: skip
            page = await self.client.search(form, question)
            return Brought(page.records, page.next or "", place.etags)
        etag, following = place.etags.get(place.remote, ("", ""))
        fetched = await self.client.listing(form, place.remote or None, connector.page, etag)
        if fetched.is_unchanged:
            return Brought([], following, place.etags)
        following = fetched.page.next or ""
        return Brought(fetched.page.records, following, place.etags | {place.remote: [fetched.etag, following]})

    async def _evaluate(self, run: Run) -> None:
        """Evaluate whoever the run brought something new for; goes on where it was ended."""
        while True:
            async with owner_unit_of_work(self.engine) as session:
                found = await session.execute(
                    text(
                        "SELECT DISTINCT enterprise_id FROM exchange_record WHERE system = :system AND run_id = :run"
                        " AND fate = 'applied' AND enterprise_id > :after ORDER BY enterprise_id LIMIT :size"
                    ),
                    {"system": self.connector.system, "run": run.id, "after": run.evaluated_to, "size": EVALUATED},
                )
                ids = list(found.scalars())
                if not ids:
                    return
                await evaluate_touched(session, ids, self.library, today())
                run.evaluated_to = ids[-1]
                run.counts["evaluated"] += len(ids)
                await save(session, run)


@dataclass(frozen=True)
class Place:
    """How far a form has been read in this run."""

    after_id: int
    remote: str
    etags: dict[str, Any]
    is_at_end: bool = False


@dataclass(frozen=True)
class Portion:
    """Of whom is asked, up to which enterprise that goes, and since when."""

    codes: list[str]
    last_id: int
    since: datetime | None


@dataclass(frozen=True)
class Brought:
    """A page, where to go on within the portion, and what is now known of a list's pages."""

    records: Sequence[Mapping[str, Any]]
    following: str
    etags: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A question under way, and from where it was asked."""

    place: Place
    portion: Portion
    answer: asyncio.Task[Brought]


#: A listing's cursor when nothing is left of it.
_END: Final = "\x7f"


async def _place(session: AsyncSession, connector: Connector, form: str, run: Run) -> Place:
    found = await session.execute(
        text("SELECT run_id, after_id, remote, etags FROM exchange_cursor WHERE system = :system AND form = :form"),
        {"system": connector.system, "form": form},
    )
    row = found.mappings().first()
    is_read_anew = await _has_waiting(session, connector) or await _differs(session, connector, run)
    etags: dict[str, Any] = row["etags"] if row is not None and not is_read_anew else {}
    if row is None or row["run_id"] != run.id:
        return Place(0, "", etags)
    return Place(row["after_id"], row["remote"], etags, row["remote"] == _END)


async def _has_waiting(session: AsyncSession, connector: Connector) -> bool:
    """Whether a record was put aside for an enterprise that has been registered since: then all is read again."""
    found = await session.execute(
        text(
            "SELECT EXISTS (SELECT FROM exchange_record r JOIN enterprise e ON e.credit_code = r.code"
            " WHERE r.system = :system AND r.fate = 'unknown_enterprise')"
        ),
        {"system": connector.system},
    )
    return found.scalar_one()


async def _move(session: AsyncSession, connector: Connector, form: str, run: Run, place: Place) -> None:
    """Move on to a place."""
    await session.execute(
        text(
            "INSERT INTO exchange_cursor (system, form, run_id, after_id, remote, etags) VALUES (:system, :form, :run,"
            " :after, :remote, CAST(:etags AS jsonb)) ON CONFLICT (system, form) DO UPDATE SET run_id = excluded.run_id,"
            " after_id = excluded.after_id, remote = excluded.remote, etags = excluded.etags"
        ),
        {
            "system": connector.system, "form": form, "run": run.id,
            "after": place.after_id, "remote": place.remote, "etags": exact_json(place.etags),
        },
    )  # fmt: skip


async def _has_newcomers(
    session: AsyncSession, connector: Connector, asked: Sequence[Mapping[str, Any]], run: Run
) -> bool:
    """Whether somebody among them was registered or authorised, or found to differ, after the last good run had begun."""
    if run.known_until is None:
        return True
    found = await session.execute(
        text(
            "SELECT EXISTS (SELECT FROM enterprise WHERE id = ANY(:ids) AND created_at >= :moment) OR EXISTS"
            " (SELECT FROM tax_authorisation WHERE enterprise_id = ANY(:ids) AND recorded_at >= :moment)"
        ),
        {"ids": [row["id"] for row in asked], "moment": run.known_until},
    )
    return found.scalar_one() or await _differs(session, connector, run, [row["credit_code"] for row in asked])


async def _differs(session: AsyncSession, connector: Connector, run: Run, codes: Sequence[str] | None = None) -> bool:
    """Whether a comparison since the last good run found the other side to hold something else, of these or of any."""
    found = await session.execute(
        text(
            "SELECT EXISTS (SELECT FROM exchange_reconciliation WHERE system = :system AND compared_at >= :moment"
            " AND CASE WHEN CAST(:codes AS text[]) IS NULL THEN differing <> '{}' ELSE differing && :codes END)"
        ),
        {"system": connector.system, "moment": run.known_until, "codes": None if codes is None else list(codes)},
    )
    return found.scalar_one()


def _add(run: Run, stored: Stored) -> None:
    run.counts.update(stored.counts)
    run.counts["pages"] += 1
    if stored.latest is not None:
        run.latest = max(stored.latest, run.latest or stored.latest)


async def _leave(session: AsyncSession, connector: Connector, form: str, run: Run) -> None:
    """A form has been read to its end: the next run begins at its first page again."""
    await session.execute(
        text(
            "INSERT INTO exchange_cursor (system, form) VALUES (:system, :form) ON CONFLICT (system, form) DO UPDATE SET"
            " run_id = NULL, after_id = 0, remote = ''"
        ),
        {"system": connector.system, "form": form},
    )
    await save(session, run)


def message_of(one: Exchanged, connector: Connector) -> ExchangeMessage:
    """A question of ours, for the log."""
    return ExchangeMessage(
        direction="out", peer=connector.system, method=one.method, endpoint=one.endpoint,
        request_id=one.request_id or uuid4().hex, idempotency_key=one.idempotency_key, purpose=connector.purpose,
        request_digest=one.request_digest, status=one.status, answer_digest=one.answer_digest, signature=one.signature[:2000],
        started_at=one.started_at, finished_at=one.finished_at,
    )  # fmt: skip
