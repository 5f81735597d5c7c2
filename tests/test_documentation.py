"""What can be set, added and looked up is written down, and what is written down is there."""

import re
from pathlib import Path

import pytest

from backend.settings import Settings
from tests.shared_data import REPOSITORY

PAGES = sorted(
    [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "docs/decisions").glob("*.md")]
)


def test_every_setting_is_documented():
    text = (REPOSITORY / "docs/operation.md").read_text()
    documented = re.findall(r"^\| `TIDU_(\w+)`", text, re.MULTILINE)
    assert sorted(name.lower() for name in documented) == sorted(Settings.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_between_documents_lead_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_without_a_gap():
    numbers = sorted(int(path.name[:4]) for path in (REPOSITORY / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_pictures_are_small_enough_for_a_repository():
    assert [path.name for path in (REPOSITORY / "docs/pictures").glob("*.png") if path.stat().st_size > 300_000] == []
