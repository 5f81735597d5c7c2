"""Expressions in Chinese: what a reader who never saw the language understands."""

import re

import pytest

from rules.library import library
from rules.programme import Version, walk_criteria
from rules.wording import criterion_in_words, edge_of, measure_in_words

VERSIONS = [version for programme in library().programmes.values() for version in programme.versions]


def words(version: str, criterion: str) -> str:
    name, _, label = version.partition("@")
    held = library().programme(name).pinned(label)
    (found,) = [one for one in walk_criteria(held.criteria) if one.id == criterion]
    return criterion_in_words(found, held)


@pytest.mark.parametrize(
    ("version", "criterion", "expected"),
    [
        ("hnte@2016", "H4", "科技人员数 ÷ 职工总数（全年月平均） ≥ 10%"),
        ("hnte@2016", "H1", "成立日期至测评日的天数 ≥ 365"),
        ("hnte@2016", "H7", "创新能力评价得分 ＞ 70"),
        ("tech_sme@2022", "T2b", "销售收入 ≤ 2 亿元"),
        ("srdi_sme@2026", "main-business-ratio-at-least-80pct", "主营业务收入占营业收入比重 ≥ 80%"),
        ("srdi_sme@2022", "rd-expense-at-least-100", "研发费用（审计口径） ≥ 100 万元"),
        (
            "tech_sme@2017",
            "D4",
            "有符合下述的参与制定的标准：（级别为国际标准、国家标准、行业标准之一） 且 起草单位排序 ≤ 5"
            " 且 发布日期 ≥ 测评日前推 5 年 且 发布日期 ≤ 测评日",
        ),
        ("srdi_sme@2026", "is-sme", "中小企业：是"),
    ],
)  # fmt: skip
def test_a_criterion_reads_as_the_article_means_it(version: str, criterion: str, expected: str) -> None:
    assert words(version, criterion) == expected


def test_a_measure_that_depends_on_a_figure_names_its_bands() -> None:
    version = library().programme("hnte").pinned("2016")
    written = {one.id: measure_in_words(one.node, version) for one in version.measures}
    assert written["rd_intensity_needed"] == "销售收入 ≤ 5,000 万元的，5%；其余（销售收入 ≤ 2 亿元的，4%；其余3%）"
    assert written["rd_intensity"] == "近 3 年研究开发费用（高企口径）之和 ÷ 近 3 年销售收入之和"


@pytest.mark.parametrize(("criterion", "edge"), [("H4", "含临界值"), ("H7", "不含临界值"), ("H3", "")])
def test_an_edge_says_whether_it_is_included(criterion: str, edge: str) -> None:
    version = library().programme("hnte").pinned("2016")
    assert edge_of(next(one for one in version.criteria if one.id == criterion)) == edge


@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: one.id)
def test_no_name_of_the_language_is_left_in_the_words(version: Version) -> None:
    known = {
        *library().catalogue.by_name,
        "and",
        "or",
        "not",
        "none(",
        "any(",
        "sum",
        "as_of",
        "default",
        "unless_given",
    }
    for criterion in walk_criteria(version.criteria):
        written = re.sub(r"“[^”]*”", "", criterion_in_words(criterion, version))
        assert not known & set(re.findall(r"[a-z_]{3,}", written)), written
