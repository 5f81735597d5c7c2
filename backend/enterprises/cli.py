"""`tidu enterprise CODE`: the file of one enterprise. `tidu duplicates`, `tidu divisions`: what may be one; districts."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.clock import end_of_day, today
from backend.console import Refused, in_unit_of_work, print_json, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlmodel.ext.asyncio.session import AsyncSession

    from backend.enterprises.divisions import Change


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command("enterprise")(enterprise)
    app.command("duplicates")(duplicates)
    app.command("divisions")(divisions)


def enterprise(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="统一社会信用代码、原注册号或库内编号。")],
    on: Annotated[str | None, typer.Option(help="截至日，默认今天。")] = None,
    known_at: Annotated[str | None, typer.Option(help="数据时点：按那一天掌握的数据回答。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出（本命令总是 JSON）。")] = True,
) -> None:
    """一家企业的档案：身份、梯级、认定、逐年数据及来源、各项目测评。"""
    from backend.access.trace.service import Deed, note
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.queries import find
    from backend.enterprises.telling import tell
    from rules.library import library

    day = parse_day(on, "--on") or today()
    known_on = parse_day(known_at, "--known-at")
    known = end_of_day(known_on) if known_on is not None else None

    async def read(engine: "AsyncEngine") -> dict[str, Any]:
        async with owner_unit_of_work(engine) as session:
            row = await find(session, code)
            if row is None:
                raise Refused(f"库内没有代码为“{code}”的企业，请核对统一社会信用代码，或先导入台账。")
            # Who reads figures at the machine itself is told of like whoever reads them on a page.
            await note(session, Deed("read", "enterprise", code, row["id"]))
            return await tell(session, code, row, library(), day, known)

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


def duplicates(
    context: typer.Context,
    region: Annotated[str, typer.Option(help="只列有一方在这个市（区）的，如 321202。")] = "",
    rule: Annotated[
        str, typer.Option(help="只按一种线索：number、organisation、name、former_name、address、sound。")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """疑似重复：可能是同一家企业的两份档案，线索多的在前。"""
    from backend.enterprises.duplicates import Pair, suspects
    from backend.enterprises.duplicates import as_json as pair_as_json

    async def read(session: "AsyncSession") -> "list[Pair]":
        return await suspects(session, region, rule)

    pairs = in_unit_of_work(context, read)
    if as_json:
        print_json([pair_as_json(pair) for pair in pairs])
        return
    for pair in pairs:
        typer.echo(f"{pair.one.name}（{pair.one.key}）　{pair.other.name}（{pair.other.key}）　{pair.words}")
    typer.echo(f"共 {len(pairs)} 对。")


def divisions(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="区划调整清单（CSV 或 Excel）；不给则列出已登记的。")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入。")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> None:
    """区划调整：登记一份清单，企业自生效日起在新区划名下，以前的记录不改。"""
    from backend.enterprises.dividing import divide, read_changes
    from backend.enterprises.divisions import recorded
    from backend.subregisters.sheets import SheetRefused

    async def work(session: "AsyncSession") -> dict[str, Any]:
        if file is None:
            return {"changes": [_change(one) for one in await recorded(session)]}
        try:
            read = read_changes(file.read_bytes(), file.name)
        except (OSError, SheetRefused) as problem:
            raise Refused(f"{file}：{problem}") from problem
        found = await divide(session, read, today(), dry=dry_run)
        if found.troubles:
            raise Refused("没有写入。\n" + "\n".join(one.text for one in found.troubles))
        return {
            "changes": [_change(one) for one in found.changes], "moved": found.moved, "people": found.people, "along": found.along,
            "already_recorded": found.known, "written": not dry_run,
        }  # fmt: skip

    told = in_unit_of_work(context, work)
    if as_json:
        print_json(told)
        return
    for one in told["changes"]:
        moved = told.get("moved", {}).get(one["from_code"])
        typer.echo(
            f"{one['changed_on']}  {one['from_code']} {one['from_name']} → {one['to_code']} {one['to_name']}"
            + (f"  {moved} 家企业" if moved is not None else "")
        )
    typer.echo("只检查，没有写入。" if dry_run else f"共 {len(told['changes'])} 项。")


def _change(one: "Change") -> dict[str, Any]:
    return {
        "changed_on": one.changed_on.isoformat(), "from_code": one.from_code, "from_name": one.from_name,
        "to_code": one.to_code, "to_name": one.to_name, "document": one.document,
    }  # fmt: skip
