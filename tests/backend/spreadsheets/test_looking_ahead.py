"""The names of a large file's rows to come are read in pinyin beforehand, where they will be asked for."""

from collections.abc import Iterable, Sequence

import pytest

from backend.enterprises.pinyin import _syllables  # pyright: ignore[reportPrivateUsage]
from backend.spreadsheets.fates import Fate, RowFate
from backend.spreadsheets.looking_ahead import RowsAhead
from backend.spreadsheets.records import EnterpriseRecord, ReadRow
from backend.spreadsheets.sparing import give_back


def look(places: Sequence[int]) -> Iterable[RowFate]:
    return [RowFate(ReadRow("台账", n, EnterpriseRecord(f"泰州先看{n}号有限公司")), at=n) for n in places]


async def names_read(fate: Fate, *, may_register: bool) -> list[int]:
    """How many names have been read when each of four portions comes, of which all rows meet the same fate."""
    _syllables.cache_clear()
    found: list[int] = []
    ahead = RowsAhead(look, may_register=may_register)
    async for some in ahead.portions([range(start, start + 3) for start in range(0, 12, 3)]):
        for one in some:
            one.fate = fate
        found.append(_syllables.cache_info().misses)
    return found


async def test_where_rows_register_somebody_the_names_of_those_to_come_are_read_beforehand():
    first, _, third, last = await names_read(Fate.NEW, may_register=True)
    # Of the first nothing is known, and when they come the second have been looked at already.
    assert (first, last) == (0, 6)
    assert third >= 3


@pytest.mark.parametrize(
    ("fate", "may_register"), [(Fate.CHANGED, True), (Fate.NEW, False)], ids=["all are known", "it is tried out"]
)
async def test_where_nobody_is_registered_no_name_is_read(fate: Fate, may_register: bool):
    assert await names_read(fate, may_register=may_register) == [0, 0, 0, 0]


def test_memory_is_given_back_where_the_c_library_keeps_it_and_elsewhere_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[int] = []

    class Gnu:
        malloc_trim = staticmethod(asked.append)

    for library in (Gnu(), object()):
        monkeypatch.setattr("backend.spreadsheets.sparing.CDLL", lambda name, held=library: held)
        give_back()
    assert asked == [0]
