"""Industry chains 产业链: read the chains of an enterprise as staff write them. A chain belongs to a plan."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from rules.plan import Plan

_SEPARATORS = re.compile(r"[、，,；;/|\n\r\t]+")
_NUMBERING = re.compile(r"^\s*[(（]?\d{1,2}[)）.．、]\s*")
_NOTHING = frozenset({"", "无", "-", "—", "——", "/", "其他", "不属于", "未归链"})


@dataclass(frozen=True, slots=True)
class ParsedChains:
    """The chains found, in the order written, each once; `unknown` are those the plan does not name."""

    chains: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def chain_name(text: str) -> str:
    """A chain's name as the plan prints it: full-width brackets, without numbering and the word 产业链."""
    name = unicodedata.normalize("NFKC", text)
    name = re.sub(r"\s+", "", _NUMBERING.sub("", name)).replace("(", "（").replace(")", "）")
    return re.sub(r"(重点)?产业链$|(?<=..)链$", "", name)


def chain_names(plan: Plan) -> tuple[str, ...]:
    """The chains a plan names, in its order; none where it has no table of chains."""
    return tuple(chain.name for chain in plan.chain_table.chains) if plan.chain_table else ()


def parse_chains(text: str, known: Collection[str] | None = None) -> ParsedChains:
    """Split what stands in a cell (“化学药、医疗器械产业链；锂电”) into chains.

    `known` are the plan's chains; without it nothing is unknown.
    """
    names = tuple(dict.fromkeys(chain_name(part) for part in _SEPARATORS.split(text)))
    names = tuple(name for name in names if name not in _NOTHING and not name.isdigit())
    if known is None:
        return ParsedChains(names)
    return ParsedChains(
        chains=tuple(name for name in names if name in known),
        unknown=tuple(name for name in names if name not in known),
    )
