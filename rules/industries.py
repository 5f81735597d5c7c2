"""Industries 国民经济行业 by GB/T 4754-2017: a section letter, then two, three or four digits.

    C     制造业               section 门类
    C34   通用设备制造业        division 大类
    C348                       group 中类
    C3484                      class 小类

Names are kept for sections and divisions. The letter follows from the digits, so staff may leave it out.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from rules.translation import say

_SOURCE = Path(__file__).with_name("industries.yaml")
_CODE = re.compile(r"([A-Z])?(\d{2,4})?")
_CODE_IN_FRONT = re.compile(r"^[(\[]?([A-Z]\d{0,4}|\d{2,4})[)\]]?(?![A-Z0-9])")

IndustryLevel = Literal["section", "division", "group", "class"]
_LEVELS: Mapping[int, IndustryLevel] = {0: "section", 2: "division", 3: "group", 4: "class"}


class IndustryError(ValueError):
    """The text names no industry; `str()` is the Chinese message for the user."""


@dataclass(frozen=True, slots=True)
class Industry:
    """One industry. `digits` are none (a section) to four; `name` is that of the division or section."""

    section: str
    digits: str
    section_name: str
    name: str
    standard_year: int = 2017

    @property
    def code(self) -> str:
        """With the letter, as the standard prints it: C3484."""
        return f"{self.section}{self.digits}"

    @property
    def level(self) -> IndustryLevel:
        return _LEVELS[len(self.digits)]

    @property
    def division(self) -> str | None:
        return self.digits[:2] or None

    @property
    def is_manufacturing(self) -> bool:
        return self.section == "C"


class Industries:
    """The sections and divisions of the standard."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.standard_year: int = document["standard_year"]
        self.sections: Mapping[str, str] = {letter: section["name"] for letter, section in document["sections"].items()}
        self.divisions: Mapping[str, str] = {
            digits: name for section in document["sections"].values() for digits, name in section["divisions"].items()
        }
        self._section_by_division: Mapping[str, str] = {
            digits: letter for letter, section in document["sections"].items() for digits in section["divisions"]
        }

    @classmethod
    def load(cls) -> "Industries":
        """The industries of the program; read once."""
        return _load()

    def section_of(self, code: str) -> str | None:
        """The letter an industry belongs to; None for digits that are no division."""
        match = _CODE.fullmatch(code)
        if match is None:
            return None
        if match[2]:
            return self._section_by_division.get(match[2][:2])
        return match[1] if match[1] in self.sections else None

    def division_of(self, code: str) -> str | None:
        """The two digits of the division; None for a section and for digits that are no division."""
        digits = code.lstrip("ABCDEFGHIJKLMNOPQRST")[:2]
        return digits if digits in self.divisions else None

    def divisions_of(self, section: str) -> tuple[tuple[str, str], ...]:
        """(digits, name) of the divisions of a section."""
        return tuple(
            (digits, self.divisions[digits])
            for digits, letter in self._section_by_division.items()
            if letter == section
        )

    def parse(self, text: str) -> Industry:
        """Read `C3484`, `3484`, `34`, `C`, `C34 通用设备制造业` or a name; raises `IndustryError`."""
        plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()
        if not plain:
            raise IndustryError(say("行业代码没有填写，请填写 GB/T 4754-2017 的代码，如 C3484。"))
        match = _CODE_IN_FRONT.match(plain)
        code = match[1] if match else self._codes_by_name.get(plain)
        if code is None:
            raise IndustryError(
                say(
                    "“{text}”不是国民经济行业代码，请填写 GB/T 4754-2017 的代码，如 C3484 或 3484。",
                    text=text.strip()[:30],
                )
            )
        return self._of_code(code)

    @cached_property
    def _codes_by_name(self) -> Mapping[str, str]:
        # Where section and division share a name (教育), the section: it says no more than was written.
        by_name = {name: digits for digits, name in self.divisions.items()}
        by_name.update({name: letter for letter, name in self.sections.items()})
        return {unicodedata.normalize("NFKC", name).upper(): code for name, code in by_name.items()}

    def _of_code(self, code: str) -> Industry:
        letter = code[0] if code[0].isalpha() else None
        digits = code[1:] if letter else code
        section = self._section_by_division.get(digits[:2]) if digits else letter
        if section is None:
            raise IndustryError(
                say(
                    "行业代码“{code}”不存在：GB/T 4754-2017 没有大类“{division}”（大类为 01 至 97），请核对。",
                    code=code,
                    division=digits[:2],
                )
            )
        if section not in self.sections:
            raise IndustryError(say("行业代码“{code}”不存在：GB/T 4754-2017 的门类为 A 至 T，请核对。", code=code))
        if letter and letter != section:
            raise IndustryError(
                say(
                    "行业代码“{code}”前后不符：大类 {division}（{division_name}）属于门类 {section}（{section_name}），"
                    "请改为“{section}{digits}”或核对数字。",
                    code=code,
                    division=digits[:2],
                    division_name=self.divisions[digits[:2]],
                    section=section,
                    section_name=self.sections[section],
                    digits=digits,
                )
            )
        name = self.divisions[digits[:2]] if digits else self.sections[section]
        return Industry(section, digits, self.sections[section], name, self.standard_year)


@dataclass(frozen=True, slots=True)
class Section:
    """A section and the digits of its divisions, for choosing from."""

    letter: str
    name: str
    divisions: tuple[str, ...]


def industry_name(code: str) -> str:
    """The name of the division (or section) of a code, for showing; what nobody knows is shown as it is."""
    try:
        return parse_industry(code).name
    except IndustryError:
        return code


def parse_industry(text: str) -> Industry:
    """`Industries.load().parse(text)`."""
    return Industries.load().parse(text)


def read_industry_digits(text: str) -> str:
    """Two to four digits without their letter, as figures and registry keep an industry.

    Raises:
        IndustryError: it is no industry, its letter belongs to another division, or it is a section alone.
    """
    digits = parse_industry(text).digits
    if not digits:
        raise IndustryError(
            say("“{text}”只到门类，不够具体，请填到大类（两位数字）以下，如 C34 或 C3484。", text=text.strip()[:30])
        )
    return digits


@lru_cache(maxsize=1)
def _load() -> Industries:
    return Industries(yaml.safe_load(_SOURCE.read_text(encoding="utf-8")))


#: All sections, in the order of the standard.
SECTIONS = tuple(
    Section(letter, name, tuple(digits for digits, _ in _load().divisions_of(letter)))
    for letter, name in _load().sections.items()
)
