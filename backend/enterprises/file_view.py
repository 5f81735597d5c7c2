"""The file of one enterprise as its page shows it: explanations, yearly figures, charts, the line of time."""

from datetime import date
from functools import cached_property
from typing import Any

from backend.access.protection.masking import HIDDEN
from backend.eligibility.reviewing import as_applied
from backend.enterprises.enterprise_file import EnterpriseFile, known_day
from backend.enterprises.labels import Names
from backend.enterprises.traits import Change, Trait
from backend.filings.queries import TAX
from backend.recognitions.queries import Held
from rules.evaluate import Answer, Outcome
from rules.explanation import explain
from rules.library import Library
from rules.remedy import Advice, remedies, settling_sets
from rules.values import FactKey
from rules.wording import unit_of_indicator

#: Indicators that a chart shows before the yearly table.
CHARTED = ("sales_revenue", "rd_expense_hnte", "employee_total", "net_assets_year_end")
_KINDS = {"renewed": "重新认定", "extended": "复核通过"}


class FileView:
    """One enterprise's file, ready to be drawn."""

    def __init__(self, file: EnterpriseFile, library: Library) -> None:
        self.file = file
        self._library = library
        self._names = Names(library)

    @cached_property
    def titles(self) -> list[Answer]:
        """The answers about titles, what is nearest first."""
        order = {Outcome.ELIGIBLE: 0, Outcome.UNDETERMINED: 1, Outcome.INELIGIBLE: 2}
        return sorted(self.file.answers_of("title"), key=lambda one: (order[one.outcome], not one.is_likely))

    @cached_property
    def standards(self) -> list[Answer]:
        """The answers about standards of which at least one figure is known."""
        return [
            one for one in self.file.answers_of("standard") if one.outcome is not Outcome.UNDETERMINED or one.failed
        ]

    def shown(self, programme: str) -> Answer | None:
        """The answer to explain: what was asked for, else HNTE, which is asked about most."""
        return self.file.answer(programme) or self.file.answer("hnte") or next(iter(self.titles), None)

    def may_advise(self, answer: Answer | None) -> bool:
        """Whether there is something that advice could make up for."""
        return answer is not None and answer.outcome is Outcome.INELIGIBLE

    def is_standard(self, answer: Answer | None) -> bool:
        """Whether what is explained stands among the standards."""
        return answer is not None and answer.version.programme.sort == "standard"

    # Explanations ----------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> list[dict[str, Any]]:
        """Each criterion of an answer with outcome, figure, threshold, gap, citation and facts."""
        return explain(answer, self._library, self._origins)

    def settling(self, answer: Answer) -> list[list[FactKey]]:
        """Sets of missing facts that would settle an open answer, the smallest first."""
        return [sorted(keys, key=str) for keys in settling_sets(answer) if keys]

    def advice(self, answer: Answer) -> list[tuple[str, list[Advice]]]:
        """For each criterion that is not met, what would meet it; each has been replayed."""
        if not self.may_advise(answer):
            return []
        names = {reason.criterion.id: reason.criterion.name for reason in answer.reasons}
        programme = self._library.programmes[answer.version.source.programme]
        facts = as_applied(self.file.facts, programme, self.file.on)
        found = remedies(self._library.evaluator(answer.version), facts, self.file.on)
        # What would do it tells how much is lacking, and so what there is.
        secret = {
            reason.criterion.id or reason.criterion.name
            for reason in answer.reasons
            if self.file.hiding.touches(reason)
        }
        return [(names.get(name) or name, advices[:4]) for name, advices in found.items() if name not in secret]

    @cached_property
    def _origins(self) -> dict[FactKey, str]:
        return self.file.origins | dict.fromkeys(self.file.hiding.keys, TAX)

    # Figures ---------------------------------------------------------------------------------------

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        """The yearly table: a row per indicator, a cell per year with its value, sources and whether they disagree."""
        return [
            {
                "id": one.indicator.id, "name": one.indicator.name, "unit": unit_of_indicator(one.indicator),
                "definition": one.indicator.definition,
                "cells": [
                    {"year": year, "value": HIDDEN if year in one.hidden else one.values.get(year),
                     "said": () if year in one.hidden else one.said.get(year, ()),
                     "disagrees": one.disagrees(year)}
                    for year in self.file.years
                ],
            }
            for one in self.file.yearly
        ]  # fmt: skip

    @cached_property
    def charts(self) -> list[dict[str, Any]]:
        """Bars of the figures people ask for first, where at least two years are known."""
        by_id = {one.indicator.id: one for one in self.file.yearly if one.indicator.id in CHARTED}
        # The years that any chart has a bar for: the same under all, and none that stays empty.
        years = sorted({year for one in by_id.values() for year in one.values})
        charts: list[dict[str, Any]] = []
        for name in CHARTED:
            figure = by_id.get(name)
            if figure is None or len(figure.values) < 2:
                continue
            unit = unit_of_indicator(figure.indicator)
            series = [{"name": figure.indicator.name, "values": [figure.values.get(year) for year in years]}]
            spec = {"kind": "bar", "unit": unit, "categories": [str(year) for year in years], "series": series}
            charts.append({"label": f"{figure.indicator.name}（{unit}）", "spec": spec})
        return charts

    # The line of time ------------------------------------------------------------------------------

    @cached_property
    def timeline(self) -> list[dict[str, Any]]:
        """Titles, names, moves, chains and industries until the day asked about, the newest first."""
        events = [event for held in self.file.titles for event in self._of_title(held)]
        for used in self.file.names:
            if used.used_to and known_day(used.used_to):
                events.append(_event(used.used_to, "更名", f"原名 {used.name}"))
        for region in self.file.regions:
            if region["valid_from"]:
                events.append(_event(region["valid_from"], f"迁入{self._names.region(region['region_code'])}"))
        events += [self._of_change(one) for one in self.file.history.changes(self.file.known_at)]
        if self.file.row["listed_on"] and self.file.row["listing_board"]:
            board = self._names.board(self.file.row["listing_board"])
            events.append(_event(self.file.row["listed_on"], "上市" if self._is_listed else "挂牌", board))
        if self.file.row["established_on"]:
            events.append(_event(self.file.row["established_on"], "成立"))
        past = [event for event in events if event["day"] <= self.file.on]
        return sorted(past, key=lambda event: event["day"], reverse=True)

    def _of_change(self, change: Change) -> dict[str, Any]:
        match change.kind:
            case Trait.CHAIN:
                return _event(change.day, "加入产业链" if change.after else "移出产业链", change.after or change.before)
            case Trait.ABOVE_SCALE:
                return _event(change.day, "纳入规上工业" if change.after == "yes" else "退出规上工业")
            case _:
                words = [self.trait(change.kind, one) or "未登记" for one in (change.before, change.after)]
                return _event(change.day, f"{change.kind.label}变更", " → ".join(words))

    def trait(self, kind: Trait, value: str) -> str:
        """A chain, an industry, a scale or a board in words."""
        match kind:
            case Trait.INDUSTRY:
                return f"{self._names.industry(value)}（{value}）" if value else ""
            case Trait.ABOVE_SCALE:
                return {"yes": "是", "no": "否"}.get(value, "")
            case Trait.LISTING:
                return self._names.board(value)
            case Trait.CHAIN:
                return value

    @property
    def _is_listed(self) -> bool:
        return self.file.row["listing_board"] != "neeq"

    def _of_title(self, held: Held) -> list[dict[str, Any]]:
        name = self._names.programme(held.programme)
        until = f"有效至 {held.valid_to}" if held.valid_to else ""
        programme = self._library.by_name.get(held.programme)
        granted = _event(
            held.granted_on,
            f"{name}（{_KINDS.get(held.kind, '认定')}）",
            "，".join(part for part in (held.number, until) if part),
        )
        in_force = held.is_in_force(self.file.on)
        rung = programme.source.rung if programme is not None else ""
        events = [granted | {"rung": rung, "in_force": in_force, "id": held.id}]
        if held.revoked_on:
            events.append(_event(held.revoked_on, f"取消{name}资格", held.revocation_reason))
        elif held.valid_to and held.valid_to < self.file.on:
            events.append(_event(held.valid_to, f"{name}到期", held.number))
        elif held.next_list_on and held.next_list_on <= self.file.on:
            events.append(_event(held.next_list_on, f"未列入{name}新一期名单"))
        return events


def _event(day: date, title: str, words: str = "") -> dict[str, Any]:
    return {"day": day, "title": title, "text": words, "rung": "", "in_force": False, "id": None}
