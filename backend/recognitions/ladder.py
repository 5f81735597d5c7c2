"""The ladder: the rungs in their order, and which titles stand for which."""

from dataclasses import dataclass

from rules.library import Library


@dataclass(frozen=True)
class Rung:
    """One step of the ladder; the higher the order, the higher the rung."""

    id: str
    name: str
    order: int


#: 科技型中小企业 → 高新技术企业 → 专精特新 → 瞪羚、独角兽 → 上市
RUNGS = (
    Rung("tech_sme", "科技型中小企业", 1),
    Rung("high_tech", "高新技术企业", 2),
    Rung("srdi", "专精特新", 3),
    Rung("gazelle", "瞪羚·独角兽", 4),
    Rung("listed", "上市企业", 5),
)
BY_ID = {rung.id: rung for rung in RUNGS}


NO_RUNG = Rung("", "未入梯队", 0)


def rung_of_programme(programme: str, library: Library) -> Rung:
    """The rung that holding a programme's title stands for."""
    held = library.by_name.get(programme)
    return BY_ID.get(held.source.rung, NO_RUNG) if held is not None else NO_RUNG


def programmes_on_ladder(library: Library) -> dict[str, Rung]:
    """Programme id → rung, for all that stand for one."""
    return {name: BY_ID[one.source.rung] for name, one in library.programmes.items() if one.source.rung in BY_ID}
