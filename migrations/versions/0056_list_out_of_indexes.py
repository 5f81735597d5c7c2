"""Find the rows of a list in the index of its order alone, and have its plain filters counted beforehand.

A list that is narrowed was walked in the order of an index, and each row looked up to be asked: tens of thousands of
them where few are meant, up to seconds when they had not been read lately. The indexes of the orders now hold what lists
are narrowed by, and so does the one by which policies look an enterprise up.

`listed_tally` says how many enterprises of a place, a division of industry and a rung there are. As in 0048, a row is
never changed, so that two who write never wait for one: what is no more is counted off by another row. Where they have
become many, `gather_listed_tally` lays those that are alike together; whoever deletes a row of them puts in what it said.

Whether one enterprise stands to a programme as asked is told by the index of results: it was read of the result itself,
each of another page among ten gigabytes.

And who answers for an enterprise is a change, too: a list of those that nobody answers for kept the count it had.
"""

from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_IN_PLACE = f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))"

_READ = "INCLUDE (region_code, park, status, ended_on, rung_order, industry_code)"
_READ_OF_REGIONS = _READ.replace("region_code, ", "")
_READ_OF_RUNGS = _READ.replace("rung_order, ", "")
_READ_OF_CODES = _READ.replace("(", "(id, ")
#: Index → how it was made, and how it is now; None for one that is no more, or was not yet.
_INDEXES: dict[str, tuple[str | None, str | None]] = {
    "enterprise_in_order_of_names": ("(name, id)", f"(name, id) {_READ}"),
    "enterprise_in_order_of_founding": (
        "(established_on DESC NULLS LAST, id)", f"(established_on DESC NULLS LAST, id) {_READ}",
    ),
    "enterprise_in_order_of_changes": ("(updated_at DESC, id)", f"(updated_at DESC, id) {_READ}"),
    "enterprise_in_order_of_rungs": ("(rung_order DESC, name, id)", f"(rung_order DESC, name, id) {_READ_OF_RUNGS}"),
    "enterprise_in_order_of_regions": ("(region_code, name, id)", f"(region_code, name, id) {_READ_OF_REGIONS}"),
    "enterprise_codes_by_region": ("(region_code, credit_code, id)", f"(region_code, credit_code, id) {_READ_OF_REGIONS}"),
    # What makes a code the only one walks them in their order, too; and whoever has none stands behind all.
    "enterprise_in_order_of_codes": ("(credit_code, id)", None),
    "enterprise_code_key": ("(credit_code) WHERE credit_code IS NOT NULL", f"(credit_code) {_READ_OF_CODES}"),
    # By which policies look up the place of whom a row speaks of: with the park since 0037.
    "enterprise_region_now": ("(id) INCLUDE (region_code)", f"(id) {_READ}"),
    # `enterprise_counted` begins with the same, and `listed_tally` counts.
    "enterprise_by_region": ("(region_code, id)", None),
    "enterprise_counted_by_rung": ("(rung_order) INCLUDE (region_code, id, park, status, ended_on)", None),
    "enterprise_counted_by_industry": (
        "(left(industry_code, 2), region_code, id) INCLUDE (park, status, ended_on, industry_code)", None,
    ),
}  # fmt: skip
_UNIQUE = "enterprise_code_key"

