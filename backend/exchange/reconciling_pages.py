"""Pages of the reconciliation, for the city's people and for auditors: what both sides counted, and where they differ."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.access.schemas import PersonSignedIn, Role
from backend.clock import today
from backend.exchange import reconciling_queries as queries
from backend.exchange.access import Reconciler, ReconcilingWork
from backend.exchange.agreements import agreements
from backend.exchange.connectors import connectors
from backend.exchange.fates import FATES
from backend.exchange.mapping import load_table
from backend.exchange.receipt_pages import WORDS, told_of
from backend.exchange.tallying import tallies
from backend.web.errors import NotFound
from backend.web.templates import render
from rules.library import library

router = APIRouter(prefix="/exchange/reconciliations")
#: Days of what came in.
_DAYS: Final = 92
#: Differences on one page.
_MOST_SHOWN: Final = 200
ADDRESSES: Final = {"/api/v1/filings": "填报", "/api/v1/recognitions/batch": "认定", "/api/v1/events": "事件"}
#: Why items are refused or requests turned away, in words; other codes are shown as they are.
REASONS: Final = {
    "tax-authorisation-missing": "没有授权", "unknown-enterprise": "库中没有的企业", "uscc-invalid": "信用代码不对",
    "unknown-indicator": "没有的指标", "unknown-programme": "没有的认定项目", "unknown-field": "没有的字段", "unknown-region": "没有的市（区）", "beyond-region": "不在其区域", "unknown-type": "没有的事件",
    "year-not-over": "年度未结束", "unusable-value": "数值不能用", "wrong-type": "类型不对", "wrong-period": "年度不对", "missing": "缺项",
    "not-a-day": "日期不对", "out-of-range": "超出范围", "event-mismatch": "同号不同内容", "too-large": "请求太大", "too-many-items": "条数太多",
    "invalid-json": "不是 JSON", "invalid-utf8": "不是 UTF-8", "too-deep": "嵌套太深", "signature-invalid": "签名无效", "replay": "签名重放",
    "rate-limited": "超过配额", "idempotency-key-missing": "没有幂等键", "idempotency-key-invalid": "幂等键不对", "idempotency-mismatch": "幂等键换了内容",
    "idempotency-in-progress": "前一次还在处理", "no-items": "空数组", "not-an-object": "不是对象",
}  # fmt: skip


@router.get("", response_class=HTMLResponse)
async def reconciliations(request: Request, session: ReconcilingWork, person: Reconciler) -> HTMLResponse:
    """What was pulled against the other side's count, what came in, what was told, and that the log is whole."""
    came_in = await tallies(session, today() - timedelta(days=_DAYS), today(), "month")
    return render(
        request, "exchange/reconciliations.html", page_title="对账", found=[_shown(one) for one in await queries.comparisons(session)],
        came_in=[one | {"why": _why(one["reasons"])} for one in came_in], addresses=ADDRESSES, days=_DAYS,
        by_webhook=await queries.told_by_webhook(session), by_list=await queries.told_by_list(session),
        lists={name: one.name for name, one in agreements().items()}, log=await queries.log_state(session),
        receipts=[_receipt(one) for one in await queries.receipts(session)], breadcrumb=_breadcrumb(person),
    )  # fmt: skip


def _breadcrumb(person: PersonSignedIn, *further: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    up = [] if person.role is Role.AUDITOR else [("数据交换", "/exchange")]
    return [*up, ("对账", "/exchange/reconciliations" if further else None), *further]


def _why(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(REASONS.get(code, code), number) for code, number in reasons.items()]


def _receipt(one: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a run's records, all its forms together, and whether the other side knows."""
    refused = Counter[str]()
    for form in one["sums"]:
        for name, number in form["refused"].items():
            refused[WORDS.get(str(name), str(name))] += number
    sums = {what: sum(form[what]["count"] for form in one["sums"]) for what in ("received", "applied")}
    return dict(one) | sums | {"refused": list(refused.items()), "told": told_of(one)}


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison with its form's name, what was refused and why, and what is missing on which side."""
    refused = [(word, one["fates"][fate]) for fate, word in FATES.items() if fate in one["fates"]]
    held = one["differences"].values()
    return dict(one) | {
        "form_name": _form_name(one["system"], one["form"]), "applied": one["fates"].get("applied", 0), "refused": refused,
        "missing": sum(max(0, each["theirs"] - each["ours"]) for each in held),
        "surplus": sum(max(0, each["ours"] - each["theirs"]) for each in held),
    }  # fmt: skip


def _form_name(system: str, form: str) -> str:
    if system not in connectors():
        return form
    known = load_table(system, library().catalogue).by_form.get(form)
    return known.name if known is not None else form


@router.get("/{number}", response_class=HTMLResponse)
async def one_reconciliation(
    request: Request, session: ReconcilingWork, person: Reconciler, number: int
) -> HTMLResponse:
    """One comparison: how it was made, and each enterprise where the two sides differ, with what to do."""
    one = await queries.comparison(session, number)
    if one is None:
        raise NotFound("没有这次对账。请从“对账”页面进入。")
    shown = _shown(one)
    codes = one["differing"][:_MOST_SHOWN]
    title = f"对账：{one['name']} {shown['form_name']}"
    return render(
        request, "exchange/reconciliation.html", page_title=title, one=shown, is_latest=one["latest"] == one["id"],
        differing=[_difference(code, one["differences"].get(code)) for code in codes], names=await queries.names_of(session, codes),
        sees_files=person.role is not Role.AUDITOR, breadcrumb=_breadcrumb(person, (f"第 {number} 次", None)),
    )  # fmt: skip


def _difference(code: str, counts: Mapping[str, int] | None) -> dict[str, Any]:
    """An enterprise where both sides differ: how, and what settles it."""
    if counts is None:  # compared before the counts were kept
        return {"code": code, "theirs": None, "ours": None, "how": "不一致", "remedy": "重新对账以看到两边的条数。"}
    theirs, ours = counts["theirs"], counts["ours"]
    if theirs > ours:
        how, remedy = f"我方缺 {theirs - ours} 条", "重新拉取；仍缺的，看“搁置的记录”里这家企业的原因。"
    elif ours > theirs:
        how, remedy = f"对方少 {ours - theirs} 条", "请对方核对是否撤销或更正了这些记录。"
    else:
        how, remedy = "条数相同，内容或版次不同", "重新拉取；仍不同的，请对方核对该企业记录的版次。"
    return {"code": code, "theirs": theirs, "ours": ours, "how": how, "remedy": remedy}
