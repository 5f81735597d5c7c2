"""The annex of a plan with its industrial chains: printed sales by year, and the latest figure held against each target year."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.progress import Progress
from backend.plans.queries import plan_report
from rules.plan import Chain, ChainTable, Plan


@dataclass(frozen=True)
class ChainRow:
    """A line of the annex and how far it is. Sales are in the table's unit."""

    chain: Chain
    #: Against the table's first target year.
    progress: Progress

    def share_of(self, year: int) -> Fraction | None:
        """The latest figure as a part of a year's target; None where nobody reported one."""
        printed = self.chain.values.get(year)
        return None if self.progress.value is None or not printed else self.progress.value / Fraction(printed)


@dataclass(frozen=True)
class ChainRows:
    """The annex with all its lines; `value` is what the lines reported so far, of which there are `reported`."""

    table: ChainTable
    rows: tuple[ChainRow, ...]
    #: The figure of the text's own total, reported beside the lines; None where the text has none.
    text: Progress | None = None

    @property
    def difference(self) -> Fraction | None:
        """By how much the lines together differ from the text's total of the same day; None where nothing can be said."""
        if self.value is None or self.text is None or self.text.value is None:
            return None
        days = {one.progress.figure.period_end for one in self.rows} | {self.text.figure.period_end}
        return self.value - self.text.value if len(days) == 1 else None

    @property
    def reported(self) -> int:
        return sum(1 for one in self.rows if one.progress.value is not None)

    @property
    def value(self) -> Fraction | None:
        """The sum of the lines; None as long as one is missing, since a part is no progress of the whole."""
        values = [one.progress.value for one in self.rows if one.progress.value is not None]
        return sum(values, Fraction(0)) if len(values) == len(self.rows) else None

    def share_of(self, year: int) -> Fraction | None:
        """The sum as a part of the printed total of a year."""
        return None if self.value is None else self.value / Fraction(self.table.total.values[year])


async def chain_rows(session: AsyncSession, plan: Plan, on: date, known_at: datetime | None = None) -> ChainRows | None:
    """The lines of a plan's annex, each with the latest figure on a day; None where the plan has none."""
    if plan.chain_table is None:
        return None
    table = plan.chain_table
    total = plan.by_id.get(table.total_targets.get(table.target_years[0], ""))
    targets = [*plan.chain_targets, *([total] if total is not None else [])]
    report = await plan_report(session, plan, on, None, known_at, targets=targets)
    progress = {row.target.id: row.progress for row in report.rows}
    return ChainRows(
        table,
        tuple(ChainRow(chain, progress[chain.id]) for chain in plan.chains),
        None if total is None else progress[total.id],
    )


def as_json(found: ChainRows) -> dict[str, Any]:
    """The annex for programs."""
    table = found.table
    return {
        "unit": table.unit, "baseline_year": table.baseline_year, "target_years": list(table.target_years),
        "reported": found.reported, "value": _number(found.value),
        "difference": _number(found.difference),
        "chains": [
            {
                "id": one.chain.id, "name": one.chain.name, "sector": one.chain.sector,
                "printed": {str(year): float(value) for year, value in sorted(one.chain.values.items())},
                "value": _number(one.progress.value),
                "shares": {str(year): _number(one.share_of(year)) for year in table.target_years},
            }
            for one in found.rows
        ],
    }  # fmt: skip


def _number(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 6)
