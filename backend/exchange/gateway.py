"""The header dialects of Chinese data gateways: one signer with a table of what differs.

The national platform signs ids and time only, a city's gateway usually method, path, query, time, nonce and the body's
digest. Hash functions are SHA-256 or, where commercial cryptography is asked for, SM3.

    GatewayRefused      a signature that is missing, wrong, stale or used before; which, the other side is not told
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Final, Literal
from urllib.parse import parse_qsl

#: Seconds by which clocks may differ, and for which a nonce is remembered.
WINDOW, REMEMBERED = 300, 600


class GatewayRefused(Exception):
    """The signature does not hold; `reason` is for our log."""

    def __init__(self, reason: Literal["missing", "wrong", "stale", "replay"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Message:
    """What is signed of a request or an answer."""

    method: str = ""
    path: str = ""
    query: str = ""
    body: bytes = b""

    def sorted_query(self) -> str:
        return "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(self.query, keep_blank_values=True)))


@dataclass(frozen=True)
class Dialect:
    """What a gateway calls its headers and what it signs."""

    name: str
    key_header: str
    time_header: str
    sign_header: str
    #: None where the gateway has no nonce: then nothing but the window stops a replay.
    nonce_header: str | None
    #: Names of the parts, joined by `joint`: service, key, time, nonce, method, path, query, body.
    recipe: tuple[str, ...]
    joint: str = "\n"
    hash: Literal["sha256", "sm3"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"
    service_header: str | None = None

    def sign(
        self, key: str, secret: str, message: Message, service: str = "", at: float | None = None
    ) -> dict[str, str]:
        """The headers that sign a message as `key`, with a fresh nonce."""
        moment = str(round((time() if at is None else at) * 1000))
        nonce = secrets.token_urlsafe(16) if self.nonce_header else ""
        headers = {self.key_header: key, self.time_header: moment}
        if self.nonce_header:
            headers[self.nonce_header] = nonce
        if self.service_header:
            headers[self.service_header] = service
        return headers | {self.sign_header: self.signature(secret, message, key, moment, nonce, service)}

    def signature(
        self, secret: str, message: Message, key: str, moment: str, nonce: str = "", service: str = ""
    ) -> str:
        """The signature alone."""
        parts = {
            "service": service, "key": key, "time": moment, "nonce": nonce, "method": message.method.upper(),
            "path": message.path, "query": message.sorted_query(),
            "body": hashlib.new(self.hash, message.body, usedforsecurity=True).hexdigest(),
        }  # fmt: skip
        signed = self.joint.join(parts[name] for name in self.recipe).encode()
        made = hmac.new(secret.encode(), signed, self.hash).digest()
        return made.hex() if self.encoding == "hex" else base64.b64encode(made).decode()

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """Who claims to have signed; None where no such signature is there."""
        return headers.get(self.key_header)

    def verify(self, headers: Mapping[str, str], secret: str, message: Message, at: float | None = None) -> str:
        """The nonce, which the caller must find unused (empty where the dialect has none).

        Raises:
            GatewayRefused: missing, wrong or stale.
        """
        key, moment, signature = (
            headers.get(name, "") for name in (self.key_header, self.time_header, self.sign_header)
        )
        nonce = headers.get(self.nonce_header, "") if self.nonce_header else ""
        if not (key and moment.isascii() and moment.isdigit() and signature and (nonce or not self.nonce_header)):
            raise GatewayRefused("missing")
        service = headers.get(self.service_header, "") if self.service_header else ""
        due = self.signature(secret, message, key, moment, nonce, service)
        if not hmac.compare_digest(due.encode(), signature.encode()):
            raise GatewayRefused("wrong")
        if abs((time() if at is None else at) - int(moment[:20]) / 1000) > WINDOW:
            raise GatewayRefused("stale")
        return nonce


#: 国家数据共享交换平台: neither body nor nonce is signed, so it only ever goes over TLS.
NATIONAL: Final = Dialect(
    "national", "gjgxjhpt_rid", "gjgxjhpt_rtime", "gjgxjhpt_sign", None, ("service", "key", "time"), "",
    service_header="gjgxjhpt_sid",
)  # fmt: skip
#: A city gateway's usual form, and ours.
CITY: Final = Dialect(
    "city", "X-App-Key", "X-Timestamp", "X-Sign", "X-Nonce", ("method", "path", "query", "time", "nonce", "body")
)
#: The same with SM3.
CITY_SM3: Final = Dialect(
    "city-sm3", "X-App-Key", "X-Timestamp", "X-Sign", "X-Nonce", ("method", "path", "query", "time", "nonce", "body"),
    hash="sm3", encoding="hex",
)  # fmt: skip
DIALECTS: Final = {one.name: one for one in (NATIONAL, CITY, CITY_SM3)}


@dataclass
class NonceMemory:
    """Nonces seen in one process; the service itself remembers them in the database."""

    seen: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    def take(self, key: str, nonce: str, at: float | None = None) -> None:
        """Raises GatewayRefused for one used before."""
        now = time() if at is None else at
        self.seen = {one: moment for one, moment in self.seen.items() if now - moment < REMEMBERED}
        if (key, nonce) in self.seen:
            raise GatewayRefused("replay")
        self.seen[key, nonce] = now
