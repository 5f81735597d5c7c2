"""What the forms of the pool and the service file hold, as typed; and what crosses their REST."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from backend.cultivation.service import Seen


class PoolForm(BaseModel):
    """Something done to several entries at once."""

    #: `entry:revision` of each entry picked.
    pick: list[str] = []
    #: A stage, `assign`, or `check`.
    action: str = ""
    reason: str = ""
    officer: str = ""
    #: Those ticked, or all that the list's filters leave.
    whom: Literal["ticked", "all"] = "ticked"
    #: How many the list said that there are; if it is another number by now, nothing is done to all.
    total: int = 0
    #: Where it was done, and where the answer is shown.
    view: Literal["board", "list"] = "list"
    #: The list's own filters, which stay when it comes back.
    programme: str = ""
    year: int = 0
    region: str = ""
    stage: str = ""
    whose: str = ""
    page: int = 1

    def seen(self) -> list[Seen]:
        """The entries picked, as the page showed them; what is no entry is left out."""
        pairs = [one.split(":") for one in self.pick]
        return [Seen(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2 and all(map(_is_number, pair))]

    @property
    def officer_id(self) -> int | None:
        """The officer chosen; None for nobody."""
        return int(self.officer) if _is_number(self.officer) else None


class EnterForm(BaseModel):
    """Enterprises put into a pool."""

    enterprise: list[str] = []
    programme: str = ""
    year: int = 0
    officer: str = ""
    reason: str = ""
    nearness: str = "ready"
    #: The list's own filters, which stay when it comes back.
    region: str = ""
    after: int = 0

    @property
    def ids(self) -> list[int]:
        """The enterprises ticked; what is no number is left out."""
        return [int(one) for one in self.enterprise if _is_number(one)]

    @property
    def officer_id(self) -> int | None:
        """The officer chosen; None for nobody."""
        return int(self.officer) if _is_number(self.officer) else None


class WindowForm(BaseModel):
    """When applications are taken."""

    programme: str = ""
    year: str = ""
    label: str = ""
    opens_on: str = ""
    closes_on: str = ""
    certainty: str = "confirmed"
    source: str = ""
    note: str = ""


class StepForm(BaseModel):
    """A step of the plan; for one there already with the revision seen."""

    title: str = ""
    due_on: str = ""
    programme: str = ""
    officer: str = ""
    status: str = "open"
    result: str = ""
    revision: int = 0


class StepsForm(BaseModel):
    """Steps that the rules propose, those picked by their place in the lists."""

    programme: str = ""
    pick: list[int] = []
    title: list[str] = []
    due_on: list[str] = []
    criterion: list[str] = []
    #: Who is to answer for all of them.
    officer: str = ""


class VisitForm(BaseModel):
    """A visit."""

    visited_on: str = ""
    form: str = "on_site"
    visitors: str = ""
    met: str = ""
    content: str = ""
    follow_up: str = ""
    corrects: str = ""


class ActionForm(BaseModel):
    """A need or a problem; for one there already with the revision seen."""

    kind: str = "problem"
    topic: str = "other"
    content: str = ""
    raised_on: str = ""
    owner: str = ""
    due_on: str = ""
    status: str = "open"
    answer: str = ""
    revision: int = 0


class PolicyForm(BaseModel):
    """A policy enjoyed; the amount in 万元."""

    policy: str = ""
    document: str = ""
    enjoyed_on: str = ""
    amount: str = ""
    note: str = ""


def as_number(written: str) -> int | None:
    """A small number as typed, such as an id; None where there is none."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else None


def _is_number(written: str) -> bool:
    return written.isascii() and written.isdecimal() and len(written) < 19


# REST ----------------------------------------------------------------------------------------------------------------


_CODE = "91321202MAWD852R8M"


def _like(**example: JsonValue) -> ConfigDict:
    """What a program sends; a name that is not known is refused."""
    examples: list[JsonValue] = [example]
    return ConfigDict(extra="forbid", json_schema_extra={"examples": examples})


