"""Changes of districts 区划调整 that came after regions.yaml was written: kept in the database, laid over the list.

What stands in the history of enterprises is never rewritten: codes are led on by succession to the day asked about, and
back where only one district can be meant.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.enterprises.regions import Region, Regions

log: Final = structlog.stdlib.get_logger(__name__)
#: Seconds after which another process has heard of a change at the latest.
EVERY_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Change:
    """From a day on a district is another one, or is called otherwise. Several may become one; one is never divided."""

    changed_on: date
    from_code: str
    from_name: str
    to_code: str
    to_name: str
    document: str = ""

    @property
    def is_renaming(self) -> bool:
        """Whether only the name changed."""
        return self.from_code == self.to_code


def laid_over(base: Regions, changes: Iterable[Change]) -> Regions:
    """The list with changes, in the order of their days."""
    held = {region.code: region for region in base}
    for change in sorted(changes, key=lambda one: one.changed_on):
        before = held[change.from_code]
        eve = change.changed_on - timedelta(days=1)
        if change.is_renaming:
            names = (*before.former_names, (eve, before.shown_as))
            held[before.code] = replace(
                before, name=change.to_name, shown_as=change.to_name, short_name=_short(change.to_name),
                also=(*before.also, before.name, before.shown_as), former_names=names,
            )  # fmt: skip
            continue
        if change.to_code not in held:
            held[change.to_code] = Region(
                change.to_code, change.to_name, "district", before.parent, before.position, _short(change.to_name),
                change.to_name, change.changed_on,
            )  # fmt: skip
        held[before.code] = replace(before, valid_to=eve, succeeded_by=change.to_code)
    return Regions(held.values())


def _short(name: str) -> str:
    return name[:-1] if len(name) > 2 and name[-1] in "市区县" else name


async def recorded(session: AsyncSession) -> list[Change]:
    """The changes that were recorded, the earliest first."""
    found = await session.execute(
        text(
            "SELECT changed_on, from_code, from_name, to_code, to_name, document FROM division_change"
            " ORDER BY changed_on, id"
        )
    )
    return [Change(*row) for row in found]


def follow(changes: Sequence[Change]) -> None:
    """Let this process go by the changes from now on."""
    Regions.put_in_force(laid_over(Regions.shipped(), changes) if changes else None)


async def follow_recorded(engine: AsyncEngine) -> None:
    """Go by what is recorded."""
    async with owner_unit_of_work(engine) as session:
        follow(await recorded(session))


@asynccontextmanager
async def following(engine: AsyncEngine, every: float = EVERY_SECONDS) -> AsyncGenerator[None]:
    """Go by what is recorded, now and by whatever process it will be, until the block ends."""
    await follow_recorded(engine)
    task = asyncio.create_task(_keep_following(engine, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_following(engine: AsyncEngine, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await follow_recorded(engine)
        except (SQLAlchemyError, OSError) as problem:
            # The last that was heard holds; the database's absence is told by whoever needs it for more than this.
            log.error("divisions_not_read", error=repr(problem))
