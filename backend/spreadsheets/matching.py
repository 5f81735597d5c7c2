"""Which enterprise a row is about: by code, else by a name borne on the row's day; never by likeness alone.

A likeness is shown to a person as a suggestion. Two firms one character apart are two firms.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import match_key, similarity
from backend.enterprises.schemas import FORMER_CODE, LONG_AGO
from backend.spreadsheets.fates import Candidate
from backend.spreadsheets.records import ReadRow

_LIKE_ENOUGH = 0.78
#: Trigrams in common from which on two names are compared closely; the index finds them.
_WORTH_COMPARING = 0.5
_SUGGESTIONS = 3
#: Names for which suggestions are looked up; a list that is all wrong needs no thousand of them.
_MOST_SUGGESTED = 2_000


@dataclass(frozen=True)
class Bearer:
    """An enterprise that bears or bore a name, with the days of the name where they are known."""

    id: int
    credit_code: str | None
    name: str
    region_code: str
    established_on: date | None
    used_from: date | None
    used_to: date | None

    @property
    def is_current(self) -> bool:
        """Whether it is called so today."""
        return self.used_to is None

    @property
    def gave_up_on(self) -> date | None:
        """The last day of the name, where that is known."""
        return None if self.used_to == LONG_AGO else self.used_to

    def bore_on(self, day: date) -> bool:
        """Whether it may have been called so on a day."""
        begun = self.used_from or self.established_on
        return (begun is None or begun <= day) and (self.gave_up_on is None or day <= self.gave_up_on)

    @property
    def as_candidate(self) -> Candidate:
        """What a person sees of it."""
        return Candidate(self.id, self.name, self.credit_code, self.region_code)


@dataclass
class KnownEnterprises:
    """What the registry knows of the enterprises that a file may speak of; who may not see them sees none."""

    by_code: Mapping[str, Bearer] = field(default_factory=dict[str, Bearer])
    #: By old registration numbers and the like.
    by_number: Mapping[str, Bearer] = field(default_factory=dict[str, Bearer])
    #: Codes registered where the importing person may not look.
    elsewhere: frozenset[str] = frozenset()
    by_name: dict[str, list[Bearer]] = field(default_factory=dict[str, list[Bearer]])
    _by_id: dict[int, Bearer] = field(default_factory=dict[int, Bearer])

    def __post_init__(self) -> None:
        self._by_id = {one.id: one for one in (*self.by_number.values(), *self.by_code.values())}
        self.hold(self.by_name)

    def hold(self, by_name: Mapping[str, list[Bearer]], others: Iterable[Bearer] = ()) -> None:
        """Take in who bears some names now, and others that a file may speak of."""
        self.by_name = {**self.by_name, **by_name}
        self._by_id |= {one.id: one for one in others}
        self._by_id |= {one.id: one for bearers in by_name.values() for one in bearers}

    @property
    def ids(self) -> set[int]:
        """Everybody that is known."""
        return set(self._by_id)

    def enterprise(self, enterprise_id: int | None) -> Bearer | None:
        """An enterprise as far as it is known."""
        return self._by_id.get(enterprise_id) if enterprise_id is not None else None

    def bearers(self, name: str) -> Sequence[Bearer]:
        """Who bears or bore a name."""
        return self.by_name.get(match_key(name), ())

    def named_by(self, row: ReadRow) -> set[int]:
        """The enterprises that a row names by anything that it goes by."""
        who = row.enterprise
        found = {one.id for name in names_in(row) for one in self.bearers(name)}
        found |= {self.by_number[one.value].id for one in who.other_numbers if one.value in self.by_number}
        if who.credit_code and (held := self.by_code.get(who.credit_code)):
            found.add(held.id)
        return found

    def keys_of(self, enterprise_id: int, names: Iterable[str]) -> set[str]:
        """Which of some names an enterprise bears or bore, as keys."""
        return {match_key(name) for name in names if any(one.id == enterprise_id for one in self.bearers(name))}


async def known_enterprises(
    session: AsyncSession, rows: Sequence[ReadRow], own_region: str, chosen: Iterable[int] = ()
) -> KnownEnterprises:
    """Look up every code, number and name of a file at once, and whom a person chose for a row."""
    codes = {row.enterprise.credit_code for row in rows if row.enterprise.credit_code}
    numbers = {one.value for row in rows for one in row.enterprise.other_numbers}
    by_code = await _by_code(session, codes)
    elsewhere = await _elsewhere(session, codes - set(by_code)) if own_region else frozenset[str]()
    names = {name for row in rows for name in names_in(row)}
    known = KnownEnterprises(by_code, await _by_number(session, numbers), elsewhere, await bearers_of(session, names))
    known.hold({}, await _by_id(session, chosen))
    return known


def names_in(row: ReadRow) -> Iterable[str]:
    """Every name that a row gives its enterprise."""
    who = row.enterprise
    if who.name:
        yield who.name
    yield from (one.name for one in who.former_names)
    yield from (one.new_name for one in row.recognitions if one.new_name)


_BEARER = "e.id, e.credit_code, e.name, e.region_code, e.established_on, NULL::date, NULL::date"


async def _by_code(session: AsyncSession, codes: set[str]) -> dict[str, Bearer]:
    """By the code in use, else by one had before, or had by a file that is part of this one now: old lists print it."""
    found = await session.execute(
        text(f"SELECT {_BEARER} FROM enterprise e WHERE credit_code = ANY(:codes)"), {"codes": sorted(codes)}
    )
    by_code: dict[str, Bearer] = {row[1]: Bearer(*row) for row in found}
    if former := codes - set(by_code):
        earlier = await session.execute(
            text(
                f"SELECT i.value, {_BEARER} FROM enterprise_identifier i JOIN enterprise e ON e.id = i.enterprise_id"
                " WHERE i.kind = :kind AND i.value = ANY(:codes) AND e.status <> 'merged'"
            ),
            {"codes": sorted(former), "kind": FORMER_CODE},
        )
        by_code |= {row[0]: Bearer(*row[1:]) for row in earlier}
    return by_code


async def _by_id(session: AsyncSession, ids: Iterable[int]) -> list[Bearer]:
    wanted = sorted(one for one in ids if one)
    if not wanted:
        return []
    found = await session.execute(text(f"SELECT {_BEARER} FROM enterprise e WHERE e.id = ANY(:ids)"), {"ids": wanted})
    return [Bearer(*row) for row in found]


async def _by_number(session: AsyncSession, numbers: set[str]) -> dict[str, Bearer]:
    if not numbers:
        return {}
    found = await session.execute(
        text(
            f"SELECT i.value, {_BEARER} FROM enterprise_identifier i JOIN enterprise e ON e.id = i.enterprise_id"
            " WHERE i.value = ANY(:numbers) AND e.status <> 'merged'"
        ),
        {"numbers": sorted(numbers)},
    )
    return {row[0]: Bearer(*row[1:]) for row in found}


async def _elsewhere(session: AsyncSession, codes: set[str]) -> frozenset[str]:
    found = await session.execute(text("SELECT codes_registered(:codes)"), {"codes": sorted(codes)})
    return frozenset(found.scalars())


async def bearers_of(session: AsyncSession, names: Iterable[str]) -> dict[str, list[Bearer]]:
    """Who bears or bore some names, by the names' keys."""
    # Two queries: a join is planned by what the tables held when they were last analysed, which may be nothing.
    used = await session.execute(
        text("SELECT match_key, enterprise_id, used_from, used_to FROM enterprise_name WHERE match_key = ANY(:keys)"),
        {"keys": sorted({match_key(name) for name in names})},
    )
    rows = sorted(used, key=lambda row: (row.enterprise_id, row.used_to is not None, row.used_to or date.max))
    found = await session.execute(
        # A file that is part of another's has its names there too.
        text(
            "SELECT id, credit_code, name, region_code, established_on FROM enterprise"
            " WHERE id = ANY(:ids) AND status <> 'merged'"
        ),
        {"ids": sorted({row.enterprise_id for row in rows})},
    )
    held = {row.id: row for row in found}
    bearers: dict[str, list[Bearer]] = {}
    for key, number, used_from, used_to in (row for row in rows if row.enterprise_id in held):
        values: tuple[Any, ...] = (*held[number], used_from, used_to)
        bearers.setdefault(key, []).append(Bearer(*values))
    return bearers


