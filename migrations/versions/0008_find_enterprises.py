"""Find enterprises at once among very many: an index for each order of the list, and a search that may use its own.

Row-level security keeps PostgreSQL from using an index for LIKE, since LIKE might tell of rows that are hidden. The
function looks up which enterprises are meant with the owner's rights and gives their ids only; which of these somebody
may see, the policies say as ever.

The policies say the same as before in words that PostgreSQL weighs better: it took `setting = '*'` to hold for one
reader in two hundred, and then looked for hundreds of thousands of rows one by one.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = {
    "enterprise_in_order_of_names": "enterprise (name, id)",
    "enterprise_in_order_of_codes": "enterprise (credit_code, id)",
    "enterprise_in_order_of_regions": "enterprise (region_code, name, id)",
    "enterprise_in_order_of_founding": "enterprise (established_on DESC NULLS LAST, id)",
    "enterprise_in_order_of_changes": "enterprise (updated_at DESC, id)",
    # With what row-level security reads, so that looking for the parks in use looks at nothing else.
    "enterprise_by_park": "enterprise (park, region_code, id)",
    "enterprise_chain_members": "enterprise_chain (chain, enterprise_id)",
    "eligibility_found": "eligibility (programme, outcome, is_likely, enterprise_id)",
    # Answers that a few facts would settle: what the workbench counts the missing facts of.
    "eligibility_nearly_settled": (
        "eligibility (programme, enterprise_id) INCLUDE (missing)"
        " WHERE outcome = 'undetermined' AND cardinality(missing) <= 3"
    ),
    "recognition_ending": "recognition (valid_to, enterprise_id) INCLUDE (programme) WHERE superseded_at IS NULL",
}

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_OWN = "(SELECT current_setting('tidu.enterprise_id', true))"
_WHOLE_CITY = {
    "before": f"{_SCOPE} = '*'",
    "after": "(SELECT current_setting('tidu.scope', true) = '*')",
}
_HANGS_ON_ENTERPRISE = (
    "enterprise_name", "enterprise_region", "enterprise_identifier", "enterprise_chain", "filing", "fact_yearly",
    "fact_current", "recognition", "eligibility", "eligibility_change",
)  # fmt: skip

# Each pattern is planned for itself: a long word is best looked up, a short one best read through.
_FIND = r"""
CREATE FUNCTION find_enterprises(patterns text[], codes text[]) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 500 SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT id FROM enterprise WHERE ' || (
        SELECT string_agg(format('(search_text LIKE %L ESCAPE ''\'' OR credit_code = %L)', pattern, code), ' AND ')
        FROM unnest(patterns, codes) AS word (pattern, code)
    );
END $$
"""


def upgrade() -> None:
    """Make the indexes and the function, and say the policies anew."""
    _say_policies(_WHOLE_CITY["after"])
    for name, on in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {on}")
    op.execute("DROP INDEX eligibility_outcome")
    op.execute(_FIND)
    op.execute("REVOKE ALL ON FUNCTION find_enterprises(text[], text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION find_enterprises(text[], text[]) TO tidu_app")


def downgrade() -> None:
    """Take them away again, and the policies back."""
    _say_policies(_WHOLE_CITY["before"])
    op.execute("DROP FUNCTION find_enterprises(text[], text[])")
    op.execute("CREATE INDEX eligibility_outcome ON eligibility (programme, outcome, is_likely)")
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")


def _say_policies(whole_city: str) -> None:
    _say("enterprise", f"{whole_city} OR region_code = {_SCOPE} OR id::text = {_OWN}")
    for table in _HANGS_ON_ENTERPRISE:
        _say(table, f"{whole_city} OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)")


def _say(table: str, visible: str) -> None:
    op.execute(f"ALTER POLICY scope ON {table} USING ({visible}) WITH CHECK ({visible})")
