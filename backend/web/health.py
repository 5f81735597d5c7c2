"""For those who watch over the service: does it live, can it work, how is it doing."""

import secrets

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.database.migrate import missing_migrations
from backend.settings import Settings
from backend.web.dependencies import CurrentSettings, Engine
from backend.web.errors import NotFound
from backend.web.watching import REGISTRY, WAITING_NOTES

router = APIRouter()
_THIS_MACHINE = ("127.0.0.1", "::1")


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


@router.get("/metrics")
async def metrics(request: Request, engine: Engine, settings: CurrentSettings) -> Response:
    """Counts for Prometheus: for who asks from this machine, or shows the token of TIDU_METRICS_TOKEN."""
    if not _may_watch(request, settings):
        raise NotFound("网址可能有误，或该内容已不存在。请从导航或搜索进入。")
    try:
        async with engine.connect() as connection:
            WAITING_NOTES.set(await connection.scalar(text("SELECT count(*) FROM trace_note")) or 0)
    except (OSError, DBAPIError, PoolTimeout):
        WAITING_NOTES.set(float("nan"))
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _may_watch(request: Request, settings: Settings) -> bool:
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        return secrets.compare_digest(request.headers.get("authorization", "").encode(), expected.encode())
    return request.client is not None and request.client.host in _THIS_MACHINE
