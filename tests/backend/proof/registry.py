"""A small registry of two districts with something of everything, one of which the readers may not see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.cultivation.actions import ActionDraft, StepDraft, VisitDraft, note_visit, open_action, plan_steps
from backend.cultivation.service import enter
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate
from backend.exchange.clients import SCOPES
from rules.library import library
from tests.factories import column, make_code, make_enterprise, make_filing, make_recognition

#: The district of whoever asks, and the one next to it.
OWN, OTHER = "321281", "321283"
#: Stands in whatever the other district's enterprises say of themselves, and in no request.
SECRET = "隔壁机密"
#: In 万元; written with and without commas and in fen.
SECRET_FIGURES = ("87654.32", "87,654.32", "8765432000000")
#: What the own district's enterprises say of themselves, likewise.
OWN_FIGURES = ("76543.21", "76,543.21", "7654321000000")


@dataclass(frozen=True)
class Registry:
    """`known` names what exists, by the names of parameters and fields; `own` is an enterprise of the own district."""

    known: Mapping[str, list[Any]]
    own: int
    #: Tables that were written to since it was last cleared.
    written: set[str] = field(default_factory=set[str])


async def make_registry(engine: AsyncEngine) -> Registry:
    """Write it all, committed."""
    async with owner_unit_of_work(engine) as session:
        own = [await _enterprise(session, OWN, f"泰兴第{number}机械有限公司", 76543.21) for number in range(2)]
        others = [await _enterprise(session, OTHER, f"泰州{SECRET}{number}有限公司", 87654.32) for number in range(2)]
        everybody = [*own, *others]
        await enter(session, "hnte", today().year, everybody, by=1)
        for number in everybody:
            await _service_file(session, number, SECRET if number in others else "本市")
        await evaluate(session, everybody, library(), today())
        known = await _known(session)
    return Registry(known, own[0])


async def _enterprise(session: AsyncSession, region: str, name: str, revenue: float) -> int:
    number = await make_enterprise(session, name=name, credit_code=make_code(region), region_code=region, chains=())
    await make_filing(session, number, {"sales_revenue": revenue, "rd_expense_hnte": 120})
    await make_filing(session, number, {"sales_revenue": revenue * 2}, source="tax")
    await make_recognition(session, number)
    await make_recognition(session, number, "tech_sme", date(2026, 3, 1))
    return number


async def _service_file(session: AsyncSession, number: int, about: str) -> None:
    day = today()
    await plan_steps(session, number, [StepDraft(f"{about}：完善研发费用辅助账", day)], by=1)
    await note_visit(session, number, VisitDraft(day, "on_site", "王敏", f"{about}李四", f"{about}的情况"), by=1)
    await open_action(session, number, ActionDraft("problem", "finance", f"{about}要贷款", day, "金融办"), by=1)


async def _known(session: AsyncSession) -> dict[str, list[Any]]:
    codes = await column(session, "SELECT credit_code FROM enterprise")
    ids = await column(session, "SELECT id FROM enterprise")
    titles = await column(session, "SELECT id FROM recognition")
    entries = await column(session, "SELECT id FROM pool_entry")
    plans = ["P000", "P001", "P002"]
    targets = ["T000-01", "T000-02", "T001-01", "T001-05", "T002-01"]
    return {
        "code": [*codes, *ids], "enterprise": codes, "enterprise_id": ids, "ids": ids, "recognition_id": titles,
        "entry_id": [*entries, 1], "entry": [1, 2], "thing_id": [1, 2], "plan": plans, "plan_id": plans, "target": targets,
        "action_id": await column(session, "SELECT id FROM service_action"),
        "step_id": await column(session, "SELECT id FROM service_step"), "target_id": targets,
        "programme": ["hnte", "tech_sme", "hnte@2016", "srdi_sme"], "indicator": ["sales_revenue", "rd_expense_hnte"],
        "name": ["sales_revenue", "hnte"], "criterion": ["H4"], "year": [today().year, 2025, 2024],
        "region": [OWN, OTHER, "321200"], "region_code": [OWN, OTHER], "register": ["platform", "institution"],
        "register_id": ["platform", "institution"], "kind": ["xlsx", "csv", "docx"], "number": [1, 2], "view_id": [1, 2],
        "import_id": [1, 2], "proposal_id": [1, 2], "attachment_id": [1], "person_id": [1, 2], "role_id": [1],
        "position": [1, 2], "verb": ["correct", "promote", "retry", "pause"], "system": ["tax", "credit"], "revision": [1, 2],
        "scope": list(SCOPES), "item": ["1"], "item_id": ["1"], "stage": ["cultivated", "out"], "sort": ["name", "-name"],
        "on": [today().isoformat(), "2025-12-31"], "page": [1, 2], "limit": [1, 10], "q": ["机械"], "tab": [""],
        "granted_on": ["2025-11-06"], "revoked_on": ["2026-03-01"], "valid_to": ["2028-12-31"], "cursor": [""],
        "values": [{"sales_revenue": {"2025": 1}}, {"sales_revenue": 12}], "reason": ["核实"], "token": ["x" * 43],
    }  # fmt: skip
