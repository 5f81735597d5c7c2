"""`python -m backend.spreadsheets.apart`: one large import in a process of its own; what it is comes on stdin.

What a large file takes of memory goes with the process, and it uses a processor that the service's own requests do not.
Whoever began it holds stdin open: when that ends, however it does, the import ends too, and leaves nothing.
"""

import asyncio
import gc
import os
import pickle
import sys
from contextlib import nullcontext
from threading import Thread
from typing import Final

import structlog

from backend.database.actor import acting_as
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.running import Apart, supervise
from backend.web.logs import configure_logs
from rules.library import library

log: Final = structlog.stdlib.get_logger(__name__)

#: Objects made before each of the three kinds of looks for garbage.
_COLLECTED_AFTER = (200_000, 20, 100)


def main() -> None:
    """Take the import in, and work on it."""
    configure_logs()
    # Only the service that began this process writes there.
    told: Apart = pickle.load(sys.stdin.buffer)  # noqa: S301 – see above
    Thread(target=_end_with_the_service, daemon=True).start()
    rules = library()
    # Millions of cells live until the end: looking through them for what might be collected finds nothing.
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
    importer = Importer(rules.catalogue, rules, told.today, told.person_id, told.region_code, choices=told.choices)
    try:
        with nullcontext() if told.actor is None else acting_as(told.actor):
            asyncio.run(supervise(told.address, told.settings, told.run(importer), told.kind))
    except Exception as problem:  # noqa: BLE001 – the run says how it ended, unless its database could not be told
        log.warning("import_ended", import_id=told.import_id, problem=type(problem).__name__)


def _end_with_the_service() -> None:
    # Past Python's own buffer, whose lock would be in the way of whoever ends in good order.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
