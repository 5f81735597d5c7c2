"""What happened to an enterprise, as the system that knows of it says: another name, another place, the end, a list.

An event is known again by the sender's id for it, for ever: sent twice it counts once, and another content under the
same id is refused. Each counts from its own day, so events may come late and in any order and end in the same state.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.ending import LifeRefused
from backend.enterprises.moving import Move, MoveRefused, register_move
from backend.enterprises.naming import rename
from backend.enterprises.regions import Regions
from backend.exact_json import exact_json
from backend.exchange.clients import Caller
from backend.exchange.identity import let_stand
from backend.exchange.intake import BatchResult, find_enterprises, told_of_each
from backend.exchange.items import Judged, day_of, judge_code, mark_of, shaped
from backend.exchange.wire import canonical
from backend.filings.service import FilingDraft, file, read_json
from backend.recognitions.service import RecognitionRefused, revoke
from rules.library import Library

#: The form under which events are kept among the records of their sender.
FORM: Final = "event"
LISTS: Final = {"abnormal": "abnormal_list_periods", "dishonesty": "dishonesty_list_periods"}
#: How an enterprise ended, or that it did not.
STATUSES: Final = {"cancelled": "cancelled", "licence_revoked": "licence_revoked", "restored": "active"}
_Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-05-28"])]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: The sender's own number of the event; the same one never means another event.
    id: Annotated[str, Field(min_length=1, max_length=100, examples=["scjg-2026-0001873"])]
    credit_code: Annotated[str, Field(max_length=60, examples=["91321283DEM000014X"])]
    #: The day from which it counts.
    on: _Day


class Renamed(_Event):
    """The enterprise bears another name."""

    type: Literal["renamed"]
    name: Annotated[str, Field(min_length=2, max_length=200, examples=["泰州云岚生物医药有限公司"])]


class Moved(_Event):
    """The enterprise is registered in another district."""

    type: Literal["moved"]
    region_code: Annotated[str, Field(pattern=r"^\d{6}$", examples=["321282"])]
    town: Annotated[str, Field(max_length=100)] = ""
    park: Annotated[str, Field(max_length=100)] = ""


class Ended(_Event):
    """The enterprise was cancelled (注销), its licence revoked (吊销), or it was restored."""

    type: Literal["cancelled", "licence_revoked", "restored"]


class Listed(_Event):
    """The enterprise was entered into a list, or removed from it."""

    type: Literal["list_entered", "list_left"]
    list: Literal["abnormal", "dishonesty"]
    reason: Annotated[str, Field(max_length=500)] = ""
    authority: Annotated[str, Field(max_length=200)] = ""


class TitleRevoked(_Event):
    """The authority took a title back."""

    type: Literal["recognition_revoked"]
    programme: Annotated[str, Field(max_length=60, examples=["hnte"])]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


Event = Renamed | Moved | Ended | Listed | TitleRevoked
EventItem = Annotated[Event, Field(discriminator="type")]
_KINDS: Final[Mapping[str, type[_Event]]] = {
    "renamed": Renamed, "moved": Moved, **dict.fromkeys(STATUSES, Ended), "list_entered": Listed, "list_left": Listed,
    "recognition_revoked": TitleRevoked,
}  # fmt: skip
EVENT_TYPES: Final = tuple(_KINDS)


async def take_events(
    session: AsyncSession, caller: Caller, items: Sequence[Any], library: Library, on: date, place: str = "/{}"
) -> BatchResult:
    """Let events count, each from its own day. The session is bound to what the caller may see."""
    pairs = [_judge(raw, place.format(number), library, on) for number, raw in enumerate(items)]
    judged = [one for one, _ in pairs]
    await find_enterprises(session, judged)
    # By day, so that a batch in disorder writes each history once, from its beginning.
    for one, event in sorted(pairs, key=lambda pair: pair[1].on if pair[1] else ""):
        if event is not None and not one.problems and _stays_in_sight(caller, one, event):
            await _take(session, caller, one, event, library, on)
    touched = {one.enterprise_id for one in judged if one.outcome == "recorded" and one.enterprise_id is not None}
    return await told_of_each(session, judged, sorted(touched), library, on)


def _judge(raw: Any, place: str, library: Library, on: date) -> tuple[Judged, Event | None]:
    judged = Judged(place, id=mark_of(raw))
    kind = _KINDS.get(str(raw.get("type")), None) if isinstance(raw, Mapping) else _Event  # type: ignore[reportUnknownMemberType]
    if kind is None:
        judged.object_to("/type", "unknown-type", "没有这种事件。", f"type 请用 {'、'.join(EVENT_TYPES)} 之一。")
        return judged, None
    event: Any = shaped(kind, raw, judged)
    if event is None:
        return judged, None
    judge_code(event.credit_code, judged)
    day_of(event.on, "/on", judged, latest=on)
    if isinstance(event, Moved) and Regions.load().find(event.region_code) is None:
        judged.object_to(
            "/region_code", "unknown-region", f"没有市（区）{event.region_code}。", "请填市（区）的六位区划代码；迁出本市请报 cancelled 或不报。"
        )  # fmt: skip
    if isinstance(event, TitleRevoked) and event.programme not in library.by_name:
        judged.object_to(
            "/programme", "unknown-programme", f"没有认定项目“{event.programme}”。", "GET /api/v1/rules 列出全部。"
        )
    return judged, event


def _stays_in_sight(caller: Caller, one: Judged, event: Event) -> bool:
    """A district's system says where its enterprises are within the district; who leaves it, the city's says."""
    if isinstance(event, Moved) and caller.region_code not in ("", event.region_code):
        one.object_to(
            "/region_code", "beyond-region", "您的范围之外的市（区）不能由您报送。", "跨市（区）的迁移请由市级系统报送，或联系系统管理员。"
        )  # fmt: skip
    return not one.problems


async def _take(session: AsyncSession, caller: Caller, one: Judged, event: Event, library: Library, on: date) -> None:
    """Let one event count, unless it did before."""
    said = event.model_dump(mode="json")
    digest = sha256(canonical(said).encode()).hexdigest()
    known = await session.execute(
        text("SELECT digest FROM exchange_record WHERE system = :system AND record_id = :id FOR UPDATE"),
        {"system": caller.client_id, "id": _record_id(event)},
    )
    before = known.scalar_one_or_none()
    if before is not None:
        one.outcome = "unchanged" if before == digest else "refused"
        if before != digest:
            one.object_to(
                "/id", "event-mismatch", f"事件 {event.id} 已经报过，内容不同。", "更正请用新的 id 报一条新的事件。"
            )
        return
    await _keep(session, caller, one, said, digest)
    await _apply(session, caller, one, event, library, on)
    if one.problems:
        await session.execute(
            text("DELETE FROM exchange_record WHERE system = :system AND record_id = :id"),
            {"system": caller.client_id, "id": _record_id(event)},
        )
    else:
        one.outcome = "recorded"


def _record_id(event: _Event) -> str:
    return f"event-{event.id}"


async def _keep(session: AsyncSession, caller: Caller, one: Judged, said: Mapping[str, Any], digest: str) -> None:
    await session.execute(
        text(
            "INSERT INTO exchange_record (system, record_id, enterprise_id, code, form, revision, digest, fate, kept)"
            " VALUES (:system, :record_id, :enterprise_id, :code, :form, 1, :digest, 'applied', CAST(:kept AS jsonb))"
        ),
        {
            "system": caller.client_id, "record_id": f"event-{said['id']}", "enterprise_id": one.enterprise_id,
            "code": one.code, "form": FORM, "digest": digest, "kept": exact_json({"event": said}),
        },
    )  # fmt: skip


async def _apply(session: AsyncSession, caller: Caller, one: Judged, event: Event, library: Library, on: date) -> None:
    assert one.enterprise_id is not None
    number, day = one.enterprise_id, date.fromisoformat(event.on)
    match event:
        case Renamed():
            await rename(session, number, event.name, day)
        case Moved():
            stated = Move(
                number, event.region_code, day, event.town, event.park, reason=f"{caller.name}事件 {event.id}"
            )
            try:
                await register_move(session, stated)
            except MoveRefused as refusal:
                one.object_to("/region_code", "no-move", str(refusal), "已在那里的不必再报；有误请与科技部门核对。")
        case Ended():
            await _end(session, one, number)
        case Listed():
            await _enlist(session, caller, number, event.list, library, on)
        case TitleRevoked():
            await _take_back(session, one, event, day)


async def _events(session: AsyncSession, enterprise_id: int, types: Sequence[str]) -> list[Mapping[str, Any]]:
    """What was said of an enterprise, by its days; of one day the ends come after the beginnings."""
    found = await session.execute(
        text(
            "SELECT kept->'event' FROM exchange_record WHERE enterprise_id = :id AND form = :form AND fate = 'applied'"
            " AND kept->'event'->>'type' = ANY(:types) ORDER BY kept->'event'->>'on', kept->'event'->>'type', record_id"
        ),
        {"id": enterprise_id, "form": FORM, "types": list(types)},
    )
    return list(found.scalars())


async def _end(session: AsyncSession, one: Judged, enterprise_id: int) -> None:
    """The enterprise is what the latest day says of it, whichever event came last."""
    last = (await _events(session, enterprise_id, tuple(STATUSES)))[-1]
    try:
        await let_stand(
            session, enterprise_id, STATUSES[last["type"]], date.fromisoformat(last["on"]), f"事件 {last['id']}"
        )
    except LifeRefused as refusal:
        one.object_to("/on", "not-possible", str(refusal), "请与科技部门核对这家企业的登记情况。")


async def _enlist(
    session: AsyncSession, caller: Caller, enterprise_id: int, which: str, library: Library, on: date
) -> None:
    """File the list's periods anew, as all that the source said of it add up to."""
    indicator = LISTS[which]
    said = [one for one in await _events(session, enterprise_id, ("list_entered", "list_left")) if one["list"] == which]
    held = await session.execute(
        text(
            'SELECT ("values"->:name)::text FROM filing WHERE enterprise_id = :id AND source = :source'
            ' AND "values" ? :name ORDER BY received_on DESC, id DESC LIMIT 1'
        ),
        {"id": enterprise_id, "source": caller.source, "name": indicator},
    )
    written = held.scalar_one_or_none()
    periods = periods_of(said, read_json(written) if written else [])
    draft = FilingDraft(enterprise_id, caller.source, None, {indicator: periods}, on, "事件报送")
    await file(session, [draft], library.catalogue)


