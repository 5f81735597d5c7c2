"""Keep the rung that each enterprise stands on today, so that the ladder is counted and lists are sorted at once.

`enterprise.rung_order` is the highest rung on the day of `standing_state`, and holds until `rung_until`. Triggers work
it out anew for whoever is granted a title, loses one or is listed; `keep_standings` moves the day on. For any other
day, and for what was known at an earlier moment, the recognitions themselves are asked.

The functions run with the owner's rights: whose title it is does not depend on who looks. What they read is the
ladder of the rule files, which the program hands in.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"

_REFRESH = f"""
CREATE FUNCTION refresh_standings(ids bigint[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    -- Whoever else grants to the same enterprise waits here, and then sees what was granted meanwhile.
    PERFORM FROM enterprise WHERE ids IS NULL OR id = ANY(ids) ORDER BY id FOR NO KEY UPDATE;
    WITH state AS (SELECT day, ladder FROM standing_state),
    step AS (
        SELECT key AS programme, value::integer AS rung_order,
            ladder->'by_edition' ? key AS is_by_edition
        FROM state, jsonb_each_text(ladder->'programmes')
    ),
    list AS (SELECT * FROM list_editions(ARRAY(SELECT programme FROM step WHERE is_by_edition), NULL)),
    span AS (
        SELECT r.enterprise_id, step.rung_order, r.valid_from AS first_day,
            least(r.valid_to, r.revoked_on - 1, list.next_from - 1) AS last_day
        FROM recognition r JOIN step USING (programme)
        LEFT JOIN list ON list.programme = r.programme AND list.edition = r.edition
        WHERE r.superseded_at IS NULL AND (ids IS NULL OR r.enterprise_id = ANY(ids))
        UNION ALL
        SELECT e.id, (state.ladder->'boards'->>e.listing_board)::integer, coalesce(e.listed_on, '-infinity'), NULL
        FROM enterprise e, state
        WHERE e.listing_board <> '' AND state.ladder->'boards' ? e.listing_board AND (ids IS NULL OR e.id = ANY(ids))
    ),
    found AS (
        SELECT e.id,
            coalesce(max(span.rung_order) FILTER (WHERE first_day <= day AND coalesce(last_day >= day, true)), 0) AS rung_order,
            min(CASE WHEN first_day > day THEN first_day - 1 WHEN last_day >= day THEN last_day END) AS rung_until
        FROM enterprise e CROSS JOIN state LEFT JOIN span ON span.enterprise_id = e.id
        WHERE ids IS NULL OR e.id = ANY(ids)
        GROUP BY e.id
    )
    UPDATE enterprise e SET rung_order = found.rung_order, rung_until = found.rung_until
    FROM found
    WHERE e.id = found.id
    AND (e.rung_order, e.rung_until) IS DISTINCT FROM (found.rung_order, found.rung_until);
END $$
"""

# What is asked for is nearly always kept already: then one row is read and nothing is locked.
_KEEP = f"""
CREATE FUNCTION keep_standings(wanted_day date, wanted_ladder jsonb) RETURNS boolean LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    state standing_state;
BEGIN
    SELECT * INTO state FROM standing_state;
    IF state.day = wanted_day AND state.ladder = wanted_ladder THEN
        RETURN true;
    END IF;
    -- A viewer's transaction must not write: it asks the recognitions themselves until somebody else moves the day on.
    IF state.day > wanted_day OR pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RETURN false;
    END IF;
    SELECT * INTO state FROM standing_state FOR UPDATE;
    IF state.day < wanted_day OR state.ladder <> wanted_ladder THEN
        UPDATE standing_state SET day = greatest(wanted_day, day), ladder = wanted_ladder;
        IF state.ladder <> wanted_ladder THEN
            PERFORM refresh_standings(NULL);
        ELSE
            PERFORM refresh_standings(ARRAY(SELECT id FROM enterprise WHERE rung_until < wanted_day));
        END IF;
    END IF;
    RETURN state.day <= wanted_day;
END $$
"""

# A new list of a programme by edition ends the titles of the list before, whoever holds them.
_OF_RECOGNITIONS = f"""
CREATE FUNCTION refresh_standings_of_titles() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    PERFORM refresh_standings(ARRAY(
        SELECT enterprise_id FROM changed
        UNION
        SELECT r.enterprise_id FROM recognition r, standing_state
        WHERE r.edition IS NOT NULL AND r.superseded_at IS NULL AND r.programme IN (
            SELECT programme FROM changed WHERE edition IS NOT NULL AND ladder->'by_edition' ? programme
        )
    ));
    RETURN NULL;
END $$
"""

_OF_ENTERPRISES = f"""
CREATE FUNCTION refresh_standings_of_listed() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        ids := ARRAY(SELECT id FROM changed WHERE listing_board <> '');
    ELSE
        ids := ARRAY(
            SELECT id FROM changed JOIN replaced USING (id)
            WHERE (changed.listing_board, changed.listed_on) IS DISTINCT FROM (replaced.listing_board, replaced.listed_on)
        );
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_standings(ids);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Add the columns, the state and what keeps both; the program's first question fills them."""
    op.execute("ALTER TABLE enterprise ADD COLUMN rung_order smallint NOT NULL DEFAULT 0, ADD COLUMN rung_until date")
    op.execute(
        "CREATE TABLE standing_state (is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), day date NOT NULL, ladder jsonb NOT NULL)"
    )
    op.execute("INSERT INTO standing_state (day, ladder) VALUES ('-infinity', '{}')")
    op.execute("REVOKE ALL ON standing_state FROM tidu_app")
    for function in (_REFRESH, _KEEP, _OF_RECOGNITIONS, _OF_ENTERPRISES):
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION refresh_standings(bigint[]), keep_standings(date, jsonb) FROM PUBLIC, tidu_app")
    op.execute("GRANT EXECUTE ON FUNCTION keep_standings(date, jsonb) TO tidu_app")
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER standings_after_{event.lower()} AFTER {event} ON recognition REFERENCING {rows} TABLE AS changed"
            " FOR EACH STATEMENT EXECUTE FUNCTION refresh_standings_of_titles()"
        )
    op.execute(
        "CREATE TRIGGER standings_after_insert AFTER INSERT ON enterprise REFERENCING NEW TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION refresh_standings_of_listed()"
    )
    op.execute(
        "CREATE TRIGGER standings_after_update AFTER UPDATE ON enterprise REFERENCING NEW TABLE AS changed"
        " OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION refresh_standings_of_listed()"
    )
    op.execute("CREATE INDEX enterprise_rung_until ON enterprise (rung_until) WHERE rung_until IS NOT NULL")
    # With the columns that row-level security reads, so that counting looks at nothing else.
    op.execute("CREATE INDEX enterprise_by_rung ON enterprise (rung_order, region_code, id)")
    op.execute("CREATE INDEX enterprise_in_order_of_rungs ON enterprise (rung_order DESC, name, id)")


def downgrade() -> None:
    """Take it all away; the recognitions say where everybody stands."""
    for table, events in (("recognition", ("insert", "update", "delete")), ("enterprise", ("insert", "update"))):
        for event in events:
            op.execute(f"DROP TRIGGER standings_after_{event} ON {table}")
    for function in (
        "refresh_standings_of_titles()", "refresh_standings_of_listed()", "keep_standings(date, jsonb)",
        "refresh_standings(bigint[])",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE standing_state")
    op.execute("ALTER TABLE enterprise DROP COLUMN rung_order, DROP COLUMN rung_until")
