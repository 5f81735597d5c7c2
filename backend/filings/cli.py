"""`tidu rebuild`: the projection out of the filings, for now or as it was on a day's knowledge; and what is counted of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from backend.clock import end_of_day
from backend.console import Refused, print_json, with_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

#: Enterprises worked out in one transaction: whoever interrupts the rebuilding loses a portion, never a consistent state.
PORTION = 5_000


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command("rebuild")(rebuild)


def rebuild(
    context: typer.Context,
    known_at: Annotated[
        str | None, typer.Option(help="数据时点：列出按那一天掌握的数据（每行一家企业的 JSON），不改动现行数据。")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="与 --known-at 同用：写入的文件，不写则输出到屏幕。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出结果。")] = False,
) -> None:
    """由全部填报重新计算现行数据；结果应与原来一致，不一致的会列出。"""
    if known_at is None:
        _report(with_database(context, _rebuild_all), as_json=as_json)
        return
    try:
        moment = end_of_day(date.fromisoformat(known_at))
    except ValueError as error:
        raise Refused(f"--known-at 应写作 2026-03-31，实为 {known_at}") from error
    with _opened(to) as target:
        with_database(context, lambda engine: _list_known(engine, moment, target))


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield typer.get_text_stream("stdout", encoding="utf-8")
        return
    try:
        with path.open("w", encoding="utf-8") as target:
            yield target
    except OSError as error:
        raise Refused(f"不能写入 {path}：{error.strerror}。请换一个位置。") from error


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    typer.echo(f"已重新计算 {result['enterprises']} 家企业的现行数据，{len(result['differing'])} 家与原来不同。")
    for code in result["differing"]:
        typer.echo(f"  {code}")
    if result["counts_differing"]:
        typer.echo(f"规划所用的认定统计已重新计算，{result['counts_differing']} 项与原来不同。")


async def _rebuild_all(engine: "AsyncEngine") -> dict[str, Any]:
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.queries import codes_of, portions_of_ids
    from backend.filings import service
    from backend.plans.kept import recheck_kept_counts, settle_kept_counts
    from rules.library import library

    count, differing, counts_differing = 0, list[str](), 0
    async for portion in portions_of_ids(engine, PORTION):
        async with owner_unit_of_work(engine) as session:
            found = await service.rebuild(session, portion, library().catalogue)
            differing += (await codes_of(session, found)).values()
            counts_differing += await recheck_kept_counts(session, portion)
        count += len(portion)
    async with owner_unit_of_work(engine) as session:
        counts_differing += await settle_kept_counts(session)
    return {"enterprises": count, "differing": differing, "counts_differing": counts_differing}


async def _list_known(engine: "AsyncEngine", known_at: datetime, target: IO[str]) -> None:
    from backend.database.session import owner_unit_of_work
    from backend.enterprises.queries import codes_of, portions_of_ids
    from backend.exact_json import exact_json
    from backend.filings.queries import facts_as_given, facts_known_at
    from rules.library import library

    catalogue = library().catalogue
    async for portion in portions_of_ids(engine, PORTION):
        async with owner_unit_of_work(engine) as session:
            facts = await facts_known_at(session, portion, catalogue, known_at)
            codes = await codes_of(session, portion)
        for number, held in facts.items():
            line = {"id": codes[number], "known_at": known_at.isoformat(), "facts": facts_as_given(held, catalogue)}
            target.write(exact_json(line) + "\n")
