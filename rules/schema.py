"""JSON Schemas of rule files and of the catalogue, so that an editor completes and checks them while they are typed.

They are written out of the very models that read the files; what stands beside a field in the code is its description.
"""

import ast
import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from rules import catalogue, programme

#: File name → the model that reads such files.
MODELS: dict[str, type[BaseModel]] = {
    "rule-version.json": programme.VersionSource,
    "programme.json": programme.ProgrammeSource,
    "catalogue.json": catalogue.Catalogue,
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """Without the titles that repeat the names of the fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schemas() -> dict[str, str]:
    """File name → the schema as text."""
    return {name: _text(model) for name, model in MODELS.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Write all schemas into a folder; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def _text(model: type[BaseModel]) -> str:
    schema: dict[str, Any] = model.model_json_schema(schema_generator=_Schema)
    _describe(schema, model.__name__)
    for name, part in schema.get("$defs", {}).items():
        _describe(part, name)
    return json.dumps({"$schema": _DIALECT, **schema}, ensure_ascii=False, indent=2) + "\n"


def _describe(schema: dict[str, Any], class_name: str) -> None:
    """Put what is written above a field in the code to the field."""
    remarks = _remarks().get(class_name, {})
    for name, part in schema.get("properties", {}).items():
        text = remarks.get(name) or remarks.get(f"{name}_")
        if text:
            part["description"] = text
    if class_name == "VersionSource":
        # `version: 2022` is read as text.
        schema["properties"]["version"] = {"type": ["string", "integer"]}


@cache
def _remarks() -> dict[str, dict[str, str]]:
    """Class → field → the comment (`#:`) above it, in the modules that read files."""
    found: dict[str, dict[str, str]] = {}
    for module in (programme, catalogue):
        source = inspect.getsource(module)
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = {
                    one.target.id: text
                    for one in node.body
                    if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
                    if (text := _remark_above(lines, one.lineno - 1))
                }
    return found


def _remark_above(lines: list[str], position: int) -> str:
    text: list[str] = []
    while position > 0 and lines[position - 1].strip().startswith("#: "):
        position -= 1
        text.insert(0, lines[position].strip().removeprefix("#: "))
    return " ".join(text)
