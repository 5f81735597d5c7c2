"""Proof that the trace is whole: every digest is reckoned again, from the beginning or from where it was purged to.

What a digest is of is said here once more, with PostgreSQL's own functions only: whoever changed the functions of the
database would not change this file. Against somebody who can rewrite the whole chain, digests that were noted
elsewhere help (`expected`).
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.access.trace.service import seal

#: So many faults are named; where there are more, something worse than a slip has happened anyway.
MOST_NAMED: Final = 20
#: Below so many entries a second connection costs more than it saves.
_WORTH_PARTING: Final = 200_000

_CONTENT: Final = """
    convert_to(jsonb_build_array(
        {position}, e.id, extract(epoch FROM e.at), e.actor, e.person_id, e.role, e.address, e.request_id, e.action,
        e.subject, e.subject_id, e.enterprise_id, e.outcome, e.reason, e.before, e.after
    )::text, 'UTF8')
"""
_FAULTY: Final = text(f"""
    SELECT position, prior FROM (
        SELECT e.position, lag(e.position, 1, CAST(:start AS bigint)) OVER w AS prior, e.digest,
            sha256(lag(e.digest, 1, CAST(:digest AS bytea)) OVER w || {_CONTENT.format(position="e.position")}) AS reckoned
        FROM trace_entry e WHERE e.position > :start AND e.position <= :last
        WINDOW w AS (ORDER BY e.position)
    ) AS chain
    WHERE prior <> position - 1 OR digest <> reckoned ORDER BY position LIMIT :most
""")
# Put back where another faulty one stands, does an entry fit there again?
_MOVED: Final = text(f"""
    SELECT e.position, place.position AS belongs_to FROM trace_entry e, trace_entry place, trace_entry original
    WHERE e.position = ANY(:places) AND place.position = ANY(:places) AND place.position <> e.position
    AND (original.position = place.position - 1 OR original.position = ANY(:places))
    AND sha256(original.digest || {_CONTENT.format(position="place.position")}) IN (e.digest, place.digest)
