"""One place where an error becomes an answer: problem details for programs, a friendly Chinese page for people.

    Refusal                 the service may not do what is asked; a slice derives its errors from it
    ├── NotFound            404
    ├── Forbidden           403
    └── …                   beside the service that raises them

A slice's error names its status, a slug for programs and a title for people; its text says what, where, what next.
Whatever nobody expected is logged with its number and shown as 500 without details.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import quote

import structlog
from asyncpg.exceptions import OperatorInterventionError, PostgresConnectionError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from backend.database.errors import StorageError
from backend.database.session import is_cut_off
from backend.web.malformed import told_of_each
from backend.web.responses import FaithfulJson, is_htmx, protect, redirect, trace_id, wants_json
from backend.web.templates import render
from rules.translation import language, marked, say

log: Final = structlog.stdlib.get_logger(__name__)


#: What Starlette and FastAPI say by themselves.
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_UNREAD: Final = "There was an error parsing the body"
_FRAMEWORKS: Final = frozenset({*(one.phrase for one in HTTPStatus), _UNREAD})


class Refusal(Exception):
    """What is asked cannot be done, and the person can do something about it. `str()` is Chinese."""

    status: ClassVar[int] = 409
    slug: ClassVar[str] = "refused"
    title: ClassVar[str] = marked("无法完成")

    def extra(self) -> Mapping[str, Any]:
        """Further members of the problem for programs, such as the code that is wrong."""
        return {}


class NotFound(Refusal):
    """There is no such thing, or it is not the visitor's to see."""

    status = 404
    slug = "not-found"
    title = marked("没有找到")


class Forbidden(Refusal):
    """The visitor may not do this."""

    status = 403
    slug = "forbidden"
    title = marked("没有权限")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, ready to be told. `detail` says what to do next; `errors` are the fields that are wrong."""

    status: int
    slug: str
    title: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    extra: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


_BY_STATUS: Final[dict[int, tuple[str, str, str]]] = {
    400: ("bad-request", marked("请求无法识别"), marked("请返回上一页重试；如仍出现，请联系系统管理员。")),
    401: ("unauthenticated", marked("请先登录"), marked("登录后可继续刚才的操作。")),
    403: ("forbidden", marked("没有权限"), marked("您的账号不能进行此操作；如工作需要，请联系系统管理员。")),
    404: ("not-found", marked("没有找到"), marked("网址可能有误，或该内容已不存在。请从导航或搜索进入。")),
    405: ("method-not-allowed", marked("不支持这种操作"), marked("请从页面上的按钮或链接进行操作。")),
    409: ("conflict", marked("与现有数据冲突"), marked("数据可能刚被他人修改，请刷新页面后再试。")),
    413: ("too-large", marked("文件太大"), marked("请把文件拆分后分次上传。")),
    415: ("unsupported-media-type", marked("文件类型不支持"), marked("请上传 .xlsx、.xls 或 .csv 文件。")),
    422: ("validation", marked("填写有误"), marked("请按提示改正后重新提交。")),
    429: ("rate-limited", marked("操作过于频繁"), marked("请稍等片刻再试。")),
    500: (
        "internal",
        marked("系统出错"),
        marked("本次操作没有保存。请稍后再试；如仍出现，请把下面的编号告诉系统管理员。"),
    ),
    503: ("unavailable", marked("服务暂时不可用"), marked("本次操作没有保存，请稍后再试。")),
}


def install_error_handlers(app: FastAPI) -> None:
    """Let every error of the app be told by this module."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    # A server that is not there makes itself known below SQLAlchemy, as a refused connection.
    away = (ConnectionError, TimeoutError, PostgresConnectionError, OperatorInterventionError)
    for unreachable in (StorageError, OperationalError, InterfaceError, PoolTimeout, *away):
        app.add_exception_handler(unreachable, _on_no_database)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(Exception, _on_the_unexpected)


class _ProblemAsJson(FaithfulJson):
    """A problem repeats what was sent."""

    media_type = "application/problem+json"


