"""In which chains and industry enterprises were on a day, whether above scale, on which board; as known at a moment, as SQL.

`enterprise` and `enterprise_chain` say what holds now. Of each value that was ever changed `enterprise_trait` (migration
0063) says on which days it held, and from when to when that was known; a value that it does not name always held.
"""

from collections.abc import Sequence

from backend.enterprises.traits import Trait
from backend.plans.asked_days import Asked, between

_SINCE_ALWAYS = "DATE '0001-01-02'"
_FIRST_DAY = "(CAST(:days AS date[]))[1]"


def days_of(row: str) -> str:
    """The mask of the days on which the value of a `row` of the history held."""
    return between(f"coalesce({row}.valid_from, {_SINCE_ALWAYS})", f"{row}.valid_to")


def told(asked: Asked, row: str) -> str:
    """Whether a `row` of the history was known at the moment."""
    if asked.known_at is None:
        return f"{row}.known_to = 'infinity'"
    return f"{row}.known_from <= :known_at AND {row}.known_to > :known_at"


def on_first_day(row: str) -> str:
    """Whether the value of a `row` of the history held on the first of the days."""
    return (
        f"({row}.valid_from IS NULL OR {row}.valid_from <= {_FIRST_DAY})"
        f" AND ({row}.valid_to IS NULL OR {row}.valid_to >= {_FIRST_DAY})"
    )


def never_changed(kind: Trait, enterprise: str, value: str) -> str:
    """Whether a value of an enterprise, which holds now, always held."""
    return (
        f"NOT EXISTS (SELECT FROM enterprise_trait n WHERE n.enterprise_id = {enterprise} AND n.kind = '{kind}'"
        f" AND n.value = {value})"
    )


# --- Of one enterprise -----------------------------------------------------------------------------------


def above_scale_of(asked: Asked, of: str) -> str:
    """The mask of the days on which the enterprise of a row was above scale."""
    now = f"(SELECT e.is_above_scale FROM enterprise e WHERE e.id = {of})"
    return _mask(asked, Trait.ABOVE_SCALE, of, now, f"t.value = {_YES}")


def industrial_of(asked: Asked, of: str) -> str:
    """The mask of the days on which the enterprise of a row was in mining, manufacturing or utilities."""
    now = f"(SELECT {_INDUSTRIAL.format('e.industry_code')} FROM enterprise e WHERE e.id = {of})"
    return _mask(asked, Trait.INDUSTRY, of, now, _INDUSTRIAL.format("t.value"))


def _mask(asked: Asked, kind: Trait, of: str, now: str, condition: str) -> str:
    """Of an enterprise whose one value was ever changed, each value that it had is told."""
    held_now = f"CASE WHEN {now} THEN {asked.all} ELSE 0 END"
    written = (
        f"coalesce((SELECT bit_or(CASE WHEN {condition} AND {told(asked, 't')} THEN {days_of('t')} ELSE 0 END)"
        f" FROM enterprise_trait t WHERE t.enterprise_id = {of} AND t.kind = '{kind}'), {held_now})"
    )
    return _where_changed(asked, kind, of, written, held_now)


def _where_changed(asked: Asked, kind: Trait, of: str, written: str, now: str) -> str:
    """What is written of an enterprise that changed; of all others, what holds now."""
    changed = asked.who_changed(kind)
    if changed is None:
        return written
    return f"CASE WHEN {of} = ANY({changed}) THEN {written} ELSE {now} END" if changed else now


def in_chain_of(asked: Asked, of: str) -> str:
    """The mask of the days on which the enterprise of a row was in any chain."""
    now = f"(SELECT TRUE FROM enterprise_chain c WHERE c.enterprise_id = {of} LIMIT 1)"
    always = (
        f"EXISTS (SELECT FROM enterprise_chain c WHERE c.enterprise_id = {of}"
        f" AND {never_changed(Trait.CHAIN, 'c.enterprise_id', 'c.chain')})"
    )
    written = (
        f"(CASE WHEN {always} THEN {asked.all} ELSE 0 END | coalesce((SELECT bit_or({days_of('t')})"
        f" FROM enterprise_trait t WHERE t.enterprise_id = {of} AND t.kind = '{Trait.CHAIN}'"
        f" AND {told(asked, 't')}), 0))"
    )
    return _where_changed(asked, Trait.CHAIN, of, written, f"CASE WHEN {now} THEN {asked.all} ELSE 0 END")


_YES = "'yes'"
_INDUSTRIAL = "left({0}, 2) BETWEEN '06' AND '46'"


def industry_on_first_day(asked: Asked) -> str:
    """The industry of an enterprise `e` on the first of the days, empty where none was known."""
    now = "coalesce(e.industry_code, '')"
    held = f"CASE WHEN {told(asked, 't')} AND {on_first_day('t')} THEN t.value ELSE '' END"
    written = (
        f"coalesce((SELECT max({held}) FROM enterprise_trait t WHERE t.enterprise_id = e.id"
        f" AND t.kind = '{Trait.INDUSTRY}'), {now})"
    )
    return _where_changed(asked, Trait.INDUSTRY, "e.id", written, now)


