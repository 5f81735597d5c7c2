"""The command line `tidu`."""

import typer

app = typer.Typer(name="tidu", no_args_is_help=True)


def main() -> None:
    app()
