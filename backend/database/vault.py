"""Files under a passphrase: AES-256-GCM in portions, the key worked out with scrypt.

Each portion is sealed with its number and whether it is the last, so that none can be left out, put elsewhere or cut off
without being noticed. Whoever loses the passphrase loses the file.
"""

import os
import secrets
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_MAGIC: Final = b"TIDUVLT1"
_SALT_BYTES: Final = 16
_PORTION: Final = 1024 * 1024
_TAG_BYTES: Final = 16


class VaultError(Exception):
    """The passphrase is another, or the file was changed or cut off."""


def is_locked(file: Path) -> bool:
    """Whether the file is one of ours."""
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC)) == _MAGIC


def lock(clear: Path, locked: Path, passphrase: str) -> None:
    """Write `clear` into `locked`, for nobody without the passphrase."""
    salt = secrets.token_bytes(_SALT_BYTES)
    cipher = _cipher(passphrase, salt)
    # From the beginning for the owner's eyes only; the file may lie among others.
    with (
        clear.open("rb") as source,
        os.fdopen(os.open(locked, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target,
    ):
        target.write(_MAGIC + salt)
        number, portion = 0, source.read(_PORTION)
        while True:
            following = source.read(_PORTION)
            target.write(cipher.encrypt(_nonce(number, is_last=not following), portion, _MAGIC))
            if not following:
                return
            number, portion = number + 1, following


def unlock(locked: Path, clear: Path, passphrase: str) -> None:
    """Write what is in `locked` into `clear`. Raises VaultError; then `clear` holds nothing to rely on."""
    with (
        locked.open("rb") as source,
        os.fdopen(os.open(clear, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target,
    ):
        if source.read(len(_MAGIC)) != _MAGIC:
            raise VaultError("not one of ours")
        cipher = _cipher(passphrase, source.read(_SALT_BYTES))
        _unlock_portions(source, target, cipher)


def _unlock_portions(source: BinaryIO, target: BinaryIO, cipher: AESGCM) -> None:
    number, portion = 0, source.read(_PORTION + _TAG_BYTES)
    while True:
        following = source.read(_PORTION + _TAG_BYTES)
        try:
            target.write(cipher.decrypt(_nonce(number, is_last=not following), portion, _MAGIC))
        except InvalidTag as problem:
            raise VaultError("another passphrase, or a changed file") from problem
        if not following:
            return
        number, portion = number + 1, following


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    # OWASP's least for scrypt: 128 MB for a moment, which makes guessing dear.
    return AESGCM(Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, *, is_last: bool) -> bytes:
    # The key is new for each file, so a number is enough; the last byte tells the end.
    return number.to_bytes(11, "big") + bytes([is_last])
