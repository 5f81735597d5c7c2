"""Writing that two files are of one enterprise, and that they were not after all. docs/decisions/0011 says how.

What hangs on the closed file goes over row by row and is noted, so that it goes back exactly. Titles are closed there
and go on in the other file; filings stay where they were filed and are read with the other file's from this moment on.

LifeRefused                 409, cannot be merged, or not be parted again, as things stand
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.ending import LifeRefused, demand_own_file
from backend.enterprises.lineage import ENDS, MERGED
from backend.enterprises.merged_identity import Identity, give_back_identity, take_identity
from backend.enterprises.naming import refresh_search
from backend.enterprises.writing import set_many
from backend.filings import handing_over as filings
from backend.filings.service import project
from backend.recognitions import handing_over as titles
from backend.subregisters import handing_over as registers
from rules.library import library


@dataclass(frozen=True)
class Merge:
    """Two files, which of them remains, and why they are one."""

    absorbed_id: int
    survivor_id: int
    reason: str


@dataclass(frozen=True)
class Given:
    """What came in after a merge and belongs to the file that is opened again; the rest stays where it was filed."""

    filings: Sequence[int] = ()
    recognitions: Sequence[int] = ()
    #: Table → the numbers of its rows: visits, steps, pool entries, papers.
    rows: Mapping[str, Sequence[int]] = field(default_factory=dict[str, "Sequence[int]"])


#: The columns of `enterprise` as they were before a merge.
_BEFORE: Final = (
    "credit_code", "name", "match_key", "region_code", "town", "park", "address", "industry_code", "established_on",
    "is_above_scale", "listing_board", "listed_on", "status",
)  # fmt: skip


async def merge(session: AsyncSession, wanted: Merge, by: int | None = None, proposed_by: int | None = None) -> int:
    """Let one file be part of another from this moment on. Returns the merge's number.

    Raises:
        LifeRefused: one of the two stands for no enterprise of its own, or something about it waits for a second person.
    """
    absorbed, survivor = await _both(session, wanted.absorbed_id, wanted.survivor_id)
    await _demand_mergeable(session, absorbed, survivor)
    before = {"absorbed": _columns(absorbed), "survivor": _columns(survivor)}
    number: int = (
        await session.execute(
            text(
                "INSERT INTO enterprise_merge (absorbed_id, survivor_id, reason, proposed_by, before, recorded_by)"
                " VALUES (:absorbed, :survivor, :reason, :proposed_by, CAST(:before AS jsonb), :by) RETURNING id"
            ),
            {
                "absorbed": absorbed["id"], "survivor": survivor["id"], "reason": wanted.reason, "proposed_by": proposed_by,
                "before": json.dumps(before, default=str), "by": by,
            },
        )
    ).scalar_one()  # fmt: skip
    await _point_to(session, number, absorbed["id"], survivor["id"])
    await set_many(session, {absorbed["id"]: {"status": MERGED}})
    added = await take_identity(session, absorbed, survivor)
    await session.execute(
        text("UPDATE enterprise_merge SET added = CAST(:added AS jsonb) WHERE id = :id"),
        {"id": number, "added": added.as_json()},
    )
    await session.execute(text("SELECT carry_rows(:id)"), {"id": number})
    await _carry_titles(session, number, absorbed["id"], survivor["id"])
    await _work_out(session, [absorbed["id"], survivor["id"]])
    return number


async def unmerge(session: AsyncSession, merge_id: int, reason: str, given: Given, by: int | None = None) -> Merge:
    """Part two files again, each as it was; what came in meanwhile stays with the one it was filed for, but for `given`.

    Raises:
        LifeRefused: it was parted already, or a later merge stands in the way.
    """
    held = await _standing_merge(session, merge_id)
    wanted = Merge(held["absorbed_id"], held["survivor_id"], held["reason"])
    absorbed, survivor = await _both(session, wanted.absorbed_id, wanted.survivor_id)
    await titles.hand_over(session, survivor["id"], absorbed["id"], given.recognitions)
    await filings.hand_over(session, survivor["id"], absorbed["id"], given.filings, by)
    await _carry_titles_back(session, merge_id, absorbed["id"])
    await session.execute(text("SELECT carry_rows_back(:id)"), {"id": merge_id})
    for table, numbers in given.rows.items():
        for number in numbers:
            await session.execute(
                text("SELECT hand_row_over(:merge, :table, :row)"), {"merge": merge_id, "table": table, "row": number}
            )
    await _point_back(session, merge_id, absorbed["id"])
    before = held["before"]["absorbed"]
    await give_back_identity(session, Identity.of(held["added"]), absorbed, survivor, held["before"])
    await set_many(session, {absorbed["id"]: {"status": before["status"]}})
    await session.execute(
        text("UPDATE enterprise_merge SET undone_at = now(), undone_by = :by, undone_because = :reason WHERE id = :id"),
        {"id": merge_id, "by": by, "reason": reason},
    )
    await _work_out(session, [absorbed["id"], survivor["id"]])
    return wanted


async def keep_apart(session: AsyncSession, one_id: int, other_id: int, reason: str, by: int | None = None) -> None:
    """Note that two that look like one are two, so that nobody is asked again."""
    await session.execute(
        text(
            "INSERT INTO enterprise_apart (one_id, other_id, reason, recorded_by)"
            " VALUES (least(CAST(:one AS bigint), :other), greatest(CAST(:one AS bigint), :other), :reason, :by) ON CONFLICT DO NOTHING"
        ),
        {"one": one_id, "other": other_id, "reason": reason, "by": by},
    )


# Who may be merged ---------------------------------------------------------------------------------------


async def _both(session: AsyncSession, *ids: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both enterprises, for nobody else to change."""
    found = await session.execute(
        text("SELECT * FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"), {"ids": list(ids)}
    )
    rows = {row["id"]: dict(row) for row in found.mappings()}
    if len(rows) < 2:
        raise LifeRefused("两份档案须都在您的区域内，且不是同一份。跨市（区）的重复档案请由市级人员合并。")
    return rows[ids[0]], rows[ids[1]]


