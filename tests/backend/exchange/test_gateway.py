"""The header dialects of data gateways, by the vectors that are known of them."""

import hashlib
from dataclasses import replace

import pytest

from backend.exchange.gateway import CITY, CITY_SM3, DIALECTS, NATIONAL, Dialect, GatewayRefused, Message, NonceMemory

ASKED = Message("POST", "/v1/A100000/search", "b=2&a=1", b'{"codes": []}')


def test_the_national_platforms_signature_is_that_of_its_vector():
    made = NATIONAL.signature(
        "0123456789abcdef0123456789abcdef", Message(), "r_demo_0001", "1735689600000", service="s_demo_0001"
    )
    assert made == "MnQrzr2PtEE2UQ8QyJP51MFVXCNTCAAzeEHKKQ/DKbk="


def test_sm3_is_that_of_the_standard():
    found = hashlib.new("sm3", b"abc").hexdigest()
    assert found == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda one: one.name)
def test_what_was_signed_is_accepted(dialect: Dialect):
    headers = dialect.sign("key", "secret", ASKED, "service")
    assert bool(dialect.verify(headers, "secret", ASKED)) is (dialect.nonce_header is not None)


@pytest.mark.parametrize("dialect", [CITY, CITY_SM3], ids=lambda one: one.name)
@pytest.mark.parametrize("changed", [{"body": b"{}"}, {"path": "/v1/other"}, {"query": "a=1&b=3"}, {"method": "GET"}])
def test_whatever_is_changed_on_the_way_is_found_out(dialect: Dialect, changed: dict[str, object]):
    headers = dialect.sign("key", "secret", ASKED)
    with pytest.raises(GatewayRefused, match="wrong"):
        dialect.verify(headers, "secret", replace(ASKED, **changed))  # pyright: ignore[reportArgumentType]


def test_the_order_of_the_query_does_not_matter():
    headers = CITY.sign("key", "secret", ASKED)
    assert CITY.verify(headers, "secret", replace(ASKED, query="a=1&b=2"))


@pytest.mark.parametrize(("late", "refused"), [(299, False), (301, True), (-301, True)])
def test_a_signature_counts_for_five_minutes(late: int, refused: bool):
    headers = CITY.sign("key", "secret", ASKED, at=1_800_000_000)
    if not refused:
        assert CITY.verify(headers, "secret", ASKED, at=1_800_000_000 + late)
        return
    with pytest.raises(GatewayRefused, match="stale"):
        CITY.verify(headers, "secret", ASKED, at=1_800_000_000 + late)


def test_a_nonce_is_taken_once():
    memory = NonceMemory()
    memory.take("key", "nonce", 1000)
    with pytest.raises(GatewayRefused, match="replay"):
        memory.take("key", "nonce", 1300)


@pytest.mark.parametrize("missing", ["X-App-Key", "X-Timestamp", "X-Nonce", "X-Sign"])
def test_a_header_that_is_missing_is_not_taken_for_empty(missing: str):
    headers = {name: value for name, value in CITY.sign("key", "secret", ASKED).items() if name != missing}
    with pytest.raises(GatewayRefused, match="missing"):
        CITY.verify(headers, "secret", ASKED)
