"""The JSON Schemas that editors read are those of the models that read the files."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backend.cli import app
from rules.schema import MODELS, schemas

FOLDER = Path(__file__).parents[2] / "docs" / "schema"


def schema(name: str) -> dict[str, Any]:
    return json.loads(schemas()[name])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schema_that_is_kept_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], "run: tidu rules schema"


def test_nothing_else_lies_beside_the_schemas() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_key_that_no_model_knows_is_marked_while_typing(name: str) -> None:
    assert schema(name)["additionalProperties"] is False


def test_keys_are_named_as_in_the_files() -> None:
    assert {"from", "to", "ends"} == set(schema("rule-version.json")["$defs"]["InForce"]["properties"])
    assert "pass" in schema("rule-version.json")["$defs"]["ScoreSource"]["properties"]


def test_a_version_may_be_written_without_quotes() -> None:
    assert schema("rule-version.json")["properties"]["version"]["type"] == ["string", "integer"]


def test_what_a_key_means_is_shown_beside_it() -> None:
    soft = schema("rule-version.json")["$defs"]["CriterionSource"]["properties"]["soft"]
    assert soft["description"].startswith("The condition is soft")


def test_the_command_writes_them_where_it_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", "schema", str(tmp_path)])
    assert result.exit_code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == schemas()
