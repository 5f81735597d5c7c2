"""A programme's version: the rule file as it stands in YAML, checked, and unfolded into a small tree.

The file keeps the order and the words of the official document. Reading it resolves every name against the catalogue,
checks kinds and citations, and refuses what is wrong with the file, the place in it, and what to write instead.
"""

import difflib
import hashlib
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import Field as PydanticField
from pydantic import ValidationError, field_validator, model_validator

from rules.catalogue import Catalogue, Certainty, Record, Type
from rules.language import (
    MONEY,
    NUMBER,
    RESERVED,
    TRUTH,
    Bands,
    Call,
    Compare,
    Fact,
    LanguageError,
    Logic,
    Measure,
    Node,
    Step,
    parse,
    walk,
)  # fmt: skip
from rules.language import Literal as LiteralNode
from rules.translation import language, marked, say, translated
from rules.values import Number, simple


class RuleError(Exception):
    """A rule file that cannot be used; the message names the file and the place and says what to do."""


class Name(Record):
    """A name in Chinese, and in English where there is one."""

    zh: str
    en: str = ""

    @property
    def said(self) -> str:
        """The name in the language spoken (`rules.translation`)."""
        return (self.en if language() == "en" else "") or self.zh


class InForce(Record):
    """From the first to the last day a version answers for; `to` is the last day, open where None."""

    from_: date = PydanticField(alias="from")
    to: date | None = None
    #: The last day is meant: nothing follows, or only after a while.
    ends: bool = False

    def covers(self, day: date) -> bool:
        """Whether the version is in force on a day."""
        return self.from_ <= day and (self.to is None or day <= self.to)


class Batch(InForce):
    """A notice that opens a batch under this version outside its own days; it goes before the version in force."""

    answers_for: dict[str, tuple[str, ...]] = {}
    cite: str


class BandsSource(Record):
    """Bands of points as the file has them: `{">= 30%": 20, …, else: 0}`; points may be `[least, greatest]`."""

    of: str
    steps: dict[str, int | float | tuple[int | float, int | float]]


class MeasureSource(Record):
    """A figure worked out under a name: an expression or bands."""

    name: Name | None = None
    cite: str = ""
    value: str | None = None
    bands: BandsSource | None = None
    certainty: Certainty = Certainty.CONFIRMED
    #: How the figure is shown: a ratio in percent, money in 万元, or as it is.
    shown: Literal["percent", "money", "number"] | None = None

    @model_validator(mode="after")
    def _has_one_form(self) -> "MeasureSource":
        if (self.value is None) == (self.bands is None):
            raise ValueError("测算值须写 value（算式）或 bands（分档）之一")
        return self


class ScoreSource(Record):
    """Points of several measures added up; `pass` says from where on, and whether the mark itself is enough."""

    of: tuple[str, ...]
    pass_: str | None = PydanticField(default=None, alias="pass")
    cap: int | None = None


class AtLeastSource(Record):
    """So many of the conditions."""

    n: int
    of: tuple["CriterionSource", ...]


class CriterionSource(Record):
    """A condition as the file has it; exactly one of the forms."""

    id: str = ""
    name: Name | None = None
    cite: str = ""
    #: The words of the article, where they help.
    text: str = ""
    certainty: Certainty | None = None
    note: str = ""
    require: str | None = None
    all_of: tuple["CriterionSource", ...] | None = None
    any_of: tuple["CriterionSource", ...] | None = None
    routes: tuple["CriterionSource", ...] | None = None
    at_least: AtLeastSource | None = None
    score: ScoreSource | None = None
    #: An indicator that a person has to confirm.
    attest: str | None = None
    #: Only where this holds; elsewhere the criterion is neither met nor failed.
    applies_when: str | None = None
    #: The condition is soft (“一般”): not meeting it leaves the answer open instead of failing it.
    soft: bool = False
    shown: Literal["percent", "money", "number"] | None = None
    #: What the criterion asks for can only come with time or cannot be changed.
    fixed: bool = False

    @model_validator(mode="after")
    def _has_one_form(self) -> "CriterionSource":
        forms = [self.require, self.all_of, self.any_of, self.routes, self.at_least, self.score, self.attest]
        if sum(form is not None for form in forms) != 1:
            where = self.id or (self.name.zh if self.name else "（未命名）")
            raise ValueError(f"条件 {where} 须写 require、all_of、any_of、routes、at_least、score、attest 之一")
        return self


