"""The command line as a whole: where options may stand, and with what status it ends."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_data_folder_may_be_named_before_or_after_the_command(data_folder: Path):
    # One folder for all three, since laying out a database takes longest.
    for words in (
        ["--data", str(data_folder), "migrate"],
        ["migrate", "--data", str(data_folder)],
        ["migrate", f"--data={data_folder}"],
    ):
        assert run(*words).exit_code == 0, words
    assert (data_folder / "postgresql").is_dir()


def test_a_folder_named_on_the_command_line_goes_before_an_address_in_the_environment(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TIDU_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert run("migrate", "--data", str(data_folder)).exit_code == 0


def test_an_unknown_command_is_wrong_usage():
    assert run("fly").exit_code == 2


def test_a_data_folder_that_cannot_be_is_refused_with_the_reason(data_folder: Path):
    (data_folder / "file").write_text("")
    result = run("migrate", "--data", str(data_folder / "file"))
    assert result.exit_code == 1
    assert "数据文件夹" in result.stderr


def test_a_wrong_setting_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_PORT", "achttausend")
    result = run("doctor")
    assert result.exit_code == 1
    assert "TIDU_PORT" in result.stderr


def test_a_taken_port_is_refused_with_the_way_out(data_folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", "--port", port, "--data", str(data_folder))
    assert result.exit_code == 1
    assert "--port" in result.stderr
