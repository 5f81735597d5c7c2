"""List where sources disagree, and what does not fit together, by place; without looking up each one's enterprise.

To count the conflicts of a park, the enterprise of every conflict in the city was looked up, and whether the tax office
ever said anything of it: 0.3 s for 33,000. `conflict_listed` and `flag_listed` say both beside the conflict and the flag,
in the order of the lists; of the flags only those stand there that nobody has answered. Their policies ask nothing of
another table. They say that there is one, whose, and how large; what was said stays in `fact_conflict` and `fact_flag`.

What is kept of some enterprises is made anew in the same transaction, as `refresh_listed_work` does it (0068), and holds
those enterprises meanwhile: nobody moves one. Whoever files holds them as well, from before the filing until its
conflicts are found: no tax figure comes unseen. `rebuild_listed_figures` says how many rows had been wrong.
"""

from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_SEEN = f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))"
# As the figures themselves are protected since 0064.
_READABLE = (
    "(SELECT coalesce(current_setting('tidu.reads_tax', true), '') = 'yes' OR pg_has_role('tidu_keeper', 'USAGE'))"
    " OR enterprise_id = ANY((SELECT unmasked())::bigint[]) OR NOT holds_tax"
)

_PLACE = "e.region_code, e.park, holds_tax(e.id)"
_PLACED = "region_code varchar(6) NOT NULL, park varchar(100) NOT NULL, holds_tax boolean NOT NULL"
_TABLES = {
    "conflict_listed": "enterprise_id bigint NOT NULL, indicator text NOT NULL, year integer NOT NULL,"
    f" spread numeric NOT NULL, {_PLACED}, PRIMARY KEY (enterprise_id, indicator, year)",
    "flag_listed": "enterprise_id bigint NOT NULL, rule text NOT NULL, indicator text NOT NULL, year integer NOT NULL,"
    f" {_PLACED}, PRIMARY KEY (enterprise_id, rule, indicator, year)",
}
_READ = "INCLUDE (region_code, park, holds_tax)"
_INDEXES = {
    "conflict_listed_in_order": f"conflict_listed (spread DESC, enterprise_id DESC, indicator, year) {_READ}",
    "flag_listed_in_order": f"flag_listed (rule, enterprise_id, indicator, year) {_READ}",
}
# Of the lists, which are read out of the tables made here now.
_OLD_INDEXES = {
    "fact_conflict_by_size": "fact_conflict (spread, enterprise_id)",
    "fact_conflict_of_indicator": "fact_conflict (indicator, spread)",
    "fact_flag_of_rule": "fact_flag (rule, enterprise_id)",
}
_MADE = {
    "conflict_listed": f"SELECT f.enterprise_id, f.indicator, f.year, f.spread, {_PLACE} FROM fact_conflict f"
    " JOIN enterprise e ON e.id = f.enterprise_id WHERE {of}",
    "flag_listed": f"SELECT f.enterprise_id, f.rule, f.indicator, f.year, {_PLACE} FROM fact_flag f"
    " JOIN enterprise e ON e.id = f.enterprise_id WHERE NOT EXISTS (SELECT FROM fact_flag_answer a"
    " WHERE a.enterprise_id = f.enterprise_id AND a.rule = f.rule AND a.indicator = f.indicator AND a.year = f.year"
    " AND a.figures = f.figures) AND {of}",
}


def _made(table: str, of: str) -> str:
    return _MADE[table].format(of=of)


def _refreshed(table: str) -> str:
    return f"""
    IF of_table IN ('', '{table}') THEN
        DELETE FROM {table} WHERE enterprise_id = ANY (ids);
        INSERT INTO {table} {_made(table, "f.enterprise_id = ANY (ids)")};
    END IF;"""


_REFRESH = f"""
CREATE FUNCTION refresh_listed_figures(ids bigint[], of_table text) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    PERFORM FROM enterprise WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    {"".join(map(_refreshed, _TABLES))}
END $$
"""


def _rebuilt(table: str) -> str:
    made = _made(table, "true")
    return f"""
    SELECT differing + count(*) INTO differing FROM (
        ({made} EXCEPT SELECT * FROM {table}) UNION ALL (SELECT * FROM {table} EXCEPT ({made}))
    ) different;
    TRUNCATE {table};
    INSERT INTO {table} {made};"""


_REBUILD = f"""
CREATE FUNCTION rebuild_listed_figures() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint := 0;
BEGIN
    LOCK TABLE enterprise, enterprise_alias, filing, fact_conflict, fact_flag, fact_flag_answer
        IN SHARE ROW EXCLUSIVE MODE;
    {"".join(map(_rebuilt, _TABLES))}
    RETURN differing;
END $$
"""
_LISTED = (
    "(SELECT enterprise_id, holds_tax FROM conflict_listed UNION ALL SELECT enterprise_id, holds_tax FROM flag_listed)"
)


