"""The engine for many enterprises says what the reference says, of every version, on every edge."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.columnar.columns import EPOCH, Column, Dates, Growths, Numbers, Texts, Truths
from rules.columnar.compiling import Meanings
from rules.columnar.engine import Engine, evaluate_columns, evaluate_population, portions
from rules.columnar.frame import Frame
from rules.columnar.numbers import divide
from rules.columnar.population import NONE_DAY, NONE_TEXT, from_facts, from_frames
from rules.columnar.runs import evaluate_library
from rules.columnar.states import KNOWN, State, missing_of
from rules.facts import Facts, read_facts
from rules.interpret import Environment
from rules.library import NotInForce, library
from rules.programme import ProgrammeSource, Version, build_version
from rules.values import Why
from tests.rules.generative.agreement import assert_agreement, said_by_columns, said_by_reference
from tests.rules.generative.enterprises import days_of, invented
from tests.rules.spec.examples import PROGRAMME, Example, Open, catalogue, examples, result_node

CASES = Path(__file__).with_name("cases")
VERSIONS = [version for programme in library().programmes.values() for version in programme.versions]


@cache
def engine() -> Engine:
    return Engine(library().environment)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.id)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**9), day=st.integers(0, 4))
def test_both_engines_agree_on_and_beside_every_edge(version: Version, seed: int, day: int) -> None:
    days = days_of(version)
    as_of = days[day % len(days)]
    assert_agreement(engine(), version, invented(version, library().catalogue, as_of, 15, seed), as_of)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.id)
def test_every_version_of_the_library_is_answered_in_columns(version: Version) -> None:
    assert engine().prepare(version) == ""


def test_both_engines_agree_on_all_legal_cases() -> None:
    asked: dict[tuple[str, date], list[Facts]] = {}
    for path in sorted(CASES.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in content["cases"]:
            facts, as_of, wanted = case_of(content, case)
            version = in_force(wanted, as_of, facts)
            if version is not None:
                asked.setdefault((version.id, as_of), []).append(facts)
    assert len(asked) > 100
    for (name, as_of), all_facts in asked.items():
        assert_agreement(engine(), library().version(name, as_of), all_facts, as_of)


def case_of(content: dict[str, Any], case: dict[str, Any]) -> tuple[Facts, date, str]:
    """The facts of a legal case, its day, and the programme asked for."""
    facts = {**content["facts"], **case.get("set", {})}
    for name in case.get("unset", []):
        del facts[name]
    pinned = case.get("version", content.get("pin"))
    as_of = date.fromisoformat(str(case.get("as_of", content["as_of"])))
    wanted = content["programme"] + (f"@{pinned}" if pinned else "")
    return read_facts(_plain(facts), library().catalogue, as_of), as_of, wanted


def _plain(value: Any) -> Any:
    """YAML reads days as dates; checks come with texts."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


OF_VALUES = [example for example in examples() if not example.is_of_criteria]
OF_CRITERIA = [example for example in examples() if example.is_of_criteria]


def name_of(example: Example) -> str:
    return f"{example.word}-{example.number}"


@pytest.mark.parametrize("example", OF_VALUES, ids=name_of)
def test_an_expression_over_columns_gives_what_its_specification_says(example: Example, tmp_path: Path) -> None:
    version = example.version_of(tmp_path)
    spec_engine = Engine(Environment(catalogue()))
    meanings = Meanings(spec_engine.compiler, {measure.id: measure.node for measure in version.measures})
    # Beside an enterprise of which nothing is known, so that the columns are no constants.
    population = from_facts([example.facts(), Facts()], catalogue())
    portion = next(portions(population, example.as_of))
    spec_engine.prepare(version)
    frame = next(frame for frame in spec_engine.frames(version, portion) if 0 in numbers_of(frame))

    with np.errstate(all="ignore"):
        found = meanings.measure("result")(frame)

    expected = example.expected(result_node(version).kind)
    if isinstance(found, Growths):
        assert expected == "a growth" or not isinstance(expected, Open)
    else:
        assert value_of(found, 0) == (in_floats(expected) if isinstance(expected, Open) else expected)


