"""Reading what strangers send: bounded, valid UTF-8, valid JSON, not too deep, no name twice, nothing PostgreSQL refuses.

BodyRefused         with the status, the slug and the pointer of what is wrong
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

#: Bytes of a request: a batch of 1,000 filings with all figures has about 1 MB.
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_DEPTH: Final = 16
MOST_ITEMS: Final = 1_000
#: A text longer than that is no figure, name or note.
MOST_TEXT: Final = 10_000


@dataclass
class BodyRefused(Exception):
    """The whole request cannot be read; `detail` is Chinese and says what to do."""

    status: int
    slug: str
    detail: str
    pointer: str = ""


async def read_limited(pieces: AsyncIterator[bytes], announced: str, most: int = MOST_BYTES) -> bytes:
    """The body, as long as it stays within the limit; what lies beyond is not read. Raises BodyRefused."""
    refusal = BodyRefused(
        413, "too-large", f"请求超过 {most // 1024 // 1024} MB，请拆成多批，每批不超过 {MOST_ITEMS} 条。"
    )
    if announced.isdecimal() and int(announced[:20]) > most:
        raise refusal
    whole = bytearray()
    async for piece in pieces:
        whole += piece
        if len(whole) > most:
            raise refusal
    return bytes(whole)


def read_json_body(body: bytes) -> Any:
    """What a body says, decimals exact. Raises BodyRefused."""
    try:
        written = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BodyRefused(400, "invalid-utf8", f"第 {problem.start} 字节不是 UTF-8，请以 UTF-8 编码发送。") from problem
    try:
        value = json.loads(
            written, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once, parse_int=_whole
        )
    except BodyRefused:
        raise
    except RecursionError as problem:
        raise BodyRefused(400, "too-deep", f"JSON 嵌套超过 {MOST_DEPTH} 层，请核对结构。") from problem
    except json.JSONDecodeError as problem:
        raise BodyRefused(
            400, "invalid-json", f"第 {problem.lineno} 行第 {problem.colno} 个字符处不是 JSON，请核对。"
        ) from problem
    _refuse_unfit(value)
    return value


def _whole(digits: str) -> int:
    if len(digits) > 40:
        raise BodyRefused(400, "number-too-long", f"数字“{digits[:20]}…”有 {len(digits)} 位，请核对。")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise BodyRefused(400, "invalid-json", f"JSON 里没有 {name}；没有的数请不写，或写 null。")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BodyRefused(400, "duplicate-name", f"“{twice[:60]}”在同一对象中出现两次，请只留一个。")
    return found


def _refuse_unfit(value: Any) -> None:
    """Depth and texts, without recursion: what the reader let pass may still be too deep for others."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 1)]
    while waiting:
        one, pointer, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise BodyRefused(400, "too-deep", f"JSON 嵌套超过 {MOST_DEPTH} 层，请核对结构。", pointer)
        if isinstance(one, str):
            _refuse_text(one, pointer)
        elif isinstance(one, dict):
            for name, inner in one.items():  # type: ignore[reportUnknownVariableType]
                _refuse_text(str(name), pointer)  # type: ignore[reportUnknownArgumentType]
                waiting.append((inner, f"{pointer}/{escaped(str(name))}", depth + 1))  # type: ignore[reportUnknownArgumentType]
        elif isinstance(one, list):
            waiting += [(inner, f"{pointer}/{place}", depth + 1) for place, inner in enumerate(one)]  # type: ignore[reportUnknownVariableType]


def _refuse_text(written: str, pointer: str) -> None:
    if len(written) > MOST_TEXT:
        raise BodyRefused(400, "text-too-long", f"文本超过 {MOST_TEXT} 字，请核对。", pointer)
    if not written.isprintable() and any(one == "\0" or "\ud800" <= one <= "\udfff" for one in written):
        raise BodyRefused(400, "invalid-text", "文本含有不是字符的编码（NUL 或半个代理对），请核对。", pointer)


def escaped(name: str) -> str:
    """A name as a step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
