"""Reading the sub-registers: lists, one entry with its past, what is declared complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import match_key
from backend.enterprises.queries import enterprises_by_name
from backend.plans.territory import territory_of
from backend.subregisters.schemas import Draft, Entry, register_named, registers
from backend.web.errors import NotFound
from rules.plan import Register

_ENTRY = (
    "SELECT t.*, coalesce(e.name, '') AS enterprise_name, e.credit_code FROM register_entry t"
    " LEFT JOIN enterprise e ON e.id = t.enterprise_id"
)
STANDING = "t.superseded_at IS NULL"
#: Counted on day `:on`.
ON_DAY = (
    "NOT t.is_withdrawn AND (t.starts_on IS NULL OR t.starts_on <= :on) AND (t.ends_on IS NULL OR t.ends_on >= :on)"
)


@dataclass(frozen=True)
class Filter:
    """Which entries of a register are wanted."""

    type: str = ""
    level: str = ""
    region: str = ""
    #: A part of the name, of the number or of whom it belongs to.
    q: str = ""
    #: standing, ended, withdrawn or all.
    state: str = "standing"


@dataclass(frozen=True)
class Listed:
    """A page of a list, and how long the whole list is."""

    rows: tuple[Entry, ...]
    total: int


@dataclass(frozen=True)
class Declared:
    """The last word on whether a register is complete."""

    complete_on: date
    note: str
    recorded_at: datetime


@dataclass(frozen=True)
class Kept:
    """A register with how many things stand in it by type, and whether it is declared complete."""

    register: Register
    by_type: Mapping[str, int]
    declared: Declared | None

    @property
    def total(self) -> int:
        return sum(self.by_type.values())


def entry_of(row: Mapping[str, Any]) -> Entry:
    """An entry out of a row of `register_entry` joined with its enterprise."""
    return Entry(
        row["id"],
        row["thing_id"],
        register_named(row["register_id"]),
        Draft.model_validate({name: row[name] for name in Draft.model_fields}),
        row["enterprise_name"],
        row["credit_code"],
        row["is_withdrawn"],
        row["recorded_at"],
        row["recorded_by"],
        row["superseded_at"],
    )


async def all_registers(session: AsyncSession, on: date) -> list[Kept]:
    """Every register with what stands in it on a day, each thing once."""
    found = await session.execute(
        text(
            "SELECT t.register_id, t.type, count(DISTINCT t.thing_id) AS things FROM register_entry t"
            f" WHERE {STANDING} AND {ON_DAY} GROUP BY t.register_id, t.type"
        ),
        {"on": on},
    )
    counts: dict[str, dict[str, int]] = {}
    for register, kind, things in found:
        counts.setdefault(register, {})[kind] = things
    declared = await declarations(session)
    return [Kept(one, counts.get(one.id, {}), declared.get(one.id)) for one in registers().registers]


async def declarations(session: AsyncSession, known_at: datetime | None = None) -> dict[str, Declared]:
    """The last declaration of each register that was known at a moment."""
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (register_id) register_id, complete_on, note, recorded_at FROM register_declaration"
            " WHERE CAST(:known_at AS timestamptz) IS NULL OR recorded_at <= :known_at ORDER BY register_id, id DESC"
        ),
        {"known_at": known_at},
    )
    return {register: Declared(*given) for register, *given in found}


async def entries(
    session: AsyncSession,
    register: Register,
    wanted: Filter,
    on: date,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> Listed:
    """Entries of a register by region, type and name."""
    conditions, values = _conditions(register, wanted, on)
    found = await session.execute(
        text(
            f"SELECT x.*, count(*) OVER () AS total FROM ({_ENTRY} WHERE {' AND '.join(conditions)}) x"
            " ORDER BY x.region_code, x.type, x.name, x.id LIMIT :limit OFFSET :offset"
        ),
        values | {"limit": limit, "offset": offset},
    )
    rows = found.mappings().all()
    total = rows[0]["total"] if rows else 0
    if not rows and offset:
        total = (await entries(session, register, wanted, on, limit=1)).total
    return Listed(tuple(entry_of(dict(row)) for row in rows), total)


def _conditions(register: Register, wanted: Filter, on: date) -> tuple[list[str], dict[str, Any]]:
    conditions = [STANDING, "t.register_id = :register"]
    values: dict[str, Any] = {"register": register.id, "on": on}
    states = {
        "standing": ON_DAY,
        "ended": "NOT t.is_withdrawn AND t.ends_on < :on",
        "withdrawn": "t.is_withdrawn",
    }
    conditions.append(states.get(wanted.state, "NOT t.is_withdrawn"))
    for column, value in (("type", wanted.type), ("level", wanted.level)):
        if value:
            conditions.append(f"t.{column} = :{column}")
            values[column] = value
    if wanted.region:
        territory = territory_of(wanted.region)
        conditions.append("t.region_code = ANY(CAST(:codes AS text[]))")
        values["codes"] = list(territory.codes)
    if wanted.q.strip():
        conditions.append(
            "(strpos(t.name, :q) > 0 OR strpos(t.number, :q) > 0 OR strpos(t.host_name, :q) > 0 OR strpos(e.name, :q) > 0)"
        )
        values["q"] = wanted.q.strip()
    return conditions, values


async def entry_named(session: AsyncSession, register: Register, entry_id: int) -> Entry:
    """An entry by its number, standing or not.

    Raises:
        NotFound: there is none, or it is of another district.
    """
    found = await session.execute(
        text(f"{_ENTRY} WHERE t.id = :id AND t.register_id = :register"), {"id": entry_id, "register": register.id}
    )
    row = found.mappings().first()
    if row is None:
        raise NotFound(f"台账“{register.name}”里没有编号 {entry_id} 的记录，或者它不在您的市（区）。")
    return entry_of(dict(row))


async def history_of(session: AsyncSession, thing_id: int) -> list[Entry]:
    """Everything that was ever said of a thing: its titles and their corrections, the newest word first."""
    found = await session.execute(
        text(f"{_ENTRY} WHERE t.thing_id = :thing ORDER BY t.recorded_at DESC, t.id DESC"), {"thing": thing_id}
    )
    return [entry_of(dict(row)) for row in found.mappings()]


async def host_of(session: AsyncSession, code: str, name: str) -> tuple[int | None, str]:
    """The enterprise meant by a code or a name, and what is wrong, in Chinese; a name nobody bears is kept as it is."""
    if code:
        found = await session.execute(
            text("SELECT id FROM enterprise WHERE credit_code = :code"), {"code": code.upper()}
        )
        number = found.scalar()
        if number is None:
            return None, f"企业库里没有代码 {code}，或它不在您的市（区）。请核对，或先登记企业；也可只填单位名称。"
        return number, ""
    if not name:
        return None, ""
    bearers = (await enterprises_by_name(session, [match_key(name)])).get(match_key(name), [])
    if len(bearers) > 1:
        return None, f"名称“{name}”对应 {len(bearers)} 家企业，请改填统一社会信用代码。"
    return (bearers[0]["id"] if bearers else None), ""


async def kept_register_types(session: AsyncSession, known_at: datetime | None = None) -> list[tuple[str, str]]:
    """(register, type) of everything that was entered by a moment, in any district."""
    found = await session.execute(
        text("SELECT register_id, type FROM kept_register_types(CAST(:known_at AS timestamptz))"),
        {"known_at": known_at},
    )
    return [(row.register_id, row.type) for row in found]


async def entries_of_things(
    session: AsyncSession,
    things: Sequence[int],
    register: str,
    *,
    key: str,
    types: Sequence[str],
    levels: Sequence[str],
    on: date,
    known_at: datetime | None,
) -> dict[int, Entry]:
    """For each thing (or enterprise) the latest title by which it counts on a day, as known at a moment.

    Args:
        key: thing_id or enterprise_id, which `things` are.
    """
    if not things:
        return {}
    found = await session.execute(
        text(
            f"SELECT DISTINCT ON (x.{key}) x.* FROM ({_ENTRY} WHERE t.{key} = ANY(CAST(:things AS bigint[]))"
            " AND t.register_id = :register AND NOT t.is_withdrawn AND (t.starts_on IS NULL OR t.starts_on <= :on)"
            " AND (cardinality(CAST(:types AS text[])) = 0 OR t.type = ANY(CAST(:types AS text[])))"
            " AND (cardinality(CAST(:levels AS text[])) = 0 OR t.level = ANY(CAST(:levels AS text[])))"
            " AND ((CAST(:known_at AS timestamptz) IS NULL AND t.superseded_at IS NULL) OR (t.recorded_at <= :known_at"
            f" AND (t.superseded_at IS NULL OR t.superseded_at > :known_at)))) x ORDER BY x.{key}, x.starts_on DESC NULLS LAST, x.id DESC"
        ),
        {
            "things": list(things), "register": register, "types": list(types), "levels": list(levels), "on": on,
            "known_at": known_at,
        },
    )  # fmt: skip
    return {row[key]: entry_of(dict(row)) for row in found.mappings()}
