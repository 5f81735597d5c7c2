"""Counts out of what the database has counted beforehand: see docs/decisions/0014.

`sets.holders` says what is counted. For titles in force it says the same as `title_span`, which the database keeps of
each enterprise and programme, and adds up in `title_tally` by place and span. What those do not know is what becomes of
enterprises: who ever ended, moved with a day, or proved to be another's file is counted apart, by the definition itself;
and so is of whom another chain, industry or scale held on the days asked about, or was known, than holds now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.traits import Trait
from backend.plans.asked_days import Asked, between, one_day
from backend.plans.facets import EVERYWHERE, By, Within
from backend.plans.living import REGISTERED_LATER
from backend.plans.sets import either, is_plain, population
from backend.plans.traits import otherwise
from rules.plan import CountHolders, Mode, Population, ShareOfEnterprises, Target, Window

#: More enterprises than this are not counted apart: all are then counted by the definition.
MOST_APART = 200_000

_LIVES = (
    "SELECT id FROM enterprise WHERE ended_on IS NOT NULL UNION SELECT enterprise_id FROM enterprise_end"
    " UNION SELECT absorbed_id FROM enterprise_alias"
    " UNION SELECT enterprise_id FROM enterprise_region WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL"
)
_PLACED_OTHERWISE = " UNION SELECT enterprise_id FROM enterprise_place WHERE known_to > :known_at"


@dataclass(frozen=True)
class Apart:
    """Who is counted apart, by what the counts made beforehand do not know of them."""

    #: Who ever ended, moved with a day, was known to be elsewhere, or proved to be another's file.
    lives: frozenset[int]
    #: Of whom something held, or was known, otherwise on the days asked about than now, by kind.
    changed: Mapping[str, Sequence[int]]

    def of(self, kinds: Iterable[Trait]) -> list[int]:
        """Those whom a count concerns that asks for the kinds."""
        return sorted(self.lives.union(*(self.changed.get(kind, ()) for kind in kinds)))


async def counted_apart(session: AsyncSession, asked: Asked) -> Apart | None:
    """The enterprises that the counts made beforehand do not answer for; None where they answer for nobody.

    They hang on a place, and an enterprise's own account sees by none. What is asked learns whose traits were otherwise
    than they are now.
    """
    moment = Asked(asked.days, asked.known_at)
    placed = "" if asked.known_at is None else _PLACED_OTHERWISE
    found = await session.execute(
        text(
            "SELECT coalesce(current_setting('tidu.enterprise_id', true), '') <> '' AS is_own,"
            f" ARRAY(SELECT id FROM ({_LIVES}{placed}) lives LIMIT :most) AS lives,"
            f" ARRAY(SELECT ROW(o.enterprise_id, o.kind) FROM ({otherwise(moment)}) o LIMIT :most) AS changed"
        ),
        moment.parameters | {"most": MOST_APART + 1},
    )
    row = found.one()
    changed: dict[str, set[int]] = {}
    for enterprise, kind in row.changed:
        changed.setdefault(kind, set()).add(enterprise)
    if len(row.changed) <= MOST_APART:
        asked.learn({kind: sorted(ids) for kind, ids in changed.items()})
    if row.is_own or len(row.lives) > MOST_APART or len(row.changed) > MOST_APART:
        return None
    return Apart(frozenset(row.lives), asked.changed or {})


def kinds_asked(target: Target, within: Within = EVERYWHERE, by: By | None = None) -> set[Trait]:
    """Which traits a count of what is kept goes by: those of the whole, of the narrowing, and of what it is told apart by."""
    wanted = population_kept(target)
    kinds = set() if wanted is None else _kinds_of(wanted)
    kinds |= {Trait.CHAIN} if within.chain or by is By.CHAIN else set()
    kinds |= {Trait.INDUSTRY} if within.industry or by is By.INDUSTRY else set()
    return kinds


def _kinds_of(wanted: Population) -> set[Trait]:
    kinds = {Trait.ABOVE_SCALE} if wanted.above_scale_industrial else set[Trait]()
    kinds |= {Trait.CHAIN} if wanted.in_chain else set()
    return kinds.union(*map(_kinds_of, wanted.any_of))


def programmes_kept(target: Target, mode: Mode | None = None) -> tuple[str, ...]:
    """The programmes whose titles in force a target counts on a day; none where it counts anything else."""
    match target.count:
        case CountHolders(holds=programmes, mode=printed):
            in_force = (mode or printed) is Mode.IN_FORCE and target.window is Window.ON_DAY
            return tuple(programmes) if in_force else ()
        case _:
            return ()


@dataclass(frozen=True)
class KeptCount:
    """So many enterprises of a set in a region on one of the days, which is told by its number."""

    region_code: str
    number: int
    enterprises: int


async def kept_counts(
    session: AsyncSession, asked: Asked, programmes: Sequence[str], apart: Sequence[int]
) -> list[KeptCount]:
    """How many hold any of the programmes, by region, without those that are counted apart."""
    parameters = asked.again()
    statement = (_of_tallies if len(programmes) == 1 else _of_spans)(parameters, programmes, apart)
    found = await session.execute(text(statement), parameters.parameters)
    return [one for region, *counts in found for one in _told(region, counts)]


def _told(region: str, counts: Sequence[int | None]) -> Iterator[KeptCount]:
    for number, enterprises in enumerate(counts):
        if enterprises:
            yield KeptCount(region, number, enterprises)


def _of_tallies(asked: Asked, programmes: Sequence[str], apart: Sequence[int]) -> str:
    """One programme: rows that are alike are one, and nothing has to be told apart."""
    spans = spanning(asked, programmes)
    rows = (
        f"SELECT t.region_code, t.first_on, t.last_on, t.enterprises FROM title_tally t WHERE {spans.format(row='t')}"
    )
    if apart:
        rows += (
            " UNION ALL SELECT s.region_code, s.first_on, s.last_on, -1 FROM title_span s"
            f" WHERE s.enterprise_id = ANY({_ids(asked, apart)}) AND {spans.format(row='s')}"
        )
    days = [one_day(asked, day) for day in asked.days]
    sums = ", ".join(f"sum(r.enterprises) FILTER (WHERE r.first_on <= {day} AND r.last_on >= {day})" for day in days)
    return f"SELECT r.region_code, {sums} FROM ({rows}) r GROUP BY r.region_code"


def _of_spans(asked: Asked, programmes: Sequence[str], apart: Sequence[int]) -> str:
    """Several programmes: who holds more than one counts once."""
    among = f" AND s.enterprise_id <> ALL({_ids(asked, apart)})" if apart else ""
    sums = ", ".join(f"count(*) FILTER (WHERE h.days >> {number} & 1 = 1)" for number in range(len(asked.days)))
    return (
        f"SELECT h.region_code, {sums} FROM (SELECT s.region_code, bit_or({between('s.first_on', 's.last_on')}) AS days"
        f" FROM title_span s WHERE {spanning(asked, programmes).format(row='s')}{among}"
        " GROUP BY s.enterprise_id, s.region_code) h GROUP BY h.region_code"
    )


def spanning(asked: Asked, programmes: Sequence[str]) -> str:
    """Which spans `{row}` reach into the days asked about, as known at the moment."""
    # Of one programme the plainest comparison, which is made for a quarter of a million rows.
    one = len(programmes) == 1
    named = f"= {asked.add(programmes[0])}" if one else f"= ANY(CAST({asked.add(list(programmes))} AS text[]))"
    known = (
        "{row}.known_to = 'infinity'"
        if asked.known_at is None
        else "{row}.known_from <= :known_at AND {row}.known_to > :known_at"
    )
    first, last = one_day(asked, asked.first), one_day(asked, asked.last)
    return f"{{row}}.programme {named} AND {{row}}.last_on >= {first} AND {{row}}.first_on <= {last} AND {known}"


def _ids(asked: Asked, ids: Sequence[int]) -> str:
    return f"CAST({asked.add(list(ids))} AS bigint[])"


def population_kept(target: Target) -> Population | None:
    """What a ratio is taken of, where what is kept tells it: by enterprises' traits alone, or as a `Mixed`."""
    match target.count:
        case ShareOfEnterprises(share_of=wanted) if is_plain(wanted) or mixed(wanted) is not None:
            return wanted
        case _:
            return None


