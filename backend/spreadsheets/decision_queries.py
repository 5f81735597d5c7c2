"""Reading doubtful rows: what a list says of itself beside the enterprises that it may mean, and what was said of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.queries import held_by
from backend.spreadsheets.deciding import STANDS
from backend.spreadsheets.doubts import Part, parts_of, reasons_for
from backend.web.found import Found, page_within

#: Rows a page: a person compares them one by one.
ROWS_A_PAGE: Final = 20
WAITING_A_PAGE: Final = 100
_JOIN: Final = (
    "import_row r LEFT JOIN import_decision d ON d.import_id = r.import_id AND d.sheet = r.sheet AND d.row = r.row"
    f" AND {STANDS}"
)
_DOUBTFUL: Final = "r.doubt IS NOT NULL"
#: What a view of the rows shows.
VIEWS: Final[Mapping[str, str]] = {"open": "待确认", "wait": "暂缓", "decided": "已确认", "done": "已导入"}
_CONDITION: Final[Mapping[str, str]] = {
    "open": "r.fate = 'refused' AND d.id IS NULL", "wait": "r.fate = 'refused' AND d.decision = 'wait'",
    "decided": "d.decision <> 'wait' AND d.carried_out_at IS NULL", "done": "d.carried_out_at IS NOT NULL",
}  # fmt: skip


async def decision_counts(session: AsyncSession, import_id: int) -> dict[str, int]:
    """How many doubtful rows of an import stand in each view, how many are obvious, and how many are like nobody."""
    counted = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in _CONDITION.items())
    found = await session.execute(
        text(
            f"SELECT {counted}, count(*) FILTER (WHERE {_CONDITION['open']} AND (r.doubt ->> 'is_obvious')::boolean) AS obvious,"
            f" count(*) FILTER (WHERE {_CONDITION['open']} AND r.name <> '' AND jsonb_array_length(r.doubt -> 'candidates') = 0)"
            f" AS alone FROM {_JOIN} WHERE r.import_id = :id AND {_DOUBTFUL}"
        ),
        {"id": import_id},
    )
    return dict(found.mappings().one())


async def doubtful_rows(session: AsyncSession, import_id: int, view: str, page: int = 1) -> Found:
    """Doubtful rows of an import in the order of the file, each with its candidates as they are today.

    Args:
        session: within the reader's scope; who may not be seen is no candidate.
        import_id: which import.
        view: one of `VIEWS`.
        page: counted from 1; one behind the last is the last.
    """
    condition = f"r.import_id = :id AND {_DOUBTFUL} AND {_CONDITION[view]}"
    total = (
        await session.execute(text(f"SELECT count(*) FROM {_JOIN} WHERE {condition}"), {"id": import_id})
    ).scalar_one()
    shown = page_within(page, total, ROWS_A_PAGE)
    found = await session.execute(
        text(
            "SELECT r.sheet, r.row, r.name, r.credit_code, r.fate, r.problems, r.doubt, d.decision, d.enterprise_id,"
            f" d.decided_at FROM {_JOIN} WHERE {condition} ORDER BY r.position LIMIT :limit OFFSET :offset"
        ),
        {"id": import_id, "limit": ROWS_A_PAGE, "offset": (shown - 1) * ROWS_A_PAGE},
    )
    rows = [dict(row) for row in found.mappings()]
    wanted = {one["id"] for row in rows for one in row["doubt"]["candidates"]}
    wanted |= {row["enterprise_id"] for row in rows if row["enterprise_id"] is not None}
    known = await _candidates(session, sorted(wanted))
    return Found([_beside(row, known) for row in rows], total, shown, ROWS_A_PAGE)


async def _candidates(session: AsyncSession, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    if not ids:
        return {}
    found = await session.execute(
        text(
            "SELECT e.id, e.name, e.credit_code, e.region_code, e.town, e.address, e.established_on, coalesce((SELECT"
            " array_agg(n.name ORDER BY n.used_to DESC NULLS LAST) FROM enterprise_name n WHERE n.enterprise_id = e.id"
            " AND n.used_to IS NOT NULL), '{}') AS former_names FROM enterprise e"
            " WHERE e.id = ANY(:ids) AND e.status <> 'withdrawn'"
        ),
        {"ids": list(ids)},
    )
    titles = await held_by(session, ids)
    return {row["id"]: {**row, "titles": titles[row["id"]]} for row in found.mappings()}


def _beside(row: Mapping[str, Any], known: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """A row with its candidates; one that was chosen by its code stands among them."""
    said = row["doubt"]["said"]
    kept = {one["id"]: one for one in row["doubt"]["candidates"]}
    ids = [
        *kept,
        *([row["enterprise_id"]] if row["enterprise_id"] is not None and row["enterprise_id"] not in kept else []),
    ]
    candidates = [
        {**known[number], "parts": _parts(known[number], said["name"]), "reasons": reasons_for(said, known[number], kept.get(number, {}))}
        for number in ids
        if number in known
    ]  # fmt: skip
    return {**row, "said": said, "candidates": candidates}


def _parts(candidate: Mapping[str, Any], printed: str) -> list[Part]:
    return parts_of(candidate["name"], printed)


async def waiting_rows(session: AsyncSession, page: int = 1) -> Found:
    """The work list: doubtful rows of all imports carried out of which nobody said what they are, or that they wait."""
    source = (
        f"FROM {_JOIN} JOIN import_run i ON i.id = r.import_id WHERE {_DOUBTFUL} AND r.fate = 'refused'"
        " AND i.status IN ('checked', 'committed', 'committed_in_part') AND (d.id IS NULL OR d.decision = 'wait')"
    )
    total = (await session.execute(text(f"SELECT count(*) {source}"))).scalar_one()
    shown = page_within(page, total, WAITING_A_PAGE)
    found = await session.execute(
        text(
            "SELECT r.import_id, i.file_name, i.uploaded_at, i.committed_at, r.sheet, r.row, r.name, r.credit_code, r.doubt,"
            f" d.decision, d.decided_at {source} ORDER BY i.uploaded_at DESC, r.import_id, r.position LIMIT :limit OFFSET :offset"
        ),
        {"limit": WAITING_A_PAGE, "offset": (shown - 1) * WAITING_A_PAGE},
    )
    return Found([dict(row) for row in found.mappings()], total, shown, WAITING_A_PAGE)


async def find_by_code(session: AsyncSession, code: str) -> int | None:
    """The enterprise of a code, for a row whose enterprise is not among the candidates."""
    found = await session.execute(
        text("SELECT id FROM enterprise WHERE credit_code = :code AND status <> 'withdrawn'"), {"code": code}
    )
    return found.scalar()
