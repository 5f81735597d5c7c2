"""Who is signed in, and what the forms about people hold."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field


class Role(StrEnum):
    """What somebody may do. Somebody may have several, and acts in one of them at a time.

    - An administrator manages people and settings, and sees no enterprise's data.
    - A city officer works on the whole city, a district officer on the own district only, a park officer on the
      enterprises registered in one park of a district.
    - A reviewer reads, the whole city or one district, and confirms or refuses what officers propose.
    - A viewer (leadership) reads, the whole city or one district, and never writes.
    - An auditor reads the trace and nothing else, and so can be no administrator.
    - An enterprise's account reads its own enterprise.
    """

    ADMINISTRATOR = "administrator"
    CITY_OFFICER = "city_officer"
    DISTRICT_OFFICER = "district_officer"
    PARK_OFFICER = "park_officer"
    REVIEWER = "reviewer"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    ENTERPRISE = "enterprise"

    @property
    def reads_registry(self) -> bool:
        return self in (*WRITERS, Role.REVIEWER, Role.VIEWER)

    @property
    def may_write(self) -> bool:
        return self in WRITERS

    @property
    def may_confirm(self) -> bool:
        """Whether somebody may confirm what another one proposes."""
        return self in (Role.CITY_OFFICER, Role.REVIEWER)

    @property
    def reads_tax(self) -> bool:
        """Whether what the tax office said is shown: to those whom enterprises' consents name (docs/decisions/0012)."""
        return self in (Role.CITY_OFFICER, Role.DISTRICT_OFFICER)

    @property
    def may_unmask(self) -> bool:
        """Whether somebody may ask to read one enterprise's protected data."""
        return self in (*WRITERS, Role.REVIEWER)

    @property
    def needs_region(self) -> bool:
        return self in (Role.DISTRICT_OFFICER, Role.PARK_OFFICER)

    @property
    def needs_park(self) -> bool:
        return self is Role.PARK_OFFICER

    @property
    def may_have_region(self) -> bool:
        return self in (Role.DISTRICT_OFFICER, Role.PARK_OFFICER, Role.REVIEWER, Role.VIEWER)

    def reach(self, region_name: str | None) -> str:
        """Whose data somebody of this role sees, in words; empty for none."""
        if self is Role.ENTERPRISE:
            return "本企业"
        return (region_name or "全市") if self.reads_registry else ""

    @property
    def home(self) -> str:
        """The first page of whoever has this role."""
        return {Role.AUDITOR: "/audit", Role.ADMINISTRATOR: "/people", Role.ENTERPRISE: "/me/enterprise"}.get(self, "/")


#: Who changes the registry, each within the own rows.
WRITERS: Final = (Role.CITY_OFFICER, Role.DISTRICT_OFFICER, Role.PARK_OFFICER)


@dataclass(frozen=True, slots=True)
class RoleHeld:
    """A role that somebody has; `id` is None for what the person mainly is."""

    id: int | None
    role: Role
    region_code: str
    region_name: str | None
    valid_from: date | None = None
    valid_to: date | None = None
    park: str = ""

    @property
    def reach(self) -> str:
        """Whose data it shows; empty for none."""
        return self.role.reach(self.region_name)

    def is_in_force(self, on: date) -> bool:
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True, slots=True)
class PersonSignedIn:
    """In whose name a request happens: acting as `role`, in `region_code` (empty for the whole city)."""

    id: int
    login: str
    name: str
    role: Role
    region_code: str
    region_name: str | None
    must_change_password: bool
    session_id: str
    #: All roles in force; what they allow beside the registry does not depend on which one acts.
    roles: frozenset[Role] = frozenset()
    enterprise_id: int | None = None
    has_second_factor: bool = False
    #: The park that a park officer works on.
    park: str = ""


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
    active_until: date | None = None
    has_second_factor: bool = False
    is_invited: bool = False
    #: Whether it stands open and nobody came by it for `UNUSED_DAYS`.
    is_unused: bool = False

    @property
    def reach(self) -> str:
        """Whose data the main role shows; empty for who sees none."""
        return self.role.reach(self.region_name)


#: Days after which an account that nobody signs in with is a stale one (等保 7.1.4.2 访问控制: no stale accounts).
UNUSED_DAYS: Final = 90


class PeopleAsked(BaseModel):
    """Which people an administrator wants to see; `state` is one of `AccountState`, empty for all."""

    q: str = Field(default="", max_length=60)
    role: str = Field(default="", max_length=30)
    state: str = Field(default="", max_length=20)
    page: int = Field(default=1, ge=1, le=100_000)


class AccountState(StrEnum):
    """How an account stands, as the list of people narrows it."""

    IN_USE = "in_use"
    UNUSED = "unused"
    LOCKED = "locked"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class PeopleFound:
    """A page of people, how many there are of the kind, and how many stale accounts in all."""

    rows: list[PersonRow]
    total: int
    unused: int


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


class CodeForm(BaseModel):
    """A code of the second factor, or one of those for when the telephone is lost."""

    code: str = ""
    next: str = "/"


class PersonForm(BaseModel):
    """A new person, as the administrator writes it."""

    login: str = ""
    name: str = ""
    role: str = ""
    region: str = ""
    park: str = ""
    enterprise: str = ""
    active_until: str = ""
    by_invitation: bool = False


class RoleForm(BaseModel):
    """A further role, as the administrator writes it."""

    role: str = ""
    region: str = ""
    park: str = ""
    valid_from: str = ""
    valid_to: str = ""


class PasswordForm(BaseModel):
    """Somebody's own new password."""

    current: str = ""
    new: str = ""
    again: str = ""