class LabelSource(Record):
    """Something the answer also says; it never changes the outcome."""

    id: str
    name: Name
    value: str


class WarningSource(Record):
    """A hint shown when the condition holds; it never changes the outcome."""

    id: str
    when: str
    message: str
    cite: str = ""
    certainty: Certainty = Certainty.CONFIRMED


class ProgrammeSource(Record):
    """`programme.yaml`: what all versions of a programme share."""

    programme: str
    aliases: tuple[str, ...] = ()
    name: Name
    #: The rung of the ladder that holding it stands for; empty where it is none.
    rung: str = ""
    authority: str = ""
    subject: Literal["enterprise", "zone"] = "enterprise"
    #: Where enterprises must be registered for the programme to be theirs: how the region's code begins (3201 for
    #: 南京); empty where that makes no difference.
    region: str = PydanticField(default="", pattern=r"^(\d{2}|\d{4}|\d{6})?$")
    #: Whether it is a title that enterprises hold, a status that is only asked about, or a standard to compare with.
    sort: Literal["title", "status", "standard"] = "title"
    #: How long a title lasts, in words for people and in form for the registry.
    validity: Literal["3 years", "calendar year", "edition", "until revoked", ""] = ""
    #: Outside every version: an error, or the answer “not in force” (exchange standards).
    outside_versions: Literal["refuse", "not_in_force"] = "refuse"
    note: str = ""
    status: Literal["in_force", "verify", "historical", "draft", "empty"] = "in_force"

    def is_open_in(self, region_code: str) -> bool:
        """Whether enterprises registered in a region may apply; as long as the code leaves it open, they may."""
        return region_code.startswith(self.region) or self.region.startswith(region_code)


class VersionSource(Record):
    """One rule file: a version of a programme."""

    programme: str
    version: str
    in_force: InForce
    documents: tuple[str, ...]
    certainty: Certainty = Certainty.CONFIRMED
    note: str = ""
    #: Which year “last year” is: the year before the check, the latest audited one, or a year the edition names.
    fiscal_year: Literal["previous", "latest_audited"] | int = "previous"
    #: An enterprise founded in the year of the check reports that year's figures so far.
    first_year_actuals: bool = False
    #: The version answers only for these kinds of application, e.g. {application_type: [review]}.
    answers_for: dict[str, tuple[str, ...]] = {}
    #: Transition clause (新老划断): a dated fact; on a day before this version's first, the version of that day answers.
    transition_by: str = ""
    batches: tuple[Batch, ...] = ()
    measures: dict[str, str | MeasureSource] = {}
    criteria: tuple[CriterionSource, ...]
    labels: tuple[LabelSource, ...] = ()
    warnings: tuple[WarningSource, ...] = ()

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


@dataclass(frozen=True)
class MeasureNode:
    """A named figure of the version."""

    id: str
    name: str
    cite: str
    node: Node
    shown: str
    certainty: Certainty


@dataclass(frozen=True)
class Criterion:
    """A node of the tree of conditions; `form` is one of require, all_of, any_of, at_least, score."""

    id: str
    name: str
    cite: str
    text: str
    note: str
    certainty: Certainty
    form: Literal["require", "all_of", "any_of", "at_least", "score"]
    expression: str = ""
    test: Node | None = None
    children: tuple["Criterion", ...] = ()
    n: int = 0
    items: tuple[str, ...] = ()
    pass_op: str = ""
    pass_mark: Number | None = None
    cap: Number | None = None
    applies: Node | None = None
    soft: bool = False
    is_route_choice: bool = False
    is_attestation: bool = False
    fixed: bool = False
    shown: str = "number"


@dataclass(frozen=True)
class Label:
    id: str
    name: str
    node: Node


