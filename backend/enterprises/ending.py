"""Writing that an enterprise ended, 注销 or 吊销, from a day on; and that this was wrong.

From that day it is in no count, pool or work list; it stays on file. Nothing is deleted: what was said is closed with the
moment, so that a past day's knowledge stays as it was.

LifeRefused                 409, cannot be said of this enterprise as it stands
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.lineage import ENDS, MERGED
from backend.enterprises.writing import lock, set_many
from backend.filings.service import project
from rules.library import library


class LifeRefused(Exception):
    """What was asked cannot be said of this enterprise; the text says why and what to do."""

    status_code = 409


@dataclass(frozen=True)
class End:
    """An end as an officer states it."""

    kind: str
    ended_on: date
    reason: str
    document: str = ""


async def end(session: AsyncSession, enterprise_id: int, stated: End, recorded_by: int | None = None) -> None:
    """Let an enterprise be none any more from a day on. The caller has it evaluated anew.

    Raises:
        LifeRefused: it has ended already, or is part of another's file.
    """
    held = await lock(session, enterprise_id)
    demand_own_file(held["name"], held["status"])
    if held["status"] in ENDS:
        raise LifeRefused(
            f"“{held['name']}”已登记{ENDS[held['status']]}（{held['ended_on']}），如日期有误，请先撤销再登记。"
        )
    if held["established_on"] and stated.ended_on < held["established_on"]:
        raise LifeRefused(f"{stated.ended_on} 早于成立日期 {held['established_on']}，请核对。")
    await session.execute(
        text(
            "INSERT INTO enterprise_end (enterprise_id, kind, ended_on, reason, document, recorded_by)"
            " VALUES (:id, :kind, :ended_on, :reason, :document, :by)"
        ),
        {
            "id": enterprise_id, "kind": stated.kind, "ended_on": stated.ended_on, "reason": stated.reason,
            "document": stated.document, "by": recorded_by,
        },
    )  # fmt: skip
    await set_many(session, {enterprise_id: {"status": stated.kind, "ended_on": stated.ended_on}})
    await project(session, [enterprise_id], library().catalogue)


async def revive(session: AsyncSession, enterprise_id: int, reason: str, recorded_by: int | None = None) -> None:
    """Take an end back: it had been entered wrongly, or was annulled. The caller has it evaluated anew.

    Raises:
        LifeRefused: it has not ended.
    """
    held = await lock(session, enterprise_id)
    if held["status"] not in ENDS:
        raise LifeRefused(f"“{held['name']}”没有登记注销或吊销，无需恢复。请刷新页面查看。")
    await session.execute(
        text(
            "UPDATE enterprise_end SET superseded_at = greatest(now(), recorded_at), superseded_by = :by,"
            " superseded_because = :reason WHERE enterprise_id = :id AND superseded_at IS NULL"
        ),
        {"id": enterprise_id, "by": recorded_by, "reason": reason},
    )
    await set_many(session, {enterprise_id: {"status": "active", "ended_on": None}})
    await project(session, [enterprise_id], library().catalogue)


def demand_own_file(name: str, status: str) -> None:
    """Raises LifeRefused for a file that stands for no enterprise of its own."""
    if status == MERGED:
        raise LifeRefused(f"“{name}”的档案已并入另一家企业，请在那家企业的档案里办理，或先撤销合并。")
    if status == "withdrawn":
        raise LifeRefused(f"“{name}”的登记已撤销（随撤销的导入或分立），不能办理。如确有这家企业，请重新登记。")
