"""The command line `tidu`: each slice brings its own commands, this puts them together.

Exit status: 0 done, 1 refused with the reason on stderr, 2 wrong usage.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from backend.console import Refused, load_settings, settings_of
from backend.database.errors import StorageError

# The order of `tidu --help`: what is done every day first.
SLICES_WITH_COMMANDS = (
    "spreadsheets",
    "enterprises",
    "filings",
    "recognitions",
    "eligibility",
    "plans",
    "subregisters",
    "cultivation",
    "exchange",
    "access",
    "database",
    "demo",
)


class _Commands(TyperGroup):
    """Takes `--data` before and after the command's name alike, and turns what was refused into status 1."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().parse_args(ctx, _data_first(args))

    def invoke(self, ctx: typer.Context) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().invoke(ctx)
        except (Refused, StorageError) as problem:
            typer.echo(str(problem), err=True)
            raise typer.Exit(1) from problem


app = typer.Typer(
    name="tidu",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tidu 梯度：科技企业梯度培育库。每个命令都可加 --data 文件夹，或用 TIDU_DATABASE_URL 指定数据库。",
)


@app.callback()
def choose_data(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="内嵌数据库的数据文件夹（默认见 TIDU_DATA）。")] = None,
) -> None:
    # A folder named here and now goes before an address that happens to be in the environment.
    context.obj = load_settings(data=data, database_url=None) if data else load_settings()


@app.command("serve")
def serve_command(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="监听地址；0.0.0.0 为所有网卡。")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口。")] = None,
) -> None:
    """提供网页和接口服务；未指定数据库时启动内嵌数据库。"""
    from backend.serving import serve

    asked = {"host": host, "port": port}
    serve(settings_of(context).model_copy(update={name: value for name, value in asked.items() if value is not None}))


def _data_first(args: list[str]) -> list[str]:
    """Options of the group must stand before the command; people write them after it."""
    before: list[str] = []
    rest: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word == "--data" and waiting:
            before += [word, waiting.pop(0)]
        elif word.startswith("--data="):
            before.append(word)
        else:
            rest.append(word)
    return before + rest


for _slice in SLICES_WITH_COMMANDS:
    if find_spec(f"backend.{_slice}") and find_spec(f"backend.{_slice}.cli"):
        import_module(f"backend.{_slice}.cli").register(app)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