async def _demand_mergeable(session: AsyncSession, absorbed: Mapping[str, Any], survivor: Mapping[str, Any]) -> None:
    for one in (absorbed, survivor):
        demand_own_file(one["name"], one["status"])
    if survivor["status"] in ENDS and absorbed["status"] == "active":
        raise LifeRefused(f"“{survivor['name']}”已{ENDS[survivor['status']]}，请保留仍存续的“{absorbed['name']}”。")
    waiting = await session.scalar(
        text("SELECT count(*) FROM proposal WHERE enterprise_id = :id AND state = 'open'"), {"id": absorbed["id"]}
    )
    if waiting:
        raise LifeRefused(f"“{absorbed['name']}”还有 {waiting} 件待确认事项，请先在“待确认”里办结，再合并。")


async def _standing_merge(session: AsyncSession, merge_id: int) -> Mapping[str, Any]:
    found = await session.execute(text("SELECT * FROM enterprise_merge WHERE id = :id FOR UPDATE"), {"id": merge_id})
    held = found.mappings().first()
    if held is None or held["undone_at"] is not None:
        raise LifeRefused("没有这次合并，或者已经撤销过。请刷新页面查看。")
    later = await session.scalar(
        text(
            "SELECT count(*) FROM enterprise_merge WHERE id > :id AND undone_at IS NULL"
            " AND :survivor IN (survivor_id, absorbed_id)"
        ),
        {"id": merge_id, "survivor": held["survivor_id"]},
    )
    if later:
        raise LifeRefused("这份档案之后又合并过，请先撤销后一次合并，再撤销这一次。")
    return dict(held)


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _BEFORE}


# Where the closed file leads -----------------------------------------------------------------------------


async def _point_to(session: AsyncSession, merge_id: int, absorbed_id: int, survivor_id: int) -> None:
    """Let the closed file, and whatever was part of it, lead to the one that remains: always in one step."""
    found = await session.execute(
        text(
            "UPDATE enterprise_alias SET known_to = greatest(now(), known_from) WHERE survivor_id = :absorbed"
            " AND known_to IS NULL RETURNING absorbed_id"
        ),
        {"absorbed": absorbed_id},
    )
    await _lead(session, merge_id, [absorbed_id, *found.scalars()], survivor_id)


async def _lead(session: AsyncSession, merge_id: int, absorbed_ids: Sequence[int], survivor_id: int) -> None:
    for number in absorbed_ids:
        await session.execute(
            text(
                "INSERT INTO enterprise_alias (merge_id, absorbed_id, survivor_id) VALUES (:merge, :absorbed, :survivor)"
            ),
            {"merge": merge_id, "absorbed": number, "survivor": survivor_id},
        )


async def _point_back(session: AsyncSession, merge_id: int, absorbed_id: int) -> None:
    found = await session.execute(
        text(
            "UPDATE enterprise_alias SET known_to = greatest(now(), known_from) WHERE merge_id = :id"
            " AND known_to IS NULL RETURNING absorbed_id"
        ),
        {"id": merge_id},
    )
    for number in [one for one in found.scalars() if one != absorbed_id]:
        earlier = await session.scalar(
            text(
                "SELECT max(id) FROM enterprise_merge WHERE absorbed_id = :one AND undone_at IS NULL AND id <> :merge"
            ),
            {"one": number, "merge": merge_id},
        )
        await _lead(session, int(earlier or merge_id), [number], absorbed_id)


# Titles and entries of registers ---------------------------------------------------------------------------


async def _carry_titles(session: AsyncSession, merge_id: int, absorbed_id: int, survivor_id: int) -> None:
    handed = await titles.hand_over(session, absorbed_id, survivor_id)
    rows = [("recognition", one.closed, one.goes_on) for one in handed]
    rows += [("register_entry", *pair) for pair in await registers.hand_over(session, absorbed_id, survivor_id)]
    for table, closed, goes_on in rows:
        await session.execute(
            text(
                "INSERT INTO enterprise_merge_row (merge_id, table_name, key, is_left, became)"
                " VALUES (:merge, :table, jsonb_build_object('id', CAST(:closed AS bigint)), :is_left, :became)"
            ),
            {"merge": merge_id, "table": table, "closed": closed, "is_left": goes_on is None, "became": goes_on},
        )


async def _carry_titles_back(session: AsyncSession, merge_id: int, absorbed_id: int) -> None:
    found = await session.execute(
        text(
            "SELECT table_name, CAST(key ->> 'id' AS bigint) AS closed, became FROM enterprise_merge_row"
            " WHERE merge_id = :id AND table_name IN ('recognition', 'register_entry') ORDER BY id"
        ),
        {"id": merge_id},
    )
    rows = found.all()
    handed = [titles.HandedOver(row.closed, row.became) for row in rows if row.table_name == "recognition"]
    await titles.hand_back(session, handed, absorbed_id)
    await registers.hand_back(session, [row.became for row in rows if row.table_name == "register_entry"], absorbed_id)


async def _work_out(session: AsyncSession, ids: Sequence[int]) -> None:
    """What follows from it all: what a search hits, what holds now, and what the rules say of it."""
    await refresh_search(session, ids)
    await project(session, ids, library().catalogue)
    await evaluate(session, ids, library(), today())
