"""Keep tax figures and personal data from whoever may not read them; docs/decisions/0012 weighs it.

What the tax office said is hidden by restrictive policies, on top of those of the region: from transactions that are not
told `tidu.reads_tax`, and may not read one enterprise's for half an hour either (`unmasking`). Where figures of several
sources stand in one row, the row is hidden if the tax office said anything of that enterprise at all.

Contacts are kept encrypted, with a masked form beside it; requests' own role has no right to the encrypted column, and
the function that hands it out asks for an unmasking.
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHO = "(SELECT nullif(current_setting('tidu.user_id', true), '')::bigint)"
_OWN = "(SELECT nullif(current_setting('tidu.enterprise_id', true), '')::bigint)"
_READS = "(SELECT coalesce(current_setting('tidu.reads_tax', true), '') = 'yes')"
# Worked out once a statement.
_UNMASKED = "(SELECT unmasked())::bigint[]"
_FUNCTIONS = {
    # An enterprise's own account reads the own; of two files that proved to be one, whoever reads one reads both.
    "unmasked()": f"""
CREATE FUNCTION unmasked() RETURNS bigint[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH open AS (
        SELECT enterprise_id AS id FROM unmasking WHERE person_id = {_WHO} AND until > now()
        UNION SELECT {_OWN} WHERE {_OWN} IS NOT NULL
    )
    SELECT coalesce(array_agg(id), '{{}}') FROM (
        SELECT id FROM open UNION SELECT a.absorbed_id FROM enterprise_alias a JOIN open ON a.survivor_id = open.id
        WHERE a.known_to IS NULL
    ) AS known
$$
""",
    "holds_tax(bigint)": """
CREATE FUNCTION holds_tax(whose bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM filing WHERE enterprise_id = whose AND source = 'tax') OR EXISTS (
        SELECT FROM enterprise_alias a JOIN filing f ON f.enterprise_id = a.absorbed_id AND f.source = 'tax'
        WHERE a.survivor_id = whose AND a.known_to IS NULL
    )
$$
""",
    "sealed_contacts(bigint)": """
CREATE FUNCTION sealed_contacts(whose bigint) RETURNS TABLE (id bigint, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.sealed FROM enterprise_contact c WHERE c.enterprise_id = whose AND whose = ANY(unmasked())
$$
""",
}
_OF_ENTERPRISE = ("fact_yearly", "fact_current", "fact_conflict", "fact_flag", "fact_flag_answer")


def upgrade() -> None:
    """Make the tables and functions, and hide."""
    op.execute(
        "CREATE TABLE unmasking (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " person_id bigint NOT NULL REFERENCES person (id), enterprise_id bigint NOT NULL REFERENCES enterprise (id),"
        " reason text NOT NULL CHECK (length(btrim(reason)) >= 4), granted_at timestamptz NOT NULL DEFAULT now(),"
        " until timestamptz NOT NULL DEFAULT now() + interval '30 minutes',"
        " CHECK (until <= granted_at + interval '30 minutes'))"
    )
    op.execute("CREATE INDEX unmasking_of_person ON unmasking (person_id, until)")
    op.execute(
        "CREATE TABLE enterprise_contact (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " enterprise_id bigint NOT NULL REFERENCES enterprise (id), kind varchar(30) NOT NULL,"
        " name_masked varchar(60) NOT NULL, telephone_masked varchar(40) NOT NULL, email_masked varchar(120) NOT NULL,"
        " sealed bytea NOT NULL, entered_by bigint, entered_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute("CREATE INDEX enterprise_contact_of ON enterprise_contact (enterprise_id)")
    op.execute("CREATE INDEX filing_of_tax ON filing (enterprise_id) WHERE source = 'tax'")
    for name, made in _FUNCTIONS.items():
        op.execute(made)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO tidu_app")
    _secure_new_tables()
    readable = f"{_READS} OR {{table}}.enterprise_id = ANY({_UNMASKED})"
    _hide("filing", f"source <> 'tax' OR {readable}")
    _hide("attachment", f"kind <> 'tax_return' OR {readable}")
    for table in _OF_ENTERPRISE:
        _hide(table, f"{readable} OR NOT holds_tax({table}.enterprise_id)")


def _secure_new_tables() -> None:
    for table in ("unmasking", "enterprise_contact"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM tidu_app")
    seen = "EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"
    op.execute(f"CREATE POLICY own ON unmasking FOR SELECT TO tidu_app USING (person_id = {_WHO})")
    may = "(SELECT coalesce(current_setting('tidu.may_unmask', true), '') = 'yes')"
    op.execute(
        f"CREATE POLICY ask ON unmasking FOR INSERT TO tidu_app"
        f" WITH CHECK (person_id = {_WHO} AND {may} AND {seen.format(table='unmasking')})"
    )
    # When it was granted and until when it holds, nobody chooses.
    op.execute("GRANT SELECT, INSERT (person_id, enterprise_id, reason) ON unmasking TO tidu_app")
    inside = f"{_SCOPE} = '*' OR ({_SCOPE} <> '' AND {seen.format(table='enterprise_contact')})"
    op.execute(f"CREATE POLICY scope ON enterprise_contact TO tidu_app USING ({inside}) WITH CHECK ({inside})")
    shown = "id, enterprise_id, kind, name_masked, telephone_masked, email_masked, entered_by, entered_at"
    op.execute(f"GRANT SELECT ({shown}), DELETE ON enterprise_contact TO tidu_app")
    op.execute(
        "GRANT INSERT (enterprise_id, kind, name_masked, telephone_masked, email_masked, sealed, entered_by)"
        " ON enterprise_contact TO tidu_app"
    )


def _hide(table: str, readable: str) -> None:
    op.execute(
        f"CREATE POLICY protected ON {table} AS RESTRICTIVE FOR SELECT TO tidu_app USING ({readable.format(table=table)})"
    )


def downgrade() -> None:
    """Show everything again to whoever sees the enterprise; contacts are forgotten."""
    for table in ("filing", "attachment", *_OF_ENTERPRISE):
        op.execute(f"DROP POLICY protected ON {table}")
    for name in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP INDEX filing_of_tax")
    op.execute("DROP TABLE enterprise_contact")
    op.execute("DROP TABLE unmasking")