@dataclass(frozen=True)
class RuleWarning:
    id: str
    when: Node
    message: str
    cite: str
    certainty: Certainty


@dataclass(frozen=True)
class Version:
    """A version of a programme, ready for the engines."""

    programme: ProgrammeSource
    source: VersionSource
    path: Path
    digest: str
    measures: tuple[MeasureNode, ...]
    criteria: tuple[Criterion, ...]
    labels: tuple[Label, ...]
    warnings: tuple[RuleWarning, ...]

    @property
    def id(self) -> str:
        """`programme@version`."""
        return f"{self.source.programme}@{self.source.version}"

    @cached_property
    def indicators(self) -> tuple[str, ...]:
        """Ids of the indicators that the version reads, in the order of the file."""
        nodes = [measure.node for measure in self.measures]
        nodes += [
            node for criterion in walk_criteria(self.criteria) for node in (criterion.test, criterion.applies) if node
        ]
        facts = [node.indicator.id for root in nodes for node in walk(root) if isinstance(node, Fact)]
        return tuple(dict.fromkeys(facts))


def walk_criteria(criteria: tuple[Criterion, ...]) -> list[Criterion]:
    """All criteria of a tree, parents first."""
    found: list[Criterion] = []
    for criterion in criteria:
        found += [criterion, *walk_criteria(criterion.children)]
    return found


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        RuleError: it is not YAML; the message has the line.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise RuleError(f"{path}:{line}：YAML 写法有误（{error.problem}），请检查缩进和引号") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}：不是 UTF-8 的 YAML 文本（{error}），请另存为 UTF-8 编码") from error


def read_programme(path: Path) -> ProgrammeSource:
    """Read `programme.yaml`.

    Raises:
        RuleError: with file and place.
    """
    try:
        return ProgrammeSource.model_validate(translated(read_yaml(path)))
    except ValidationError as error:
        raise RuleError(problem_of(path, error)) from error


