"""Wrong rule files are refused, or found fault with, in exactly the words expected.

Each file in `rules/` cannot be read, each in `lint/` can, but does not mean what a rule should. What is to be said stands
at its head, `{file}` being its path.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.catalogue import CatalogueError, load_catalogue
from rules.language import parse
from rules.library import Library, load_library
from rules.lint import lint, lint_version
from rules.programme import ProgrammeSource, RuleError, Version, read_programme, read_version
from rules.spans import can_hold
from tests.rules.spec.examples import HERE as SPECIFICATIONS
from tests.rules.spec.examples import PROGRAMME, catalogue

HERE = Path(__file__).parent
MARK = "# 应拒绝："


def files_in(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((HERE / folder).glob("*.yaml"))]


def expected_of(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(MARK).replace("{file}", str(path)) for line in lines if line.startswith(MARK)]


def read(path: Path) -> Version:
    return read_version(path, ProgrammeSource.model_validate(PROGRAMME), catalogue())


@pytest.mark.parametrize("path", files_in("rules"))
def test_a_wrong_rule_file_is_refused_in_these_words(path: Path) -> None:
    with pytest.raises(RuleError) as refusal:
        read(path)

    assert [str(refusal.value)] == expected_of(path)


@pytest.mark.parametrize("path", files_in("lint"))
def test_a_fault_of_a_readable_rule_file_is_found(path: Path) -> None:
    assert [str(finding) for finding in lint_version(read(path))] == expected_of(path)


def test_the_library_that_ships_is_free_of_faults() -> None:
    assert [str(finding) for finding in lint(load_library())] == []


# What needs more than one file


def write_programme(folder: Path, name: str = "example", versions: dict[str, str] | None = None, **more: Any) -> None:
    """A programme's folder: versions by their label, each with its days as YAML has them."""
    place = folder / name
    place.mkdir()
    (place / "programme.yaml").write_text(yaml.safe_dump({"programme": name, "name": {"zh": name}, **more}))
    for label, days in (versions or {}).items():
        (place / f"{label}.yaml").write_text(
            f'programme: {name}\nversion: "{label}"\nin_force: {{{days}}}\ndocuments: [示例]\n'
            "criteria:\n  - {id: R, name: {zh: 专利}, cite: 第一条, require: patents >= 1}\n",
            encoding="utf-8",
        )


def library_of(folder: Path) -> Library:
    return load_library(folder, catalogue())


def faults_of(folder: Path) -> list[str]:
    return [finding.message for finding in lint(library_of(folder))]


def test_versions_that_overlap_are_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2021-12-31", "2": "from: 2021-12-31"})
    with pytest.raises(RuleError, match=r"2\.yaml：与 1\.yaml 的施行日期重叠.*请给前一版写上 in_force\.to"):
        library_of(tmp_path)


def test_an_open_version_with_a_follower_is_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01", "2": "from: 2022-01-01"})
    with pytest.raises(RuleError, match="施行日期重叠"):
        library_of(tmp_path)


def test_two_versions_of_one_label_are_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2020-12-31", "2": "from: 2021-01-01"})
    second = tmp_path / "example" / "2.yaml"
    second.write_text(second.read_text(encoding="utf-8").replace('version: "2"', 'version: "1"'), encoding="utf-8")
    with pytest.raises(RuleError, match=r"版本“1”与 1\.yaml 重名"):
        library_of(tmp_path)


def test_two_programmes_of_one_id_are_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, "first")
    write_programme(tmp_path, "second")
    file = tmp_path / "second" / "programme.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("programme: second", "programme: first"))
    with pytest.raises(RuleError, match=r"认定项目或别名 first 重复，另一处为 .*first/programme\.yaml，请改其一"):
        library_of(tmp_path)


def test_an_alias_that_is_the_id_of_another_is_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, "first")
    write_programme(tmp_path, "second", aliases=["first"])
    with pytest.raises(RuleError, match="认定项目或别名 first 重复"):
        library_of(tmp_path)


def test_days_between_two_versions_that_none_covers_are_found(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2020-12-31", "2": "from: 2022-01-01"})
    assert faults_of(tmp_path) == ["2021-01-01 至 2021-12-31 没有版本；确实没有的，请写 ends: true"]


def test_a_gap_that_is_meant_is_not_found(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2020-12-31, ends: true", "2": "from: 2022-01-01"})
    assert faults_of(tmp_path) == []


def test_versions_that_follow_each_other_leave_no_gap(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2021-12-31", "2": "from: 2022-01-01"})
    assert faults_of(tmp_path) == []


def test_an_end_after_which_nothing_follows_is_found(tmp_path: Path) -> None:
    write_programme(tmp_path, versions={"1": "from: 2020-01-01, to: 2020-12-31"})
    assert faults_of(tmp_path) == ["2021-01-01 起没有版本；确已终止的，请写 ends: true"]


@pytest.mark.parametrize("more", [{"status": "historical"}, {}])
def test_an_end_that_is_meant_is_not_found(tmp_path: Path, more: dict[str, str]) -> None:
    days = "from: 2020-01-01, to: 2020-12-31" + ("" if more else ", ends: true")
    write_programme(tmp_path, versions={"1": days}, **more)
    assert faults_of(tmp_path) == []


def test_a_wrong_programme_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "programme.yaml"
    path.write_text("programme: example\nname: {zh: 示例}\nsort: titel\n", encoding="utf-8")
    with pytest.raises(RuleError) as refusal:
        read_programme(path)
    assert str(refusal.value) == f"{path}:3：“sort”应为 'title'、'status'、'standard' 之一"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "2020-01-01.yaml"
    path.write_bytes(b"programme: \xff\xfe")
    with pytest.raises(RuleError, match="不是 UTF-8 的 YAML 文本"):
        read(path)


# The catalogue


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("type: count", "type: amount"), "Input should be 'money'"),
        (("id: designs", "id: patents"), "指标名 patents 同时属于 patents 和 patents，请改其一"),
        (("aliases: [staff]", "aliases: [patents]"), "指标名 patents 同时属于 employee_total 和 patents"),
        (("type: choice, choices: {audit: 查账, deemed: 核定}", "type: choice"), "类型为 choice 时必须且只有此时写 choices"),
        (("name: 发明专利数, type: count", "name: 发明专利数, type: list"), "类型为 list 时必须且只有此时写 fields"),
        (("{id: listed_on, name: 挂牌日期, type: date}", "{id: listed_on, name: 挂牌日期, type: date, sources: [moon]}"),
         "指标 listed_on 的来源 moon 未在 sources 中登记"),
    ],
)  # fmt: skip
def test_a_catalogue_that_contradicts_itself_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (SPECIFICATIONS / "catalogue.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "catalogue.yaml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(CatalogueError) as refusal:
        load_catalogue(path)
    assert said in str(refusal.value)


# What can be met is not found fault with


@pytest.mark.parametrize(
    "expression",
    [
        "expert_points >= 20",
        "expert_points + 5 > 24",
        "sum(net_profit, 3) < 0",
        "sales_revenue - rd_expense < 0",
        "patents >= 5 and patents <= 5",
        "patents >= 5 or patents < 5",
        'tax_method == "audit" or tax_method == "deemed"',
        "cagr(sales_revenue, 2) > -100%",
        "rd_expense / sales_revenue >= 500%",
        "not is_resident",
        'undetermined("由人工判断")',
    ],
)
def test_a_condition_that_can_be_met_passes(expression: str) -> None:
    assert can_hold(parse(expression, catalogue()), {})
