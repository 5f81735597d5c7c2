"""What is done with a list of enterprises as a whole: views saved, and many enterprises changed at once."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.asking import query_of, read_day, read_filters
from backend.enterprises.bulk import BulkRefused, assign_officer, change_chain
from backend.enterprises.chains import parse_chains
from backend.enterprises.columns import figure_column
from backend.enterprises.forms import Errors, typed_day
from backend.enterprises.officers import officers
from backend.enterprises.saved_views import delete_view, normal_query, save_view
from backend.enterprises.search import Filters, all_ids, search
from backend.web.dependencies import Work
from backend.web.memory import memory_of
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()


class ViewForm(BaseModel):
    """A view to be kept."""

    name: str = ""
    query: str = ""
    is_shared: bool = False


class BulkForm(BaseModel):
    """What is to be done, and with whom."""

    query: str = ""
    chain: str = ""
    #: The day from which they are in the chain, or no longer; empty where it had been wrong before.
    chain_on: str = ""
    action: Literal["add_chain", "leave_chain", "assign"] = "add_chain"
    #: Whom they are given to: digits of an officer's id, `none` for nobody.
    officer: str = ""
    #: Those ticked, or all that the list's filters leave.
    whom: Literal["ticked", "all"] = "ticked"
    id: list[int] = []
    #: How many the list said that there are; if it is another number by now, nothing is done to all. 0: it was not counted.
    total: int = 0


def told(done: str) -> str:
    """What to say after something was done."""
    what, _, count = done.partition("-")
    number = int(count) if count.isdecimal() and len(count) < 9 else 0
    return {
        "view": "已保存视图。", "forgotten": "已删除视图。", "added": f"已把 {number:,} 家企业加入产业链。",
        "left": f"已把 {number:,} 家企业移出产业链。", "assigned": f"已为 {number:,} 家企业指定责任人。",
        "released": f"已取消 {number:,} 家企业的责任人。",
    }.get(what, "")  # fmt: skip


@router.post("/enterprises/views")
async def keep_view(request: Request, session: Work, person: Officer, form: Annotated[ViewForm, Form()]) -> Response:
    """Keep the list that is shown under a name."""
    await save_view(session, person, form.name, form.query, is_shared=form.is_shared)
    return _back(request, form.query, "view")


@router.post("/enterprises/views/{view_id}/delete")
async def forget_view(
    request: Request, session: Work, person: Officer, view_id: int, query: Annotated[str, Form()] = ""
) -> Response:
    """Forget an own view; the list stays as it is."""
    await delete_view(session, person, view_id)
    return _back(request, query, "forgotten")


@router.post("/enterprises/bulk")
async def change_many(request: Request, session: Work, person: Officer, form: Annotated[BulkForm, Form()]) -> Response:
    """Let many enterprises join a chain or leave it, or let an officer answer for them."""
    if _asked(form, person)[0].known_at is not None:
        raise BulkRefused(
            "这是按过去的数据时点列出的名单，不能批量修改。本次没有修改，请清空“数据时点”，核对现在的名单后再操作。"
        )
    if form.whom == "all" and not form.total:
        return await _ask(request, session, person, form)
    if form.action == "assign":
        officer_id = _officer(form.officer)
        count = await assign_officer(session, await _meant(session, person, form), officer_id)
        return _back(request, form.query, f"{'released' if officer_id is None else 'assigned'}-{count}")
    chain, joins = _chain(form.chain), form.action == "add_chain"
    count = await change_chain(
        session, await _meant(session, person, form), chain, joins=joins, on=_chain_day(form.chain_on)
    )
    return _back(request, form.query, f"{'added' if joins else 'left'}-{count}")


async def _ask(request: Request, session: AsyncSession, person: PersonSignedIn, form: BulkForm) -> Response:
    """Count a list that was too long to be counted with its page, and ask whether all of them are meant."""
    filters, on = _asked(form, person)
    total = (await search(session, replace(filters, is_counted_out=True), on, library(), memory_of(request))).total
    if form.action == "assign":
        number = _officer(form.officer)
        known = dict(await officers(session, person.region_code, person.park or None))
        what = f"指定“{known.get(form.officer, form.officer)}”为责任人" if number is not None else "取消责任人"
    else:
        since = f"自 {day} 起" if (day := _chain_day(form.chain_on)) else ""
        what = f"{since}{'加入' if form.action == 'add_chain' else '移出'}产业链“{_chain(form.chain)}”"
    return render(
        request, "enterprises/change_many.html", page_title="批量处理", form=form, total=total, what=what,
        back=f"/enterprises?{normal_query(form.query)}", breadcrumb=[("企业", "/enterprises"), ("批量处理", None)],
    )  # fmt: skip


def _chain(written: str) -> str:
    named = parse_chains(written).chains
    if len(named) != 1:
        raise BulkRefused("请填写一条产业链的名称，如 高端装备。本次没有修改。")
    return named[0]


def _chain_day(written: str) -> date | None:
    errors: Errors = {}
    day = typed_day(written, "chain_on", errors)
    if errors:
        raise BulkRefused(f"{errors['chain_on']}本次没有修改。")
    return day


def _asked(form: BulkForm, person: PersonSignedIn) -> tuple[Filters, date]:
    asked = dict(parse_qsl(form.query))
    return read_filters(asked, person), read_day(asked.get("on", "")) or today()


def _officer(written: str) -> int | None:
    if written == "none":
        return None
    if not (written.isascii() and written.isdecimal() and len(written) < 10):
        raise BulkRefused("请选择责任人，或选择“不指定”。本次没有修改。")
    return int(written)


async def _meant(session: AsyncSession, person: PersonSignedIn, form: BulkForm) -> list[int]:
    """The enterprises that a form speaks of. Raises BulkRefused: none, or the list is another by now."""
    ids = form.id
    if form.whom == "all":
        filters, on = _asked(form, person)
        ids = await all_ids(session, filters, on, library())
        if len(ids) != form.total:
            raise BulkRefused(
                f"名单已有变化：打开时 {form.total:,} 家，现在 {len(ids):,} 家。本次没有修改，请刷新名单，核对后再操作。"
            )
    if not ids:
        raise BulkRefused("还没有选中企业。请勾选要处理的企业，或选择“名单全部”。本次没有修改。")
    return ids


def with_figure(request: Request) -> str | None:
    """Where a list with a further figure as its column stands, if one was just chosen; None otherwise."""
    named, year = request.query_params.get("figure", ""), request.query_params.get("figure_year", "")
    if not named and "figure" not in request.query_params:
        return None
    kept = [one for one in parse_qsl(query_of(request)) if one[0] not in ("figure", "figure_year")]
    wanted = [one for one in (f"{named}.{year}", f"{named}.now") if figure_column(one, library().catalogue)]
    return f"/enterprises?{urlencode([*kept, *(('columns', one) for one in wanted)])}"


def _back(request: Request, query: str, done: str) -> Response:
    kept = normal_query(query)
    return redirect(request, f"/enterprises?{kept}{'&' if kept else ''}done={done}")
