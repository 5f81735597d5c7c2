"""An invented population of enterprises: the same one every time, and plainly labelled as invented.

No enterprise, code, certificate or figure here exists. Names end in （演示） and the organisation part of every code
begins with DEM. Districts and programme names are real; nothing else is.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from backend.enterprises.credit_code import ALPHABET, check_character, organisation_check_character

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
#: So many years have been reported.
YEARS_REPORTED = 4


@dataclass(frozen=True)
class Calling:
    """How far an enterprise has come, as ranges that its figures are drawn from."""

    share: float
    #: Median of the yearly revenue in 万元, and how far it spreads.
    revenue: float
    spread: float
    growth: float
    #: R&D over what the HNTE rule asks of its size; mean and deviation.
    rd: tuple[float, float]
    #: Science staff of all staff, hightech revenue of all revenue: mean and deviation, in percent.
    science: tuple[float, float]
    hightech: tuple[float, float]
    class1: tuple[int, int]
    class2: tuple[int, int]
    innovation: tuple[float, float]
    quality: tuple[float, float]


#: Most enterprises of a city have nothing to do with science; some are on the way; few are far up the ladder.
CALLINGS = {
    "plain": Calling(0.39, 1700, 1.1, 1.03, (0.4, 0.25), (6, 4), (35, 18), (0, 0), (0, 4), (52, 9), (30, 8)),
    "rising": Calling(0.22, 1500, 0.8, 1.10, (1.15, 0.35), (14, 5), (62, 9), (0, 2), (2, 9), (68, 6), (44, 7)),
    "hightech": Calling(0.27, 4200, 0.9, 1.09, (1.4, 0.25), (17, 5), (74, 7), (0, 4), (6, 18), (78, 4), (52, 6)),
    "special": Calling(0.095, 9500, 0.8, 1.14, (1.6, 0.25), (20, 5), (80, 6), (2, 9), (10, 30), (83, 4), (63, 6)),
    "star": Calling(0.025, 26000, 0.7, 1.32, (1.7, 0.3), (26, 6), (85, 5), (5, 20), (15, 50), (88, 4), (71, 6)),
}
#: What may be amiss with one that holds a title; each makes it fall below a threshold that it once met.
FLAWS = ("rd", "science", "hightech", "innovation", "ip", "late_growth")


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
    #: What the platform of good SMEs worked out: year → values.
    said_by_platform: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    #: Figures that came in only after the last but one run.
    late: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    listing: tuple[str, date] | None = None


def population(size: int, today: date) -> Iterator[Invented]:
    """`size` invented enterprises of Taizhou, and a twelfth as many of Haizhou; deterministic."""
    chance = random.Random(SEED)  # noqa: S311 – invents, protects nothing
    names: set[str] = set()
    for number in range(size + size // 12):
        region = _district(chance) if number < size else HAIZHOU[0]
        yield _Inventing(number + 1, region, today, chance, names).enterprise()


def _district(chance: random.Random) -> str:
    return chance.choices(list(DISTRICTS), weights=[share for _, share, _ in DISTRICTS.values()])[0]


def credit_code(region: str, number: int) -> str:
    """A code of the right form with both check characters; its organisation part begins with DEM."""
    body = f"DEM{number:05d}" if number < 100_000 else f"DEM{_letters(number)}"
    front = f"91{region}{body}{organisation_check_character(body)}"
    return front + check_character(front)


def _letters(number: int) -> str:
    """Five characters of the code's alphabet, a letter in front, for numbers that five digits do not hold."""
    rest, written = number - 100_000 + 10 * 31**4, ""
    for _ in range(5):
        rest, digit = divmod(rest, 31)
        written = ALPHABET[digit] + written
    return written


def _wan(amount: float) -> float:
    """万元 with two decimals, as people report them."""
    return round(amount, 2)


