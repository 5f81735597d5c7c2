"""The layout, its pieces, and what is told when something goes wrong."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from httpx import ASGITransport, AsyncClient
from jinja2 import DictLoader, UndefinedError

from backend.web import responses
from backend.web.errors import NotFound, Refusal, install_error_handlers
from backend.web.responses import ResponseHeaders, download, redirect, safe_next
from backend.web.templates import PUBLIC_NAVIGATION, TEMPLATES, render, templates

TEMPLATE_FILES = sorted(TEMPLATES.rglob("*.html"))


@dataclass
class Somebody:
    name: str = "王敏"
    role: str = "city_officer"
    region_name: str | None = "泰州市"


class CodeTaken(Refusal):
    slug = "code-taken"
    title = "代码已登记"

    def extra(self) -> dict[str, str]:
        return {"code": "91321202MAWD852R8M"}


def make_app(visitor: Somebody | None = None, *, is_demo: bool = False) -> FastAPI:
    app = FastAPI()
    app.state.is_demo = is_demo
    install_error_handlers(app)

    @app.get("/page")
    @app.get("/enterprises/1")
    def page(request: Request) -> Response:
        request.state.visitor = visitor
        return render(request, "layout.html", page_title="某页")

    @app.get("/taken")
    @app.get("/api/v1/taken")
    def taken() -> None:
        raise CodeTaken("代码 91321202MAWD852R8M 已登记给另一家企业，请核对。")

    @app.get("/secret")
    @app.get("/api/v1/secret")
    def secret() -> None:
        raise HTTPException(401)

    @app.get("/gone")
    def gone() -> None:
        raise NotFound("没有编号为 7 的导入批次，请从导入列表进入。")

    @app.get("/api/v1/count")
    @app.get("/count")
    def count(number: int) -> int:
        return number

    @app.get("/no-database")
    def no_database() -> None:
        raise ConnectionRefusedError(111, "Connect call failed")

    @app.get("/broken")
    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("password=secret")

    @app.get("/away")
    def away(request: Request) -> Response:
        return redirect(request, "/elsewhere")

    @app.get("/file")
    def file() -> Response:
        return download(b"x", "企业台账.xlsx")

    app.add_middleware(ResponseHeaders)
    return app


def browser(app: FastAPI) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://testserver")


@pytest.fixture
def client() -> AsyncClient:
    return browser(make_app())


async def page_for(visitor: Somebody | None, path: str = "/page", *, is_demo: bool = False) -> str:
    return (await browser(make_app(visitor, is_demo=is_demo)).get(path)).text


def piece(source: str, **context: object) -> str:
    """Render a line that uses components."""
    environment = templates.overlay()
    assert templates.loader is not None
    loader = DictLoader({"piece.html": source})
    environment.loader = _Both(loader, templates.loader)
    return environment.get_template("piece.html").render(context)


class _Both(DictLoader):
    def __init__(self, first: DictLoader, second: object) -> None:
        super().__init__(dict(first.mapping))
        for path in TEMPLATE_FILES:
            self.mapping = {
                **self.mapping,
                path.relative_to(TEMPLATES).as_posix(): path.read_text(encoding="utf-8"),
            }


# The layout


async def test_every_role_sees_only_the_places_it_may_go_to():
    assert "用户" in (await page_for(Somebody(role="administrator")))
    officer = await page_for(Somebody(role="district_officer"))
    assert 'href="/imports"' in officer
    assert 'href="/people"' not in officer
    assert 'href="/imports"' not in (await page_for(Somebody(role="viewer")))


async def test_only_who_may_see_enterprises_is_asked_for_one():
    shown = {role: 'role="search"' in (await page_for(Somebody(role=role))) for role in ("viewer", "auditor")}
    assert shown == {"viewer": True, "auditor": False}


async def test_nobody_signed_in_is_led_to_what_is_public_only():
    page = await page_for(None)
    navigation = page[page.index('aria-label="主导航"') : page.index("</nav>")]
    assert re.findall(r'href="([^"]+)"', navigation) == [one.href for one in PUBLIC_NAVIGATION]
    assert 'href="/enterprises"' not in page


async def test_the_place_one_is_at_is_marked_also_on_the_pages_below_it():
    marked = re.findall(r'<a href="([^"]+)" aria-current="page">', (await page_for(Somebody(), "/enterprises/1")))
    assert marked == ["/enterprises"]


async def test_a_demo_says_so_on_every_page():
    assert "演示数据" in (await page_for(Somebody(), is_demo=True))
    assert "演示数据" not in (await page_for(Somebody()))


async def test_names_of_visitors_are_escaped():
    assert "<b>x</b>" not in (await page_for(Somebody(name="<b>x</b>")))


def test_a_misspelt_name_in_a_template_is_an_error():
    with pytest.raises(UndefinedError):
        piece("{{ enterprize }}")
    with pytest.raises(UndefinedError):
        piece("{% if enterprize %}x{% endif %}")


def test_a_member_that_is_missing_may_be_asked_about_but_not_printed():
    assert piece("{% if row.note %}x{% endif %}", row={}) == ""
    with pytest.raises(UndefinedError):
        piece("{{ row.note }}", row={})


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_no_template_needs_what_the_security_policy_forbids(path: Path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"""\s(?:style|on\w+|hx-on[\w:-]*)=["']""", text) == []
    assert re.findall(r"<script(?![^>]*(?:\ssrc=|application/json))[^>]*>", text) == []
    assert re.findall(r"<style", text) == []
    assert re.findall(r"""(?:src|href)=["']https?:""", text) == []