def _listing(name: str, whose: str, *, narrowed: str = "", table: str = "''") -> str:
    """A trigger that makes anew what is listed of those whom a statement was about: `whose` of its {rows}."""
    changed, replaced = whose.format(rows="changed"), whose.format(rows="replaced")
    told = f"SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM ({{}}) AS meant (enterprise_id){narrowed}"
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        {told.format(f"SELECT enterprise_id FROM {_LISTED} l")};
    ELSIF TG_OP = 'INSERT' THEN
        {told.format(changed)};
    ELSIF TG_OP = 'DELETE' THEN
        {told.format(replaced)};
    ELSE
        {told.format(f"{changed} UNION ALL {replaced}")};
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_listed_figures(ids, {table});
    END IF;
    RETURN NULL;
END $$
"""


# Few have anything listed; and most of them have had tax figures before.
_IS_ANOTHERS = f" JOIN {_LISTED} AS l USING (enterprise_id) WHERE l.holds_tax <> holds_tax(enterprise_id)"
_OF_TAX = (
    "SELECT enterprise_id FROM {rows} WHERE source = 'tax' UNION ALL SELECT a.survivor_id FROM {rows} r"
    " JOIN enterprise_alias a ON a.absorbed_id = r.enterprise_id AND a.known_to IS NULL WHERE r.source = 'tax'"
)
_FUNCTIONS = {
    "refresh_listed_figures(bigint[], text)": _REFRESH,
    "rebuild_listed_figures()": _REBUILD,
    "list_conflicts()": _listing("list_conflicts", "SELECT enterprise_id FROM {rows}", table="'conflict_listed'"),
    "list_flags()": _listing("list_flags", "SELECT enterprise_id FROM {rows}", table="'flag_listed'"),
    "list_figures_of_tax()": _listing("list_figures_of_tax", _OF_TAX, narrowed=_IS_ANOTHERS),
    "list_figures_of_merged()": _listing(
        "list_figures_of_merged", "SELECT survivor_id FROM {rows}", narrowed=_IS_ANOTHERS
    ),
}
_OF_PLACES = f"""
CREATE OR REPLACE FUNCTION list_work_of_places() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    SELECT array_agg(DISTINCT id) INTO ids FROM (
        SELECT id, region_code, park, status FROM changed EXCEPT SELECT id, region_code, park, status FROM replaced
    ) different;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_listed_work(ids);{{}}
    END IF;
    RETURN NULL;
END $$
"""
_OLD, _NEW = "OLD TABLE AS replaced", "NEW TABLE AS changed"
_EVENTS = {
    "insert": f"REFERENCING {_NEW}", "update": f"REFERENCING {_OLD} {_NEW}", "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}  # fmt: skip
_FUNCTION_OF = {
    "fact_conflict": "list_conflicts", "fact_flag": "list_flags", "fact_flag_answer": "list_flags",
    "filing": "list_figures_of_tax", "enterprise_alias": "list_figures_of_merged",
}  # fmt: skip


def _trigger(event: str) -> str:
    # By its name the last of all, as 0068 has it.
    return f"work_listed_after_{event}"


def upgrade() -> None:
    """Make the tables, fill them, and let them be kept."""
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} FOR SELECT TO tidu_app USING ({_SEEN})")
        op.execute(f"CREATE POLICY protected ON {table} AS RESTRICTIVE FOR SELECT TO tidu_app USING ({_READABLE})")
    for name, function in _FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC, tidu_app")
    op.execute(_OF_PLACES.format("\n        PERFORM refresh_listed_figures(ids, '');"))
    op.execute("SELECT rebuild_listed_figures()")
    for name, rows in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {rows}")
    for name in _OLD_INDEXES:
        op.execute(f"DROP INDEX {name}")
    for table, function in _FUNCTION_OF.items():
        for event, tables in _EVENTS.items():
            op.execute(
                f"CREATE TRIGGER {_trigger(event)} AFTER {event.upper()} ON {table} {tables}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
    for table in _TABLES:
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    """Take it all away; conflicts, flags and answers themselves say the same."""
    for table in _FUNCTION_OF:
        for event in _EVENTS:
            op.execute(f"DROP TRIGGER {_trigger(event)} ON {table}")
    op.execute(_OF_PLACES.format(""))
    for name, rows in _OLD_INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {rows}")
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
