"""Exchange with other systems: who calls, whom we ask, on whose authorisation, what goes out, and the proof of it.

Changes are noted by triggers in the very transaction that makes them, whoever makes them; a later step puts them in
order (`exchange_change`), so that a reader of the feed passes none. Messages can be added, not changed or removed.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE exchange_client (
    id bigserial NOT NULL,
    client_id varchar(60) NOT NULL UNIQUE,
    name varchar(100) NOT NULL,
    source varchar(40) NOT NULL,
    region_code varchar(6) NOT NULL DEFAULT '',
    scopes text[] NOT NULL DEFAULT '{}',
    secret_hashes text[] NOT NULL DEFAULT '{}',
    generation integer NOT NULL DEFAULT 1,
    signature varchar(20) NOT NULL DEFAULT 'none',
    public_key varchar(100) NOT NULL DEFAULT '',
    quota integer NOT NULL DEFAULT 60000,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz,
    PRIMARY KEY (id)
);
CREATE TABLE exchange_token (
    token_hash varchar(64) NOT NULL,
    client_id varchar(60) NOT NULL REFERENCES exchange_client (client_id),
    scopes text[] NOT NULL DEFAULT '{}',
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (token_hash)
);
CREATE TABLE exchange_answered (
    client_id varchar(60) NOT NULL,
    key varchar(255) NOT NULL,
    fingerprint varchar(64) NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, key)
);
CREATE INDEX exchange_answered_at ON exchange_answered (answered_at);
CREATE TABLE exchange_nonce (
    client_id varchar(60) NOT NULL,
    nonce varchar(200) NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, nonce)
);
CREATE INDEX exchange_nonce_seen ON exchange_nonce (seen_at);
CREATE TABLE exchange_used (
    client_id varchar(60) NOT NULL,
    minute timestamptz NOT NULL,
    items integer NOT NULL,
    PRIMARY KEY (client_id, minute)
);
CREATE TABLE exchange_system (
    id varchar(40) NOT NULL,
    name varchar(100) NOT NULL,
    url varchar(300) NOT NULL DEFAULT '',
    key varchar(100) NOT NULL DEFAULT '',
    dialect varchar(20) NOT NULL DEFAULT 'city',
    is_paused boolean NOT NULL DEFAULT false,
    every_seconds integer NOT NULL DEFAULT 0,
    next_due_at timestamptz,
    last_success_at timestamptz,
    last_error varchar NOT NULL DEFAULT '',
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    PRIMARY KEY (id)
);
CREATE TABLE exchange_run (
    id bigserial NOT NULL,
    system varchar(40) NOT NULL REFERENCES exchange_system (id),
    status varchar(20) NOT NULL DEFAULT 'running',
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    since timestamptz,
    counts jsonb NOT NULL DEFAULT '{}',
    error varchar NOT NULL DEFAULT '',
    PRIMARY KEY (id)
);
CREATE INDEX exchange_run_system ON exchange_run (system, started_at);
CREATE TABLE exchange_cursor (
    system varchar(40) NOT NULL,
    form varchar(40) NOT NULL,
    run_id bigint,
    after_id bigint NOT NULL DEFAULT 0,
    remote varchar(400) NOT NULL DEFAULT '',
    etag varchar(200) NOT NULL DEFAULT '',
    read_until timestamptz,
    PRIMARY KEY (system, form)
);
CREATE TABLE exchange_record (
    system varchar(40) NOT NULL,
    record_id varchar(120) NOT NULL,
    enterprise_id bigint REFERENCES enterprise (id),
    code varchar(40) NOT NULL,
    form varchar(40) NOT NULL,
    layout varchar(20) NOT NULL DEFAULT '',
    year integer,
    revision integer NOT NULL,
    digest varchar(64) NOT NULL DEFAULT '',
    fate varchar(30) NOT NULL,
    reason varchar NOT NULL DEFAULT '',
    kept jsonb NOT NULL DEFAULT '{}',
    run_id bigint,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (system, record_id)
);
CREATE INDEX exchange_record_enterprise ON exchange_record (enterprise_id);
CREATE INDEX exchange_record_fate ON exchange_record (system, fate);
CREATE INDEX exchange_record_period ON exchange_record (system, form, year);
CREATE TABLE exchange_unknown_field (
    system varchar(40) NOT NULL,
    form varchar(40) NOT NULL,
    layout varchar(20) NOT NULL,
    label varchar(200) NOT NULL,
    times integer NOT NULL DEFAULT 1,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (system, form, layout, label)
);
CREATE TABLE tax_authorisation (
    id bigserial NOT NULL,
    enterprise_id bigint NOT NULL REFERENCES enterprise (id),
    groups text[] NOT NULL DEFAULT '{}',
    purpose varchar(200) NOT NULL,
    legal_basis varchar(30) NOT NULL DEFAULT 'enterprise_consent',
    signed_by varchar(60) NOT NULL DEFAULT '',
    evidence_sha256 varchar(64) NOT NULL DEFAULT '',
    first_year integer NOT NULL,
    last_year integer NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    withdrawn_at timestamptz,
    recorded_by integer,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
);
CREATE INDEX tax_authorisation_enterprise ON tax_authorisation (enterprise_id);
CREATE TABLE exchange_message (
    id bigserial NOT NULL,
    direction varchar(3) NOT NULL,
    peer varchar(60) NOT NULL,
    method varchar(10) NOT NULL,
    endpoint varchar(300) NOT NULL,
    request_id varchar(64) NOT NULL,
    idempotency_key varchar(255) NOT NULL DEFAULT '',
    purpose varchar(200) NOT NULL DEFAULT '',
    request_digest varchar(64) NOT NULL,
    status integer NOT NULL,
    answer_digest varchar(64) NOT NULL DEFAULT '',
    signature varchar NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX exchange_message_peer ON exchange_message (peer, started_at);
CREATE TABLE exchange_seal (
    position bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    message_id bigint NOT NULL UNIQUE,
    chained varchar(64) NOT NULL,
    signature varchar(100) NOT NULL DEFAULT '',
    sealed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (position)
);
CREATE TABLE exchange_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    enterprise_id bigint NOT NULL,
    type varchar(40) NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
);
CREATE TABLE exchange_change (
    position bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    enterprise_id bigint NOT NULL,
    type varchar(40) NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (position)
);
CREATE INDEX exchange_change_enterprise ON exchange_change (enterprise_id, position);
CREATE TABLE webhook_endpoint (
    id bigserial NOT NULL,
    client_id varchar(60) NOT NULL REFERENCES exchange_client (client_id),
    url varchar(300) NOT NULL,
    types text[] NOT NULL DEFAULT '{}',
    regions text[] NOT NULL DEFAULT '{}',
    programmes text[] NOT NULL DEFAULT '{}',
    generation integer NOT NULL DEFAULT 1,
    rotated_at timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    position bigint NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    last_error varchar NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
);
CREATE TABLE webhook_delivery (
    id bigserial NOT NULL,
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoint (id),
    position bigint NOT NULL,
    enterprise_id bigint NOT NULL,
    type varchar(40) NOT NULL,
    noted_at timestamptz NOT NULL,
    status varchar(10) NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_status integer NOT NULL DEFAULT 0,
    last_error varchar NOT NULL DEFAULT '',
    sent_at timestamptz,
    PRIMARY KEY (id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_attempt_at) WHERE status = 'waiting';
CREATE UNIQUE INDEX webhook_delivery_once ON webhook_delivery (endpoint_id, position);
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (endpoint_id, enterprise_id, position) WHERE status <> 'sent';
CREATE TABLE points_result (
    enterprise_id bigint NOT NULL REFERENCES enterprise (id),
    points_system varchar(40) NOT NULL,
    year integer NOT NULL,
    revision integer NOT NULL,
    version varchar(40) NOT NULL DEFAULT '',
    stage varchar(40) NOT NULL DEFAULT '',
    base numeric,
    bonus numeric,
    total numeric,
    details jsonb NOT NULL DEFAULT '{}',
    issued_on date NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (enterprise_id, points_system, year, revision)
);
CREATE INDEX points_result_scheme ON points_result (points_system, year);
"""

