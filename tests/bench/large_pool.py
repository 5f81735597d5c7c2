"""The pool and the service files of a big city, invented beside the large registry: what some years of work leave.

In a million enterprises some 150,000 entries over six programmes and three years with what became of them, 200,000
needs and problems, 120,000 steps, 150,000 visits, and 230 officers who answer for them. All is drawn from the ids of
enterprises and entries, so that it is the same each time.
"""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from tests.bench.figure import tell

#: Officers of each district, and of the city.
OFFICERS, OF_CITY = 30, 20
#: Programme → one enterprise of so many is in its pool this year; in each of the two years before half as many were.
POOLS = {"hnte": 45, "tech_sme": 45, "innovative_sme": 45, "srdi_sme": 60, "js_gazelle": 250, "little_giant": 500}
#: Whoever measures as an officer is given enterprises and entries of their own (`any_filter.invent`): these.
_LEFT_FREE = "e.id % 40 <> 3 AND e.id % 50 > 4"


def _drawn(seed: str, below: str, of: str = "e.id") -> str:
    """SQL: a number from 0 on that looks like chance and is the same each time."""
    return f"((hashint8extended({of}, {seed}) & 1073741823) % {below})"


_PERSONS = f"""
INSERT INTO person (login, name, password_hash, role, region_code, is_active, must_change_password, failed_sign_ins)
SELECT format('invented-%s-%s', r.code, n), '办事员' || n, '!',
CASE r.code WHEN '' THEN 'city_officer' ELSE 'district_officer' END, r.code, true, false, 0
FROM (SELECT DISTINCT region_code::text AS code FROM enterprise UNION ALL SELECT '') AS r, generate_series(1, {OFFICERS}) AS n
WHERE r.code <> '' OR n <= {OF_CITY}
"""
_OFFICERS = (
    "JOIN (SELECT region_code, array_agg(id ORDER BY id) AS ids FROM person WHERE login ~ '^invented-'"
    " GROUP BY region_code) AS o ON o.region_code = e.region_code"
)
_ANSWERED_FOR = f"""
INSERT INTO enterprise_officer (enterprise_id, officer_id, assigned_at)
SELECT e.id, o.ids[1 + {_drawn("1", str(OFFICERS))}], now() FROM enterprise e {_OFFICERS}
WHERE {_LEFT_FREE} AND {_drawn("2", "40")} = 0
"""
_THIS_YEAR = "discovered,discovered,discovered,discovered,cultivated,cultivated,cultivated,recommended,recognised,out"
_BEFORE = "recognised,recognised,recognised,recognised,recognised,recognised,out,out,out,cultivated"
_OF_POOLS = ", ".join(f"('{name}', {number}, {one_of})" for number, (name, one_of) in enumerate(POOLS.items(), 1))
_ENTRIES = f"""
INSERT INTO pool_entry (enterprise_id, programme, year, stage, officer_id, note, revision, entered_at, moved_at)
SELECT e.id, k.programme, extract(year FROM CAST(:on AS date)) - back,
(string_to_array(CASE back WHEN 0 THEN '{_THIS_YEAR}' ELSE '{_BEFORE}' END, ','))[1 + {_drawn("3", "10")}],
CASE WHEN {_drawn("4", "10")} > 0 THEN o.ids[1 + {_drawn("1", str(OFFICERS))}] END, '', 2,
now() - back * interval '365 days' - interval '300 days',
now() - back * interval '365 days' - {_drawn("5 + back", "25920000")} * interval '1 second'
FROM enterprise e {_OFFICERS}, (VALUES {_OF_POOLS}) AS k (programme, number, one_of), generate_series(0, 2) AS back
WHERE {_LEFT_FREE} AND {_drawn("10 * k.number + back", "(k.one_of * CASE back WHEN 0 THEN 1 ELSE 2 END)")} = 0
"""
_MOVES = """
INSERT INTO pool_move (entry_id, enterprise_id, from_stage, to_stage, officer_id, reason, moved_by, moved_at)
SELECT p.id, p.enterprise_id, m.before, m.after, p.officer_id, '测评发现', p.officer_id, m.moved_at FROM pool_entry p,
LATERAL (VALUES ('', 'discovered', p.entered_at), ('discovered', p.stage, p.moved_at)) AS m (before, after, moved_at)
WHERE m.before <> m.after ORDER BY m.moved_at, p.id
"""
_STEPS = f"""
INSERT INTO service_step (enterprise_id, programme, criterion, title, due_on, officer_id, status, result, revision, created_at)
SELECT d.enterprise_id, d.programme, '', '补齐研发费用辅助账，核对科技人员名单', d.due_on, d.officer_id,
CASE WHEN d.due_on > :on OR d.chance = 0 THEN 'open' WHEN d.chance = 1 THEN 'dropped' ELSE 'done' END, '', 1, now()
FROM (SELECT p.*, CAST(:on AS date) - 300 + CAST({_drawn("8", "400", "p.id")} AS integer) AS due_on,
{_drawn("9", "30", "p.id")} AS chance FROM pool_entry p WHERE p.stage <> 'discovered') AS d
"""
_ACTIONS = f"""
INSERT INTO service_action (enterprise_id, kind, topic, content, raised_on, owner, due_on, status, answer, revision, created_at)
SELECT d.id, CASE d.chance % 2 WHEN 0 THEN 'need' ELSE 'problem' END,
(ARRAY['rd_accounts', 'ip', 'talent', 'finance', 'land_energy', 'technology', 'policy', 'other'])[1 + d.chance % 8],
'希望尽快落实研发贷款贴息，并派员辅导研发费用归集', CAST(:on AS date) - d.ago, '区科技局', CASE WHEN d.chance >= 10 THEN CAST(:on AS date) - d.ago + 60 END,
CASE WHEN d.ago > 70 AND d.chance > 1 THEN 'solved' ELSE (ARRAY['open', 'in_progress', 'referred', 'solved'])[1 + d.chance % 4] END,
'', 1, now() FROM (SELECT e.id, CAST({_drawn("n", "900")} AS integer) AS ago, {_drawn("30 + n", "100")} AS chance
FROM enterprise e, generate_series(1, 4) AS n WHERE {_drawn("6", "20")} = 0) AS d
"""
_VISITS = f"""
INSERT INTO service_visit (enterprise_id, visited_on, form, visitors, met, content, follow_up, recorded_at)
SELECT e.id, CAST(:on AS date) - CAST({_drawn("n", "700")} AS integer), 'on_site', '王敏、李强', '财务负责人',
'了解研发投入和订单情况，企业反映缺技术人员', '', now()
FROM (SELECT DISTINCT enterprise_id AS id FROM pool_entry) AS e, generate_series(1, 2) AS n
WHERE n = 1 OR {_drawn("7", "3")} = 0
"""
_WRITTEN = {
    "person": _PERSONS, "enterprise_officer": _ANSWERED_FOR, "pool_entry": _ENTRIES, "pool_move": _MOVES,
    "service_step": _STEPS, "service_action": _ACTIONS, "service_visit": _VISITS,
}  # fmt: skip


async def fill_pool(session: AsyncSession) -> None:
    """Write it all, past the triggers: the trace of it would be the most of the work."""
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    for table, statement in _WRITTEN.items():
        values = {"on": today()} if ":on" in statement else {}
        found = await session.execute(text(statement), values)
        tell(f"{found.rowcount:,} rows of {table} invented")  # type: ignore[attr-defined]
    await session.execute(text("SELECT rebuild_listed_work()"))
    for table in (*_WRITTEN, "pool_listed", "due_listed"):
        await session.execute(text(f"ANALYZE {table}"))
