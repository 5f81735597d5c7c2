"""What is said of a target: share, gap, schedule, change, pace and light."""

from datetime import date
from fractions import Fraction

import pytest

from backend.plans.documents import target_named
from backend.plans.progress import Light, Progress, elapsed, judge, quarter_ends, ranks
from backend.plans.rollup import Figure, State


def counted(value: int | Fraction | None) -> Figure:
    return Figure(State.NOT_REPORTED if value is None else State.COUNTED, None if value is None else Fraction(value))


def said(
    target_id: str,
    value: int | Fraction | None,
    on: date = date(2026, 6, 30),
    before: int | Fraction | None = None,
    trend: dict[date, int] | None = None,
) -> Progress:
    _, target = target_named(target_id)
    line = [(day, counted(one)) for day, one in (trend or {}).items()]
    return judge(target, on, counted(value), counted(before), line)


def test_the_share_is_exact():
    assert said("T000-01", 2197).share == Fraction(2197, 2700)


def test_a_stock_is_never_prorated():
    found = said("T000-01", 2197)
    assert (found.elapsed, found.progress, found.schedule_gap) == (None, None, None)


def test_a_floor_is_met_at_the_very_number():
    assert said("T000-01", 2700).is_met is True
    assert said("T000-01", 2699).is_met is False


def test_beyond_a_number_takes_one_more():
    found = said("T003-G6b", 1000)
    assert (found.is_met, found.gap) == (False, 1)


def test_about_a_number_is_neither_met_nor_missed():
    found = said("T004-04", Fraction("2.85"))
    assert (found.is_met, found.light, found.share) == (None, Light.GREY, 1)


def test_a_rank_has_no_share_and_smaller_is_better():
    found = said("T001-04", 3, date(2025, 6, 30))
    assert (found.share, found.is_met, found.gap) == (None, False, 2)


def test_a_placeholder_is_not_set_even_where_a_value_is_known():
    found = said("T000-04", 12)
    assert (found.value, found.share, found.gap, found.is_met, found.status) == (12, None, None, None, "not_set")
    assert (found.light, found.word) == (Light.GREY, "未设目标")


def test_what_is_not_reported_has_no_share():
    found = said("T000-18", None)
    assert (found.share, found.gap, found.status) == (None, None, "not_reported")


@pytest.mark.parametrize(
    ("on", "share"),
    [
        (date(2026, 3, 31), Fraction(1, 4)),
        (date(2026, 6, 30), Fraction(1, 2)),
        (date(2026, 9, 30), Fraction(3, 4)),
        (date(2026, 12, 31), Fraction(1)),
        (date(2024, 2, 29), Fraction(1, 6)),
        (date(2026, 1, 1), Fraction(1, 12 * 31)),
    ],
)
def test_a_year_is_gone_by_months(on: date, share: Fraction):
    assert elapsed(target_named("T004-26")[1], on) == share


@pytest.mark.parametrize(("value", "light"), [(35, Light.GREEN), (34, Light.AMBER), (28, Light.AMBER), (27, Light.RED)])
def test_a_yearly_target_is_held_against_the_schedule(value: int, light: Light):
    assert said("T004-26", value).light is light


def test_time_proportional_progress_is_attained_against_due():
    found = said("T004-26", 28)
    assert (found.share, found.elapsed) == (Fraction(2, 5), Fraction(1, 2))
    assert (found.progress, found.schedule_gap) == (Fraction(4, 5), Fraction(-1, 10))


def test_a_yearly_target_that_has_run_out_is_no_longer_judged():
    found = said("T001-03", 100, date(2026, 6, 30))
    assert (found.elapsed, found.light) == (None, Light.GREY)


def test_the_change_of_a_yearly_count_begins_anew_in_the_first_quarter():
    assert said("T004-26", 9, date(2026, 2, 28), before=80).change == 9
    assert said("T004-26", 40, date(2026, 6, 30), before=30).change == 10


def test_nothing_new_reported_is_no_change_of_zero():
    _, target = target_named("T000-18")
    same = Figure(State.REPORTED, Fraction("2.7"), period_end=date(2025, 12, 31))
    assert judge(target, date(2026, 6, 30), same, same, []).change is None


YEAR = {
    date(2025, 6, 30): 2000,
    date(2025, 9, 30): 0,
    date(2025, 12, 31): 0,
    date(2026, 3, 31): 0,
    date(2026, 6, 30): 2300,
}


def test_the_last_years_pace_says_whether_a_stock_will_do():
    amber = said("T000-01", 2300, trend=YEAR)
    assert (amber.expected, amber.light) == (2750, Light.AMBER)
    red = said("T000-01", 2250, trend={**YEAR, date(2026, 6, 30): 2250})
    assert (red.expected, red.light, red.word) == (2625, Light.RED, "预计不达")


def test_without_a_year_of_history_there_is_no_pace():
    assert said("T000-01", 2300, trend={date(2026, 6, 30): 2300}).expected is None


def test_a_target_past_its_day_is_missed():
    found = said("T003-G6b", 900)
    assert (found.light, found.word, found.status) == (Light.RED, "到期未达", "behind")


def test_quarters_end_with_the_one_that_is_over():
    assert quarter_ends(date(2026, 6, 29), 2) == (date(2025, 12, 31), date(2026, 3, 31))
    assert quarter_ends(date(2026, 6, 30), 2) == (date(2026, 3, 31), date(2026, 6, 30))


def test_equal_values_share_a_place_and_none_has_none():
    values = {"a": Fraction(9), "b": Fraction(7), "c": Fraction(7), "d": Fraction(1), "e": None}
    assert ranks(values) == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert ranks(values, smaller_is_better=True) == {"d": 1, "b": 2, "c": 2, "a": 4}
