"""What is put before a person of a row that no enterprise was found for by itself: what it says, and whom it may mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from backend.enterprises.names import match_key, similarity
from backend.enterprises.regions import Regions
from backend.spreadsheets.fates import RowFate
from backend.spreadsheets.records import ReadRow, RecognitionEvent

#: A single likeness from here on, in the row's own district and well ahead of the next, is taken for obvious: a person
#: may confirm all of these at once. Short names one character apart stay below it, since they may be two firms.
OBVIOUS: Final = 0.9
#: What stands for a character that was lost on the way.
_LOST: Final = "□"
_AHEAD: Final = 0.05
_EVENTS: Final = {
    RecognitionEvent.PUBLICITY: "公示", RecognitionEvent.GRANTED: "认定", RecognitionEvent.RENEWED: "重新认定",
    RecognitionEvent.REVIEW_PASSED: "复核通过", RecognitionEvent.RENAMED: "更名", RecognitionEvent.REVOKED: "取消",
    RecognitionEvent.MOVED: "异地搬迁",
}  # fmt: skip


def doubt_of(one: RowFate) -> dict[str, Any]:
    """A doubtful row as it is kept: what it says of itself, and the enterprises that it may be about."""
    return {
        "said": _said(one.row),
        "candidates": [
            {"id": each.id, "likeness": round(each.likeness, 3), "decided_on": each.decided_on and str(each.decided_on)}
            for each in one.candidates
        ],
        "is_obvious": is_obvious(one),
    }


def _said(row: ReadRow) -> dict[str, Any]:
    who = row.enterprise
    titles = [
        {"programme": title.programme, "event": _EVENTS[title.event], "dated_on": title.dated_on and str(title.dated_on),
         "batch": title.batch, "number": title.number, "new_name": title.new_name}
        for title in row.recognitions
    ]  # fmt: skip
    return {
        "name": who.name, "former_names": [each.name for each in who.former_names], "region_code": who.region_code,
        "region": who.region_text, "address": who.address, "remark": who.remark, "titles": titles,
        "figures": len(row.figures),
    }  # fmt: skip


def is_obvious(one: RowFate) -> bool:
    """Whether the first candidate is so much like the row, and in its district, that a person may confirm it unseen."""
    who, candidates = one.row.enterprise, one.candidates
    if not candidates or not agrees(who.region_code, candidates[0].region_code):
        return False
    fills = [_fills(who.name, each.name) for each in candidates]
    if fills[0]:
        return not any(fills[1:])
    is_ahead = all(candidates[0].likeness - each.likeness >= _AHEAD for each in candidates[1:])
    return is_ahead and OBVIOUS <= candidates[0].likeness < 1


def _fills(printed: str, name: str) -> bool:
    """Whether a name is the printed one but for the characters that were lost there."""
    one, other = match_key(printed), match_key(name)
    return _LOST in one and len(one) == len(other) and all(a in (b, _LOST) for a, b in zip(one, other, strict=True))


def agrees(one: str, other: str) -> bool:
    """Whether two region codes may mean one place: the same, or one within the other."""
    if not one or not other:
        return False
    regions = Regions.load()
    return one == other or regions.contains(one, other) or regions.contains(other, one)


@dataclass(frozen=True)
class Part:
    """A piece of a name, and whether the other name has it not."""

    text: str
    differs: bool


def parts_of(name: str, other: str) -> list[Part]:
    """A name in pieces, those marked that the other name does not have at that place."""
    matcher = SequenceMatcher(None, other, name, autojunk=False)
    return [Part(name[a:b], tag != "equal") for tag, _, _, a, b in matcher.get_opcodes() if a < b]


def reasons_for(
    said: Mapping[str, Any], candidate: Mapping[str, Any], kept: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Why a candidate is shown, and what speaks against it, each with a tone: good, open or idle."""
    reasons: list[tuple[str, str]] = []
    if kept.get("decided_on"):
        reasons.append(("good", f"{kept['decided_on']} 在另一份名单中确认过"))
    names: Sequence[str] = [candidate["name"], *candidate["former_names"]]
    keys = {match_key(one) for one in names}
    if match_key(said["name"]) in keys:
        reasons.append(("good", "名称相同" if match_key(said["name"]) == match_key(candidate["name"]) else "曾用此名"))
    else:
        alike = max(similarity(said["name"], one) for one in names)
        reasons.append(("near" if alike >= OBVIOUS else "idle", f"名称相似度 {alike:.0%}"))
    if said["region_code"] and candidate["region_code"]:
        same = agrees(said["region_code"], candidate["region_code"])
        reasons.append(("good", "所属区域一致") if same else ("open", "所属区域不同"))
    if said["address"] and candidate["address"]:
        same = similarity(said["address"], candidate["address"]) >= OBVIOUS
        reasons.append(("good", "地址一致") if same else ("idle", "地址不同"))
    return reasons
