"""The papers that an enterprise handed in itself, for it to have them back. Those of officers stay with the bureau."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.attachments import read_paper
from backend.web.errors import NotFound
from rules.translation import say

#: With a receipt: what whoever submitted it attached, since an officer may add to any filing. With an application: what
#: it names; of a paper that an officer had attached before, the content is the enterprise's own all the same.
_OWN: Final = (
    "SELECT a.id, a.file_name, a.filing_id FROM attachment a WHERE a.enterprise_id = :id AND a.withdrawn_at IS NULL"
    " AND (EXISTS (SELECT FROM receipt r WHERE r.enterprise_id = a.enterprise_id AND r.filing_id = a.filing_id"
    " AND r.submitted_by = a.attached_by) OR EXISTS (SELECT FROM pool_application p"
    " WHERE p.enterprise_id = a.enterprise_id AND a.id = ANY(p.attachment_ids)))"
)


@dataclass(frozen=True)
class OwnPaper:
    """A paper, and the filing that it is evidence of; None where it goes with an application."""

    id: int
    file_name: str
    filing_id: int | None


async def own_papers(session: AsyncSession, enterprise_id: int) -> Sequence[OwnPaper]:
    """The papers that the enterprise handed in and nobody withdrew, the oldest first."""
    found = await session.execute(text(f"{_OWN} ORDER BY a.id"), {"id": enterprise_id})
    return [OwnPaper(row.id, row.file_name, row.filing_id) for row in found]


async def read_own_paper(session: AsyncSession, enterprise_id: int, attachment_id: int) -> tuple[str, str, bytes]:
    """The file name, media type and content of one of them.

    Raises:
        NotFound: there is none, or it is another's, or an officer's.
        PaperDamaged: its content does not agree with its hash.
    """
    found = await session.scalar(
        text(f"SELECT id FROM ({_OWN}) own WHERE own.id = :paper"), {"id": enterprise_id, "paper": attachment_id}
    )
    if found is None:
        raise NotFound(say("没有这份材料，或它已撤回，或不是贵单位提交的。请从“登记的数据”或“培育库”进入。"))
    return await read_paper(session, attachment_id)
