"""Keep views of lists; and tell those who meet a title's conditions and never held it.

A view is its owner's. Shared by an officer of the city it is seen by everybody, by a district officer by whoever sees
that district; nobody but the owner changes it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_OWN = "person_id::text = (SELECT current_setting('tidu.user_id', true))"
_SHARED = f"is_shared AND (region_code = '' OR {_SCOPE} = '*' OR region_code = {_SCOPE})"

_STANDING = """
CREATE OR REPLACE FUNCTION enterprises_standing(wanted text, how text, on_day date, by_edition boolean)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN QUERY SELECT r.enterprise_id FROM recognition r
            WHERE r.programme = wanted AND r.superseded_at IS NULL AND r.valid_from <= on_day
            AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)
            AND NOT (by_edition AND EXISTS (
                SELECT FROM list_editions(ARRAY[wanted], NULL) AS lists
                WHERE lists.edition = r.edition AND lists.next_from <= on_day
            ));
    ELSIF how = 'likely' THEN
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x
            WHERE x.programme = wanted AND x.outcome = 'undetermined' AND x.is_likely;
    ELSIF how = 'candidate' THEN
        -- Eligible or likely, and without the title: whom to visit.
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND x.outcome = 'eligible'
            UNION ALL SELECT enterprises_standing(wanted, 'likely', on_day, by_edition)
            EXCEPT SELECT enterprises_standing(wanted, 'held', on_day, by_edition);
    NEWCOMER
    ELSE
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND x.outcome = how;
    END IF;
END $$
"""
_NEWCOMER = """ELSIF how = 'newcomer' THEN
        -- The same, and it never held it, as far as is known: whom to tell of it.
        RETURN QUERY SELECT enterprises_standing(wanted, 'candidate', on_day, by_edition)
            EXCEPT SELECT r.enterprise_id FROM recognition r WHERE r.programme = wanted AND r.superseded_at IS NULL;
"""


def upgrade() -> None:
    """Make the table, and let the function answer one more question."""
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person_id", "name"),
    )
    op.execute("ALTER TABLE saved_view ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON saved_view FOR SELECT TO tidu_app USING ({_OWN} OR {_SHARED})")
    op.execute(f"CREATE POLICY own ON saved_view TO tidu_app USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(_STANDING.replace("NEWCOMER", _NEWCOMER))


def downgrade() -> None:
    """Take them away again."""
    op.execute(_STANDING.replace("    NEWCOMER\n", ""))
    op.drop_table("saved_view")