def periods_of(said: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The periods on a list: those held, and what events say of their beginnings and ends, by the events' days.

    A removal ends every period that was open on its day; one without a beginning waits until that is told.
    """
    periods = {one["from_on"]: dict(one) for one in held if one.get("from_on")}
    for one in said:
        if one["type"] == "list_entered":
            told = {"from_on": one["on"], "reason": one["reason"], "authority": one["authority"]}
            periods.setdefault(one["on"], {name: value for name, value in told.items() if value})
    for one in said:
        if one["type"] == "list_left":
            for period in periods.values():
                if period["from_on"] <= one["on"] and period.get("to_on", "9999-12-31") >= one["on"]:
                    period["to_on"] = one["on"]
    return [periods[day] for day in sorted(periods)]


async def _take_back(session: AsyncSession, one: Judged, event: TitleRevoked, day: date) -> None:
    found = await session.execute(
        text(
            "SELECT id FROM recognition WHERE enterprise_id = :id AND programme = :programme AND superseded_at IS NULL"
            " AND valid_from <= :day AND (valid_to IS NULL OR valid_to >= :day) ORDER BY valid_from DESC LIMIT 1"
        ),
        {"id": one.enterprise_id, "programme": event.programme, "day": day},
    )
    number = found.scalar_one_or_none()
    if number is None:
        one.object_to(
            "/programme", "no-recognition", f"{event.on} 没有有效的“{event.programme}”认定。", "请核对项目和日期；认定还没有报来的，先报认定。"
        )  # fmt: skip
        return
    try:
        await revoke(session, number, day, event.reason)
    except RecognitionRefused as refusal:
        one.object_to("/on", "not-revocable", f"{refusal}。", "请核对取消日期。")
