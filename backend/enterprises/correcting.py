"""Writing what an officer corrects of one enterprise: who it is, and its credit code."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.moving import correct_place, move_to
from backend.enterprises.names import match_key, split_former_names
from backend.enterprises.naming import refresh_search, take_name
from backend.enterprises.schemas import FORMER_CODE
from backend.enterprises.traits import Trait, TraitDayWrong, demand_day, history_of, holding_from
from backend.enterprises.writing import EditedMeanwhile, RegisteredElsewhere, lock, set_many


async def edit(
    session: AsyncSession,
    enterprise_id: int,
    changes: Mapping[str, Any],
    revision: int,
    on: date,
    chains: Sequence[str] | None = None,
    traits_on: date | None = None,
) -> None:
    """Change one enterprise as an officer entered it.

    Args:
        enterprise_id: which one.
        changes: columns of `enterprise` with their new values; a name or a region counts from `on`.
        revision: of the enterprise as the officer saw it.
        on: the day from which a new name or region holds.
        chains: all its chains from now on; None leaves them.
        traits_on: the day from which new chains, industry, scale and board hold; without one they are corrections.

    Raises:
        TraitDayWrong: the chains, the industry, the scale or the board cannot have changed on that day.
        EditedMeanwhile: the enterprise has changed since `revision`.
        RegisteredElsewhere: the credit code is another enterprise's.
    """
    held = await lock(session, enterprise_id)
    if held["revision"] != revision:
        raise EditedMeanwhile(held["name"])
    changed = {name: value for name, value in changes.items() if value != held[name]}
    joined, left = await _chains(session, enterprise_id, chains)
    if traits_on is not None:
        traits = [*_TRAITS.keys() & changed.keys()]
        told = [*((_TRAITS[name], "") for name in traits), *((Trait.CHAIN, one) for one in (*joined, *left))]
        if not told:
            raise TraitDayWrong("没有改动产业链、行业、规上或上市板块，这个日期不起作用。请改动后再填，或清空日期。")
        established_on = {**held, **changed}["established_on"]
        demand_day(await history_of(session, enterprise_id), traits_on, sorted(told), established_on)
    if "region_code" in changed:
        place = {name: changes.get(name, "") for name in ("town", "park")}
        await move_to(session, enterprise_id, changed["region_code"], place["town"], place["park"], on)
        changed |= place
    elif "town" in changed or "park" in changed:
        await correct_place(session, enterprise_id, changed)
    if "name" in changed:
        changed |= {"name": split_former_names(changed["name"])[0], "match_key": match_key(changed["name"])}
        await take_name(session, enterprise_id, changed["name"], on)
    if (joined or left) and not changed:
        changed = {"name": held["name"]}
    if not changed:
        return
    async with holding_from(session, traits_on):
        await _set_chains(session, enterprise_id, joined, left)
        try:
            await set_many(session, {enterprise_id: changed})
        except IntegrityError as problem:
            raise RegisteredElsewhere from problem
    await refresh_search(session, [enterprise_id])


#: The columns that are kept with their days.
_TRAITS: Final = {
    "industry_code": Trait.INDUSTRY, "is_above_scale": Trait.ABOVE_SCALE, "listing_board": Trait.LISTING,
    "listed_on": Trait.LISTING,
}  # fmt: skip


async def change_code(session: AsyncSession, enterprise_id: int, credit_code: str, revision: int) -> None:
    """Give an enterprise another credit code; the old one stays as a number that named it, so that old lists find it.

    Args:
        session: within the writer's scope.
        enterprise_id: which one.
        credit_code: as `parse_credit_code` has it.
        revision: of the enterprise as the officer saw it.

    Raises:
        EditedMeanwhile: the enterprise has changed since `revision`.
        RegisteredElsewhere: the code is, or was, another enterprise's.
    """
    held = await lock(session, enterprise_id)
    if held["revision"] != revision:
        raise EditedMeanwhile(held["name"])
    if held["credit_code"] == credit_code:
        return
    others = await session.scalar(
        text(
            "SELECT count(*) FROM enterprise_identifier WHERE kind = :kind AND value = :code AND enterprise_id <> :id"
        ),
        {"kind": FORMER_CODE, "code": credit_code, "id": enterprise_id},
    )
    if others:
        raise RegisteredElsewhere
    try:
        await set_many(session, {enterprise_id: {"credit_code": credit_code}})
    except IntegrityError as problem:
        raise RegisteredElsewhere from problem
    # Going back to a code makes it no former one any more.
    await session.execute(
        text("DELETE FROM enterprise_identifier WHERE enterprise_id = :id AND kind = :kind AND value = :code"),
        {"id": enterprise_id, "kind": FORMER_CODE, "code": credit_code},
    )
    if held["credit_code"]:
        await session.execute(
            text(
                "INSERT INTO enterprise_identifier (enterprise_id, kind, value) VALUES (:id, :kind, :code)"
                " ON CONFLICT DO NOTHING"
            ),
            {"id": enterprise_id, "kind": FORMER_CODE, "code": held["credit_code"]},
        )
    await refresh_search(session, [enterprise_id])


async def _chains(
    session: AsyncSession, enterprise_id: int, wanted: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The chains that an enterprise joins, and those that it leaves, to belong to exactly the wanted ones."""
    if wanted is None:
        return [], []
    found = await session.execute(
        text("SELECT chain FROM enterprise_chain WHERE enterprise_id = :id"), {"id": enterprise_id}
    )
    held = set(found.scalars())
    return sorted(set(wanted) - held), sorted(held - set(wanted))


async def _set_chains(session: AsyncSession, enterprise_id: int, joined: Sequence[str], left: Sequence[str]) -> None:
    if left:
        await session.execute(
            text("DELETE FROM enterprise_chain WHERE enterprise_id = :id AND chain = ANY(:left)"),
            {"id": enterprise_id, "left": left},
        )
    if joined:
        await session.execute(
            text("INSERT INTO enterprise_chain (enterprise_id, chain) SELECT :id, unnest(CAST(:joined AS text[]))"),
            {"id": enterprise_id, "joined": joined},
        )
