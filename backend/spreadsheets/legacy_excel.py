"""Read an old .xls in a process of its own.

The reader of values believes the lengths that a binary workbook claims; a damaged one makes it ask for more memory
than there is, and that ends the process it runs in. So for these files that process is a child, with a limit of its
own. The parts of an .xlsx are checked beforehand instead (`sheet_xml`), which costs less for large files.
"""

import io
import os
import pickle
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

#: An .xls has 65,536 rows of 256 columns at most.
_MEMORY_BYTES: Final = 2 * 1024**3
_PATIENCE_SECONDS: Final = 120
_NEEDS_PASSWORD: Final = 3
_IS_BROKEN: Final = 4


class PasswordNeeded(Exception):
    """The workbook opens with a password only."""


class Unreadable(Exception):
    """The workbook is damaged."""


@dataclass(frozen=True)
class LegacySheet:
    """One sheet as read: its rows from A1 on, and merged regions as ((top, left), (bottom, right))."""

    name: str
    is_hidden: bool
    rows: list[list[Any]]
    merges: list[tuple[tuple[int, int], tuple[int, int]]]


def read_xls(content: bytes) -> list[LegacySheet]:
    """Every sheet of an .xls.

    Raises:
        PasswordNeeded, Unreadable: see there.
    """
    root = str(Path(__file__).parents[2])
    search_path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=content,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
            env={**os.environ, "PYTHONPATH": search_path},
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable from error
    if done.returncode == _NEEDS_PASSWORD:
        raise PasswordNeeded
    if done.returncode != 0:
        raise Unreadable
    plain: list[tuple[Any, ...]] = pickle.loads(done.stdout)  # noqa: S301  (our own child wrote it)
    return [LegacySheet(*sheet) for sheet in plain]


def _sheets(content: bytes) -> list[LegacySheet]:
    with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
        described = [sheet for sheet in workbook.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
        sheets: list[LegacySheet] = []
        for one in described:
            opened = workbook.get_sheet_by_name(one.name)
            rows = opened.to_python(skip_empty_area=False)
            is_hidden = one.visible is not SheetVisibleEnum.Visible
            sheets.append(LegacySheet(one.name, is_hidden, rows, opened.merged_cell_ranges or []))
        return sheets


def _main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sheets = _sheets(sys.stdin.buffer.read())
    except PasswordError:
        return _NEEDS_PASSWORD
    except (CalamineError, OSError, ValueError, MemoryError):
        return _IS_BROKEN
    # As the child is `__main__`, its classes have other names than the parent's.
    plain = [(sheet.name, sheet.is_hidden, sheet.rows, sheet.merges) for sheet in sheets]
    sys.stdout.buffer.write(pickle.dumps(plain, protocol=pickle.HIGHEST_PROTOCOL))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
