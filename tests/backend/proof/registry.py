"""A small registry of two districts with something of everything, most of which most readers may not see."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.protection.contacts import ContactDraft, add_contact
from backend.clock import today
from backend.cultivation.actions import ActionDraft, StepDraft, VisitDraft, note_visit, open_action, plan_steps
from backend.cultivation.service import enter
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate
from backend.enterprises.merging import Merge, merge
from backend.exchange.clients import SCOPES
from backend.exchange.keys import keys_of
from backend.filings.attachments import attach
from backend.recognitions.proposing import propose_revocation
from backend.settings import Settings
from rules.library import library
from tests.backend.proof.planting import Group, Planted, plant
from tests.backend.web_client import signed_in_client
from tests.factories import column, make_code, make_enterprise, make_filing, make_recognition

#: The district and the park of whoever asks, and the district next to it.
OWN, OTHER = "321281", "321283"
PARK: Final = "泰兴高新区"


@dataclass(frozen=True)
class Secret:
    """What is told of some enterprises and in no request: a word in their texts, their sales in 万元, by two sources."""

    word: str
    sales: str
    #: What the tax office says they were.
    taxed: str

    @property
    def figures(self) -> tuple[str, ...]:
        return *_written(self.sales), *self.tax_figures

    @property
    def tax_figures(self) -> tuple[str, ...]:
        return _written(self.taxed)


def _written(figure: str) -> tuple[str, ...]:
    """万元 with commas and without, 元, 元 with commas, 分."""
    yuan = int(figure.replace(".", "")) * 100
    grouped = f"{figure[:-6]},{figure[-6:]}" if len(figure) > 6 else figure
    return figure, grouped, f"{yuan:,}", f"{yuan}00"


#: Of the enterprise that asks and of those like it; of the same district's outside the park; of the other district's.
OURS: Final = Secret("本家资料", "76543.21", "153086.42")
NEIGHBOURS: Final = Secret("邻园机密", "65432.19", "130864.38")
OTHERS: Final = Secret("隔壁机密", "87654.32", "175308.64")
#: What the bureau keeps of an enterprise and does not show it.
INSIDE: Final = "局内意见"
INSIDE_TABLES: Final = frozenset({"fact_flag_answer", "pool_move", "service_change", "service_step", "service_visit"})
SETTINGS: Final = Settings(
    public_requests_a_minute=10**9, sign_ins_a_minute=10**9, public_posts_per_minute=10**9,
    exchange_secret="for tests only",  # pyright: ignore[reportArgumentType]
)  # fmt: skip


@dataclass(frozen=True)
class Registry:
    """`known` names what exists, by the names of parameters and fields; `own` is an enterprise of the own district."""

    known: Mapping[str, list[Any]]
    #: What exists of the own enterprise, and of one of the other district's.
    ours: Mapping[str, list[Any]]
    others: Mapping[str, list[Any]]
    own: int
    other_ids: Sequence[int]
    planted: Planted
    #: Tables that were written to since it was last cleared.
    written: set[str] = field(default_factory=set[str])


async def make_registry(app: FastAPI) -> Registry:
    """Write it all, committed."""
    engine: AsyncEngine = app.state.engine
    async with owner_unit_of_work(engine) as session:
        ours, neighbours, others = [
            [
                await _enterprise(session, region, f"泰州{secret.word}{number}有限公司", secret, park)
                for number in range(3)
            ]
            for region, secret, park in ((OWN, OURS, PARK), (OWN, NEIGHBOURS, ""), (OTHER, OTHERS, ""))
        ]
        everybody = [*ours, *neighbours, *others]
        await enter(session, "hnte", today().year, everybody, by=1)
        for number in everybody:
            await _service_file(session, number)
        await evaluate(session, everybody, library(), today())
        for first, *_, last in (ours, neighbours, others):
            await merge(session, Merge(last, first, "同一家"), by=1)
            title = await column(session, "SELECT min(id) FROM recognition WHERE enterprise_id = :id", id=first)
            await propose_revocation(session, first, title[0], today(), "研发费用不足", 10**6)
    person = await _somebody(app)
    planted = await plant(
        engine,
        [
            Group(OURS.word, ours),
            Group(NEIGHBOURS.word, neighbours),
            Group(OTHERS.word, others, OTHER, person),
            Group(INSIDE, ours, tables=INSIDE_TABLES),
        ],
    )
    async with owner_unit_of_work(engine) as session:
        at_ours, at_others = await _things(session, ours[0], 0), await _things(session, others[0], person)
        codes = await column(session, "SELECT credit_code FROM enterprise")
        known = _known(at_ours, at_others, codes, person)
    return Registry(known, at_ours, at_others, ours[0], others, planted)


async def _enterprise(session: AsyncSession, region: str, name: str, secret: Secret, park: str = "") -> int:
    number = await make_enterprise(
        session, name=name, credit_code=make_code(region), region_code=region, park=park, chains=()
    )
    await make_filing(session, number, {"sales_revenue": Decimal(secret.sales), "rd_expense_hnte": 120})
    await make_filing(session, number, {"sales_revenue": Decimal(secret.taxed)}, source="tax")
    await make_recognition(session, number)
    await make_recognition(session, number, "tech_sme", today().replace(month=3, day=1))
    contact = ContactDraft("contact", f"{secret.word}张三", "13812345678")
    await add_contact(session, keys_of(SETTINGS), number, contact, 1)
    content = f"%PDF-1.4\n%{secret.word}\n%%EOF".encode()
    await attach(session, number, content, "审计报告.pdf", "audit_report", attached_by=1)
    return number


async def _service_file(session: AsyncSession, number: int) -> None:
    day = today()
    await plan_steps(session, number, [StepDraft("完善研发费用辅助账", day)], by=1)
    await note_visit(session, number, VisitDraft(day, "on_site", "王敏", "李四", "已现场指导"), by=1)
    await open_action(session, number, ActionDraft("problem", "finance", "要贷款", day, "金融办"), by=1)


async def _somebody(app: FastAPI) -> int:
    """An officer of the other district, who handed a file in and does not ask any more."""
    rows = f"企业名称,统一社会信用代码,所在地区\n泰州{OTHERS.word}有限公司,{make_code(OTHER)},兴化市\n甲,乙,丙\n"
    async with await signed_in_client(app, "district_officer", OTHER) as client:
        files = {"file": (f"{OTHERS.word}.csv", rows.encode(), "text/csv")}
        assert (await client.post("/imports", files=files, data={"layout": "enterprises"})).status_code == 303
    async with owner_unit_of_work(app.state.engine) as session:
        return (await column(session, "SELECT max(id) FROM person"))[0]


#: By the name of a parameter, how what exists of one enterprise is found.
_THINGS: Final = {
    "code": "SELECT credit_code FROM enterprise WHERE id = :id",
    "enterprise": "SELECT credit_code FROM enterprise WHERE id = :id",
    "enterprise_id": "SELECT id FROM enterprise WHERE id = :id",
    "ids": "SELECT id FROM enterprise WHERE id = :id",
    "recognition_id": "SELECT id FROM recognition WHERE enterprise_id = :id ORDER BY id",
    "attachment_id": "SELECT id FROM attachment WHERE enterprise_id = :id",
    "step_id": "SELECT id FROM service_step WHERE enterprise_id = :id",
    "action_id": "SELECT id FROM service_action WHERE enterprise_id = :id",
    "thread_id": "SELECT id FROM message_thread WHERE enterprise_id = :id",
    "application_id": "SELECT id FROM pool_application WHERE enterprise_id = :id",
    "contact_id": "SELECT id FROM enterprise_contact WHERE enterprise_id = :id",
    "merge_id": "SELECT id FROM enterprise_merge WHERE survivor_id = :id",
    "proposal_id": "SELECT id FROM proposal WHERE enterprise_id = :id",
    "code_id": "SELECT id FROM activation_code WHERE enterprise_id = :id",
    "entry_id": "SELECT id FROM pool_entry WHERE enterprise_id = :id UNION ALL"
    " SELECT thing_id FROM register_entry WHERE enterprise_id = :id",
    "entry": "SELECT thing_id FROM register_entry WHERE enterprise_id = :id",
    "number": "SELECT id FROM receipt WHERE enterprise_id = :id",
    "import_id": "SELECT id FROM import_run WHERE :person > 0",
    "export_id": "SELECT id FROM export_job WHERE person_id = :person",
    "view_id": "SELECT id FROM saved_view WHERE person_id = :person",
}  # fmt: skip


async def _things(session: AsyncSession, number: int, person: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, query in _THINGS.items():
        asked = {one: value for one, value in (("id", number), ("person", person)) if re.search(f":{one}\\b", query)}
        found[name] = list((await session.execute(text(query), asked)).scalars())
    return {name: values for name, values in (found | _WORDS).items() if values}


#: What the program itself calls things.
_WORDS: Final[dict[str, list[Any]]] = {
    "plan": ["P000", "P001", "P002"], "plan_id": ["P000", "P001", "P002"],
    "target": ["T000-01", "T000-02", "T001-01", "T001-05", "T002-01"], "target_id": ["T000-01", "T000-02", "T001-01"],
    "programme": ["hnte", "tech_sme", "hnte@2016", "srdi_sme"], "indicator": ["sales_revenue", "rd_expense_hnte"],
    "name": ["sales_revenue", "hnte"], "criterion": ["H4"], "register": ["institutions", "platforms"],
    "register_id": ["institutions", "platforms"], "kind": ["xlsx", "csv", "docx"], "list_id": ["suke-loan"],
    "system": ["tax", "credit"], "quarter": ["2026Q3"], "item": ["1"], "item_id": ["1"],
}  # fmt: skip


def _known(
    ours: Mapping[str, list[Any]], others: Mapping[str, list[Any]], codes: list[Any], person: int
) -> dict[str, list[Any]]:
    both = {name: [*ours.get(name, []), *others.get(name, [])] for name in {**ours, **others}}
    return both | _WORDS | {
        "code": [*codes, *both["enterprise_id"]], "enterprise": codes, "thing_id": [1, 2, *both["entry"]], "year": [today().year, 2025, 2024],
        "region": [OWN, OTHER, "321200"], "region_code": [OWN, OTHER], "person_id": [person], "role_id": [1],
        "position": [1, 2], "verb": ["correct", "promote", "retry", "pause"], "revision": [1, 2], "scope": list(SCOPES),
        "stage": ["cultivated", "out"], "sort": ["name", "-name"], "on": [today().isoformat(), "2025-12-31"], "page": [1, 2],
        "limit": [1, 10], "q": ["机械", "有限公司"], "tab": [""], "granted_on": ["2025-11-06"], "revoked_on": ["2026-03-01"],
        "valid_to": ["2028-12-31"], "cursor": [""], "values": [{"sales_revenue": {"2025": 1}}, {"sales_revenue": 12}],
        "reason": ["核实"], "token": ["x" * 43], "park": [PARK],
    }  # fmt: skip
