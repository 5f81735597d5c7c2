"""Look at the next portion of a large file's rows while the database works on the last."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from functools import partial

from backend.ahead import one_ahead
from backend.spreadsheets.fates import Fate, RowFate

Look = Callable[[Sequence[int]], Iterable[RowFate]]


class RowsAhead:
    """Portions of rows, each looked at before it is asked for.

    Args:
        look: at the rows of some places.
        may_register: those who are new are registered, and not only told of.
    """

    def __init__(self, look: Look, *, may_register: bool) -> None:
        self._look, self._may_register = look, may_register
        self._register_many = False

    async def portions(self, places: Iterable[Sequence[int]]) -> AsyncGenerator[Sequence[RowFate]]:
        """One after the other, by the places of their rows."""
        async with aclosing(self._steps(places)) as steps, aclosing(one_ahead(steps)) as looked_at:
            async for some in looked_at:
                yield some
                # Those of the last portion tell of those to come.
                are_new = sum(one.fate is Fate.NEW for one in some)
                self._register_many = self._may_register and are_new * 2 > len(some)

    async def _steps(self, places: Iterable[Sequence[int]]) -> AsyncGenerator[Callable[[], Sequence[RowFate]]]:
        for some in places:
            yield partial(self._look_at, some, reads_names=self._register_many)

    def _look_at(self, places: Sequence[int], *, reads_names: bool) -> Sequence[RowFate]:
        fates = list(self._look(places))
        if reads_names:
            _read_names(fates)
        return fates


def _read_names(fates: Iterable[RowFate]) -> None:
    """Read names in pinyin, which takes the longest of what is done for somebody new; it is remembered for a while."""
    from backend.enterprises.naming import search_text

    for one in fates:
        if one.fate is not Fate.REFUSED:
            search_text(one.row.enterprise.name, None)
