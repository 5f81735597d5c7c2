"""Sets of enterprises over days: what a plan target counts, as SQL.

A set is a subquery of rows (enterprise_id, days): bit *i* of `days` says whether the enterprise belongs to the set on
the *i*-th of the days asked about. So one statement answers for a whole plan, all districts and two years of quarters,
and the list behind a number is read from the very same subquery as the number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from backend.filings.service import trust
from backend.filings.standing import filings, stands
from backend.plans.asked_days import Asked, between, one_day
from backend.plans.living import registered
from backend.plans.register_sets import all_answered, hosts
from backend.plans.traits import above_scale, above_scale_of, in_chain, in_chain_of, industrial_of, listed_on
from rules.plan import (
    CountByFigure,
    CountHolders,
    CountListed,
    Institutions,
    Mode,
    Population,
    ShareOfEnterprises,
    Target,
    Window,
    plain,
)

_FEN_PER_WAN: Final = 1_000_000

#: Enterprise files name some types of institutions otherwise than the plans' register.
_TYPE_IN_FILES = {
    "enterprise_key_laboratory": "key_laboratory",
    "proof_of_concept_centre": "concept_verification_centre",
    "academician_station": "academician_workstation",
    "postdoctoral_station": "postdoctoral_workstation",
    "graduate_station": "graduate_workstation",
    "other_enterprise_rd": "other",
}


# --- Holders of recognitions -----------------------------------------------------------------------------

#: The last day a title counts: the printed one, or the day before it was revoked.
_LAST_DAY = "least(r.valid_to, r.revoked_on - 1)"


def holders(
    asked: Asked,
    programmes: Sequence[str],
    mode: Mode = Mode.IN_FORCE,
    window: Window = Window.ON_DAY,
    since: date | None = None,
    among: Sequence[int] | None = None,
    of: str = "",
) -> str:
    """Enterprises that hold any of the programmes; with `among` only of those, with `of` only the one of a row.

    - On a day: valid that day (its last printed day included, the day of revocation not), named on the programme's
      latest list by then, or named on any list by then.
    - In a year: newly granted between 1 January and the day, and still counting. A renewal is nothing new, and neither
      is a title that the enterprise held at the end of the year before.
    - Since: granted from `since` on; without one since records began.
    """
    named = f"CAST({asked.add(list(programmes))} AS text[])"
    conditions = [f"r.programme = ANY({named})", asked.known("r")]
    if among is not None:
        conditions.append(f"r.enterprise_id = ANY(CAST({asked.add(list(among))} AS bigint[]))")
    if of:
        conditions.append(f"r.enterprise_id = {of}")
    first, last, editions = "r.valid_from", _LAST_DAY, ""
    # A title that passed over when an enterprise was split keeps its day of grant, and counts here since it did.
    granted = "greatest(r.granted_on, CASE WHEN r.kind = 'transferred' THEN r.valid_from END)"
    if mode is Mode.EVER:
        # Named once is named for ever, whatever became of the title.
        first, last = granted, "CAST(NULL AS date)"
    elif mode is Mode.CURRENT_LIST:
        # A title without an edition has no later list that ends it. The lists come from a function, because whoever
        # sees one district only must still know what the latest list of the whole province is.
        editions = f" LEFT JOIN list_editions({named}, {_moment(asked)}) n USING (programme, edition)"
        last = f"least({_LAST_DAY}, n.next_from - 1)"
    if window is Window.IN_YEAR:
        end_of_year = "make_date(CAST(extract(year FROM r.granted_on) AS integer), 12, 31)"
        first, last = granted, f"least({_LAST_DAY}, {end_of_year})"
        conditions += [
            f"r.granted_on >= {one_day(asked, date(asked.first.year, 1, 1))}",
            "r.kind <> 'renewed'",
            f"NOT EXISTS ({_held_at_end_of_year_before(asked)})",
        ]
    elif window is Window.SINCE:
        first = f"greatest({first}, r.granted_on)"
        if since is not None:
            conditions.append(f"r.granted_on >= {one_day(asked, since)}")
    # Of the covering index alone: an index by days would be asked first, and then the rows one by one.
    conditions.append(f"{first} - 1 < {one_day(asked, asked.last)}")
    if mode is not Mode.EVER:
        conditions.append(f"coalesce(r.valid_to, 'infinity') >= {one_day(asked, asked.first)}")
    return (
        f"SELECT r.enterprise_id, bit_or({between(first, last)}) AS days FROM recognition r{editions}"
        f" WHERE {' AND '.join(conditions)} GROUP BY r.enterprise_id"
    )


def _moment(asked: Asked) -> str:
    return "CAST(NULL AS timestamptz)" if asked.known_at is None else "CAST(:known_at AS timestamptz)"


def _held_at_end_of_year_before(asked: Asked) -> str:
    eve = "make_date(CAST(extract(year FROM r.granted_on) AS integer) - 1, 12, 31)"
    return (
        "SELECT FROM recognition h WHERE h.enterprise_id = r.enterprise_id AND h.programme = r.programme"
        f" AND h.granted_on <= {eve} AND h.valid_from <= {eve} AND (h.valid_to IS NULL OR h.valid_to >= {eve})"
        f" AND (h.revoked_on IS NULL OR h.revoked_on > {eve}) AND {asked.known('h')}"
    )


# --- Other facts of an enterprise ------------------------------------------------------------------------


def reaching(asked: Asked, indicator: str, at_least: int) -> str:
    """Enterprises whose latest figure of a completed year reaches an amount in fen."""
    amount = f"CAST({asked.add(at_least)} AS bigint)"
    year_over = "make_date(f.year + 1, 1, 1)"
    until_next = "make_date(f.next_year, 12, 31)"
    return (
        f"SELECT f.enterprise_id, bit_or({between(year_over, until_next)}) AS days FROM ("
        " SELECT v.enterprise_id, v.year, v.value, lead(v.year) OVER (PARTITION BY v.enterprise_id ORDER BY v.year)"
        f" AS next_year FROM ({_yearly(asked, indicator, at_least, amount)}) v) f"
        f" WHERE f.value >= {amount} GROUP BY f.enterprise_id"
    )


def _yearly(asked: Asked, indicator: str, at_least: int, amount: str) -> str:
    """(enterprise_id, year, value) of enterprises that ever reached the amount; value in fen."""
    if asked.known_at is None:
        column = f'y."{indicator}"'
        return (
            f"SELECT y.enterprise_id, y.year, {column} AS value FROM fact_yearly y WHERE {column} IS NOT NULL"
            f' AND y.enterprise_id IN (SELECT s.enterprise_id FROM fact_yearly s WHERE s."{indicator}" >= {amount})'
        )
    # Filings hold money in 万元, as the forms do. A figure that is no number stands above all numbers, and is sorted out here.
    large = f"""(f."values" -> {_literal(indicator)}) >= '{plain(Decimal(at_least) / _FEN_PER_WAN)}'::jsonb"""
    ever = f"SELECT DISTINCT f.enterprise_id FROM {filings(':known_at')} f WHERE {large}"
    # Of each by itself: joined, the filings of all enterprises would be read for those of a few.
    of_each = _winners(indicator, "f.enterprise_id = x.enterprise_id")
    return (
        "SELECT w.enterprise_id, w.year, CAST(CAST(w.value #>> '{}' AS numeric) * 1000000 AS bigint) AS value"
        f" FROM ({ever}) x CROSS JOIN LATERAL ({of_each}) w WHERE jsonb_typeof(w.value) = 'number'"
    )


def _winners(indicator: str, among: str = "TRUE") -> str:
    """What held of one indicator at a moment: the most trusted source first, then the newest.

    The name stands in the statement itself: an index of the filings that name it can be used only where it does.
    """
    name = _literal(indicator)
    return (
        f'SELECT DISTINCT ON (f.enterprise_id, f.year) f.enterprise_id, f.year, f."values" -> {name} AS value'
        f" FROM {filings(':known_at')} f LEFT JOIN source_rank k ON k.indicator = {name} AND k.source = f.source"
        f' WHERE jsonb_exists(f."values", {name}) AND f.recorded_at <= :known_at'
        f" AND {stands(':known_at')} AND {among}"
        f" ORDER BY f.enterprise_id, f.year, {trust(':known_at', name, 'k.rank')}, f.received_on DESC, f.id DESC"
    )


def _literal(indicator: str) -> str:
    """The name of an indicator of the catalogue, which consists of small letters, digits and underscores."""
    if not indicator.replace("_", "").isalnum() or not indicator.isascii():
        raise ValueError(f"no indicator is called {indicator!r}")
    return f"'{indicator}'"


def hosting(asked: Asked, institutions: Institutions, numerator: str = "registered") -> str:
    """Enterprises with an R&D institution of the types and levels: as recognised, or as the statistics have it.

    Recognised are those of the register of institutions, and those that enterprises' own files name.
    """
    if numerator == "statistical":
        return _stating(asked, "has_rd_institution", "= 'true'")
    return either(_hosting_by_files(asked, institutions), hosts(asked, institutions))


def _hosting_by_files(asked: Asked, institutions: Institutions) -> str:
    conditions = ["TRUE"]
    if institutions.types:
        types = [_TYPE_IN_FILES.get(name, name) for name in institutions.types]
        conditions.append(f"i.one ->> 'type' = ANY(CAST({asked.add(types)} AS text[]))")
    if institutions.levels:
        conditions.append(f"i.one ->> 'level' = ANY(CAST({asked.add(list(institutions.levels))} AS text[]))")
    if institutions.effective:
        conditions.append("i.one ->> 'evaluation_result' IN ('passed', 'good', 'excellent', '合格', '良好', '优秀')")
    # Without a printed day the institution has been there since always; revoked "none" is no day.
    first = f"coalesce({_day_in('granted_on')}, DATE '0001-01-02')"
    last = f"{_day_in('revoked_on')} - 1"
    return (
        f"SELECT s.enterprise_id, bit_or({between(first, last)}) AS days"
        f" FROM ({_current(asked, 'rd_institutions')}) s CROSS JOIN LATERAL jsonb_array_elements("
        "CASE jsonb_typeof(s.value) WHEN 'array' THEN s.value ELSE '[]' END) AS i (one)"
        f" WHERE {' AND '.join(conditions)} GROUP BY s.enterprise_id"
    )


def _day_in(name: str) -> str:
    return f"CAST(substring(i.one ->> '{name}' FROM '^\\d{{4}}-\\d{{2}}-\\d{{2}}$') AS date)"


def having_said(asked: Asked, numerator: str = "registered") -> str:
    """Enterprises of which it is known whether they have an R&D institution."""
    if numerator == "statistical":
        return _stating(asked, "has_rd_institution", "IS NOT NULL")
    stated = _stating(asked, "rd_institutions", "IS NOT NULL")
    return either(stated, hosts(asked, Institutions()), all_answered(asked))


def _stating(asked: Asked, indicator: str, condition: str) -> str:
    value = "s.value #>> '{}'"
    return (
        f"SELECT s.enterprise_id, {asked.all} AS days FROM ({_current(asked, indicator)}) s WHERE {value} {condition}"
    )


def _current(asked: Asked, indicator: str) -> str:
    """(enterprise_id, value as JSON) of an indicator that is not yearly."""
    if asked.known_at is not None:
        return _winners(indicator)
    return (
        f'SELECT c.enterprise_id, to_jsonb(c."{indicator}") AS value FROM fact_current c'
        f' WHERE c."{indicator}" IS NOT NULL'
    )


# --- Putting sets together -------------------------------------------------------------------------------


def both(*sets: str) -> str:
    """What belongs to all of the sets on the same day."""
    first, *others = sets
    joined = "".join(
        f" JOIN ({other}) s{number} ON s{number}.enterprise_id = s0.enterprise_id"
        for number, other in enumerate(others, 1)
    )
    days = " & ".join(f"s{number}.days" for number in range(len(sets)))
    return f"SELECT s0.enterprise_id, {days} AS days FROM ({first}) s0{joined}"


def either(*sets: str) -> str:
    """What belongs to any of the sets, each enterprise once."""
    union = " UNION ALL ".join(f"({one})" for one in sets)
    return f"SELECT s.enterprise_id, bit_or(s.days) AS days FROM ({union}) s GROUP BY s.enterprise_id"


def is_plain(wanted: Population) -> bool:
    """Whether a population is told by an enterprise's own row and chains alone: who never changed them has no days."""
    return not (wanted.large_medium_industrial or wanted.holds or wanted.any_of)


