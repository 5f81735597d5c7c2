"""Lists out of what is kept beforehand: how long they are, what they consist of, and a page of them.

A list is told in three ways that say the same: as sums, to know how long it is in each region; as the enterprises
themselves, where they are few; and as a question to one enterprise, where so many are on it that going through the
registry in the order of the list soon finds a page full. Whoever is counted apart (`kept`) is listed by the definition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.asked_days import Asked
from backend.plans.facets import By, Within
from backend.plans.kept import (
    TRAITS,
    Mixed,
    belonging,
    few_of,
    known_by_then,
    mixed,
    mixed_rows,
    plain_rows,
    population_kept,
    programmes_kept,
    spanning,
)
from backend.plans.sets import sets_of
from rules.plan import Mode, Population, Target

#: So many enterprises are asked one by one in less than a moment.
MOST_ASKED = 15_000


@dataclass(frozen=True)
class KeptList:
    """A list of enterprises on the first of the days, without those that are counted apart."""

    asked: Asked
    within: Within
    #: (traits, enterprises) of rows that add up.
    sums: str
    #: (traits, enterprise_id), each enterprise at least once; `{where}` stands where rows `s` can be narrowed.
    those: str
    #: Whether an enterprise `e` is one of them, and of those that the list is narrowed to.
    holds: str

    def narrowed(self, row: str) -> str:
        """The narrowing as a condition on a row with traits."""
        return self.within.kept_conditions.format(row=row)


def kept_list(
    asked: Asked,
    target: Target,
    mode: Mode | None,
    part: str,
    within: Within,
    apart: Sequence[int],
    *,
    traits: bool = False,
) -> KeptList | None:
    """The list of a target, where what is kept tells it; `traits` says that chains or industries are to be told apart."""
    asked.parameters |= within.parameters
    programmes = programmes_kept(target, mode)
    if programmes:
        return _of_holders(asked, within, programmes, apart, traits=traits or within.asks_for_traits)
    wanted = population_kept(target)
    if wanted is None or part not in ("whole", "missing"):
        return None
    of_parts = mixed(wanted)
    whole = _of_mixed(asked, within, of_parts, apart) if of_parts else _of_plain(asked, within, wanted, apart)
    return whole if part == "whole" else _without(whole, target, apart)


def _of_holders(
    asked: Asked, within: Within, programmes: Sequence[str], apart: Sequence[int], *, traits: bool
) -> KeptList:
    spans = spanning(asked, programmes)
    others = f" AND NOT (s.enterprise_id = ANY({_ids(asked, apart)}))" if apart else ""
    those = f"SELECT DISTINCT {_traits('s')}, s.enterprise_id FROM title_span s WHERE {spans.format(row='s')}{others}"
    if len(programmes) > 1:
        sums = f"SELECT {_traits('h')}, 1 AS enterprises FROM ({those}) h"
    elif traits:
        sums = f"SELECT {_traits('s')}, 1 AS enterprises FROM title_span s WHERE {spans.format(row='s')}{others}"
    else:
        place = "{0}.region_code, {0}.park, '' AS industry, CAST('{{}}' AS text[]) AS chains"
        sums = (
            f"SELECT {place.format('t')}, t.enterprises FROM title_tally t WHERE {spans.format(row='t')}"
            f" UNION ALL SELECT {place.format('s')}, -1 FROM title_span s"
            f" WHERE s.enterprise_id = ANY({_ids(asked, apart)}) AND {spans.format(row='s')}"
        )
    return KeptList(asked, within, sums, those + "{where}", _asked_one_by_one("title_span", spans, within))


def _asked_one_by_one(table: str, condition: str, within: Within) -> str:
    # A question for each row: joined, all would be gathered before the first is shown.
    wanted = f"{condition}{within.kept_conditions}".format(row="t")
    return f"(SELECT TRUE FROM {table} t WHERE t.enterprise_id = e.id AND {wanted} LIMIT 1)"


def _of_plain(asked: Asked, within: Within, wanted: Population, apart: Sequence[int]) -> KeptList:
    sums = plain_rows(asked, wanted, apart)
    others = f" AND NOT (s.enterprise_id = ANY({_ids(asked, apart)}))" if apart else ""
    those = (
        f"SELECT {_traits('s')}, s.enterprise_id FROM counted_enterprise s"
        f" WHERE {belonging(wanted).format(row='s')}{others}{known_by_then(asked, 's.enterprise_id')}"
    )
    holds = f"{_asked_one_by_one('counted_enterprise', belonging(wanted), within)}{known_by_then(asked, 'e.id')}"
    return KeptList(asked, within, sums, those + "{where}", holds)


def _of_mixed(asked: Asked, within: Within, wanted: Mixed, apart: Sequence[int]) -> KeptList:
    rows = mixed_rows(asked, wanted, apart)
    spans = [f"{spanning(asked, one.holds)} AND {belonging(one)}" for one in wanted.holding]
    holds = [_asked_one_by_one("title_span", one, within) for one in spans]
    if wanted.few:
        few = f"e.id IN (SELECT f.enterprise_id FROM ({few_of(asked, wanted)}) f)"
        holds.append(f"({few} AND {_asked_one_by_one('counted_enterprise', 'TRUE', within)})")
    return KeptList(
        asked,
        within,
        f"SELECT {_traits('m')}, 1 AS enterprises FROM ({rows}) m WHERE m.days <> 0",
        f"SELECT {_traits('s')}, s.enterprise_id FROM ({rows}) s WHERE s.days <> 0{{where}}",
        f"({' OR '.join(holds)}){known_by_then(asked, 'e.id')}",
    )


def _without(whole: KeptList, target: Target, apart: Sequence[int]) -> KeptList:
    """Those of the whole of a ratio that do not count; who does lies in the whole."""
    asked = whole.asked
    sets = sets_of(target, asked)
    assert sets is not None
    counted = f"SELECT k.enterprise_id FROM ({sets.counted}) k WHERE k.days <> 0"
    others = f" WHERE NOT (n.enterprise_id = ANY({_ids(asked, apart)}))" if apart else ""
    return KeptList(
        asked,
        whole.within,
        f"{whole.sums} UNION ALL SELECT {_traits('n')}, -1 FROM ({counted}) c"
        f" JOIN counted_enterprise n ON n.enterprise_id = c.enterprise_id{others}",
        f"{whole.those} AND s.enterprise_id NOT IN ({counted})",
        f"{whole.holds} AND e.id NOT IN ({counted})",
    )


def _traits(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in TRAITS.split(", "))


def _ids(asked: Asked, ids: Sequence[int]) -> str:
    return f"CAST({asked.add(list(ids))} AS bigint[])"


async def lengths(session: AsyncSession, of: KeptList) -> dict[str, int]:
    """How many of the list are in each region."""
    found = await session.execute(
        text(
            f"SELECT r.region_code, sum(r.enterprises) FROM ({of.sums}) r WHERE TRUE{of.narrowed('r')}"
            " GROUP BY r.region_code HAVING sum(r.enterprises) <> 0"
        ),
        of.asked.parameters,
    )
    return {key: int(many) for key, many in found}


async def told_apart(
    session: AsyncSession, of: KeptList, by: By, here: str, places: Mapping[str, object]
) -> dict[str, int]:
    """How many of the list belong to each park, chain or industry; `here` says where, of a `{row}`."""
    chains = " CROSS JOIN LATERAL unnest(CASE r.chains WHEN '{}' THEN '{\"\"}' ELSE r.chains END) AS c (chain)"
    key = {By.PARK: "r.park", By.CHAIN: "c.chain", By.INDUSTRY: "r.industry"}[by]
    found = await session.execute(
        text(
            f"SELECT {key} AS key, sum(r.enterprises) FROM ({of.sums}) r{chains if by is By.CHAIN else ''}"
            f" WHERE {here.format(row='r')}{of.narrowed('r')} GROUP BY 1 HAVING sum(r.enterprises) <> 0"
        ),
        {**of.asked.parameters, **places},
    )
    return {key: int(many) for key, many in found}


def page_in(of: KeptList, columns: str, apart: Sequence[int], *, is_common: bool) -> str:
    """The first `:upto` of the list in the region `:region`, by name.

    Args:
        of: the list.
        columns: of an enterprise `e`.
        apart: who is counted apart.
        is_common: whether so many of the region are on it that they are asked one by one.
    """
    shown = " ORDER BY e.name, e.id LIMIT :upto"
    if not is_common:
        where = f" AND s.region_code = :region{of.narrowed('s')}"
        return (
            f"SELECT {columns} FROM (SELECT DISTINCT x.enterprise_id FROM ({of.those.replace('{where}', where)}) x) h"
            f" JOIN enterprise e ON e.id = h.enterprise_id{shown}"
        )
    others = f" AND NOT (e.id = ANY({_ids(of.asked, apart)}))" if apart else ""
    # Of the index alone: what is shown of them is read of those that are.
    walked = f"SELECT e.id FROM enterprise e WHERE e.region_code = :region{others} AND {of.holds}{shown}"
    return f"SELECT {columns} FROM ({walked}) h JOIN enterprise e ON e.id = h.id"


async def enterprises_in(session: AsyncSession, region: str) -> int:
    """How many enterprises are in a region, whatever they are."""
    found = await session.execute(
        text("SELECT coalesce(sum(enterprises), 0) FROM enterprise_tally WHERE region_code = :region"),
        {"region": region},
    )
    return found.scalar_one()
