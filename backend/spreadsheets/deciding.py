"""What a person says of doubtful rows: is this enterprise, is a new one, wait. Kept with the import, and to be undone.

Before an import is carried out, what was said goes into it. Afterwards the rows decided on are carried out by themselves
and belong to the same import: undoing it undoes them, too. Rows that wait stay on the work list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import match_key
from backend.spreadsheets.fates import NEW_ENTERPRISE, Report
from backend.spreadsheets.keeping import ImportDone, keep_rows_again
from backend.spreadsheets.queries import ALIVE

#: The decision that holds of a row.
STANDS = "d.superseded_by IS NULL AND d.withdrawn_at IS NULL"


class Said(StrEnum):
    """What can be said of a doubtful row."""

    MATCH = "match"
    NEW = "new"
    WAIT = "wait"


class DecisionRefused(Exception):
    """What was said of a row cannot be; the text says why and what to do."""

    status_code = 422


class NothingToUndo(Exception):
    """No decision is left that could be taken back."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("没有可以撤销的确认：还没有确认过，或已经导入。要撤回已导入的行，请撤销这次导入。")


@dataclass(frozen=True)
class Decision:
    """What is said of one row."""

    sheet: str
    row: int
    said: Said
    enterprise_id: int | None = None


async def decide(
    session: AsyncSession, import_id: int, decisions: Sequence[Decision], decided_by: int | None = None
) -> int:
    """Say something of some rows, in place of what was said before. Returns of how many that is news.

    Raises:
        DecisionRefused: a row is not doubtful or carried out already, or an enterprise is not to be seen.
    """
    held = await _standing(session, import_id)
    news = [one for one in decisions if held.get((one.sheet, one.row)) != (one.said.value, one.enterprise_id)]
    if not news:
        return 0
    names = await _names(session, import_id, news)
    await _demand_seen(session, {one.enterprise_id for one in news if one.enterprise_id is not None})
    batch = await session.scalar(text("SELECT nextval('import_decision_batch')"))
    values = {
        "import_id": import_id, "batch": batch, "by": decided_by, "sheets": [one.sheet for one in news],
        "rows": [one.row for one in news], "said": [one.said.value for one in news],
        "ids": [one.enterprise_id for one in news], "keys": [match_key(names[one.sheet, one.row]) for one in news],
    }  # fmt: skip
    await session.execute(
        text(
            f"UPDATE import_decision d SET superseded_by = :batch WHERE d.import_id = :import_id AND {STANDS}"
            " AND (d.sheet, d.row) IN (SELECT * FROM unnest(CAST(:sheets AS text[]), CAST(:rows AS integer[])))"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO import_decision (import_id, sheet, row, decision, enterprise_id, match_key, batch, decided_by)"
            " SELECT :import_id, one.*, :batch, :by FROM unnest(CAST(:sheets AS text[]), CAST(:rows AS integer[]),"
            " CAST(:said AS text[]), CAST(:ids AS bigint[]), CAST(:keys AS text[])) AS one"
        ),
        values,
    )
    return len(news)


async def _standing(session: AsyncSession, import_id: int) -> dict[tuple[str, int], tuple[str, int | None]]:
    # Whoever decides at the same moment waits, and then sees what was said.
    await session.execute(text("SELECT FROM import_run WHERE id = :id FOR UPDATE"), {"id": import_id})
    found = await session.execute(
        text(
            f"SELECT d.sheet, d.row, d.decision, d.enterprise_id FROM import_decision d WHERE d.import_id = :id AND {STANDS}"
        ),
        {"id": import_id},
    )
    return {(row.sheet, row.row): (row.decision, row.enterprise_id) for row in found}


async def _names(session: AsyncSession, import_id: int, decisions: Sequence[Decision]) -> dict[tuple[str, int], str]:
    found = await session.execute(
        text(
            "SELECT r.sheet, r.row, r.name FROM import_row r WHERE r.import_id = :id AND r.doubt IS NOT NULL AND NOT EXISTS ("
            "SELECT FROM import_decision d WHERE d.import_id = r.import_id AND d.sheet = r.sheet AND d.row = r.row"
            f" AND {STANDS} AND d.carried_out_at IS NOT NULL)"
        ),
        {"id": import_id},
    )
    names = {(row.sheet, row.row): row.name for row in found}
    gone = next((one for one in decisions if (one.sheet, one.row) not in names), None)
    if gone is not None:
        raise DecisionRefused(f"“{gone.sheet}”第 {gone.row} 行已经导入，或不需要确认。请刷新页面，核对后再操作。")
    nameless = next((one for one in decisions if one.said is Said.NEW and not names[one.sheet, one.row]), None)
    if nameless is not None:
        raise DecisionRefused(
            f"“{nameless.sheet}”第 {nameless.row} 行没有企业名称，不能登记为新企业。请选已有企业，或暂缓。"
        )
    return names


async def _demand_seen(session: AsyncSession, ids: Iterable[int]) -> None:
    wanted = sorted(ids)
    found = await session.execute(
        text("SELECT id FROM enterprise WHERE id = ANY(:ids) AND status <> 'withdrawn'"), {"ids": wanted}
    )
    if len(list(found)) < len(wanted):
        raise DecisionRefused("所选企业不在您的区域，或已不在库内。请刷新页面后重新选择。")


