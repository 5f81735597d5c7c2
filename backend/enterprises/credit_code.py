"""The unified social credit code 统一社会信用代码 of GB 32100-2015: 18 characters, an enterprise's for life.

A code is read in one fixed order of tests, and the first that fails is the reason. Nothing is ever corrected:
an O that may stand for 0 is named and left to the person who holds the business licence.

    CreditCodeError
      reason    empty | length | alphabet | region_format | registrar_category | check_digit
      message   Chinese: what, where, what to do next
      expected  the right check character, where the check character is what fails
      hint      what the text may be instead: an older number, a cell Excel has changed, a likely misprint
"""

import re
import string
import unicodedata
from dataclasses import dataclass
from operator import mul
from typing import Final, Literal

from backend.enterprises.regions import Regions

#: The 31 characters of GB 32100-2015; the value of a character is its place. I, O, S, V and Z are left out.
ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH: Final = 18

_VALUE: Final = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
_CAPITALS: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOOKS_LIKE: Final = {"O": "0", "I": "1", "S": "5", "V": "U", "Z": "2"}

#: First character: who registered. Second: what was registered. The rare ones rest on a single source.
REGISTRARS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "1": ("机构编制", {"1": "机关", "2": "事业单位", "3": "群众团体", "9": "其他"}),
    "2": ("外交", {"1": "外国常驻新闻机构", "9": "其他"}),
    "3": (
        "司法行政",
        {
            "1": "律师执业机构",
            "2": "公证处",
            "3": "基层法律服务所",
            "4": "司法鉴定机构",
            "5": "仲裁委员会",
            "9": "其他",
        },
    ),
    "4": ("文化", {"1": "外国在华文化中心", "9": "其他"}),
    "5": ("民政", {"1": "社会团体", "2": "民办非企业单位", "3": "基金会", "9": "其他"}),
    "6": ("旅游", {"1": "外国旅游部门常驻代表机构", "2": "港澳台地区旅游部门常驻代表机构", "9": "其他"}),
    "7": ("宗教", {"1": "宗教活动场所", "2": "宗教院校", "9": "其他"}),
    "8": ("工会", {"1": "基层工会", "9": "其他"}),
    "9": ("市场监管", {"1": "企业", "2": "个体工商户", "3": "农民专业合作社"}),
    "A": ("中央军委改革和编制办公室", {"1": "军队事业单位", "9": "其他"}),
    "N": (
        "农业",
        {"1": "组级集体经济组织", "2": "村级集体经济组织", "3": "乡镇级集体经济组织", "9": "其他"},
    ),
    "Y": ("其他", {"1": "其他"}),
}

Reason = Literal["empty", "length", "alphabet", "region_format", "registrar_category", "check_digit"]
Hint = Literal["legacy_registration_no", "legacy_org_code", "excel_scientific", "excel_rounded", "likely_misprint"]
CodeWarning = Literal["org_check_digit", "region_unknown"]

_HINTS: Final[dict[Hint, str]] = {
    "legacy_registration_no": "这是旧的工商注册号，可作为辅助标识填写，但请另填营业执照上的 18 位代码。",
    "legacy_org_code": "这是旧的组织机构代码，可作为辅助标识填写，但请另填营业执照上的 18 位代码。",
    "excel_scientific": "该单元格被 Excel 转成了科学计数法，后几位已丢失，请把单元格设为“文本”后重新填写。",
    "excel_rounded": "末尾几位都是 0，像是被 Excel 当作数字舍去了，请把单元格设为“文本”后重新填写。",
}


