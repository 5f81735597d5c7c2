"""JSON in which decimals stay exact: the standard encoder writes every number that is no integer as a binary float."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

#: `json.dumps` makes an encoder for each value that it is not to escape.
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


class WrittenOut:
    """What knows itself how it is written, without being taken apart."""

    @property
    def as_json(self) -> str:
        """The value as `exact_json` would write it."""
        raise NotImplementedError


def exact_json(value: Any) -> str:
    """A value as JSON, decimals digit for digit, days in ISO form."""
    if isinstance(value, WrittenOut):
        return value.as_json
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    if isinstance(value, Mapping):
        members = (f"{_name(str(name))}: {exact_json(one)}" for name, one in value.items())  # type: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return "{" + ", ".join(members) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(exact_json(one) for one in value) + "]"
    return _encode(value)


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    """A member's name as JSON; millions of filings have the same few hundred of them."""
    return json.dumps(name, ensure_ascii=False)
