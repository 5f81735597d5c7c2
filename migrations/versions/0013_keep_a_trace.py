"""Keep a trace: who changed or read what, when, from where and why; a chain of digests shows what was done to it.

What happens is noted in `trace_note` by the transaction that does it. A moment later `seal_trace` moves notes into
`trace_entry`, gives them consecutive positions and chains them: each digest is of the entry and of the digest before.
So nobody who writes waits for anybody else who writes; docs/decisions/0008 weighs it.

The application's role may add notes and nothing else: who, when and from where is filled in by the database, reading
is for whoever `tidu.may_audit` says, changing is for nobody.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TOLD = """
    actor text NOT NULL{actor}, person_id bigint{person}, role text NOT NULL{role}, address text NOT NULL{address},
    request_id text NOT NULL{request}, action text NOT NULL, subject text NOT NULL, subject_id text NOT NULL{empty},
    enterprise_id bigint, outcome text NOT NULL{done}, reason text NOT NULL{reason}, before jsonb, after jsonb
"""


def _setting(name: str, fallback: str = "''") -> str:
    return f" DEFAULT coalesce(nullif(current_setting('tidu.{name}', true), ''), {fallback})"


_NOTE = f"""
CREATE TABLE trace_note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    {_TOLD.format(
        actor=_setting("actor", "'database:' || session_user"), role=_setting("role"),
        person=" DEFAULT nullif(current_setting('tidu.user_id', true), '')::bigint",
        address=_setting("address", "coalesce(host(inet_client_addr()), '')"), request=_setting("request_id"),
        reason=_setting("reason"), empty=" DEFAULT ''", done=" DEFAULT 'done'",
    )}
)
"""  # fmt: skip
_ENTRY = f"""
CREATE TABLE trace_entry (
    position bigint PRIMARY KEY, id bigint NOT NULL, at timestamptz NOT NULL,
    {_TOLD.format(actor="", person="", role="", address="", request="", empty="", done="", reason="")},
    digest bytea NOT NULL
)
"""
#: Where the chain ends; and where it begins since older entries were removed.
_HEAD = """
CREATE TABLE trace_head (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), position bigint NOT NULL, digest bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now()
)
"""
_ANCHOR = """
CREATE TABLE trace_anchor (
    position bigint PRIMARY KEY, digest bytea NOT NULL, entries bigint NOT NULL, oldest_at timestamptz NOT NULL,
    newest_at timestamptz NOT NULL, purged_at timestamptz NOT NULL DEFAULT now()
)
"""
# What a digest is of. `backend.access.trace.verify` says the same in its own words, so that who changes this function
# afterwards deceives nobody.
_CONTENT = """
CREATE FUNCTION trace_content(e trace_entry) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(jsonb_build_array(
        e.position, e.id, extract(epoch FROM e.at), e.actor, e.person_id, e.role, e.address, e.request_id, e.action,
        e.subject, e.subject_id, e.enterprise_id, e.outcome, e.reason, e.before, e.after
    )::text, 'UTF8')