class CreditCodeError(ValueError):
    """The text is no valid credit code; `str()` is the Chinese message for the user."""

    def __init__(self, reason: Reason, message: str, expected: str | None = None, hint: Hint | None = None) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.expected = expected
        self.hint: Hint | None = hint


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A code whose check character is right.

    `region_code` is the authority that registered the enterprise, never proof of where it works.
    `warnings`: `org_check_digit` (place 17 does not fit GB 11714, as in some old codes), `region_unknown`.
    """

    code: str
    registrar: str
    category: str
    region_code: str
    organisation_code: str
    warnings: tuple[CodeWarning, ...] = ()

    def __str__(self) -> str:
        return self.code

    @property
    def registrar_name(self) -> str:
        return REGISTRARS[self.registrar][0]

    @property
    def category_name(self) -> str:
        return REGISTRARS[self.registrar][1][self.category]


def normalise(text: str) -> str:
    """The text without what people and programs add to a code: width, spaces, hyphens, quotes, lower case."""
    if text.isascii() and text.isalnum():
        # Nearly every code is written plainly: nothing below would change more than its case.
        return text.upper()
    narrow = unicodedata.normalize("NFKC", text)
    kept = "".join(character for character in narrow if not _is_filler(character))
    # Other alphabets keep their case: there the capital may be two characters, and no code has one anyway.
    return unicodedata.normalize("NFKC", kept).translate(_CAPITALS)


def _is_filler(character: str) -> bool:
    # Cf are invisible ones (zero-width, byte order mark), Pd hyphens and dashes, Mn the rest of an accent.
    return (
        character.isspace()
        or character in "'`\"\u2018\u2019\u201c\u201d\u2032\u2212"
        or unicodedata.category(character) in {"Cf", "Cc", "Pd", "Mn"}
    )


def parse_credit_code(text: str) -> CreditCode:
    """Read a credit code as typed, pasted or scanned; raises `CreditCodeError` with the first reason."""
    code = normalise(text)
    _refuse_empty(code)
    _refuse_wrong_length(code)
    _refuse_foreign_characters(code)
    _refuse_region_with_letters(code)
    _refuse_unknown_registrar(code)
    _refuse_wrong_check_character(code)
    return CreditCode(
        code=code,
        registrar=code[0],
        category=code[1],
        region_code=code[2:8],
        organisation_code=code[8:17],
        warnings=_warnings(code),
    )


def is_credit_code(text: str) -> bool:
    """Whether `parse_credit_code` would accept the text."""
    try:
        parse_credit_code(text)
    except CreditCodeError:
        return False
    return True


def enterprise_kind(code: CreditCode) -> Literal["enterprise", "not_enterprise"]:
    """Only codes that begin with 91 are enterprises; shops, cooperatives and institutes have codes too."""
    return "enterprise" if code.code.startswith("91") else "not_enterprise"


def check_character(body: str) -> str:
    """The 18th character that belongs to the first 17. A remainder of 0 gives `0`."""
    total = sum(map(mul, map(_VALUE.__getitem__, body), _WEIGHTS))
    return ALPHABET[-total % 31]


def organisation_check_character(body: str) -> str:
    """The 9th character of an organisation code (GB 11714) that belongs to its first 8."""
    # Here letters count on in the plain alphabet (A = 10 … Z = 35): GB 11714 leaves no letter out.
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(character, 36) * weight for character, weight in zip(body, weights, strict=True))
    return "0123456789X"[-total % 11]


def _refuse_empty(code: str) -> None:
    if not code:
        raise CreditCodeError("empty", "统一社会信用代码没有填写，请填写营业执照上的 18 位代码。")


def _refuse_wrong_length(code: str) -> None:
    if len(code) == LENGTH:
        return
    hint = _hint_by_length(code)
    advice = _HINTS[hint] if hint else "请对照营业执照补全或删去多余的字符。"
    raise CreditCodeError(
        "length", f"统一社会信用代码应为 18 位，“{_shortened(code)}”有 {len(code)} 位。{advice}", hint=hint
    )


def _hint_by_length(code: str) -> Hint | None:
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+", code):
        return "excel_scientific"
    if len(code) == 15 or (len(code) == 13 and code.isdigit()):
        return "legacy_registration_no"
    return "legacy_org_code" if len(code) == 9 else None


def _shortened(code: str) -> str:
    return code if len(code) <= 24 else f"{code[:24]}…"


def _refuse_foreign_characters(code: str) -> None:
    for place, character in enumerate(code, start=1):
        if character in _VALUE:
            continue
        likely = _LOOKS_LIKE.get(character)
        guess = f"，可能是“{likely}”的误写" if likely else ""
        raise CreditCodeError(
            "alphabet",
            f"统一社会信用代码第 {place} 位是“{character}”，不是代码使用的字符"
            f"（数字和大写字母，不含 I、O、S、V、Z）{guess}。请对照营业执照核对后改正，系统不代为更改。",
            hint="likely_misprint" if likely else None,
        )


def _refuse_region_with_letters(code: str) -> None:
    for place in range(3, 9):
        if not code[place - 1].isdigit():
            raise CreditCodeError(
                "region_format",
                "统一社会信用代码第 3 至 8 位是登记机关的行政区划码，应全为数字，"
                f"第 {place} 位是“{code[place - 1]}”。请对照营业执照核对后改正。",
            )


def _refuse_unknown_registrar(code: str) -> None:
    registrar, category = code[0], code[1]
    if registrar in REGISTRARS and category in REGISTRARS[registrar][1]:
        return
    raise CreditCodeError(
        "registrar_category",
        f"统一社会信用代码以“{code[:2]}”开头，没有这样的登记管理部门和机构类别（企业以 91 开头）。"
        "请对照营业执照核对后改正。",
    )


def _refuse_wrong_check_character(code: str) -> None:
    expected = check_character(code[:-1])
    if code[-1] == expected:
        return
    hint: Hint | None = "excel_rounded" if code.isdigit() and code.endswith("000") else None
    advice = _HINTS[hint] if hint else "至少有一位填错，请对照营业执照逐位核对。"
    raise CreditCodeError(
        "check_digit",
        f"统一社会信用代码“{code}”的校验码不符：第 18 位是“{code[-1]}”，按前 17 位应为“{expected}”。{advice}",
        expected=expected,
        hint=hint,
    )


def _warnings(code: str) -> tuple[CodeWarning, ...]:
    warnings: list[CodeWarning] = []
    if organisation_check_character(code[8:16]) != code[16]:
        warnings.append("org_check_digit")
    # Development zones have registrars with codes of their own, so it is enough to know the city they lie in.
    if not Regions.load().knows_registrar(code[2:8]):
        warnings.append("region_unknown")
    return tuple(warnings)
