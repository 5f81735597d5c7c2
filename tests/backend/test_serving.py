"""The service as a process: it says where it is, and leaves nothing running."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.shared_data import REPOSITORY


@pytest.fixture
def service(migrated_folder: Path) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0", "--data", str(migrated_folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as started:
        yield started
        started.kill()


def address(service: subprocess.Popen[str]) -> str:
    assert service.stdout
    said = service.stdout.readline()
    found = re.search(r"http://[\d.:]+", said)
    assert found, said or (service.stderr and service.stderr.read())
    return found.group()


def test_it_says_where_it_is_and_told_to_stop_it_stops_the_database_too(
    service: subprocess.Popen[str], migrated_folder: Path
):
    place = address(service)
    with urllib.request.urlopen(f"{place}/healthz") as answer:  # noqa: S310
        assert answer.status == 200
    _ask_head_before_get(place)
    assert (migrated_folder / "postgresql" / "postmaster.pid").exists()
    service.send_signal(signal.SIGINT)
    assert service.wait(timeout=20) == 0
    assert not (migrated_folder / "postgresql" / "postmaster.pid").exists()


def _ask_head_before_get(place: str) -> None:
    """On one connection, which a body after HEAD, or a length promised and not kept, would put out of step."""
    with closing(HTTPConnection(urlsplit(place).netloc, timeout=20)) as line:
        lengths: list[str | None] = []
        for method in ("HEAD", "GET", "HEAD"):
            line.request(method, "/api/v1/openapi.json")
            answer = line.getresponse()
            assert (answer.status, bool(answer.read())) == (200, method == "GET")
            lengths.append(answer.headers["Content-Length"])
    assert lengths[0]
    assert len(set(lengths)) == 1


def test_told_to_stop_it_still_answers_what_had_begun(service: subprocess.Popen[str], migrated_folder: Path):
    place = urlsplit(address(service))
    body = b'{"programme": "hnte", "as_of": "2026-06-30", "facts": {}}'
    head = b"POST /api/v1/checks HTTP/1.1\r\nHost: tidu\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_connection((place.hostname, place.port or 0), timeout=20) as line:
        line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        # One that came later was answered: the service has begun with the first one.
        with urllib.request.urlopen(f"{place.geturl()}/healthz"):  # noqa: S310
            pass
        service.send_signal(signal.SIGTERM)
        line.sendall(body[10:])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
    assert service.wait(timeout=20) == 0
    assert not (migrated_folder / "postgresql" / "postmaster.pid").exists()


def test_after_a_kill_it_comes_up_again_on_the_same_folder(service: subprocess.Popen[str], migrated_folder: Path):
    address(service)
    service.kill()
    service.wait()
    again = subprocess.run(
        [sys.executable, "-m", "backend.cli", "doctor", "--data", str(migrated_folder)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert again.returncode == 0, again.stderr


def test_without_its_database_it_says_so_in_one_line():
    ran = subprocess.run(
        [sys.executable, "-m", "backend.cli", "serve", "--port", "0"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
        env={"TIDU_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PATH": ""},
    )
    assert ran.returncode == 1
    assert "连接不上" in ran.stderr
    assert "Traceback" not in ran.stderr
