"""The public door needs no database: its pages are asked of a service that has none."""

import pytest
from fastapi import FastAPI

from backend.database.engine import make_engine
from backend.main import create_app

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def app() -> FastAPI:
    return create_app(engine=make_engine(NOWHERE))
