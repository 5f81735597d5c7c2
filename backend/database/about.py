"""Statements about some enterprises, which most often are one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Result, TextClause, text
from sqlmodel.ext.asyncio.session import AsyncSession

_MANY, _ONE = "= ANY(:ids)", "= :id"


async def ask_about(
    session: AsyncSession, statement: str, enterprise_ids: Sequence[int], values: dict[str, Any] | None = None
) -> Result[*tuple[Any, ...]]:
    """Run a statement about the enterprises `= ANY(:ids)`.

    About one enterprise, as when an officer files, it is put so that PostgreSQL plans it once for the connection: for
    a list it plans anew each time, and that takes longer than the answer.
    """
    if len(enterprise_ids) == 1:
        return await session.execute(_of_one(statement), {"id": enterprise_ids[0], **(values or {})})
    return await session.execute(_of_many(statement), {"ids": list(enterprise_ids), **(values or {})})


@lru_cache(maxsize=128)
def _of_one(statement: str) -> TextClause:
    return text(statement.replace(_MANY, _ONE))


@lru_cache(maxsize=128)
def _of_many(statement: str) -> TextClause:
    return text(statement)
