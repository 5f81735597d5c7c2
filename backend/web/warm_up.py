"""What is done once before the first request, so that none has to wait for it."""

import gc

from backend.enterprises.spelling import characters
from rules.library import library
from rules.translation import LANGUAGES, speaking


def warm_up() -> None:
    """Read the rules in every language and the readings of characters, and let the garbage collector know that they stay.

    They are some hundred thousand objects. Looking through them in each full collection would hold up one request in
    fifty for a fifth of a second.
    """
    for one in LANGUAGES:
        with speaking(one):
            library()
    characters()
    gc.collect()
    gc.freeze()