# Sub-selects, so that each setting is read once a statement and not once a row.
_CITY = "(SELECT current_setting('tidu.scope', true)) = '*'"
_HANGS_ON_ENTERPRISE = ("exchange_record", "tax_authorisation", "points_result")
_OF_THE_CITY = (
    "exchange_system", "exchange_run", "exchange_cursor", "exchange_unknown_field", "exchange_message", "exchange_seal",
    "exchange_outbox", "exchange_change", "webhook_endpoint", "webhook_delivery",
)  # fmt: skip
#: Who may come in, and what they sent: the owner's business only.
_CLOSED = ("exchange_client", "exchange_token", "exchange_answered", "exchange_nonce", "exchange_used")

_SAFE = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
_FUNCTIONS = (
    f"""
    CREATE FUNCTION note_outgoing() RETURNS trigger {_SAFE} AS $$
    BEGIN
        INSERT INTO exchange_outbox (enterprise_id, type)
        SELECT DISTINCT enterprise_id, TG_ARGV[0] FROM changed ORDER BY enterprise_id;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE FUNCTION note_new_enterprises() RETURNS trigger {_SAFE} AS $$
    BEGIN
        INSERT INTO exchange_outbox (enterprise_id, type) SELECT id, 'enterprise.updated' FROM changed ORDER BY id;
        RETURN NULL;
    END $$
    """,
    # The rung is a thing of its own: it moves with the calendar, too.
    f"""
    CREATE FUNCTION note_changed_enterprises() RETURNS trigger {_SAFE} AS $$
    BEGIN
        INSERT INTO exchange_outbox (enterprise_id, type)
        SELECT id, 'tier.changed' FROM changed JOIN replaced USING (id)
        WHERE changed.rung_order <> replaced.rung_order ORDER BY id;
        INSERT INTO exchange_outbox (enterprise_id, type)
        SELECT id, 'enterprise.updated' FROM changed JOIN replaced USING (id)
        WHERE (changed.name, changed.credit_code, changed.region_code, changed.town, changed.park, changed.industry_code,
               changed.established_on, changed.is_above_scale, changed.status, changed.listing_board, changed.listed_on)
            IS DISTINCT FROM
              (replaced.name, replaced.credit_code, replaced.region_code, replaced.town, replaced.park,
               replaced.industry_code, replaced.established_on, replaced.is_above_scale, replaced.status,
               replaced.listing_board, replaced.listed_on)
        ORDER BY id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'messages are kept as they were written' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
)
_TRIGGERS = (
    ("filing", "note_outgoing", "INSERT", "NEW TABLE AS changed", "note_outgoing('filing.recorded')"),
    ("recognition", "note_outgoing", "INSERT", "NEW TABLE AS changed", "note_outgoing('recognition.changed')"),
    ("points_result", "note_outgoing", "INSERT", "NEW TABLE AS changed", "note_outgoing('points.published')"),
    ("enterprise", "note_new", "INSERT", "NEW TABLE AS changed", "note_new_enterprises()"),
    (
        "enterprise",
        "note_changed",
        "UPDATE",
        "OLD TABLE AS replaced NEW TABLE AS changed",
        "note_changed_enterprises()",
    ),
    ("tax_authorisation", "note_withdrawn", "UPDATE", "NEW TABLE AS changed", "note_outgoing('authorisation.revoked')"),
)


def upgrade() -> None:
    """Make the tables, secure them, and note what changes from now on."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    for table in _OF_THE_CITY:
        _secure(table, _CITY)
    for table in _HANGS_ON_ENTERPRISE:
        _secure(table, f"{_CITY} OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)")
    for table in _CLOSED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM tidu_app")
    op.execute("REVOKE UPDATE, DELETE ON exchange_message, exchange_seal, exchange_change FROM tidu_app")
    for function in _FUNCTIONS:
        op.execute(function)
    for table, name, event, rows, call in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {call}"
        )
    for table in ("exchange_message", "exchange_seal"):
        op.execute(
            f"CREATE TRIGGER keep_as_written BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _secure(table: str, visible: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")


def downgrade() -> None:
    """Take it all away; what was exchanged has become filings and stays."""
    for table, name, *_ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    tables = ", ".join((*_HANGS_ON_ENTERPRISE, *_OF_THE_CITY, *_CLOSED))
    op.execute(f"DROP TABLE {tables} CASCADE")
    for function in ("note_outgoing()", "note_new_enterprises()", "note_changed_enterprises()", "refuse_change()"):
        op.execute(f"DROP FUNCTION {function}")
