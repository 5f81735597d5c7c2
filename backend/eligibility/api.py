"""REST: checks and the rule library. The same JSON as the command line."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from backend.access.dependencies import SignedIn
from backend.web.errors import NotFound, Refusal
from rules.answers import CheckError, answer_request
from rules.library import UnknownProgramme, library

router = APIRouter(tags=["checks"])
MOST_CHECKS = 1_000


class TooManyChecks(Refusal):
    """More checks at once than one request answers in good time; none is answered."""

    status = 413
    slug = "too-many-checks"
    title = "一次测评太多"

    def __init__(self, count: int) -> None:
        super().__init__(f"一次最多测评 {MOST_CHECKS:,} 条，这次是 {count:,} 条，均未测评。请分批提交。")


class CheckRequest(BaseModel):
    """One check: facts by indicator id, in the units of the official forms (money in 万元)."""

    id: str | int | None = None
    programme: str = Field(examples=["hnte", "hnte@2016"])
    as_of: str = Field(examples=["2026-07-15"])
    facts: dict[str, Any]


@router.post("/checks")
async def checks(
    person: SignedIn, requests: CheckRequest | list[CheckRequest]
) -> list[dict[str, Any]] | dict[str, Any]:
    """Answer one check or up to 1,000; each that cannot be answered says why, the others are answered."""
    if isinstance(requests, CheckRequest):
        return _answer(requests)
    if len(requests) > MOST_CHECKS:
        raise TooManyChecks(len(requests))
    return [_answer(one) for one in requests]


def _answer(request: CheckRequest) -> dict[str, Any]:
    try:
        return answer_request(request.model_dump(), library())
    except CheckError as error:
        return {"id": request.id, "error": str(error)}


@router.get("/rules")
async def rules(person: SignedIn) -> list[dict[str, Any]]:
    """Every programme with its versions."""
    return [
        {
            "programme": name, "name": one.source.name.model_dump(), "rung": one.source.rung, "status": one.source.status,
            "versions": [version.source.version for version in one.versions],
        }
        for name, one in library().programmes.items()
    ]  # fmt: skip


@router.get("/rules/{programme}")
async def rule(person: SignedIn, programme: str) -> dict[str, Any]:
    """One programme with its versions as the files have them."""
    try:
        held = library().programme(programme)
    except UnknownProgramme as error:
        raise NotFound(str(error)) from error
    return {
        "programme": held.source.model_dump(mode="json"),
        "versions": [version.source.model_dump(mode="json", by_alias=True) for version in held.versions],
    }


@router.get("/indicators")
async def indicators(person: SignedIn) -> list[dict[str, Any]]:
    """Every indicator of the catalogue."""
    return [one.model_dump(mode="json") for one in library().catalogue.indicators]
