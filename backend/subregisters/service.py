"""Writing entries of the sub-registers. A correction, a promotion and a withdrawal each leave what stood before.

EntryRefused
├── EntryWrong         a value cannot be; `field` is the form's field it is about
├── AlreadyEntered     the very thing of this level stands already
├── NothingChanged     a correction that changes nothing
└── EntryGone          somebody corrected or withdrew it meanwhile
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.labels import CITIES
from backend.enterprises.names import match_key
from backend.enterprises.regions import Regions
from backend.subregisters.schemas import EVALUATIONS, LEVELS, Draft
from backend.web.errors import Refusal
from rules.plan import Register

#: Before this no entry can have begun: a mistyped century is told, not kept.
FIRST_DAY = date(1949, 10, 1)
#: 10 万亿 yuan in fen: nothing in a register is worth more, so the unit was mistaken.
_MOST_FEN = 10**15
_LONGEST = {"name": 200, "number": 80, "park": 100, "host_name": 200}


class EntryRefused(Refusal):
    """An entry that is not written; `field` is the form's field it is about."""

    status = 422
    slug = "entry-refused"
    title = "没有保存"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class EntryWrong(EntryRefused):
    """A value cannot be."""


class AlreadyEntered(EntryRefused):
    """The very thing of this level stands already."""

    status = 409
    slug = "entry-exists"


class NothingChanged(EntryRefused):
    """A correction that changes nothing."""

    status = 409


class EntryGone(EntryRefused):
    """Somebody corrected or withdrew it meanwhile."""

    status = 409
    slug = "entry-gone"


async def enter(
    session: AsyncSession, register: Register, draft: Draft, *, today: date, recorded_by: int | None = None
) -> int:
    """Enter a new thing. Returns the entry's id.

    Raises:
        EntryRefused: one of the family above, with what to do in Chinese.
    """
    draft = check(register, draft, today)
    await _lock(session)
    if (twin := await _standing_twin(session, register, draft)) is not None:
        raise AlreadyEntered(
            f"{register.types[draft.type]}“{draft.name}”{LEVELS.get(draft.level, '')}已在台账中（编号 {twin}）。"
            "如要改动请打开那一条更正；级别提升请在那一条上“升级”。",
            "name",
        )
    return await _insert(session, register, draft, None, None, recorded_by)


async def promote(
    session: AsyncSession,
    register: Register,
    entry_id: int,
    draft: Draft,
    *,
    today: date,
    recorded_by: int | None = None,
) -> int:
    """Give a thing a further title of another level or type; it goes on counting once. Returns the new entry's id.

    Raises:
        EntryRefused: as `enter`; the title must begin on a day, and differ from those the thing has.
    """
    draft = check(register, draft, today)
    before = await _take(session, register, entry_id)
    if draft.starts_on is None:
        raise EntryWrong(f"升级须填{register.dated}。", "starts_on")
    if (draft.type, draft.level) == (before["type"], before["level"]):
        raise EntryWrong("级别和类型都与原来相同，不是升级；如要改正请用“更正”。", "level")
    if before["starts_on"] is not None and draft.starts_on < before["starts_on"]:
        raise EntryWrong(f"{draft.starts_on} 早于原级别的 {before['starts_on']}，请核对日期。", "starts_on")
    if await _standing_twin(session, register, draft) is not None:
        raise AlreadyEntered(f"“{draft.name}”已有这一级别的记录。", "level")
    if register.one_level_at_a_time and (before["ends_on"] is None or before["ends_on"] >= draft.starts_on):
        ended = {**_draft_of(before), "ends_on": date.fromordinal(draft.starts_on.toordinal() - 1)}
        await _supersede(session, register, before, Draft.model_validate(ended), recorded_by)
    return await _insert(session, register, draft, before["thing_id"], None, recorded_by)


async def revise(
    session: AsyncSession,
    register: Register,
    entry_id: int,
    draft: Draft,
    *,
    today: date,
    recorded_by: int | None = None,
) -> int:
    """Correct an entry. Returns the id of the entry that now stands.

    Raises:
        EntryRefused: as `enter`; also where nothing changes.
    """
    draft = check(register, draft, today)
    before = await _take(session, register, entry_id)
    if Draft.model_validate(_draft_of(before)) == draft:
        raise NothingChanged("与现有内容相同，没有需要保存的改动。")
    twin = await _standing_twin(session, register, draft)
    if twin is not None and twin != entry_id:
        raise AlreadyEntered(f"改成这样就与编号 {twin} 的记录重复了，请核对名称、类型和级别。", "name")
    return await _supersede(session, register, before, draft, recorded_by)


async def withdraw(
    session: AsyncSession, register: Register, entry_id: int, reason: str, *, recorded_by: int | None = None
) -> int:
    """Take back an entry that should never have been made; it counts on no day from now on.

    Raises:
        EntryRefused: no reason is given, or it is gone already.
    """
    if not reason.strip():
        raise EntryWrong("请填写撤回原因：为什么这条记录是误录。到期、撤销、取消的请改“终止日期”，不要撤回。", "reason")
    before = await _take(session, register, entry_id)
    draft = Draft.model_validate({**_draft_of(before), "note": reason.strip()})
    return await _supersede(session, register, before, draft, recorded_by, is_withdrawn=True)


async def declare_complete(
    session: AsyncSession,
    register: Register,
    complete_on: date,
    note: str,
    *,
    today: date,
    recorded_by: int | None = None,
) -> None:
    """Say that a register is complete up to a day, so that what is absent counts as none.

    Raises:
        EntryWrong: the day is still to come.
    """
    if complete_on > today:
        raise EntryWrong(f"{complete_on} 在今天之后，还不能说台账到那天是完整的。", "complete_on")
    await session.execute(
        text(
            "INSERT INTO register_declaration (register_id, complete_on, note, recorded_by)"
            " VALUES (:register, :day, :note, :by)"
        ),
        {"register": register.id, "day": complete_on, "note": note.strip(), "by": recorded_by},
    )


