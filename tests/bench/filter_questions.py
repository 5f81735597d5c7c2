"""Whatever a list can be asked: filters alone, in pairs, in triples, every order, later pages; drawn the same every time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from urllib.parse import urlencode

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.candidates import NEARNESS
from backend.cultivation.stages import STAGES
from backend.database.session import owner_unit_of_work
from backend.enterprises.columns import figure_choices
from backend.enterprises.duplicates import RULES
from backend.enterprises.labels import programme_choices
from backend.recognitions.ladder import RUNGS
from backend.recognitions.worklists import DAYS_AHEAD, VIEWS
from rules.library import library
from tests.bench.figure import SEED

Choices = Sequence[Mapping[str, str]]
OUTCOMES = ("", "not_held", "candidate", "newcomer", "eligible", "likely", "undetermined", "ineligible")
SORTS = ("name", "rung", "region", "established", "updated", "code")
WORDS = ("科技", "新材料", "泰州 医药", "船舶 城", "demo", "有限公司", "机械", "9132", "jx", "不存在的企业")
#: One question in so many is put to a later page: the second, the fifth, and the one that its link leads to.
LATER = 4


@dataclass(frozen=True)
class Question:
    """An address; and whether the page that it links to as the next is what is wanted."""

    path: str
    asked: Mapping[str, str]
    is_next: bool = False

    @property
    def address(self) -> str:
        return f"{self.path}?{urlencode(self.asked)}"

    @property
    def filters(self) -> tuple[str, ...]:
        """Which filters it has, whatever their values."""
        return tuple(sorted(self.asked))


@dataclass(frozen=True)
class Reader:
    """Who asks: the district and park of whoever has them."""

    name: str
    role: str
    region: str = ""
    park: str = ""
    #: How many questions are put of each list, as a share of what the city's officer asks.
    share: float = 1.0


@dataclass(frozen=True)
class Values:
    """What the filters can be, as the registry has it."""

    regions: Sequence[str]
    parks: Sequence[str]
    chains: Sequence[str]
    missing: Sequence[str]
    officers: Sequence[str]
    figures: Sequence[str] = field(default_factory=list[str])


async def values_of(engine: AsyncEngine) -> Values:
    """The values that the registry's enterprises have."""
    async with owner_unit_of_work(engine) as session:
        columns: dict[str, list[str]] = {}
        for name, statement in {
            "regions": "SELECT DISTINCT region_code FROM listed_tally ORDER BY 1",
            "parks": "SELECT DISTINCT park FROM listed_tally WHERE park <> '' ORDER BY 1",
            "chains": "SELECT DISTINCT chain FROM enterprise_chain WHERE enterprise_id <= 2000 ORDER BY 1",
            "missing": "SELECT DISTINCT split_part(unnest(missing), '[', 1) FROM eligibility WHERE enterprise_id <= 400"
            " AND outcome = 'undetermined' AND cardinality(missing) <= 3 ORDER BY 1",
            "officers": "SELECT DISTINCT officer_id::text FROM enterprise_officer ORDER BY 1",
        }.items():
            columns[name] = list((await session.execute(text(statement))).scalars())
    (_, yearly), (_, current) = figure_choices(library().catalogue)
    year = today().year - 1
    figures = [f"{one}.{year - back}" for one, _ in yearly for back in (0, 1)] + [f"{one}.now" for one, _ in current]
    return Values(**columns, figures=figures)


