"""Real material that is not the repository's to publish: read where it stands, never copied."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def shared_data(name: str) -> Path:
    """A file or folder of the shared data beside the repository; the test is skipped where there is none."""
    return _beside("data", name)


def shared_cases(name: str) -> Path:
    """The same for the sample checks."""
    return _beside("cases", name)


def _beside(folder: str, name: str) -> Path:
    shared = Path(os.environ.get("TIDU_SHARED") or REPOSITORY.parent / "shared")
    path = shared / folder / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path
