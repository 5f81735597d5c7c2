"""The one Jinja environment, and what every page knows besides its own: who looks, where one can go, demo or not.

`render(request, "plans/plan.html", plan=plan)` gives a page, `render(…, block="targets")` one named block of it, drawn
by the very same lines. A name that is misspelt in a template is an error, not an empty place.

The request's state may hold `visitor` (who signed in), `csrf_token` and `messages`; the app's state `is_demo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, cast

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.utils import missing
from markupsafe import Markup

from backend.web import speech
from backend.web.assets import ROOT, asset_url
from backend.web.filters import FILTERS
from rules.translation import LANGUAGES, language, marked, say

TEMPLATES: Final = ROOT / "frontend_templates"
_ICONS: Final = ROOT / "node_modules" / "@tabler" / "icons" / "icons" / "outline"


class Visitor(Protocol):
    """Whoever is signed in, as far as the layout shows them."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def region_name(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """An entry of the navigation; without roles it is for all who signed in."""

    label: str
    href: str
    icon: str
    roles: frozenset[str] = frozenset()

    def is_open_to(self, role: str) -> bool:
        return role in self.roles or not (self.roles or role in _APART)

    def holds(self, path: str) -> bool:
        return path == self.href or (self.href not in _HOMES and path.startswith(f"{self.href}/"))


#: First pages: the others lie under them, and are entries of their own.
_HOMES: Final = frozenset({"/", "/me/enterprise"})


#: Roles that have to do with no enterprise.
_APART: Final = frozenset({"administrator", "auditor", "enterprise"})
_WRITERS: Final = frozenset({"city_officer", "district_officer", "park_officer"})
_ENTERPRISE: Final = frozenset({"enterprise"})

NAVIGATION: Final = (
    Destination(marked("工作台"), "/", "layout-dashboard"),
    Destination(marked("企业"), "/enterprises", "building-factory-2"),
    Destination(marked("认定"), "/recognitions", "certificate"),
    Destination(marked("培育库"), "/pool", "plant-2"),
    Destination(marked("数据核对"), "/conflicts", "checklist"),
    Destination(marked("企业来件"), "/from-enterprises", "inbox"),
    Destination(marked("规划目标"), "/plans", "target-arrow"),
    Destination(marked("导入"), "/imports", "table-import", _WRITERS),
    Destination(marked("数据交换"), "/exchange", "arrows-exchange", frozenset({"city_officer"})),
    Destination(marked("资格自测"), "/check", "checklist"),
    Destination(marked("规则库"), "/rules", "book-2"),
    Destination(marked("政策推演"), "/workshop", "adjustments", _WRITERS),
    Destination(marked("待确认"), "/proposals", "user-check"),
    Destination(marked("我的企业"), "/me/enterprise", "building-factory-2", _ENTERPRISE),
    Destination(marked("资格与成长路线"), "/me/enterprise/programmes", "route", _ENTERPRISE),
    Destination(marked("登记的数据"), "/me/enterprise/facts", "database", _ENTERPRISE),
    Destination(marked("年度填报"), "/me/enterprise/figures", "pencil-plus", _ENTERPRISE),
    Destination(marked("培育库"), "/me/enterprise/pool", "plant-2", _ENTERPRISE),
    Destination(marked("授权与同意"), "/me/enterprise/consents", "shield-check", _ENTERPRISE),
    Destination(marked("消息"), "/me/enterprise/messages", "message", _ENTERPRISE),
    Destination(marked("需求与反馈"), "/me/enterprise/needs", "bulb", _ENTERPRISE),
    Destination(marked("资格自测"), "/check", "checklist", _ENTERPRISE),
    Destination(marked("规则库"), "/rules", "book-2", _ENTERPRISE),
    Destination(marked("用户"), "/people", "users", frozenset({"administrator"})),
    Destination(marked("外部系统"), "/connections", "arrows-exchange", frozenset({"administrator"})),
    Destination(marked("操作留痕"), "/audit", "history", frozenset({"auditor"})),
    Destination(marked("数据交换对账"), "/exchange/reconciliations", "scale", frozenset({"auditor"})),
)


#: What is open to everybody.
PUBLIC_NAVIGATION: Final = (
    Destination(marked("资格自测"), "/check", "checklist"),
    Destination(marked("规则库"), "/rules", "book-2"),
    Destination(marked("登录"), "/login", "login"),
)


class _MissingMember(StrictUndefined):
    """A name nobody gave is an error. A member that something lacks may be asked about, but not printed."""

    def __bool__(self) -> bool:
        if self._undefined_obj is missing:
            return super().__bool__()
        return False


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=_MissingMember,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    shared: dict[str, Any] = {
        "asset_url": asset_url,
        "icon": icon,
        # A text in the language of the page: {{ _("共 {n} 项", n=3) }}
        "_": say,
        "echarts_url": asset_url("echarts/echarts.common.min.js"),
        # What the layout asks for and a page may leave out.
        "breadcrumb": (),
        "page_title": "",
    }
    cast("dict[str, Any]", environment.globals).update(shared)
    return environment


@cache
def icon(name: str) -> Markup:
    """The drawing of a Tabler icon, part of the page itself; nothing where the package is not installed."""
    path = _ICONS / f"{name}.svg"
    if not path.is_file():
        return Markup()
    svg = path.read_text(encoding="utf-8")
    # The files begin with a comment of their tags. What an icon means stands beside it in words.
    drawing = svg[svg.index("<svg") :].replace("\n", "").replace("<svg", '<svg aria-hidden="true"', 1)
    return Markup(drawing)  # noqa: S704 – a file of the package, not of a user


def render(
    request: Request,
    template: str,
    block: str | None = None,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """A page, or one block of it for htmx, as an answer."""
    # An answer that refuses writes nothing: see backend.web.dependencies.
    request.state.answered_with = status_code
    known = layout_context(request) | context
    html = _render_block(template, block, known) if block else templates.get_template(template).render(known)
    return HTMLResponse(html, status_code=status_code, headers={"Vary": "HX-Request"} | (headers or {}))


def _render_block(template: str, block: str, known: dict[str, Any]) -> str:
    """A named block of a page, alone."""
    page = templates.get_template(template)
    context = page.new_context(known)
    # The macros that a page imports at its top are there once its root has been run up to the first text.
    next(page.root_render_func(context), None)
    return "".join(page.blocks[block](context))


def layout_context(request: Request) -> dict[str, Any]:
    """What every template may use without being given it."""
    visitor = cast("Visitor | None", getattr(request.state, "visitor", None))
    return {
        "request": request,
        "visitor": visitor,
        "navigation": _navigation(visitor),
        "current_path": request.url.path,
        "csrf_token": getattr(request.state, "csrf_token", ""),
        "messages": getattr(request.state, "messages", ()),
        "is_demo": bool(getattr(request.app.state, "is_demo", False)),
        "language_tag": LANGUAGES[language()],
        "languages": list(speech.choices(request.url.path, request.query_params.multi_items(), request.method)),
        "is_posted": request.method == "POST",
    }


def _navigation(visitor: Visitor | None) -> Sequence[Destination]:
    if visitor is None:
        return PUBLIC_NAVIGATION
    # What a person manages beside the registry does not depend on the role acted in.
    roles = {visitor.role, *getattr(visitor, "roles", ())}
    return tuple(
        destination
        for destination in NAVIGATION
        if destination.is_open_to(visitor.role) or not roles.isdisjoint(destination.roles - _WRITERS)
    )


templates: Final = _environment()