$$
"""
_LINK = """
CREATE FUNCTION trace_link(state bytea, start bytea, content bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(coalesce(state, start) || content)
$$
"""
_SEAL = """
CREATE FUNCTION seal_trace(most integer DEFAULT 50000) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    head trace_head;
    sealed bigint;
BEGIN
    -- One at a time; whoever comes second finds the work done.
    SELECT * INTO head FROM trace_head FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH waiting AS MATERIALIZED (
        SELECT * FROM trace_note ORDER BY id LIMIT most
    ), numbered AS (
        SELECT head.position + row_number() OVER (ORDER BY id) AS position, waiting.* FROM waiting
    ), content AS (
        SELECT n.*, trace_content(ROW(n.*, NULL::bytea)::trace_entry) AS content FROM numbered n
    ), gone AS (
        DELETE FROM trace_note USING waiting WHERE trace_note.id = waiting.id
    )
    INSERT INTO trace_entry
    SELECT position, id, at, actor, person_id, role, address, request_id, action, subject, subject_id, enterprise_id,
        outcome, reason, before, after, trace_chain(head.digest, content) OVER (ORDER BY position)
    FROM content;
    GET DIAGNOSTICS sealed = ROW_COUNT;
    IF sealed > 0 THEN
        UPDATE trace_head SET position = e.position, digest = e.digest, sealed_at = now()
        FROM (SELECT t.position, t.digest FROM trace_entry t ORDER BY t.position DESC LIMIT 1) AS e;
    END IF;
    RETURN sealed;
END $$
"""
# 网络安全法 第二十三条（三）: network logs are kept for at least six months; the longest six months have 184 days.
_PURGE = """
CREATE FUNCTION purge_trace(older_than timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_one trace_entry;
    removed bigint;
    oldest timestamptz;
BEGIN
    IF older_than > now() - interval '184 days' THEN
        RAISE EXCEPTION 'the trace is kept for at least 184 days' USING ERRCODE = 'TD184';
    END IF;
    PERFORM FROM trace_head FOR UPDATE;
    -- A prefix of the chain: up to the first entry that is young enough to stay, and never all of it.
    SELECT * INTO last_one FROM trace_entry
    WHERE position < coalesce(
        (SELECT min(position) FROM trace_entry WHERE at >= older_than), (SELECT position FROM trace_head)
    ) ORDER BY position DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT min(at), count(*) INTO oldest, removed FROM trace_entry WHERE position <= last_one.position;
    PERFORM set_config('tidu.purging', 'yes', true);
    DELETE FROM trace_entry WHERE position <= last_one.position;
    PERFORM set_config('tidu.purging', '', true);
    INSERT INTO trace_anchor (position, digest, entries, oldest_at, newest_at)
    VALUES (last_one.position, last_one.digest, removed, oldest, last_one.at);
    -- The chain itself vouches for where it now begins.
    INSERT INTO trace_note (action, subject, subject_id, after) VALUES (
        'purge', 'trace', last_one.position::text, jsonb_build_object(
            'digest', encode(last_one.digest, 'hex'), 'entries', removed, 'oldest_at', oldest, 'newest_at', last_one.at
        )
    );
    RETURN removed;
END $$
"""
# Against slips of whoever owns the tables; against malice there is the chain.
_KEEP = """
CREATE FUNCTION keep_trace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('tidu.purging', true) = 'yes' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries of the trace are neither changed nor removed' USING ERRCODE = '42501';
END $$
"""
# Statement triggers with transition tables: an import of 100,000 rows costs one look at them and not 100,000 calls.
# What is inserted in bulk stands in its table, and who changes it later leaves what stood before; so the trace of it
# is the number of rows and their ids. Arguments: key columns, columns that are only told to differ, columns left out.
_ROWS = """
CREATE FUNCTION trace_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    keys text[] := string_to_array(TG_ARGV[0], ',');
    secret text[] := string_to_array(TG_ARGV[1], ',');
    omitted text[] := string_to_array(TG_ARGV[2], ',') || secret;
    looked_at text := TG_ARGV[3];
    key_of text := (SELECT string_agg(format('x.%I::text', k), $q$ || '/' || $q$) FROM unnest(keys) k);
    same_key text := (SELECT string_agg(format('o.%1$I = n.%1$I', k), ' AND ') FROM unnest(keys) k);
    owner_of text := CASE WHEN TG_TABLE_NAME = 'enterprise' THEN 'x.id' WHEN TG_ARGV[4] = 'yes' THEN 'x.enterprise_id' ELSE 'NULL::bigint' END;
    many bigint;
BEGIN
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
    END IF;
    RETURN NULL;
END $$
"""
_DIFFERING = """
CREATE FUNCTION trace_differing(one jsonb, other jsonb, omitted text[], secret text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN key = ANY(secret) THEN '"***"'::jsonb ELSE value END)
    FROM jsonb_each(one)
    WHERE value IS DISTINCT FROM other->key AND (key = ANY(secret) OR key <> ALL(omitted))
$$
"""
# Who audits sees no business data; the names that a trace speaks of are no more than it says.
_NAMES = """
CREATE FUNCTION trace_names(bigint, bigint, OUT person_name text, OUT enterprise_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT name FROM person WHERE id = $1), (SELECT name FROM enterprise WHERE id = $2)
    WHERE current_setting('tidu.may_audit', true) = 'yes'
$$
"""
_ENTERPRISES = """
CREATE FUNCTION trace_enterprises(written text) RETURNS bigint[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT array(SELECT id FROM enterprise WHERE (credit_code = upper(written) OR name = written)
        AND current_setting('tidu.may_audit', true) = 'yes')
$$
"""


def upgrade() -> None:
    """Make the two tables and what moves, keeps and reads them. `follow_tables` then puts triggers on all others."""
    for table in (_NOTE, _ENTRY, _HEAD, _ANCHOR):
        op.execute(table)
    op.execute("INSERT INTO trace_head (position, digest) VALUES (0, sha256('tidu'))")
    op.execute("CREATE INDEX trace_entry_at ON trace_entry (at)")
    op.execute(
        "CREATE INDEX trace_entry_enterprise ON trace_entry (enterprise_id, position) WHERE enterprise_id IS NOT NULL"
    )
    op.execute("CREATE INDEX trace_entry_person ON trace_entry (person_id, position) WHERE person_id IS NOT NULL")
    for function in (_CONTENT, _LINK, _DIFFERING):
        op.execute(function)
    op.execute("CREATE AGGREGATE trace_chain (bytea, bytea) (SFUNC = trace_link, STYPE = bytea)")
    for function in (_SEAL, _PURGE, _KEEP, _ROWS, _NAMES, _ENTERPRISES):
        op.execute(function)
    for table in ("trace_entry", "trace_anchor"):
        op.execute(
            f"CREATE TRIGGER keep_trace BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_trace()"
        )
        op.execute(
            f"CREATE TRIGGER keep_all_trace BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION keep_trace()"
        )
    _grant()


def _grant() -> None:
    op.execute("REVOKE ALL ON trace_note, trace_entry, trace_head, trace_anchor FROM tidu_app")
    op.execute(
        "GRANT INSERT (action, subject, subject_id, enterprise_id, outcome, reason, before, after), SELECT"
        " ON trace_note TO tidu_app"
    )
    op.execute("GRANT SELECT ON trace_entry TO tidu_app")
    for table in ("trace_note", "trace_entry"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY audit ON {table} FOR SELECT TO tidu_app"
            " USING ((SELECT current_setting('tidu.may_audit', true) = 'yes'))"
        )
    op.execute("CREATE POLICY note ON trace_note FOR INSERT TO tidu_app WITH CHECK (true)")
    op.execute(
        "REVOKE ALL ON FUNCTION seal_trace(integer), purge_trace(timestamptz), trace_rows(), keep_trace()"
        " FROM PUBLIC, tidu_app"
    )


def downgrade() -> None:
    """Nobody may take the trace away with a migration; who must, restores a backup."""
    raise NotImplementedError("the trace has no way back; restore a backup instead")
