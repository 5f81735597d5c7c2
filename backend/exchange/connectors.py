"""The outside systems that we ask. To add one: a folder with `client.py`, `mapping.yaml` and `fake.py`, and a line here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from rules.translation import marked


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


def connectors() -> dict[str, Connector]:
    """Every connector by its system's id."""
    from backend.exchange.credit.client import CREDIT
    from backend.exchange.ip.client import IP
    from backend.exchange.lists.client import LISTS
    from backend.exchange.register.client import REGISTER
    from backend.exchange.tax.client import TAX

    return {one.system: one for one in (TAX, CREDIT, REGISTER, LISTS, IP)}


#: What enterprises are asked to authorise, in the words of the form that they sign.
CULTIVATION: Final = marked("科技企业梯度培育测算")