_KEY = "region_code, park, division, rung_order"
_OF = "region_code, park, left(industry_code, 2) AS division, rung_order"
_TALLY = f"""
CREATE FUNCTION tally_listed() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE listed_tally;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO listed_tally ({_KEY}, enterprises)
        SELECT {_OF}, count(*) FROM changed WHERE status = 'active' GROUP BY 1, 2, 3, 4;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO listed_tally ({_KEY}, enterprises)
        SELECT {_OF}, -count(*) FROM replaced WHERE status = 'active' GROUP BY 1, 2, 3, 4;
    ELSE
        INSERT INTO listed_tally ({_KEY}, enterprises)
        SELECT {_KEY}, sum(change) FROM (
            SELECT {_OF}, 1 AS change FROM changed WHERE status = 'active'
            UNION ALL SELECT {_OF}, -1 FROM replaced WHERE status = 'active'
        ) changes GROUP BY {_KEY} HAVING sum(change) <> 0;
    END IF;
    RETURN NULL;
END $$
"""
# Two who gather at once would lay the same together; the second need not.
_GATHER = f"""
CREATE FUNCTION gather_listed_tally() RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    IF pg_try_advisory_xact_lock('listed_tally'::regclass::int) THEN
        WITH gone AS (DELETE FROM listed_tally RETURNING {_KEY}, enterprises)
        INSERT INTO listed_tally ({_KEY}, enterprises, is_gathered)
        SELECT {_KEY}, sum(enterprises), true FROM gone GROUP BY {_KEY} HAVING sum(enterprises) <> 0;
    END IF;
END $$
"""
# Says of how many places, divisions and rungs it had been wrong.
_REBUILD = f"""
CREATE FUNCTION rebuild_listed_tally() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint;
BEGIN
    LOCK TABLE enterprise, listed_tally IN SHARE ROW EXCLUSIVE MODE;
    SELECT count(*) INTO differing FROM (
        SELECT 1 FROM (
            SELECT {_OF}, 1 AS enterprises FROM enterprise WHERE status = 'active'
            UNION ALL SELECT {_KEY}, -enterprises FROM listed_tally
        ) either GROUP BY {_KEY} HAVING sum(enterprises) <> 0
    ) different;
    TRUNCATE listed_tally;
    INSERT INTO listed_tally ({_KEY}, enterprises, is_gathered)
    SELECT {_OF}, count(*), true FROM enterprise WHERE status = 'active' GROUP BY 1, 2, 3, 4;
    RETURN differing;
END $$
"""
# As in 0040, but for results, which are no longer read whole. A title counts as `recognitions.queries.IN_FORCE` and
# `current_edition` have it.
_COUNTS = """r.programme = wanted AND r.superseded_at IS NULL AND r.valid_from <= on_day
    AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)
    AND NOT (by_edition AND EXISTS (
        SELECT FROM list_editions(ARRAY[wanted], NULL) AS lists
        WHERE lists.edition = r.edition AND lists.next_from <= on_day
    ))"""
_HOLDS = f"EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = enterprise AND {_COUNTS})"
_EVER_HELD = (
    "EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = enterprise AND r.programme = wanted"
    " AND r.superseded_at IS NULL)"
)
_ANSWERED = (
    "EXISTS (SELECT FROM eligibility x WHERE x.programme = wanted AND x.outcome = {outcome} AND {likely}"
    " AND x.enterprise_id = enterprise)"
)


def _is_answered(outcome: str) -> str:
    """Each part names all that comes before the enterprise in the index, which is then asked once."""
    ways = (_ANSWERED.format(outcome=outcome, likely=likely) for likely in ("NOT x.is_likely", "x.is_likely"))
    return f"({' OR '.join(ways)})"


