"""An invented population of enterprises: the same one every time, and plainly labelled as invented.

No enterprise, code, certificate or figure here exists. Names end in （演示） and the organisation part of every code
begins with DEM. Districts and programme names are real; nothing else is.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from backend.enterprises.credit_code import check_character, organisation_check_character

SEED = 20261121
#: District → share of the population, and how well its enterprises do.
DISTRICTS = {
    "321202": ("海陵区", 0.14, 1.00), "321203": ("高港区", 0.19, 1.15), "321204": ("姜堰区", 0.15, 0.95),
    "321281": ("兴化市", 0.15, 0.85), "321282": ("靖江市", 0.18, 1.10), "321283": ("泰兴市", 0.19, 1.05),
}  # fmt: skip
HAIZHOU = ("320706", "海州区")
PARKS = {
    "321202": ("海陵工业园区", "海陵新能源产业园"), "321203": ("医药高新区", "高港高新区", "滨江工业园"),
    "321204": ("姜堰经济开发区", "姜堰高新区"), "321281": ("兴化经济开发区", "兴化高新区"),
    "321282": ("靖江经济技术开发区", "靖江高新区"), "321283": ("泰兴经济开发区", "泰兴高新区"),
    "320706": ("海州高新区", "海州经济开发区"),
}  # fmt: skip
#: Trade: industry code, words of the name, chain of the plan, field of the HNTE annex, R&D intensity in per mille.
TRADES = (
    ("2710", "生物医药", "化学药", "2.3", 75), ("2770", "医疗器械", "高性能医疗器械", "2.5", 68),
    ("1491", "健康食品", "健康食品", "2.7", 30), ("3731", "船舶装备", "高技术船舶", "8.8", 42),
    ("3484", "精密机械", "高端装备", "8.5", 45), ("3525", "模具科技", "高端装备", "8.4", 48),
    ("3670", "汽车零部件", "汽车零部件", "8.7", 46), ("3823", "电气设备", "智能电网", "8.6", 52),
    ("3972", "集成电路", "新一代信息技术", "1.2", 95), ("3841", "新能源科技", "新能源", "6.3", 60),
    ("2651", "新材料", "新材料", "4.3", 50), ("2641", "精细化工", "精细化工", "4.5", 40),
    ("3360", "表面工程", "高端装备", "8.4", 34), ("4014", "仪器仪表", "智能装备", "8.3", 70),
    ("6513", "软件科技", "新一代信息技术", "1.1", 120), ("7320", "检测技术", "", "5.2", 90),
    ("1781", "产业用纺织", "", "none", 18), ("2221", "纸制品", "", "none", 8),
)  # fmt: skip
_FIRST = "云岚星澜景曜弘毅晟瀚启明凌霄博远嘉禾瑞丰朗润卓越恒通智汇鼎新宏图佳诚康源正泰安盛华耀锦程"
_SECOND = "帆峰川辰屹达科盈创联腾跃合众翔宇骏捷盛沃林岳"
#: The letters and digits a code may have.
_YEARS = (2022, 2023, 2024, 2025)


@dataclass
class Invented:
    """One invented enterprise with its figures by year and its titles."""

    code: str
    name: str
    former_name: str | None
    region: str
    town: str
    park: str
    industry: str
    chain: str
    established_on: date
    is_above_scale: bool
    yearly: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    current: dict[str, Any] = field(default_factory=dict[str, Any])
    #: programme, day of the list, kind, number
    titles: list[tuple[str, date, str, str]] = field(default_factory=list[tuple[str, date, str, str]])
    revoked: list[tuple[str, date, str]] = field(default_factory=list[tuple[str, date, str]])
    #: What another source says differently: year → values.
    said_by_tax: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    #: Figures that came in only after the last but one run.
    late: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    listing: tuple[str, date] | None = None


def population(size: int, today: date) -> Iterator[Invented]:
    """`size` invented enterprises of Taizhou, and a twelfth as many of Haizhou; deterministic."""
    chance = random.Random(SEED)  # noqa: S311 – invents, protects nothing
    names: set[str] = set()
    for number in range(size + size // 12):
        region = _district(chance) if number < size else HAIZHOU[0]
        yield _enterprise(number + 1, region, today, chance, names)


def _district(chance: random.Random) -> str:
    return chance.choices(list(DISTRICTS), weights=[share for _, share, _ in DISTRICTS.values()])[0]


def credit_code(region: str, number: int) -> str:
    """A code of the right form with both check characters; its organisation part begins with DEM."""
    body = f"DEM{number:05d}"
    front = f"91{region}{body}{organisation_check_character(body)}"
    return front + check_character(front)


def _name(city: str, word: str, chance: random.Random, taken: set[str]) -> str:
    """A name that no other has yet."""
    while True:
        trade_name = chance.choice(_FIRST) + chance.choice(_FIRST) + chance.choice(_SECOND)
        name = f"{chance.choice(('江苏', city, f'{city}市'))}{trade_name}{word}有限公司（演示）"
        if name not in taken:
            taken.add(name)
            return name


def _enterprise(number: int, region: str, today: date, chance: random.Random, taken: set[str]) -> Invented:
    industry, word, chain, field_code, rd_permille = chance.choice(TRADES)
    skill = chance.gauss(0, 1) + (0 if region == HAIZHOU[0] else (DISTRICTS[region][2] - 1) * 2)
    age_days = int(chance.triangular(120, 9500, 2600))
    established_on = today - timedelta(days=age_days)
    scale = chance.lognormvariate(7.6, 1.15) * (1 + max(0.0, skill) * 0.35)
    city = "连云港" if region == HAIZHOU[0] else "泰州"
    name = _name(city, word, chance, taken)
    made = Invented(
        code=credit_code(region, number), name=name,
        former_name=name.replace("有限公司", "厂") if chance.random() < 0.05 else None,
        region=region, town=f"{chance.choice('东西南北中')}郊街道" if chance.random() < 0.5 else "城东镇",
        park=chance.choice(PARKS[region]) if chance.random() < 0.55 else "", industry=industry, chain=chain,
        established_on=established_on, is_above_scale=scale > 2200 and not industry.startswith(("65", "73")),
    )  # fmt: skip
    _figures(made, scale, skill, rd_permille, today, chance)
    _current(made, skill, field_code, chance)
    _titles(made, skill, today, number, chance)
    _gaps_and_contradictions(made, chance)
    return made


def _figures(made: Invented, scale: float, skill: float, rd_permille: int, today: date, chance: random.Random) -> None:
    growth = 1.06 + 0.09 * skill + chance.gauss(0, 0.06)
    staff = max(4, int(scale / chance.uniform(28, 75)))
    revenue = scale / max(0.4, growth) ** 2
    intensity = max(0.001, rd_permille / 1000 * (1 + 0.35 * skill) * chance.uniform(0.5, 1.3))
    assets = scale * chance.uniform(0.7, 1.8)
    debt = min(0.92, max(0.08, chance.gauss(0.48, 0.17)))
    for year in _YEARS:
        if year < made.established_on.year or year >= today.year:
            continue
        part = (
            1.0 if year > made.established_on.year else max(0.1, (365 - made.established_on.timetuple().tm_yday) / 365)
        )
        sales = _wan(revenue * part)
        rd = _wan(sales * intensity * chance.uniform(0.85, 1.15))
        science = max(0, int(staff * min(0.6, max(0.02, 0.11 + 0.05 * skill + chance.gauss(0, 0.04)))))
        main_share = min(0.995, max(0.4, chance.gauss(0.9, 0.08)))
        high_tech = min(0.98, max(0.1, chance.gauss(0.66 + 0.07 * skill, 0.14)))
        made.yearly[year] = {
            "employee_total": staff, "employees": staff, "sci_tech_staff": science, "rd_personnel_count": max(0, science - 1),
            "sales_revenue": sales, "operating_revenue": sales, "main_business_revenue": _wan(sales * main_share),
            "total_revenue": _wan(sales * 1.02), "hightech_product_revenue": _wan(sales * high_tech),
            "cost_expense_total": _wan(sales * chance.uniform(0.82, 0.99)), "net_profit": _wan(sales * chance.gauss(0.05 + 0.02 * skill, 0.05)),
            "total_assets_year_end": _wan(assets), "total_liabilities_year_end": _wan(assets * debt),
            "rd_expense_deduction": _wan(rd * 0.9), "rd_expense_hnte": rd, "rd_expense_hnte_domestic": _wan(rd * chance.uniform(0.8, 1.0)),
            "rd_expense_audited": _wan(rd * 0.97), "rd_expense_stat": rd, "sci_tech_activity_expense": _wan(rd * 1.15),
            "technical_income": _wan(sales * chance.uniform(0, 0.15)), "sci_achievement_product_revenue": _wan(sales * high_tech * 0.9),
            "transfer_count": max(0, round(chance.gauss(3.2 + skill, 1.4))), "qualified_equity_financing": 0,
        }  # fmt: skip
        revenue, staff, assets = (
            revenue * growth,
            max(4, int(staff * (1 + (growth - 1) * 0.5))),
            assets * (1 + (growth - 1) * 0.8),
        )


def _wan(amount: float) -> float:
    """万元 with two decimals, as people report them."""
    return round(amount, 2)


def _current(made: Invented, skill: float, field_code: str, chance: random.Random) -> None:
    class1 = max(0, round(chance.gauss(1.2 + 1.6 * skill, 2)))
    class2 = max(0, round(chance.gauss(9 + 5 * skill, 6)))
    made.current = {
        "is_resident_enterprise": True, "accounting_sound": chance.random() < 0.97,
        "tax_collection_method": "audit" if chance.random() < 0.96 else "deemed", "rd_expense_accurately_collected": chance.random() < 0.9,
        "pays_cit": True, "in_restricted_or_eliminated_catalogue": False, "in_rd_deduction_excluded_industry": False,
        "is_independent_legal_person": True, "hnte_field_code": field_code,
        "ip_class1_count": class1, "ip_class2_count": class2, "ip_class1_self_developed_count": max(0, class1 - 1),
        "ip_class1_high_value_count": class1 // 5, "ip_class1_applied_count": class1, "ip_class2_used_before_count": 0,
        "ip_self_developed": class1 + class2 > 0, "major_incidents": [], "abnormal_list_periods": [], "dishonesty_list_periods": [],
        "has_proprietary_tech": chance.random() < 0.6, "private_self_managed": True, "tech_business_main": chance.random() < 0.8,
        "niche_market_years": max(0, min(20, 2026 - made.established_on.year - chance.randint(0, 3))),
        "recognised_rd_institution_level": chance.choices(("none", "municipal", "provincial", "national"), weights=(62, 28, 9, 1))[0],
        "digital_level": chance.choices((1, 2, 3), weights=(40, 42, 18))[0], "has_own_brand": chance.random() < 0.7,
        "has_quality_system_cert": chance.random() < 0.75, "has_provincial_quality_award": False,
        "participated_in_standards": chance.random() < 0.2, "leading_product_strategic_emerging": chance.random() < 0.55,
        "last_revocation_for_cause_date": "none", "sci_awards": [], "honours": [], "national_sci_awards": [],
        "provincial_rd_institutions": [], "standards_led": [], "maker_china_results": [], "has_adverse_credit_record": False,
        "innovation_score_total": max(30, min(98, round(chance.gauss(71 + 8 * skill, 8)))),
        "ip_supports_main_product": True, "leading_product_revenue_ratio": round(chance.uniform(45, 98), 1),
    }  # fmt: skip
    if chance.random() < 0.015:
        made.current["abnormal_list_periods"] = [{"from": "2025-08-01", "to": None}]
    if chance.random() < 0.008:
        made.current["major_incidents"] = [{"kind": "environment", "severity": "major", "date": "2026-05-18"}]


def _titles(made: Invented, skill: float, today: date, number: int, chance: random.Random) -> None:
    sales = [figures["sales_revenue"] for figures in made.yearly.values()]
    latest = sales[-1] if sales else 0.0
    if latest and latest <= 20000 and chance.random() < 0.30 + 0.22 * skill:
        for year in range(max(2023, made.established_on.year), today.year + 1):
            if chance.random() < 0.78:
                day = date(year, chance.choice((7, 8, 9)), chance.randint(3, 27))
                if day <= today:
                    made.titles.append(
                        ("tech_sme", day, "granted", f"{year}{made.region}{'A' if day.month > 5 else '0'}8{number:06d}")
                    )
    if made.established_on.year <= 2023 and chance.random() < 0.33 + 0.24 * skill:
        _hnte(made, today, number, chance)
    if chance.random() < 0.12 + 0.11 * skill and made.established_on.year <= 2021:
        made.titles.append(
            ("innovative_sme", date(chance.choice((2023, 2024, 2025)), chance.choice((6, 9, 12)), 15), "granted", "")
        )
        if chance.random() < 0.5:
            made.titles.append(("srdi_sme", date(chance.choice((2023, 2024, 2025)), 12, 19), "granted", ""))
            if chance.random() < 0.16:
                made.titles.append(("little_giant", date(chance.choice((2023, 2024, 2025)), 9, 1), "granted", ""))
    if skill > 1.5 and chance.random() < 0.35:
        made.titles += [
            ("js_gazelle", date(year, 11, 20), "granted", "") for year in (2024, 2025) if chance.random() < 0.8
        ]
    if skill > 2.3 and chance.random() < 0.35:
        made.titles.append(("js_potential_unicorn", date(2025, 9, 10), "granted", ""))
    if skill > 2.0 and latest > 20000 and chance.random() < 0.4:
        board = chance.choices(("main", "chinext", "star", "bse", "neeq"), weights=(2, 3, 2, 3, 5))[0]
        made.listing = (board, date(chance.randint(2016, 2025), chance.randint(1, 12), 12))


def _hnte(made: Invented, today: date, number: int, chance: random.Random) -> None:
    first = max(made.established_on.year + 1, chance.randint(2018, 2025))
    day = date(first, chance.choice((10, 11, 12)), chance.randint(3, 28))
    kind, turn = "granted", 0
    while day <= today:
        made.titles.append(("hnte", day, kind, f"GR{day.year}32{900000 + number:06d}"))
        if chance.random() < 0.012:
            made.revoked.append(
                ("hnte", day + timedelta(days=chance.randint(200, 900)), "经复核不再符合认定条件（演示）")
            )
            return
        if chance.random() > 0.84:
            return  # let it lapse
        day, kind, turn = date(day.year + 3, chance.choice((10, 11, 12)), chance.randint(3, 28)), "renewed", turn + 1


def _gaps_and_contradictions(made: Invented, chance: random.Random) -> None:
    """What is missing, what tax says otherwise, what came late: as in every real pool."""
    for figures in made.yearly.values():
        for name in list(figures):
            if chance.random() < 0.025:
                del figures[name]
    for name in list(made.current):
        if chance.random() < (0.22 if name in _OFTEN_OPEN else 0.02):
            del made.current[name]
    for year, figures in made.yearly.items():
        told = {
            name: figures[name]
            for name in ("sales_revenue", "rd_expense_deduction", "cost_expense_total")
            if name in figures
        }
        if told and chance.random() < 0.08:
            # A tenth here and there, and now and then 元 typed for 万元.
            factor = chance.choice((0.8, 0.9, 1.12, 1.25))
            told = {name: _wan(value * factor) for name, value in told.items()}
        made.said_by_tax[year] = told
    last = max(made.yearly, default=None)
    if last is not None and chance.random() < 0.06:
        made.late[last] = made.yearly.pop(last)


_OFTEN_OPEN = frozenset(
    {
        "ip_supports_main_product",
        "dishonesty_list_periods",
        "innovation_score_total",
        "niche_market_years",
        "digital_level",
    }
)
