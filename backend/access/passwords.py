"""Passwords: kept as argon2id hashes, judged by the profile that the installation chose.

等保 (GB/T 22239-2019 8.1.4.1) wants secrets that are complex and changed regularly; ASVS 5.0 6.2.5 and 6.2.10 forbid to ask
for either, since people then write down what they cannot remember. An authority is inspected by the one, so it is the
default; the other is a setting away. Everything else is the same: the length, and what is too easily guessed.
"""

import asyncio
import secrets
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from rules.translation import say


class Profile(StrEnum):
    """Whose rules passwords follow."""

    DENGBAO = "dengbao"
    ASVS = "asvs"


SHORTEST: Final = 10
#: Of capitals, small letters, digits and other signs, 等保 in practice asks for three.
CLASSES_ASKED: Final = 3
# Argon2 takes any length; a megabyte would only keep the machine busy.
LONGEST: Final = 128
#: No 0, o, 1, l, i: these are read out on the telephone.
_LEGIBLE: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_TOO_COMMON: Final = frozenset(
    (
        "password",
        "qwerty",
        "qwertyuiop",
        "asdfghjkl",
        "1q2w3e4r",
        "abc123",
        "admin",
        "tidu",
        "woaini",
        "iloveyou",
        "keji",
    )
)

_HASHER: Final = PasswordHash((Argon2Hasher(),))


async def hash_password(password: str) -> str:
    """The hash to keep. Takes some 50 ms of a core, off the event loop."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Whether it is the password; and the new hash to keep where the old one's settings are outdated.

    Without a hash, because nobody has that login, it takes as long and the answer is no: the time must not tell
    which logins exist.
    """
    if len(password) > LONGEST:
        return False, None
    matches, renewed = await asyncio.to_thread(_verify, password, password_hash or _nobodys_hash())
    return (matches, renewed) if password_hash else (False, None)


def _verify(password: str, password_hash: str) -> tuple[bool, str | None]:
    try:
        return _HASHER.verify_and_update(password, password_hash)
    except UnknownHashError:
        # Somebody who has no password at all; it must take as long all the same.
        _HASHER.verify(password, _nobodys_hash())
        return False, None


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))


def generate_password() -> str:
    """A password for the first sign-in: 16 signs in four groups, some 79 bits; letters, digits and dashes."""
    while True:
        made = "-".join("".join(secrets.choice(_LEGIBLE) for _ in range(4)) for _ in range(4))
        if _classes(made) >= CLASSES_ASKED:
            return made


def fault_of(password: str, login: str, name: str = "", profile: Profile = Profile.DENGBAO) -> str | None:
    """Why it cannot be somebody's password; None where it can."""
    fault = _too_easily_guessed(password, login, name)
    if fault is None and profile is Profile.DENGBAO and _classes(password) < CLASSES_ASKED:
        return say("口令须含大写字母、小写字母、数字、其他符号（含空格、汉字）中的至少三类，请补上。")
    return fault


def _classes(password: str) -> int:
    kinds = {
        "upper" if one.isascii() and one.isupper() else "lower" if one.isascii() and one.islower()
        else "digit" if one.isascii() and one.isdigit() else "other"
        for one in password
    }  # fmt: skip
    return len(kinds)


def _too_easily_guessed(password: str, login: str, name: str) -> str | None:
    if len(password) < SHORTEST:
        return say(
            "口令太短，至少 {least} 位，现为 {n} 位。可以用几个不相干的词连起来。", least=SHORTEST, n=len(password)
        )
    if len(password) > LONGEST:
        return say("口令太长，最多 {most} 位。", most=LONGEST)
    lowered = password.lower()
    if len(set(lowered)) < 5:
        return say("口令里不同的字符太少，容易猜到，请换一个。")
    if login.lower() in lowered or (name and name in password):
        return say("口令里不能含有用户名或姓名，请换一个。")
    if lowered.rstrip("0123456789!@#.") in _TOO_COMMON or (lowered.strip("0123456789") == "" and _is_a_run(lowered)):
        return say("这个口令太常见，容易猜到，请换一个。")
    return None


def _is_a_run(digits: str) -> bool:
    """1234567890, 9876543210, …"""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    return steps <= {1} or steps <= {9}