_IS_LIKELY = _ANSWERED.format(outcome="'undetermined'", likely="x.is_likely")
_IS_ELIGIBLE, _IS_AS_ASKED = _is_answered("'eligible'"), _is_answered("how")
_IS_SETTLED_OR_NEARLY = f"({_IS_ELIGIBLE} OR {_IS_LIKELY})"
_STANDS = f"""
CREATE OR REPLACE FUNCTION stands_to(enterprise bigint, wanted text, how text, on_day date, by_edition boolean)
RETURNS boolean LANGUAGE plpgsql STABLE COST 1000 {_SAFE} AS $$
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN (how = 'held') = {_HOLDS};
    ELSIF how = 'likely' THEN
        RETURN {_IS_LIKELY};
    ELSIF how = 'candidate' THEN
        RETURN {_IS_SETTLED_OR_NEARLY} AND NOT {_HOLDS};
    ELSIF how = 'newcomer' THEN
        RETURN {_IS_SETTLED_OR_NEARLY} AND NOT {_HOLDS} AND NOT {_EVER_HELD};
    END IF;
    RETURN {_IS_AS_ASKED};
END $$
"""
_STOOD = f"""
CREATE OR REPLACE FUNCTION stands_to(enterprise bigint, wanted text, how text, on_day date, by_edition boolean)
RETURNS boolean LANGUAGE plpgsql STABLE COST 1000 {_SAFE} AS $$
DECLARE
    x eligibility;
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN (how = 'held') = {_HOLDS};
    END IF;
    SELECT * INTO x FROM eligibility WHERE enterprise_id = enterprise AND programme = wanted;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF how = 'likely' THEN
        RETURN x.outcome = 'undetermined' AND x.is_likely;
    ELSIF how = 'candidate' THEN
        RETURN (x.outcome = 'eligible' OR (x.outcome = 'undetermined' AND x.is_likely)) AND NOT {_HOLDS};
    ELSIF how = 'newcomer' THEN
        RETURN (x.outcome = 'eligible' OR (x.outcome = 'undetermined' AND x.is_likely))
            AND NOT {_HOLDS} AND NOT {_EVER_HELD};
    END IF;
    RETURN x.outcome = how;
END $$
"""
_OLD, _NEW = "OLD TABLE AS replaced", "NEW TABLE AS changed"
_EVENTS = {
    "insert": f"REFERENCING {_NEW}", "update": f"REFERENCING {_OLD} {_NEW}", "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}  # fmt: skip


def upgrade() -> None:
    """Make the indexes anew; make the tally, fill it, and let it be kept."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    _make_indexes({name: now for name, (_, now) in _INDEXES.items()})
    op.execute(
        "CREATE TABLE listed_tally (region_code varchar(6) NOT NULL, park varchar(100) NOT NULL, division varchar(2) NOT NULL,"
        " rung_order smallint NOT NULL, enterprises integer NOT NULL, is_gathered boolean NOT NULL DEFAULT false)"
    )
    for function in (_TALLY, _GATHER, _REBUILD, _STANDS):
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION tally_listed(), rebuild_listed_tally() FROM PUBLIC, tidu_app")
    op.execute("REVOKE ALL ON FUNCTION gather_listed_tally() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION gather_listed_tally() TO tidu_app")
    for event, rows in _EVENTS.items():
        op.execute(
            f"CREATE TRIGGER tally_after_{event} AFTER {event.upper()} ON enterprise {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tally_listed()"
        )
    op.execute(
        "CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON enterprise_officer"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_change('enterprise')"
    )
    op.execute("SELECT rebuild_listed_tally()")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON listed_tally FROM tidu_app")
    op.execute("ALTER TABLE listed_tally ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON listed_tally FOR SELECT TO tidu_app USING ({_IN_PLACE})")
    op.execute("ANALYZE listed_tally")


def downgrade() -> None:
    """Take the tally away, and make the indexes as they were."""
    op.execute("DROP TRIGGER note_change ON enterprise_officer")
    op.execute(_STOOD)
    for event in _EVENTS:
        op.execute(f"DROP TRIGGER tally_after_{event} ON enterprise")
    for function in ("tally_listed", "gather_listed_tally", "rebuild_listed_tally"):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DROP TABLE listed_tally")
    _make_indexes({name: before for name, (before, _) in _INDEXES.items()})


def _make_indexes(wanted: dict[str, str | None]) -> None:
    for name, rows in wanted.items():
        op.execute(f"DROP INDEX IF EXISTS {name}")
        if rows is not None:
            op.execute(f"CREATE {'UNIQUE ' if name == _UNIQUE else ''}INDEX {name} ON enterprise {rows}")
