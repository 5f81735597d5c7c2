"""Undoing a large import, as a proposal that a second person confirms."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, needs_second_person, propose, register_kind
from backend.clock import today
from backend.database.scope import Scope
from backend.settings import Settings
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import NotUndoable, claim_undoing
from backend.spreadsheets.queries import import_run, size_of
from backend.spreadsheets.reading import ReadOptions
from backend.spreadsheets.running import Run, undo
from rules.library import library

UNDO: Final = "import.undo"


def is_large(request: Request, run: Mapping[str, Any]) -> bool:
    """Whether undoing an import is a matter for two: a slip of some rows is mended by whoever made it."""
    settings: Settings = request.app.state.settings
    written = (run["created"] or 0) + (run["updated"] or 0)
    return written > settings.four_eyes_undo_rows and needs_second_person(request, UNDO)


async def propose_undoing(session: AsyncSession, run: Mapping[str, Any], person_id: int) -> int:
    """Propose that an import is undone. Returns the proposal's id. Raises AlreadyProposed, NotUndoable."""
    name = run["file_name"]
    new, changed = await _touched(session, run["id"])
    changes = (
        Change("这次导入登记的企业", f"{new:,} 家", "撤销登记"),
        Change("这次导入改动的企业", f"{changed:,} 家", "恢复到导入之前"),
        Change("这次导入的数据和认定", "有效", "不再有效"),
    )
    proposed = Proposed(
        UNDO, f"撤销导入：{name}（{run['created'] + run['updated']:,} 行）", {"import_id": run["id"]}, None,
        "导入之后又改动过的企业保留原样", changes, run["region_code"],
    )  # fmt: skip
    return await propose(session, proposed, person_id)


async def is_waiting(session: AsyncSession, import_id: int) -> bool:
    """Whether somebody proposed to undo an import and nobody has decided yet."""
    found = await session.scalar(
        text(
            "SELECT EXISTS (SELECT FROM proposal WHERE state = 'open' AND expires_at > now() AND kind = :kind"
            " AND payload ->> 'import_id' = :id)"
        ),
        {"kind": UNDO, "id": str(import_id)},
    )
    return bool(found)


async def _touched(session: AsyncSession, import_id: int) -> tuple[int, int]:
    found = await session.execute(
        text(
            "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM import_touched"
            " WHERE import_id = :id"
        ),
        {"id": import_id},
    )
    row = found.one()
    return int(row[0]), int(row[1])


async def _undo(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    """Have it undone beside the requests, as soon as it is written down that it was confirmed."""
    run = await _run(session, payload["import_id"], proposed_by)
    await claim_undoing(session, run.import_id)
    begun: list[Run] = []

    def begin(sync: Session) -> None:
        # Savepoints say so, too.
        if not sync.in_nested_transaction() and not begun:
            begun.append(run)
            assert isinstance(session.bind, AsyncEngine)
            undo(session.bind, Settings(), run)

    event.listen(session.sync_session, "after_commit", begin)


async def _run(session: AsyncSession, import_id: int, proposed_by: int) -> Run:
    """The import, to be undone by whoever proposed that, among the rows that whoever confirms may see."""
    found = await import_run(session, import_id)
    if found is None:
        raise NotUndoable
    seen = await session.execute(
        text("SELECT current_setting('tidu.scope', true) AS region, current_setting('tidu.park', true) AS park")
    )
    row = seen.one()
    scope = Scope(row.region, proposed_by, park=row.park or "", reads_tax=True)
    importer = Importer(library().catalogue, library(), today(), proposed_by, found["region_code"])
    size = await size_of(session, import_id)
    return Run(import_id, found["file_name"], ReadOptions(), {}, importer, scope, size=size)


async def _attempt(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    # Undoing a hundred thousand rows twice would only cost time: what was changed since is left alone anyway.
    found = await import_run(session, payload["import_id"])
    if found is None or found["status"] not in ("committed", "committed_in_part"):
        raise NotUndoable


register_kind(UNDO, "撤销导入", _undo, _attempt)
