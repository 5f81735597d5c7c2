"""`tidu exchange tell`, `consent`, `withdraw-consent`, `list`: what others are told, and by whose consent."""

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.console import Refused, print_json, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
_COUNTS = {"consented": "同意的企业", "told": "报出", "unchanged": "没有变化，不再报", "empty": "没有可报的数"}


def register(exchange: typer.Typer) -> None:
    """Put the commands beside the exchange's others."""
    exchange.command("tell")(tell)
    exchange.command("consent")(consent)
    exchange.command("withdraw-consent")(withdraw)
    exchange.command("list")(show)


def tell(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="系统：credit。")],
    year: Annotated[int | None, typer.Option(help="哪一年的数；不写为上一年。")] = None,
    as_json: AsJson = False,
) -> None:
    """把同意的企业的指标报给创新积分系统；没有变化的不再报，中断后再报不会重复。"""
    from backend.clock import today
    from backend.exchange.client import ExchangeFailed
    from backend.exchange.pulling import PullRefused
    from backend.exchange.systems import pull_of
    from backend.exchange.telling import tell as tell_all
    from rules.library import library

    async def work(engine: "AsyncEngine") -> dict[str, int]:
        async with pull_of(engine, settings_of(context), name, library()) as one:
            return dict(await tell_all(one, year or today().year - 1))

    try:
        counts = with_database(context, work)
    except (ExchangeFailed, PullRefused) as problem:
        raise Refused(str(problem)) from problem
    if as_json:
        print_json(counts)
        return
    for label, number in counts.items():
        typer.echo(f"  {_COUNTS.get(label, label)}：{number}")


def consent(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="企业的统一社会信用代码。")],
    agreed: Annotated[str, typer.Option("--list", help="约定名单，如 points-loan、suke-loan、credit-facts。")],
    signed_by: Annotated[str, typer.Option(help="签署人。")],
    until: Annotated[str, typer.Option(help="同意到哪一天，如 2027-12-31。")],
    evidence: Annotated[Path | None, typer.Option(help="同意书文件；只存其 SHA-256。")] = None,
) -> None:
    """登记企业对约定名单的同意。"""
    from backend.clock import today
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.queries import find
    from backend.exchange.consents import ConsentRefused, NewConsent, record_consent

    try:
        end = date.fromisoformat(until)
        digest = sha256(evidence.read_bytes()).hexdigest() if evidence else ""
    except (ValueError, OSError) as problem:
        raise Refused(f"日期应写作 2027-12-31，同意书应可读：{problem}。") from problem

    async def work(engine: "AsyncEngine") -> int:
        async with owner_unit_of_work(engine) as session:
            row = await find(session, code)
            if row is None:
                raise Refused(f"库中没有企业 {code}。")
            return await record_consent(session, NewConsent(row["id"], agreed, signed_by, today(), end, digest))

    try:
        number = with_database(context, work)
    except ConsentRefused as problem:
        raise Refused(str(problem)) from problem
    typer.echo(f"已登记，同意号 {number}。")


def withdraw(context: typer.Context, number: Annotated[int, typer.Argument(help="同意号。")]) -> None:
    """撤回同意，立即生效。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange.consents import ConsentRefused, withdraw_consent

    async def work(engine: "AsyncEngine") -> None:
        async with owner_unit_of_work(engine) as session:
            await withdraw_consent(session, number)

    try:
        with_database(context, work)
    except ConsentRefused as problem:
        raise Refused(str(problem)) from problem
    typer.echo(f"同意 {number} 已撤回。")


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """列出约定名单：给谁，做什么用，哪些字段，今日多少家企业同意。"""
    from backend.clock import today
    from backend.database.session import owner_unit_of_work
    from backend.exchange.agreements import agreements
    from backend.exchange.list_queries import of_lists

    async def work(engine: "AsyncEngine") -> dict[str, Any]:
        async with owner_unit_of_work(engine) as session:
            return await of_lists(session, today())

    figures = with_database(context, work)
    found = [
        {"id": one.id, "name": one.name, "recipient": one.recipient, "purpose": one.purpose, "fields": one.field_ids,
         "consenting": figures[one.id]["consenting"]} for one in agreements().values()
    ]  # fmt: skip
    if as_json:
        print_json(found)
        return
    for one in found:
        typer.echo(f"{one['id']:<16}{one['name']}　给 {one['recipient']}　同意 {one['consenting']} 家")
