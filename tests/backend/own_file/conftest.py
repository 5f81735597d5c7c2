"""Two enterprises of 靖江, and browsers in which their own accounts are signed in."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from tests.backend.web_client import signed_in_client
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

YEAR = today().year - 1
FIGURES = {"sales_revenue": 5000, "rd_expense_hnte": 300, "employee_total": 100, "sci_tech_staff": 20}
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

EnterpriseClient = Callable[[int], Awaitable[AsyncClient]]


@dataclass(frozen=True)
class Two:
    """The enterprise in question, and another one."""

    own: int
    code: str
    other: int
    other_code: str


@pytest.fixture(scope="module")
def engine(one_database: AsyncEngine) -> AsyncEngine:
    """One database for a file's tests: each makes enterprises of its own, and asks of no others."""
    return one_database


@pytest.fixture
async def two(engine: AsyncEngine) -> Two:
    codes = [make_code("321282"), make_code("321282")]
    ids: list[int] = []
    async with owner_unit_of_work(engine) as session:
        for code, name in zip(codes, ("靖江本企业有限公司", "靖江别家有限公司"), strict=True):
            number = await make_enterprise(
                session, name=name, credit_code=code, region_code="321282", established_on=date(2015, 1, 1)
            )
            await make_filing(session, number, FIGURES, source="tax", year=YEAR, received_on=date(YEAR + 1, 1, 10))
            await make_recognition(session, number, "tech_sme", date(YEAR + 1, 1, 5), number=f"证书{number}")
            ids.append(number)
    return Two(ids[0], codes[0], ids[1], codes[1])


@pytest.fixture
async def account_of(app: FastAPI, engine: AsyncEngine) -> AsyncGenerator[EnterpriseClient]:
    """`client = await account_of(two.own)`: an account of that enterprise is signed in."""
    async with AsyncExitStack() as held:

        async def sign_in(enterprise_id: int) -> AsyncClient:
            client = await held.enter_async_context(await signed_in_client(app, "enterprise"))
            async with owner_unit_of_work(engine) as session:
                await session.execute(
                    text("UPDATE person SET enterprise_id = :id WHERE id = (SELECT max(id) FROM person)"),
                    {"id": enterprise_id},
                )
            return client

        yield sign_in
