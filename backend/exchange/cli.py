"""`tidu exchange …`: clients, systems, pulls, authorisations, the log; `tidu simulate …` is in `simulate_cli.py`."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.console import Refused, print_json, settings_of, with_database
from backend.exchange import lists_cli, log_cli, receipts_cli
from backend.exchange.simulate_cli import simulate

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

exchange = typer.Typer(no_args_is_help=True, help="与其他系统交换：接入方、拉取、授权、报文日志。")
client = typer.Typer(no_args_is_help=True, help="可以调用接口的系统。")
ON = (
    "按日历拉取，可写多次：monthly:16T02（每月 16 日 2 时）、quarterly:16T02、yearly:06-01T02；"
    "usual 为该系统惯用的日子，none 为不按日历。"
)
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]


def register(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    exchange.add_typer(client, name="client")
    log_cli.register(exchange)
    lists_cli.register(exchange)
    receipts_cli.register(exchange)
    app.add_typer(exchange, name="exchange")
    app.add_typer(simulate, name="simulate")


@client.command("add")
def add_client(
    context: typer.Context,
    client_id: Annotated[str, typer.Argument(help="标识：小写字母、数字、连字符，如 statistics-bureau。")],
    name: Annotated[str, typer.Option(help="名称。")],
    source: Annotated[str, typer.Option(help="它以哪个数据来源报送（目录中的来源），如 statistics。")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="权限，可写多次：filing:write、recognition:write、event:write、change:read、event:subscribe、list:read、enterprise:read。"
        ),
    ],
    region: Annotated[str, typer.Option(help="限于哪个市（区）；全市不填。")] = "",
    signature: Annotated[str, typer.Option(help="写入须如何签名：none、gateway、rfc9421。")] = "none",
    public_key: Annotated[str, typer.Option(help="Ed25519 公钥（Base64），rfc9421 用；不填则用共享密钥。")] = "",
    quota: Annotated[int, typer.Option(help="每分钟最多报送的条数。", min=1)] = 60_000,
    agreed: Annotated[
        list[str] | None, typer.Option("--list", help="可读的约定名单，可写多次，如 points-loan。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """添加接入方。密钥只显示这一次。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange import clients
    from backend.exchange.keys import keys_of
    from rules.library import library

    new = clients.NewClient(client_id, name, source, scope, region, signature, public_key, quota, agreed or ())

    async def work(engine: "AsyncEngine") -> str:
        async with owner_unit_of_work(engine) as session:
            return await clients.add_client(session, new, library().catalogue)

    secret = _told(lambda: with_database(context, work))
    answer = {"client_id": client_id, "client_secret": secret}
    if signature != "none" and not public_key:
        answer["signing_key"] = keys_of(settings_of(context)).shared(client_id, 1)
    _print(answer, as_json, "已添加。密钥只显示这一次，请当面或加密交给对方：")


@client.command("list")
def list_clients(context: typer.Context, as_json: AsJson = False) -> None:
    """列出接入方。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange.queries import clients

    async def work(engine: "AsyncEngine") -> list[dict[str, Any]]:
        async with owner_unit_of_work(engine) as session:
            return [dict(row) for row in await clients(session)]

    found = with_database(context, work)
    if as_json:
        print_json(found)
        return
    for row in found:
        state = "" if row["is_active"] else "　已停用"
        typer.echo(f"{row['client_id']:<24}{row['name']}　来源 {row['source']}　{'、'.join(row['scopes'])}{state}")
    if not found:
        typer.echo("还没有接入方。")


@client.command("rotate")
def rotate(context: typer.Context, client_id: str, as_json: AsJson = False) -> None:
    """换发密钥；旧密钥在下次换发前仍可用。签名用的共享密钥同时更换。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange.clients import rotate_secret

    async def work(engine: "AsyncEngine") -> str:
        async with owner_unit_of_work(engine) as session:
            return await rotate_secret(session, client_id)

    secret = _told(lambda: with_database(context, work))
    _print({"client_id": client_id, "client_secret": secret}, as_json, "已换发：")


