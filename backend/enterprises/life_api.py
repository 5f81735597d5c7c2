"""REST: what becomes of enterprises. Acts that want a second person answer 202 with the proposal."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import WAITS, accepted
from backend.clock import today
from backend.enterprises.duplicates import as_json as pair_as_json
from backend.enterprises.duplicates_kept import NotSearchedYet, suspects_lately
from backend.enterprises.ending import LifeRefused
from backend.enterprises.life_acts import Act, do_or_propose, moving_act
from backend.enterprises.life_pages import SplitForm, ending_act, reviving_act, splitting_act
from backend.enterprises.lineage import as_json, lineage_of
from backend.enterprises.merge_pages import merging_act, parting_act, standing_merge
from backend.enterprises.merged_since import came_since
from backend.enterprises.moving import Move, MoveRefused
from backend.enterprises.queries import find
from backend.enterprises.regions import Regions
from backend.enterprises.unsplit_pages import UnsplitForm, split_of, unsplitting_act
from backend.enterprises.unsplitting import as_json as divided_as_json
from backend.web.dependencies import Work, engine_of
from backend.web.errors import NotFound
from backend.web.idempotency import Once
from backend.web.memory import memory_of
from backend.web.rest import demand_match, stated

router = APIRouter()


class _Body(BaseModel):
    # A misspelt name would be lost without a word: of a split, the titles that pass over.
    model_config = ConfigDict(extra="forbid")


class MergeBody(_Body):
    """The file that becomes part of the one in the address, and why."""

    absorbs: str = Field(description="credit code, former code or id")
    reason: str = Field(min_length=1, max_length=500)


class PartBody(_Body):
    """Why two files are parted, and what came in since that belongs to the one opened again: keys of `…/since`."""

    reason: str = Field(min_length=1, max_length=500)
    theirs: list[str] = []


class UnsplitBody(_Body):
    """Why a split is taken back, what came in since that belongs to the first (keys of `…/since`), and whether the other stays."""

    reason: str = Field(min_length=1, max_length=500)
    theirs: list[str] = []
    other: Literal["keep", "close"] = Field(
        default="keep",
        description="of a file that the split opened: it stays as an enterprise of its own, or is closed",
    )


class EndBody(_Body):
    """How and from which day an enterprise is none any more."""

    kind: Literal["cancelled", "licence_revoked"] = "cancelled"
    ended_on: date
    document: str = Field(default="", max_length=200)
    reason: str = Field(min_length=1, max_length=500)


class ReviveBody(_Body):
    """Why an end is taken back."""

    reason: str = Field(min_length=1, max_length=500)


class MoveBody(_Body):
    """Where an enterprise is from a day on."""

    region: str = Field(pattern=r"^\d{6}$")
    moved_on: date
    town: str = Field(default="", max_length=100)
    park: str = Field(default="", max_length=100)
    document: str = Field(default="", max_length=200)
    reason: str = Field(min_length=1, max_length=500)


class SplitBody(_Body):
    """What came of an enterprise on a day, and the ids of the recognitions that passed over."""

    split_on: date
    credit_code: str = ""
    name: str = Field(default="", max_length=200)
    region: str = ""
    document: str = Field(default="", max_length=200)
    reason: str = Field(min_length=1, max_length=500)
    recognitions: list[int] = []


@router.get("/duplicates")
async def duplicates(
    request: Request, session: Work, person: SignedIn, region: str = "", rule: str = ""
) -> list[dict[str, Any]]:
    """Files that may be of one enterprise, those that more rules point to first.

    Of a large registry those that the last search found, begun anew when it is asked for after an hour; 503 before the first ends.
    """
    found = await suspects_lately(session, memory_of(request), engine_of(request), person.region_code or region, rule)
    if found.is_awaited:
        raise NotSearchedYet
    return [pair_as_json(pair) for pair in found.pairs]


@router.get("/enterprises/{code}/lineage")
async def lineage(session: Work, person: SignedIn, code: str) -> dict[str, Any]:
    """What became of an enterprise and what it came of: merges, ends, moves, splits."""
    return as_json(await lineage_of(session, (await _row(session, code))["id"]))


@router.post("/enterprises/{code}/merges", status_code=201, responses=WAITS)
async def merge(request: Request, session: Work, person: Officer, once: Once, code: str, body: MergeBody) -> Response:
    """Let another file of the same enterprise be part of this one."""

    async def work() -> Response:
        row, other = await _row(session, code), await _row(session, body.absorbs)
        return await _done(request, session, merging_act(other, row, body.reason), person.id, row["id"])

    return await once.answer(work)


@router.get("/enterprises/{code}/merges/{merge_id}/since")
async def since(session: Work, person: SignedIn, code: str, merge_id: int) -> list[dict[str, Any]]:
    """What came in since a merge: before parting the two, somebody says which of it belongs to the other."""
    await standing_merge(session, await _row(session, code), merge_id)
    return [
        {"key": one.key, "kind": one.table, "words": one.words, "came_at": one.came_at.isoformat(),
         "prints_other_name": one.is_likely_other}
        for one in await came_since(session, merge_id)
    ]  # fmt: skip


@router.post("/enterprises/{code}/merges/{merge_id}/undo", responses=WAITS)
async def part(
    request: Request, session: Work, person: Officer, once: Once, code: str, merge_id: int, body: PartBody
) -> Response:
    """Part two files again, each as it was."""

    async def work() -> Response:
        row = await _row(session, code)
        merged = await standing_merge(session, row, merge_id)
        known = {one.key: one for one in await came_since(session, merge_id)}
        if unknown := [key for key in body.theirs if key not in known]:
            raise LifeRefused(
                f"合并以后新增的记录里没有 {'、'.join(unknown)}，请先 GET …/merges/{merge_id}/since 核对。"
            )
        act = parting_act(row, merged, body.reason, [known[key] for key in body.theirs])
        return await _done(request, session, act, person.id, row["id"])

    return await once.answer(work)


@router.post("/enterprises/{code}/end", responses=WAITS)
async def end(request: Request, session: Work, person: Officer, once: Once, code: str, body: EndBody) -> Response:
    """Let an enterprise be none any more from a day on."""

    async def work() -> Response:
        if body.ended_on > today():
            raise LifeRefused(f"{body.ended_on} 在今天之后，请在当天再登记。")
        row = await _row(session, code)
        act = ending_act(row, body.kind, str(body.ended_on), body.document, body.reason)
        return await _done(request, session, act, person.id, row["id"])

    return await once.answer(work)


@router.post("/enterprises/{code}/revival", responses=WAITS)
async def revive(request: Request, session: Work, person: Officer, once: Once, code: str, body: ReviveBody) -> Response:
    """Take an end back."""

    async def work() -> Response:
        row = await _row(session, code)
        return await _done(request, session, reviving_act(row, body.reason), person.id, row["id"])

    return await once.answer(work)


@router.post("/enterprises/{code}/moves", status_code=201, responses=WAITS)
async def move(request: Request, session: Work, person: Officer, once: Once, code: str, body: MoveBody) -> Response:
    """Register that an enterprise moved to another district on a day."""

    async def work() -> Response:
        row, region = await _row(session, code), Regions.load().find(body.region)
        if region is None or region.level != "district":
            raise MoveRefused(f"没有市（区）{body.region}，请填六位行政区划代码。")
        if body.moved_on > today():
            raise MoveRefused(f"{body.moved_on} 在今天之后，请在当天再登记。")
        stated = Move(row["id"], body.region, body.moved_on, body.town, body.park, body.document, body.reason)
        return await _done(request, session, moving_act(row, stated), person.id, row["id"])

    return await once.answer(work)


@router.post("/enterprises/{code}/splits", status_code=201, responses=WAITS)
async def split(request: Request, session: Work, person: Officer, once: Once, code: str, body: SplitBody) -> Response:
    """Let another enterprise have come of this one on a day, with the titles that passed to it."""

    async def work() -> Response:
        row = await _row(session, code)
        if body.split_on > today():
            raise LifeRefused(f"{body.split_on} 在今天之后，请在当天再登记。")
        form = SplitForm(
            credit_code=body.credit_code.strip().upper(), name=body.name, region_code=body.region, document=body.document,
            reason=body.reason, titles=body.recognitions,
        )  # fmt: skip
        return await _done(request, session, splitting_act(row, form, str(body.split_on)), person.id, row["id"])

    return await once.answer(work)


@router.get("/enterprises/{code}/splits/{split_id}/since")
async def since_split(request: Request, session: Work, person: SignedIn, code: str, split_id: int) -> Response:
    """What came of a split: before it is taken back, somebody says what of it belongs to whom. Its ETag names the state."""
    divided = await split_of(session, await _row(session, code), split_id)
    return stated(request, divided_as_json(divided), divided.seen)


@router.post("/enterprises/{code}/splits/{split_id}/undo", responses=WAITS)
async def unsplit(
    request: Request, session: Work, person: Officer, once: Once, code: str, split_id: int, body: UnsplitBody
) -> Response:
    """Take a split back: what stood before holds again. If-Match names what the sender saw of `…/since`."""

    async def work() -> Response:
        divided = await split_of(session, await _row(session, code), split_id)
        demand_match(request, divided.seen)
        known = {one.key for one in divided.since}
        if unknown := [key for key in body.theirs if key not in known]:
            raise LifeRefused(
                f"分立以后新增的记录里没有 {'、'.join(unknown)}，请先 GET …/splits/{split_id}/since 核对。"
            )
        form = UnsplitForm(theirs=body.theirs, other=body.other, reason=body.reason)
        return await _done(request, session, unsplitting_act(divided, form), person.id, divided.from_id)

    return await once.answer(work)


async def _row(session: AsyncSession, code: str) -> Mapping[str, Any]:
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。")
    return row


async def _done(request: Request, session: AsyncSession, act: Act, person_id: int, enterprise_id: int) -> Response:
    proposal = await do_or_propose(request, session, act, person_id)
    if proposal is not None:
        return accepted(proposal)
    status = 201 if request.scope["route"].status_code == 201 else 200
    return JSONResponse(as_json(await lineage_of(session, enterprise_id)), status)
