"""What a system sent and what became of it, counted by both sides alike: per day and address, with reasons and a digest.

The digest is SHA-256 over the digests (SHA-256, hexadecimal) of all bodies that were taken, each once, in their order,
joined by line feeds; the sender reckons it from what it sent.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.queries import rows

_OUTCOMES: Final = ("recorded", "unchanged", "refused")


def counts_of(body: bytes) -> dict[str, Any]:
    """What a request brought, as its answer says: items by their outcome, and by each reason those refused for it."""
    answer: dict[str, Any] = json.loads(body)
    if "items" in answer:
        items: Sequence[Mapping[str, Any]] = answer["items"]
        counts = {name: answer[name] for name in _OUTCOMES}
        problems = [{one["code"] for one in item.get("problems", ())} for item in items]
    else:
        counts, problems = {"refused": 1}, [{one["code"] for one in answer.get("errors", ())}]
    reasons = Counter(code for one in problems for code in one)
    return {name: number for name, number in counts.items() if number} | ({"reasons": reasons} if reasons else {})


def turned_away(reason: str) -> dict[str, Any]:
    """What a request that was refused as a whole counts for."""
    return {"turned_away": 1, "reasons": {reason: 1}}


#: A request that was answered as before: what it brought is counted with the first.
REPEATED: Final = {"repeated": 1}
Span = Literal["day", "month"]
_TAKEN: Final = "status < 300 AND NOT counts ? 'repeated'"
_SUMS: Final = ", ".join(
    f"coalesce(sum((counts->>'{name}')::bigint), 0)::bigint AS {name}"
    for name in (*_OUTCOMES, "repeated", "turned_away")
)


async def tallies(
    session: AsyncSession, since: date, until: date, span: Span, peer: str | None = None
) -> list[dict[str, Any]]:
    """What came in from a day to a day (of China), by sender, address and day or month, the latest first."""
    when = f"date_trunc('{span}', started_at AT TIME ZONE 'Asia/Shanghai')::date"
    picked = (
        " FROM exchange_message WHERE direction = 'in' AND method = 'POST' AND endpoint <> '/api/v1/subscriptions'"
        " AND started_at >= CAST(:since AS timestamp) AT TIME ZONE 'Asia/Shanghai'"
        " AND started_at < (CAST(:until AS timestamp) + interval '1 day') AT TIME ZONE 'Asia/Shanghai'"
        " AND (CAST(:peer AS text) IS NULL OR peer = :peer)"
    )
    asked = {"since": since, "until": until, "peer": peer}
    sums = await rows(
        session,
        f"SELECT peer, endpoint, {when} AS day, count(*) AS requests, {_SUMS}, encode(sha256(convert_to(coalesce("
        f"string_agg(DISTINCT request_digest, E'\\n' ORDER BY request_digest) FILTER (WHERE {_TAKEN}), ''), 'UTF8')), 'hex')"
        f" AS digest{picked} GROUP BY 1, 2, 3 ORDER BY 3 DESC, 1, 2",
        **asked,
    )
    why = await rows(
        session,
        f"SELECT peer, endpoint, {when} AS day, reason.key, sum(reason.value::bigint)::bigint AS items"
        " FROM (SELECT peer, endpoint, started_at, counts"
        f"{picked} AND counts ? 'reasons') AS refused, jsonb_each_text(counts->'reasons') AS reason"
        " GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 4",
        **asked,
    )
    reasons: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in why:
        reasons.setdefault((row["peer"], row["endpoint"], row["day"]), {})[row["key"]] = row["items"]
    return [
        dict(row)
        | {
            "received": sum(row[name] for name in _OUTCOMES),
            "reasons": reasons.get((row["peer"], row["endpoint"], row["day"]), {}),
        }
        for row in sums
    ]
