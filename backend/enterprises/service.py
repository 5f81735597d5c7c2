"""Writing who the enterprises are: registering, renaming, moving, correcting. Always many at once, one is many of one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises.credit_code import normalise
from backend.enterprises.names import match_key, split_former_names
from backend.enterprises.pinyin import initials
from backend.enterprises.queries import known_enterprises
from backend.enterprises.schemas import FORMER_CODE, LONG_AGO, Draft, FormerName, Known, Registered


class EditedMeanwhile(Exception):
    """Somebody else changed the enterprise since it was read."""

    status_code = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}”刚被其他人修改过，本次未保存。请刷新页面，核对后再保存。")


class RegisteredElsewhere(Exception):
    """A credit code belongs to an enterprise that the writer may not see, or to another one than was meant."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__(
            "统一社会信用代码已登记给另一家企业（可能在其他市（区）），本次未写入任何数据。"
            "请核对代码；企业如已迁入，请联系市级管理人员办理迁移。"
        )


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


def search_text(name: str, credit_code: str | None, former: Iterable[FormerName] = ()) -> str:
    """All that a search may hit, in lower case: names, former names, code, pinyin initials."""
    names = [name, *(one.name for one in former)]
    return " ".join([*names, credit_code or "", *(initials(one) for one in names)]).lower()


async def _update(session: AsyncSession, pairs: Sequence[tuple[Known, Draft]], on: date) -> set[int]:
    """Bring known enterprises up to date. Returns the ids of those that changed."""
    changes = {known.id: _changes(known, draft) for known, draft in pairs}
    for number, changed in changes.items():
        if "region_code" in changed:
            await _move(session, number, changed["region_code"], changed["town"], changed["park"], on)
        elif "town" in changed or "park" in changed:
            await _correct_place(session, number, changed)
        if "name" in changed:
            await _rename(session, number, changed["name"], on)
    touched = {number: changed for number, changed in changes.items() if changed}
    await _set_many(session, touched)
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


