"""The files of an export that was killed are removed by the next one; those that somebody still writes stay."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.exports.folder import PREFIX, clear_left, export_folder
from tests.shared_data import REPOSITORY

WRITES_FOR_EVER = """
import time
from backend.exports.folder import export_folder
with export_folder() as folder:
    (folder / "1.xlsx").write_text("泰州甲有限公司")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def writer(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Somebody who writes an export, in a process of its own, and has done so for long."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(place), "PYTHONPATH": str(REPOSITORY)},
    ) as process:  # fmt: skip
        assert process.stdout
        grow_old(Path(process.stdout.readline().strip()), 3_600)
        yield process
        process.kill()


def grow_old(folder: Path, seconds: int) -> None:
    then = folder.stat().st_mtime - seconds
    os.utime(folder, (then, then))


def left(place: Path) -> list[str]:
    return sorted(one.name for folder in place.glob(f"{PREFIX}*") for one in folder.iterdir())


def test_a_folder_is_gone_with_its_export(place: Path):
    with export_folder() as folder:
        assert folder.parent == place
    assert left(place) == []


def test_what_somebody_writes_is_not_taken_from_them(place: Path, writer: subprocess.Popen[str]):
    clear_left()
    assert left(place) == [".held", "1.xlsx"]


def test_what_a_killed_one_left_goes_with_the_next_export(place: Path, writer: subprocess.Popen[str]):
    writer.kill()
    writer.wait()
    assert left(place) == [".held", "1.xlsx"]
    with export_folder():
        assert left(place) == [".held"]


def test_a_folder_that_is_just_being_made_is_let_alone(place: Path):
    (place / f"{PREFIX}new").mkdir()
    clear_left()
    assert (place / f"{PREFIX}new").is_dir()


def test_a_link_of_that_name_is_not_followed(place: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    grow_old(elsewhere, 200_000)
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    clear_left()
    assert elsewhere.is_dir()
