"""Find whom a list's filters mean in one go: members of a chain, who stood on a rung on a day, who lacks a fact.

Where a page is not soon filled by walking the order, those who are meant are looked up once, and the order is walked with
them in a hash. As in 0040 the functions look with the owner's rights and give ids only: which of them somebody may see,
the policies of `enterprise` say.
"""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
# Whoever walks an order does without these ways, and what is looked up for it beforehand must not.
_OFF = ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "material")
_WAYS = " ".join(f"SET enable_{way} = on" for way in _OFF)
_CUSTOM = f"{_SAFE} {_WAYS} SET plan_cache_mode = force_custom_plan"
# As `recognitions.queries.IN_FORCE` has it.
_IN_FORCE = """r.superseded_at IS NULL AND r.valid_from <= on_day
    AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)"""
_COUNTS = f"""r.programme = wanted AND {_IN_FORCE}
    AND NOT (by_edition AND EXISTS (
        SELECT FROM list_editions(ARRAY[wanted], NULL) AS lists
        WHERE lists.edition = r.edition AND lists.next_from <= on_day
    ))"""
_HERE = "(within = '' OR EXISTS (SELECT FROM enterprise e WHERE e.id = {row}.enterprise_id AND e.region_code = within))"
_HELD = f"SELECT r.enterprise_id FROM recognition r WHERE {_COUNTS} AND {_HERE.format(row='r')}"
_HOLDS = f"FROM recognition r WHERE r.enterprise_id = x.enterprise_id AND {_COUNTS}"
_EVER_HELD = (
    "FROM recognition r WHERE r.enterprise_id = x.enterprise_id AND r.programme = wanted AND r.superseded_at IS NULL"
)
# The first are soon found by asking for each; PostgreSQL, which takes them for rare, would look all titles up before.
_ASKING, _IN_A_HASH = "(SELECT true {titles} LIMIT 1) IS NULL", "NOT EXISTS (SELECT {titles})"
_ANSWERED = f"SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND {_HERE.format(row='x')}"
_NEARLY = "x.outcome = 'undetermined' AND x.is_likely"


def _candidates(lacking: str, titles: str) -> str:
    # Each of the two outcomes is a stretch of the index; looked for together, all results of the programme were read.
    without = lacking.format(titles=titles)
    return " UNION ALL ".join(f"{_ANSWERED} AND {which} AND {without}" for which in ("x.outcome = 'eligible'", _NEARLY))


def _standing(head: str, lacking: str, end: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION enterprises_standing({head})
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_CUSTOM} AS $$
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN QUERY {_HELD}{end};
    ELSIF how = 'likely' THEN
        RETURN QUERY {_ANSWERED} AND {_NEARLY}{end};
    ELSIF how = 'candidate' THEN
        RETURN QUERY {_candidates(lacking, _HOLDS)}{end};
    ELSIF how = 'newcomer' THEN
        RETURN QUERY {_candidates(lacking, _EVER_HELD)}{end};
    ELSE
        RETURN QUERY {_ANSWERED} AND x.outcome = how{end};
    END IF;
END $$
"""


_WHO = "wanted text, how text, on_day date, by_edition boolean"
_STANDING = _standing(f"{_WHO}, within text, most integer", _ASKING, " LIMIT most")
_ALL_STANDING = (
    _standing(_WHO, _IN_A_HASH, "")
    .replace(f" AND {_HERE.format(row='r')}", "")
    .replace(f" AND {_HERE.format(row='x')}", "")
)
# As `eligibility.queries.NEARLY_SETTLED` has it. First which combinations of facts name the one, by leaping from each to
# the next; then all who lack one of those, each once.
_OPEN = "x.outcome = 'undetermined' AND cardinality(x.missing) BETWEEN 1 AND 3"
_LACKING = f"""
CREATE OR REPLACE FUNCTION enterprises_lacking(fact text, programmes text[], most integer DEFAULT NULL)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_CUSTOM} AS $$
BEGIN
    RETURN QUERY WITH RECURSIVE leap AS (
        SELECT one AS programme, (
            SELECT x.missing FROM eligibility x WHERE x.programme = one AND {_OPEN}
            ORDER BY x.missing LIMIT 1
        ) AS missing FROM unnest(programmes) AS one
        UNION ALL
        SELECT leap.programme, (
            SELECT x.missing FROM eligibility x WHERE x.programme = leap.programme AND x.missing > leap.missing
            AND {_OPEN} ORDER BY x.missing LIMIT 1
        ) FROM leap WHERE leap.missing IS NOT NULL
    ),
    named AS MATERIALIZED (
        SELECT leap.programme, leap.missing FROM leap
        WHERE EXISTS (SELECT FROM unnest(leap.missing) AS of_year WHERE split_part(of_year, '[', 1) = fact)
    )
    SELECT DISTINCT some_of.enterprise_id FROM (
        SELECT found.enterprise_id FROM named CROSS JOIN LATERAL (
            SELECT x.enterprise_id FROM eligibility x WHERE x.programme = named.programme AND x.missing = named.missing
            AND {_OPEN} OFFSET 0
        ) AS found LIMIT most * cardinality(programmes)
    ) AS some_of LIMIT most;
