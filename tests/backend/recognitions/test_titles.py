"""Titles with a life: from which day they count, until which, and what was known of them before."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.recognitions.queries import Held, held_by
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, extend, grant, last_day, revoke
from rules.library import library
from tests.factories import column, make_enterprise, make_recognition

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
MARCH, JUNE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


async def titles(session: AsyncSession, number: int, known_at: datetime | None = None) -> list[Held]:
    return (await held_by(session, [number], known_at))[number]


async def counts_on(session: AsyncSession, number: int, *days: date) -> list[bool]:
    """Whether any title counts on each of the days."""
    held = await titles(session, number)
    return [any(one.is_in_force(day) for one in held) for day in days]


@pytest.mark.parametrize(
    ("programme", "valid_from", "expected"),
    [
        ("hnte", date(2024, 11, 6), date(2027, 11, 5)),
        ("hnte", date(2024, 2, 29), date(2027, 2, 27)),
        ("srdi_sme", date(2025, 12, 19), date(2028, 12, 18)),
        ("tech_sme", date(2026, 5, 20), date(2026, 12, 31)),
        ("js_gazelle", date(2025, 11, 20), None),
        ("js_private_tech", date(2020, 1, 1), None),
        ("china_mfg_top500", date(2025, 9, 1), None),
    ],
)
def test_the_last_day_follows_from_the_programme(programme: str, valid_from: date, expected: date | None):
    assert last_day(programme, valid_from, library()) == expected


async def test_a_title_counts_from_its_first_day_to_its_last_printed_day(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, granted_on=date(2024, 11, 6))
    days = (date(2024, 11, 5), date(2024, 11, 6), date(2027, 11, 5), date(2027, 11, 6))
    assert await counts_on(session, number, *days) == [False, True, True, False]


async def test_the_printed_last_day_goes_before_the_programmes(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, valid_to=date(2027, 12, 31))
    assert await counts_on(session, number, date(2027, 12, 31), date(2028, 1, 1)) == [True, False]


async def test_three_years_run_from_the_printed_first_day(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "srdi_sme", date(2025, 12, 19), valid_from=date(2026, 1, 1))
    assert (await titles(session, number))[0].valid_to == date(2028, 12, 31)


async def test_a_title_no_longer_counts_on_the_day_of_its_revocation(session: AsyncSession):
    number = await make_enterprise(session)
    await revoke(session, await make_recognition(session, number), date(2026, 5, 1), "经复核不再符合条件")
    assert await counts_on(session, number, date(2026, 4, 30), date(2026, 5, 1)) == [True, False]


async def test_renewed_after_a_gap_the_gap_stays_a_gap(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, granted_on=date(2021, 11, 6))
    await make_recognition(session, number, granted_on=date(2025, 1, 10), kind="renewed")
    days = (date(2024, 11, 5), date(2024, 11, 6), date(2025, 1, 9), date(2025, 1, 10))
    assert await counts_on(session, number, *days) == [True, False, False, True]


async def test_a_review_passed_lets_the_title_count_longer(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, "srdi_sme", date(2023, 7, 1))
    assert await extend(session, title, date(2029, 6, 30), "2026 年复核通过名单")
    held = await titles(session, number)
    assert [(one.kind, one.valid_to, one.notice) for one in held] == [
        ("extended", date(2029, 6, 30), "2026 年复核通过名单")
    ]


async def test_a_review_that_adds_nothing_changes_nothing(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, "srdi_sme", date(2023, 7, 1))
    assert not await extend(session, title, date(2026, 6, 30), "同一名单")
    assert [one.id for one in await titles(session, number)] == [title]


async def test_granting_the_same_title_again_is_no_new_title(session: AsyncSession):
    number = await make_enterprise(session)
    draft = RecognitionDraft(number, "hnte", date(2024, 11, 6), number="GR202432000001")
    assert await grant(session, [draft, draft], library()) == [True, False]
    assert await grant(session, [draft], library()) == [False]
    assert len(await titles(session, number)) == 1


async def test_a_certificate_dated_otherwise_by_another_list_is_known_by_its_number(session: AsyncSession):
    number = await make_enterprise(session)
    for day, new in ((date(2024, 11, 6), True), (date(2024, 11, 19), False)):
        draft = RecognitionDraft(number, "hnte", day, number="GR202432000001")
        assert await grant(session, [draft], library()) == [new]


async def test_an_alias_of_the_programme_is_the_programme(session: AsyncSession):
    alias, name = next((one.source.aliases[0], n) for n, one in library().programmes.items() if one.source.aliases)
    number = await make_enterprise(session)
    assert await grant(session, [RecognitionDraft(number, alias, date(2025, 1, 1))], library()) == [True]
    assert [one.programme for one in await titles(session, number)] == [name]


async def test_a_title_that_plans_count_without_rules_can_be_granted(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "china_mfg_top500", date(2025, 9, 1))
    assert await counts_on(session, number, date(2026, 1, 1)) == [True]


async def test_a_last_day_before_the_first_is_refused_and_nothing_is_written(session: AsyncSession):
    number = await make_enterprise(session)
    good = RecognitionDraft(number, "tech_sme", date(2026, 5, 1))
    wrong = RecognitionDraft(number, "hnte", date(2024, 11, 6), valid_to=date(2024, 1, 1))
    with pytest.raises(RecognitionRefused, match="早于有效期起 2024-11-06"):
        await grant(session, [good, wrong], library())
    assert await titles(session, number) == []


@pytest.mark.parametrize(("day", "reason"), [(date(2024, 11, 5), "在其前"), (date(2027, 11, 6), "在其后")])
async def test_a_title_is_revoked_only_while_it_counts(session: AsyncSession, day: date, reason: str):
    title = await make_recognition(session, await make_enterprise(session))
    with pytest.raises(RecognitionRefused, match=reason):
        await revoke(session, title, day, "经复核不再符合条件")


async def test_revoking_twice_alike_changes_nothing(session: AsyncSession):
    number = await make_enterprise(session)
    await revoke(session, await make_recognition(session, number), date(2026, 5, 1), "处罚")
    again = (await titles(session, number))[0].id
    assert not await revoke(session, again, date(2026, 5, 1), "处罚")


async def test_a_title_changed_meanwhile_is_not_changed_again(session: AsyncSession):
    title = await make_recognition(session, await make_enterprise(session))
    await revoke(session, title, date(2026, 5, 1), "处罚")
    with pytest.raises(RecognitionRefused, match="已被修改"):
        await extend(session, title, date(2030, 1, 1), "名单")


async def test_earlier_knowledge_does_not_see_a_later_revocation(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number, recorded_at=MARCH)
    await revoke(session, title, date(2026, 1, 1), "处罚", recorded_at=JUNE)
    before = await titles(session, number, datetime(2026, 5, 31, tzinfo=UTC))
    after = await titles(session, number, JUNE)
    assert [[one.is_in_force(date(2026, 2, 1)) for one in known] for known in (before, after)] == [[True], [False]]


async def test_nothing_is_known_of_a_title_before_it_was_entered(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, recorded_at=MARCH)
    assert await titles(session, number, datetime(2026, 2, 28, tzinfo=UTC)) == []


async def test_what_a_title_was_before_stays_in_the_table(session: AsyncSession):
    number = await make_enterprise(session)
    title = await make_recognition(session, number)
    await revoke(session, title, date(2026, 5, 1), "处罚")
    chain = await column(session, "SELECT supersedes_id FROM recognition ORDER BY id")
    assert chain == [None, title]


async def test_a_list_of_another_year_ends_the_title_of_who_is_not_on_it(session: AsyncSession):
    left, stayed = [await make_enterprise(session) for _ in range(2)]
    for number, year in ((left, 2024), (stayed, 2024), (stayed, 2025)):
        await make_recognition(session, number, "js_gazelle", date(year, 11, 20))
    days = (date(2025, 11, 19), date(2025, 11, 20))
    assert await counts_on(session, left, *days) == [True, False]
    assert await counts_on(session, stayed, *days) == [True, True]


async def test_a_district_knows_the_latest_list_though_nobody_of_its_own_is_on_it(
    engine: AsyncEngine, app_session_factory: Scoped
):
    async with owner_unit_of_work(engine) as owner:
        own = await make_enterprise(owner, region_code="321282")
        await make_recognition(owner, own, "js_gazelle", date(2024, 11, 20))
        other = await make_enterprise(owner, region_code="321202")
        await make_recognition(owner, other, "js_gazelle", date(2025, 11, 20))
    async with app_session_factory(Scope.district("321282")) as district:
        assert await counts_on(district, own, date(2026, 1, 1)) == [False]


async def test_two_who_grant_the_same_at_once_grant_it_once(engine: AsyncEngine):
    import asyncio

    async with owner_unit_of_work(engine) as owner:
        number = await make_enterprise(owner)

    async def one() -> Any:
        async with owner_unit_of_work(engine) as session:
            return await grant(session, [RecognitionDraft(number, "hnte", date(2024, 11, 6))], library())

    assert sorted(await asyncio.gather(one(), one())) == [[False], [True]]
