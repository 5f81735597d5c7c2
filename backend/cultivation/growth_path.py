"""The growth path (成长路线图): each rung of the ladder, what is missing there, and the steps that would bring it.

Nothing here is stored: it follows from the answers of today, as the enterprise's file has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from backend.cultivation.candidates import lacking
from backend.cultivation.windows import Window
from backend.eligibility.reviewing import applying
from backend.enterprises.enterprise_file import EnterpriseFile
from backend.enterprises.labels import Names
from backend.recognitions.ladder import RUNGS, Rung, programmes_on_ladder
from rules.catalogue import Period
from rules.evaluate import Answer, Outcome
from rules.library import Library
from rules.remedy import Advice, remedies, settling_sets
from rules.values import FactKey

#: Missing figures are asked for within so many days.
DAYS_TO_ASK = 14
#: A step is due so many days before the window closes: papers have to be written.
DAYS_BEFORE_CLOSING = 30
#: The programme by which a rung is usually reached; another one of the rung is shown where it is met already.
USUAL = {
    "tech_sme": "tech_sme",
    "high_tech": "hnte",
    "srdi": "srdi_sme",
    "gazelle": "js_gazelle",
    "listed": "bse_common",
}


@dataclass(frozen=True)
class RungAhead:
    """One rung: held, or how far away by the programme that is nearest.

    Of a rung that is held, what a review of the title would find today.
    """

    rung: Rung
    is_held: bool
    #: The programme that is held, or is nearest; None where no rule is in force.
    programme: str | None
    outcome: str
    lacks: Sequence[str]


def growth_path(file: EnterpriseFile, library: Library) -> list[RungAhead]:
    """The rungs of the ladder from below, for one enterprise."""
    names, by_programme = Names(library), programmes_on_ladder(library)
    held: dict[str, list[str]] = {}
    for one in file.titles:
        if one.programme in by_programme and one.is_in_force(file.on):
            held.setdefault(by_programme[one.programme].id, []).append(one.programme)
    path: list[RungAhead] = []
    for rung in RUNGS:
        is_held = rung.id in held or file.rung.id == rung.id
        answer = _least_safe(file, held.get(rung.id, ())) if is_held else _nearest(file, library, rung)
        if answer is None:
            path.append(RungAhead(rung, is_held, next(iter(held.get(rung.id, ())), None), "", ()))
        else:
            outcome = "likely" if answer.is_likely else str(answer.outcome)
            path.append(RungAhead(rung, is_held, answer.version.source.programme, outcome, lacking(answer, names)))
    return path


def _least_safe(file: EnterpriseFile, programmes: Sequence[str]) -> Answer | None:
    """Of the titles that are held on a rung the one whose review is furthest from being met."""
    found = [answer for name in programmes if (answer := file.answer(name)) is not None]
    return max(
        found,
        key=lambda one: (one.outcome is Outcome.INELIGIBLE, one.outcome is Outcome.UNDETERMINED and not one.is_likely),
        default=None,
    )


def _nearest(file: EnterpriseFile, library: Library, rung: Rung) -> Answer | None:
    """The answer by which the rung is reached: of a programme that is met, else of the usual one."""
    by_programme = programmes_on_ladder(library)
    usual = library.by_name.get(USUAL[rung.id])
    met = [
        one
        for one in file.answers
        if by_programme.get(one.version.source.programme) == rung and (one.outcome is Outcome.ELIGIBLE or one.is_likely)
    ]
    if met or usual is None:
        return min(met, key=lambda one: one.is_likely, default=None)
    return file.answer(usual.source.programme)


@dataclass(frozen=True)
class Proposed:
    """A step that the rules propose: what to do, until when, for which criterion."""

    title: str
    due_on: date
    criterion: str
    criterion_name: str


def proposed_steps(
    file: EnterpriseFile, library: Library, programme: str, windows: Sequence[Window] = ()
) -> list[Proposed]:
    """What would bring an enterprise to a programme, as steps with dates, out of the remedies.

    A figure of a year can only be changed in the year that runs: it is due at its end. What holds as of the day is due
    before the window closes. What only time brings is due on its day.
    """
    answer = file.answer(programme)
    if answer is None:
        return []
    criteria = {reason.criterion.id or reason.criterion.name: reason.criterion.name for reason in answer.reasons}
    steps = [_ask(keys, file.on, Names(library)) for keys in settling_sets(answer)[:1] if keys]
    if answer.outcome is Outcome.INELIGIBLE:
        asked = applying(file.facts, library.programme(programme), file.on, library)
        found = remedies(asked.evaluator, asked.facts, file.on) if asked is not None else {}
        # What would do it tells how much is lacking, and so what there is.
        secret = {one.criterion.id or one.criterion.name for one in answer.reasons if file.hiding.touches(one)}
        for name, advices in found.items():
            if name in secret:
                continue
            label = criteria.get(name) or name
            if advices:
                steps.append(
                    Proposed(_title(label, advices[0], file.on), due_on(advices[0], file.on, windows), name[:80], label)
                )
            else:
                title = f"{label}：取得相应资格或等待下一年度数据"
                steps.append(Proposed(title, date(file.on.year, 12, 31), name[:80], label))
    return steps


def _ask(keys: frozenset[FactKey], on: date, names: Names) -> Proposed:
    facts = "、".join(names.fact(key) for key in sorted(keys, key=str))
    return Proposed(f"请企业补报：{facts}"[:300], on + timedelta(days=DAYS_TO_ASK), "", "待补数据")


def _title(label: str, advice: Advice, on: date) -> str:
    # The check speaks of years that are over; what has been reported of them is not to be changed for the plan.
    is_yearly = advice.met_on is None and any(change.indicator.period is Period.YEARLY for change in advice.changes)
    when = f"（已报年度不变，请在 {on.year} 年度做到）" if is_yearly else ""
    return f"{f'{label}：{advice.in_words()}'[: 300 - len(when)]}{when}"


def due_on(advice: Advice, on: date, windows: Sequence[Window]) -> date:
    """Until when an advice has to be followed to be of use this time."""
    if advice.met_on is not None:
        return advice.met_on
    if any(change.indicator.period is Period.YEARLY for change in advice.changes):
        return date(on.year, 12, 31)
    closing = min((one.closes_on for one in windows if one.closes_on >= on), default=None)
    if closing is None:
        return on + timedelta(days=90)
    return max(on + timedelta(days=7), closing - timedelta(days=DAYS_BEFORE_CLOSING))
