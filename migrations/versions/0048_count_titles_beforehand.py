"""Count beforehand on which days how many enterprises hold a title, as known when: plans then add a few rows up.

Three steps, each worked out of the one before and nothing else, so that each can be checked and made anew:

- `recognition` says what was stated of each title, and when.
- `title_span` says of each enterprise and programme on which days it held it as known when: rectangles of days by
  moments that never overlap, so whoever counts rows counts no enterprise twice. With the enterprise's place, as its own
  row has it.
- `title_tally` says how many spans are alike. A row is never changed: what is no more is counted off by another row.

Triggers keep both in the transaction that writes; `rebuild_title_spans` makes them anew.
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_NOT_FOR_ALL = "FROM PUBLIC, tidu_app"
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_OWN = "(SELECT current_setting('tidu.enterprise_id', true))"
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_IN_PLACE = f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))"

_RECTANGLE = (
    "first_on date NOT NULL, last_on date NOT NULL, known_from timestamptz NOT NULL, known_to timestamptz NOT NULL"
)
_PLACE = "region_code varchar(6) NOT NULL, park varchar(100) NOT NULL"
_KEY = "programme, region_code, park, first_on, last_on, known_from, known_to"

# A title counts from its first day to its last printed one, or to the day before it was revoked. Most titles of an
# enterprise never meet, and stand as they are. Those that do are laid together: between two moments at which anything
# was learnt the titles known are the same, so their days there are one set, told as spans; a span that goes on from one
# such time to the next is one rectangle.
_SPANS = """
    WITH title AS (
        SELECT r.enterprise_id, r.programme, r.valid_from AS first_on,
            coalesce(least(r.valid_to, r.revoked_on - 1), DATE '9999-12-31') AS last_on,
            r.recorded_at AS known_from, coalesce(r.superseded_at, 'infinity') AS known_to
        FROM recognition r
        WHERE {condition} AND r.valid_from <= coalesce(least(r.valid_to, r.revoked_on - 1), DATE '9999-12-31')
        AND r.recorded_at < coalesce(r.superseded_at, 'infinity')
    ),
    beside AS (
        SELECT title.*, max(last_on) OVER (
            PARTITION BY enterprise_id, programme ORDER BY first_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before FROM title
    ),
    told AS (
        SELECT beside.*, coalesce(bool_or(before >= first_on - 1) OVER (PARTITION BY enterprise_id, programme), false) AS meet
        FROM beside
    ),
    meeting AS MATERIALIZED (SELECT * FROM told WHERE meet),
    moment AS (
        SELECT enterprise_id, programme, known_from AS at FROM meeting
        UNION SELECT enterprise_id, programme, known_to FROM meeting
    ),
    time AS (
        SELECT enterprise_id, programme, at, lead(at) OVER (PARTITION BY enterprise_id, programme ORDER BY at) AS until
        FROM moment
    ),
    piece AS (
        SELECT t.enterprise_id, t.programme, tstzrange(t.at, t.until) AS known,
            unnest(range_agg(daterange(m.first_on, m.last_on, '[]'))) AS days
        FROM time t JOIN meeting m USING (enterprise_id, programme)
        WHERE m.known_from <= t.at AND m.known_to >= t.until
        GROUP BY t.enterprise_id, t.programme, t.at, t.until
    ),
    laid AS (
        SELECT enterprise_id, programme, days, unnest(range_agg(known)) AS known FROM piece
        GROUP BY enterprise_id, programme, days
    )
    SELECT enterprise_id, programme, first_on, last_on, known_from, known_to FROM told WHERE NOT meet
    UNION ALL
    SELECT enterprise_id, programme, lower(days), upper(days) - 1, lower(known), upper(known) FROM laid
"""
_PLACED = "s.enterprise_id, s.programme, e.region_code, e.park, s.first_on, s.last_on, s.known_from, s.known_to"

_REFRESH = f"""
CREATE FUNCTION refresh_title_spans(ids bigint[], named text[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    -- Whoever else writes of the same enterprise waits here, and then sees what was written meanwhile.
    PERFORM FROM enterprise WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    WITH gone AS (
        DELETE FROM title_span WHERE enterprise_id = ANY (ids) AND programme = ANY (named) RETURNING {_KEY}
    ),
    come AS MATERIALIZED (
        SELECT {_PLACED} FROM ({_SPANS.format(condition="r.enterprise_id = ANY (ids) AND r.programme = ANY (named)")}) s
        JOIN enterprise e ON e.id = s.enterprise_id
    ),
    kept AS (INSERT INTO title_span (enterprise_id, {_KEY}) SELECT * FROM come)
    INSERT INTO title_tally ({_KEY}, enterprises)
    SELECT {_KEY}, sum(change) FROM (
        SELECT {_KEY}, -1 AS change FROM gone UNION ALL SELECT {_KEY}, 1 FROM come
    ) changes GROUP BY {_KEY} HAVING sum(change) <> 0;
END $$
"""
_OF_TITLES = f"""
CREATE FUNCTION refresh_spans_of_titles() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
    named text[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE title_span, title_tally;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT enterprise_id), array_agg(DISTINCT programme) INTO ids, named FROM changed;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT enterprise_id), array_agg(DISTINCT programme) INTO ids, named FROM replaced;
    ELSE
        SELECT array_agg(DISTINCT enterprise_id), array_agg(DISTINCT programme) INTO ids, named FROM (
            SELECT enterprise_id, programme FROM changed UNION ALL SELECT enterprise_id, programme FROM replaced
        ) either;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_title_spans(ids, named);
    END IF;
    RETURN NULL;
END $$
"""
_OF_PLACES = f"""
CREATE FUNCTION refresh_spans_of_places() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    -- Not joined: a plan that was made for one row would go through all of many for each.
    SELECT array_agg(id) INTO ids FROM (
        SELECT id, region_code, park FROM changed EXCEPT SELECT id, region_code, park FROM replaced
    ) different;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_title_spans(ids, ARRAY(SELECT DISTINCT programme FROM title_span WHERE enterprise_id = ANY (ids)));
    END IF;
    RETURN NULL;
END $$
"""
# Says how many spans had not been what the recognitions say, or were not counted as what they are.
_REBUILD = f"""
CREATE FUNCTION rebuild_title_spans() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint;
BEGIN
    LOCK TABLE recognition, title_span, title_tally IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE span_made ON COMMIT DROP AS
    SELECT {_PLACED} FROM ({_SPANS.format(condition="true")}) s JOIN enterprise e ON e.id = s.enterprise_id
    ORDER BY s.programme, s.enterprise_id;
    SELECT count(*) INTO differing FROM (
        SELECT 1 FROM (
            SELECT enterprise_id, {_KEY}, 1 AS one FROM span_made UNION ALL
            SELECT enterprise_id, {_KEY}, -1 FROM title_span
        ) spans GROUP BY enterprise_id, {_KEY} HAVING sum(one) <> 0
        UNION ALL
        SELECT 1 FROM (
            SELECT {_KEY}, 1 AS one FROM title_span UNION ALL SELECT {_KEY}, -enterprises FROM title_tally
        ) tallies GROUP BY {_KEY} HAVING sum(one) <> 0
    ) different;
    TRUNCATE title_span, title_tally;
    INSERT INTO title_span (enterprise_id, {_KEY}) SELECT enterprise_id, {_KEY} FROM span_made;
    DROP TABLE span_made;
    INSERT INTO title_tally ({_KEY}, enterprises) SELECT {_KEY}, count(*) FROM title_span GROUP BY {_KEY};
    RETURN differing;
END $$
"""


def upgrade() -> None:
    """Make the tables, fill them, and let them be kept."""
    op.execute(
        f"CREATE TABLE title_span (enterprise_id bigint NOT NULL, programme varchar(60) NOT NULL, {_PLACE}, {_RECTANGLE})"
    )
    op.execute(
        f"CREATE TABLE title_tally (programme varchar(60) NOT NULL, {_PLACE}, {_RECTANGLE}, enterprises integer NOT NULL)"
    )
    for function in (_REFRESH, _OF_TITLES, _OF_PLACES, _REBUILD):
        op.execute(function)
    op.execute(
        "REVOKE ALL ON FUNCTION refresh_title_spans(bigint[], text[]), refresh_spans_of_titles(), refresh_spans_of_places(),"
        f" rebuild_title_spans() {_NOT_FOR_ALL}"
    )
    # What is written from here on waits for this transaction, and is counted in addition.
    op.execute(
        "CREATE TRIGGER spans_after_insert AFTER INSERT ON recognition REFERENCING NEW TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION refresh_spans_of_titles()"
    )
    op.execute(
        "CREATE TRIGGER spans_after_update AFTER UPDATE ON recognition REFERENCING OLD TABLE AS replaced"
        " NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh_spans_of_titles()"
    )
    op.execute(
        "CREATE TRIGGER spans_after_delete AFTER DELETE ON recognition REFERENCING OLD TABLE AS replaced"
        " FOR EACH STATEMENT EXECUTE FUNCTION refresh_spans_of_titles()"
    )
    op.execute(
        "CREATE TRIGGER spans_after_truncate AFTER TRUNCATE ON recognition"
        " FOR EACH STATEMENT EXECUTE FUNCTION refresh_spans_of_titles()"
    )
    op.execute(
        "CREATE TRIGGER spans_after_update AFTER UPDATE ON enterprise REFERENCING OLD TABLE AS replaced"
        " NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh_spans_of_places()"
    )
    op.execute("SET LOCAL work_mem = '256MB'")
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    op.execute("SELECT rebuild_title_spans()")
    op.execute("CREATE INDEX title_span_of ON title_span (enterprise_id, programme)")
    op.execute("CREATE INDEX title_span_by_programme ON title_span (programme, last_on)")
    op.execute("CREATE INDEX title_tally_by_programme ON title_tally (programme, last_on)")
    for table, visible in (("title_span", f"{_IN_PLACE} OR enterprise_id::text = {_OWN}"), ("title_tally", _IN_PLACE)):
        # Rows that are asked for together then lie together.
        op.execute(f"CLUSTER {table} USING {table}_by_programme")
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} FOR SELECT TO tidu_app USING ({visible})")
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    """Take it all away; the recognitions say who held what."""
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER spans_after_{event} ON recognition")
    op.execute("DROP TRIGGER spans_after_update ON enterprise")
    for function in (
        "rebuild_title_spans()", "refresh_spans_of_places()", "refresh_spans_of_titles()",
        "refresh_title_spans(bigint[], text[])",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
    for table in ("title_tally", "title_span"):
        op.execute(f"DROP TABLE {table}")
