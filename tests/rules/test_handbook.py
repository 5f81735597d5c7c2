"""The handbook says what the rule files say, and its examples are computed."""

from pathlib import Path

import pytest

from rules.cases import baseline, read_cases
from rules.handbook import programme_page
from rules.library import library
from rules.programme import RuleError

CASES = Path(__file__).with_name("cases")


def page_of(name: str) -> str:
    examples = {path.stem: baseline(path) for path in CASES.glob(f"{name}@*.yaml")}
    return programme_page(library().programme(name), library(), examples)


def test_a_page_has_every_criterion_with_its_citation() -> None:
    page = page_of("hnte")
    for criterion in library().programme("hnte").pinned("2016").criteria:
        assert f"| {criterion.id} | {criterion.name}" in page
        assert criterion.cite in page


def test_the_worked_example_is_computed() -> None:
    assert "算例（虚构企业" in page_of("hnte")
    assert "：**符合**" in page_of("hnte")


def test_a_page_tells_what_changed_between_versions() -> None:
    assert "2017 版到 2022 版的变化" in page_of("tech_sme")


@pytest.mark.parametrize("name", sorted(library().programmes))
def test_every_programme_has_a_page(name: str) -> None:
    assert page_of(name).startswith(f"# {library().programme(name).source.name.zh}")


def test_a_case_that_differs_says_how() -> None:
    case = next(iter(read_cases(CASES / "hnte@2016.yaml")))
    wrong = type(case)(case.path, case.name, case.request, {"outcome": "ineligible"})
    assert case.differences(library()) == []
    assert wrong.differences(library()) == ["outcome 应为 ineligible，实为 eligible"]


def test_a_file_that_holds_no_cases_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("programme: hnte\n", encoding="utf-8")
    with pytest.raises(RuleError, match="案例文件须有"):
        list(read_cases(path))
