"""`tidu user`: who may sign in. The first administrator is made here, since nobody can sign in yet to do it."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from backend.access.trace.cli import audit
from backend.console import Refused, print_json, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlmodel.ext.asyncio.session import AsyncSession

T = TypeVar("T")

user = typer.Typer(no_args_is_help=True, help="管理可以登录的用户。")

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="从标准输入读口令；否则生成一个初始口令。")]


def register(app: typer.Typer) -> None:
    app.add_typer(user, name="user")
    app.add_typer(audit, name="audit")


@user.command("add")
def add(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="用户名：小写字母、数字或 . _ - @。")],
    name: Annotated[str, typer.Option(help="姓名。")],
    role: Annotated[
        str,
        typer.Option(
            help="administrator、city_officer、district_officer、park_officer、reviewer、viewer、auditor 或 enterprise。"
        ),
    ],
    region: Annotated[str, typer.Option(help="市（区）的代码或名称，如 321281；全市不填。")] = "",
    park: Annotated[str, typer.Option(help="园区工作人员所在的园区，与企业档案里的一致。")] = "",
    enterprise: Annotated[str, typer.Option(help="企业用户所属企业的统一社会信用代码。")] = "",
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """添加用户。生成的初始口令只显示这一次，首次登录时必须修改。"""
    from backend.access import service
    from backend.access.passwords import Profile

    password, profile = _password_from_stdin(password_stdin), Profile(settings_of(context).password_profile)
    issued = _run(
        context,
        lambda work: service.add_person(
            work, login, name, role, region, password, enterprise=enterprise, park=park, profile=profile
        ),
    )
    _print_issued(issued.person.login, None if password_stdin else issued.password, "已添加", as_json)


@user.command("password")
def password(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="用户名。")],
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """重置口令，解除锁定，并让该用户在所有浏览器退出。"""
    from backend.access import service
    from backend.access.passwords import Profile

    given, profile = _password_from_stdin(password_stdin), Profile(settings_of(context).password_profile)

    async def reset(work: "AsyncSession") -> service.Issued:
        return await service.reset_password(work, await service.id_of(work, login), given, profile)

    issued = _run(context, reset)
    _print_issued(issued.person.login, None if password_stdin else issued.password, "已重置口令", as_json)


@user.command("list")
def list_people(context: typer.Context, as_json: AsJson = False) -> None:
    """列出所有用户。"""
    from backend.access import queries
    from backend.web.filters import ROLES

    people = _run(context, queries.people)
    if as_json:
        print_json([asdict(person) for person in people])
        return
    for person in people:
        state = "停用" if not person.is_active else "锁定" if person.is_locked else "在用"
        typer.echo(f"{person.login}\t{person.name}\t{ROLES[person.role]}\t{person.reach or '—'}\t{state}")
    if not people:
        typer.echo("还没有用户。请运行 tidu user add 用户名 --name 姓名 --role administrator")


@user.command("deactivate")
def deactivate(context: typer.Context, login: Annotated[str, typer.Argument(help="用户名。")]) -> None:
    """停用用户，并让其在所有浏览器退出。"""
    from backend.access import service

    async def off(work: "AsyncSession") -> None:
        await service.deactivate(work, await service.id_of(work, login))

    _run(context, off)
    typer.echo(f"已停用 {login}。")


def _run(context: typer.Context, work: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    from backend.access.service import AccessRefused
    from backend.database.session import owner_unit_of_work

    async def in_one_transaction(engine: "AsyncEngine") -> T:
        async with owner_unit_of_work(engine) as session:
            return await work(session)

    try:
        return with_database(context, in_one_transaction)
    except AccessRefused as refusal:
        raise Refused(str(refusal)) from refusal


def _password_from_stdin(asked: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if asked else None


def _print_issued(login: str, issued: str | None, what: str, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"login": login} | ({"password": issued} if issued else {})
        print_json(told)
    elif issued:
        typer.echo(f"{what}：{login}\n初始口令：{issued}\n口令只显示这一次，首次登录时须修改。")
    else:
        typer.echo(f"{what}：{login}")
