"""Take splits back as one act: which rows of a title a split closed and made, and what became of the split since.

What was recorded before is filled in where it can be told for sure: the rows were written in one transaction.
"""

from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

_COLUMNS = (
    # Of each title that passed over: the row that held before, the one that ends on the day, the other enterprise's.
    "handed jsonb NOT NULL DEFAULT '[]'",
    # Whether the split registered the other enterprise itself, and its revision then.
    "is_new boolean NOT NULL DEFAULT false", "to_revision integer NOT NULL DEFAULT 0",
    # The code of a file that was closed again: it is free for others, and past lists still print it.
    "to_code varchar(18)", "undone_at timestamptz", "undone_by integer", "undone_because text NOT NULL DEFAULT ''",
)  # fmt: skip
_UPDATED = "to_code, undone_at, undone_by, undone_because"
_FILL_IN = """
    UPDATE enterprise_split s SET
        is_new = e.created_at = s.recorded_at, to_revision = 1,
        handed = (
            SELECT coalesce(jsonb_agg(jsonb_build_array(closed.supersedes_id, closed.id, made.id) ORDER BY made.id), '[]')
            FROM recognition made JOIN recognition closed ON closed.enterprise_id = s.from_id
                AND closed.recorded_at = made.recorded_at AND closed.programme = made.programme
                AND closed.granted_on = made.granted_on AND closed.number = made.number AND closed.revoked_on = s.split_on
            WHERE made.id = ANY (s.recognition_ids)
        )
    FROM enterprise e WHERE e.id = s.to_id
"""
# A row that came in after the split and belongs to the enterprise that was there before.
_HAND_OVER = """
CREATE FUNCTION hand_split_row_over(of_split bigint, wanted_table text, row_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    split enterprise_split;
BEGIN
    SELECT * INTO split FROM enterprise_split WHERE id = of_split AND undone_at IS NULL;
    PERFORM demand_in_scope(ARRAY[split.from_id, split.to_id]);
    PERFORM FROM tables_carried() WHERE in_table = wanted_table;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rows of % are not handed over', wanted_table USING ERRCODE = '42501';
    END IF;
    EXECUTE format('UPDATE %I SET enterprise_id = $1 WHERE enterprise_id = $2 AND id = $3', wanted_table)
        USING split.from_id, split.to_id, row_id;
    IF wanted_table = 'pool_entry' THEN
        UPDATE pool_move SET enterprise_id = split.from_id WHERE entry_id = row_id;
    END IF;
    RETURN true;
EXCEPTION WHEN unique_violation THEN
    -- The one that was there before has its own.
    RETURN false;
END $$
"""


def upgrade() -> None:
    """Add the columns and the function."""
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE enterprise_split ADD COLUMN {column}")
    op.execute(_FILL_IN)
    op.execute(f"GRANT UPDATE ({_UPDATED}) ON enterprise_split TO tidu_app")
    op.execute(_HAND_OVER)
    op.execute("REVOKE ALL ON FUNCTION hand_split_row_over(bigint, text, bigint) FROM PUBLIC, tidu_app")
    op.execute("GRANT EXECUTE ON FUNCTION hand_split_row_over(bigint, text, bigint) TO tidu_app")


def downgrade() -> None:
    """Forget what was taken back: what splits did to titles stays as it is now."""
    op.execute("DROP FUNCTION hand_split_row_over(bigint, text, bigint)")
    op.execute(f"REVOKE UPDATE ({_UPDATED}) ON enterprise_split FROM tidu_app")
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE enterprise_split DROP COLUMN {column.split()[0]}")
