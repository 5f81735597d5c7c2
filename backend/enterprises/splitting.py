"""Writing that one enterprise became two, 分立: who came of it, on which day, and which titles passed over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.enterprises.ending import LifeRefused, demand_own_file
from backend.enterprises.lineage import ENDS
from backend.enterprises.queries import find, known_enterprises
from backend.enterprises.regions import Regions
from backend.enterprises.schemas import Draft, Known
from backend.enterprises.service import register
from backend.enterprises.writing import lock
from backend.recognitions.passing import pass_on
from rules.library import library


@dataclass(frozen=True)
class Split:
    """A split as an officer states it."""

    from_id: int
    split_on: date
    reason: str
    document: str = ""
    #: The new enterprise; one that the registry has already is known by its credit code.
    name: str = ""
    credit_code: str = ""
    region_code: str = ""
    #: The titles that pass over; the others stay.
    recognition_ids: Sequence[int] = field(default_factory=tuple[int, ...])


async def split(session: AsyncSession, stated: Split, by: int | None = None) -> int:
    """Let an enterprise have come of another on a day, with the titles that pass to it. Returns the new one's id.

    Raises:
        LifeRefused: the two are one, or one of them stands for no enterprise of its own.
        RecognitionRefused: a title did not count on the day before.
    """
    held = await lock(session, stated.from_id)
    demand_own_file(held["name"], held["status"])
    stated = _checked(stated, held)
    _demand_lived(held, stated)
    to_id, is_new = await _other(session, stated, held["region_code"])
    if to_id == stated.from_id:
        raise LifeRefused("分出的企业就是这家企业自己，请核对统一社会信用代码。")
    other = await lock(session, to_id)
    demand_own_file(other["name"], other["status"])
    _demand_lived(other, stated)
    await _demand_own_titles(session, stated)
    why = f"{stated.split_on} 分立，随业务转入{other['name']}"
    notice = stated.document or f"{stated.split_on} 自{held['name']}分立"
    passed = [
        await pass_on(session, number, to_id, stated.split_on, (why, notice), by) for number in stated.recognition_ids
    ]
    await session.execute(
        text(
            "INSERT INTO enterprise_split (from_id, to_id, split_on, document, reason, recognition_ids, handed, is_new,"
            " to_revision, recorded_by) VALUES (:from_id, :to_id, :on, :document, :reason, :made, CAST(:handed AS jsonb),"
            " :is_new, :revision, :by)"
        ),
        {
            "from_id": stated.from_id, "to_id": to_id, "on": stated.split_on, "document": stated.document,
            "reason": stated.reason, "made": [one.made for one in passed],
            "handed": json.dumps([astuple(one) for one in passed]), "is_new": is_new, "revision": other["revision"],
            "by": by,
        },
    )  # fmt: skip
    await evaluate(session, [stated.from_id, to_id], library(), today())
    return to_id


def _checked(stated: Split, held: Mapping[str, Any]) -> Split:
    """What was stated, its code in its one spelling. Raises LifeRefused where it cannot be."""
    founded = held["established_on"]
    if founded and stated.split_on <= founded:
        raise LifeRefused(f"分立日期 {stated.split_on} 不晚于成立日期 {founded}，请核对。")
    region = Regions.load().find(stated.region_code)
    is_as_before = stated.region_code in ("", held["region_code"])
    if not is_as_before and (region is None or region.level != "district"):
        raise LifeRefused(f"没有市（区）{stated.region_code}，请填六位行政区划代码，或不填（与原企业相同）。")
    if not stated.credit_code:
        return stated
    try:
        return replace(stated, credit_code=str(parse_credit_code(stated.credit_code)))
    except CreditCodeError as problem:
        raise LifeRefused(problem.message) from problem


def _demand_lived(held: Mapping[str, Any], stated: Split) -> None:
    """Raises LifeRefused for who was none any more on the day; who is dissolved by the split ends on it."""
    if held["ended_on"] and stated.split_on > held["ended_on"]:
        raise LifeRefused(
            f"“{held['name']}”自 {held['ended_on']} 起已{ENDS[held['status']]}，分立日期 {stated.split_on} 不能在其后；"
            "如注销登记有误，请先撤销。"
        )


async def _other(session: AsyncSession, stated: Split, region_code: str) -> tuple[int, bool]:
    """The enterprise that came of it, and whether it was registered for that: one that is known stays as it is."""
    known = await find(session, stated.credit_code) if stated.credit_code else None
    if known is not None and known["status"] != "withdrawn":
        return int(known["id"]), False
    name = stated.name or (known["name"] if known is not None else "")
    if len(name) < 2:
        unknown = f"库内没有代码为“{stated.credit_code}”的企业，" if stated.credit_code else ""
        raise LifeRefused(f"{unknown}请填写新企业的名称，由系统登记；库内已有的，填统一社会信用代码即可。")
    draft = Draft(
        name, stated.credit_code or None, region_code=stated.region_code or region_code,
        established_on=stated.split_on,
    )  # fmt: skip
    namesake = (await known_enterprises(session, [draft])).get(0)
    if namesake is not None and namesake.fields["status"] != "withdrawn":
        return _namesake(namesake, stated), False
    number = (await register(session, [draft], today())).ids[0]
    # What had opened its file was taken back once, and now it is spoken of again.
    await session.execute(
        text("UPDATE enterprise SET status = 'active' WHERE id = :id AND status = 'withdrawn'"), {"id": number}
    )
    return number, True


def _namesake(known: Known, stated: Split) -> int:
    """One that bears the name: it is meant only where nothing else tells the two apart. Raises LifeRefused."""
    if known.credit_code:
        raise LifeRefused(
            f"库内已有名为“{stated.name}”的企业（{known.credit_code}）。如分出的就是它，请填写它的统一社会信用代码；"
            "如是另一家，请填写另一家的代码。"
        )
    if stated.credit_code:
        raise LifeRefused(
            f"库内已有名为“{stated.name}”、尚无代码的企业（编号 {known.id}）。如就是它，请先在它的档案里补上代码，再登记分立。"
        )
    return known.id


async def _demand_own_titles(session: AsyncSession, stated: Split) -> None:
    found = await session.execute(
        text(
            "SELECT id FROM recognition WHERE enterprise_id = :id AND superseded_at IS NULL AND id = ANY(:ids) FOR UPDATE"
        ),
        {"id": stated.from_id, "ids": list(stated.recognition_ids)},
    )
    if set(found.scalars()) != set(stated.recognition_ids):
        raise LifeRefused("选中的认定有的不属于这家企业，或刚被修改过。请刷新页面，核对后重新选择。")
