"""The handbook's examples are the enterprises of the legal cases."""

import pytest

from rules.answers import answer_request
from rules.examples import EXAMPLES_FILE, example
from rules.library import library
from rules.programme import Version
from tests.rules.write_examples import written

VERSIONS = [one for programme in library().programmes.values() for one in programme.versions if one.indicators]


def test_the_examples_are_those_of_the_legal_cases() -> None:
    assert EXAMPLES_FILE.read_text(encoding="utf-8") == written(), "run python -m tests.rules.write_examples"


@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: one.id)
def test_every_version_that_asks_something_has_an_example_that_meets_it(version: Version) -> None:
    request = example(version)
    assert request is not None
    answer = answer_request(request, library())
    assert "error" not in answer
    assert answer["outcome"] in ("eligible", "undetermined")
