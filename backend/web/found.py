"""One page of a list: its rows, how many there are in all, and how many pages that makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def pages_of(total: int, a_page: int) -> int:
    """How many pages hold so many rows; an empty list has one."""
    return max(1, -(-total // a_page))


def page_within(asked: int, total: int, a_page: int) -> int:
    """The page asked for; one before the first is the first, one behind the last the last."""
    return min(max(asked, 1), pages_of(total, a_page))


@dataclass(frozen=True)
class Found:
    """One page of a list, and how many rows there are in all."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    page: int
    a_page: int
    #: There are more than `total`, and nobody counted how many.
    is_more: bool = False
    #: Where nobody counted, whether anything comes after this page.
    goes_on: bool = False
    #: `total` is how far the list was read, and its count is asked for by itself.
    is_uncounted: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return pages_of(self.total, self.a_page)

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after this page."""
        return not self.goes_on if self.is_more else self.page >= self.pages
