"""What the form of a figure holds, as typed."""

from pydantic import BaseModel


class FilingForm(BaseModel):
    """One figure, as an officer established it."""

    indicator: str = ""
    year: str = ""
    value: str = ""
    #: It is established that there is no such thing.
    is_none: bool = False
    received_on: str = ""
    note: str = ""
