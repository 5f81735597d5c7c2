"""Requests made up out of the OpenAPI by schemathesis, always the same ones, with things that really exist put in.

    for made in made_up(app.openapi(), 5):
        answer = await client.request(**made.sent(known))
        assert not made.faults(answer)

They are made up before any is sent, so that each can be sent in every role. What a generator makes up hardly ever names
something that exists: `known` says for the names of parameters and fields what does, and most requests get it; a few
get something odd instead.
"""

import copy
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
import schemathesis
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import JsonSchemaError, UndefinedContentType, UndefinedStatusCode
from schemathesis.schemas import APIOperation

from backend.web.templates import TEMPLATES

Known = Mapping[str, Sequence[Any]]
Case = schemathesis.Case[Any]
#: What programs trip over: numbers that fit into no column, text that PostgreSQL cannot hold, other shapes.
ODD: Final = (
    "", " ", "0", "-1", "9223372036854775807", "9223372036854775808", "2147483648", "9" * 40, "1e400", "NaN", "Infinity",
    "\x00", "a\x00b", "\ufffe", "\U0010ffff", "%", "_", "\\", "'", "\"", "<b>", "{{1}}", "../..", "null", "true", "[]", "{}",
    "2026-02-30", "0001-01-01", "9999-12-31", "甲" * 3000, "\u202e", "١٢٣", "²", "1_000", " 1 ", "１２", "+1", "1.0", "*",
)  # fmt: skip
_LIKELY: Final = 0.75
_ODD: Final = 0.15


@dataclass(frozen=True)
class Made:
    """A request that was made up: the `number`th for its operation."""

    case: Case
    number: int

    @property
    def name(self) -> str:
        """`GET /api/v1/enterprises/{code}`"""
        return self.case.operation.label

    def sent(self, known: Known, *, aimed: bool = False) -> dict[str, Any]:
        """The request as httpx takes it; `aimed` puts in what is known wherever it can, and nothing odd."""
        luck = _Luck(f"{self.name} {self.number}", aimed=aimed)
        path = self.case.operation.path
        for name, value in (self.case.path_parameters or {}).items():
            chosen = _chosen(name.partition(":")[0], unquote(str(value)), known, luck)
            # An empty part, or dots, would make another address of it.
            path = path.replace(f"{{{name}}}", quote(str(chosen), safe="").replace(".", "%2E") or "%20")
        asked = [(name, _chosen(name, value, known, luck)) for name, value in dict(self.case.query or {}).items()]
        headers = {name: _header(str(value)) for name, value in dict(self.case.headers or {}).items()}
        if aimed or luck.random() < _LIKELY:
            headers["If-Match"] = "*"
        return {
            "method": self.case.method, "url": path, "headers": headers,
            "params": [(name, _text(value)) for name, value in asked if value is not None], **self._body(known, luck),
        }  # fmt: skip

    def _body(self, known: Known, luck: "_Luck") -> dict[str, Any]:
        body: Any = self.case.body
        if self.case.media_type is None and self.case.method == "POST":
            # A page that reads its form itself says nothing of its fields; some of those that forms have will do.
            names = luck.sample(form_fields(), 12)
            return {"data": {name: _text(_chosen(name, "x", known, luck)) for name in names}}
        if self.case.media_type is None or not isinstance(body, dict | list | str | int | float | bool | None):
            return {}
        body = _filled(body, known, luck)
        if self.case.media_type == "application/json":
            return {"json": body}
        fields: dict[str, Any] = body if isinstance(body, dict) else {}
        if self.case.media_type == "multipart/form-data":
            return {"files": {name: ("台账.xlsx", _text(value).encode()) for name, value in fields.items()}}
        return {"data": {name: _text(value) for name, value in fields.items()}}

    def faults(self, answer: httpx.Response) -> list[str]:
        """In what the answer is not as the OpenAPI says."""
        try:
            self.case.validate_response(answer)
        except FailureGroup as found:
            told = [one for one in found.exceptions if isinstance(one, _BREACHES)]
            return [f"{type(one).__name__}: {one}" for one in told]
        return []


_BREACHES: Final = (UndefinedStatusCode, UndefinedContentType, JsonSchemaError)


def made_up(schema: Mapping[str, Any], many: int, *, malformed: bool = False) -> Iterator[Made]:
    """So many requests for every operation, as the schema wants them; with `malformed` as many more that it does not."""
    loaded = schemathesis.openapi.from_dict(copy.deepcopy(dict(schema)))
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if malformed else [])]
    for found in loaded.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        operation = found.ok()
        cases = [case for mode in modes for case in _drawn(operation, mode, many)]
        yield from (Made(case, number) for number, case in enumerate(cases))


def _drawn(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, many: int) -> list[Case]:
    cases: list[Case] = []

    @seed(20261122)
    @settings(
        max_examples=many,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        cases.append(data.draw(operation.as_strategy(generation_mode=mode)))

    try:
        draw()
    except Unsatisfiable:
        # Nothing can be wrong about an operation that takes nothing.
        assert mode is GenerationMode.NEGATIVE
    return cases


def openapi_of(routes: Iterable[APIRoute]) -> dict[str, Any]:
    """An OpenAPI of pages, which the service itself does not give out: their addresses and forms."""
    shown = [copy.copy(route) for route in routes]
    for route in shown:
        route.include_in_schema = True
    return get_openapi(title="pages", version="1", routes=shown)


@cache
def form_fields() -> list[str]:
    """The names of all fields of all forms."""
    written = (path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html"))
    return sorted({name for page in written for name in re.findall(r'\bname="([a-z_][\w.]*)"', page)})


class _Luck(random.Random):
    """The same for the same request; `is_aimed` leaves nothing to it but which of what is known."""

    def __init__(self, about: str, *, aimed: bool) -> None:
        super().__init__(zlib.crc32(about.encode()))
        self.is_aimed = aimed


def _chosen(name: str, value: Any, known: Known, luck: _Luck) -> Any:
    if luck.is_aimed:
        return luck.choice(known[name]) if name in known else value
    drawn = luck.random()
    if name in known and drawn < _LIKELY:
        return luck.choice(known[name])
    return luck.choice(ODD) if drawn > 1 - _ODD else value


def _filled(body: Any, known: Known, luck: _Luck) -> Any:
    if isinstance(body, list):
        return [_filled(one, known, luck) for one in body]
    if isinstance(body, dict):
        return {name: _filled(_chosen(name, value, known, luck), known, luck) for name, value in body.items()}
    return body


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _header(text: str) -> str:
    return "".join(sign for sign in text if " " < sign < "\x7f")
