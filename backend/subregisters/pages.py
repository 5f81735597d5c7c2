"""Pages of the sub-registers: all of them, the entries of one, one entry with its past, workbooks out and in."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.labels import region_choices
from backend.enterprises.regions import Regions
from backend.plans.schemas import day_of
from backend.spreadsheets.cells import CellProblem, read_date, read_number
from backend.subregisters import queries, service
from backend.subregisters.entries_book import EntriesTaken, entries_workbook, take_entries
from backend.subregisters.schemas import EVALUATIONS, FEN_PER_WAN, LEVELS, STATES, Draft, Entry, register_named
from backend.subregisters.sheets import SheetRefused
from backend.web.dependencies import Work
from backend.web.errors import Forbidden
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.plan import Register

router = APIRouter()
ENTRIES_A_PAGE = 50


class ListAsked(BaseModel):
    """The query string of a register's list."""

    type: str = ""
    level: str = ""
    region: str = ""
    q: str = ""
    state: str = "standing"
    on: str = ""
    page: int = 1

    @property
    def filter(self) -> queries.Filter:
        return queries.Filter(self.type, self.level, self.region, self.q, self.state)

    @property
    def day(self) -> date:
        """Raises BadQuestion."""
        return day_of(self.on, "截至日") or today()

    def query(self, **more: Any) -> str:
        """The same question again, perhaps with more to it."""
        said = {name: value for name, value in self.model_dump().items() if name != "page" and value != "standing"}
        return urlencode({name: value for name, value in {**said, **more}.items() if value})


Asking = Annotated[ListAsked, Query()]


class EntryForm(BaseModel):
    """An entry as it stands in the form: text, so that what is wrong comes back as it was written."""

    type: str = ""
    level: str = ""
    name: str = ""
    number: str = ""
    region_code: str = ""
    park: str = ""
    host: str = ""
    amount: str = ""
    starts_on: str = ""
    ends_on: str = ""
    evaluation: str = ""
    note: str = ""


Errors = dict[str, str]


@router.get("/registers", response_class=HTMLResponse)
async def registers(request: Request, session: Work, person: SignedIn, on: str = "") -> HTMLResponse:
    """Every sub-register: how much stands in it, and whether it is said to be complete."""
    day = day_of(on, "截至日") or today()
    return render(
        request, "subregisters/registers.html", page_title="分类台账", breadcrumb=[("规划目标", "/plans"), ("分类台账", None)],
        kept=await queries.all_registers(session, day), on=day,
    )  # fmt: skip


@router.get("/registers/{register_id}", response_class=HTMLResponse)
async def register(request: Request, session: Work, person: SignedIn, register_id: str, asked: Asking) -> HTMLResponse:
    """The entries of a register."""
    return await _list_page(request, session, person, register_named(register_id), asked)


