"""`tidu evaluate` and `tidu rules …`."""

import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from rules.library import library


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    """One data folder for all, since each first use lays out a database."""
    found = Path(tempfile.mkdtemp(prefix="tidu-test-", dir="/tmp"))
    # PostgreSQL does not run as root and must reach its folder.
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_run_over_an_empty_registry_finds_nothing_to_do(folder: Path):
    result = run("evaluate", "--on", "2026-06-30", "--json", "--data", str(folder))
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["as_of"], report["enterprises"], report["changes"]) == ("2026-06-30", 0, 0)


def test_a_run_on_a_day_that_is_none_is_refused(folder: Path):
    result = run("evaluate", "--on", "2026.6.30", "--data", str(folder))
    assert result.exit_code == 1
    assert "2026.6.30" in result.stderr


def test_the_rules_are_listed_as_json():
    listed = {one["programme"]: one for one in json.loads(run("rules", "list", "--json").stdout)}
    assert listed.keys() == library().programmes.keys()
    assert listed["hnte"]["versions"][0]["from"] == "2016-01-01"


def test_a_rule_is_shown_with_its_articles():
    shown = run("rules", "show", "hnte@2016").stdout
    assert "国家高新技术企业" in shown
    assert "第十一条（四）" in shown


@pytest.mark.parametrize("words", [("show", "no_such_title"), ("show", "hnte@1999"), ("diff", "hnte", "2016", "1999")])
def test_what_the_library_does_not_hold_is_refused(words: tuple[str, ...]):
    result = run("rules", *words)
    assert result.exit_code == 1
    assert result.stderr.strip()


def test_two_versions_are_compared_criterion_by_criterion():
    result = run("rules", "diff", "tech_sme", "2017", "2022")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()


def test_the_library_as_it_stands_passes_its_own_lint():
    result = run("rules", "lint")
    assert result.exit_code == 0, result.stderr
    assert f"{len(library().programmes)} 个认定项目" in result.stdout
