"""Who an enterprise is, corrected by an officer. Works without JavaScript."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.proposals import needs_second_person
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.enterprises import correcting
from backend.enterprises.chains import parse_chains
from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.enterprises.forms import ChosenEnterprise, Errors, check_lengths, form_page, typed_day
from backend.enterprises.life_acts import MOVE
from backend.enterprises.naming import why_not_from
from backend.enterprises.queries import chains_in_use, chains_of, parks_in_use
from backend.enterprises.regions import Regions
from backend.enterprises.schemas import CodeForm, EnterpriseForm
from backend.enterprises.traits import TraitDayWrong
from backend.web.dependencies import Work
from backend.web.responses import redirect
from rules.industries import Industries, IndustryError, parse_industry
from rules.library import library

router = APIRouter()
_FLAGS = {"": None, "yes": True, "no": False}


@router.get("/enterprises/{code}/edit")
async def edit_form(request: Request, session: Work, person: Officer, row: ChosenEnterprise) -> Response:
    """The form of who the enterprise is."""
    form = EnterpriseForm.of(row, await chains_of(session, row["id"]), today())
    return await _edit_page(request, session, row, form, {})


@router.post("/enterprises/{code}/edit")
async def edit(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[EnterpriseForm, Form()]
) -> Response:
    """Save who the enterprise is; refused if somebody else has changed it meanwhile."""
    errors: Errors = {}
    changes = _read_identity(form, row, errors)
    on = typed_day(form.on, "on", errors) or today()
    traits_on = typed_day(form.traits_on, "traits_on", errors)
    if why := await _why_not_on(session, row, changes, on):
        errors["on"] = why
    if row["region_code"] not in ("", form.region_code) and needs_second_person(request, MOVE):
        errors["region_code"] = "更换市（区）须由另一人确认：请在企业页用“登记迁移”，写明依据。"
    if errors:
        return await _edit_page(request, session, row, form, errors)
    chains = parse_chains(form.chains).chains
    try:
        await correcting.edit(session, row["id"], changes, form.revision, on, chains, traits_on)
    except TraitDayWrong as problem:
        # Asked before anything is written.
        return await _edit_page(request, session, row, form, {"traits_on": str(problem)})
    await evaluate(session, [row["id"]], library(), today())
    return redirect(
        request, f"/enterprises/{changes.get('credit_code') or row['credit_code'] or row['id']}?done=edited"
    )


async def _why_not_on(session: AsyncSession, row: Mapping[str, Any], changes: Mapping[str, Any], on: date) -> str:
    """Why a new name or region cannot hold from a day on; empty where it can, or nothing of the kind is changed."""
    if on > today():
        return f"生效日期 {on} 在今天之后，请在当天再登记。"
    is_renamed = changes["name"] != row["name"]
    is_moved = row["region_code"] not in ("", changes["region_code"])
    founded = changes["established_on"]
    if (is_renamed or is_moved) and founded and on < founded:
        return f"生效日期 {on} 早于成立日期 {founded}，请核对。"
    return await why_not_from(session, row["id"], on) if is_renamed else ""


def _read_identity(form: EnterpriseForm, row: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    """The columns that the form holds; what is wrong is noted by its field."""
    changes: dict[str, Any] = {
        "name": form.name.strip(), "town": form.town.strip(), "park": form.park.strip(), "address": form.address.strip(),
        "region_code": form.region_code, "industry_code": _industry(form.industry_code, errors),
        "established_on": typed_day(form.established_on, "established_on", errors),
        "is_above_scale": _FLAGS.get(form.is_above_scale), "listing_board": form.listing_board,
        "listed_on": typed_day(form.listed_on, "listed_on", errors),
    }  # fmt: skip
    if len(changes["name"]) < 2:
        errors["name"] = "请填写企业名称。"
    check_lengths(changes, {"name": 200, "town": 100, "park": 100, "address": 300}, errors)
    region = Regions.load().find(form.region_code)
    if form.region_code and (region is None or region.level != "district"):
        errors["region_code"] = f"没有市（区）“{form.region_code}”，请从列表中选择。"
    if changes["established_on"] and changes["established_on"] > today():
        errors["established_on"] = f"成立日期 {changes['established_on']} 在今天之后，请核对。"
    if form.listing_board not in library().catalogue.by_name["listing_board"].choices and form.listing_board:
        errors["listing_board"] = "没有这个板块，请从列表中选择。"
    if row["credit_code"] is None and form.credit_code.strip():
        try:
            changes["credit_code"] = str(parse_credit_code(form.credit_code))
        except CreditCodeError as problem:
            errors["credit_code"] = problem.message
    return changes


def _industry(written: str, errors: Errors) -> str:
    if not written.strip():
        return ""
    try:
        return parse_industry(written).digits or _without_digits(errors)
    except IndustryError as problem:
        errors["industry_code"] = str(problem)
        return ""


def _without_digits(errors: Errors) -> str:
    errors["industry_code"] = "请填到大类（两位数字）以下，如 34 或 3484。"
    return ""


async def _edit_page(
    request: Request, session: AsyncSession, row: Mapping[str, Any], form: EnterpriseForm, errors: Errors
) -> Response:
    boards = list(library().catalogue.by_name["listing_board"].choices.items())
    return form_page(
        request, "enterprises/edit.html", "修改基本情况", row, errors, form=form, boards=boards,
        regions=districts(), parks=await parks_in_use(session), chains=await chains_in_use(session),
        divisions=list(Industries.load().divisions.items()), last_day=today(),
    )  # fmt: skip


def districts() -> list[tuple[str, str]]:
    """Today's districts with their city's name, as a choice."""
    regions = Regions.load()
    return [
        (district.code, f"{city.name} {district.shown_as}")
        for province in regions.children()
        for city in regions.children(province.code)
        for district in regions.children(city.code)
    ]


@router.get("/enterprises/{code}/code")
async def code_form(request: Request, person: Officer, row: ChosenEnterprise) -> Response:
    """The form for another credit code."""
    return _code_page(request, row, CodeForm(revision=row["revision"]), {})


@router.post("/enterprises/{code}/code")
async def change_code(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[CodeForm, Form()]
) -> Response:
    """Give the enterprise another credit code; refused if somebody else has changed it meanwhile."""
    errors: Errors = {}
    credit_code = ""
    try:
        credit_code = str(parse_credit_code(form.credit_code))
    except CreditCodeError as problem:
        errors["credit_code"] = problem.message
    if credit_code and credit_code == row["credit_code"]:
        errors["credit_code"] = "这就是现在的代码，没有变更。"
    if not form.reason.strip():
        errors["reason"] = "请写明变更的原因和依据，如换照、改制。"
    if errors:
        return _code_page(request, row, form, errors)
    await because(session, form.reason.strip()[:500])
    await correcting.change_code(session, row["id"], credit_code, form.revision)
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"/enterprises/{credit_code}?done=recoded")


def _code_page(request: Request, row: Mapping[str, Any], form: CodeForm, errors: Errors) -> Response:
    return form_page(request, "enterprises/code.html", "变更统一社会信用代码", row, errors, form=form)