@dataclass(frozen=True)
class Mixed:
    """A population of which one part is few, and another holds titles: large enterprises, or holders above scale."""

    few: tuple[Population, ...]
    holding: tuple[Population, ...]


def mixed(wanted: Population) -> Mixed | None:
    """The parts of a population that is no plain one; None where what is kept does not tell them."""
    if wanted.any_of and wanted != Population(any_of=wanted.any_of):
        return None
    parts = wanted.any_of or (wanted,)
    few = tuple(one for one in parts if one.large_medium_industrial and not one.holds)
    holding = tuple(one for one in parts if one.holds and not one.large_medium_industrial)
    if len(few) + len(holding) < len(parts) or any(one.any_of for one in parts) or not holding:
        return None
    return Mixed(few, holding)


async def kept_wholes(session: AsyncSession, asked: Asked, wanted: Population, apart: Sequence[int]) -> list[KeptCount]:
    """How many belong to a population, by region and day, without those that are counted apart."""
    parameters = asked.again()
    of_parts = mixed(wanted)
    if of_parts is None:
        statement = (
            f"SELECT r.region_code, sum(r.enterprises) FROM ({plain_rows(parameters, wanted, apart)}) r GROUP BY 1"
        )
        found = await session.execute(text(statement), parameters.parameters)
        # Whose plain traits have days is counted apart.
        return [one for region, enterprises in found for one in _told(region, [enterprises] * len(asked.days))]
    sums = ", ".join(f"count(*) FILTER (WHERE h.days >> {number} & 1 = 1)" for number in range(len(asked.days)))
    rows = mixed_rows(parameters, of_parts, apart)
    found = await session.execute(
        text(f"SELECT h.region_code, {sums} FROM ({rows}) h GROUP BY h.region_code"), parameters.parameters
    )
    return [one for region, *counts in found for one in _told(region, counts)]


