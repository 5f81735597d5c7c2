"""Tell the park of an officer, so that a park's officer can answer for the enterprises registered in it."""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_OFFICERS = """
CREATE FUNCTION officers() RETURNS TABLE (id bigint, name text, role text, region_code text, is_active boolean{column})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.name::text, p.role::text, p.region_code::text, p.is_active{value} FROM person p
    WHERE current_setting('role') <> 'tidu_app' OR coalesce(current_setting('tidu.scope', true), '') <> ''
$$
"""


def upgrade() -> None:
    """Tell the park too."""
    # The columns of what a function answers cannot be changed in place.
    op.execute("DROP FUNCTION officers()")
    op.execute(_OFFICERS.format(column=", park text", value=", p.park::text"))


def downgrade() -> None:
    """Leave it out again."""
    op.execute("DROP FUNCTION officers()")
    op.execute(_OFFICERS.format(column="", value=""))
