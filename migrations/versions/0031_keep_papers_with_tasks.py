"""Keep the papers behind what is said of a task: evidence that can be opened, where a sentence named it only.

A paper lies with a note, and is read by whoever reads the note among the bureau's people. Contents stay in `paper`,
which is now seen through what lies with a task too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"


def upgrade() -> None:
    """Make the table and its policies."""
    op.create_table(
        "task_paper",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("note_id", sa.BigInteger(), sa.ForeignKey("task_note.id"), nullable=False),
        sa.Column("digest", sa.String(64), sa.ForeignKey("paper.digest"), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.UniqueConstraint("note_id", "digest"),
    )
    op.create_index("task_paper_of_paper", "task_paper", ["digest"])
    op.execute("ALTER TABLE task_paper ENABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON task_paper FROM tidu_app")
    op.execute("GRANT SELECT, INSERT ON task_paper TO tidu_app")
    op.execute(f"CREATE POLICY read ON task_paper FOR SELECT TO tidu_app USING ({_SCOPE} <> '')")
    # With one's own note only: whoever could not have written the note adds nothing to it.
    own = f"EXISTS (SELECT FROM task_note n WHERE n.id = note_id AND ({_SCOPE} = '*' OR n.region_code = {_SCOPE}))"
    op.execute(f"CREATE POLICY write ON task_paper FOR INSERT TO tidu_app WITH CHECK ({own})")
    behind = "EXISTS (SELECT FROM task_paper t WHERE t.digest = paper.digest)"
    op.execute(f"CREATE POLICY behind_tasks ON paper FOR SELECT TO tidu_app USING ({behind})")


def downgrade() -> None:
    """Take it away; contents that lay with tasks only stay unseen in `paper`."""
    op.execute("DROP POLICY behind_tasks ON paper")
    op.drop_table("task_paper")
