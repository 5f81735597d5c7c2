"""The legal cases: each criterion below, at and above its edge, and with its fact missing, in files officers can check."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.answers import answer_request
from rules.library import library
from rules.programme import read_yaml

CASES = Path(__file__).with_name("cases")


def _cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        content = read_yaml(path)
        for number, case in enumerate(content["cases"], start=1):
            yield pytest.param(content, case, id=f"{path.stem}-{number}-{case['name']}")


@pytest.mark.parametrize(("content", "case"), list(_cases()))
def test_the_law_answers_as_the_case_says(content: dict[str, Any], case: dict[str, Any]) -> None:
    facts = {**content["facts"], **case.get("set", {})}
    for name in case.get("unset", []):
        del facts[name]
    pinned = case.get("version", content.get("pin"))
    programme = content["programme"] + (f"@{pinned}" if pinned else "")
    as_of = str(case.get("as_of", content["as_of"]))

    answer = answer_request({"id": "case", "programme": programme, "as_of": as_of, "facts": _plain(facts)}, library())

    assert answer["outcome"] == case["outcome"]
    if not {"as_of", "version", "pin"} & case.keys():
        assert answer["version"] == str(content["version"])
    for name in ("failed", "unknown"):
        if name in case:
            assert sorted(answer[name]) == sorted(case[name])
    if "score" in case:
        wanted = case["score"]
        expected = {"value": wanted} if not isinstance(wanted, list) else {"min": wanted[0], "max": wanted[1]}
        assert {key: value for key, value in answer["score"].items() if key != "pass"} == expected
    for label, value in case.get("labels", {}).items():
        assert answer["labels"][label] == value
    for words in case.get("warnings", []):
        assert any(words in warning for warning in answer["warnings"])
    for words in case.get("no_warnings", []):
        assert not any(words in warning for warning in answer["warnings"])
    if "likely" in case:
        assert answer["likely"] is case["likely"]


def _plain(value: Any) -> Any:
    """YAML reads days as dates; checks come with texts."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}  # type: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_plain(one) for one in value]  # type: ignore[reportUnknownVariableType]
    return value.isoformat() if hasattr(value, "isoformat") else value


def test_every_version_of_every_programme_has_its_cases() -> None:
    with_cases = {(content["programme"]) for content in map(_read, sorted(CASES.glob("*.yaml")))}
    without = {
        name
        for name, programme in library().programmes.items()
        if programme.source.status != "empty" and name not in with_cases
    }
    assert without == set()


def _read(path: Path) -> dict[str, Any]:
    return read_yaml(path)
