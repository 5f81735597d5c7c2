"""Find whom a list meant on a day, as known at a moment: who was there, in a place, an industry, a chain, on a rung, holding.

`enterprise` and its neighbours say what holds now; `enterprise_trait` (0063), `enterprise_place` (0069), `enterprise_end`,
`enterprise_alias`, the imports that were undone and `recognition` say since when that is known, and what was before. As in
0072 the functions look with the owner's rights and give ids only: which of them somebody may see, the policies of
`enterprise` say.
"""

from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
# Whoever walks an order does without these ways, and what is looked up for it beforehand must not.
_WAYS = " ".join(
    f"SET enable_{way} = on" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "material")
)
_SET_OF = (
    f"RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_SAFE} {_WAYS} SET plan_cache_mode = force_custom_plan"
)

# Who was none on the day: ended by then (where that is asked), part of another file, or brought in by an import that had been
# undone. Who was brought in again belongs to the registry from that import on.
_ABSENT = f"""
CREATE OR REPLACE FUNCTION enterprises_absent_known(on_day date, moment timestamptz, with_ended boolean, most integer DEFAULT NULL)
{_SET_OF} AS $$
BEGIN
    RETURN QUERY SELECT x.enterprise_id FROM enterprise_end x WHERE with_ended AND x.ended_on <= on_day
        AND x.recorded_at <= moment AND (x.superseded_at IS NULL OR x.superseded_at > moment)
    UNION SELECT a.absorbed_id FROM enterprise_alias a
        WHERE a.known_from <= moment AND (a.known_to IS NULL OR a.known_to > moment)
    UNION SELECT t.enterprise_id FROM import_run u JOIN import_touched t ON t.import_id = u.id
        JOIN enterprise e ON e.id = t.enterprise_id
        WHERE u.undone_at <= moment AND t.is_new AND t.kept_because = '' AND NOT EXISTS (
            SELECT FROM import_touched n JOIN import_run c ON c.id = n.import_id
            WHERE n.enterprise_id = t.enterprise_id AND c.committed_at > u.undone_at AND c.committed_at <= moment
        ) AND (e.status = 'withdrawn' OR EXISTS (
            SELECT FROM import_touched n JOIN import_run c ON c.id = n.import_id
            WHERE n.enterprise_id = t.enterprise_id AND c.committed_at > moment
        ))
    LIMIT most;
END $$
"""
# As `enterprises.places.place_on` has it.
_TOLD = "p.known_from <= moment AND p.known_to > moment"
_DATED = "(p.valid_from IS NOT NULL OR p.valid_to IS NOT NULL)"
_ON_DAY = "({0}.valid_from IS NULL OR {0}.valid_from <= on_day) AND ({0}.valid_to IS NULL OR {0}.valid_to >= on_day)"
_LATEST = "ORDER BY p.valid_from DESC NULLS LAST, p.valid_to LIMIT 1"


def _place(column: str) -> str:
    of = f"SELECT p.{column} FROM {{0}} p WHERE p.enterprise_id = e.id AND {{1}} AND {_ON_DAY.format('p')} {_LATEST}"
    return f"coalesce(({of.format('enterprise_place', _TOLD)}), ({of.format('enterprise_region', _DATED)}), e.{column})"


_ELSEWHERE = f"""
CREATE OR REPLACE FUNCTION enterprises_moved_known(moment timestamptz, most integer DEFAULT NULL)
{_SET_OF} AS $$
BEGIN
    RETURN QUERY SELECT p.enterprise_id FROM enterprise_region p WHERE {_DATED}
    UNION SELECT p.enterprise_id FROM enterprise_place p WHERE {_TOLD} LIMIT most;
END $$
"""
# Without codes, or without a park, wherever that is.
_PLACED = f"""
CREATE OR REPLACE FUNCTION enterprises_placed_known(codes text[], named text, on_day date, moment timestamptz, most integer DEFAULT NULL)
{_SET_OF} AS $$
DECLARE
    moved bigint[] := ARRAY(SELECT enterprises_moved_known(moment));
BEGIN
    RETURN QUERY SELECT e.id FROM enterprise e WHERE (codes = '{{}}' OR e.region_code = ANY (codes))
        AND (named = '' OR e.park = named) AND e.id <> ALL (moved)
    UNION ALL SELECT e.id FROM enterprise e WHERE e.id = ANY (moved)
        AND (codes = '{{}}' OR {_place("region_code")} = ANY (codes)) AND (named = '' OR {_place("park")} = named)
    LIMIT most;
END $$
"""
# As `enterprises.traits.History` has it: what is written and was known, and what holds now where nothing is written of it.
_HELD = f"t.known_from <= moment AND t.known_to > moment AND {_ON_DAY.format('t')}"
_UNWRITTEN = "NOT EXISTS (SELECT FROM enterprise_trait n WHERE n.enterprise_id = {id} AND n.kind = '{kind}' AND n.value = {value})"
_IN_CHAIN = f"""
CREATE OR REPLACE FUNCTION enterprises_in_chain_known(named text, on_day date, moment timestamptz, most integer DEFAULT NULL)
{_SET_OF} AS $$
BEGIN
    RETURN QUERY SELECT c.enterprise_id FROM enterprise_chain c WHERE c.chain = named
        AND {_UNWRITTEN.format(id="c.enterprise_id", kind="chain", value="named")}
    UNION ALL SELECT DISTINCT t.enterprise_id FROM enterprise_trait t WHERE t.kind = 'chain' AND t.value = named AND {_HELD}
    LIMIT most;
END $$
"""
_INDUSTRY = "left({0}, 2) = ANY (divisions) AND (begins = '' OR starts_with({0}, begins))"
_IN_INDUSTRY = f"""
CREATE OR REPLACE FUNCTION enterprises_in_industry_known(
    divisions text[], begins text, on_day date, moment timestamptz, most integer DEFAULT NULL
)
{_SET_OF} AS $$
BEGIN
    RETURN QUERY SELECT e.id FROM enterprise e WHERE {_INDUSTRY.format("e.industry_code")}
        AND {_UNWRITTEN.format(id="e.id", kind="industry", value="e.industry_code")}
    UNION ALL SELECT DISTINCT t.enterprise_id FROM enterprise_trait t
        WHERE t.kind = 'industry' AND {_INDUSTRY.format("t.value")} AND {_HELD}
    LIMIT most;
END $$
"""
# As `recognitions.queries` has it: `IN_FORCE`, `KNOWN`, `current_edition`.
_COUNTS = """r.recorded_at <= moment AND (r.superseded_at IS NULL OR r.superseded_at > moment) AND r.valid_from <= on_day
    AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)"""