def chains_on_first_day(asked: Asked) -> str:
    """(chain) of an enterprise `e` on the first of the days."""
    now = "SELECT c.chain FROM enterprise_chain c WHERE c.enterprise_id = e.id"
    changed = asked.who_changed(Trait.CHAIN)
    if changed == "":
        return now
    always, has = never_changed(Trait.CHAIN, "c.enterprise_id", "c.chain"), ""
    if changed is not None:
        always, has = f"(NOT (e.id = ANY({changed})) OR {always})", f" AND e.id = ANY({changed})"
    return (
        f"{now} AND {always} UNION SELECT t.value FROM enterprise_trait t WHERE t.enterprise_id = e.id{has}"
        f" AND t.kind = '{Trait.CHAIN}' AND {told(asked, 't')} AND {on_first_day('t')}"
    )


# --- Sets of enterprises ---------------------------------------------------------------------------------


def above_scale(asked: Asked, ids: str = "") -> str:
    """Enterprises above scale; with `ids`, as ` = …`, only those."""
    among = ids and f" AND e.id{ids}"
    now = f"SELECT e.id AS enterprise_id, {asked.all} AS days FROM enterprise e WHERE e.is_above_scale{among}"
    unchanged = _unchanged(asked, Trait.ABOVE_SCALE, "e.id", _YES)
    changed = _changed(asked, Trait.ABOVE_SCALE, ids, f"t.value = {_YES}")
    return f"{now} AND {unchanged} UNION ALL {changed}" if unchanged else now


def in_chain(asked: Asked, ids: str = "") -> str:
    """Enterprises in any chain; with `ids`, as ` = …`, only those."""
    unchanged = _unchanged(asked, Trait.CHAIN, "c.enterprise_id", "c.chain")
    if not unchanged:
        where = ids and f" WHERE c.enterprise_id{ids}"
        return f"SELECT DISTINCT c.enterprise_id, {asked.all} AS days FROM enterprise_chain c{where}"
    among = ids and f" AND c.enterprise_id{ids}"
    return (
        f"SELECT x.enterprise_id, bit_or(x.days) AS days FROM (SELECT c.enterprise_id, {asked.all} AS days"
        f" FROM enterprise_chain c WHERE {unchanged}{among}"
        f" UNION ALL {_changed(asked, Trait.CHAIN, ids)}) x GROUP BY x.enterprise_id"
    )


def listed_on(asked: Asked, boards: Sequence[str]) -> str:
    """Enterprises listed or quoted on any of the boards; where the day is not known, since always."""
    named = f"ANY(CAST({asked.add(list(boards))} AS text[]))"
    days = between(f"coalesce(e.listed_on, {_SINCE_ALWAYS})", "CAST(NULL AS date)")
    now = (
        f"SELECT e.id AS enterprise_id, {days} AS days FROM enterprise e"
        f" WHERE e.listing_board <> '' AND e.listing_board = {named}"
    )
    unchanged = _unchanged(asked, Trait.LISTING, "e.id", "e.listing_board")
    if not unchanged:
        return now
    return (
        f"SELECT x.enterprise_id, bit_or(x.days) AS days FROM ({now} AND {unchanged}"
        f" UNION ALL {_changed(asked, Trait.LISTING, '', f't.value = {named}')}) x GROUP BY x.enterprise_id"
    )


def _unchanged(asked: Asked, kind: Trait, enterprise: str, value: str) -> str:
    """Whether what holds now of an enterprise always held; empty where nobody has anything else to tell."""
    changed, always = asked.who_changed(kind), never_changed(kind, enterprise, value)
    return f"(NOT ({enterprise} = ANY({changed})) OR {always})" if changed else "" if changed == "" else always


def _changed(asked: Asked, kind: Trait, ids: str, condition: str = "TRUE") -> str:
    among = ids and f" AND t.enterprise_id{ids}"
    if changed := asked.who_changed(kind):
        among += f" AND t.enterprise_id = ANY({changed})"
    return (
        f"SELECT t.enterprise_id, bit_or({days_of('t')}) AS days FROM enterprise_trait t WHERE t.kind = '{kind}'"
        f" AND {condition} AND {told(asked, 't')}{among} GROUP BY t.enterprise_id"
    )


def otherwise(asked: Asked) -> str:
    """(enterprise_id, kind) of what held, or was known, otherwise on one of the days than it is now; a few too many."""
    first = f"CAST({asked.add(asked.first)} AS date)"
    apart = [
        f"t.valid_to >= {first} AND t.known_to = 'infinity'",
        f"t.valid_from > {first} AND t.known_to = 'infinity'",
    ]
    if asked.known_at is not None:
        apart += ["t.known_from > :known_at", "t.known_to > :known_at AND t.known_to < 'infinity'"]
    return " UNION ALL ".join(f"SELECT t.enterprise_id, t.kind FROM enterprise_trait t WHERE {one}" for one in apart)
