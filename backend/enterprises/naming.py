"""Writing what enterprises are called: a new name on a day, former names, and what a search may hit."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises.names import match_key, split_former_names
from backend.enterprises.schemas import FORMER_CODE, LONG_AGO, FormerName
from backend.enterprises.writing import set_many


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
        await take_name(session, enterprise_id, name, on)
        await set_many(session, {enterprise_id: {"name": name, "match_key": match_key(name)}})
    await refresh_search(session, [enterprise_id])


async def why_not_from(session: AsyncSession, enterprise_id: int, on: date) -> str:
    """Why an enterprise cannot have taken the name that it bears now on a day; empty where it can."""
    began = await session.scalar(
        text("SELECT max(used_from) FROM enterprise_name WHERE enterprise_id = :id AND used_to IS NULL"),
        {"id": enterprise_id},
    )
    # The names since then would be lost, as if they had never been borne.
    return f"现在的名称自 {began} 起使用，新名称的生效日期 {on} 不能早于它，请核对。" if began and on < began else ""


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


async def take_name(session: AsyncSession, enterprise_id: int, name: str, on: date) -> None:
    """Let the names say that from a day on it is called so; the enterprise's own row is the caller's."""
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


async def add_former_names(session: AsyncSession, pairs: Sequence[tuple[int, FormerName]]) -> set[int]:
    """Add former names that are not known yet. Returns the ids of those that had not all of them."""
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


def search_text(name: str, credit_code: str | None, former: Iterable[FormerName] = ()) -> str:
    """All that a search may hit, in lower case: names, former names, code, pinyin initials."""
    # The dictionary takes 50 MB, which a process that registers nobody does without.
    from backend.enterprises.pinyin import initials

    names = [name, *(one.name for one in former)]
    return " ".join([*names, credit_code or "", *(initials(one) for one in names)]).lower()


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
