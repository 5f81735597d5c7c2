"""Writing exports down: asked for, worked on, ready, stopped, forgotten. All in the name of their owner."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.exports.book import Written

#: Days that the files are kept.
KEPT_DAYS: Final = 7
#: Exports of one person that run at once: more of them only hinder each other.
MOST_AT_ONCE: Final = 3
#: Seconds after which somebody who says nothing is not there any more.
SILENCE_SECONDS: Final = 60
_PIECE: Final = 4 * 1024 * 1024
_BUSY: Final = (
    "(status IN ('waiting', 'working') AND coalesce(beat_at, asked_at)"
    f" > clock_timestamp() - interval '{SILENCE_SECONDS} seconds')"
)
_SHOWN: Final = (
    "id, kind, title, query, on_day, scope, done, total, files, failure, is_stop_asked, asked_at, ready_at, expires_at,"
    f" CASE WHEN status IN ('waiting', 'working') AND NOT {_BUSY} THEN 'interrupted' ELSE status END AS status"
)


class TooManyExports(Exception):
    """Somebody has enough exports running."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__(f"您有 {MOST_AT_ONCE} 个导出正在进行，请等其中一个完成或停止后再导出。")


class ExportGone(Exception):
    """The files are not to be had: not ready, expired, or of a scope that their owner has no longer."""

    status_code = 410

    def __init__(self, why: str) -> None:
        super().__init__(why)


def written_scope(scope: Scope) -> str:
    """A scope as a word to be compared."""
    return f"{scope.region}|{scope.park}"


async def ask(session: AsyncSession, scope: Scope, kind: str, title: str, query: str, on: date, total: int) -> int:
    """Write down what somebody wants. Returns the export's number.

    Raises:
        TooManyExports: enough are running.
    """
    await forget_old(session)
    busy = await session.scalar(text(f"SELECT count(*) FROM export_job WHERE {_BUSY}"))
    if (busy or 0) >= MOST_AT_ONCE:
        raise TooManyExports
    found = await session.execute(
        text(
            "INSERT INTO export_job (person_id, scope, kind, title, query, on_day, total, expires_at) VALUES (:person, :scope,"
            " :kind, :title, :query, :on, :total, now() + make_interval(days => :days)) RETURNING id"
        ),
        {
            "person": scope.user_id, "scope": written_scope(scope), "kind": kind, "title": title[:120], "query": query,
            "on": on, "total": total, "days": KEPT_DAYS,
        },
    )  # fmt: skip
    return found.scalar_one()


async def tell(session: AsyncSession, job_id: int, done: int, total: int) -> bool:
    """Say how far an export is. Returns whether it is to stop."""
    found = await session.execute(
        text(
            "UPDATE export_job SET status = 'working', done = :done, total = :total, beat_at = clock_timestamp()"
            " WHERE id = :id RETURNING is_stop_asked"
        ),
        {"id": job_id, "done": done, "total": total},
    )
    # Forgotten meanwhile is stopped, too.
    return bool(found.scalar_one_or_none() in (True, None))


async def keep_files(session: AsyncSession, job_id: int, name: str, files: Sequence[Written]) -> None:
    """Keep the files of an export that is done, piece by piece."""
    told: list[Mapping[str, Any]] = []
    for number, one in enumerate(files):
        size = await _keep_file(session, job_id, number, one.path)
        shown = f"{name}.xlsx" if len(files) == 1 else f"{name}-{number + 1}.xlsx"
        told.append({"name": shown, "bytes": size, "rows": one.rows})
    await session.execute(
        text(
            "UPDATE export_job SET status = 'ready', files = CAST(:files AS jsonb), ready_at = clock_timestamp(),"
            " done = :rows, total = :rows, expires_at = now() + make_interval(days => :days) WHERE id = :id"
        ),
        {
            "id": job_id, "files": json.dumps(told, ensure_ascii=False), "rows": sum(one.rows for one in files),
            "days": KEPT_DAYS,
        },
    )  # fmt: skip


async def _keep_file(session: AsyncSession, job_id: int, number: int, path: Path) -> int:
    size = 0
    with path.open("rb") as stream:
        for piece, content in enumerate(iter(lambda: stream.read(_PIECE), b"")):
            size += len(content)
            await session.execute(
                text("INSERT INTO export_piece (job_id, file, piece, content) VALUES (:id, :file, :piece, :content)"),
                {"id": job_id, "file": number, "piece": piece, "content": content},
            )
    return size


async def end(session: AsyncSession, job_id: int, status: str, failure: str) -> None:
    """Say that an export came to nothing, and why."""
    await session.execute(
        text("UPDATE export_job SET status = :status, failure = :failure WHERE id = :id"),
        {"id": job_id, "status": status, "failure": failure},
    )


async def ask_to_stop(session: AsyncSession, job_id: int) -> None:
    """Ask whoever works on an export to stop."""
    await session.execute(text("UPDATE export_job SET is_stop_asked = true WHERE id = :id"), {"id": job_id})


async def forget(session: AsyncSession, job_id: int) -> None:
    """Delete an export with its files."""
    await session.execute(text("DELETE FROM export_job WHERE id = :id"), {"id": job_id})


async def forget_old(session: AsyncSession) -> None:
    """Delete the exports, whosever they are, whose days are over."""
    await session.execute(text("DELETE FROM export_job WHERE expires_at < now()"))


# Reading ---------------------------------------------------------------------------------------------


async def own_exports(session: AsyncSession, limit: int = 50) -> list[dict[str, Any]]:
    """One's own exports that are still kept, the latest first."""
    found = await session.execute(
        text(f"SELECT {_SHOWN} FROM export_job WHERE expires_at >= now() ORDER BY id DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [dict(row) for row in found.mappings()]


async def own_export(session: AsyncSession, job_id: int) -> dict[str, Any] | None:
    """One of one's own exports; None if there is none of that number, or it is somebody else's."""
    found = await session.execute(
        text(f"SELECT {_SHOWN} FROM export_job WHERE id = :id AND expires_at >= now()"), {"id": job_id}
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None


async def piece_of(session: AsyncSession, job_id: int, file: int, piece: int) -> bytes | None:
    """A piece of a file; None after the last."""
    found = await session.execute(
        text("SELECT content FROM export_piece WHERE job_id = :id AND file = :file AND piece = :piece"),
        {"id": job_id, "file": file, "piece": piece},
    )
    return found.scalar_one_or_none()
