"""What the forms of titles hold, as typed, and what programs send of them."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: Words that must be there.
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]


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


class ExtensionForm(BaseModel):
    """Until when a title counts after its review, as typed."""

    valid_to: str = ""
    notice: str = ""


class CorrectionForm(BaseModel):
    """A title as it should have been entered, as typed; or that it should not have been."""

    number: str = ""
    batch: str = ""
    granted_on: str = ""
    valid_from: str = ""
    valid_to: str = ""
    notice: str = ""
    reason: str = ""
    #: correct, or withdraw.
    act: str = "correct"


class RevocationForm(BaseModel):
    """From when on a title counts no more, and why."""

    revoked_on: str = ""
    reason: str = ""


class _Body(BaseModel):
    # A misspelt name would be lost without a word.
    model_config = ConfigDict(extra="forbid")


class RecognitionBody(_Body):
    """A title to be entered; its last day follows from the programme where none is given."""

    enterprise: str = Field(description="统一社会信用代码", examples=["91321202MAWD852R8M"])
    programme: str = Field(examples=["hnte"])
    granted_on: date
    kind: Literal["granted", "renewed"] = "granted"
    level: Short = ""
    number: Short = ""
    batch: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = ""
    valid_from: date | None = None
    valid_to: date | None = None
    #: The document or list it stands in.
    notice: Said


class RevocationBody(_Body):
    """From when on a title counts no more, and why."""

    revoked_on: date
    reason: Said


class ExtensionBody(_Body):
    """Until when a title counts after its review, and where that stands."""

    valid_to: date
    notice: Said


class CorrectionBody(_Body):
    """What of a title was entered wrongly, as it should be, and why; what is not given stays."""

    number: Short | None = None
    batch: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] | None = None
    granted_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    notice: Said | None = None
    reason: Said


class WithdrawalBody(_Body):
    """Why a title should never have been entered."""

    reason: Said
