"""Two files side by side, for whoever must say whether they are of one enterprise and which is to remain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.enterprise_file import EnterpriseFile, enterprise_file
from backend.enterprises.labels import Names
from backend.enterprises.lineage import STATUSES
from rules.library import Library
from rules.values import FactKey

#: What is only counted: table → what its rows are called.
_COUNTED: Final = {
    "filing": "填报", "pool_entry": "培育库条目", "service_visit": "走访", "service_step": "培育步骤",
    "service_action": "诉求与问题", "policy_enjoyed": "享受政策", "attachment": "佐证材料", "tax_authorisation": "数据授权",
    "person": "企业账号",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One thing that both files say something of."""

    label: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        """Whether both say something, and not the same."""
        return bool(self.left and self.right and self.left != self.right)


@dataclass(frozen=True)
class Section:
    """Things of a kind."""

    title: str
    lines: Sequence[Line]
    #: Lines that only one of the two says anything of; many, and nothing to weigh.
    others: Sequence[Line] = ()


async def compare(
    session: AsyncSession, left: Mapping[str, Any], right: Mapping[str, Any], library: Library
) -> list[Section]:
    """Who both are, what both hold and what both said, line by line; what neither knows is left out."""
    names = Names(library)
    files = [await enterprise_file(session, row, library, today()) for row in (left, right)]
    counts = [await _counts(session, row["id"]) for row in (left, right)]
    entries = [await _entries(session, row["id"], names) for row in (left, right)]
    sections = [
        Section("身份", _pair([_identity(one, names) for one in files])),
        Section("认定", _pair([_titles(one, names) for one in files])),
        Section("培育库与台账", _pair(entries)),
        _of_facts(_pair([_facts(one, names) for one in files])),
        Section("其他记录（条）", _pair(counts)),
    ]
    return [one for one in sections if one.lines or one.others]


def _of_facts(lines: Sequence[Line]) -> Section:
    """What both say, differences first; the rest apart."""
    both = sorted((one for one in lines if one.left and one.right), key=lambda one: not one.differs)
    return Section("数据（按来源）", both, [one for one in lines if not (one.left and one.right)])


def _pair(sides: Sequence[Mapping[str, str]]) -> list[Line]:
    labels = dict.fromkeys(label for side in sides for label in side)
    lines = [Line(label, sides[0].get(label, ""), sides[1].get(label, "")) for label in labels]
    return [one for one in lines if one.left or one.right]


def _identity(file: EnterpriseFile, names: Names) -> dict[str, Any]:
    row = file.row
    return {
        "名称": row["name"], "统一社会信用代码": row["credit_code"] or "", "状态": STATUSES.get(row["status"], row["status"]),
        "曾用名": "；".join(one.name for one in file.names if one.used_to),
        "其他号码": "；".join(value for _, value in file.identifiers),
        "市（区）": names.region(row["region_code"]) if row["region_code"] else "", "镇街": row["town"], "园区": row["park"],
        "地址": row["address"], "行业": names.industry(row["industry_code"]) if row["industry_code"] else "",
        "成立日期": str(row["established_on"] or ""), "产业链": "、".join(file.chains),
        "规上工业": {True: "是", False: "否"}.get(row["is_above_scale"], ""),
        "上市板块": names.board(row["listing_board"]) if row["listing_board"] else "",
    }  # fmt: skip


def _titles(file: EnterpriseFile, names: Names) -> dict[str, str]:
    held: dict[str, list[str]] = {}
    for one in file.titles:
        until = f"，至 {one.valid_to}" if one.valid_to else ""
        ended = f"，{one.revoked_on} 取消" if one.revoked_on else ""
        held.setdefault(names.programme(one.programme), []).append(
            f"{one.granted_on} {one.number}{until}{ended}".strip()
        )
    return {programme: "；".join(told) for programme, told in held.items()}


def _facts(file: EnterpriseFile, names: Names) -> dict[str, str]:
    told: dict[str, str] = {}
    for figure in file.yearly:
        for year, said in sorted(figure.said.items(), reverse=True):
            words = "；".join(f"{one.value}（{names.source(one.source)}，{one.received_on}）" for one in said)
            told[names.fact(FactKey(figure.indicator.id, year))] = words
    for one in file.current:
        if one.said:
            told[one.indicator.name] = "；".join(
                f"{_short(one.indicator.choices.get(str(s.value), s.value))}（{names.source(s.source)}）"
                for s in one.said
            )
    return told


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return f"{len(value)} 条记录" if isinstance(value, list) else str(value)


async def _counts(session: AsyncSession, enterprise_id: int) -> dict[str, str]:
    held: dict[str, str] = {}
    for table, label in _COUNTED.items():
        if await session.scalar(text("SELECT has_table_privilege(:table, 'SELECT')"), {"table": table}):
            many = await session.scalar(
                text(f"SELECT count(*) FROM {table} WHERE enterprise_id = :id"), {"id": enterprise_id}
            )
            held[label] = str(many) if many else ""
    return held


async def _entries(session: AsyncSession, enterprise_id: int, names: Names) -> dict[str, Any]:
    stages = {
        "discovered": "发现", "cultivated": "培育", "recommended": "推荐", "recognised": "认定", "out": "出库",
    }  # fmt: skip
    pool = await session.execute(
        text("SELECT programme, year, stage FROM pool_entry WHERE enterprise_id = :id ORDER BY year DESC, programme"),
        {"id": enterprise_id},
    )
    held = {f"培育库 {names.programme(row.programme)} {row.year}": stages.get(row.stage, row.stage) for row in pool}
    registers = await session.execute(
        text(
            "SELECT register_id, string_agg(name, '；' ORDER BY name) AS names FROM register_entry"
            " WHERE enterprise_id = :id AND superseded_at IS NULL AND NOT is_withdrawn GROUP BY register_id ORDER BY 1"
        ),
        {"id": enterprise_id},
    )
    return held | {f"台账 {row.register_id}": row.names for row in registers}
