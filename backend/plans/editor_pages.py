"""Pages on which staff add a plan or revise one: its head, its targets one by one or by workbook, its versions."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import needs_second_person
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.labels import CITIES
from backend.plans import plan_book, versions
from backend.plans.asking import XLSX, plan_asked
from backend.plans.documents import findings_on
from backend.plans.knowing import KNOWING
from backend.plans.permissions import CityOfficer
from backend.plans.proposing import CHANGE, propose_version
from backend.plans.schemas import BadQuestion, day_of
from backend.plans.territory import territory_of
from backend.plans.versions import Document
from backend.subregisters.sheets import SheetRefused, Trouble
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.plan import Plan, Status, TargetClass

router = APIRouter(dependencies=[KNOWING])
_STATUSES = [(one.value, one.label) for one in Status]
_PROPOSED = "已提交，由另一人在“待确认”里确认后成为新的一版；在此之前现行版不变。"
#: Fields of the head that are text as they stand.
_TEXTS = ("title", "status_note", "number", "issuer", "lead_body", "bodies_note")
#: How long one of them may be.
_MOST_CHARACTERS = 300


class HeadWrong(BadQuestion):
    """A field of a plan's head cannot be read."""


def _territories() -> list[tuple[str, str]]:
    cities = [territory_of(f"{city}00") for city in CITIES]
    return [(place.code, place.name) for city in cities for place in (city, *map(_as_territory, city.districts))]


def _as_territory(district: Any) -> Any:
    return territory_of(district.code)


def _head_of(document: Document) -> dict[str, str]:
    """A plan's head as the fields of its form."""
    plain = versions.plain_document(document)
    return {
        **{name: str(plain.get(name) or "") for name in _TEXTS},
        "status": str(plain.get("status") or Status.DRAFT.value),
        "issued_on": str(plain.get("issued_on") or ""),
        "horizon": "、".join(str(year) for year in plain.get("horizon", [])),
        "territory": str((plain.get("territory") or {}).get("code", "")),
        "remarks": "\n".join(str(one) for one in plain.get("remarks", [])),
    }  # fmt: skip


def _with_head(document: Document, typed: dict[str, str]) -> Document:
    """A document with the head that was typed.

    Raises:
        HeadWrong: a year or a day cannot be read.
    """
    found: Document = {**document}
    for name in _TEXTS:
        found[name] = typed.get(name, "").strip()
        if len(found[name]) > _MOST_CHARACTERS:
            raise HeadWrong(f"“{found[name][:20]}……”有 {len(found[name])} 个字，最多 {_MOST_CHARACTERS} 个字，请精简。")
    if not found["title"]:
        raise HeadWrong("请填写规划名称。")
    found["status"] = typed.get("status") or Status.DRAFT.value
    years = [one for one in typed.get("horizon", "").replace("，", "、").replace(",", "、").split("、") if one.strip()]
    if not years or not all(one.strip().isdecimal() and 2000 <= int(one) <= 2100 for one in years):
        raise HeadWrong(f"目标年写的是“{typed.get('horizon', '')}”，请填四位年份，多个用顿号分开，如 2027、2030。")
    found["horizon"] = [int(one) for one in years]
    issued_on: date | None = day_of(typed.get("issued_on"), "印发日期")
    found.pop("issued_on", None)
    if issued_on is not None:
        found["issued_on"] = issued_on
    code = typed.get("territory", "")
    if code not in dict(_territories()):
        raise HeadWrong("请选择规划的适用范围（市或市（区））。")
    found["territory"] = {"code": code, "name": territory_of(code).name}
    found["remarks"] = [one.strip() for one in typed.get("remarks", "").splitlines() if one.strip()]
    return found


def _countable(plan: Plan) -> list[tuple[str, int]]:
    """How many of a plan's targets can be counted at once, and how the others come about."""
    return [
        (kind.label, many)
        for kind in TargetClass
        if (many := sum(1 for one in plan.targets if one.target_class is kind))
    ]


# --- A new plan ------------------------------------------------------------------------------------------


