"""Leave out of past lists whoever was registered by a split that had been taken back by then, and only since then."""

from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_WAYS = " ".join(
    f"SET enable_{way} = on" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "material")
)
#: As migration 0078 has it, and below that the files that were closed when a split was taken back.
_ABSENT = f"""
CREATE OR REPLACE FUNCTION enterprises_absent_known(on_day date, moment timestamptz, with_ended boolean, most integer DEFAULT NULL)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_SAFE} {_WAYS} SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY SELECT x.enterprise_id FROM enterprise_end x WHERE with_ended AND x.ended_on <= on_day
        AND x.recorded_at <= moment AND (x.superseded_at IS NULL OR x.superseded_at > moment)
    UNION SELECT a.absorbed_id FROM enterprise_alias a
        WHERE a.known_from <= moment AND (a.known_to IS NULL OR a.known_to > moment)
    UNION SELECT t.enterprise_id FROM import_run u JOIN import_touched t ON t.import_id = u.id
        JOIN enterprise e ON e.id = t.enterprise_id
        WHERE u.undone_at <= moment AND t.is_new AND t.kept_because = '' AND NOT EXISTS (
            SELECT FROM import_touched n JOIN import_run c ON c.id = n.import_id
            WHERE n.enterprise_id = t.enterprise_id AND c.committed_at > u.undone_at AND c.committed_at <= moment
        ) AND (e.status = 'withdrawn' OR EXISTS (
            SELECT FROM import_touched n JOIN import_run c ON c.id = n.import_id
            WHERE n.enterprise_id = t.enterprise_id AND c.committed_at > moment
        ))CLOSED
    LIMIT most;
END $$
"""
_CLOSED = """
    UNION SELECT s.to_id FROM enterprise_split s WHERE s.has_closed AND s.undone_at <= moment AND NOT EXISTS (
            SELECT FROM enterprise_split n WHERE n.to_id = s.to_id AND n.id > s.id AND n.recorded_at <= moment
            AND NOT (n.has_closed AND n.undone_at <= moment)
        ) AND NOT EXISTS (
            SELECT FROM import_touched n JOIN import_run c ON c.id = n.import_id
            WHERE n.enterprise_id = s.to_id AND c.committed_at > s.undone_at AND c.committed_at <= moment
        )"""


def upgrade() -> None:
    """Note which files a taken-back split closed, and leave those out."""
    # Whether the file that the split had opened was closed with it; one that stayed is an enterprise of its own.
    op.execute("ALTER TABLE enterprise_split ADD COLUMN has_closed boolean NOT NULL DEFAULT false")
    op.execute(
        "UPDATE enterprise_split s SET has_closed = true FROM enterprise e WHERE e.id = s.to_id AND s.is_new"
        " AND s.undone_at IS NOT NULL AND e.status = 'withdrawn'"
    )
    op.execute("GRANT UPDATE (has_closed) ON enterprise_split TO tidu_app")
    op.execute(_ABSENT.replace("CLOSED", _CLOSED))


def downgrade() -> None:
    """List them again."""
    op.execute(_ABSENT.replace("CLOSED", ""))
    op.execute("ALTER TABLE enterprise_split DROP COLUMN has_closed")
