"""What the OpenAPI says of every address alike: how it is refused. Pages are not in it."""

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


def describe_refusals(app: FastAPI) -> None:
    """Let the OpenAPI tell how any operation is refused, instead of the framework's own form, which is never sent."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema is not None
        schema = described()
        if not known:
            for operations in schema.get("paths", {}).values():
                for operation in operations.values():
                    _describe(operation["responses"])
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
