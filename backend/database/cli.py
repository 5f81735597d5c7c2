"""`tidu doctor`, `tidu migrate`, `tidu backup` and `tidu restore`."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.console import Refused, print_json, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

MARKS = {"good": "✓", "notice": "!", "problem": "✗"}


def _passphrase(context: typer.Context) -> str | None:
    secret = settings_of(context).backup_passphrase
    return secret.get_secret_value() if secret is not None else None


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("migrate")(migrate)
    app.command("backup")(backup_command)
    app.command("restore")(restore_command)


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False
) -> None:
    """检查安装和数据库，说明问题和处理办法；有问题时返回 1。"""
    from backend.database.doctor import State, examine

    findings = asyncio.run(examine(settings_of(context)))
    problems = [finding for finding in findings if finding.state is State.PROBLEM]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "ok": not problems})
    else:
        for finding in findings:
            typer.echo(f"{MARKS[finding.state]} {finding.subject}：{finding.text}")
            if finding.mend:
                typer.echo(f"    → {finding.mend}")
    if problems:
        raise Refused(f"发现 {len(problems)} 个问题：{'、'.join(finding.subject for finding in problems)}。")


def migrate(context: typer.Context) -> None:
    """把数据表升级到本程序的版本。"""

    async def nothing_more(_: object) -> None:
        return

    with_database(context, nothing_more)
    typer.echo("数据表已是最新。")


def backup_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="写入的备份文件。")],
    verify: Annotated[bool, typer.Option("--verify", help="备份后恢复到一个临时数据库，逐表核对行数。")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """把全部数据备份到一个文件；服务不必停止。设了 TIDU_BACKUP_PASSPHRASE 时文件是加密的。"""
    from backend.access.trace.service import Deed, note
    from backend.database.backup import backup, backup_and_verify
    from backend.database.session import owner_unit_of_work

    secret = _passphrase(context)

    async def work(engine: "AsyncEngine") -> dict[str, int]:
        async with owner_unit_of_work(engine) as session:
            await note(session, Deed("backup", "database", file.name))
        if verify:
            return await backup_and_verify(engine, file, secret)
        await backup(engine, file, secret)
        return {}

    rows = with_database(context, work)
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, "encrypted": secret is not None, "rows": rows or None})
        return
    checked = f"，已恢复核对 {len(rows)} 张表、{sum(rows.values())} 行" if verify else ""
    typer.echo(f"已备份到 {file}（{size / 1024**2:.1f} MB{'，已加密' if secret else ''}）{checked}。")


def restore_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="tidu backup 写的备份文件。")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """从备份文件恢复到一个空的数据库，要么全部恢复，要么什么也不写。"""
    from backend.access.trace.service import Deed, note
    from backend.database.backup import restore
    from backend.database.session import owner_unit_of_work

    async def work(engine: "AsyncEngine") -> None:
        await restore(engine, file, _passphrase(context))
        # The trace that came with the backup goes on with who brought it back.
        async with owner_unit_of_work(engine) as session:
            await note(session, Deed("restore", "database", file.name))

    with_database(context, work, migrated=False)
    if as_json:
        print_json({"file": str(file), "restored": True})
    else:
        typer.echo(f"已从 {file} 恢复。")
