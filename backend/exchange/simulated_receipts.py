"""What a simulator does with receipts: adds up what it sent in a run, and holds that against what it is told of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from backend.exchange.wire import Receipt, ReceiptAnswer, SetSum, SumDifference, digest_of, digest_of_lines

#: record id → the record in the highest revision that was sent.
Sent = dict[str, Mapping[str, Any]]
#: Runs whose sums are remembered.
_RUNS: Final = 20


@dataclass
class Receipts:
    """What was sent and what was told, in memory: whoever starts anew knows nothing of before."""

    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: dict[str, Sent] = field(default_factory=dict[str, Sent])
    #: By idempotency key; told again it is the same one.
    told: dict[str, Receipt] = field(default_factory=dict[str, Receipt])
    #: How often each came.
    times: dict[str, int] = field(default_factory=dict[str, int])
    #: Is told of each, in words.
    listener: Callable[[str], None] | None = None

    def note_sent(self, run: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Note what goes out in an answer, whether it arrives or not."""
        if not run:
            return
        sent = self.sent.setdefault(run, {})
        for one in records:
            before = sent.get(one["id"])
            if before is None or one["revision"] >= before["revision"]:
                sent[one["id"]] = one
        while len(self.sent) > _RUNS:
            del self.sent[next(iter(self.sent))]

    def take(self, receipt: Receipt, key: str) -> ReceiptAnswer:
        """Keep a receipt once, and say whether its sums are those of what was sent."""
        answer = self._compare(receipt, key)
        if self.listener is not None:
            received, applied = (sum(one.count for one in sums) for sums in zip(*_sums(receipt), strict=True))
            self.listener(
                f"收到回执：第 {receipt.run} 次拉取 {receipt.part}/{receipt.parts}，对方收到 {received}、采用 {applied}，"
                f"本部分退回 {len(receipt.refused)}；{answer.detail}"
            )
        return answer

    def _compare(self, receipt: Receipt, key: str) -> ReceiptAnswer:
        self.times[key] = self.times.get(key, 0) + 1
        self.told.setdefault(key, receipt)
        parts = {one.part: one for one in self.told.values() if one.run == receipt.run}
        if len(parts) < receipt.parts:
            return ReceiptAnswer(detail=f"收到 {len(parts)}/{receipt.parts} 部分，收齐后核对")
        if receipt.run not in self.sent or receipt.started_at < self.since:
            return ReceiptAnswer(detail="没有这次拉取的完整发送记录，不能核对")
        refused = {item.id for part in parts.values() for item in part.refused if item.reason != "malformed"}
        found = _differences(receipt, self.sent[receipt.run], refused)
        return ReceiptAnswer(
            agrees=not found, detail="与发送记录不符" if found else "与发送记录一致", differences=found
        )

    def shown(self) -> list[dict[str, Any]]:
        """Every receipt in its order: the run, how often it came, its sums and what was refused."""
        return [{"key": key, "times": self.times[key], **one.model_dump(mode="json")} for key, one in self.told.items()]


def _sums(receipt: Receipt) -> list[tuple[SetSum, SetSum]]:
    return [(one.received, one.applied) for one in receipt.forms] or [(_NOTHING, _NOTHING)]


_NOTHING: Final = SetSum(count=0, digest=digest_of_lines(()))


def _differences(receipt: Receipt, sent: Sent, refused: set[str]) -> list[SumDifference]:
    """Each sum of the receipt that is not ours."""
    told = {one.form: (one.received, one.applied) for one in receipt.forms}
    found: list[SumDifference] = []
    for form in sorted({one["form"] for one in sent.values()} | set(told)):
        lines = {name: f"{name} {one['revision']}" for name, one in sent.items() if one["form"] == form}
        applied = (f"{line} {_digest(sent[name])}" for name, line in lines.items() if name not in refused)
        for what, mine, theirs in zip(
            ("received", "applied"),
            (_sum(lines.values()), _sum(applied)),
            told.get(form, (_NOTHING, _NOTHING)),
            strict=True,
        ):
            if mine != theirs:
                found.append(SumDifference(form=form, what=what, theirs=mine.count, ours=theirs.count))
    return found


def _sum(lines: Iterable[str]) -> SetSum:
    every = list(lines)
    return SetSum(count=len(every), digest=digest_of_lines(every))


def _digest(one: Mapping[str, Any]) -> str:
    return digest_of(dict(one["fields"]), one["revision"])
