"""`tidu plan`, `tidu members`, `tidu bulletin`, `tidu forecast`; those that write stand in `writing_cli`.

Plans that staff wrote are in the database, so every name is looked up there, within the one unit of work that answers.
"""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.console import Refused, print_json
from backend.plans import writing_cli
from backend.plans.writing_cli import knowing

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

    from backend.plans.bulletin import Bulletin
    from backend.plans.forecast import Forecast
    from backend.plans.queries import Report
    from rules.plan import Target

On = Annotated[str | None, typer.Option("--on", help="截至日，如 2026-06-30；默认今天。")]
KnownAt = Annotated[str | None, typer.Option("--known-at", help="数据时点：按那一天掌握的数据回答；默认现在。")]
RegionCode = Annotated[str | None, typer.Option("--region", help="区域代码，如 321202；默认规划的全部范围。")]
TerritoryAs = Annotated[
    str, typer.Option("--territory", help="区划口径：then 按截至日所在市（区），now 按企业现在所在市（区）。")
]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]


def register(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.command("plan")(plan)
    app.command("members")(members)
    app.command("bulletin")(bulletin)
    app.command("forecast")(forecast)
    writing_cli.register(app)


def plan(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="规划编号（P000）、文件名，或 list 列出全部规划。")],
    on: On = None,
    known_at: KnownAt = None,
    region: RegionCode = None,
    territory: TerritoryAs = "then",
    as_json: AsJson = False,
) -> None:
    """一份规划的每项目标：目标值、现值、完成率、序时进度。"""
    from backend.plans.documents import plan_named
    from backend.plans.queries import plan_report
    from backend.plans.schemas import targets_as_json
    from backend.plans.territory import division_named

    day, moment = _when(on, known_at)
    if plan == "list":
        _print_plans(context, as_json=as_json)
        return
    division = division_named(territory)
    report = knowing(
        context,
        lambda session: plan_report(session, plan_named(plan), day, region, moment, division=division),
        moment,
    )
    if as_json:
        print_json(targets_as_json(report))
    else:
        _print_report(report)


def members(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="目标编号，如 T000-01。")],
    on: On = None,
    known_at: KnownAt = None,
    region: RegionCode = None,
    mode: Annotated[str | None, typer.Option(help="计数口径，仅原文未说明口径的目标可选，如 ever。")] = None,
    part: Annotated[str, typer.Option(help="比重类目标的哪一部分：counted、whole、missing。")] = "counted",
    park: Annotated[str, typer.Option(help="只列一个园区的；- 为未登记园区的。")] = "",
    chain: Annotated[str, typer.Option(help="只列一条产业链的；- 为未登记产业链的。")] = "",
    industry: Annotated[str, typer.Option(help="只列一个行业的：门类字母（C）或大类代码（35）。")] = "",
    territory: TerritoryAs = "then",
    as_json: AsJson = False,
) -> None:
    """一项目标的数由哪些企业组成：名单条数总与数相等。"""
    from backend.plans.documents import target_named
    from backend.plans.facets import within_of
    from backend.plans.members import PARTS
    from backend.plans.members import members as list_members
    from backend.plans.queries import region_of_plan, titles_of
    from backend.plans.schemas import members_as_json, mode_of
    from backend.plans.territory import Division, division_named

    division = division_named(territory)
    day, moment = _when(on, known_at)
    if part not in PARTS:
        raise typer.BadParameter(f"--part 应为 {'、'.join(PARTS)} 之一，实为 {part}")

    async def read(session: "AsyncSession") -> "tuple[Target, list[dict[str, Any]]]":
        of_plan, found = target_named(target)
        region_of_plan(of_plan, region, day if division is Division.THEN else None)
        chosen = mode_of(found, mode)
        listed = await list_members(
            session, found, day, region=region, known_at=moment, mode=chosen, part=part,
            within=within_of(park, chain, industry), division=division,
        )  # fmt: skip
        if listed is None:
            raise Refused(f"{found.id} {found.name}不是由企业名单统计的，没有名单。可用 tidu plan 查看数值和来源。")
        titles = await titles_of(session, [row.id for row in listed.rows], found, day, moment, chosen)
        return found, members_as_json(listed.rows, titles)

    found, rows = knowing(context, read, moment)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['credit_code'] or '—':<18}  {row['region_name']}  {row['name']}")
    typer.echo(f"{found.id} {found.name}：{day} 共 {len(rows)} 家。")


def bulletin(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="规划编号（P000）或文件名。")],
    quarter: Annotated[str, typer.Option(help="季度，如 2026Q3；须已结束。")],
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="数据时点；默认季度结束后次月末，之后的登记和更正不计入。")
    ] = None,
    region: RegionCode = None,
    to: Annotated[Path, typer.Option(help="存放 Word 和 Excel 文件的文件夹。")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON，不写文件。")] = False,
) -> None:
    """季度通报：生成 Word 和 Excel；同一季度任何时候生成都一样。"""
    from backend.clock import today
    from backend.plans.bulletin import QuarterRefused, quarter_of
    from backend.plans.bulletin import bulletin as write
    from backend.plans.bulletin_tables import as_json as content_as_json
    from backend.plans.documents import plan_named

    try:
        asked = quarter_of(quarter)
    except QuarterRefused as problem:
        raise typer.BadParameter(str(problem)) from problem
    _, moment = _when(None, known_at)
    content = knowing(
        context,
        lambda session: write(session, plan_named(plan), asked, today=today(), region=region, known_at=moment),
    )
    if as_json:
        print_json(content_as_json(content))
        return
    for path in _save(content, to):
        typer.echo(str(path))


