"""What the forms of titles hold, as typed."""

from pydantic import BaseModel


class RecognitionForm(BaseModel):
    """A title."""

    programme: str = ""
    granted_on: str = ""
    kind: str = "granted"
    number: str = ""
    batch: str = ""
    valid_from: str = ""
    valid_to: str = ""
    notice: str = ""


class RevocationForm(BaseModel):
    """From when on a title counts no more, and why."""

    revoked_on: str = ""
    reason: str = ""
