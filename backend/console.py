"""What the slices' commands share: the settings, the database, JSON, and how to refuse.

A slice with commands has a `cli.py` with `register(app: typer.Typer) -> None`; `backend.cli` finds it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from backend.settings import Settings

if TYPE_CHECKING:  # commands that need no database are to answer at once
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlmodel.ext.asyncio.session import AsyncSession

T = TypeVar("T")


class Refused(Exception):
    """The command was understood and is not carried out; the text, in Chinese, says why and what to do."""


def settings_of(context: typer.Context) -> Settings:
    """The settings with `--data` applied."""
    return context.ensure_object(Settings)


def load_settings(**chosen: Any) -> Settings:
    """What the environment says, with what was chosen on the command line. Raises Refused."""
    try:
        return Settings(**chosen)
    except ValidationError as problem:
        lines = [
            f"设置 TIDU_{str(error['loc'][0]).upper()} 不对（现为 {error['input']!r}）：{error['msg']}"
            for error in problem.errors()
        ]
        raise Refused("\n".join([*lines, "请改正环境变量后再试。"])) from problem


def with_database(context: typer.Context, work: "Callable[[AsyncEngine], Awaitable[T]]", *, migrated: bool = True) -> T:
    """Run `work` on the database, migrated first, starting the embedded server around it if it is that one."""
    from backend.database.actor import acting_as, operator
    from backend.database.engine import open_engine
    from backend.database.migrate import upgrade
    from backend.enterprises.divisions import follow_recorded

    async def run() -> T:
        with acting_as(operator()):
            async with open_engine(settings_of(context)) as engine:
                if migrated:
                    await upgrade(engine)
                    await follow_recorded(engine)
                return await work(engine)

    return asyncio.run(run())


def in_unit_of_work(context: typer.Context, work: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    """Run `work` in one unit of work of the registry's owner: all of it is written, or nothing is.

    Raises:
        Refused: what a page would have refused, in the same words.
    """
    from backend.database.session import owner_unit_of_work
    from backend.web.errors import Refusal

    async def run(engine: "AsyncEngine") -> T:
        async with owner_unit_of_work(engine) as session:
            return await work(session)

    try:
        return with_database(context, run)
    except Refusal as problem:
        raise Refused(str(problem)) from problem


def print_json(value: Any) -> None:
    """One JSON document on one line; Chinese stays legible."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value)  # days, moments, exact numbers: as they are written
