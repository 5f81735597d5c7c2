"""The file of one enterprise: who it is, what it holds, what it reported, and what the law says of it, on any day.

Read by the page, by `tidu enterprise` and by the API alike, so that all three say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.protection.masking import HIDDEN, Hiding
from backend.eligibility.registry_facts import registry_facts
from backend.eligibility.reviewing import applying
from backend.enterprises.places import places_on
from backend.enterprises.queries import NameUsed, names_of
from backend.enterprises.schemas import LONG_AGO
from backend.enterprises.traits import History, Trait, as_columns, history_of
from backend.enterprises.traits import as_json as traits_as_json
from backend.filings.queries import Said, all_said, hidden_facts
from backend.recognitions.ladder import NO_RUNG, Rung
from backend.recognitions.queries import Held, held_by, rung_on
from rules.answers import fact_value, present
from rules.catalogue import Indicator, Period
from rules.evaluate import Answer
from rules.facts import Facts
from rules.library import Library
from rules.values import FactKey


@dataclass(frozen=True)
class YearlyFigure:
    """One yearly indicator over the years: value in its input unit, and what the sources said."""

    indicator: Indicator
    values: Mapping[int, Any]
    said: Mapping[int, Sequence[Said]]
    #: Years whose value the reader may not see; they have none here.
    hidden: frozenset[int] = frozenset()

    def disagrees(self, year: int) -> bool:
        """Whether the sources of a year differ by more than the catalogue tolerates."""
        return differs(self.indicator, self.said.get(year, ()))


@dataclass(frozen=True)
class CurrentFact:
    """One indicator that holds now."""

    indicator: Indicator
    value: Any
    said: Sequence[Said]

    @property
    def disagrees(self) -> bool:
        """Whether what the sources last said differs."""
        return differs(self.indicator, self.said)


@dataclass(frozen=True)
class EnterpriseFile:
    """All that is known of one enterprise on a day."""

    #: The enterprise; its industry, scale and board as they were on the day.
    row: Mapping[str, Any]
    on: date
    #: The moment whose knowledge answers; None is now.
    known_at: datetime | None
    names: list[NameUsed]
    #: Of the day, as `history` has them.
    chains: list[str]
    history: History
    identifiers: list[tuple[str, str]]
    regions: list[Mapping[str, Any]]
    titles: list[Held]
    rung: Rung
    facts: Facts
    yearly: list[YearlyFigure]
    current: list[CurrentFact]
    years: list[int]
    library: Library
    #: What the reader may not see of it; `facts` hold it all the same, for working answers out.
    hiding: Hiding
    _answered: dict[str, Answer | None] = field(default_factory=dict[str, "Answer | None"], init=False)

    @cached_property
    def answers(self) -> list[Answer]:
        """The answer of every programme that is in force on the day and open to enterprises of the region."""
        return self._known(self.library.programmes)

    def answers_of(self, sort: str) -> list[Answer]:
        """The answers of one sort of programmes: titles, standards, statuses. Each is worked out when first asked for."""
        return self._known(name for name, one in self.library.programmes.items() if one.source.sort == sort)

    def answer(self, programme: str) -> Answer | None:
        """The answer for one programme, if it applies on the day."""
        if programme not in self._answered:
            answer = answer_for(self.facts, self.library, self.on, programme)
            self._answered[programme] = answer and self.hiding.of(answer)
        return self._answered[programme]

    @cached_property
    def origins(self) -> dict[FactKey, str]:
        """The source whose word holds, of every fact that some source said."""
        found = {FactKey(one.indicator.id): one.said[0].source for one in self.current if one.said}
        for figure in self.yearly:
            found |= {FactKey(figure.indicator.id, year): said[0].source for year, said in figure.said.items() if said}
        return found

    def _known(self, programmes: Iterable[str]) -> list[Answer]:
        return [answer for name in programmes if (answer := self.answer(name)) is not None]


def differs(indicator: Indicator, said: Sequence[Said]) -> bool:
    """Whether what several sources say lies further apart than the catalogue tolerates for the indicator."""
    values = [one.value for one in said]
    numbers = [value for value in values if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    if len(numbers) != len(values):
        return any(value != values[0] for value in values)
    least, greatest = min(numbers, default=0), max(numbers, default=0)
    return (greatest - least) * 100 > max(abs(least), abs(greatest)) * indicator.tolerance_percent


async def enterprise_file(
    session: AsyncSession, row: Mapping[str, Any], library: Library, on: date, known_at: datetime | None = None
) -> EnterpriseFile:
    """Put together the file of an enterprise.

    Args:
        session: within the reader's scope.
        row: the enterprise, as `queries.find` gives it.
        library: the rules.
        on: the day asked about.
        known_at: answer with the knowledge of that moment; None is now.
    """
    number = row["id"]
    facts = (await registry_facts(session, [number], library.catalogue, known_at, on))[number]
    titles = (await held_by(session, [number], known_at))[number]
    said = await all_said(session, number, known_at)
    hiding = Hiding(await hidden_facts(session, number, known_at), library.catalogue)
    history = await history_of(session, number)
    held = history.on(on, known_at)
    row = {**row, **as_columns(held), **(await places_on(session, [number], on, known_at))[number]}
    years = sorted({year for values in facts.yearly.values() for year in values}, reverse=True)
    return EnterpriseFile(
        row=row, on=on, known_at=known_at, names=await names_of(session, number),
        chains=held[Trait.CHAIN], history=history,
        identifiers=await _identifiers(session, number), regions=await _regions(session, number), titles=titles,
        rung=NO_RUNG if _has_ended(row, on) else rung_on(titles, on, library, (row["listing_board"], row["listed_on"])), facts=facts, yearly=_yearly(facts, said, library, hiding),
        current=_current(facts, said, library, hiding), years=years, library=library, hiding=hiding,
    )  # fmt: skip


def _has_ended(row: Mapping[str, Any], on: date) -> bool:
    return row["ended_on"] is not None and row["ended_on"] <= on


async def _identifiers(session: AsyncSession, number: int) -> list[tuple[str, str]]:
    found = await session.execute(
        text("SELECT kind, value FROM enterprise_identifier WHERE enterprise_id = :id ORDER BY kind"), {"id": number}
    )
    return [(row[0], row[1]) for row in found]


async def _regions(session: AsyncSession, number: int) -> list[Mapping[str, Any]]:
    found = await session.execute(
        text(
            "SELECT region_code, town, park, valid_from, valid_to FROM enterprise_region WHERE enterprise_id = :id"
            " ORDER BY valid_from DESC NULLS LAST"
        ),
        {"id": number},
    )
    return [dict(row) for row in found.mappings()]


def _yearly(
    facts: Facts, said: Mapping[FactKey, Sequence[Said]], library: Library, hiding: Hiding
) -> list[YearlyFigure]:
    figures: list[YearlyFigure] = []
    for indicator in library.catalogue.indicators:
        held = facts.yearly.get(indicator.id)
        if indicator.period is not Period.YEARLY or not held:
            continue
        hidden = frozenset(year for year in held if hiding.hides(FactKey(indicator.id, year)))
        values = {
            year: fact_value(FactKey(indicator.id, year), value, library)
            for year, value in held.items()
            if year not in hidden
        }
        told = {key.year: what for key, what in said.items() if key.indicator == indicator.id and key.year is not None}
        figures.append(YearlyFigure(indicator, values, told, hidden))
    return figures


def _current(
    facts: Facts, said: Mapping[FactKey, Sequence[Said]], library: Library, hiding: Hiding
) -> list[CurrentFact]:
    return [
        CurrentFact(
            indicator,
            HIDDEN
            if hiding.hides(FactKey(indicator.id))
            else fact_value(FactKey(indicator.id), facts.current[indicator.id], library),
            said.get(FactKey(indicator.id), ()),
        )
        for indicator in library.catalogue.indicators
        if indicator.id in facts.current
    ]


def answer_for(facts: Facts, library: Library, on: date, name: str) -> Answer | None:
    """What a programme answers for an enterprise; None where it is not in force on the day or not open to its region.

    Whoever holds its title is answered as for a review.
    """
    programme = library.programmes.get(name)
    asked = applying(facts, programme, on, library) if programme is not None else None
    return asked.answer() if asked is not None else None


def as_json(file: EnterpriseFile, library: Library) -> dict[str, Any]:
    """The file as JSON: figures in the units of the official forms."""
    row = file.row
    return {
        "id": row["id"], "credit_code": row["credit_code"], "name": row["name"], "region_code": row["region_code"],
        "town": row["town"], "park": row["park"], "address": row["address"], "industry_code": row["industry_code"],
        "established_on": _day(row["established_on"]),
        "status": row["status"], "ended_on": _day(row["ended_on"]), "on": file.on.isoformat(),
        "known_at": file.known_at.isoformat() if file.known_at else None, "rung": file.rung.id,
        "former_names": [{"name": one.name, "used_to": known_day(one.used_to)} for one in file.names if one.used_to],
        "chains": file.chains, "is_above_scale": row["is_above_scale"], "traits": traits_as_json(file.history),
        "recognitions": [_title(one, file.on) for one in file.titles],
        "yearly": {one.indicator.id: {str(year): value for year, value in sorted(one.values.items())} for one in file.yearly},
        "current": {one.indicator.id: None if one.value == HIDDEN else one.value for one in file.current},
        "sources": {
            str(key): [{"source": one.source, "value": _plain(one.value), "received_on": _day(one.received_on)} for one in what]
            for key, what in _all_sources(file).items()
        },
        # Known, and not shown to whoever asks: tax figures (docs/decisions/0012).
        "masked": sorted(str(key) for key in file.hiding.keys),
        "eligibility": [present(answer, library) for answer in file.answers],
    }  # fmt: skip


def _all_sources(file: EnterpriseFile) -> dict[FactKey, Sequence[Said]]:
    told: dict[FactKey, Sequence[Said]] = {FactKey(one.indicator.id): one.said for one in file.current if one.said}
    for figure in file.yearly:
        told |= {FactKey(figure.indicator.id, year): what for year, what in figure.said.items()}
    return told


def _title(held: Held, on: date) -> dict[str, Any]:
    return {
        "programme": held.programme, "level": held.level, "edition": held.edition, "number": held.number, "batch": held.batch,
        "granted_on": _day(held.granted_on), "valid_from": _day(held.valid_from), "valid_to": _day(held.valid_to),
        "revoked_on": _day(held.revoked_on), "in_force": held.is_in_force(on),
    }  # fmt: skip


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def known_day(day: date | None) -> str | None:
    """The last day of a former name; None where no source gives it."""
    return None if day == LONG_AGO else _day(day)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