def tell(request: Request, problem: Problem) -> Response:
    """The problem in the form in which this request can be answered."""
    headers = dict(problem.headers or {})
    problem = replace(problem, title=say(problem.title))
    if wants_json(request):
        return _ProblemAsJson(_as_json(request, problem), problem.status, headers)
    if problem.status == 401:
        return redirect(request, _login_url(request))
    if is_htmx(request):
        # A piece of a page has no place for an error, so it goes to the one place every page has.
        headers |= {"HX-Retarget": "#messages", "HX-Reswap": "innerHTML show:window:top"}
        return render(request, "_problem.html", problem=problem, status_code=problem.status, headers=headers)
    return render(
        request,
        "error.html",
        problem=problem,
        trace_id=trace_id(request),
        page_title=problem.title,
        status_code=problem.status,
        headers=headers,
    )


def problem_of_status(status: int, detail: str | None = None) -> Problem:
    """The house's words for an HTTP status."""
    slug, title, advice = _BY_STATUS.get(status, _BY_STATUS[500 if status >= 500 else 400])
    return Problem(status, slug, title, detail or say(advice))


def _as_json(request: Request, problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"{request.base_url}problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        "trace_id": trace_id(request),
    }
    if problem.errors:
        body["errors"] = [dict(error) for error in problem.errors]
    return body | dict(problem.extra or {})


def _login_url(request: Request) -> str:
    if request.method != "GET":
        return "/login"
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(target, safe='')}"


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return tell(request, Problem(error.status, error.slug, error.title, str(error), extra=error.extra()))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # The frameworks' own words are English; a Chinese detail, or its translation, was written by us for this case.
    ours = None if (error.detail.isascii() and language() == "zh") or error.detail in _FRAMEWORKS else error.detail
    if error.detail == _UNREAD:
        ours = say("请求的内容读不出来：JSON 请以 UTF-8 编码，表单请用浏览器的格式，再重发。")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed := _allowed(request))
        if wants_json(request):
            ours = say("这个地址只支持 {methods}，请改用其中一种方法。", methods="、".join(allowed))
    problem = problem_of_status(error.status_code, ours)
    return tell(request, Problem(problem.status, problem.slug, problem.title, problem.detail, headers=headers))


def _allowed(request: Request) -> list[str]:
    """The methods of this address: the framework names those of the first route alone."""
    asked = {name: request.scope[name] for name in ("type", "path", "root_path", "headers") if name in request.scope}
    found = [
        method
        for method in _METHODS
        if any(one.matches({**asked, "method": method})[0] is Match.FULL for one in request.app.router.routes)
    ]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


async def _on_malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if _is_of_another_kind(request, error):
        return tell(
            request, problem_of_status(415, say("请求的内容应是 JSON，请写 Content-Type: application/json 后重发。"))
        )
    wrong = told_of_each(error, request.scope.get("route"))
    slug, title, advice = _BY_STATUS[422]
    return tell(request, Problem(422, slug, title, say(advice), errors=wrong))


def _is_of_another_kind(request: Request, error: RequestValidationError) -> bool:
    """Whether a program sent an API's body as something else than JSON: then nothing of it was read."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_whole = any(tuple(one["loc"]) == ("body",) and one["type"] != "missing" for one in error.errors())
    return is_whole and isinstance(error.body, bytes) and not (kind == "application/json" or kind.endswith("+json"))


async def _on_no_database(request: Request, error: Exception) -> Response:
    log.error("database_unreachable", trace_id=trace_id(request), path=request.url.path, error=repr(error))
    detail = say("数据库暂时没有应答，本次操作没有保存。请稍后再试；管理员可运行 tidu doctor 查看原因。")
    return tell(request, problem_of_status(503, detail))


#: What PostgreSQL says of a value that it has no room for: no text, no number, no day that it knows.
#: asyncpg finds most of them itself, before it sends anything, and says 22000.
_NO_ROOM: Final = frozenset({"22000", "22003", "22007", "22008", "22021", "22P02", "22P05"})


async def _on_database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if is_cut_off(error):
        return await _on_no_database(request, error)
    if getattr(error.orig, "sqlstate", None) not in _NO_ROOM:
        raise error
    log.warning("value_without_room", trace_id=trace_id(request), path=request.url.path, error=str(error.orig))
    detail = "填写的内容里有数据库不能保存的字符，或超出范围的数字、日期，本次没有保存。请核对后重新提交。"
    return tell(request, problem_of_status(422, detail))


async def _on_the_unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected_error", trace_id=trace_id(request), path=request.url.path, exc_info=error)
    answer = tell(request, problem_of_status(500))
    # Starlette answers this one outside of all middleware.
    protect(answer.headers, trace_id(request))
    return answer
