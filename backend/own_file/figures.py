"""The form of a year's figures, as an enterprise fills it in: which lines, what was typed, what looks wrong.

The fields, their units, definitions and hints are those of the self-check; a draft is what was typed, word for word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.filings.queries import all_said
from backend.own_file.bureau_side import SELF_DECLARED
from backend.self_check.entries import Entry, Taken, entry, name_of, take, text_of
from backend.self_check.hints import hints
from backend.self_check.sheet import Sheet
from backend.self_check.targets import EVERYTHING
from backend.web.errors import Refusal
from rules.catalogue import Indicator, Jump, Period, Type
from rules.facts import Facts
from rules.language import FEN_PER_WAN
from rules.library import Library
from rules.translation import marked, say
from rules.values import FactKey

#: So many years back figures may be handed in; older ones no rule asks about.
YEARS_BACK: Final = 6
#: Longer texts are no figure.
_LONGEST: Final = 200
_GROUPS: Final = {
    marked("收入与利润"): (
        "sales_revenue", "operating_revenue", "main_business_revenue", "gross_income_cit", "non_taxable_income",
        "hightech_product_revenue", "main_product_revenue", "technical_income", "cost_expense_total", "total_profit",
        "net_profit", "profit_and_tax",
    ),
    marked("资产与负债（年末）"): ("total_assets_year_end", "total_liabilities_year_end", "net_assets_year_end"),
    marked("研发投入"): (
        "rd_expense_hnte", "rd_expense_hnte_domestic", "rd_expense_deduction", "rd_expense_stat", "rd_expense_audited",
        "cit_rd_expense_accounting", "rd_super_deduction",
    ),
    marked("人员"): ("employee_total", "sci_tech_staff", "employees", "rd_personnel_count"),
}  # fmt: skip
_OTHERS: Final = marked("其他（涉及时填）")


class YearNotOver(Refusal):
    """Figures of a year are what it came to; before it is over nobody knows."""

    status = 422
    slug = "year-not-over"
    title = marked("年度未到")


@dataclass(frozen=True)
class Section:
    """Lines of the form that belong together."""

    title: str
    entries: Sequence[Entry]
    is_open: bool


@dataclass(frozen=True)
class Draft:
    """What was typed for a year so far."""

    typed: Mapping[str, str]
    saved_at: Any = None


@dataclass(frozen=True)
class YearForm:
    """A year's figures as typed: what could be read, what not, what looks wrong."""

    year: int
    taken: Taken
    sections: Sequence[Section]
    hints: Sequence[Mapping[str, str]]

    @property
    def values(self) -> dict[str, Any]:
        """What could be read: indicator → value in the unit of the official form."""
        held: dict[str, Any] = {}
        for name, years in self.taken.sheet.facts.items():
            if (value := years.get(str(self.year))) is not None:
                held[name] = value
        return held


def years_open(today: date) -> list[int]:
    """The years whose figures may be handed in, the latest first."""
    return [today.year - back for back in range(1, YEARS_BACK + 1)]


def demand_year(year: int, today: date) -> None:
    """Raises YearNotOver unless figures of the year may be handed in."""
    if year >= today.year:
        raise YearNotOver(
            say(
                "{year} 年还没有结束，年度数据要等年度终了后才能报送（{next} 年 1 月 1 日起）。"
                "现在可以报送的最近年度是 {last} 年。",
                year=year,
                next=year + 1,
                last=today.year - 1,
            )
        )
    if year not in years_open(today):
        raise YearNotOver(say("{year} 年的数据不再在线收取，如需补正请用“消息”联系科技部门。", year=year))


def is_asked(indicator: Indicator) -> bool:
    """Whether enterprises themselves report the figure: of a year, and not worked out of others."""
    is_figure = indicator.period is Period.YEARLY and indicator.type is not Type.LIST
    return is_figure and SELF_DECLARED in indicator.sources and not indicator.derived_wins


def _lines(library: Library) -> dict[str, tuple[str, ...]]:
    asked = [one.id for one in library.catalogue.indicators if is_asked(one)]
    grouped = {name for names in _GROUPS.values() for name in names}
    lines = {title: tuple(name for name in names if name in asked) for title, names in _GROUPS.items()}
    return {**lines, _OTHERS: tuple(name for name in asked if name not in grouped)}


def read_form(
    typed: Iterable[tuple[str, str]], year: int, today: date, library: Library, held: Facts | None = None
) -> YearForm:
    """What was typed, read; `held` is what the registry holds, to compare the year before with."""
    names = {name_of(FactKey(name, year)) for names in _lines(library).values() for name in names}
    kept = [(name, words[:_LONGEST]) for name, words in typed if name in names]
    taken = take(kept, Sheet(EVERYTHING, today), library)
    return YearForm(year, taken, _sections(taken, year, library), _doubts(taken, year, library, held))


