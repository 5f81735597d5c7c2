"""`tidu demo`: the service with an invented registry, the real plans, and logins to try."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.console import Refused, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

#: Everybody may know it: there is nothing to protect in invented data, and the service listens on this machine only.
DEMO_PASSWORD = "Meihua-2026-Tidu"  # noqa: S105
#: An enterprise's own account, opened once the enterprises are there.
OWN_LOGIN = "qiye"
PEOPLE = (
    ("admin", "演示管理员", "administrator", "", ""),
    ("shi", "市级演示员", "city_officer", "", ""),
    ("jingjiang", "靖江演示员", "district_officer", "321282", ""),
    ("taixing", "泰兴演示员", "district_officer", "321283", ""),
    ("haizhou", "海州演示员", "district_officer", "320706", ""),
    ("yuanqu", "靖江高新区演示员", "park_officer", "321282", "靖江高新区"),
    ("lingdao", "演示领导", "viewer", "", ""),
    ("fuhe", "演示复核员", "reviewer", "", ""),
    ("shenji", "演示审计员", "auditor", "", ""),
)


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口。")] = 8000,
    size: Annotated[int, typer.Option(help="虚构企业的数量。", min=12, max=1_000_000)] = 3_000,
    only_load: Annotated[bool, typer.Option("--only-load", help="只装入数据，不提供服务。")] = False,
) -> None:
    """装入演示数据（均为虚构）并提供服务，打印地址和登录名。"""
    from backend.exchange.sandbox import CLIENT_ID, SECRET, practising
    from backend.serving import serve

    settings = settings_of(context).model_copy(update={"host": host, "port": port})
    present = with_database(context, lambda engine: _prepare(engine, size))
    typer.echo("\n演示登录（口令均为 " + DEMO_PASSWORD + "）：")
    for login, name, role, *_ in PEOPLE:
        if login in present:
            typer.echo(f"  {login:<10} {name}（{role}）")
    typer.echo(f"  {OWN_LOGIN:<10} 靖江一家企业自己的账号（enterprise）")
    typer.echo(f"\n接口沙箱（docs/exchange.md）：{CLIENT_ID} / {SECRET}\n")
    if not only_load:
        serve(settings, beside=practising)


async def _prepare(engine: "AsyncEngine", size: int) -> set[str]:
    """Returns the logins of those who can sign in."""
    from backend.clock import today
    from backend.demo.own_file import open_own_file
    from backend.demo.pending import leave_one_pending
    from backend.demo.service import add_people, is_demo, is_loaded, load
    from backend.exchange.sandbox import open_sandbox

    if await is_loaded(engine):
        if not await is_demo(engine):
            raise Refused("这个数据文件夹里已有真实数据，不能装入演示数据。请用 --data 换一个空文件夹。")
    else:
        typer.echo("正在装入演示数据（均为虚构）……")
        typer.echo(f"已装入 {await load(engine, today(), size)} 家虚构企业。")
    present = await add_people(engine, PEOPLE, DEMO_PASSWORD)
    await leave_one_pending(engine)
    await open_sandbox(engine)
    await open_own_file(engine, OWN_LOGIN, DEMO_PASSWORD)
    return present