@router.get("/plans/new", response_class=HTMLResponse)
async def new_plan(request: Request, session: Work, person: CityOfficer) -> HTMLResponse:
    """The form for a new plan."""
    return _new_page(request, {"status": Status.DRAFT.value, "horizon": str(today().year + 1)})


def _new_page(request: Request, typed: dict[str, str], problems: list[str] | None = None) -> HTMLResponse:
    return render(
        request, "plans/new.html", status_code=422 if problems else 200, page_title="新增规划",
        breadcrumb=[("规划目标", "/plans"), ("新增规划", None)], typed=typed, problems=problems or [], statuses=_STATUSES,
        territories=_territories(),
    )  # fmt: skip


@router.get("/plans/targets.xlsx")
async def empty_targets(person: CityOfficer) -> Response:
    """An empty workbook for a plan's targets."""
    content = plan_book.write_sheet("目标", "规划目标，一行一项", plan_book.COLUMNS, [])
    return download(content, "规划目标-空表.xlsx", XLSX)


@router.post("/plans/new", response_class=HTMLResponse)
async def add_plan(
    request: Request, session: Work, person: CityOfficer, file: Annotated[UploadFile, File()]
) -> Response:
    """Take in a new plan: its head and a workbook of its targets."""
    typed = {name: str(value) for name, value in (await request.form()).items() if isinstance(value, str)}
    plan_id = await versions.next_plan_id(session)
    try:
        document = _with_head({"id": plan_id, "targets": []}, typed)
        read = await _read(file, plan_id)
        if read.troubles:
            return _new_page(request, typed, [one.text for one in read.troubles])
        document["targets"] = read.targets
        if needs_second_person(request, CHANGE):
            await propose_version(session, document, based_on=None, note=_noted("新增", read), person_id=person.id)
            return redirect(request, "/proposals?done=proposed")
        await versions.keep(session, document, based_on=None, note=_noted("新增", read), recorded_by=person.id)
    except versions.PlanInvalid as problem:
        return _new_page(request, typed, problem.problems)
    except (HeadWrong, BadQuestion, SheetRefused) as problem:
        return _new_page(request, typed, [str(problem)])
    return redirect(request, f"/plans/{plan_id}/edit")


async def _read(file: UploadFile, plan_id: str, before: Document | None = None) -> plan_book.TargetsRead:
    content, name = await file.read(), file.filename or "上传的文件"
    return await to_thread.run_sync(plan_book.read_targets, content, name, plan_id, before)


def _noted(note: str, read: plan_book.TargetsRead) -> str:
    """The version's note, with what of the workbook was not read: the page of versions shows it."""
    return f"{note}（{read.remarks}）" if read.remarks else note


# --- Revising --------------------------------------------------------------------------------------------


@router.get("/plans/{plan_id}/edit", response_class=HTMLResponse)
async def edit_plan(request: Request, session: Work, person: CityOfficer, plan_id: str, done: str = "") -> HTMLResponse:
    """A plan to be revised: its head, its targets, its versions, and what of it can be counted."""
    return await _edit_page(request, session, plan_asked(plan_id, person), done=done)


async def _edit_page(
    request: Request,
    session: AsyncSession,
    plan: Plan,
    typed: dict[str, str] | None = None,
    problems: list[str] | None = None,
    done: str = "",
    status: int = 422,
) -> HTMLResponse:
    number, document = await versions.document_of(session, plan.id)
    return render(
        request, "plans/editor.html", status_code=status if problems else 200, page_title=f"修订：{plan.title}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("修订", None)], plan=plan, number=number,
        typed=typed or _head_of(document), problems=problems or [], statuses=_STATUSES, territories=_territories(),
        known=await versions.versions_of(session, plan.id), countable=_countable(plan), findings=findings_on(plan),
        messages=[("good", _PROPOSED)] if done == "proposed" else [],
    )  # fmt: skip


#: What shows the form again with what was typed, if a document is not kept: problems, and the status of the answer.
Again = Callable[[list[str], int], Awaitable[Response]]
_STILL_HERE = "您填的内容仍保留在下面，再保存即以您的为准。"


