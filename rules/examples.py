"""Worked examples: for each version an invented enterprise that meets it as far as figures can, ready to be changed.

`examples.yaml` is drawn from the legal cases (`tests/rules/cases`), which do not travel with the program;
`python -m tests.rules.write_examples` writes it anew, and a test says when that is needed.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from rules.programme import Version, read_yaml

EXAMPLES_FILE = Path(__file__).with_name("examples.yaml")


def example(version: Version) -> Mapping[str, Any] | None:
    """The request of a version's example: `{"programme", "as_of", "facts"}`; None where the version asks nothing."""
    held = _examples().get(version.id)
    if held is None:
        return None
    facts = json.loads(held["facts"], parse_float=Decimal)
    return {"programme": version.id, "as_of": str(held["as_of"]), "facts": facts}


@cache
def _examples() -> Mapping[str, Mapping[str, Any]]:
    return read_yaml(EXAMPLES_FILE)
