"""For those who watch over the service: does it live, can it work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.database.migrate import missing_migrations
from backend.web.dependencies import Engine

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers; whether the database does is `/readyz`'s business."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(engine: Engine) -> JSONResponse:
    """200 when the database answers and its tables are up to date, else 503."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        missing = await missing_migrations(engine)
    except (OSError, DBAPIError, PoolTimeout):
        return JSONResponse({"status": "no database"}, 503)
    if missing:
        return JSONResponse({"status": "migrations missing", "missing": missing}, 503)
    return JSONResponse({"status": "ready"})
