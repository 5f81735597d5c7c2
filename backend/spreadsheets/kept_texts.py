"""The texts that the cells of a workbook share, laid down (`scratch`): a large ledger has a million of them."""

from array import array
from collections.abc import Sequence
from typing import Final, overload

from backend.spreadsheets.scratch import Scratch

#: Texts that are held: those that many cells share come again soon.
_HELD: Final = 4_096


class KeptTexts(Sequence[str]):
    """Texts that are added once and then asked for by their places."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        #: Where each text begins there, and the end of the last.
        self._starts = array("Q", [0])
        self._held: dict[int, str] = {}

    def append(self, text: str) -> None:
        """Add a text behind all others."""
        # Whoever writes half of a pair of surrogates gets it back.
        written = text.encode(errors="surrogatepass")
        self._starts.append(self._scratch.append(written) + len(written))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        text = self._held.get(index)
        if text is None:
            begins, ends = self._starts[index : index + 2]
            text = self._scratch.read(begins, ends - begins).decode(errors="surrogatepass")
            if len(self._held) >= _HELD:
                self._held.clear()
            self._held[index] = text
        return text
