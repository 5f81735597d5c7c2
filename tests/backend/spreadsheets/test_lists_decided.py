"""The two invented lists, their doubtful rows decided by the truth files: the registry then holds exactly the truth."""

import csv
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.spreadsheets.deciding import Bulk, Decision, Said, choices_of, decide, decide_rest
from backend.spreadsheets.keeping import begin_run, keep_checked
from backend.spreadsheets.service import digest
from tests.backend.spreadsheets.importing import column, importer, registry_of, scalar, take, try_out
from tests.shared_data import shared_data

LISTS = {"list_layout_srdi_batch": "srdi_sme", "hnte_announcement": "hnte"}
#: The day of the SRDI list, which the list does not print.
ASKED: Mapping[str, Any] = {"dated_on": date(2025, 12, 19)}


def truth(name: str) -> dict[tuple[str, int], str]:
    """Sheet and row → the credit code of whom the row means; empty where the registry does not have them."""
    file = shared_data(f"made-up-lists/{name}_truth.csv")
    with file.open(encoding="utf-8", newline="") as stream:
        return {(line["sheet"], int(line["row"])): line["uscc"] for line in csv.DictReader(stream)}


@pytest.fixture(scope="module")
async def registry(server_url: str, migrated_template: str):
    """The enterprises and nothing else."""
    folder = shared_data("made-up-lists")
    async with registry_of(server_url, migrated_template) as engine:
        async with owner_unit_of_work(engine) as work:
            await take(work, folder / "enterprises.csv", good_rows_only=False)
        yield engine


@pytest.fixture
async def known(registry: Any):
    async with AsyncSession(registry, expire_on_commit=False) as opened:
        yield opened
        await opened.rollback()


async def tried(session: AsyncSession, name: str) -> int:
    content = shared_data(f"made-up-lists/{name}.xlsx").read_bytes()
    number = await begin_run(session, f"{name}.xlsx", content, digest(content), {}, importer(), "checking")
    await keep_checked(session, number, await try_out(session, content, **ASKED), {})
    return number


async def doubtful(session: AsyncSession, number: int) -> set[tuple[str, int]]:
    found = await session.execute(
        text("SELECT sheet, row FROM import_row WHERE import_id = :id AND doubt IS NOT NULL"), {"id": number}
    )
    return {(row.sheet, row.row) for row in found}


async def ids(session: AsyncSession) -> Mapping[str, int]:
    found = await session.execute(text("SELECT credit_code, id FROM enterprise WHERE credit_code IS NOT NULL"))
    return {row.credit_code: row.id for row in found}


@pytest.mark.parametrize("name", LISTS)
async def test_decided_by_the_truth_every_row_gives_its_enterprise_its_title(known: AsyncSession, name: str):
    number, meant, whose = await tried(known, name), truth(name), await ids(known)
    rows = await doubtful(known, number)
    assert rows
    assert {row for row, code in meant.items() if not code} <= rows | set(await refused_otherwise(known, number))
    await decide(
        known, number,
        [
            Decision(*row, Said.MATCH, whose[meant[row]]) if meant[row] else Decision(*row, Said.NEW)
            for row in sorted(rows)
        ],
    )  # fmt: skip
    content = shared_data(f"made-up-lists/{name}.xlsx")
    await take(known, content, by=importer(choices=await choices_of(known, number)), **ASKED)
    held = await column(
        known,
        "SELECT e.credit_code FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id WHERE r.programme = :programme"
        " AND r.superseded_at IS NULL AND e.credit_code IS NOT NULL",
        programme=LISTS[name],
    )
    expected = {code for code in meant.values() if code}
    assert expected <= set(held)
    assert await scalar(
        known, "SELECT count(*) FROM recognition WHERE programme = :p AND superseded_at IS NULL", p=LISTS[name]
    ) == len(meant)


async def refused_otherwise(session: AsyncSession, number: int) -> list[tuple[str, int]]:
    found = await session.execute(
        text("SELECT sheet, row FROM import_row WHERE import_id = :id AND doubt IS NULL"), {"id": number}
    )
    return [(row.sheet, row.row) for row in found]


@pytest.mark.parametrize("name", LISTS)
async def test_what_is_confirmed_as_obvious_is_never_wrong(known: AsyncSession, name: str):
    number, meant, whose = await tried(known, name), truth(name), await ids(known)
    count = await decide_rest(known, number, Bulk.OBVIOUS)
    chosen = await choices_of(known, number)
    assert len(chosen) == count
    wrong = {place: one for place, one in chosen.items() if whose.get(meant[_place(place)]) != one}
    assert wrong == {}


def _place(named: str) -> tuple[str, int]:
    sheet, _, row = named.rpartition("!")
    return sheet, int(row)