class EntryBody(BaseModel):
    """An enterprise to enter a pool."""

    model_config = _like(enterprise=_CODE, programme="hnte", year=2026, reason="测评发现")

    enterprise: str = Field(description="Credit code, or the registry's number.")
    programme: str
    year: int = Field(ge=2000, le=2100)
    officer_id: int | None = Field(default=None, ge=1, le=2_147_483_647)
    reason: str = Field(default="", max_length=200)


class EntryChange(BaseModel):
    """A move, another officer, or both; what is left out stays as it is."""

    model_config = _like(stage="out", reason="已迁往外市")

    stage: Literal["discovered", "cultivated", "recommended", "recognised", "out"] | None = None
    reason: str = Field(default="", max_length=200)
    officer_id: int | None = Field(default=None, ge=0, le=2_147_483_647, description="0 stands for nobody.")


class ActionBody(BaseModel):
    """A need or a problem."""

    model_config = _like(
        kind="problem", topic="rd_accounts", content="研发费用归集口径与税务不一致", raised_on="2026-03-02",
        owner="科技局规划科", due_on="2026-04-30",
    )  # fmt: skip

    kind: Literal["need", "problem"]
    topic: str = "other"
    content: str = Field(min_length=1, max_length=2000)
    raised_on: date
    owner: str = Field(min_length=1, max_length=100, description="The body that answers for it.")
    due_on: date | None = None


class ActionChange(BaseModel):
    """What became of a need or a problem; what is left out stays as it is."""

    model_config = _like(status="solved", answer="税务局已到企业辅导，归集口径一致。")

    owner: str | None = Field(default=None, min_length=1, max_length=100)
    due_on: date | None = Field(default=None, description="null takes the day away.")
    status: Literal["open", "in_progress", "referred", "solved", "unsolvable"] | None = None
    answer: str | None = Field(default=None, max_length=2000)


class StepBody(BaseModel):
    """A step of the plan."""

    model_config = _like(title="申请与主导产品相关的发明专利 1 项", due_on="2026-12-31", programme="hnte")

    title: str = Field(min_length=1, max_length=300)
    due_on: date
    programme: str = Field(default="", max_length=60)
    officer_id: int | None = Field(default=None, ge=1, le=2_147_483_647)


class StepChange(BaseModel):
    """What became of a step; what is left out stays as it is."""

    model_config = _like(status="done", result="专利已受理。")

    title: str | None = Field(default=None, min_length=1, max_length=300)
    due_on: date | None = None
    status: Literal["open", "done", "dropped"] | None = None
    result: str | None = Field(default=None, max_length=2000)
    officer_id: int | None = Field(default=None, ge=0, le=2_147_483_647, description="0 stands for nobody.")


class VisitBody(BaseModel):
    """A visit."""

    model_config = _like(
        visited_on="2026-03-02", form="on_site", visitors="王敏", met="财务负责人", content="核对研发费用辅助账。",
        follow_up="两周内回访",
    )  # fmt: skip

    visited_on: date
    form: Literal["on_site", "phone", "meeting"] = "on_site"
    visitors: str = Field(min_length=1, max_length=200)
    met: str = Field(default="", max_length=200)
    content: str = Field(min_length=1, max_length=4000)
    follow_up: str = Field(default="", max_length=500)
    corrects_id: int | None = Field(default=None, ge=1, le=2**63 - 1, description="The visit that this one puts right.")


class PolicyBody(BaseModel):
    """A policy that an enterprise has enjoyed."""

    model_config = _like(policy="研发投入奖补", document="泰政发〔2026〕1号", enjoyed_on="2026-02-01", amount=20.5)

    policy: str = Field(min_length=1, max_length=200)
    document: str = Field(default="", max_length=200)
    enjoyed_on: date
    amount: Decimal | None = Field(
        default=None, ge=0, lt=10**10, decimal_places=6, description="万元, up to six decimals."
    )
    note: str = Field(default="", max_length=300)
