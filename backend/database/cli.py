"""`tidu doctor` and `tidu migrate`."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from backend.console import Refused, print_json, settings_of, with_database

MARKS = {"good": "✓", "notice": "!", "problem": "✗"}


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("migrate")(migrate)


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
