"""How a process that works on a large file does with little memory."""

import gc
import sys
from typing import Final

#: Its environment: one heap for all its threads, so that what one has let go another takes; and a dictionary of pinyin that
#: is not copied.
ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1", "PYPINYIN_NO_DICT_COPY": "1"}
_PINYIN: Final = "backend.enterprises.pinyin"


def forget_pinyin() -> None:
    """Give back the memory of the dictionary of pinyin: in this process nobody is registered any more.

    Whoever needs it all the same loads it anew.
    """
    for name in [one for one in sys.modules if one == _PINYIN or one.partition(".")[0] == "pypinyin"]:
        del sys.modules[name]
    vars(sys.modules[_PINYIN.rpartition(".")[0]]).pop("pinyin", None)
    gc.collect()
