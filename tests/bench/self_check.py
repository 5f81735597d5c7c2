"""The enterprise's own door: questions, answers, reports, explorer pages and checks by REST, without the network."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from httpx import AsyncClient, Response

from backend.database.engine import make_engine
from backend.main import create_app
from backend.settings import Settings
from backend.web.public_work import WorkLimit
from rules.cases import baseline
from rules.library import library
from tests.backend.web_client import anonymous_client
from tests.bench.figure import Figure, percentile

ON = "2026-07-15"
CASES = Path(__file__).parents[1] / "rules" / "cases"
#: None of these pages asks a database anything.
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
ANSWER_MS, QUESTION_MS, EXPLORER_MS, PDF_MS = 150, 100, 100, 2000
#: 200 checks a second on two cores.
CHECKS, CHECKS_MS = 1_000, 5_000
TARGETS = ("hnte", "srdi_sme", "tech_sme", "innovative_sme", "all", "rung:srdi")


def figures() -> Iterator[Figure]:
    """What whoever checks an enterprise waits for."""
    taken = asyncio.run(_measure())
    for name, goal in (
        ("self-check, next question", QUESTION_MS), ("self-check, answer", ANSWER_MS), ("explorer page", EXPLORER_MS),
        ("report as PDF", PDF_MS),
    ):  # fmt: skip
        yield Figure(f"{name}, p50", percentile(taken[name], 50), "ms")
        yield Figure(f"{name}, p95", percentile(taken[name], 95), "ms", goal)
    yield Figure(f"{CHECKS} checks by REST in one request", percentile(taken["checks"], 50), "ms", CHECKS_MS)


async def _measure() -> dict[str, list[float]]:
    app = create_app(Settings(public_requests_a_minute=1_000_000), make_engine(NOWHERE))
    app.state.work_limit = WorkLimit(per_minute=1_000_000)
    async with anonymous_client(app) as client:
        facts = _facts()
        return {
            "self-check, next question": await _questions(client, facts),
            "self-check, answer": await _times(_posts(client, "/check/answer", facts), 2),
            "explorer page": await _times(_pages(client), 1),
            "report as PDF": await _times(_posts(client, "/check/report.pdf", facts), 1),
            "checks": await _times([_checks(client, facts)], 3),
        }


def _facts() -> dict[str, Any]:
    """What an enterprise knows that was asked about everything, and meets nearly all."""
    return {
        name: value
        for version in ("tech_sme@2022", "srdi_sme@2026", "hnte@2016")
        for name, value in baseline(CASES / f"{version}.yaml")["facts"].items()
    } | {"sci_tech_staff": {"2025": 10}}


def _state(target: str, facts: dict[str, Any]) -> dict[str, str]:
    return {"state": json.dumps({"target": target, "as_of": ON, "facts": facts}, ensure_ascii=False)}


async def _questions(client: AsyncClient, facts: dict[str, Any]) -> list[float]:
    """Every question of a walk through each target, the figures given one after the other."""
    taken: list[float] = []
    for _ in range(2):  # the first walk of a process proves what settles what; both are measured
        for target in TARGETS:
            for known in range(0, len(facts), 4):
                given = dict(list(facts.items())[:known])
                taken.append(await _time(client.post("/check/question", data=_state(target, given))))
    return taken


def _posts(client: AsyncClient, path: str, facts: dict[str, Any]) -> list[Callable[[], Awaitable[Response]]]:
    return [lambda target=target: client.post(path, data=_state(target, facts)) for target in TARGETS]


def _pages(client: AsyncClient) -> list[Callable[[], Awaitable[Response]]]:
    paths = [f"/rules/{name}" for name in library().programmes] + ["/rules", "/rules?q=研发费用", "/rules/hnte@2016/H5"]
    return [lambda path=path: client.get(path) for path in paths]


def _checks(client: AsyncClient, facts: dict[str, Any]) -> Callable[[], Awaitable[Response]]:
    one = {"programme": "hnte", "as_of": ON, "facts": facts}
    body = json.dumps([one | {"id": number} for number in range(CHECKS)])
    return lambda: client.post("/api/v1/checks", content=body, headers={"Content-Type": "application/json"})


async def _times(asks: Sequence[Callable[[], Awaitable[Response]]], rounds: int) -> list[float]:
    """Milliseconds of each request, after one of each that warms up."""
    for ask in asks:
        await ask()
    return [await _time(ask()) for _ in range(rounds) for ask in asks]


async def _time(asked: Awaitable[Response]) -> float:
    start = perf_counter()
    answer = await asked
    taken = (perf_counter() - start) * 1000
    if answer.status_code != 200:
        raise AssertionError(f"{answer.url} answered {answer.status_code}")
    return taken
