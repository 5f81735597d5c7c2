"""Rows that register an enterprise which neither the registry nor any other row of their file speaks of.

Of a ledger that is new to the registry nearly all rows are such. Nothing that is done for the others asks about them, and
nothing about them depends on the others: so they are registered by portions, and a dry run need not write them to tell
what becomes of them.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final

from backend.spreadsheets.fates import Importer, RowFate
from backend.spreadsheets.grouping import words_of
from backend.spreadsheets.matching import KnownEnterprises
from backend.spreadsheets.packed import PackedFigures
from backend.spreadsheets.records import EnterpriseRecord, ReadRow

#: The longest texts that the registry's columns take; a longer one is refused by the database, which must be asked then.
_LONGEST: Final = {"name": 200, "region_code": 6, "town": 100, "park": 100, "address": 300, "industry_code": 4}
_LONGEST_CHAIN: Final = 60
#: PostgreSQL's texts hold no such character.
_NUL: Final = "\x00"


def mark_alone(fresh: Sequence[RowFate], rows: Sequence[ReadRow], known: KnownEnterprises, importer: Importer) -> None:
    """Mark, of the rows that are to register somebody, those that stand alone.

    Args:
        fresh: rows whose code the registry does not know.
        rows: all rows of the file.
        known: what the registry knows of all names in it.
        importer: who sees the whole city, whose rows no policy of the database could refuse; else nobody is marked.
    """
    if importer.region_code or not fresh:
        return
    said = Counter(chain.from_iterable(map(words_of, rows)))
    for one in fresh:
        one.is_alone = (
            one.place not in importer.choices
            and _is_plain(one.row)
            and all(said[word] == 1 for word in words_of(one.row))
            and not known.bearers(one.row.enterprise.name)
        )


def _is_plain(row: ReadRow) -> bool:
    """Whether a row says nothing but who the enterprise is, within what the columns take, and plain numbers."""
    who = row.enterprise
    return (
        (isinstance(row.figures, PackedFigures) or not row.figures)
        and not row.recognitions
        and not who.former_names
        and not who.other_numbers
        and all(len(chain) <= _LONGEST_CHAIN for chain in who.chains)
        and _fits(who)
    )


def _fits(who: EnterpriseRecord) -> bool:
    texts = {name: str(getattr(who, name)) for name in _LONGEST}
    return all(len(text) <= _LONGEST[name] and _NUL not in text for name, text in texts.items()) and not any(
        _NUL in chain for chain in who.chains
    )
