"""All that any table says of some enterprises, to be compared before and after."""

from sqlmodel.ext.asyncio.session import AsyncSession

from tests.factories import column

#: Counted up or worked out anew with each change; they say nothing of the enterprise.
BOOKKEEPING = {
    "enterprise": ("revision", "updated_at", "search_text"),
    "recognition": ("id", "recorded_at", "supersedes_id"),
    "register_entry": ("id", "recorded_at", "supersedes_id"),
    "eligibility": ("run_id",),
    "fact_conflict": ("noted_at",),
    "fact_flag": ("noted_at",),
    "enterprise_place": ("id", "known_from"),
}
#: What is kept of what was known before, by what says that a row holds now.
STANDING = {
    "recognition": " AND x.superseded_at IS NULL", "register_entry": " AND x.superseded_at IS NULL",
    "enterprise_place": " AND x.known_to = 'infinity'",
}  # fmt: skip
#: What happened, and not what is.
HISTORY = {
    "eligibility_change", "eligibility_check", "enterprise_merge", "enterprise_alias", "enterprise_split", "proposal",
}  # fmt: skip

#: Kept by the database itself, without a foreign key.
_KEPT_BESIDE = (("enterprise_place", "enterprise_id"),)


async def dump(session: AsyncSession, ids: list[int]) -> dict[str, list[str]]:
    """All that any table says of some enterprises."""
    tables = await column(
        session,
        "SELECT c.conrelid::regclass || '/' || a.attname FROM pg_constraint c JOIN pg_attribute a"
        " ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.contype = 'f' AND c.confrelid = 'enterprise'::regclass",
    )
    said: dict[str, list[str]] = {}
    for table, name in [("enterprise", "id"), *_KEPT_BESIDE, *(one.split("/") for one in tables)]:
        if table in HISTORY:
            continue
        said[f"{table}.{name}"] = await column(
            session,
            f"SELECT CAST(to_jsonb(x) - CAST(:left AS text[]) AS text) FROM {table} x WHERE x.{name} = ANY(:ids)"
            f"{STANDING.get(table, '')} ORDER BY 1",
            ids=ids,
            left=list(BOOKKEEPING.get(table, ())),
        )
    said["search"] = await column(
        session, "SELECT search_text FROM enterprise WHERE id = ANY(:ids) ORDER BY id", ids=ids
    )
    return said
