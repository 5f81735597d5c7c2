"""What the OpenAPI says of bodies that the routes read themselves, with limits of their own."""

from typing import Any, Final

from fastapi import FastAPI
from pydantic import TypeAdapter

from backend.exchange.bodies import MOST_ITEMS

_REF: Final = "#/components/schemas/{model}"
_EXAMPLES: Final[dict[str, Any]] = {
    "FilingItem": {"id": "row 17", "credit_code": "91321283DEM000014X", "year": 2025, "values": {"operating_revenue": 3000.25}},
    "RecognitionItem": {
        "id": "GR202532000001", "credit_code": "91321283DEM000014X", "programme": "hnte", "granted_on": "2025-11-19",
        "number": "GR202532000001",
    },
    "EventItem": {
        "id": "scjg-2026-0001873", "type": "renamed", "credit_code": "91321283DEM000014X", "on": "2026-05-28",
        "name": "泰州云岚生物医药有限公司",
    },
}  # fmt: skip
#: Schemas of the bodies by name: partners' generators make one type of each.
_SCHEMAS: Final[dict[str, Any]] = {}


def body_of(name: str, kind: Any) -> dict[str, Any]:
    """The part of an operation's description that speaks of its body: one item, or up to 1,000, under a key."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REF)
    _SCHEMAS.update(schema.pop("$defs", {}))
    _SCHEMAS[name] = schema
    item = {"$ref": _REF.format(model=name)}
    many = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ITEMS}
    examples = {"one": {"value": _EXAMPLES[name]}, "many": {"value": [_EXAMPLES[name]]}}
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 257}}
    content = {"application/json": {"schema": {"oneOf": [item, many]}, "examples": examples}}
    return {
        "parameters": [key | {"description": "同一键的请求只做一次，一天内重发得到同样的应答。"}],
        "requestBody": {"required": True, "content": content},
    }


def describe_bodies(app: FastAPI) -> None:
    """Let the application's OpenAPI hold the schemas that the operations refer to."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        schema.setdefault("components", {}).setdefault("schemas", {}).update(_SCHEMAS)
        return schema

    app.openapi = openapi