class _Inventing:
    """One enterprise in the making: who it is, what it reports, what it holds, and what is amiss."""

    def __init__(self, number: int, region: str, today: date, chance: random.Random, taken: set[str]) -> None:
        self.number = number
        self.region = region
        self.today = today
        self.chance = chance
        self.taken = taken
        self.trade = chance.choice(TRADES)
        self.calling_name = self._calling()
        self.calling = CALLINGS[self.calling_name]
        self.years = range(today.year - YEARS_REPORTED, today.year)
        # Who holds titles mostly meets the rules; about one in six has slipped.
        self.flaw = chance.choice(FLAWS) if chance.random() < 0.17 else ""

    def _calling(self) -> str:
        if self.trade[3] == "none":
            return "plain"
        weights = [one.share for one in CALLINGS.values()]
        # Districts that do better have more of those far up.
        better = 1.0 if self.region == HAIZHOU[0] else DISTRICTS[self.region][2]
        weights = [weights[0] / better, weights[1], *(weight * better for weight in weights[2:])]
        return self.chance.choices(list(CALLINGS), weights=weights)[0]

    def enterprise(self) -> Invented:
        industry, word, chain, _, _ = self.trade
        chance, region = self.chance, self.region
        least_age = {"plain": 150, "rising": 200, "hightech": 1100, "special": 2200, "star": 1500}[self.calling_name]
        established_on = self.today - timedelta(days=int(chance.triangular(least_age, 9500, least_age + 1800)))
        name = self._name("连云港" if region == HAIZHOU[0] else "泰州", word)
        scale = self.calling.revenue * chance.lognormvariate(0, self.calling.spread)
        if self.calling_name == "special":
            scale = min(scale, 34_000)  # 专精特新 are SMEs: at most 4 亿元 in industry
        made = Invented(
            code=credit_code(region, self.number), name=name,
            former_name=name.replace("有限公司", "厂") if chance.random() < 0.05 else None,
            region=region, town=f"{chance.choice('东西南北中')}郊街道" if chance.random() < 0.5 else "城东镇",
            park=chance.choice(PARKS[region]) if chance.random() < 0.55 else "", industry=industry, chain=chain,
            established_on=established_on, is_above_scale=scale > 2200 and not industry.startswith(("65", "73")),
        )  # fmt: skip
        self._figures(made, scale)
        self._current(made)
        self._titles(made)
        self._platform(made)
        self._gaps_and_contradictions(made)
        return made

    def _name(self, city: str, word: str) -> str:
        """A name that no other has yet."""
        chance = self.chance
        while True:
            trade_name = chance.choice(_FIRST) + chance.choice(_FIRST) + chance.choice(_SECOND)
            name = f"{chance.choice(('江苏', city, f'{city}市'))}{trade_name}{word}有限公司（演示）"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def _percent(self, drawn: tuple[float, float], least: float, most: float) -> float:
        return min(most, max(least, self.chance.gauss(*drawn))) / 100

    def _figures(self, made: Invented, scale: float) -> None:
        chance, calling = self.chance, self.calling
        growth = calling.growth + chance.gauss(0, 0.05)
        staff = max(4, int(scale / chance.uniform(32, 85)))
        # 认定管理办法第十一条（五）: the smaller, the more is asked.
        needed = 0.05 if scale <= 5000 else 0.04 if scale <= 20000 else 0.03
        factor = max(1.07 if self.calling_name in ("hightech", "special", "star") else 0.02, chance.gauss(*calling.rd))
        intensity = needed * (chance.uniform(0.7, 0.97) if self.flaw == "rd" else factor)
        science = chance.uniform(0.05, 0.097) if self.flaw == "science" else self._percent(calling.science, 1, 60)
        if self.calling_name in ("hightech", "special", "star") and self.flaw != "science":
            science = max(0.105, science)
        hightech = chance.uniform(0.5, 0.6) if self.flaw == "hightech" else self._percent(calling.hightech, 2, 97)
        main_share, debt = self._percent((93, 4), 60, 99.5), self._percent((46, 15), 8, 92)
        assets = scale * chance.uniform(0.6, 1.3) / growth**3
        revenue = scale / growth**3
        for year in self.years:
            if self.flaw == "late_growth" and year == self.years[-1]:
                revenue *= 0.7
            if made.established_on.year <= year:
                is_first = year == made.established_on.year
                part = max(0.1, (365 - made.established_on.timetuple().tm_yday) / 365) if is_first else 1.0
                made.yearly[year] = self._year(
                    revenue * part, intensity, staff, science, hightech, main_share, assets, debt
                )
            revenue, staff = revenue * growth, max(4, round(staff * (1 + (growth - 1) * 0.4)))
            assets *= 1 + (growth - 1) * 0.8

    def _year(
        self, revenue: float, intensity: float, staff: int, science: float, hightech: float, main_share: float,
        assets: float, debt: float,
    ) -> dict[str, Any]:  # fmt: skip
        chance = self.chance
        sales = _wan(revenue)
        rd = _wan(sales * intensity * chance.uniform(0.98, 1.05))
        scientists = max(0, -int(-staff * science // 1))
        return {
            "employee_total": staff, "employees": staff, "sci_tech_staff": scientists, "rd_personnel_count": max(0, scientists - 1),
            "sales_revenue": sales, "operating_revenue": sales, "main_business_revenue": _wan(sales * main_share),
            "total_revenue": _wan(sales * 1.02), "hightech_product_revenue": _wan(sales * 1.02 * hightech),
            "cost_expense_total": _wan(sales * chance.uniform(0.82, 0.99)), "net_profit": _wan(sales * chance.gauss(0.06, 0.04)),
            "total_assets_year_end": _wan(assets), "total_liabilities_year_end": _wan(assets * debt),
            "rd_expense_deduction": _wan(rd * 0.95), "rd_expense_hnte": rd, "rd_expense_hnte_domestic": _wan(rd * chance.uniform(0.85, 1.0)),
            "rd_expense_audited": _wan(rd * 0.97), "rd_expense_stat": rd, "sci_tech_activity_expense": _wan(rd * 1.15),
            "technical_income": _wan(sales * chance.uniform(0, 0.15)), "sci_achievement_product_revenue": _wan(sales * hightech * 0.9),
            "transfer_count": max(0, round(chance.gauss(self.calling.innovation[0] / 16, 1.2))), "qualified_equity_financing": 0,
        }  # fmt: skip

    def _current(self, made: Invented) -> None:
        chance, calling = self.chance, self.calling
        class1, class2 = chance.randint(*calling.class1), chance.randint(*calling.class2)
        if self.flaw == "ip":
            class1 = class2 = 0
        innovation = chance.uniform(61, 70.4) if self.flaw == "innovation" else chance.gauss(*calling.innovation)
        is_able = self.calling_name != "plain"
        made.current = {
            "is_resident_enterprise": True, "accounting_sound": is_able or chance.random() < 0.93,
            "tax_collection_method": "audit" if is_able or chance.random() < 0.88 else "deemed",
            "rd_expense_accurately_collected": chance.random() < (0.98 if is_able else 0.5),
            "pays_cit": True, "in_restricted_or_eliminated_catalogue": False, "in_rd_deduction_excluded_industry": False,
            "is_independent_legal_person": True, "hnte_field_code": self.trade[3],
            "ip_class1_count": class1, "ip_class2_count": class2, "ip_class1_self_developed_count": max(0, class1 - 1),
            "ip_class1_high_value_count": class1 // 5, "ip_class1_applied_count": class1, "ip_class2_used_before_count": 0,
            "ip_self_developed": class1 + class2 > 0, "major_incidents": [], "abnormal_list_periods": [], "dishonesty_list_periods": [],
            "has_proprietary_tech": is_able and chance.random() < 0.8, "private_self_managed": True, "tech_business_main": is_able,
            "niche_market_years": max(0, min(20, self.today.year - made.established_on.year - chance.randint(0, 3))),
            "recognised_rd_institution_level": chance.choices(("none", "municipal", "provincial", "national"), weights=(62, 28, 9, 1))[0],
            "digital_level": chance.choices((1, 2, 3), weights=(40, 42, 18))[0], "has_own_brand": chance.random() < 0.7,
            "has_quality_system_cert": chance.random() < 0.75, "has_provincial_quality_award": False,
            "participated_in_standards": chance.random() < 0.2, "leading_product_strategic_emerging": chance.random() < 0.55,
            "last_revocation_for_cause_date": "none", "sci_awards": [], "honours": [], "national_sci_awards": [],
            "provincial_rd_institutions": [], "standards_led": [], "maker_china_results": [], "has_adverse_credit_record": False,
            "innovation_score_total": max(30, min(98, round(innovation))), "ip_supports_main_product": True,
            "leading_product_revenue_ratio": round(chance.uniform(52 if self.calling_name in ("special", "star") else 35, 98), 1),
        }  # fmt: skip
        if chance.random() < 0.012:
            made.current["abnormal_list_periods"] = [{"from": f"{self.today.year - 1}-08-01", "to": None}]
        if chance.random() < 0.006:
            made.current["major_incidents"] = [
                {"kind": "environment", "severity": "major", "date": f"{self.today.year}-05-18"}
            ]
        if self.calling_name == "star":
            self._financing(made)

    def _financing(self, made: Invented) -> None:
        """Investors, and what they hold the enterprise to be worth in 亿元."""
        worth = round(self.chance.lognormvariate(2.3, 0.45), 2)
        made.current |= {
            "any_investment_received": True, "private_equity_received": True, "latest_valuation_cny_100m": worth,
            "latest_valuation_usd_100m": round(worth / 7.1, 2),
        }  # fmt: skip

    # Titles ------------------------------------------------------------------------------------------

    def _titles(self, made: Invented) -> None:
        if self._fits_tech_sme(made):
            self._tech_sme(made)
        chance, name = self.chance, self.calling_name
        if (name in ("hightech", "special", "star") and chance.random() < 0.86) or (
            name == "rising" and chance.random() < 0.10
        ):
            self._hnte(made)
        if name == "special" or (name in ("rising", "hightech") and chance.random() < 0.22):
            self._title(made, "innovative_sme", range(-2, 1), (6, 9))
        if name == "special" and chance.random() < 0.85:
            self._title(made, "srdi_sme", range(-3, 0), (12,))
            if chance.random() < 0.16:
                self._title(made, "little_giant", range(-3, 0), (9,))
            if chance.random() < 0.03:
                self._title(made, "single_champion", range(-3, 0), (11,))
        if name == "star":
            self._star(made)

    def _title(self, made: Invented, programme: str, years: range, months: tuple[int, ...]) -> None:
        year = self.today.year + self.chance.choice(years)
        day = date(year, self.chance.choice(months), self.chance.choice((1, 15, 19)))
        if made.established_on < day <= self.today:
            made.titles.append((programme, day, "granted", ""))

    def _fits_tech_sme(self, made: Invented) -> bool:
        """评价办法第六条: at most 500 staff, 2 亿元 revenue and assets; and R&D that gives the points."""
        last = made.yearly.get(self.years[-1])
        if last is None or self.calling_name == "plain" or self.flaw == "ip":
            return False
        is_small = last["employee_total"] <= 500 and max(last["sales_revenue"], last["total_assets_year_end"]) <= 19500
        return is_small and last["rd_expense_deduction"] >= last["sales_revenue"] * 0.04

    def _tech_sme(self, made: Invented) -> None:
        """A number each year for who applies each year; some leave a year out."""
        if self.chance.random() < 0.25:
            return
        for year in range(max(self.today.year - 3, made.established_on.year + 1), self.today.year + 1):
            day = date(year, self.chance.choice((5, 6, 7, 8, 9)), self.chance.randint(3, 27))
            if self.chance.random() < 0.85 and day <= self.today:
                number = f"{year}{made.region}{'A' if day.month > 5 else '0'}8{self.number:06d}"
                made.titles.append(("tech_sme", day, "granted", number))

    def _hnte(self, made: Invented) -> None:
        """A certificate every three years; some are not renewed, a few are taken away."""
        chance = self.chance
        day = self._hnte_day(
            max(made.established_on.year + 1, chance.randint(self.today.year - 8, self.today.year - 1))
        )
        kind = "granted"
        while day <= self.today:
            made.titles.append(("hnte", day, kind, f"GR{day.year}32{900000 + self.number:06d}"))
            if chance.random() < 0.012:
                revoked_on = min(self.today, day + timedelta(days=chance.randint(200, 900)))
                made.revoked.append(("hnte", max(day, revoked_on), "经复核不再符合认定条件（演示）"))
                return
            if chance.random() < 0.13:
                return  # let it lapse
            day, kind = self._hnte_day(day.year + 3), "renewed"

    def _hnte_day(self, year: int) -> date:
        return date(year, self.chance.choice((10, 11, 12)), self.chance.randint(3, 28))

    def _star(self, made: Invented) -> None:
        chance = self.chance
        for year in (self.today.year - 2, self.today.year - 1):
            if chance.random() < 0.6 and made.established_on.year < year - 2:
                made.titles.append(("js_gazelle", date(year, 11, 20), "granted", ""))
        if made.established_on.year >= 2015 and chance.random() < 0.5:
            made.titles.append(("js_potential_unicorn", date(self.today.year - 1, 9, 10), "granted", ""))
        if made.established_on.year <= 2016 and chance.random() < 0.55:
            board = chance.choices(("main", "chinext", "star", "bse", "neeq"), weights=(2, 3, 2, 3, 5))[0]
            made.listing = (board, date(chance.randint(2018, self.today.year - 1), chance.randint(1, 12), 12))
        made.current["listing_board"] = made.listing[0] if made.listing else "none"

    def _platform(self, made: Invented) -> None:
        """The platform's score of this year, and what the bureau has confirmed, for those it looked at."""
        if self.calling_name in ("special", "star") or (self.calling_name != "plain" and self.chance.random() < 0.3):
            score = max(20, min(95, round(self.chance.gauss(*self.calling.quality), 1)))
            made.said_by_platform[self.today.year] = {"srdi_quality_score": score}
            made.current["market_position_confirmed"] = (
                self.calling_name in ("special", "star") or self.chance.random() < 0.5
            )
        if self.calling_name in ("special", "star"):
            made.current |= {
                "market_share_domestic": round(self.chance.uniform(3, 28), 1), "market_reputation_confirmed": True,
                "chain_key_position_confirmed": self.chance.random() < 0.8, "controlled_relation_with_little_giant": False,
            }  # fmt: skip

    # What is amiss -----------------------------------------------------------------------------------

    def _gaps_and_contradictions(self, made: Invented) -> None:
        """What is missing, what tax says otherwise, what came late: as in every real pool."""
        chance = self.chance
        gap = 0.03 if self.calling_name == "plain" else 0.006
        for figures in made.yearly.values():
            for name in list(figures):
                if chance.random() < gap:
                    del figures[name]
        for name in list(made.current):
            if chance.random() < (_OFTEN_OPEN.get(name, 0.004) if self.calling_name != "plain" else 0.05):
                del made.current[name]
        for year, figures in made.yearly.items():
            made.said_by_tax[year] = self._said_by_tax(figures)
        last = max(made.yearly, default=None)
        if last is not None and chance.random() < 0.06:
            made.late[last] = made.yearly.pop(last)

    def _said_by_tax(self, figures: dict[str, Any]) -> dict[str, Any]:
        names = ("sales_revenue", "rd_expense_deduction", "cost_expense_total")
        told = {name: figures[name] for name in names if name in figures}
        if told and self.chance.random() < 0.05:
            # A tenth here and there.
            factor = self.chance.choice((0.85, 0.92, 1.08, 1.12))
            told = {name: _wan(value * factor) for name, value in told.items()}
        return told


_OFTEN_OPEN = {
    "ip_supports_main_product": 0.16, "dishonesty_list_periods": 0.10, "innovation_score_total": 0.06,
    "niche_market_years": 0.10, "digital_level": 0.15, "market_position_confirmed": 0.15,
}  # fmt: skip
