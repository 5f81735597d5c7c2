"""Figures that should not stand beside each other: the catalogue's consistency rules and jumps, as one SQL statement.

The rules are the catalogue's expressions. They are flagged, never in the way of anything: what is not known is never
flagged, for a comparison with NULL is neither true nor false. A yearly rule is asked of every year that has figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.filings.conflicts import PORTION
from rules.catalogue import Catalogue, Consistency, Indicator, Jump, Known, Period, Type
from rules.language import FEN_PER_WAN, Arithmetic, AsOf, Call, Compare, Fact, Literal, Logic, Node, Not, parse, walk

_OPERATORS = {"==": "=", "!=": "<>"}
#: What the registry itself knows goes before what was filed of it.
_IDENTITY = {"established_on": "e.established_on"}


class NotInColumns(Exception):
    """A consistency rule uses a word of the language that this translation does not know; the message names it."""


def to_sql(node: Node) -> str:
    """An expression over the columns of one enterprise and year.

    Raises:
        NotInColumns: the rule asks for more than a comparison of figures.
    """
    match node:
        case Fact():
            return _column(node.indicator)
        case Literal(value=str() as value):
            return "'" + value.replace("'", "''") + "'"
        case Literal(value=bool() as value):
            return str(value).upper()
        case Literal(value=int() | Fraction() as value):
            number = Fraction(value)
            return f"({number.numerator}::numeric / {number.denominator})"
        case AsOf():
            return "current_date"
        case Arithmetic():
            right = to_sql(node.right)
            return f"({to_sql(node.left)} {node.op} {f'nullif({right}, 0)' if node.op == '/' else right})"
        case Compare():
            return f"({to_sql(node.left)} {_OPERATORS.get(node.op, node.op)} {to_sql(node.right)})"
        case Logic():
            return "(" + f" {node.op.upper()} ".join(to_sql(part) for part in node.parts) + ")"
        case Not():
            return f"(NOT {to_sql(node.inner)})"
        case Call(function="months_between", arguments=(first, last)):
            age = f"age({to_sql(last)}, {to_sql(first)})"
            return f"(extract(year FROM {age}) * 12 + extract(month FROM {age}))"
        case _:
            raise NotInColumns(f"{type(node).__name__} cannot be asked of columns")


def _column(indicator: Indicator) -> str:
    column = f'{"y" if indicator.period is Period.YEARLY else "c"}."{indicator.id}"'
    if indicator.type is Type.DATE:
        # The first day of all stands for “there is none”, which is before nothing.
        column = f"nullif({column}, '-infinity')"
    return f"coalesce({_IDENTITY[indicator.id]}, {column})" if indicator.id in _IDENTITY else column


def _facts_of(rule: Consistency, catalogue: Catalogue) -> list[Indicator]:
    nodes = walk(parse(rule.require, catalogue))
    return list({node.indicator.id: node.indicator for node in nodes if isinstance(node, Fact)}.values())


@dataclass(frozen=True)
class _Case:
    """One rule as SQL: when it is broken, and the figures that are then told, as a document."""

    rule: str
    indicator: str
    broken: str
    figures: str


def _case(rule: str, indicator: str, broken: str, figures: dict[str, str]) -> _Case:
    told = ", ".join(f"'{name}', {column}" for name, column in figures.items())
    return _Case(rule, indicator, f"({broken})", f"jsonb_build_object({told})")


def _rule(rule: Consistency, catalogue: Catalogue) -> _Case:
    figures = {one.id: _column(one) for one in _facts_of(rule, catalogue)}
    return _case(rule.id, "", f"NOT {to_sql(parse(rule.require, catalogue))}", figures)


def _jump(jump: Jump, indicator: Indicator) -> _Case:
    now, before = (f'abs({table}."{indicator.id}")' for table in ("y", "p"))
    larger, smaller = f"greatest({now}, {before})", f"least({now}, {before})"
    scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
    # Reckoned in floating point: a jump is a hint, and money a thousandfold is no whole number of the database any more.
    conditions = [f"{now} > 0", f"{before} > 0", f"{larger} >= {smaller}::float8 * {jump.at_least}"]
    if jump.below is not None:
        conditions.append(f"{larger} < {smaller}::float8 * {jump.below}")
    if jump.larger_at_least:
        conditions.append(f"{larger} >= {jump.larger_at_least * scale}")
    figures = {"this": f'y."{indicator.id}"', "before": f'p."{indicator.id}"'}
    return _case(jump.id, indicator.id, "(" + " AND ".join(conditions) + ")", figures)


@lru_cache(maxsize=4)
def _refresh_statement(known: Known) -> str:
    catalogue = known.catalogue
    yearly: list[_Case] = []
    current: list[_Case] = []
    for rule in catalogue.consistency:
        is_yearly = any(one.period is Period.YEARLY for one in _facts_of(rule, catalogue))
        (yearly if is_yearly else current).append(_rule(rule, catalogue))
    yearly += [_jump(jump, catalogue.by_name[name]) for jump in catalogue.jumps for name in jump.of]
    # The figures asked about are taken by themselves first. Joined at once, in a registry that was just filled, the planner
    # goes through all enterprises and looks for each among those asked about.
    return f"""
        WITH own AS MATERIALIZED (SELECT * FROM fact_yearly WHERE enterprise_id = ANY(:ids)),
        own_current AS MATERIALIZED (SELECT * FROM fact_current WHERE enterprise_id = ANY(:ids)),
        found AS (
            {
        _broken(
            yearly,
            "y.year",
            "own y JOIN enterprise e ON e.id = y.enterprise_id AND e.ended_on IS NULL"
            " LEFT JOIN fact_current c ON c.enterprise_id = y.enterprise_id"
            " LEFT JOIN fact_yearly p ON p.enterprise_id = y.enterprise_id AND p.year = y.year - 1",
            "y",
        )
    }
            UNION ALL
            {
        _broken(current, "0", "own_current c JOIN enterprise e ON e.id = c.enterprise_id AND e.ended_on IS NULL", "c")
    }
        ),
        gone AS (
            DELETE FROM fact_flag f WHERE f.enterprise_id = ANY(:ids) AND NOT EXISTS (
                SELECT FROM found n WHERE n.enterprise_id = f.enterprise_id AND n.rule = f.rule
                AND n.indicator = f.indicator AND n.year = f.year
            )
        )
        INSERT INTO fact_flag (enterprise_id, rule, indicator, year, figures)
        SELECT enterprise_id, rule, indicator, year, figures FROM found
        ON CONFLICT (enterprise_id, rule, indicator, year) DO UPDATE SET figures = excluded.figures, noted_at = now()
        WHERE fact_flag.figures <> excluded.figures
    """


def _broken(rules: Sequence[_Case], year: str, tables: str, first: str) -> str:
    places = ", ".join(f"CASE WHEN {one.broken} THEN {place} END" for place, one in enumerate(rules, 1))
    told = " ".join(f"WHEN {place} THEN {one.figures}" for place, one in enumerate(rules, 1))
    named = ", ".join(f"'{one.rule}'" for one in rules)
    about = ", ".join(f"'{one.indicator}'" for one in rules)
    # Asked of each row as one condition first: nearly all are in order, and need no list of what is broken. Each rule is
    # then asked once more, and of those that are broken the rest is told by their places.
    any_broken = " OR ".join(one.broken for one in rules)
    return (
        f"SELECT {first}.enterprise_id, (ARRAY[{named}])[v.place] AS rule, (ARRAY[{about}])[v.place] AS indicator,"
        f" {year} AS year, CASE v.place {told} END AS figures FROM {tables}"
        f" CROSS JOIN LATERAL unnest(array_remove(ARRAY[{places}], NULL)) AS v (place)"
        f" WHERE {any_broken}"
    )


async def refresh_flags(session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue) -> None:
    """Look through the figures of some enterprises anew; part of working out what holds now."""
    for start in range(0, len(enterprise_ids), PORTION):
        portion = list(enterprise_ids[start : start + PORTION])
        await ask_about(session, _refresh_statement(Known(catalogue)), portion)
