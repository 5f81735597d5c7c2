"""Lists as known on an earlier day, held against a reckoning in plain Python that knows nothing of how they are found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import filtering, known_lists, narrowing
from backend.enterprises import search as searching
from backend.enterprises.columns import BY_ID, add_details, chosen_columns
from backend.enterprises.filtering import Filters
from backend.enterprises.paging import Sort, place_of
from backend.enterprises.search import all_found, all_ids, ids_in_order, search
from backend.recognitions.ladder import BY_ID as RUNGS
from backend.recognitions.ladder import LISTING_BOARDS, programmes_on_ladder
from backend.web import memory
from rules.library import library
from tests.backend.plans.changing import JOIN, LEAVE, SET, Life, Whereabouts, change, forget, place_as_known
from tests.factories import make_enterprise, make_filing, make_recognition

CHAINS, INDUSTRIES, PARKS = ("化学药", "特钢"), ("3450", "3484", "6513"), ("城北园区", "新区")
TITLES = ("hnte", "tech_sme", "srdi_sme", "js_gazelle", "little_giant")
BEGIN = datetime(2022, 1, 1, tzinfo=UTC)
MOMENTS = [datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)]
DAYS = [date(2023, 9, 1), date(2024, 11, 1), today()]


@dataclass
class Title:
    """A row of titles as it was written, and until when it was taken for right."""

    programme: str
    first: date
    last: date
    edition: int | None
    at: datetime
    until: datetime | None = None

    def is_known(self, at: datetime) -> bool:
        return self.at <= at and (self.until is None or self.until > at)


@dataclass
class Firm:
    """One enterprise by the plainest reckoning."""

    registered: datetime
    life: Life = field(default_factory=Life)
    places: Whereabouts = field(default_factory=Whereabouts)
    titles: list[Title] = field(default_factory=list[Title])
    #: (day, known from, known until)
    ends: list[tuple[date, datetime, datetime | None]] = field(default_factory=list[Any])
    #: When it became another's file, or an import that had brought it in was undone; and until when.
    closed: list[tuple[datetime, datetime | None]] = field(default_factory=list[Any])


Registry = dict[int, Firm]


def _within(at: datetime, first: datetime, last: datetime | None) -> bool:
    return first <= at and (last is None or last > at)


def is_there(firm: Firm, on: date, at: datetime) -> bool:
    ended = any(day <= on and _within(at, first, last) for day, first, last in firm.ends)
    return firm.registered <= at and not ended and not any(_within(at, *one) for one in firm.closed)


def titles_of(registry: Registry, firm: Firm, on: date, at: datetime) -> set[str]:
    """The programmes whose titles count: of a list by edition only those of its latest."""
    known = [one for firm in registry.values() for one in firm.titles if one.is_known(at) and one.first <= on]
    latest = {
        name: max(one.edition or 0 for one in known if one.programme == name)
        for name in {one.programme for one in known}
    }
    return {
        one.programme
        for one in firm.titles
        if one.is_known(at) and one.first <= on <= one.last and (one.edition or 0) >= (latest[one.programme] if one.edition else 0)
    }  # fmt: skip


def rung_of(registry: Registry, firm: Firm, on: date, at: datetime) -> int:
    if firm.life.on("listing", on, at) & set(LISTING_BOARDS):
        return RUNGS["listed"].order
    steps = programmes_on_ladder(library())
    return max((steps[one].order for one in titles_of(registry, firm, on, at)), default=0)


async def _set(session: AsyncSession, statement: str, **values: Any) -> None:
    await session.execute(text(statement), values)


async def make_registry(session: AsyncSession, seed: int) -> Registry:
    chance, registry = Random(seed), Registry()
    for number in range(26):
        industry, park = chance.choice(INDUSTRIES), chance.choice(PARKS)
        enterprise = await make_enterprise(
            session, name=f"第{number:02}企业", region_code="321202", park=park, industry_code=industry, chains=CHAINS[:1],
            is_above_scale=True, listing_board="star" if number == 7 else "", listed_on=date(2023, 1, 1) if number == 7 else None,
        )  # fmt: skip
        firm = registry[enterprise] = Firm(MOMENTS[0] + timedelta(days=9) if number % 9 == 8 else BEGIN)
        at = "UPDATE enterprise SET created_at = :at WHERE id = :id"
        await _set(session, at, id=enterprise, at=min(firm.registered, datetime(2000, 1, 1, tzinfo=UTC)))
        await forget(session, enterprise)
        firm.life.start([("industry", industry), ("above_scale", True), ("chain", CHAINS[0])])
        if number == 7:
            firm.life.known[0][1]["listing", "star"] = [(date(2023, 1, 1), None)]
        firm.places.write(BEGIN - timedelta(days=9999), ("321202", park), None)
        if number > 4:
            await _live(session, chance, enterprise, firm, industry)
            await _grant(session, chance, enterprise, firm)
            await _close(session, number, enterprise, firm)
        # Last of all: what happens to one that was just registered has no history.
        await _set(session, at, id=enterprise, at=firm.registered)
    return registry


async def _live(session: AsyncSession, chance: Random, enterprise: int, firm: Firm, industry: str) -> None:
    def moment() -> datetime:
        return max(firm.registered, BEGIN) + timedelta(days=chance.randrange(1, 1300))

    day = date(2023, 1, 1) + timedelta(days=chance.randrange(700))
    at, on = moment(), chance.choice((None, day))
    other = chance.choice([one for one in INDUSTRIES if one != industry])
    await change(session, enterprise, SET["industry"], at, on, value=other)
    firm.life.write(at, "industry", industry, other, on)
    await change(session, enterprise, SET["above_scale"], at, on, value=False)
    firm.life.write(at, "above_scale", True, False, on)
    for statement, chain in ((LEAVE, CHAINS[0]), (JOIN, CHAINS[1])):
        await change(session, enterprise, statement, at, day, value=chain)
        firm.life.write(at, "chain", chain if statement == LEAVE else None, chain if statement == JOIN else None, day)
    if firm.life.on("listing", day, None):
        board = "UPDATE enterprise SET listing_board = :value, listed_on = NULL WHERE id = :id"
        await change(session, enterprise, board, at, value="")
        firm.life.write(at, "listing", "star", None, None)
    place, at = ("321203", chance.choice(PARKS)), moment()
    await place_as_known(session, enterprise, place, day, at)
    firm.places.write(at, place, day)


async def _grant(session: AsyncSession, chance: Random, enterprise: int, firm: Firm) -> None:
    for programme in chance.sample(TITLES, chance.choice((0, 1, 2))):
        granted = date(2022, 6, 1) + timedelta(days=chance.randrange(1000))
        at = firm.registered + timedelta(days=chance.randrange(1, 1200))
        edition = granted.year if programme == "js_gazelle" else None
        number = await make_recognition(session, enterprise, programme, granted, at, edition=edition)
        row = (
            await session.execute(text("SELECT valid_from, valid_to FROM recognition WHERE id = :id"), {"id": number})
        ).one()
        title = Title(programme, row.valid_from, row.valid_to or date.max, edition, at)
        firm.titles.append(title)
        if chance.random() < 0.5:
            # Taken back, or put right so that it had ended earlier.
            title.until = at + timedelta(days=chance.randrange(1, 900))
            await _set(session, "UPDATE recognition SET superseded_at = :at WHERE id = :id", id=number, at=title.until)
            if chance.random() < 0.5:
                last = title.first + timedelta(days=chance.randrange(400))
                firm.titles.append(replace(title, last=last, at=title.until, until=None))
                await _set(
                    session,
                    "INSERT INTO recognition (enterprise_id, supersedes_id, recorded_at, programme, level, edition, number,"
                    " batch, kind, granted_on, valid_from, valid_to, revocation_reason, notice, printed_name, source)"
                    " SELECT enterprise_id, id, superseded_at, programme, level, edition, number, batch, kind, granted_on,"
                    " valid_from, :last, '', notice, printed_name, source FROM recognition WHERE id = :id",
                    id=number, last=last,
                )  # fmt: skip


async def _close(session: AsyncSession, number: int, enterprise: int, firm: Firm) -> None:
    """What became of some: ended, ended by mistake, part of another's file, brought in by an import that was undone."""
    first, until = MOMENTS[0] + timedelta(days=30), MOMENTS[1] + timedelta(days=30)
    match number % 6:
        case 0:
            taken_back = until if number % 12 == 0 else None
            firm.ends.append((date(2024, 1, 1), first, taken_back))
            await _set(
                session,
                "INSERT INTO enterprise_end (enterprise_id, kind, ended_on, reason, recorded_at, superseded_at)"
                " VALUES (:id, 'cancelled', '2024-01-01', '', :at, :until)",
                id=enterprise, at=first, until=taken_back,
            )  # fmt: skip
            if taken_back is None:
                ended = "UPDATE enterprise SET status = 'cancelled', ended_on = '2024-01-01' WHERE id = :id"
                await _set(session, ended, id=enterprise)
        case 1:
            parted = until if number % 12 == 1 else None
            firm.closed.append((first, parted))
            await _set(
                session,
                "WITH m AS (INSERT INTO enterprise_merge (absorbed_id, survivor_id, reason, before) SELECT :id, min(id), '',"
                " '{\"absorbed\": {}}' FROM enterprise RETURNING id, survivor_id) INSERT INTO enterprise_alias (merge_id,"
                " absorbed_id, survivor_id, known_from, known_to) SELECT id, :id, survivor_id, :at, :until FROM m",
                id=enterprise, at=first, until=parted,
            )  # fmt: skip
            if parted is None:
                await _set(session, "UPDATE enterprise SET status = 'merged' WHERE id = :id", id=enterprise)
        case 2:
            again = until if number % 12 == 2 else None
            firm.closed.append((first, again))
            await _import(session, enterprise, committed=firm.registered, undone=first)
            if again is not None:
                await _import(session, enterprise, committed=again, undone=None)
            else:
                await _set(session, "UPDATE enterprise SET status = 'withdrawn' WHERE id = :id", id=enterprise)
        case _:
            pass


