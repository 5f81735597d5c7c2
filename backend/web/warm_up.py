"""What is done once before the first request, so that none has to wait for it."""

import gc

from rules.library import library


def warm_up() -> None:
    """Read the rules, and let the garbage collector know that they stay.

    They are some hundred thousand objects. Looking through them in each full collection would hold up one request in
    fifty for a fifth of a second.
    """
    library()
    gc.collect()
    gc.freeze()
