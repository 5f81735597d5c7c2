"""Keep what was handed in: the file, how it was read, and each row's fate, row by row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.spreadsheets.doubts import doubt_of
from backend.spreadsheets.fates import Importer, Report, RowFate, kinds_of, row_as_json
from backend.spreadsheets.queries import ALIVE
from backend.spreadsheets.records import ReadResult, ReadRow, RowProblem, Severity

#: Kinds of problems that a page offers to look at; a file with more of them is better mended as a whole.
_MOST_KINDS = 30
#: Rows left out of which the report tells; the number of all of them stands in its counts.
_MOST_SKIPPED = 500
#: Bytes of a file that are sent to the database at once.
_PIECE = 1 << 20
_ROW_COLUMNS = (
    "import_id", "position", "sheet", "row", "name", "credit_code", "fate", "problems", "problem_kinds",
    "doubt",
)  # fmt: skip


class ImportDone(Exception):
    """The import has been carried out already, or somebody is at it."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("这份文件已经导入过了，或正在处理，没有再次写入。请刷新页面查看。")


class NotUndoable(Exception):
    """The import was not carried out, or has been undone already."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("这次导入没有写入数据，或已经撤销过，没有可以撤销的内容。请刷新页面查看。")


async def begin_run(
    session: AsyncSession,
    file_name: str,
    content: bytes,
    digest: str,
    entered: Mapping[str, Any],
    importer: Importer,
    status: str = "writing",
) -> int:
    """Keep a file that is about to be tried out, or imported at once. Returns the import's number."""
    found = await session.execute(
        text(
            "INSERT INTO import_run (file_name, digest, layout, status, rows, good_rows, bad_rows, created, updated,"
            " unchanged, report, uploaded_by, region_code, started_at) VALUES (:file_name, :digest, '', :status,"
            " 0, 0, 0, 0, 0, 0, CAST(:report AS jsonb), :person, :region, now()) RETURNING id"
        ),
        {
            "file_name": file_name[:255], "digest": digest, "status": status,
            "report": json.dumps({"options": dict(entered)}, ensure_ascii=False), "person": importer.person_id,
            "region": importer.region_code,
        },
    )  # fmt: skip
    import_id = found.scalar_one()
    await _keep_content(session, import_id, content)
    return import_id


async def _keep_content(session: AsyncSession, import_id: int, content: bytes) -> None:
    """Keep a file. A large one goes by pieces: as one value it would be held three times over on its way."""
    if len(content) <= _PIECE:
        await session.execute(
            text("INSERT INTO import_file (import_id, content) VALUES (:id, :content)"),
            {"id": import_id, "content": content},
        )
        return
    await session.execute(text("CREATE TEMPORARY TABLE incoming_file (place integer, piece bytea) ON COMMIT DROP"))
    for start in range(0, len(content), _PIECE):
        await session.execute(
            text("INSERT INTO incoming_file VALUES (:start, :piece)"),
            {"start": start, "piece": content[start : start + _PIECE]},
        )
    await session.execute(
        text(
            "INSERT INTO import_file (import_id, content)"
            " SELECT :id, string_agg(piece, CAST('' AS bytea) ORDER BY place) FROM incoming_file"
        ),
        {"id": import_id},
    )
    await session.execute(text("DROP TABLE incoming_file"))


async def claim(session: AsyncSession, import_id: int, status: str, options: Mapping[str, Any] | None = None) -> None:
    """Begin to check or to write a run, anew if it was interrupted; two never do so at once.

    Args:
        session: a transaction that is committed before anybody begins.
        import_id: which run.
        status: checking or writing.
        options: what is said of the file from now on; a file that was tried out can then be tried out again.

    Raises:
        ImportDone: it is done, or somebody is at it.
    """
    ready = "status = 'checked'" if status == "writing" or options is not None else "status IN ('stopped', 'failed')"
    claimed = await session.execute(
        text(
            "UPDATE import_run SET status = :status, started_at = now(), failure = '', is_stop_asked = false, stage = '',"
            " stage_done = 0, stage_total = 0,"
            " report = CASE WHEN CAST(:options AS jsonb) IS NULL THEN report"
            " ELSE jsonb_set(report, '{options}', CAST(:options AS jsonb)) END"
            f" WHERE id = :id AND ({ready} OR (status = :status AND NOT {ALIVE})) RETURNING id"
        ),
        {
            "id": import_id, "status": status,
            "options": None if options is None else json.dumps(options, ensure_ascii=False),
        },
    )  # fmt: skip
    if claimed.first() is None:
        raise ImportDone


