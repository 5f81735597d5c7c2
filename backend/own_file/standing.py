"""What the rules say of an enterprise by what the registry holds, as its own account reads it.

The answers are those that officers see. Beside them goes a sheet of the self-check with the same facts: with it the
enterprise tries changes out and saves the data that a report's receipt is of; nothing of a trial is kept.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from backend.eligibility.reviewing import as_applied
from backend.enterprises.enterprise_file import EnterpriseFile
from backend.enterprises.labels import Names
from backend.self_check import explaining
from backend.self_check.checking import SelfCheck
from backend.self_check.growth import RungAhead, growth_path
from backend.self_check.known_facts import sheet_of
from backend.self_check.report import Basis, report
from backend.self_check.targets import EVERYTHING
from rules.evaluate import Answer, Outcome
from rules.explanation import explain
from rules.library import Library
from rules.translation import marked
from rules.values import FactKey

_TITLE: Final = marked("登记数据测算报告")
_STATEMENT: Final = marked(
    "本报告按科技部门库中登记的数据、依公开的认定标准测算，供企业参考，不是任何部门的审查意见或认定决定；"
    "登记的数据如有出入，可登录后提出异议；是否符合条件，以主管部门的受理和评审结果为准。"
)
_NAME: Final = FactKey("enterprise_name")
_FACTS: Final = marked("所用数据（科技部门库中登记）")


class Standing:
    """An enterprise's file asked about one programme, or about everything it could be."""

    def __init__(self, file: EnterpriseFile, library: Library, programme: str = EVERYTHING) -> None:
        self.file = file
        self._library = library
        self._names = Names(library)
        asked = library.programmes.get(programme)
        # Whoever holds the title tries out, and has printed, what its review asks.
        facts = as_applied(file.facts, asked, file.on) if asked is not None else file.facts
        sheet = sheet_of(facts, programme, file.on, library).with_value(_NAME, file.row["name"])
        self.check = SelfCheck(sheet, library, facts)

    @property
    def state(self) -> str:
        """What the self-check is opened with."""
        return self.check.sheet.as_line(self._library)

    @property
    def held(self) -> Mapping[str, date | None]:
        """The programmes that are held → until when; None is without a printed end."""
        return {one.programme: one.valid_to for one in self.file.titles if one.is_in_force(self.file.on)}

    @property
    def path(self) -> list[RungAhead]:
        """成长路线图: the rungs with what each asks."""
        return growth_path(self.file.facts, self.file.on, self._library)

    @property
    def standards(self) -> list[Answer]:
        """The standards of listing and others of which at least one figure is known."""
        found = self.file.answers_of("standard")
        return [one for one in found if one.outcome is not Outcome.UNDETERMINED or one.failed]

    def explained(self, answer: Answer) -> dict[str, Any]:
        """An answer in full, as the self-check's page draws it."""
        facts, rules = self.check.facts, self._library
        return {
            "answer": answer, "reasons": explain(answer, rules, self.file.origins),
            "unmet": explaining.unmet(answer, facts, rules),
            "settling": explaining.settling(answer, facts, rules, frozenset()),
            "together": explaining.together(answer, facts, rules),
        }  # fmt: skip

    def fact_name(self, key: FactKey) -> str:
        """A fact in words."""
        return explaining.fact_name(key, self._library)

    def report(self, programme: str) -> dict[str, Any]:
        """The printable report, by the registry's word."""
        sources = {key: self._names.source(source) for key, source in self.file.origins.items()}
        basis = Basis(_TITLE, _STATEMENT, _FACTS, sources)
        return report(self.check, programme, self.file.on, self._library, basis)


def standing_in(file: EnterpriseFile, library: Library, programme: str) -> tuple[Standing, Answer] | None:
    """One programme asked about; None where there is none of that name, or it does not apply on the day or there."""
    answer = file.answer(programme)
    return (Standing(file, library, programme), answer) if answer is not None else None
