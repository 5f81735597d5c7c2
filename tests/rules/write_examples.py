"""`python -m tests.rules.write_examples`: the worked examples of the handbook, drawn from the legal cases."""

import json
from pathlib import Path

from rules.cases import baseline
from rules.examples import EXAMPLES_FILE
from rules.library import library

CASES = Path(__file__).with_name("cases")
_HEAD = "# 各版本的算例企业，由 tests/rules/cases 的基准企业生成；请改案例后运行 python -m tests.rules.write_examples，勿直接修改。\n"


def written() -> str:
    """The whole file: one entry for each version that has legal cases and asks something."""
    lines = [_HEAD]
    for path in sorted(CASES.glob("*.yaml")):
        name, _, label = path.stem.partition("@")
        version = library().programme(name).pinned(label)
        if version.indicators:
            request = baseline(path)
            facts = json.dumps(request["facts"], ensure_ascii=False, sort_keys=True)
            lines.append(
                f"{version.id}:\n  as_of: {request['as_of']}\n  facts: '{facts.replace(chr(39), chr(39) * 2)}'\n"
            )
    return "".join(lines)


if __name__ == "__main__":
    EXAMPLES_FILE.write_text(written(), encoding="utf-8")
