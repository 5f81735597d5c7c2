"""Words that only some may read, planted into every text of every row that hangs on an enterprise, a district or a person.

What is planted begins like a formula, holds a tag and an expression of a template, and says of which column it is: so
an answer that shows it tells whether somebody saw another's data, and whether it was shown as the text it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

#: What every planted text begins with: a formula, a tag, an expression of a template (1787 squared is 3193369).
ODDITY: Final = "=<b>{{1787*1787}}"


@dataclass(frozen=True)
class Group:
    """Whose rows get which word."""

    word: str
    ids: Sequence[int]
    #: A district and a person, whose own rows get it too.
    region: str = "-"
    person: int = 0
    #: Only these tables; none for all.
    tables: frozenset[str] = frozenset()


#: Whose a table's rows are, where they do not name the enterprise.
OWNED: Final = {
    "enterprise": "id = ANY(:ids)",
    "enterprise_merge": "survivor_id = ANY(:ids)",
    "enterprise_split": "from_id = ANY(:ids)",
    "enterprise_apart": "one_id = ANY(:ids)",
    "import_run": "region_code = :region",
    "import_row": "import_id IN (SELECT id FROM import_run WHERE region_code = :region)",
    "column_choice": "region_code = :region",
    "saved_view": "person_id = :person",
    "export_job": "person_id = :person",
    "web_session": "person_id = :person",
}
#: What a row needs to be one of its table's, where nothing but what these say would do: expressions of SQL.
ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "disclosure": {"list_id": "'suke-loan'"},
    "disclosure_consent": {"list_id": "'suke-loan'", "valid_to": "'2099-01-01'"},
    "enterprise_apart": {"one_id": ":id", "other_id": ":second"},
    "enterprise_end": {"kind": "'cancelled'", "superseded_at": "now()"},
    "enterprise_identifier": {"kind": "'registration_number'"},
    "enterprise_move": {"from_region": "'321202'", "to_region": "'321203'", "cause": "'moved'"},
    "enterprise_split": {"from_id": ":id", "to_id": ":second", "undone_at": "now()"},
    "exchange_record": {
        "system": "'tax'", "record_id": "'planted-' || :id", "code": "'x'", "form": "'facts'", "layout": "''", "year": "2025",
        "revision": "1", "digest": "''", "fate": "'told'",
    },
    "enterprise_place": {"valid_to": "NULL", "known_from": "'-infinity'", "known_to": "now()"},
    "enterprise_trait": {"kind": "'chain'"},
    "export_job": {"kind": "'enterprises'", "status": "'ready'", "expires_at": "now() + interval '1 day'", "scope": "''"},
    "fact_flag_answer": {"rule": "'planted'", "indicator": "'sales_revenue'", "year": "2025"},
    "figure_draft": {"year": "2025", "typed": "jsonb_build_object('f.sales_revenue.2025', CAST(:word AS text))"},
    "import_touched": {"import_id": "(SELECT max(id) FROM import_run)", "after": "''"},
    "message": {"thread_id": "(SELECT max(id) FROM message_thread WHERE enterprise_id = :id)", "is_from_enterprise": "true"},
    "points_result": {"points_system": "'credit-points'", "version": "'v1'", "year": "2025"},
    "policy_enjoyed": {"amount_fen": "100"},
    "pool_application": {"programme": "'srdi_sme'", "year": "2026", "state": "'open'"},
    "receipt": {
        "kind": "'figures'", "filing_id": "(SELECT max(id) FROM filing WHERE enterprise_id = :id)", "year": "2025",
        "content": "jsonb_build_object('name', CAST(:word AS text) || 'receipt.content', 'values', '{}'::jsonb, 'login', '', 'credit_code', '')",
    },
    "register_entry": {
        "register_id": "'institutions'", "type": "'key_laboratory'", "level": "'provincial'", "thing_id": "900000 + :id", "region_code": ":region", "park": "''", "is_withdrawn": "false",
    },
    "saved_view": {"is_shared": "true"},
    "service_change": {"thing": "'step'"},
    "tax_authorisation": {"first_year": "2024", "last_year": "2026", "valid_to": "'2099-01-01'"},
    "webhook_delivery": {"position": ":id", "type": "'enterprise.changed'"},
    "web_session": {"token_hash": "'planted-' || :person", "csrf_token": "'x'", "expires_at": "now() + interval '1 day'"},
}  # fmt: skip
#: Texts that are none: words of the program's own, keys, digests, what is worked out of other columns. By name, or
#: `table.column`.
CODES: Final = frozenset(
    {
        "kind", "status", "state", "stage", "from_stage", "to_stage", "source", "programme", "version", "outcome", "level",
        "region_code", "from_region", "to_region", "cause", "layout", "register_id", "points_system", "list_id", "legal_basis",
        "rule", "indicator", "credit_code", "industry_code", "listing_board", "code", "system", "form", "fate", "topic", "thing",
        "criterion", "type", "certainty", "evaluation", "scope", "decision", "means", "after", "stem",
        "digest", "evidence_sha256", "code_hash", "token_hash", "csrf_token", "record_id", "match_key", "search_text", "park",
        # Lists and structures of the program's own; figures are planted as figures.
        "service_visit.form", "exchange_record.kept", "points_result.details", "enterprise_chain.chain", "eligibility_change.before",
        "column_choice.stem", "saved_view.query", "export_job.query", "import_run.report", "import_run.stage",
        "receipt.content", "enterprise_split.handed", "enterprise_split.to_code",
    }
)  # fmt: skip
#: Tables with texts that are nobody's, or that no planting reaches.
NOBODYS: Final = {
    "activation_code": "a digest",
    "answered_once": "answers to one person's own requests, found by nobody else's key",
    "counted_enterprise": "figures of no enterprise by name",
    "eligibility": "worked out by the rules, of codes",
    "enterprise_contact": "encrypted: planted through the service, in clear",
    "fact_conflict": "figures, planted as figures", "fact_current": "figures, planted as figures",
    "fact_flag": "figures, planted as figures", "fact_yearly": "figures, planted as figures",
    "import_decision": "names a row of an import, whose own texts are planted",
    "person": "people of the bureau, who know each other",
    "title_span": "codes",
    "trace_entry": "the auditor's", "trace_note": "the auditor's",
    "unmasking": "the reason, shown to the auditor",
}  # fmt: skip
#: Columns whose texts no answer shows as things stand in the planted registry, and why.
UNSEEN: Final = {
    "attachment.withdrawal_reason": "of papers withdrawn", "tax_authorisation.withdrawal_reason": "of those withdrawn",
    "enterprise_merge.undone_because": "of files parted again", "import_touched.kept_because": "of an import undone",
    "enterprise_apart.reason": "kept for the trace", "recognition.printed_name": "kept for the trace",
    "enterprise_identifier.value": "to find duplicates by", "enterprise_region.town": "where it was before",
    "recognition.correction": "of entries put right",
    "exchange_record.reason": "of records that could not be taken in", "fact_flag_answer.reason": "of flags that no rule raises any more",
    "export_job.failure": "its owner's", "export_job.title": "its owner's", "webhook_delivery.last_error": "of subscriptions",
    "web_session.browser": "the person's own", "web_session.ip": "the person's own",
}  # fmt: skip
_COLUMNS: Final = text(
    "SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AND NOT a.atthasdef"
    " AND a.attidentity = '' AS is_needed, CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 300 END AS longest"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum"
)
_TEXTS: Final = ("text", "character varying")
_VALUES: Final = {
    "text": "''", "character varying": "''", "bigint": "1", "integer": "1", "smallint": "1", "numeric": "1", "boolean": "false",
    "date": "current_date", "timestamp with time zone": "now()", "jsonb": "'{}'", "bytea": "CAST(:word AS text)::bytea",
    "bigint[]": "'{}'", "text[]": "'{}'",
}  # fmt: skip
_OWNERS: Final = {"enterprise_id": ":id", "person_id": ":person", "proposed_by": ":person", "region_code": ":region"}
#: Before the others, since some rows hang on them.
_FIRST: Final = ("message_thread",)


@dataclass(frozen=True)
class Column:
    table: str
    name: str
    type: str
    is_needed: bool
    longest: int

    @property
    def is_planted(self) -> bool:
        return self.type in _TEXTS and not CODES & {self.name, f"{self.table}.{self.name}"}


@dataclass
class Planted:
    """The columns with a word in them, and what could not be planted."""

    columns: set[str] = field(default_factory=set[str])
    lacking: list[str] = field(default_factory=list[str])


async def plant(engine: AsyncEngine, groups: Sequence[Group]) -> Planted:
    """Write every group's word into every text of its rows, and make a row where there is none."""
    done = Planted()
    async with engine.begin() as connection:
        # Neither what rows hang on nor what follows them matters to who may read them.
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        tables = _by_table(Column(**row) for row in (await connection.execute(_COLUMNS)).mappings())
        for table in sorted(tables, key=lambda one: (one not in _FIRST, one)):
            for group in groups:
                if _is_theirs(table, tables[table]) and table in (group.tables or {table}):
                    await _plant(connection, table, tables[table], group, done)
    return done


