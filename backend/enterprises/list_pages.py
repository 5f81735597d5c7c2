"""What is done with a list of enterprises as a whole: views saved, and many enterprises changed at once."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel

from backend.access.dependencies import Officer
from backend.clock import today
from backend.enterprises.asking import read_day, read_filters
from backend.enterprises.bulk import BulkRefused, change_chain
from backend.enterprises.chains import parse_chains
from backend.enterprises.saved_views import delete_view, normal_query, save_view
from backend.enterprises.search import all_ids
from backend.web.dependencies import Work
from backend.web.responses import redirect
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
    action: Literal["add_chain", "leave_chain"] = "add_chain"
    #: Those ticked, or all that the list's filters leave.
    whom: Literal["ticked", "all"] = "ticked"
    id: list[int] = []
    #: How many the list said that there are; if it is another number by now, nothing is done to all.
    total: int = 0


def told(done: str) -> str:
    """What to say after something was done."""
    what, _, count = done.partition("-")
    number = int(count) if count.isdecimal() and len(count) < 9 else 0
    return {
        "view": "已保存视图。", "forgotten": "已删除视图。", "added": f"已把 {number:,} 家企业加入产业链。",
        "left": f"已把 {number:,} 家企业移出产业链。",
    }.get(what, "")  # fmt: skip


@router.post("/enterprises/views")
async def keep_view(request: Request, session: Work, person: Officer, form: Annotated[ViewForm, Form()]) -> Response:
    """Keep the list that is shown under a name."""
    await save_view(session, person, form.name, form.query, is_shared=form.is_shared)
    return _back(request, form.query, "view")


@router.post("/enterprises/views/{view_id}/delete")
async def forget_view(request: Request, session: Work, person: Officer, view_id: int) -> Response:
    """Forget an own view."""
    await delete_view(session, person, view_id)
    return _back(request, "", "forgotten")


@router.post("/enterprises/bulk")
async def change_many(request: Request, session: Work, person: Officer, form: Annotated[BulkForm, Form()]) -> Response:
    """Let many enterprises join a chain or leave it."""
    named = parse_chains(form.chain).chains
    if len(named) != 1:
        raise BulkRefused("请填写一条产业链的名称，如 高端装备。本次没有修改。")
    ids = form.id
    if form.whom == "all":
        asked = dict(parse_qsl(form.query))
        on = read_day(asked.get("on", "")) or today()
        ids = await all_ids(session, read_filters(asked, person.region_code), on, library())
        if len(ids) != form.total:
            raise BulkRefused(
                f"名单已有变化：打开时 {form.total:,} 家，现在 {len(ids):,} 家。本次没有修改，请刷新名单，核对后再操作。"
            )
    if not ids:
        raise BulkRefused("还没有选中企业。请勾选要处理的企业，或选择“名单全部”。本次没有修改。")
    joins = form.action == "add_chain"
    count = await change_chain(session, ids, named[0], joins=joins)
    return _back(request, form.query, f"{'added' if joins else 'left'}-{count}")


def _back(request: Request, query: str, done: str) -> Response:
    kept = normal_query(query)
    return redirect(request, f"/enterprises?{kept}{'&' if kept else ''}done={done}")
