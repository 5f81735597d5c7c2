"""REST: checks, the rule library, and policy simulations. The same JSON as the command line.

Checks, rules and indicators need no account; without one they are counted by address (`backend.web.public_work`).
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from backend.access.dependencies import Officer
from backend.clock import today
from backend.eligibility.kept import kept_facts_of
from backend.eligibility.simulation import simulate_registry
from backend.web.dependencies import Work
from backend.web.errors import NotFound, Refusal
from backend.web.public_work import PublicPost, spend
from backend.web.responses import FaithfulJson
from rules.answers import answer_line
from rules.library import UnknownProgramme, library
from rules.programme import RuleError
from rules.simulation import Patch
from rules.translation import marked, say

router = APIRouter(tags=["checks"])
MOST_CHECKS: Final = 1_000
_LARGEST: Final = 10_000_000
#: Checks that take about as long as a request by itself.
_CHECKS_A_REQUEST: Final = 25

_CHECK = {
    "id": "A-001", "programme": "hnte", "as_of": "2026-07-15",
    "facts": {
        "established_on": "2018-05-10", "sales_revenue": {"2023": 3000, "2024": 4000, "2025": 4800.5},
        "sci_tech_staff": {"2025": 30}, "employee_total": {"2025": 200}, "hnte_certificates": [],
    },
}  # fmt: skip
_ANSWER = {
    "id": "A-001", "programme": "hnte", "version": "2016", "outcome": "undetermined", "likely": False, "score": None,
    "failed": [], "unknown": ["H0", "H2"], "missing": ["is_resident_enterprise", "ip_class1_count"], "labels": {},
    "warnings": [],
    "criteria": [
        {"id": "H4", "name": "科技人员占比", "form": "require", "outcome": "met", "cite": "认定管理办法 第十一条（四）",
         "certainty": "confirmed", "figure": 15, "op": ">=", "threshold": 10, "gap": None, "unit": "%",
         "facts": {"sci_tech_staff[2025]": 30, "employee_total[2025]": 200}},
    ],
    "receipt": {"rule": "hnte@2016:…", "engine": "1", "as_of": "2026-07-15", "facts": "…"},
}  # fmt: skip
_PATCH = {
    "programme": "hnte", "version": "2016", "note": "科技人员占比降到 8%",
    "set": {"H4": "sci_tech_staff / employee_total >= 8%"}, "as_of": "2026-07-15",
}  # fmt: skip


class TooManyChecks(Refusal):
    """More checks than are answered at once."""

    status = 413
    slug = "too-many-checks"
    title = marked("一次测评太多")

    def __init__(self, count: int) -> None:
        super().__init__(
            say(
                "一次最多 {most:,} 个测评请求，收到 {count:,} 个。请分批提交，本次没有测评。",
                most=MOST_CHECKS,
                count=count,
            )
        )


class NotJson(Refusal):
    """The body is no JSON, or neither a check nor a list of checks."""

    status = 400
    slug = "not-json"
    title = marked("请求不是 JSON")


class WrongPatch(Refusal):
    """The patch cannot be applied; the text says why."""

    status = 422
    slug = "wrong-patch"
    title = "方案有误"


class CheckRequest(BaseModel):
    """One check: facts by indicator id, in the units of the official forms (money in 万元)."""

    id: str | int | None = None
    programme: str = Field(description="A programme, or one pinned to a version: `hnte`, `hnte@2016`.")
    as_of: date
    facts: dict[str, Any]


class SimulationRequest(Patch):
    """A patch as `tidu simulate` takes it, and the day."""

    as_of: date | None = None


_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [
                CheckRequest.model_json_schema(),
                {"type": "array", "maxItems": MOST_CHECKS, "items": {**CheckRequest.model_json_schema(), "title": "OneOfChecks"}},
            ]},
            "examples": {"one": {"value": _CHECK}, "several": {"value": [_CHECK, {**_CHECK, "id": 2, "programme": "tech_sme"}]}},
        }
    },
}  # fmt: skip


async def _public(request: Request) -> None:
    spend(request)


Public = Depends(_public)


@router.post(
    "/checks",
    dependencies=[Depends(PublicPost(_LARGEST))],
    openapi_extra={"requestBody": _BODY},
    responses={200: {"content": {"application/json": {"example": _ANSWER}}}, 400: {}, 413: {}, 429: {}},
)
async def checks(request: Request) -> Response:
    """Answer one check or up to 1,000; each that cannot be answered says why, the others are answered.

    The answers are those of `tidu check`: the text of each check is read the same way, numbers digit for digit.
    """
    text = await _text_of(request)
    if not text.lstrip().startswith("["):
        return FaithfulJson(answer_line(text, library()))
    found = list(_parts(text))
    if len(found) > MOST_CHECKS:
        raise TooManyChecks(len(found))
    spend(request, len(found) / _CHECKS_A_REQUEST)
    # A thousand take a second or more; others are answered meanwhile.
    return FaithfulJson(await asyncio.to_thread(lambda: [answer_line(one, library()) for one in found]))


async def _text_of(request: Request) -> str:
    try:
        return (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(say("请求正文不是 UTF-8 编码的 JSON，请改用 UTF-8 后重试。")) from error


def _parts(text: str) -> Iterator[str]:
    """The elements of a JSON list, each as the text it is written in."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    try:
        place = _after_blanks(text, text.index("[") + 1)
        while text[place] != "]":
            _, end = decoder.raw_decode(text, place)
            yield text[place:end]
            place = _after_blanks(text, end)
            if text[place] == ",":
                place = _after_blanks(text, place + 1)
            elif text[place] != "]":
                raise ValueError(say("第 {place} 个字符处应为逗号或 ]", place=place))
        if text[place + 1 :].strip():
            raise ValueError(say("列表之后还有内容"))
    except (ValueError, IndexError, RecursionError) as error:
        raise NotJson(say("请求正文不是有效的 JSON 列表：{problem}。没有测评任何一条。", problem=error)) from error


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


@router.get("/rules", dependencies=[Public])
async def rules() -> list[dict[str, Any]]:
    """Every programme with its versions."""
    return [
        {
            "programme": name, "name": one.source.name.model_dump(), "rung": one.source.rung, "status": one.source.status,
            "versions": [version.source.version for version in one.versions],
        }
        for name, one in library().programmes.items()
    ]  # fmt: skip


@router.get("/rules/{programme}", dependencies=[Public])
async def rule(programme: str) -> dict[str, Any]:
    """One programme with its versions as the files have them."""
    try:
        held = library().programme(programme)
    except UnknownProgramme as error:
        raise NotFound(str(error)) from error
    return {
        "programme": held.source.model_dump(mode="json"),
        "versions": [version.source.model_dump(mode="json", by_alias=True) for version in held.versions],
    }


@router.get("/indicators", dependencies=[Public])
async def indicators() -> list[dict[str, Any]]:
    """Every indicator of the catalogue."""
    return [one.model_dump(mode="json") for one in library().catalogue.indicators]


@router.post("/simulations")
async def simulations(
    request: Request,
    session: Work,
    officer: Officer,
    asked: Annotated[SimulationRequest, Body(openapi_examples={"one": {"value": _PATCH}})],
) -> dict[str, Any]:
    """Run a version with other thresholds over the registry: who enters, who leaves, and what decided. Nothing is written."""
    patch = Patch.model_validate(asked.model_dump(exclude={"as_of"}))
    try:
        found = await simulate_registry(session, patch, library(), asked.as_of or today(), kept_facts_of(request))
    except (RuleError, UnknownProgramme) as error:
        raise WrongPatch(str(error)) from error
    return found.as_json()
