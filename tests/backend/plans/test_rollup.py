"""What a plan target counts, and that its list is what was counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import Figure, State, roll_up
from rules.plan import CountHolders, Mode, Window
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle, insert

DAY = date(2026, 6, 30)
Move = Callable[[int, str, str, date], Awaitable[None]]
Report = Callable[..., Awaitable[int]]


async def figure(session: AsyncSession, target_id: str, on: date = DAY, district: str = "", **asked: object) -> Figure:
    _, target = target_named(target_id)
    rolled = await roll_up(session, [target], [on], **asked)  # pyright: ignore[reportArgumentType]
    return rolled.of(target, on, district)


async def value(session: AsyncSession, target_id: str, on: date = DAY, district: str = "", **asked: object) -> object:
    return (await figure(session, target_id, on, district, **asked)).value


async def listed(session: AsyncSession, target_id: str, on: date = DAY, **asked: object) -> set[int]:
    _, target = target_named(target_id)
    found = await members(session, target, on, **asked)  # pyright: ignore[reportArgumentType]
    assert found is not None
    assert found.total == len(found.rows)
    return {row.id for row in found.rows}


async def test_a_title_counts_on_its_last_printed_day_and_not_the_day_after(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise(), valid_to=date(2026, 6, 30))
    assert await value(session, "T000-01", date(2026, 6, 30)) == 1
    assert await value(session, "T000-01", date(2026, 7, 1)) == 0


async def test_a_title_counts_from_its_first_day(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise(), granted_on=date(2024, 11, 6))
    assert await value(session, "T000-01", date(2024, 11, 5)) == 0
    assert await value(session, "T000-01", date(2024, 11, 6)) == 1


async def test_a_revoked_title_does_not_count_on_the_day_of_revocation(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise(), revoked_on=date(2026, 3, 15))
    assert await value(session, "T000-01", date(2026, 3, 14)) == 1
    assert await value(session, "T000-01", date(2026, 3, 15)) == 0


async def test_a_moved_enterprise_counts_where_it_was_on_the_day(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, move: Move
):
    enterprise = await make_enterprise("321202")
    await make_title(enterprise)
    await move(enterprise, "321202", "321283", date(2026, 1, 1))
    assert await value(session, "T000-01", date(2025, 12, 31), "321202") == 1
    assert await value(session, "T000-01", date(2026, 1, 1), "321202") == 0
    assert await value(session, "T000-01", date(2026, 1, 1), "321283") == 1


async def test_an_enterprise_that_left_the_city_counts_while_it_was_there(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, move: Move
):
    enterprise = await make_enterprise("321202")
    await make_title(enterprise)
    await move(enterprise, "321202", "320102", date(2026, 1, 1))
    assert await value(session, "T000-01", date(2025, 12, 31)) == 1
    assert await value(session, "T000-01", date(2026, 1, 1)) == 0
    assert await listed(session, "T000-01", date(2025, 12, 31)) == {enterprise}


async def test_an_old_region_code_counts_for_the_district_it_became(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise("321284")
    await make_title(enterprise)
    assert await value(session, "T000-01", DAY, "321204") == 1
    assert await listed(session, "T000-01", region="321204") == {enterprise}


async def test_an_enterprise_of_the_city_without_a_district_counts_for_the_city_only(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise("321200"))
    _, target = target_named("T000-01")
    rolled = await roll_up(session, [target], [DAY])
    assert rolled.of(target, DAY).value == 1
    assert rolled.unplaced["T000-01"] == 1


async def test_an_enterprise_with_two_of_the_titles_counts_once(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise()
    await make_title(enterprise, "srdi_sme")
    await make_title(enterprise, "little_giant")
    assert await value(session, "T000-02") == 1
    assert await listed(session, "T000-02") == {enterprise}


async def test_two_certificates_of_one_enterprise_on_one_day_count_once(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise()
    await make_title(enterprise, granted_on=date(2023, 11, 6), valid_to=date(2026, 11, 5))
    await make_title(enterprise, granted_on=date(2026, 6, 1), valid_to=date(2029, 5, 31), kind="renewed")
    assert await value(session, "T000-01") == 1


async def test_only_the_latest_list_counts_where_a_programme_goes_by_lists(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    old, new = await make_enterprise(), await make_enterprise()
    await make_title(old, "js_gazelle", date(2024, 9, 1), None, edition=2024)
    await make_title(new, "js_gazelle", date(2025, 9, 1), None, edition=2025)
    assert await listed(session, "T000-03", date(2025, 8, 31)) == {old}
    assert await listed(session, "T000-03", date(2025, 9, 1)) == {new}


async def test_every_list_counts_where_the_reader_asks_for_all_so_far(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    old, new = await make_enterprise(), await make_enterprise()
    await make_title(old, "js_gazelle", date(2024, 9, 1), None, edition=2024)
    await make_title(new, "js_gazelle", date(2025, 9, 1), None, edition=2025)
    assert await listed(session, "T000-03", mode=Mode.EVER) == {old, new}
    assert await value(session, "T000-03", modes={"T000-03": Mode.EVER}) == 2


async def test_a_list_recorded_later_does_not_end_the_one_known_before(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    old, new = await make_enterprise(), await make_enterprise()
    late = datetime(2025, 12, 1, tzinfo=UTC)
    await make_title(old, "js_gazelle", date(2024, 9, 1), None, edition=2024)
    await make_title(new, "js_gazelle", date(2025, 9, 1), None, edition=2025, recorded_at=late)
    day, then = date(2025, 9, 30), datetime(2025, 10, 1, tzinfo=UTC)
    assert await listed(session, "T000-03", day, known_at=then) == {old}
    assert await listed(session, "T000-03", day) == {new}


async def test_a_correction_in_may_leaves_the_march_count_as_it_was_known(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise()
    may = datetime(2026, 5, 10, tzinfo=UTC)
    wrong = await make_title(enterprise, superseded_at=may)
    await make_title(enterprise, revoked_on=date(2026, 2, 1), recorded_at=may, supersedes_id=wrong)
    march, april = date(2026, 3, 31), datetime(2026, 4, 1, tzinfo=UTC)
    assert await value(session, "T000-01", march, known_at=april) == 1
    assert await listed(session, "T000-01", march, known_at=april) == {enterprise}
    assert await value(session, "T000-01", march) == 0


async def test_newly_granted_counts_the_year_up_to_the_day_and_no_renewal(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    fresh, renewed, last_year, later = [await make_enterprise() for _ in range(4)]
    await make_title(fresh, "srdi_sme", date(2026, 4, 1), date(2029, 3, 31))
    await make_title(renewed, "srdi_sme", date(2023, 3, 1), date(2026, 2, 28))
    await make_title(renewed, "srdi_sme", date(2026, 3, 1), date(2029, 2, 28))
    await make_title(last_year, "srdi_sme", date(2025, 12, 31), date(2028, 12, 30))
    await make_title(later, "srdi_sme", date(2026, 7, 1), date(2029, 6, 30))
    assert await listed(session, "T004-26") == {fresh}
    assert await listed(session, "T004-26", date(2025, 12, 31)) == {last_year}


async def test_a_promoted_enterprise_is_newly_granted_once(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise()
    await make_title(enterprise, "srdi_sme", date(2026, 2, 1), date(2029, 1, 31))
    await make_title(enterprise, "little_giant", date(2026, 6, 1), date(2029, 5, 31))
    assert await value(session, "T004-26") == 1


async def test_listed_enterprises_count_from_the_day_of_listing(session: AsyncSession, make_enterprise: MakeEnterprise):
    await make_enterprise(listing_board="star", listed_on=date(2025, 5, 1))
    await make_enterprise(listing_board="neeq", listed_on=date(2020, 5, 1))
    assert await value(session, "T000-05", date(2025, 4, 30)) == 0
    assert await value(session, "T000-05", date(2025, 5, 1)) == 1
    assert await value(session, "T003-G9", DAY) == 2


async def test_a_figure_counts_by_the_latest_completed_year(session: AsyncSession, make_enterprise: MakeEnterprise):
    enterprise = await make_enterprise()
    ten_billion = 100 * 10**8 * 100
    for year, revenue in ((2023, ten_billion), (2024, ten_billion - 1), (2025, ten_billion)):
        await insert(session, "fact_yearly", {"enterprise_id": enterprise, "year": year, "operating_revenue": revenue})
    assert await value(session, "T004-25", date(2024, 6, 30)) == 1
    assert await value(session, "T004-25", date(2025, 6, 30)) == 0
    assert await value(session, "T004-25", date(2026, 1, 1)) == 1


async def test_a_coverage_counts_enterprises_on_both_sides(session: AsyncSession, make_enterprise: MakeEnterprise):
    institutions = (
        '[{"type": "enterprise_technology_centre", "level": "municipal", "granted_on": "2026-02-01"},'
        ' {"type": "engineering_research_centre", "level": "provincial", "granted_on": "2026-03-01"}]'
    )
    having, lacking, outside = [await make_enterprise(is_above_scale=True) for _ in range(3)]
    for enterprise in (having, lacking):
        await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
    for enterprise, stated in ((having, institutions), (outside, institutions), (lacking, "[]")):
        await insert(session, "fact_current", {"enterprise_id": enterprise, "rd_institutions": stated})
    before, after = await figure(session, "T000-07", date(2026, 1, 31)), await figure(session, "T000-07", DAY)
    assert (before.value, before.counted, before.whole) == (0, 0, 2)
    assert (after.value, after.counted, after.whole) == (50, 1, 2)
    assert await listed(session, "T000-07", part="missing") == {lacking}


async def test_a_coverage_of_nobody_is_not_computable_and_not_zero(session: AsyncSession):
    found = await figure(session, "T000-07")
    assert (found.state, found.value) == (State.NOT_COMPUTABLE, None)


async def test_a_coverage_without_any_answer_is_not_computable(session: AsyncSession, make_enterprise: MakeEnterprise):
    enterprise = await make_enterprise(is_above_scale=True)
    await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
    found = await figure(session, "T000-07")
    assert (found.state, found.value, found.whole) == (State.NOT_COMPUTABLE, None, 1)


async def test_a_reported_figure_is_the_latest_period_over_by_the_day(session: AsyncSession, report: Report):
    await report("T000-18", date(2025, 12, 31), Decimal("2.7"))
    await report("T000-18", date(2026, 6, 30), Decimal("2.8"))
    assert await value(session, "T000-18", date(2026, 6, 29)) == Fraction("2.7")
    assert await value(session, "T000-18", date(2026, 6, 30)) == Fraction("2.8")


async def test_a_revision_replaces_the_figure_from_the_moment_it_was_recorded(session: AsyncSession, report: Report):
    await report("T000-18", date(2025, 12, 31), Decimal("2.7"), recorded_at=datetime(2026, 3, 1, tzinfo=UTC))
    await report("T000-18", date(2025, 12, 31), Decimal("2.75"), recorded_at=datetime(2026, 5, 1, tzinfo=UTC))
    then = await figure(session, "T000-18", known_at=datetime(2026, 4, 1, tzinfo=UTC))
    now = await figure(session, "T000-18")
    assert (then.value, then.revisions) == (Fraction("2.7"), 0)
    assert (now.value, now.revisions) == (Fraction("2.75"), 1)


async def test_a_yearly_figure_of_last_year_says_nothing_of_this_year(session: AsyncSession, report: Report):
    await report("T004-21", date(2025, 12, 31), 580)
    assert await value(session, "T004-21", date(2025, 12, 31)) == 580
    assert (await figure(session, "T004-21", date(2026, 3, 31))).state is State.NOT_REPORTED


@pytest.mark.parametrize(
    ("target", "state"),
    [
        ("T000-18", State.NOT_REPORTED),
        ("T000-06", State.NOT_REPORTED),
        ("T000-19", State.NOT_REPORTED),
        ("T003-G6a", State.NOT_COMPUTABLE),
        ("T004-17n", State.NARRATIVE),
    ],
)
async def test_what_nobody_counted_or_reported_has_a_reason_and_no_value(
    session: AsyncSession, target: str, state: State
):
    found = await figure(session, target)
    assert (found.state, found.value) == (state, None)
    assert found.reason


# --- The list is what was counted, whatever the registry looks like --------------------------------------

DISTRICTS = ("321202", "321203", "321204", "321281", "321282", "321283", "321284", "321200", "320706", "")
PROGRAMMES = ("hnte", "srdi_sme", "little_giant", "js_gazelle", "js_unicorn", "single_champion", "tech_sme")


def random_day(random: Random) -> date:
    return date.fromordinal(random.randint(date(2023, 1, 1).toordinal(), date(2027, 12, 31).toordinal()))


async def random_registry(
    session: AsyncSession, random: Random, make_enterprise: MakeEnterprise, make_title: MakeTitle, move: Move
) -> None:
    for _ in range(40):
        region = random.choice(DISTRICTS)
        enterprise = await make_enterprise(region, is_above_scale=random.choice([True, False, None]))
        if random.random() < 0.3:
            await move(enterprise, region, random.choice(DISTRICTS), random_day(random))
        for _ in range(random.randint(0, 3)):
            programme = random.choice(PROGRAMMES)
            granted_on = random_day(random)
            by_edition = programme in ("js_gazelle", "js_unicorn")
            await make_title(
                enterprise, programme, granted_on,
                None if by_edition else date(granted_on.year + random.randint(0, 3), 12, 31),
                edition=granted_on.year if by_edition else None,
                kind=random.choice(["granted", "granted", "renewed"]),
                revoked_on=random_day(random) if random.random() < 0.1 else None,
                recorded_at=datetime.combine(random_day(random), datetime.min.time(), UTC),
            )  # fmt: skip
        if random.random() < 0.5:
            await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
            stated = random.choice(["[]", '[{"type": "other", "granted_on": "2025-03-01"}]'])
            await insert(session, "fact_current", {"enterprise_id": enterprise, "rd_institutions": stated})


@pytest.mark.parametrize("seed", range(12))
async def test_every_count_is_the_length_of_its_list(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, move: Move, seed: int
):
    random = Random(seed)
    await random_registry(session, random, make_enterprise, make_title, move)
    names = ["T000-01", "T000-02", "T000-03", "T000-04", "T000-07", "T004-26", "T004-27", "T001-14", "T003-12a"]
    targets = [target_named(name)[1] for name in names]
    days = sorted({random_day(random) for _ in range(6)})
    known_at = random.choice([None, datetime.combine(random_day(random), datetime.min.time(), UTC)])
    rolled = await roll_up(session, targets, days, known_at=known_at)
    for target in targets:
        for day in days:
            whole = rolled.of(target, day)
            found = await members(session, target, day, known_at=known_at)
            assert found is not None
            assert found.total == len(found.rows) == whole.counted, (target.id, day)
            assert len({row.id for row in found.rows}) == found.total
            for region in {key[2] for key in rolled.figures if key[0] == target.id} - {""}:
                part = await members(session, target, day, region=region, known_at=known_at)
                assert part is not None
                assert part.total == rolled.of(target, day, region).counted, (target.id, day, region)


@pytest.mark.parametrize("seed", range(3))
async def test_districts_and_the_unplaced_add_up_to_the_city(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, move: Move, seed: int
):
    random = Random(100 + seed)
    await random_registry(session, random, make_enterprise, make_title, move)
    _, target = target_named("T000-01")
    day = random_day(random)
    rolled = await roll_up(session, [target], [day])
    parts = [found.value or 0 for (_, _, region), found in rolled.figures.items() if region]
    assert len(parts) == 6
    assert sum(parts) + rolled.unplaced["T000-01"] == rolled.of(target, day).value


# --- The sets mean what they say: the same registry, counted the plain way -------------------------------


@dataclass(frozen=True)
class Held:
    enterprise: int
    programme: str
    granted_on: date
    valid_to: date | None
    edition: int | None
    kind: str
    revoked_on: date | None

    def counts_on(self, day: date) -> bool:
        ended = self.valid_to is not None and self.valid_to < day
        return self.granted_on <= day and not ended and (self.revoked_on is None or day < self.revoked_on)


async def random_titles(
    random: Random, make_enterprise: MakeEnterprise, make_title: MakeTitle
) -> tuple[dict[int, str], list[Held]]:
    places: dict[int, str] = {}
    held: list[Held] = []
    for _ in range(30):
        region = random.choice(DISTRICTS)
        enterprise = await make_enterprise(region)
        places[enterprise] = region
        for _ in range(random.randint(0, 4)):
            programme, granted_on = random.choice(PROGRAMMES), random_day(random)
            by_edition = programme in ("js_gazelle", "js_unicorn")
            one = Held(
                enterprise, programme, granted_on,
                None if by_edition else date(granted_on.year + random.randint(0, 2), 12, 31),
                granted_on.year if by_edition else None,
                random.choice(["granted", "granted", "renewed"]),
                random_day(random) if random.random() < 0.2 else None,
            )  # fmt: skip
            await make_title(
                enterprise, programme, granted_on, one.valid_to,
                edition=one.edition, kind=one.kind, revoked_on=one.revoked_on,
            )  # fmt: skip
            held.append(one)
    return places, held


def plainly_listed(held: list[Held], target_id: str, day: date, mode: Mode | None = None) -> set[int]:
    """The definitions of the counts, word for word and slowly."""
    _, target = target_named(target_id)
    assert isinstance(target.count, CountHolders)
    of_count = [one for one in held if one.programme in target.count.holds]
    if target.window is Window.IN_YEAR:
        eve = date(day.year - 1, 12, 31)
        had = {(one.enterprise, one.programme) for one in held if one.counts_on(eve)}
        return {
            one.enterprise
            for one in of_count
            if one.counts_on(day)
            and one.granted_on.year == day.year
            and one.kind != "renewed"
            and (one.enterprise, one.programme) not in had
        }
    match mode or target.count.mode:
        case Mode.EVER:
            return {one.enterprise for one in of_count if one.granted_on <= day}
        case Mode.CURRENT_LIST:
            latest: dict[str, int] = {}
            for one in held:
                if one.edition is not None and one.granted_on <= day:
                    latest[one.programme] = max(latest.get(one.programme, 0), one.edition)
            return {
                one.enterprise
                for one in of_count
                if one.counts_on(day) and (one.edition is None or one.edition == latest[one.programme])
            }
        case Mode.IN_FORCE:
            return {one.enterprise for one in of_count if one.counts_on(day)}


@pytest.mark.parametrize("seed", range(8))
async def test_the_lists_are_those_of_the_plain_definition(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, seed: int
):
    random = Random(1000 + seed)
    places, held = await random_titles(random, make_enterprise, make_title)
    for name, mode in (
        ("T000-01", None), ("T000-02", None), ("T000-03", None), ("T000-03", Mode.EVER), ("T004-26", None), ("T003-12a", None),
    ):  # fmt: skip
        for day in [random_day(random) for _ in range(4)]:
            expected = {one for one in plainly_listed(held, name, day, mode) if places[one].startswith("3212")}
            assert await listed(session, name, day, mode=mode) == expected, (name, mode, day)
