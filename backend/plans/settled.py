"""What the print leaves open and staff settle in a plan's versions: whose word a numerator takes, how near is 左右."""

from collections.abc import Callable

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.versions import Version, version_named, versions_of
from backend.web.filters import day as shown_day
from rules.plan import Op, Plan, ShareOfEnterprises, Target, plain


def _numerator(target: Target) -> str:
    return target.count.numerator.label if isinstance(target.count, ShareOfEnterprises) else ""


def _tolerance(target: Target) -> str:
    return f"±{plain(target.tolerance)} {target.unit}" if target.tolerance is not None else ""


def choices_of(target: Target) -> list[tuple[str, Callable[[Target], str]]]:
    """The choices that a target leaves: what each is called, and how it is read."""
    if isinstance(target.count, ShareOfEnterprises):
        return [("分子口径", _numerator)]
    return [("容差", _tolerance)] if target.op is Op.ABOUT else []


async def settled(session: AsyncSession, plan: Plan, target: Target) -> list[tuple[str, str]]:
    """Each choice with what holds, and who settled it when, for a page."""
    return [(name, await _told(session, plan, target, read)) for name, read in choices_of(target)]


async def _told(session: AsyncSession, plan: Plan, target: Target, read: Callable[[Target], str]) -> str:
    holds = read(target) or "未设定，只列数、不评判"
    made_in = await _made_in(session, plan, target, read)
    if made_in is None:
        return f"{holds}（原文未说，默认；可由市级在“修订”里选定）"
    by = f"{made_in.recorded_by} " if made_in.recorded_by else ""
    return f"{holds}（原文未说；{by}{shown_day(made_in.recorded_at)} 第 {made_in.number} 版选定）"


async def _made_in(session: AsyncSession, plan: Plan, target: Target, read: Callable[[Target], str]) -> Version | None:
    """The version in which the choice that holds was made; None where it is as it was in the first."""
    known = await versions_of(session, plan.id)
    made_in: Version | None = None
    before: str | None = None
    for one in reversed(known):
        as_then = (await version_named(session, plan.id, one.number)).by_id.get(target.id)
        value = None if as_then is None else read(as_then)
        if before is not None and value is not None and value != before:
            made_in = one
        before = value if value is not None else before
        if as_then == target:
            break
    return made_in
