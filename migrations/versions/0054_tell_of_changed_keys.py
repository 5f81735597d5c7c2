"""Tell of a row whose key was changed: that the one was taken away and the other put in.

Old rows and new ones are told together where they have the same key. A row that got another one had no partner, and its
change left no entry: an enterprise's titles and pools, say, that a merge hands to the other file.
"""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

# As in 0013, with what the two places name.
_ROWS = """
CREATE OR REPLACE FUNCTION trace_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    keys text[] := string_to_array(TG_ARGV[0], ',');
    secret text[] := string_to_array(TG_ARGV[1], ',');
    omitted text[] := string_to_array(TG_ARGV[2], ',') || secret;
    looked_at text := TG_ARGV[3];
    key_of text := (SELECT string_agg(format('x.%I::text', k), $q$ || '/' || $q$) FROM unnest(keys) k);
    same_key text := (SELECT string_agg(format('o.%1$I = n.%1$I', k), ' AND ') FROM unnest(keys) k);
    owner_of text := CASE WHEN TG_TABLE_NAME = 'enterprise' THEN 'x.id' WHEN TG_ARGV[4] = 'yes' THEN 'x.enterprise_id' ELSE 'NULL::bigint' END;
    many bigint;
{declared}BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO trace_note (action, subject) VALUES ('truncate', TG_TABLE_NAME);
    ELSIF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO many FROM changed;
        IF many > 200 THEN
            EXECUTE format(
                'INSERT INTO trace_note (action, subject, after) SELECT ''insert'', $1,'
                ' jsonb_build_object(''rows'', $2, ''ids'', %s) FROM changed x',
                CASE WHEN TG_ARGV[5] = '' THEN 'NULL'
                    ELSE format('range_agg(int8range(x.%1$I, x.%1$I, ''[]''))::text', TG_ARGV[5]) END
            ) USING TG_TABLE_NAME, many;
        ELSIF many > 0 THEN
            EXECUTE format(
                'INSERT INTO trace_note (action, subject, subject_id, enterprise_id, after)'
                ' SELECT ''insert'', $1, %s, %s, to_jsonb(x) - $2 FROM changed x', key_of, owner_of
            ) USING TG_TABLE_NAME, omitted;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        EXECUTE format(
            'INSERT INTO trace_note (action, subject, subject_id, enterprise_id, before)'
            ' SELECT ''delete'', $1, %s, %s, to_jsonb(x) - $2 FROM replaced x', key_of, owner_of
        ) USING TG_TABLE_NAME, omitted;
    ELSE
        EXECUTE format(
            'INSERT INTO trace_note (action, subject, subject_id, enterprise_id, before, after)'
            ' SELECT ''update'', $1, %s, %s, trace_differing(x.trace_old, x.trace_new, $2, $3),'
            ' trace_differing(x.trace_new, x.trace_old, $2, $3)'
            ' FROM (SELECT n.*, to_jsonb(o) AS trace_old, to_jsonb(n) AS trace_new FROM replaced o JOIN changed n ON %s'
            ' WHERE (%s) IS DISTINCT FROM (%s)) AS x',
            key_of, owner_of, same_key,
            (SELECT 'ROW(' || string_agg(format('o.%I', c), ', ') || ')' FROM unnest(string_to_array(looked_at, ',')) c),
            (SELECT 'ROW(' || string_agg(format('n.%I', c), ', ') || ')' FROM unnest(string_to_array(looked_at, ',')) c)
        ) USING TG_TABLE_NAME, omitted, secret;
{moved}    END IF;
    RETURN NULL;
END $$
"""
_DECLARED = """    same_as_new text := (SELECT string_agg(format('x.%1$I = n.%1$I', k), ' AND ') FROM unnest(keys) k);
    same_as_old text := (SELECT string_agg(format('o.%1$I = x.%1$I', k), ' AND ') FROM unnest(keys) k);
    was_moved boolean;
"""
_MOVED = """        EXECUTE format(
            'SELECT EXISTS (SELECT FROM replaced o WHERE NOT EXISTS (SELECT FROM changed n WHERE %s))', same_key
        ) INTO was_moved;
        IF was_moved THEN
            EXECUTE format(
                'INSERT INTO trace_note (action, subject, subject_id, enterprise_id, before)'
                ' SELECT ''delete'', $1, %s, %s, to_jsonb(x) - $2 FROM replaced x'
                ' WHERE NOT EXISTS (SELECT FROM changed n WHERE %s)', key_of, owner_of, same_as_new
            ) USING TG_TABLE_NAME, omitted;
            EXECUTE format(
                'INSERT INTO trace_note (action, subject, subject_id, enterprise_id, after)'
                ' SELECT ''insert'', $1, %s, %s, to_jsonb(x) - $2 FROM changed x'
                ' WHERE NOT EXISTS (SELECT FROM replaced o WHERE %s)', key_of, owner_of, same_as_old
            ) USING TG_TABLE_NAME, omitted;
        END IF;
"""


def upgrade() -> None:
    """Tell of them."""
    op.execute(_ROWS.replace("{declared}", _DECLARED).replace("{moved}", _MOVED))


def downgrade() -> None:
    """Keep silent again."""
    op.execute(_ROWS.replace("{declared}", "").replace("{moved}", ""))
