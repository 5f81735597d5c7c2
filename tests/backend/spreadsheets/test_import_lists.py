"""The invented lists, all 114 of them, against what their README says that they mean."""

from collections import Counter
from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.plans.territory import territory_of
from backend.recognitions.queries import IN_FORCE, current_edition
from backend.spreadsheets.fates import Fate, Report
from rules.library import library
from rules.plan import CountHolders
from tests.backend.spreadsheets.importing import column, reasons, registry_of, rows_written, scalar, take
from tests.backend.spreadsheets.list_oracle import Lists, spelling, table
from tests.shared_data import shared_data

PROGRAMMES = ("hnte", "tech_sme", "innovative_sme", "srdi_sme", "little_giant", "js_gazelle")
SRDI_DAY = date(2025, 12, 19)
#: The end of each quarter, and the days around which something ends or begins.
DAYS = [
    *(date(year, month, day) for year in range(2019, 2027) for month, day in ((3, 31), (6, 30), (9, 30), (11, 19))),
    date(2022, 12, 4), date(2022, 12, 5), date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29), date(2026, 11, 20),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Path:
    return shared_data("made-up-lists")


@pytest.fixture(scope="module")
def lists(folder: Path) -> Lists:
    return Lists.read(folder)


@pytest.fixture(scope="module")
async def registry(server_url: str, migrated_template: str, folder: Path) -> AsyncGenerator[AsyncEngine]:
    """The enterprises, then the events in the order of the file."""
    async with registry_of(server_url, migrated_template) as engine:
        async with owner_unit_of_work(engine) as work:
            await take(work, folder / "enterprises.csv", good_rows_only=False)
            await take(work, folder / "recognition_events.csv")
        yield engine


