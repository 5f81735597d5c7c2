"""What of a page a reader of English would stumble over."""

import re
from html.parser import HTMLParser

from tests.write_translations import has_han

#: Numbers of documents keep their Chinese: 国科发火〔2016〕32号, and 63号 where it is named again.
DOCUMENT = re.compile(r"[\u4e00-\u9fff]*〔\d{4}〕\d+号|\d+号")
_READ = {"placeholder", "aria-label", "title", "alt", "data-label"}
_ALONE = {"input", "meta", "link", "img", "br", "hr", "path", "circle", "rect"}


class _Texts(HTMLParser):
    """Every text of a page, and every attribute that is read out, but for what says itself to be Chinese."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._chinese = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if (self._chinese or given.get("lang") == "zh-CN") and tag not in _ALONE:
            self._chinese += 1
        if not self._chinese:
            self.found += [value for name, value in given.items() if name in _READ]

    def handle_endtag(self, tag: str) -> None:
        if self._chinese and tag not in _ALONE:
            self._chinese -= 1

    def handle_data(self, data: str) -> None:
        if not self._chinese and data.strip():
            self.found.append(data.strip())


def chinese_in(page: str) -> list[str]:
    """The texts of a page that are Chinese and should not be."""
    reader = _Texts()
    reader.feed(page)
    # The wide blank parts things and is no word.
    return [text for text in reader.found if has_han(DOCUMENT.sub("", text).replace("\u3000", " "))]
