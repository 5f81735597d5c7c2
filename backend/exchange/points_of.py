"""One enterprise's points by a scheme, out of what holds now, beside those that issuers gave."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.console import Refused
from backend.database.session import owner_unit_of_work
from backend.enterprises.queries import find
from backend.exchange.points import issued_points, keep_result
from backend.exchange.scheme import Scheme, work_out
from backend.filings.queries import facts_of
from rules.library import library


async def points_of(engine: AsyncEngine, code: str, year: int, scheme: Scheme, *, keep: bool) -> dict[str, Any]:
    """The result, whether it was kept as something new, and the issuers' points. Raises Refused."""
    catalogue = library().catalogue
    async with owner_unit_of_work(engine) as session:
        row = await find(session, code)
        if row is None:
            raise Refused(f"库中没有企业 {code}，请核对统一社会信用代码。")
        facts = (await facts_of(session, [row["id"]], catalogue))[row["id"]]
        result = work_out(scheme, facts, year, row["established_on"], catalogue)
        issued = await issued_points(session, row["id"], year)
        is_new = keep and await keep_result(session, row["id"], year, result, today())
    return {"code": code, "year": year, "scheme": scheme.id, "result": result, "issued": issued, "is_kept": is_new}
