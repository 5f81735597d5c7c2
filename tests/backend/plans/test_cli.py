"""`tidu plan`, `members`, `plans`, `figures` and `registers` on an empty registry of their own."""

import json
import shutil
import tempfile
from collections.abc import Generator, Sequence
from datetime import date
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.plans import figures_book
from backend.subregisters.entries_book import columns_of
from backend.subregisters.layouts import Column, write_sheet
from backend.subregisters.schemas import register_named


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    """One data folder for all, since each first use lays out a database."""
    found = Path(tempfile.mkdtemp(prefix="tidu-test-", dir="/tmp"))
    # PostgreSQL does not run as root and must reach its folder.
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(folder)])


def test_a_plan_is_every_target_as_json(folder: Path):
    result = run(folder, "plan", "P000", "--on", "2026-06-30", "--json")
    assert result.exit_code == 0, result.stderr
    targets = {one["id"]: one for one in json.loads(result.stdout)}
    assert len(targets) == 33
    first, unset = targets["T000-01"], targets["T000-19"]
    assert (first["indicator"], first["op"], first["target"], first["value"]) == ("hnte_valid_count", ">=", 2700, 0)
    assert (unset["target"], unset["share"], unset["progress"]) == (None, None, None)


def test_a_plan_goes_by_the_name_of_its_file_too(folder: Path):
    result = run(folder, "plan", "haizhou-innovation-2025", "--on", "2025-06-30", "--json")
    assert json.loads(result.stdout)[0]["plan"] == "P001"


