"""The layouts that are known; a new one is a module here and a line in `layouts_of`."""

from backend.spreadsheets.columns import Vocabulary
from backend.spreadsheets.layouts.base import Layout
from backend.spreadsheets.layouts.enterprises import Enterprises
from backend.spreadsheets.layouts.figures import Figures
from backend.spreadsheets.layouts.ledger import Ledger
from backend.spreadsheets.layouts.notice import Notice
from backend.spreadsheets.layouts.recognitions import Recognitions

__all__ = ["LAYOUT_IDS", "Layout", "layouts_of"]

LAYOUT_IDS = ("ledger", "notice", "enterprises", "figures", "recognitions")


def layouts_of(vocabulary: Vocabulary) -> tuple[Layout, ...]:
    """Every layout, in the order in which they win a draw."""
    return (Notice(), Recognitions(), Figures(vocabulary), Ledger(), Enterprises())
