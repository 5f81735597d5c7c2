"""How values look on a page."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.web import filters


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (1_234_500_000, "1,234.5"),
        (1_000_000, "1"),
        (0, "0"),
        (-2_500_000, "-2.5"),
        (1_234_567_890, "1,234.57"),
        (4_999, "0"),
        (-4_999, "0"),
        (10**20, "100,000,000,000,000"),
        (None, "—"),
    ],
)
def test_money_is_shown_in_wan_yuan(fen: int | None, text: str):
    assert filters.wan(fen) == text


def test_money_may_be_shown_to_the_fen():
    assert filters.wan(1_234_567_891, digits=6) == "1,234.567891"


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_money_shown_with_six_decimals_is_exact(fen: int):
    assert Decimal(filters.wan(fen, digits=6).replace(",", "")) * 1_000_000 == fen


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (0.5, "0.5"), (Fraction(1, 3), "0.33"), (Decimal("2.005"), "2.01"), (None, "—")],
)
def test_numbers_are_parted_by_thousands_without_idle_zeros(value: float | None, text: str):
    assert filters.number(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(634, 1000), "63.4%"),
        (0.05, "5.0%"),
        (1, "100.0%"),
        (1.04, "104.0%"),
        (Fraction(2699, 2700), "99.9%"),
        (-0.0001, "0.0%"),
        (None, "—"),
    ],
)
def test_a_share_that_falls_short_is_never_shown_as_the_whole(ratio: float | None, text: str):
    assert filters.percent(ratio) == text


def test_a_difference_of_shares_is_in_percentage_points_with_its_sign():
    assert filters.points(Fraction(-12, 1000)) == "-1.2 个百分点"
    assert filters.points(0.03) == "+3.0 个百分点"


def test_days_are_written_alike_everywhere():
    assert filters.day(date(2026, 1, 5)) == "2026-01-05"
    assert filters.long_day(date(2026, 1, 5)) == "2026年1月5日"
    assert filters.day(None) == filters.long_day(None) == "—"


def test_moments_are_those_of_beijing():
    evening = datetime(2026, 1, 5, 16, 30, tzinfo=UTC)
    assert filters.moment(evening) == "2026-01-06 00:30"
    assert filters.day(evening) == "2026-01-06"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eligible", "符合"),
        ("likely", "基本符合"),
        ("undetermined", "待定"),
        ("ineligible", "不符合"),
        ("met", "符合"),
        ("failed", "不符合"),
        ("unknown", "待补数据"),
        ("not_applicable", "不适用"),
        (None, "—"),
    ],
)
def test_outcomes_have_the_words_of_the_glossary(value: str | None, text: str):
    assert filters.outcome(value) == text


def test_an_enterprise_without_a_rung_is_named_so():
    assert filters.rung(None) == filters.rung("") == "未入梯队"


def test_a_rung_nobody_named_yet_is_shown_under_its_id():
    assert filters.rung("new_rung") == "new_rung"


def test_only_what_is_missing_becomes_a_dash():
    assert [filters.or_dash(value) for value in (None, "", 0, False)] == ["—", "—", 0, False]


@pytest.mark.parametrize(
    ("page", "pages", "offered"),
    [
        (1, 1, [1]),
        (1, 9, [1, 2, 3, None, 9]),
        (5, 9, [1, None, 3, 4, 5, 6, 7, None, 9]),
        (4, 6, [1, 2, 3, 4, 5, 6]),
        (122, 122, [1, None, 120, 121, 122]),
    ],
)
def test_pages_nearby_and_both_ends_are_offered(page: int, pages: int, offered: list[int | None]):
    assert filters.pages_around(page, pages) == offered


def test_a_missing_value_parts_a_sparkline():
    assert filters.spark_lines([0, 10, None, 5]) == ["2.0,21.0 30.0,3.0", "86.0,12.0"]
    assert filters.spark_end([0, 10, None]) == ("44.0", "3.0")
    assert filters.spark_end([None]) is None


def test_a_bar_ends_where_the_target_is_reached():
    assert [filters.bar_width(share) for share in (0, 0.5, 1.4)] == ["0.0", "50.0", "100.0"]
