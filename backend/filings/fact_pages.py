"""One fact of an enterprise: where it comes from, what the others said, and the decision where they disagree.

And the figures of one enterprise that somebody should look at, together. Works without JavaScript.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import AlreadyProposed, needs_second_person
from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of
from backend.enterprises.labels import Names
from backend.filings.attachments import attachments_of
from backend.filings.conflicts import conflict_of, conflicts_of, last_decision
from backend.filings.forms import shown_value, told, typed_value, unit_of
from backend.filings.proposing import SETTLE, propose_settlement, waiting_settlements
from backend.filings.queries import all_said, hidden_facts
from backend.filings.schemas import DecisionForm
from backend.filings.service import FilingRefused, read_json
from backend.filings.settling import OFFICER, ConflictMoved, Decision, settle
from backend.filings.worklist import flags_of, history_of
from backend.filings.worklist_pages import smells_of, told_flag
from backend.web.dependencies import Work
from backend.web.errors import Forbidden, NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.catalogue import Indicator, Period
from rules.library import library
from rules.values import FactKey

router = APIRouter()
_DONE = {
    "settled": "已裁定，并按裁定的数重新测评了这家企业。",
    "proposed": "已提交裁定，由另一人在“待确认”里确认后生效。",
    "answered": "已记下说明，这组数据变动前不再提示。",
}  # fmt: skip


def _indicator(name: str, year: int | None) -> tuple[Indicator, int | None]:
    indicator = library().catalogue.indicator(name)
    if indicator is None:
        raise NotFound(f"指标目录里没有“{name}”。请从企业档案的数据表进入。")
    if indicator.period is not Period.YEARLY:
        return indicator, None
    if year is None:
        raise NotFound(f"“{indicator.name}”分年度，请指明年度。")
    return indicator, year


@router.get("/enterprises/{code}/check", response_class=HTMLResponse)
async def check_figures(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, done: str = ""
) -> HTMLResponse:
    """What waits to be looked at of one enterprise: conflicts and flags."""
    conflicts = [_shown(one) for one in await conflicts_of(session, row["id"])]
    flags = [told_flag(one) for one in await flags_of(session, row["id"])]
    return render(
        request, "filings/check.html", page_title="数据核对", row=row, address=address_of(row), conflicts=conflicts,
        flags=flags, breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("数据核对", None)],
        names=Names(library()), may_write=person.role.may_write, messages=[("good", _DONE[done])] if done in _DONE else [],
    )  # fmt: skip


def _shown(conflict: Mapping[str, Any]) -> dict[str, Any]:
    indicator = library().catalogue.indicator(conflict["indicator"])
    said = [one | {"shown": shown_value(indicator, one["value"])} for one in conflict["said"]]
    return {
        **conflict, "said": said, "fact": indicator.name if indicator else conflict["indicator"],
        "unit": unit_of(indicator), "year": conflict["year"] or None, "smells_of": smells_of(conflict["ratio"]),
    }  # fmt: skip


@router.get("/enterprises/{code}/facts/{name}", response_class=HTMLResponse)
async def fact(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, name: str, year: int | None = None,
    done: str = "",
) -> HTMLResponse:  # fmt: skip
    """One fact: what holds and why, what every source last said, everything that was ever said, the papers."""
    indicator, of_year = _indicator(name, year)
    form = DecisionForm()
    messages = [("good", _DONE[done])] if done in _DONE else []
    return await _fact_page(request, session, row, indicator, of_year, form, {}, person.role.may_write, messages)


@router.post("/enterprises/{code}/facts/{name}")
async def decide(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, name: str,
    form: Annotated[DecisionForm, Form()], year: int | None = None,
) -> Response:  # fmt: skip
    """Settle a conflict by a filing of the officer's; the enterprise is evaluated anew in the same request."""
    indicator, of_year = _indicator(name, year)
    errors: Errors = {}
    value = await _chosen_value(session, row["id"], indicator, of_year, form, errors)
    if not form.reason.strip():
        errors["reason"] = "请写明理由：看了什么材料，为什么以这个数为准。"
    if not errors:
        decision = Decision(row["id"], indicator.id, of_year, value, form.reason.strip(), form.seen)
        try:
            if needs_second_person(request, SETTLE):
                await propose_settlement(session, decision, person.id)
                return redirect(request, _fact_address(row, indicator, of_year, "proposed"))
            await settle(session, decision, library().catalogue, decided_by=person.id, decided_on=today())
        except FilingRefused as refusal:
            errors["value"] = told(refusal.problems)
        except (ConflictMoved, AlreadyProposed) as late:
            errors["form"] = str(late)
    if errors:
        return await _fact_page(request, session, row, indicator, of_year, form, errors, True, [])
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, _fact_address(row, indicator, of_year, "settled"))