async def take_back_last(session: AsyncSession, import_id: int) -> int:
    """Undo what was said last of an import's rows: what had been said before holds again. Returns of how many rows.

    Raises:
        NothingToUndo: nothing was said that was not carried out.
    """
    await session.execute(text("SELECT FROM import_run WHERE id = :id FOR UPDATE"), {"id": import_id})
    batch = await session.scalar(
        text(
            f"SELECT max(d.batch) FROM import_decision d WHERE d.import_id = :id AND {STANDS} AND d.carried_out_at IS NULL"
        ),
        {"id": import_id},
    )
    if batch is None:
        raise NothingToUndo
    values = {"id": import_id, "batch": batch}
    withdrawn = await session.execute(
        text(
            f"UPDATE import_decision d SET withdrawn_at = now() WHERE d.import_id = :id AND d.batch = :batch AND {STANDS}"
            " AND d.carried_out_at IS NULL RETURNING d.sheet, d.row"
        ),
        values,
    )
    rows = list(withdrawn)
    await session.execute(
        text(
            "UPDATE import_decision d SET superseded_by = NULL WHERE d.import_id = :id AND d.superseded_by = :batch"
            " AND d.withdrawn_at IS NULL"
            " AND (d.sheet, d.row) IN (SELECT * FROM unnest(CAST(:sheets AS text[]), CAST(:rows AS integer[])))"
        ),
        {**values, "sheets": [row.sheet for row in rows], "rows": [row.row for row in rows]},
    )
    return len(rows)


# Many at once ----------------------------------------------------------------------------------------


class Bulk(StrEnum):
    """What can be said of all rows that nothing was said of."""

    OBVIOUS = "obvious"
    NEW = "new"
    WAIT = "wait"


async def decide_rest(session: AsyncSession, import_id: int, what: Bulk, decided_by: int | None = None) -> int:
    """Say the same of every row that is still open: confirm the obvious ones; those like nobody are new; the rest wait."""
    found = await session.execute(
        text(
            "SELECT r.sheet, r.row, r.name, r.doubt FROM import_row r WHERE r.import_id = :id AND r.doubt IS NOT NULL"
            " AND r.fate = 'refused' AND NOT EXISTS (SELECT FROM import_decision d WHERE d.import_id = r.import_id"
            f" AND d.sheet = r.sheet AND d.row = r.row AND {STANDS}) ORDER BY r.position"
        ),
        {"id": import_id},
    )
    decisions = [one for row in found.mappings() if (one := _in_bulk(dict(row), what)) is not None]
    return await decide(session, import_id, decisions, decided_by)


def _in_bulk(row: Mapping[str, Any], what: Bulk) -> Decision | None:
    candidates = row["doubt"]["candidates"]
    if what is Bulk.OBVIOUS:
        return (
            Decision(row["sheet"], row["row"], Said.MATCH, candidates[0]["id"]) if row["doubt"]["is_obvious"] else None
        )
    if what is Bulk.NEW:
        return Decision(row["sheet"], row["row"], Said.NEW) if not candidates and row["name"] else None
    return Decision(row["sheet"], row["row"], Said.WAIT)


# Carrying out ----------------------------------------------------------------------------------------


async def choices_of(session: AsyncSession, import_id: int) -> dict[str, int]:
    """What was said of an import's rows, as an import takes it: place of the row → enterprise, or a new one."""
    found = await session.execute(
        text(
            f"SELECT d.sheet, d.row, d.enterprise_id FROM import_decision d WHERE d.import_id = :id AND {STANDS}"
            " AND d.decision <> 'wait' AND d.carried_out_at IS NULL"
        ),
        {"id": import_id},
    )
    return {f"{row.sheet}!{row.row}": row.enterprise_id or NEW_ENTERPRISE for row in found}


async def claim_rest(session: AsyncSession, import_id: int) -> None:
    """Begin to carry out what was said of rows of an import that has been carried out but for these.

    Raises:
        ImportDone: it was undone or not carried out, or somebody is at it.
    """
    claimed = await session.execute(
        text(
            "UPDATE import_run SET status = 'writing', started_at = now(), failure = '', is_stop_asked = false, stage = '',"
            " stage_done = 0, stage_total = 0 WHERE id = :id AND committed_at IS NOT NULL AND undone_at IS NULL"
            f" AND (status IN ('committed', 'committed_in_part') OR (status IN ('writing', 'undoing') AND NOT {ALIVE}))"
            " RETURNING id"
        ),
        {"id": import_id},
    )
    if claimed.first() is None:
        raise ImportDone


async def note_carried_out(session: AsyncSession, import_id: int) -> None:
    """Take down which of the decisions went into an import."""
    await session.execute(
        text(
            f"UPDATE import_decision d SET carried_out_at = now() WHERE d.import_id = :id AND {STANDS}"
            " AND d.decision <> 'wait' AND d.carried_out_at IS NULL"
            " AND (d.sheet, d.row) IN (SELECT r.sheet, r.row FROM import_row r WHERE r.import_id = :id AND r.fate <> 'refused')"
        ),
        {"id": import_id},
    )


async def keep_decided(session: AsyncSession, import_id: int, report: Report) -> None:
    """Keep what became of the rows decided on, beside the others of their import."""
    await keep_rows_again(session, import_id, report)
    await note_carried_out(session, import_id)
