"""Receipts: what an answer was worked out from, so that it can be had again, or its difference be named.

A receipt holds the hash of the rule version's file, the engine's version, the day, and the hash of the facts as they
were given. The same four give the same answer byte for byte.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from rules.programme import Version

#: Counted up whenever the same rule and the same facts may come to another answer.
ENGINE_VERSION = "1"

#: Digits up to which a number is written out; `1e999999999` would fill the memory.
_WRITTEN_OUT = 30

_WORDS = {"rule": "规则文件已改", "engine": "引擎版本不同", "as_of": "测评日不同", "facts": "数据不同"}


def receipt(version: Version, as_of: date, raw_facts: Mapping[str, Any]) -> dict[str, str]:
    """The receipt of an answer."""
    return {
        "rule": f"{version.id}:{version.digest}",
        "engine": ENGINE_VERSION,
        "as_of": as_of.isoformat(),
        "facts": facts_hash(raw_facts),
    }


def facts_hash(raw_facts: Mapping[str, Any]) -> str:
    """A hash of facts as given; the order of keys and the way a number is written do not matter."""
    canonical = json.dumps(raw_facts, sort_keys=True, ensure_ascii=False, default=_plain, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(value: Any) -> Any:
    # Decimals that JSON text was read with: 300 and 300.0 are one number.
    if not isinstance(value, Decimal):
        return f"#{value}"
    if not value.is_finite() or abs(value.adjusted()) > _WRITTEN_OUT:
        return f"#{value}"
    if value == value.to_integral_value():
        return int(value)
    return f"#{format(value, 'f').rstrip('0')}"


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different between an earlier answer and the same question answered now, in words; empty where nothing is."""
    before, after = earlier.get("receipt") or {}, now.get("receipt") or {}
    named = [words for name, words in _WORDS.items() if before.get(name) != after.get(name)]
    if _text(earlier) != _text(now) and not named:
        named.append("回执相同而答案不同")
    return named


def _text(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)
