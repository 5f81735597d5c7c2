"""For which tax years a high-tech certificate lowers the enterprise income tax to 15 %.

From the year of issue on, whatever its month; in the year of expiry it may be prepaid at 15 % until the enterprise is
recognised anew, and is paid up where it is not by the end of that year (税务总局公告2017年第24号). So a certificate of
November 2023 is good for 2023, 2024 and 2025 for certain, and for 2026 by a new certificate of 2026.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from backend.recognitions.life import follower_of
from backend.recognitions.queries import Held

PROGRAMME: Final = "hnte"
DOCUMENT: Final = "税务总局公告2017年第24号"


@dataclass(frozen=True)
class TaxYears:
    """The tax years that one certificate is good for."""

    first: int
    last: int
    #: The year of expiry, where it is prepaid at 15 % and no new certificate has come by its end or yet; None where one has.
    prepaid: int | None
    #: Whether the year of expiry is over without a new certificate: then what was prepaid at 15 % is paid up.
    is_paid_up: bool
    #: The year of the revocation; from which year the tax is taken back, its decision says (认定管理办法 第十九条).
    revoked_in: int | None

    @property
    def words(self) -> str:
        """The years as pages say it."""
        span = f"{self.first} 年度" if self.first == self.last else f"{self.first}—{self.last} 年度"
        told = [f"{span}（自发证年度起）"] if self.last >= self.first else []
        if self.revoked_in is not None:
            told.append(f"{self.revoked_in} 年取消资格：自所认定行为发生的年度起追缴，起始年度以取消文件为准")
        elif self.prepaid is not None:
            told.append(
                f"{self.prepaid} 年到期，年底前未取得新证，已按 15% 预缴的应补缴"
                if self.is_paid_up
                else f"{self.prepaid} 年到期，取得新证前可先按 15% 预缴，年底前未取得新证的补缴"
            )
        return "；".join(told)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"first": self.first, "last": self.last, "prepaid": self.prepaid, "revoked_in": self.revoked_in}


def tax_years_of(title: Held, others: Sequence[Held], on: date) -> TaxYears | None:
    """The tax years of a title on a day; None where it is no high-tech certificate.

    Args:
        title: the certificate.
        others: all titles of its holder.
        on: the day asked about.
    """
    if title.programme != PROGRAMME or title.valid_to is None:
        return None
    first, expiry = title.granted_on.year, title.valid_to.year
    if title.revoked_on is not None:
        return TaxYears(first, min(title.revoked_on.year, expiry) - 1, None, False, title.revoked_on.year)
    follower = follower_of(title, others)
    # Two certificates of one year are one year's 15 %: it is the new one's, which counts from its year of issue.
    is_followed = follower is not None and follower.granted_on.year <= expiry
    return TaxYears(first, expiry - 1, None if is_followed else expiry, not is_followed and on.year > expiry, None)
