"""Trying a connection: a question about nobody, to see that the other side answers and that both keys agree."""

from dataclasses import dataclass
from time import monotonic
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.exchange.client import ExchangeFailed, Patience
from backend.exchange.runs import PullRefused
from backend.exchange.systems import pull_of
from backend.exchange.wire import Question
from backend.settings import Settings
from rules.library import Library

#: Whoever waits for it sits before the page.
_ONCE: Final = Patience(attempts=1, timeout=10.0)


@dataclass(frozen=True)
class Tried:
    """What came of it, in words."""

    is_good: bool
    words: str


async def try_connection(engine: AsyncEngine, settings: Settings, system: str, library: Library) -> Tried:
    """Ask for the totals of no enterprise at all; the question is in the log like any other."""
    begun = monotonic()
    try:
        async with pull_of(engine, settings, system, library, _ONCE) as pull:
            form, question = pull.connector.forms[0], Question(codes=[], purpose=pull.connector.purpose)
            await pull.client.totals(form, None, question)
    except (ExchangeFailed, PullRefused) as problem:
        return Tried(False, f"没有连通：{problem}")
    return Tried(
        True, f"已连通：对方有应答，签名相符，用时 {(monotonic() - begun) * 1000:.0f} 毫秒。没有查询任何企业。"
    )
