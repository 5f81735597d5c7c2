"""Where in a body something stands: the JSON Pointer of a place that the reader of JSON names by its offset, or not at all.

Looked for only after a body was refused, by its tokens, without recursion; of a very large body it is not looked for.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

#: Characters beyond which a body is not read a second time: the offset has to do.
MOST_LOOKED_AT: Final = 2_000_000
#: Steps of a pointer: what lies deeper is nobody's.
MOST_STEPS: Final = 20
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


@dataclass(frozen=True)
class Place:
    """A place in a body: as a pointer, as far as it is known, and as people and editors count."""

    pointer: str
    line: int
    column: int
    #: In bytes.
    offset: int


def escaped(name: str) -> str:
    """A name as a step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


@dataclass
class Container:
    """An object or array that a token stands in."""

    is_object: bool
    #: The name or place that is being read; None before a name.
    step: str | None
    index: int = 0
    is_name_next: bool = False
    names: set[str] = field(default_factory=set[str])


@dataclass(frozen=True)
class Token:
    """A piece of JSON, and what it stands in; `within` changes as the walk goes on."""

    written: str
    offset: int
    within: list[Container]
    #: Of a name in an object: it was there before.
    is_repeated: bool = False

    @property
    def pointer(self) -> str:
        steps = (one.step for one in self.within[:MOST_STEPS])
        return "".join(f"/{escaped(step)}" for step in steps if step is not None)


def tokens(written: str) -> Iterator[Token]:
    """Every token in its order, as far as this is JSON."""
    within: list[Container] = []
    for found in _TOKEN.finditer(written):
        piece, top = found[0], within[-1] if within else None
        is_repeated = False
        if top is not None and top.is_object and top.is_name_next and piece.startswith('"'):
            name = _plain(piece)
            is_repeated = name in top.names
            top.step, top.is_name_next = name, False
            top.names.add(name)
        yield Token(piece, found.start(), within, is_repeated)
        if piece in "{[":
            within.append(Container(piece == "{", None if piece == "{" else "0", 0, piece == "{"))
        elif piece in "}]" and within:
            within.pop()
        elif piece == "," and top is not None:
            _next(top)


def _next(top: Container) -> None:
    if top.is_object:
        top.step, top.is_name_next = None, True
    else:
        top.index += 1
        top.step = str(top.index)


def _plain(piece: str) -> str:
    try:
        return str(json.loads(piece, strict=False))
    except ValueError:
        return piece.strip('"')


def place_at(written: str, offset: int, pointer: str | None = None) -> Place:
    """The place of a character; its pointer is that of the value that is being read there."""
    before = written[:offset]
    if pointer is None:
        pointer = _pointer_at(written, offset)
    return Place(
        pointer, before.count("\n") + 1, offset - before.rfind("\n"), len(before.encode(errors="surrogatepass"))
    )


def _pointer_at(written: str, offset: int) -> str:
    if len(written) > MOST_LOOKED_AT:
        return ""
    last: Token | None = None
    for last in tokens(written):
        if last.offset + len(last.written) > offset:
            break
    return last.pointer if last is not None else ""
