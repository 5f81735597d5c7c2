"""What the OpenAPI says of every address alike: how it is refused, and by which headers a change is kept safe.

Pages are not in it.
"""

import re
from typing import Any, Final

from fastapi import FastAPI

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 1}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457: what cannot be, where, and what to do next, in Chinese. Further members name what is wrong.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT, "title": _TEXT, "status": {"type": "integer", "minimum": 400, "maximum": 599}, "detail": _TEXT,
        "instance": _TEXT, "trace_id": {**_TEXT, "description": "The log tells the rest under this number."},
        "errors": {"type": "array", "items": {"type": "object", "required": ["detail"], "properties": {
            "pointer": {**_TEXT, "description": "RFC 6901: where in the body; empty for all of it. For a parameter, /query/… or /path/…."},
            "parameter": {**_TEXT, "description": "The parameter of the address that is meant."},
            "header": {**_TEXT, "description": "The header that is meant."},
            "code": _TEXT, "detail": {**_TEXT, "description": "What is wrong and what is allowed."},
            "remedy": {**_TEXT, "description": "What to do."},
            "line": _COUNT, "column": {**_COUNT, "description": "In characters."},
            "offset": {"type": "integer", "minimum": 0, "description": "In bytes, from the beginning of the body."},
        }}},
    },
}  # fmt: skip
_REFUSED: Final = {
    "description": "Refused: the request is malformed, or what it asks for may or can not be.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_AWAY: Final = {**_REFUSED, "description": "The database does not answer; nothing was saved."}


#: What an operation's own words say of it, where it asks for the state that the sender saw, or tells it.
_ASKS_FOR_STATE: Final = re.compile(r"\bIf-Match (?:names|as)\b")
_IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match", "in": "header", "required": True, "schema": {**_TEXT, "minLength": 1},
    "description": "The ETag that was read: a change of anything else is refused with 412, one without it with 428.",
    "example": '"5d41402abc4b2a76b9719d91"',
}  # fmt: skip
_ETAG: Final[dict[str, Any]] = {"description": "Names the state that was read, for If-Match.", "schema": _TEXT}


def describe_refusals(app: FastAPI) -> None:
    """Let the OpenAPI tell how any operation is refused, instead of the framework's own form, which is never sent."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema is not None
        schema = described()
        if not known:
            for operations in schema.get("paths", {}).values():
                for method, operation in operations.items():
                    _describe(operation["responses"])
                    _describe_state(operation, method)
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _PROBLEM
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        return schema

    app.openapi = openapi


def _describe(responses: dict[str, Any]) -> None:
    for status in [one for one in responses if one.startswith(("4", "5"))]:
        # What a route says of its own refusals stays, where it says more than that there are some.
        content = responses[status].get("content", {})
        if not content or "HTTPValidationError" in str(content):
            del responses[status]
    responses["4XX"] = _REFUSED
    responses["503"] = _AWAY


def _describe_state(operation: dict[str, Any], method: str) -> None:
    """The headers by which nobody overwrites what another one has written meanwhile (`rest.demand_match`)."""
    words = operation.get("description", "")
    if method == "get" and "ETag" in words:
        operation["responses"]["200"].setdefault("headers", {})["ETag"] = _ETAG
    if method != "get" and _ASKS_FOR_STATE.search(words):
        operation.setdefault("parameters", []).append(_IF_MATCH)
