"""Confine officers to a park: of a district's enterprises they see those registered in it.

`tidu.park` narrows the district in `tidu.scope`. Whatever hangs on an enterprise follows the enterprise; what hangs on
a district alone and yet tells of enterprises is narrowed here: imports to one's own, entries of registers to the park's.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_OWN = "(SELECT current_setting('tidu.enterprise_id', true))"
# Empty where no park narrows; a setting that another transaction of the connection had is empty and not unset.
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_WHO = "(SELECT nullif(current_setting('tidu.user_id', true), '')::bigint)"


def upgrade() -> None:
    """Let people be confined, and narrow the policies."""
    for table in ("person", "person_role"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN park varchar(100) NOT NULL DEFAULT ''")
    _say(
        enterprise=f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK})) OR id::text = {_OWN}",
        import_run=f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR uploaded_by = {_WHO}))",
        register=f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))",
    )


def downgrade() -> None:
    """Widen them to the district again."""
    _say(
        enterprise=f"{_WHOLE} OR region_code = {_SCOPE} OR id::text = {_OWN}",
        import_run=f"{_SCOPE} = '*' OR region_code = {_SCOPE}",
        register=f"{_WHOLE} OR region_code = {_SCOPE}",
    )
    for table in ("person_role", "person"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN park")


def _say(enterprise: str, import_run: str, register: str) -> None:
    op.execute(f"ALTER POLICY scope ON enterprise USING ({enterprise}) WITH CHECK ({enterprise})")
    op.execute(f"ALTER POLICY scope ON import_run USING ({import_run}) WITH CHECK ({import_run})")
    of_enterprise = "EXISTS (SELECT FROM enterprise e WHERE e.id = register_entry.enterprise_id)"
    op.execute(f"ALTER POLICY scope ON register_entry USING ({register} OR {of_enterprise}) WITH CHECK ({register})")
