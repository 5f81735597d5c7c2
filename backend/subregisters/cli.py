"""`tidu registers`: the sub-registers (R&D institutions, platforms, projects …), listed, written out and taken in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.console import in_unit_of_work, print_json

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

    from backend.subregisters.entries_book import EntriesTaken
    from backend.subregisters.queries import Kept, Listed

Name = Annotated[str, typer.Argument(help="台账代码，用 registers list 查看。")]
On = Annotated[str | None, typer.Option("--on", help="截至日，如 2026-06-30；默认今天。")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]

registers_app = typer.Typer(no_args_is_help=True, help="分台账：研发机构、平台、载体、项目等，列出、导出、导入。")


def register(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.add_typer(registers_app, name="registers")


@registers_app.command("list")
def list_registers(context: typer.Context, on: On = None, as_json: AsJson = False) -> None:
    """全部台账，各有多少条有效记录。"""
    from backend.clock import today
    from backend.plans.schemas import day_of
    from backend.subregisters.queries import all_registers

    async def read(session: "AsyncSession") -> "list[Kept]":
        return await all_registers(session, day_of(on, "截至日 --on ") or today())

    found = in_unit_of_work(context, read)
    if as_json:
        print_json([{"id": one.register.id, "name": one.register.name, "total": one.total} for one in found])
        return
    for one in found:
        typer.echo(f"{one.register.id:<24}  {one.total:>6}  {one.register.name}")


@registers_app.command("export")
def export_register(
    context: typer.Context,
    name: Name,
    to: Annotated[Path, typer.Option(help="写到哪个文件（XLSX）。")],
    region: Annotated[str, typer.Option(help="区域代码；默认全部。")] = "",
    on: On = None,
) -> None:
    """把一份台账的有效记录写成 Excel；改好、加行后可再导入。"""
    from backend.clock import today
    from backend.plans.schemas import day_of
    from backend.plans.writing_cli import write_bytes
    from backend.subregisters.entries_book import entries_workbook
    from backend.subregisters.queries import Filter, entries
    from backend.subregisters.schemas import register_named

    async def read(session: "AsyncSession") -> "tuple[Listed, bytes]":
        of, day = register_named(name), day_of(on, "截至日 --on ") or today()
        listed = await entries(session, of, Filter(region=region), day)
        return listed, entries_workbook(of, listed.rows, f"{of.name}，截至 {day}")

    listed, content = in_unit_of_work(context, read)
    write_bytes(to, content)
    typer.echo(f"{to}（{len(listed.rows)} 条）")


@registers_app.command("import")
def import_register(
    context: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="台账（XLSX），由 registers export 导出或照此填写。")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入。")] = False,
    as_json: AsJson = False,
) -> None:
    """导入一份台账：有一行有问题就一行也不写，并逐行说明；同一份可以再来一次。"""
    from backend.clock import today
    from backend.plans.writing_cli import read_bytes, tell_taken
    from backend.subregisters.entries_book import take_entries
    from backend.subregisters.schemas import register_named

    content = read_bytes(file)

    async def work(session: "AsyncSession") -> "EntriesTaken":
        return await take_entries(session, register_named(name), content, file.name, today=today(), is_trial=dry_run)

    taken = in_unit_of_work(context, work)
    counts = {
        "entered": taken.entered,
        "promoted": taken.promoted,
        "revised": taken.revised,
        "unchanged": taken.unchanged,
    }
    labels = {"entered": "新增", "promoted": "升级", "revised": "更正", "unchanged": "与现有相同"}
    tell_taken(
        file, taken.troubles, counts=counts, labels=labels, as_json=as_json, is_trial=dry_run, notes=taken.notes,
        unknown=taken.unknown,
    )  # fmt: skip
