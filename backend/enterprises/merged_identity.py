"""Who an enterprise is, out of two files of it: names, codes, chains and what only one of them knew; and back again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final, Self

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.naming import add_former_names
from backend.enterprises.schemas import FORMER_CODE, FormerName
from backend.enterprises.traits import Trait, history_of, keep_trait, standing
from backend.enterprises.writing import set_many

#: What the remaining file takes over where it does not know it; the days among them.
_FILLED: Final = ("town", "park", "address", "industry_code", "established_on")
#: What is counted by: it stands in one of the two files only, or a past count would have it twice.
_COUNTED: Final = ("is_above_scale", "listing_board", "listed_on")
_DAYS: Final = ("established_on", "listed_on")
#: What is kept with its days, by the column that says what holds now.
_KINDS: Final = {
    "industry_code": Trait.INDUSTRY, "is_above_scale": Trait.ABOVE_SCALE, "listing_board": Trait.LISTING,
}  # fmt: skip


@dataclass
class Identity:
    """What the remaining file got from the closed one."""

    #: Of `enterprise_name`: the closed file's names, now former names of the other.
    names: list[int] = field(default_factory=list[int])
    #: Of `enterprise_identifier`: those that were made, moved, and (whole) taken away because both had them.
    made: list[int] = field(default_factory=list[int])
    moved: list[int] = field(default_factory=list[int])
    doubled: list[list[Any]] = field(default_factory=list[list[Any]])
    chains: list[str] = field(default_factory=list[str])
    #: Column → what was filled in.
    filled: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Of `enterprise_region`, where the remaining file had none.
    region: int | None = None
    #: (kind, value, its days) of the closed file's chains, industry, scale and board, as far as they were ever changed.
    traits: list[list[Any]] = field(default_factory=list[list[Any]])
    #: (kind, value, the remaining file's own days) of those whose days went over.
    carried: list[list[Any]] = field(default_factory=list[list[Any]])

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """As the merge wrote it down."""
        return cls(**stored)

    def as_json(self) -> str:
        """As the merge writes it down."""
        return json.dumps(asdict(self), default=str)


async def take_identity(session: AsyncSession, absorbed: Mapping[str, Any], survivor: Mapping[str, Any]) -> Identity:
    """Let the remaining file be found by all that the closed one was found by, and know what only that one knew."""
    got = Identity()
    days, own_days = await standing(session, absorbed["id"]), await standing(session, survivor["id"])
    own_chains = set(await _chains_of(session, survivor["id"]))
    await set_many(session, {absorbed["id"]: {"credit_code": None}})
    got.names = await _take_names(session, absorbed["id"], survivor["id"])
    await _take_identifiers(session, absorbed, survivor, got)
    got.chains = await _move_chains(session, absorbed["id"], survivor["id"])
    got.filled = {name: absorbed[name] for name in _FILLED if survivor[name] in (None, "") and absorbed[name]}
    counted = [name for name in _COUNTED if survivor[name] in (None, "") and absorbed[name] not in (None, "")]
    got.filled |= {name: absorbed[name] for name in counted}
    if not survivor["credit_code"] and absorbed["credit_code"]:
        got.filled["credit_code"] = absorbed["credit_code"]
    if not survivor["region_code"] and absorbed["region_code"]:
        got.filled["region_code"] = absorbed["region_code"]
        got.region = await _first_region(session, absorbed, survivor["id"])
    if counted:
        nothing: dict[str, Any] = {"is_above_scale": None, "listing_board": "", "listed_on": None}
        await set_many(session, {absorbed["id"]: {name: nothing[name] for name in counted}})
    if got.filled:
        await set_many(session, {survivor["id"]: got.filled})
    got.traits = [[*value, held] for value, held in days.items()]
    taken = {kind for name, kind in _KINDS.items() if name in got.filled}
    for value, held in days.items():
        kind = Trait(value[0])
        if value[1] not in own_chains if kind is Trait.CHAIN else kind in taken:
            got.carried.append([*value, own_days.get(value, [])])
            await keep_trait(session, survivor["id"], value, [*own_days.get(value, []), *held])
    return got


async def _chains_of(session: AsyncSession, enterprise_id: int) -> list[str]:
    found = await session.execute(
        text("SELECT chain FROM enterprise_chain WHERE enterprise_id = :id"), {"id": enterprise_id}
    )
    return list(found.scalars())


async def _take_names(session: AsyncSession, absorbed_id: int, survivor_id: int) -> list[int]:
    highest = await session.scalar(text("SELECT coalesce(max(id), 0) FROM enterprise_name"))
    found = await session.execute(
        text("SELECT name, used_to FROM enterprise_name WHERE enterprise_id = :id ORDER BY id"), {"id": absorbed_id}
    )
    await add_former_names(session, [(survivor_id, FormerName(name, used_to)) for name, used_to in found.all()])
    fresh = await session.execute(
        text("SELECT id FROM enterprise_name WHERE enterprise_id = :id AND id > :highest ORDER BY id"),
        {"id": survivor_id, "highest": highest},
    )
    return list(fresh.scalars())


async def _take_identifiers(
    session: AsyncSession, absorbed: Mapping[str, Any], survivor: Mapping[str, Any], got: Identity
) -> None:
    """Numbers lead to one file only: those that both have are taken away from the closed one."""
    values = {"from_id": absorbed["id"], "to_id": survivor["id"], "code": survivor["credit_code"] or ""}
    doubled = await session.execute(
        text(
            "DELETE FROM enterprise_identifier i WHERE i.enterprise_id = :from_id AND (i.value = :code OR EXISTS ("
            "SELECT FROM enterprise_identifier o WHERE o.enterprise_id = :to_id AND o.kind = i.kind AND o.value = i.value))"
            " RETURNING i.id, i.kind, i.value"
        ),
        values,
    )
    got.doubled = [list(row) for row in doubled]
    moved = await session.execute(
        text("UPDATE enterprise_identifier SET enterprise_id = :to_id WHERE enterprise_id = :from_id RETURNING id"),
        values,
    )
    got.moved = list(moved.scalars())
    if absorbed["credit_code"] and survivor["credit_code"]:
        made = await session.execute(
            text(
                "INSERT INTO enterprise_identifier (enterprise_id, kind, value) VALUES (:to_id, :kind, :former)"
                " ON CONFLICT DO NOTHING RETURNING id"
            ),
            values | {"kind": FORMER_CODE, "former": absorbed["credit_code"]},
        )
        got.made = list(made.scalars())


async def _move_chains(session: AsyncSession, from_id: int, to_id: int) -> list[str]:
    found = await session.execute(
        text(
            "UPDATE enterprise_chain c SET enterprise_id = :to_id WHERE c.enterprise_id = :from_id AND NOT EXISTS ("
            "SELECT FROM enterprise_chain o WHERE o.enterprise_id = :to_id AND o.chain = c.chain) RETURNING c.chain"
        ),
        {"from_id": from_id, "to_id": to_id},
    )
    return list(found.scalars())


async def _first_region(session: AsyncSession, absorbed: Mapping[str, Any], survivor_id: int) -> int:
    found = await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park)"
            " VALUES (:id, :region_code, :town, :park) RETURNING id"
        ),
        {"id": survivor_id, **{name: absorbed[name] for name in ("region_code", "town", "park")}},
    )
    return found.scalar_one()


async def give_back_identity(
    session: AsyncSession,
    got: Identity,
    absorbed: Mapping[str, Any],
    survivor: Mapping[str, Any],
    before: Mapping[str, Mapping[str, Any]],
) -> None:
    """Take away from the remaining file what it got, unless somebody has changed it since, and give it back."""
    values = {"absorbed": absorbed["id"], "survivor": survivor["id"]}
    await session.execute(
        text("DELETE FROM enterprise_name WHERE enterprise_id = :survivor AND id = ANY(:ids) AND used_to IS NOT NULL"),
        values | {"ids": got.names},
    )
    await _give_back_identifiers(session, got, values, before["absorbed"]["credit_code"])
    for chain in got.chains:
        await session.execute(
            text("UPDATE enterprise_chain SET enterprise_id = :absorbed WHERE enterprise_id = :survivor AND chain = :chain"),
            values | {"chain": chain},
        )  # fmt: skip
    unchanged = {name for name, value in got.filled.items() if str(survivor[name]) == str(value)}
    if got.region is not None and "region_code" in unchanged:
        await session.execute(text("DELETE FROM enterprise_region WHERE id = :id"), {"id": got.region})
    back = {name: _read(name, before["survivor"][name]) for name in unchanged}
    if back:
        await set_many(session, {survivor["id"]: back})
    own = {name: _read(name, before["absorbed"][name]) for name in (*_COUNTED, "credit_code")}
    await set_many(session, {absorbed["id"]: own})
    await _give_back_days(session, survivor["id"], got.carried)
    await _give_back_days(session, absorbed["id"], got.traits)


async def _give_back_days(session: AsyncSession, enterprise_id: int, days: list[list[Any]]) -> None:
    """Let values have held when they did before the merge, unless the enterprise has got or lost one of them since."""
    held = {(one.kind, one.value) for one in (await history_of(session, enterprise_id)).now}
    for kind, value, stored in days:
        stretches = [(_read_day(first), _read_day(last)) for first, last in stored]
        if any(last is None for _, last in stretches) is ((kind, value) in held):
            await keep_trait(session, enterprise_id, (kind, value), stretches)


def _read_day(stored: Any) -> date | None:
    return date.fromisoformat(stored) if isinstance(stored, str) else stored


async def _give_back_identifiers(
    session: AsyncSession, got: Identity, values: Mapping[str, Any], credit_code: str | None
) -> None:
    await session.execute(
        text(
            "DELETE FROM enterprise_identifier WHERE enterprise_id = :survivor"
            " AND (id = ANY(:made) OR (kind = :kind AND value = :code))"
        ),
        {**values, "made": got.made, "kind": FORMER_CODE, "code": credit_code or ""},
    )
    await session.execute(
        text("UPDATE enterprise_identifier SET enterprise_id = :absorbed WHERE enterprise_id = :survivor AND id = ANY(:ids)"),
        {**values, "ids": got.moved},
    )  # fmt: skip
    for number, kind, value in got.doubled:
        await session.execute(
            text("INSERT INTO enterprise_identifier (id, enterprise_id, kind, value) VALUES (:id, :absorbed, :kind, :value)"),
            {**values, "id": number, "kind": kind, "value": value},
        )  # fmt: skip


def _read(name: str, stored: Any) -> Any:
    return date.fromisoformat(stored) if name in _DAYS and isinstance(stored, str) else stored