END $$
"""
_IN_CHAIN = f"""
CREATE OR REPLACE FUNCTION enterprises_in_chain(named text, most integer DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 20000 {_SAFE} AS $$
BEGIN
    RETURN QUERY SELECT c.enterprise_id FROM enterprise_chain c WHERE c.chain = named LIMIT most;
END $$
"""
# On a rung of the ladder on a day, and on none above it; 0 means any. What ends a title is as above; whoever had ended by
# then, or is part of another file, stands on none (`enterprises.lineage.lived`).
_LATER = """(ladder->'by_edition' ? r.programme AND EXISTS (
        SELECT FROM unnest(gone_by, editions) AS g (programme, edition)
        WHERE g.programme = r.programme AND g.edition = r.edition
    ))"""
_LIVED = """NOT EXISTS (SELECT FROM enterprise_end x WHERE x.enterprise_id = {row} AND x.ended_on <= on_day
        AND x.superseded_at IS NULL) AND NOT EXISTS (SELECT FROM enterprise_alias x WHERE x.absorbed_id = {row}
        AND x.known_to IS NULL)"""
_GONE_BY = """SELECT array_agg(l.programme::text), array_agg(l.edition) INTO gone_by, editions
    FROM list_editions(ARRAY(SELECT jsonb_array_elements_text(ladder->'by_edition')), NULL) AS l
    WHERE ladder->'programmes' ? l.programme AND l.next_from <= on_day"""
_STOOD = f"""SELECT s.id FROM (
        SELECT r.enterprise_id AS id FROM recognition r WHERE r.programme = ANY (at_it) AND {_IN_FORCE} AND NOT {_LATER}
        UNION ALL
        SELECT e.id FROM enterprise e WHERE e.listing_board = ANY (boards_at) AND e.listing_board <> ''
        AND (e.listed_on IS NULL OR e.listed_on <= on_day)
    ) AS s WHERE {_LIVED.format(row="s.id")} AND (above = '{{{{}}}}' OR {{above}}
        FROM recognition r WHERE r.enterprise_id = s.id AND r.programme = ANY (above) AND {_IN_FORCE} AND NOT {_LATER}
    {{end}})
    AND (boards_above = '{{{{}}}}' OR NOT EXISTS (
        SELECT FROM enterprise e WHERE e.id = s.id AND e.listing_board = ANY (boards_above) AND e.listing_board <> ''
        AND (e.listed_on IS NULL OR e.listed_on <= on_day)
    ))"""
_ON_RUNG = f"""
CREATE OR REPLACE FUNCTION enterprises_on_rung(rung smallint, on_day date, ladder jsonb, most integer DEFAULT NULL)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_CUSTOM} AS $$
DECLARE
    at_it text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'programmes') WHERE rung = 0 OR value::smallint = rung);
    above text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'programmes') WHERE rung > 0 AND value::smallint > rung);
    boards_at text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'boards') WHERE rung = 0 OR value::smallint = rung);
    boards_above text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'boards') WHERE rung > 0 AND value::smallint > rung);
    gone_by text[];
    editions integer[];
BEGIN
    {_GONE_BY};
    IF most IS NULL THEN
        RETURN QUERY {_STOOD.format(above="NOT EXISTS (SELECT", end=")")};
    ELSE
        RETURN QUERY {_STOOD.format(above="(SELECT true", end="LIMIT 1) IS NULL")} LIMIT most;
    END IF;
END $$
"""
_RUNG_ON_DAY = f"""
CREATE OR REPLACE FUNCTION rung_on_day(enterprise bigint, on_day date, ladder jsonb) RETURNS smallint
LANGUAGE plpgsql STABLE COST 1000 {_SAFE} AS $$
DECLARE
    found smallint;
BEGIN
    SELECT max(s.rung_order) INTO found FROM (
        SELECT (ladder->'programmes'->>r.programme)::smallint AS rung_order FROM recognition r
        WHERE r.enterprise_id = enterprise AND {_IN_FORCE} AND NOT (
            -- As `list_editions` has it, which would read all titles of the programme for each enterprise.
            ladder->'by_edition' ? r.programme AND EXISTS (
                SELECT FROM recognition l WHERE l.programme = r.programme AND l.edition > r.edition
                AND l.superseded_at IS NULL AND l.valid_from <= on_day
            )
        )
        UNION ALL
        SELECT (ladder->'boards'->>e.listing_board)::smallint FROM enterprise e
        WHERE e.id = enterprise AND (e.listed_on IS NULL OR e.listed_on <= on_day)
    ) AS s;
    IF found IS NULL OR NOT ({_LIVED.format(row="enterprise")}) THEN
        RETURN 0;
    END IF;
    RETURN found;
END $$
"""
_FIND = "find_enterprises(text[], text[], text, integer)"
_NEW = (
    "enterprises_in_chain(text, integer)", "enterprises_on_rung(smallint, date, jsonb, integer)",
    "rung_on_day(bigint, date, jsonb)",
)  # fmt: skip


def upgrade() -> None:
    """Make the functions, and those anew that looked through too much."""
    for function in (_STANDING, _ALL_STANDING, _LACKING, _IN_CHAIN, _ON_RUNG, _RUNG_ON_DAY):
        op.execute(function)
    op.execute(f"ALTER FUNCTION {_FIND} {_WAYS}")
    for function in _NEW:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tidu_app")


def downgrade() -> None:
    """Take the new ones away; the others find the same as before."""
    for function in _NEW:
        op.execute(f"DROP FUNCTION {function}")
    for way in _OFF:
        op.execute(f"ALTER FUNCTION {_FIND} RESET enable_{way}")