def _by_table(columns: Any) -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for one in columns:
        found.setdefault(one.table, []).append(one)
    return found


def _is_theirs(table: str, columns: Sequence[Column]) -> bool:
    """Whether its rows are somebody's, and tell something in words."""
    if table in NOBODYS:
        return False
    is_somebodys = table in OWNED or any(one.name == "enterprise_id" for one in columns)
    return is_somebodys and (table in ROWS or any(one.is_planted for one in columns))


async def _plant(
    connection: AsyncConnection, table: str, columns: Sequence[Column], group: Group, done: Planted
) -> None:
    where = OWNED.get(table, "enterprise_id = ANY(:ids)")
    if _is_out_of_reach(where, group):
        return
    known = {
        "ids": list(group.ids),
        "id": group.ids[0],
        "second": group.ids[-1],
        "region": group.region,
        "person": group.person,
    }
    texts = [one for one in columns if one.is_planted]
    if not await connection.scalar(_asking(f'SELECT EXISTS (SELECT FROM "{table}" WHERE {where})', known)):
        await connection.execute(_asking(_insert(table, columns), known | {"word": f"{ODDITY}{group.word}"}))
    if not texts:
        return
    words = {f"w{place}": f"{ODDITY}{group.word}{table}.{one.name}"[: one.longest] for place, one in enumerate(texts)}
    changes = ", ".join(f'"{one.name}" = :w{place}' for place, one in enumerate(texts))
    changed = await connection.execute(_asking(f'UPDATE "{table}" SET {changes} WHERE {where}', known | words))
    if changed.rowcount:
        done.columns |= {f"{table}.{one.name}" for one in texts}
    else:
        done.lacking.append(f"{table} of {group.word}")


def _is_out_of_reach(where: str, group: Group) -> bool:
    return (":region" in where and group.region == "-") or (":person" in where and not group.person)


def _insert(table: str, columns: Sequence[Column]) -> str:
    given = dict(ROWS.get(table, {}))
    for one in columns:
        if one.name in _OWNERS and (one.is_needed or one.name == "enterprise_id") and one.name not in given:
            given[one.name] = _OWNERS[one.name]
        elif one.is_needed and one.name not in given:
            given[one.name] = _VALUES[one.type]
    names = ", ".join(f'"{name}"' for name in given)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(given.values())})'


def _asking(statement: str, known: Mapping[str, Any]) -> Any:
    asked = text(statement)
    return asked.bindparams(**{name: value for name, value in known.items() if name in asked.compile().params})