def read_version(path: Path, programme: ProgrammeSource, catalogue: Catalogue) -> Version:
    """Read one rule file and unfold it.

    Raises:
        RuleError: with file, line and what to do.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return build_version(translated(read_yaml(path)), path, programme, catalogue, digest)


def build_version(raw: Any, path: Path, programme: ProgrammeSource, catalogue: Catalogue, digest: str) -> Version:
    """Unfold what stands in a rule file, or in a changed copy of one.

    Raises:
        RuleError: with file, line and what to do.
    """
    try:
        source = VersionSource.model_validate(raw)
    except ValidationError as error:
        raise RuleError(problem_of(path, error)) from error
    if source.programme != programme.programme:
        raise RuleError(f"{path}：programme 应为 {programme.programme}，实为 {source.programme}")
    return _Builder(path, programme, source, catalogue).version(digest)


def problem_of(path: Path, error: ValidationError) -> str:
    """The first thing that is wrong with a file, with the line it stands on."""
    problems = error.errors()
    # A measure may be a text or more: that it is no text is not what is wrong with the longer form.
    first = next((one for one in problems if one["type"] != "string_type"), problems[0])
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    names, line = _follow(root, first["loc"])
    if first["type"] == "missing":
        names.append(str(first["loc"][-1]))
    said = _WORDS.get(first["type"], "").format(**first.get("ctx", {})) or first["msg"].removeprefix("Value error, ")
    if first["type"] in ("literal_error", "enum"):
        said = said.replace(" or ", "、").replace(", ", "、")
    if first["type"] == "extra_forbidden":
        said += _near_key(str(first["loc"][-1]))
    place = f"“{' → '.join(names)}”" if names else "文件"
    return f"{path}:{line}：{place}{said}"


def _near_key(written: str) -> str:
    """What somebody may have meant by a key that no file has."""
    models = (VersionSource, CriterionSource, MeasureSource, ProgrammeSource, ScoreSource, BandsSource, InForce)
    known = {field.alias or name for model in models for name, field in model.model_fields.items()}
    near = difflib.get_close_matches(written, sorted(known), n=1)
    return f"（是否想写 {near[0]}？）" if near else ""


def line_of(path: Path, text: str) -> int | None:
    """The line on which an id, a name or an expression stands, so that an editor can jump there."""
    wanted = " ".join(text.split())
    lines = [(number, line.strip()) for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    word = re.compile(rf"(?<![\w.]){re.escape(wanted)}(?![\w.])")
    tests: tuple[Callable[[str], bool], ...] = (
        lambda line: f"id: {wanted}" in line and bool(word.search(line)),
        lambda line: line.startswith(f"{wanted}:"),
        lambda line: bool(word.search(line)),
        lambda line: wanted in line,
        # An expression that runs over several lines.
        lambda line: len(line) > 8 and wanted.startswith(line),
    )
    return next((number for test in tests for number, line in lines if wanted and test(line)), None)


#: What is wrong, by Pydantic's name for it, in the words of people who write rule files.
_WORDS = {
    "extra_forbidden": "没有这一项，请核对拼写",
    "missing": "缺少这一项，请补上",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
    "string_type": "应为文本，请加引号",
    "string_pattern_mismatch": "的写法不对，应符合 {pattern}",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "date_type": "应为日期，写作 2024-05-01",
    "date_parsing": "应为日期，写作 2024-05-01",
    "date_from_datetime_parsing": "应为日期，写作 2024-05-01",
    "date_from_datetime_inexact": "应为日期，写作 2024-05-01",
    "tuple_type": "应为列表，如 [甲, 乙]",
    "dict_type": "应为若干项，写作 名称: 值",
    "model_type": "应为若干项，写作 名称: 值",
}


def _follow(node: Any, places: tuple[int | str, ...]) -> tuple[list[str], int]:
    """The names on the way to a place, as the file has them, and the line of the last that is there."""
    names: list[str] = []
    line = 1
    for place in places:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(place)]
            if not found and isinstance(place, int):
                continue
            if found:
                names.append(str(place))
                line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(place, int) and place < len(node.value):
            names.append(f"第 {place + 1} 项")
            node = node.value[place]
            line = node.start_mark.line + 1
    return names, line


_FastLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FastLoader):
    """Refuses what YAML passes over in silence: a name that is given twice, of which the first would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and not key.tag.endswith(":merge"):
                raise yaml.constructor.ConstructorError(None, None, f"“{key.value}”出现了两次", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


class _Builder:
    """Unfolds a rule file: rich words into core nodes, texts into expressions."""

    def __init__(self, path: Path, programme: ProgrammeSource, source: VersionSource, catalogue: Catalogue) -> None:
        self.path = path
        self.programme = programme
        self.source = source
        self.catalogue = catalogue
        self.kinds: dict[str, str] = {}
        self.shown: dict[str, str] = {}
        self.ids: set[str] = set()

    def version(self, digest: str) -> Version:
        if self.source.transition_by:
            fact = self.catalogue.indicator(self.source.transition_by)
            if fact is None or fact.type is not Type.DATE:
                raise self._refuse(self.source.transition_by, "transition_by 应为目录中的日期类指标")
        measures = tuple(self._measure(name, one) for name, one in self.source.measures.items())
        criteria = tuple(self._criterion(one, "", self.source.certainty) for one in self.source.criteria)
        for criterion in criteria:
            if not criterion.id and criterion.form == "require":
                raise self._refuse(criterion.name or criterion.expression, "缺少 id")
        labels = tuple(Label(one.id, one.name.said, self._parse(one.value, one.id)) for one in self.source.labels)
        warnings = tuple(
            RuleWarning(one.id, self._truth(one.when, one.id), one.message, one.cite, one.certainty)
            for one in self.source.warnings
        )
        return Version(self.programme, self.source, self.path, digest, measures, criteria, labels, warnings)

    def _refuse(self, where: str, message: str) -> RuleError:
        return RuleError(f"{self.path}{self._line_of(where)}：{where}：{message}")

    def _line_of(self, text: str) -> str:
        line = line_of(self.path, text)
        return f":{line}" if line else ""

    def _parse(self, text: str, where: str) -> Node:
        try:
            return parse(text, self.catalogue, self.kinds)
        except LanguageError as error:
            raise RuleError(f"{self.path}{self._line_of(text)}：{where}：{error}") from error

    def _truth(self, text: str, where: str) -> Node:
        node = self._parse(text, where)
        if node.kind not in (TRUTH, "open"):
            raise self._refuse(text, "应为是非判断（比较或 and、or、not）")
        return node

    def _measure(self, name: str, written: str | MeasureSource) -> MeasureNode:
        source = MeasureSource(value=written) if isinstance(written, str) else written
        if name in RESERVED or self.catalogue.indicator(name) is not None:
            raise self._refuse(name, "测算值的名字与函数或指标重名，请改名")
        node = self._bands(source.bands, name) if source.bands is not None else self._parse(source.value or "", name)
        self.kinds[name] = node.kind
        shown = source.shown or _shown(node, self.shown)
        self.shown[name] = shown
        return MeasureNode(name, source.name.said if source.name else name, source.cite, node, shown, source.certainty)

    def _bands(self, source: BandsSource, where: str) -> Node:
        of = self._parse(source.of, where)
        if of.kind not in (MONEY, NUMBER, "open"):
            raise self._refuse(source.of, "只有金额和数可以分档")
        steps: list[Step] = []
        otherwise: tuple[Number, Number] = (0, 0)
        for written, points in source.steps.items():
            least, greatest = points if isinstance(points, tuple) else (points, points)
            pair = (simple(Fraction(str(least))), simple(Fraction(str(greatest))))
            if pair[0] > pair[1]:
                raise self._refuse(written, f"得分区间 [{least}, {greatest}] 的前一个应不大于后一个")
            if written == "else":
                otherwise = pair
            else:
                steps.append(self._step(written, of, pair, where))
        self._check_steps(steps, where)
        return Bands(NUMBER, of, tuple(steps), otherwise)

    def _step(self, written: str, of: Node, points: tuple[Number, Number], where: str) -> Step:
        op, _, threshold = written.strip().partition(" ")
        node = self._parse(threshold, where) if threshold else None
        if op not in (">=", ">", "<=", "<", "==") or not isinstance(node, LiteralNode):
            raise self._refuse(written, "分档应写作 “>= 30%”（运算符、空格、常数）")
        if node.kind != of.kind and not (node.value == 0 and of.kind == MONEY):
            raise self._refuse(written, "分档的单位与所测算的数不符")
        assert isinstance(node.value, int | Fraction)
        return Step(op, node.value, *points)

    def _check_steps(self, steps: list[Step], where: str) -> None:
        """Steps in an order in which none hides the next: descending for `>=`, ascending for `<=`."""
        for earlier, later in itertools.pairwise(steps):
            down = earlier.op in (">=", ">") and later.op in (">=", ">", "==")
            up = earlier.op in ("<=", "<") and later.op in ("<=", "<", "==")
            hidden = (
                down
                and later.threshold >= earlier.threshold
                and later.op != "=="
                and later.threshold != earlier.threshold
            ) or (up and later.threshold < earlier.threshold)
            if hidden or (earlier.threshold == later.threshold and earlier.op == later.op):
                raise self._refuse(
                    where,
                    f"分档重叠：“{earlier.op} {earlier.threshold}”已包含“{later.op} {later.threshold}”，请调整次序或临界值",
                )

    def _criterion(self, source: CriterionSource, cite: str, certainty: Certainty) -> Criterion:
        where = source.id or (source.name.zh if source.name else source.require or "条件")
        if source.id:
            if source.id in self.ids:
                raise self._refuse(source.id, "id 重复，请改其一")
            self.ids.add(source.id)
        cite = source.cite or cite
        if source.id and not cite:
            raise self._refuse(source.id, "缺少依据（cite），请写明文件和条款")
        certainty = source.certainty or certainty
        applies = self._truth(source.applies_when, where) if source.applies_when else None
        base: dict[str, Any] = {
            "id": source.id, "name": source.name.said if source.name else "", "cite": cite, "text": source.text,
            "note": source.note, "certainty": certainty, "applies": applies, "soft": source.soft, "fixed": source.fixed,
        }  # fmt: skip
        return self._form(source, base, where, cite, certainty)

    def _form(
        self, source: CriterionSource, base: dict[str, Any], where: str, cite: str, certainty: Certainty
    ) -> Criterion:
        if source.require is not None:
            return self._require(source.require, base, source)
        if source.attest is not None:
            node = Compare(TRUTH, "==", self._truth(source.attest, where), LiteralNode(TRUTH, True))
            return Criterion(**base, form="require", expression=source.attest, test=node, is_attestation=True)
        if source.score is not None:
            return self._score(source.score, base, where)
        if source.at_least is not None:
            children = tuple(self._criterion(one, cite, certainty) for one in source.at_least.of)
            if not 1 <= source.at_least.n <= len(children):
                raise self._refuse(where, f"at_least 的 n 应在 1 到 {len(children)} 之间")
            return Criterion(**base, form="at_least", n=source.at_least.n, children=children)
        parts = source.all_of or source.any_of or source.routes or ()
        children = tuple(self._criterion(one, cite, certainty) for one in parts)
        form: Literal["all_of", "any_of"] = "all_of" if source.all_of is not None else "any_of"
        return Criterion(**base, form=form, children=children, is_route_choice=source.routes is not None)

    def _require(self, text: str, base: dict[str, Any], source: CriterionSource) -> Criterion:
        node = self._truth(text, source.id or text)
        shown = source.shown or (_shown(node.left, self.shown) if isinstance(node, Compare) else "number")
        if isinstance(node, Logic) and len(node.parts) > 1:
            form: Literal["all_of", "any_of"] = "all_of" if node.op == "and" else "any_of"
            plain = {**base, "id": "", "name": "", "applies": None, "soft": False, "text": "", "note": ""}
            parts = tuple(self._part(part, plain) for part in node.parts)
            return Criterion(**base, form=form, expression=text, children=parts, shown=shown)
        return Criterion(**base, form="require", expression=text, test=node, shown=shown)

    def _part(self, node: Node, plain: dict[str, Any]) -> Criterion:
        shown = _shown(node.left, self.shown) if isinstance(node, Compare) else "number"
        if isinstance(node, Logic):
            form: Literal["all_of", "any_of"] = "all_of" if node.op == "and" else "any_of"
            return Criterion(**plain, form=form, children=tuple(self._part(part, plain) for part in node.parts))
        return Criterion(**plain, form="require", test=node, shown=shown)

    def _score(self, source: ScoreSource, base: dict[str, Any], where: str) -> Criterion:
        for item in source.of:
            if self.kinds.get(item) not in (NUMBER, "open"):
                raise self._refuse(where, f"得分项“{item}”未在 measures 中定义，或不是数")
        if source.pass_ is None:
            return Criterion(**base, form="score", items=source.of, cap=source.cap)
        op, _, mark = source.pass_.strip().partition(" ")
        if op not in (">=", ">") or not re.fullmatch(r"\d+(\.\d+)?", mark.strip()):
            raise self._refuse(where, "及格线应写作 “>= 60” 或 “> 70”（说明是否含本数）")
        return Criterion(
            **base,
            form="score",
            items=source.of,
            pass_op=op,
            pass_mark=simple(Fraction(mark)),
            cap=source.cap,
        )


#: The units of what is counted between two days.
_SPANS: Final = {"days_between": marked("天"), "months_between": marked("个月")}


def _shown(node: Node, measures: Mapping[str, str]) -> str:
    """How a figure reads best: money in 万元, ratios of two amounts in percent, a span of time in its unit."""
    if node.kind == MONEY:
        return "money"
    if node.kind == "growth":
        return "percent"
    if isinstance(node, Measure):
        return measures.get(node.name, "number")
    if isinstance(node, Fact):
        return node.indicator.unit or "number"
    if isinstance(node, Call) and node.function in _SPANS:
        return say(_SPANS[node.function])
    divided = any(getattr(one, "op", "") == "/" for one in walk(node))
    return "percent" if divided else "number"
