"""Which rows of a large file have to be looked at together, and in which portions the file is worked through.

Rows that share a name, a code or another number may speak of one enterprise, and what becomes of one may depend on the
others, wherever in the file they stand. All other rows are nobody's business but their own.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from backend.enterprises.names import match_key
from backend.spreadsheets.matching import names_in
from backend.spreadsheets.records import ReadRow

#: Of a number of 64 digits so many say which row it is; the others which word. Two words that come out alike cost only
#: that their rows are looked at together.
_ROW_BITS: Final = 24
_WORD: Final = (1 << (64 - _ROW_BITS)) - 1
_ROW: Final = (1 << _ROW_BITS) - 1


def words_of(row: ReadRow) -> set[str]:
    """All by which another row could speak of the same enterprise."""
    who = row.enterprise
    words = {match_key(name) for name in names_in(row)}
    if who.other_numbers:
        words.update(one.value for one in who.other_numbers)
    if who.credit_code:
        words.add(who.credit_code)
    return words


class Words:
    """What the rows of a file go by, in eight bytes a word."""

    def __init__(self) -> None:
        self._said = array("Q")

    def add(self, place: int, row: ReadRow) -> None:
        """Hear what a row goes by."""
        self._said.extend([(hash(word) & _WORD) << _ROW_BITS | place for word in words_of(row)])

    def together(self) -> list[list[int]]:
        """The places of the rows that hang together, in the order of the file."""
        links: list[tuple[int, int]] = []
        before = -1
        for said in sorted(self._said):
            if before >= 0 and said >> _ROW_BITS == before >> _ROW_BITS:
                links.append((before & _ROW, said & _ROW))
            before = said
        return joined(links)


class Links:
    """Rows of different portions that the registry links: they name one enterprise by different words.

    That is seen only while they are worked on; the file is then gone through again, with these rows together.
    """

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self._first: dict[int, int] = {}

    def hear(self, named: Iterable[tuple[int, set[int]]]) -> None:
        """Hear which enterprises the rows of a portion name."""
        heard: dict[int, int] = {}
        for place, ids in named:
            for one in ids:
                if (before := self._first.get(one)) is not None:
                    self.pairs.append((before, place))
                else:
                    heard.setdefault(one, place)
        self._first |= heard

    def begin_anew(self) -> None:
        """The file is gone through again."""
        self._first = {}


def joined(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Everything that pairs link with each other, directly or by others; each in order, and ordered by their firsts."""
    root: dict[int, int] = {}

    def find(place: int) -> int:
        while (above := root.setdefault(place, place)) != place:
            root[place] = place = root[above]
        return place

    for one, other in links:
        first, second = sorted((find(one), find(other)))
        root[second] = first
    groups: dict[int, list[int]] = {}
    for place in sorted(root):
        groups.setdefault(find(place), []).append(place)
    return list(groups.values())


def joined_with(groups: Iterable[list[int]], links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Groups, with some of them and other rows linked further."""
    return joined([*((group[0], place) for group in groups for place in group), *links])


def portions(size: int, groups: Iterable[list[int]], most: int) -> Iterator[list[int]]:
    """All places of a file in portions of about so many, of which none parts what hangs together."""
    group_of = {group[0]: group for group in groups}
    later = {place for group in group_of.values() for place in group[1:]}
    portion: list[int] = []
    for place in range(size):
        if place in later:
            continue
        portion += group_of.get(place, [place])
        if len(portion) >= most:
            yield sorted(portion)
            portion = []
    if portion:
        yield sorted(portion)
