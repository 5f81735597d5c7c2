"""Filling forms of the self-check as a browser does: every field of the form goes along."""

from html.parser import HTMLParser

from httpx import AsyncClient, Response


class _Fields(HTMLParser):
    """The fields of every form of a page, by the form's action."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._action = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = given.get("action", "")
            if self._action in self.forms:
                self._action = ""  # of several forms that go to one place the first
            else:
                self.forms[self._action] = {}
        elif tag == "input" and given.get("type") != "file" and (given.get("type") != "checkbox" or "checked" in given):
            self._add(given.get("name", ""), given.get("value", ""))
        elif tag == "select":
            self._select = given.get("name", "")
            self._add(self._select, "")
        elif tag == "option" and "selected" in given:
            self._add(self._select, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._action = ""

    def _add(self, name: str, value: str) -> None:
        if self._action and name:
            self.forms[self._action][name] = value


def fields(page: Response, action: str) -> dict[str, str]:
    """What a form of a page would send as it stands."""
    reader = _Fields()
    reader.feed(page.text)
    return reader.forms[action]


async def begin(browser: AsyncClient, target: str, as_of: str = "2026-07-15", *, whole: bool = False) -> Response:
    """The first step after choosing."""
    form = {"target": target, "as_of": as_of} | ({"whole": "1"} if whole else {})
    return await browser.post("/check/begin", data=form)


async def send(
    browser: AsyncClient, page: Response, action: str, filled: dict[str, str], to: str = "", button: str = ""
) -> Response:
    """Send a form of a page with some fields filled in, perhaps by a button that sends it elsewhere."""
    form = fields(page, action) | filled
    if button:
        name, _, value = button.partition("=")
        form[name] = value
    return await browser.post(to or action, data=form)
