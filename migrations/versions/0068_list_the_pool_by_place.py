"""List the pool and what is due by place, without looking up each one's enterprise; find who lacks a fact or two.

A pool of a big city holds tens of thousands of entries. Where its enterprises are, and whether they are active, had to be
looked up for each of them, to count a stage or to show the first twenty; so had it for all that is open in the service
files. `pool_listed` and `due_listed` say it beside the entry, the open step or action, in the order of their lists, and
their policies ask nothing of another table. `has_title` says whose title may have come: of those few it is asked whether
it counts.

What is kept of some enterprises is made anew in the same transaction: `refresh_listed_work` locks those enterprises, so
that nobody moves one meanwhile. `rebuild_listed_work` says how many rows had been wrong.
"""

from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_SEEN = f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))"

_PLACE = "e.region_code, e.park, e.status = 'active'"
_PLACED = "region_code varchar(6) NOT NULL, park varchar(100) NOT NULL, is_active boolean NOT NULL"
_TABLES = {
    "pool_listed": "entry_id bigint PRIMARY KEY, enterprise_id bigint NOT NULL, programme varchar(60) NOT NULL,"
    " year integer NOT NULL, stage varchar(20) NOT NULL, officer_id integer, moved_at timestamptz NOT NULL,"
    f" has_title boolean NOT NULL, {_PLACED}",
    "due_listed": "thing varchar(20) NOT NULL, item_id bigint NOT NULL, enterprise_id bigint NOT NULL, due_on date NOT NULL,"
    f" officer_id integer, {_PLACED}, PRIMARY KEY (thing, item_id)",
}
_READ = "INCLUDE (enterprise_id, officer_id, region_code, park, is_active{more})"
_INDEXES = {
    "pool_listed_of": "pool_listed (enterprise_id)",
    "pool_listed_in_order": "pool_listed (programme, year, stage, moved_at, entry_id) "
    + _READ.format(more=", has_title"),
    "pool_listed_waiting": "pool_listed (year, stage, moved_at, entry_id) " + _READ.format(more=", programme"),
    "due_listed_of": "due_listed (enterprise_id)",
    "due_listed_in_order": "due_listed (due_on, enterprise_id, item_id, thing) "
    + _READ.format(more="").replace("enterprise_id, ", ""),
    # As `candidates.NEARNESS` has them.
    "eligibility_open": "eligibility (programme, enterprise_id) WHERE outcome = 'undetermined' AND NOT is_likely"
    " AND cardinality(missing) BETWEEN 1 AND 2",
}
_HAS_TITLE = (
    "EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = p.enterprise_id AND r.programme = p.programme"
    " AND r.superseded_at IS NULL AND r.granted_on >= make_date(p.year, 1, 1))"
)
_MADE = {
    "pool_listed": "SELECT p.id, p.enterprise_id, p.programme, p.year, p.stage, p.officer_id, p.moved_at,"
    f" {_HAS_TITLE}, {_PLACE} FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id WHERE {{of}}",
    # As `service_file` has what is open.
    "due_listed": f"SELECT 'step', p.id, p.enterprise_id, p.due_on, p.officer_id, {_PLACE} FROM service_step p"
    " JOIN enterprise e ON e.id = p.enterprise_id WHERE p.status = 'open' AND {of}"
    f" UNION ALL SELECT p.kind, p.id, p.enterprise_id, p.due_on, NULL, {_PLACE} FROM service_action p"
    " JOIN enterprise e ON e.id = p.enterprise_id WHERE p.status NOT IN ('solved', 'unsolvable')"
    " AND p.due_on IS NOT NULL AND {of}",
}


def _made(table: str, of: str) -> str:
    return _MADE[table].format(of=of)


def _refreshed(table: str) -> str:
    return f"""
    DELETE FROM {table} WHERE enterprise_id = ANY (ids);
    INSERT INTO {table} {_made(table, "p.enterprise_id = ANY (ids)")};"""