def in_floats(expected: Open) -> Open:
    """The bounds as columns have them."""
    bounds = (None if one is None else float(one) for one in (expected.least, expected.greatest))
    return Open(expected.missing, *bounds, expected.why)  # type: ignore[arg-type]


def numbers_of(frame: Frame) -> list[int]:
    return list(range(frame.size)) if isinstance(frame.rows, slice) else frame.rows.tolist()


def value_of(column: Column, row: int) -> Any:
    """One row of a column, as the specifications write values."""
    state = column.state
    if at(state.none, row):
        return None
    if at(state.unknown, row):
        low, high = (at(column.low, row), at(column.high, row)) if isinstance(column, Numbers) else (np.nan, np.nan)
        missing = {str(key) for key, mask in missing_of(state, True).items() if at(mask, row)}
        bounds = [None if np.isnan(one) else float(one) for one in (low, high)]
        return Open(frozenset(missing), *bounds, why_of(column, row))  # type: ignore[arg-type]
    match column:
        case Numbers():
            return pytest.approx(float(at(column.low, row)), rel=1e-12)
        case Truths():
            return at(column.true, row)
        case Texts():
            return column.words.texts[int(at(column.places, row))]
        case Dates():
            return EPOCH + timedelta(days=int(at(column.days, row)))
        case _:
            raise AssertionError(column)


def why_of(column: Column, row: int) -> Why:
    state = column.state
    reasons = {
        Why.NOT_COMPUTABLE: state.not_computable, Why.BEFORE_FOUNDING: state.before_founding, Why.UNDECIDED: state.undecided,
    }  # fmt: skip
    return next((why for why, mask in reasons.items() if at(mask, row)), Why.MISSING)


def at(values: Any, row: int) -> Any:
    return values[row] if isinstance(values, np.ndarray) else values


@pytest.mark.parametrize("example", OF_CRITERIA, ids=name_of)
def test_criteria_over_columns_come_out_as_the_reference_has_them(example: Example, tmp_path: Path) -> None:
    spec_engine = Engine(Environment(catalogue()))
    assert_agreement(spec_engine, example.version_of(tmp_path), [example.facts(), Facts()], example.as_of)


# Ties, doubts and what the engine cannot do

#: A version of the specifications' own catalogue.
OF_SPEC = build_version(
    {
        "programme": "example", "version": "spec", "in_force": {"from": date(2000, 1, 1)}, "documents": ["示例"],
        "criteria": [{"id": "any", "name": {"zh": "任意"}, "cite": "示例", "require": "true"}],
    },
    Path(__file__), ProgrammeSource.model_validate(PROGRAMME), catalogue(), "spec",
)  # fmt: skip


def hnte_facts(**yearly: Mapping[int, int]) -> Facts:
    return Facts(
        current={"established_on": date(2010, 1, 1)}, yearly={name: dict(years) for name, years in yearly.items()}
    )


