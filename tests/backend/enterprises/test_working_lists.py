"""Working with a list: its pages one after the other, its columns, views that are kept, many enterprises at once."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import copy_rows, owner_unit_of_work, unit_of_work
from backend.enterprises import figure_pages, filtering
from backend.enterprises import search as searching
from backend.enterprises.figure_order import INDEXED, check_place, figure_order
from backend.enterprises.paging import Sort, place_of
from backend.enterprises.search import Filters, all_found, ids_in_order, search
from backend.web import memory
from backend.web.rest import CursorUnknown
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_filing, make_recognition

DISTRICT = "321282"


async def make_many(session: AsyncSession) -> None:
    """Enterprises alike in all that lists are ordered by, some without code or day."""
    for number in range(11):
        has_code = number % 3 != 0
        enterprise = await make_enterprise(
            session, name=f"泰州第{number % 4}厂" if has_code else f"泰州第{number}新厂", credit_code=make_code() if has_code else None,
            established_on=None if number % 5 == 0 else date(2010 + number % 2, 5, 1), town=f"第{number}镇",
            region_code=("321202", DISTRICT)[number % 2],
        )  # fmt: skip
        if number % 2:
            await make_recognition(
                session, enterprise, ("hnte", "tech_sme")[number % 4 // 2], today() - timedelta(days=9)
            )


# Pages


@pytest.mark.parametrize("sort", ["name", "code", "established", "region", "rung", "updated"])
async def test_each_page_goes_on_after_the_last_row_of_the_one_before(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, sort: Sort
):
    monkeypatch.setattr(searching, "PAGE_SIZE", 2)
    await make_many(session)
    counted = [await search(session, Filters(sort=sort, page=page), today(), library()) for page in range(1, 7)]
    read: list[int] = []
    place: Sequence[Any] | None = None
    for page in range(1, 7):
        asked = Filters(sort=sort, page=page, after=tuple(place) if place else None)
        rows = (await search(session, asked, today(), library())).rows
        read += [row["id"] for row in rows]
        place = place_of(sort, rows[-1])
    assert read == [row["id"] for found in counted for row in found.rows]
    assert len(set(read)) == 11


@pytest.mark.parametrize("sort", ["name", "code", "established", "region", "rung", "updated"])
@pytest.mark.parametrize("on", [today(), today() - timedelta(days=1)])
async def test_each_page_before_ends_where_the_one_after_it_begins(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, sort: Sort, on: date
):
    monkeypatch.setattr(searching, "PAGE_SIZE", 2)
    await make_many(session)
    counted = [(await search(session, Filters(sort=sort, page=page), on, library())).rows for page in range(1, 7)]
    for page in range(5, 0, -1):
        place = tuple(place_of(sort, counted[page][0]))
        asked = Filters(sort=sort, page=page, after=place, is_backwards=True)
        before = await search(session, asked, on, library())
        assert [row["id"] for row in before.rows] == [row["id"] for row in counted[page - 1]]
        assert before.total == 11


ORDERS = [
    "sales_revenue.2025",
    "sales_revenue.2025.up",
    "employee_total.2025",
    "accounting_sound.now",
    "established_on.now.up",
]


async def make_figures(session: AsyncSession) -> None:
    """Figures for some of many: alike in part, and of some not known."""
    await make_many(session)
    for number, enterprise in enumerate(await column(session, "SELECT id FROM enterprise ORDER BY id")):
        if number % 4:
            values = {
                "sales_revenue": Decimal(number % 3) * Decimal("1234.5"),
                "employee_total": number % 2 + Decimal("0.5"),
            }
            await make_filing(session, enterprise, values, year=2025)
        if number % 3:
            await make_filing(
                session,
                enterprise,
                {"accounting_sound": number % 2 == 0, "established_on": f"20{10 + number}-01-01"},
                year=None,
            )


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("written", ORDERS)
async def test_pages_by_a_figure_lead_on_and_back_with_the_unknown_ones_last(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, written: str, first: int
):
    """In a small registry, and in a large one that looks among those that stand first: too few of them, and enough."""
    monkeypatch.setattr(memory, "LARGE", -1 if first else 100_000)
    monkeypatch.setattr(figure_pages, "FIRST", (first, 2 * first))
    await make_figures(session)
    order = figure_order(written, library().catalogue)
    assert order is not None
    asked = Filters(sort="figure", figure=order)
    whole = (await search(session, asked, today(), library())).rows
    figures = [row["figure"] for row in whole]
    known = [one for one in figures if one is not None]
    assert known == sorted(known, reverse=not order.is_ascending)
    assert (figures[: len(known)], 0 < len(known) < 11) == (known, True)
    monkeypatch.setattr(searching, "PAGE_SIZE", 2)
    pages, place = list[list[int]](), None
    for page in range(1, 7):
        rows = (await search(session, replace(asked, page=page, after=place), today(), library())).rows
        pages.append([row["id"] for row in rows])
        place = tuple(place_of("figure", rows[-1]))
        check_place(order, place)
        if page > 1:
            before = replace(asked, page=page - 1, after=tuple(place_of("figure", rows[0])), is_backwards=True)
            found = await search(session, before, today(), library())
            assert [row["id"] for row in found.rows] == pages[-2]
    assert [number for page in pages for number in page] == [row["id"] for row in whole]
    assert await ids_in_order(session, asked, today(), library()) == [row["id"] for row in whole]
    assert [row["id"] for row in await all_found(session, asked, today(), library())] == [row["id"] for row in whole]


async def test_a_list_narrowed_by_a_filter_is_found_among_those_that_stand_first(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
):
    await make_figures(session)
    order = figure_order("employee_total.2025", library().catalogue)
    narrowed = Filters(sort="figure", figure=order, region=DISTRICT)
    read: list[list[int]] = []
    for large, first in ((100_000, 20), (-1, 1), (-1, 3)):
        monkeypatch.setattr(memory, "LARGE", large)
        monkeypatch.setattr(figure_pages, "FIRST", (first, 2 * first))
        monkeypatch.setattr(searching, "PAGE_SIZE", 2)
        pages = [(await search(session, replace(narrowed, page=page), today(), library())).rows for page in (1, 2, 3)]
        read.append([row["id"] for rows in pages for row in rows])
    assert read[0] == read[1] == read[2]
    assert len(set(read[0])) == 5


async def test_a_figure_whose_reader_may_not_see_it_orders_nothing(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        low, high = [await make_enterprise(session, name=name) for name in ("低", "高")]
        await make_filing(session, low, {"sales_revenue": 1}, year=2025, source="self_declared")
        await make_filing(session, high, {"sales_revenue": 9}, year=2025, source="tax")
    asked = Filters(sort="figure", figure=figure_order("sales_revenue.2025", library().catalogue))
    for scope, ids in ((Scope.city(), [high, low]), (Scope("*"), [low, high])):
        async with unit_of_work(engine, scope) as session:
            found = await search(session, asked, today(), library())
            assert ([row["id"] for row in found.rows], found.rows[-1]["figure"] is None) == (ids, scope == Scope("*"))


async def test_the_head_of_a_figures_column_sorts_by_it_and_back(city: AsyncClient, engine: AsyncEngine):
    number = (await ids_of(engine, "true"))[4]
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"sales_revenue": 7}, year=2025)
    page = (await city.get("/enterprises?columns=sales_revenue.2025&region=321202")).text
    for order in ("descending", "ascending"):
        link = re.search(r'<a href="(/enterprises[^"]+)" title="按此列排序">', page)
        assert link is not None
        page = (await city.get(link[1].replace("&amp;", "&"))).text
        assert f'aria-sort="{order}"' in page
        assert re.findall(r'name="id" value="(\d+)"', page)[0] == str(number)
    assert "2025 销售收入（万元）" in (await city.get("/enterprises?sort=sales_revenue.2025")).text
    told = (await city.get("/api/v1/enterprises?sort=sales_revenue.2025.up")).json()
    assert (told["enterprises"][0]["id"], "figure_order" in told["enterprises"][0]) == (number, False)


async def test_what_is_taken_for_indexed_has_an_index(session: AsyncSession):
    names = await column(session, "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'fact_yearly_in_order_of_%'")
    assert {name.removeprefix("fact_yearly_in_order_of_") for name in names} == INDEXED


async def test_a_place_that_is_none_by_a_figure_is_refused():
    order = figure_order("sales_revenue.2025", library().catalogue)
    assert order is not None
    for place in (("1; DROP TABLE x", 1), ("1.5", 1), (3, 1), (None, "1")):
        with pytest.raises(CursorUnknown):
            check_place(order, place)
    assert figure_order("name", library().catalogue) is None


async def test_with_all_before_a_place_gone_the_first_page_is_shown(session: AsyncSession):
    await make_enterprise(session, name="乙厂")
    asked = Filters(page=2, after=("一厂", 0), is_backwards=True)
    found = await search(session, asked, today(), library())
    assert ([row["name"] for row in found.rows], found.page) == (["乙厂"], 1)


async def test_what_comes_in_before_a_page_neither_shows_a_row_twice_nor_hides_one(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(searching, "PAGE_SIZE", 2)
    for name in ("乙厂", "丙厂", "丁厂"):
        await make_enterprise(session, name=name)
    first = (await search(session, Filters(), today(), library())).rows
    await make_enterprise(session, name="一厂")
    after = tuple(place_of("name", first[-1]))
    second = (await search(session, Filters(page=2, after=after), today(), library())).rows
    assert {row["name"] for row in [*first, *second]} == {"乙厂", "丙厂", "丁厂"}


@pytest.fixture
async def city(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        await make_many(session)
    return await client_as("city_officer")


async def test_the_link_to_the_next_page_leads_on(city: AsyncClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching, "PAGE_SIZE", 4)
    path, seen = "/enterprises?sort=region", list[str]()
    for _ in range(3):
        page = (await city.get(path)).text
        seen += re.findall(r'name="id" value="(\d+)"', page)
        link = re.search(r'href="([^"]+cursor=[^"]+)" rel="next"', page)
        path = link[1].replace("&amp;", "&") if link else ""
    assert (len(seen), len(set(seen)), path) == (11, 11, "")


async def test_the_link_to_the_page_before_leads_back(city: AsyncClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching, "PAGE_SIZE", 3)
    third = (await city.get("/enterprises?sort=region&page=3")).text
    link = re.search(r'href="([^"]+&amp;back=1&amp;cursor=[^"]+)" rel="prev"', third)
    assert link is not None
    back = (await city.get(link[1].replace("&amp;", "&"))).text
    second = (await city.get("/enterprises?sort=region&page=2")).text
    ticked = [re.findall(r'name="id" value="(\d+)"', page) for page in (back, second)]
    assert ticked[0] == ticked[1]
    assert len(ticked[0]) == 3


async def test_a_cursor_of_another_list_is_counted_off_instead(city: AsyncClient):
    assert (await city.get("/enterprises?page=1&cursor=nonsense")).status_code == 200


async def test_the_api_leads_on_by_cursor(city: AsyncClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.enterprises.search.PAGE_SIZE", 4)
    monkeypatch.setattr("backend.enterprises.api.PAGE_SIZE", 4)
    first = (await city.get("/api/v1/enterprises?sort=code")).json()
    second = (await city.get("/api/v1/enterprises", params={"sort": "code", "cursor": first["next"]})).json()
    assert {one["id"] for one in first["enterprises"]}.isdisjoint(one["id"] for one in second["enterprises"])
    assert (await city.get("/api/v1/enterprises", params={"sort": "name", "cursor": first["next"]})).status_code == 400


# Columns


async def test_the_columns_chosen_are_shown_and_exported(city: AsyncClient):
    query = "columns=town&columns=chains&q=第0厂"
    page = (await city.get(f"/enterprises?{query}")).text
    assert '<th scope="col">镇街</th>' in page
    assert '<th scope="col">统一社会信用代码</th>' not in page
    content = (await city.get(f"/enterprises/export?{query}")).content
    head, *rows = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()
    assert head == ["企业名称", "镇街", "产业链"]
    assert sorted(row[1] for row in rows) == ["第4镇", "第8镇"]


async def test_choosing_columns_keeps_the_filters(city: AsyncClient):
    page = (await city.get("/enterprises?region=321282&columns=town")).text
    panel = page[page.index('class="panel"') : page.index("按此显示")]
    assert '<input type="hidden" name="region" value="321282">' in panel
    assert 'value="town" checked' in panel
    assert 'value="code" checked' not in panel


async def test_figures_of_a_year_and_of_now_are_columns_of_page_and_workbook(city: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, name="有数企业")
        await make_filing(session, number, {"sales_revenue": 1234.5}, year=2025)
        await make_filing(session, number, {"digital_level": 2, "has_own_brand": True}, year=None)
    query = "q=有数企业&columns=sales_revenue.2025&columns=digital_level.now&columns=has_own_brand.now&columns=rd_expense_hnte.2025"
    page = (await city.get(f"/enterprises?{query}")).text
    assert re.search(r'<th scope="col" class="num"><a [^>]+>2025 [^<]*（万元）</a></th>', page)
    assert re.findall(r'class="num">([^<]*)</td>', page) == ["1,234.5", "2", "是", "—"]
    content = (await city.get(f"/enterprises/export?{query}")).content
    assert CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()[1][1:] == [
        1234.5, 2, "是", "",
    ]  # fmt: skip


async def test_a_figure_chosen_is_put_behind_the_columns_there_are(city: AsyncClient):
    answer = await city.get("/enterprises?region=321282&columns=town&figure=sales_revenue&figure_year=2025")
    assert answer.headers["location"] == "/enterprises?region=321282&columns=town&columns=sales_revenue.2025"
    answer = await city.get("/enterprises?columns=town&figure=digital_level&figure_year=2025")
    assert answer.headers["location"] == "/enterprises?columns=town&columns=digital_level.now"
    assert (await city.get("/enterprises?figure=&figure_year=2025")).headers["location"] == "/enterprises?"


@pytest.mark.parametrize(
    "name", ["sales_revenue", "sales_revenue.now", "sales_revenue.२०२५", "digital_level.2025", "honours.now", "nothing.2025", '".2025']
)  # fmt: skip
async def test_a_column_that_is_no_figure_is_left_out(city: AsyncClient, name: str):
    answer = await city.get("/enterprises", params={"columns": [name, "town"]})
    assert answer.status_code == 200
    assert answer.text.count('<th scope="col"') == 3


# Saved views


async def keep(client: AsyncClient, name: str, query: str = "region=321282&page=3", **given: str) -> Any:
    return await client.post("/enterprises/views", data={"name": name, "query": query, **given})


async def test_a_view_is_kept_without_its_page_and_opened_again(city: AsyncClient):
    answer = await keep(city, "靖江 名单")
    assert answer.headers["location"] == "/enterprises?region=321282&done=view"
    page = (await city.get(answer.headers["location"])).text
    assert "已保存视图。" in page
    assert '<a href="/enterprises?region=321282" aria-current="page">靖江 名单</a>' in page


async def test_a_view_of_the_same_name_takes_the_place_of_the_old_one(city: AsyncClient, engine: AsyncEngine):
    await keep(city, "我的名单")
    await keep(city, "我的名单", "rung=high_tech")
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT query FROM saved_view") == ["rung=high_tech"]


async def test_a_view_is_ones_own_until_it_is_shared(city: AsyncClient, client_as: ClientAs):
    await keep(city, "只给自己")
    await keep(city, "给大家", is_shared="true")
    page = (await (await client_as("viewer")).get("/enterprises")).text
    assert "给大家" in page
    assert "只给自己" not in page


async def test_what_a_district_shares_another_district_does_not_see(engine: AsyncEngine, client_as: ClientAs):
    await keep(await client_as("district_officer", DISTRICT), "靖江共享", is_shared="true")
    for role, region, sees in (
        ("district_officer", "321202", False), ("district_officer", DISTRICT, True), ("city_officer", "", True)
    ):  # fmt: skip
        assert ("靖江共享" in (await (await client_as(role, region)).get("/enterprises")).text) is sees


async def test_nobody_deletes_anothers_view(city: AsyncClient, client_as: ClientAs, engine: AsyncEngine):
    await keep(city, "给大家", is_shared="true")
    async with owner_unit_of_work(engine) as session:
        (number,) = await column(session, "SELECT id FROM saved_view")
    other = await client_as("city_officer")
    assert (await other.post(f"/enterprises/views/{number}/delete")).status_code == 404
    gone = await city.post(f"/enterprises/views/{number}/delete", data={"query": "rung=srdi"})
    assert gone.headers["location"] == "/enterprises?rung=srdi&done=forgotten"


@pytest.mark.parametrize("name", ["", "   ", "长" * 61])
async def test_a_view_without_a_proper_name_is_refused(city: AsyncClient, name: str):
    answer = await keep(city, name)
    assert answer.status_code == 422
    assert "最多 60 个字" in answer.text


async def test_htmx_gets_views_and_export_that_fit_the_new_list(city: AsyncClient):
    piece = (await city.get("/enterprises?region=321282", headers={"HX-Request": "true"})).text
    assert 'id="views" hx-swap-oob="true"' in piece
    assert 'href="/enterprises/export?region=321282" hx-swap-oob="true"' in piece


# Many at once


async def ids_of(engine: AsyncEngine, condition: str = "true") -> list[int]:
    async with owner_unit_of_work(engine) as session:
        return await column(session, f"SELECT id FROM enterprise e WHERE {condition} ORDER BY id")


async def in_chain(engine: AsyncEngine, chain: str = "高端装备") -> list[int]:
    async with owner_unit_of_work(engine) as session:
        return await column(
            session, "SELECT enterprise_id FROM enterprise_chain WHERE chain = :chain ORDER BY 1", chain=chain
        )


async def bulk(client: AsyncClient, **given: Any) -> Any:
    return await client.post("/enterprises/bulk", data={"chain": "高端装备产业链", "action": "add_chain"} | given)


async def test_those_ticked_join_a_chain(city: AsyncClient, engine: AsyncEngine):
    some = (await ids_of(engine))[:3]
    answer = await bulk(city, id=some, query="region=321282")
    assert answer.headers["location"] == "/enterprises?region=321282&done=added-3"
    assert "已把 3 家企业加入产业链。" in (await city.get(answer.headers["location"])).text
    assert await in_chain(engine) == some


async def test_all_of_a_list_join_a_chain_and_leave_it_again(city: AsyncClient, engine: AsyncEngine):
    all_there = await ids_of(engine, f"e.region_code = '{DISTRICT}'")
    given = {"whom": "all", "query": f"region={DISTRICT}", "total": str(len(all_there))}
    assert (await bulk(city, **given)).headers["location"].endswith("done=added-5")
    assert await in_chain(engine) == all_there
    assert (await bulk(city, action="leave_chain", **given)).headers["location"].endswith("done=left-5")
    assert await in_chain(engine) == []


async def test_nothing_is_done_to_a_list_that_has_changed_since(city: AsyncClient, engine: AsyncEngine):
    answer = await bulk(city, whom="all", query="", total="10")
    assert answer.status_code == 422
    assert "打开时 10 家，现在 11 家" in answer.text
    assert await in_chain(engine) == []


async def test_all_of_a_list_that_nobody_counted_are_counted_and_asked_for_first(
    city: AsyncClient, engine: AsyncEngine
):
    all_there = await ids_of(engine, f"e.region_code = '{DISTRICT}'")
    asked = await bulk(city, whom="all", query=f"region={DISTRICT}", total="0")
    assert (asked.status_code, await in_chain(engine)) == (200, [])
    assert "名单全部共 <strong>5</strong> 家企业，将加入产业链“高端装备”" in asked.text
    confirmed = dict(re.findall(r'<(?:input type="hidden"|button[^>]*) name="(\w+)" value="([^"]*)"', asked.text))
    answer = await city.post("/enterprises/bulk", data=confirmed)
    assert answer.headers["location"].endswith("done=added-5")
    assert await in_chain(engine) == all_there


@pytest.mark.parametrize("officer", ["none", ""])
async def test_before_it_is_asked_what_is_to_be_done_is_looked_at(city: AsyncClient, officer: str):
    asked = await bulk(city, whom="all", query="", total="0", action="assign", officer=officer)
    told = "名单全部共 <strong>11</strong> 家企业，将取消责任人" if officer else "请选择责任人"
    assert told in asked.text


@pytest.mark.parametrize(("given", "part"), [({}, "还没有选中企业"), ({"id": "1", "chain": "甲、乙"}, "一条产业链")])
async def test_what_is_not_said_clearly_is_not_done(city: AsyncClient, given: dict[str, str], part: str):
    answer = await bulk(city, **given)
    assert answer.status_code == 422
    assert part in answer.text


async def test_with_one_enterprise_of_elsewhere_among_them_nobody_is_changed(
    city: AsyncClient, client_as: ClientAs, engine: AsyncEngine
):
    own, other = (
        (await ids_of(engine, f"e.region_code = '{DISTRICT}'"))[0],
        (await ids_of(engine, "e.region_code = '321202'"))[0],
    )
    officer = await client_as("district_officer", DISTRICT)
    answer = await bulk(officer, id=[own, other])
    assert answer.status_code == 422
    assert "有 1 家不存在或不在您的区域" in answer.text
    assert await in_chain(engine) == []


async def test_whoever_has_the_form_open_is_told_of_the_new_chain(city: AsyncClient, engine: AsyncEngine):
    number = (await ids_of(engine))[0]
    form = (await city.get(f"/enterprises/{number}/edit")).text
    seen = re.search(r'name="revision" value="(\d+)"', form)
    assert seen is not None
    await bulk(city, id=[number])
    answer = await city.post(
        f"/enterprises/{number}/edit", data={"revision": seen[1], "name": "泰州第0厂", "on": str(today())}
    )
    assert answer.status_code == 409
    assert await in_chain(engine) == [number]


async def test_a_viewer_may_export_those_ticked_and_change_none(
    city: AsyncClient, client_as: ClientAs, engine: AsyncEngine
):
    viewer = await client_as("viewer")
    some = (await ids_of(engine))[:2]
    assert (await bulk(viewer, id=some)).status_code == 403
    content = (await viewer.post("/enterprises/export", data={"id": some, "query": "columns=town&sort=code"})).content
    head, *rows = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()
    assert (head, len(rows)) == (["企业名称", "镇街"], 2)
    assert (await viewer.post("/enterprises/export", data={"query": ""})).status_code == 422
    async with owner_unit_of_work(engine) as session:
        noted = await column(
            session, "SELECT action FROM trace_note WHERE subject = 'enterprise' AND action = 'export'"
        )
    assert noted == ["export"]


async def test_who_meets_the_conditions_and_never_held_the_title_is_a_newcomer(session: AsyncSession):
    fresh, lapsed = await make_enterprise(session), await make_enterprise(session)
    await make_recognition(session, lapsed, "hnte", date(2019, 1, 1))
    names = (
        "enterprise_id",
        "programme",
        "outcome",
        "is_likely",
        "version",
        "failed",
        "unknown",
        "missing",
        "as_of",
        "run_id",
    )
    rows = [(number, "hnte", "eligible", False, "2016", [], [], [], today(), 1) for number in (fresh, lapsed)]
    await copy_rows(session, "eligibility", names, rows)
    asked = {outcome: Filters(programme="hnte", outcome=outcome) for outcome in ("candidate", "newcomer")}
    found = {name: await search(session, one, today(), library()) for name, one in asked.items()}
    assert {row["id"] for row in found["candidate"].rows} == {fresh, lapsed}
    assert [row["id"] for row in found["newcomer"].rows] == [fresh]


async def test_many_who_stand_as_asked_are_found_like_few(session: AsyncSession, monkeypatch: pytest.MonkeyPatch):
    await make_many(session)
    for outcome in ("held", "not_held", "candidate", "eligible"):
        asked = Filters(programme="hnte", outcome=outcome)
        few = await search(session, asked, today(), library())
        monkeypatch.setattr(filtering, "FEW", -1)
        many = await search(session, asked, today(), library())
        monkeypatch.setattr(filtering, "FEW", 2_000)
        assert ([row["id"] for row in many.rows], many.total) == ([row["id"] for row in few.rows], few.total)
    assert (await session.execute(text("SELECT count(*) FROM recognition"))).scalar_one() > 0


# Who answers for whom


async def given(engine: AsyncEngine) -> dict[int, int]:
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(text("SELECT enterprise_id, officer_id FROM enterprise_officer"))
        return {row[0]: row[1] for row in found}


async def person_of(engine: AsyncEngine, role: str) -> int:
    async with owner_unit_of_work(engine) as session:
        return (await column(session, "SELECT id FROM person WHERE role = :role ORDER BY id DESC", role=role))[0]


async def test_an_officer_sees_whom_they_were_given_as_their_own(
    city: AsyncClient, client_as: ClientAs, engine: AsyncEngine
):
    own = await client_as("district_officer", DISTRICT)
    officer, some = (
        await person_of(engine, "district_officer"),
        (await ids_of(engine, f"e.region_code = '{DISTRICT}'"))[:3],
    )
    answer = await bulk(city, action="assign", officer=str(officer), id=some, query="")
    assert answer.headers["location"].endswith("done=assigned-3")
    assert await given(engine) == dict.fromkeys(some, officer)
    mine = (await own.get("/enterprises?officer=mine&columns=officer")).text
    assert sorted(int(one) for one in re.findall(r'name="id" value="(\d+)"', mine)) == some
    assert "共 3 家企业" in mine
    assert "共 8 家企业" in (await city.get("/enterprises?officer=none")).text
    assert "没有找到企业" in (await city.get("/enterprises?officer=mine")).text


async def test_those_of_a_list_are_given_to_another_and_to_nobody(city: AsyncClient, engine: AsyncEngine):
    officer = await person_of(engine, "city_officer")
    whole = {"whom": "all", "query": f"region={DISTRICT}", "total": "5", "action": "assign"}
    assert (await bulk(city, officer=str(officer), **whole)).headers["location"].endswith("done=assigned-5")
    assert (await bulk(city, officer=str(officer), **whole)).headers["location"].endswith("done=assigned-0")
    assert (await bulk(city, officer="none", **whole)).headers["location"].endswith("done=released-5")
    assert await given(engine) == {}


async def test_an_officer_of_one_district_cannot_answer_for_another(
    city: AsyncClient, client_as: ClientAs, engine: AsyncEngine
):
    own = await client_as("district_officer", DISTRICT)
    officer = str(await person_of(engine, "district_officer"))
    other = await ids_of(engine, "e.region_code = '321202'")
    refused = await bulk(city, action="assign", officer=officer, id=other[:2])
    assert (refused.status_code, "不能管理其中 2 家企业" in refused.text) == (422, True)
    assert (await bulk(own, action="assign", officer=officer, id=other[:2])).status_code == 422
    assert (await bulk(city, action="assign", officer="", id=other[:2])).status_code == 422
    assert await given(engine) == {}


# Very many


async def test_a_list_that_no_index_counts_is_counted_so_far_only(city: AsyncClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filtering, "FEW", -1)
    for name, value in (("MOST_COUNTED", 4), ("PAGE_SIZE", 3)):
        monkeypatch.setattr(searching, name, value)
    page = (await city.get("/enterprises?q=泰州&sort=code")).text
    assert "共 4 家企业以上" in page
    assert ('<option value="all">名单全部</option>' in page, 'name="total" value="0"' in page) == (True, True)
    seen = re.findall(r'name="id" value="(\d+)"', page)
    while link := re.search(r'href="([^"]+cursor=[^"]+)" rel="next"', page):
        page = (await city.get(link[1].replace("&amp;", "&"))).text
        seen += re.findall(r'name="id" value="(\d+)"', page)
    assert (len(seen), len(set(seen))) == (11, 11)
    assert "共 11 家企业，" in (await city.get("/enterprises?q=泰州&sort=code&counted=out")).text
    told = (await city.get("/api/v1/enterprises?q=泰州")).json()
    assert (told["total"], told["is_more"]) == (4, True)


async def test_in_a_large_registry_the_count_that_takes_long_comes_after_the_rows(
    city: AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(memory, "LARGE", -1)
    monkeypatch.setattr(filtering, "FEW", -1)
    monkeypatch.setattr(searching, "PAGE_SIZE", 3)
    path = "/enterprises?q=泰州&sort=code"
    page = (await city.get(path)).text
    assert page.count('name="id"') == 3
    assert "共 3 家企业以上" in page
    asked = re.search(r'id="count" hx-get="([^"]+)" hx-trigger="load"', page)
    assert asked is not None
    piece = (await city.get(asked[1].replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Target": "count"})).text
    assert ("共 11 家企业，" in piece, 'name="id"' in piece, "hx-trigger" in piece) == (True, False, False)
    assert 'name="total" value="11" hx-swap-oob="true"' in piece
    assert "共 11 家企业，" in (await city.get(path)).text


@pytest.mark.parametrize("fact", ["sales_revenue", "employee_total", "rd_expense_hnte", "sales"])
async def test_few_and_many_who_lack_a_fact_are_found_alike(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, fact: str
):
    await make_many(session)
    ids = await column(session, "SELECT id FROM enterprise ORDER BY id")
    lacks = [
        ["sales_revenue[2025]"], ["sales_revenue[2025]", "employee_total[2025]"], ["employee_total"],
        ["rd_expense_hnte_domestic[2024]"], ["sales_revenue", "staff", "employees", "rd_expense_hnte"], [],
    ]  # fmt: skip
    names = (
        "enterprise_id", "programme", "outcome", "is_likely", "version", "failed", "unknown", "missing", "as_of", "run_id",
    )  # fmt: skip
    rows = [
        (number, programme, "undetermined", False, "x", [], [], facts, today(), 1)
        for number, facts in zip(ids, lacks, strict=False)
        for programme in ("hnte", "tech_sme")
    ]
    await copy_rows(session, "eligibility", names, rows)
    found: list[tuple[list[int], int]] = []
    for few in (10_000, 1, -1):
        monkeypatch.setattr(filtering, "FEW", few)
        one = await search(session, Filters(missing=fact, sort="code"), today(), library())
        found.append((sorted(row["id"] for row in one.rows), one.total))
    meant = {"sales_revenue": ids[:2], "employee_total": ids[1:3]}.get(fact, [])
    assert found == [(meant, len(meant))] * 3


@pytest.mark.parametrize(
    "q", ["泰", "州", "泰州", "第1", "1厂", "tz", "z", "新厂", "泰州 新", "9132", "9132 02", "%", "_", "厂 9"]
)
async def test_few_and_many_are_found_by_the_same_words(session: AsyncSession, monkeypatch: pytest.MonkeyPatch, q: str):
    await make_many(session)
    few = await search(session, Filters(q=q), today(), library())
    monkeypatch.setattr(filtering, "FEW", -1)
    many = await search(session, Filters(q=q), today(), library())
    assert ([row["id"] for row in many.rows], many.total) == ([row["id"] for row in few.rows], few.total)
    found = await session.execute(text("SELECT id, search_text FROM enterprise"))
    hit = {row[0] for row in found if all(word in row[1] for word in q.split())}
    assert {row["id"] for row in few.rows} == hit
