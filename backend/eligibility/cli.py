"""`tidu check`, `tidu rules …`, `tidu evaluate`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backend.clock import today
from backend.console import Refused, print_json, with_database
from backend.enterprises.cli import parse_day
from rules.answers import answer_lines, as_line
from rules.cases import Case, baseline, read_cases
from rules.catalogue import CatalogueError
from rules.comparison import compare_versions
from rules.handbook import programme_page
from rules.library import Library, NotInForce, Programme, UnknownProgramme, library
from rules.programme import Criterion, RuleError, Version
from rules.receipt import differences
from rules.requests import Line, read_lines

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

#: Where the legal cases stand in a checkout.
CASES = Path("tests/rules/cases")
#: So many ids of a file are remembered to tell which come again; a longer file is still answered line by line.
_MOST_IDS = 1_000_000

rules_app = typer.Typer(no_args_is_help=True, help="规则库：列出、查看、检查。")


def register(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.command("check")(check)
    app.command("evaluate")(evaluate)
    app.add_typer(rules_app, name="rules")


def check(
    file: Annotated[str, typer.Argument(help="每行一个测评请求的 NDJSON 文件；- 为标准输入。")],
    replay: Annotated[Path | None, typer.Option(help="以前的答案（NDJSON）：重算并逐行比较，说出哪里不同。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出（本命令总是 JSON）。")] = True,
) -> None:
    """测评：每行一问一答（JSON）。有不能回答的行时退出码为 1。"""
    answers = answer_lines(_lines(file), _library())
    if replay is not None:
        _replay(answers, replay)
        return
    refused = count = repeated = 0
    seen = set[int]()
    for answer in answers:
        count += 1
        refused += "error" in answer
        name = hash(answer["id"])
        repeated += answer["id"] is not None and name in seen
        if len(seen) < _MOST_IDS:
            seen.add(name)
        sys.stdout.write(as_line(answer))
    if not count:
        typer.echo(f"{file} 里没有测评请求：每行应为一个 JSON 对象。", err=True)
    if repeated:
        typer.echo(f"有 {repeated} 行的 id 在前面出现过；各行都已回答，请按行的次序核对。", err=True)
    if refused:
        raise Refused(f"有 {refused} 行不能完整回答，原因见各行的 error。")


def _replay(answers: Iterator[dict[str, Any]], earlier: Path) -> None:
    """Compare with earlier answers, line by line."""
    if not earlier.is_file():
        raise Refused(f"没有文件 {earlier}，请核对路径。")
    before = _earlier_answers(earlier)
    changed = 0
    count = 0
    for position, answer in enumerate(answers):
        count += 1
        reasons = differences(before[position], answer) if position < len(before) else ["以前没有这一行"]
        changed += bool(reasons)
        sys.stdout.write(
            json.dumps({"id": answer["id"], "same": not reasons, "changed": reasons}, ensure_ascii=False) + "\n"
        )
    if changed or count != len(before):
        raise Refused(f"{changed} 行与以前不同；以前 {len(before)} 行，这次 {count} 行。")


def _earlier_answers(earlier: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, line in enumerate(earlier.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            answer = json.loads(line.decode("utf-8-sig"))
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Refused(f"{earlier} 第 {number} 行不是答案，请给出以前 tidu check 输出的文件（每行一个 JSON 对象）。")
        found.append(answer)  # type: ignore[reportUnknownArgumentType]
    return found


def _library() -> Library:
    try:
        return library()
    except (RuleError, CatalogueError) as error:
        raise Refused(str(error)) from error


def _lines(file: str) -> Iterator[Line]:
    """The lines of a file, or of standard input."""
    if file == "-":
        yield from read_lines(sys.stdin.buffer)
        return
    path = Path(file)
    if not path.is_file():
        raise Refused(f"没有文件 {file}，请核对路径。")
    try:
        with path.open("rb") as opened:
            yield from read_lines(opened)
    except OSError as error:
        raise Refused(f"不能读取 {file}：{error.strerror}。") from error


@rules_app.command("list")
def list_rules(as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出。")] = False) -> None:
    """列出全部认定项目和版本。"""
    programmes = _library().programmes
    if as_json:
        print_json([_listed(name, programme) for name, programme in programmes.items()])
        return
    table = Table("编号", "名称", "状态", "版本")
    for name, programme in programmes.items():
        versions = "；".join(_span(version) for version in programme.versions)
        table.add_row(name, programme.source.name.zh, programme.source.status, versions)
    Console().print(table)


def _listed(name: str, programme: Programme) -> dict[str, Any]:
    versions = [
        {"version": one.source.version, "from": str(one.source.in_force.from_), "to": _day(one.source.in_force.to)}
        for one in programme.versions
    ]
    return {
        "programme": name,
        "name": programme.source.name.zh,
        "status": programme.source.status,
        "versions": versions,
    }


def _span(version: Version) -> str:
    force = version.source.in_force
    return f"{version.source.version}（{force.from_} 起" + (f"至 {force.to}）" if force.to else "）")


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


@rules_app.command("show")
def show_rule(
    programme: Annotated[str, typer.Argument(help="认定项目编号，可写 hnte@2016。")],
    on: Annotated[str | None, typer.Option(help="哪一天的现行版本，默认今天。")] = None,
) -> None:
    """查看一个版本：条件、依据、把握程度。"""
    try:
        version = _library().version(programme, parse_day(on, "--on") or today())
    except (UnknownProgramme, NotInForce) as error:
        raise Refused(str(error)) from error
    _print_version(version)


def _print_version(version: Version) -> None:
    source = version.source
    console = Console()
    console.print(f"[bold]{version.programme.name.zh}[/bold]  {version.id}")
    console.print(f"施行：{source.in_force.from_} 起" + (f"，至 {source.in_force.to}" if source.in_force.to else ""))
    console.print("文件：" + "；".join(source.documents))
    if source.note:
        console.print(f"说明：{source.note}")
    for criterion in version.criteria:
        _print_criterion(console, criterion, 0)


def _print_criterion(console: Console, criterion: Criterion, depth: int) -> None:
    title = " ".join(part for part in (criterion.id, criterion.name) if part) or criterion.form
    flag = "" if criterion.certainty == "confirmed" else f" [yellow]（{criterion.certainty}）[/yellow]"
    console.print("  " * depth + f"• {title}{flag}")
    if criterion.expression:
        console.print("  " * depth + f"    {criterion.expression}", style="dim", markup=False)
    if criterion.id and criterion.cite:
        console.print("  " * depth + f"    依据：{criterion.cite}", style="dim", markup=False)
    for child in criterion.children:
        _print_criterion(console, child, depth + 1)


@rules_app.command("diff")
def diff_rules(
    programme: Annotated[str, typer.Argument(help="认定项目编号。")],
    first: Annotated[str, typer.Argument(help="先前的版本。")],
    second: Annotated[str, typer.Argument(help="后来的版本。")],
) -> None:
    """比较两个版本：增加、取消、改动的条件。"""
    try:
        held = _library().programme(programme)
        one, other = held.pinned(first), held.pinned(second)
    except UnknownProgramme as error:
        raise Refused(str(error)) from error
    for change in compare_versions(one, other):
        typer.echo(change)


@rules_app.command("simulate")
def simulate_patch(
    context: typer.Context,
    patch: Annotated[Path, typer.Argument(help="补丁文件：哪个版本的哪些条件改成什么。")],
    on: Annotated[str | None, typer.Option(help="截至日，默认今天。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出，含进出的企业。")] = False,
) -> None:
    """政策推演：把改过的条件套用到库内企业，看谁进谁出；不写入任何数据。"""
    from backend.database.session import owner_unit_of_work
    from backend.eligibility.simulation import simulate_registry
    from rules.simulation import apply_patch, read_patch

    loaded = _library()
    if not patch.is_file():
        raise Refused(f"没有文件 {patch}，请核对路径。")
    as_of = parse_day(on, "--on") or today()
    try:
        # What is wrong with the patch is said before a database is started for it.
        wanted = read_patch(patch)
        apply_patch(wanted, loaded)
    except (RuleError, UnknownProgramme) as error:
        raise Refused(str(error)) from error

    async def run(engine: "AsyncEngine") -> dict[str, Any]:
        async with owner_unit_of_work(engine) as session:
            return (await simulate_registry(session, wanted, loaded, as_of)).as_json()

    try:
        report = with_database(context, run)
    except (RuleError, UnknownProgramme) as error:
        raise Refused(str(error)) from error
    if as_json:
        print_json(report)
        return
    entering, leaving = len(report["entering"]), len(report["leaving"])
    typer.echo(
        f"{report['before']}：符合 {report['eligible_before']} 家；改后 {report['eligible_after']} 家，进 {entering}，出 {leaving}。"
    )
    for region, change in report["by_region"].items():
        typer.echo(f"  {region or '区域不明'}：进 {change['entering']}，出 {change['leaving']}")
    for word, decided in (("进", report["deciding"]["entering"]), ("出", report["deciding"]["leaving"])):
        if decided:
            typer.echo(f"  {word}的决定条件：" + "，".join(f"{name} {count} 家" for name, count in decided.items()))


@rules_app.command("lint")
def lint() -> None:
    """检查规则库：写法、单位、依据、版本日期、分档空档、永远不能满足的条件。"""
    from rules.lint import lint as findings_of

    loaded = _library()
    findings = findings_of(loaded)
    for finding in findings:
        typer.echo(str(finding), err=True)
    if findings:
        raise Refused(f"规则库有 {len(findings)} 处问题（见上），改好后请再运行 tidu rules lint。")
    versions = sum(len(programme.versions) for programme in loaded.programmes.values())
    typer.echo(
        f"规则库无误：{len(loaded.programmes)} 个认定项目，{versions} 个版本，{len(loaded.catalogue.indicators)} 个指标。"
    )


@rules_app.command("schema")
def schema(
    folder: Annotated[Path, typer.Argument(help="写到哪个文件夹。", file_okay=False)] = Path("docs/schema"),
) -> None:
    """写出规则文件和指标目录的 JSON Schema，供编辑器补全和检查。"""
    from rules.schema import write_schemas

    try:
        written = write_schemas(folder)
    except OSError as error:
        raise Refused(f"不能写到 {folder}：{error.strerror}。") from error
    for path in written:
        typer.echo(str(path))


@rules_app.command("test")
def run_cases(
    folder: Annotated[Path, typer.Argument(help="案例文件夹。")] = CASES,
    programme: Annotated[str, typer.Option(help="只测这个认定项目。")] = "",
) -> None:
    """用法律案例检验规则库：每条案例的结论与预期逐一比较。"""
    if not folder.is_dir():
        raise Refused(f"没有文件夹 {folder}，请指明案例所在的文件夹。")
    count, wrong = 0, 0
    paths = [
        path for path in sorted(folder.glob("*.yaml")) if programme in ("", path.stem, path.stem.partition("@")[0])
    ]
    if not paths:
        known = f"，{folder} 里的案例文件以认定项目编号命名，如 hnte@2016.yaml"
        raise Refused(f"没有找到{f'“{programme}”的' if programme else ''}案例{known}。")
    for path in paths:
        for case in _cases_of(path):
            count += 1
            for difference in case.differences(_library()):
                wrong += 1
                typer.echo(f"{path.name}“{case.name}”：{difference}", err=True)
    typer.echo(f"{count} 个案例，{wrong} 处与预期不同。")
    if wrong or not count:
        raise typer.Exit(1)


def _cases_of(path: Path) -> list[Case]:
    try:
        return list(read_cases(path))
    except RuleError as error:
        raise Refused(str(error)) from error


@rules_app.command("docs")
def write_docs(
    folder: Annotated[Path, typer.Argument(help="写到哪个文件夹。")],
    cases: Annotated[Path, typer.Option(help="案例文件夹，算例取自其中。")] = CASES,
) -> None:
    """把规则库写成可读的手册：每个认定项目一页（Markdown），附真正算出的算例。"""
    examples = {path.stem: baseline(path) for path in sorted(cases.glob("*.yaml"))} if cases.is_dir() else {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, programme in _library().programmes.items():
            page = programme_page(programme, _library(), examples)
            (folder / f"{name}.md").write_text(page, encoding="utf-8")
    except OSError as error:
        raise Refused(f"不能写到 {folder}：{error.strerror}。") from error
    typer.echo(f"已写 {len(_library().programmes)} 页到 {folder}。")


@rules_app.command("indicators")
def indicators(as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出。")] = False) -> None:
    """列出全部指标。"""
    found = _library().catalogue.indicators
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False))
        return
    table = Table("编号", "名称", "类型", "单位", "期间")
    for one in found:
        table.add_row(one.id, one.name, one.type, one.unit, one.period)
    Console().print(table)


def evaluate(
    context: typer.Context,
    on: Annotated[str | None, typer.Option(help="截至日，默认今天。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出。")] = False,
) -> None:
    """批量测算：对库内全部企业逐项目测评，并列出与上次相比的变化。"""
    from backend.database.session import owner_unit_of_work
    from backend.eligibility.queries import changes_of
    from backend.eligibility.service import evaluate_beside

    loaded = _library()
    as_of = parse_day(on, "--on") or today()

    async def run(engine: "AsyncEngine") -> dict[str, Any]:
        result = await evaluate_beside(engine, loaded, as_of)
        async with owner_unit_of_work(engine) as session:
            changes = await changes_of(session, result.run_id)
        return {"as_of": as_of.isoformat(), **asdict(result), "by_programme": changes}

    report = with_database(context, run)
    if as_json:
        print_json(report)
        return
    typer.echo(
        f"截至 {as_of}：{report['enterprises']} 家企业，{report['results']} 条结果，{report['changes']} 处变化。"
    )
    for change in report["by_programme"]:
        name = loaded.programmes[change["programme"]].source.name.zh
        typer.echo(f"  {name}：{change['before'] or '未测算'} → {change['after']}，{change['count']} 家")
