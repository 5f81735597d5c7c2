"""Pages about plans: all of them, one with its targets, one target with the enterprises behind it."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.plans import queries
from backend.plans.asking import XLSX, Asking, kept_under, plan_asked, question_of, regions_of, target_asked
from backend.plans.chain_table import chain_rows
from backend.plans.documents import findings, findings_on, registers
from backend.plans.export import as_csv, as_workbook, rows_of
from backend.plans.facets import By, by_named, within_of
from backend.plans.forecast import can_be_forecast
from backend.plans.forecast import forecast as work_out
from backend.plans.knowing import KNOWING
from backend.plans.members import PARTS, Members, Things, members, tally, things_behind
from backend.plans.progress import LIGHT_RULES
from backend.plans.queries import STATUSES, Row, all_reports, plan_report, programmes_of, titles_of
from backend.plans.revisions import revisions_of
from backend.plans.rollup import State
from backend.plans.schemas import BadQuestion, amount_in_words, counting_in_words, mode_of, number, region_name
from backend.plans.sets import is_countable
from backend.plans.settled import settled
from backend.plans.shortfall import can_be_worked_on
from backend.plans.territory import Division, territory_of
from backend.plans.versions import held_at
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download
from backend.web.templates import render
from rules.library import library
from rules.plan import (
    CountByFigure,
    CountHolders,
    CountListed,
    CountRegister,
    Institutions,
    Mode,
    ShareOfEnterprises,
    Target,
)

router = APIRouter(dependencies=[KNOWING])

MEMBERS_A_PAGE = 50
BOARDS = {
    "main": "沪深主板", "chinext": "创业板", "star": "科创板", "bse": "北交所", "neeq": "新三板", "overseas": "境外",
}  # fmt: skip


@router.get("/plans", response_class=HTMLResponse)
async def plans(request: Request, session: Work, person: SignedIn, asked: Asking) -> HTMLResponse:
    """All plans: how many of their targets are met, open, behind, not reported."""
    question = question_of(asked, person)
    if question.region is not None and not person.region_code:
        question = replace(question, region=None, written={**question.written, "region": ""})
    reports = await all_reports(session, question.on, question.region, question.known_at, question.division)
    return render(
        request, "plans/plans.html", page_title="规划目标", reports=reports, asked=question, light_rules=LIGHT_RULES, statuses=list(STATUSES),
        findings=[one for one in findings() if one.agrees is False], others=[one for one in findings() if one.agrees is not False],
        is_future=question.on > today(), may_edit=person.role.may_write and not person.region_code,
    )  # fmt: skip


@router.get("/plans/{plan_id}", response_class=HTMLResponse)
async def plan(request: Request, session: Work, person: SignedIn, plan_id: str, asked: Asking) -> HTMLResponse:
    """One plan: every target with its value, and the districts."""
    question = question_of(asked, person)
    found = plan_asked(plan_id, person)
    report = await plan_report(
        session, found, question.on, question.region, question.known_at, division=question.division
    )
    rows = [row for row in report.rows if not asked.status or row.progress.status == _status(asked.status)]
    return render(
        request, "plans/plan.html", page_title=found.title, breadcrumb=[("规划目标", "/plans"), (found.id, None)],
        plan=found, report=report, asked=question, light_rules=LIGHT_RULES, findings=findings_on(found),
        shown=[row for row in rows if not _is_empty(row)], unset=[row for row in rows if _is_empty(row)], status=asked.status, statuses=STATUSES,
        regions=regions_of(found, person), by_district=[row for row in rows if row.districts],
        is_future=question.on > today(), chains=None if question.region is not None else await chain_rows(session, found, question.on, question.known_at),
        may_edit=person.role.may_write and not person.region_code, held=await held_at(session, found.id, question.known_at),
    )  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}", response_class=HTMLResponse)
async def target(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """One target: what it means, how it went, by district, and the very enterprises that it counts."""
    question = question_of(asked, person)
    found, wanted = target_asked(plan_id, target_id, person)
    mode, part = mode_of(wanted, asked.mode), _part(asked.part)
    within, by = within_of(asked.park, asked.chain, asked.industry), by_named(asked.by)
    modes = {wanted.id: mode} if mode is not None else {}
    report = await plan_report(
        session, found, question.on, question.region, question.known_at, modes, [wanted], question.division
    )
    row = report.rows[0]
    page = max(asked.page, 1)
    listed = await members(
        session, wanted, question.on, region=question.region, known_at=question.known_at, mode=mode, part=part,
        within=within, division=question.division, limit=MEMBERS_A_PAGE, offset=(page - 1) * MEMBERS_A_PAGE,
    )  # fmt: skip
    told_apart = await tally(
        session, wanted, question.on, by, region=question.region, known_at=question.known_at, mode=mode, part=part,
        within=within, division=question.division,
    ) if by is not None else None  # fmt: skip
    behind = await things_behind(
        session, wanted, question.on, region=question.region, known_at=question.known_at,
        limit=MEMBERS_A_PAGE, offset=(page - 1) * MEMBERS_A_PAGE,
    ) if row.progress.figure.state is State.COUNTED and listed is None else None  # fmt: skip
    titles = await titles_of(
        session, [one.id for one in listed.rows] if listed else [], wanted, question.on, question.known_at, mode
    )
    return render(
        request, "plans/target.html", page_title=wanted.name,
        breadcrumb=[("规划目标", "/plans"), (found.id, f"/plans/{found.id}?{question.query()}"), (wanted.id, None)],
        plan=found, report=report, row=row, asked=question, definition=[*_definition(wanted, mode), *await settled(session, found, wanted)], listed=listed, titles=titles,
        page=page, pages=_pages(listed or behind), things=behind, parts=_parts(wanted), part=part, mode=asked.mode,
        region_name=region_name, programme_names=_programme_names(wanted), regions=regions_of(found, person), trend_chart=_chart(row),
        districts_chart=_districts_chart(row), findings=[one for one in findings() if wanted.id in one.targets],
        can_work_on=can_be_worked_on(wanted), can_forecast=mode is None and can_be_forecast(wanted, question.on),
        revisions=[] if is_countable(wanted) else await revisions_of(session, wanted, kept_under(found, question.region)),
        can_report=person.role.may_write and not is_countable(wanted) and wanted.count is not None,
        is_future=question.on > today(), within=within, may_edit=person.role.may_write and not person.region_code, by=by, kinds=list(By), told_apart=told_apart,
    )  # fmt: skip


def _pages(listed: Members | Things | None) -> int:
    return 0 if listed is None else -(-listed.total // MEMBERS_A_PAGE)


@router.get("/plans/{plan_id}/targets/{target_id}/forecast", response_class=HTMLResponse)
async def forecast(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """Where a count will be on the day the target is due, with what the reader assumes."""
    question = question_of(asked, person)
    found, wanted = target_asked(plan_id, target_id, person)
    territory = queries.region_of_plan(found, question.region)
    report = await plan_report(session, found, question.on, question.region, question.known_at, targets=[wanted])
    row = report.rows[0]
    outlook = await work_out(
        session, row.progress.target, question.on, region=question.region, known_at=question.known_at,
        renewal=None if asked.renewal is None else asked.renewal / 100, newcomers_a_year=asked.newcomers,
        conversion=asked.conversion,
    )  # fmt: skip
    if outlook is None:
        raise NotFound(f"{wanted.id} {wanted.name}不能预测：只预测按有效认定统计、{question.on} 尚未到期的目标。")
    here = f"/plans/{found.id}/targets/{wanted.id}?{question.query()}"
    return render(
        request, "plans/forecast.html", page_title=f"到期预测：{wanted.name}",
        breadcrumb=[("规划目标", "/plans"), (found.id, f"/plans/{found.id}"), (wanted.id, here), ("到期预测", None)],
        plan=found, target=wanted, row=row, outlook=outlook, asked=question, territory=territory.name,
    )  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}/members.{kind}")
async def members_file(
    session: Work, person: SignedIn, plan_id: str, target_id: str, kind: str, asked: Asking
) -> Response:
    """The list behind a number, as CSV or as a workbook."""
    question = question_of(asked, person)
    found, wanted = target_asked(plan_id, target_id, person)
    queries.region_of_plan(found, question.region, question.on if question.division is Division.THEN else None)
    within = within_of(asked.park, asked.chain, asked.industry)
    listed = await members(
        session, wanted, question.on, region=question.region, known_at=question.known_at,
        mode=mode_of(wanted, asked.mode), part=_part(asked.part), within=within, division=question.division,
    )  # fmt: skip
    if listed is None or kind not in ("csv", "xlsx"):
        raise NotFound(f"{wanted.id} 没有这样的名单文件。可导出的是由企业名单统计的目标，格式为 csv 或 xlsx。")
    ids = [one.id for one in listed.rows]
    titles = await titles_of(session, ids, wanted, question.on, question.known_at, mode_of(wanted, asked.mode))
    rows = rows_of(listed.rows, titles, _programme_names(wanted))
    name = f"{wanted.id}-{wanted.name}-{question.on:%Y%m%d}.{kind}"
    if kind == "csv":
        return download(as_csv(rows), name, "text/csv; charset=utf-8")
    place = "，".join(filter(None, (territory_of(question.region or wanted.region).name, within.words)))
    title = f"{wanted.id} {wanted.name} {place} 截至 {question.on} 共 {listed.total} 家"
    return download(as_workbook(rows, title), name, XLSX)


# --- What a page shows beside the figures ----------------------------------------------------------------


def _status(written: str) -> str:
    """Raises BadQuestion: no target can stand so."""
    if written not in STATUSES:
        raise BadQuestion(f"目标状态写的是“{written}”，可选 {'、'.join(STATUSES)}。")
    return written


def _is_empty(row: Row) -> bool:
    """Whether the plan set no number and nobody has one either, so that a line would say nothing."""
    return row.target.placeholder and row.progress.value is None


def _part(written: str) -> str:
    return written if written in PARTS else "counted"


def _parts(target: Target) -> list[tuple[str, str]]:
    return list(PARTS.items()) if isinstance(target.count, ShareOfEnterprises) else []


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
    asked = row.progress.target
    if asked.has_number and asked.value is not None:
        spec["target"] = {"value": float(asked.value), "name": "年度任务" if row.is_split else "目标"}
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