def questions(values: Values, reader: Reader, most: int) -> dict[str, list[Question]]:
    """By list, what a reader asks of it: `most` questions of the list of enterprises, fewer of the others."""
    chance = Random(f"{SEED} {reader.name}")
    regions = [{"region": one} for one in values.regions] if not reader.region else []
    programmes = [{"programme": name} for name, _ in programme_choices(library())]
    # Drawn apart, so that the others are asked what they were asked before these were.
    apart = Random(f"{SEED} {reader.name} apart")
    return {
        "list of enterprises": _of_enterprises(values, reader, chance, most),
        "titles": _drawn("/recognitions", chance, most // 3, [
            [{"view": one} for one in VIEWS], programmes, regions, [{"days": str(one)} for one in DAYS_AHEAD],
        ]),
        "eligible, never applied": _drawn("/recognitions/never-applied", chance, most // 12, [
            regions, [{"outcome": one} for one in ("eligible", "likely")],
        ], programmes),
        "pool": _drawn("/pool", chance, most // 6, [
            [{"view": "list"}], regions, [{"stage": one} for one in STAGES], _officers(values), [{"year": str(today().year - 1)}],
        ], programmes[:8]),
        "whom to take into the pool": _drawn("/pool/candidates", chance, most // 12, [
            regions, [{"nearness": one} for one in NEARNESS],
        ], programmes),
        "whom to visit": _drawn("/pool/visits", chance, 6, [regions, [{"whose": "mine"}]]),
        "what is due, what moved": [
            *_drawn("/pool/due", chance, 6, [[{"whose": "mine"}], [{"days": "30"}, {"days": "90"}]]),
            *_drawn("/pool/moves", chance, 6, [regions, programmes]),
        ],
        "conflicts and flags": _drawn("/conflicts", chance, most // 8, [
            [{"view": "flags"}], regions, [{"at_least": "10"}, {"at_least": "50"}],
            [{"subject": "sales_revenue"}, {"subject": "employee_total"}, {"subject": "rd_expense_hnte"}],
        ]),
        "enterprises over REST": [
            replace(one, path="/api/v1/enterprises") for one in _of_enterprises(values, reader, apart, most // 2) if not one.is_next
        ],
        "likely duplicates": _drawn("/enterprises/duplicates", apart, most // 8, [regions, [{"rule": one} for one in RULES]]),
    }  # fmt: skip


def _officers(values: Values) -> Choices:
    return [{"officer": "none"}, *({"officer": one} for one in values.officers)]


def _of_enterprises(values: Values, reader: Reader, chance: Random, most: int) -> list[Question]:
    gone_by = [today() - timedelta(days=one) for one in (20, 200, 500, 900)]
    axes: list[Choices] = [
        [{"q": one} for one in WORDS],
        [{"rung": one} for one in ("none", *(rung.id for rung in RUNGS))],
        [{"region": one} for one in values.regions] if not reader.region else [],
        [{"industry": one} for one in (*"ABCDEFGHIJKLMNOPQRST", "27", "38", "65")],
        [{"chain": one} for one in values.chains],
        [{"park": one} for one in values.parks],
        [
            {"programme": name} | ({"outcome": outcome} if outcome else {})
            for name, _ in programme_choices(library())
            for outcome in OUTCOMES
        ],
        [{"missing": one} for one in values.missing],
        [*_officers(values), {"officer": "mine"}],
        [{"on": str(day)} | ({"territory": "now"} if now else {}) for day in gone_by for now in (False, True)],
    ]
    figures = chance.sample(list(values.figures), 12)
    orders = [*({"sort": one} for one in SORTS), *({"sort": f"{one}{way}"} for one in figures for way in ("", ".up"))]
    # Each order alone, and then every filter with one or another.
    plain = [Question("/enterprises", one, is_next=is_next) for one in orders for is_next in (False, True)]
    asked = _drawn("/enterprises", chance, most, axes)
    return [
        *chance.sample(plain, min(len(plain), most // 5)),
        *(
            Question(one.path, {**one.asked, **(chance.choice(orders) if number % 2 else {})}, one.is_next)
            for number, one in enumerate(asked)
        ),
    ]


def _drawn(path: str, chance: Random, most: int, axes: Sequence[Choices], always: Choices = ({},)) -> list[Question]:
    """Questions with no filter, each one alone in turn, and then two and three together."""
    kinds = [one for one in axes if one]
    found = [Question(path, dict(chance.choice(always)))]
    turn = 0
    while len(found) < most:
        turn += 1
        if turn <= len(kinds):
            chosen = [kinds[turn - 1]]
        else:
            chosen = chance.sample(kinds, min(len(kinds), chance.choice((1, 2, 2, 3))))
        asked = dict(chance.choice(always))
        for kind in chosen:
            asked |= chance.choice(kind)
        later = chance.randrange(3 * LATER)
        if later in (0, 1):
            asked["page"] = "2" if later == 0 else "5"
        found.append(Question(path, asked, is_next=later == 2))
    return found
