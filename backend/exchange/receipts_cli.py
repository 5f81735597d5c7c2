"""`tidu exchange receipts`: whether the systems that we pull from were told what became of what they sent."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.console import print_json, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def register(exchange: typer.Typer) -> None:
    """Put the command beside the exchange's others."""
    exchange.command("receipts")(receipts)


def receipts(
    context: typer.Context,
    send: Annotated[bool, typer.Option("--send", help="先把到期的发出去；平时由后台发送。")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """最近各次拉取的回执：收到、采用、退回，以及对方是否已被告知。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange import reconciling_queries as queries
    from backend.exchange.carrying import carry_receipts
    from backend.exchange.receipt_pages import told_of
    from rules.library import library

    async def work(engine: "AsyncEngine") -> list[dict[str, Any]]:
        if send:
            await carry_receipts(engine, settings_of(context), library())
        async with owner_unit_of_work(engine) as session:
            found = await queries.receipts(session)
        return [
            {"run": one["id"], "system": one["name"], "forms": one["sums"], "told": told_of(one), "answer": one["answer"]}
            for one in found
        ]  # fmt: skip

    found = with_database(context, work)
    if as_json:
        print_json(found)
        return
    for one in found:
        sums = [sum(form[what]["count"] for form in one["forms"]) for what in ("received", "applied")]
        typer.echo(
            f"{one['system']} 第 {one['run']} 次　收到 {sums[0]}　采用 {sums[1]}　{one['told']['word']}　{one['told']['why']}"
        )
    if not found:
        typer.echo("还没有回执。")


async def told(engine: "AsyncEngine", run: int) -> str:
    """Whether the other side knows of a run, in words; empty where nothing is to be told."""
    from backend.database.session import owner_unit_of_work
    from backend.exchange import reconciling_queries as queries
    from backend.exchange.receipt_pages import told_of

    async with owner_unit_of_work(engine) as session:
        one = await queries.receipt(session, run)
    state = told_of(one) if one is not None else None
    return f"{state['word']}（{state['why']}）" if state is not None else ""