async def _set_many(session: AsyncSession, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write columns of many enterprises, each counted up by one revision."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, changed in changes.items():
        by_columns.setdefault(tuple(sorted(changed)), []).append({**changed, "id": number})
    for columns, rows in by_columns.items():
        assignments = "".join(f'"{column}" = :{column}, ' for column in columns)
        await session.execute(
            text(f"UPDATE enterprise SET {assignments}revision = revision + 1, updated_at = now() WHERE id = :id"), rows
        )


async def rename(session: AsyncSession, enterprise_id: int, name: str, on: date) -> None:
    """Register that an enterprise took a name on a day; the old one stays as a former name until the day before.

    A change that became known only after a later one leaves the name in use as it is.
    """
    name = split_former_names(name)[0]
    found = await session.execute(
        text("SELECT min(used_from) FROM enterprise_name WHERE enterprise_id = :id AND used_from > :on"),
        {"id": enterprise_id, "on": on},
    )
    later = found.scalar()
    if later is not None:
        await _insert_between(session, enterprise_id, name, on, later - timedelta(days=1))
    else:
        await _rename(session, enterprise_id, name, on)
        await _set_many(session, {enterprise_id: {"name": name, "match_key": match_key(name)}})
    await refresh_search(session, [enterprise_id])


async def _insert_between(session: AsyncSession, enterprise_id: int, name: str, first: date, last: date) -> None:
    values = {"id": enterprise_id, "name": name, "key": match_key(name), "first": first, "last": last}
    await session.execute(
        text(
            "UPDATE enterprise_name SET used_to = CAST(:first AS date) - 1 WHERE enterprise_id = :id"
            " AND used_to BETWEEN :first AND :last AND (used_from IS NULL OR used_from < :first)"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_name (enterprise_id, name, match_key, used_from, used_to)"
            " VALUES (:id, :name, :key, :first, :last)"
        ),
        values,
    )


async def _rename(session: AsyncSession, enterprise_id: int, name: str, on: date) -> None:
    values = {"id": enterprise_id, "name": name, "key": match_key(name), "on": on, "last": on - timedelta(days=1)}
    await session.execute(
        text(
            "UPDATE enterprise_name SET used_to = :last"
            " WHERE enterprise_id = :id AND (used_to IS NULL OR used_to >= :on)"
        ),
        values,
    )
    # A name that was wrong on the very day it came in was never used.
    await session.execute(text("DELETE FROM enterprise_name WHERE enterprise_id = :id AND used_from >= :on"), values)
    await session.execute(
        text("INSERT INTO enterprise_name (enterprise_id, name, match_key, used_from) VALUES (:id, :name, :key, :on)"),
        values,
    )


async def move(session: AsyncSession, enterprise_id: int, region_code: str, town: str, park: str, on: date) -> None:
    """Register that an enterprise is in a region from a day on; counts for earlier days find it where it was."""
    await _move(session, enterprise_id, region_code, town, park, on)
    await _set_many(session, {enterprise_id: {"region_code": region_code, "town": town, "park": park}})


async def _move(session: AsyncSession, enterprise_id: int, region_code: str, town: str, park: str, on: date) -> None:
    values = {"id": enterprise_id, "region": region_code, "town": town, "park": park, "on": on}
    # What was to begin on that day or later did not come to be.
    await session.execute(text("DELETE FROM enterprise_region WHERE enterprise_id = :id AND valid_from >= :on"), values)
    await session.execute(
        text(
            "UPDATE enterprise_region SET valid_to = CAST(:on AS date) - 1 WHERE enterprise_id = :id"
            " AND (valid_to IS NULL OR valid_to >= :on)"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
            " VALUES (:id, :region, :town, :park,"
            " CASE WHEN EXISTS (SELECT FROM enterprise_region WHERE enterprise_id = :id) THEN CAST(:on AS date) END)"
        ),
        values,
    )


async def _correct_place(session: AsyncSession, enterprise_id: int, changed: Mapping[str, Any]) -> None:
    """Another town or park within the same region is a correction, no move."""
    assignments = ", ".join(f"{name} = :{name}" for name in ("town", "park") if name in changed)
    await session.execute(
        text(f"UPDATE enterprise_region SET {assignments} WHERE enterprise_id = :id AND valid_to IS NULL"),
        {**changed, "id": enterprise_id},
    )


async def _add_details(session: AsyncSession, pairs: Sequence[tuple[int, Draft]]) -> set[int]:
    """Add chains, further identifiers and former names. Returns the ids of those that had not all of them."""
    chains = [(number, chain) for number, draft in pairs for chain in draft.chains]
    identifiers = [(number, *one) for number, draft in pairs for one in draft.identifiers.items()]
    former = [(number, one) for number, draft in pairs for one in draft.former_names]
    changed = await _add_missing(session, "enterprise_chain", ("chain",), chains)
    changed |= await _add_missing(session, "enterprise_identifier", ("kind", "value"), identifiers)
    return changed | (await _add_former_names(session, former) if former else set())


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


async def _add_former_names(session: AsyncSession, pairs: Sequence[tuple[int, FormerName]]) -> set[int]:
    ids = sorted({number for number, _ in pairs})
    found = await session.execute(
        text("SELECT enterprise_id, match_key FROM enterprise_name WHERE enterprise_id = ANY(:ids)"), {"ids": ids}
    )
    known = {(row[0], row[1]) for row in found}
    fresh = {(number, match_key(one.name)): one for number, one in pairs if (number, match_key(one.name)) not in known}
    # A former name whose last day nobody knows still is no name in use.
    rows = [
        (number, split_former_names(one.name)[0], key, None, one.used_to or LONG_AGO)
        for (number, key), one in fresh.items()
    ]
    if rows:
        columns = ("enterprise_id", "name", "match_key", "used_from", "used_to")
        await copy_rows(session, "enterprise_name", columns, rows)
        await refresh_search(session, ids)
    return {row[0] for row in rows}


async def refresh_search(session: AsyncSession, enterprise_ids: Sequence[int]) -> None:
    """Work out anew what a search for these enterprises may hit."""
    if not enterprise_ids:
        return
    found = await session.execute(
        text(
            "SELECT e.id, e.name, e.credit_code, array_remove(array_agg(n.name), NULL) AS names,"
            f" (SELECT string_agg(i.value, ' ') FROM enterprise_identifier i WHERE i.enterprise_id = e.id AND i.kind = '{FORMER_CODE}')"
            " AS former_codes FROM enterprise e"
            " LEFT JOIN enterprise_name n ON n.enterprise_id = e.id AND n.name <> e.name"
            " WHERE e.id = ANY(:ids) GROUP BY e.id"
        ),
        {"ids": list(enterprise_ids)},
    )
    rows = [
        {
            "id": row.id,
            "text": search_text(
                row.name,
                " ".join(filter(None, (row.former_codes, row.credit_code))),
                [FormerName(name) for name in row.names],
            ),
        }
        for row in found
    ]
    if rows:
        await session.execute(text("UPDATE enterprise SET search_text = :text WHERE id = :id"), rows)


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
    held = await _lock(session, enterprise_id)
    if held["revision"] != revision:
        raise EditedMeanwhile(held["name"])
    changed = {name: value for name, value in changes.items() if value != held[name]}
    if "region_code" in changed:
        place = {name: changes.get(name, "") for name in ("town", "park")}
        await _move(session, enterprise_id, changed["region_code"], place["town"], place["park"], on)
        changed |= place
    elif "town" in changed or "park" in changed:
        await _correct_place(session, enterprise_id, changed)
    if "name" in changed:
        changed |= {"name": split_former_names(changed["name"])[0], "match_key": match_key(changed["name"])}
        await _rename(session, enterprise_id, changed["name"], on)
    if chains is not None and await _set_chains(session, enterprise_id, chains) and not changed:
        changed = {"name": held["name"]}
    if not changed:
        return
    try:
        await _set_many(session, {enterprise_id: changed})
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
    held = await _lock(session, enterprise_id)
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
        await _set_many(session, {enterprise_id: {"credit_code": credit_code}})
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


async def _lock(session: AsyncSession, enterprise_id: int) -> Mapping[str, Any]:
    found = await session.execute(
        text("SELECT * FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": enterprise_id}
    )
    return dict(found.mappings().one())


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
