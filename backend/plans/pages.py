"""Pages about plans: all of them, one with its targets, one target with the enterprises behind it, reporting a figure."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans import queries, service
from backend.plans.bulletin import (
    DISTRICT_HEADS,
    SECTIONS,
    TARGET_HEADS,
    Bulletin,
    Quarter,
    district_tables,
    last_quarter,
    quarter_of,
    target_table,
    write_texts,
)
from backend.plans.bulletin import bulletin as read_bulletin
from backend.plans.bulletin_files import as_word
from backend.plans.bulletin_files import as_workbook as bulletin_workbook
from backend.plans.documents import findings, findings_on, plan_named, registers, target_named
from backend.plans.export import as_csv, as_workbook, rows_of
from backend.plans.forecast import can_be_forecast
from backend.plans.forecast import forecast as work_out
from backend.plans.progress import LIGHT_RULES, last_quarter_end
from backend.plans.queries import Row, all_reports, concerns, plan_report, programmes_of, titles_of
from backend.plans.rollup import PARTS, members
from backend.plans.schemas import (
    BadQuestion,
    amount_in_words,
    counting_in_words,
    day_of,
    mode_of,
    moment_of,
    number,
    region_name,
)
from backend.plans.sets import is_countable
from backend.plans.territory import territory_of
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.library import library
from rules.plan import (
    CountByFigure,
    CountHolders,
    CountListed,
    CountRegister,
    Institutions,
    Mode,
    Plan,
    Reported,
    ShareOfEnterprises,
    Target,
)

router = APIRouter()

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MEMBERS_A_PAGE = 50
#: How many quarters back a figure can be reported on the page.
QUARTERS_TO_REPORT = 12
BOARDS = {
    "main": "沪深主板", "chinext": "创业板", "star": "科创板", "bse": "北交所", "neeq": "新三板", "overseas": "境外",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What a page about plans is asked: the day, the knowledge, the region."""

    on: date
    known_at: datetime | None
    #: None is the plan's whole territory.
    region: str | None
    written: Mapping[str, str]

    def query(self, **more: Any) -> str:
        """The question as a query string, with more to it; what is empty or None is left out."""
        return urlencode({name: value for name, value in {**self.written, **more}.items() if value})


class BulletinForm(BaseModel):
    """What an officer writes in a bulletin."""

    opening: str = ""
    causes: str = ""
    next_steps: str = ""


def _or_none(written: object) -> object:
    """An empty field of a form is no number."""
    return None if written == "" else written


class Asked(BaseModel):
    """The query string of every page about plans."""

    on: str = ""
    known_at: str = ""
    region: str = ""
    mode: str = ""
    part: str = "counted"
    page: int = 1
    #: What a reader assumes in the forecast: percent of ending titles that come back, newcomers a year.
    renewal: Annotated[float | None, Field(ge=0, le=100), BeforeValidator(_or_none)] = None
    newcomers: Annotated[float | None, Field(ge=0), BeforeValidator(_or_none)] = None


Asking = Annotated[Asked, Query()]


def question_of(asked: Asked, person: PersonSignedIn) -> Question:
    """What is asked, in the bounds of who asks: a district's officer is answered for the own district.

    Raises:
        BadQuestion: a day is none.
    """
    on = day_of(asked.on, "截至日") or today()
    region = person.region_code or asked.region.strip() or None
    written = {"on": asked.on, "known_at": asked.known_at, "region": "" if person.region_code else asked.region}
    return Question(on, moment_of(asked.known_at), region, {name: value for name, value in written.items() if value})


@router.get("/plans", response_class=HTMLResponse)
async def plans(request: Request, session: Work, person: SignedIn, asked: Asking) -> HTMLResponse:
    """All plans: how many of their targets are met, open, behind, not reported."""
    question = question_of(asked, person)
    if question.region is not None and not person.region_code:
        question = Question(question.on, question.known_at, None, {**question.written, "region": ""})
    reports = await all_reports(session, question.on, question.region, question.known_at)
    return render(
        request, "plans/plans.html", page_title="规划目标", reports=reports, asked=question, light_rules=LIGHT_RULES,
        findings=[one for one in findings() if one.agrees is False], others=[one for one in findings() if one.agrees is not False],
        is_future=question.on > today(),
    )  # fmt: skip


