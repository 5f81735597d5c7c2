"""All tables of all slices: importing this module makes `metadata` complete."""

from importlib import import_module
from importlib.util import find_spec

from sqlmodel import SQLModel

SLICES = (
    "access",
    "cultivation",
    "eligibility",
    "enterprises",
    "exchange",
    "exports",
    "filings",
    "own_file",
    "plans",
    "recognitions",
    "spreadsheets",
    "web",
    "subregisters",
    "zones",
)

for _slice in SLICES:
    # A slice without tables of its own has no models.
    if find_spec(f"backend.{_slice}.models"):
        import_module(f"backend.{_slice}.models")

metadata = SQLModel.metadata
