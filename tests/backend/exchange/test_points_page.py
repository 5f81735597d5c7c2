"""The page of an enterprise's points: every issuer, version and revision, and what ours come to."""

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise

ROWS = """
INSERT INTO points_result (enterprise_id, points_system, year, revision, version, base, bonus, total, details, issued_on) VALUES
(:id, 'most_2_0', 2025, 1, '2025-10-29', 80, 5, 85, '{}', '2026-06-15'),
(:id, 'most_2_0', 2025, 2, '2025-10-29', 81, 5, 86.4,
 '{"categories": {"投入": 33}, "indicators": [{"name": "研发投入强度", "points": 17.25, "reason": "8.1%"}],
   "doubts": ["基础分 81 加加分 5 不等于总分 86.4"]}', '2026-07-15'),
(:id, 'miit_torch', 2025, 1, '2025', 71, NULL, 71, '{}', '2026-06-15'),
(:id, 'most_2_0', 2024, 1, '2025-10-29', 60, 1, 61, '{}', '2025-06-15')
"""


async def test_issuers_versions_revisions_and_parts_stand_side_by_side(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    code = make_code()
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, credit_code=code, region_code="321281")
        await session.execute(text(ROWS.replace(":id", str(number)).replace(":", "\\:")))
    district = await client_as("district_officer", region="321281")
    shown = (await district.get(f"/enterprises/{code}/points?year=2025")).text
    for words in (
        "科技部 2.0 版", "工信部火炬中心平台", "86.4", "（前一版）", "研发投入强度", "17.25", "不等于总分", "没有权重", "不能测算",
    ):  # fmt: skip
        assert words in shown, words
    assert "2024 年" in shown
    other = await client_as("district_officer", region="321282")
    assert (await other.get(f"/enterprises/{code}/points")).status_code == 404
