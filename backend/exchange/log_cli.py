"""`tidu exchange log export|verify`: the log of messages as a file, and its proof without the database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.console import Refused, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = typer.Typer(no_args_is_help=True, help="报文日志：导出，离线校验。")


def register(exchange: typer.Typer) -> None:
    """Put the commands beside the exchange's others."""
    exchange.add_typer(log, name="log")


@log.command("export")
def export_log(context: typer.Context, to: Annotated[Path, typer.Argument(help="写入的文件（NDJSON）。")]) -> None:
    """把报文日志连同链和签名导出；先把还没入链的入链。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange.keys import keys_of
    from backend.exchange.messages import exported, seal_messages

    async def work(engine: "AsyncEngine") -> list[str]:
        keys = keys_of(settings_of(context))
        while True:
            async with owner_unit_of_work(engine) as session:
                if not await seal_messages(session, keys):
                    break
        async with owner_unit_of_work(engine) as session:
            return await exported(session, keys)

    lines = with_database(context, work)
    try:
        to.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as problem:
        raise Refused(f"不能写入 {to}：{problem.strerror}。请换一个位置。") from problem
    typer.echo(f"已导出 {len(lines) - 1} 条。公钥在第一行，请把它公布在别处，校验时用。")


@log.command("verify")
def verify_log(
    file: Annotated[Path, typer.Argument(help="导出的日志。")],
    key: Annotated[str, typer.Option(help="公布的公钥（Base64），不是文件里的那一个。")],
) -> None:
    """离线校验导出的日志：改过、缺少、调换的行都会列出。"""
    from backend.exchange.messages import faults_of_log

    try:
        faults = list(faults_of_log(file.read_text(encoding="utf-8").splitlines(), key))
    except (OSError, ValueError, KeyError) as problem:
        raise Refused(f"{file} 不是导出的报文日志：{problem}。") from problem
    if faults:
        raise Refused("\n".join(faults))
    typer.echo("日志完整，没有发现改动。")
