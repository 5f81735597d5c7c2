"""Show the second person what changes: before and after, in words; and let districts propose what is of no enterprise.

The service of before goes on beside it: it neither names the columns nor needs them.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHO = "(SELECT nullif(current_setting('tidu.user_id', true), '')::bigint)"
_BY_ENTERPRISE = f"{_SCOPE} = '*' OR EXISTS (SELECT FROM enterprise e WHERE e.id = proposal.enterprise_id)"
_BY_REGION = f"{_BY_ENTERPRISE} OR (enterprise_id IS NULL AND region_code <> '' AND region_code = {_SCOPE})"


def upgrade() -> None:
    """Add the columns, and the region to who sees, proposes and decides."""
    op.execute(
        "ALTER TABLE proposal ADD COLUMN changes jsonb NOT NULL DEFAULT '[]', ADD COLUMN region_code text NOT NULL DEFAULT ''"
    )
    op.execute("GRANT INSERT (changes, region_code) ON proposal TO tidu_app")
    _let(_BY_REGION)


def downgrade() -> None:
    """Drop the columns; what districts proposed of no enterprise is the city's then."""
    _let(_BY_ENTERPRISE)
    op.execute("ALTER TABLE proposal DROP COLUMN changes, DROP COLUMN region_code")


def _let(visible: str) -> None:
    op.execute(f"ALTER POLICY scope ON proposal USING ({visible})")
    op.execute(f"ALTER POLICY propose ON proposal WITH CHECK (({visible}) AND proposed_by = {_WHO})")
    op.execute(
        f"ALTER POLICY decide ON proposal USING (({visible}) AND state = 'open')"
        f" WITH CHECK (({visible}) AND decided_by = {_WHO})"
    )
