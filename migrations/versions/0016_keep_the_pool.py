"""Keep the cultivation pool and the service files.

What hangs on an enterprise is seen with it. Moves, visits and changes are append-only for requests. Filing windows are
everybody's to read; the city sets them.
"""

from datetime import date, datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_HANGS_ON_ENTERPRISE = (
    "pool_entry", "pool_move", "service_step", "service_visit", "service_action", "service_change", "policy_enjoyed",
)  # fmt: skip
_APPEND_ONLY = ("pool_move", "service_visit", "service_change")


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True)


def _enterprise() -> sa.Column[int]:
    return sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), nullable=False)


def _words(name: str, length: int | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length) if length else sa.Text(), nullable=False)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _day(name: str, *, nullable: bool = False) -> sa.Column[date]:
    return sa.Column(name, sa.Date(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    """Make the tables and put them under row-level security."""
    _make_pool()
    _make_service_files()
    for table in _HANGS_ON_ENTERPRISE:
        visible = f"{_SCOPE} = '*' OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")
    for table in _APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM tidu_app")
    op.execute("REVOKE DELETE ON pool_entry, service_step, service_action, filing_window FROM tidu_app")
    op.execute("REVOKE UPDATE, DELETE ON policy_enjoyed FROM tidu_app")
    op.execute("GRANT UPDATE (withdrawn_at) ON policy_enjoyed TO tidu_app")
    op.execute("ALTER TABLE filing_window ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybody_reads ON filing_window FOR SELECT TO tidu_app USING (true)")
    op.execute(f"CREATE POLICY city_writes ON filing_window FOR INSERT TO tidu_app WITH CHECK ({_SCOPE} = '*')")
    op.execute(f"CREATE POLICY city_changes ON filing_window FOR UPDATE TO tidu_app USING ({_SCOPE} = '*')")
    # Candidates are found among very many standings: those that meet a programme, and those that nearly do.
    near = "cardinality(failed) BETWEEN 1 AND 2"
    op.execute(
        "CREATE INDEX eligibility_ready ON eligibility (programme, enterprise_id) WHERE outcome = 'eligible' OR is_likely"
    )
    op.execute(
        f"CREATE INDEX eligibility_near ON eligibility (programme, enterprise_id) WHERE outcome = 'ineligible' AND {near}"
    )


def _make_pool() -> None:
    op.create_table(
        "pool_entry",
        _number(), _enterprise(), _words("programme", 60), _whole("year"), _words("stage", 20),
        _whole("officer_id", nullable=True), _words("note"), _whole("revision"), _moment("entered_at"), _moment("moved_at"),
        sa.UniqueConstraint("enterprise_id", "programme", "year", name="pool_entry_once"),
    )  # fmt: skip
    op.create_index("pool_entry_of_pool", "pool_entry", ["programme", "year", "stage"])
    op.create_index("pool_entry_of_officer", "pool_entry", ["officer_id"])
    op.create_table(
        "pool_move",
        _number(), sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("pool_entry.id"), nullable=False), _enterprise(),
        _words("from_stage", 20), _words("to_stage", 20), _whole("officer_id", nullable=True), _words("reason"),
        _day("checked_on", nullable=True), _whole("moved_by", nullable=True), _moment("moved_at"),
    )  # fmt: skip
    op.create_index("pool_move_of_entry", "pool_move", ["entry_id", "id"])
    op.create_index("pool_move_since", "pool_move", ["moved_at"])
    op.create_table(
        "filing_window",
        _number(), _words("programme", 60), _whole("year"), _words("label", 60), _day("opens_on", nullable=True),
        _day("closes_on"), _words("certainty", 20), _words("source", 200), _words("note"),
        _whole("recorded_by", nullable=True), _moment("recorded_at"), _moment("superseded_at", nullable=True),
    )  # fmt: skip
    op.create_index(
        "filing_window_once", "filing_window", ["programme", "year", "label"], unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )  # fmt: skip


def _make_service_files() -> None:
    op.create_table(
        "service_step",
        _number(), _enterprise(), _words("programme", 60), _words("criterion", 80), _words("title", 300), _day("due_on"),
        _whole("officer_id", nullable=True), _words("status", 20), _words("result"), _whole("revision"),
        _whole("created_by", nullable=True), _moment("created_at"), _moment("closed_at", nullable=True),
    )  # fmt: skip
    op.create_index("service_step_of", "service_step", ["enterprise_id", "status"])
    op.create_index("service_step_due", "service_step", ["due_on"])
    op.create_table(
        "service_visit",
        _number(), _enterprise(), _day("visited_on"), _words("form", 20), _words("visitors", 200), _words("met", 200),
        _words("content"), _words("follow_up"), _whole("recorded_by", nullable=True), _moment("recorded_at"),
        sa.Column("corrects_id", sa.BigInteger(), sa.ForeignKey("service_visit.id"), nullable=True),
    )  # fmt: skip
    op.create_index("service_visit_of", "service_visit", ["enterprise_id", "visited_on"])
    op.create_table(
        "service_action",
        _number(), _enterprise(), _words("kind", 20), _words("topic", 20), _words("content"), _day("raised_on"),
        _words("owner", 100), _day("due_on", nullable=True), _words("status", 20), _words("answer"), _whole("revision"),
        _whole("created_by", nullable=True), _moment("created_at"), _moment("closed_at", nullable=True),
    )  # fmt: skip
    op.create_index("service_action_of", "service_action", ["enterprise_id", "status"])
    op.create_index("service_action_due", "service_action", ["due_on"])
    op.create_table(
        "service_change",
        _number(), _enterprise(), _words("thing", 20), sa.Column("thing_id", sa.BigInteger(), nullable=False),
        _words("words"), _whole("changed_by", nullable=True), _moment("changed_at"),
    )  # fmt: skip
    op.create_index("service_change_of", "service_change", ["enterprise_id", "thing", "thing_id"])
    op.create_table(
        "policy_enjoyed",
        _number(), _enterprise(), _words("policy", 200), _words("document", 200), _day("enjoyed_on"),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True), _words("note"), _whole("recorded_by", nullable=True),
        _moment("recorded_at"), _moment("withdrawn_at", nullable=True),
    )  # fmt: skip
    op.create_index("policy_enjoyed_of", "policy_enjoyed", ["enterprise_id", "enjoyed_on"])


def downgrade() -> None:
    """Take it all away, with what officers wrote."""
    op.execute("DROP INDEX eligibility_near")
    op.execute("DROP INDEX eligibility_ready")
    for table in (
        "policy_enjoyed", "service_change", "service_action", "service_visit", "service_step", "filing_window",
        "pool_move", "pool_entry",
    ):  # fmt: skip
        op.drop_table(table)
