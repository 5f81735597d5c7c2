"""Needs and problems that an enterprise brings up itself; they arrive in its service file, and it sees the answers.

What officers note otherwise stays with them: of a need the enterprise is shown what it said, how far it is, and the
answer.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.cultivation.actions import ActionDraft, open_action
from backend.cultivation.stages import ACTION_KINDS, TOPICS
from backend.own_file.bureau_side import as_bureau, own_id
from backend.web.errors import Refusal
from rules.translation import marked, say

LONGEST: Final = 2000
#: Until an officer says otherwise.
_OWNER: Final = "待分派"


class NeedRefused(Refusal):
    """It cannot be brought up so."""

    status = 422
    slug = "need-refused"
    title = marked("没有提交")


async def raise_need(
    session: AsyncSession, person: PersonSignedIn, kind: str, topic: str, content: str, on: date
) -> int:
    """Bring up a need or a problem. Raises NeedRefused."""
    if kind not in ACTION_KINDS or topic not in TOPICS:
        raise NeedRefused(say("请选择种类和方面。没有提交。"))
    if not content.strip() or len(content) > LONGEST:
        raise NeedRefused(say("请写明需求或问题，最多 {most} 个字。没有提交。", most=LONGEST))
    draft = ActionDraft(kind, topic, content.strip(), on, _OWNER, is_from_enterprise=True)
    async with as_bureau(session, person):
        return await open_action(session, own_id(person), draft, by=person.id)


async def needs_of(session: AsyncSession, person: PersonSignedIn) -> list[Mapping[str, Any]]:
    """What the enterprise brought up itself, the latest first, each with its answer."""
    async with as_bureau(session, person):
        found = await session.execute(
            text(
                "SELECT id, kind, topic, content, raised_on, status, answer, closed_at FROM service_action"
                " WHERE enterprise_id = :id AND is_from_enterprise ORDER BY id DESC LIMIT 200"
            ),
            {"id": own_id(person)},
        )
        return [dict(row) for row in found.mappings()]
