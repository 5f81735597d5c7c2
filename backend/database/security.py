"""Row-level security upon everybody: forced on every table, those made later too.

`secure_tables` runs after the migrations, as `follow_tables` does for the trace. A migration says who among people sees
which rows; here stands what holds for every table alike: that its owner is bound as well, that `tidu_keeper` sees it all,
and which scopes let another system read or write it. A table that is not named here is closed to systems.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, text

from backend.database.roles import KEEPER_ROLE, SYSTEM_ROLE

#: Not one of the registry: says which migrations have run, and is read before any role is sure to stand.
NO_BUSINESS: Final = ("alembic_version",)


@dataclass(frozen=True, slots=True)
class Opened:
    """By which scopes a system reads and writes a table; and by which it does while something is reckoned.

    What is reckoned is an outcome or a projection (`reckoning` in session.py): a title that is reported changes what its
    enterprise is eligible for, and its figures are not the sender's to read. `reckons` opens what is read for that,
    `is_result` says that it is written as well.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reckons: tuple[str, ...] = ()
    is_result: bool = False


_FILES: Final = "filing:write"
_TITLES: Final = "recognition:write"
_EVENTS: Final = "event:write"
_LISTS: Final = "list:read"
_WRITERS: Final = (_FILES, _TITLES, _EVENTS)
#: Who an enterprise is: nobody is told of or tells of one without it.
_IDENTITY: Final = (*_WRITERS, _LISTS, "change:read", "enterprise:read")

SYSTEMS: Final[dict[str, Opened]] = {
    "enterprise": Opened(_IDENTITY, (_EVENTS,)),
    "enterprise_alias": Opened(_IDENTITY),
    "enterprise_identifier": Opened(_IDENTITY),
    "enterprise_name": Opened(_IDENTITY, (_EVENTS,)),
    "enterprise_region": Opened((_EVENTS,), (_EVENTS,)),
    "enterprise_move": Opened((_EVENTS,), (_EVENTS,)),
    "enterprise_end": Opened((_EVENTS,), (_EVENTS,)),
    "filing": Opened((_FILES, _LISTS), (_FILES, _EVENTS), reckons=_WRITERS),
    "filing_withdrawal": Opened((_FILES, _LISTS), reckons=_WRITERS),
    "recognition": Opened((_TITLES, _EVENTS, _LISTS, "enterprise:read"), (_TITLES, _EVENTS), reckons=_WRITERS),
    "fact_yearly": Opened(reckons=_WRITERS, is_result=True),
    "fact_current": Opened(reckons=_WRITERS, is_result=True),
    "fact_conflict": Opened(reckons=_WRITERS, is_result=True),
    "fact_flag": Opened(reckons=_WRITERS, is_result=True),
    "source_rank": Opened((_FILES, _LISTS), reckons=_WRITERS),
    "indicator_tolerance": Opened((_FILES, _LISTS), reckons=_WRITERS),
    "eligibility": Opened(reckons=_WRITERS, is_result=True),
    "eligibility_check": Opened(reckons=_WRITERS, is_result=True),
    "eligibility_run": Opened(reckons=_WRITERS, is_result=True),
    "eligibility_change": Opened(reckons=_WRITERS, is_result=True),
    "registry_change": Opened(_IDENTITY),
    "tax_authorisation": Opened((_FILES,)),
    "exchange_record": Opened(_WRITERS, _WRITERS),
    "points_result": Opened((_LISTS,)),
    "disclosure_consent": Opened((_LISTS,)),
    "disclosure": Opened((_LISTS,), (_LISTS,)),
    "trace_note": Opened((), (*_IDENTITY, "event:subscribe")),
}

_TABLES: Final = text(
    "SELECT c.relname AS name, c.relrowsecurity AS is_enabled, c.relforcerowsecurity AS is_forced,"
    " coalesce((SELECT jsonb_object_agg(p.polname, coalesce(obj_description(p.oid, 'pg_policy'), ''))"
    "  FROM pg_policy p WHERE p.polrelid = c.oid), '{}') AS policies"
    " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    " AND NOT c.relname = ANY(:others) ORDER BY c.relname"
)


def secure_tables(connection: Connection) -> None:
    """Force row-level security on every table, and let the keeper and other systems through as far as they may."""
    for table in connection.execute(_TABLES, {"others": list(NO_BUSINESS)}).mappings().all():
        name = str(table["name"])
        if not table["is_enabled"]:
            connection.execute(text(f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY'))
        if not table["is_forced"]:
            connection.execute(text(f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY'))
        for policy, made in policies_of(name):
            if table["policies"].get(policy) != (mark := sha256(made.encode()).hexdigest()[:16]):
                connection.execute(text(f'DROP POLICY IF EXISTS {policy} ON "{name}"'))
                connection.execute(text(f'CREATE POLICY {policy} ON "{name}" {made}'))
                # PostgreSQL keeps a policy in words of its own; by this it is known again.
                connection.execute(text(f"COMMENT ON POLICY {policy} ON \"{name}\" IS '{mark}'"))


def policies_of(table: str) -> Iterator[tuple[str, str]]:
    """The policies that every table has: their names, and what follows `CREATE POLICY … ON …`."""
    yield "keeper", f"TO {KEEPER_ROLE} USING (true) WITH CHECK (true)"
    opened = SYSTEMS.get(table, Opened())
    reads = _let(opened.reads, opened.reckons)
    writes = _let(opened.writes, opened.reckons if opened.is_result else ())
    yield "systems", f"AS RESTRICTIVE TO {SYSTEM_ROLE} USING ({reads}) WITH CHECK ({writes})"
    # To delete, a row need only be seen: what may be read and not written is closed here.
    yield "systems_remove", f"AS RESTRICTIVE FOR DELETE TO {SYSTEM_ROLE} USING ({writes})"


def _let(scopes: tuple[str, ...], reckons: tuple[str, ...]) -> str:
    """Worked out once a statement. An owner who may become `tidu_system` is not held to what holds for systems."""
    ways = [f"current_user <> '{SYSTEM_ROLE}'"]
    if scopes:
        ways.append(_has(scopes))
    if reckons:
        ways.append(f"(current_setting('tidu.reckons', true) = 'yes' AND {_has(reckons)})")
    return f"(SELECT {' OR '.join(ways)})"


def _has(scopes: tuple[str, ...]) -> str:
    return f"string_to_array(current_setting('tidu.client_scopes', true), ',') && '{{{','.join(scopes)}}}'::text[]"
