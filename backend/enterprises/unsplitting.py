"""Writing that a split was entered wrongly: what stood before holds again. docs/decisions/0011 says how.

Titles go back to where they came from, with what was changed of them since. What came in under the other enterprise stays
with it unless an officer says that it belongs to the first; a file that the split itself had opened is closed again if
nothing is left in it. What was known while the split stood stays known.

LifeRefused                 409, cannot be taken back as things stand
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.ending import LifeRefused
from backend.enterprises.lineage import MERGED, STATUSES
from backend.enterprises.merged_since import Since, came_into
from backend.enterprises.merging import Given
from backend.enterprises.naming import refresh_search
from backend.enterprises.writing import set_many
from backend.filings import handing_over as filings
from backend.filings.service import project
from backend.filings.standing import stands
from backend.recognitions import handing_over as titles
from backend.recognitions.passing import Passed, PassedSince, pass_back, passed_since
from backend.web.rest import etag_of
from rules.library import library

#: The state of a file that stands for no enterprise: what had opened it was taken back.
WITHDRAWN: Final = "withdrawn"
#: Tables that say nothing of an enterprise that an officer would miss: they follow from others, or tell what was done.
_FOLLOWING: Final = (
    "enterprise_name", "enterprise_region", "enterprise_identifier", "enterprise_chain", "enterprise_officer",
    "enterprise_end", "enterprise_move", "enterprise_split", "enterprise_merge", "enterprise_alias", "enterprise_apart",
    "filing", "recognition", "register_entry", "fact_yearly", "fact_current", "fact_conflict", "fact_flag",
    "fact_flag_answer", "eligibility", "eligibility_change", "eligibility_check", "import_touched", "import_decision",
    "pool_move", "service_change", "proposal", "unmasking",
)  # fmt: skip


@dataclass(frozen=True)
class Divided:
    """A split that stands, with what came of it since."""

    id: int
    from_id: int
    to_id: int
    split_on: Any
    reason: str
    recorded_at: datetime
    #: Whether the other enterprise was registered by the split itself.
    is_new: bool
    #: The two as they are now; of the other one None where it lies outside the reader's scope.
    one: Mapping[str, Any]
    other: Mapping[str, Any] | None
    titles: Sequence[PassedSince]
    since: Sequence[Since]
    is_edited: bool

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has been said of the other enterprise since."""
        return not (self.since or self.is_edited or any(one.edits for one in self.titles))

    @property
    def seen(self) -> str:
        """The name of this state: what somebody decides on who has looked at it."""
        held = [(one.key, one.came_at) for one in self.since]
        titles = [[row and row["id"] for row in (one.here, one.there)] for one in self.titles]
        return etag_of(self.id, held, titles, self.other and self.other["revision"])


@dataclass(frozen=True)
class TakenBack:
    """How a split is to be taken back."""

    reason: str
    #: What came in under the other enterprise and belongs to the first.
    given: Given
    #: Whether the other one stays as an enterprise of its own; one that was there before always does.
    keeps_other: bool
    #: `Divided.seen` of what the officer looked at; empty asks for nothing.
    seen: str = ""


async def standing_split(session: AsyncSession, split_id: int) -> Divided | None:
    """A split that was not taken back, and what came of it; None where there is none, or none to be seen."""
    found = await session.execute(
        text("SELECT * FROM enterprise_split WHERE id = :id AND undone_at IS NULL"), {"id": split_id}
    )
    held = found.mappings().first()
    if held is None:
        return None
    row = dict(held)
    both = await session.execute(
        text("SELECT * FROM enterprise WHERE id = ANY(:ids)"), {"ids": [row["from_id"], row["to_id"]]}
    )
    rows = {one["id"]: dict(one) for one in both.mappings()}
    one, other = rows.get(row["from_id"]), rows.get(row["to_id"])
    if one is None or other is None:
        # Of what lies elsewhere nothing is told; the act refuses.
        return _divided(row, one or other or {}, None, [], [])
    passed = await passed_since(session, [Passed(*numbers) for numbers in row["handed"]])
    brought = [title.passed.made for title in passed]
    since = await came_into(session, other["id"], row["recorded_at"], one["name"], brought=brought)
    return _divided(row, one, other, passed, since)


def _divided(
    row: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any] | None, passed: Sequence[PassedSince],
    since: Sequence[Since],
) -> Divided:  # fmt: skip
    is_edited = bool(other and row["is_new"] and other["revision"] != row["to_revision"])
    return Divided(
        row["id"], row["from_id"], row["to_id"], row["split_on"], row["reason"], row["recorded_at"], row["is_new"], one,
        other, passed, since, is_edited,
    )  # fmt: skip


async def unsplit(session: AsyncSession, split_id: int, wanted: TakenBack, by: int | None = None) -> None:
    """Take a split back: all that stood before holds again, with what was changed since.

    Raises:
        LifeRefused: it was taken back already, one of the two became something else since, more came in than the officer
            saw, or the other one's file is to be closed though something is left in it.
    """
    divided = await _hold(session, split_id)
    await _demand_untangled(session, divided)
    if wanted.seen and wanted.seen != divided.seen:
        raise LifeRefused("您打开页面之后，这两家企业又有新的记录或修改，本次没有撤销。请重新打开，核对后再提交。")
    one, other = divided.from_id, divided.to_id
    await titles.hand_over(session, other, one, wanted.given.recognitions)
    await filings.hand_over(session, other, one, wanted.given.filings, by)
    await _hand_rows(session, split_id, wanted.given.rows)
    await pass_back(session, one, divided.titles)
    if divided.is_new and not wanted.keeps_other:
        await _close(session, divided)
    await session.execute(
        text("UPDATE enterprise_split SET undone_at = now(), undone_by = :by, undone_because = :reason WHERE id = :id"),
        {"id": split_id, "by": by, "reason": wanted.reason},
    )
    await refresh_search(session, [one, other])
    await project(session, [one, other], library().catalogue)
    await evaluate(session, [one, other], library(), today())


