"""The columns of the workbooks to fill in: heads that the reader knows again, with what may stand under them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.spreadsheets.columns import Vocabulary, vocabulary_of
from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.library import Library


class Entry(StrEnum):
    """What may be entered in a cell."""

    TEXT = "text"
    #: A number that names something: kept as text, or Excel rounds it after 15 digits.
    NAMING = "naming"
    DAY = "day"
    NUMBER = "number"
    WHOLE = "whole"


@dataclass(frozen=True)
class TemplateColumn:
    """A column to fill in."""

    title: str
    hint: str
    entry: Entry = Entry.TEXT
    #: The words to choose from; none where anything may be entered.
    choices: tuple[str, ...] = ()
    #: Several of them may be entered, or others.
    is_open: bool = False
    least: int | None = None
    most: int | None = None
    is_required: bool = False
    width: int = 16


_YES_NO: Final = ("是", "否")
NAME: Final = TemplateColumn("企业名称", "营业执照上的全称。", is_required=True, width=36)
CODE: Final = TemplateColumn(
    "统一社会信用代码",
    "18 位，照营业执照填写；本列已设为文本，请勿改为数字。",
    Entry.NAMING,
    is_required=True,
    width=24,
)


def identity(regions: Sequence[str], chains: Sequence[str]) -> Iterable[TemplateColumn]:
    """Who an enterprise is and where."""
    yield TemplateColumn("曾用名", "改过名称的填写，多个用分号隔开。", width=28)
    yield TemplateColumn("所在市（区）", "注册地所在的市（区），从下拉列表中选择。", choices=tuple(regions), width=14)
    yield TemplateColumn("镇街", "所在的镇或街道。", width=14)
    yield TemplateColumn("园区", "所在的园区，没有的留空。", width=18)
    yield TemplateColumn("注册地址", "照营业执照填写。", width=36)
    yield TemplateColumn("成立日期", "年-月-日，如 2019-03-04。", Entry.DAY, width=13)
    yield TemplateColumn("行业代码", "GB/T 4754-2017 的代码，如 C3484。", Entry.NAMING, width=12)
    yield TemplateColumn(
        "产业链", "从下拉列表中选择；属于几条的，其余用顿号补上。", choices=tuple(chains), is_open=True, width=18
    )
    yield TemplateColumn("是否规上", "以统计部门的名录为准。", choices=_YES_NO, width=10)


def of_titles(programmes: Sequence[str]) -> Iterable[TemplateColumn]:
    """What is said of a title."""
    yield TemplateColumn("认定项目", "从下拉列表中选择。", choices=tuple(programmes), is_required=True, width=26)
    events = ("认定", "重新认定", "复核通过", "更名", "取消")
    yield TemplateColumn("事项", "从下拉列表中选择；不填按“认定”。", choices=events, width=12)
    yield TemplateColumn(
        "发证日期", "公告或证书上的日期，年-月-日；取消、更名的填公告日期。", Entry.DAY, is_required=True, width=13
    )
    yield TemplateColumn("证书编号", "照证书填写。", Entry.NAMING, width=20)
    yield TemplateColumn("批次", "如 2025年第一批。", width=16)
    yield TemplateColumn("有效期至", "最后有效的一天；不填按该项目的规定推算。", Entry.DAY, width=13)
    yield TemplateColumn("更名后企业名称", "只在“更名”时填写。", width=30)
    yield TemplateColumn("取消原因", "只在“取消”时填写。", width=24)
    yield TemplateColumn("名单名称", "公告的标题或文号。", width=34)


# Indicators --------------------------------------------------------------------------------------------

#: These stand in the columns of identity.
_OF_IDENTITY: Final = frozenset({"uscc", "enterprise_name", "established_on", "industry_code", "zone_id"})


def indicators_for(library: Library, programme: str) -> list[Indicator]:
    """What a programme asks of a table: the indicators of its latest version that has any, in the catalogue's order."""
    versions = library.programmes[programme].versions
    wanted = next((one.indicators for one in reversed(versions) if one.indicators), frozenset[str]())
    return [
        one
        for one in library.catalogue.indicators
        if one.id in wanted and one.type is not Type.LIST and one.id not in _OF_IDENTITY
    ]


def of_indicators(
    indicators: Iterable[Indicator], catalogue: Catalogue, year: int | None = None
) -> Iterable[TemplateColumn]:
    """A column for each; with a year the heads of yearly ones carry it."""
    vocabulary = vocabulary_of(catalogue)
    for one in indicators:
        dated = f"{year}年" if year is not None and one.period is Period.YEARLY else ""
        yield _column(one, f"{dated}{_known_head(one, vocabulary)}")


def _known_head(indicator: Indicator, vocabulary: Vocabulary) -> str:
    """How to head the column so that the reader takes it for nothing else: its name if that does, else another word."""
    unit = f"（{indicator.unit}）" if indicator.unit and "（" not in indicator.unit else ""
    for word in (indicator.name, *indicator.synonyms):
        column = vocabulary.column(0, (f"{word}{unit}",))
        if column.indicator is indicator and not column.is_partial and column.year is column.relative_year is None:
            return f"{word}{unit}"
    return indicator.id


def _column(indicator: Indicator, title: str) -> TemplateColumn:
    hint = "。".join(part.rstrip("。") for part in (indicator.definition, indicator.line) if part) or indicator.name
    low, high = indicator.range or (None, None)
    hint = f"{hint}。{_unit(indicator)}"
    match indicator.type:
        case Type.BOOLEAN:
            return TemplateColumn(title, hint, choices=_YES_NO)
        case Type.CHOICE:
            return TemplateColumn(title, hint, choices=tuple(indicator.choices.values()), width=22)
        case Type.DATE:
            return TemplateColumn(title, hint, Entry.DAY)
        case Type.COUNT | Type.YEAR:
            return TemplateColumn(title, hint, Entry.WHOLE, least=0 if low is None else low, most=high)
        case Type.HEADCOUNT:
            return TemplateColumn(title, hint, Entry.NUMBER, least=0 if low is None else low, most=high)
        case Type.MONEY | Type.NUMBER | Type.PERCENT:
            return TemplateColumn(title, hint, Entry.NUMBER, least=low, most=high)
        case _:
            return TemplateColumn(title, hint, width=24)


def _unit(indicator: Indicator) -> str:
    if indicator.type is Type.PERCENT:
        return "填百分数，12.5 即 12.5%。"
    if indicator.type in (Type.BOOLEAN, Type.CHOICE):
        return "从下拉列表中选择；不清楚的留空。"
    return f"单位：{indicator.unit}；没有数据的留空。" if indicator.unit else ""
