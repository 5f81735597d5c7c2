"""The explorer, as somebody without an account reads it."""

import re

import pytest
from httpx import AsyncClient

from backend.handbook.queries import search
from rules.library import library
from rules.programme import walk_criteria
from tests.backend.self_check.walking import fields

LIBRARY = library()


async def test_every_programme_has_a_page_with_all_its_criteria(browser: AsyncClient) -> None:
    for name, programme in LIBRARY.programmes.items():
        page = await browser.get(f"/rules/{name}")
        assert page.status_code == 200, name
        versions = [one for one in programme.versions if f'"code">{one.id}<' in page.text]
        assert len(versions) == 1, name
        ids = [one.id for one in versions[0].criteria if one.id]
        assert [one for one in ids if f'href="/rules/{versions[0].id}/{one}"' not in page.text] == []


async def test_a_criterion_is_told_in_words_with_edge_article_and_certainty(browser: AsyncClient) -> None:
    page = (await browser.get("/rules/hnte@2016")).text
    row = re.search(r'<tr class="reason depth-0" id="H7">.*?</tr>', page, re.DOTALL)
    assert row is not None
    for words in ("创新能力评价得分 ＞ 70", "不含临界值", "认定管理办法 第十一条（七）"):
        assert words in row[0]
    assert "推断" in page  # H8 is inferred


async def test_a_page_says_when_what_it_shows_is_not_in_force(browser: AsyncClient) -> None:
    before = (await browser.get("/rules/hnte?on=2015-01-01")).text
    assert "2015-01-01 没有现行的国家高新技术企业标准" in before
    assert "没有现行的" not in (await browser.get("/rules/hnte?on=2016-01-01")).text
    # Whoever asks for a version has it, whatever the day.
    assert "没有现行的" not in (await browser.get("/rules/hnte@2016?on=2015-01-01")).text


async def test_every_criterion_has_an_address_of_its_own(browser: AsyncClient) -> None:
    for name in ("hnte@2016", "srdi_sme@2026", "star.s5@2026"):
        programme, _, label = name.partition("@")
        for criterion in walk_criteria(LIBRARY.programme(programme).pinned(label).criteria):
            if criterion.id:
                page = await browser.get(f"/rules/{name}/{criterion.id}")
                assert page.status_code == 200
                assert criterion.cite in page.text.replace("&#34;", '"')


async def test_a_criterion_shows_what_it_was_in_other_versions(browser: AsyncClient) -> None:
    page = await browser.get("/rules/srdi_sme@2026/leading-product-over-50pct-of-revenue")
    assert "主导产品收入占营业收入比重 ＞ 50%" in page.text
    page = (
        await browser.get("/rules/star.attr@2024/S1") if "S1" in str(LIBRARY.programme("star.attr").versions) else page
    )
    assert page.status_code == 200


async def test_what_changed_is_told_with_its_day(browser: AsyncClient) -> None:
    page = (await browser.get("/rules/tech_sme")).text.partition('id="changes"')[2]
    assert "2022年1月1日起" in page
    assert "2017 版" in page and "2022 版" in page
    assert "改动 T1" in page


async def test_the_example_is_computed_and_opens_in_the_self_check(browser: AsyncClient) -> None:
    page = await browser.get("/rules/hnte@2016")
    assert "outcome-eligible" in page.text.partition('id="example"')[2][:400]
    opened = await browser.post("/check/form", data=fields(page, "/check/form"))
    assert opened.status_code == 200
    assert fields(opened, "/check/answer")["f.sales_revenue.2025"] == "4800"
    changed = fields(opened, "/check/answer") | {"f.sci_tech_staff.2025": "10"}
    answer = await browser.post("/check/answer", data=changed)
    assert "outcome-ineligible" in answer.text


async def test_an_earlier_version_answers_on_its_days(browser: AsyncClient) -> None:
    page = await browser.get("/rules/tech_sme?on=2020-06-30")
    assert "tech_sme@2017" in page.text


@pytest.mark.parametrize(
    "address",
    ["/rules/gone", "/rules/hnte@1999", "/rules/hnte?on=gestern", "/rules/hnte@2016/H99", "/rules/indicators/gone"],
)
async def test_what_is_not_there_is_told(browser: AsyncClient, address: str) -> None:
    answer = await browser.get(address)
    assert answer.status_code == 404
    assert re.search(r"[\u4e00-\u9fff]", answer.text)


async def test_an_indicator_has_a_page_that_says_who_reads_it(browser: AsyncClient) -> None:
    page = await browser.get("/rules/indicators/rd_expense_hnte")
    assert 'href="/rules/hnte@2016"' in page.text
    assert LIBRARY.catalogue.by_name["rd_expense_hnte"].definition in page.text


def test_search_finds_criteria_and_indicators_by_all_words() -> None:
    criteria, indicators = search("研发费用 占比", LIBRARY)
    assert "/rules/hnte@2016/H5d" in {hit.address for hit in criteria}
    assert all("研发费用" in f"{hit.title}{hit.words}{hit.where}" or hit.address for hit in criteria)
    assert "/rules/indicators/net_assets_year_end" in {hit.address for hit in search("净资产", LIBRARY)[1]}
    assert indicators != search("净资产", LIBRARY)[1]


def test_search_reads_full_width_and_capitals_alike() -> None:
    assert search("ｈ４", LIBRARY)[0] == search("H4", LIBRARY)[0] != []


async def test_searching_is_done_on_the_page(browser: AsyncClient) -> None:
    page = await browser.get("/rules?q=科技人员占比")
    assert 'href="/rules/hnte@2016/H4"' in page.text
    assert "没有找到" in (await browser.get("/rules?q=不存在的词")).text
    assert (await browser.get("/rules", params={"q": "x" * 5000})).status_code == 200