async def _import(session: AsyncSession, enterprise: int, *, committed: datetime, undone: datetime | None) -> None:
    await _set(
        session,
        "WITH r AS (INSERT INTO import_run (file_name, digest, layout, status, rows, good_rows, bad_rows, created, updated,"
        " unchanged, report, region_code, committed_at, undone_at) VALUES ('台账.xlsx', '', '', '', 1, 1, 0, 1, 0, 0, '{}',"
        " '321202', :committed, :undone) RETURNING id) INSERT INTO import_touched (import_id, enterprise_id, is_new, after)"
        " SELECT id, :id, true, '' FROM r",
        id=enterprise, committed=committed, undone=undone,
    )  # fmt: skip


Answers = Mapping[str, tuple[Filters, Callable[[Firm, date, datetime], bool]]]


def answers(registry: Registry) -> Answers:
    """What is asked for, and who answers it."""
    return {
        "all": (Filters(), lambda firm, on, at: True),
        "district": (Filters(region="321203"), lambda firm, on, at: firm.places.on(on, at)[0] == "321203"),
        "park": (Filters(park="新区"), lambda firm, on, at: firm.places.on(on, at)[1] == "新区"),
        "industry": (Filters(industry=("34",)), lambda firm, on, at: min(firm.life.on("industry", on, at))[:2] == "34"),
        "class": (
            Filters(industry=("34",), industry_begins="3484"),
            lambda firm, on, at: firm.life.on("industry", on, at) == {"3484"},
        ),
        **{
            f"chain {chain}": (Filters(chain=chain), lambda firm, on, at, chain=chain: chain in firm.life.on("chain", on, at))
            for chain in CHAINS
        },
        **{
            f"rung {name}": (
                Filters(rung=name),
                lambda firm, on, at, order=order: rung_of(registry, firm, on, at) == order,
            )
            for name, order in {"none": 0, **{one.id: one.order for one in RUNGS.values()}}.items()
        },
        **{
            f"title {one}": (
                Filters(programme=one),
                lambda firm, on, at, one=one: one in titles_of(registry, firm, on, at),
            )
            for one in TITLES
        },
        "not held": (
            Filters(programme="hnte", outcome="not_held"),
            lambda firm, on, at: "hnte" not in titles_of(registry, firm, on, at),
        ),
        "several": (
            Filters(park="新区", chain="特钢", rung="none"),
            lambda firm, on, at: (
                firm.places.on(on, at)[1] == "新区"
                and "特钢" in firm.life.on("chain", on, at)
                and rung_of(registry, firm, on, at) == 0
            ),
        ),
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "few", "is_large"), [(2, 10_000, False), (3, 10_000, True), (3, -1, True)])
async def test_a_list_has_those_of_whom_it_was_known_then(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int, few: int, is_large: bool
):
    monkeypatch.setattr(memory, "LARGE", -1 if is_large else 100_000)
    for module in (filtering, known_lists, narrowing):
        monkeypatch.setattr(module, "FEW", few)
    monkeypatch.setattr(known_lists, "LEFT_OUT", few)
    for name in ("WALKED", "WALKED_ASKING", "TIMES", "MADE_OUT_OF"):
        monkeypatch.setattr(narrowing, name, 1)
    async with owner_unit_of_work(engine) as session:
        registry = await make_registry(session, seed)
    met: dict[str, set[int]] = {}
    async with unit_of_work(engine, Scope.city()) as session:
        for at in MOMENTS:
            for on in DAYS:
                for name, (filters, fits) in answers(registry).items():
                    asked = replace(filters, known_at=at)
                    expected = {id_ for id_, one in registry.items() if is_there(one, on, at) and fits(one, on, at)}
                    found = await search(session, asked, on, library())
                    assert ({row["id"] for row in found.rows}, found.total) == (expected, len(expected)), (name, on, at)
                    assert set(await all_ids(session, asked, on, library())) == expected
                    met.setdefault(name, set()).update(expected)
    # A filter that nobody ever answered would prove nothing.
    assert sum(1 for one in met.values() if one) >= len(met) - 1


