"""The page of one enterprise's innovation points: every issuer and scheme version, and ours beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.access.protection.masking import Hiding
from backend.clock import today
from backend.enterprises.forms import ChosenEnterprise, address_of
from backend.exchange.list_queries import points_of_enterprise
from backend.exchange.scheme import FOLDER, Result, Scheme, SchemeIndicator, compare, load_scheme, rounded, work_out
from backend.filings.queries import facts_of, hidden_facts
from backend.web.dependencies import Work
from backend.web.templates import render
from rules.library import library
from rules.values import FactKey

router = APIRouter()
ISSUERS: Final = {
    "most_2024": "科技部 2024 试行版", "most_2_0": "科技部 2.0 版", "miit_torch": "工信部火炬中心平台", "local": "本地方案",
}  # fmt: skip


def schemes() -> list[Scheme]:
    """Every scheme that is there, in the order of its name."""
    return [load_scheme(path.stem, library().catalogue) for path in sorted(FOLDER.glob("*.yaml"))]


@router.get("/enterprises/{code}/points", response_class=HTMLResponse)
async def points(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, year: int | None = None
) -> HTMLResponse:
    """Points by issuer with every revision, per category and indicator; what our schemes come to, and the difference."""
    given = await points_of_enterprise(session, row["id"])
    years = sorted({one["year"] for one in given} | {today().year - 1}, reverse=True)
    shown = year if year is not None and year in years else years[0]
    facts = (await facts_of(session, [row["id"]], library().catalogue))[row["id"]]
    worked_out = [work_out(one, facts, shown, row["established_on"], library().catalogue) for one in schemes()]
    hiding = Hiding(await hidden_facts(session, row["id"]), library().catalogue)
    issued = _issued([one for one in given if one["year"] == shown])
    return render(
        request, "exchange/points.html", page_title=f"创新积分：{row['name']}", row=row, years=years, year=shown,
        issued=issued, ours=[_ours(one, issued, shown, hiding) for one in worked_out], history=_history(given), issuers=ISSUERS,
        breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("创新积分", None)], address=address_of(row),
    )  # fmt: skip


def _issued(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The latest revision of each issuer, with those before it."""
    by_system: dict[str, list[Mapping[str, Any]]] = {}
    for one in given:
        by_system.setdefault(one["points_system"], []).append(one)
    return [{**revisions[0], "before": revisions[1:]} for revisions in by_system.values()]


def _ours(result: Result, issued: Sequence[Mapping[str, Any]], year: int, hiding: Hiding) -> dict[str, Any]:
    secret = {one.id for one in result.scheme.indicators if _is_hidden(one, year, hiding)}
    other = next((one for one in issued if one["points_system"] == result.scheme.id), None)
    return {
        "scheme": result.scheme, "result": result, "coverage": f"{rounded(result.coverage * 100)}%",
        "compared": compare(result, other) if other is not None and result.is_computable else "",
        "points": [
            {"name": one.name, "category": one.category, "weight": rounded(one.weight), "points": "—" if one.id in secret else rounded(one.points),
             "reason": "受保护的数，未显示" if one.id in secret else one.reason, "is_missing": one.is_missing} for one in result.points
        ],
    }  # fmt: skip


def _is_hidden(one: SchemeIndicator, year: int, hiding: Hiding) -> bool:
    """Whether what the indicator is scored by is not shown to whoever looks."""
    used = [name for name in (one.indicator, one.to) if name]
    return any(hiding.hides(FactKey(name, when)) for name in used for when in (year, year - 1))


def _history(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Totals by year, an issuer a column."""
    systems = sorted({one["points_system"] for one in given})
    latest = {(one["year"], one["points_system"]): one["total"] for one in reversed(given)}
    years = sorted({one["year"] for one in given}, reverse=True)
    return [{"year": year, "totals": [(name, latest.get((year, name))) for name in systems]} for year in years]
