"""Whatever the service's role does to a row of any business table leaves its entry: who, what, before and after.

Every route writes through these tables, so this holds for each of them, and for the one that is written next year.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database.roles import APP_ROLE
from backend.database.session import owner_unit_of_work
from backend.database.trace import OMITTED, UNTRACED
from tests.factories import make_enterprise

#: By type, a value to put in and another to change it to.
VALUES: Final = {
    "bool": ("false", "true"), "bytea": (r"'\x00'", r"'\x01'"), "date": ("'2026-01-01'", "'2026-01-02'"),
    "timestamptz": ("'2026-01-01'", "'2026-01-02'"), "jsonb": ("'{}'", """'{"a": 1}'"""), "json": ("'{}'", """'{"a": 1}'"""),
    "int2": ("1", "2"), "int4": ("1", "2"), "int8": ("1", "2"), "float8": ("1", "2"), "numeric": ("1", "2"),
    "text": ("'x'", "'y'"), "varchar": ("'x'", "'y'"), "bpchar": ("'x'", "'y'"), "inet": ("'10.0.0.1'", "'10.0.0.2'"),
    "uuid": ("gen_random_uuid()", "gen_random_uuid()"), "interval": ("'1 day'", "'2 days'"),
}  # fmt: skip
_COLUMNS = text(
    "SELECT c.relname AS table, a.attname AS name, t.typname AS type, t.typcategory = 'A' AS is_array, a.attnotnull AS is_needed,"
    " a.atthasdef OR a.attidentity <> '' AS has_default, a.attgenerated <> '' OR a.attidentity = 'a' AS is_made,"
    " a.attnum = ANY (i.indkey) AS is_key"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " JOIN pg_type t ON t.oid = a.atttypid JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
    " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum"
)
#: What else holds of the table is not looked at here: whom a row hangs on, what it may say, who may write it.
_ALONE = """
DO $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype IN ('c', 'f') LOOP
        EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', one);
    END LOOP;
    ALTER TABLE {table} DISABLE TRIGGER USER;
    FOR one IN SELECT tgname FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND tgname LIKE 'trace\\_%' LOOP
        EXECUTE format('ALTER TABLE {table} ENABLE TRIGGER %I', one);
    END LOOP;
    ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
    GRANT ALL ON {table} TO {role};
END $$
"""


@dataclass(frozen=True)
class Column:
    table: str
    name: str
    type: str
    is_array: bool
    is_needed: bool
    has_default: bool
    is_made: bool
    is_key: bool

    def value(self, place: int) -> str:
        return ("'{}'", "NULL")[place] if self.is_array else VALUES[self.type][place]


async def write_and_read(connection: AsyncConnection, table: str, columns: list[Column]) -> list[Any]:
    """Put a row in, change it and take it away, as the service's role; gives what the trace then tells."""
    given = [one for one in columns if not one.is_made and one.is_needed and (one.is_key or not one.has_default)]
    omitted = OMITTED.get(table, ())
    able = [one for one in columns if not one.is_made and not one.is_array and one.name not in omitted]
    changed = min(able, key=lambda one: (one.is_key, one.name.endswith("_id")))
    # Keys come with a value of their own, where they are not given.
    names, values = [one.name for one in given], [one.value(0) for one in given]
    put = f"({', '.join(names)}) VALUES ({', '.join(values)})" if given else "DEFAULT VALUES"
    await connection.execute(text(_ALONE.format(table=table, role=APP_ROLE)))
    await connection.execute(text("DELETE FROM trace_note"))
    await connection.execute(text(f"SET LOCAL ROLE {APP_ROLE}"))
    for statement in (
        f"INSERT INTO {table} {put}",
        f"UPDATE {table} SET {changed.name} = {changed.value(1)}",
        f"DELETE FROM {table}",
    ):
        await connection.exec_driver_sql(statement)
    await connection.execute(text("RESET ROLE"))
    told = "action, actor, before IS NOT NULL AS before, after IS NOT NULL AS after"
    found = await connection.execute(
        text(f"SELECT {told} FROM trace_note WHERE subject = :table ORDER BY id"), {"table": table}
    )
    return [tuple(row) for row in found]


async def business_tables(connection: AsyncConnection) -> dict[str, list[Column]]:
    tables: dict[str, list[Column]] = {}
    for row in (await connection.execute(_COLUMNS)).mappings():
        if row["table"] not in UNTRACED:
            tables.setdefault(row["table"], []).append(Column(**row))
    return tables


#: Where a row is nothing but its key, another key is another row.
CHANGED: Final = [("update", "wangmin", True, True)]
REPLACED: Final = [("delete", "wangmin", True, False), ("insert", "wangmin", False, True)]


async def test_a_row_put_in_changed_and_taken_away_leaves_its_entries_in_every_business_table(engine: AsyncEngine):
    otherwise: dict[str, list[Any]] = {}
    async with engine.connect() as connection:
        tables = await business_tables(connection)
        await connection.execute(
            text("SELECT set_config('tidu.actor', 'wangmin', true), set_config('tidu.scope', '*', true)")
        )
        for table, columns in tables.items():
            async with connection.begin_nested() as alone:
                found = await write_and_read(connection, table, columns)
                await alone.rollback()
            meant = REPLACED if all(one.is_key for one in columns) else CHANGED
            if found != [("insert", "wangmin", False, True), *meant, ("delete", "wangmin", True, False)]:
                otherwise[table] = found
        await connection.rollback()
    assert otherwise == {}
    assert {"enterprise", "filing", "recognition", "proposal", "person"} <= tables.keys()


async def test_a_row_that_is_handed_to_another_enterprise_is_told_of_at_both(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        one, other = [await make_enterprise(session) for _ in range(2)]
        await session.execute(text("INSERT INTO enterprise_chain VALUES (:id, '高端装备')"), {"id": one})
        await session.execute(text("DELETE FROM trace_note"))
        await session.execute(text("UPDATE enterprise_chain SET enterprise_id = :id"), {"id": other})
        told = "SELECT action, enterprise_id, coalesce(before, after)->>'chain' FROM trace_note ORDER BY id"
        found = [tuple(row) for row in await session.execute(text(told))]
    assert found == [("delete", one, "高端装备"), ("insert", other, "高端装备")]