# Components


def test_figures_stand_in_a_table_under_their_columns():
    html = piece(
        '{% from "components/table.html" import data_table, cell %}'
        '{% call data_table([{"label": "收入", "figure": true, "href": "?s", "sorted": "ascending"}]) %}'
        '<tr>{{ cell("收入", 5, true) }}</tr>{% endcall %}'
    )
    assert '<th scope="col" class="num" aria-sort="ascending"><a href="?s">收入</a></th>' in html
    assert '<td data-label="收入" class="num">5</td>' in html


def test_a_field_with_a_mistake_is_tied_to_its_message():
    html = piece(
        '{% from "components/field.html" import field %}'
        '{{ field("code", "代码", "9<", hint="18 位", error="位数不对") }}'
    )
    assert 'aria-describedby="code-hint code-error"' in html
    assert 'value="9&lt;"' in html
    assert '<div class="field-error" id="code-error">位数不对</div>' in html


def test_a_password_is_never_sent_back():
    html = piece('{% from "components/field.html" import field %}{{ field("p", "口令", "abc", type="password") }}')
    assert "abc" not in html


def test_progress_is_told_in_words_too():
    html = piece('{% from "components/progress.html" import progress_bar %}{{ progress_bar(0.81, 0.66, "behind") }}')
    assert 'aria-label="完成 81.0%，时间已过 66%"' in html


def test_what_is_not_reported_has_no_bar():
    html = piece('{% from "components/progress.html" import progress_bar %}{{ progress_bar(none) }}')
    assert "未填报" in html
    assert "svg" not in html


def test_the_figures_of_a_chart_cannot_end_their_script():
    html = piece(
        '{% from "components/chart.html" import chart %}{{ chart({"name": name}, "图") }}', name="</script><b>"
    )
    assert "</script><b>" not in html


def test_the_pages_of_a_list_keep_its_filters():
    html = piece(
        '{% from "components/pagination.html" import pagination %}{{ pagination(2, 3, 60, "?q=x&page={page}") }}'
    )
    assert re.findall(r'href="([^"]+)"', html) == [f"?q=x&amp;page={page}" for page in (1, 1, 2, 3, 3)]


# Errors


