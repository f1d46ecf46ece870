"""OGC SensorThings API 1.1, read only: `/sta/v1.1`."""

from typing import Any

from fastapi import APIRouter, Request, Response

from services.ingest.deps.sta import Sta

ROOT = "/sta/v1.1"
router = APIRouter(prefix=ROOT, tags=["sensorthings"])


def _base(request: Request) -> str:
    """The address the caller knows us by: links of an answer lead there (the portal says its own)."""
    host = request.headers.get("x-forwarded-host", "")
    if not host or any(sign in host for sign in "/\\@ \"'<>"):
        return f"{request.url.scheme}://{request.url.netloc}{ROOT}"
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host}{ROOT}"


@router.get("", operation_id="sta_index")
@router.get("/", include_in_schema=False)
async def sta_index(request: Request, service: Sta) -> dict[str, Any]:
    """The sets, and the parts of the standard that are served."""
    return service.index(_base(request))


@router.get("/{path:path}", operation_id="sta_get")
async def sta_get(path: str, request: Request, response: Response, service: Sta) -> dict[str, Any]:
    """A set, an entity, or what it leads to; options $filter $orderby $top $skip $count $select $expand."""
    response.headers["Cache-Control"] = "no-store"
    return await service.get(_base(request), path, dict(request.query_params))
