"""The city's single sign-on as a real provider of OpenID Connect on the loopback (npm's oidc-provider), and a browser."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.sign_on import service as sign_on
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.web_client import ADDRESS, anonymous_client

REPOSITORY = Path(__file__).parents[4]
CLIENT = {"client_id": "tidu", "client_secret": "a secret of 32 signs and some more"}
PASSWORD = "Correct horse battery 9"


class Elsewhere:
    """The provider's process, and the browser's way through it."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def will(self, **changes: object) -> None:
        """Say what the provider does from now on; see provider.mjs."""
        usual = {"account": "zhang-san", "claims": {}, "lifetime": 300, "decline": False}
        assert httpx.post(f"{self.issuer}/control", json=usual | changes).status_code == 200

    async def answer(self, address: str) -> str:
        """Follow the provider's own redirects, until it sends the browser back to us."""
        async with AsyncClient(base_url=self.issuer) as browser:
            for _ in range(10):
                answer = await browser.get(address)
                address = str(answer.url.join(answer.headers["location"]))
                if address.startswith(ADDRESS):
                    return address
        raise AssertionError(f"the provider keeps the browser: {address}")


@pytest.fixture(scope="module")
def running() -> Generator[Elsewhere]:
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None or not (REPOSITORY / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("the provider is not installed: make tools")
    told = json.dumps({**CLIENT, "redirect_uri": f"{ADDRESS}/login/sso/callback", "back_to": f"{ADDRESS}/login"})
    script = Path(__file__).with_name("provider.mjs")
    with subprocess.Popen([node, str(script), told], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        try:
            yield Elsewhere(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture
def elsewhere(running: Elsewhere) -> Elsewhere:
    running.will()
    return running


def configured(engine: AsyncEngine, issuer: str, *, opens_accounts: bool = False) -> FastAPI:
    settings = Settings(
        sso_issuer=issuer, sso_client_id=CLIENT["client_id"], sso_client_secret=CLIENT["client_secret"],  # type: ignore[arg-type]
        sso_code_claim="credit_code", sso_opens_accounts=opens_accounts,
    )  # fmt: skip
    return create_app(settings, engine)


@pytest.fixture
async def engine(one_database: AsyncEngine) -> AsyncEngine:
    """One database for all tests here, emptied before each: to copy one takes longer than any of them."""
    async with one_database.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in (
            "sign_on_attempt",
            "person_identity",
            "web_session",
            "message",
            "message_thread",
            "activation_code",
            "person",
            "enterprise",
            "trace_note",
        ):
            await connection.execute(text(f"DELETE FROM {table}"))
    return one_database


@pytest.fixture
def app(engine: AsyncEngine, elsewhere: Elsewhere) -> FastAPI:
    return configured(engine, elsewhere.issuer)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncGenerator[AsyncClient]:
    async with anonymous_client(app) as client:
        yield client


@pytest.fixture
async def officer(engine: AsyncEngine, elsewhere: Elsewhere) -> int:
    """张三, a district's officer, whom the administrator bound to `zhang-san`."""
    async with owner_unit_of_work(engine) as work:
        issued = await service.add_person(work, "zhangsan", "张三", "district_officer", "321281", PASSWORD)
        await sign_on.bind_person(work, issued.person.id or 0, elsewhere.issuer, "zhang-san")
        return issued.person.id or 0


ThereAndBack = Callable[..., Awaitable[Response]]


@pytest.fixture
def there_and_back(browser: AsyncClient, elsewhere: Elsewhere) -> ThereAndBack:
    async def go(**asked: str) -> Response:
        away = await browser.get("/login/sso", params=asked)
        assert away.status_code == 303, away.text
        return await browser.get(await elsewhere.answer(away.headers["location"]))

    return go


async def trace(engine: AsyncEngine) -> list[tuple[str, str, str]]:
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text("SELECT actor, action, reason FROM trace_note WHERE subject = 'session' ORDER BY id")
        )
        return [(row[0], row[1], row[2]) for row in found]
