"""Doing what has to be done with what the bureau keeps of an enterprise, when that enterprise acts.

Its account reads and writes itself only. That its filing changes what holds now, that sources then disagree, how far it
is in a pool: all this the bureau keeps, out of the account's sight. A block `as_bureau` works on that, for this one
enterprise; what it then shows the enterprise is chosen column by column.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.database.scope import Scope
from backend.database.session import enter_scope
from rules.translation import say

#: What an enterprise says of itself.
SELF_DECLARED: Final = "self_declared"


def said_by_name(words: Mapping[str, str]) -> dict[str, str]:
    """The choices of a form in the language spoken."""
    return {name: say(one) for name, one in words.items()}


def own_id(person: PersonSignedIn) -> int:
    """The enterprise whose account somebody has; `OwnWork` lets nobody in without."""
    assert person.enterprise_id is not None
    return person.enterprise_id


@asynccontextmanager
async def as_bureau(session: AsyncSession, person: PersonSignedIn) -> AsyncGenerator[None]:
    """Let the block see what the bureau keeps of the person's own enterprise; afterwards it is out of sight again."""
    number = own_id(person)
    await enter_scope(session, Scope.kept_of(number, person.id))
    try:
        yield
    except DBAPIError:
        # Nothing goes on in a transaction that failed.
        raise
    except BaseException:
        await enter_scope(session, Scope.enterprise(number, person.id))
        raise
    await enter_scope(session, Scope.enterprise(number, person.id))
