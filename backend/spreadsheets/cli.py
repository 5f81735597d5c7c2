"""`tidu import FILE`."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.console import Refused, print_json, settings_of, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from backend.spreadsheets.service import Report

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command("import")(import_file)


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Excel（.xlsx、.xls）或 CSV 文件。")],
    layout: Annotated[
        str | None,
        typer.Option("--as", help="版式：ledger、notice、enterprises、figures、recognitions；默认自动识别。"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入。")] = False,
    good_rows_only: Annotated[
        bool, typer.Option("--good-rows-only", help="只导入没有问题的行，有问题的行另存为工作簿。")
    ] = False,
    programme: Annotated[str, typer.Option(help="名单是哪个认定项目，如 srdi_sme。")] = "",
    dated: Annotated[str | None, typer.Option("--date", help="名单的日期，如 2025-12-19。")] = None,
    batch: Annotated[str, typer.Option(help="批次。")] = "",
    year: Annotated[int | None, typer.Option(help="逐年数据的年度。")] = None,
    city: Annotated[str, typer.Option(help="“高新区”等简称指哪个市，行政区划代码。")] = "321200",
    problems_to: Annotated[Path | None, typer.Option(help="有问题的行存到哪里，默认在原文件旁。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出完整报告。")] = False,
) -> None:
    """导入台账：先逐行检查，再全部导入；有一行有问题就一行也不写入，除非选择只导入没有问题的行。"""
    from backend.clock import today
    from backend.database.errors import DatabaseUnreachable
    from backend.database.session import owner_unit_of_work, reached
    from backend.spreadsheets.keeping import Outcome, begin_run, forget_run, keep_fates, keep_outcome, with_problems
    from backend.spreadsheets.problems_workbook import problems_workbook
    from backend.spreadsheets.reading import ReadOptions, UnknownLayout, read_file
    from backend.spreadsheets.running import evaluate_portions
    from backend.spreadsheets.scratch import NoRoom
    from backend.spreadsheets.service import Importer, ImportRefused, digest, run_import
    from backend.spreadsheets.service import dry_run as try_import
    from backend.spreadsheets.workbook import WorkbookError
    from rules.library import library

    if not file.is_file():
        raise Refused(f"没有文件 {file}，请核对路径。")
    options = ReadOptions(
        layout=layout, programme=programme, dated_on=_day(dated), batch=batch, year=year, within=city or None,
        limit_megabytes=settings_of(context).upload_megabytes, keeps_cells=False,
    )  # fmt: skip
    rules = library()
    try:
        result = read_file(file, rules.catalogue, options)
    except UnknownLayout as error:
        raise typer.BadParameter(str(error)) from error
    except NoRoom as error:
        raise Refused(str(error)) from error
    except WorkbookError as error:
        raise Refused(f"{error} 本次未写入任何数据。") from error
    importer = Importer(rules.catalogue, rules, today())
    content = file.read_bytes()
    entered = {
        "layout": layout or "", "programme": programme, "dated_on": dated or "", "batch": batch,
        "year": str(year) if year else "",
    }  # fmt: skip

    async def work(engine: "AsyncEngine") -> "Report":
        async with reached(owner_unit_of_work(engine)) as session:
            if dry_run:
                return await try_import(session, result, importer)
            number = await begin_run(session, file.name, content, digest(content), entered, importer)
            by = replace(importer, import_id=number)
            report = await run_import(session, result, by, good_rows_only=good_rows_only)
            if not report.touched:
                await forget_run(session, number)
                return report
            await evaluate_portions(session, report.touched, by)
            outcome = Outcome.of(report, entered)
            await keep_fates(session, number, report, outcome)
            await keep_outcome(session, number, outcome)
            return report

    try:
        report = with_database(context, work)
    except ImportRefused as error:
        raise Refused(str(error)) from error
    except DatabaseUnreachable as error:
        raise Refused(f"{error}数据库恢复后请重新导入；同一份文件导入两次不会重复。") from error
    handed_back = ""
    if report.refused and good_rows_only and not dry_run:
        place = problems_to or file.with_name(f"{file.stem}-有问题的行.xlsx")
        # Only who is handed rows back needs their cells: of a large file these take more room than all else.
        again = read_file(file, rules.catalogue, replace(options, keeps_cells=True))
        place.write_bytes(problems_workbook(again, with_problems(again, report)))
        handed_back = str(place)
    _print(report, report.as_json(), dry_run, handed_back, as_json)
    if dry_run and report.refused:
        raise typer.Exit(1)


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise Refused(f"--date 应写作 2025-12-19，实为 {written}") from error


def _print(report: "Report", data: dict[str, Any], dry_run: bool, handed_back: str, as_json: bool) -> None:
    if as_json:
        print_json({**data, "dry_run": dry_run, "problems_workbook": handed_back})
        return
    from backend.spreadsheets.service import Fate

    for table in data["tables"]:
        typer.echo(
            f"“{table['sheet']}”：识别为 {table['layout']}；"
            + "，".join(f"{k} 列 {v}" for k, v in table["columns"].items())
        )
    for note in data["notes"]:
        typer.echo(f"提示：{note}")
    for sheet in data["skipped_sheets"]:
        typer.echo(f"未读的工作表“{sheet['sheet']}”：{sheet['reason']}")
    shown = [problem.text for one in report.refused for problem in one.problems][:_SHOWN]
    for line in shown:
        typer.echo(line, err=True)
    if len(report.refused) > len(shown):
        typer.echo(f"……共 {len(report.refused)} 行有问题", err=True)
    counts = "，".join(f"{fate.chinese} {number} 行" for fate in Fate if (number := report.counts[fate.value]))
    typer.echo(("试运行（未写入）：" if dry_run else "已导入：") + counts)
    if handed_back:
        typer.echo(f"有问题的行已存到 {handed_back}，改好后可再次导入。")
