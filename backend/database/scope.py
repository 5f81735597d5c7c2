"""Whose rows a transaction may see: what row-level security is told."""

from dataclasses import dataclass, replace

WHOLE_CITY = "*"
NOTHING = ""
#: The bureau's side, and no region of it.
_NO_REGION = "inside"


@dataclass(frozen=True)
class Scope:
    """The region is `*` for the whole city, a region's code for that district, empty for nothing.

    `park` narrows a district to the enterprises registered in one of its parks.

    `user_id` is the person in whose name it happens (for the audit log); `enterprise_id` is set for an
    enterprise's own account, which sees itself only. `may_audit` opens the trace, and nothing else. `reads_tax` shows
    what the tax office said of the enterprises in scope, `may_unmask` allows to ask for one enterprise's protected data.
    `client_scopes` are those of another system's token, None for people: tables beyond them stay closed to it.
    """

    region: str = NOTHING
    user_id: int | None = None
    enterprise_id: int | None = None
    may_audit: bool = False
    park: str = ""
    reads_tax: bool = False
    may_unmask: bool = False
    client_scopes: frozenset[str] | None = None

    @classmethod
    def city(cls, user_id: int | None = None) -> "Scope":
        return cls(WHOLE_CITY, user_id, reads_tax=True)

    @classmethod
    def district(cls, region: str, user_id: int | None = None) -> "Scope":
        if region in (WHOLE_CITY, NOTHING):
            raise ValueError(f"a district's scope needs the code of a region, not {region!r}")
        return cls(region, user_id, reads_tax=True)

    def reading(self, *, tax: bool, unmasking: bool) -> "Scope":
        """The same rows, with what is protected in them or without."""
        return replace(self, reads_tax=tax, may_unmask=unmasking)

    def of_system(self, client_scopes: frozenset[str]) -> "Scope":
        """The same rows, of the tables only that a system's scopes open (`backend.database.security`)."""
        return replace(self, client_scopes=client_scopes)

    @classmethod
    def of_park(cls, region: str, park: str, user_id: int | None = None) -> "Scope":
        if not park:
            raise ValueError("a park's scope needs the park's name")
        return replace(cls.district(region, user_id), park=park, reads_tax=False)

    @classmethod
    def enterprise(cls, enterprise_id: int, user_id: int | None = None) -> "Scope":
        return cls(NOTHING, user_id, enterprise_id)

    @classmethod
    def kept_of(cls, enterprise_id: int, user_id: int | None = None) -> "Scope":
        """What the bureau keeps of one enterprise, and nothing of any other.

        For what has to be reckoned or told when an enterprise acts; its own account never sees by it directly.
        """
        return cls(_NO_REGION, user_id, enterprise_id)

    @classmethod
    def trace(cls, user_id: int | None = None) -> "Scope":
        return cls(NOTHING, user_id, may_audit=True)
