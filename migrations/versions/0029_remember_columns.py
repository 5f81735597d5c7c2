"""Remember what an officer said that a column means, for the next file of the same layout."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"


def upgrade() -> None:
    """Make the table: everybody sees the city's choices and those of the own district, and writes the own."""
    op.execute(
        "CREATE TABLE column_choice (region_code varchar(6) NOT NULL, layout varchar(40) NOT NULL, stem text NOT NULL,"
        " means text NOT NULL, chosen_by integer, chosen_at timestamptz NOT NULL DEFAULT now(),"
        " PRIMARY KEY (region_code, layout, stem))"
    )
    op.execute("ALTER TABLE column_choice ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY scope ON column_choice TO tidu_app USING ({_SCOPE} = '*' OR region_code = {_SCOPE}"
        f" OR region_code = '') WITH CHECK ({_SCOPE} = '*' OR region_code = {_SCOPE})"
    )


def downgrade() -> None:
    """Forget them."""
    op.execute("DROP TABLE column_choice")