@pytest.fixture
async def listed(registry: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    """Whatever is written there is taken back."""
    async with AsyncSession(registry, expire_on_commit=False) as opened:
        yield opened
        await opened.rollback()


@pytest.fixture
async def enterprises_only(session: AsyncSession, folder: Path) -> AsyncSession:
    await take(session, folder / "enterprises.csv", good_rows_only=False)
    return session


async def holders(session: AsyncSession, programme: str, on: date) -> dict[str, str]:
    """Code → region of those that hold a title in the registry."""
    found = await session.execute(
        text(
            "SELECT DISTINCT e.credit_code, e.region_code FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
            f" WHERE r.programme = :programme AND r.superseded_at IS NULL AND {IN_FORCE} AND {current_edition(library())}"
        ),
        {"programme": programme, "on": on},
    )
    return {row[0]: row[1] for row in found}


@pytest.mark.parametrize("programme", PROGRAMMES)
async def test_who_holds_a_title_is_right_on_every_day(listed: AsyncSession, lists: Lists, programme: str):
    wrong = {
        on: found.keys() ^ lists.holders(programme, on)
        for on in DAYS
        if (found := await holders(listed, programme, on)).keys() != lists.holders(programme, on)
    }
    assert wrong == {}


@pytest.mark.parametrize("on", [date(2022, 12, 31), date(2024, 6, 30), date(2026, 11, 20)])
async def test_counts_by_region_are_right(listed: AsyncSession, lists: Lists, on: date):
    for programme in PROGRAMMES:
        found = await holders(listed, programme, on)
        counted = Counter(region for code, region in found.items() if code in lists.region_of)
        expected = Counter(lists.region_of[code] for code in lists.holders(programme, on) if code in lists.region_of)
        assert counted == expected
        assert counted or programme == "tech_sme"


@pytest.mark.parametrize("target", ["T000-01", "T000-02", "T000-03", "T001-14", "T001-15", "T004-27"])
async def test_targets_roll_the_lists_up_by_region_and_day(listed: AsyncSession, lists: Lists, target: str):
    _, found = target_named(target)
    programmes = [one for one in cast("CountHolders", found.count).holds if one in PROGRAMMES]
    rolled = await roll_up(listed, [found], DAYS[::2])
    counted = 0
    for place in ("", *(one.code for one in territory_of(found.region).districts)):
        codes = territory_of(place or found.region).codes
        for on in DAYS[::2]:
            rows = await members(listed, found, on, region=place or None)
            assert rows is not None
            assert rolled.of(found, on, place).value == len(rows.rows) == rows.total
            held = set[str]().union(*(lists.holders(one, on) for one in programmes))
            known = {one.credit_code for one in rows.rows if one.credit_code in lists.region_of}
            assert known == {one for one in held if lists.region_of.get(one) in codes}, (place, on)
            counted += len(known)
    assert counted > 30


async def test_the_same_lists_twice_write_nothing(listed: AsyncSession, folder: Path):
    before = await rows_written(listed)
    report = await take(listed, folder / "recognition_events.csv")
    assert report.touched == []
    assert report.counts["new"] == report.counts["changed"] == 0
    assert await rows_written(listed) == before


async def test_only_rows_that_nobody_can_tell_are_left_out(enterprises_only: AsyncSession, lists: Lists, folder: Path):
    report = await take(enterprises_only, folder / "recognition_events.csv")
    unmatched = {one.row.row for one in report.refused if one.enterprise_id is None}
    serious = [(line, one) for line, one in enumerate(lists.events, start=2) if one["event"] != "publicity"]
    assert unmatched == {line for line, one in serious if not lists.whose(one)}


async def test_no_name_with_a_lost_character_or_a_slip_is_taken_for_another(
    enterprises_only: AsyncSession, lists: Lists, folder: Path
):
    report = await take(enterprises_only, folder / "recognition_events.csv")
    for one in report.fates:
        event = lists.events[one.row.row - 2]
        if "□" in event["enterprise_name"] and not event["uscc"] and event["event"] != "publicity":
            assert one.fate is Fate.REFUSED
            assert len(one.candidates) >= 1
    slip = _row_named(report, "泰兴寥镝检测技术有限公司")
    assert slip.fate is Fate.REFUSED
    assert [each.name for each in slip.candidates] == ["泰兴蓼镝检测技术有限公司"]


def _row_named(report: Report, name: str):
    return next(one for one in report.fates if one.row.enterprise.name == name)


async def test_enterprises_one_character_apart_stay_two(listed: AsyncSession, lists: Lists):
    registered = await column(listed, "SELECT credit_code FROM enterprise")
    assert len(registered) == len(set(registered))
    assert set(lists.region_of) <= set(registered)


async def test_six_names_that_were_taken_over_go_by_the_day(listed: AsyncSession, lists: Lists):
    shared = {name for name, bearers in lists.bearers.items() if len({code for code, _ in bearers}) > 1}
    assert len(shared) == 6
    printed = [
        one for one in lists.events
        if spelling(one["enterprise_name"]) in shared and not one["uscc"] and one["event"] in ("granted", "renewed")
    ]  # fmt: skip
    assert printed
    for one in printed:
        holder = await scalar(
            listed,
            "SELECT count(*) FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id WHERE e.credit_code = :code"
            " AND r.programme = :programme AND r.granted_on = :day AND r.superseded_at IS NULL",
            code=lists.whose(one), programme=one["programme"], day=date.fromisoformat(one["date"]),
        )  # fmt: skip
        assert holder == 1, one


async def test_a_name_known_only_from_a_notice_is_kept_as_a_former_name(listed: AsyncSession):
    names = await column(
        listed,
        "SELECT n.name FROM enterprise_name n JOIN enterprise e ON e.id = n.enterprise_id"
        " WHERE e.credit_code = '91321203968112741X' ORDER BY n.used_to NULLS FIRST",
    )
    assert names == ["菡梭信息技术（泰州）股份有限公司", "菡梭信息技术（泰州）集团有限公司"]


async def test_a_row_without_a_code_finds_the_name_that_a_later_row_tells(listed: AsyncSession):
    # 2025-11-18 without a code; the code stands beside that name in the list of 2025-12-05 only.
    granted = await column(
        listed,
        "SELECT r.granted_on FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
        " WHERE e.credit_code = '913212049466738124' AND r.programme = 'hnte' AND r.superseded_at IS NULL",
    )
    assert granted == [date(2025, 11, 18)]


async def test_publicity_gives_no_title(listed: AsyncSession):
    assert await scalar(listed, "SELECT count(*) FROM recognition WHERE granted_on = '2026-11-10'") == 0


async def test_a_second_review_adds_three_more_years(listed: AsyncSession):
    ends = await column(
        listed,
        "SELECT r.valid_to FROM recognition r JOIN enterprise_name n USING (enterprise_id)"
        " WHERE n.name = '泰州市荃峰精工机械科技有限公司' AND r.programme = 'srdi_sme' AND r.superseded_at IS NULL",
    )
    assert ends == [date(2029, 11, 24)]


async def test_a_late_renewal_leaves_a_gap(listed: AsyncSession, lists: Lists):
    gaps = [
        (code, one.ends, two.begins)
        for code, titles in lists.titles.items()
        for one in titles
        for two in titles
        if one.programme == two.programme == "hnte" and one.ends < two.begins and one.revoked_on is None
    ]
    code, ended, _ = gaps[0]
    assert code not in await holders(listed, "hnte", ended)


# The workbooks beside the events -----------------------------------------------------------------------


async def test_every_firm_of_the_srdi_list_is_found_or_put_before_a_person(
    enterprises_only: AsyncSession, folder: Path
):
    report = await take(enterprises_only, folder / "list_layout_srdi_batch.xlsx", dated_on=SRDI_DAY)
    truth = {(one["sheet"], int(one["row"])): one for one in table(folder / "list_layout_srdi_batch_truth.csv")}
    codes = await _codes(enterprises_only)
    for one in report.fates:
        expected = truth[one.row.sheet, one.row.row]["uscc"]
        if one.fate is Fate.REFUSED:
            assert expected in {each.credit_code or "" for each in one.candidates} | {""}
        else:
            assert one.enterprise_id is not None
            assert codes[one.enterprise_id] == expected
    assert len(report.fates) == 120
    # Four firms changed their legal form and no list with a code says so; three are not registered.
    assert len(report.refused) == 7


async def test_the_srdi_list_wants_its_date_told(enterprises_only: AsyncSession, folder: Path):
    report = await take(enterprises_only, folder / "list_layout_srdi_batch.xlsx")
    assert len(report.refused) == 120
    assert "没有日期，请指定名单的日期" in reasons(report.refused[0])
    assert await scalar(enterprises_only, "SELECT count(*) FROM recognition") == 0


async def test_the_hnte_announcement_finds_the_enterprises_of_its_truth(enterprises_only: AsyncSession, folder: Path):
    report = await take(enterprises_only, folder / "hnte_announcement.xlsx")
    truth = {(one["sheet"], int(one["row"])): one for one in table(folder / "hnte_announcement_truth.csv")}
    codes = await _codes(enterprises_only)
    kinds = await _kinds(enterprises_only)
    for one in report.fates:
        line = truth[one.row.sheet, one.row.row]
        expected = line["uscc"] or line["uscc_printed"]
        if one.fate is Fate.REFUSED:
            assert not line["uscc_printed"]
            # One has another name altogether by now, which only a later notice tells.
            assert expected in ("", "913212049466738124")
        else:
            assert one.enterprise_id is not None
            assert codes[one.enterprise_id] == expected
            assert kinds[one.enterprise_id, line["certificate_no"]] == line["event"]
    new = {one.row.enterprise.name for one in report.fates if one.fate is Fate.NEW}
    assert new == {one["enterprise_name"] for one in truth.values() if one["uscc_printed"] and not one["uscc"]}
    assert len(report.fates) == 300


async def _codes(session: AsyncSession) -> dict[int, str]:
    found = await session.execute(text("SELECT id, credit_code FROM enterprise"))
    return {row[0]: row[1] for row in found}


async def _kinds(session: AsyncSession) -> dict[tuple[int, str], str]:
    found = await session.execute(text("SELECT enterprise_id, number, kind FROM recognition"))
    return {(row[0], row[1]): row[2] for row in found}


async def test_the_workbooks_after_the_events_add_no_title(listed: AsyncSession, folder: Path):
    before = await scalar(listed, "SELECT count(*) FROM recognition")
    await take(listed, folder / "list_layout_srdi_batch.xlsx", dated_on=SRDI_DAY)
    await take(listed, folder / "hnte_announcement.xlsx")
    assert await scalar(listed, "SELECT count(*) FROM recognition") == before


_TITLES = (
    "SELECT e.credit_code || ' ' || r.programme || ' ' || r.valid_from || ' ' || coalesce(r.valid_to::text, '-')"
    " || ' ' || coalesce(r.revoked_on::text, '-') FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
    " WHERE r.superseded_at IS NULL"
)


async def test_the_workbooks_before_the_events_lead_to_the_same_titles(
    enterprises_only: AsyncSession, listed: AsyncSession, folder: Path
):
    await take(enterprises_only, folder / "hnte_announcement.xlsx")
    await take(enterprises_only, folder / "list_layout_srdi_batch.xlsx", dated_on=SRDI_DAY)
    await take(enterprises_only, folder / "recognition_events.csv")
    await take(listed, folder / "hnte_announcement.xlsx")
    # A code of the announcement tells whose name two earlier rows without a code had printed.
    await take(listed, folder / "recognition_events.csv")
    assert set(await column(enterprises_only, _TITLES)) == set(await column(listed, _TITLES))
