"""What the lines around a table say of all its rows: the list's programme and batch, its date, unit, year, region."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final

from backend.enterprises.regions import Region, Regions
from backend.spreadsheets import cells
from backend.spreadsheets.cells import CellProblem, MoneyUnit, money_unit, read_date
from backend.spreadsheets.programme_names import find_event, find_level, find_programme
from backend.spreadsheets.records import RecognitionEvent

_UNIT = re.compile(r"单位[:：]\s*(?:人民币)?\s*([^\s，,；;。、（）()]{1,4})")
_DAY = r"(?:\d{4}\s*[年./-]\s*\d{1,2}\s*[月./-]\s*\d{1,2}\s*日?|[〇○零一二三四五六七八九]{4}年[一二三四五六七八九十]+月[一二三四五六七八九十]+日|(?<!\d)20\d{6}(?!\d))"
_LIST_DATE = re.compile(
    r"(?:公告|发布|发文|公布|认定|发证|批准|印发|公示|签发|入库|落款)(?:日期|时间)?[:：为]?\s*(" + _DAY + ")"
)
_ONLY_A_DAY = re.compile(r"^[（(]?\s*(?:日期[:：])?\s*(" + _DAY + r")\s*[）)]?$")
_AS_OF = re.compile(r"截至\s*(20\d{2}年(?:\d{1,2}月)?(?:\d{1,2}日|底|末)?)")
_FISCAL_YEAR = re.compile(r"(20\d{2})年?(?:度|末|年底)")
_ANY_YEAR = re.compile(r"(?<!\d)(20\d{2})(?!\d)")
_BATCH = re.compile(
    r"(?P<year>20\d{2})年(?P<fiscal>度)?(?:认定的|认定|入库的|入库)?(?P<ordinal>第[一二三四五六七八九十\d]+批(?:次)?)"
    r"|(?P<only>第[一二三四五六七八九十\d]+批(?:次)?)"
    r"|(?P<year_only>20\d{2})年(?P<fiscal_only>度)?"
)
_CHINESE_ORDINALS: Final = "零一二三四五六七八九十"
_MARK = re.compile(r"[“\"'‘]?([*＊★☆△▲※#＃])[”\"'’]?\s*(?:号)?的?\s*(?:为|是|表示|系|代表|指)\s*([^。；;，,]{2,20})")


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a whole table unless a row says otherwise."""

    title: str = ""
    programme: str = ""
    event: RecognitionEvent | None = None
    level: str = ""
    batch: str = ""
    edition: int | None = None
    dated_on: date | None = None
    #: The year of yearly figures that name none.
    year: int | None = None
    as_of: str = ""
    unit: MoneyUnit | None = None
    region_code: str = ""
    region_text: str = ""
    #: Mark behind names → what it means.
    marks: tuple[tuple[str, RecognitionEvent], ...] = ()
    #: City whose local words (高新区, 市本级) are meant.
    within: str | None = None

    @property
    def mark_meanings(self) -> dict[str, RecognitionEvent]:
        """Marks as a mapping."""
        return dict(self.marks)


def read_context(lines: Sequence[str], notes: Sequence[str], sheet: str, file_name: str, within: str | None) -> Context:
    """Read the title lines above a table, the notes around it, and the names of sheet and file."""
    plain = [_plain(line) for line in lines]
    everywhere = [*plain, *(_plain(note) for note in notes)]
    title = _title([cells.tidy(line) for line in lines])
    named = next((text for text in (*plain, _plain(sheet), _plain(file_name)) if find_programme(text)), "")
    region = _region_of_table(plain, sheet, within)
    batch, edition = read_batch(named or title)
    return Context(
        title=title,
        programme=find_programme(named),
        event=find_event(named) if named else find_event(title),
        level=find_level(named),
        batch=batch,
        edition=edition,
        dated_on=_list_date(plain, notes),
        year=_fiscal_year(plain, sheet, file_name),
        as_of=next((match[1] for text in plain if (match := _AS_OF.search(text))), ""),
        unit=next((unit for text in everywhere if (unit := _unit(text))), None),
        region_code=region.code if region else "",
        region_text=region.shown_as if region else "",
        marks=tuple(mark for text in everywhere for mark in _marks(text)),
        within=within or _city_of(plain, sheet, file_name),
    )


def in_section(context: Context, heading: str) -> Context:
    """The context below a group's heading: `二、海陵区（20家）`, `（二）重新认定企业`."""
    text = re.sub(r"^[（(]?[一二三四五六七八九十\d]+[）)]?[、.．]?\s*", "", _plain(heading))
    label = re.sub(r"[（(]?共?\d+[家户个][）)]?|[:：]$", "", text).strip()
    changed = context
    region = region_named(label, context.within)
    if region is not None:
        changed = replace(changed, region_code=region.code, region_text=label)
    if programme := find_programme(label):
        changed = replace(changed, programme=programme)
    if re.search(r"重新认定|复核|复审|更名|取消|撤销|新认定|首次认定", label):
        changed = replace(changed, event=find_event(label) or context.event)
    return changed


