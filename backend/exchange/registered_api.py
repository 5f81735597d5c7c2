"""REST for other systems: who a registered enterprise is today, which is what a change is mostly about."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import text

from backend.clock import today
from backend.database.session import unit_of_work
from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.exchange.doors import EnterpriseReader, Turned, scope_of, wrong_parameter
from backend.exchange.known import ids_by_code
from backend.exchange.logged import LoggedRoute
from backend.web.dependencies import Engine, reached

router = APIRouter(route_class=LoggedRoute)


class TitleHeld(BaseModel):
    """A title that is valid today."""

    programme: str = Field(examples=["hnte"])
    number: str = Field(examples=["GR202532000001"])
    valid_from: date
    valid_to: date | None


class Registered(BaseModel):
    """Who an enterprise is today; its figures are not told."""

    credit_code: str | None = Field(examples=["91321283DEM000014X"])
    name: str
    region_code: str = Field(examples=["321202"])
    status: str = Field(examples=["active"])
    established_on: date | None
    titles: list[TitleHeld]


@router.get("/registered/{code}")
async def registered(engine: Engine, caller: EnterpriseReader, code: str) -> Registered:
    """An enterprise by its credit code of today or of before, as far as the client may see it."""
    try:
        written = parse_credit_code(code).code
    except CreditCodeError as problem:
        raise wrong_parameter(
            "code", "uscc-invalid", str(problem), "请对照营业执照核对 18 位统一社会信用代码。"
        ) from problem
    async with reached(unit_of_work(engine, scope_of(caller))) as session:
        number = (await ids_by_code(session, [written])).get(written)
        if number is None:
            raise Turned(404, "not-found", "没有找到", f"库中没有 {written}，或不在您的范围内。")
        found = await session.execute(
            text("SELECT credit_code, name, region_code, status, established_on FROM enterprise WHERE id = :id"),
            {"id": number},
        )
        row: Mapping[str, Any] = dict(found.mappings().one())
        titles = await session.execute(
            text(
                "SELECT programme, number, valid_from, valid_to FROM recognition WHERE enterprise_id = :id AND valid_from <= :on"
                " AND superseded_at IS NULL AND (valid_to IS NULL OR valid_to >= :on) AND (revoked_on IS NULL OR revoked_on > :on)"
                " ORDER BY programme, valid_from"
            ),
            {"id": number, "on": today()},
        )
        return Registered(**row, titles=[TitleHeld(**title) for title in titles.mappings()])
