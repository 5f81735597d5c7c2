"""Find among a million: short words by an index, few ids instead of all, counts out of indexes alone.

pg_trgm looks for three letters and more. A word of two, and a single Chinese character, is looked up among the pieces
of that length that a text consists of.

The functions stop as soon as there are more than whoever asks can use by name; the list is then walked in its order and
each row asked for itself (`stands_to`). They look with the owner's rights and give ids or an answer only: which of the
enterprises somebody may see, the policies say as ever.
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
# Dear: the planner must not think of working it out for every row instead of asking the index.
_PIECES = """
CREATE FUNCTION short_pieces(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    letters text[] := string_to_array(words, NULL);
    pieces text[] := '{}';
BEGIN
    FOR place IN 1..cardinality(letters) LOOP
        IF octet_length(letters[place]) > 1 THEN
            pieces := pieces || letters[place];
        END IF;
        IF place < cardinality(letters) THEN
            pieces := pieces || (letters[place] || letters[place + 1]);
        END IF;
    END LOOP;
    RETURN pieces;
END $$
"""
# Each word is planned for itself. A code typed with blanks or dashes is looked for without them, too.
_FIND = r"""
CREATE FUNCTION find_enterprises(words text[], codes text[], within text, most integer) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 500 {safe} AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT id FROM enterprise WHERE ($1 = '''' OR region_code = $1)' || (
        SELECT string_agg(' AND (' || CASE
            WHEN char_length(word) = 2 OR (char_length(word) = 1 AND octet_length(word) > 1)
                THEN format('short_pieces(search_text) @> ARRAY[%L]', word)
            ELSE format('search_text LIKE %L', '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%')
        END || CASE WHEN code = '' OR code = word THEN ''
            ELSE format(' OR search_text LIKE %L', '%' || regexp_replace(code, '([\\%_])', '\\\1', 'g') || '%')
        END || ')', '')
        FROM unnest(words, codes) AS typed (word, code)
    ) || ' LIMIT $2' USING within, most;
END $$
""".replace("{safe}", _SAFE)
# A title counts as `recognitions.queries.IN_FORCE` and `current_edition` have it.
_COUNTS = """r.programme = wanted AND r.superseded_at IS NULL AND r.valid_from <= on_day
    AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)
    AND NOT (by_edition AND EXISTS (
        SELECT FROM list_editions(ARRAY[wanted], NULL) AS lists
        WHERE lists.edition = r.edition AND lists.next_from <= on_day
    ))"""
_HERE = "(within = '' OR EXISTS (SELECT FROM enterprise e WHERE e.id = {row}.enterprise_id AND e.region_code = within))"
_HELD = f"SELECT r.enterprise_id FROM recognition r WHERE {_COUNTS} AND {_HERE.format(row='r')}"
_HOLDS_NOT = f"NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = x.enterprise_id AND {_COUNTS})"
_NEVER_HELD = (
    "NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = x.enterprise_id AND r.programme = wanted"
    " AND r.superseded_at IS NULL)"
)
_ANSWERED = f"SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND {_HERE.format(row='x')}"
_SETTLED_OR_NEARLY = "(x.outcome = 'eligible' OR (x.outcome = 'undetermined' AND x.is_likely))"
_FEW = f"""
CREATE FUNCTION enterprises_standing(
    wanted text, how text, on_day date, by_edition boolean, within text, most integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_SAFE} SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF how = 'held' THEN
        RETURN QUERY {_HELD} LIMIT most;
    ELSIF how = 'likely' THEN
        RETURN QUERY {_ANSWERED} AND x.outcome = 'undetermined' AND x.is_likely LIMIT most;
    ELSIF how = 'candidate' THEN
        RETURN QUERY {_ANSWERED} AND {_SETTLED_OR_NEARLY} AND {_HOLDS_NOT} LIMIT most;
    ELSIF how = 'newcomer' THEN
        RETURN QUERY {_ANSWERED} AND {_SETTLED_OR_NEARLY} AND {_HOLDS_NOT} AND {_NEVER_HELD} LIMIT most;
    ELSE
        RETURN QUERY {_ANSWERED} AND x.outcome = how LIMIT most;
    END IF;
END $$
"""
_STANDS = f"""
CREATE FUNCTION stands_to(enterprise bigint, wanted text, how text, on_day date, by_edition boolean) RETURNS boolean
LANGUAGE plpgsql STABLE COST 1000 {_SAFE} AS $$
DECLARE
    x eligibility;
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN (how = 'held') = EXISTS (
            SELECT FROM recognition r WHERE r.enterprise_id = enterprise AND {_COUNTS}
        );
    END IF;
    SELECT * INTO x FROM eligibility WHERE enterprise_id = enterprise AND programme = wanted;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF how = 'likely' THEN
        RETURN x.outcome = 'undetermined' AND x.is_likely;
    ELSIF how = 'candidate' THEN
        RETURN {_SETTLED_OR_NEARLY} AND {_HOLDS_NOT};
    ELSIF how = 'newcomer' THEN
        RETURN {_SETTLED_OR_NEARLY} AND {_HOLDS_NOT} AND {_NEVER_HELD};
    END IF;
    RETURN x.outcome = how;
END $$
"""
_FUNCTIONS = (
    "short_pieces(text)", "find_enterprises(text[], text[], text, integer)",
    "enterprises_standing(text, text, date, boolean, text, integer)", "stands_to(bigint, text, text, date, boolean)",
)  # fmt: skip
# With what the list and its policies read of any row, so that a count looks at nothing else.
_READ = "INCLUDE (region_code, id, park, status, ended_on)"
_INDEXES = {
    "enterprise_by_short_words": "enterprise USING gin (short_pieces(search_text))",
    "enterprise_counted": "enterprise (region_code, id) INCLUDE (park, status, ended_on, rung_order)",
    "enterprise_counted_by_rung": f"enterprise (rung_order) {_READ}",
    "enterprise_counted_by_industry": "enterprise (left(industry_code, 2), region_code, id)"
    " INCLUDE (park, status, ended_on, industry_code)",
}


def upgrade() -> None:
    """Make the functions and the indexes."""
    for function in (_PIECES, _FIND, _FEW, _STANDS):
        op.execute(function)
    for function in _FUNCTIONS[1:]:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tidu_app")
    for name, on in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {on}")
    op.execute("DROP INDEX enterprise_by_rung")


def downgrade() -> None:
    """Take them away again."""
    op.execute("CREATE INDEX enterprise_by_rung ON enterprise (rung_order, region_code, id)")
    for name in reversed(_INDEXES):
        op.execute(f"DROP INDEX {name}")
    for function in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
