"""Finding enterprises: by what people type, by every filter alone and together; a list is as long as its count."""

from datetime import date
from itertools import product
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises import filtering
from backend.enterprises import search as searching
from backend.enterprises.naming import rename
from backend.enterprises.schemas import FormerName
from backend.enterprises.search import Filters, all_found, search
from rules.library import library
from tests.factories import make_code, make_enterprise, make_recognition

ON = date(2026, 6, 30)
CODE = make_code()


@pytest.fixture
async def known(session: AsyncSession) -> AsyncSession:
    """Five enterprises with something to find each by."""
    first = await make_enterprise(
        session, name="江苏云岚精密机械有限公司", credit_code=CODE, region_code="321282", park="靖江高新区",
        industry_code="3484", chains=("高端装备",), former_names=(FormerName("靖江云岚五金厂"),),
        established_on=date(2010, 5, 1),
    )  # fmt: skip
    second = await make_enterprise(
        session, name="泰州星澜医疗器械有限公司", region_code="321203", park="医药高新区", industry_code="2770",
        chains=("医疗器械", "高端装备"), established_on=date(2019, 5, 1),
    )  # fmt: skip
    await make_enterprise(session, name="泰州100%新材料_试验有限公司", region_code="321282", industry_code="2651")
    await make_enterprise(session, name="ABB Robotics（泰州）有限公司", region_code="321202", industry_code="6513")
    await make_enterprise(session, name="泰州尚无代码有限公司", credit_code=None, region_code="321202")
    await make_recognition(session, first, "hnte")
    await make_recognition(session, second, "srdi_sme", date(2025, 12, 19))
    rows = [
        (first, "hnte", "ineligible", False),
        (second, "hnte", "eligible", False),
        (first, "srdi_sme", "undetermined", True),
    ]
    columns = (
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
    await copy_rows(session, "eligibility", columns, [(*row, "2016", [], [], [], ON, 1) for row in rows])
    return session


async def found(session: AsyncSession, **chosen: Any) -> list[str]:
    """The two characters by which this test tells the enterprises apart."""
    rows = (await search(session, Filters(**chosen), ON, library())).rows
    marks = ("云岚", "星澜", "100", "ABB", "尚无")
    return sorted(mark for row in rows for mark in marks if mark in row["name"])


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("精密机械", ["云岚"]),
        ("云岚", ["云岚"]),
        ("岚", ["云岚"]),
        ("靖江云岚五金", ["云岚"]),
        (CODE, ["云岚"]),
        (CODE.lower(), ["云岚"]),
        ("yunlan", ["云岚"]),
        ("yun lan jing mi", ["云岚"]),
        ("wujinchang", ["云岚"]),
        ("xinglan yiliao", ["星澜"]),
        ("xinglan 机械", []),
        ("taizhou", ["100", "ABB", "尚无", "星澜"]),
        ("xingnan", []),
        (CODE[8:17].lower(), ["云岚"]),
        ("ylj", ["云岚"]),
        ("YLJM", ["云岚"]),
        ("xlyl", ["星澜"]),
        ("泰州 医疗", ["星澜"]),
        ("医疗　泰州", ["星澜"]),
        ("abb", ["ABB"]),
        ("ＡＢＢ", ["ABB"]),
        ("robotics(泰州)", ["ABB"]),
        ("0%", ["100"]),
        ("料_试", ["100"]),
        ("%", ["100"]),
        ("_", ["100"]),
        ("云_", []),
        ("\\", []),
        ("'; DROP TABLE enterprise; --", []),
        ("没有这样的企业", []),
        ("", ["100", "ABB", "云岚", "尚无", "星澜"]),
        ("   ", ["100", "ABB", "云岚", "尚无", "星澜"]),
    ],
)
async def test_what_is_typed_finds(known: AsyncSession, typed: str, expected: list[str]):
    assert await found(known, q=typed) == expected


async def test_a_code_typed_with_full_width_characters_is_found(known: AsyncSession):
    assert await found(known, q="".join(chr(ord(one) + 0xFEE0) for one in CODE)) == ["云岚"]


