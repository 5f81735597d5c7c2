"""Who looks at the exchange and who works on it: the city's people."""

from typing import Annotated

from fastapi import Depends

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.web.errors import Forbidden


def of_the_city(person: SignedIn) -> PersonSignedIn:
    """Whoever reads the whole city. Raises Forbidden."""
    if person.region_code:
        raise Forbidden("数据交换由市级管理，市（区）账号不能查看。如工作需要，请联系市级工作人员。")
    return person


def city_officer(person: Officer) -> PersonSignedIn:
    """Whoever works on the whole city. Raises Forbidden."""
    return of_the_city(person)


OfTheCity = Annotated[PersonSignedIn, Depends(of_the_city)]
CityOfficer = Annotated[PersonSignedIn, Depends(city_officer)]
