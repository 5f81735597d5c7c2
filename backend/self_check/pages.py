"""The enterprise's own door: a self-check without an account.

What was answered travels with the form and back. No address holds a figure, nothing is stored, nothing is logged.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, UploadFile

from backend.clock import today
from backend.self_check import explaining
from backend.self_check.checking import Section, SelfCheck
from backend.self_check.entries import Entry, Taken, entry, field_options, name_of, take
from backend.self_check.growth import growth_path
from backend.self_check.hints import hints
from backend.self_check.report import pdf, report
from backend.self_check.sheet import LARGEST_FILE, Sheet, UnreadableSheet, load
from backend.self_check.targets import UnknownTarget, choices, target
from backend.self_check.what_if import WhatIf, changes_in, fields_to_try, try_out
from backend.web.errors import Refusal
from backend.web.public_work import SmallPublicPost
from backend.web.responses import download, redirect
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.explanation import explain, in_words
from rules.facts import read_date
from rules.library import library
from rules.questions import Question
from rules.translation import marked, say
from rules.values import FactKey
from rules.wording import beside_figure

router = APIRouter(prefix="/check")
_TITLE: Final = marked("资格自测")
#: Programmes explained in full on one page; the others are a click away.
_MOST_EXPLAINED = 2


class NoSheet(Refusal):
    """The page was opened without the answers that travel with the form."""

    status = 400
    slug = "no-sheet"
    title = marked("没有收到填写的内容")

    def __init__(self) -> None:
        super().__init__(say("这一步要从自测页面进入。请从“资格自测”重新开始，或载入您保存的文件。"))


async def _form(request: Request, _: SmallPublicPost) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_form)]


@router.get("", response_class=HTMLResponse)
async def start(request: Request, programme: str = "") -> HTMLResponse:
    """Choose what to check, or load a saved file."""
    return _start(request, programme)


async def begin_again(request: Request) -> Response:
    """A step asked for by its address, as after a bookmark: the answers are not in it, so one begins again."""
    return redirect(request, "/check")


for _step_name in ("begin", "question", "form", "answer", "try", "save", "load", "report", "report.pdf"):
    router.add_api_route(f"/{_step_name}", begin_again, methods=["GET"])


@router.post("/begin", response_class=HTMLResponse)
async def begin(request: Request, form: Posted) -> HTMLResponse:
    """An empty sheet for what was chosen, and the first question or the whole form."""
    wanted, day = _text(form, "target"), _text(form, "as_of")
    if is_said_again(request):
        return _start(request, wanted, day)
    try:
        chosen = target(wanted, library())
        as_of = read_date(day) if day else today()
    except UnknownTarget as error:
        return _start(request, wanted, day, [{"field": "target", "message": str(error)}])
    except ValueError as error:
        return _start(request, wanted, day, [{"field": "as_of", "message": say("测评日期{problem}。", problem=error)}])
    check = SelfCheck(Sheet(chosen.id, as_of), library())
    return _whole_form(request, check) if "whole" in form else _question(request, check)


@router.post("/question", response_class=HTMLResponse)
async def question(request: Request, form: Posted) -> HTMLResponse:
    """Take one answer, and ask what settles most of what is still open; the answer where nothing is."""
    sheet, taken = _take(form)
    asked = _keys_in(_text(form, "asked"))
    if is_said_again(request):
        return _question(request, SelfCheck(taken.sheet, library()), taken, asked)
    if "decline" in form:
        return _question(request, SelfCheck(sheet.without(asked), library()))
    check = SelfCheck(taken.sheet, library())
    if taken.errors:
        return _question(request, check, taken, asked)
    if asked and all(taken.sheet.value(key) is None for key in asked):
        nothing = say("请填写后再继续；不清楚或暂时没有数据的，选“不清楚，先跳过”。")
        return _question(request, check, Taken(sheet, {name_of(asked[0]): nothing}), asked)
    return _question(request, check)


@router.post("/form", response_class=HTMLResponse)
async def whole_form(request: Request, form: Posted) -> HTMLResponse:
    """Everything that is read, to be filled in any order."""
    _, taken = _take(form)
    return _whole_form(request, SelfCheck(taken.sheet, library()), taken)


@router.post("/answer", response_class=HTMLResponse)
async def answer(request: Request, form: Posted) -> HTMLResponse:
    """What it comes to: each programme with reasons, what would settle it, what would mend it."""
    _, taken = _take(form)
    check = SelfCheck(taken.sheet, library())
    if taken.errors:
        return _whole_form(request, check, taken)
    return _answer(request, check, _text(form, "show"))


@router.post("/try", response_class=HTMLResponse)
async def try_changes(request: Request, form: Posted) -> HTMLResponse:
    """What would flip; nothing is taken over."""
    sheet, _ = _take(form, only_state=True)
    check = SelfCheck(sheet, library())
    changes = _fields(form)
    if remedy := _text(form, "remedy"):
        changes = [*(one for one in changes if one[0] not in dict(changes_in(remedy))), *changes_in(remedy)]
    trial = try_out(check, changes, library())
    if request.headers.get("hx-request") == "true":
        return render(request, "self_check/answer.html", "trial", trial=trial, trial_state=_line(trial))
    return _answer(request, check, _text(form, "show"), trial)


@router.post("/save")
async def save(request: Request, form: Posted) -> Response:
    """The answers as a file; `tidu check` answers it as it stands."""
    _, taken = _take(form)
    if taken.errors:
        return _whole_form(request, SelfCheck(taken.sheet, library()), taken)
    line = taken.sheet.as_line(library()) + "\n"
    return download(line.encode(), say("自测数据_{day}.json", day=taken.sheet.as_of), "application/json")


@router.post("/load", response_class=HTMLResponse)
async def load_file(request: Request, form: Posted) -> HTMLResponse:
    """A saved file opened again; what of it cannot be taken is told entry by entry."""
    sent = form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return _start(request, errors=[{"field": "file", "message": say("请先选择自测时保存的文件（.json）。")}])
    content = await sent.read(LARGEST_FILE + 1)
    try:
        loaded = load(content.decode("utf-8"), library(), today())
    except UnicodeDecodeError:
        wrong = say("文件不是 UTF-8 编码的文本。请选择自测页面保存的 .json 文件；用记事本改过的，请另存为 UTF-8 编码。")
        return _start(request, errors=[{"field": "file", "message": wrong}])
    except UnreadableSheet as error:
        return _start(request, errors=[{"field": "file", "message": str(error)}])
    return _whole_form(request, SelfCheck(loaded.sheet, library()), problems=loaded.problems, is_loaded=True)


@router.post("/report", response_class=HTMLResponse)
async def report_page(request: Request, form: Posted) -> HTMLResponse:
    """The report for printing."""
    sheet, _ = _take(form, only_state=True)
    check = SelfCheck(sheet, library())
    content = report(check, _text(form, "show"), today(), library())
    return render(
        request, "self_check/report.html",
        **_step(check, content["title"], report=content, show=_text(form, "show")),
    )  # fmt: skip


@router.post("/report.pdf")
async def report_file(request: Request, form: Posted) -> Response:
    """The report as a PDF of two pages."""
    sheet, _ = _take(form, only_state=True)
    content = report(SelfCheck(sheet, library()), _text(form, "show"), today(), library())
    # Typesetting takes a core for a while; others are answered meanwhile.
    made = await asyncio.to_thread(pdf, content)
    return download(made, say("资格自测报告_{day}.pdf", day=sheet.as_of), "application/pdf")


# What comes in ---------------------------------------------------------------------------------------


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _fields(form: FormData) -> list[tuple[str, str]]:
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def _take(form: FormData, *, only_state: bool = False) -> tuple[Sheet, Taken]:
    """The sheet as it came back, and with what was typed laid over it."""
    state = _text(form, "state")
    if not state:
        raise NoSheet
    sheet = load(state, library(), today()).sheet
    return sheet, Taken(sheet) if only_state else take(_fields(form), sheet, library())


def _keys_in(written: str) -> list[FactKey]:
    found: list[FactKey] = []
    for one in written.split():
        name, _, year = one.removeprefix("f.").partition(".")
        if name in library().catalogue.by_name and (not year or year.isdecimal()):
            found.append(FactKey(name, int(year) if year else None))
    return found


# Pages -----------------------------------------------------------------------------------------------


def _start(
    request: Request, wanted: str = "", as_of: str = "", errors: Sequence[Mapping[str, str]] = ()
) -> HTMLResponse:
    return render(
        request, "self_check/start.html", page_title=say(_TITLE), choices=choices(library()), wanted=wanted or "all",
        as_of=as_of or today().isoformat(), errors=errors, status_code=422 if errors else 200,
    )  # fmt: skip


def _step(check: SelfCheck, title: str, **more: Any) -> dict[str, Any]:
    """What every step's template is given."""
    trail = [(say(_TITLE), "/check"), (check.target.name, None)]
    line = check.sheet.as_line(library())
    return {
        "page_title": title,
        "breadcrumb": trail,
        "check": check,
        "state": line,
        "field_options": field_options,
    } | more


