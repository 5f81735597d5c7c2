"""Count plan targets quickly: covering indexes, and when a programme's next list came out.

`list_editions` runs with the owner's rights: which lists there are is public, while the recognitions that an
officer sees may be those of one district.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes and the function."""
    op.execute(
        "CREATE INDEX recognition_counted ON recognition (programme, enterprise_id) INCLUDE"
        " (valid_from, valid_to, revoked_on, granted_on, kind, edition, recorded_at, superseded_at)"
    )
    op.execute(
        "CREATE INDEX recognition_edition ON recognition (programme, edition, valid_from)"
        " INCLUDE (recorded_at, superseded_at) WHERE edition IS NOT NULL"
    )
    op.execute("CREATE INDEX enterprise_region_now ON enterprise (id) INCLUDE (region_code)")
    op.execute(
        "CREATE INDEX enterprise_region_dated ON enterprise_region (enterprise_id)"
        " WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL"
    )
    op.execute(
        "CREATE FUNCTION list_editions(programmes text[], known_at timestamptz)"
        " RETURNS TABLE (programme varchar, edition integer, next_from date)"
        " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$"
        " SELECT l.programme, l.edition, min(min(l.valid_from)) OVER (PARTITION BY l.programme ORDER BY l.edition"
        " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
        " FROM recognition l WHERE l.programme = ANY(programmes) AND l.edition IS NOT NULL"
        " AND CASE WHEN known_at IS NULL THEN l.superseded_at IS NULL"
        " ELSE l.recorded_at <= known_at AND (l.superseded_at IS NULL OR l.superseded_at > known_at) END"
        " GROUP BY l.programme, l.edition $$"
    )


def downgrade() -> None:
    """Take them away again."""
    op.execute("DROP FUNCTION list_editions(text[], timestamptz)")
    for index in ("recognition_counted", "recognition_edition", "enterprise_region_now", "enterprise_region_dated"):
        op.execute(f"DROP INDEX {index}")
