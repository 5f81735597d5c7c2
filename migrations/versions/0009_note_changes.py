"""Note that something changed, so that figures over very many rows need not be worked out anew for each look.

A transaction leaves one row for each topic that it wrote to. Which rows somebody sees says exactly which changes are
behind what they read: `backend.web.memory` keeps figures under it.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: Table → topic.
_TOPICS = {
    "enterprise": "enterprise", "enterprise_region": "enterprise", "enterprise_chain": "enterprise",
    "recognition": "recognition", "fact_yearly": "fact", "fact_current": "fact", "eligibility": "eligibility",
    "eligibility_change": "eligibility", "reported_figure": "reported",
}  # fmt: skip

_NOTE = """
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    noted text := 'tidu.noted_' || TG_ARGV[0];
    number bigint;
BEGIN
    IF coalesce(current_setting(noted, true), '') <> '' THEN
        RETURN NULL;
    END IF;
    INSERT INTO registry_change (topic) VALUES (TG_ARGV[0]) RETURNING id INTO number;
    PERFORM set_config(noted, '1', true);
    -- Older ones are behind everything that anybody still looks at.
    IF number % 1000 = 0 THEN
        DELETE FROM registry_change WHERE id < number - 20000;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Make the table, and a trigger on each table that figures rest on."""
    op.execute(
        "CREATE TABLE registry_change (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,"
        " noted_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute("REVOKE INSERT, UPDATE, DELETE ON registry_change FROM tidu_app")
    op.execute(_NOTE)
    for table, topic in _TOPICS.items():
        op.execute(
            f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION note_change('{topic}')"
        )


def downgrade() -> None:
    """Take it away; figures are then worked out for each look."""
    for table in _TOPICS:
        op.execute(f"DROP TRIGGER note_change ON {table}")
    op.execute("DROP FUNCTION note_change()")
    op.execute("DROP TABLE registry_change")
