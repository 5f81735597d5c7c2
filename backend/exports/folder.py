"""A folder for the files of an export while they are made: gone with whoever made it, however that ended.

Somebody who is killed removes nothing. What they held is a lock, which the operating system lets go; so the next export
finds the folders that nobody holds, and removes them: there are enterprises' names and figures in them.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from time import time
from typing import Final

PREFIX: Final = "tidu-export-"
_HELD: Final = ".held"
#: Seconds after which a folder that nobody holds was left behind, and is not just being made.
_NEW: Final = 60
#: Seconds after which one was left behind that was made by a version that held none.
_OLD: Final = 86_400


@contextmanager
def export_folder() -> Generator[Path]:
    """An empty folder that lasts as long as the block."""
    clear_left()
    with TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / _HELD).open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield folder


def clear_left() -> None:
    """Remove the folders of those who were killed."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        # Whatever goes wrong with one of them, somebody else was faster, or it is not ours.
        with suppress(OSError):
            found = folder.lstat()
            enough = _NEW if (folder / _HELD).exists() else _OLD
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mtime < time() - enough:
                _clear(folder)


def _clear(folder: Path) -> None:
    with (folder / _HELD).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
