"""`tidu audit`: is the trace whole, where does it end, what is old enough to go."""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.console import Refused, print_json, settings_of, with_database

audit = typer.Typer(no_args_is_help=True, help="操作留痕：核验是否完整，清除超过保存期限的记录。")

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]


@audit.command("verify")
def verify_command(
    context: typer.Context,
    expect: Annotated[
        list[str] | None, typer.Option(help="以前记下的链尾（位置:摘要），可多次给出；用来发现整条链被重写。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """逐条重算摘要；有记录被改动、删除或调换时指出是哪一条，并返回 1。"""
    from backend.access.trace.verify import verify

    try:
        verdict = with_database(context, lambda engine: verify(engine, expect or ()))
    except ValueError as problem:
        raise Refused(str(problem)) from problem
    if as_json:
        print_json(asdict(verdict) | {"whole": verdict.is_whole})
    elif verdict.is_whole:
        typer.echo(f"完整：自第 {verdict.first} 条起共 {verdict.entries} 条。链尾 {verdict.head}，请另行记下。")
    if not verdict.is_whole:
        raise Refused("\n".join(["留痕不完整：", *(fault.text for fault in verdict.faults)]))


@audit.command("head")
def head(context: typer.Context) -> None:
    """打印链尾（位置:摘要）；定期记到别处，如打印存档，日后用 verify --expect 核对。"""
    from backend.access.trace.queries import head_of

    typer.echo(with_database(context, head_of))


@audit.command("purge")
def purge_command(
    context: typer.Context,
    keep_days: Annotated[int | None, typer.Option(help="保留最近多少天；默认取 TIDU_TRACE_DAYS，至少 184。")] = None,
    as_json: AsJson = False,
) -> None:
    """清除超过保存期限的记录；余下的仍可核验。"""
    from backend.access.trace.service import PurgeRefused, purge

    days = settings_of(context).trace_days if keep_days is None else keep_days
    try:
        removed = with_database(context, lambda engine: purge(engine, days))
    except PurgeRefused as refusal:
        raise Refused(str(refusal)) from refusal
    if as_json:
        print_json({"removed": removed, "kept_days": days})
    else:
        typer.echo(f"已清除 {removed} 条，最近 {days} 天的都在。")
