"""Find the titles of a list, and who met the rules lately, in indexes alone.

The index of titles by their last day did not let anybody pass over a programme without looking each title up: the 700,000
that lapsed within two years, for those of one programme, 0.7 s. Now it says of each title all that the lists ask; so do
those of what was revoked, and of what lists named. And who became eligible is found by the enterprises that are meant,
too: an officer's own are few, and their changes are hardly among the latest of a big city.
"""

from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

_NOW = "WHERE superseded_at IS NULL"
_REVOKED, _NAMED = f"{_NOW} AND revoked_on IS NOT NULL", f"{_NOW} AND edition IS NOT NULL"
_INDEXES = {
    # The programme is part of the order: so it is asked within the index before anything else is.
    "recognition_ending": "recognition (valid_to, enterprise_id, id, programme)"
    f" INCLUDE (valid_from, revoked_on, edition) {_NOW}",
    "recognition_revoked": f"recognition (revoked_on DESC, id DESC, programme) INCLUDE (enterprise_id) {_REVOKED}",
    "recognition_in_order_of_lists": "recognition (edition DESC, enterprise_id, id, programme)"
    f" INCLUDE (valid_from, valid_to, revoked_on) {_NAMED}",
}
_OLD_INDEXES = {
    "recognition_ending": f"recognition (valid_to, enterprise_id) INCLUDE (programme) {_NOW}",
    "recognition_revoked": f"recognition (revoked_on DESC, id DESC) {_REVOKED}",
    "recognition_in_order_of_lists": f"recognition (edition DESC, enterprise_id, id) {_NAMED}",
}
_NEW = "eligibility_change_eligible_of"


def upgrade() -> None:
    """Make them in place of the narrower ones."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for name, rows in _INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {rows}")
    op.execute(
        f"CREATE INDEX {_NEW} ON eligibility_change (enterprise_id, id) INCLUDE (programme, run_id) WHERE after = 'eligible'"
    )


def downgrade() -> None:
    """Make the narrower ones again."""
    op.execute(f"DROP INDEX {_NEW}")
    for name, rows in _OLD_INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {rows}")
