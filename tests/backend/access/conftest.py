"""Hashes that cost next to nothing: these tests are about who is let in, and ask for hundreds."""

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes():
    """Argon2id all the same, with its least memory; what is really used is checked in test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "backend.access.passwords._HASHER", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
        )
        yield
