"""What an import wrote of whom, taken down in its own transaction, so that it can be undone whole."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

#: The columns of `enterprise` that say who it is.
IDENTITY_COLUMNS = (
    ("credit_code", "text"), ("name", "text"), ("match_key", "text"), ("region_code", "text"), ("town", "text"),
    ("park", "text"), ("address", "text"), ("industry_code", "text"), ("established_on", "date"),
    ("is_above_scale", "boolean"), ("listing_board", "text"), ("listed_on", "date"), ("status", "text"),
)  # fmt: skip
#: Table → its columns that say who an enterprise is, beside the enterprise's number.
IDENTITY_TABLES = {
    "enterprise_name": (("name", "text"), ("match_key", "text"), ("used_from", "date"), ("used_to", "date")),
    "enterprise_region": (
        ("region_code", "text"), ("town", "text"), ("park", "text"), ("valid_from", "date"), ("valid_to", "date"),
    ),
    "enterprise_identifier": (("kind", "text"), ("value", "text")),
    "enterprise_chain": (("chain", "text"),),
}  # fmt: skip


def _listed(table: str, columns: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"'{name}', x.{name}" for name, _ in columns)
    order = ", ".join(f"x.{name}" for name, _ in columns)
    return (
        f"'{table}', (SELECT jsonb_agg(jsonb_build_object({named}) ORDER BY {order}) FROM {table} x"
        " WHERE x.enterprise_id = e.id)"
    )


#: Who enterprise `e` is, as one document: itself, its names, regions, numbers and chains.
IDENTITY = (
    "jsonb_build_object('enterprise', jsonb_build_object("
    + ", ".join(f"'{name}', e.{name}" for name, _ in IDENTITY_COLUMNS)
    + "), "
    + ", ".join(_listed(table, columns) for table, columns in IDENTITY_TABLES.items())
    + ")"
)


async def begin_noting(session: AsyncSession) -> None:
    """Let `note_before` take down anew what is before an import writes anything."""
    await session.execute(text("DROP TABLE IF EXISTS pg_temp.import_before"))
    await session.execute(
        text("CREATE TEMPORARY TABLE import_before (id bigint PRIMARY KEY, identity jsonb) ON COMMIT DROP")
    )


async def note_before(session: AsyncSession, enterprise_ids: Iterable[int]) -> None:
    """Take down who the enterprises are that some rows may speak of, before anything is written for these."""
    await session.execute(
        text(
            f"INSERT INTO import_before SELECT e.id, {IDENTITY} FROM enterprise e WHERE e.id = ANY(:ids)"
            " ON CONFLICT DO NOTHING"
        ),
        {"ids": sorted(set(enterprise_ids))},
    )


async def note_touched(session: AsyncSession, import_id: int, enterprise_ids: Sequence[int]) -> None:
    """Take down whom an import wrote of: what they were before, and by what a later change will be known."""
    for start in range(0, len(enterprise_ids), _PORTION):
        some = list(enterprise_ids[start : start + _PORTION])
        await session.execute(_NOTE, {"import_id": import_id, "ids": some})
    await session.execute(text("DROP TABLE pg_temp.import_before"))


#: Enterprises that are told of at once: what they are is held by the database until all of these are.
_PORTION = 5_000
_NOTE = text(
    # Who they are is told once for each: inside the query it would be worked out wherever it is mentioned.
    f"WITH now AS MATERIALIZED (SELECT e.id, {IDENTITY} AS identity FROM enterprise e WHERE e.id = ANY(:ids))"
    " INSERT INTO import_touched (import_id, enterprise_id, is_new, before, after)"
    " SELECT :import_id, now.id, before.identity IS NULL OR before.identity -> 'enterprise' ->> 'status' = 'withdrawn',"
    " CASE WHEN before.identity <> now.identity THEN before.identity END, md5(CAST(now.identity AS text))"
    " FROM now LEFT JOIN import_before AS before ON before.id = now.id"
    # Rows decided on later go on with an import. Whoever changed the enterprise in between is still seen then.
    " ON CONFLICT (import_id, enterprise_id) DO UPDATE SET after = CASE WHEN import_touched.after ="
    " (SELECT md5(CAST(b.identity AS text)) FROM import_before b WHERE b.id = import_touched.enterprise_id)"
    " THEN EXCLUDED.after ELSE import_touched.after END"
)
