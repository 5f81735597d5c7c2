"""What every page and address about plans needs first: the plans in their latest versions."""

from fastapi import Depends

from backend.plans.versions import know_plans
from backend.web.dependencies import Work


async def _know(session: Work) -> None:
    await know_plans(session)


#: A router's dependency: `APIRouter(dependencies=[KNOWING])`.
KNOWING = Depends(_know, scope="function")
