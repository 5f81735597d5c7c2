"""Who may change plans: officers of the whole city. A district's officers report and note, for their own district."""

from typing import Annotated

from fastapi import Depends

from backend.access.dependencies import Officer
from backend.access.schemas import PersonSignedIn
from backend.web.errors import Forbidden


async def city_officer(person: Officer) -> PersonSignedIn:
    """Raises NotSignedIn, Forbidden."""
    if person.region_code:
        raise Forbidden("规划、任务分解和台账声明由市级维护，您的账号只能查看和填报本市（区）的数据。")
    return person


CityOfficer = Annotated[PersonSignedIn, Depends(city_officer)]
