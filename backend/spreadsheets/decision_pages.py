"""Doubtful rows of a list beside the enterprises that they may mean: a person says which, or that it is a new one."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.clock import today
from backend.database.session import reached, unit_of_work
from backend.enterprises.credit_code import normalise
from backend.enterprises.labels import Names
from backend.spreadsheets.deciding import (
    Bulk,
    Decision,
    DecisionRefused,
    Said,
    choices_of,
    claim_rest,
    decide,
    decide_rest,
    take_back_last,
)
from backend.spreadsheets.decision_queries import VIEWS, decision_counts, doubtful_rows, find_by_code, waiting_rows
from backend.spreadsheets.keeping import claim
from backend.spreadsheets.running import check, write_decided
from backend.spreadsheets.starting import found_run, patiently, run_of
from backend.spreadsheets.workbook import WorkbookError
from backend.web.dependencies import CurrentSettings, Engine, Work, scope_of
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()


@router.get("/imports/waiting", response_class=HTMLResponse)
async def waiting(request: Request, session: Work, person: Officer, page: int = 1) -> HTMLResponse:
    """The work list: rows of all imports that nobody has said of which enterprise they are."""
    return render(
        request, "imports/waiting.html", page_title="待确认的名单行", breadcrumb=[("导入", "/imports"), ("待确认", None)],
        found=await waiting_rows(session, page), names=Names(library()),
    )  # fmt: skip


@router.get("/imports/{import_id}/decisions", response_class=HTMLResponse)
async def decisions(
    request: Request, session: Work, person: Officer, import_id: int, view: str = "", page: int = 1, done: str = ""
) -> HTMLResponse:
    """The doubtful rows of an import, each beside its candidates."""
    return await _page(request, session, import_id, view, page, message=("good", _told(done)) if done else None)


async def _page(
    request: Request, session: AsyncSession, import_id: int, view: str, page: int, *,
    message: tuple[str, str] | None = None, status: int = 200,
) -> HTMLResponse:  # fmt: skip
    run = await found_run(session, import_id)
    counts = await decision_counts(session, import_id)
    chosen = view if view in VIEWS else next((one for one in VIEWS if counts[one]), "open")
    found = await doubtful_rows(session, import_id, chosen, page)
    return render(
        request, "imports/decisions.html", status_code=status, page_title="确认对应的企业",
        breadcrumb=[("导入", "/imports"), (run["file_name"], f"/imports/{import_id}"), ("确认企业", None)],
        run=run, counts=counts, found=found, view=chosen, views=VIEWS, names=Names(library()), on=today(),
        is_carried_out=run["committed_at"] is not None, is_open=run["status"] in _OPEN,
        messages=[message] if message and message[1] else [],
    )  # fmt: skip


#: While an import stands so, something can be said of its rows.
_OPEN = ("checked", "committed", "committed_in_part")


def _told(done: str) -> str:
    what, _, count = done.partition("-")
    number = int(count) if count.isdecimal() and len(count) < 9 else 0
    return {
        "saved": f"已记下 {number:,} 行的确认。", "undone": f"已撤销 {number:,} 行的确认。", "carried": "已按确认结果处理。",
    }.get(what, "")  # fmt: skip


@router.post("/imports/{import_id}/decisions")
async def say(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Keep what was said of the rows of a page; rows left open stay so."""
    await found_run(session, import_id)
    entered = {name: str(value) for name, value in (await request.form()).items()}
    view, page = entered.get("view", ""), entered.get("page", "1")
    try:
        said = [await _decision(session, name, entered) for name in entered if name.startswith("said:")]
        count = await decide(session, import_id, said, person.id)
    except DecisionRefused as refusal:
        number = int(page) if page.isdecimal() and len(page) < 7 else 1
        return await _page(request, session, import_id, view, number, message=("bad", str(refusal)), status=422)
    return _back(request, import_id, view, f"saved-{count}")


async def _decision(session: AsyncSession, name: str, entered: Mapping[str, str]) -> Decision:
    place = json.loads(name.removeprefix("said:"))
    sheet, row = str(place[0]), int(place[1])
    what, _, number = entered[name].partition(":")
    if what == "code":
        code = normalise(entered.get(f"code:{name.removeprefix('said:')}", ""))
        enterprise_id = await find_by_code(session, code) if code else None
        if enterprise_id is None:
            raise DecisionRefused(
                f"“{sheet}”第 {row} 行：没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码；本次没有保存。"
            )
        return Decision(sheet, row, Said.MATCH, enterprise_id)
    if what == Said.MATCH and number.isdecimal() and len(number) < 19:
        return Decision(sheet, row, Said.MATCH, int(number))
    return Decision(sheet, row, Said.NEW if what == Said.NEW else Said.WAIT)


@router.post("/imports/{import_id}/decisions/rest")
async def say_of_rest(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Say the same of all rows that are open: confirm the obvious, register whom nobody is like, or let them wait."""
    await found_run(session, import_id)
    what = str((await request.form()).get("what", ""))
    if what not in list(Bulk):
        raise DecisionRefused("没有这种批量操作。请回到确认页面，重新选择。")
    count = await decide_rest(session, import_id, Bulk(what), person.id)
    return _back(request, import_id, "", f"saved-{count}")


@router.post("/imports/{import_id}/decisions/undo")
async def take_back(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Undo what was said last."""
    await found_run(session, import_id)
    return _back(request, import_id, "", f"undone-{await take_back_last(session, import_id)}")


def _back(request: Request, import_id: int, view: str, done: str) -> Response:
    kept = f"view={view}&" if view in VIEWS else ""
    return redirect(request, f"/imports/{import_id}/decisions?{kept}done={done}")


@router.post("/imports/{import_id}/decisions/carry-out")
async def carry_out(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Let what was said count: before an import is carried out in a new dry run, afterwards in the registry."""
    run = await run_of(session, person, settings, import_id)
    found = await found_run(session, import_id)
    choices = await choices_of(session, import_id)
    if found["committed_at"] is None:
        async with reached(unit_of_work(engine, scope_of(person))) as own:
            await claim(own, import_id, "checking", run.entered)
        with suppress(WorkbookError):
            await patiently(check(engine, settings, run))
        return redirect(request, f"/imports/{import_id}")
    if not choices:
        raise DecisionRefused("还没有确认过的行可以导入。请先逐行选择是哪家企业，或登记为新企业。")
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim_rest(own, import_id)
    decided = replace(run, importer=replace(run.importer, choices=choices))
    await patiently(write_decided(engine, settings, decided))
    return redirect(request, f"/imports/{import_id}")


def shown_titles(said: Mapping[str, Any]) -> str:
    """What a row says of titles, in one line."""
    names = Names(library())
    lines = [
        " ".join(
            part
            for part in (names.programme(one["programme"]), one["event"], one["dated_on"], one["batch"], one["number"])
            if part
        )
        for one in said["titles"]
    ]
    return "；".join(lines)
