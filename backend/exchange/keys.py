"""Keys that we must be able to use again (for signing), worked out of one master secret instead of being stored.

A digest is all that is kept of what only others need to know (a client's secret, a token). A key that we sign with has
to be had in clear: it is derived from the installation's master secret, its purpose and a generation that counts up
when it is changed; one that another side gave us is wrapped under such a key. So the database holds nothing that signs,
and a copy of it is worth nothing without the secret.
"""

import base64
import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.settings import Settings

KEY_FILE = "exchange.key"


class Keys:
    """All keys of an installation."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    def derive(self, purpose: str, whose: str, generation: int = 1) -> bytes:
        """32 bytes that only this installation can work out."""
        return hmac.digest(self._master, f"{purpose}\n{whose}\n{generation}".encode(), "sha256")

    def shared(self, client_id: str, generation: int) -> str:
        """What a client and we sign requests with."""
        return base64.urlsafe_b64encode(self.derive("client", client_id, generation)).decode().rstrip("=")

    def webhook(self, endpoint: int, generation: int) -> str:
        """An endpoint's secret in the form of Standard Webhooks."""
        return "whsec_" + base64.b64encode(self.derive("webhook", str(endpoint), generation)).decode()

    def system(self, system: str) -> str:
        """The secret agreed with an outside system; the practice simulators' own is not derived."""
        return base64.urlsafe_b64encode(self.derive("system", system)).decode().rstrip("=")

    def wrap(self, system: str, secret: str) -> bytes:
        """A secret that another side gave us, so that only this installation can read it again, for this system."""
        nonce = os.urandom(12)
        return nonce + AESGCM(self.derive("wrap", system)).encrypt(nonce, secret.encode(), system.encode())

    def unwrap(self, system: str, sealed: bytes) -> str:
        """What was wrapped. Raises ValueError where it was wrapped under another master secret, or for another system."""
        try:
            plain = AESGCM(self.derive("wrap", system)).decrypt(sealed[:12], sealed[12:], system.encode())
        except InvalidTag as problem:
            raise ValueError("wrapped under another key") from problem
        return plain.decode()

    def seal(self) -> Ed25519PrivateKey:
        """What the chain of messages is signed with; anybody may have its public half."""
        return Ed25519PrivateKey.from_private_bytes(self.derive("seal", "messages"))


def keys_of(settings: Settings) -> Keys:
    """The installation's keys: of TIDU_EXCHANGE_SECRET, or of a file in the data folder, made at the first need."""
    if settings.exchange_secret:
        return Keys(hashlib.sha256(settings.exchange_secret.get_secret_value().encode()).digest())
    return _of_file(settings.data / KEY_FILE)


@cache
def _of_file(path: Path) -> Keys:
    # With a PostgreSQL of one's own nobody has needed the folder so far.
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Only whoever makes the file writes it: two that begin at once end up with the same key.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Keys(bytes.fromhex(path.read_text().strip()))
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return Keys(bytes.fromhex(path.read_text().strip()))
