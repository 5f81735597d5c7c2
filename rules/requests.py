"""Files of checks, a line each, read one after another: however long the file, only one line of it is held at a time.

What is wrong with one line is told of that line, and the rest go on.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

#: No enterprise has so much to say of itself; a line this long is some other file.
MOST_BYTES = 16 * 2**20
#: An array has to be held as a whole.
MOST_BYTES_OF_ARRAY = 64 * 2**20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ARRAY = re.compile(rb"\s*\[\s*(\{|$)")
_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


class Line(NamedTuple):
    """A line as it stands in the file; with a problem where it cannot be read as text."""

    text: str
    problem: str = ""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a file that are not blank; a JSON array of checks is taken apart into its elements."""
    lines = _pieces(stream)
    first = next(lines, None)
    if first is None:
        return
    first = first.removeprefix(_BYTE_ORDER_MARK)
    if _ARRAY.match(first):
        yield from _elements(itertools.chain([first], lines))
        return
    for line in itertools.chain([first], lines):
        if line.strip():
            yield _read(line)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Lines, those that are too long cut off one byte behind what is allowed."""
    while line := stream.readline(MOST_BYTES + 1):
        yield line
        rest = line
        while len(rest) > MOST_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MOST_BYTES + 1)


def _read(line: bytes) -> Line:
    if len(line) > MOST_BYTES and not line.endswith(b"\n"):
        start = line[:4096].decode("utf-8", "replace")
        return Line(start, f"这一行超过 {MOST_BYTES // 2**20} MB，不像是一个测评请求；请每行只写一个企业的一次测评")
    try:
        return Line(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Line(line.decode("utf-8", "replace"), "这一行不是 UTF-8 文本，请将文件另存为 UTF-8 编码")


def _elements(lines: Iterator[bytes]) -> Iterator[Line]:
    held = bytearray()
    for line in lines:
        held += line
        if len(held) > MOST_BYTES_OF_ARRAY:
            yield Line("", f"数组超过 {MOST_BYTES_OF_ARRAY // 2**20} MB，请改为每行一个测评请求（NDJSON）")
            return
    whole = _read_whole(bytes(held))
    if whole.problem:
        yield whole
        return
    place = _BETWEEN.match(whole.text, whole.text.index("[") + 1).end()  # type: ignore[union-attr]
    while place < len(whole.text) and whole.text[place] != "]":
        try:
            _, end = _DECODER.raw_decode(whole.text, place)
        except (ValueError, RecursionError):
            # Where the next element begins, nobody can say.
            yield Line(whole.text[place:], "")
            return
        yield Line(whole.text[place:end])
        place = _BETWEEN.match(whole.text, end).end()  # type: ignore[union-attr]


def _read_whole(content: bytes) -> Line:
    try:
        return Line(content.decode("utf-8"))
    except UnicodeDecodeError:
        return Line("", "文件不是 UTF-8 文本，请另存为 UTF-8 编码")
