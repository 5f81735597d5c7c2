"""compose.yaml and the Dockerfile, as far as they can be read without building an image."""

from typing import Any

import pytest
import yaml

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