def test_a_ratio_on_its_edge_is_decided_without_the_reference() -> None:
    version = library().version("hnte@2016", date(2026, 6, 1))
    sales: dict[int, int] = dict.fromkeys(range(2023, 2026), 33_333_333_320_000)
    on_the_edge: dict[int, int] = dict.fromkeys(range(2023, 2026), 33_333_333_320_000 * 3 // 100)
    below = {**on_the_edge, 2025: on_the_edge[2025] - 1}
    facts = [hnte_facts(sales_revenue=sales, rd_expense_hnte=rd) for rd in (on_the_edge, below)]

    [verdicts] = evaluate_population(
        version, from_facts(facts, library().catalogue), date(2026, 6, 1), engine(), workers=1
    )

    assert verdicts.referred == 0
    assert ["H5" in failed for failed in verdicts.failed.lists().to_list()] == [False, True]


def test_a_row_that_floats_cannot_decide_is_answered_by_the_reference_and_counted() -> None:
    # Two growths whose mean is exactly 35 %, of figures with no common divisor to reduce by.
    p, q = 9_999_990, 9_999_991
    sales = {2023: p * p, 2024: p * q, 2025: q * (27 * p // 10 - q)}
    version = library().version("hnte@2016", date(2026, 6, 1))
    facts = [hnte_facts(sales_revenue=sales), hnte_facts(sales_revenue={**sales, 2025: sales[2025] - 1})]
    population = from_facts(facts, library().catalogue)

    [verdicts] = evaluate_population(version, population, date(2026, 6, 1), engine(), workers=1)

    assert verdicts.referred >= 1
    assert_agreement(engine(), version, facts, date(2026, 6, 1))


def test_what_the_engine_cannot_do_is_answered_by_the_reference_and_counted() -> None:
    source = {
        "programme": "example", "version": "1", "in_force": {"from": date(2000, 1, 1)}, "documents": ["示例"],
        "criteria": [
            {"id": "part", "name": {"zh": "片段"}, "cite": "示例", "require": 'middle(registration_number, 1, patents) == "20"'}
        ],
    }  # fmt: skip
    version = build_version(source, Path(__file__), ProgrammeSource.model_validate(PROGRAMME), catalogue(), "x")
    spec_engine = Engine(Environment(catalogue()))
    facts = [Facts(current={"registration_number": "2024A", "patents": number}) for number in (2, 3)]

    [verdicts] = evaluate_population(version, from_facts(facts, catalogue()), date(2026, 7, 15), spec_engine, workers=1)

    assert verdicts.referred == 2
    assert verdicts.unknown.lists().to_list() == [[], []]
    assert verdicts.failed.lists().to_list() == [[], ["part"]]


def test_the_bounds_of_a_missing_decimal_are_exact() -> None:
    population = from_facts([Facts(), Facts(current={"expert_points": Fraction(5, 2)})], catalogue())
    frame = next(Engine(Environment(catalogue())).frames(OF_SPEC, next(portions(population, date(2026, 7, 15)))))

    points = frame.fact(catalogue().by_name["expert_points"])

    assert isinstance(points, Numbers)
    assert (points.low[0], points.high[0], points.error[0]) == (0.0, 20.0, 0.0)


def test_the_denominator_of_an_open_quotient_holds_for_both_bounds() -> None:
    population = from_facts([Facts()] * 3, catalogue())
    frame = next(Engine(Environment(catalogue())).frames(OF_SPEC, next(portions(population, date(2026, 7, 15)))))
    open_dividend = Numbers(State(True), np.zeros(3), np.full(3, 20.0), largest=20.0)
    divisor = np.array([9.0, 7.0, 3.0])

    quotient = divide(frame, open_dividend, Numbers(KNOWN, divisor, divisor, largest=9.0))

    assert quotient.denominator.at(np.arange(3)).tolist() == [9.0, 7.0, 3.0]


# Populations


@pytest.mark.parametrize("name", ["hnte", "tech_sme", "srdi_sme", "star.attr", "js_gazelle"])
def test_the_projections_frames_are_answered_like_the_facts_in_them(name: str) -> None:
    as_of = date(2026, 6, 1)
    version = library().version(name, as_of)
    facts = invented(version, library().catalogue, as_of, 60, seed=5, chances_of_none=[0.0])
    current, yearly = frames_of(facts, library().catalogue)
    ids = [10 * number for number in range(len(facts))]

    population = from_frames(ids, current, yearly, library().catalogue)

    expected = [said_by_reference(engine().evaluator(version).answer(one, as_of)) for one in facts]
    assert said_by_columns(engine(), version, population, as_of) == expected
    # What is handed to the reference is what was given.
    assert [population.facts(row).current for row in range(60)] == [one.current for one in facts]
    assert [population.facts(row).yearly for row in range(60)] == [one.yearly for one in facts]


def frames_of(facts: Sequence[Facts], by: Catalogue) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The facts as the projection would hold them; the rows of `yearly` in no particular order."""
    current = pl.DataFrame(
        {"enterprise_id": [10 * number for number in range(len(facts))]}
        | {
            one.id: series_of(one, [held.current.get(one.id, ...) for held in facts])
            for one in by.indicators
            if one.period is Period.CURRENT
        }
    )
    rows = [
        (number, year) for year in range(2028, 2015, -1) for number, held in enumerate(facts) if any(year in years for years in held.yearly.values())
    ]  # fmt: skip
    yearly = pl.DataFrame(
        {"enterprise_id": [10 * number for number, _ in rows], "year": [year for _, year in rows]}
        | {
            one.id: series_of(one, [facts[number].yearly.get(one.id, {}).get(year, ...) for number, year in rows])
            for one in by.indicators
            if one.period is Period.YEARLY
        }
    )
    return current.sample(fraction=1.0, shuffle=True, seed=1), yearly


TYPES: dict[Type, Any] = {
    Type.MONEY: pl.Int64, Type.COUNT: pl.Int64, Type.YEAR: pl.Int32, Type.NUMBER: pl.Decimal(30, 6),
    Type.HEADCOUNT: pl.Decimal(30, 6), Type.PERCENT: pl.Decimal(30, 6), Type.BOOLEAN: pl.Boolean, Type.DATE: pl.Date,
    Type.CHOICE: pl.String, Type.TEXT: pl.String, Type.LIST: pl.String,
}  # fmt: skip


def series_of(indicator: Indicator, values: list[Any]) -> pl.Series:
    return pl.Series([written(indicator, value) for value in values], dtype=TYPES[indicator.type], strict=False)


def written(indicator: Indicator, value: Any) -> Any:
    """A value as its column has it; `...` stands for nothing known."""
    if value is ...:
        return None
    if value is None:
        return NONE_DAY if indicator.type is Type.DATE else NONE_TEXT
    if indicator.type is Type.LIST:
        return json.dumps(
            [
                {name: str(one) if isinstance(one, date) else _number(one) for name, one in record.items()}
                for record in value
            ]
        )
    return (
        Decimal(value.numerator) / Decimal(value.denominator) if TYPES[indicator.type] == pl.Decimal(30, 6) else value
    )


def _number(value: Any) -> Any:
    return str(value) if hasattr(value, "denominator") and value.denominator != 1 else value


def test_an_enterprise_without_a_row_is_one_of_which_nothing_is_known() -> None:
    version = library().version("hnte@2016", date(2026, 6, 1))
    current = pl.DataFrame({"enterprise_id": [1], "registered_in_mainland": [False]})
    yearly = pl.DataFrame({"enterprise_id": [1], "year": [2025], "sales_revenue": [100]})

    found = evaluate_columns(
        version, from_frames([1, 2], current, yearly, library().catalogue), date(2026, 6, 1), library().environment
    )

    assert found["outcome"].to_list() == ["ineligible", "undetermined"]
    assert found["failed"].to_list() == [["H0"], []]


def test_figures_that_are_floats_are_refused() -> None:
    frame = pl.DataFrame({"enterprise_id": [1], "ip_class1_count": [0.1]})
    nothing = pl.DataFrame({"enterprise_id": [1], "year": [2025]})
    with pytest.raises(TypeError, match="must be whole numbers or decimals"):
        from_frames([1], frame, nothing, library().catalogue)


@pytest.mark.parametrize("as_of", [date(2026, 3, 31), date(2026, 4, 1), date(2021, 12, 31), date(2027, 1, 15)])
def test_each_row_is_answered_by_the_version_in_force_for_it(as_of: date) -> None:
    rules = library()
    kinds: list[Any] = ["new", "review", None]
    passed: list[Any] = [None, date(2024, 4, 29), date(2024, 4, 30), date(2020, 6, 12), date(2026, 9, 1)]
    facts = [
        Facts(
            current={
                name: value
                for name, value in (("application_type", kind), ("listing_committee_passed_on", day))
                if value
            }
        )
        for kind in kinds
        for day in passed
    ]
    found: dict[tuple[str, int], str] = {}
    for verdicts in evaluate_library(rules, from_facts(facts, rules.catalogue), as_of, engine()):
        for one in verdicts:
            found |= {(one.version.source.programme, int(row)): one.version.id for row in one.rows}

    assert found == {
        (name, row): version.id
        for name, programme in rules.programmes.items()
        for row, held in enumerate(facts)
        if programme.source.subject == "enterprise" and programme.source.status != "empty"
        for version in [in_force(name, as_of, held)]
        if version is not None
    }


def in_force(name: str, as_of: date, facts: Facts) -> Version | None:
    try:
        return library().version(name, as_of, facts)
    except NotInForce:
        return None
