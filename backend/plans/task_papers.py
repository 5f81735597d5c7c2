"""The papers behind what was said of a task: kept as every paper is, under the hash of their content.

A paper belongs to a note and stays with it; who may read the note may save the paper, an enterprise may do neither.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.attachments import NoSuchPaper, PaperDamaged
from backend.filings.papers import examine

#: Papers that come with one note.
MOST_PAPERS = 10


@dataclass(frozen=True)
class Evidence:
    """A paper as it lies with a note; `size` in bytes."""

    id: int
    note_id: int
    file_name: str
    media_type: str
    size: int


async def keep(session: AsyncSession, note_id: int, content: bytes, file_name: str) -> None:
    """Keep a paper with a note.

    Raises:
        PaperRefused: it is no file that is taken.
    """
    kind, name = examine(content, file_name)
    await session.execute(
        text(
            "INSERT INTO task_paper (note_id, digest, file_name)"
            " VALUES (:note, keep_paper(:content, :media_type), :name) ON CONFLICT (note_id, digest) DO NOTHING"
        ),
        {"note": note_id, "content": content, "media_type": kind.media_type, "name": name},
    )


async def papers_of(session: AsyncSession, note_ids: Sequence[int]) -> dict[int, list[Evidence]]:
    """The papers of some notes, by note."""
    found = await session.execute(
        text(
            "SELECT t.id, t.note_id, t.file_name, p.media_type, p.size FROM task_paper t JOIN paper p USING (digest)"
            " WHERE t.note_id = ANY(CAST(:notes AS bigint[])) ORDER BY t.id"
        ),
        {"notes": list(note_ids)},
    )
    by_note: dict[int, list[Evidence]] = {}
    for row in found:
        by_note.setdefault(row.note_id, []).append(Evidence(*row))
    return by_note


async def read(session: AsyncSession, plan: str, item: str, paper_id: int) -> tuple[str, str, bytes]:
    """The file name, media type and content of a paper that lies with a task.

    Raises:
        NoSuchPaper: it is not there, or not the reader's.
        PaperDamaged: its content does not agree with its hash.
    """
    found = await session.execute(
        text(
            "SELECT t.file_name, p.media_type, p.content, p.digest FROM task_paper t JOIN paper p USING (digest)"
            " JOIN task_note n ON n.id = t.note_id WHERE t.id = :id AND n.plan = :plan AND n.item = :item"
        ),
        {"id": paper_id, "plan": plan, "item": item},
    )
    row = found.first()
    if row is None:
        raise NoSuchPaper
    if hashlib.sha256(row.content).hexdigest() != row.digest:
        raise PaperDamaged(row.digest)
    return row.file_name, row.media_type, row.content
