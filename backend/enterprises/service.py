"""Registering enterprises: those that are new, and those known already brought up to date. Always many at once.

The other verbs: `naming` (what they are called), `moving` (where they are), `correcting` (what an officer enters),
`ending` (when they end), `merging` (two files of one enterprise), `splitting` (one enterprise becomes two).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises.credit_code import normalise
from backend.enterprises.moving import correct_place, move_to
from backend.enterprises.names import match_key, split_former_names
from backend.enterprises.naming import add_former_names, refresh_search, search_text, take_name
from backend.enterprises.queries import known_enterprises
from backend.enterprises.schemas import Draft, FormerName, Known, Registered
from backend.enterprises.writing import RegisteredElsewhere, set_many

#: Columns that a later draft may fill or correct.
_PLAIN = (
    "region_code", "town", "park", "address", "industry_code", "established_on", "is_above_scale", "listing_board",
    "listed_on",
)  # fmt: skip
_COLUMNS = ("id", "credit_code", "name", "match_key", "search_text", *_PLAIN, "status", "revision")


async def register(session: AsyncSession, drafts: Sequence[Draft], on: date) -> Registered:
    """Register enterprises that are new, and bring those already known up to date.

    An enterprise is known by its credit code. A draft without one is known by a name that exactly one enterprise bears
    or bore (of several, the one that bears it today), and one with a code may give it to the enterprise that a list
    without codes brought in under that name. A field that the draft leaves empty is left as it was; a new name keeps
    the old one as a former name until `on`. Several drafts of one enterprise are taken as one, the later ones last.

    Raises:
        RegisteredElsewhere: a code belongs to an enterprise outside the writer's scope; nothing is written.
    """
    drafts = [_tidied(draft) for draft in drafts]
    known = await known_enterprises(session, drafts)
    groups = _groups(drafts, known)
    firsts = [positions[0] for positions in groups]
    merged = [_merged([drafts[position] for position in positions]) for positions in groups]
    fresh = [number for number, first in enumerate(firsts) if first not in known]
    new_ids = dict(zip(fresh, await _next_ids(session, len(fresh)), strict=True))
    ids = [new_ids[number] if number in new_ids else known[first].id for number, first in enumerate(firsts)]
    await _insert(session, [(ids[number], merged[number]) for number in fresh])
    pairs = [(_surest(known, groups[number]), merged[number]) for number, one in enumerate(firsts) if one in known]
    changed = await _update(session, pairs, on)
    changed |= await _add_details(session, list(zip(ids, merged, strict=True)))
    id_at = {position: ids[number] for number, positions in enumerate(groups) for position in positions}
    return Registered(
        [id_at[position] for position in range(len(drafts))],
        {firsts[number] for number in fresh},
        {first for number, first in enumerate(firsts) if first in known and ids[number] in changed},
    )


def _surest(known: Mapping[int, Known], positions: Sequence[int]) -> Known:
    """How an enterprise was found: by its code, if by any of the drafts."""
    return max((known[position] for position in positions), key=lambda one: one.is_by_code)


def _tidied(draft: Draft) -> Draft:
    name, former = split_former_names(draft.name)
    return replace(
        draft,
        name=name,
        credit_code=normalise(draft.credit_code) if draft.credit_code else None,
        former_names=(*draft.former_names, *(FormerName(one) for one in former)),
    )


def _groups(drafts: Sequence[Draft], known: Mapping[int, Known]) -> list[list[int]]:
    """Positions of the drafts that speak of the same enterprise, in the order in which it is first named."""
    codes_by_name: dict[str, set[str]] = {}
    for position, draft in enumerate(drafts):
        if draft.credit_code and position not in known:
            codes_by_name.setdefault(match_key(draft.name), set()).add(draft.credit_code)
    groups: dict[tuple[str, str | int], list[int]] = {}
    for position, draft in enumerate(drafts):
        key = match_key(draft.name)
        codes = codes_by_name.get(key, set())
        if position in known:
            whose: tuple[str, str | int] = ("id", known[position].id)
        elif draft.credit_code:
            whose = ("code", draft.credit_code)
        else:
            # The list itself may tell the code, in the row before.
            whose = ("code", next(iter(codes))) if len(codes) == 1 else ("name", key)
        groups.setdefault(whose, []).append(position)
    return list(groups.values())


def _merged(drafts: Sequence[Draft]) -> Draft:
    """Several drafts of one enterprise as one: what a later one says goes before."""
    one = drafts[0]
    for other in drafts[1:]:
        said = {column: value for column in _PLAIN if (value := getattr(other, column)) not in (None, "")}
        # A name beside the code is the enterprise's own; a name alone only found it.
        name, former = (other.name, one.name) if other.credit_code else (one.name, other.name)
        names = one.former_names + other.former_names
        if match_key(former) != match_key(name):
            names += (FormerName(former),)
        one = replace(
            one, **said, name=name, credit_code=one.credit_code or other.credit_code, former_names=names,
            chains=tuple(dict.fromkeys(one.chains + other.chains)), identifiers={**one.identifiers, **other.identifiers},
        )  # fmt: skip
    return one


async def _next_ids(session: AsyncSession, count: int) -> list[int]:
    if not count:
        return []
    found = await session.execute(
        text("SELECT nextval('enterprise_id_seq') FROM generate_series(1, :count)"), {"count": count}
    )
    return sorted(found.scalars())


async def _insert(session: AsyncSession, enterprises: list[tuple[int, Draft]]) -> None:
    if not enterprises:
        return
    rows = [
        (number, draft.credit_code, draft.name, match_key(draft.name), search_text(draft.name, draft.credit_code, draft.former_names),
         *(getattr(draft, column) for column in _PLAIN), "active", 1)
        for number, draft in enterprises
    ]  # fmt: skip
    try:
        await copy_rows(session, "enterprise", _COLUMNS, rows)
    except IntegrityError as problem:
        raise RegisteredElsewhere from problem
    names = [(number, draft.name, match_key(draft.name), None, None) for number, draft in enterprises]
    await copy_rows(session, "enterprise_name", ("enterprise_id", "name", "match_key", "used_from", "used_to"), names)
    regions = [
        (number, draft.region_code, draft.town, draft.park, None, None)
        for number, draft in enterprises
        if draft.region_code
    ]
    columns = ("enterprise_id", "region_code", "town", "park", "valid_from", "valid_to")
    await copy_rows(session, "enterprise_region", columns, regions)


async def _update(session: AsyncSession, pairs: Sequence[tuple[Known, Draft]], on: date) -> set[int]:
    """Bring known enterprises up to date. Returns the ids of those that changed."""
    changes = {known.id: _changes(known, draft) for known, draft in pairs}
    for number, changed in changes.items():
        if "region_code" in changed:
            await move_to(session, number, changed["region_code"], changed["town"], changed["park"], on)
        elif "town" in changed or "park" in changed:
            await correct_place(session, number, changed)
        if "name" in changed:
            await take_name(session, number, changed["name"], on)
    touched = {number: changed for number, changed in changes.items() if changed}
    await set_many(session, touched)
    renamed = [number for number, changed in touched.items() if "name" in changed or "credit_code" in changed]
    await refresh_search(session, renamed)
    return set(touched)


def _changes(known: Known, draft: Draft) -> dict[str, Any]:
    """The columns that a draft changes."""
    changes: dict[str, Any] = {
        column: value
        for column in _PLAIN
        if (value := getattr(draft, column)) not in (None, "") and value != known.fields[column]
    }
    if "region_code" in changes and known.fields["region_code"]:
        # The town and the park belong to the region that was left.
        changes |= {"town": draft.town, "park": draft.park}
    elif "region_code" in changes:
        changes |= {name: getattr(draft, name) or known.fields[name] for name in ("town", "park")}
    if draft.credit_code and known.credit_code is None:
        changes["credit_code"] = draft.credit_code
    key = match_key(draft.name)
    if known.is_by_code and draft.credit_code and key != known.match_key and not known.bore(key):
        changes |= {"name": draft.name, "match_key": key}
    return changes


async def _add_details(session: AsyncSession, pairs: Sequence[tuple[int, Draft]]) -> set[int]:
    """Add chains, further identifiers and former names. Returns the ids of those that had not all of them."""
    chains = [(number, chain) for number, draft in pairs for chain in draft.chains]
    identifiers = [(number, *one) for number, draft in pairs for one in draft.identifiers.items()]
    former = [(number, one) for number, draft in pairs for one in draft.former_names]
    changed = await _add_missing(session, "enterprise_chain", ("chain",), chains)
    changed |= await _add_missing(session, "enterprise_identifier", ("kind", "value"), identifiers)
    return changed | (await add_former_names(session, former) if former else set())


async def _add_missing(
    session: AsyncSession, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> set[int]:
    if not rows:
        return set()
    named = ", ".join(columns)
    found = await session.execute(
        text(f"SELECT enterprise_id, {named} FROM {table} WHERE enterprise_id = ANY(:ids)"),
        {"ids": sorted({row[0] for row in rows})},
    )
    missing = sorted(set(rows) - {tuple(row) for row in found})
    if missing:
        await copy_rows(session, table, ("enterprise_id", *columns), missing)
    return {row[0] for row in missing}
