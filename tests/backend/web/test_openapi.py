"""What a program reads of the API: the headers that keep its changes safe are part of what is described."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from backend.main import create_app
from backend.settings import Settings
from tests.backend.access.matrix import routes


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    return create_app(Settings()).openapi()["paths"]


def headers_of(operation: dict[str, Any]) -> dict[str, bool]:
    """Header → whether it is required."""
    return {one["name"]: one["required"] for one in operation.get("parameters", []) if one["in"] == "header"}


def changes() -> Iterator[tuple[str, str, APIRoute]]:
    for name, route in routes():
        method, _, path = name.partition(" ")
        if path.startswith("/api/v1/") and method in ("POST", "PUT", "PATCH"):
            yield path, method.lower(), route


def test_whatever_demands_the_state_that_was_seen_says_so(paths: dict[str, Any]):
    demanding = {
        (path, method)
        for path, method, route in changes()
        if "demand_match(" in inspect.getsource(route.endpoint) or "_unchanged(" in inspect.getsource(route.endpoint)
    }
    assert demanding
    assert [one for one in demanding if headers_of(paths[one[0]][one[1]]).get("If-Match") is not True] == []


def test_every_state_that_a_change_demands_can_be_read(paths: dict[str, Any]):
    told = {path for path, methods in paths.items() if "ETag" in str(methods.get("get", {}).get("responses", {}))}
    for path, methods in paths.items():
        for operation in methods.values():
            if "If-Match" in headers_of(operation):
                assert any(path.startswith(one) or one.startswith(path.rsplit("/", 1)[0]) for one in told), path


def test_whatever_may_be_sent_again_names_the_key(paths: dict[str, Any]):
    taking = {
        (path, method) for path, method, route in changes() if "once" in inspect.signature(route.endpoint).parameters
    }
    assert len(taking) > 20
    assert [one for one in taking if headers_of(paths[one[0]][one[1]]).get("Idempotency-Key") is not False] == []
