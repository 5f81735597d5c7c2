"""What is wrong with an installation, and how to mend it."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.database.doctor import Finding, State, examine
from backend.settings import Settings
from backend.web import assets
from tests.conftest import fresh_database


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def about(subject: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


@pytest.fixture
def settings(database_url: str, data_folder: Path) -> Settings:
    return Settings(database_url=database_url, data=data_folder)


async def test_a_good_installation_has_no_problem(settings: Settings):
    assert [finding for finding in await examine(settings) if finding.state is State.PROBLEM] == []


async def test_every_problem_and_notice_says_how_to_mend_it(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 10, 0))  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(shutil, "which", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType]
    findings = await examine(settings)
    assert {finding.subject for finding in findings if finding.mend} == {"磁盘", "测试用浏览器"}


async def test_an_unreachable_database_is_a_problem_among_the_other_findings(data_folder: Path):
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", data=data_folder)
    findings = await examine(settings)
    assert about("数据库", findings).state is State.PROBLEM
    assert about("Python", findings).state is State.GOOD


async def test_a_database_that_cannot_search_chinese_is_a_problem(server_url: str, data_folder: Path):
    async with fresh_database(server_url, "template0 LOCALE_PROVIDER libc LOCALE 'C'") as url:
        findings = await examine(Settings(database_url=url, data=data_folder))
    assert "LC_CTYPE 是 C" in about("语言环境", findings).text


async def test_missing_migrations_are_a_notice(server_url: str, data_folder: Path):
    async with fresh_database(server_url, "template0") as url:
        findings = await examine(Settings(database_url=url, data=data_folder))
    assert about("数据表", findings).state is State.NOTICE


async def test_an_old_disk_full_of_data_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1))  # pyright: ignore[reportUnknownLambdaType]
    assert about("磁盘", await examine(settings)).state is State.PROBLEM


async def test_missing_front_end_files_are_a_problem(
    settings: Settings, data_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(assets, "ROOT", data_folder)
    assert "make install" in about("网页资源", await examine(settings)).mend


async def test_the_doctor_changes_nothing(server_url: str, data_folder: Path):
    async with fresh_database(server_url, "template0") as url:
        settings = Settings(database_url=url, data=data_folder)
        assert await examine(settings) == await examine(settings)


def test_the_command_prints_json_and_succeeds_on_a_good_folder(data_folder: Path):
    result = CliRunner().invoke(app, ["doctor", "--json", "--data", str(data_folder)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"] is True


def test_the_command_fails_on_a_problem(data_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assets, "ROOT", data_folder)
    result = CliRunner().invoke(app, ["doctor", "--data", str(data_folder)])
    assert result.exit_code == 1
    assert "网页资源" in result.stderr
