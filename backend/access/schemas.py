"""Who is signed in, and what the forms about people hold."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class Role(StrEnum):
    """What somebody may do.

    An administrator manages people and, in this first form, sees and changes everything: in a small bureau one person
    does both. A city officer works on the whole city, a district officer on the own district only. A viewer reads, the
    whole city or one district, and never writes. An auditor reads the trace and nothing else.
    """

    ADMINISTRATOR = "administrator"
    CITY_OFFICER = "city_officer"
    DISTRICT_OFFICER = "district_officer"
    VIEWER = "viewer"
    AUDITOR = "auditor"

    @property
    def reads_registry(self) -> bool:
        return self is not Role.AUDITOR

    @property
    def may_write(self) -> bool:
        return self not in (Role.VIEWER, Role.AUDITOR)

    @property
    def home(self) -> str:
        """The first page of whoever has this role."""
        return "/audit" if self is Role.AUDITOR else "/"

    @property
    def needs_region(self) -> bool:
        return self is Role.DISTRICT_OFFICER

    @property
    def may_have_region(self) -> bool:
        return self in (Role.DISTRICT_OFFICER, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class PersonSignedIn:
    """In whose name a request happens. `region_code` is empty for the whole city."""

    id: int
    login: str
    name: str
    role: Role
    region_code: str
    region_name: str | None
    must_change_password: bool
    session_id: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody on the list of people."""

    id: int
    login: str
    name: str
    role: Role
    region_code: str
    region_name: str | None
    is_active: bool
    is_locked: bool
    must_change_password: bool
    last_sign_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser in which somebody is signed in; `id` says which without being its token."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    ip: str
    browser: str


class SignInForm(BaseModel):
    """What the sign-in page sends. Empty fields are answered on the page, like wrong ones."""

    login_name: str = ""
    password: str = ""
    next: str = "/"


class PersonForm(BaseModel):
    """A new person, as the administrator writes it."""

    login: str = ""
    name: str = ""
    role: str = ""
    region: str = ""


class PasswordForm(BaseModel):
    """Somebody's own new password."""

    current: str = ""
    new: str = ""
    again: str = ""
