"""Plans as staff write them: a version is a whole plan, numbered, with who wrote it and when; none is overwritten.

A version is checked as a plan file is, and held against all other plans, before it is kept. What the program brings
along is version 0.

PlanRefused
├── PlanInvalid      something in it cannot be; every problem on a line of its own
└── PlanMeanwhile    somebody else wrote a version since this one was opened
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

import yaml
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.documents import know_written, plans, plans_of_files, slugs
from backend.plans.territories import note_territory
from backend.web.errors import NotFound, Refusal
from rules.library import library
from rules.plan import Plan
from rules.plan_files import PLANS_FOLDER, check_references, programmes_counted, read_document, read_plan
from rules.plan_problems import PlanError

#: New plans are numbered from here, so that they never meet those of the program.
FIRST_OWN = 100
Document = dict[str, Any]


class PlanRefused(Refusal):
    """A plan that is not kept."""

    status = 422
    slug = "plan-refused"
    title = "规划没有保存"


class PlanInvalid(PlanRefused):
    """Something in the plan cannot be."""

    @property
    def problems(self) -> list[str]:
        """The problems, one each."""
        return str(self).splitlines()


class PlanMeanwhile(PlanRefused):
    """Somebody else wrote a version since this one was opened."""

    status = 409
    slug = "plan-changed-meanwhile"


@dataclass(frozen=True)
class Version:
    """A version of a plan; 0 is the program's own file."""

    plan: str
    number: int
    note: str
    recorded_at: datetime | None
    #: Who wrote it, by name; empty for the program's own and for what came over the command line.
    recorded_by: str


async def know_plans(session: AsyncSession, known_at: datetime | None = None) -> None:
    """Let the rest of the request know the plans in their latest versions, or in those that held at a moment.

    A plan that staff wrote only later is known in its first version: something must be said of what is asked about it.
    """
    latest = "SELECT DISTINCT ON (plan) plan, document FROM plan_version ORDER BY plan, number DESC"
    at_a_moment = (
        "SELECT DISTINCT ON (plan) plan, document FROM plan_version WHERE recorded_at <= :known_at"
        " OR (number = 1 AND plan <> ALL(CAST(:of_files AS text[]))) ORDER BY plan, number DESC"
    )
    asked: dict[str, Any] = {} if known_at is None else {"known_at": known_at, "of_files": list(plans_of_files())}
    found = await session.execute(text(latest if known_at is None else at_a_moment), asked)
    know_written({name: _parsed(name, document) for name, document in found})


@dataclass(frozen=True)
class Held:
    """Which version of a plan held at a moment, and the latest there is."""

    number: int
    latest: int

    @property
    def in_words(self) -> str:
        """That the targets are those of an older version; empty where they are today's."""
        if self.number == self.latest:
            return ""
        which = f"第 {self.number} 版" if self.number else "程序自带的一版"
        return f"目标按数据时点时的规划{which}；其后修订（现行第 {self.latest} 版）不影响这里的数。"


async def held_at(session: AsyncSession, plan_id: str, known_at: datetime | None) -> Held:
    """Which version of a plan held at a moment; None is now."""
    known = await versions_of(session, plan_id)
    first = known[-1].number
    held = (one.number for one in known if known_at is None or one.recorded_at is None or one.recorded_at <= known_at)
    return Held(next(held, first), known[0].number)


@lru_cache(maxsize=64)
def _parsed(name: str, document: str) -> Plan:
    return read_plan(read_document(document, name), name)


async def versions_of(session: AsyncSession, plan_id: str) -> list[Version]:
    """All versions of a plan, the latest first."""
    found = await session.execute(
        text(
            "SELECT v.number, v.note, v.recorded_at, o.name FROM plan_version v LEFT JOIN officers() o"
            " ON o.id = v.recorded_by WHERE v.plan = :plan ORDER BY v.number DESC"
        ),
        {"plan": plan_id},
    )
    written = [Version(plan_id, number, note, at, by or "") for number, note, at, by in found]
    return [*written, Version(plan_id, 0, "程序自带", None, "")] if plan_id in plans_of_files() else written


async def document_of(session: AsyncSession, plan_id: str, number: int | None = None) -> tuple[int, Document]:
    """A plan's text as a plan file has it, in a version or in the latest, with the version's number.

    Raises:
        NotFound: there is no such version.
    """
    found = await session.execute(
        text(
            "SELECT number, document FROM plan_version WHERE plan = :plan"
            " AND (CAST(:number AS integer) IS NULL OR number = :number) ORDER BY number DESC LIMIT 1"
        ),
        {"plan": plan_id, "number": number},
    )
    row = found.first()
    if row is not None:
        return row.number, read_document(row.document, plan_id)
    names = {of_plan: name for name, of_plan in slugs().items()}
    if number in (None, 0) and plan_id in names:
        path = PLANS_FOLDER / f"{names[plan_id]}.yaml"
        return 0, read_document(path.read_text(encoding="utf-8"), path.name)
    raise NotFound(f"规划 {plan_id} 没有第 {number} 版。")