def _sections(taken: Taken, year: int, library: Library) -> list[Section]:
    found: list[Section] = []
    for title, names in _lines(library).items():
        entries = [entry(FactKey(name, year), taken.sheet, library, taken) for name in names]
        is_open = title != _OTHERS or any(one.text or one.error for one in entries)
        found.append(Section(say(title), entries, is_open))
    return found


def _doubts(taken: Taken, year: int, library: Library, held: Facts | None) -> list[Mapping[str, str]]:
    facts = taken.sheet.read(library)
    # Of the self-check's own hints those about this very form; other years are not what is being typed.
    found: list[Mapping[str, str]] = list(hints(taken, facts, library))
    if held is not None:
        found += [
            told
            for jump in library.catalogue.jumps
            for name in jump.of
            if (told := _jump(jump, library.catalogue.by_name[name], year, facts, held)) is not None
        ]
    return found


def _jump(jump: Jump, indicator: Indicator, year: int, facts: Facts, held: Facts) -> Mapping[str, str] | None:
    """A figure many times that of the year before, or a small part of it."""
    now, before = (one.yearly.get(indicator.id, {}).get(at) for one, at in ((facts, year), (held, year - 1)))
    if not isinstance(now, int | Fraction) or not isinstance(before, int | Fraction) or not now or not before:
        return None
    larger, smaller = max(abs(now), abs(before)), min(abs(now), abs(before))
    scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
    if larger < smaller * jump.at_least or larger < jump.larger_at_least * scale:
        return None
    if jump.below is not None and larger >= smaller * jump.below:
        return None
    words = say("“{name}”（{year} 年）{jump}：{hint}", name=indicator.name, year=year, jump=jump.name, hint=jump.hint)
    return {"field": name_of(FactKey(indicator.id, year)), "message": words}


# Drafts ------------------------------------------------------------------------------------------------------------


async def draft_of(session: AsyncSession, enterprise_id: int, year: int) -> Draft | None:
    """What an enterprise has typed for a year; None where nothing waits."""
    found = await session.execute(
        text("SELECT typed, saved_at FROM figure_draft WHERE enterprise_id = :id AND year = :year"),
        {"id": enterprise_id, "year": year},
    )
    row = found.first()
    return Draft(row.typed, row.saved_at) if row is not None else None


async def drafts_of(session: AsyncSession, enterprise_id: int) -> dict[int, Any]:
    """The years with a draft, and when each was last saved."""
    found = await session.execute(
        text("SELECT year, saved_at FROM figure_draft WHERE enterprise_id = :id ORDER BY year DESC"),
        {"id": enterprise_id},
    )
    return {row.year: row.saved_at for row in found}


async def save_draft(
    session: AsyncSession, enterprise_id: int, year: int, typed: Mapping[str, str], *, by: int | None
) -> None:
    """Keep what was typed, right or wrong; nothing typed leaves no draft."""
    kept = {name: words[:_LONGEST] for name, words in typed.items() if name.startswith("f.") and words.strip()}
    if not kept:
        await drop_draft(session, enterprise_id, year)
        return
    await session.execute(
        text(
            "INSERT INTO figure_draft (enterprise_id, year, typed, saved_by) VALUES (:id, :year, CAST(:typed AS jsonb), :by)"
            " ON CONFLICT (enterprise_id, year) DO UPDATE SET typed = excluded.typed, saved_by = excluded.saved_by,"
            " saved_at = now()"
        ),
        {"id": enterprise_id, "year": year, "typed": exact_json(kept), "by": by},
    )


async def drop_draft(session: AsyncSession, enterprise_id: int, year: int) -> None:
    """Forget a draft."""
    await session.execute(
        text("DELETE FROM figure_draft WHERE enterprise_id = :id AND year = :year"), {"id": enterprise_id, "year": year}
    )


async def declared_before(session: AsyncSession, enterprise_id: int, year: int, library: Library) -> dict[str, str]:
    """What the enterprise itself last said of a year, as it stands in the form's fields."""
    typed: dict[str, str] = {}
    for key, said in (await all_said(session, enterprise_id)).items():
        own = next((one.value for one in said if one.source == SELF_DECLARED), None)
        if (
            own is not None
            and key.year == year
            and (indicator := library.catalogue.indicator(key.indicator)) is not None
        ):
            typed[name_of(FactKey(indicator.id, year))] = text_of(indicator, own)
    return typed
