"""What a client's write must be signed by: RFC 9421 with Content-Digest (RFC 9530), or a gateway's dialect.

SignatureRefused        401; the log knows the reason, the other side only that it does not hold
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures.algorithms import (
    ED25519,  # pyright: ignore[reportPrivateImportUsage]
    HMAC_SHA256,  # pyright: ignore[reportPrivateImportUsage]
    HTTPSignatureAlgorithm,  # pyright: ignore[reportPrivateImportUsage]
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException, InvalidSignature
from http_message_signatures.resolvers import HTTPSignatureKeyResolver
from http_message_signatures.signatures import HTTPMessageSigner, HTTPMessageVerifier

from backend.exchange.clients import Caller
from backend.exchange.gateway import CITY, WINDOW, GatewayRefused, Message
from backend.exchange.keys import Keys

TAG: Final = "registry-sync"
COVERED: Final = ("@method", "@target-uri", "content-digest", "content-type", "idempotency-key")


class SignatureRefused(Exception):
    """The signature that the client must give is not there or does not hold."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Signed:
    """A request as the standard sees it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


class _OneKey(HTTPSignatureKeyResolver):
    """A client has one key, and its algorithm is fixed with it: what the message says of it must agree."""

    def __init__(self, key_id: str, key: Any) -> None:
        self.key_id = key_id
        self.key = key

    def resolve_public_key(self, key_id: str) -> Any:
        if key_id != self.key_id:
            raise InvalidSignature("unknown key")
        return self.key

    def resolve_private_key(self, key_id: str) -> Any:
        return self.resolve_public_key(key_id)


def sign_request(request: Signed, body: bytes, key_id: str, key: bytes | Ed25519PrivateKey) -> Signed:
    """Add Content-Digest, Signature-Input and Signature, as a client does."""
    signer = HTTPMessageSigner(signature_algorithm=_algorithm(key), key_resolver=_OneKey(key_id, key))
    signer.sign(
        request, key_id=key_id, created=datetime.now(UTC), nonce=secrets.token_urlsafe(16), tag=TAG, label="sig1",
        covered_component_ids=COVERED, body=body, expires=datetime.now(UTC) + timedelta(seconds=WINDOW),
    )  # fmt: skip
    return request


def verify_request(caller: Caller, keys: Keys, request: Signed, query: str, path: str, body: bytes) -> str:
    """The nonce, which the caller must find unused; empty where the client need not sign.

    Raises:
        SignatureRefused: missing, wrong, of another key or algorithm, or older than five minutes.
    """
    if caller.signature == "none":
        return ""
    if caller.signature == "gateway":
        secret = keys.shared(caller.client_id, caller.generation)
        headers = {name: request.headers.get(name.lower(), "") for name in _gateway_headers()}
        try:
            if CITY.key_of(headers) != caller.client_id:
                raise GatewayRefused("missing")
            return CITY.verify(headers, secret, Message(request.method, path, query, body))
        except GatewayRefused as refusal:
            raise SignatureRefused(refusal.reason) from refusal
    return _verify_standard(caller, keys, request, body)


def _gateway_headers() -> tuple[str, ...]:
    return (CITY.key_header, CITY.time_header, CITY.sign_header, CITY.nonce_header or "")


def _verify_standard(caller: Caller, keys: Keys, request: Signed, body: bytes) -> str:
    key: bytes | Ed25519PublicKey = (
        Ed25519PublicKey.from_public_bytes(base64.b64decode(caller.public_key))
        if caller.public_key
        else keys.shared(caller.client_id, caller.generation).encode()
    )
    verifier = HTTPMessageVerifier(signature_algorithm=_algorithm(key), key_resolver=_OneKey(caller.client_id, key))
    try:
        found = verifier.verify(
            request, max_age=timedelta(seconds=WINDOW), expect_tag=TAG, require_components=COVERED, body=body
        )
    except (HTTPMessageSignaturesException, ValueError, KeyError, TypeError) as problem:
        raise SignatureRefused(f"rfc9421: {type(problem).__name__}") from problem
    parameters: Mapping[str, Any] = found[0].parameters
    if not parameters.get("nonce") or not parameters.get("created"):
        raise SignatureRefused("no nonce or moment")
    return str(parameters["nonce"])


def _algorithm(key: object) -> type[HTTPSignatureAlgorithm]:
    return HMAC_SHA256 if isinstance(key, bytes) else ED25519
