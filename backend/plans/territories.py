"""Whose plan a plan is, as the database has to know: a district writes what a plan of its own reports as a whole."""

from typing import Any, Final

from sqlalchemy import Connection, text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.documents import plans_of_files
from rules.plan import Plan
from rules.plan_files import read_document
from rules.plan_problems import PlanError

_NOTE: Final = text(
    "INSERT INTO plan_territory (plan, region_code) VALUES (:plan, :region)"
    " ON CONFLICT (plan) DO UPDATE SET region_code = excluded.region_code"
    " WHERE plan_territory.region_code <> excluded.region_code"
)
_WRITTEN: Final = text("SELECT DISTINCT ON (plan) plan, document FROM plan_version ORDER BY plan, number DESC")


def note_territories(connection: Connection) -> None:
    """Write down whose plans there are: those of the files, and over them what staff wrote."""
    territories = {name: plan.territory.code for name, plan in plans_of_files().items()}
    for name, document in connection.execute(_WRITTEN):
        territories[name] = _code_in(document, name) or territories.get(name, "")
    rows = [{"plan": name, "region": code} for name, code in territories.items() if code]
    if rows:
        connection.execute(_NOTE, rows)


def _code_in(document: str, name: str) -> str:
    """The territory's code in a plan as it was written, be the rest of it as it may under rules of today."""
    try:
        parsed: Any = read_document(document, name)
        return str(parsed["territory"]["code"])
    except (PlanError, KeyError, TypeError):
        return ""


async def note_territory(session: AsyncSession, plan: Plan) -> None:
    """The same for one plan, whose version is being written."""
    await session.execute(_NOTE, {"plan": plan.id, "region": plan.territory.code})