async def _keep(
    request: Request,
    session: AsyncSession,
    person: PersonSignedIn,
    plan: Plan,
    document: Document,
    typed: dict[str, str],
    again: Again | None = None,
) -> Response:
    """Keep a changed document, or show what was typed again with what is wrong: by default in the editor."""
    try:
        based_on = int(typed.get("based_on", ""))
    except ValueError:
        based_on = -1
    note = typed.get("version_note", "")
    try:
        if needs_second_person(request, CHANGE):
            await propose_version(session, document, based_on=based_on, note=note, person_id=person.id)
            return redirect(request, f"/plans/{plan.id}/edit?done=proposed")
        await versions.keep(session, document, based_on=based_on, note=note, recorded_by=person.id)
    except versions.PlanInvalid as problem:
        problems, status = problem.problems, problem.status
    except versions.PlanMeanwhile as problem:
        problems, status = [f"{problem}{_STILL_HERE if again else ''}"], problem.status
    else:
        return redirect(request, f"/plans/{plan.id}/edit")
    if again is not None:
        return await again(problems, status)
    return await _edit_page(request, session, plan, problems=problems, status=status)


@router.post("/plans/{plan_id}/edit", response_class=HTMLResponse)
async def revise_head(request: Request, session: Work, person: CityOfficer, plan_id: str) -> Response:
    """Take in a plan's head."""
    plan = plan_asked(plan_id, person)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    _, document = await versions.document_of(session, plan.id)
    try:
        changed = _with_head(document, typed)
    except (HeadWrong, BadQuestion) as problem:
        return await _edit_page(request, session, plan, typed, [str(problem)])

    async def again(problems: list[str], status: int) -> Response:
        return await _edit_page(request, session, plan, typed, problems, status=status)

    return await _keep(request, session, person, plan, changed, typed, again)


@router.get("/plans/{plan_id}/targets.xlsx")
async def targets_file(session: Work, person: CityOfficer, plan_id: str) -> Response:
    """A plan's targets as a workbook."""
    plan = plan_asked(plan_id, person)
    return download(plan_book.targets_workbook(plan), f"{plan.id}-目标.xlsx", XLSX)


@router.post("/plans/{plan_id}/edit/targets", response_class=HTMLResponse)
async def revise_targets(
    request: Request,
    session: Work,
    person: CityOfficer,
    plan_id: str,
    file: Annotated[UploadFile, File()],
    based_on: Annotated[str, Form()] = "",
    version_note: Annotated[str, Form()] = "",
) -> Response:
    """Take in a workbook of all targets; one that is left out is no longer a target."""
    plan = plan_asked(plan_id, person)
    _, document = await versions.document_of(session, plan.id)
    try:
        read = await _read(file, plan.id, document)
    except SheetRefused as problem:
        return await _edit_page(request, session, plan, problems=[str(problem)])
    if read.troubles:
        return await _edit_page(request, session, plan, problems=[one.text for one in read.troubles])
    typed = {"based_on": based_on, "version_note": _noted(version_note or "用表格修订目标", read)}
    return await _keep(request, session, person, plan, {**document, "targets": read.targets}, typed)


# --- One target ------------------------------------------------------------------------------------------


@router.get("/plans/{plan_id}/edit/targets/{target_id}", response_class=HTMLResponse)
async def edit_target(
    request: Request, session: Work, person: CityOfficer, plan_id: str, target_id: str
) -> HTMLResponse:
    """The form for one target; `new` is a further one."""
    plan = plan_asked(plan_id, person)
    target = plan.by_id.get(target_id)
    if target is None and target_id != "new":
        raise NotFound(f"{plan.named}没有目标 {target_id}。")
    typed = plan_book.form_of(target) if target is not None else {"op": ">=", "basis": "stock"}
    return await _target_page(request, session, plan, target_id, typed, [])


