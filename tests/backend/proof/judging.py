"""What an answer shows, whatever it is packed into, and whether its reader may see it."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

import httpx
from pypdf import PdfReader

from tests.backend.proof.planting import ODDITY
from tests.backend.proof.registry import INSIDE, NEIGHBOURS, OTHERS, OURS

_TAX: Final = (*OURS.tax_figures, *NEIGHBOURS.tax_figures)
_ALL_FIGURES: Final = (*OURS.figures, *NEIGHBOURS.figures, *OTHERS.figures)
_OTHERS: Final = (OTHERS.word, *OTHERS.figures)
#: What must never be shown to whom. The whole city's officers see everything.
FORBIDDEN: Final[Mapping[str, tuple[str, ...]]] = {
    "city_officer": (),
    "district_officer": _OTHERS,
    "park_officer": (*_OTHERS, NEIGHBOURS.word, *NEIGHBOURS.figures, *_TAX),
    "reviewer": (*_OTHERS, *_TAX),
    "viewer": (*_OTHERS, *_TAX),
    "enterprise": (*_OTHERS, NEIGHBOURS.word, *NEIGHBOURS.figures, INSIDE),
    "system": _OTHERS,
    "administrator": (OTHERS.word, NEIGHBOURS.word, OURS.word, INSIDE, *_ALL_FIGURES),
    "auditor": _ALL_FIGURES,
    "nobody": (OTHERS.word, NEIGHBOURS.word, OURS.word, INSIDE, *_ALL_FIGURES),
}
#: Of a role that asked to read one enterprise's protected data, and was let.
TAX: Final = frozenset(_TAX)
_COLUMN: Final = re.compile(f"(?:{OTHERS.word}|{NEIGHBOURS.word}|{OURS.word}|{INSIDE})([a-z_]+\\.[a-z_]+)")


def shown(answer: httpx.Response) -> str:
    """All that an answer tells: its headers, its text, what is in workbooks, documents and PDF files."""
    told = "\n".join(unquote(value) for value in answer.headers.values())
    return f"{told}\n{_inside(answer.content) or answer.text}"


def _inside(content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return "\n".join(packed.read(name).decode("utf-8", "replace") for name in packed.namelist())
    if content.startswith(b"%PDF-") and b"startxref" in content:
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    return ""


def first(told: str, words: Iterable[str]) -> str:
    """The first of the words that is told, or nothing."""
    return next((one for one in words if one in told), "")


def columns_in(told: str) -> set[str]:
    """The columns whose planted texts are told."""
    return set(_COLUMN.findall(told))


def _rows(answer: httpx.Response) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))


def oddities(answer: httpx.Response, told: str) -> list[str]:
    """Where planted text is not shown as the text it is: as markup, as a template's result, as a formula."""
    kind = answer.headers.get("content-type", "")
    found = ["works out what was typed"] if "3193369" in told else []
    if "html" in kind and "<b>{{" in answer.text:
        found.append("lets typed markup be markup")
    if "csv" in kind and any(cell.startswith(ODDITY[0]) for row in _rows(answer) for cell in row):
        found.append("lets typed text begin a cell like a formula")
    if answer.content.startswith(b"PK\x03\x04") and re.search(r"<f[ >][^<]*1787", told):
        found.append("writes typed text as a formula")
    return found
