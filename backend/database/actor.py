"""In whose name and from where something happens, as the trace tells it.

The web sets it once a request, the command line once a command; every transaction begun meanwhile carries it into the
database, whose triggers and defaults write it down. So no function has to hand it on, and none can forget to.
"""

import getpass
import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `login` is a person's, or says which program it is; `address` is an IP address, empty on this machine."""

    login: str
    person_id: int | None = None
    role: str = ""
    address: str = ""
    request_id: str = ""


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def acting() -> Actor | None:
    """Who acts at this moment, as far as anybody said so."""
    return _acting.get()


@contextmanager
def acting_as(actor: Actor) -> Generator[None]:
    """Let what the block does happen in somebody's name."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def operator() -> Actor:
    """Whoever runs a command on this machine: the account of the system, for there is no other."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor(f"system:{name}")