async def _hold(session: AsyncSession, split_id: int) -> Divided:
    """The split, and nobody else changes it or the two until the transaction ends. Raises LifeRefused."""
    found = await session.execute(
        text("SELECT from_id, to_id FROM enterprise_split WHERE id = :id FOR UPDATE"), {"id": split_id}
    )
    row = found.first()
    held = None
    if row is not None:
        await session.execute(
            text("SELECT FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"), {"ids": list(row)}
        )
        held = await standing_split(session, split_id)
    if held is None:
        raise LifeRefused("没有这次分立，或者已经撤销过。请刷新页面查看。")
    if held.other is None:
        raise LifeRefused("分立的两家企业不都在您的区域内，请由市级人员撤销。")
    return held


async def _demand_untangled(session: AsyncSession, divided: Divided) -> None:
    """Raises LifeRefused where what came after has to be taken back first."""
    for row in (divided.one, divided.other or {}):
        if row["status"] == MERGED:
            raise LifeRefused(f"“{row['name']}”的档案之后并入了另一家企业，请先撤销合并，再撤销这次分立。")
        if row["status"] == WITHDRAWN:
            raise LifeRefused(f"“{row['name']}”{STATUSES[WITHDRAWN]}，无从恢复。请先核对这份档案。")
    later = await session.execute(
        text(
            "SELECT s.split_on FROM enterprise_split s WHERE s.id > :id AND s.undone_at IS NULL"
            " AND :other IN (s.from_id, s.to_id) ORDER BY s.id DESC LIMIT 1"
        ),
        {"id": divided.id, "other": divided.to_id},
    )
    if (day := later.scalar()) is not None:
        raise LifeRefused(f"分出的企业之后（{day}）又登记过分立，请先撤销后一次，再撤销这一次。")
    waiting = await session.scalar(
        text("SELECT count(*) FROM proposal WHERE enterprise_id = :id AND state = 'open'"), {"id": divided.to_id}
    )
    if waiting:
        raise LifeRefused(f"分出的企业还有 {waiting} 件待确认事项，请先在“待确认”里办结，再撤销分立。")


async def _hand_rows(session: AsyncSession, split_id: int, rows: Mapping[str, Sequence[int]]) -> None:
    for table, numbers in rows.items():
        for number in numbers:
            is_handed = await session.scalar(
                text("SELECT hand_split_row_over(:split, :table, :row)"),
                {"split": split_id, "table": table, "row": number},
            )
            if not is_handed:
                raise LifeRefused("原企业同一年度的培育库里已有这个项目，不能再归还一条。请不勾选这一条，再提交。")


# The other enterprise's file -------------------------------------------------------------------------------

_LEFT: Final = (
    ("填报", f"SELECT count(*) FROM filing f WHERE f.enterprise_id = :id AND {stands('NULL')}"),
    ("认定", "SELECT count(*) FROM recognition WHERE enterprise_id = :id AND superseded_at IS NULL"),
    (
        "平台或项目登记",
        "SELECT count(*) FROM register_entry WHERE enterprise_id = :id AND superseded_at IS NULL AND NOT is_withdrawn",
    ),
    (
        "其他记录（账号、授权、材料、消息等）",
        "SELECT count(*) FROM enterprises_mentioned(ARRAY[CAST(:id AS bigint)], CAST(:following AS text[]))",
    ),
)


async def _close(session: AsyncSession, divided: Divided) -> None:
    """Let the other enterprise be none: it is found by its number only, and its code is free. Raises LifeRefused."""
    values = {"id": divided.to_id, "following": list(_FOLLOWING)}
    left: list[str] = []
    for kind, query in _LEFT:
        asked = {name: values[name] for name in values if f":{name}" in query}
        if await session.scalar(text(query), asked):
            left.append(kind)
    if left:
        raise LifeRefused(f"分出的企业名下还有{'、'.join(left)}，不能一并撤回。请勾选归还原企业，或选择“保留”。")
    other = divided.other or {}
    await session.execute(
        text("UPDATE enterprise_split SET to_code = :code, has_closed = true WHERE id = :id"),
        {"code": other["credit_code"], "id": divided.id},
    )
    nothing: dict[str, Any] = {"is_above_scale": None, "listing_board": "", "listed_on": None, "credit_code": None}
    await set_many(session, {divided.to_id: {"status": WITHDRAWN, **nothing}})


def as_json(divided: Divided) -> dict[str, Any]:
    """For programs: what came of a split, for somebody to decide before it is taken back."""
    return {
        "split_id": divided.id,
        "opened_the_other_file": divided.is_new,
        "since": [
            {"key": one.key, "kind": one.table, "words": one.words, "came_at": one.came_at.isoformat(),
             "prints_other_name": one.is_likely_other}
            for one in divided.since
        ],
        "changed_recognitions": [
            {"id": one.there["id"] if one.there else None, "programme": one.before["programme"],
             "changes": json.loads(json.dumps(dict(one.edits), default=str))}
            for one in divided.titles if one.edits or one.there is None or one.here is None
        ],
        "is_edited": divided.is_edited,
    }  # fmt: skip