def _question(
    request: Request, check: SelfCheck, taken: Taken | None = None, asked: Sequence[FactKey] = ()
) -> HTMLResponse:
    rules = library()
    again = (
        Question(rules.catalogue.by_name[asked[0].indicator], _years(asked), 0) if taken is not None and asked else None
    )
    next_one = again or check.question
    if next_one is None:
        return _answer(request, check)
    entries = [entry(key, check.sheet, rules, taken) for key in next_one.keys]
    context = _step(
        check, next_one.indicator.name, question=next_one, entries=entries,
        asked=" ".join(name_of(key) for key in next_one.keys), waiting=check.waiting(next_one),
        answered=_answered(check), errors=_errors(taken), hints=hints(Taken(check.sheet), check.facts, rules),
    )  # fmt: skip
    wrong = taken is not None and taken.errors
    return render(request, "self_check/question.html", status_code=422 if wrong else 200, **context)


def _years(keys: Sequence[FactKey]) -> tuple[int, ...]:
    return tuple(key.year for key in keys if key.year is not None)


def _errors(taken: Taken | None) -> list[dict[str, str]]:
    return [{"field": name, "message": text} for name, text in taken.errors.items()] if taken is not None else []


def _answered(check: SelfCheck) -> list[dict[str, Any]]:
    """What was answered, for reading over."""
    rules = library()
    known = set(check.facts.keys())
    return [
        {
            "name": explaining.fact_name(key, rules),
            "value": in_words(check.facts.get(key), rules.catalogue.by_name[key.indicator]),
            "unit": beside_figure(entry(key, check.sheet, rules).unit),
        }
        for key in check.answered()
        if key in known
    ]


