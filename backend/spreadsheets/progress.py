"""How far an import is, said from wherever it is worked on, and heard by whoever shows it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """What an import is busy with."""

    READING = "reading"
    CHECKING = "checking"
    MATCHING = "matching"
    FILING = "filing"
    TITLES = "titles"
    PROJECTING = "projecting"
    EVALUATING = "evaluating"
    WITHDRAWING = "withdrawing"
    RESTORING = "restoring"
    REPORTING = "reporting"

    @property
    def chinese(self) -> str:
        """The stage as the page shows it."""
        return _CHINESE[self]


_CHINESE = {
    Stage.READING: "读取表格", Stage.CHECKING: "逐行检查", Stage.MATCHING: "对应企业", Stage.FILING: "登记数据",
    Stage.TITLES: "登记认定", Stage.PROJECTING: "更新现行数据", Stage.EVALUATING: "重新测评", Stage.REPORTING: "整理逐行结果",
    Stage.WITHDRAWING: "撤回数据和认定", Stage.RESTORING: "恢复企业信息",
}  # fmt: skip


class Stopped(Exception):
    """Somebody asked for the import to stop; nothing was written."""


@dataclass
class Progress:
    """Where an import is. Written by whoever works, read and stopped by others, perhaps in other threads."""

    stage: Stage = Stage.READING
    done: int = 0
    total: int = 0
    is_stop_asked: bool = False

    def tell(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """Say what is done of how much.

        Raises:
            Stopped: somebody asked for that.
        """
        self.stage, self.done, self.total = stage, done, total
        if self.is_stop_asked:
            raise Stopped


@dataclass
class PartProgress(Progress):
    """Of a part of a large import: whatever it is busy with, the import as a whole is where this part began."""

    whole: Progress = field(default_factory=Progress)

    def tell(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """Say that the part is still being worked on.

        Raises:
            Stopped: somebody asked for that.
        """
        self.whole.tell(self.stage, self.done, self.total)
