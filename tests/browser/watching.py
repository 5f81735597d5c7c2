"""What a page complains about while it is looked at."""

from weakref import WeakKeyDictionary

from playwright.async_api import ConsoleMessage, Error, Page, Request, Response

_COMPLAINTS: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()


def watch(page: Page, address: str) -> None:
    """Note errors in the console, what fails to load, and whatever is asked of another address."""
    complaints = _COMPLAINTS.setdefault(page, [])

    def on_console(message: ConsoleMessage) -> None:
        # What fails to load is noted with its status below; a page that is not there may be what a test asks for.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(f"{page.url}: {message.text}")

    def on_error(error: Error) -> None:
        complaints.append(f"{page.url}: {error}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            complaints.append(f"{page.url} asks {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            complaints.append(f"{response.url} answered {response.status}")

    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.on("request", on_request)
    page.on("response", on_response)


def complaints_of(page: Page) -> list[str]:
    """All complaints since the page was opened."""
    return _COMPLAINTS[page]
