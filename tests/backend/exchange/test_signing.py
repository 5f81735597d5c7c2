"""A client's signature: by the standards' own vectors, and refused whenever anything is not as it was signed."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures.algorithms import HMAC_SHA256  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.signatures import HTTPMessageSigner, HTTPMessageVerifier

from backend.exchange.clients import Caller
from backend.exchange.gateway import CITY, Message
from backend.exchange.keys import Keys
from backend.exchange.signing import SignatureRefused, Signed, sign_request, verify_request

KEYS = Keys(b"0" * 32)
URL, PATH, BODY = "https://tidu.example/api/v1/filings", "/api/v1/filings", b'{"hello": "world"}'


def caller(signature: str = "rfc9421", public_key: str = "", name: str = "partner") -> Caller:
    return Caller(name, "伙伴", "tax", "", frozenset({"filing:write"}), signature, public_key, 1, 1000)


def request(**headers: str) -> Signed:
    return Signed("POST", URL, {"content-type": "application/json", "idempotency-key": '"k1"'} | headers)


def shared_key() -> bytes:
    return KEYS.shared("partner", 1).encode()


def verified(signed: Signed, body: bytes = BODY, by: Caller | None = None) -> str:
    return verify_request(by or caller(), KEYS, signed, "", PATH, body)


def test_the_standards_own_hmac_vector_verifies():
    # RFC 9421 appendix B.2.5
    key = base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
    message = Signed(
        "POST", "https://example.com/foo?param=Value&Pet=dog",
        {
            "host": "example.com", "date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json",
            "signature-input": 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
            "signature": "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        },
    )  # fmt: skip

    class Resolver:
        def resolve_public_key(self, key_id: str) -> bytes:
            return key

        def resolve_private_key(self, key_id: str) -> bytes:
            return key

    verifier: Any = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=Resolver())  # pyright: ignore[reportArgumentType]
    assert verifier.verify(message, max_age=None)[0].parameters["keyid"] == "test-shared-secret"


def test_the_digest_of_the_dossiers_body_is_that_of_the_standard():
    signed = sign_request(request(), BODY, "partner", shared_key())
    assert "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:" in (
        signed.headers.get("Content-Digest") or signed.headers["content-digest"]
    )


def test_what_was_signed_is_accepted_and_has_a_nonce():
    assert verified(sign_request(request(), BODY, "partner", shared_key()))


def test_a_public_key_needs_no_shared_secret():
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    assert verified(sign_request(request(), BODY, "partner", private), by=caller(public_key=public))


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, b'{"hello": "mars"}'), ({"idempotency-key": '"k2"'}, BODY), ({"content-type": "text/plain"}, BODY),
        ({"url": "https://tidu.example/api/v1/recognitions"}, BODY), ({"method": "PUT"}, BODY),
    ],
    ids=["body", "key", "type", "url", "method"],
)  # fmt: skip
def test_anything_changed_on_the_way_is_refused(changed: dict[str, str], body: bytes):
    signed = sign_request(request(), BODY, "partner", shared_key())
    signed.url, signed.method = changed.pop("url", signed.url), changed.pop("method", signed.method)
    signed.headers |= changed
    with pytest.raises(SignatureRefused):
        verified(signed, body)


@pytest.mark.parametrize("missing", ["signature", "signature-input"])
def test_a_request_without_signature_is_refused_where_one_is_due(missing: str):
    signed = sign_request(request(), BODY, "partner", shared_key())
    signed.headers = {name: value for name, value in signed.headers.items() if name.lower() != missing}
    with pytest.raises(SignatureRefused):
        verified(signed)


def test_another_clients_key_does_not_sign_for_this_one():
    with pytest.raises(SignatureRefused):
        verified(sign_request(request(), BODY, "other", KEYS.shared("other", 1).encode()))


def test_a_key_of_before_the_change_signs_no_more():
    with pytest.raises(SignatureRefused):
        verified(sign_request(request(), BODY, "partner", KEYS.shared("partner", 2).encode()))


def test_a_signature_that_leaves_the_body_out_is_refused():
    from datetime import UTC, datetime

    from backend.exchange.signing import TAG, _OneKey  # pyright: ignore[reportPrivateUsage]

    signed = request()
    signer = HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=_OneKey("partner", shared_key()))
    signer.sign(
        signed, key_id="partner", created=datetime.now(UTC), nonce="n" * 16, tag=TAG,
        covered_component_ids=("@method", "@target-uri"),
    )  # fmt: skip
    with pytest.raises(SignatureRefused):
        verified(signed)


def test_an_old_signature_is_refused(monkeypatch: pytest.MonkeyPatch):
    from datetime import UTC, datetime

    import backend.exchange.signing as signing

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Earlier":
            return cls.fromtimestamp(datetime.now(UTC).timestamp() - 400, tz)

    monkeypatch.setattr(signing, "datetime", Earlier)
    signed = sign_request(request(), BODY, "partner", shared_key())
    monkeypatch.undo()
    with pytest.raises(SignatureRefused):
        verified(signed)


def test_the_gateways_dialect_is_an_option():
    message = Message("POST", PATH, "", BODY)
    headers = {name.lower(): value for name, value in CITY.sign("partner", KEYS.shared("partner", 1), message).items()}
    assert verified(request(**headers), by=caller("gateway"))
    with pytest.raises(SignatureRefused):
        verified(request(**headers), BODY + b" ", by=caller("gateway"))


def test_who_need_not_sign_is_not_asked_to():
    assert verified(request(), by=caller("none")) == ""


def test_keys_differ_by_purpose_owner_and_generation():
    made = {KEYS.shared("a", 1), KEYS.shared("a", 2), KEYS.shared("b", 1), KEYS.webhook(1, 1), KEYS.system("a")}
    assert len(made) == 5