def lying_in(one: str, wanted: Population, asked: Asked) -> str:
    """What of a set lies in a population: each is looked up, for the population is by far the larger."""
    lying = f"SELECT h.enterprise_id, h.days & ({_belonging(asked, wanted, 'h.enterprise_id')}) AS days FROM ({one}) h"
    return registered(lying, asked)


def _belonging(asked: Asked, wanted: Population, of: str) -> str:
    """The mask of the days on which the enterprise of a row belongs to a population."""
    found: list[str] = []
    if wanted.above_scale_industrial:
        found.append(above_scale_of(asked, of))
    if wanted.in_chain:
        found.append(in_chain_of(asked, of))
    if wanted.large_medium_industrial:
        # Few ever were: nobody else is asked of which size.
        large = f"{_large_or_medium_of(asked, of)} & {industrial_of(asked, of)}"
        found.append(f"CASE WHEN {of} IN ({_ever_large(asked)}) THEN {large} ELSE 0 END")
    if wanted.holds:
        found.append(f"coalesce((SELECT x.days FROM ({holders(asked, wanted.holds, of=of)}) x), 0)")
    if wanted.any_of:
        found.append(" | ".join(f"({_belonging(asked, part, of)})" for part in wanted.any_of))
    return " & ".join(f"({one})" for one in found)


