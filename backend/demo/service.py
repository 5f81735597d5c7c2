"""Loading the demo: an invented registry through the very services that real data goes through."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.roles import give_role
from backend.access.schemas import Role
from backend.access.service import add_person
from backend.clock import CHINA, today
from backend.database.session import owner_unit_of_work
from backend.demo.cultivation import cultivate, hand_out
from backend.demo.plans import follow_plans
from backend.demo.population import Invented, population
from backend.eligibility.service import evaluate, evaluate_registry
from backend.enterprises.schemas import Draft, FormerName
from backend.enterprises.service import register
from backend.filings.service import FilingDraft, file, project
from backend.recognitions.service import RecognitionDraft, grant, revoke
from rules.library import Library, library

SIZE = 3_000
NOTE = "演示数据，均为虚构"


async def is_loaded(engine: AsyncEngine) -> bool:
    """Whether the database holds enterprises already; the demo is loaded into an empty one only."""
    async with owner_unit_of_work(engine) as session:
        return bool(await session.scalar(text("SELECT EXISTS (SELECT FROM enterprise)")))


async def is_demo(engine: AsyncEngine) -> bool:
    """Whether the registry is the invented one: that stays visible on every page, however it is served."""
    async with owner_unit_of_work(engine) as session:
        return bool(
            await session.scalar(text("SELECT EXISTS (SELECT FROM enterprise WHERE credit_code LIKE '________DEM%')"))
        )


async def add_people(engine: AsyncEngine, people: Sequence[tuple[str, str, str, str, str]], password: str) -> set[str]:
    """Let the demo's people sign in; who is there already stays as they are. Returns the logins of all who can.

    Nobody works on a park in which no enterprise is registered: a very small demo has parks without any.
    """
    async with owner_unit_of_work(engine) as session:
        present = set((await session.execute(text("SELECT login FROM person"))).scalars())
        parks = set((await session.execute(text("SELECT DISTINCT park FROM enterprise"))).scalars())
        for login, name, role, region, park in people:
            if login in present or (park and park not in parks):
                continue
            issued = await add_person(session, login, name, role, region, password, park=park)
            present.add(login)
            if role == Role.ADMINISTRATOR and issued.person.id is not None:
                # One login to look at everything with: an administrator alone sees no enterprise.
                await give_role(session, issued.person.id, Role.CITY_OFFICER, "", today())
        # In the demo nobody has a password to keep: what is printed works at once.
        await session.execute(text("UPDATE person SET must_change_password = false"))
        await hand_out(session)
    return present & {login for login, *_ in people}


async def load(engine: AsyncEngine, today: date, size: int = SIZE) -> int:
    """Load the invented registry, in one transaction. Returns the number of enterprises."""
    people = list(population(size, today))
    async with owner_unit_of_work(engine) as session:
        rules = library()
        ids = (await register(session, [_draft(one) for one in people], today)).ids
        await _file(session, people, ids, rules, today)
        await _grant(session, people, ids, rules)
        await _revoke(session, people, ids)
        await evaluate_registry(session, rules, today - timedelta(days=30))
        late = await _file_late(session, people, ids, rules, today)
        await evaluate(session, late, rules, today)
        await cultivate(session, rules, today)
        await follow_plans(session, today)
        await _date_back(session)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("ANALYZE"))
    return len(people)


async def _date_back(session: AsyncSession) -> None:
    """As titles and filings came in over the years, so did the enterprises themselves: in the year of their founding."""
    await session.execute(
        text("UPDATE enterprise SET created_at = least(created_at, date_trunc('year', established_on::timestamptz))")
    )


def _draft(one: Invented) -> Draft:
    board, listed_on = one.listing or ("", None)
    return Draft(
        name=one.name, credit_code=one.code, region_code=one.region, town=one.town, park=one.park, industry_code=one.industry,
        established_on=one.established_on, is_above_scale=one.is_above_scale, chains=(one.chain,) if one.chain else (),
        listing_board=board, listed_on=listed_on,
        former_names=(FormerName(one.former_name, one.established_on + timedelta(days=900)),) if one.former_name else (),
    )  # fmt: skip


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    return {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in values.items()}


async def _file(
    session: AsyncSession, people: Sequence[Invented], ids: Sequence[int], rules: Library, today: date
) -> None:
    """What came in over the years: the enterprises' own word, tax and the platform beside it."""
    latest = today - timedelta(days=40)
    by_day: dict[date, list[FilingDraft]] = defaultdict(list)

    def said(number: int, source: str, year: int | None, values: dict[str, Any], day: date) -> None:
        if values:
            received_on = min(day, latest)
            by_day[received_on].append(FilingDraft(number, source, year, _exact(values), received_on, NOTE))

    for number, one in zip(ids, people, strict=True):
        for year, values in one.yearly.items():
            said(number, "self_declared", year, values, date(year + 1, 3, 20))
        for year, values in one.said_by_tax.items():
            said(number, "tax", year, values, date(year + 1, 6, 10))
        for year, values in one.said_by_platform.items():
            said(number, "platform", year, values, date(year, 5, 20))
        said(number, "self_declared", None, one.current, date(today.year, 4, 15))
    for day in sorted(by_day):
        await file(session, by_day[day], rules.catalogue, recorded_at=_morning(day), is_projected=False)
    await project(session, ids, rules.catalogue)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9), CHINA)


async def _file_late(
    session: AsyncSession, people: Sequence[Invented], ids: Sequence[int], rules: Library, today: date
) -> list[int]:
    """What came in within the last days, which makes news on the workbench."""
    day = today - timedelta(days=3)
    drafts = [
        FilingDraft(number, "self_declared", year, _exact(values), day, NOTE)
        for number, one in zip(ids, people, strict=True)
        for year, values in one.late.items()
    ]
    await file(session, drafts, rules.catalogue, recorded_at=_morning(day))
    return sorted({draft.enterprise_id for draft in drafts})


async def _grant(session: AsyncSession, people: Sequence[Invented], ids: Sequence[int], rules: Library) -> None:
    by_day: dict[date, list[RecognitionDraft]] = defaultdict(list)
    for number, one in zip(ids, people, strict=True):
        for programme, day, kind, certificate in one.titles:
            by_day[_month(day)].append(
                RecognitionDraft(
                    number, programme, day, kind, number=certificate, batch=f"{day.year} 年（演示）",
                    notice=f"〔虚构〕{day.year} 年{rules.programme(programme).source.name.zh}名单", printed_name=one.name,
                )
            )  # fmt: skip
    for day in sorted(by_day):
        await grant(session, by_day[day], rules, recorded_at=_morning(day))


def _month(day: date) -> date:
    """The last day of the month: when the month's lists were entered."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


async def _revoke(session: AsyncSession, people: Sequence[Invented], ids: Sequence[int]) -> None:
    for number, one in zip(ids, people, strict=True):
        for programme, day, reason in one.revoked:
            found = await session.execute(
                text(
                    "SELECT id FROM recognition WHERE enterprise_id = :id AND programme = :programme AND superseded_at IS NULL"
                    " AND valid_from <= :day AND valid_to >= :day ORDER BY valid_from DESC LIMIT 1"
                ),
                {"id": number, "programme": programme, "day": day},
            )
            certificate = found.scalar()
            if certificate is not None:
                await revoke(session, certificate, day, reason, recorded_at=_morning(day))