def _fact_address(row: Mapping[str, Any], indicator: Indicator, year: int | None, done: str) -> str:
    asked = f"?year={year}&done={done}" if year else f"?done={done}"
    return f"{address_of(row)}/facts/{indicator.id}{asked}"


async def _chosen_value(
    session: AsyncSession, number: int, indicator: Indicator, year: int | None, form: DecisionForm, errors: Errors
) -> Any:
    """The figure of a source that was chosen, or the one that was typed."""
    if form.choice == "other":
        return typed_value(indicator, form.value, errors)
    conflict = await conflict_of(session, number, indicator.id, year)
    if conflict is None or conflict["latest_filing_id"] != form.seen:
        errors["form"] = str(ConflictMoved())
        return None
    if form.choice not in {one["source"] for one in conflict["said"]}:
        errors["choice"] = "请选择以哪个来源的数为准，或另填核实的数。"
        return None
    # The driver reads JSON's numbers as floats; what the source said is in its filing, digit for digit.
    exact = (await all_said(session, number)).get(FactKey(indicator.id, year), [])
    return next(one.value for one in exact if one.source == form.choice)


async def _fact_page(
    request: Request, session: AsyncSession, row: Mapping[str, Any], indicator: Indicator, year: int | None,
    form: DecisionForm, errors: Errors, may_write: bool, messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    said = (await all_said(session, row["id"])).get(FactKey(indicator.id, year), [])
    if not said and FactKey(indicator.id, year) in await hidden_facts(session, row["id"]):
        raise Forbidden(f"“{indicator.name}”来自税务，须先写明理由、获得查看授权：{address_of(row)}/protected。")
    if not said:
        raise NotFound(f"这家企业{f'{year} 年' if year else ''}没有来源报过“{indicator.name}”。")
    history = await history_of(session, row["id"], indicator.id, year)
    for one in history:
        one["shown"] = shown_value(indicator, read_json(one["value"]))
    conflict = await conflict_of(session, row["id"], indicator.id, year)
    title = indicator.name + (f"（{year} 年）" if year else "")
    return render(
        request, "filings/fact.html", status_code=_status(errors), page_title=title, row=row,
        address=address_of(row), breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), (title, None)],
        indicator=indicator, year=year, unit=unit_of(indicator), history=history, form=form, error_of=errors,
        said=[(one, shown_value(indicator, one.value)) for one in said], names=Names(library()), may_write=may_write,
        errors=[{"field": "" if field == "form" else field, "message": message} for field, message in errors.items()],
        conflict=_shown(conflict) if conflict else None, messages=messages,
        decision=await last_decision(session, row["id"], indicator.id, year) if conflict and conflict["is_reopened"] else None,
        papers=await attachments_of(session, row["id"], [one["id"] for one in history]),
        waiting=await waiting_settlements(session, row["id"], indicator.id, year) if conflict else [],
        decided=_decided(said[0].source, history),
    )  # fmt: skip


def _decided(source: str, history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The officer's filing that holds, with its reason; None where another source is taken."""
    held = [one for one in history if one["source"] == OFFICER and one["withdrawn_at"] is None]
    return held[0] if source == OFFICER and held else None


def _status(errors: Errors) -> int:
    return 409 if "form" in errors else 422 if errors else 200
