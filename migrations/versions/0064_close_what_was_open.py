"""Put the tables that everybody could read and write under row-level security too; docs/decisions/0005 weighs it.

Reported figures and the words of bulletins are read by the bureau, as all else of the plans is now. The city writes any; a district writes its own, and
those of a plan that is the district's. Which plan is whose stands in `plan_territory`, written anew at every start.

What is forced upon the tables' owner, and which scopes let another system through, is made by `secure_tables` after
every migration. Figures of the tax office stay in sight of whoever keeps the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_IS_INSIDE = "(SELECT coalesce(current_setting('tidu.scope', true), '') <> '')"
_IS_SOMEBODY = (
    "(SELECT coalesce(current_setting('tidu.scope', true), '') <> ''"
    " OR coalesce(current_setting('tidu.enterprise_id', true), '') <> '')"
)
_OF_THE_PLAN = {"reported_figure": "'P' || substr(reported_figure.target, 2, 3)", "bulletin_text": "bulletin_text.plan"}
#: Read by everybody in the bureau, who all read the plans; until now by enterprises' accounts and by nobody's as well.
_OF_THE_BUREAU = (
    "breakdown_share", "breakdown_acknowledgement", "task_note", "plan_version", "zone_figure", "register_declaration",
)  # fmt: skip
_FROM_FILES = ("source_rank", "indicator_tolerance", "registry_change")
_UNMASKED = "(SELECT unmasked())::bigint[]"
_READS = "(SELECT coalesce(current_setting('tidu.reads_tax', true), '') = 'yes'{keeps})"
_KEEPS = " OR pg_has_role('tidu_keeper', 'USAGE')"
_HIDDEN = {
    "filing": "source <> 'tax' OR {readable}",
    "attachment": "kind <> 'tax_return' OR {readable}",
    **dict.fromkeys(
        ("fact_yearly", "fact_current", "fact_conflict", "fact_flag", "fact_flag_answer"),
        "{readable} OR NOT holds_tax({table}.enterprise_id)",
    ),
}


def upgrade() -> None:
    """Make the table of territories, then the policies."""
    op.create_table(
        "plan_territory",
        sa.Column("plan", sa.String(10), primary_key=True),
        sa.Column("region_code", sa.String(6), nullable=False),
    )
    _enable("plan_territory", "source_rank", "indicator_tolerance", "registry_change", "eligibility_run")
    _enable(*_OF_THE_PLAN)
    op.execute("CREATE POLICY read ON plan_territory FOR SELECT TO tidu_app USING (true)")
    op.execute(f"CREATE POLICY write ON plan_territory FOR INSERT TO tidu_app WITH CHECK ({_SCOPE} = '*')")
    op.execute(f"CREATE POLICY change ON plan_territory FOR UPDATE TO tidu_app USING ({_SCOPE} = '*')")
    for table in _FROM_FILES:
        op.execute(f"CREATE POLICY read ON {table} FOR SELECT TO tidu_app USING (true)")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON source_rank FROM tidu_app")
    for table in _OF_THE_BUREAU:
        op.execute(f"ALTER POLICY read ON {table} USING ({_IS_INSIDE})")
    _let_reckon()
    for table, plan in _OF_THE_PLAN.items():
        own_plan = f"SELECT FROM plan_territory t WHERE t.plan = {plan} AND t.region_code = {_SCOPE}"
        own = f"{_IS_INSIDE} AND (region_code = {_SCOPE} OR (region_code = '' AND EXISTS ({own_plan})))"
        op.execute(f"CREATE POLICY read ON {table} FOR SELECT TO tidu_app USING ({_IS_INSIDE})")
        op.execute(f"CREATE POLICY write ON {table} FOR INSERT TO tidu_app WITH CHECK ({_SCOPE} = '*' OR ({own}))")
    _hide(_KEEPS)


def _enable(*tables: str) -> None:
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _let_reckon() -> None:
    # A run is begun and ended in the transaction of whoever made it needed; once ended it stays as it is.
    op.execute(f"CREATE POLICY read ON eligibility_run FOR SELECT TO tidu_app USING ({_IS_SOMEBODY})")
    op.execute(f"CREATE POLICY begin ON eligibility_run FOR INSERT TO tidu_app WITH CHECK ({_IS_SOMEBODY})")
    op.execute(
        f"CREATE POLICY finish ON eligibility_run FOR UPDATE TO tidu_app USING ({_IS_SOMEBODY} AND finished_at IS NULL)"
        f" WITH CHECK ({_IS_SOMEBODY})"
    )


def _hide(keeps: str) -> None:
    for table, hidden in _HIDDEN.items():
        readable = f"{_READS.format(keeps=keeps)} OR {table}.enterprise_id = ANY({_UNMASKED})"
        op.execute(f"ALTER POLICY protected ON {table} USING ({hidden.format(readable=readable, table=table)})")


def downgrade() -> None:
    """Open them again."""
    _hide("")
    for table in _OF_THE_BUREAU:
        op.execute(f"ALTER POLICY read ON {table} USING (true)")
    for table in (*_FROM_FILES, "eligibility_run", *_OF_THE_PLAN):
        for policy in ("read", "write", "begin", "finish"):
            op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("GRANT INSERT, UPDATE, DELETE ON source_rank TO tidu_app")
    op.drop_table("plan_territory")
