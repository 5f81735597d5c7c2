"""What a client of an outside system says of itself: which system, what is asked of it, how and for what."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from rules.translation import marked

#: What enterprises are asked to authorise, in the words of the form that they sign.
CULTIVATION: Final = marked("科技企业梯度培育测算")


@dataclass(frozen=True)
class Connector:
    """What is asked of a system, and how."""

    system: str
    name: str
    #: Form ids of its mapping, in the order in which they are asked for.
    forms: tuple[str, ...]
    #: `search`: of the enterprises that are named, a portion at a time; `listing`: a published list, page by page.
    by: Literal["search", "listing"]
    #: Why it is asked: only authorisations for this purpose let confidential figures in.
    purpose: str
    #: So long before the last change read the next run begins: what was entered late is read again.
    window: timedelta = timedelta(days=7)
    #: Enterprises in one question, and records on one page.
    portion: int = 500
    page: int = 1_000
    #: When it is usually asked, as `schedules.py` reads it; a system is set to it with `--on usual`.
    calendar: tuple[str, ...] = ("monthly:01T03",)
