"""Which tables leave a trace when their rows change: all but those that say here why not.

A table that is made later is traced without anybody thinking of it: `follow_tables` runs after the migrations.
"""

import re
from typing import Any, Final

from sqlalchemy import Connection, text

#: Table → why its changes leave no trace.
UNTRACED: Final = {
    "alembic_version": "says which migrations have run; a migration is traced by its release",
    "trace_note": "the trace itself",
    "trace_entry": "the trace itself",
    "trace_head": "the trace itself",
    "trace_anchor": "the trace itself; every purge leaves an entry",
    "unmasking": "leaves an entry of its own, with the reason",
    "web_session": "touched by every click; signing in and out leave entries of their own",
    "sign_on_attempt": "somebody on the way to the single sign-on and back; what comes of it leaves an entry",
    "registry_change": "says only that something changed",
    "standing_state": "worked out from recognitions, can be worked out again",
    "title_span": "worked out from recognitions, can be worked out again",
    "title_tally": "worked out from recognitions, can be worked out again",
    "counted_enterprise": "worked out from enterprises and their chains, can be worked out again",
    "enterprise_tally": "worked out from enterprises and their chains, can be worked out again",
    "listed_tally": "worked out from enterprises, can be worked out again",
    "pool_listed": "worked out from entries of the pool and their enterprises, can be worked out again",
    "due_listed": "worked out from open steps and actions and their enterprises, can be worked out again",
    "conflict_listed": "worked out from conflicts and their enterprises, can be worked out again",
    "flag_listed": "worked out from flags, answers and their enterprises, can be worked out again",
    "figure_end": "worked out from figures, can be worked out again",
    "suspect_pair": "worked out from enterprises, can be worked out again",
    "suspect_search": "says when that was",
    "figure_change": "says only whose figures changed",
    "source_rank": "written anew from the catalogue at every start",
    "plan_territory": "written anew from the plans at every start, and with each version of a plan, which is traced",
    "figure_draft": "an enterprise's alone until it is handed in; what is handed in is traced as a filing",
    "fact_yearly": "worked out from filings, which are traced",
    "fact_current": "worked out from filings, which are traced",
    "fact_conflict": "worked out from filings",
    "fact_flag": "worked out from facts",
    "indicator_tolerance": "written anew from the catalogue at every start",
    "import_file": "the file of an import, which is traced with its digest; written once with it",
    "import_reading": "what was read of the file of an import, which is traced; gone when it is carried out",
    "import_row": "the detail of an import, which is traced; written once with it",
    "export_piece": "the files of an export, which is traced; fetching one leaves an entry of its own",
    "disclosure": "append-only, and says itself who was told what",
    "exchange_answered": "answers kept for a repeated request; what the request did is traced",
    "exchange_change": "the feed of changes that are traced",
    "exchange_cursor": "how far a system was read; what came is traced as filings",
    "exchange_message": "append-only and chained itself",
    "exchange_nonce": "remembered for minutes against repetition",
    "exchange_outbox": "written for each change that is traced",
    "exchange_record": "what a system sent; taken in as filings, which are traced",
    "exchange_run": "a program's own asking, by the clock",
    "exchange_seal": "append-only and chained itself",
    "exchange_taken": "what a system sent, until its receipt is drawn up; what was refused stays with that",
    "exchange_unknown_field": "noted by the program itself",
    "exchange_used": "a counter for quotas",
    "webhook_delivery": "the state of a message on its way",
    "eligibility": "worked out from facts by the rules, can be worked out again",
    "eligibility_check": "says when the rules were run for one enterprise, by itself",
    "eligibility_change": "worked out from facts by the rules",
    "eligibility_run": "says when the rules were run, by itself",
}
#: Columns of these names are told to have changed and never as what; nor are those of bytes, which are files.
_SECRET: Final = re.compile(r"password|secret|token|hash|otp|recovery")
#: Not worth an entry: worked out from other columns, or told by the entry itself.
OMITTED: Final = {
    "enterprise": ("search_text", "match_key", "updated_at", "revision", "rung_order", "rung_until"),
    "enterprise_name": ("match_key",),
    "export_job": ("beat_at", "done", "total"),
    "exchange_receipt": ("attempts", "next_attempt_at", "last_error"),
    "exchange_system": ("next_due_at", "last_success_at", "last_error", "failures", "open_until"),
    # What was filed stands in the filing, which nobody can change; who audits sees no figures.
    "filing": ("values",),
    "import_run": ("report", "stage", "stage_done", "stage_total"),
    "message": ("read_at",),
    "message_thread": ("latest_at",),
    "webhook_endpoint": ("position", "last_success_at", "last_error", "failures"),
    "person": ("failed_sign_ins", "last_sign_in_at", "totp_step"),
}

_TABLES = text(
    "SELECT c.relname AS name,"
    " array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)"
    "  WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY array_position(i.indkey::smallint[], a.attnum)) AS keys,"
    " array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  ORDER BY a.attnum) AS columns,"
    " array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.atttypid IN ('int8'::regtype, 'int4'::regtype)) AS numbers,"
    " array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.atttypid = 'bytea'::regtype) AS bytes,"
    " (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'trace_update') AS held"
    " FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
    " ORDER BY c.relname"
)
_EVENTS: Final = (
    ("insert", "REFERENCING NEW TABLE AS changed"),
    ("update", "REFERENCING OLD TABLE AS replaced NEW TABLE AS changed"),
    ("delete", "REFERENCING OLD TABLE AS replaced"),
    ("truncate", ""),
)


def follow_tables(connection: Connection) -> None:
    """Let every change of a row in every table leave its trace, as far as `UNTRACED` does not say why not."""
    for table in connection.execute(_TABLES).mappings().all():
        # A table without a key belongs to somebody else: all of ours have one.
        if table["name"] in UNTRACED or not table["keys"]:
            continue
        arguments = ", ".join(f"'{one}'" for one in _arguments(table))
        if table["held"] is None or f"trace_rows({arguments})" not in table["held"]:
            _attach(connection, table["name"], arguments)


def _arguments(table: Any) -> tuple[str, ...]:
    """What the trigger's function is told: see `trace_rows`."""
    name, columns, keys = table["name"], table["columns"], table["keys"]
    omitted = OMITTED.get(name, ())
    secret = [column for column in columns if _SECRET.search(column) or column in table["bytes"]]
    looked_at = [column for column in columns if column not in omitted]
    # Of a bulk of rows the numbers of one column are told: their own ids, else those of what they hang on.
    counted = next((column for column in (*keys, "enterprise_id") if column in table["numbers"]), "")
    hangs_on_enterprise = "yes" if "enterprise_id" in columns else ""
    return (",".join(keys), ",".join(secret), ",".join(omitted), ",".join(looked_at), hangs_on_enterprise, counted)


def _attach(connection: Connection, name: str, arguments: str) -> None:
    for event, rows in _EVENTS:
        connection.execute(text(f'DROP TRIGGER IF EXISTS trace_{event} ON "{name}"'))
        connection.execute(
            text(
                f'CREATE TRIGGER trace_{event} AFTER {event.upper()} ON "{name}" {rows}'
                f" FOR EACH STATEMENT EXECUTE FUNCTION trace_rows({arguments})"
            )
        )