# As `list_editions` has it, which would read all titles of the programme for each enterprise.
_NEXT = """EXISTS (SELECT FROM recognition l WHERE l.programme = r.programme AND l.edition > r.edition
            AND l.valid_from <= on_day AND l.recorded_at <= moment AND (l.superseded_at IS NULL OR l.superseded_at > moment))"""
_HOLDING = f"""
CREATE OR REPLACE FUNCTION enterprises_holding_known(
    wanted text, by_edition boolean, on_day date, moment timestamptz, most integer DEFAULT NULL
)
{_SET_OF} AS $$
DECLARE
    gone_by integer[];
BEGIN
    IF by_edition THEN
        SELECT array_agg(l.edition) INTO gone_by FROM list_editions(ARRAY[wanted], moment) AS l WHERE l.next_from <= on_day;
    END IF;
    RETURN QUERY SELECT r.enterprise_id FROM recognition r WHERE r.programme = wanted AND {_COUNTS}
        AND (gone_by IS NULL OR r.edition IS NULL OR r.edition <> ALL (gone_by)) LIMIT most;
END $$
"""
_GONE_BY = """SELECT array_agg(l.programme::text), array_agg(l.edition) INTO gone_by, editions
    FROM list_editions(ARRAY(SELECT jsonb_array_elements_text(ladder->'by_edition')), moment) AS l
    WHERE ladder->'programmes' ? l.programme AND l.next_from <= on_day"""
_LATER = """(ladder->'by_edition' ? r.programme AND EXISTS (
        SELECT FROM unnest(gone_by, editions) AS g (programme, edition)
        WHERE g.programme = r.programme AND g.edition = r.edition
    ))"""
# A board is told of as the other traits are; of one that nothing is written of, the listing says since when.
_ON_BOARD = f"""SELECT e.id AS enterprise_id, e.listing_board AS board FROM enterprise e WHERE e.listing_board <> ''
        AND (e.listed_on IS NULL OR e.listed_on <= on_day)
        AND {_UNWRITTEN.format(id="e.id", kind="listing", value="e.listing_board")}
        UNION ALL SELECT t.enterprise_id, t.value FROM enterprise_trait t WHERE t.kind = 'listing' AND {_HELD}"""
_STEPS = f"""SELECT r.enterprise_id, (ladder->'programmes'->>r.programme)::smallint AS rung_order FROM recognition r
        WHERE r.programme = ANY (named) AND {_COUNTS} AND NOT {_LATER}
        UNION ALL SELECT b.enterprise_id, (ladder->'boards'->>b.board)::smallint FROM ({_ON_BOARD}) b
        WHERE ladder->'boards' ? b.board"""
_DECLARED = """    named text[] := ARRAY(SELECT jsonb_object_keys(ladder->'programmes'));
    gone_by text[];
    editions integer[];"""
