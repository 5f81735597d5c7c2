"""The stages of the pool and the words of the service file.

发现 → 培育 → 推荐 → 认定 are the four batches that Haizhou's plan prints (P001: 发现一批、培育一批、推荐一批、认定一批);
出库 is where an entry goes for a reason.
"""

from dataclasses import dataclass
from enum import StrEnum

from rules.translation import marked, marked_of


class Stage(StrEnum):
    """How far an enterprise in the pool is."""

    DISCOVERED = "discovered"
    CULTIVATED = "cultivated"
    RECOMMENDED = "recommended"
    RECOGNISED = "recognised"
    OUT = "out"


STAGES: dict[Stage, str] = {
    Stage.DISCOVERED: marked_of("stage", "发现"), Stage.CULTIVATED: marked_of("stage", "培育"), Stage.RECOMMENDED: marked_of("stage", "推荐"), Stage.RECOGNISED: marked_of("stage", "认定"), Stage.OUT: marked_of("stage", "出库"),
}  # fmt: skip
_ORDER = list(STAGES)
#: Where an entry of a stage usually goes next; who is out comes in again at the beginning.
NEXT: dict[Stage, Stage] = {before: _ORDER[(place + 1) % len(_ORDER)] for place, before in enumerate(_ORDER)}

#: What a need or a problem is about (the classes that bureaus use in their lists of problems).
TOPICS = {
    "rd_accounts": marked("研发归集"), "ip": marked("知识产权"), "talent": marked("人才"), "finance": marked("融资"), "land_energy": marked("用地用能"),
    "technology": marked("技术需求"), "policy": marked("政策"), "other": marked("其他"),
}  # fmt: skip
ACTION_KINDS = {"need": marked("需求"), "problem": marked("问题")}
ACTION_STATUSES = {
    "open": marked("待办"), "in_progress": marked("办理中"), "referred": marked("已交办"), "solved": marked("已办结"), "unsolvable": marked("无法解决"),
}  # fmt: skip
STEP_STATUSES = {"open": "待办", "done": "已完成", "dropped": "已取消"}
VISIT_FORMS = {"on_site": "上门", "phone": "电话", "meeting": "座谈"}
CLOSED = frozenset({"solved", "unsolvable", "done", "dropped"})


@dataclass(frozen=True)
class Step:
    """A move from one stage to another, and what it asks for."""

    before: Stage
    after: Stage

    @property
    def is_back(self) -> bool:
        """Whether it goes back, out or in again: then there must be a reason."""
        return self.after is Stage.OUT or _ORDER.index(self.after) <= _ORDER.index(self.before)

    @property
    def needs_check(self) -> bool:
        """Whether a fresh check must say that the conditions are met."""
        return self.after is Stage.RECOMMENDED and self.before is not Stage.RECOGNISED

    @property
    def needs_title(self) -> bool:
        """Whether the title must stand in the registry."""
        return self.after is Stage.RECOGNISED