@client.command("shut-out")
def shut_out(context: typer.Context, client_id: str) -> None:
    """停用接入方，它的令牌立即失效。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange import clients

    async def work(engine: "AsyncEngine") -> None:
        async with owner_unit_of_work(engine) as session:
            await clients.shut_out(session, client_id)

    _told(lambda: with_database(context, work))
    typer.echo(f"已停用 {client_id}。")


@exchange.command("system")
def system(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="系统：tax、credit、register、lists、ip。")],
    url: Annotated[str | None, typer.Option(help="地址，如 https://gateway.example.gov.cn/tax。")] = None,
    key: Annotated[str | None, typer.Option(help="对方给我方的标识（appKey）。")] = None,
    dialect: Annotated[str | None, typer.Option(help="签名方言：city、city-sm3、national。")] = None,
    every: Annotated[int | None, typer.Option(help="每隔多少秒自动拉取；0 为只手工拉取。", min=0)] = None,
    on: Annotated[list[str] | None, typer.Option(help=ON)] = None,
    report: Annotated[
        str | None, typer.Option(help="告知拉取结果（回执）的路径，如 /v1/reconciliation；空为对方不能由机器告知。")
    ] = None,
    pause: Annotated[bool | None, typer.Option("--pause/--resume", help="暂停或恢复。")] = None,
    show_secret: Annotated[bool, typer.Option(help="显示与对方约定的签名密钥。")] = False,
) -> None:
    """设置要拉取的外部系统。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange.keys import keys_of
    from backend.exchange.systems import calendar_of, set_system

    async def work(engine: "AsyncEngine") -> None:
        async with owner_unit_of_work(engine) as session:
            await set_system(
                session, name, url=url, key=key, dialect=dialect, every_seconds=every, is_paused=pause,
                calendar=calendar_of(name, on), report_path=report,
            )  # fmt: skip

    _told(lambda: with_database(context, work))
    typer.echo(f"已设置系统 {name}。")
    if show_secret:
        typer.echo(f"签名密钥：{keys_of(settings_of(context)).system(name)}")


@exchange.command("pull")
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="系统：tax、credit、register、lists、ip。")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会改变什么，不写入数据。")] = False,
    as_json: AsJson = False,
) -> None:
    """拉取一个系统；上次中断的从断点接着拉。"""
    from backend.exchange.carrying import carry_receipts
    from backend.exchange.rehearsal import rehearse
    from backend.exchange.systems import pull_of
    from rules.library import library

    async def work(engine: "AsyncEngine") -> dict[str, Any]:
        async with pull_of(engine, settings_of(context), name, library()) as one:
            if dry_run:
                done = await rehearse(one)
                return {"counts": dict(done.counts), "changes": [asdict(change) for change in done.changes]}
            run = await one.run()
        # Once at once; what the other side does not take is the worker's.
        await carry_receipts(engine, settings_of(context), library(), name)
        return {"run": run.id, "counts": dict(run.counts), "told": await receipts_cli.told(engine, run.id)}

    result = _told(lambda: with_database(context, work))
    if as_json:
        print_json(result)
        return
    typer.echo("演练，未写入数据：" if dry_run else f"第 {result['run']} 次拉取完成：")
    for label, number in result["counts"].items():
        typer.echo(f"  {COUNTS.get(label, label)}：{number}")
    if result.get("told"):
        typer.echo(f"  告知对方：{result['told']}")
    for one in result.get("changes", ()):
        typer.echo(f"  {one['code']} {one['indicator']} {one['year'] or ''}：{one['before']} → {one['after']}")


@exchange.command("work")
def work(context: typer.Context) -> None:
    """持续运行：按计划拉取，推送变更，报文入链，批量报送后重新测算。可开多个，互为备用。"""
    from backend.exchange.worker import Worker
    from rules.library import library

    typer.echo("数据交换后台已启动（按 Ctrl+C 停止）。")
    with_database(context, lambda engine: Worker(engine, settings_of(context), library()).run())


#: What a run counts, in words.
COUNTS = {
    "received": "收到", "applied": "采用", "unchanged": "未变", "stale": "旧版次", "duplicate": "重复", "filed": "新填报",
    "unauthorised": "未授权（未保存）", "unknown_enterprise": "库中没有的企业", "unusable": "不能用", "malformed": "格式不对",
    "evaluated": "重新测算的企业", "pages": "页", "changed": "会改变的数", "identity": "名称或状态变更",
    "identity_refused": "不能变更的名称或状态",
}  # fmt: skip


@exchange.command("reconcile")
def reconcile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="系统：tax、credit、register、lists、ip。")],
    year: Annotated[int | None, typer.Option(help="哪一年的数据；不写为全部。")] = None,
    as_json: AsJson = False,
) -> None:
    """与对方逐表对账：条数和摘要不符的，列到企业。有差异时以状态 1 结束。"""
    from backend.exchange.reconciling import reconcile as compare
    from backend.exchange.systems import pull_of
    from rules.library import library

    async def work(engine: "AsyncEngine") -> list[dict[str, Any]]:
        async with pull_of(engine, settings_of(context), name, library()) as one:
            found = [await compare(one, form, year) for form in one.connector.forms]
        return [{"form": one.form, "theirs": one.theirs, "ours": one.ours, "differing": one.differing} for one in found]

    result = _told(lambda: with_database(context, work))
    if as_json:
        print_json(result)
    for one in () if as_json else result:
        typer.echo(
            f"{one['form']:<16}对方 {one['theirs']}　我方 {one['ours']}　{'一致' if not one['differing'] else '不符：' + '、'.join(one['differing'][:20])}"
        )
    if any(one["differing"] for one in result):
        raise typer.Exit(1)


