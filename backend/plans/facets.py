"""A target's enterprises by park, chain or industry: the number behind each, and the list that is narrowed to it.

Where an enterprise was on a day, in which chains and which industry, is kept with its days, so all are counted as they
were. An enterprise of two chains counts in both, so chains do not add up to the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.enterprises.places import place_on
from backend.plans.asked_days import Asked
from backend.plans.traits import chains_on_first_day, industry_on_first_day
from backend.web.errors import Refusal
from rules.industries import Industries, IndustryError, parse_industry

#: What is asked where nothing is recorded.
NOTHING = "-"


class BadFacet(Refusal):
    """A target is asked by something that it cannot be told by."""

    status = 422
    slug = "bad-facet"
    title = "查询条件有误"


class By(StrEnum):
    """What a target's enterprises are told apart by, besides the district."""

    PARK = "park"
    CHAIN = "chain"
    INDUSTRY = "industry"

    @property
    def label(self) -> str:
        return {"park": "园区", "chain": "产业链", "industry": "行业（大类）"}[self.value]

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole, each enterprise being in one."""
        return self is not By.CHAIN

    def key_sql(self, asked: Asked) -> str:
        """What an enterprise `e`, joined with its chains `c` where chains are asked for, belonged to on the first day."""
        return {"park": _park(asked), "chain": "coalesce(c.chain, '')", "industry": _division(asked)}[self.value]

    def joined(self, asked: Asked) -> str:
        """What an enterprise `e` is joined with for `key_sql`."""
        if self is not By.CHAIN:
            return ""
        return f" LEFT JOIN LATERAL ({chains_on_first_day(asked)}) c ON TRUE"


def by_named(written: str) -> By | None:
    """What is asked for; None where nothing is.

    Raises:
        BadFacet: there is no such thing.
    """
    if not written:
        return None
    try:
        return By(written)
    except ValueError:
        known = "、".join(f"{one.value}（{one.label}）" for one in By)
        raise BadFacet(f"不能按“{written}”分组，可选 {known}。") from None


@dataclass(frozen=True)
class Part:
    """One park, chain or industry with how many enterprises of the list belong to it."""

    by: By
    #: Empty where nothing is recorded.
    key: str
    enterprises: int

    @property
    def asked(self) -> dict[str, str]:
        """What narrows the list to this part."""
        return {self.by.value: self.key or NOTHING}

    @property
    def name(self) -> str:
        """The part in words."""
        if not self.key:
            return f"未登记{self.by.label.removesuffix('（大类）')}"
        return industry_name(self.key) if self.by is By.INDUSTRY else self.key


def industry_name(code: str) -> str:
    """A section (C) or a division (35) of GB/T 4754 with its name."""
    known = Industries.load()
    return f"{code} {known.sections.get(code) or known.divisions.get(code, '')}".strip()


@dataclass(frozen=True)
class Within:
    """To what a list is narrowed; an empty field does not narrow, `-` asks for those of which nothing is recorded."""

    park: str = ""
    chain: str = ""
    #: A division (35) or a section (C) of GB/T 4754.
    industry: str = ""

    @property
    def asked(self) -> dict[str, str]:
        """The question again, for an address."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def words(self) -> str:
        """The question in words."""
        told = [
            f"未登记{By(name).label.removesuffix('（大类）')}"
            if value == NOTHING
            else industry_name(value) if name == By.INDUSTRY else value
            for name, value in self.asked.items()
        ]  # fmt: skip
        return "、".join(told)

    def conditions(self, asked: Asked) -> str:
        """SQL on an enterprise `e`."""
        found: list[str] = []
        if self.park:
            found.append(f"{_park(asked)} = :in_park")
        if self.chain:
            chains = chains_on_first_day(asked)
            found.append(
                f"NOT EXISTS ({chains})"
                if self.chain == NOTHING
                else f":in_chain IN (SELECT x.chain FROM ({chains}) x)"
            )
        if self.industry:
            found.append(f"{By.INDUSTRY.key_sql(asked)} = ANY(CAST(:in_industries AS text[]))")
        return "".join(f" AND {one}" for one in found)

    @property
    def kept_conditions(self) -> str:
        """SQL on a `{row}` of what is kept beforehand: of enterprises that were then what they are now."""
        found: list[str] = []
        if self.park:
            found.append("{row}.park = :in_park")
        if self.chain:
            found.append("{row}.chains = '{{}}'" if self.chain == NOTHING else ":in_chain = ANY({row}.chains)")
        if self.industry:
            found.append("{row}.industry = ANY(CAST(:in_industries AS text[]))")
        return "".join(f" AND {one}" for one in found)

    @property
    def asks_for_traits(self) -> bool:
        """Whether it asks for more than the place."""
        return bool(self.chain or self.industry)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the conditions name."""
        found: dict[str, Any] = {}
        if self.park:
            found["in_park"] = "" if self.park == NOTHING else self.park
        if self.chain and self.chain != NOTHING:
            found["in_chain"] = self.chain
        if self.industry:
            found["in_industries"] = _divisions(self.industry)
        return found


def _park(asked: Asked) -> str:
    """The park of an enterprise `e` on the first of the days asked about; whoever never moved is where it is now."""
    return place_on("park", "(CAST(:days AS date[]))[1]", None if asked.known_at is None else ":known_at")


def _division(asked: Asked) -> str:
    return f"left({industry_on_first_day(asked)}, 2)"


EVERYWHERE = Within()


def within_of(park: str = "", chain: str = "", industry: str = "") -> Within:
    """What a list is narrowed to, as people write it.

    Raises:
        BadFacet: there is no such industry.
    """
    return Within(park.strip(), chain.strip(), _industry_asked(industry.strip()))


def _industry_asked(written: str) -> str:
    """A section by its letter, a division by its digits; they may be written with the letter in front (C35)."""
    if written in ("", NOTHING):
        return written
    try:
        asked = parse_industry(written)
    except IndustryError as problem:
        raise BadFacet(str(problem)) from None
    if asked.level not in ("section", "division"):
        raise BadFacet(
            f"计划只按门类或大类分行业，“{written}”太细，请改为门类字母 {asked.section} 或大类代码 {asked.division}。"
        )
    return asked.division or asked.section


def _divisions(industry: str) -> list[str]:
    known = Industries.load()
    if industry == NOTHING:
        return [""]
    if industry in known.sections:
        return [digits for digits in known.divisions if known.section_of(digits) == industry]
    return [industry] if industry in known.divisions else []