@router.get("/plans/{plan_id}", response_class=HTMLResponse)
async def plan(request: Request, session: Work, person: SignedIn, plan_id: str, asked: Asking) -> HTMLResponse:
    """One plan: every target with its value, and the districts."""
    question = question_of(asked, person)
    found = _plan(plan_id, person)
    report = await plan_report(session, found, question.on, question.region, question.known_at)
    return render(
        request, "plans/plan.html", page_title=found.title, breadcrumb=[("规划目标", "/plans"), (found.id, None)],
        plan=found, report=report, asked=question, light_rules=LIGHT_RULES, findings=findings_on(found),
        shown=[row for row in report.rows if not _is_empty(row)], unset=[row for row in report.rows if _is_empty(row)],
        regions=_regions(found, person), by_district=[row for row in report.rows if row.districts],
        is_future=question.on > today(),
    )  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}", response_class=HTMLResponse)
async def target(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """One target: what it means, how it went, by district, and the very enterprises that it counts."""
    question = question_of(asked, person)
    found, wanted = _target(plan_id, target_id, person)
    mode, part = mode_of(wanted, asked.mode), _part(asked.part)
    modes = {wanted.id: mode} if mode is not None else {}
    report = await plan_report(session, found, question.on, question.region, question.known_at, modes, [wanted])
    row = report.rows[0]
    page = max(asked.page, 1)
    listed = await members(
        session, wanted, question.on, region=question.region, known_at=question.known_at, mode=mode, part=part,
        limit=MEMBERS_A_PAGE, offset=(page - 1) * MEMBERS_A_PAGE,
    )  # fmt: skip
    titles = await titles_of(
        session, [one.id for one in listed.rows] if listed else [], wanted, question.on, question.known_at, mode
    )
    return render(
        request, "plans/target.html", page_title=wanted.name,
        breadcrumb=[("规划目标", "/plans"), (found.id, f"/plans/{found.id}?{question.query()}"), (wanted.id, None)],
        plan=found, report=report, row=row, asked=question, definition=_definition(wanted, mode), listed=listed, titles=titles,
        page=page, pages=-(-listed.total // MEMBERS_A_PAGE) if listed else 0, parts=_parts(wanted), part=part, mode=asked.mode,
        region_name=region_name, programme_names=_programme_names(wanted), regions=_regions(found, person), trend_chart=_chart(row),
        districts_chart=_districts_chart(row), findings=[one for one in findings() if wanted.id in one.targets],
        can_forecast=mode is None and can_be_forecast(wanted, question.on),
        revisions=[] if is_countable(wanted) else await queries.revisions_of(session, wanted, _kept_under(found, question.region)),
        can_report=person.role.may_write and not is_countable(wanted) and wanted.count is not None,
        is_future=question.on > today(),
    )  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}/forecast", response_class=HTMLResponse)
async def forecast(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """Where a count will be on the day the target is due, with what the reader assumes."""
    question = question_of(asked, person)
    found, wanted = _target(plan_id, target_id, person)
    territory = queries.region_of_plan(found, question.region)
    outlook = await work_out(
        session, wanted, question.on, region=question.region, known_at=question.known_at,
        renewal=None if asked.renewal is None else asked.renewal / 100, newcomers_a_year=asked.newcomers,
    )  # fmt: skip
    if outlook is None:
        raise NotFound(f"{wanted.id} {wanted.name}不能预测：只预测按有效认定统计、{question.on} 尚未到期的目标。")
    here = f"/plans/{found.id}/targets/{wanted.id}?{question.query()}"
    return render(
        request, "plans/forecast.html", page_title=f"到期预测：{wanted.name}",
        breadcrumb=[("规划目标", "/plans"), (found.id, f"/plans/{found.id}"), (wanted.id, here), ("到期预测", None)],
        plan=found, target=wanted, outlook=outlook, asked=question, territory=territory.name,
    )  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}/members.{kind}")
async def members_file(
    session: Work, person: SignedIn, plan_id: str, target_id: str, kind: str, asked: Asking
) -> Response:
    """The list behind a number, as CSV or as a workbook."""
    question = question_of(asked, person)
    found, wanted = _target(plan_id, target_id, person)
    queries.region_of_plan(found, question.region)
    listed = await members(
        session, wanted, question.on, region=question.region, known_at=question.known_at,
        mode=mode_of(wanted, asked.mode), part=_part(asked.part),
    )  # fmt: skip
    if listed is None or kind not in ("csv", "xlsx"):
        raise NotFound(f"{wanted.id} 没有这样的名单文件。可导出的是由企业名单统计的目标，格式为 csv 或 xlsx。")
    ids = [one.id for one in listed.rows]
    titles = await titles_of(session, ids, wanted, question.on, question.known_at, mode_of(wanted, asked.mode))
    rows = rows_of(listed.rows, titles, _programme_names(wanted))
    name = f"{wanted.id}-{wanted.name}-{question.on:%Y%m%d}.{kind}"
    if kind == "csv":
        return download(as_csv(rows), name, "text/csv; charset=utf-8")
    title = f"{wanted.id} {wanted.name} {territory_of(question.region or wanted.region).name} 截至 {question.on} 共 {listed.total} 家"
    return download(as_workbook(rows, title), name, XLSX)


# --- The quarterly bulletin ------------------------------------------------------------------------------


class BulletinAsked(BaseModel):
    """The query string of a bulletin."""

    quarter: str = ""
    region: str = ""
    known_at: str = ""


@router.get("/plans/{plan_id}/bulletin", response_class=HTMLResponse)
async def bulletin(
    request: Request, session: Work, person: SignedIn, plan_id: str, asked: Annotated[BulletinAsked, Query()]
) -> HTMLResponse:
    """The bulletin of a quarter, to read, to print and to add words to."""
    content = await _bulletin(session, person, plan_id, asked)
    chosen = {
        "quarter": content.quarter.code,
        "region": "" if person.region_code else asked.region,
        "known_at": asked.known_at,
    }
    return render(
        request, "plans/bulletin.html", page_title=content.title,
        breadcrumb=[("规划目标", "/plans"), (content.plan.id, f"/plans/{content.plan.id}"), ("季度通报", None)],
        content=content, sections=SECTIONS, target_heads=TARGET_HEADS, targets=target_table(content), district_heads=DISTRICT_HEADS,
        districts=district_tables(content), quarters=_quarters(content.quarter), regions=_regions(content.plan, person), asked=chosen,
        query=urlencode({name: value for name, value in chosen.items() if value}), may_write=person.role.may_write,
    )  # fmt: skip


@router.get("/plans/{plan_id}/bulletin.{kind}")
async def bulletin_file(
    session: Work, person: SignedIn, plan_id: str, kind: str, asked: Annotated[BulletinAsked, Query()]
) -> Response:
    """The bulletin as Word or as Excel."""
    content = await _bulletin(session, person, plan_id, asked)
    place = "" if content.report.is_whole else f"-{content.report.territory.name}"
    name = f"{content.plan.id}{place}-{content.quarter.code}-季度通报.{kind}"
    if kind == "docx":
        return download(as_word(content), name, DOCX)
    if kind == "xlsx":
        return download(bulletin_workbook(content), name, XLSX)
    raise NotFound("通报可下载为 docx 或 xlsx。")


@router.post("/plans/{plan_id}/bulletin", response_class=HTMLResponse)
async def write_bulletin(
    request: Request,
    session: Work,
    person: Officer,
    plan_id: str,
    asked: Annotated[BulletinAsked, Query()],
    form: Annotated[BulletinForm, Form()],
) -> Response:
    """Keep what an officer wrote beside the numbers."""
    content = await _bulletin(session, person, plan_id, asked)
    await write_texts(session, content, form.model_dump(), recorded_by=person.id)
    chosen = urlencode({name: value for name, value in asked.model_dump().items() if value})
    return redirect(request, f"/plans/{content.plan.id}/bulletin?{chosen}")


async def _bulletin(session: AsyncSession, person: PersonSignedIn, plan_id: str, asked: BulletinAsked) -> Bulletin:
    quarter = quarter_of(asked.quarter) if asked.quarter.strip() else last_quarter(today())
    return await read_bulletin(
        session,
        _plan(plan_id, person),
        quarter,
        today=today(),
        region=person.region_code or asked.region.strip() or None,
        known_at=moment_of(asked.known_at),
    )


def _quarters(chosen: Quarter) -> list[tuple[str, str]]:
    """The quarters one may choose: the last three years, and the one that is shown."""
    end, found = last_quarter_end(today()), [chosen]
    for _ in range(QUARTERS_TO_REPORT):
        found.append(Quarter(end.year, end.month // 3))
        end = last_quarter_end(end)
    return [(one.code, one.name) for one in sorted(set(found), key=lambda one: one.last_day, reverse=True)]


# --- Reporting a figure ----------------------------------------------------------------------------------


class FigureForm(BaseModel):
    """A figure as it stands in the form: text, so that what is wrong comes back as it was written."""

    period_end: str = ""
    value: str = ""
    source: str = ""
    released_on: str = ""
    note: str = ""
    region: str = ""
    is_revision: str = ""


@router.get("/plans/{plan_id}/targets/{target_id}/figures/new", response_class=HTMLResponse)
async def new_figure(
    request: Request, session: Work, person: Officer, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """The form for a figure."""
    found, wanted = _target(plan_id, target_id, person)
    if is_countable(wanted):
        raise service.NotReportable(wanted)
    region = person.region_code or asked.region
    form = FigureForm(period_end=last_quarter_end(today()).isoformat(), region=_kept_under(found, region))
    return _figure_page(request, found, wanted, person, form, [])


@router.post("/plans/{plan_id}/targets/{target_id}/figures", response_class=HTMLResponse)
async def report_figure(
    request: Request, session: Work, person: Officer, plan_id: str, target_id: str, form: Annotated[FigureForm, Form()]
) -> Response:
    """Take in a figure, or show the form again with what is wrong."""
    found, wanted = _target(plan_id, target_id, person)
    draft, errors = _draft(found, form, person)
    if draft is not None:
        try:
            await service.report_figure(session, wanted, draft, today=today(), recorded_by=person.id)
        except service.FigureRefused as problem:
            errors = [{"field": problem.field, "message": str(problem)}]
        else:
            place = f"&region={draft.region}" if draft.region and not person.region_code else ""
            return redirect(request, f"/plans/{found.id}/targets/{wanted.id}?on={today()}{place}#reported")
    return _figure_page(request, found, wanted, person, form, errors, status_code=422)


def _draft(
    plan: Plan, form: FigureForm, person: PersonSignedIn
) -> tuple[service.FigureDraft | None, list[dict[str, str]]]:
    errors: list[dict[str, str]] = []
    days: dict[str, date | None] = {"period_end": None, "released_on": None}
    for name, label in (("period_end", "数据截止日"), ("released_on", "发布日期")):
        try:
            days[name] = day_of(getattr(form, name), label)
        except BadQuestion as problem:
            errors.append({"field": name, "message": str(problem)})
    if days["period_end"] is None and not form.period_end:
        errors.append({"field": "period_end", "message": "请选择数据截止日（季度末）。"})
    value = _decimal(form.value)
    if value is None:
        told = f"数值写的是“{form.value}”，请改为数字，如 2.75。" if form.value.strip() else "请填写数值。"
        errors.append({"field": "value", "message": told})
    region = _kept_under(plan, person.region_code or form.region)
    if region and not concerns(plan, region):
        errors.append({"field": "region", "message": f"区域 {region} 不在规划范围内，请重新选择。"})
    end = days["period_end"]
    if errors or end is None or value is None:
        return None, errors
    return (
        service.FigureDraft(
            end, value, form.source, days["released_on"], form.note, region, is_revision=bool(form.is_revision)
        ),
        [],
    )


def _decimal(written: str) -> Decimal | None:
    """A number with thousands parted, in full width, or with a percent sign behind it."""
    plain = unicodedata.normalize("NFKC", written).strip().replace(",", "").removesuffix("%").strip()
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _figure_page(
    request: Request,
    plan: Plan,
    target: Target,
    person: PersonSignedIn,
    form: FigureForm,
    errors: list[dict[str, str]],
    status_code: int = 200,
) -> HTMLResponse:
    ends = [last_quarter_end(today())]
    while len(ends) < QUARTERS_TO_REPORT:
        ends.append(last_quarter_end(ends[-1]))
    return render(
        request, "plans/figure.html", status_code=status_code, page_title=f"填报：{target.name}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), (target.id, f"/plans/{plan.id}/targets/{target.id}"), ("填报", None)],
        plan=plan, target=target, form=form, errors=errors, error_of={one["field"]: one["message"] for one in errors},
        quarters=[(end.isoformat(), _quarter_in_words(end)) for end in ends],
        regions=[] if person.region_code else [(one.code, one.shown_as) for one in territory_of(plan.territory.code).districts],
        own_region=person.region_name,
        publisher=f"发布单位或公报名称，如：{target.count.reported_by}" if isinstance(target.count, Reported) else "发布单位或台账名称",
    )  # fmt: skip


def _quarter_in_words(end: date) -> str:
    return f"{end.year} 年第 {end.month // 3} 季度末（{end.isoformat()}）"


# --- What a page shows beside the figures ----------------------------------------------------------------


def _plan(plan_id: str, person: PersonSignedIn) -> Plan:
    """A plan that concerns who asks.

    Raises:
        UnknownPlan, NotFound: there is none, or it is of another place.
    """
    found = plan_named(plan_id)
    if not concerns(found, person.region_code):
        raise NotFound(f"《{found.title}》是{found.territory.name}的规划，不包含您的市（区）。")
    return found


def _target(plan_id: str, target_id: str, person: PersonSignedIn) -> tuple[Plan, Target]:
    plan = _plan(plan_id, person)
    of_plan, target = target_named(target_id)
    if of_plan.id != plan.id:
        raise NotFound(f"目标 {target.id} 属于规划 {of_plan.id}，不在 {plan.id} 中。")
    return plan, target


def _is_empty(row: Row) -> bool:
    """Whether the plan set no number and nobody has one either, so that a line would say nothing."""
    return row.target.placeholder and row.progress.value is None


def _part(written: str) -> str:
    return written if written in PARTS else "counted"


def _parts(target: Target) -> list[tuple[str, str]]:
    return list(PARTS.items()) if isinstance(target.count, ShareOfEnterprises) else []


def _regions(plan: Plan, person: PersonSignedIn) -> list[tuple[str, str]]:
    """The districts one may choose; none for who has only one."""
    if person.region_code:
        return []
    return [(one.code, one.shown_as) for one in territory_of(plan.territory.code).districts]


def _kept_under(plan: Plan, region: str | None) -> str:
    """The region under which reported figures are kept: empty for the plan's own territory."""
    return "" if not region or region == plan.territory.code else region


def _programme_names(target: Target) -> dict[str, str]:
    known = library().by_name
    return {name: known[name].source.name.zh if name in known else name for name in programmes_of(target)}


def _definition(target: Target, mode: Mode | None) -> list[tuple[str, str]]:
    """What is counted, in words."""
    found: list[tuple[str, str]] = [("口径", f"{target.basis.label}，{target.scope.label}")]
    match target.count:
        case CountHolders(note=note):
            names = _programme_names(target)
            found += [("计入的认定", "、".join(names.values())), ("计数方式", counting_in_words(target, mode))]
        case CountListed(listed_on=boards, note=note):
            found.append(("计入", "截至日已在" + "、".join(BOARDS[board] for board in boards) + "上市（挂牌）的企业"))
        case CountByFigure(at_least=amount, note=note):
            told = f"最近一个已完结年度营业收入达到 {amount_in_words(amount)}的企业（单个法人）"
            found.append(("计入", told))
        case ShareOfEnterprises(share_of=whole, having=having, note=note):
            found += [("分母", _population_in_words(whole)), ("分子", f"其中有{_institutions_in_words(having)}的企业")]
        case CountRegister(register_id=name, note=note):
            found.append(("台账", registers().by_id[name].name))
        case None:
            note = ""
        case _:
            note = target.count.note
    reported_by = getattr(target.count, "reported_by", "")
    extra = [("发布单位", reported_by), ("说明", note), ("备注", target.note)]
    return found + [(name, text) for name, text in extra if text]


def _population_in_words(wanted: Any) -> str:
    words: list[str] = []
    if wanted.in_chain:
        words.append("已登记产业链")
    if wanted.above_scale_industrial:
        words.append("规模以上工业")
    if wanted.large_medium_industrial:
        words.append("大中型工业")
    if wanted.holds:
        known = library().by_name
        words.append(
            "持有效" + "、".join(known[name].source.name.zh if name in known else name for name in wanted.holds)
        )
    if wanted.any_of:
        words.append("，或".join(_population_in_words(part) for part in wanted.any_of))
        return "、".join(words)
    return "、".join(words) + "的企业"


def _institutions_in_words(wanted: Institutions) -> str:
    levels = {"national": "国家级", "provincial": "省级", "municipal": "市级", "district": "区（县）级"}
    level = "、".join(levels[one] for one in wanted.levels)
    return f"{level}{'评价合格的' if wanted.effective else ''}研发机构"


def _chart(row: Row) -> dict[str, Any] | None:
    """The trend with the target as a line; nothing where there is no value at all."""
    trend = row.progress.trend
    if sum(value is not None for _, value in trend) < 2:
        return None
    target = row.target
    spec: dict[str, Any] = {
        "kind": "line",
        "unit": target.unit,
        "categories": [day.isoformat() for day, _ in trend],
        "series": [{"name": target.name, "values": [number(value) for _, value in trend]}],
    }
    if target.has_number and target.value is not None:
        spec["target"] = {"value": float(target.value), "name": "目标"}
    return spec


def _districts_chart(row: Row) -> dict[str, Any] | None:
    shown = sorted((one for one in row.districts if one.figure.value is not None), key=lambda one: one.rank or 0)
    if len(shown) < 2:
        return None
    return {
        "kind": "rows",
        "unit": row.target.unit,
        "categories": [one.name for one in shown],
        "series": [{"name": row.target.name, "values": [number(one.figure.value) for one in shown]}],
    }
