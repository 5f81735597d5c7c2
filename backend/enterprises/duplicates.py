"""Which files may be of one enterprise 疑似重复: a list for people to look through, never for the program to decide.

Each rule is one statement over the whole registry and gives pairs; what somebody has looked at and kept apart is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import parse_name, similarity
from backend.enterprises.pinyin import full_pinyin

#: Pairs that one rule gives at most: nobody looks through more before some are dealt with.
MOST: Final = 200
#: So alike are two names with the same pinyin letters that one may be a slip of the other.
_ALIKE: Final = 0.72

#: The nine characters of an organisation in a credit code: they stay when the code is issued anew.
_ORGANISATION = "substr({0}.credit_code, 9, 9)"
BOTH_OPEN: Final = "a.status NOT IN ('merged', 'withdrawn') AND b.status NOT IN ('merged', 'withdrawn')"

#: Nobody has said of a pair `p` that they are two.
NOT_APART: Final = "NOT EXISTS (SELECT FROM enterprise_apart x WHERE x.one_id = least(p.one, p.other) AND x.other_id = greatest(p.one, p.other))"


@dataclass(frozen=True)
class Rule:
    """A way in which two files may be one: what it is called, and the SQL of its pairs (one, other)."""

    label: str
    sql: str
    #: Looks at the two names once more.
    agrees: Callable[[str, str], bool] | None = None


def _sound_alike(one: str, other: str) -> bool:
    stems = [parse_name(name).stem or name for name in (one, other)]
    return full_pinyin(stems[0]) == full_pinyin(stems[1]) and similarity(one, other) >= _ALIKE


RULES: Final[Mapping[str, Rule]] = {
    "number": Rule(
        "同一旧代码或旧号码",
        "SELECT i.enterprise_id AS one, o.enterprise_id AS other FROM enterprise_identifier i JOIN enterprise_identifier o"
        " ON o.value = i.value AND o.enterprise_id > i.enterprise_id"
        " UNION SELECT i.enterprise_id, e.id FROM enterprise_identifier i JOIN enterprise e ON e.credit_code = i.value"
        " AND e.id <> i.enterprise_id"
        " UNION SELECT i.enterprise_id, e.id FROM enterprise_identifier i JOIN enterprise e"
        f" ON i.kind = 'organisation_code' AND {_ORGANISATION.format('e')} = i.value AND e.id <> i.enterprise_id",
    ),
    "organisation": Rule(
        "统一社会信用代码中的主体标识码相同",
        "SELECT a.id AS one, b.id AS other FROM enterprise a JOIN enterprise b"
        f" ON {_ORGANISATION.format('a')} = {_ORGANISATION.format('b')} AND a.id < b.id",
    ),
    "name": Rule(
        "同名",
        "SELECT a.id AS one, b.id AS other FROM enterprise a JOIN enterprise b ON b.match_key = a.match_key AND a.id < b.id",
    ),
    "former_name": Rule(
        "现名是另一家的曾用名",
        "SELECT e.id AS one, n.enterprise_id AS other FROM enterprise e JOIN enterprise_name n"
        " ON n.match_key = e.match_key AND n.used_to IS NOT NULL AND n.enterprise_id <> e.id",
    ),
    "address": Rule(
        "同一地址、名称相近",
        "SELECT a.id AS one, b.id AS other FROM enterprise a JOIN enterprise b"
        " ON b.address = a.address AND a.address <> '' AND a.id < b.id"
        " AND (a.region_code = b.region_code) AND similarity(a.name, b.name) > 0.4",
    ),
    "sound": Rule(
        "名称读音相同",
        "SELECT a.id AS one, b.id AS other FROM (SELECT id, region_code, name,"
        " substring(search_text FROM '([a-z0-9]+)$') AS letters FROM enterprise) a"
        " JOIN (SELECT id, region_code, name, substring(search_text FROM '([a-z0-9]+)$') AS letters FROM enterprise) b"
        " ON b.letters = a.letters AND b.region_code = a.region_code AND length(b.name) = length(a.name) AND a.id < b.id"
        " AND a.name <> b.name AND length(a.letters) > 5",
        _sound_alike,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of two files, as the list shows it."""

    id: int
    name: str
    credit_code: str | None
    region_code: str
    status: str
    established_on: Any

    @property
    def key(self) -> str:
        return self.credit_code or str(self.id)


@dataclass(frozen=True)
class Pair:
    """Two files that may be one, and by which rules."""

    one: Side
    other: Side
    rules: tuple[str, ...]

    @property
    def words(self) -> str:
        """Why, in words."""
        return "；".join(RULES[name].label for name in self.rules)


async def suspects(
    session: AsyncSession, region: str = "", rule: str = "", *, in_each_region: bool = False
) -> list[Pair]:
    """Pairs that may be one enterprise, those that more rules point to first.

    Args:
        session: within the reader's scope: a pair is shown to whoever sees both.
        region: where one of the two is; empty for anywhere.
        rule: one of `RULES`; empty for all.
        in_each_region: as many of each region as otherwise of all.
    """
    found: dict[tuple[int, int], list[str]] = {}
    for name in [rule] if rule in RULES else RULES:
        for pair in await _pairs(session, RULES[name], in_each_region=in_each_region):
            found.setdefault(pair, []).append(name)
    sides = await sides_of(session, {number for pair in found for number in pair})
    pairs = [Pair(sides[one], sides[other], tuple(rules)) for (one, other), rules in found.items()]
    wanted = [pair for pair in pairs if not region or region in (pair.one.region_code, pair.other.region_code)]
    return sorted(wanted, key=lambda pair: (-len(pair.rules), pair.one.id, pair.other.id))


async def _pairs(session: AsyncSession, rule: Rule, *, in_each_region: bool) -> list[tuple[int, int]]:
    found = await session.execute(
        text(
            "SELECT one, other, name, other_name FROM (SELECT q.*, row_number() OVER ("
            f"{'PARTITION BY region_code ' if in_each_region else ''}ORDER BY one, other) AS nth FROM ("
            "SELECT DISTINCT least(p.one, p.other) AS one, greatest(p.one, p.other) AS other, a.name, b.name AS other_name,"
            f" a.region_code FROM ({rule.sql}) p JOIN enterprise a ON a.id = p.one JOIN enterprise b ON b.id = p.other"
            f" WHERE {BOTH_OPEN} AND {NOT_APART}) q) n WHERE nth <= :most ORDER BY 1, 2"
        ),
        {"most": MOST},
    )
    # Found from either side, a pair of two regions comes twice.
    named = {(row.one, row.other): (row.name, row.other_name) for row in found}
    return [pair for pair, names in named.items() if rule.agrees is None or rule.agrees(*names)]


async def sides_of(session: AsyncSession, ids: set[int]) -> dict[int, Side]:
    """Files as a list of pairs shows them, by id."""
    found = await session.execute(
        text("SELECT id, name, credit_code, region_code, status, established_on FROM enterprise WHERE id = ANY(:ids)"),
        {"ids": sorted(ids)},
    )
    return {row.id: Side(*row) for row in found}


def as_json(pair: Pair) -> dict[str, Any]:
    """A pair for programs."""
    sides = [{"id": one.id, "credit_code": one.credit_code, "name": one.name, "region_code": one.region_code,
              "status": one.status} for one in (pair.one, pair.other)]  # fmt: skip
    return {"enterprises": sides, "rules": list(pair.rules)}