async def test_a_list_shows_what_was_known_of_its_enterprises(session: AsyncSession):
    registry = await make_registry(session, 4)
    for at in MOMENTS:
        for on in DAYS:
            rows = await all_found(session, Filters(known_at=at), on, library())
            for row in await add_details(session, rows, [BY_ID["chains"]], on, at):
                firm = registry[row["id"]]
                assert (row["region_code"], row["park"]) == firm.places.on(on, at)
                assert {row["industry_code"]} == firm.life.on("industry", on, at)
                assert {row["is_above_scale"]} == firm.life.on("above_scale", on, at)
                assert {row["listing_board"]} - {""} == firm.life.on("listing", on, at)
                assert set(row["chains"]) == firm.life.on("chain", on, at)
                assert {one["programme"] for one in row["titles"]} == titles_of(registry, firm, on, at)
                assert row["rung"] == next(
                    (one.id for one in RUNGS.values() if one.order == rung_of(registry, firm, on, at)), ""
                )
                told = [day for day, first, last in firm.ends if _within(at, first, last)]
                assert row["status"] == ("cancelled" if told else "active")


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("sort", ["name", "rung", "region", "code", "established"])
async def test_pages_lead_on_and_back_through_the_whole_list(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, sort: Sort, is_large: bool
):
    monkeypatch.setattr(memory, "LARGE", -1 if is_large else 100_000)
    monkeypatch.setattr(searching, "PAGE_SIZE", 3)
    registry = await make_registry(session, 5)
    at, on = MOMENTS[0], DAYS[1]
    asked = Filters(sort=sort, known_at=at)
    whole = [row["id"] for row in await all_found(session, asked, on, library())]
    assert await ids_in_order(session, asked, on, library()) == whole
    assert set(whole) == {number for number, one in registry.items() if is_there(one, on, at)}
    if sort == "rung":
        rungs = [rung_of(registry, registry[number], on, at) for number in whole]
        assert rungs == sorted(rungs, reverse=True)
    pages, place = list[list[int]](), None
    for page in range(1, -(-len(whole) // 3) + 1):
        found = await search(session, replace(asked, page=page, after=place), on, library())
        pages.append([row["id"] for row in found.rows])
        assert [row["id"] for row in (await search(session, replace(asked, page=page), on, library())).rows] == pages[
            -1
        ]
        place = tuple(place_of(sort, found.rows[-1]))
        if page > 1:
            before = replace(asked, page=page - 1, after=tuple(place_of(sort, found.rows[0])), is_backwards=True)
            assert [row["id"] for row in (await search(session, before, on, library())).rows] == pages[-2]
    assert [number for page in pages for number in page] == whole


async def test_figures_of_then_are_hidden_from_whoever_may_not_read_those_of_now(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        own, of_tax = [await make_enterprise(session, name=name) for name in ("自报", "税务")]
        for number, source, value in ((own, "self_declared", 1), (of_tax, "tax", 9)):
            at = MOMENTS[0] - timedelta(days=1)
            await make_filing(session, number, {"sales_revenue": value}, year=2022, source=source, recorded_at=at)
            await make_filing(session, number, {"sales_revenue": 77}, year=2022, source=source, received_on=today())
        await _set(session, "UPDATE enterprise SET created_at = :at", at=BEGIN)
    columns = chosen_columns(["sales_revenue.2022"])
    for scope, shown in ((Scope.city(), {own: 1, of_tax: 9}), (Scope("*"), {own: 1, of_tax: None})):
        async with unit_of_work(engine, scope) as session:
            rows = await all_found(session, Filters(known_at=MOMENTS[0]), today(), library())
            told = await add_details(session, rows, columns, today(), MOMENTS[0])
            assert {row["id"]: row["figures"].get("sales_revenue.2022") for row in told} == shown
