"""What an entry of a sub-register says, and the Chinese names of its choices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel

from backend.plans.territory import territory_of
from backend.web.errors import NotFound
from rules.plan import Register, Registers
from rules.plan_files import load_registers

LEVELS: Mapping[str, str] = {"national": "国家级", "provincial": "省级", "municipal": "市级", "district": "区（县）级"}
EVALUATIONS: Mapping[str, str] = {"excellent": "优秀", "good": "良好", "passed": "合格", "failed": "不合格"}
#: Results of an evaluation that make an institution 有效.
EFFECTIVE = ("passed", "good", "excellent")
FEN_PER_WAN = 1_000_000


class UnknownRegister(NotFound):
    """There is no such register."""

    title = "没有这个台账"

    def __init__(self, name: str) -> None:
        known = "、".join(f"{one.id}（{one.name}）" for one in registers().registers)
        super().__init__(f"没有台账“{name}”。现有 {known}。")


@cache
def registers() -> Registers:
    """The registers of rules/plans/registers.yaml."""
    return load_registers()


def register_named(name: str) -> Register:
    """A register by its id.

    Raises:
        UnknownRegister: there is none.
    """
    found = registers().by_id.get(name)
    if found is None:
        raise UnknownRegister(name)
    return found


class Draft(BaseModel):
    """An entry as an officer states it. `amount` is in fen."""

    type: str
    name: str
    region_code: str
    level: str = ""
    number: str = ""
    park: str = ""
    #: The enterprise it belongs to, or the host's name where that is no enterprise of the registry.
    enterprise_id: int | None = None
    host_name: str = ""
    amount: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    evaluation: str = ""
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """An entry as it stands or stood, with the enterprise it belongs to."""

    id: int
    thing_id: int
    register: Register
    draft: Draft
    enterprise_name: str
    credit_code: str | None
    is_withdrawn: bool
    recorded_at: datetime
    recorded_by: int | None
    superseded_at: datetime | None

    @property
    def type_name(self) -> str:
        return self.register.types.get(self.draft.type, self.draft.type)

    @property
    def level_name(self) -> str:
        return LEVELS.get(self.draft.level, "")

    @property
    def region_name(self) -> str:
        return territory_of(self.draft.region_code).name if self.draft.region_code else ""

    @property
    def host(self) -> str:
        """Whom it belongs to, as a page shows it."""
        return self.enterprise_name or self.draft.host_name

    def state_on(self, day: date) -> str:
        """In one word: withdrawn, coming, ended, standing."""
        if self.is_withdrawn:
            return "withdrawn"
        if self.draft.starts_on is not None and self.draft.starts_on > day:
            return "coming"
        return "ended" if self.draft.ends_on is not None and self.draft.ends_on < day else "standing"


STATES: Mapping[str, str] = {"standing": "有效", "coming": "未到起始日", "ended": "已终止", "withdrawn": "已撤回"}


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry for programs; the amount in fen."""
    return {
        "id": entry.id, "thing": entry.thing_id, "register": entry.register.id, **entry.draft.model_dump(mode="json"),
        "type_name": entry.type_name, "level_name": entry.level_name, "region_name": entry.region_name,
        "enterprise_name": entry.enterprise_name or None, "credit_code": entry.credit_code,
        "is_withdrawn": entry.is_withdrawn, "recorded_at": entry.recorded_at.isoformat(),
    }  # fmt: skip