def matches_by_name(known: KnownEnterprises, name: str, day: date, region_code: str = "") -> list[Bearer]:
    """The enterprises that a name without a code may mean on a day, each once; one only where it is sure."""
    bearers = known.bearers(name)
    borne = [one for one in bearers if one.bore_on(day)]
    if _several(borne):
        # Of one that gave the name up later and one that took it over, the first bore it then.
        borne = [one for one in borne if one.gave_up_on] or [one for one in borne if one.is_current] or borne
    if _several(borne):
        borne = [one for one in borne if one.region_code == region_code] or borne
    # Lists print the old name for a while after it was given up.
    found = borne or ([] if _several(bearers) else bearers)
    return list({one.id: one for one in found}.values())


def _several(bearers: Sequence[Bearer]) -> bool:
    return len({one.id for one in bearers}) > 1


async def suggestions(session: AsyncSession, names: Sequence[str]) -> dict[str, tuple[Candidate, ...]]:
    """For names nobody bears, the enterprises whose names are like them: for a person to decide.

    Whom a person once said that such a name means comes first.
    """
    wanted = list(dict.fromkeys(names))[:_MOST_SUGGESTED]
    if not wanted:
        return {}
    alike: dict[str, dict[int, Candidate]] = {}
    for asked, candidate in [*await _decided_before(session, wanted), *await _alike(session, wanted)]:
        alike.setdefault(asked, {}).setdefault(candidate.id, candidate)
    return {
        name: tuple(sorted(found.values(), key=lambda one: (one.decided_on is None, -one.likeness))[:_SUGGESTIONS])
        for name, found in alike.items()
    }


