"""`tidu plans`: plans that staff write, as plan files; `tidu figures`: a quarter's reported figures, as a workbook.

Both speak the language of the pages: the same reading, the same refusals, the same all or nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from backend.console import Refused, in_unit_of_work, print_json

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

    from backend.plans.figures_book import FiguresTaken
    from backend.plans.versions import Version
    from backend.subregisters.sheets import Trouble

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只检查，不写入。")]
PlanName = Annotated[str, typer.Argument(help="规划编号（P000）或文件名。")]
QuarterName = Annotated[str, typer.Option("--quarter", help="季度，如 2026Q3；须已结束。")]

plans_app = typer.Typer(no_args_is_help=True, help="规划文件：导出、导入、版本（与网页“修订规划”相同）。")
figures_app = typer.Typer(no_args_is_help=True, help="填报数据：导出一个季度的填报表，填好后导入。")


def register(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.add_typer(plans_app, name="plans")
    app.add_typer(figures_app, name="figures")


def knowing(
    context: typer.Context, work: "Callable[[AsyncSession], Awaitable[T]]", known_at: datetime | None = None
) -> T:
    """Run `work` in one unit of work that knows the plans in their latest versions, or in those of a moment.

    Raises:
        Refused: what a page would have refused, in the same words.
    """
    from backend.plans.versions import know_plans

    async def run(session: "AsyncSession") -> T:
        await know_plans(session, known_at)
        return await work(session)

    return in_unit_of_work(context, run)


@plans_app.command("export")
def export_plan(
    context: typer.Context,
    plan: PlanName,
    to: Annotated[Path, typer.Option(help="写到哪个文件（YAML）。")],
    version: Annotated[int | None, typer.Option(help="第几版；默认现行版，0 为程序自带。")] = None,
) -> None:
    """把一份规划写成规划文件；改好后可用 plans import 导入为新的一版。"""
    from backend.plans.documents import plan_named
    from backend.plans.versions import document_of, written

    async def read(session: "AsyncSession") -> tuple[int, str]:
        number, document = await document_of(session, plan_named(plan).id, version)
        return number, written(document)

    number, content = knowing(context, read)
    write_bytes(to, content.encode())
    typer.echo(f"{to}（第 {number} 版）")


@plans_app.command("import")
def import_plan(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="规划文件（YAML），由 plans export 导出或照此编写。")],
    based_on: Annotated[
        int | None,
        typer.Option("--based-on", help="在第几版上修改；新规划不填。与现行版不符时拒绝，以免覆盖他人的修改。"),
    ] = None,
    note: Annotated[str, typer.Option(help="这一版改了什么。")] = "",
    dry_run: DryRun = False,
) -> None:
    """导入一份规划文件：新规划，或现有规划的下一版。有一处不对就一处也不写。"""
    from backend.plans.versions import PlanInvalid, check, keep, parsed

    content = _read_text(file)

    async def work(session: "AsyncSession") -> "tuple[str, int, Version | None]":
        try:
            document = parsed(content, file.name)
            plan = check(document)
        except PlanInvalid as problem:
            raise Refused(f"{file.name} 没有导入，请改正后再来：\n{problem}") from problem
        kept = None if dry_run else await keep(session, document, based_on=based_on, note=note)
        return f"{plan.id} {plan.title}", len(plan.targets), kept

    title, targets, kept = knowing(context, work)
    told = "检查通过，没有写入" if kept is None else f"已保存为第 {kept.number} 版"
    typer.echo(f"{title}：{targets} 项目标，{told}。")


@plans_app.command("versions")
def list_versions(context: typer.Context, plan: PlanName, as_json: AsJson = False) -> None:
    """一份规划的全部版本，新的在前。"""
    from backend.plans.documents import plan_named
    from backend.plans.versions import as_json as version_as_json
    from backend.plans.versions import versions_of

    found = knowing(context, lambda session: versions_of(session, plan_named(plan).id))
    if as_json:
        print_json([version_as_json(one) for one in found])
        return
    for one in found:
        recorded = "" if one.recorded_at is None else f"{one.recorded_at:%Y-%m-%d %H:%M}"
        typer.echo(f"第 {one.number} 版  {recorded}  {one.note}")


@figures_app.command("export")
def export_figures(
    context: typer.Context,
    plan: PlanName,
    quarter: QuarterName,
    to: Annotated[Path, typer.Option(help="写到哪个文件（XLSX）。")],
    region: Annotated[str, typer.Option(help="区域代码；默认规划的全部范围。")] = "",
) -> None:
    """一个季度的填报表：已报的数在表里，没报的留空。"""
    from backend.plans.documents import plan_named
    from backend.plans.figures_book import figures_of_quarter, figures_workbook
    from backend.plans.queries import region_of_plan

    ends_on = _end_of(quarter)

    async def read(session: "AsyncSession") -> tuple[int, bytes]:
        found = plan_named(plan)
        region_of_plan(found, region)
        kept = "" if region == found.territory.code else region
        figures = await figures_of_quarter(session, found, ends_on, kept)
        return len(figures), figures_workbook(found, ends_on, kept, figures)

    many, content = knowing(context, read)
    write_bytes(to, content)
    typer.echo(f"{to}（{many} 项）")


@figures_app.command("import")
def import_figures(
    context: typer.Context,
    plan: PlanName,
    file: Annotated[Path, typer.Argument(help="填好的填报表（XLSX）。")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """导入填报表：有一行有问题就一行也不写，并逐行说明；同一份可以再来一次。"""
    from backend.clock import today
    from backend.plans.documents import plan_named
    from backend.plans.figures_book import take_figures

    content = read_bytes(file)

    async def work(session: "AsyncSession") -> "FiguresTaken":
        return await take_figures(session, plan_named(plan), content, file.name, today=today(), is_trial=dry_run)

    taken = knowing(context, work)
    tell_taken(
        file, taken.troubles, as_json=as_json, is_trial=dry_run,
        counts={"written": taken.written, "unchanged": taken.unchanged, "empty": taken.empty},
        labels={"written": "写入", "unchanged": "与现有相同", "empty": "没有填数"}, notes=taken.notes, unknown=taken.unknown,
    )  # fmt: skip


def tell_taken(
    file: Path,
    troubles: "Sequence[Trouble]",
    *,
    counts: dict[str, int],
    labels: dict[str, str],
    as_json: bool,
    is_trial: bool,
    notes: "Sequence[str]" = (),
    unknown: "Sequence[str]" = (),
) -> None:
    """Say what became of a workbook's lines; with troubles the command ends with status 1, since nothing was written.

    Raises:
        Refused: there were troubles.
    """
    if as_json:
        answer: dict[str, Any] = {**counts, "is_trial": is_trial, "troubles": [one.text for one in troubles],
                                  "notes": list(notes), "unknown": list(unknown)}  # fmt: skip
        print_json(answer)
    if troubles:
        lines = [f"{file.name}：{len(troubles)} 处问题，没有写入。", *(one.text for one in troubles)]
        raise Refused("\n".join(lines))
    if not as_json:
        told = "，".join(f"{label} {counts[name]} 行" for name, label in labels.items())
        typer.echo(f"{file.name}：{told}{'（只检查，没有写入）' if is_trial else ''}。")
        for note in (*notes, *([f"没有读的列：{'、'.join(unknown)}"] if unknown else ())):
            typer.echo(note)


def read_bytes(file: Path) -> bytes:
    """A file's content.

    Raises:
        Refused: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as problem:
        raise Refused(f"不能读取文件 {file}：{problem.strerror}。请核对路径和权限。") from problem


def _read_text(file: Path) -> str:
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Refused(
            f"{file} 不是 UTF-8 文本（第 {problem.start + 1} 字节起）。请另存为 UTF-8 后再导入。"
        ) from problem


def write_bytes(to: Path, content: bytes) -> None:
    """Write a file, its folder too.

    Raises:
        Refused: it cannot be written.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)
    except OSError as problem:
        raise Refused(f"不能写入 {to}：{problem.strerror}。请用 --to 换一个可写的位置。") from problem


def _end_of(quarter: str) -> date:
    from backend.plans.bulletin import QuarterRefused, quarter_of

    try:
        return quarter_of(quarter).last_day
    except QuarterRefused as problem:
        raise typer.BadParameter(str(problem)) from problem
