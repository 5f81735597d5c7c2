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
    #: What the papers handed in with it are.
    paper_kind: str = "other"


class DecisionForm(BaseModel):
    """What an officer decides where sources disagree."""

    #: The source whose figure is right, or `other`.
    choice: str = ""
    value: str = ""
    reason: str = ""
    #: The newest filing that the page showed.
    seen: int = 0


class FlagForm(BaseModel):
    """That figures which look wrong are right."""

    rule: str = ""
    indicator: str = ""
    year: int = 0
    reason: str = ""
    #: When the flag that the page showed was noted.
    noted: str = ""
