"""The printable report: two pages that say what was asked, by which rules, what came of it, and that it decides nothing.

The page and the PDF are drawn from the same data. The PDF is set by Typst, which brings no system library along and
embeds the Chinese glyphs it uses; the typeface comes from npm like all files of the pages.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from backend.self_check import explaining
from backend.self_check.checking import SelfCheck, leaves
from backend.web.assets import ROOT
from backend.web.filters import figure, outcome
from rules.evaluate import Answer
from rules.explanation import explain, in_words
from rules.library import Library
from rules.receipt import receipt
from rules.translation import enumerated, language, marked, say, sentences
from rules.values import FactKey
from rules.wording import beside_figure, unit_of_indicator

STATEMENT: Final = marked(
    "本报告由企业自行填报的数据按公开的认定标准测算，供企业参考，不是任何部门的审查意见或认定决定；"
    "是否符合条件，以主管部门的受理和评审结果为准。"
)


@dataclass(frozen=True)
class Basis:
    """On whose word a report stands, in its own words (marked texts)."""

    title: str
    statement: str
    facts: str
    #: Fact → the name of its source; None where the enterprise typed all of it.
    sources: Mapping[FactKey, str] | None = None


TYPED: Final = Basis(marked("资格自测报告"), STATEMENT, marked("所用数据（企业自行填报）"))
_TEMPLATE: Final = str(Path(__file__).with_name("report.typ"))
_FONTS: Final = ROOT / "node_modules" / "@embedpdf" / "fonts-sc" / "fonts"
#: Points of the letters, tried until everything stands on two pages.
_SIZES: Final = (9.5, 8.5, 7.5, 6.5)
_PAGES: Final = 2
#: Facts and ways beyond these are left to the page on the screen.
_MOST_FACTS = 44
_MOST_WAYS = 2


def report(check: SelfCheck, show: str, made_on: date, library: Library, basis: Basis = TYPED) -> dict[str, Any]:
    """Everything that stands in the report, as text.

    Args:
        check: what was asked.
        show: the programme to explain; without it the nearest.
        made_on: the day of the report.
        library: the rules.
        basis: where the facts come from. Where they have sources, those are listed that the explained answer read.
    """
    main = next((one for one in check.by_nearness if one.version.source.programme == show), None)
    main = main or (check.by_nearness[0] if check.by_nearness else None)
    keys = _keys_shown(check, main, basis)
    return {
        "language": language(), "words": _words(basis), "title": say(basis.title), "target": check.target.name, "as_of": check.sheet.as_of.isoformat(),
        "made_on": made_on.isoformat(), "statement": say(basis.statement), "name": str(check.sheet.facts.get("enterprise_name", "")),
        "results": [_result(one) for one in check.by_nearness],
        "main": _explained(main, check, library) if main is not None else None,
        "facts": _facts(keys[:_MOST_FACTS], check, library, basis), "more_facts": max(0, len(keys) - _MOST_FACTS),
        "not_in_force": check.not_in_force,
    }  # fmt: skip


def _keys_shown(check: SelfCheck, main: Answer | None, basis: Basis) -> list[FactKey]:
    """The known facts to list: what was typed, or what the answer read of a registry that holds much more."""
    known = set(check.facts.keys())
    if basis.sources is None:
        return [key for key in check.answered() if key in known]
    read = (key for reason in main.reasons for leaf in leaves(reason) for key, _ in leaf.facts) if main else ()
    return [key for key in dict.fromkeys(read) if key in known]


def _words(basis: Basis) -> dict[str, str]:
    """What the paper says besides: the data's own words come with them."""
    return {
        "as_of": say("截至"), "page": say("第 {page} 页，共 {pages} 页"), "about": say("测评内容：{target}　测评日：{day}　出具日：{made_on}"),
        "conclusion": say("结论"), "programme": say("项目"), "failed": say("不符合"), "unknown": say("待补数据"),
        "version": say("规则版本（施行日）"), "of_version": say("（{x}）"), "count": say("{n} 条"), "by_criterion": say("{name}：逐条判定"),
        "documents": say("依据：{documents}"), "criterion": say("条件"), "outcome": say("判定"), "figure": say("测算值"),
        "threshold": say("要求"), "gap": say("差距"), "cite": say("依据"), "settling": say("补齐哪些数据即可判定"),
        "mending": say("怎样补上"), "or": say("；或者"), "colon": say("："),
        "no_way": say("没有单靠数据能补上的办法：须取得相应资格，或待下一会计年度的数据。"),
        "facts": say(basis.facts), "more": say("另有 {n} 项数据未列出。"), "receipt": say("测评回执"),
        "again": say("{receipt}。凭此回执和同一份数据可重算出同一结果。"),
    }  # fmt: skip