async def test_a_refusal_is_a_page_for_people(client: AsyncClient):
    answer = await client.get("/taken", headers={"accept": "text/html"})
    assert answer.status_code == 409
    assert "代码 91321202MAWD852R8M 已登记给另一家企业，请核对。" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_refusal_is_a_problem_for_programs(client: AsyncClient):
    answer = await client.get("/api/v1/taken")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "http://testserver/problems/code-taken",
        "title": "代码已登记",
        "status": 409,
        "detail": "代码 91321202MAWD852R8M 已登记给另一家企业，请核对。",
        "instance": "/api/v1/taken",
        "trace_id": answer.headers["x-request-id"],
        "code": "91321202MAWD852R8M",
    }


async def test_a_refusal_goes_to_the_messages_of_the_page_for_htmx(client: AsyncClient):
    answer = await client.get("/taken", headers={"hx-request": "true"})
    assert answer.headers["hx-retarget"] == "#messages"
    assert "<html" not in answer.text
    assert "已登记给另一家企业" in answer.text


async def test_the_error_of_a_slice_brings_its_own_status(client: AsyncClient):
    answer = await client.get("/gone")
    assert answer.status_code == 404
    assert "没有编号为 7 的导入批次" in answer.text


async def test_an_address_that_does_not_exist_is_told_in_chinese(client: AsyncClient):
    assert "没有找到" in (await client.get("/nowhere")).text
    assert (await client.get("/api/v1/nowhere")).json()["title"] == "没有找到"


async def test_whoever_is_not_signed_in_is_led_to_the_login_and_back(client: AsyncClient):
    answer = await client.get("/secret?page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fsecret%3Fpage%3D2")
    assert (await client.get("/api/v1/secret")).status_code == 401


async def test_malformed_input_names_every_field(client: AsyncClient):
    answer = await client.get("/api/v1/count?number=many")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/query/number", "parameter": "number", "code": "int_parsing", "detail": "“number”应为整数，实为“many”。",
            "remedy": "请改正“number”，应为整数。",
        }
    ]  # fmt: skip
    assert "没有填写" in (await client.get("/count")).text


async def test_what_nobody_expected_is_told_without_details(client: AsyncClient):
    for path in ("/broken", "/api/v1/broken"):
        answer = await client.get(path)
        assert answer.status_code == 500
        assert "系统出错" in answer.text
        assert "secret" not in answer.text


async def test_without_its_database_the_service_asks_to_try_again(client: AsyncClient):
    answer = await client.get("/no-database")
    assert answer.status_code == 503
    assert "数据库暂时没有应答，本次操作没有保存。" in answer.text


# Responses


async def test_every_answer_forbids_inline_scripts_and_frames(client: AsyncClient):
    for path in ("/page", "/nowhere", "/api/v1/taken", "/broken"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"] == responses.CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_htmx_is_redirected_in_its_own_way(client: AsyncClient):
    assert (await client.get("/away")).headers["location"] == "/elsewhere"
    answer = await client.get("/away", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/elsewhere")


async def test_a_file_is_sent_as_what_its_name_says(client: AsyncClient):
    assert (await client.get("/file")).headers["content-type"].endswith("spreadsheetml.sheet")


async def test_a_file_keeps_its_chinese_name(client: AsyncClient):
    assert (await client.get("/file")).headers["content-disposition"] == (
        "attachment; filename=\"____.xlsx\"; filename*=UTF-8''%E4%BC%81%E4%B8%9A%E5%8F%B0%E8%B4%A6.xlsx"
    )


@pytest.mark.parametrize(
    "url", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", None, "/a\nb"]
)
def test_after_signing_in_nobody_is_led_to_another_site(url: str | None):
    assert safe_next(url) == "/"


def test_after_signing_in_one_is_led_to_where_one_wanted():
    assert safe_next("/plans/P000?on=2026-11-20") == "/plans/P000?on=2026-11-20"
