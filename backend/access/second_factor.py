"""The second factor: a code of six digits that a telephone works out anew each half minute (RFC 6238).

The secret behind the codes is worked out of the installation's own and never stored: a copy of the database makes no
codes. Each code is taken once (ASVS 6.5.1), for a half minute before and after its own.
"""

import hashlib
import secrets
from base64 import b32encode
from datetime import UTC, datetime
from typing import Final

import segno
from pyotp.totp import TOTP
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.access.service import AccessRefused, person_by_id
from backend.exchange.keys import Keys
from rules.translation import say

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
_ISSUER: Final = "梯度 Tidu"


def secret_of(keys: Keys, person: Person, generation: int) -> str:
    """What is typed into the telephone, 160 bits in base 32."""
    return b32encode(keys.derive("totp", str(person.id), generation)[:20]).decode()


def drawing_of(secret: str, login: str) -> str:
    """The same as a QR code, as an image's address that holds the whole image."""
    uri = TOTP(secret).provisioning_uri(name=login, issuer_name=_ISSUER)
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=4)


async def enrol(session: AsyncSession, keys: Keys, person_id: int, code: str, now: datetime | None = None) -> list[str]:
    """Switch the second factor on, proven by a first code. Returns codes for when the telephone is lost, shown once.

    Raises AccessRefused.
    """
    person = await person_by_id(session, person_id)
    if person.totp_generation > 0:
        raise AccessRefused(say("动态口令已经启用。如要换手机，请先停用。"), "code")
    generation = next_generation(person)
    step = _step_of(secret_of(keys, person, generation), code, 0, now)
    if step is None:
        raise AccessRefused(say("动态口令不对。请确认手机时间准确，输入最新的六位数字。"), "code")
    codes = ["-".join(secrets.token_hex(2) for _ in range(4)) for _ in range(RECOVERY_CODES)]
    person.totp_generation, person.totp_step = generation, step
    person.recovery_hashes = [_hash(one) for one in codes]
    await session.flush()
    return codes


def next_generation(person: Person) -> int:
    """Another secret each time that it is switched on: an old telephone is worth nothing."""
    return abs(person.totp_generation) + 1


async def switch_off(session: AsyncSession, person_id: int) -> None:
    """No second factor from now on. Raises PersonUnknown."""
    person = await person_by_id(session, person_id)
    # Negative: off, and how many there were.
    person.totp_generation = -abs(person.totp_generation)
    person.recovery_hashes = []
    await session.flush()


def accepts(person: Person, keys: Keys, code: str, now: datetime | None = None) -> bool:
    """Whether it is a code of this person's that was not used yet; it is used by this."""
    written = code.strip().lower().replace(" ", "")
    if _hash(written) in person.recovery_hashes:
        person.recovery_hashes = [one for one in person.recovery_hashes if one != _hash(written)]
        return True
    step = _step_of(secret_of(keys, person, person.totp_generation), written, person.totp_step, now)
    if step is None:
        return False
    person.totp_step = step
    return True


def _step_of(secret: str, code: str, used: int, now: datetime | None) -> int | None:
    """The half minute whose code it is, after the last one used."""
    current = int((now or datetime.now(UTC)).timestamp()) // STEP_SECONDS
    otp = TOTP(secret)
    for step in (current - 1, current, current + 1):
        if step > used and secrets.compare_digest(otp.generate_otp(step).encode(), code.strip().encode()):
            return step
    return None


def _hash(code: str) -> str:
    # 64 random bits, of which five guesses may be made.
    return hashlib.sha256(code.encode()).hexdigest()
