"""`tidu user`: the first administrator, and help for who forgot a password."""

import json

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app

SECRET = "Correct horse battery"


@pytest.fixture(autouse=True)
def on_the_tests_database(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_DATABASE_URL", database_url)


def tidu_user(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["user", *words], input=stdin)


def add(*words: str, stdin: str = "") -> Result:
    return tidu_user("add", "wangmin", "--name", "王敏", *words, stdin=stdin)


def listed() -> list[dict[str, str]]:
    return json.loads(tidu_user("list", "--json").stdout)


def test_the_first_administrator_gets_a_password_to_be_changed():
    added = add("--role", "administrator", "--json")
    assert len(json.loads(added.stdout)["password"]) == 19
    assert [(one["login"], one["role"], one["must_change_password"]) for one in listed()] == [
        ("wangmin", "administrator", True)
    ]


def test_a_district_may_be_named():
    assert add("--role", "district_officer", "--region", "兴化市").exit_code == 0
    assert listed()[0]["region_code"] == "321281"


def test_a_password_from_standard_input_is_not_printed():
    added = add("--role", "viewer", "--password-stdin", stdin=f"{SECRET}\n")
    assert added.exit_code == 0
    assert SECRET not in added.stdout
    assert listed()[0]["must_change_password"] is False


@pytest.mark.parametrize(
    ("words", "stdin", "reason"),
    [
        (["--role", "emperor"], "", "没有角色“emperor”"),
        (["--role", "district_officer"], "", "必须指定所属市（区）"),
        (["--role", "viewer", "--password-stdin"], "short\n", "口令太短"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(words: list[str], stdin: str, reason: str):
    refused = add(*words, stdin=stdin)
    assert refused.exit_code == 1
    assert reason in refused.stderr
    assert listed() == []


def test_a_login_is_given_once():
    add("--role", "viewer")
    again = add("--role", "viewer")
    assert (again.exit_code, "已有人使用" in again.stderr) == (1, True)


def test_a_forgotten_password_is_replaced():
    first = json.loads(add("--role", "viewer", "--json").stdout)["password"]
    second = json.loads(tidu_user("password", "wangmin", "--json").stdout)["password"]
    assert first != second


def test_a_password_for_nobody_is_refused():
    refused = tidu_user("password", "nobody")
    assert (refused.exit_code, "没有用户“nobody”" in refused.stderr) == (1, True)


def test_somebody_can_be_turned_off():
    add("--role", "viewer")
    tidu_user("deactivate", "wangmin")
    assert "停用" in tidu_user("list").stdout


def test_without_anybody_the_list_says_how_to_begin():
    assert "tidu user add" in tidu_user("list").stdout