def pdf(content: Mapping[str, Any]) -> bytes:
    """The report as a PDF of at most two pages, as far as its text allows.

    Raises:
        TypstError: the typesetting failed, which is a fault of the program.
    """
    for size in _SIZES:
        inputs = {"report": json.dumps({**content, "size": size}, ensure_ascii=False)}
        pages = json.loads(
            typst.query(_TEMPLATE, "<pages>", field="value", one=True, font_paths=_fonts(), sys_inputs=inputs)
        )
        if pages <= _PAGES or size == _SIZES[-1]:
            return typst.compile(_TEMPLATE, None, font_paths=_fonts(), format="pdf", sys_inputs=inputs)
    raise AssertionError("there is a smallest size")


@cache
def _fonts() -> typst.Fonts:
    """Our typeface, and the system's for the rare character that it lacks; looked through once."""
    return typst.Fonts(font_paths=[str(_FONTS)])


def _result(answer: Answer) -> dict[str, Any]:
    return {
        "name": answer.version.programme.name.said, "version": answer.version.id,
        "in_force": answer.version.source.in_force.from_.isoformat(),
        "outcome": outcome("likely" if answer.is_likely else str(answer.outcome)),
        "tone": "likely" if answer.is_likely else str(answer.outcome), "failed": len(answer.failed), "unknown": len(answer.unknown),
    }  # fmt: skip


def _explained(answer: Answer, check: SelfCheck, library: Library) -> dict[str, Any]:
    source = answer.version.source
    stub = receipt(answer.version, answer.as_of, check.sheet.facts)
    return {
        "name": answer.version.programme.name.said, "version": answer.version.id,
        "outcome": _result(answer)["outcome"], "documents": sentences(source.documents), "score": _score(answer),
        "criteria": [_row(one) for one in explain(answer, library)], "warnings": list(answer.warnings),
        "settling": [
            enumerated(explaining.fact_name(key, library) for key in keys)
            for keys in explaining.settling(answer, check.facts, library, check.sheet.declined)[:1]
        ],
        "remedies": [
            {"name": f"{one.id} {one.name}" if one.name != one.id else one.id, "ways": [way.words for way in one.remedies[:_MOST_WAYS]]}
            for one in explaining.unmet(answer, check.facts, library)
        ],
        "receipt": [
            say("规则 {rule}", rule=stub["rule"]), say("引擎 {version}", version=stub["engine"]),
            say("截至 {day}", day=stub["as_of"]), say("数据 {facts}", facts=stub["facts"]),
        ],
    }  # fmt: skip


def _score(answer: Answer) -> str:
    if answer.score is None:
        return ""
    low, high = answer.score
    reached = str(figure(low)) if low == high else f"{figure(low)} – {figure(high)}"
    if answer.pass_mark is None:
        return say("得分 {points}", points=reached)
    return say(
        "得分 {points}（及格线 {op} {mark}）", points=reached, op=answer.pass_mark[0], mark=figure(answer.pass_mark[1])
    )


def _row(reason: Mapping[str, Any]) -> dict[str, str]:
    unit = f" {reason['unit']}" if reason["unit"] else ""

    def shown(value: Any) -> str:
        return "" if value is None else f"{figure(value)}{unit}"

    has_figure = reason["has_figure"]
    return {
        "name": f"{reason['id']} {reason['name']}".strip(), "outcome": outcome(reason["outcome"]), "tone": reason["outcome"],
        "figure": shown(reason["figure"]) if has_figure else "",
        "threshold": f"{reason['op']} {shown(reason['threshold'])}" if has_figure else "",
        "gap": shown(reason["gap"]), "cite": reason["cite"],
    }  # fmt: skip


def _facts(keys: Iterable[FactKey], check: SelfCheck, library: Library, basis: Basis) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for key in keys:
        indicator = library.catalogue.by_name[key.indicator]
        value = figure(in_words(check.facts.get(key), indicator))
        unit = beside_figure(unit_of_indicator(indicator))
        source = (basis.sources or {}).get(key, "")
        told = say("（{x}）", x=source) if source else ""
        rows.append({"name": explaining.fact_name(key, library), "value": f"{value} {unit}".strip() + told})
    return rows