def read_batch(text: str) -> tuple[str, int | None]:
    """The batch in one spelling and its year: 江苏省认定机构2025年认定的第一批… → 2025年第一批, 2025."""
    plain = re.sub(r"\s+", "", _plain(text))
    found = sorted(_BATCH.finditer(plain), key=lambda match: (match["ordinal"] is None, match["only"] is None))
    if not found:
        return "", None
    best = found[0]
    if best["ordinal"]:
        return f"{best['year']}年{best['fiscal'] or ''}{_ordinal(best['ordinal'])}", int(best["year"])
    year = next((int(match["year_only"]) for match in found if match["year_only"]), None)
    if best["only"]:
        return _ordinal(best["only"]), year
    return f"{best['year_only']}年{best['fiscal_only'] or ''}", year


def _ordinal(text: str) -> str:
    number = re.sub(r"\D", "", text)
    if number and int(number) <= 10:
        return f"第{_CHINESE_ORDINALS[int(number)]}批"
    return text.removesuffix("次")


def region_named(text: str, within: str | None) -> Region | None:
    """The region a short text names; None where it names none or several."""
    label = re.sub(r"\s+", "", _plain(text)).strip(":")
    # 泰兴市（续） and 海陵区（12家） are the region itself.
    label = re.sub(r"\((?:续表?|共?\d+[家户个])\)$", "", label)
    if label.startswith("(") and label.endswith(")") and label.count("(") == 1:
        label = label[1:-1]
    if not label or len(label) > 24:
        return None
    return _region(label.replace("(", "（").replace(")", "）"), within)


@lru_cache(maxsize=8192)
def _region(label: str, within: str | None) -> Region | None:
    return Regions.load().by_name(label, within)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _title(lines: Sequence[str]) -> str:
    """The line that is the table's title: not 附件1, not the unit's line."""
    candidates = [
        line
        for line in lines
        if len(line) >= 4
        and not re.match(r"^附件|^附表|^附\s*\d|^\(|^（", line)
        and not re.search(r"填报|单位[:：]|填表", line)
    ]
    worded = [line for line in candidates if re.search(r"名单|台账|表|公告|公示|情况|汇总|清单|通知|目录", line)]
    return (worded or candidates or [""])[0]


def _list_date(lines: Sequence[str], notes: Sequence[str]) -> date | None:
    for pattern in (_LIST_DATE, _ONLY_A_DAY):
        for text in (*lines, *(_plain(note) for note in notes)):
            if (match := pattern.search(text)) and (day := _date_of(match[1])):
                return day
    return None


def _date_of(text: str) -> date | None:
    try:
        read = read_date(text)
    except CellProblem:
        return None
    return read.day if read else None


def _fiscal_year(lines: Sequence[str], sheet: str, file_name: str) -> int | None:
    for text in (*lines, _plain(sheet), _plain(file_name)):
        if match := _FISCAL_YEAR.search(text):
            return int(match[1])
    match = re.fullmatch(r"(20\d{2})年?", _plain(sheet))
    return int(match[1]) if match else None


def _unit(text: str) -> MoneyUnit | None:
    for match in _UNIT.finditer(text):
        for part in re.split(r"[/、,，]", match[1]):
            try:
                if unit := money_unit(part):
                    return unit
            except CellProblem:
                return None
    return None


def _marks(text: str) -> tuple[tuple[str, RecognitionEvent], ...]:
    found: list[tuple[str, RecognitionEvent]] = []
    for match in _MARK.finditer(text):
        event = find_event(match[2])
        if event is not None:
            found.append((match[1].replace("＊", "*").replace("＃", "#"), event))
    return tuple(found)


def _region_of_table(lines: Sequence[str], sheet: str, within: str | None) -> Region | None:
    """A sheet per district is called by the district, or its title begins with it."""
    by_sheet = region_named(re.sub(r"[\d.、（）() ]+$", "", sheet), within)
    if by_sheet is not None and by_sheet.level == "district":
        return by_sheet
    for line in lines:
        start = re.match(r"^([\u4e00-\u9fff（）()]{2,14}?[区市县])(?![\u4e00-\u9fff]*名单)", line)
        region = region_named(start[1], within) if start else None
        if region is not None and region.level == "district":
            return region
    return None


def _city_of(lines: Sequence[str], sheet: str, file_name: str) -> str | None:
    """The city a title names; several (泰州市、连云港市) leave it open."""
    text = " ".join((*lines, sheet, _plain(file_name)))
    cities = {region.code for region in Regions.load() if region.level == "city" and region.name in text}
    return cities.pop() if len(cities) == 1 else None
