"""The numbers an enterprise had before, or has beside, its credit code; kept to recognise it in old lists.

registration_number   15 digits since 2007 (region, serial, check digit by ISO 7064 MOD 11,10), 13 before,
                      or a permit such as 企合苏总字第000174号 of a foreign-invested enterprise
organisation_code     9 characters of GB 11714, the last a check character; places 9 to 17 of a credit code
taxpayer_number       15 characters, region and organisation code, until 2015
"""

import re
from dataclasses import dataclass
from typing import Literal

from backend.enterprises.credit_code import (
    CreditCodeError,
    normalise,
    organisation_check_character,
    parse_credit_code,
)

IdentifierKind = Literal["credit_code", "registration_number", "organisation_code", "taxpayer_number", "unrecognised"]

_FOREIGN_PERMIT = re.compile(r"企[合独作外股][\u4e00-\u9fff]{1,6}字第?\d{3,8}号?")


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a text is. `problem` is Chinese and None where the number is in order.

    `organisation_code` is set where the number contains one: it ties an old number to today's credit code.
    """

    kind: IdentifierKind
    value: str
    region_code: str | None = None
    organisation_code: str | None = None
    problem: str | None = None

    @property
    def is_valid(self) -> bool:
        return self.problem is None


def classify(text: str) -> Identifier:
    """Say which kind of number the text is and whether it is in order; never raises."""
    value = normalise(text)
    if _FOREIGN_PERMIT.fullmatch(value):
        return Identifier("registration_number", value)
    match len(value):
        case 9:
            return _organisation_code(value)
        case 13 if value.isascii() and value.isdigit():
            return Identifier("registration_number", value, region_code=value[:6])
        case 15 if value.isascii() and value.isalnum():
            return _fifteen_characters(value)
        case _:
            return _credit_code(value)


def registration_check_digit(body: str) -> str:
    """The 15th digit of a registration number that belongs to its first 14 (ISO 7064 MOD 11,10)."""
    product = 10
    for digit in body:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def is_organisation_code(value: str) -> bool:
    """Whether a normalised text is an organisation code with the right check character."""
    return re.fullmatch(r"[0-9A-Z]{8}[0-9X]", value) is not None and organisation_check_character(value[:8]) == value[8]


def _organisation_code(value: str) -> Identifier:
    if is_organisation_code(value):
        return Identifier("organisation_code", value, organisation_code=value)
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", value):
        problem = f"组织机构代码“{value}”应为 8 位数字或大写字母加 1 位校验码（数字或 X），请核对。"
    else:
        expected = organisation_check_character(value[:8])
        problem = f"组织机构代码“{value}”的校验码不符：末位是“{value[8]}”，按前 8 位应为“{expected}”，请核对。"
    return Identifier("organisation_code", value, problem=problem)


def _fifteen_characters(value: str) -> Identifier:
    region = value[:6]
    if value.isdigit() and registration_check_digit(value[:14]) == value[14]:
        return Identifier("registration_number", value, region_code=region)
    # Old taxpayer numbers have the same length; only the check character inside tells them apart.
    if region.isdigit() and is_organisation_code(value[6:]):
        return Identifier("taxpayer_number", value, region_code=region, organisation_code=value[6:])
    if value.isdigit():
        expected = registration_check_digit(value[:14])
        problem = f"15 位注册号“{value}”的校验码不符：末位是“{value[14]}”，按前 14 位应为“{expected}”，请核对。"
        return Identifier("registration_number", value, region_code=region, problem=problem)
    problem = f"“{value}”既不是 15 位注册号（应全为数字），也不是旧税号（后 9 位应为组织机构代码），请核对。"
    return Identifier("unrecognised", value, problem=problem)


def _credit_code(value: str) -> Identifier:
    try:
        code = parse_credit_code(value)
    except CreditCodeError as error:
        kind: IdentifierKind = "unrecognised" if error.reason in {"empty", "length"} else "credit_code"
        return Identifier(kind, value, problem=error.message)
    return Identifier("credit_code", code.code, region_code=code.region_code, organisation_code=code.organisation_code)
