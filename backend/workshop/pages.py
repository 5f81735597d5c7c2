"""The policy workshop: change a threshold, and see over the whole registry who enters, who leaves, and what decides."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, UploadFile

from backend.access.dependencies import Officer
from backend.clock import today
from backend.eligibility.kept import kept_facts_of
from backend.web.dependencies import Work
from backend.web.errors import NotFound, Refusal
from backend.web.responses import download
from backend.web.templates import render
from backend.workshop.export import GROUPS, outcomes_workbook
from backend.workshop.scenarios import (
    MOST_SCENARIOS,
    Outcome,
    as_yaml,
    compared,
    patch_of_form,
    read_scenario,
    run_scenarios,
    settings_of,
)
from rules.facts import read_date
from rules.library import NotInForce, UnknownProgramme, library
from rules.programme import RuleError, Version
from rules.simulation import Patch

router = APIRouter(prefix="/workshop")
_TITLE: Final = "政策推演"
#: A patch is some lines; a larger file is another one.
_LARGEST_FILE: Final = 100_000
#: Enterprises listed on the page; the export has all.
MOST_LISTED: Final = 100


class ScenarioWrong(Refusal):
    """What was carried along is no scenario, or cannot be run."""

    status = 422
    slug = "scenario-wrong"
    title = "方案有误"


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except RuleError as error:
        raise ScenarioWrong(str(error)) from error


async def _form(request: Request) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_form)]


@router.get("", response_class=HTMLResponse)
async def workshop(request: Request, officer: Officer, programme: str = "hnte") -> HTMLResponse:
    """Choose a version and change its thresholds, or open scenarios from files."""
    try:
        version = library().version(programme, today())
    except (UnknownProgramme, NotInForce) as error:
        raise NotFound(str(error)) from error
    return _page(request, version, {})


@router.post("/run", response_class=HTMLResponse)
async def run(request: Request, session: Work, officer: Officer, form: Posted) -> HTMLResponse:
    """Run the scenarios over the registry and show them side by side; nothing is written."""
    version = _version(form)
    texts = _texts(form)
    try:
        as_of = _day(form)
        patches = await _patches(form, version)
        outcomes = await run_scenarios(session, patches, library(), as_of, kept_facts_of(request))
    except RuleError as error:
        return _page(request, version, texts, problem=str(error))
    return _page(request, version, texts, outcomes=outcomes)


@router.post("/export")
async def export(request: Request, session: Work, officer: Officer, form: Posted) -> Response:
    """The scenarios compared as a workbook, with every enterprise that enters or leaves."""
    with _told():
        as_of = _day(form)
        patches = [read_scenario(one) for one in _carried(form)[:MOST_SCENARIOS]]
        outcomes = await run_scenarios(session, patches, library(), as_of, kept_facts_of(request))
    return download(outcomes_workbook(outcomes), f"政策推演_{as_of}.xlsx")


@router.post("/save")
async def save(officer: Officer, form: Posted) -> Response:
    """One scenario as a file, for later and for `tidu simulate`."""
    with _told():
        patch = read_scenario(str(form.get("save", "")))
    return download(
        as_yaml(patch).encode(), f"方案_{patch.programme}_{patch.note or patch.version}.yaml", "application/yaml"
    )


def _version(form: FormData) -> Version:
    """Raises NotFound."""
    try:
        return library().version(str(form.get("programme", "")), today())
    except (UnknownProgramme, NotInForce) as error:
        raise NotFound(str(error)) from error


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def _carried(form: FormData) -> list[str]:
    return [value for value in form.getlist("scenario") if isinstance(value, str) and value.strip()]


def _day(form: FormData) -> date:
    """Raises RuleError."""
    written = str(form.get("as_of", ""))
    try:
        return read_date(written) if written else today()
    except ValueError as error:
        raise RuleError(f"测算日{error}。") from error


async def _patches(form: FormData, version: Version) -> list[Patch]:
    """The scenarios of a form: what the fields change, the patch typed, the files, and those that are carried along.

    Raises:
        RuleError: one of them is none, or there is nothing to run.
    """
    texts = _texts(form)
    found: list[Patch] = []
    of_fields = patch_of_form(version, texts, texts.get("note", "").strip()[:60])
    if of_fields.set or of_fields.drop:
        found.append(of_fields)
    if texts.get("patch", "").strip():
        found.append(read_scenario(texts["patch"]))
    for sent in form.getlist("files"):
        if isinstance(sent, UploadFile) and sent.filename:
            content = await sent.read(_LARGEST_FILE + 1)
            try:
                found.append(read_scenario(content.decode("utf-8")[:_LARGEST_FILE]))
            except (UnicodeDecodeError, RuleError) as error:
                raise RuleError(f"文件“{sent.filename}”不是方案：{error}") from error
    found += [read_scenario(one) for one in _carried(form)]
    different = list({as_yaml(one): one for one in found}.values())
    if not different:
        raise RuleError("方案里没有任何改动，请改一个条件或及格线后再测算。")
    if len(different) > MOST_SCENARIOS:
        raise RuleError(f"一次最多比较 {MOST_SCENARIOS} 个方案，现有 {len(different)} 个，请先去掉几个。")
    return different


def _page(
    request: Request, version: Version, texts: dict[str, str], outcomes: Sequence[Outcome] = (), problem: str = ""
) -> HTMLResponse:
    choices = [
        (name, one.source.name.zh)
        for name, one in library().programmes.items()
        if one.source.subject == "enterprise" and any(held.indicators for held in one.versions)
    ]
    context: dict[str, Any] = {
        "version": version, "settings": settings_of(version), "choices": choices, "texts": texts, "outcomes": outcomes,
        "scenarios": [as_yaml(one.patch) for one in outcomes], "as_of": texts.get("as_of") or today().isoformat(),
        "errors": [{"field": "", "message": problem}] if problem else [], "most": MOST_SCENARIOS, "listed": MOST_LISTED,
        "groups": (("region", "市（区）"), ("industry", "行业"), ("size", "规模")),
        "beside": [(title, compared(outcomes, group)) for group, title in GROUPS] if len(outcomes) > 1 else [],
    }  # fmt: skip
    return render(request, "workshop/workshop.html", page_title=_TITLE, status_code=422 if problem else 200, **context)