def _whole_form(
    request: Request,
    check: SelfCheck,
    taken: Taken | None = None,
    problems: Sequence[str] = (),
    *,
    is_loaded: bool = False,
) -> HTMLResponse:
    rules = library()
    sections = [_section(one, check.sheet, taken) for one in check.sections()]
    context = _step(
        check, say("填写企业数据"), sections=sections, problems=problems, is_loaded=is_loaded, errors=_errors(taken),
        hints=hints(Taken(check.sheet), check.facts, rules), choices=choices(rules),
    )  # fmt: skip
    wrong = taken is not None and taken.errors
    return render(request, "self_check/form.html", status_code=422 if wrong else 200, **context)


def _section(section: Section, sheet: Sheet, taken: Taken | None) -> dict[str, Any]:
    entries: list[Entry] = [entry(key, sheet, library(), taken) for key in section.keys]
    rows: dict[str, dict[int, Entry]] = {}
    for one in entries:
        if one.key.year is not None:
            rows.setdefault(one.indicator.id, {})[one.key.year] = one
    return {"title": section.title, "entries": entries, "years": section.years, "rows": list(rows.values())}


def _answer(request: Request, check: SelfCheck, show: str = "", trial: WhatIf | None = None) -> HTMLResponse:
    rules = library()
    shown = [one for one in check.by_nearness if one.version.source.programme == show]
    shown = shown or check.by_nearness[:_MOST_EXPLAINED]
    explained = [
        {
            "answer": one, "reasons": explain(one, rules), "unmet": explaining.unmet(one, check.facts, rules),
            "settling": explaining.settling(one, check.facts, rules, check.sheet.declined),
            "together": explaining.together(one, check.facts, rules),
        }
        for one in shown
    ]  # fmt: skip
    context = _step(
        check, say("自测结果"), explained=explained, trial=trial, trial_state=_line(trial), show=show, fact_name=_fact_name,
        hints=hints(Taken(check.sheet), check.facts, rules), path=growth_path(check.facts, check.sheet.as_of, rules),
        # A trial stays in its fields, so that one can go on from there.
        fields=[
            entry(key, trial.sheet if trial else check.sheet, rules, trial.taken if trial else None)
            for key in fields_to_try(check, shown if show else check.by_nearness)
        ],
    )  # fmt: skip
    return render(request, "self_check/answer.html", **context)


def _line(trial: WhatIf | None) -> str:
    return trial.sheet.as_line(library()) if trial is not None else ""


def _fact_name(key: FactKey) -> str:
    return explaining.fact_name(key, library())
