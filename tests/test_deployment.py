"""compose.yaml and the Dockerfile, as far as they can be read without building an image."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.engine import make_url

from backend.database.embedded import EmbeddedServer, embedded_server, program
from backend.database.engine import libpq_url, make_engine
from backend.database.migrate import upgrade
from tests.shared_data import REPOSITORY

COMPOSED: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMPOSED["services"])
def test_no_container_runs_as_root_or_may_gain_rights(name: str):
    service = COMPOSED["services"][name]
    user = service.get("user") or next(line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("USER"))
    assert user.split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_each_waits_until_the_one_behind_it_is_healthy_and_is_looked_after_itself():
    waits = {name: list(one.get("depends_on", {})) for name, one in COMPOSED["services"].items()}
    assert waits == {"tidu": ["pool"], "pool": ["database"], "database": []}
    assert all("healthcheck" in one for name, one in COMPOSED["services"].items() if name != "tidu")
    assert "HEALTHCHECK" in DOCKERFILE


def test_every_setting_that_compose_gives_is_one_of_the_programs():
    from backend.settings import Settings

    given = [name for name in COMPOSED["services"]["tidu"]["environment"] if name.startswith("TIDU_")]
    assert {name.removeprefix("TIDU_").lower() for name in given} <= set(Settings.model_fields)


def test_whatever_the_image_copies_is_there():
    copied = [
        source
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []


def test_the_processes_of_compose_have_connections_enough():
    pool = int(COMPOSED["services"]["pool"]["environment"]["DEFAULT_POOL_SIZE"])
    from backend.settings import Settings

    # Those kept, and SQLAlchemy's ten more; PostgreSQL itself allows 100.
    assert Settings.model_fields["database_connections"].default + 10 <= pool <= 90


def owned_as_composed(server: EmbeddedServer, folder: Path) -> str:
    """What compose.yaml runs when the data is laid out; the address of the database, as its owner."""
    script = folder / "owner.sql"
    # The embedded server's own user has the name that the owner has there.
    script.write_text(COMPOSED["configs"]["owner"]["content"].replace("tidu", "composed"), encoding="utf-8")
    asked = [program("psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f", script, libpq_url(server.url())]
    subprocess.run(asked, check=True, env={**os.environ, "TIDU_DATABASE_PASSWORD": 'it\'s "one"'})
    address = make_url(server.url()).set(username="composed", database="composed")
    return address.render_as_string(hide_password=False)


async def test_the_database_of_compose_is_owned_by_one_whom_policies_bind(data_folder: Path):
    asked = text(
        "SELECT r.rolsuper OR r.rolbypassrls, r.rolcreatedb, (SELECT count(*) FROM pg_tables"
        " WHERE schemaname = 'public' AND tableowner <> current_user) FROM pg_roles r WHERE r.rolname = current_user"
    )
    with embedded_server(data_folder, durable=False) as server:
        engine = make_engine(owned_as_composed(server, data_folder))
        await upgrade(engine)
        async with engine.connect() as connection:
            owner = (await connection.execute(asked)).one()
        await engine.dispose()
    assert tuple(owner) == (False, True, 0)
