"""The sample checks agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from rules.answers import answer_request
from rules.library import library

SHARED = Path(__file__).parents[3] / "shared" / "cases"
FILES = sorted(SHARED.glob("*.json"))


def _samples() -> list[Any]:
    return [
        pytest.param(case, id=case["id"]) for path in FILES for case in json.loads(path.read_text(encoding="utf-8"))
    ] or [pytest.param(None, marks=pytest.mark.skip(reason="../shared/cases is not there: no samples to compare with"))]


@pytest.mark.parametrize("case", _samples())
def test_a_sample_is_answered_as_expected(case: dict[str, Any]) -> None:
    expected = case["expected"]

    answer = answer_request(case, library())

    assert "error" not in answer
    assert answer["outcome"] == expected["outcome"]
    for name in ("failed", "unknown"):
        if name in expected:
            assert set(answer[name]) == {one.split(" ")[0] for one in expected[name]}
    if "score" in expected:
        assert answer["score"]["value"] == expected["score"]
    if "score_range" in expected:
        assert [answer["score"]["min"], answer["score"]["max"]] == expected["score_range"]
    if "size_class" in expected:
        assert answer["labels"]["size_class"] == expected["size_class"]
