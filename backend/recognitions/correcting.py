"""A title put right that was entered wrongly, or taken out that was never granted. What stood before stays known.

No change of the title's life: a revocation, a review or a new certificate is entered as what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.plausible import check_days
from backend.recognitions.queries import Held
from backend.recognitions.renewal import shipped
from backend.recognitions.service import (
    RecognitionRefused,
    keys_of_title,
    last_day,
    lock_title,
    standing_keys,
    supersede,
)
from rules.library import Library

#: Ways to go on that are a new certificate, and no review of the one there is.
_NEW_CERTIFICATE: Final = ("重新认定", "重新评价")
#: What a review moved on, or what passed over from another enterprise, has days that follow from no term.
_OF_ONE_TERM: Final = ("granted", "renewed")


@dataclass(frozen=True)
class Correction:
    """A title as it should have been entered; all of what may be put right."""

    number: str
    batch: str
    granted_on: date
    valid_from: date
    #: None works it out by the programme, where that says how long a title lasts.
    valid_to: date | None
    notice: str
    reason: str


async def correct(
    session: AsyncSession,
    recognition_id: int,
    as_it_is: Correction,
    library: Library,
    *,
    recorded_by: int | None = None,
    recorded_at: datetime | None = None,
) -> bool:
    """Go on with a title as it should have been entered. Returns whether anything changed.

    Raises:
        RecognitionRefused: the days contradict each other, the enterprise has that very title already, or the title was
            changed meanwhile.
    """
    row = await lock_title(session, recognition_id)
    is_of_one_term = row["kind"] in _OF_ONE_TERM
    worked_out = last_day(row["programme"], as_it_is.valid_from, library) if is_of_one_term else row["valid_to"]
    valid_to = as_it_is.valid_to or worked_out
    _check_days(row, as_it_is, valid_to, library)
    changes: dict[str, Any] = {
        "number": as_it_is.number, "batch": as_it_is.batch, "granted_on": as_it_is.granted_on,
        "valid_from": as_it_is.valid_from, "valid_to": valid_to, "notice": as_it_is.notice,
    }  # fmt: skip
    if row["edition"] is not None and row["edition"] == row["granted_on"].year:
        changes["edition"] = as_it_is.granted_on.year
    if all(row[name] == value for name, value in changes.items()):
        return False
    await _demand_no_other(session, row, changes)
    why = {"correction": as_it_is.reason, "import_id": None}
    await supersede(session, row, {**changes, **why}, recorded_by, recorded_at)
    return True


def _check_days(row: Mapping[str, Any], as_it_is: Correction, valid_to: date | None, library: Library) -> None:
    if row["kind"] in _OF_ONE_TERM:
        check_days(row["programme"], as_it_is.granted_on, as_it_is.valid_from, valid_to, library)
    elif valid_to is not None and valid_to < as_it_is.valid_from:
        raise RecognitionRefused(f"有效期止 {valid_to} 早于有效期起 {as_it_is.valid_from}，请核对日期")
    revoked_on = row["revoked_on"]
    if revoked_on is not None and (
        revoked_on < as_it_is.valid_from or (valid_to is not None and revoked_on > valid_to)
    ):
        raise RecognitionRefused(f"该认定自 {revoked_on} 起取消，不在更正后的有效期内，请核对日期")


async def _demand_no_other(session: AsyncSession, row: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    known = await standing_keys(session, [row["enterprise_id"]])
    own = keys_of_title(row["enterprise_id"], row["programme"], row["valid_from"], row["granted_on"], row["number"])
    new = keys_of_title(
        row["enterprise_id"], row["programme"], changes["valid_from"], changes["granted_on"], changes["number"]
    )
    if not (known - own).isdisjoint(new):
        raise RecognitionRefused(
            "这家企业已有同一项目、同一起始日或同一编号的另一条认定，请核对；如是重复登记，请撤回其中一条"
        )


async def withdraw(session: AsyncSession, recognition_id: int) -> int:
    """Let a title hold no more that was never granted. Returns whose it was said to be; the trace keeps why.

    Raises:
        RecognitionRefused: the title was changed meanwhile.
    """
    row = await lock_title(session, recognition_id)
    await session.execute(
        text("UPDATE recognition SET superseded_at = greatest(now(), recorded_at) WHERE id = :id"), {"id": row["id"]}
    )
    return int(row["enterprise_id"])


def check_extension(title: Held, valid_to: date, library: Library) -> None:
    """Whether a review can let a title count until a day.

    Raises:
        RecognitionRefused: it was revoked, has no end or a later one, goes on by a new certificate alone (国科发火〔2016〕32号
            knows no review), or would go on for much more than one term (工信部企业〔2022〕63号 第十三条: 复核通过的延期三年).
    """
    if title.revoked_on is not None:
        raise RecognitionRefused(f"该认定已自 {title.revoked_on} 起取消，不能延长；如重新获得，请登记新的认定")
    if title.valid_to is None:
        raise RecognitionRefused("该认定没有到期日，不用延长")
    if (window := shipped().get(title.programme)) is not None and window.how in _NEW_CERTIFICATE:
        raise RecognitionRefused(f"这个项目没有复核，到期前须{window.how}、换发新证，请用“登记认定”登记新证")
    if valid_to <= title.valid_to:
        raise RecognitionRefused(f"该认定的有效期止已是 {title.valid_to}，不早于 {valid_to}，请核对复核后的有效期止")
    longest = next_last_day(title, library)
    # What a notice prints goes before the term, but is never a year off.
    if longest is not None and valid_to > longest + timedelta(days=366):
        raise RecognitionRefused(f"{valid_to} 比顺延一个有效期（至 {longest}）还晚一年以上，请核对年份")


def next_last_day(title: Held, library: Library) -> date | None:
    """The last day of another term that follows a title without a gap; None where the programme has no term."""
    if title.valid_to is None:
        return None
    return last_day(title.programme, title.valid_to + timedelta(days=1), library)