# Whoever stands on a rung; whether it was there at all, the list asks by itself.
_STANDING = f"""
CREATE OR REPLACE FUNCTION enterprises_standing_known(on_day date, ladder jsonb, moment timestamptz)
RETURNS TABLE (enterprise_id bigint, rung_order smallint)
{_SET_OF.replace("RETURNS SETOF bigint ", "").replace("ROWS 20000", "ROWS 400000")} AS $$
DECLARE
{_DECLARED}
BEGIN
    {_GONE_BY};
    RETURN QUERY SELECT s.enterprise_id, max(s.rung_order) FROM ({_STEPS}) AS s GROUP BY s.enterprise_id;
END $$
"""
# On the rung, and on none above it; 0 means any.
_ON_RUNG = f"""
CREATE OR REPLACE FUNCTION enterprises_on_rung_known(
    rung smallint, on_day date, ladder jsonb, moment timestamptz, most integer DEFAULT NULL
)
{_SET_OF} AS $$
DECLARE
    at_it text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'programmes') WHERE rung = 0 OR value::smallint = rung);
    above text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'programmes') WHERE rung > 0 AND value::smallint > rung);
    boards_at text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'boards') WHERE rung = 0 OR value::smallint = rung);
    boards_above text[] := ARRAY(SELECT key FROM jsonb_each_text(ladder->'boards') WHERE rung > 0 AND value::smallint > rung);
    gone_by text[];
    editions integer[];
BEGIN
    {_GONE_BY};
    RETURN QUERY SELECT s.id FROM (
        SELECT r.enterprise_id AS id FROM recognition r WHERE r.programme = ANY (at_it) AND {_COUNTS} AND NOT {_LATER}
        UNION ALL SELECT b.enterprise_id FROM ({_ON_BOARD}) b WHERE b.board = ANY (boards_at)
    ) AS s WHERE (above = '{{}}' OR NOT EXISTS (
        SELECT FROM recognition r
        WHERE r.enterprise_id = s.id AND r.programme = ANY (above) AND {_COUNTS} AND NOT {_LATER}
    )) AND (boards_above = '{{}}' OR NOT EXISTS (
        SELECT FROM ({_ON_BOARD}) b WHERE b.enterprise_id = s.id AND b.board = ANY (boards_above)
    )) LIMIT most;
END $$
"""
# The same asked of one, for lists that are walked in their order.
_ONE = f"LANGUAGE plpgsql STABLE COST 1000 {_SAFE}"
_HOLDS = f"""
CREATE OR REPLACE FUNCTION holds_known(
    enterprise bigint, wanted text, by_edition boolean, on_day date, moment timestamptz
) RETURNS boolean {_ONE} AS $$
BEGIN
    RETURN EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = enterprise AND r.programme = wanted AND {_COUNTS}
        AND NOT (by_edition AND {_NEXT}));
END $$
"""
_RUNG = f"""
CREATE OR REPLACE FUNCTION rung_known(enterprise bigint, on_day date, ladder jsonb, moment timestamptz)
RETURNS smallint {_ONE} AS $$
BEGIN
    RETURN coalesce((SELECT max(s.rung_order) FROM (
        SELECT (ladder->'programmes'->>r.programme)::smallint AS rung_order FROM recognition r
        WHERE r.enterprise_id = enterprise AND {_COUNTS} AND NOT (ladder->'by_edition' ? r.programme AND {_NEXT})
        UNION ALL SELECT (ladder->'boards'->>b.board)::smallint FROM ({_ON_BOARD}) b WHERE b.enterprise_id = enterprise
    ) AS s), 0);
END $$
"""
_CHAIN = f"""
CREATE OR REPLACE FUNCTION is_in_chain_known(enterprise bigint, named text, on_day date, moment timestamptz)
RETURNS boolean {_ONE} AS $$
BEGIN
    RETURN EXISTS (SELECT FROM enterprise_chain c WHERE c.enterprise_id = enterprise AND c.chain = named
            AND {_UNWRITTEN.format(id="enterprise", kind="chain", value="named")})
        OR EXISTS (SELECT FROM enterprise_trait t WHERE t.enterprise_id = enterprise AND t.kind = 'chain'
            AND t.value = named AND {_HELD});
END $$
"""
_FUNCTIONS = {
    "enterprises_absent_known(date, timestamptz, boolean, integer)": _ABSENT,
    "enterprises_moved_known(timestamptz, integer)": _ELSEWHERE,
    "enterprises_placed_known(text[], text, date, timestamptz, integer)": _PLACED,
    "enterprises_in_chain_known(text, date, timestamptz, integer)": _IN_CHAIN,
    "enterprises_in_industry_known(text[], text, date, timestamptz, integer)": _IN_INDUSTRY,
    "enterprises_holding_known(text, boolean, date, timestamptz, integer)": _HOLDING,
    "enterprises_standing_known(date, jsonb, timestamptz)": _STANDING,
    "enterprises_on_rung_known(smallint, date, jsonb, timestamptz, integer)": _ON_RUNG,
    "holds_known(bigint, text, boolean, date, timestamptz)": _HOLDS,
    "rung_known(bigint, date, jsonb, timestamptz)": _RUNG,
    "is_in_chain_known(bigint, text, date, timestamptz)": _CHAIN,
}


def upgrade() -> None:
    """Make the functions."""
    for name, function in _FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO tidu_app")


def downgrade() -> None:
    """Take them away again."""
    for name in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