async def _target_page(
    request: Request,
    session: AsyncSession,
    plan: Plan,
    target_id: str,
    typed: dict[str, str],
    troubles: list[Trouble],
    status: int = 422,
) -> HTMLResponse:
    number, _ = await versions.document_of(session, plan.id)
    return render(
        request, "plans/target_form.html", status_code=status if troubles else 200, page_title="新增目标" if target_id == "new" else f"修订目标 {target_id}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("修订", f"/plans/{plan.id}/edit"), (target_id, None)],
        plan=plan, target_id=target_id, typed=typed, number=typed.get("based_on", number), ops=list(plan_book.OPS.items()),
        bases=list(plan_book.BASES.items()), numerators=list(plan_book.NUMERATORS.items()), soft_words=list(plan_book.SOFT_WORDS.items()),
        errors=[{"field": one.column, "message": f"{one.value}{'：' if one.value else ''}{one.reason}"} for one in troubles],
        error_of={one.column: one.reason for one in troubles},
    )  # fmt: skip


@router.post("/plans/{plan_id}/edit/targets/{target_id}", response_class=HTMLResponse)
async def revise_target(request: Request, session: Work, person: CityOfficer, plan_id: str, target_id: str) -> Response:
    """Take in one target, or take one out."""
    plan = plan_asked(plan_id, person)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    _, document = await versions.document_of(session, plan.id)
    targets: list[dict[str, Any]] = list(document["targets"])
    if typed.get("remove"):
        rest = [one for one in targets if one["id"] != target_id]
        note = {**typed, "version_note": typed.get("version_note") or f"删去目标 {target_id}"}
        return await _keep(request, session, person, plan, {**document, "targets": rest}, note)
    line = plan_book.line_of_form({**typed, "id": "" if target_id == "new" else target_id})
    if isinstance(line, list):
        return await _target_page(request, session, plan, target_id, typed, line)
    standing = {one["id"]: one for one in targets}
    made = plan_book.target_of(line, plan.id, _next_number(standing), standing)
    if isinstance(made, Trouble):
        return await _target_page(request, session, plan, target_id, typed, [made])
    changed = [made if one["id"] == made["id"] else one for one in targets]
    if made["id"] not in standing:
        changed.append(made)
    note = {**typed, "version_note": typed.get("version_note") or f"修订目标 {made['id']}"}

    async def again(problems: list[str], status: int) -> Response:
        # Of a version that came in between the form now knows.
        kept = {name: value for name, value in typed.items() if status == 422 or name != "based_on"}
        return await _target_page(
            request, session, plan, target_id, kept, [Trouble(0, "", "", one) for one in problems], status
        )

    return await _keep(request, session, person, plan, {**document, "targets": changed}, note, again)


def _next_number(standing: dict[str, dict[str, Any]]) -> int:
    numbers = [int(name.partition("-")[2]) for name in standing if name.partition("-")[2].isdecimal()]
    return max(numbers, default=0) + 1


# --- Versions --------------------------------------------------------------------------------------------


@router.get("/plans/{plan_id}/versions/{number}", response_class=HTMLResponse)
async def version(request: Request, session: Work, person: CityOfficer, plan_id: str, number: int) -> HTMLResponse:
    """A version, with what differs from how the plan stands now."""
    plan = plan_asked(plan_id, person)
    old = await versions.version_named(session, plan.id, number)
    known = await versions.versions_of(session, plan.id)
    names = list(dict.fromkeys((*old.by_id, *plan.by_id)))
    differing = [
        (name, old.by_id.get(name), plan.by_id.get(name))
        for name in names
        if old.by_id.get(name) != plan.by_id.get(name)
    ]
    return render(
        request, "plans/version.html", page_title=f"{old.title}（第 {number} 版）",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("修订", f"/plans/{plan.id}/edit"), (f"第 {number} 版", None)],
        plan=plan, old=old, number=number, latest=known[0].number, differing=differing,
    )  # fmt: skip


@router.post("/plans/{plan_id}/versions/{number}", response_class=HTMLResponse)
async def restore(
    request: Request,
    session: Work,
    person: CityOfficer,
    plan_id: str,
    number: int,
    based_on: Annotated[str, Form()] = "",
) -> Response:
    """Let an old version stand again, as a new one."""
    plan = plan_asked(plan_id, person)
    _, document = await versions.document_of(session, plan.id, number)
    typed = {"based_on": based_on, "version_note": f"恢复第 {number} 版"}
    return await _keep(request, session, person, plan, document, typed)
