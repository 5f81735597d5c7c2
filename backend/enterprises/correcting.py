"""Writing what an officer corrects of one enterprise: who it is, and its credit code."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises.moving import correct_place, move_to
from backend.enterprises.names import match_key, split_former_names
from backend.enterprises.naming import refresh_search, take_name
from backend.enterprises.schemas import FORMER_CODE
from backend.enterprises.writing import EditedMeanwhile, RegisteredElsewhere, lock, set_many


async def edit(
    session: AsyncSession,
    enterprise_id: int,
    changes: Mapping[str, Any],
    revision: int,
    on: date,
    chains: Sequence[str] | None = None,
) -> None:
    """Change one enterprise as an officer entered it.

    Args:
        enterprise_id: which one.
        changes: columns of `enterprise` with their new values; a name or a region counts from `on`.
        revision: of the enterprise as the officer saw it.
        on: the day from which a new name or region holds.
        chains: all its chains from now on; None leaves them.

    Raises:
        EditedMeanwhile: the enterprise has changed since `revision`.
        RegisteredElsewhere: the credit code is another enterprise's.
    """
    held = await lock(session, enterprise_id)
    if held["revision"] != revision:
        raise EditedMeanwhile(held["name"])
    changed = {name: value for name, value in changes.items() if value != held[name]}
    if "region_code" in changed:
        place = {name: changes.get(name, "") for name in ("town", "park")}
        await move_to(session, enterprise_id, changed["region_code"], place["town"], place["park"], on)
        changed |= place
    elif "town" in changed or "park" in changed:
        await correct_place(session, enterprise_id, changed)
    if "name" in changed:
        changed |= {"name": split_former_names(changed["name"])[0], "match_key": match_key(changed["name"])}
        await take_name(session, enterprise_id, changed["name"], on)
    if chains is not None and await _set_chains(session, enterprise_id, chains) and not changed:
        changed = {"name": held["name"]}
    if not changed:
        return
    try:
        await set_many(session, {enterprise_id: changed})
    except IntegrityError as problem:
        raise RegisteredElsewhere from problem
    await refresh_search(session, [enterprise_id])


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


async def _set_chains(session: AsyncSession, enterprise_id: int, chains: Sequence[str]) -> bool:
    """Let an enterprise belong to exactly these chains. Returns whether that changed anything."""
    found = await session.execute(
        text("SELECT chain FROM enterprise_chain WHERE enterprise_id = :id"), {"id": enterprise_id}
    )
    if set(found.scalars()) == set(chains):
        return False
    await session.execute(text("DELETE FROM enterprise_chain WHERE enterprise_id = :id"), {"id": enterprise_id})
    await copy_rows(session, "enterprise_chain", ("enterprise_id", "chain"), [(enterprise_id, one) for one in chains])
    return True