#: By what lists are narrowed and told apart; tables of what is kept have it beside their rows.
TRAITS = "region_code, park, industry, chains"


def plain_rows(asked: Asked, wanted: Population, apart: Sequence[int]) -> str:
    """(traits, enterprises) of a plain population; rows add up."""
    belongs = belonging(wanted)
    return (
        f"SELECT {TRAITS}, t.enterprises FROM enterprise_tally t WHERE {belongs.format(row='t')}"
        f" UNION ALL SELECT {TRAITS}, -1 FROM counted_enterprise n"
        f" WHERE n.enterprise_id IN (SELECT unnest({_ids(asked, apart)}){_or_later(asked)}) AND {belongs.format(row='n')}"
    )


def _or_later(asked: Asked) -> str:
    return "" if asked.known_at is None else f" UNION {REGISTERED_LATER}"


def known_by_then(asked: Asked, row: str) -> str:
    """That the registry had the enterprise of a row at the moment, as a further condition."""
    return "" if asked.known_at is None else f" AND {row} NOT IN ({REGISTERED_LATER})"


def belonging(wanted: Population) -> str:
    """Whether a `{row}` of what is kept belongs to a plain population, as far as that goes by traits."""
    conditions = ["TRUE"]
    conditions += ["{row}.is_above_scale"] if wanted.above_scale_industrial else []
    conditions += ["{row}.chains <> '{{}}'"] if wanted.in_chain else []
    return " AND ".join(conditions)


def mixed_rows(asked: Asked, wanted: Mixed, apart: Sequence[int]) -> str:
    """(traits, enterprise_id, days) of a mixed population, on each day each enterprise once."""
    few = few_of(asked, wanted)
    others = f" AND NOT (s.enterprise_id = ANY({_ids(asked, apart)}))" if apart else ""
    others += known_by_then(asked, "s.enterprise_id")
    held = " OR ".join(
        f"({spanning(asked, one.holds).format(row='s')} AND {belonging(one).format(row='s')})" for one in wanted.holding
    )
    traits = TRAITS.replace("region_code", "s.region_code").replace(" ", " s.")
    return (
        f"WITH few AS MATERIALIZED ({few})"
        f" SELECT {traits}, s.enterprise_id, f.days FROM few f"
        f" JOIN counted_enterprise s ON s.enterprise_id = f.enterprise_id WHERE TRUE{others}"
        f" UNION ALL SELECT {traits}, s.enterprise_id, {_days_of_spans(wanted)} & ~coalesce(f.days, 0) AS days"
        f" FROM title_span s LEFT JOIN few f ON f.enterprise_id = s.enterprise_id WHERE ({held}){others}{_once(wanted, traits)}"
    )


def few_of(asked: Asked, wanted: Mixed) -> str:
    """The part of a mixed population that the definition tells."""
    if not wanted.few:
        return "SELECT CAST(NULL AS bigint) AS enterprise_id, 0 AS days WHERE FALSE"
    found = either(*(population(asked, one) for one in wanted.few))
    return f"SELECT w.enterprise_id, w.days FROM ({found}) w WHERE w.days <> 0"


def _programmes(wanted: Mixed) -> set[str]:
    return {name for one in wanted.holding for name in one.holds}


def _days_of_spans(wanted: Mixed) -> str:
    days = between("s.first_on", "s.last_on")
    return days if len(_programmes(wanted)) == 1 else f"bit_or({days})"


def _once(wanted: Mixed, traits: str) -> str:
    # Spans of one programme never overlap: a day finds an enterprise once anyway.
    return "" if len(_programmes(wanted)) == 1 else f" GROUP BY s.enterprise_id, f.days, {traits}"


async def recheck_kept_counts(session: AsyncSession, enterprises: Iterable[int]) -> int:
    """Hold what is kept of some enterprises against what it is worked out of, and mend it, as the owner.

    Whoever writes of one of them waits until the transaction ends; others do not. Returns how many were wrong.
    """
    found = await session.execute(text("SELECT recheck_counts(CAST(:ids AS bigint[]))"), {"ids": list(enterprises)})
    return found.scalar_one()


async def settle_kept_counts(session: AsyncSession) -> int:
    """Hold the sums against what they are the sums of, and lay together what is alike, as the owner; nobody waits for it.

    Returns how many sums were wrong.
    """
    return (await session.execute(text("SELECT settle_tallies()"))).scalar_one()


async def rebuild_kept_counts(session: AsyncSession) -> int:
    """Count all anew, as the owner, of a registry that nobody uses meanwhile.

    Returns how many rows had not been what they should be.
    """
    found = await session.execute(
        text(
            "SELECT rebuild_counted_enterprises() + rebuild_title_spans() + rebuild_listed_tally() + rebuild_listed_work()"
            " + rebuild_listed_figures()"
        )
    )
    # Rows that are asked for together then lie together: a quarter of the time.
    for table in ("title_tally", "title_span"):
        await session.execute(text(f"CLUSTER {table} USING {table}_by_programme"))
    return found.scalar_one()
