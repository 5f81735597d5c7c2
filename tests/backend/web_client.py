"""A browser that is signed in already, for the pages' and the API's tests.

`client = await signed_in_client(app, "viewer")`: an httpx client with the session's cookie and the proof for forms in
its headers. `create_app(engine=engine)` makes the app; close the client, or use the fixture `client_as`.
"""

from datetime import UTC, datetime, timedelta
from itertools import count

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlmodel import select

from backend.access.models import Person, WebSession
from backend.access.service import hash_of, open_session
from backend.database.session import owner_unit_of_work

ADDRESS = "http://tidu.test"
#: Matches no password: these people come in by their session only.
NO_PASSWORD = "!"
_numbers = count(1)


def anonymous_client(app: FastAPI, address: str = ADDRESS) -> AsyncClient:
    """A browser in which nobody is signed in. Redirects are not followed."""
    return AsyncClient(transport=ASGITransport(app), base_url=address)


async def signed_in_client(app: FastAPI, role: str, region: str = "", park: str = "") -> AsyncClient:
    """A new person of that role, in a browser; a district officer's `region` is a code such as 321281."""
    login = f"{role}-{next(_numbers)}"
    async with owner_unit_of_work(app.state.engine) as work:
        person = Person(
            login=login,
            name="王敏",
            password_hash=NO_PASSWORD,
            role=role,
            region_code=region,
            park=park,
            created_at=datetime.now(UTC),
        )
        work.add(person)
        await work.flush()
        assert person.id is not None
        token = await open_session(work, person.id, timedelta(hours=12))
        found = await work.exec(select(WebSession.csrf_token).where(WebSession.token_hash == hash_of(token)))
        proof = found.one()
    client = anonymous_client(app)
    client.cookies.set("tidu-session", token)
    client.headers["X-CSRF-Token"] = proof
    return client