async def test_a_new_name_is_found_and_so_is_the_old(known: AsyncSession):
    (row,) = (await search(known, Filters(q="星澜"), ON, library())).rows
    await rename(known, row["id"], "江苏景曜医疗科技有限公司", ON)
    for typed in ("景曜", "jyyl", "星澜", "xlyl"):
        assert (await search(known, Filters(q=typed), ON, library())).total == 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"region": "321282"}, ["100", "云岚"]),
        ({"park": "医药高新区"}, ["星澜"]),
        ({"industry": ("34",)}, ["云岚"]),
        ({"industry": ("26", "27")}, ["100", "星澜"]),
        ({"chain": "高端装备"}, ["云岚", "星澜"]),
        ({"rung": "high_tech"}, ["云岚"]),
        ({"rung": "srdi"}, ["星澜"]),
        ({"rung": "none"}, ["100", "ABB", "尚无"]),
        ({"rung": "throne"}, []),
        ({"programme": "hnte"}, ["云岚"]),
        ({"programme": "hnte", "outcome": "held"}, ["云岚"]),
        ({"programme": "hnte", "outcome": "not_held"}, ["100", "ABB", "尚无", "星澜"]),
        ({"programme": "hnte", "outcome": "eligible"}, ["星澜"]),
        ({"programme": "hnte", "outcome": "ineligible"}, ["云岚"]),
        ({"programme": "hnte", "outcome": "candidate"}, ["星澜"]),
        ({"programme": "srdi_sme", "outcome": "likely"}, ["云岚"]),
        ({"programme": "srdi_sme", "outcome": "candidate"}, ["云岚"]),
        ({"outcome": "eligible"}, ["100", "ABB", "云岚", "尚无", "星澜"]),
        ({"chain": "高端装备", "region": "321203"}, ["星澜"]),
        ({"q": "泰州", "rung": "none", "region": "321202"}, ["ABB", "尚无"]),
    ],
)
async def test_a_filter_leaves(known: AsyncSession, chosen: dict[str, Any], expected: list[str]):
    assert await found(known, **chosen) == expected


CHOICES: dict[str, tuple[Any, ...]] = {
    "q": ("", "泰州"), "region": ("", "321282"), "chain": ("", "高端装备"), "industry": ((), ("27", "34")),
    "rung": ("", "none", "srdi"), "outcome": ("", "candidate", "not_held"), "sort": ("name", "rung"),
}  # fmt: skip


@pytest.mark.parametrize("sort", CHOICES["sort"])
async def test_together_the_filters_leave_what_each_of_them_leaves(known: AsyncSession, sort: Any):
    """The list, its count and the export agree for every combination."""
    names = [name for name in CHOICES if name != "sort"]
    for values in product(*(CHOICES[name] for name in names)):
        chosen: dict[str, Any] = dict(zip(names, values, strict=True)) | {"programme": "hnte" if values[-1] else ""}
        page = await search(known, Filters(**chosen, sort=sort), ON, library())
        alone: list[set[int]] = []
        for name in names:
            one: dict[str, Any] = {name: chosen[name]} | (
                {"programme": "hnte"} if name == "outcome" and chosen["outcome"] else {}
            )
            alone.append({row["id"] for row in await all_found(known, Filters(**one), ON, library())})
        assert {row["id"] for row in page.rows} == set.intersection(*alone)
        assert page.total == len(page.rows) == len(await all_found(known, Filters(**chosen), ON, library()))


@pytest.mark.parametrize("sort", ["name", "code", "established", "region", "rung", "updated"])
async def test_every_order_shows_everybody_once(known: AsyncSession, sort: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching, "PAGE_SIZE", 2)
    pages = [await search(known, Filters(sort=sort, page=page), ON, library()) for page in (1, 2, 3)]
    ids = [row["id"] for page in pages for row in page.rows]
    assert len(ids) == len(set(ids)) == pages[0].total == 5
    assert [page.pages for page in pages] == [3, 3, 3]


async def test_a_page_beyond_the_last_is_the_last(known: AsyncSession):
    assert (await search(known, Filters(page=999), ON, library())).page == 1


async def test_the_highest_rung_comes_first_when_sorted_by_rung(known: AsyncSession):
    rows = (await search(known, Filters(sort="rung"), ON, library())).rows
    assert [row["rung"] for row in rows] == ["srdi", "high_tech", "", "", ""]


async def test_the_list_of_a_past_day_shows_the_titles_of_that_day(known: AsyncSession):
    then = await search(known, Filters(q="云岚"), date(2024, 11, 5), library())
    now = await search(known, Filters(q="云岚"), ON, library())
    assert [[one["programme"] for one in page.rows[0]["titles"]] for page in (then, now)] == [[], ["hnte"]]


@pytest.mark.parametrize(
    ("typed", "expected"), [("yunlan", ["云岚"]), ("taizhou 有限", ["100", "ABB", "尚无", "星澜"]), ("xingnan", [])]
)
async def test_pinyin_means_the_same_where_too_many_share_the_initials(
    known: AsyncSession, monkeypatch: pytest.MonkeyPatch, typed: str, expected: list[str]
):
    monkeypatch.setattr(filtering, "FEW", 0)
    assert await found(known, q=typed) == expected
