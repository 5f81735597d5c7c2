"""Keep who stands first and last by a figure, for lists that are sorted by it.

A list sorted by a figure without an index read the figures of all: two seconds among a million, and an index of each of
three hundred figures would make every filing and import dearer. So the ends of an order are kept as they were when
somebody first asked for it, as ids and values (`figure_end`), and `figure_change` says whose figures changed since: those
are asked anew. Nobody else can have come before the last one kept, so a page out of the two is exact.

What was seen when an order was read is told by the transactions that had ended by then (`pg_snapshot`), so that a change
which was under way is not missed. Their numbers mean nothing in a copy on another server: each order names its own.
"""

from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
#: So many are kept of each end; with more changes than this since, an order is read anew.
_MOST, _MOST_CHANGES = 10_000, 20_000
_SERVER = "(SELECT system_identifier FROM pg_control_system())"

# A statement that changes very many says so in one row: no order is good for anything after it.
_NOTE = f"""
CREATE FUNCTION note_figures() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO figure_change (enterprise_id) VALUES (NULL);
    ELSIF (SELECT count(*) FROM (SELECT FROM changed LIMIT {_MOST + 1}) AS first_ones) > {_MOST} THEN
        INSERT INTO figure_change (enterprise_id) VALUES (NULL);
    ELSE
        INSERT INTO figure_change (enterprise_id) SELECT DISTINCT enterprise_id FROM changed;
    END IF;
    RETURN NULL;
END $$
"""
# The first or last of an order, and those changed since; no row where they would not be exact. `edge` is the last value
# kept: NULL where all are kept that have one.
_CANDIDATES = f"""
CREATE FUNCTION figure_candidates(
    named text, in_year integer, from_lowest boolean, most integer,
    OUT ids bigint[], OUT edge text, OUT edge_id bigint
) RETURNS SETOF record LANGUAGE plpgsql STABLE {_SAFE} AS $$
DECLARE
    kept figure_end;
    since bigint[];
BEGIN
    SELECT * INTO kept FROM figure_end k
    WHERE k.figure = named AND k.year = in_year AND k.is_lowest = from_lowest AND k.server = {_SERVER};
    IF NOT FOUND OR (SELECT count(*) FROM (SELECT FROM figure_change LIMIT {_MOST_CHANGES + 1}) AS first_ones) > {_MOST_CHANGES} THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT c.enterprise_id) INTO since FROM figure_change c
    WHERE NOT pg_visible_in_snapshot(c.changed_in::text::xid8, kept.seen::pg_snapshot);
    IF array_position(since, NULL) IS NOT NULL OR cardinality(since) > {_MOST} THEN
        RETURN;
    END IF;
    ids := kept.ids[1:most] || since;
    IF NOT kept.is_whole OR cardinality(kept.ids) > most THEN
        edge := kept.figures[least(most, cardinality(kept.ids))];
        edge_id := kept.ids[least(most, cardinality(kept.ids))];
    END IF;
    RETURN NEXT;
END $$
"""
# False where somebody else is at it.
_KEEP = f"""
CREATE FUNCTION keep_figure_order(named text, in_year integer) RETURNS boolean LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    place text := CASE WHEN in_year = 0 THEN 'fact_current' ELSE 'fact_yearly' END;
    seen_now pg_snapshot := pg_current_snapshot();
    lowest boolean;
    known bigint[];
    said text[];
BEGIN
    IF NOT pg_try_advisory_xact_lock('figure_end'::regclass::int) OR NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = place::regclass AND attname = named AND attnum > 0 AND NOT attisdropped
    ) THEN
        RETURN false;
    END IF;
    IF (SELECT count(*) FROM (SELECT FROM figure_change LIMIT {_MOST_CHANGES + 1}) AS first_ones) > {_MOST_CHANGES} THEN
        DELETE FROM figure_end;
        DELETE FROM figure_change WHERE pg_visible_in_snapshot(changed_in::text::xid8, seen_now);
    END IF;
    FOREACH lowest IN ARRAY ARRAY[false, true] LOOP
        -- Both ends are the same where all are kept.
        IF lowest AND coalesce(cardinality(known), 0) <= {_MOST} THEN
            SELECT array_agg(k.id ORDER BY k.place DESC), array_agg(k.said ORDER BY k.place DESC) INTO known, said
            FROM unnest(known, said) WITH ORDINALITY AS k (id, said, place);
        ELSE EXECUTE format(
            'SELECT array_agg(f.enterprise_id), array_agg(f.said) FROM (SELECT enterprise_id, %1$I::text AS said FROM %2$I'
            ' WHERE %1$I IS NOT NULL %3$s ORDER BY %1$I %4$s, enterprise_id %5$s LIMIT {_MOST + 1}) AS f',
            named, place, CASE WHEN in_year = 0 THEN '' ELSE format('AND year = %s', in_year) END,
            CASE WHEN lowest THEN 'ASC' ELSE 'DESC' END, CASE WHEN lowest THEN 'DESC' ELSE 'ASC' END
        ) INTO known, said;
        END IF;
        INSERT INTO figure_end (figure, year, is_lowest, ids, figures, is_whole, seen, server)
        VALUES (
            named, in_year, lowest, coalesce(known[1:{_MOST}], '{{}}'), coalesce(said[1:{_MOST}], '{{}}'),
            coalesce(cardinality(known), 0) <= {_MOST}, seen_now::text, {_SERVER}
        ) ON CONFLICT (figure, year, is_lowest) DO UPDATE SET ids = EXCLUDED.ids, figures = EXCLUDED.figures,
            is_whole = EXCLUDED.is_whole, seen = EXCLUDED.seen, server = EXCLUDED.server;
    END LOOP;
    RETURN true;
END $$
"""
_EVENTS = {
    "insert": "REFERENCING NEW TABLE AS changed", "update": "REFERENCING NEW TABLE AS changed",
    "delete": "REFERENCING OLD TABLE AS changed", "truncate": "",
}  # fmt: skip
_TABLES = ("fact_yearly", "fact_current")


def upgrade() -> None:
    """Make the tables, which fill as they are asked for."""
    op.execute(
        "CREATE TABLE figure_end (figure text NOT NULL, year integer NOT NULL, is_lowest boolean NOT NULL,"
        " ids bigint[] NOT NULL, figures text[] NOT NULL, is_whole boolean NOT NULL, seen text NOT NULL,"
        " server bigint NOT NULL, PRIMARY KEY (figure, year, is_lowest))"
    )
    op.execute(
        "CREATE TABLE figure_change (enterprise_id bigint,"
        " changed_in bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint)"
    )
    for function in (_NOTE, _CANDIDATES, _KEEP):
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION note_figures() FROM PUBLIC, tidu_app")
    for function in ("figure_candidates(text, integer, boolean, integer)", "keep_figure_order(text, integer)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tidu_app")
    for table in ("figure_end", "figure_change"):
        op.execute(f"REVOKE ALL ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for table in _TABLES:
        for event, rows in _EVENTS.items():
            op.execute(
                f"CREATE TRIGGER note_figures_after_{event} AFTER {event.upper()} ON {table} {rows}"
                " FOR EACH STATEMENT EXECUTE FUNCTION note_figures()"
            )


def downgrade() -> None:
    """Take it all away; the figures themselves say who stands first."""
    for table in _TABLES:
        for event in _EVENTS:
            op.execute(f"DROP TRIGGER note_figures_after_{event} ON {table}")
    op.execute(
        "DROP FUNCTION note_figures(), figure_candidates(text, integer, boolean, integer), keep_figure_order(text, integer)"
    )
    op.execute("DROP TABLE figure_end, figure_change")
