"""The manual of the rule language, written out of its specifications.

python -m tests.rules.spec.toc     writes docs/language.md anew
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tests.rules.spec.examples import CHECKED_ON, Chapter, Example, Spec, chapters

MANUAL = Path(__file__).parents[3] / "docs" / "language.md"
_OPENING = f"""# The rule language

*Written out of the specifications in `tests/rules/spec/chapters/` by `python -m tests.rules.spec.toc`; each example here
is run against the engine. Change those files, not this one.*

Rule files say what the official documents say, in expressions that read like them. `rules/README.md` tells how a rule
file is put together; this is what each word in it means. Facts are given as in `tidu check`: money in 万元, yearly
figures by year. All examples are checked on {CHECKED_ON.isoformat()} unless they say another day, and use the indicators
of `tests/rules/spec/catalogue.yaml`.

*open* means unknown, followed by the facts that would settle it and the bounds within which the value lies.
"""


def manual() -> str:
    """The whole manual as Markdown."""
    parts = [_OPENING, _contents()]
    for chapter in chapters():
        parts += [f"## {chapter.title}", f"{chapter.text}", *map(_spec, chapter.specs)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _contents() -> str:
    return "\n".join(_contents_of(chapter) for chapter in chapters())


def _contents_of(chapter: Chapter) -> str:
    words = " · ".join(f"[{_heading(spec)}](#{_anchor(_heading(spec))})" for spec in chapter.specs)
    return f"- [{chapter.title}](#{_anchor(chapter.title)}): {words}"


def _heading(spec: Spec) -> str:
    is_function = spec.word.islower() and spec.word.isidentifier()
    return f"{spec.title} (`{spec.word}`)" if is_function else spec.title


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def _spec(spec: Spec) -> str:
    parts = [f"### {_heading(spec)}", spec.text]
    if spec.source.get("facts"):
        parts.append(f"With the facts {_facts(spec.source['facts'])}")
    for name in ("measures", "bands", "criteria", "labels", "warnings"):
        if name in spec.source:
            parts.append(f"```yaml\n{_yaml({name: spec.source[name]})}```")
    return "\n\n".join([*parts, "\n".join(_table(spec))])


def _table(spec: Spec) -> Iterator[str]:
    has_expressions = any(example.expression for example in spec.examples)
    yield ("| expression " if has_expressions else "") + "| where | gives | |"
    yield "|---" * (4 if has_expressions else 3) + "|"
    for example in spec.examples:
        cells = [_where(spec, example), _gives(example), example.note]
        if has_expressions:
            cells.insert(0, f"`{example.expression}`")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _where(spec: Spec, example: Example) -> str:
    """What an example says otherwise than its spec."""
    usual = spec.source.get("facts", {})
    own = {name: value for name, value in example.source["facts"].items() if usual.get(name, ...) != value}
    said = [_facts(own)] if own else []
    if example.as_of != CHECKED_ON:
        said.append(f"on {example.as_of.isoformat()}")
    for name in ("settings", "bands", "criteria"):
        if example.source.get(name) != spec.source.get(name):
            said.append(f"`{_inline(example.source[name])}`")
    return "; ".join(said)


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(
        f"`{name}` unknown" if value is None else f"`{name}: {_inline(value)}`" for name, value in facts.items()
    )


def _inline(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def _gives(example: Example) -> str:
    gives = example.gives
    if example.is_of_criteria:
        return ", ".join(f"{name} {_inline(value)}" for name, value in gives.items() if value != [])
    if not isinstance(gives, Mapping):
        return "does not exist" if gives is None else f"`{_inline(gives)}`" if gives != "" else "an empty text"
    parts = ["open"]
    if "between" in gives:
        least, greatest = gives["between"]
        parts.append(f"{'…' if least is None else least} to {'…' if greatest is None else greatest}")
    if gives["unknown"]:
        parts.append("needs " + ", ".join(f"`{name}`" for name in gives["unknown"]))
    if gives.get("why"):
        parts.append(gives["why"].replace("_", " "))
    return ", ".join(parts)


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Flat, allow_unicode=True, sort_keys=False, width=110)


class _Flat(yaml.SafeDumper):
    """Lists in lines, mappings without references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def main() -> None:
    MANUAL.write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