async def version_named(session: AsyncSession, plan_id: str, number: int) -> Plan:
    """A plan as one of its versions has it.

    Raises:
        NotFound: there is no such version.
    """
    found, document = await document_of(session, plan_id, number)
    return read_plan(document, f"{plan_id} 第 {found} 版")


async def next_plan_id(session: AsyncSession) -> str:
    """The number of the next plan that staff write."""
    # A plan that waits for a second person has its number already.
    waiting = "SELECT payload ->> 'plan' FROM proposal WHERE kind = 'plan.change' AND state = 'open'"
    found = await session.execute(text(f"SELECT plan FROM plan_version UNION {waiting}"))
    taken = {int(name[1:]) for name in (*found.scalars(), *plans_of_files())}
    return f"P{next(number for number in range(FIRST_OWN, 1000) if number not in taken):03d}"


def parsed(content: str, name: str) -> Document:
    """A plan file's text as a document.

    Raises:
        PlanInvalid: it is no YAML, or no plan file.
    """
    try:
        document = read_document(content, name)
    except PlanError as problem:
        raise PlanInvalid(str(problem)) from problem
    if not isinstance(document, dict):
        raise PlanInvalid(f"{name} 不是规划文件：最外层应为“键: 值”。可先用 tidu plans export 导出一份照着写。")
    return cast("Document", document)


def check(document: Document) -> Plan:
    """The plan that a document is.

    Raises:
        PlanInvalid: something in it cannot be, or does not fit the other plans.
    """
    name = str(document.get("id", "规划"))
    try:
        plan = read_plan(document, name)
        check_references({**plans(), plan.id: plan})
    except PlanError as problem:
        raise PlanInvalid("\n".join(line.removeprefix(f"{name}：") for line in str(problem).splitlines())) from problem
    # Lists that no rule speaks of (the top 500) are counted by plans already; a new name is a misspelling.
    known = set(library().by_name).union(*(programmes_counted(one) for one in plans().values()))
    if unknown := sorted(programmes_counted(plan) - known):
        raise PlanInvalid(f"规则库里没有认定项目 {'、'.join(unknown)}，请改正 count 或先建立规则。")
    return plan


async def keep(
    session: AsyncSession, document: Document, *, based_on: int | None, note: str = "", recorded_by: int | None = None
) -> Version:
    """Keep a plan as its next version. Returns the version.

    Args:
        based_on: the version that was changed; None for a new plan.

    Raises:
        PlanRefused: one of the family above, with what to do in Chinese.
    """
    plan = check(document)
    await session.execute(text("LOCK TABLE plan_version IN SHARE ROW EXCLUSIVE MODE"))
    known = await versions_of(session, plan.id)
    latest = known[0].number if known else None
    if based_on != latest:
        told = f"现在是第 {latest} 版" if latest is not None else "这份规划还没有"
        raise PlanMeanwhile(f"{plan.id} 已被他人修改（{told}），您的改动没有保存。请对照现行版，再改一次。")
    number = 1 if latest is None else latest + 1
    await session.execute(
        text(
            "INSERT INTO plan_version (plan, number, document, note, recorded_by)"
            " VALUES (:plan, :number, :document, :note, :by)"
        ),
        {"plan": plan.id, "number": number, "document": written(document), "note": note.strip(), "by": recorded_by},
    )
    await note_territory(session, plan)
    await know_plans(session)
    return (await versions_of(session, plan.id))[0]


class _Dumper(yaml.SafeDumper):
    """YAML with exact numbers as people write them."""


_Dumper.add_representer(
    Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", format(value, "f"))
)


def written(document: Mapping[str, Any]) -> str:
    """A document as the text of a plan file."""
    return yaml.dump(dict(document), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def as_json(version: Version) -> dict[str, Any]:
    """A version for programs."""
    return {
        "plan": version.plan, "number": version.number, "note": version.note,
        "recorded_at": None if version.recorded_at is None else version.recorded_at.isoformat(),
        "recorded_by": version.recorded_by,
    }  # fmt: skip


def plain_document(document: Mapping[str, Any]) -> Document:
    """A document without its short cuts in dates, for forms: days as text."""
    return json.loads(
        json.dumps(dict(document), default=lambda one: one.isoformat() if isinstance(one, date) else str(one))
    )
