"""Opening the service to browsers."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import typer
import uvicorn
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.console import Refused
from backend.database.engine import open_engine
from backend.database.migrate import upgrade
from backend.settings import Settings

#: What goes on beside the service for as long as it runs.
Beside = Callable[[AsyncEngine, Settings], AbstractAsyncContextManager[None]]


def serve(settings: Settings, announce: Callable[[str], None] = typer.echo, beside: Beside | None = None) -> None:
    """Serve until told to stop; `announce` is given the line that says where.

    Raises Refused if the address is taken, StorageError if the database cannot be used.
    """
    with _listen(settings.host, settings.port) as listener:
        # uvicorn raises the signal that stopped it once more when it is done; by then there is a database to leave.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        with asyncio.Runner(loop_factory=_config(None).get_loop_factory()) as runner:
            runner.run(_serve(settings, listener, announce, beside))


async def _serve(
    settings: Settings, listener: socket.socket, announce: Callable[[str], None], beside: Beside | None
) -> None:
    # Imported late: the other commands need no web.
    from backend.main import create_app

    async with open_engine(settings) as engine:
        await upgrade(engine)
        server = _Server(_config(create_app(settings, engine)))
        server.when_ready = lambda: announce(f"Tidu 梯度：{_address(listener)}　（按 Ctrl+C 停止）")
        async with beside(engine, settings) if beside is not None else nullcontext():
            await server.serve(sockets=[listener])
    if not server.started:
        raise typer.Exit(1)


class _Server(uvicorn.Server):
    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _leave(*_: object) -> None:
    sys.exit(0)


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    # Before anything else starts, so that a taken port is told at once and nothing needs to be undone.
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as problem:
        raise Refused(
            f"不能在 {host}:{port} 上提供服务：{problem.strerror}。"
            "可能另一个程序占用了该端口，请用 --port 换一个，如 tidu serve --port 8001。"
        ) from problem
