"""Whoever holds a title is judged by what its review asks, and by the version that answers for reviews."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.batch import run_batch
from backend.eligibility.columns import read_columns
from backend.eligibility.reviewing import FACT, as_applying, facts_read
from backend.eligibility.service import (
    _ALWAYS_KNOWN,  # pyright: ignore[reportPrivateUsage]
    _begin,  # pyright: ignore[reportPrivateUsage]
    evaluate,
)
from backend.eligibility.simulation import simulate_registry
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.queries import find
from rules.library import library
from rules.simulation import Patch
from tests.factories import make_enterprise, make_filing, make_recognition

#: Within the year of which 工信厅企业函〔2026〕117号 has the reviews judged by the version of 2022.
TODAY = date(2026, 11, 20)
FIGURES: dict[str, Any] = {"operating_revenue": 12000, "employees": 200, "main_business_revenue": 11000}


async def answered(session: AsyncSession, programme: str = "little_giant") -> dict[int, tuple[Any, ...]]:
    found = await session.execute(
        text(
            "SELECT enterprise_id, version, outcome, failed, unknown FROM eligibility WHERE programme = :name ORDER BY 1"
        ),
        {"name": programme},
    )
    return {row[0]: tuple(row[1:]) for row in found}


@pytest.fixture
async def three(session: AsyncSession) -> tuple[int, int, int]:
    """One that holds the title, one whose title lapsed, and one that says itself that it applies anew."""
    numbers: list[int] = []
    for granted_on in (date(2024, 1, 1), date(2023, 1, 1), date(2024, 1, 1)):
        number = await make_enterprise(session, industry_code="3484", established_on=date(2010, 5, 1))
        await make_recognition(session, number, "little_giant", granted_on)
        await make_recognition(session, number, "srdi_sme", granted_on)
        await make_filing(session, number, FIGURES)
        numbers.append(number)
    await make_filing(session, numbers[2], {"application_type": "new"}, source="officer", year=None)
    return numbers[0], numbers[1], numbers[2]


async def test_who_holds_a_little_giant_title_is_reviewed_by_the_version_of_2022(
    session: AsyncSession, three: tuple[int, int, int]
):
    await evaluate(session, three, library(), TODAY)
    assert [version for version, *_ in (await answered(session)).values()] == ["2022", "2026", "2026"]


async def test_many_at_once_are_reviewed_as_each_by_itself(session: AsyncSession, three: tuple[int, int, int]):
    await evaluate(session, three, library(), TODAY)
    each = {name: await answered(session, name) for name in ("little_giant", "srdi_sme", "hnte")}
    await session.execute(text("DELETE FROM eligibility"))
    run = await _begin(session, library(), TODAY, True)
    await run_batch(session, three, library(), TODAY, run, _ALWAYS_KNOWN)
    assert {name: await answered(session, name) for name in each} == each
    assert len(each["srdi_sme"]) == 3


async def test_the_file_explains_by_the_version_that_the_work_list_went_by(
    session: AsyncSession, three: tuple[int, int, int]
):
    row = await find(session, str(three[0]))
    assert row is not None
    answer = (await enterprise_file(session, row, library(), TODAY)).answer("little_giant")
    assert answer is not None and answer.version.source.version == "2022"


async def test_in_columns_a_holder_is_reviewed_and_nobody_else(session: AsyncSession, three: tuple[int, int, int]):
    wanted = facts_read(library()) | {FACT}
    population = await read_columns(session, np.array(three), wanted, library().catalogue)
    applying, rows = as_applying(library().programme("srdi_sme"), population, TODAY)
    assert [applying.facts(row).current.get(FACT) for row in range(3)] == ["review", None, "new"]
    assert rows.tolist() == [True, False, False]


@pytest.mark.parametrize(("version", "asked"), [("2026", [False, True, True]), ("2022", [True, False, False])])
async def test_a_policy_is_tried_on_those_whom_the_version_answers(
    session: AsyncSession, three: tuple[int, int, int], version: str, asked: list[bool]
):
    easy = Patch(programme="little_giant", version=version, drop=tuple(_criteria(version)[1:]), set={_criteria(version)[0]: "1 > 0"})  # fmt: skip
    found = (await simulate_registry(session, easy, library(), TODAY)).simulation
    assert found.size == sum(asked)
    assert sorted(found.entering) == [row for row, one in enumerate(asked) if one]


def _criteria(version: str) -> list[str]:
    source = library().programme("little_giant").pinned(version).source
    plain = [one.id for one in source.criteria if one.id and one.require is not None]
    return plain + [one.id for one in source.criteria if one.id and one.id not in plain]
