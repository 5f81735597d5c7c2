"""What the forms of an enterprise's own file hold, and what its resources take over REST."""

from typing import Literal

from pydantic import BaseModel, Field


class ActivationForm(BaseModel):
    """Who opens an account, with which code. Empty fields are answered on the page, like wrong ones."""

    credit_code: str = ""
    code: str = ""
    name: str = ""
    login: str = ""
    new: str = ""
    again: str = ""


class ThreadForm(BaseModel):
    """A message that opens a thread."""

    subject: str = ""
    words: str = ""


class NeedForm(BaseModel):
    """A need or a problem, as the enterprise puts it."""

    kind: str = "need"
    topic: str = "technology"
    content: str = ""


class DecisionForm(BaseModel):
    """What an officer decides of an application, seen at a revision."""

    revision: int = 0
    reason: str = ""


class ThreadBody(BaseModel):
    """A thread that the bureau opens."""

    subject: str = Field(min_length=1, max_length=120)
    words: str = Field(min_length=1, max_length=4000)


class MessageBody(BaseModel):
    """A message of the bureau's in a thread."""

    words: str = Field(min_length=1, max_length=4000)


class ApplicationChange(BaseModel):
    """What becomes of an application; refusing needs a reason."""

    state: Literal["accepted", "refused"]
    reason: str = Field(default="", max_length=1000)
