"""Sending receipts: each until the other side has it, under one key, so that told twice it counts once.

Who sends takes a receipt on lease: if the sender dies, another sends the very same bytes under the same key. What the
other side does not take is tried again for three days, as webhooks are; then it is dead until somebody looks. A system
without an address for it is told by nobody until one is set: its receipts are handed over on paper, or wait.

ReceiptRefused      409, what cannot be done with a receipt as it stands
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exchange.client import ExchangeFailed, Patience
from backend.exchange.pulling import PullRefused
from backend.exchange.receipts import receipt_of
from backend.exchange.systems import pull_of
from backend.exchange.webhooks import LEASE, SCHEDULE
from backend.exchange.wire import ReceiptAnswer
from backend.settings import Settings
from rules.library import Library

#: Seconds for one attempt, all in all; shorter than the lease.
TIMEOUT: Final = 45.0
#: One question, and no second: the next attempt is the worker's.
ONCE: Final = Patience(attempts=1)


class ReceiptRefused(Exception):
    """The text says why, and what to do."""

    status_code = 409


_CLAIM: Final = text(
    "UPDATE exchange_receipt SET attempts = attempts + 1, next_attempt_at = now() + :lease WHERE id = ("
    " SELECT r.id FROM exchange_receipt r JOIN exchange_system s ON s.id = r.system"
    " WHERE r.status = 'waiting' AND r.next_attempt_at <= now() AND s.report_path <> '' AND s.url <> '' AND NOT s.is_paused"
    " AND CAST(:system AS text) IN ('', r.system) ORDER BY r.next_attempt_at, r.id LIMIT 1 FOR UPDATE OF r SKIP LOCKED)"
    " RETURNING id, system, key, attempts"
)


async def carry_receipts(engine: AsyncEngine, settings: Settings, library: Library, system: str = "") -> int:
    """Send what is due, of one system or of all, one after the other. Returns how many were tried."""
    tried = 0
    while True:
        async with owner_unit_of_work(engine) as session:
            claimed = (await session.execute(_CLAIM, {"lease": LEASE, "system": system})).mappings().first()
        if claimed is None:
            return tried
        await _send(engine, settings, library, dict(claimed))
        tried += 1


async def _send(engine: AsyncEngine, settings: Settings, library: Library, one: Mapping[str, Any]) -> None:
    answer: ReceiptAnswer | None = None
    why = ""
    try:
        async with asyncio.timeout(TIMEOUT), pull_of(engine, settings, one["system"], library, ONCE) as pull:
            async with owner_unit_of_work(engine) as session:
                told = await receipt_of(session, one["id"], pull.connector.purpose)
                path = await session.scalar(
                    text("SELECT report_path FROM exchange_system WHERE id = :id"), {"id": one["system"]}
                )
            answer = await pull.client.report(str(path), told.model_dump_json().encode(), one["key"])
    except (ExchangeFailed, PullRefused) as problem:
        why = str(problem)[:1000]
    except TimeoutError:
        why = f"对方 {TIMEOUT:g} 秒内没有答完。"
    async with owner_unit_of_work(engine) as session:
        await _note(session, one, answer, why)


async def _note(session: AsyncSession, one: Mapping[str, Any], answer: ReceiptAnswer | None, why: str) -> None:
    if answer is not None:
        await session.execute(
            text(
                "UPDATE exchange_receipt SET status = 'told', told_at = now(), last_error = '',"
                " answer = CAST(:answer AS jsonb) WHERE id = :id"
            ),
            {"id": one["id"], "answer": answer.model_dump_json()},
        )
        return
    is_dead = one["attempts"] > len(SCHEDULE)
    pause = 0.0 if is_dead else SCHEDULE[one["attempts"] - 1] * random.uniform(1, 1.1)  # noqa: S311 – spreads
    await session.execute(
        text(
            "UPDATE exchange_receipt SET status = :status, last_error = :why,"
            " next_attempt_at = now() + make_interval(secs => :pause) WHERE id = :id AND status = 'waiting'"
        ),
        {"id": one["id"], "status": "dead" if is_dead else "waiting", "why": why, "pause": pause},
    )


async def tell_again(session: AsyncSession, run_id: int) -> None:
    """Send at once what was given up of a run, or waits. Raises ReceiptRefused."""
    found = await session.execute(
        text(
            "UPDATE exchange_receipt SET status = 'waiting', attempts = 0, next_attempt_at = now()"
            " WHERE run_id = :run AND status IN ('dead', 'waiting') RETURNING 1"
        ),
        {"run": run_id},
    )
    if not found.all():
        raise ReceiptRefused("这次拉取没有待告知的回执，可能已由他人处理。请刷新页面。")


async def hand_over(session: AsyncSession, run_id: int, by: int | None) -> None:
    """Note that somebody handed the receipt of a run over, where no machine could. Raises ReceiptRefused."""
    found = await session.execute(
        text(
            "UPDATE exchange_receipt SET status = 'handed_over', told_at = now(), told_by = :by"
            " WHERE run_id = :run AND status IN ('dead', 'waiting') RETURNING 1"
        ),
        {"run": run_id, "by": by},
    )
    if not found.all():
        raise ReceiptRefused("这次拉取没有待交的回执，可能已由他人处理。请刷新页面。")