def _large_or_medium_of(asked: Asked, of: str) -> str:
    """The mask of the days on which the enterprise of a row was large or medium: by the latest completed year with a size."""
    said = f"SELECT y.year, y.size_class AS size FROM fact_yearly y WHERE y.enterprise_id = {of} AND y.size_class IS NOT NULL"
    if asked.known_at is not None:
        said = (
            f"SELECT w.year, w.value #>> '{{}}' AS size FROM ({_winners('size_class', f'f.enterprise_id = {of}')}) w"
            " WHERE w.year IS NOT NULL AND jsonb_typeof(w.value) = 'string'"
        )
    days = between("make_date(z.year + 1, 1, 1)", "make_date(z.next_year, 12, 31)")
    return (
        f"coalesce((SELECT bit_or({days}) FROM (SELECT s.year, s.size, lead(s.year) OVER (ORDER BY s.year) AS next_year"
        f" FROM ({said}) s) z WHERE z.size IN {_LARGE}), 0)"
    )


#: Written as the indexes of 0057 and 0070 have it.
_LARGE = "('large', 'medium')"


def population(asked: Asked, wanted: Population, among: Sequence[int] | None = None) -> str:
    """Enterprises for which everything holds that is written of a population; with `among` only those of them.

    Whom the registry did not have yet at the moment belongs to none.
    """
    return registered(_population(asked, wanted, among), asked)


