"""The ladder: the rungs in their order, and which titles stand for which."""

from dataclasses import dataclass

from rules.library import Library
from rules.translation import marked


@dataclass(frozen=True)
class Rung:
    """One step of the ladder; the higher the order, the higher the rung."""

    id: str
    name: str
    order: int


#: 科技型中小企业 → 高新技术企业 → 专精特新 → 瞪羚、独角兽 → 上市
RUNGS = (
    Rung("tech_sme", marked("科技型中小企业"), 1),
    Rung("high_tech", marked("高新技术企业"), 2),
    Rung("srdi", marked("专精特新"), 3),
    Rung("gazelle", marked("瞪羚·独角兽"), 4),
    Rung("listed", marked("上市企业"), 5),
)
BY_ID = {rung.id: rung for rung in RUNGS}
NO_RUNG = Rung("", "未入梯队", 0)

#: The finer rungs of the rule files, by the step of the ladder they belong to. 工信部企业〔2026〕2号 puts technology
#: and innovative SMEs on one step; pools and filings (民营科技企业、培育库) lead towards a step and are none.
_STEP_OF = {
    "tech_sme": "tech_sme", "innovative_sme": "tech_sme", "high_tech": "high_tech", "srdi_sme": "srdi",
    "little_giant": "srdi", "single_champion": "srdi", "gazelle": "gazelle", "potential_unicorn": "gazelle",
    "unicorn": "gazelle", "leading": "gazelle", "listed": "listed",
}  # fmt: skip

#: Boards on which a company is listed. Quotation on NEEQ is none (证监会口径，新三板为挂牌).
LISTING_BOARDS = ("main", "chinext", "star", "bse", "overseas")


def step_of(rung: str) -> Rung:
    """The step of the ladder that a rule file's rung belongs to."""
    return BY_ID.get(_STEP_OF.get(rung, ""), NO_RUNG)


def rung_of_programme(programme: str, library: Library) -> Rung:
    """The rung that holding a programme's title stands for."""
    held = library.by_name.get(programme)
    return step_of(held.source.rung) if held is not None else NO_RUNG


def programmes_on_ladder(library: Library) -> dict[str, Rung]:
    """Programme id → rung, for all that stand for one."""
    steps = {name: step_of(one.source.rung) for name, one in library.programmes.items()}
    return {name: rung for name, rung in steps.items() if rung is not NO_RUNG}
