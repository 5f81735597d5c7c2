"""How a process that works on a large file does with little memory."""

import gc
import sys
from ctypes import CDLL
from typing import Final

#: Its environment: one heap for all its threads, so that what one has let go another takes; a dictionary of pinyin that is
#: not copied; columns that give back at once what they let go, and are worked on by one processor, for the database has
#: the other.
ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": "1", "PYPINYIN_NO_DICT_COPY": "1", "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
}  # fmt: skip
#: Enterprises that are evaluated at once: with more of them it is somewhat quicker, and takes far more memory.
EVALUATED_AT_ONCE: Final = 1_500
_PINYIN: Final = "backend.enterprises.pinyin"


def forget_pinyin() -> None:
    """Give back the memory of the dictionary of pinyin: in this process nobody is registered any more.

    Whoever needs it all the same loads it anew.
    """
    for name in [one for one in sys.modules if one == _PINYIN or one.partition(".")[0] == "pypinyin"]:
        del sys.modules[name]
    vars(sys.modules[_PINYIN.rpartition(".")[0]]).pop("pinyin", None)
    give_back()


def give_back() -> None:
    """Give back the memory of what was let go, which is otherwise kept for what may come."""
    gc.collect()
    # Only the C library of GNU has it; any other gives back by itself, or not at all.
    if (trim := getattr(CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
