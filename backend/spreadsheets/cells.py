"""What one cell says: a value in one of the forms staff use, or the reason why it says none.

Every function takes a raw cell and returns the value, or None where the cell says nothing (blank, —, 无). A cell
that says something else raises `CellProblem`; where in the table that was is added by whoever reads the row.
Nothing is guessed: `约3000` is no 3000, and 2024.13.1 no day.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Final

from backend.enterprises.credit_code import CreditCodeError, normalise, parse_credit_code
from backend.enterprises.identifiers import classify
from backend.enterprises.names import match_key, split_former_names
from backend.spreadsheets.records import FormerName, OldNumber
from backend.spreadsheets.workbook import Cell, LostValue, PercentCell, is_blank

DAMAGED: Final = "\ufffd"
_NOTHING: Final = frozenset(
    {"", "-", "--", "---", "—", "——", "/", "\\", "无", "暂无", "没有", "空", "N/A", "NA", "NULL", "NONE", "#N/A",
     "不详", "未知", "待补", "待填", "待核", "未填", "...", "…", "……", "/ /"}
)  # fmt: skip
#: Characters of a name that the registry has room for.
MOST_OF_NAME: Final = 200
_MOST_OF_NUMBER: Final = 60
#: With blanks around; a longer text says something.
_LONGEST_NOTHING: Final = 12
_ERRORS: Final = frozenset({"#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
DITTO: Final = frozenset({"〃", "″", '"', "''", "””", "““", "”", "“", "同上", "同前", "同上行", "〃〃"})


class CellProblem(ValueError):
    """A cell that does not say what its column asks for: why, and what to do."""

    def __init__(self, kind: str, reason: str, remedy: str) -> None:
        super().__init__(reason or remedy)
        self.kind = kind
        self.reason = reason
        self.remedy = remedy


def plain(cell: Cell) -> str:
    """A cell as text in ordinary width, one line, without stray blanks: `２０２５．１１` → `2025.11`."""
    text = cell if isinstance(cell, str) else shown(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if "\u200b" in text or "\ufeff" in text:
            text = text.replace("\u200b", "").replace("\ufeff", "")
    return " ".join(text.split())


_WIDE_LETTERS: Final = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}


def tidy(cell: Cell) -> str:
    """A cell as text to keep: letters and digits in ordinary width, punctuation as written, one line."""
    text = cell if isinstance(cell, str) else shown(cell)
    if not text.isascii():
        text = text.translate(_WIDE_LETTERS).replace("\u200b", "").replace("\ufeff", "")
    return " ".join(text.split())


def shown(cell: Cell) -> str:
    """A cell as the user sees it: 5.0 as `5`, a day as 2025-11-18."""
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, PercentCell):
        return f"{(exact(cell) * 100).normalize():f}%"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.15g}".upper()
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "minutes")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def says_nothing(cell: Cell) -> bool:
    """Whether a cell is blank or holds one of the signs for it."""
    if not isinstance(cell, str) or len(cell) > _LONGEST_NOTHING:
        return False
    return is_blank(cell) or (not isinstance(cell, LostValue) and plain(cell).upper() in _NOTHING)


def is_ditto(cell: Cell) -> bool:
    """Whether a cell means “as above”."""
    return isinstance(cell, str) and (cell.strip() in DITTO)


def refuse_damage(cell: Cell) -> None:
    """Raise where the text or the value of a cell is lost."""
    if not isinstance(cell, str):
        return
    if isinstance(cell, LostValue) or (cell.startswith("#") and cell.strip() in _ERRORS):
        raise CellProblem(
            "formula_error", "是公式错误，没有结果", "请在 Excel 中改正公式或直接填写数值，保存后重新上传"
        )
    if DAMAGED in cell:
        raise CellProblem(
            "damaged_text",
            "文字已损坏（编码丢失，显示为“\ufffd”），无法恢复",
            "请从原始文件重新导出，或在此重新填写",
        )


def read_text(cell: Cell) -> str:
    """Ordinary text on one line; empty where the cell says nothing."""
    refuse_damage(cell)
    return "" if says_nothing(cell) else tidy(cell)


def refuse_longer(text: str, most: int) -> None:
    """Raise where a text is longer than the registry has room for: such a cell mostly holds another column's text."""
    if len(text) > most:
        raise CellProblem("too_long", f"有 {len(text)} 个字，最多 {most} 个字", "请精简，或核对各列是否错位")


