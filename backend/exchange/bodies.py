"""Reading what strangers send: bounded, valid UTF-8, valid JSON, not too deep, no name twice, nothing PostgreSQL refuses.

BodyRefused         with the status, the slug and the pointer of what is wrong
"""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from backend.exchange.places import MOST_LOOKED_AT, Place, escaped, place_at, tokens

#: Bytes of a request: a batch of 1,000 filings with all figures has about 1 MB.
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_DEPTH: Final = 16
MOST_ITEMS: Final = 1_000
#: Digits of a whole number: no amount has as many.
MOST_DIGITS: Final = 40
#: A text longer than that is no figure, name or note.
MOST_TEXT: Final = 10_000
_DEEP: Final = (f"JSON 嵌套超过 {MOST_DEPTH} 层。", "请核对结构：每一条是一个对象，指标写在 values 里。")


@dataclass
class BodyRefused(Exception):
    """The whole request cannot be taken: what is wrong with it, where, and what to do, in Chinese."""

    status: int
    slug: str
    detail: str
    remedy: str
    #: Where in the body; of what is no JSON, `place` has the line as well.
    pointer: str = ""
    place: Place | None = None
    #: The header or the parameter that is wrong, where it is not the body.
    header: str = ""
    parameter: str = ""

    @property
    def where(self) -> dict[str, Any]:
        """The place, as the problem's `errors` name it."""
        if self.header:
            return {"header": self.header}
        if self.parameter:
            return {"parameter": self.parameter}
        return asdict(self.place) if self.place is not None else {"pointer": self.pointer}


async def read_limited(pieces: AsyncIterator[bytes], announced: str, most: int = MOST_BYTES) -> bytes:
    """The body, as long as it stays within the limit; what lies beyond is not read. Raises BodyRefused."""
    refusal = BodyRefused(
        413, "too-large", f"请求超过 {most // 1024 // 1024} MB。", f"请拆成多批，每批不超过 {MOST_ITEMS} 条。"
    )
    if announced.isdecimal() and int(announced[:20]) > most:
        raise refusal
    whole = bytearray()
    async for piece in pieces:
        whole += piece
        if len(whole) > most:
            raise refusal
    return bytes(whole)


def demand_json(kind: str) -> None:
    """Raise BodyRefused for what does not say that it is JSON in UTF-8."""
    name, _, further = kind.partition(";")
    name, further = name.strip().lower(), further.lower().replace(" ", "").replace('"', "")
    is_json = name == "application/json" or (name.startswith("application/") and name.endswith("+json"))
    if not is_json:
        told = f"“{kind[:60]}”" if kind else "没有写"
        raise BodyRefused(
            415, "unsupported-media-type", f"Content-Type 应为 application/json，实为{told}。",
            "请写 Content-Type: application/json 后以同一幂等键重发。", header="Content-Type",
        )  # fmt: skip
    if "charset=" in further and "charset=utf-8" not in further and "charset=utf8" not in further:
        raise BodyRefused(
            415, "unsupported-media-type", f"Content-Type 写的编码不是 UTF-8：{kind[:60]}。",
            "请以 UTF-8 编码发送，不必写 charset。", header="Content-Type",
        )  # fmt: skip


def read_json_body(body: bytes) -> Any:
    """What a body says, decimals exact. Raises BodyRefused, with the place."""
    try:
        written = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        place = place_at(body[: problem.start].decode("utf-8"), problem.start)
        raise BodyRefused(
            400, "invalid-utf8", f"第 {problem.start + 1} 个字节起不是 UTF-8。", "请以 UTF-8 编码发送。", place=place
        ) from problem
    try:
        value = json.loads(
            written, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once, parse_int=_whole
        )
    except _Refused as problem:
        raise _found(written, problem.slug) from problem
    except RecursionError as problem:
        raise _found(written, "too-deep") from problem
    except json.JSONDecodeError as problem:
        place = place_at(written, problem.pos)
        what = f"第 {place.line} 行第 {place.column} 个字符处" if written.strip() else "请求没有内容，"
        raise BodyRefused(
            400, "invalid-json", f"{what}不是 JSON。", "请核对这一处的引号、逗号和括号。", place=place
        ) from problem
    refuse_unfit(value)
    return value


class _Refused(Exception):
    """A hook of the reader refuses something; where that is, the hook is not told."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Refused("number-too-long")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise _Refused("invalid-json")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("duplicate-name")
    return found


def _found(written: str, slug: str) -> BodyRefused:
    """The refusal with its place: the first token that deserves it."""
    for one in tokens(written) if len(written) <= MOST_LOOKED_AT else ():
        if slug == "too-deep" and len(one.within) >= MOST_DEPTH and one.written not in "]}":
            return _in_words(slug, one.written, place_at(written, one.offset, one.pointer))
        if (
            (slug == "duplicate-name" and one.is_repeated)
            or (slug == "number-too-long" and len(one.written) > MOST_DIGITS and one.written.lstrip("-").isdigit())
            or (slug == "invalid-json" and one.written in ("NaN", "Infinity", "-Infinity"))
        ):
            return _in_words(slug, one.written, place_at(written, one.offset, one.pointer))
    return _in_words(slug, "", None)


def _in_words(slug: str, piece: str, place: Place | None) -> BodyRefused:
    shown = f"“{piece.strip(chr(34))[:20]}{'…' if len(piece) > 22 else ''}”" if piece else ""
    told = {
        "too-deep": _DEEP,
        "duplicate-name": (f"{shown}在同一对象中出现两次。", "请只留一个。"),
        "number-too-long": (f"数字{shown}超过 {MOST_DIGITS} 位。", "请核对这个数字。"),
        "invalid-json": (f"JSON 里没有 {piece or 'NaN'}。", "没有的数请不写，或写 null。"),
    }
    detail, remedy = told[slug]
    return BodyRefused(400, slug, detail, remedy, place=place)


def refuse_unfit(value: Any) -> None:
    """Depth and texts, without recursion: what the reader let pass may still be too deep for others. Raises BodyRefused."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 1)]
    while waiting:
        one, pointer, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise BodyRefused(400, "too-deep", *_DEEP, pointer)
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
        raise BodyRefused(400, "text-too-long", f"文本超过 {MOST_TEXT} 字。", "请核对这一项，缩短后重发。", pointer)
    if not written.isprintable() and any(one == "\0" or "\ud800" <= one <= "\udfff" for one in written):
        raise BodyRefused(
            400, "invalid-text", "文本含有不是字符的编码（NUL 或半个代理对）。", "请删去这样的字符后重发。", pointer
        )