# --- What cannot be --------------------------------------------------------------------------------------


def check(register: Register, draft: Draft, today: date) -> Draft:
    """The draft, tidied.

    Raises:
        EntryWrong: a value cannot be.
    """
    tidy = {name: value.strip() if isinstance(value, str) else value for name, value in draft.model_dump().items()}
    draft = Draft.model_validate(tidy)
    if draft.type not in register.types:
        raise EntryWrong(f"类型应为{'、'.join(register.types.values())}之一。", "type")
    if draft.level and draft.level not in LEVELS:
        raise EntryWrong(f"级别应为{'、'.join(LEVELS.values())}之一。", "level")
    if len(draft.name) < 2:
        raise EntryWrong("请填写名称，至少两个字。", "name")
    for field, longest in _LONGEST.items():
        if len(tidy[field]) > longest:
            raise EntryWrong(f"最多 {longest} 个字，现有 {len(tidy[field])} 个。", field)
    if Regions.load().find(draft.region_code) is None or draft.region_code[:4] not in CITIES:
        raise EntryWrong("请选择所在市（区）。", "region_code")
    if draft.evaluation and draft.evaluation not in EVALUATIONS:
        raise EntryWrong(f"评价结果应为{'、'.join(EVALUATIONS.values())}之一。", "evaluation")
    if draft.amount is not None and draft.amount < 0:
        raise EntryWrong("金额小于 0，请核对。", "amount")
    if draft.amount is not None and draft.amount > _MOST_FEN:
        raise EntryWrong("金额超过 10 万亿元，请核对数值和单位。", "amount")
    _check_days(register, draft, today)
    return draft


def _check_days(register: Register, draft: Draft, today: date) -> None:
    for field, day in (("starts_on", draft.starts_on), ("ends_on", draft.ends_on)):
        if day is not None and day < FIRST_DAY:
            raise EntryWrong(f"{day} 太早，请核对年份。", field)
    if draft.starts_on is not None and draft.starts_on > today:
        raise EntryWrong(f"{register.dated} {draft.starts_on} 在今天之后，请在发生后登记。", "starts_on")
    if draft.starts_on is not None and draft.ends_on is not None and draft.ends_on < draft.starts_on:
        raise EntryWrong(f"终止日期 {draft.ends_on} 早于{register.dated} {draft.starts_on}，请核对。", "ends_on")


# --- Rows ------------------------------------------------------------------------------------------------


async def _lock(session: AsyncSession) -> None:
    """Two people who enter the same thing at once are to see each other's entry."""
    await session.execute(text("LOCK TABLE register_entry IN SHARE ROW EXCLUSIVE MODE"))


async def _standing_twin(session: AsyncSession, register: Register, draft: Draft) -> int | None:
    """The standing entry of the same name, type and level; entries with numbers of their own are no twins."""
    found = await session.execute(
        text(
            "SELECT id FROM register_entry WHERE register_id = :register AND type = :type AND level = :level"
            " AND match_key = :key AND superseded_at IS NULL AND NOT is_withdrawn"
            " AND (number = :number OR number = '' OR :number = '')"
            " AND (starts_on = :starts_on OR starts_on IS NULL OR CAST(:starts_on AS date) IS NULL OR ends_on IS NULL"
            " OR ends_on >= :starts_on) ORDER BY id LIMIT 1"
        ),
        {
            "register": register.id, "type": draft.type, "level": draft.level, "key": match_key(draft.name),
            "number": draft.number, "starts_on": draft.starts_on,
        },
    )  # fmt: skip
    return found.scalar()


async def _take(session: AsyncSession, register: Register, entry_id: int) -> Mapping[str, Any]:
    """The standing row, for nobody else to change."""
    await _lock(session)
    found = await session.execute(
        text(
            "SELECT * FROM register_entry WHERE id = :id AND register_id = :register AND superseded_at IS NULL"
            " AND NOT is_withdrawn FOR UPDATE"
        ),
        {"id": entry_id, "register": register.id},
    )
    row = found.mappings().first()
    if row is None:
        raise EntryGone("这条记录已被更正或撤回，请刷新后在台账中重新打开。")
    return dict(row)


def _draft_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in Draft.model_fields}


async def _supersede(
    session: AsyncSession,
    register: Register,
    before: Mapping[str, Any],
    draft: Draft,
    recorded_by: int | None,
    *,
    is_withdrawn: bool = False,
) -> int:
    await session.execute(text("UPDATE register_entry SET superseded_at = now() WHERE id = :id"), {"id": before["id"]})
    return await _insert(
        session, register, draft, before["thing_id"], before["id"], recorded_by, is_withdrawn=is_withdrawn
    )


async def _insert(
    session: AsyncSession,
    register: Register,
    draft: Draft,
    thing_id: int | None,
    supersedes_id: int | None,
    recorded_by: int | None,
    *,
    is_withdrawn: bool = False,
) -> int:
    number = (await session.execute(text("SELECT nextval('register_entry_id_seq')"))).scalar_one()
    values = draft.model_dump() | {
        "id": number, "register_id": register.id, "match_key": match_key(draft.name), "thing_id": thing_id or number,
        "supersedes_id": supersedes_id, "recorded_by": recorded_by, "is_withdrawn": is_withdrawn,
    }  # fmt: skip
    await session.execute(
        text(f"INSERT INTO register_entry ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"),
        values,
    )
    return number