def test_members_of_nothing_are_an_empty_list(folder: Path):
    result = run(folder, "members", "T000-01", "--on", "2026-06-30", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_a_table_for_people_names_the_plan(folder: Path):
    assert "科创强市" in run(folder, "plan", "P000").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "P999"), "没有规划"),
        (("members", "T000-99"), "没有目标"),
        (("plan", "P000", "--region", "320706"), "不在"),
        (("members", "T000-18"), "没有名单"),
        (("members", "T000-01", "--mode", "ever"), "口径只有一种"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(folder: Path, words: tuple[str, ...], told: str):
    result = run(folder, *words)
    assert result.exit_code == 1
    assert told in result.stderr


@pytest.mark.parametrize(
    "words", [("plan",), ("plan", "P000", "--on", "2024.13.1"), ("plan", "P000", "--known-at", "x")]
)
def test_wrong_usage_ends_with_two(folder: Path, words: tuple[str, ...]):
    assert run(folder, *words).exit_code == 2


def _own_plan(folder: Path, **changes: object) -> Path:
    """A plan of two targets in a plan file, made out of one that the program brings along."""
    source = folder / "P000.yaml"
    assert run(folder, "plans", "export", "P000", "--to", str(source)).exit_code == 0
    document = yaml.safe_load(source.read_text(encoding="utf-8"))
    first, second = document["targets"][:2]
    targets = [{**first, "id": "T150-01"}, {**second, "id": "T150-02"}]
    kept = {name: document[name] for name in ("status", "horizon", "territory", "lead_body")}
    own = folder / "own.yaml"
    own.write_text(
        yaml.safe_dump(
            {"id": "P150", "title": "虚构的区级计划", **kept, "targets": targets, **changes}, allow_unicode=True
        ),
        encoding="utf-8",
    )
    return own


def test_a_plan_file_taken_in_is_known_to_every_command(folder: Path):
    own = _own_plan(folder)
    assert "没有写入" in run(folder, "plans", "import", str(own), "--dry-run").stdout
    assert run(folder, "plan", "P150").exit_code == 1
    written = run(folder, "plans", "import", str(own), "--note", "初稿")
    assert written.exit_code == 0, written.stderr
    targets = json.loads(run(folder, "plan", "P150", "--on", "2026-06-30", "--json").stdout)
    assert [one["id"] for one in targets] == ["T150-01", "T150-02"]
    assert run(folder, "members", "T150-01", "--on", "2026-06-30", "--json").exit_code == 0
    again = run(folder, "plans", "import", str(own), "--note", "又一稿")
    assert again.exit_code == 1
    assert "第 1 版" in again.stderr
    assert run(folder, "plans", "import", str(own), "--based-on", "1", "--note", "又一稿").exit_code == 0
    versions = json.loads(run(folder, "plans", "versions", "P150", "--json").stdout)
    assert [(one["number"], one["note"]) for one in versions] == [(2, "又一稿"), (1, "初稿")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: [", "YAML"),
        (b"- 1", "不是规划文件"),
        (b"id: P151\ntitle: x\n", "P151.yaml 没有导入"),
    ],
)
def test_what_is_no_plan_file_is_refused_with_the_reason(folder: Path, tmp_path: Path, content: bytes, told: str):
    wrong = tmp_path / "P151.yaml"
    wrong.write_bytes(content)
    result = run(folder, "plans", "import", str(wrong))
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def _form(path: Path, columns: Sequence[Column], **values: object) -> Path:
    path.write_bytes(write_sheet("填报", "", columns, [[values.get(column.name) for column in columns]]))
    return path


def test_figures_of_a_quarter_come_in_once_and_go_out_again(folder: Path, tmp_path: Path):
    said = {"target": "T000-18", "period_end": date(2026, 6, 30), "source": "统计局"}
    form = _form(tmp_path / "figures.xlsx", figures_book.COLUMNS, **said, value=12)
    first = run(folder, "figures", "import", "P000", str(form), "--json")
    assert first.exit_code == 0, first.stderr
    assert json.loads(first.stdout)["written"] == 1
    out = tmp_path / "out.xlsx"
    assert run(folder, "figures", "export", "P000", "--quarter", "2026Q2", "--to", str(out)).exit_code == 0
    again = json.loads(run(folder, "figures", "import", "P000", str(out), "--json").stdout)
    assert (again["written"], again["unchanged"]) == (0, 1)
    told = json.loads(run(folder, "plan", "P000", "--on", "2026-07-31", "--json").stdout)
    assert next(one["value"] for one in told if one["id"] == "T000-18") == 12
    refused = run(folder, "figures", "import", "P000", str(_form(form, figures_book.COLUMNS, **said, value=-1)))
    assert refused.exit_code == 1
    assert "第 3 行" in refused.stderr


def test_a_register_comes_in_once_and_goes_out_again(folder: Path, tmp_path: Path):
    listed = json.loads(run(folder, "registers", "list", "--json").stdout)
    register = register_named(listed[0]["id"])
    columns = columns_of(register)
    said = {"name": "虚构研究院", "region": "海陵区", "host_name": "虚构单位"}
    form = _form(tmp_path / "register.xlsx", columns, **said, type=next(iter(register.types.values())))
    tried = run(folder, "registers", "import", register.id, str(form), "--dry-run", "--json")
    assert (json.loads(tried.stdout)["entered"], json.loads(tried.stdout)["is_trial"]) == (1, True)
    assert json.loads(run(folder, "registers", "import", register.id, str(form), "--json").stdout)["entered"] == 1
    out = tmp_path / "out.xlsx"
    assert "1 条" in run(folder, "registers", "export", register.id, "--to", str(out)).stdout
    assert json.loads(run(folder, "registers", "import", register.id, str(out), "--json").stdout)["unchanged"] == 1
    refused = run(folder, "registers", "import", register.id, str(_form(form, columns, **said, type="没有的类型")))
    assert (refused.exit_code, "第 3 行" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("registers", "export", "nothing", "--to", "/tmp/x.xlsx"), "nothing"),
        (("registers", "import", "nothing", "/tmp/there-is-none.xlsx"), "不能读取"),
        (("figures", "import", "P999", str(Path(__file__))), "没有规划"),
        (("figures", "import", "P000", str(Path(__file__))), ""),
        (("plans", "export", "P000", "--to", "/dev/null/x.yaml"), "不能写入"),
        (("plans", "export", "P000", "--version", "9", "--to", "/tmp/x.yaml"), "第 9 版"),
    ],
)
def test_what_cannot_be_written_or_taken_in_is_refused(folder: Path, words: tuple[str, ...], told: str):
    result = run(folder, *words)
    assert result.exit_code == 1
    assert told in result.stderr
