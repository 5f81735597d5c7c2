"""Legal cases: files in which an officer says what the law answers, run against the library.

A file has a programme, a day, the facts of an enterprise that meets everything, and cases that each change something
and say what is expected: `outcome`, and where it matters `failed`, `unknown`, `score`, `labels`, `likely`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.answers import CheckError, answer_request
from rules.library import Library
from rules.programme import RuleError, read_yaml


@dataclass(frozen=True)
class Case:
    """One case, ready to be asked."""

    path: Path
    name: str
    request: Mapping[str, Any]
    expected: Mapping[str, Any]

    def differences(self, library: Library) -> list[str]:
        """What the library answers otherwise than expected, in Chinese; empty where they agree."""
        try:
            answer = answer_request(self.request, library)
        except CheckError as error:
            return [f"不能回答：{error}"]
        return [one for name in self.expected if (one := self._difference(name, answer))]

    def _difference(self, name: str, answer: Mapping[str, Any]) -> str:
        wanted, found = self.expected[name], answer.get(name)
        if name in ("failed", "unknown"):
            wanted, found = sorted(wanted), sorted(found or [])
        elif name == "score":
            wanted = list(wanted) if isinstance(wanted, list | tuple) else [wanted, wanted]
            found = [
                (found or {}).get("min", (found or {}).get("value")),
                (found or {}).get("max", (found or {}).get("value")),
            ]
        elif name == "labels":
            found = {label: (found or {}).get(label) for label in wanted}
        return "" if wanted == found else f"{name} 应为 {wanted}，实为 {found}"


_EXPECTED = ("outcome", "failed", "unknown", "score", "labels", "likely")


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file.

    Raises:
        RuleError: the file is not of this form.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not {"programme", "as_of", "facts", "cases"} <= content.keys():
        raise RuleError(f"{path}：案例文件须有 programme、as_of、facts 和 cases")
    for case in content["cases"]:  # type: ignore[reportUnknownVariableType]
        yield _case(path, content, case)  # type: ignore[reportUnknownArgumentType]


def baseline(path: Path) -> dict[str, Any]:
    """The request for the enterprise that the cases of a file start from."""
    content = read_yaml(path)
    return {
        "id": path.stem, "programme": _programme(content, {}), "as_of": str(content["as_of"]), "facts": _plain(content["facts"]),
    }  # fmt: skip


def _case(path: Path, content: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    dropped = set(case.get("unset", ()))
    facts = {name: value for name, value in {**content["facts"], **case.get("set", {})}.items() if name not in dropped}
    request = {
        "id": case["name"], "programme": _programme(content, case), "as_of": str(case.get("as_of", content["as_of"])),
        "facts": _plain(facts),
    }  # fmt: skip
    return Case(path, str(case["name"]), request, {name: case[name] for name in _EXPECTED if name in case})


def _programme(content: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    pinned = case.get("version", content.get("pin"))
    return content["programme"] + (f"@{pinned}" if pinned else "")


def _plain(value: Any) -> Any:
    """YAML reads days as dates and years as numbers; checks come with texts."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}  # type: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_plain(one) for one in value]  # type: ignore[reportUnknownVariableType]
    return value.isoformat() if hasattr(value, "isoformat") else value
