"""Plans side by side: what two or more of them ask of one indicator, each with its own words, value and light."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from backend.plans.documents import findings
from backend.plans.queries import Report, Row
from rules.plan import Target
from rules.plan_findings import Finding, Kind


@dataclass(frozen=True)
class Cell:
    """One plan's target (or targets: a plan may print one twice) for an indicator."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Line:
    """An indicator over the plans; a cell without rows says that the plan does not ask for it."""

    indicator: str
    name: str
    cells: tuple[Cell, ...]
    #: What the consistency report says of these very targets.
    findings: tuple[Finding, ...]

    @property
    def is_shared(self) -> bool:
        """Whether more than one of the plans asks for it."""
        return sum(1 for cell in self.cells if cell.rows) > 1

    @property
    def reported_apart(self) -> bool:
        """Whether one statistic was reported with different values of one day: of these at least one is wrong."""
        told: dict[tuple[str, date], set[Fraction]] = {}
        for cell in self.cells:
            for row in cell.rows:
                figure = row.progress.figure
                if figure.period_end is not None and figure.value is not None:
                    told.setdefault((row.target.region, figure.period_end), set()).add(figure.value)
        return any(len(values) > 1 for values in told.values())

    @property
    def differs(self) -> bool:
        """Whether the plans ask for different numbers for one year."""
        return any(one.kind is Kind.CONTRADICTION for one in self.findings)


@dataclass(frozen=True)
class Comparison:
    """Plans side by side on a day."""

    reports: tuple[Report, ...]
    #: What more than one plan asks for; differing numbers first.
    shared: tuple[Line, ...]
    #: What only one asks for, in the plans' order.
    single: tuple[Line, ...]
    #: What the consistency report says between these plans, also of different indicators.
    findings: tuple[Finding, ...]


def compare(reports: Sequence[Report]) -> Comparison:
    """Put reports of one day side by side."""
    chosen = {row.target.id for report in reports for row in report.rows}
    between = tuple(
        one
        for one in findings()
        if len({name[1:4] for name in one.targets}) > 1 and all(name in chosen for name in one.targets)
    )
    names: dict[str, str] = {}
    for report in reports:
        for row in report.rows:
            names.setdefault(row.target.indicator, row.target.name)
    lines = [_line(reports, indicator, name, between) for indicator, name in names.items()]
    shared = sorted((one for one in lines if one.is_shared), key=lambda one: not one.differs)
    return Comparison(tuple(reports), tuple(shared), tuple(one for one in lines if not one.is_shared), between)


def _line(reports: Sequence[Report], indicator: str, name: str, between: Sequence[Finding]) -> Line:
    cells = tuple(Cell(tuple(row for row in report.rows if row.target.indicator == indicator)) for report in reports)
    ids = {row.target.id for cell in cells for row in cell.rows}
    return Line(indicator, name, cells, tuple(one for one in between if ids.issuperset(one.targets)))


def short(target: Target) -> str:
    """A target in a cell: its number and year."""
    return f"{target.target_text}（{target.year} 年）" if target.year else target.target_text
