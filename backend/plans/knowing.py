"""What every page and address about plans needs first: the plans in the versions that are asked about."""

from fastapi import Depends, Request

from backend.plans.schemas import moment_of
from backend.plans.versions import know_plans
from backend.web.dependencies import Work


async def _know(request: Request, session: Work) -> None:
    """The latest versions, or those that held at the moment whose knowledge is asked for."""
    await know_plans(session, moment_of(request.query_params.get("known_at")))


#: A router's dependency: `APIRouter(dependencies=[KNOWING])`.
KNOWING = Depends(_know, scope="function")
