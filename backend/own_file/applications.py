"""Applications to be taken into a pool: an enterprise asks, an officer accepts it as discovered or says why not.

ApplicationRefused (Refusal)   409, not as things are
└── ApplicationMoved           409, decided or withdrawn meanwhile
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.cultivation.service import enter
from backend.enterprises.labels import programme_choices
from backend.filings.attachments import attach
from backend.own_file.bureau_side import as_bureau, own_id
from backend.own_file.submitting import Evidence
from backend.web.errors import Refusal
from rules.library import Library
from rules.translation import marked, say

STATES: Final = {
    "open": marked("待受理"),
    "accepted": marked("已受理入库"),
    "refused": marked("未受理"),
    "withdrawn": marked("已撤回"),
}
LONGEST: Final = 2000


class ApplicationRefused(Refusal):
    """An application cannot be made or decided so."""

    slug = "application-refused"
    title = marked("申请没有办成")


class ApplicationMoved(ApplicationRefused):
    """Somebody else was quicker."""

    slug = "application-moved"

    def __init__(self) -> None:
        super().__init__(say("这份申请已被办理或撤回，您的操作没有保存。请刷新页面看最新情况。"))


class ReasonMissing(ApplicationRefused):
    """An enterprise is owed a reason."""

    status = 422
    slug = "reason-missing"


@dataclass(frozen=True)
class Wanted:
    """Which pool, why, and what goes with it."""

    programme: str
    year: int
    words: str
    papers: Sequence[Evidence] = ()


async def apply(session: AsyncSession, person: PersonSignedIn, wanted: Wanted, library: Library) -> int:
    """Ask to be taken into a pool.

    Raises:
        ApplicationRefused: there is no such pool, one is in it already, or has asked already.
        PaperRefused: a paper is no file that is taken.
    """
    number, names = own_id(person), dict(programme_choices(library))
    if wanted.programme not in names:
        raise ApplicationRefused(say("请选择要申请的培育库。"))
    where = {"id": number, "programme": wanted.programme, "year": wanted.year}
    async with as_bureau(session, person):
        stage = await session.scalar(
            text("SELECT stage FROM pool_entry WHERE enterprise_id = :id AND programme = :programme AND year = :year"),
            where,
        )
    name = names[wanted.programme]
    if stage is not None:
        raise ApplicationRefused(say("贵单位已在 {year} 年“{name}”培育库中，不必再申请。", year=wanted.year, name=name))
    # Somebody else of the enterprise may be at it: the second one waits, and then is told.
    await session.execute(text("SELECT FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": number})
    there = await session.scalar(
        text(
            "SELECT EXISTS (SELECT FROM pool_application WHERE enterprise_id = :id AND programme = :programme"
            " AND year = :year AND state = 'open')"
        ),
        where,
    )
    if there:
        raise ApplicationRefused(
            say("贵单位申请 {year} 年“{name}”培育库的材料正在受理，请等候办理。", year=wanted.year, name=name)
        )
    # Officers read it, whatever language the enterprise speaks.
    about = f"申请入库：{library.programmes[wanted.programme].source.name.zh} {wanted.year}"
    papers = [
        await attach(
            session, number, one.content, one.file_name, one.kind, about=about,
            attached_by=person.id,
        )
        for one in wanted.papers
    ]  # fmt: skip
    found = await session.execute(
        text(
            "INSERT INTO pool_application (enterprise_id, programme, year, words, attachment_ids, applied_by)"
            " VALUES (:id, :programme, :year, :words, :papers, :by) RETURNING id"
        ),
        where | {"words": wanted.words.strip()[:LONGEST], "papers": papers, "by": person.id},
    )
    return found.scalar_one()


async def withdraw(session: AsyncSession, person: PersonSignedIn, application_id: int) -> None:
    """Take one's own application back while nobody has decided. Raises ApplicationMoved."""
    found = await session.execute(
        text(
            "UPDATE pool_application SET state = 'withdrawn', revision = revision + 1, decided_at = now()"
            " WHERE id = :id AND enterprise_id = :enterprise AND state = 'open' RETURNING id"
        ),
        {"id": application_id, "enterprise": own_id(person)},
    )
    if found.scalar() is None:
        raise ApplicationMoved


async def decide(
    session: AsyncSession, application_id: int, revision: int, state: str, reason: str, *, by: int
) -> Mapping[str, Any]:
    """Accept an application into the pool's first stage, or refuse it with a reason. In the officer's unit of work.

    Raises:
        ReasonMissing: refused without one.
        ApplicationMoved: decided, withdrawn or changed meanwhile, or not the officer's to see.
    """
    if state == "refused" and not reason.strip():
        raise ReasonMissing("不予受理须写明理由，企业会看到。本次没有办理。")
    found = await session.execute(
        text(
            "UPDATE pool_application SET state = :state, reason = :reason, revision = revision + 1, decided_by = :by,"
            " decided_at = now() WHERE id = :id AND revision = :revision AND state = 'open' RETURNING *"
        ),
        {"state": state, "reason": reason.strip()[:1000], "by": by, "id": application_id, "revision": revision},
    )
    row = found.mappings().first()
    if row is None:
        raise ApplicationMoved
    if state == "accepted":
        await enter(session, row["programme"], row["year"], [row["enterprise_id"]], by=by, reason="企业申请入库")
    return dict(row)


_FIELDS: Final = "SELECT a.*, e.name, e.credit_code, e.region_code FROM pool_application a JOIN enterprise e ON e.id = a.enterprise_id"


async def applications_of(session: AsyncSession, enterprise_id: int) -> list[dict[str, Any]]:
    """The applications of an enterprise, the latest first."""
    found = await session.execute(
        text(f"{_FIELDS} WHERE a.enterprise_id = :id ORDER BY a.id DESC LIMIT 100"), {"id": enterprise_id}
    )
    return [dict(row) for row in found.mappings()]


async def application_of(session: AsyncSession, application_id: int) -> dict[str, Any] | None:
    """One application; None where there is none that the reader may see."""
    found = await session.execute(text(f"{_FIELDS} WHERE a.id = :id"), {"id": application_id})
    row = found.mappings().first()
    return dict(row) if row is not None else None


async def list_applications(
    session: AsyncSession, state: str = "", programme: str = "", after: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """Applications in the order in which they came, those after an id."""
    found = await session.execute(
        text(
            f"{_FIELDS} WHERE a.id > :after AND (:state = '' OR a.state = :state)"
            " AND (:programme = '' OR a.programme = :programme) ORDER BY a.id LIMIT :limit"
        ),
        {"after": after, "state": state, "programme": programme, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]
