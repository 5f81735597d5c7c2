"""Keep what the bureau notes about enterprises from the enterprises' own accounts, and name officers to the owner too.

No route shows an enterprise the pool or its service file; now its scope sees no row of them either. `officers` asks
under which role it is called: a setting that another transaction of the connection had is empty and not unset.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_INSIDE = (
    "pool_entry", "pool_move", "service_step", "service_visit", "service_action", "service_change", "policy_enjoyed",
    "fact_conflict", "fact_flag", "fact_flag_answer",
)  # fmt: skip
_OFFICERS = """
CREATE OR REPLACE FUNCTION officers() RETURNS TABLE (id bigint, name text, role text, region_code text, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.name::text, p.role::text, p.region_code::text, p.is_active FROM person p
    WHERE {condition}
$$
"""


def upgrade() -> None:
    """Narrow the policies."""
    for table in _INSIDE:
        _allow(table, f"{_SCOPE} = '*' OR ({_SCOPE} <> '' AND {_visible(table)})")
    inside = "current_setting('role') <> 'tidu_app' OR coalesce(current_setting('tidu.scope', true), '') <> ''"
    op.execute(_OFFICERS.format(condition=inside))


def downgrade() -> None:
    """Widen them again."""
    for table in _INSIDE:
        _allow(table, f"{_SCOPE} = '*' OR {_visible(table)}")
    op.execute(_OFFICERS.format(condition="coalesce(current_setting('tidu.scope', true), '*') <> ''"))


def _visible(table: str) -> str:
    return f"EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"


def _allow(table: str, condition: str) -> None:
    op.execute(f"ALTER POLICY scope ON {table} USING ({condition}) WITH CHECK ({condition})")
