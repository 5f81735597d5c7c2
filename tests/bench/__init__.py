"""The figures Tidu is measured by: `make bench`, or `python -m tests.bench checks pages` for some of them.

A module per subject; each has `figures()`, which measures and yields what it found.
"""
