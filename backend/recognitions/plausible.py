"""What of a title typed by hand cannot be: days years off, a number in another form. Lists are read by their own reader."""

from datetime import date, timedelta
from typing import Final

from backend.clock import today
from backend.recognitions.service import RecognitionRefused, last_day
from backend.spreadsheets.cells import CellProblem, read_certificate_number
from rules.library import Library

#: No programme is older: the first high-tech zone of the state dates from that year.
FIRST_YEAR: Final = 1988
#: What is printed goes before what the programme says, but is never a year off.
_A_YEAR: Final = timedelta(days=366)


def check_days(
    programme: str, granted_on: date, valid_from: date | None, valid_to: date | None, library: Library
) -> None:
    """Whether the days of a title can be.

    Raises:
        RecognitionRefused: with the Chinese reason, and what to do.
    """
    if granted_on > today():
        raise RecognitionRefused(f"发证或公告日期 {granted_on} 在今天之后，请核对")
    if granted_on.year < FIRST_YEAR:
        raise RecognitionRefused(f"发证或公告日期 {granted_on} 早于 {FIRST_YEAR} 年，请核对年份")
    begins = valid_from or granted_on
    if abs(begins - granted_on) > _A_YEAR:
        raise RecognitionRefused(f"有效期起 {begins} 与发证或公告日期 {granted_on} 相差一年以上，请核对年份")
    if valid_to is not None and valid_to < begins:
        raise RecognitionRefused(f"有效期止 {valid_to} 早于有效期起 {begins}，请核对日期")
    term = last_day(programme, begins, library)
    if valid_to is not None and term is not None and valid_to > term + _A_YEAR:
        raise RecognitionRefused(f"有效期止 {valid_to} 比按有效期算出的 {term} 还晚一年以上，请核对年份")


def read_number(written: str, programme: str) -> str:
    """A number in the one spelling in which lists are read too, so that the title is known again by it.

    Raises:
        RecognitionRefused: it is not of the programme's form.
    """
    try:
        return read_certificate_number(written, programme)[:60]
    except CellProblem as problem:
        raise RecognitionRefused(f"编号“{written[:40]}”{problem.reason}，{problem.remedy}") from problem
