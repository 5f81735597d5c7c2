"""Work out the standing of some enterprises by asking for these, however many the registry has.

Called by a trigger the function took over that trigger's avoidance of nested loops, and went through all enterprises for
each portion; and after some calls it kept a plan that was made for no portion in particular, which does the same.
"""

from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Plan for those asked about, with every way to join them."""
    op.execute(
        "ALTER FUNCTION refresh_standings(bigint[]) SET plan_cache_mode = force_custom_plan SET enable_nestloop = on"
    )


def downgrade() -> None:
    """Plan as before."""
    op.execute("ALTER FUNCTION refresh_standings(bigint[]) RESET plan_cache_mode RESET enable_nestloop")