def _population(asked: Asked, wanted: Population, among: Sequence[int] | None) -> str:
    if among is not None and not asked.is_as_now:
        # Each of the few is looked up: how many of them once belonged to what nobody knows beforehand.
        ids = f"unnest(CAST({asked.add(list(among))} AS bigint[])) AS u (id)"
        return f"SELECT u.id AS enterprise_id, {_belonging(asked, wanted, 'u.id')} AS days FROM {ids}"
    if wanted.in_chain and wanted.above_scale_industrial and not asked.is_as_now:
        rest = wanted.model_copy(update={"in_chain": False})
        return lying_in(in_chain(asked), rest, asked)
    conditions: list[str] = []
    ids = "" if among is None else f" = ANY(CAST({asked.add(list(among))} AS bigint[]))"
    if wanted.in_chain:
        conditions.append(in_chain(asked, ids))
    if wanted.above_scale_industrial:
        conditions.append(above_scale(asked, ids))
    if wanted.large_medium_industrial:
        conditions.append(_large_or_medium_industry(asked, ids))
    if wanted.holds:
        conditions.append(holders(asked, wanted.holds, among=among))
    if wanted.any_of:
        conditions.append(either(*(_population(asked, part, among) for part in wanted.any_of)))
    return both(*conditions)


def _large_or_medium_industry(asked: Asked, ids: str) -> str:
    """By the size stated for the latest completed year, asked of the few that ever were large or medium."""
    among = ids and f" AND y.enterprise_id{ids}"
    days = f"{_large_or_medium_of(asked, 'l.enterprise_id')} & {industrial_of(asked, 'l.enterprise_id')}"
    # Worked out once for each: the offset keeps whoever asks for the days from asking twice.
    return f"SELECT l.enterprise_id, {days} AS days FROM ({_ever_large(asked)}{among}) l OFFSET 0"


def _ever_large(asked: Asked) -> str:
    if asked.known_at is None:
        return f"SELECT DISTINCT y.enterprise_id FROM fact_yearly y WHERE y.size_class IN {_LARGE}"
    large = f"""(y."values" ->> 'size_class') IN {_LARGE}"""
    return f"SELECT DISTINCT y.enterprise_id FROM {filings(':known_at')} y WHERE {large}"


@dataclass(frozen=True)
class Sets:
    """What a target needs counted: `counted` is what its list shows; a ratio is taken of `whole`."""

    counted: str
    whole: str | None = None
    #: The part of the whole of which the answer is known at all.
    answered: str | None = None


def sets_of(target: Target, asked: Asked, mode: Mode | None = None, among: Sequence[int] | None = None) -> Sets | None:
    """The sets behind a target; None where the registry of enterprises cannot count it.

    Args:
        target: what is counted.
        asked: the days and the knowledge.
        mode: another way of counting holders than the plan's.
        among: of holders, and of the whole of a ratio, only those; where others are counted otherwise.
    """
    match target.count:
        case CountHolders(holds=programmes, mode=printed):
            return Sets(holders(asked, programmes, mode or printed, target.window, target.since, among))
        case CountListed(listed_on=boards):
            return Sets(registered(listed_on(asked, boards), asked))
        case CountByFigure(figure=indicator, at_least=amount):
            return Sets(reaching(asked, indicator, amount))
        case ShareOfEnterprises() as share:
            having = lying_in(hosting(asked, share.having, share.numerator), share.share_of, asked)
            said = lying_in(having_said(asked, share.numerator), share.share_of, asked)
            return Sets(having, population(asked, share.share_of, among), said)
        case _:
            return None


def is_countable(target: Target) -> bool:
    """Whether the registry of enterprises counts the target."""
    return isinstance(target.count, CountHolders | CountListed | CountByFigure | ShareOfEnterprises)
