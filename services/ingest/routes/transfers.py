"""HTTP of jobs that import and export."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from services.ingest.deps.transfers import Transfers
from services.ingest.domain.transfers import Transfer
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import time_cursor
from services.ingest.service.sheets.templates import template
from shared.contracts.ingest.transfers import (
    ImportMode,
    KindName,
    TransferDirection,
    TransferIn,
    TransferKindOut,
    TransferOut,
)
from shared.http import Page, link_next

router = APIRouter(prefix="/v1", tags=["transfers"])
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


def transfer_out(transfer: Transfer, *, light: bool = False) -> TransferOut:
    """A job; `light` leaves its row errors out."""
    fields: dict[str, Any] = {
        name: getattr(transfer, name)
        for name in TransferOut.model_fields
        if name not in {"owner", "errors"} and hasattr(transfer, name)
    }
    return TransferOut(owner=transfer.caller["name"], errors=[] if light else transfer.errors, **fields)


def _keys(transfer: Transfer) -> tuple[datetime, UUID]:
    return (transfer.created_at, transfer.id)


@router.get("/transfer-kinds")
async def list_transfer_kinds(service: Transfers) -> list[TransferKindOut]:
    """Kinds of jobs the caller may start, with the formats of their files."""
    return [
        TransferKindOut(kind=kind.name, direction=kind.direction, formats=list(kind.formats))
        for kind in service.list_kinds()
    ]


@router.get("/transfers")
async def list_transfers(
    service: Transfers, request: Request, response: Response, direction: TransferDirection | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None, limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[TransferOut]:  # fmt: skip
    """Jobs of the caller's organisation, newest first, without their row errors."""
    found = await service.list_newest(direction, time_cursor(cursor), limit + 1)
    page = page_of(found, limit, lambda item: transfer_out(item, light=True), _keys)
    link_next(request, response, page.next)
    return page


@router.post("/transfers", status_code=202)
async def start_export(given: TransferIn, service: Transfers) -> TransferOut:
    """Ask for a file; fetch it when the job is done."""
    return transfer_out(await service.start_export(given))


@router.post("/transfers/files", status_code=202, openapi_extra=BODY)
async def start_import(
    request: Request, service: Transfers, kind: Annotated[KindName, Query()],
    name: Annotated[str, Query(min_length=1, max_length=200, description="file name; its ending tells the format")],
    mode: ImportMode = ImportMode.CHECK,
    readings: Annotated[str, Query(max_length=20, description="readings: realtime, minute, hour or day")] = "",
) -> TransferOut:  # fmt: skip
    """Hand in a file of at most 16 MB; `check` (the default) looks at every row and writes nothing."""
    parameters = {"readings": readings} if readings else {}
    return transfer_out(await service.start_import(kind, name, mode, parameters, request.stream()))


@router.get("/transfers/{transfer_id}")
async def get_transfer(transfer_id: UUID, service: Transfers) -> TransferOut:
    """One job: state, progress, result, refused rows."""
    return transfer_out(await service.get(transfer_id))


@router.post("/transfers/{transfer_id}/apply", status_code=202)
async def apply_transfer(transfer_id: UUID, service: Transfers, mode: ImportMode = ImportMode.ALL) -> TransferOut:
    """Import the rows of a check: all or nothing, or `good_rows`."""
    return transfer_out(await service.apply(transfer_id, mode))


@router.post("/transfers/{transfer_id}/cancel")
async def cancel_transfer(transfer_id: UUID, service: Transfers) -> TransferOut:
    """Stop a job that has not ended; nothing of it is written."""
    return transfer_out(await service.cancel(transfer_id))


@router.get("/transfers/{transfer_id}/file", response_class=FileResponse, responses=FILE)
async def read_transfer_file(transfer_id: UUID, service: Transfers) -> FileResponse:
    """The file of an export."""
    stored = await service.open_file(transfer_id)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
    return FileResponse(stored.path, media_type="application/octet-stream", filename=stored.name, headers=headers)


@router.get("/import-templates/{sheet}", response_class=Response, responses=FILE)
async def read_template(
    sheet: Annotated[str, Path(max_length=40)], _service: Transfers,
    format: Literal["xlsx", "csv"] = "xlsx", language: Literal["zh", "en"] = "zh",  # noqa: A002 - its name outside
) -> Response:  # fmt: skip
    """An empty sheet with the columns an import takes, by Chinese or English name."""
    body, name = template(sheet, format, language)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(body, media_type="application/octet-stream", headers=headers)
