"""The demo's enterprise with an account of its own: messages, an application, a need, a draft. All of it invented."""

from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn, Role
from backend.access.service import add_person
from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.demo.cultivation import POOLS
from backend.enterprises.labels import programme_choices
from backend.filings.queries import facts_as_given, facts_of
from backend.own_file.applications import Wanted, apply
from backend.own_file.figures import save_draft
from backend.own_file.needs import raise_need
from backend.own_file.threads import Writer, open_thread, write
from backend.self_check.entries import name_of
from rules.library import library
from rules.values import FactKey

_NAME: Final = "企业演示员"
#: Figures that the draft begins with, as far as the registry holds them.
_DRAFTED: Final = ("sales_revenue", "rd_expense_hnte", "employee_total")


async def open_own_file(engine: AsyncEngine, login: str, password: str) -> None:
    """Let an enterprise of 靖江 have an account, and let something have happened there; once."""
    async with owner_unit_of_work(engine) as session:
        if await session.scalar(text("SELECT EXISTS (SELECT FROM person WHERE login = :login)"), {"login": login}):
            return
        found = await session.execute(
            text(
                "SELECT e.id, e.credit_code FROM enterprise e JOIN recognition r ON r.enterprise_id = e.id"
                " WHERE e.region_code = '321282' AND r.valid_to > current_date AND e.credit_code IS NOT NULL"
                " GROUP BY e.id ORDER BY count(*) DESC, e.id LIMIT 1"
            )
        )
        row = found.first()
        if row is None:
            return
        person = (
            await add_person(session, login, _NAME, Role.ENTERPRISE, password=password, enterprise=row.credit_code)
        ).person
        officer = await session.scalar(text("SELECT min(id) FROM person WHERE role = 'city_officer'"))
    assert person.id is not None
    own = _signed_in(person.id, login, _NAME, Role.ENTERPRISE, row.id)
    async with unit_of_work(engine, Scope.enterprise(row.id, person.id)) as session:
        asked = await _write(session, own, today())
    if officer is not None:
        bureau = _signed_in(officer, "shi", "市级演示员", Role.CITY_OFFICER, None)
        async with unit_of_work(engine, Scope.city(officer)) as session:
            await write(
                session, asked, "〔演示〕今年的通知发布后会在这里告诉您，请先把研发费用辅助账整理好。", Writer(bureau)
            )
            words = "〔演示〕请核对库里登记的上一年度数据，有出入的请提出异议并附材料。"
            await open_thread(session, row.id, "请核对年度数据", words, Writer(bureau))


def _signed_in(number: int, login: str, name: str, role: Role, enterprise: int | None) -> PersonSignedIn:
    return PersonSignedIn(number, login, name, role, "", None, False, "", frozenset({role}), enterprise)


async def _write(session: AsyncSession, own: PersonSignedIn, on: date) -> int:
    """What the enterprise did so far; gives the thread in which it asks."""
    assert own.enterprise_id is not None
    rules = library()
    taken = set(
        (await session.execute(text("SELECT programme FROM recognition WHERE superseded_at IS NULL"))).scalars()
    )
    wanted = [name for name, _ in programme_choices(rules) if name not in taken and name not in POOLS]
    if wanted:
        words = "〔演示〕主导产品为密封件，近三年研发投入逐年增加，希望得到申报辅导。"
        await apply(session, own, Wanted(wanted[-1], on.year, words), rules)
    await raise_need(session, own, "need", "talent", "〔演示〕缺材料方向高级工程师两名，希望对接高校。", on)
    facts = (await facts_of(session, [own.enterprise_id], rules.catalogue))[own.enterprise_id]
    given, year = facts_as_given(facts, rules.catalogue), on.year - 1
    known = {name: given[name].get(str(year)) or given[name].get(str(year - 1)) for name in _DRAFTED if name in given}
    typed = {name_of(FactKey(name, year)): str(value) for name, value in known.items() if value is not None}
    await save_draft(session, own.enterprise_id, year, typed, by=own.id)
    return await open_thread(
        session, own.enterprise_id, "今年什么时候可以申报？", "〔演示〕想提前准备材料，请问何时受理？", Writer(own)
    )
