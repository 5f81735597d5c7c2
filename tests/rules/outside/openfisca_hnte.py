"""The ten criteria of hnte as a system of openfisca-core: two-valued, in float32, without reasons."""

from datetime import date
from typing import Any

import numpy as np
from openfisca_core.entities import build_entity
from openfisca_core.periods import ETERNITY, YEAR
from openfisca_core.simulation_builder import SimulationBuilder
from openfisca_core.simulations import Simulation
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from tests.rules.outside.million import AS_OF, FIELDS, MONEY, YEARS, Drawn

FEN_PER_WAN = 1_000_000
#: The fiscal year asked about.
PERIOD = str(YEARS[-1])
CRITERIA = ("H0", "H1", "H2", "H3", "H4", "H5", "H5d", "H6", "H7", "H8")
TODAY = np.datetime64(AS_OF, "D")

Enterprise: Any = build_entity(key="enterprise", plural="enterprises", label="enterprise", is_person=True)


def _input(name: str, kind: type, once: bool = False) -> Any:
    return type(
        name, (Variable,), {"value_type": kind, "entity": Enterprise, "definition_period": ETERNITY if once else YEAR}
    )


def _criterion(name: str, formula: Any) -> Any:
    return type(
        name,
        (Variable,),
        {"value_type": bool, "entity": Enterprise, "definition_period": YEAR, "formula": formula},
    )


def _window(of: Any, name: str, period: Any) -> Any:
    return of(name, period) + of(name, period.last_year) + of(name, period.last_year.last_year)


def _intensity(of: Any, period: Any) -> Any:
    sales = of("sales_revenue", period)
    needed = np.where(sales <= 5_000, 0.05, np.where(sales <= 20_000, 0.04, 0.03))
    return _window(of, "rd_expense_hnte", period) / _window(of, "sales_revenue", period) >= needed


def _domestic(of: Any, period: Any) -> Any:
    return _window(of, "rd_expense_hnte_domestic", period) / _window(of, "rd_expense_hnte", period) >= 0.6


def _no_incident(of: Any, period: Any) -> Any:
    days = (TODAY - of("incident_on", period)).astype(np.int64)
    return (days < 0) | (days > 365)


def _ip(of: Any, period: Any) -> Any:
    owned = of("ip_class1_count", period) + of("ip_class2_count", period)
    return (owned >= 1) & of("ip_supports_main_product", period)


FORMULAS = {
    "H0": lambda of, period: of("registered_in_mainland", period) & of("is_resident_enterprise", period),
    "H1": lambda of, period: (TODAY - of("established_on", period)).astype(np.int64) >= 365,
    "H2": _ip,
    "H3": lambda of, period: of("is_in_field", period),
    "H4": lambda of, period: of("sci_tech_staff", period) / of("employee_total", period) >= 0.1,
    "H5": _intensity,
    "H5d": _domestic,
    "H6": lambda of, period: of("hightech_product_revenue", period) / of("total_revenue", period) >= 0.6,
    "H7": lambda of, period: of("innovation_score_total", period) > 70,
    "H8": _no_incident,
    "eligible": lambda of, period: np.all([of(name, period) for name in CRITERIA], axis=0),
}  # fmt: skip
FLAGS = ("registered_in_mainland", "is_resident_enterprise", "ip_supports_main_product", "is_in_field")
COUNTS = ("ip_class1_count", "ip_class2_count")
FIGURES = (*MONEY, "sci_tech_staff", "employee_total", "innovation_score_total")


def system() -> TaxBenefitSystem:
    """The variables and their formulas."""
    made = TaxBenefitSystem([Enterprise])
    kinds = [(FLAGS, bool, False), (COUNTS, int, False), (FIGURES, float, False)]
    for names, kind, once in [*kinds, (("established_on", "incident_on"), date, True)]:
        for name in names:
            made.add_variable(_input(name, kind, once))
    for name, formula in FORMULAS.items():
        made.add_variable(_criterion(name, formula))
    return made


def simulation(made: TaxBenefitSystem, drawn: Drawn) -> Simulation:
    """All facts in memory, nothing worked out yet."""
    builder: Any = SimulationBuilder()  # its protocols do not fit its own classes
    built = builder.build_default_simulation(made, drawn.size)
    for name, years in drawn.money.items():
        for year, fen in years.items():
            built.set_input(name, str(year), (fen / FEN_PER_WAN).astype(np.float32))
    for name, values in {**drawn.flags, "is_in_field": drawn.field < len(FIELDS) - 1}.items():
        built.set_input(name, PERIOD, values.astype(bool))
    for name, values in drawn.counts.items():
        built.set_input(name, PERIOD, values.astype(np.int32))
    built.set_input("employee_total", PERIOD, (drawn.staff / 100).astype(np.float32))
    built.set_input("sci_tech_staff", PERIOD, (drawn.scientists / 100).astype(np.float32))
    built.set_input("innovation_score_total", PERIOD, drawn.score.astype(np.float32))
    built.set_input("established_on", "ETERNITY", drawn.founded.astype("datetime64[D]"))
    built.set_input("incident_on", "ETERNITY", drawn.incident.astype("datetime64[D]"))
    return built


def calculate(made: Simulation) -> Any:
    """Which enterprises are eligible; each criterion stays in the simulation's memory."""
    with np.errstate(all="ignore"):
        return made.calculate("eligible", PERIOD)
