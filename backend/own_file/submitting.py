"""What an enterprise says of itself: a year's figures, or that a fact is not so. Each is a filing, with a receipt.

NothingNew (Refusal)        409, word for word what was said before
NotContradicted (Refusal)   422, this fact cannot be contradicted so
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.eligibility.service import evaluate
from backend.exact_json import exact_json
from backend.filings.attachments import attach
from backend.filings.service import FilingDraft, file_each, project
from backend.own_file.bureau_side import SELF_DECLARED, as_bureau, own_id
from backend.own_file.figures import drop_draft
from backend.web.errors import Refusal
from rules.catalogue import Indicator, Period, Type
from rules.library import Library, library
from rules.translation import marked, say, speaking


class NothingNew(Refusal):
    """What was said is what the enterprise has said already."""

    slug = "nothing-new"
    title = marked("没有新的内容")


class NotContradicted(Refusal):
    """This fact is not the enterprise's to say."""

    status = 422
    slug = "not-contradicted"
    title = marked("不能这样提出异议")


@dataclass(frozen=True)
class Evidence:
    """A paper behind what is said."""

    content: bytes
    file_name: str
    kind: str


@dataclass(frozen=True)
class Contradiction:
    """What the enterprise holds to be so instead, why, and the paper that shows it."""

    indicator: Indicator
    #: The year of a yearly figure; None for what holds now.
    year: int | None
    #: In the unit of the official form.
    value: Any
    reason: str
    evidence: Evidence


def may_contradict(indicator: Indicator) -> bool:
    """Whether the enterprise may say the fact itself, and an officer decide where sources then disagree."""
    can_be_settled = indicator.type is not Type.LIST and "officer" in indicator.sources
    return can_be_settled and SELF_DECLARED in indicator.sources and not indicator.derived_wins


async def submit_figures(
    session: AsyncSession, person: PersonSignedIn, year: int, values: Mapping[str, Any], library: Library, on: date
) -> int:
    """File a year's figures as the enterprise's own word; its draft is done with. Returns the receipt.

    Raises:
        NothingNew: all of it was said before.
        FilingRefused: a value is not of its indicator.
    """
    draft = FilingDraft(own_id(person), SELF_DECLARED, year, values, on, f"企业账号报送 {year} 年度数据")
    receipt = await _file(session, person, draft, library, "figures", "", {})
    await drop_draft(session, own_id(person), year)
    return receipt


async def contradict(
    session: AsyncSession, person: PersonSignedIn, said: Contradiction, library: Library, on: date
) -> int:
    """File that a fact is otherwise than the registry holds, with the paper that shows it. Returns the receipt.

    Raises:
        NotContradicted: it is none of the facts that enterprises report.
        NothingNew: the enterprise has said so already.
        PaperRefused: the paper is no file that is taken.
        FilingRefused: the value is not of the indicator.
    """
    indicator = said.indicator
    if not may_contradict(indicator):
        raise NotContradicted(say("“{name}”不由企业填报，请用“消息”说明情况并联系科技部门核对。", name=indicator.name))
    year = said.year if indicator.period is Period.YEARLY else None
    draft = FilingDraft(
        own_id(person), SELF_DECLARED, year, {indicator.id: said.value}, on, f"企业提出异议：{said.reason}"
    )
    paper = {"evidence": said.evidence.file_name, "sha256": sha256(said.evidence.content).hexdigest()}
    told = {"reason": said.reason, **paper}
    receipt = await _file(session, person, draft, library, "contradiction", indicator.id, told)
    filing = await session.scalar(text("SELECT filing_id FROM receipt WHERE id = :id"), {"id": receipt})
    await attach(
        session, own_id(person), said.evidence.content, said.evidence.file_name, said.evidence.kind,
        about=f"对“{_in_chinese(indicator)}”提出异议", filing_id=filing, attached_by=person.id,
    )  # fmt: skip
    return receipt


def _in_chinese(indicator: Indicator) -> str:
    """An indicator's name as officers read it, whatever language the enterprise speaks."""
    with speaking("zh"):
        return library().catalogue.by_name[indicator.id].name


async def _file(
    session: AsyncSession,
    person: PersonSignedIn,
    draft: FilingDraft,
    library: Library,
    kind: str,
    indicator: str,
    told: Mapping[str, Any],
) -> int:
    """Append the filing, bring up to date what follows from it, and leave the receipt."""
    number = draft.enterprise_id
    # What holds now, and where sources disagree, is the bureau's to write.
    async with as_bureau(session, person):
        is_new = await file_each(session, [draft], library.catalogue, recorded_by=person.id)
        if not is_new[0]:
            raise NothingNew(say("填报的内容与贵单位上次报送的完全相同，没有重复登记。如有更正，请修改后再提交。"))
        await project(session, [number], library.catalogue)
        await evaluate(session, [number], library, draft.received_on)
    found = await session.execute(
        text("SELECT max(f.id) AS filing, e.credit_code, e.name FROM filing f JOIN enterprise e ON e.id = f.enterprise_id"
             " WHERE f.enterprise_id = :id AND f.source = :source AND f.recorded_by = :person"
             " GROUP BY e.credit_code, e.name"),
        {"id": number, "source": SELF_DECLARED, "person": person.id},
    )  # fmt: skip
    row = found.one()
    content = exact_json(
        {"credit_code": row.credit_code, "name": row.name, "kind": kind, "year": draft.year, "values": draft.values,
         "received_on": draft.received_on, "filing": row.filing, "login": person.login, **told}
    )  # fmt: skip
    written = await session.execute(
        text(
            "INSERT INTO receipt (enterprise_id, kind, indicator, year, filing_id, content, digest, submitted_by)"
            " VALUES (:id, :kind, :indicator, :year, :filing, :content, :digest, :by) RETURNING id"
        ),
        {
            "id": number, "kind": kind, "indicator": indicator, "year": draft.year, "filing": row.filing,
            "content": content, "digest": sha256(content.encode()).hexdigest(), "by": person.id,
        },
    )  # fmt: skip
    return written.scalar_one()
