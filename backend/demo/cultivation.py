"""The demo's pools and service files: invented, written through the services that officers write through."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.actions import (
    ActionDraft,
    PolicyDraft,
    StepDraft,
    VisitDraft,
    note_policy,
    note_visit,
    open_action,
    plan_steps,
    save_action,
)
from backend.cultivation.candidates import candidates
from backend.cultivation.service import Seen, enter, move
from backend.cultivation.stages import Stage
from backend.eligibility.service import evaluate
from rules.library import Library

POOLS = ("hnte", "tech_sme", "srdi_sme", "js_gazelle")
#: Enterprises of a pool that get a service file with something in it.
FILES_A_POOL = 6
FEN_PER_WAN = 1_000_000
_TALKS = (
    "企业研发投入逐年增加，但研发费用辅助账不规范，已现场指导归集口径。",
    "主导产品已小批量供货，拟今年申报发明专利两项；缺高级工程师。",
    "去年营收下滑，主要是下游订单减少；今年一季度已回升。",
    "厂房二期建设中，关注用地指标和技改补贴。",
)
_PROBLEMS = (
    ("rd_accounts", "研发费用归集口径与税务不一致", "科技局规划科"),
    ("talent", "缺热处理方向高级工程师两名", "人社局人才科"),
    ("finance", "流动资金紧张，希望对接科技贷款", "金融办"),
    ("technology", "需要高校合作攻关密封件耐温", "生产力促进中心"),
)


async def cultivate(session: AsyncSession, library: Library, today: date) -> int:
    """Fill this year's pools out of what the engine proposes. Returns the number of entries."""
    entered, filed = 0, set[int]()
    for programme in POOLS:
        ready = [one.row["id"] for one in await candidates(session, library, programme, today.year, "ready", today)]
        near = [one.row["id"] for one in await candidates(session, library, programme, today.year, "near", today)][:12]
        await evaluate(session, ready, library, today)
        entries = await enter(session, programme, today.year, [*ready, *near], by=None, reason="测评发现")
        entered += len(entries)
        await _move_on(session, entries, today)
        files = [number for number in [*ready, *near] if number not in filed][:FILES_A_POOL]
        filed |= set(files)
        await _open_files(session, programme, files, today)
    return entered


async def _move_on(session: AsyncSession, entries: Sequence[int], today: date) -> None:
    """Some are cultivated, some recommended, one left."""
    cultivated = [Seen(entry, 1) for entry in entries[: len(entries) * 2 // 3]]
    await move(session, cultivated, Stage.CULTIVATED, "已建服务档案", by=None, on=today, most_days=30)
    recommended = [Seen(entry, 2) for entry in entries[: len(entries) // 4]]
    await move(session, recommended, Stage.RECOMMENDED, "", by=None, on=today, most_days=30)
    if entries:
        await move(session, [Seen(entries[-1], 1)], Stage.OUT, "企业拟整体迁出本市", by=None, on=today, most_days=30)


async def _open_files(session: AsyncSession, programme: str, enterprises: Sequence[int], today: date) -> None:
    for place, number in enumerate(enterprises):
        await plan_steps(
            session,
            number,
            [
                StepDraft("规范研发费用辅助账，完成专项审计", today + timedelta(days=45 + place), programme),
                StepDraft("申请与主导产品相关的发明专利 1 项", today + timedelta(days=90 - 20 * place), programme),
            ],
            by=None,
        )
        await note_visit(
            session,
            number,
            VisitDraft(today - timedelta(days=12 + place), "on_site", "演示走访员", "企业负责人", _TALKS[place % len(_TALKS)], "两周内回访"),
            by=None,
        )  # fmt: skip
        topic, content, owner = _PROBLEMS[place % len(_PROBLEMS)]
        action = await open_action(
            session,
            number,
            ActionDraft("need" if topic in ("talent", "technology") else "problem", topic, content, today - timedelta(days=12), owner, today + timedelta(days=10 * place - 10)),
            by=None,
        )  # fmt: skip
        if place % 3 == 1:
            answer = {"status": "solved", "answer": "已对接，企业确认解决。"}
            await save_action(session, number, action, 1, answer, by=None)
        if place % 2 == 0:
            policy = PolicyDraft(
                "研发投入奖补（演示）", "〔虚构〕1号", today - timedelta(days=200), (20 + place) * FEN_PER_WAN
            )
            await note_policy(session, number, policy, by=None)


async def hand_out(session: AsyncSession) -> None:
    """Let each district's officer answer for the entries there, the city's for the others; a third stays open."""
    await session.execute(
        text(
            "UPDATE pool_entry p SET officer_id = coalesce("
            "(SELECT min(id) FROM person WHERE role = 'district_officer' AND region_code = e.region_code),"
            " (SELECT min(id) FROM person WHERE role = 'city_officer')) FROM enterprise e"
            " WHERE e.id = p.enterprise_id AND p.officer_id IS NULL AND p.id % 3 <> 0"
        )
    )
