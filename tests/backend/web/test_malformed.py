"""What is malformed in a request is told with what was sent, where, what is allowed and what to do."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest
from fastapi import Body, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, Field

from backend.web.errors import install_error_handlers
from rules.translation import speaking


class Thing(BaseModel):
    """Something that is sent."""

    size: Annotated[int, Field(gt=0)] = 1
    names: Annotated[list[Annotated[str, Field(min_length=2)]], Field(max_length=2)] = []
    password: Annotated[str, Field(max_length=3)] = ""


def service() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/api/v1/asked")
    async def asked(
        share: Annotated[float, Query(ge=0, le=1)] = 0, at: datetime | None = None, on: date | None = None, is_all: bool = False,
        op: Literal["<", ">="] = "<", code: Annotated[str, Query(pattern=r"^\d{6}$")] = "321202", least: Annotated[int, Query(ge=3)] = 3,
    ) -> None: ...  # fmt: skip

    @app.post("/api/v1/sent")
    async def sent(things: Annotated[list[Thing], Body()]) -> None: ...

    return app


ASKED = [
    ("share=1.5", "share", "“share”应在 0 至 1 之间，实为“1.5”。"), ("share=half", "share", "“share”应为数字，在 0 至 1 之间，实为“half”。"),
    ("least=1", "least", "“least”应不小于 3，实为“1”。"), ("on=31.1.2026", "on", "“on”应为日期，如 2026-01-31，实为“31.1.2026”。"),
    ("at=noon", "at", "“at”应为时刻，如 2026-01-31T09:30:00+08:00，实为“noon”。"), ("is_all=perhaps", "is_all", "“is_all”应为 true 或 false，实为“perhaps”。"),
    ("op=!", "op", "“op”应为 <、>= 之一，实为“!”。"), ("code=12", "code", r"“code”应符合格式 ^\d{6}$。"),
    ("least=" + "9" * 50 + "x", "least", "“least”应为整数，不小于 3。"),
]  # fmt: skip
SENT: list[tuple[Any, str, str]] = [
    ([{"size": 0}], "/0/size", "“size”应大于 0，实为“0”。"), ([{}, 7], "/1", "应为对象"), ({"a": 1}, "", "应为数组"),
    ([{"names": ["甲乙", "丙"]}], "/0/names/1", "“names”应至少有 2 个字，实为“丙”。"), ([{"names": ["甲乙"] * 3}], "/0/names", "不超过 2 项"),
    ([{"password": "secret"}], "/0/password", "“password”应不超过 3 个字。"),
]  # fmt: skip


async def errors(method: str, path: str, **given: Any) -> list[dict[str, Any]]:
    async with AsyncClient(transport=ASGITransport(service()), base_url="http://test") as http:
        answer = await http.request(method, path, **given)
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()["errors"]


@pytest.mark.parametrize(("query", "name", "detail"), ASKED, ids=[one[0][:12] for one in ASKED])
async def test_a_parameter_is_told_with_what_it_may_be(query: str, name: str, detail: str):
    (error,) = await errors("GET", f"/api/v1/asked?{query}")
    assert (error["parameter"], error["pointer"], error["detail"]) == (name, f"/query/{name}", detail)
    assert name in error["remedy"]


@pytest.mark.parametrize(("content", "pointer", "detail"), SENT, ids=[one[1] or "all" for one in SENT])
async def test_a_place_of_the_body_is_told_by_its_pointer(content: Any, pointer: str, detail: str):
    (error,) = await errors("POST", "/api/v1/sent", json=content)
    assert (error["pointer"], detail in error["detail"]) == (pointer, True), error
    assert error["remedy"] and "secret" not in str(error)


async def test_what_is_no_json_is_told_by_line_column_and_offset():
    (error,) = await errors(
        "POST", "/api/v1/sent", content='[\n {"名": x}]'.encode(), headers={"Content-Type": "application/json"}
    )
    assert {name: error[name] for name in ("pointer", "line", "column", "offset")} == {
        "pointer": "", "line": 2, "column": 8, "offset": 11,
    }  # fmt: skip


async def test_every_word_is_there_in_english_too():
    from backend.web.malformed import told_of_each

    problem = RequestValidationError(
        [{"type": "less_than_equal", "loc": ("query", "limit"), "msg": "x", "input": "9", "ctx": {"le": 5}}]
    )
    with speaking("en"):
        (error,) = told_of_each(problem, None)
    assert error["detail"].isascii() or "“" in error["detail"]
    assert "limit" in error["detail"] and "应" not in error["detail"] + error["remedy"]


async def test_half_a_character_is_told_like_anything_else_that_is_malformed():
    sent = b'[{"names": ["\\ud800\\ud800"], "\\udfff": 1, "size": "\\ud800"}]'
    told = await errors("POST", "/api/v1/sent", content=sent, headers={"Content-Type": "application/json"})
    assert "/0/names/0" in [one["pointer"] for one in told]
