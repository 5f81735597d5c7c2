"""Which browser drives the tests: Debian's Chromium, or the one that CHROMIUM names."""

import os
import shutil

#: It runs as root in containers, without a screen, and is to ask nothing of the outside.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def browser_program() -> str | None:
    """The path of an installed Chromium; None where there is none."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)
