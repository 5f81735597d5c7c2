"""Titles entered or taken away by hand, as proposals that a second person confirms."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Any, Final

from fastapi import Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Proposed, propose, register_kind
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, grant, revoke
from backend.settings import Settings
from rules.library import library

GRANT: Final = "recognition.grant"
REVOKE: Final = "recognition.revoke"
_DAYS: Final = {field.name for field in fields(RecognitionDraft) if "date" in str(field.type)}


def needs_second_person(request: Request) -> bool:
    """Whether the installation wants titles by hand to be confirmed by another one."""
    settings: Settings = request.app.state.settings
    return settings.four_eyes


async def propose_grant(session: AsyncSession, draft: RecognitionDraft, person_id: int) -> int:
    """Propose a title. Returns the proposal's id. Raises RecognitionRefused."""
    named = library().by_name.get(draft.programme)
    what = named.source.name.zh if named is not None else draft.programme
    number = f"，证书 {draft.number}" if draft.number else ""
    proposed = Proposed(
        GRANT, f"登记认定：{what}，{draft.granted_on}{number}", asdict(draft), draft.enterprise_id, draft.notice
    )
    return await propose(session, proposed, person_id)


async def propose_revocation(
    session: AsyncSession, enterprise_id: int, recognition_id: int, revoked_on: date, reason: str, person_id: int
) -> int:
    """Propose that a title counts no more from a day on. Returns the proposal's id. Raises RecognitionRefused."""
    payload = {"recognition_id": recognition_id, "revoked_on": revoked_on, "reason": reason}
    programme = await session.scalar(text("SELECT programme FROM recognition WHERE id = :id"), {"id": recognition_id})
    named = library().by_name.get(str(programme))
    what = named.source.name.zh if named is not None else programme
    proposed = Proposed(REVOKE, f"取消资格：{what}，自 {revoked_on} 起", payload, enterprise_id, reason)
    return await propose(session, proposed, person_id)


async def _grant(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    draft = RecognitionDraft(**{name: _read(name, value) for name, value in payload.items()})
    await because(session, draft.notice)
    if not (await grant(session, [draft], library(), recorded_by=proposed_by))[0]:
        raise RecognitionRefused("这项认定已经登记过了，请核对企业档案")
    await evaluate(session, [draft.enterprise_id], library(), today())


async def _revoke(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    revoked_on = payload["revoked_on"]
    day = revoked_on if isinstance(revoked_on, date) else date.fromisoformat(revoked_on)
    await revoke(session, payload["recognition_id"], day, payload["reason"], recorded_by=proposed_by)
    enterprise_id = await session.scalar(
        text("SELECT enterprise_id FROM recognition WHERE id = :id"), {"id": payload["recognition_id"]}
    )
    if enterprise_id is not None:
        await evaluate(session, [enterprise_id], library(), today())


def _read(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name in _DAYS and isinstance(value, str) else value


register_kind(GRANT, "登记认定", _grant)
register_kind(REVOKE, "取消资格", _revoke)