""")


class Kind(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"
    NOT_VOUCHED_FOR = "not_vouched_for"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: with the entry at `position`, or with all from there to `last`."""

    kind: Kind
    position: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and what is wrong. `head` is what to note down elsewhere: position and digest of the last."""

    entries: int
    first: int
    head: str
    faults: tuple[Fault, ...]

    @property
    def is_whole(self) -> bool:
        return not self.faults


async def verify(engine: AsyncEngine, expected: Sequence[str] = ()) -> Verdict:
    """Reckon the whole chain again. `expected` are heads noted earlier, as `position:digest`.

    Raises ValueError for an expected head that is not written so.
    """
    await seal(engine)
    async with engine.connect() as connection:
        head = (await connection.execute(text("SELECT position, digest FROM trace_head"))).one()
        start, digest, faults = await _beginning(connection)
        last = int(await connection.scalar(text("SELECT max(position) FROM trace_entry")) or start)
        faults += await _end(connection, start, digest, last, head)
        for one in expected:
            faults += await _unexpected(connection, one, start)
        ranges = await _ranges(connection, start, digest, last)
        entries = int(await connection.scalar(text("SELECT count(*) FROM trace_entry")) or 0)
    found = await asyncio.gather(*(_faulty(engine, *one) for one in ranges))
    async with engine.connect() as connection:
        faults += await _named(connection, [row for part in found for row in part][:MOST_NAMED])
    return Verdict(entries, start + 1, f"{head.position}:{head.digest.hex()}", tuple(faults))


async def _beginning(connection: AsyncConnection) -> tuple[int, bytes, list[Fault]]:
    """The position and digest before the first entry; after a purge an entry of the chain must vouch for them."""
    anchor = (
        await connection.execute(text("SELECT position, digest FROM trace_anchor ORDER BY position DESC LIMIT 1"))
    ).one_or_none()
    if anchor is None:
        return 0, await connection.scalar(text("SELECT sha256('tidu')")) or b"", []
    vouched = await connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM trace_entry WHERE action = 'purge' AND subject = 'trace'"
            " AND subject_id = CAST(:position AS text) AND after->>'digest' = :digest)"
        ),
        {"position": str(anchor.position), "digest": anchor.digest.hex()},
    )
    told = f"第 {anchor.position} 条及以前的记录已不在，而清除它们的记录不在链上：可能被人直接删除。"
    faults = [] if vouched else [Fault(Kind.NOT_VOUCHED_FOR, 1, anchor.position, told)]
    return anchor.position, anchor.digest, faults


async def _end(connection: AsyncConnection, start: int, digest: bytes, last: int, head: Any) -> list[Fault]:
    if last < head.position:
        told = f"第 {last + 1} 至 {head.position} 条缺失：链的末尾被截断。"
        return [Fault(Kind.CUT_OFF, last + 1, head.position, told)]
    found = await connection.scalar(
        text("SELECT digest FROM trace_entry WHERE position = :last"), {"last": head.position}
    )
    if (digest if head.position == start else found) != head.digest or last > head.position:
        return [Fault(Kind.CHANGED, last, last, f"第 {last} 条与链尾登记的摘要不符：末尾被改动或添加过。")]
    return []


async def _unexpected(connection: AsyncConnection, expected: str, start: int) -> list[Fault]:
    position, _, digest = expected.partition(":")
    if not position.isdecimal() or len(digest) != 64:
        raise ValueError(f"“{expected}”不是链尾，请写成 位置:摘要（64 位十六进制），如 tidu audit head 所印。")
    found = await connection.scalar(
        text(
            "SELECT encode(digest, 'hex') FROM (SELECT position, digest FROM trace_entry UNION ALL"
            " SELECT position, digest FROM trace_anchor) AS known WHERE position = :position"
        ),
        {"position": int(position)},
    )
    if found == digest or (found is None and int(position) < start):
        return []
    told = f"第 {position} 条的摘要与当时记下的不同：这一条或它之前的记录被整体改写过。"
    return [Fault(Kind.UNEXPECTED, int(position), int(position), told)]


async def _ranges(connection: AsyncConnection, start: int, digest: bytes, last: int) -> list[tuple[int, bytes, int]]:
    """Parts of the chain, each with the digest before it, to be reckoned side by side."""
    parts = min(os.cpu_count() or 1, max(1, (last - start) // _WORTH_PARTING), 8)
    begins = [(start, digest)]
    for number in range(1, parts):
        found = await connection.execute(
            text("SELECT position, digest FROM trace_entry WHERE position <= :at ORDER BY position DESC LIMIT 1"),
            {"at": start + (last - start) * number // parts},
        )
        row = found.one_or_none()
        if row is not None and row.position > begins[-1][0]:
            begins.append((row.position, row.digest))
    ends = [begin for begin, _ in begins[1:]] + [last]
    return [(begin, before, end) for (begin, before), end in zip(begins, ends, strict=True)]


async def _faulty(engine: AsyncEngine, start: int, digest: bytes, last: int) -> list[tuple[int, int]]:
    async with engine.connect() as connection:
        found = await connection.execute(_FAULTY, {"start": start, "digest": digest, "last": last, "most": MOST_NAMED})
        return [(row.position, row.prior) for row in found]


async def _named(connection: AsyncConnection, faulty: Sequence[tuple[int, int]]) -> list[Fault]:
    """What is wrong with each: missing before it, out of its place, or changed."""
    places = [position for position, prior in faulty if prior == position - 1]
    found = await connection.execute(_MOVED, {"places": places})
    moved = {row.position: row.belongs_to for row in found}
    faults: list[Fault] = []
    for position, prior in faulty:
        if prior != position - 1:
            first = prior + 1
            which = f"第 {first} 条" if first == position - 1 else f"第 {first} 至 {position - 1} 条"
            faults.append(Fault(Kind.MISSING, first, position - 1, f"{which}缺失：被删除。"))
        elif position in moved:
            told = f"第 {position} 条原是第 {moved[position]} 条：次序被调换。"
            faults.append(Fault(Kind.REORDERED, position, position, told))
        elif position - 1 not in moved:
            # Whoever replaced a digest as well is found out by the entry behind it.
            told = f"第 {position} 条的内容与摘要不符：它或它的前一条被改动。"
            faults.append(Fault(Kind.CHANGED, position, position, told))
    return faults
