"""REST for other systems: what changed, and being told of it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, select

from backend.database.session import owner_unit_of_work
from backend.exchange.bodies import BodyRefused
from backend.exchange.doors import ChangeReader, Subscriber, Turned, as_turned, scope_of, wrong_parameter
from backend.exchange.feed import (
    MOST_CHANGES,
    TYPES,
    changes_since,
    cursor_of,
    forgotten_until,
    position_of,
    put_in_order,
)
from backend.exchange.keys import keys_of
from backend.exchange.logged import LoggedRoute
from backend.exchange.models import Endpoint
from backend.exchange.webhooks import SubscriptionRefused, subscribe
from backend.web.dependencies import CurrentSettings, Engine, reached

router = APIRouter(route_class=LoggedRoute)


class ChangeEvent(BaseModel):
    """One change, as a CloudEvent. What changed is asked for with one's own rights."""

    specversion: str = "1.0"
    id: str = Field(examples=["chg-1024"])
    source: str = "/tidu"
    type: str = Field(examples=["cn.gov.sti.registry.filing.recorded.v1"])
    subject: str | None = Field(examples=["91321283DEM000014X"], description="The enterprise's credit code.")
    time: datetime


class ChangePage(BaseModel):
    """Changes after a place, and the place after them."""

    changes: list[ChangeEvent]
    next: str = Field(
        examples=["YzE6MTAyNA"], description="Give it as `since` the next time, also after an empty page."
    )


@router.get("/changes")
async def changes(
    engine: Engine,
    caller: ChangeReader,
    since: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_CHANGES)] = 200,
    types: Annotated[list[str] | None, Query(alias="type")] = None,
) -> ChangePage:
    """What changed after `since`, in the order of the feed; nothing before it is ever added later."""
    if strange := sorted(set(types or ()) - TYPES.keys()):
        raise wrong_parameter(
            "type", "unknown-type", f"没有变更类型“{strange[0][:60]}”。", f"可用：{'、'.join(TYPES)}；不写为全部。"
        )
    try:
        position = position_of(since)
    except BodyRefused as refusal:
        raise as_turned(refusal) from refusal
    async with reached(owner_unit_of_work(engine)) as session:
        await put_in_order(session)
    async with reached(owner_unit_of_work(engine)) as session:
        if since and position < await forgotten_until(session):
            raise Turned(
                410, "cursor-too-old", "游标太旧", "这个游标之后的变更已不再保留。请重新读取全部企业，再不带 since 从现在开始跟随。"
            )  # fmt: skip
        found, following = await changes_since(session, position, limit, scope_of(caller), types or ())
    return ChangePage(changes=[ChangeEvent(**one.as_event()) for one in found], next=cursor_of(following))


class NewSubscription(BaseModel):
    """Where to tell, and of what; an empty list is everything that the client may see."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=300, examples=["https://bank.example.cn/hooks/tidu"])]
    types: Annotated[list[str], Field(max_length=20, examples=[["tier.changed"]])] = []
    regions: Annotated[list[str], Field(max_length=20, examples=[["321282"]])] = []
    programmes: Annotated[list[str], Field(max_length=50, examples=[["hnte"]])] = []


class Subscription(BaseModel):
    """An endpoint and how it does."""

    id: int
    url: str
    types: list[str]
    regions: list[str]
    programmes: list[str]
    is_active: bool
    failures: int
    last_success_at: datetime | None
    #: Shown when it is made, and then no more.
    secret: str | None = None


@router.post("/subscriptions", status_code=201)
async def add_subscription(
    engine: Engine, settings: CurrentSettings, request: Request, caller: Subscriber, new: NewSubscription
) -> Subscription:
    """Be told of changes from now on, by Standard Webhooks. The answer holds the secret they are signed with."""
    try:
        async with reached(owner_unit_of_work(engine)) as session:
            await put_in_order(session)
            endpoint = await subscribe(
                session, caller, new.url, settings.exchange_hosts, types=new.types, regions=new.regions,
                programmes=new.programmes,
            )  # fmt: skip
    except SubscriptionRefused as refusal:
        error = {
            "pointer": refusal.pointer,
            "code": "subscription-refused",
            "detail": str(refusal),
            "remedy": refusal.remedy,
        }
        raise Turned(422, "subscription-refused", "不能订阅", f"{refusal}{refusal.remedy}", errors=[error]) from refusal
    assert endpoint.id is not None
    return _shown(endpoint, keys_of(settings).webhook(endpoint.id, endpoint.generation))


@router.get("/subscriptions")
async def subscriptions(engine: Engine, caller: Subscriber) -> list[Subscription]:
    """The client's own endpoints."""
    async with reached(owner_unit_of_work(engine)) as session:
        found = await session.exec(
            select(Endpoint).where(Endpoint.client_id == caller.client_id).order_by(col(Endpoint.id))
        )
        return [_shown(one) for one in found]


@router.delete("/subscriptions/{number}", status_code=204, response_class=Response)
async def end_subscription(engine: Engine, caller: Subscriber, number: int) -> None:
    """Be told no more. What was not delivered yet is not."""
    async with reached(owner_unit_of_work(engine)) as session:
        found = await session.exec(
            select(Endpoint).where(Endpoint.client_id == caller.client_id, Endpoint.id == number).with_for_update()
        )
        endpoint = found.first()
        if endpoint is None:
            raise Turned(404, "not-found", "没有找到", f"没有订阅 {number}，或不是您的。")
        endpoint.is_active = False


def _shown(one: Endpoint, secret: str | None = None) -> Subscription:
    known: dict[str, Any] = {name: getattr(one, name) for name in Subscription.model_fields if name != "secret"}
    return Subscription(**known, secret=secret)
