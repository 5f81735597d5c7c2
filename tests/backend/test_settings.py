"""Settings come from the environment, and a wrong one is told."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.settings import Settings


def test_a_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_PORT", "9000")
    assert Settings().port == 9000


def test_without_an_address_the_embedded_database_is_meant():
    assert Settings().database_url is None


def test_an_empty_address_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_DATABASE_URL", "")
    assert Settings().database_url is None


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg"])
def test_an_address_is_taken_however_other_programs_write_it(scheme: str):
    assert Settings(database_url=f"{scheme}://u:p@db/tidu").database_url == "postgresql+asyncpg://u:p@db/tidu"


def test_an_encrypted_connection_is_asked_for_as_other_programs_do():
    settings = Settings(database_url="postgresql://u@db/tidu?sslmode=require")
    assert settings.database_url == "postgresql+asyncpg://u@db/tidu?ssl=require"


@pytest.mark.parametrize("address", ["mysql://u@db/tidu", "tidu.db", "postgresql//u@db"])
def test_what_is_no_address_of_postgresql_is_refused(address: str):
    with pytest.raises(ValidationError, match="不是 PostgreSQL 的地址"):
        Settings(database_url=address)


def test_the_data_folder_can_be_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_DATA", "/srv/tidu")
    assert Settings().data == Path("/srv/tidu")


def test_an_ordinary_user_has_the_data_at_home(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert Settings().data == Path.home() / ".local" / "share" / "tidu"


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
