"""Who looks at the exchange and who works on it: the city's people; at its reconciliation, auditors too."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, Settled, SignedIn, signed_in
from backend.access.schemas import PersonSignedIn, Role
from backend.database.scope import Scope
from backend.database.session import unit_of_work
from backend.web.dependencies import Engine, reached, scope_of
from backend.web.errors import Forbidden


async def of_the_city(person: SignedIn) -> PersonSignedIn:
    """Whoever reads the whole city. Raises Forbidden."""
    if person.region_code:
        raise Forbidden("数据交换由市级管理，市（区）账号不能查看。如工作需要，请联系市级工作人员。")
    return person


async def city_officer(person: Officer) -> PersonSignedIn:
    """Whoever works on the whole city. Raises Forbidden."""
    return await of_the_city(person)


OfTheCity = Annotated[PersonSignedIn, Depends(of_the_city)]
CityOfficer = Annotated[PersonSignedIn, Depends(city_officer)]


async def reconciler(request: Request, person: Settled) -> PersonSignedIn:
    """An auditor, or whoever reads the whole city. Raises Forbidden, NotTheirPage."""
    return person if person.role is Role.AUDITOR else await of_the_city(await signed_in(request, person))


Reconciler = Annotated[PersonSignedIn, Depends(reconciler)]


async def reconciling_work(engine: Engine, person: Reconciler) -> AsyncGenerator[AsyncSession]:
    """What is compared, and what was sent and told, to be read only; auditors see the enterprises' codes, no figures."""
    scope = Scope.trace(person.id) if person.role is Role.AUDITOR else scope_of(person)
    async with reached(unit_of_work(engine, scope)) as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


ReconcilingWork = Annotated[AsyncSession, Depends(reconciling_work, scope="function")]
