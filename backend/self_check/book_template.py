"""The workbook for whoever looks after many enterprises: what is asked for, as columns; one enterprise a row."""

import re
from datetime import date
from io import BytesIO
from typing import Any, Final

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from backend.self_check.checking import SelfCheck
from backend.self_check.sheet import Sheet
from rules.catalogue import Indicator, Type
from rules.library import Library
from rules.translation import marked, say, sentences
from rules.values import FactKey
from rules.wording import fact_name, unit_of_indicator, yes_or_no

# Said in the language of the book.
DATA_SHEET: Final = marked("企业数据")
NOTES_SHEET: Final = marked("说明")
TARGET_LABEL: Final = marked("测评内容")
DAY_LABEL: Final = marked("测评日")
#: The first columns say who it is; nothing is worked out from them.
WHO: Final = (marked("企业名称"), marked("统一社会信用代码"))
MOST_ROWS: Final = 1_000
_NONE: Final = marked("无")
#: Texts that look like formulas stay texts: they come from other people's files.
OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
#: 销售收入（2025 年），万元; Sales revenue (2025), 10,000 yuan
_TITLE = re.compile(r"(.+?)(?:（(\d{4}) 年）| \((\d{4})\))?(?:，[^，]*|; [^;]*)?")


def template(target: str, as_of: date, library: Library) -> bytes:
    """An empty workbook for a target, its columns in the order of the articles."""
    check = SelfCheck(Sheet(target, as_of), library)
    keys = [key for section in check.sections() for key in section.keys]
    content = BytesIO()
    with xlsxwriter.Workbook(content, OPTIONS) as book:
        head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        text = book.add_format({"num_format": "@"})
        data = book.add_worksheet(say(DATA_SHEET))
        for column, (title, width) in enumerate(zip(WHO, (36, 22), strict=True)):
            data.set_column(column, column, width, text)
            data.write_string(0, column, say(title), head)
        for column, key in enumerate(keys, start=len(WHO)):
            _write_head(data, column, key, library, head, text)
        data.set_row(0, 60)
        data.freeze_panes(1, 1)
        _write_notes(book.add_worksheet(say(NOTES_SHEET)), check, head)
    return content.getvalue()


def title_of(key: FactKey, library: Library) -> str:
    """The head of a fact's column: 销售收入（2025 年），万元."""
    indicator = library.catalogue.by_name[key.indicator]
    unit = unit_of_indicator(indicator)
    name = fact_name(key, indicator)
    return say("{name}，{unit}", name=name, unit=unit) if unit else name


def key_of(title: str, library: Library) -> FactKey | None:
    """The fact that a head names; None where it names none."""
    found = _TITLE.fullmatch(" ".join(title.split()))
    if found is None:
        return None
    indicator = _by_written_name(library).get(found[1])
    year = found[2] or found[3]
    if indicator is None or (indicator.period == "yearly") != bool(year):
        return None
    return FactKey(indicator.id, int(year) if year else None)


def _by_written_name(library: Library) -> dict[str, Indicator]:
    return {one.name: one for one in library.catalogue.indicators}


def _write_head(data: Worksheet, column: int, key: FactKey, library: Library, head: Any, text: Any) -> None:
    indicator = library.catalogue.by_name[key.indicator]
    is_text = indicator.type in (Type.TEXT, Type.DATE, Type.LIST)
    data.set_column(column, column, 16, text if is_text else None)
    data.write_string(0, column, title_of(key, library), head)
    line = "\n" + say("填报依据：{line}", line=indicator.line) if indicator.line else ""
    words = indicator.definition + line + _how(indicator)
    if words:
        data.write_comment(0, column, words.strip(), {"x_scale": 2.5, "y_scale": 1.5})
    if options := _options(indicator):
        data.data_validation(
            1, column, MOST_ROWS, column, {"validate": "list", "source": options, "ignore_blank": True}
        )


def _options(indicator: Indicator) -> list[str]:
    if indicator.type is Type.BOOLEAN:
        return [yes_or_no(True), yes_or_no(False)]
    names = list(indicator.choices.values())
    # Excel takes no longer list in a cell's own rule.
    return names if len(",".join(names)) < 250 else []


def _how(indicator: Indicator) -> str:
    if indicator.type is Type.LIST:
        fields = sentences(f"{one.name}=…" for one in indicator.fields[:4])
        how = say("每条写作“{fields}”，多条各占一行；经查没有的写“{none}”。", fields=fields, none=say(_NONE))
        return f"\n{how}"
    if indicator.type is Type.DATE:
        return "\n" + say("写作 2020-05-08；没有的写“{none}”。", none=say(_NONE))
    return ""


def _write_notes(notes: Worksheet, check: SelfCheck, head: Any) -> None:
    notes.set_column(0, 0, 16)
    notes.set_column(1, 1, 90)
    lines = (
        (say(TARGET_LABEL), check.sheet.target), (say(DAY_LABEL), check.sheet.as_of.isoformat()),
        ("", say("{target}。上面两行请勿改动：结果按它们测算。", target=check.target.name)),
        (say("怎样填"), say("在“{sheet}”中每家企业一行，最多 {most:,} 家。不清楚的留空，不要填 0。", sheet=say(DATA_SHEET), most=MOST_ROWS)),
        (say("单位"), say("金额一律为万元；百分比填 15 表示 15%；各列的口径见表头批注。")),
        (say("结果"), say("上传后立即得到结果工作簿；服务器不保存任何内容。结果供参考，不是任何部门的认定决定。")),
    )  # fmt: skip
    for row, (label, words) in enumerate(lines):
        notes.write_string(row, 0, label, head if label else None)
        notes.write_string(row, 1, words)
