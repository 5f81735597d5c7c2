"""Rows that register an enterprise which neither the registry nor any other row of their file speaks of.

Of a ledger that is new to the registry nearly all rows are such. Nothing that is done for the others asks about them, and
nothing about them depends on the others: so they are registered by portions, and a dry run need not write them to tell
what becomes of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from backend.enterprises.names import match_key
from backend.spreadsheets.fates import Importer, RowFate
from backend.spreadsheets.matching import KnownEnterprises, names_in
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
    said = Counter(chain.from_iterable(map(_said, rows)))
    for one in fresh:
        one.is_alone = (
            one.place not in importer.choices
            and _is_plain(one.row)
            and all(said[word] == 1 for word in _said(one.row))
            and not known.bearers(one.row.enterprise.name)
        )


def _said(row: ReadRow) -> Iterable[str]:
    """All by which another row could speak of the same enterprise, each once."""
    who = row.enterprise
    named = {match_key(name) for name in names_in(row)}
    return named | {one.value for one in who.other_numbers} | ({who.credit_code} if who.credit_code else set())


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
