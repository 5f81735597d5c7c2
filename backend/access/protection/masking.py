"""What stands in place of what somebody may not read: enough to tell one from another, and no more (PIPL 第五十一条)."""

import re
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import Final

from rules.catalogue import Catalogue, Known
from rules.evaluate import Answer, Reason
from rules.language import with_derivations
from rules.values import FactKey

#: In place of a figure.
HIDDEN: Final = "—（需授权查看）"
_MOBILE: Final = re.compile(r"1\d{10}")


def masked_name(name: str) -> str:
    """张三 → 张*; 欧阳小明 → 欧**明."""
    if len(name) <= 2:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def masked_telephone(number: str) -> str:
    """13812345678 → 138****5678; 0523-86881234 → 0523-****234."""
    digits = re.sub(r"\D", "", number)
    if _MOBILE.fullmatch(digits):
        return f"{digits[:3]}****{digits[-4:]}"
    area, dash, _ = number.partition("-")
    kept = digits[-3:] if len(digits) >= 7 else ""
    return f"{area}-****{kept}" if dash and area.isdecimal() and len(area) <= 4 else f"****{kept}"


def masked_email(address: str) -> str:
    """zhang.san@example.cn → z***@example.cn."""
    name, at, host = address.partition("@")
    return f"{name[:1]}***@{host}" if at else "***" if address else ""


def masked_identity(number: str) -> str:
    """321202199001011234 → 321***********1234."""
    return number[:3] + "*" * max(len(number) - 7, 1) + number[-4:] if len(number) > 7 else "*" * len(number)


@lru_cache(maxsize=4096)
def _origins(indicator: str, known: Known) -> frozenset[str]:
    """What an indicator is derived from: read out of the catalogue's expressions once."""
    return with_derivations({indicator}, known.catalogue) - {indicator}


class Hiding:
    """Which facts of one enterprise somebody may not read, and an explanation without them."""

    def __init__(self, keys: Collection[FactKey], catalogue: Catalogue) -> None:
        self.keys: Final = frozenset(keys)
        self._names = {key.indicator for key in keys}
        self._known = Known(catalogue)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def hides(self, key: FactKey) -> bool:
        """Whether it is one of them, or was worked out of one: the year of what it came from is not looked at."""
        if key in self.keys:
            return True
        return not self._names.isdisjoint(_origins(key.indicator, self._known))

    def touches(self, reason: Reason) -> bool:
        """Whether a criterion, or a part of it, read one of them."""
        return any(self.hides(key) for key, _ in reason.facts) or any(self.touches(one) for one in reason.children)

    def of(self, answer: Answer) -> Answer:
        """The answer with its outcomes, and without any figure that tells of a hidden fact."""
        return replace(answer, reasons=[self._of(one) for one in answer.reasons]) if self.keys else answer

    def _of(self, reason: Reason) -> Reason:
        if not self.touches(reason):
            return reason
        # Without a figure there is no gap; and points tell in which band it lies.
        return replace(
            reason, figure=HIDDEN if reason.op else reason.figure, items=[],
            facts=[(key, HIDDEN if self.hides(key) else value) for key, value in reason.facts],
            children=[self._of(one) for one in reason.children],
        )  # fmt: skip
