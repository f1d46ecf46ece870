"""The app factory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from shared.errors import AppError
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.problems import on_app_error, on_http, on_validation

MAX_BODY = 16 * 1024 * 1024
READY_TIMEOUT = 2.0

Check = Callable[[], Awaitable[None]]


def _operation_id(route: APIRoute) -> str:
    return route.name


def _health_routes(checks: Mapping[str, Check]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """The process can do its work: database, schema, and what else it needs."""
        results: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await asyncio.wait_for(check(), READY_TIMEOUT)
                results[name] = "ok"
            except Exception as error:  # noqa: BLE001 - every failure means not ready, and says why
                results[name] = f"{type(error).__name__}: {error}"
        ready = all(result == "ok" for result in results.values())
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready", "checks": results}

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def create_app(
    title: str,
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    routers: Sequence[APIRouter],
    checks: Mapping[str, Check] | None = None,
    max_body: int = MAX_BODY,
    docs: bool = True,
) -> FastAPI:
    """An app with everything the kernel gives; `checks` are what `/readyz` asks."""
    options: dict[str, Any] = {
        "title": title, "version": "0.1.0", "lifespan": lifespan, "generate_unique_id_function": _operation_id,
    }  # fmt: skip
    app: FastAPI = FastAPIOffline(**options) if docs else FastAPI(**options, docs_url=None, redoc_url=None)
    app.include_router(_health_routes(checks or {}))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_middleware(BodyLimit, limit=max_body)
    app.add_middleware(RequestContext)
    return app
