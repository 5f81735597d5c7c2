"""`tidu plan` and `tidu members` on an empty registry of their own."""

import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    """One data folder for all, since each first use lays out a database."""
    found = Path(tempfile.mkdtemp(prefix="tidu-test-", dir="/tmp"))
    # PostgreSQL does not run as root and must reach its folder.
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(folder)])


def test_a_plan_is_every_target_as_json(folder: Path):
    result = run(folder, "plan", "P000", "--on", "2026-06-30", "--json")
    assert result.exit_code == 0, result.stderr
    targets = {one["id"]: one for one in json.loads(result.stdout)}
    assert len(targets) == 33
    first, unset = targets["T000-01"], targets["T000-19"]
    assert (first["indicator"], first["op"], first["target"], first["value"]) == ("hnte_valid_count", ">=", 2700, 0)
    assert (unset["target"], unset["share"], unset["progress"]) == (None, None, None)


def test_a_plan_goes_by_the_name_of_its_file_too(folder: Path):
    result = run(folder, "plan", "haizhou-innovation-2025", "--on", "2025-06-30", "--json")
    assert json.loads(result.stdout)[0]["plan"] == "P001"


def test_members_of_nothing_are_an_empty_list(folder: Path):
    result = run(folder, "members", "T000-01", "--on", "2026-06-30", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_a_table_for_people_names_the_plan(folder: Path):
    assert "科创强市" in run(folder, "plan", "P000").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "P999"), "没有规划"),
        (("members", "T000-99"), "没有目标"),
        (("plan", "P000", "--region", "320706"), "不在"),
        (("members", "T000-18"), "没有名单"),
        (("members", "T000-01", "--mode", "ever"), "口径只有一种"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(folder: Path, words: tuple[str, ...], told: str):
    result = run(folder, *words)
    assert result.exit_code == 1
    assert told in result.stderr


@pytest.mark.parametrize(
    "words", [("plan",), ("plan", "P000", "--on", "2024.13.1"), ("plan", "P000", "--known-at", "x")]
)
def test_wrong_usage_ends_with_two(folder: Path, words: tuple[str, ...]):
    assert run(folder, *words).exit_code == 2
