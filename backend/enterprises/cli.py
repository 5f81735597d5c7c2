"""`tidu enterprise CODE`: the file of one enterprise."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.clock import end_of_day, today
from backend.console import Refused, print_json, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command("enterprise")(enterprise)


def enterprise(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="统一社会信用代码、原注册号或库内编号。")],
    on: Annotated[str | None, typer.Option(help="截至日，默认今天。")] = None,
    known_at: Annotated[str | None, typer.Option(help="数据时点：按那一天掌握的数据回答。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出（本命令总是 JSON）。")] = True,
) -> None:
    """一家企业的档案：身份、梯级、认定、逐年数据及来源、各项目测评。"""
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.enterprise_file import as_json as file_as_json
    from backend.enterprises.enterprise_file import enterprise_file
    from backend.enterprises.queries import find
    from rules.library import library

    day = parse_day(on, "--on") or today()
    known_on = parse_day(known_at, "--known-at")
    known = end_of_day(known_on) if known_on is not None else None

    async def read(engine: "AsyncEngine") -> dict[str, Any]:
        async with owner_unit_of_work(engine) as session:
            row = await find(session, code)
            if row is None:
                raise Refused(f"库内没有代码为“{code}”的企业，请核对统一社会信用代码，或先导入台账。")
            return file_as_json(await enterprise_file(session, row, library(), day, known), library())

    print_json(with_database(context, read))


def parse_day(written: str | None, option: str) -> date | None:
    """A day given as an option; None where it was not.

    Raises:
        Refused: it is no day.
    """
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise Refused(f"{option} 应写作 2026-03-31，实为 {written}") from error