async def _alike(session: AsyncSession, names: Sequence[str]) -> list[tuple[str, Candidate]]:
    await session.execute(
        text("SELECT set_config('pg_trgm.word_similarity_threshold', :least, true)"), {"least": str(_WORTH_COMPARING)}
    )
    found = await session.execute(
        text(
            "SELECT w.name AS asked, e.id, e.name, e.credit_code, e.region_code FROM unnest(CAST(:names AS text[])) AS w (name)"
            " CROSS JOIN LATERAL (SELECT * FROM enterprise e WHERE lower(w.name) <% e.search_text AND e.status <> 'merged'"
            " ORDER BY word_similarity(lower(w.name), e.search_text) DESC, e.id LIMIT 20) AS e"
        ),
        {"names": list(names)},
    )
    compared = [(asked, Candidate(*values, likeness=similarity(asked, values[1]))) for asked, *values in found]
    return [(asked, candidate) for asked, candidate in compared if candidate.likeness >= _LIKE_ENOUGH]


async def _decided_before(session: AsyncSession, names: Sequence[str]) -> list[tuple[str, Candidate]]:
    by_key = {match_key(name): name for name in names}
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (d.match_key, e.id) d.match_key, e.id, e.name, e.credit_code, e.region_code,"
            " CAST(d.decided_at AT TIME ZONE 'Asia/Shanghai' AS date) FROM import_decision d"
            " JOIN enterprise e ON e.id = d.enterprise_id WHERE d.match_key = ANY(:keys) AND d.superseded_by IS NULL"
            " AND d.withdrawn_at IS NULL ORDER BY d.match_key, e.id, d.decided_at DESC"
        ),
        {"keys": sorted(by_key)},
    )
    return [
        (by_key[key], Candidate(*who, likeness=similarity(by_key[key], who[1]), decided_on=day))
        for key, *who, day in found
    ]
