"""Receipts 回执: a system that we pull from is told of each run what came, what was applied, and what was refused and why.

While a run goes on each record it brings is noted with its fate, in the transaction of its page; so the sums are right
whatever came twice or was killed in between. When the run ends, in the same transaction, the sums are drawn up and a
receipt waits to be sent: `carrying.py` sends it. Of what was refused stays what finds it again on the other side; of what
was applied nothing stays here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.exchange.wire import MOST_RECORDS, FormSum, Receipt, RefusedRecord, SetSum, canonical

#: Why a record was not applied → that in words, and what the other side can do.
REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "unauthorised": ("企业没有授权，内容没有保存", "请企业向科技部门办理授权；授权登记后再次拉取时提供。"),
    "unknown_enterprise": ("登记库里没有这家企业", "请核对统一社会信用代码；登记后再次拉取时会采用。"),
    "unusable": ("内容不能用", "请核对版式、年度和各栏次，以更高的版次更正。"),
    "stale": ("已有更高的版次", "请核对这条记录现行的版次；更正请用更高的版次。"),
    "malformed": ("不是约定的记录格式", "请对照接口约定核对编号、代码、版次、日期和时间。"),
}
#: Items of one part: a receipt is no larger than a page.
PART: Final = MOST_RECORDS


@dataclass(frozen=True)
class TakenRecord:
    """A record that a run was given, and what became of it."""

    record_id: str
    form: str
    revision: int
    year: int | None
    code: str
    fate: str
    digest: str


def malformed(raw: Mapping[str, Any]) -> TakenRecord:
    """Something that is no record: by its number where it has one, else by the digest of all of it."""
    number, form = raw.get("id"), raw.get("form")
    whole = sha256(canonical(dict(raw)).encode(errors="surrogatepass")).hexdigest()
    known = number if isinstance(number, str) and _is_name(number, 120) else ""
    told = form if isinstance(form, str) and _is_name(form, 40) else ""
    return TakenRecord(known or f"sha256-{whole}", told, 0, None, "", "malformed", "" if known else whole)


def _is_name(written: str, most: int) -> bool:
    """Whether a text can be kept as it is."""
    return 0 < len(written) <= most and written.isprintable()


async def note_taken(session: AsyncSession, run_id: int, taken: Iterable[TakenRecord]) -> None:
    """Note what a page brought, once each; the highest revision counts."""
    rows = [asdict(one) for one in taken]
    if not rows:
        return
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    await session.execute(_NOTE, {"run": run_id, **columns})


_NOTE: Final = text(
    "INSERT INTO exchange_taken (run_id, record_id, form, revision, year, code, fate, digest)"
    " SELECT :run, * FROM unnest(CAST(:record_id AS text[]), CAST(:form AS text[]), CAST(:revision AS integer[]),"
    " CAST(:year AS integer[]), CAST(:code AS text[]), CAST(:fate AS text[]), CAST(:digest AS text[]))"
    " ON CONFLICT (run_id, record_id) DO UPDATE SET form = excluded.form, revision = excluded.revision,"
    " year = excluded.year, code = excluded.code, fate = excluded.fate, digest = excluded.digest"
    " WHERE excluded.revision >= exchange_taken.revision"
)


# Drawing up ----------------------------------------------------------------------------------------------


async def draw_up(session: AsyncSession, system: str, run_id: int) -> int:
    """Reckon a run's sums and let its receipt wait to be sent. Returns of how many parts it is; 0 where nothing came."""
    sums = await _sums(session, run_id)
    refused = sum(number for one in sums for number in one.refused.values())
    parts = max(1, -(-refused // PART)) if sums else 0
    if parts:
        told = exact_json([one.model_dump() for one in sums])
        await session.execute(
            text(
                "INSERT INTO exchange_receipt (system, run_id, part, parts, key, sums)"
                " VALUES (:system, :run, :part, :parts, :key, CAST(:sums AS jsonb))"
            ),
            [
                {"system": system, "run": run_id, "part": part, "parts": parts, "key": str(uuid4()), "sums": told}
                for part in range(1, parts + 1)
            ],
        )
    await session.execute(text("DELETE FROM exchange_taken WHERE run_id = :run AND fate = 'applied'"), {"run": run_id})
    return parts


_SUMS: Final = text("""
    SELECT form, count(*) AS received, count(*) FILTER (WHERE fate = 'applied') AS applied,
        encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
            AS received_digest,
        encode(sha256(convert_to(coalesce(string_agg(line || ' ' || digest, E'\\n' ORDER BY line || ' ' || digest COLLATE "C")
            FILTER (WHERE fate = 'applied'), ''), 'UTF8')), 'hex') AS applied_digest
    FROM (SELECT *, record_id || ' ' || revision AS line FROM exchange_taken WHERE run_id = :run) AS t
    WHERE fate <> 'malformed' GROUP BY form
""")


async def _sums(session: AsyncSession, run_id: int) -> list[FormSum]:
    """Each form's sums. What was no record is in no sum but that of what was refused."""
    found = await session.execute(_SUMS, {"run": run_id})
    summed = {row["form"]: dict(row) for row in found.mappings()}
    why = await session.execute(
        text(
            "SELECT form, fate, count(*) FROM exchange_taken WHERE run_id = :run AND fate <> 'applied'"
            " GROUP BY form, fate ORDER BY form, fate"
        ),
        {"run": run_id},
    )
    refused: dict[str, dict[str, int]] = {}
    for form, fate, number in why:
        refused.setdefault(form, {})[fate] = number
    nothing = {"received": 0, "received_digest": _EMPTY, "applied": 0, "applied_digest": _EMPTY}
    return [
        FormSum(
            form=form, received=SetSum(count=one["received"], digest=one["received_digest"]),
            applied=SetSum(count=one["applied"], digest=one["applied_digest"]), refused=refused.get(form, {}),
        )
        for form in sorted({*summed, *refused})
        for one in (summed.get(form, nothing),)
    ]  # fmt: skip


_EMPTY: Final = sha256(b"").hexdigest()


async def forget_told(session: AsyncSession, kept: timedelta) -> int:
    """Let go of the items of receipts that were told so long ago; the sums stay. Returns how many."""
    found = await session.execute(
        text(
            "DELETE FROM exchange_taken t USING (SELECT run_id FROM exchange_receipt GROUP BY run_id"
            " HAVING bool_and(status IN ('told', 'handed_over')) AND max(told_at) < now() - CAST(:kept AS interval)) AS old"
            " WHERE t.run_id = old.run_id RETURNING 1"
        ),
        {"kept": kept},
    )
    return len(found.all())


# What is sent --------------------------------------------------------------------------------------------


async def receipt_of(session: AsyncSession, number: int, purpose: str) -> Receipt:
    """A receipt as it is sent: the same at every time of asking, for the run is over."""
    found = await session.execute(
        text(
            "SELECT t.*, r.since, r.started_at, r.finished_at FROM exchange_receipt t"
            " JOIN exchange_run r ON r.id = t.run_id WHERE t.id = :id"
        ),
        {"id": number},
    )
    row = found.mappings().one()
    refused = await refused_of(session, row["run_id"], PART, (row["part"] - 1) * PART)
    return Receipt(
        run=str(row["run_id"]), part=row["part"], parts=row["parts"], purpose=purpose, since=row["since"],
        started_at=row["started_at"], finished_at=row["finished_at"],
        forms=[FormSum.model_validate(one) for one in row["sums"]], refused=[_refused(one) for one in refused],
    )  # fmt: skip


async def refused_of(session: AsyncSession, run_id: int, limit: int, offset: int = 0) -> Sequence[Mapping[str, Any]]:
    """What a run refused, in the order of the records' numbers."""
    found = await session.execute(
        text(
            "SELECT record_id, form, revision, year, code, fate, digest FROM exchange_taken WHERE run_id = :run"
            " AND fate <> 'applied' ORDER BY record_id COLLATE \"C\" LIMIT :limit OFFSET :offset"
        ),
        {"run": run_id, "limit": limit, "offset": offset},
    )
    return [dict(row) for row in found.mappings()]


def _refused(row: Mapping[str, Any]) -> RefusedRecord:
    detail, remedy = REASONS.get(row["fate"], (row["fate"], ""))
    return RefusedRecord(
        id=row["record_id"], form=row["form"], revision=row["revision"], year=row["year"], code=row["code"],
        reason=row["fate"], detail=detail, remedy=remedy, digest=row["digest"],
    )  # fmt: skip
