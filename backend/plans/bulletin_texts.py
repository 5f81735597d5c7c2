"""What people write in a bulletin beside its numbers: kept word by word, and never written over unseen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.queries import Report
from backend.web.errors import Refusal
from backend.web.filters import moment

#: What people write themselves, in the order in which it stands.
SECTIONS = {"opening": "按语", "causes": "滞后原因", "next_steps": "下一步要求"}
#: Several pages of A4 each; a bulletin is read by people.
MOST_CHARACTERS = 20_000
#: Word's own soft line breaks come along when text is pasted, and no XML may hold them.
_BREAKS, _CONTROLS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]"), re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")


class TextsRefused(Refusal):
    """Words that are not kept."""

    status = 422
    slug = "bulletin-texts-refused"
    title = "文字没有保存"


class TextsMeanwhile(TextsRefused):
    """Somebody else wrote since the form was opened."""

    status = 409
    slug = "bulletin-texts-changed-meanwhile"


@dataclass(frozen=True)
class Texts:
    """The latest text of each section, and who had the last word."""

    bodies: Mapping[str, str]
    #: Counts up with every word written; 0 where nothing was.
    last_id: int = 0
    last_by: str = ""
    last_at: datetime | None = None


async def texts_of(session: AsyncSession, report: Report, quarter_end: date) -> Texts:
    """What stands in the bulletin of a quarter."""
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (t.section) t.section, t.body, t.id, coalesce(o.name, ''), t.recorded_at"
            " FROM bulletin_text t LEFT JOIN officers() o ON o.id = t.recorded_by WHERE t.plan = :plan"
            " AND t.region_code = :region AND t.quarter_end = :quarter_end ORDER BY t.section, t.id DESC"
        ),
        {"plan": report.plan.id, "region": _kept_under(report), "quarter_end": quarter_end},
    )
    rows = found.all()
    bodies = {row[0]: row[1] for row in rows}
    if not rows:
        return Texts(bodies)
    _, _, last_id, by, at = max(rows, key=lambda row: row[2])
    return Texts(bodies, last_id, by, at)


async def write_texts(
    session: AsyncSession,
    report: Report,
    quarter_end: date,
    given: Mapping[str, str],
    *,
    seen: int | None = None,
    recorded_by: int | None = None,
) -> int:
    """Keep what was written where it differs from what stands. Returns how many sections changed.

    Args:
        seen: the last word that the writer's form knew, `Texts.last_id`; None asks not.

    Raises:
        TextsMeanwhile: somebody else wrote since, and saving would undo it.
        TextsRefused: a text is too long.
    """
    key = f"bulletin_text {report.plan.id} {_kept_under(report)} {quarter_end}"
    # Two people who save at once are to see each other's words.
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
    standing = await texts_of(session, report, quarter_end)
    bodies = {name: cleaned(given[name]) for name in SECTIONS if name in given}
    changed = {name: body for name, body in bodies.items() if body != standing.bodies.get(name, "")}
    for name, body in changed.items():
        if len(body) > MOST_CHARACTERS:
            raise TextsRefused(f"“{SECTIONS[name]}”有 {len(body):,} 字，最多 {MOST_CHARACTERS:,} 字，请精简后再保存。")
    if changed and seen is not None and standing.last_id > seen:
        who, when = standing.last_by or "另一位工作人员", moment(standing.last_at)
        raise TextsMeanwhile(f"{who}已在 {when} 保存了新的文字，见上面的通报。您填的仍保留在下面，再保存即以您的为准。")
    for name, body in changed.items():
        await session.execute(
            text(
                "INSERT INTO bulletin_text (plan, region_code, quarter_end, section, body, recorded_by)"
                " VALUES (:plan, :region, :quarter_end, :section, :body, :by)"
            ),
            {
                "plan": report.plan.id, "region": _kept_under(report), "quarter_end": quarter_end, "section": name,
                "body": body, "by": recorded_by,
            },
        )  # fmt: skip
    return len(changed)


def cleaned(written: str) -> str:
    """A text with plain line breaks and nothing that cannot be printed."""
    return _CONTROLS.sub("", _BREAKS.sub("\n", written)).strip()


def _kept_under(report: Report) -> str:
    return "" if report.is_whole else report.territory.code