_REFRESH = f"""
CREATE FUNCTION refresh_listed_work(ids bigint[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
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
CREATE FUNCTION rebuild_listed_work() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint := 0;
BEGIN
    LOCK TABLE enterprise, recognition, pool_entry, service_step, service_action IN SHARE ROW EXCLUSIVE MODE;
    {"".join(map(_rebuilt, _TABLES))}
    RETURN differing;
END $$
"""
# An enterprise's own row changes with every filing: only who moved, ended or came to life again is looked for.
_OF_PLACES = f"""
CREATE FUNCTION list_work_of_places() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    SELECT array_agg(DISTINCT id) INTO ids FROM (
        SELECT id, region_code, park, status FROM changed EXCEPT SELECT id, region_code, park, status FROM replaced
    ) different;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_listed_work(ids);
    END IF;
    RETURN NULL;
END $$
"""
_OF_WORK = f"""
CREATE FUNCTION list_work() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM pool_listed WHERE TG_TABLE_NAME = 'pool_entry';
        DELETE FROM due_listed WHERE TG_TABLE_NAME <> 'pool_entry' AND (thing = 'step') = (TG_TABLE_NAME = 'service_step');
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM changed;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM replaced;
    ELSE
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM (
            SELECT enterprise_id FROM changed UNION ALL SELECT enterprise_id FROM replaced
        ) either;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_listed_work(ids);
    END IF;
    RETURN NULL;
END $$
"""
# Few of those whose titles change are in a pool.
_OF_TITLES = f"""
CREATE FUNCTION list_work_of_titles() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT p.enterprise_id) INTO ids FROM changed c
        JOIN pool_entry p ON p.enterprise_id = c.enterprise_id AND p.programme = c.programme;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT p.enterprise_id) INTO ids FROM replaced c
        JOIN pool_entry p ON p.enterprise_id = c.enterprise_id AND p.programme = c.programme;
    ELSIF TG_OP = 'TRUNCATE' THEN
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM pool_listed WHERE has_title;
    ELSE
        SELECT array_agg(DISTINCT p.enterprise_id) INTO ids FROM (
            SELECT enterprise_id, programme FROM changed UNION ALL SELECT enterprise_id, programme FROM replaced
        ) c JOIN pool_entry p ON p.enterprise_id = c.enterprise_id AND p.programme = c.programme;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_listed_work(ids);
    END IF;
    RETURN NULL;
END $$
"""
_FUNCTIONS = {
    "refresh_listed_work(bigint[])": _REFRESH, "rebuild_listed_work()": _REBUILD, "list_work_of_places()": _OF_PLACES,
    "list_work()": _OF_WORK, "list_work_of_titles()": _OF_TITLES,
}  # fmt: skip
_OLD, _NEW = "OLD TABLE AS replaced", "NEW TABLE AS changed"
_EVENTS = {
    "insert": f"REFERENCING {_NEW}", "update": f"REFERENCING {_OLD} {_NEW}", "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}  # fmt: skip
_TRIGGERS = [
    ("enterprise", "update", "list_work_of_places"),
    *(("recognition", event, "list_work_of_titles") for event in _EVENTS),
    *((table, event, "list_work") for table in ("pool_entry", "service_step", "service_action") for event in _EVENTS),
]


def _trigger(event: str) -> str:
    # By its name the last of all: those that keep spans lock the enterprises before anybody looks for their entries.
    return f"work_listed_after_{event}"


def upgrade() -> None:
    """Make the tables, fill them, and let them be kept."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} FOR SELECT TO tidu_app USING ({_SEEN})")
    for name, function in _FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC, tidu_app")
    op.execute("SELECT rebuild_listed_work()")
    for name, rows in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {rows}")
    for table, event, function in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {_trigger(event)} AFTER {event.upper()} ON {table} {_EVENTS[event]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    for table in _TABLES:
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    """Take it all away; the entries, steps and actions themselves say the same."""
    for table, event, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {_trigger(event)} ON {table}")
    op.execute("DROP INDEX eligibility_open")
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
