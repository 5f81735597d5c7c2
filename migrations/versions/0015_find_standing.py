"""Find at once, among very many, who stands to a programme as asked, who became eligible and what was revoked.

`enterprises_standing` looks with the owner's rights, as `find_enterprises` does: it gives ids only, and which of these
somebody may see, the policies of `enterprise` say. Asked through the policies of the titles and results themselves,
each of many thousand rows would be weighed for itself.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A title counts as `recognitions.queries.IN_FORCE` and `current_edition` have it. The number of rows is a guess that
# makes PostgreSQL keep them in a hash; in truth it is anything between none and all.
_STANDING = """
CREATE FUNCTION enterprises_standing(wanted text, how text, on_day date, by_edition boolean) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 20000 SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF how = 'held' OR how = 'not_held' THEN
        RETURN QUERY SELECT r.enterprise_id FROM recognition r
            WHERE r.programme = wanted AND r.superseded_at IS NULL AND r.valid_from <= on_day
            AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)
            AND NOT (by_edition AND EXISTS (
                SELECT FROM list_editions(ARRAY[wanted], NULL) AS lists
                WHERE lists.edition = r.edition AND lists.next_from <= on_day
            ));
    ELSIF how = 'likely' THEN
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x
            WHERE x.programme = wanted AND x.outcome = 'undetermined' AND x.is_likely;
    ELSIF how = 'candidate' THEN
        -- Eligible or likely, and without the title: whom to visit.
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND x.outcome = 'eligible'
            UNION ALL SELECT enterprises_standing(wanted, 'likely', on_day, by_edition)
            EXCEPT SELECT enterprises_standing(wanted, 'held', on_day, by_edition);
    ELSE
        RETURN QUERY SELECT x.enterprise_id FROM eligibility x WHERE x.programme = wanted AND x.outcome = how;
    END IF;
END $$
"""


def upgrade() -> None:
    """Make the function and two indexes."""
    op.execute(_STANDING)
    op.execute("REVOKE ALL ON FUNCTION enterprises_standing(text, text, date, boolean) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION enterprises_standing(text, text, date, boolean) TO tidu_app")
    # The latest who became eligible; and what was revoked, the latest first.
    op.execute(
        "CREATE INDEX eligibility_change_eligible ON eligibility_change (id) INCLUDE (programme, enterprise_id, run_id)"
        " WHERE after = 'eligible'"
    )
    op.execute(
        "CREATE INDEX recognition_revoked ON recognition (revoked_on DESC, id DESC)"
        " WHERE superseded_at IS NULL AND revoked_on IS NOT NULL"
    )


def downgrade() -> None:
    """Take them away again."""
    op.execute("DROP INDEX recognition_revoked")
    op.execute("DROP INDEX eligibility_change_eligible")
    op.execute("DROP FUNCTION enterprises_standing(text, text, date, boolean)")