@exchange.command("points")
def points(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="企业的统一社会信用代码。")],
    year: Annotated[int, typer.Option(help="哪一年的积分。")],
    scheme: Annotated[str, typer.Option(help="方案：most_2024、most_2_0，或自有方案的 YAML 文件。")] = "most_2024",
    keep: Annotated[bool, typer.Option("--keep", help="存为这一方案的积分（有变化才存新版次）。")] = False,
    as_json: AsJson = False,
) -> None:
    """按方案测算创新积分，逐项说明，并与各发布方的积分比较；缺权重的方案不测算。"""
    from backend.exchange.scheme import FOLDER, SchemeError, compare, load_scheme
    from rules.library import library

    path = Path(scheme) if scheme.endswith(".yaml") else FOLDER / f"{scheme}.yaml"
    try:
        loaded = load_scheme(path.stem, library().catalogue, path.parent)
    except SchemeError as problem:
        raise Refused(str(problem)) from problem

    async def work(engine: "AsyncEngine") -> dict[str, Any]:
        from backend.exchange.points_of import points_of

        return await points_of(engine, code, year, loaded, keep=keep)

    found = _told(lambda: with_database(context, work))
    if as_json:
        print_json(
            {name: value for name, value in found.items() if name != "result"} | {"total": found["result"].total}
        )
        return
    result = found["result"]
    typer.echo(
        f"{loaded.name}（{loaded.version}）{year} 年：" + (f"{result.total} 分" if result.is_computable else "不能测算")
    )
    for one in result.missing:
        typer.echo(f"  {one}")
    for one in result.points:
        typer.echo(f"  {one.category}　{one.name}：{one.reason}")
    for issued in found["issued"]:
        typer.echo(
            f"  {issued['points_system']} 第 {issued['revision']} 版：{issued['total']} 分，{compare(result, issued)}"
        )


@exchange.command("authorise")
def authorise(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="企业的统一社会信用代码。")],
    group: Annotated[list[str], typer.Option(help="范围，可写多次：status、digest、detail。")],
    signed_by: Annotated[str, typer.Option(help="签署人。")],
    years: Annotated[str, typer.Option(help="数据年度，如 2023-2025。")],
    until: Annotated[str, typer.Option(help="授权到哪一天，如 2027-12-31。")],
    purpose: Annotated[str, typer.Option(help="用途。")] = "",
    evidence: Annotated[Path | None, typer.Option(help="授权书文件；只存其 SHA-256。")] = None,
) -> None:
    """登记企业对税务信息的授权。"""
    from hashlib import sha256

    from backend.clock import today
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.queries import find
    from backend.exchange import authorisations
    from backend.exchange.connector import CULTIVATION

    try:
        first, _, last = years.partition("-")
        span, end = (int(first), int(last or first)), date.fromisoformat(until)
        digest = sha256(evidence.read_bytes()).hexdigest() if evidence else ""
    except (ValueError, OSError) as problem:
        raise Refused(f"年度应写作 2023-2025，日期应写作 2027-12-31，授权书应可读：{problem}。") from problem

    async def work(engine: "AsyncEngine") -> int:
        async with owner_unit_of_work(engine) as session:
            row = await find(session, code)
            if row is None:
                raise Refused(f"库中没有企业 {code}。")
            new = authorisations.NewAuthorisation(
                row["id"],
                group,
                purpose or CULTIVATION,
                *span,
                today(),
                end,
                signed_by=signed_by,
                evidence_sha256=digest,
            )
            return await authorisations.authorise(session, new)

    typer.echo(f"已登记，授权号 {_told(lambda: with_database(context, work))}。")


@exchange.command("withdraw")
def withdraw(context: typer.Context, number: Annotated[int, typer.Argument(help="授权号。")]) -> None:
    """撤回授权，立即生效。"""
    from backend.database.session import owner_unit_of_work
    from backend.exchange import authorisations

    async def work(engine: "AsyncEngine") -> None:
        async with owner_unit_of_work(engine) as session:
            await authorisations.withdraw(session, number)

    _told(lambda: with_database(context, work))
    typer.echo(f"授权 {number} 已撤回。")


def _told(work: Any) -> Any:
    """Do it; a slice's own refusal becomes the command's."""
    from backend.exchange.authorisations import AuthorisationRefused
    from backend.exchange.client import ExchangeFailed
    from backend.exchange.clients import ClientRefused
    from backend.exchange.pulling import PullRefused
    from backend.exchange.systems import SystemRefused

    try:
        return work()
    except (AuthorisationRefused, ClientRefused, ExchangeFailed, PullRefused, SystemRefused) as problem:
        raise Refused(str(problem)) from problem


def _print(answer: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        print_json(answer)
        return
    typer.echo(words)
    for name, value in answer.items():
        typer.echo(f"  {name}: {value}")
