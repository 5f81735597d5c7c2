"""Titles entered, extended or taken away by hand, as proposals that a second person confirms."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, propose, register_kind
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.recognitions.correcting import Correction, correct, withdraw
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, extend, grant, last_day, revoke
from rules.library import library

GRANT: Final = "recognition.grant"
REVOKE: Final = "recognition.revoke"
EXTEND: Final = "recognition.extend"
CORRECT: Final = "recognition.correct"
WITHDRAW: Final = "recognition.withdraw"
_DAYS: Final = {
    field.name for kind in (RecognitionDraft, Correction) for field in fields(kind) if "date" in str(field.type)
}
_CORRECTED: Final = {
    "number": "编号", "batch": "批次", "granted_on": "发证或公告日期", "valid_from": "有效期起", "valid_to": "有效期止",
    "notice": "依据",
}  # fmt: skip


async def propose_grant(session: AsyncSession, draft: RecognitionDraft, person_id: int) -> int:
    """Propose a title. Returns the proposal's id. Raises AlreadyProposed, RecognitionRefused."""
    what = _name_of(draft.programme)
    number = f"，证书 {draft.number}" if draft.number else ""
    valid_from = draft.valid_from or draft.granted_on
    valid_to = draft.valid_to or last_day(draft.programme, valid_from, library())
    changes = (
        Change("认定", "", what), Change("发证或公告日期", "", str(draft.granted_on)),
        Change("有效期", "", f"{valid_from} 至 {valid_to or '长期'}"), Change("证书编号", "", draft.number),
        Change("依据", "", draft.notice),
    )  # fmt: skip
    proposed = Proposed(
        GRANT, f"登记认定：{what}，{draft.granted_on}{number}", asdict(draft), draft.enterprise_id, draft.notice,
        tuple(one for one in changes if one.after),
    )  # fmt: skip
    return await propose(session, proposed, person_id)


async def propose_revocation(
    session: AsyncSession, enterprise_id: int, recognition_id: int, revoked_on: date, reason: str, person_id: int
) -> int:
    """Propose that a title counts no more from a day on. Returns the proposal's id.

    Raises AlreadyProposed, RecognitionRefused.
    """
    what, was = await _standing(session, recognition_id)
    payload = {"recognition_id": recognition_id, "revoked_on": revoked_on, "reason": reason}
    proposed = Proposed(
        REVOKE, f"取消资格：{what}，自 {revoked_on} 起", payload, enterprise_id, reason,
        (Change(what, was, f"自 {revoked_on} 起取消"),),
    )  # fmt: skip
    return await propose(session, proposed, person_id)


async def propose_extension(
    session: AsyncSession, enterprise_id: int, recognition_id: int, valid_to: date, notice: str, person_id: int
) -> int:
    """Propose that a title counts until a later day. Returns the proposal's id.

    Raises AlreadyProposed, RecognitionRefused.
    """
    what, was = await _standing(session, recognition_id)
    payload = {"recognition_id": recognition_id, "valid_to": valid_to, "notice": notice}
    proposed = Proposed(
        EXTEND, f"延长有效期：{what}，至 {valid_to}", payload, enterprise_id, notice,
        (Change(what, was, f"有效至 {valid_to}"),),
    )  # fmt: skip
    return await propose(session, proposed, person_id)


async def propose_correction(
    session: AsyncSession, enterprise_id: int, recognition_id: int, as_it_is: Correction, person_id: int
) -> int:
    """Propose that an entry be put right. Returns the proposal's id. Raises AlreadyProposed, RecognitionRefused."""
    what, _ = await _standing(session, recognition_id)
    found = await session.execute(text("SELECT * FROM recognition WHERE id = :id"), {"id": recognition_id})
    row = found.mappings().one()
    changes = tuple(
        Change(f"{what}：{label}", str(row[name] or ""), str(getattr(as_it_is, name) or ""))
        for name, label in _CORRECTED.items()
        if row[name] != getattr(as_it_is, name)
    )
    payload = {"recognition_id": recognition_id, **asdict(as_it_is)}
    proposed = Proposed(CORRECT, f"更正认定登记：{what}", payload, enterprise_id, as_it_is.reason, changes)
    return await propose(session, proposed, person_id)


async def propose_withdrawal(
    session: AsyncSession, enterprise_id: int, recognition_id: int, reason: str, person_id: int
) -> int:
    """Propose that an entry be taken out. Returns the proposal's id. Raises AlreadyProposed, RecognitionRefused."""
    what, was = await _standing(session, recognition_id)
    payload = {"recognition_id": recognition_id, "reason": reason}
    proposed = Proposed(
        WITHDRAW, f"撤回认定登记：{what}", payload, enterprise_id, reason, (Change(what, was, "撤回，视为没有登记过"),)
    )
    return await propose(session, proposed, person_id)


def _name_of(programme: str) -> str:
    named = library().by_name.get(programme)
    return named.source.name.zh if named is not None else programme


async def _standing(session: AsyncSession, recognition_id: int) -> tuple[str, str]:
    """What a title is called and how long it counts as it stands, in words."""
    found = await session.execute(
        text("SELECT programme, valid_to, revoked_on FROM recognition WHERE id = :id"), {"id": recognition_id}
    )
    row = found.one()
    if row.revoked_on is not None:
        return _name_of(row.programme), f"自 {row.revoked_on} 起取消"
    return _name_of(row.programme), f"有效至 {row.valid_to}" if row.valid_to is not None else "长期有效"


async def _grant(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    draft = RecognitionDraft(**{name: _read(name, value) for name, value in payload.items()})
    await because(session, draft.notice)
    if not (await grant(session, [draft], library(), recorded_by=proposed_by))[0]:
        raise RecognitionRefused("这项认定已经登记过了，请核对企业档案")
    await evaluate(session, [draft.enterprise_id], library(), today())


async def _revoke(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    which, day = payload["recognition_id"], _day(payload["revoked_on"])
    await revoke(session, which, day, payload["reason"], recorded_by=proposed_by)
    await _evaluate_holder(session, which)


async def _extend(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["notice"])
    which, day = payload["recognition_id"], _day(payload["valid_to"])
    if not await extend(session, which, day, payload["notice"], recorded_by=proposed_by):
        raise RecognitionRefused(f"该认定的有效期止已不早于 {day}，不用再延长")
    await _evaluate_holder(session, which)


async def _correct(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    told = {name: _read(name, value) for name, value in payload.items() if name != "recognition_id"}
    if not await correct(session, payload["recognition_id"], Correction(**told), library(), recorded_by=proposed_by):
        raise RecognitionRefused("登记的内容已与更正后的相同，不用再更正")
    await _evaluate_holder(session, payload["recognition_id"])


async def _withdraw(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["reason"])
    await evaluate(session, [await withdraw(session, payload["recognition_id"])], library(), today())


async def _evaluate_holder(session: AsyncSession, recognition_id: int) -> None:
    holder = await session.scalar(text("SELECT enterprise_id FROM recognition WHERE id = :id"), {"id": recognition_id})
    if holder is not None:
        await evaluate(session, [holder], library(), today())


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _read(name: str, value: Any) -> Any:
    return _day(value) if name in _DAYS and value is not None else value


register_kind(GRANT, "登记认定", _grant)
register_kind(REVOKE, "取消资格", _revoke)
register_kind(EXTEND, "延长有效期", _extend)
register_kind(CORRECT, "更正认定登记", _correct)
register_kind(WITHDRAW, "撤回认定登记", _withdraw)