def forecast(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="目标编号，如 T000-01。")],
    on: On = None,
    known_at: KnownAt = None,
    region: RegionCode = None,
    renewal: Annotated[float | None, typer.Option(help="假定到期认定续上的比例，如 0.8。", min=0, max=1)] = None,
    newcomers: Annotated[float | None, typer.Option(help="假定培育库以外每年新增的企业数。", min=0)] = None,
    discovered: Annotated[float | None, typer.Option(help="假定“发现”阶段一年内取得认定的比例。", min=0, max=1)] = None,
    cultivated: Annotated[float | None, typer.Option(help="假定“培育”阶段一年内取得认定的比例。", min=0, max=1)] = None,
    recommended: Annotated[
        float | None, typer.Option(help="假定“推荐”阶段一年内取得认定的比例。", min=0, max=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """预测有效数类目标到期时的数：区间、假定和回测。"""
    from backend.plans.documents import target_named
    from backend.plans.forecast import as_json as forecast_as_json
    from backend.plans.forecast import forecast as work_out
    from backend.plans.pool_history import CANDIDATE_STAGES
    from backend.plans.queries import region_of_plan

    day, moment = _when(on, known_at)
    rates = zip(CANDIDATE_STAGES, (discovered, cultivated, recommended), strict=True)
    assumed = {stage: rate for stage, rate in rates if rate is not None}

    async def read(session: "AsyncSession") -> "Forecast":
        of_plan, found = target_named(target)
        region_of_plan(of_plan, region)
        given = await work_out(
            session, found, day, region=region, known_at=moment, renewal=renewal, newcomers_a_year=newcomers,
            conversion=assumed,
        )  # fmt: skip
        if given is None:
            raise Refused(f"{found.id} {found.name}不能预测：只预测按有效认定统计、{day} 尚未到期的目标。")
        return given

    given = knowing(context, read, moment)
    if as_json:
        print_json(forecast_as_json(given))
        return
    for sentence in given.sentences:
        typer.echo(sentence)


def _save(content: "Bulletin", folder: Path) -> list[Path]:
    from backend.plans.bulletin_files import as_word, as_workbook

    place = "" if content.report.is_whole else f"-{content.report.territory.code}"
    name = f"{content.plan.id}{place}-{content.quarter.code}-季度通报"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / f"{name}.docx", folder / f"{name}.xlsx"]
        written[0].write_bytes(as_word(content))
        written[1].write_bytes(as_workbook(content))
    except OSError as problem:
        raise Refused(f"不能写入文件夹 {folder}：{problem.strerror}。请用 --to 换一个可写的文件夹。") from problem
    return written


def _when(on: str | None, known_at: str | None) -> tuple[date, datetime | None]:
    from backend.clock import today
    from backend.plans.schemas import BadQuestion, day_of, moment_of

    try:
        return day_of(on, "截至日 --on ") or today(), moment_of(known_at, "数据时点 --known-at ")
    except BadQuestion as problem:
        raise typer.BadParameter(str(problem)) from problem


def _print_plans(context: typer.Context, *, as_json: bool) -> None:
    from backend.plans.documents import plans
    from backend.plans.schemas import plan_as_json

    async def read(_: "AsyncSession") -> list[dict[str, Any]]:
        return [plan_as_json(one) for one in plans().values()]

    listed = knowing(context, read)
    if as_json:
        print_json(listed)
        return
    for one in listed:
        typer.echo(f"{one['id']}  {one['title']}（{one['status_label']}，{one['targets']} 项目标）")


def _print_report(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    from backend.web.filters import number, percent

    known = "" if report.known_at is None else f"，数据时点 {report.known_at:%Y-%m-%d}"
    title = f"{report.plan.title}（{report.plan.status.label}） {report.territory.name} 截至 {report.on}{known}"
    table = Table(title=title, title_justify="left")
    for heading, justify in (
        ("编号", "left"), ("指标", "left"), ("目标值", "right"), ("现值", "right"), ("完成率", "right"),
        ("序时", "right"), ("本季变动", "right"), ("评判", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify)  # pyright: ignore[reportArgumentType]
    for row in report.rows:
        progress, target = row.progress, row.target
        value = number(progress.value) if progress.value is not None else progress.figure.state.label
        table.add_row(
            target.id, target.name, target.target_text, value, percent(progress.share), percent(progress.elapsed),
            number(progress.change), progress.reason,
        )  # fmt: skip
    Console().print(table)