async def _list_page(
    request: Request,
    session: AsyncSession,
    person: PersonSignedIn,
    found: Register,
    asked: ListAsked,
    taken: EntriesTaken | None = None,
    refused: str = "",
    status_code: int = 200,
) -> HTMLResponse:
    page = max(asked.page, 1)
    listed = await queries.entries(
        session, found, asked.filter, asked.day, limit=ENTRIES_A_PAGE, offset=(page - 1) * ENTRIES_A_PAGE
    )
    return render(
        request, "subregisters/register.html", status_code=status_code, page_title=f"台账：{found.name}",
        breadcrumb=[("规划目标", "/plans"), ("分类台账", "/registers"), (found.name, None)], register=found, asked=asked, listed=listed,
        page=page, pages=-(-listed.total // ENTRIES_A_PAGE), levels=list(LEVELS.items()), states=_STATES, regions=region_choices(person),
        types=list(found.types.items()), on=asked.day, state_names=STATES, taken=taken, refused=refused, may_write=person.role.may_write,
        may_declare=person.role.may_write and not person.region_code,
        declared=(await queries.declarations(session)).get(found.id),
    )  # fmt: skip


_STATES = [("standing", "截至日有效"), ("ended", "已终止"), ("withdrawn", "已撤回"), ("all", "全部（不含撤回）")]


@router.get("/registers/{register_id}/entries.xlsx")
async def entries_file(session: Work, person: SignedIn, register_id: str, asked: Asking, empty: str = "") -> Response:
    """The entries as a workbook that can be handed in again, or an empty form."""
    found = register_named(register_id)
    rows = () if empty else (await queries.entries(session, found, asked.filter, asked.day)).rows
    title = f"{found.name}台账 截至 {asked.day} 共 {len(rows)} 条"
    return download(entries_workbook(found, rows, title), f"{found.name}台账-{asked.day:%Y%m%d}.xlsx")


@router.post("/registers/{register_id}/import", response_class=HTMLResponse)
async def take_in(
    request: Request,
    session: Work,
    person: Officer,
    register_id: str,
    file: Annotated[UploadFile, File()],
    trial: Annotated[str, Form()] = "",
) -> Response:
    """Take in a workbook: all of its lines, or none and what is wrong with them."""
    found = register_named(register_id)
    try:
        taken = await take_entries(
            session, found, await file.read(), file.filename or "上传的文件", today=today(), own_region=person.region_code,
            recorded_by=person.id, is_trial=bool(trial),
        )  # fmt: skip
    except SheetRefused as problem:
        return await _list_page(request, session, person, found, ListAsked(), refused=str(problem), status_code=422)
    return await _list_page(
        request, session, person, found, ListAsked(), taken, status_code=422 if taken.troubles else 200
    )


@router.post("/registers/{register_id}/complete", response_class=HTMLResponse)
async def declare(
    request: Request,
    session: Work,
    person: Officer,
    register_id: str,
    complete_on: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """Say that the register is complete up to a day."""
    found = register_named(register_id)
    if person.region_code:
        raise Forbidden("台账是否完整由市级声明，您的账号不能操作。")
    day = day_of(complete_on, "完整截至日") or today()
    await service.declare_complete(session, found, day, note, today=today(), recorded_by=person.id)
    return redirect(request, f"/registers/{found.id}")


# --- One entry -------------------------------------------------------------------------------------------


@router.get("/registers/{register_id}/new", response_class=HTMLResponse)
async def new_entry(request: Request, person: Officer, register_id: str) -> HTMLResponse:
    """The form for a new entry."""
    found = register_named(register_id)
    return _form_page(request, found, person, EntryForm(region_code=person.region_code), {}, "新增", None)


@router.post("/registers/{register_id}/new", response_class=HTMLResponse)
async def enter(
    request: Request, session: Work, person: Officer, register_id: str, form: Annotated[EntryForm, Form()]
) -> Response:
    """Enter a new thing, or show the form again with what is wrong."""
    found = register_named(register_id)
    draft, errors = await _draft(session, found, form, person)
    if draft is not None:
        try:
            number = await service.enter(session, found, draft, today=today(), recorded_by=person.id)
        except service.EntryRefused as problem:
            errors = {problem.field: str(problem)}
        else:
            return redirect(request, f"/registers/{found.id}/entries/{number}")
    return _form_page(request, found, person, form, errors, "新增", None)


@router.get("/registers/{register_id}/entries/{entry_id}", response_class=HTMLResponse)
async def entry(request: Request, session: Work, person: SignedIn, register_id: str, entry_id: int) -> HTMLResponse:
    """One entry with all that was ever said of the thing."""
    found = register_named(register_id)
    row = await queries.entry_named(session, found, entry_id)
    history = await queries.history_of(session, row.thing_id)
    stands = row.superseded_at is None and not row.is_withdrawn
    may_write = (
        person.role.may_write and stands and (not person.region_code or person.region_code == row.draft.region_code)
    )
    return render(
        request, "subregisters/entry.html", page_title=row.draft.name,
        breadcrumb=[("分类台账", "/registers"), (found.name, f"/registers/{found.id}"), (row.draft.name, None)],
        register=found, entry=row, history=history, state=STATES[row.state_on(today())], may_write=may_write,
        evaluations=EVALUATIONS, newer=next((one for one in history if one.superseded_at is None), None),
    )  # fmt: skip


@router.get("/registers/{register_id}/entries/{entry_id}/{verb}", response_class=HTMLResponse)
async def change_form(
    request: Request, session: Work, person: Officer, register_id: str, entry_id: int, verb: str
) -> HTMLResponse:
    """The form to correct or to promote an entry."""
    found = register_named(register_id)
    row = await queries.entry_named(session, found, entry_id)
    form = _form_of(row)
    if verb == "promote":
        form = form.model_copy(update={"level": "", "number": "", "starts_on": "", "ends_on": "", "note": ""})
    return _form_page(request, found, person, form, {}, _VERBS.get(verb, "更正"), row)


_VERBS = {"revise": "更正", "promote": "升级"}


@router.post("/registers/{register_id}/entries/{entry_id}/withdraw", response_class=HTMLResponse)
async def withdraw(
    request: Request,
    session: Work,
    person: Officer,
    register_id: str,
    entry_id: int,
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Take back an entry that should never have been made."""
    found = register_named(register_id)
    number = await service.withdraw(session, found, entry_id, reason, recorded_by=person.id)
    return redirect(request, f"/registers/{found.id}/entries/{number}")


@router.post("/registers/{register_id}/entries/{entry_id}/{verb}", response_class=HTMLResponse)
async def change(
    request: Request,
    session: Work,
    person: Officer,
    register_id: str,
    entry_id: int,
    verb: str,
    form: Annotated[EntryForm, Form()],
) -> Response:
    """Correct or promote an entry, or show the form again with what is wrong."""
    found = register_named(register_id)
    row = await queries.entry_named(session, found, entry_id)
    draft, errors = await _draft(session, found, form, person)
    if draft is not None:
        write = service.promote if verb == "promote" else service.revise
        try:
            number = await write(session, found, entry_id, draft, today=today(), recorded_by=person.id)
        except service.EntryRefused as problem:
            errors = {problem.field: str(problem)}
        else:
            return redirect(request, f"/registers/{found.id}/entries/{number}")
    return _form_page(request, found, person, form, errors, _VERBS.get(verb, "更正"), row)


def _form_of(entry: Entry) -> EntryForm:
    said = entry.draft.model_dump(exclude={"enterprise_id", "host_name", "amount"})
    amount = "" if entry.draft.amount is None else f"{Decimal(entry.draft.amount) / FEN_PER_WAN:f}"
    return EntryForm(
        **{name: "" if value is None else str(value) for name, value in said.items()},
        host=entry.credit_code or entry.host, amount=amount,
    )  # fmt: skip


def _form_page(
    request: Request,
    register: Register,
    person: PersonSignedIn,
    form: EntryForm,
    errors: Errors,
    verb: str,
    entry: Entry | None,
) -> HTMLResponse:
    action = f"/registers/{register.id}/" + (
        "new" if entry is None else f"entries/{entry.id}/{'promote' if verb == '升级' else 'revise'}"
    )
    return render(
        request, "subregisters/entry_form.html", status_code=422 if errors else 200, page_title=f"{verb}：{entry.draft.name if entry else register.name}",
        breadcrumb=[("分类台账", "/registers"), (register.name, f"/registers/{register.id}"), (verb, None)], register=register,
        entry=entry, form=form, verb=verb, action=action, errors=[{"field": name, "message": told} for name, told in errors.items()],
        error_of=errors, types=list(register.types.items()), levels=list(LEVELS.items()), evaluations=list(EVALUATIONS.items()),
        regions=region_choices(person),
    )  # fmt: skip


async def _draft(
    session: AsyncSession, register: Register, form: EntryForm, person: PersonSignedIn
) -> tuple[Draft | None, Errors]:
    errors: Errors = {}
    days = {name: _day(getattr(form, name), name, errors) for name in ("starts_on", "ends_on")}
    amount = _fen(form.amount, errors)
    region = person.region_code or form.region_code
    if Regions.load().find(region) is None:
        errors["region_code"] = "请选择所在市（区）。"
    host = form.host.strip()
    code = host.upper() if len(host) == 18 and host.isascii() else ""
    number, problem = await queries.host_of(session, code, "" if code else host)
    if problem:
        errors["host"] = problem
    if errors:
        return None, errors
    said = form.model_dump(exclude={"host", "amount", "starts_on", "ends_on", "region_code"})
    linked = {"region_code": region, "enterprise_id": number, "host_name": "" if number else host, "amount": amount}
    draft = Draft.model_validate(said | linked | days)
    return draft, {}


def _day(written: str, field: str, errors: Errors) -> date | None:
    try:
        found = read_date(written)
    except CellProblem as problem:
        errors[field] = f"填的是“{written}”，{problem.remedy}。"
        return None
    if found is not None and found.day is None:
        errors[field] = f"填的是“{written}”，请写明年月日，如 2025-11-18。"
    return None if found is None else found.day


def _fen(written: str, errors: Errors) -> int | None:
    try:
        amount = read_number(written)
    except CellProblem as problem:
        errors["amount"] = f"填的是“{written}”，{problem.remedy}。"
        return None
    if amount is None:
        return None
    fen = amount * FEN_PER_WAN
    if fen != fen.to_integral_value():
        errors["amount"] = f"填的是“{written}”，最多六位小数（到分）。"
        return None
    return int(fen)