# Credit codes -------------------------------------------------------------------------------------


_READY_CODE = re.compile(r"^[0-9A-Z]{18}$")
_CODE_LABEL = re.compile(r"^.*?代码[:：]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CodeCell:
    """What the code column says: a credit code, or an older number instead; `warning` where that one is odd."""

    credit_code: str | None = None
    other: OldNumber | None = None
    warning: CellProblem | None = None


def read_code(cell: Cell) -> CodeCell | None:
    """A credit code, or a registration number or organisation code in its place.

    Raises:
        CellProblem: Excel has changed the number, or the check character or length is wrong.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        if abs(cell) >= 10**15:
            raise CellProblem(
                "excel_rounded",
                "被 Excel 当作数字存储，后几位已丢失",
                "请把单元格设为“文本”格式，对照营业执照重新填写 18 位代码",
            )
        cell = str(int(cell)) if float(cell).is_integer() else str(cell)
    text = cell if isinstance(cell, str) and _READY_CODE.match(cell) else normalise(_CODE_LABEL.sub("", shown(cell)))
    if not text or text.strip("0") == "":
        return None
    try:
        return CodeCell(credit_code=parse_credit_code(text).code)
    except CreditCodeError as error:
        identifier = classify(text)
        if identifier.kind not in ("registration_number", "organisation_code", "taxpayer_number"):
            raise _code_problem(error, text) from error
    warning = None
    if identifier.problem:
        warning = CellProblem(
            "old_number", "是旧注册号或机构代码，但校验码不符", "请核对，并补填 18 位统一社会信用代码"
        )
    return CodeCell(other=OldNumber(identifier.kind, identifier.value), warning=warning)


def _code_problem(error: CreditCodeError, text: str) -> CellProblem:
    """The parser's sentence names the field and the text; a row problem has said both already."""
    if error.hint == "excel_scientific":
        return CellProblem(
            "excel_rounded",
            "被 Excel 转成了科学计数法，后几位已丢失",
            "请把单元格设为“文本”格式，对照营业执照重新填写 18 位代码",
        )
    if error.reason == "check_digit":
        reason = f"校验码不符：末位是“{text[-1]}”，按前 17 位应为“{error.expected}”"
        return CellProblem("check_digit", reason, "至少有一位填错，请对照营业执照逐位核对")
    if error.reason == "length":
        return CellProblem("length", f"有 {len(text)} 位，应为 18 位", "请对照营业执照补全或删去多余的字符")
    reason, _, remedy = error.message.removeprefix("统一社会信用代码").partition("。")
    return CellProblem(error.reason, reason.strip("，"), remedy.rstrip("。") or "请对照营业执照核对")


# Names --------------------------------------------------------------------------------------------

_MARKS = re.compile(r"([*＊★☆△▲※#＃])[\s\u3000\xa0]*$")
_FORMER_LABEL = re.compile(r"^(?:原企业名称|原单位名称|原公司名称|原名称|原名|曾用名|更名前|前身|原)[:：为是\s]*")
_FORMER_INSIDE = re.compile(
    r"(?:原企业名称|原名称|原名|曾用名|更名前)[:：为是]\s*((?:[^，,；;。()（）]|[(（][^()（）]*[)）])+)"
)
_LOOKS_LIKE_NAME = re.compile(
    r"(公司|厂|集团|合作社|研究院|研究所|事务所|中心|企业|支行|分行|营业部|经营部|商行|店|站|院|所|社|室|场|部|局"
    r"|行|馆|庄|队|园|会|合伙）?|有限合伙）|Ltd\.?|Inc\.?|LLC)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class NameCell:
    """A name as it is kept, the former names printed behind it, and the mark behind it (*)."""

    name: str
    former: tuple[FormerName, ...] = ()
    mark: str = ""
    warning: CellProblem | None = None


def read_name(cell: Cell) -> NameCell | None:
    """The name of an enterprise.

    Raises:
        CellProblem: a number, damaged text, or no more than one character.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if not isinstance(cell, str):
        raise CellProblem("not_a_name", "是数字或日期，不是企业名称", "请填写营业执照上的名称，或核对各列是否错位")
    name, former = split_former_names(cell)
    # Characters that are several in ordinary width are counted as such: the registry finds names by these.
    for one in (name, *former):
        refuse_longer(match_key(one) if len(one) <= MOST_OF_NAME else one, MOST_OF_NAME)
    if len(name) < 2 or name.replace(".", "").isdigit():
        raise CellProblem("not_a_name", "不是企业名称", "请填写营业执照上的名称，或核对各列是否错位")
    warning = None
    if "□" in name or "?" in name or "？" in name:
        warning = CellProblem("lost_character", "名称中有缺失的字", "请对照营业执照补全，否则只能按代码对应企业")
    return NameCell(name, tuple(FormerName(one) for one in former), mark_behind(cell), warning)


def mark_behind(text: str) -> str:
    """The sign that a list puts behind some names (*); its notes say what it means."""
    marked = _MARKS.search(text)
    return marked[1].replace("＊", "*").replace("＃", "#") if marked else ""


def looks_like_name(text: str) -> bool:
    """Whether a text could be an enterprise's name, by its end."""
    return len(text) >= 4 and _LOOKS_LIKE_NAME.search(_MARKS.sub("", text).strip()) is not None


def read_former_names(cell: Cell) -> tuple[FormerName, ...]:
    """Former names of a column of their own: parted by 、；; or |-dated as `甲公司|2024-05-01`."""
    if says_nothing(cell):
        return ()
    refuse_damage(cell)
    found: list[FormerName] = []
    for part in re.split(r"[;；\n、]+", shown(cell)):
        name, _, day = part.partition("|")
        read = read_name(_FORMER_LABEL.sub("", name.strip()))
        if read is None:
            continue
        ended = read_date(day) if day.strip() else None
        found.append(FormerName(read.name, ended.day if ended else None))
    return tuple(found)


def former_names_in_remark(text: str) -> tuple[FormerName, ...]:
    """Former names that a remark mentions: `原名称：甲公司`."""
    names = (split_former_names(match[1])[0] for match in _FORMER_INSIDE.finditer(unicodedata.normalize("NFKC", text)))
    return tuple(FormerName(name) for name in names if looks_like_name(name) and len(match_key(name)) <= MOST_OF_NAME)


# Dates --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DateCell:
    """A day; or only its month or year, where the cell says no more."""

    day: date | None
    month: str = ""
    year: int | None = None


_EPOCH: Final = date(1899, 12, 30)  # Excel counts a 29 February 1900 that never was
_EARLIEST: Final = 1900
_LATEST: Final = 2100
_REMEDY_DATE: Final = "请改为日期，如 2024-05-01"
_CHINESE_DIGITS: Final = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_DAY = re.compile(r"^(\d{4})\s*[-./年\\,，、]\s*(\d{1,2})\s*[-./月\\,，、]\s*(\d{1,2})\s*日?\.?$")
_MONTH = re.compile(r"^(\d{4})\s*[-./年\\]\s*(\d{1,2})\s*月?(?:份)?\.?$")
_YEAR = re.compile(r"^(\d{4})\s*年?(?:度)?$")
_CLOCK = re.compile(r"[T\s]\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*Z?$")
_FOREIGN_ORDER = re.compile(r"^(\d{1,2})[-./](\d{1,2})[-./](\d{4})$")
_SHORT_YEAR = re.compile(r"^\d{2}[-./年]\d{1,2}[-./月]\d{1,2}日?$")


def read_date(cell: Cell) -> DateCell | None:
    """A day in any of the spellings staff use, also Excel's bare serial number.

    Raises:
        CellProblem: no day of the calendar, or a spelling that may mean two.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if isinstance(cell, datetime):
        return _checked_day(cell.date())
    if isinstance(cell, date):
        return _checked_day(cell)
    if isinstance(cell, time | timedelta | bool):
        raise CellProblem("not_a_date", "不是日期", _REMEDY_DATE)
    if isinstance(cell, int | float):
        return _date_of_number(float(cell))
    return _date_of_text(plain(cell))


def _checked_day(day: date) -> DateCell:
    if not _EARLIEST <= day.year <= _LATEST:
        raise CellProblem("impossible_date", f"年份 {day.year} 不合理", _REMEDY_DATE)
    return DateCell(day, f"{day.year:04d}-{day.month:02d}", day.year)


def _date_of_number(number: float) -> DateCell:
    whole = int(number)
    if 19000101 <= whole <= 21001231 and number == whole:
        return _date_of_text(str(whole))
    if 10_000 <= number < 75_000:  # 1927 to 2105, as Excel counts days
        return _checked_day(_EPOCH + timedelta(days=whole))
    if _EARLIEST <= whole <= _LATEST:
        # Excel turns 2000.10 into 2000.1: which month it was is lost, so only the year is sure.
        return DateCell(None, "", whole)
    raise CellProblem("not_a_date", "不是日期", _REMEDY_DATE)


@lru_cache(maxsize=16_384)
def _date_of_text(text: str) -> DateCell:
    text = _CLOCK.sub("", text.strip("'` "))
    text = re.sub(r"^(?:[^\d〇○零一二三四五六七八九]{1,6}[:：])", "", text)
    if re.search(r"[〇○零一二三四五六七八九]{4}年", text):
        text = _in_digits(text)
    if re.fullmatch(r"\d{8}", text):
        return _day(int(text[:4]), int(text[4:6]), int(text[6:]))
    if match := _DAY.match(text):
        return _day(int(match[1]), int(match[2]), int(match[3]))
    if match := _MONTH.match(text):
        return _month(int(match[1]), int(match[2]))
    if match := _YEAR.match(text):
        return _checked_year(int(match[1]))
    if re.fullmatch(r"\d{6}", text) and 1 <= int(text[4:]) <= 12 and _EARLIEST <= int(text[:4]) <= _LATEST:
        return _month(int(text[:4]), int(text[4:]))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return _date_of_number(float(text))
    if match := _FOREIGN_ORDER.match(text):
        return _foreign_order(int(match[1]), int(match[2]), int(match[3]))
    if _SHORT_YEAR.match(text):
        raise CellProblem("short_year", "年份只有两位，分不清是哪个世纪", "请写四位年份，如 1998-05-06")
    raise CellProblem("not_a_date", "不是日期", _REMEDY_DATE)


def _in_digits(text: str) -> str:
    """二〇二五年十一月十八日 → 2025年11月18日."""

    def number(match: re.Match[str]) -> str:
        tens, _, ones = match[0].partition("十")
        return str(int((tens or "1").translate(_CHINESE_DIGITS)) * 10 + int((ones or "0").translate(_CHINESE_DIGITS)))

    return re.sub(r"[一二三]?十[一二三四五六七八九]?", number, text).translate(_CHINESE_DIGITS)


def _checked_year(year: int) -> DateCell:
    if not _EARLIEST <= year <= _LATEST:
        raise CellProblem("impossible_date", f"年份 {year} 不合理", _REMEDY_DATE)
    return DateCell(None, "", year)


def _month(year: int, month: int) -> DateCell:
    _checked_year(year)
    if not 1 <= month <= 12:
        raise CellProblem("impossible_date", f"没有 {month} 月", _REMEDY_DATE)
    return DateCell(None, f"{year:04d}-{month:02d}", year)


def _day(year: int, month: int, day: int) -> DateCell:
    _month(year, month)
    try:
        return _checked_day(date(year, month, day))
    except ValueError as error:
        raise CellProblem("impossible_date", f"{year} 年 {month} 月没有 {day} 日", _REMEDY_DATE) from error


def _foreign_order(first: int, second: int, year: int) -> DateCell:
    if first > 12 >= second:
        return _day(year, second, first)
    if second > 12 >= first:
        return _day(year, first, second)
    if first == second:
        return _day(year, first, second)
    raise CellProblem("ambiguous_date", "分不清哪个是月、哪个是日", "请改为年-月-日，如 2024-05-01")


def read_year(cell: Cell) -> int | None:
    """A calendar year: 2024, 2024年, 2024年度, 2024-12-31.

    Raises:
        CellProblem: no year.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if isinstance(cell, date):
        return cell.year
    match = re.fullmatch(r"(\d{4})(?:\.0)?\s*(?:年度?|会计年度|财年|财政年度|FY)?", plain(cell))
    if match and _EARLIEST <= int(match[1]) <= _LATEST:
        return int(match[1])
    raise CellProblem("not_a_year", "不是年度", "请填写四位年份，如 2024")


# Numbers ------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"^([+-]?)(\d{1,3}(?:,\d{3})+|\d+)?(\.\d+)?(?:E([+-]?\d{1,2}))?$", re.IGNORECASE)
_ABOUT = re.compile(r"约|大概|左右|上下|余|多$|近|超过?|不足|以上|以下|至少|最多|[<>≥≤~±+]|\d\s*(?:-|—|–|至|到)\s*\d")
_COUNTED = re.compile(
    r"(?:人|名|家|项|件|个|只|台|套|次|年|月|分|股|级|㎡|m2|平方米|平米|位|户|条|份|亩|万股|亿美元|万美元|元/股)$"
)


def exact(number: float | int) -> Decimal:
    """A number as Excel shows it: fifteen significant digits, so that 0.1+0.2 is 0.3."""
    return Decimal(number) if isinstance(number, int) else Decimal(f"{number:.15g}")


def read_number(cell: Cell) -> Decimal | None:
    """An exact number, in digits of any width, with thousands parted or a unit of counting behind.

    Raises:
        CellProblem: words, an estimate, a range, a formula's error.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if isinstance(cell, bool | date | time | timedelta):
        raise CellProblem("not_a_number", "是日期或是非，不是数字", "请改为数字，并核对单元格格式")
    if isinstance(cell, int | float):
        return exact(cell)
    return _number_of_text("".join(plain(cell).strip("'`").split()))


def _number_of_text(text: str) -> Decimal:
    bare = _COUNTED.sub("", text)
    if match := re.fullmatch(r"\((\d[\d,.]*)\)", bare):
        bare = f"-{match[1]}"
    bare = re.sub(r"^[△▲−－–—](?=\d)", "-", bare)
    match = _NUMBER.match(bare)
    if match is None or not (match[2] or match[3]):
        raise _not_a_number(text)
    try:
        return Decimal(bare.replace(",", ""))
    except InvalidOperation as error:
        raise _not_a_number(text) from error


def _not_a_number(text: str) -> CellProblem:
    found = re.search(r"\d+(?:\.\d+)?", text)
    example = found[0] if found and not re.search(r"[千百万亿]|\d,\d", text) else "3000"
    if _ABOUT.search(text):
        return CellProblem("estimate", "", f"请改为数字，如 {example}")
    return CellProblem("not_a_number", "", f"请改为数字，如 {example}；没有数据时留空")


def read_count(cell: Cell) -> Decimal | None:
    """A whole number that is not negative.

    Raises:
        CellProblem: no number, or a fraction.
    """
    number = read_number(cell)
    if number is not None and number != number.to_integral_value():
        raise CellProblem("not_whole", "不是整数", "请填写整数")
    return number


class MoneyUnit(Enum):
    """Units that tables use, with the 万元 each is worth."""

    YUAN = ("元", Decimal("0.0001"))
    THOUSAND = ("千元", Decimal("0.1"))
    WAN = ("万元", Decimal(1))
    MILLION = ("百万元", Decimal(100))
    TEN_MILLION = ("千万元", Decimal(1000))
    YI = ("亿元", Decimal(10_000))

    @property
    def chinese(self) -> str:
        """The unit's name."""
        return self.value[0]

    @property
    def wan(self) -> Decimal:
        """How many 万元 one of it is."""
        return self.value[1]


_CURRENCY = re.compile(r"人民币|RMB|CNY|[¥￥]", re.IGNORECASE)
_FOREIGN = re.compile(
    r"美元|美金|港元|港币|欧元|日元|英镑|韩元|韩币|加元|澳元|新加坡元|台币|USD|HKD|EUR|JPY|[$€£]", re.IGNORECASE
)
_MONEY_SUFFIX: Final[Mapping[str, MoneyUnit]] = {
    "亿元": MoneyUnit.YI, "亿": MoneyUnit.YI, "千万元": MoneyUnit.TEN_MILLION, "千万": MoneyUnit.TEN_MILLION,
    "百万元": MoneyUnit.MILLION, "百万": MoneyUnit.MILLION, "万元": MoneyUnit.WAN, "万": MoneyUnit.WAN,
    "千元": MoneyUnit.THOUSAND, "元": MoneyUnit.YUAN, "元整": MoneyUnit.YUAN, "万圆": MoneyUnit.WAN, "圆": MoneyUnit.YUAN,
}  # fmt: skip
_FEN: Final = Decimal("0.000001")  # of 万元
#: 10 万亿 yuan: no enterprise has more, so the unit was mistaken.
_MOST_WAN: Final = Decimal(1_000_000_000)


def money_unit(text: str) -> MoneyUnit | None:
    """The unit that a text in a heading means (`单位：万元`); None where it names none.

    Raises:
        CellProblem: a foreign currency.
    """
    name = re.sub(r"\s+|^单位[:：]?|人民币|RMB", "", unicodedata.normalize("NFKC", text)).strip("()（）:：")
    if _FOREIGN.search(name):
        raise CellProblem("foreign_currency", "单位是外币", "请按人民币填写，单位万元")
    return _MONEY_SUFFIX.get(name)


def read_money(cell: Cell, unit: MoneyUnit = MoneyUnit.WAN) -> Decimal | None:
    """An amount in 万元, whole fen; `unit` is the column's, and a unit in the cell itself wins over it.

    Raises:
        CellProblem: no number, a foreign currency, or more than any enterprise has.
    """
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    if not isinstance(cell, str):
        number = read_number(cell)
        return None if number is None else _whole_fen(number * unit.wan)
    text = re.sub(r"\s+", "", plain(cell).strip("'`"))
    if _FOREIGN.search(text):
        raise CellProblem("foreign_currency", "是外币，系统不代为折算", "请按人民币填写，单位万元")
    bare = _CURRENCY.sub("", text)
    match = re.fullmatch(r"(.*?)[(（]?(亿元?|千万元?|百万元?|万[元圆]?|千元|[元圆]整?)[)）]?", bare)
    if match:
        number = _number_of_text(match[1])
        return _whole_fen(number * _MONEY_SUFFIX[match[2]].wan)
    return _whole_fen(_number_of_text(re.sub(r"\(\)", "", bare)) * unit.wan)


def _whole_fen(amount: Decimal) -> Decimal:
    if abs(amount) > _MOST_WAN:
        raise CellProblem("too_large", "数额过大", "请核对单位是否为万元")
    # A formula's thirds of a fen mean nothing; sums typed in 万元 have six decimals at most.
    rounded = amount.quantize(_FEN, ROUND_HALF_UP)
    return Decimal(0) if rounded == 0 else _tidy(rounded)


def _tidy(number: Decimal) -> Decimal:
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole else number.normalize()


def fen_of(wan: Decimal) -> int:
    """Whole fen of an amount in 万元 that `read_money` gave."""
    return int(wan * 1_000_000)


def read_percent(cell: Cell, *, is_fraction: bool = False) -> Decimal | None:
    """Percent points: 12.5 for `12.5%`, 12.5 and a cell formatted as 12.5%.

    Args:
        is_fraction: the column holds shares of one (0.125); a % sign in the cell wins over it.

    Raises:
        CellProblem: no number.
    """
    if says_nothing(cell):
        return None
    if isinstance(cell, PercentCell):
        return _tidy(exact(cell) * 100)
    if isinstance(cell, str) and not isinstance(cell, LostValue):
        text = re.sub(r"\s+", "", plain(cell).strip("'`"))
        if text.endswith("%"):
            return _tidy(_number_of_text(text[:-1]))
        if text.endswith("‰"):
            return _tidy(_number_of_text(text[:-1]) / 10)
        if text.startswith("百分之"):
            return _tidy(_number_of_text(text[3:]))
    number = read_number(cell)
    if number is None:
        return None
    return _tidy(number * 100 if is_fraction else number)


_YES: Final = frozenset(
    {"是", "有", "√", "✓", "✔", "☑", "Y", "YES", "TRUE", "T", "1", "对", "已", "属于", "符合", "■", "●", "☆", "具有"}
)
_NO: Final = frozenset(
    {
        "否",
        "无",
        "没有",
        "×",
        "✗",
        "✘",
        "X",
        "N",
        "NO",
        "FALSE",
        "F",
        "0",
        "错",
        "未",
        "不是",
        "不属于",
        "不符合",
        "□",
        "○",
        "不具有",
    }
)


def read_boolean(cell: Cell) -> bool | None:
    """是 or 否 in the spellings of tables; a blank or a dash says nothing, 无 says no.

    Raises:
        CellProblem: anything else.
    """
    if isinstance(cell, bool):
        return cell
    text = plain(cell).upper().strip("'`")
    if text in _YES:
        return True
    if text in _NO:
        return False
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    raise CellProblem("not_yes_or_no", "不是“是”或“否”", "请填“是”或“否”")


def read_choice(cell: Cell, choices: Mapping[str, str]) -> str | None:
    """The id of a choice by its Chinese name or its id.

    Raises:
        CellProblem: not among the choices.
    """
    text = plain(cell)
    for code, name in choices.items():
        if text.casefold() == code.casefold() or text == plain(name) or text == re.sub(r"\(.*\)$", "", plain(name)):
            return code
    if says_nothing(cell):
        return None
    refuse_damage(cell)
    allowed = "、".join(name for name in choices.values())
    raise CellProblem("not_a_choice", "不在可选项之中", f"请填以下之一：{allowed}")


# Numbers of certificates --------------------------------------------------------------------------

_CERTIFICATE_LABEL = re.compile(r"^(?:证书|登记|入库|入库登记|高企|批准|企业)*(?:编号|号码|号)[:：]?", re.IGNORECASE)
_HNTE_NUMBER = re.compile(r"^(G[RSF])?(\d{4})(\d{2})(\d{6})$")
_TECH_SME_NUMBER = re.compile(r"^(\d{4})(\d{6})([0-9A-Z])(\d{7})$")


def read_certificate_number(cell: Cell, programme: str = "") -> str:
    """The number of a certificate or registration; those of `hnte` and `tech_sme` have a form of their own.

    Raises:
        CellProblem: the form is wrong, or Excel has changed a long number.
    """
    if says_nothing(cell):
        return ""
    refuse_damage(cell)
    if isinstance(cell, float | int) and not isinstance(cell, bool) and abs(cell) >= 10**15:
        raise CellProblem(
            "excel_rounded", "被 Excel 当作数字存储，后几位已丢失", "请把单元格设为“文本”格式，重新填写编号"
        )
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        cell = str(int(cell)) if float(cell).is_integer() else shown(cell)
    text = re.sub(r"[\s\-]+", "", plain(cell).strip("'`")).upper()
    text = _CERTIFICATE_LABEL.sub("", text)
    if re.fullmatch(r"\d\.\d+E\+?\d+", text):
        raise CellProblem(
            "excel_rounded", "被 Excel 转成了科学计数法，后几位已丢失", "请把单元格设为“文本”格式，重新填写编号"
        )
    if programme == "hnte":
        return _hnte_number(text)
    if programme == "tech_sme":
        match = _TECH_SME_NUMBER.match(text)
        if match is None:
            raise CellProblem(
                "certificate_form",
                "不是科技型中小企业入库登记编号",
                "编号共 18 位：年度、区划代码、识别位和序号，请对照核对",
            )
    refuse_longer(text, _MOST_OF_NUMBER)
    return text


def _hnte_number(text: str) -> str:
    match = _HNTE_NUMBER.match(text)
    if match is None:
        raise CellProblem(
            "certificate_form", "不是高新技术企业证书编号", "编号为 GR 加 12 位数字，如 GR202432000001，请对照证书核对"
        )
    if not 2000 <= int(match[2]) <= _LATEST:
        raise CellProblem("certificate_form", f"证书编号中的年份 {match[2]} 不合理", "请对照证书核对")
    return f"{match[1] or 'GR'}{match[2]}{match[3]}{match[4]}"


def looks_like_hnte_number(cell: Cell) -> bool:
    """Whether a number has the form of a high-tech certificate's."""
    text = _CERTIFICATE_LABEL.sub("", re.sub(r"[\s\-]+", "", plain(cell)).upper())
    return text.startswith(("GR", "GS", "GF")) and _HNTE_NUMBER.match(text) is not None
