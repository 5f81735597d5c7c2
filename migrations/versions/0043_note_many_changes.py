"""Note the changes of many enterprises as fast, each, as those of a few; and list a district by its codes.

What a trigger joins, old rows and new, is planned with the first statement of a session and kept. Planned for one row,
it went through all old rows for each new one. In a district all codes begin alike, and stand together in the order of
all: whoever looked for them there began at the other end.
"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_JOINING = ("note_changed_enterprises()", "refresh_standings_of_listed()")
# Few are asked for: a hash of all titles is made longer than it takes to look each one up.
_STANDING = "enterprises_standing(text, text, date, boolean, text, integer)"


def upgrade() -> None:
    """Keep the functions from the loops that grow with the square, and from the hashes that nobody needs."""
    for function in _JOINING:
        op.execute(f"ALTER FUNCTION {function} SET enable_nestloop = off")
    op.execute(f"ALTER FUNCTION {_STANDING} SET enable_hashjoin = off SET enable_mergejoin = off")
    op.execute("CREATE INDEX enterprise_codes_by_region ON enterprise (region_code, credit_code, id)")


def downgrade() -> None:
    """Let them again."""
    op.execute("DROP INDEX enterprise_codes_by_region")
    op.execute(f"ALTER FUNCTION {_STANDING} RESET enable_hashjoin RESET enable_mergejoin")
    for function in _JOINING:
        op.execute(f"ALTER FUNCTION {function} RESET enable_nestloop")
