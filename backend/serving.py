"""Opening the service to browsers."""

import socket

import typer
import uvicorn

from backend.console import Refused
from backend.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises Refused if the address is taken."""
    listener = _listen(settings.host, settings.port)
    # Imported late: the other commands need no web.
    from backend.main import create_app

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=10))
    typer.echo(f"Tidu 梯度：http://{host}:{listener.getsockname()[1]}　（按 Ctrl+C 停止）")
    server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(1)


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