async def claim_undoing(session: AsyncSession, import_id: int) -> None:
    """Begin to undo an import, anew if that was interrupted; two never do so at once.

    Args:
        session: a transaction that is committed before anybody begins.
        import_id: which import.

    Raises:
        NotUndoable: it was not carried out, has been undone, or somebody is at it.
    """
    claimed = await session.execute(
        text(
            "UPDATE import_run SET status = 'undoing', started_at = now(), failure = '', is_stop_asked = false, stage = '',"
            " stage_done = 0, stage_total = 0 WHERE id = :id AND undone_at IS NULL"
            f" AND (status IN ('committed', 'committed_in_part') OR (status = 'undoing' AND NOT {ALIVE})) RETURNING id"
        ),
        {"id": import_id},
    )
    if claimed.first() is None:
        raise NotUndoable


async def ask_to_stop(session: AsyncSession, import_id: int) -> bool:
    """Ask whoever is at a run to stop. Returns whether it was still busy."""
    asked = await session.execute(
        text(
            "UPDATE import_run SET is_stop_asked = true WHERE id = :id AND status IN ('checking', 'writing', 'undoing')"
            " RETURNING id"
        ),
        {"id": import_id},
    )
    return asked.first() is not None


async def forget_run(session: AsyncSession, import_id: int) -> None:
    """Keep nothing of an import that found nothing to write, or of a file that could not be read."""
    await session.execute(text("DELETE FROM import_run WHERE id = :id"), {"id": import_id})


@dataclass(frozen=True)
class Outcome:
    """What stands of a report at its head: how the file was read, and how many rows met which fate."""

    layout: str
    head: str
    numbers: Mapping[str, int]
    #: What becomes of each row, in short: equal where nothing becomes of any that had not been foretold.
    fates: str

    @classmethod
    def of(cls, report: Report, entered: Mapping[str, Any]) -> "Outcome":
        """The head of a report, by which it can be let go."""
        fates = digest_of(report)
        return cls(report.result.layout, _head(report, entered, fates), _numbers(report), fates)


def digest_of(report: Report) -> str:
    """What becomes of each row, in short."""
    digest = sha256()
    for one in report.fates:
        digest.update(one.fate.value.encode())
        if one.problems or one.is_doubtful:
            digest.update(repr((one.problems, one.is_doubtful, one.candidates)).encode())
    return digest.hexdigest()


async def keep_checked(session: AsyncSession, import_id: int, report: Report, entered: Mapping[str, Any]) -> None:
    """Keep what an import would do."""
    outcome = Outcome.of(report, entered)
    await _keep_head(session, import_id, outcome, "status = 'checked'")
    await _keep_rows_anew(session, import_id, report)


async def keep_fates(session: AsyncSession, import_id: int, report: Report, outcome: Outcome) -> None:
    """Keep what an import did with each row, in place of what its dry run had foretold, where that was otherwise."""
    foretold = await session.scalar(text("SELECT report ->> 'fates' FROM import_run WHERE id = :id"), {"id": import_id})
    if foretold != outcome.fates:
        await _keep_rows_anew(session, import_id, report)


async def keep_outcome(session: AsyncSession, import_id: int, outcome: Outcome) -> None:
    """Keep that an import was carried out; who looks at its progress waits from here on until that is committed."""
    status = "committed_in_part" if outcome.numbers["bad"] else "committed"
    await _keep_head(session, import_id, outcome, f"status = '{status}', committed_at = now()")


async def _keep_head(session: AsyncSession, import_id: int, outcome: Outcome, change: str) -> None:
    await session.execute(
        text(
            f"UPDATE import_run SET {change}, layout = :layout, rows = :rows, good_rows = :good, bad_rows = :bad,"
            " created = :created, updated = :updated, unchanged = :unchanged, report = CAST(:report AS jsonb), failure = ''"
            " WHERE id = :id"
        ),
        {"id": import_id, "layout": outcome.layout, "report": outcome.head, **outcome.numbers},
    )


async def _keep_rows_anew(session: AsyncSession, import_id: int, report: Report) -> None:
    doubts = await _doubts_decided(session, import_id)
    await session.execute(text("DELETE FROM import_row WHERE import_id = :id"), {"id": import_id})
    await _keep_rows(session, import_id, report, doubts)


async def _doubts_decided(session: AsyncSession, import_id: int) -> dict[tuple[str, int], str]:
    """What was put before a person of rows that are no longer doubtful because the person said whose they are."""
    found = await session.execute(
        text(
            "SELECT r.sheet, r.row, CAST(r.doubt AS text) AS doubt FROM import_row r JOIN import_decision d"
            " ON d.import_id = r.import_id AND d.sheet = r.sheet AND d.row = r.row WHERE r.import_id = :id"
            " AND r.doubt IS NOT NULL AND d.superseded_by IS NULL AND d.withdrawn_at IS NULL"
        ),
        {"id": import_id},
    )
    return {(row.sheet, row.row): row.doubt for row in found}


