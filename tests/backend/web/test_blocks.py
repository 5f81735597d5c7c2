"""Pieces of a page, drawn alone for htmx by the same lines as the page."""

import re

import pytest
from httpx import AsyncClient

from tests.backend.conftest import ClientAs

HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("path", ["/enterprises", "/recognitions"])
async def test_what_htmx_gets_is_a_part_of_what_the_page_shows(client_as: ClientAs, path: str) -> None:
    client: AsyncClient = await client_as("viewer")
    page = await client.get(path)
    piece = await client.get(path, headers=HTMX)
    assert piece.status_code == page.status_code == 200
    assert "<html" not in piece.text
    # Pieces that htmx puts elsewhere stand elsewhere on the page, too, so tag is compared with tag.
    drawn = re.split(r"(?=<)", piece.text.replace(' hx-swap-oob="true"', ""))
    assert [one for one in drawn if one.strip() not in page.text] == []
