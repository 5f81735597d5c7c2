"""Pages of receipts: what a system is told of one run, whether it was, and the file to hand over where no machine can."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import xlsxwriter
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn, Role
from backend.clock import today
from backend.exchange import reconciling_queries as queries
from backend.exchange.access import CityOfficer, OfTheCity, Reconciler, ReconcilingWork
from backend.exchange.carrying import hand_over, tell_again
from backend.exchange.connectors import connectors
from backend.exchange.mapping import load_table
from backend.exchange.receipts import REASONS, refused_of
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.filters import moment
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter(prefix="/exchange/receipts/{run}")
#: Refused records on the page; the file has all, as far as a sheet goes.
_MOST_SHOWN, _MOST_IN_FILE = 200, 1_000_000
#: What is refused, in the words of `fates.py` and further ones.
WORDS: Final = {
    "unauthorised": "没有授权", "unknown_enterprise": "库中没有的企业", "unusable": "不能用", "stale": "旧版次", "malformed": "格式不对",
}  # fmt: skip
_WHAT: Final = {"received": "收到", "applied": "采用"}


def told_of(row: Mapping[str, Any]) -> dict[str, str] | None:
    """How far the telling of a run has come, in words: what, in which tone, and why not yet; None where nothing is to be told."""
    if not row["parts"]:
        return None
    when = moment(row["told_at"])
    if row["told_parts"] == row["parts"]:
        agrees = (row["answer"] or {}).get("agrees")
        if agrees is False:
            return {"word": "已告知，对方核对不一致", "tone": "bad", "why": f"{when} 告知"}
        return {"word": "已告知", "tone": "good", "why": f"{when}{'，对方核对一致' if agrees else ''}"}
    if row["told_parts"] + row["handed_parts"] == row["parts"]:
        return {"word": "已书面交付", "tone": "good", "why": when}
    if not row["report_path"]:
        return {"word": "不能由机器告知", "tone": "open", "why": "对方没有回执地址，请下载后交给对方"}
    if row["dead_parts"]:
        return {"word": "没有告知", "tone": "bad", "why": row["untold_why"]}
    return {"word": "待告知", "tone": "open", "why": row["untold_why"] or "等后台发送"}


@router.get("", response_class=HTMLResponse)
async def receipt(request: Request, session: ReconcilingWork, person: Reconciler, run: int) -> HTMLResponse:
    """What the other side is told of one run: sums, what was refused and why, and what it found."""
    one = await _known(session, run)
    refused = await refused_of(session, run, _MOST_SHOWN)
    total = sum(number for form in one["sums"] for number in form["refused"].values())
    return render(
        request, "exchange/receipt.html", page_title=f"回执：{one['name']} 第 {run} 次拉取", one=one, told=told_of(one),
        sums=[_shown(one["system"], form) for form in one["sums"]], total=total,
        refused=[dict(row) | {"word": WORDS.get(row["fate"], row["fate"]), "remedy": REASONS[row["fate"]][1]} for row in refused],
        differences=_differences(one), may_write=person.role is Role.CITY_OFFICER, may_take=person.role is not Role.AUDITOR,
        breadcrumb=_breadcrumb(person, run),
    )  # fmt: skip


def _breadcrumb(person: PersonSignedIn, run: int) -> list[tuple[str, str | None]]:
    up = [] if person.role is Role.AUDITOR else [("数据交换", "/exchange")]
    return [*up, ("对账", "/exchange/reconciliations"), (f"第 {run} 次拉取的回执", None)]


async def _known(session: AsyncSession, run: int) -> Mapping[str, Any]:
    one = await queries.receipt(session, run)
    if one is None:
        raise NotFound("这次拉取没有回执：没有收到记录，还没有结束，或没有这次拉取。请从“对账”页面进入。")
    return one


def _shown(system: str, form: Mapping[str, Any]) -> dict[str, Any]:
    known = load_table(system, library().catalogue).by_form if system in connectors() else {}
    name = known[form["form"]].name if form["form"] in known else form["form"]
    why = [(WORDS.get(reason, reason), number) for reason, number in form["refused"].items()]
    return dict(form) | {"name": name, "why": why}


def _differences(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the other side counts otherwise, in words."""
    found: Sequence[Mapping[str, Any]] = (one["answer"] or {}).get("differences") or ()
    return [dict(each) | {"what": _WHAT.get(each["what"], each["what"])} for each in found]


@router.get("/export")
async def export(session: Work, person: OfTheCity, run: int) -> Response:
    """The receipt as a workbook, to be handed over where no machine can tell it."""
    one = await _known(session, run)
    refused = await refused_of(session, run, _MOST_IN_FILE)
    return download(_workbook(one, refused, person.login), f"回执-{one['name']}-第{run}次拉取-{today():%Y%m%d}.xlsx")


@router.post("/again")
async def again(request: Request, session: Work, person: CityOfficer, run: int) -> Response:
    """Tell the other side at once what it was not told yet."""
    await tell_again(session, run)
    return redirect(request, f"/exchange/receipts/{run}")


@router.post("/hand-over")
async def handed_over(request: Request, session: Work, person: CityOfficer, run: int) -> Response:
    """Note that the file was handed over."""
    await hand_over(session, run, person.id)
    return redirect(request, f"/exchange/receipts/{run}")


def _workbook(one: Mapping[str, Any], refused: Sequence[Mapping[str, Any]], login: str) -> bytes:
    target = BytesIO()
    # Texts that look like formulas stay texts: they come from other people's systems.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        head = book.add_format({"bold": True, "text_wrap": True})
        about = (
            f"{one['name']}　第 {one['id']} 次拉取　{moment(one['started_at'])} 至 {moment(one['finished_at'])}　"
            f"{login} 于 {today()} 导出"
        )
        sums = [
            (
                form["form"], form["received"]["count"], form["received"]["digest"], form["applied"]["count"],
                form["applied"]["digest"], "，".join(f"{WORDS.get(name, name)} {number}" for name, number in form["refused"].items()),
            )
            for form in one["sums"]
        ]  # fmt: skip
        _sheet(book, head, "合计", about, ("表", "收到", "收到的摘要", "采用", "采用的摘要", "退回"), sums)
        rows = [
            (row["record_id"], row["form"], row["revision"], row["year"] or "", row["code"], *_why(row["fate"]), row["digest"])
            for row in refused
        ]  # fmt: skip
        heads = ("记录编号", "表", "版次", "年度", "统一社会信用代码", "原因", "说明", "怎么办", "摘要")
        _sheet(book, head, "退回的记录", f"{about}　不含任何申报数据", heads, rows)
    return target.getvalue()


def _why(fate: str) -> tuple[str, str, str]:
    return WORDS.get(fate, fate), *REASONS.get(fate, ("", ""))


def _sheet(book: Any, head: Any, name: str, about: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_column(0, len(heads) - 1, 22)
    sheet.write_string(0, 0, about)
    for place, word in enumerate(heads):
        sheet.write_string(1, place, word, head)
    for line, row in enumerate(rows, 2):
        for place, value in enumerate(row):
            sheet.write(line, place, value)
    sheet.freeze_panes(2, 0)