async def keep_rows_again(session: AsyncSession, import_id: int, report: Report) -> None:
    """Keep what became of some rows of an import that were carried out after the others, and count all anew."""
    if report.fates:
        await session.execute(
            text(
                "UPDATE import_row SET fate = :fate, problems = CAST(:problems AS jsonb), problem_kinds = '{}'"
                " WHERE import_id = :id AND sheet = :sheet AND row = :row"
            ),
            [_again(import_id, one) for one in report.fates],
        )
    await session.execute(
        text(
            "UPDATE import_run SET good_rows = told.good, bad_rows = told.bad, created = told.created, updated = told.updated,"
            " unchanged = told.unchanged, failure = '',"
            " status = CASE WHEN told.bad > 0 THEN 'committed_in_part' ELSE 'committed' END FROM ("
            "SELECT count(*) FILTER (WHERE fate <> 'refused') AS good, count(*) FILTER (WHERE fate = 'refused') AS bad,"
            " count(*) FILTER (WHERE fate = 'new') AS created, count(*) FILTER (WHERE fate = 'changed') AS updated,"
            " count(*) FILTER (WHERE fate = 'unchanged') AS unchanged FROM import_row WHERE import_id = :id) AS told"
            " WHERE id = :id"
        ),
        {"id": import_id},
    )


def _again(import_id: int, one: RowFate) -> dict[str, Any]:
    shown = row_as_json(one)
    problems = json.dumps(shown["problems"], ensure_ascii=False) if one.problems else None
    return {
        "id": import_id, "sheet": shown["sheet"], "row": shown["row"], "fate": one.fate.value, "problems": problems,
    }  # fmt: skip


def _numbers(report: Report) -> dict[str, int]:
    bad = len(report.refused)
    counts = report.counts
    return {
        "rows": len(report.fates), "good": len(report.fates) - bad, "bad": bad, "created": counts["new"],
        "updated": counts["changed"], "unchanged": counts["unchanged"],
    }  # fmt: skip


def _head(report: Report, options: Mapping[str, Any], fates: str) -> str:
    head: dict[str, Any] = {**report.head_as_json(), "options": dict(options), "fates": fates}
    head["skipped_rows"] = head["skipped_rows"][:_MOST_SKIPPED]
    head["problem_kinds"] = head["problem_kinds"][:_MOST_KINDS]
    return json.dumps(head, ensure_ascii=False)


async def _keep_rows(
    session: AsyncSession, import_id: int, report: Report, doubts: Mapping[tuple[str, int], str]
) -> None:
    place_of = {(one.text, one.severity): number for number, one in enumerate(report.problem_kinds[:_MOST_KINDS])}
    await copy_rows(session, "import_row", _ROW_COLUMNS, _rows(import_id, report, place_of, doubts))


def _rows(
    import_id: int,
    report: Report,
    place_of: Mapping[tuple[str, Severity], int],
    doubts: Mapping[tuple[str, int], str],
) -> Iterable[tuple[Any, ...]]:
    for position, one in enumerate(report.fates):
        shown = row_as_json(one)
        problems = json.dumps(shown["problems"], ensure_ascii=False) if one.problems else None
        kinds = sorted(place_of[kind] for kind in kinds_of(one) if kind in place_of) if one.problems else []
        doubt = json.dumps(doubt_of(one), ensure_ascii=False) if one.is_doubtful else None
        doubt = doubt or (doubts.get((shown["sheet"], shown["row"])) if doubts else None)
        yield (
            import_id, position, shown["sheet"], shown["row"], shown["name"], shown["credit_code"], shown["fate"], problems, kinds, doubt,
        )  # fmt: skip


def with_problems(result: ReadResult, report: Report) -> list[ReadRow]:
    """The rows of a file, with their cells, that a report on it keeps out, with every problem attached."""
    refused = {(one.named.sheet, one.named.row): one.problems for one in report.refused}
    return [
        replace(row, problems=refused[row.sheet, row.row]) for row in result.rows if (row.sheet, row.row) in refused
    ]


def bad_rows(result: ReadResult, kept: Iterable[Mapping[str, Any]]) -> list[ReadRow]:
    """The rows of a file that were refused, with the problems that were kept of them."""
    refused = {(one["sheet"], one["row"]): one["problems"] or [] for one in kept}
    return [
        replace(row, problems=tuple(_problem(row, one) for one in refused[row.sheet, row.row]))
        for row in result.rows
        if (row.sheet, row.row) in refused
    ]


def _problem(row: ReadRow, kept: Mapping[str, Any]) -> RowProblem:
    return RowProblem(
        row.sheet, row.row, kept["column"], kept["title"], kept["value"], kept["reason"], kept["remedy"],
        Severity(kept["severity"]), kept.get("kind", "invalid"),
    )  # fmt: skip
